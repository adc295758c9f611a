//! Calls: built-in operations, functions of the table, derivatives `f'(z)`.
//!
//! In: a call and its scope. Out: a node. An entry-by-entry function stays a `Call` node; a
//! function of one example with one shaped argument too; others (losses) are put in at once.

use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::functions::Functions;
use crate::graph::{Axis, Binary, FuncId, NodeId, Op, Unary};
use crate::ops::elementwise::UNARY;
use crate::shape::{Dim, Shape};
use crate::syntax::ast::{Arg, Expr, ExprKind, Layout, Name, Param};

use super::Lowerer;
use super::expr::{Form, Mode, Scope};

/// A built-in operation: its name, and what it gives for its arguments.
type Builtin = fn(&mut Lowerer<'_>, &[Arg], Span, &Scope) -> Option<NodeId>;

/// Operations of the language that are not entry-by-entry primitives.
static BUILTINS: &[(&str, Builtin)] = &[
    ("sum", |l, a, s, c| l.reduction(Reduction::Sum, a, s, c)),
    ("mean", |l, a, s, c| l.reduction(Reduction::Mean, a, s, c)),
    ("max", |l, a, s, c| l.extreme(Binary::Max, a, s, c)),
    ("min", |l, a, s, c| l.extreme(Binary::Min, a, s, c)),
    ("diag", |l, a, s, c| l.diag(a, s, c)),
    ("ones", |l, a, s, c| l.ones(a, s, c)),
    ("dropout", |l, a, s, c| l.dropout(a, s, c)),
    ("batch_norm", |l, a, s, c| l.batch_norm(a, s, c)),
    ("norm", |l, a, s, c| l.norm_call(a, s, c)),
];

/// Other names of primitives.
static SAME: &[(&str, &str)] = &[("ln", "log"), ("√", "sqrt")];

/// Whether a name is a primitive or operation of the language (not of the prelude).
#[must_use]
pub fn is_builtin(name: &str) -> bool {
    let plain = SAME.iter().find(|(n, _)| *n == name).map_or(name, |(_, p)| p);
    primitive(plain).is_some() || BUILTINS.iter().any(|(n, _)| *n == plain)
}

/// Every name of a primitive or operation of the language.
pub(crate) fn builtin_names() -> impl Iterator<Item = &'static str> {
    let named = UNARY.iter().map(|d| d.name).filter(|n| *n != "-" && *n != "not");
    named.chain(BUILTINS.iter().map(|(n, _)| *n))
}

fn primitive(name: &str) -> Option<Unary> {
    let hidden = [Unary::Neg, Unary::Not];
    UNARY.iter().find(|d| d.name == name && !hidden.contains(&d.op)).map(|d| d.op)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reduction {
    Sum,
    Mean,
}

impl Lowerer<'_> {
    /// `f(…)` and `f'(…)`.
    pub(crate) fn call(
        &mut self,
        func: &Name,
        primes: u8,
        args: &[Arg],
        e: &Expr,
        scope: &Scope,
    ) -> Option<NodeId> {
        let listed = func.written == "∑";
        let scope = &Scope { listed, ..scope.clone() };
        let name =
            SAME.iter().find(|(n, _)| *n == func.key).map_or(&*func.key, |(_, p)| p);
        let id = self.functions.find(name);
        let own = id.is_some() && id == scope.within && scope.form == Form::Computed;
        match id {
            Some(id) if !own => {
                if let Some(d) = self.recursion(id, func, scope) {
                    return self.error(d);
                }
                self.function_call(id, primes, args, e.span, scope)
            }
            _ => self.builtin(name, func, primes, args, e, scope),
        }
    }

    fn recursion(&self, id: FuncId, func: &Name, scope: &Scope) -> Option<Diagnostic> {
        (scope.form != Form::Derivative && scope.within == Some(id)).then(|| {
            let text =
                format!("`{}` calls itself; a function has no recursion", func.written);
            Diagnostic::error(Code::N3, func.span, text)
        })
    }

    fn builtin(
        &mut self,
        name: &str,
        func: &Name,
        primes: u8,
        args: &[Arg],
        e: &Expr,
        scope: &Scope,
    ) -> Option<NodeId> {
        let folded = name.to_lowercase();
        if let Some(op) = primitive(name).or_else(|| primitive(&folded)) {
            return self.primitive_call(op, primes, args, func, e.span, scope);
        }
        let found = BUILTINS.iter().find(|(n, _)| *n == name || *n == folded);
        match found {
            Some((_, f)) if primes == 0 => f(self, args, e.span, scope),
            _ => self.unknown(&func.key, &func.written, func.span, scope, true),
        }
    }

    fn primitive_call(
        &mut self,
        op: Unary,
        primes: u8,
        args: &[Arg],
        func: &Name,
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let [arg] = args else {
            let text =
                format!("`{}` takes one argument, found {}", func.written, args.len());
            return self.error(Diagnostic::error(Code::G2, span, text));
        };
        let x = self.expr(&arg.value, &inner(scope))?;
        let y = self.spanned(Op::Unary(op), &[x], span);
        if primes == 0 {
            return Some(y);
        }
        let derivative = crate::ops::elementwise::unary(op).derivative;
        let d = derivative.map(|d| d(self.g, x, y));
        Some(d.unwrap_or_else(|| self.g.number(0.0)))
    }

    /// The arguments in the order of the parameters, defaults filled in.
    fn arguments(
        &mut self,
        id: FuncId,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<Vec<(Option<Expr>, NodeId)>> {
        let functions = self.functions;
        let f = functions.get(id);
        let mut slots: Vec<Option<(Option<Expr>, NodeId)>> = vec![None; f.params.len()];
        for (i, arg) in args.iter().enumerate() {
            let place = match &arg.name {
                Some(n) => f.params.iter().position(|p| p.name.key == n.key),
                None => (i < f.params.len()).then_some(i),
            };
            let Some(place) = place else {
                let d = self.wrong_argument(f, arg, args.len(), span);
                self.error(d);
                return None;
            };
            let node = self.expr(&arg.value, &inner(scope))?;
            slots[place] = Some((Some(arg.value.clone()), node));
        }
        for (slot, p) in slots.iter_mut().zip(&f.params) {
            if slot.is_none() {
                let Some(default) = &p.default else {
                    let text = format!(
                        "`{}` also needs its argument `{}`",
                        f.name.written, p.name.key
                    );
                    self.error(Diagnostic::error(Code::G2, span, text));
                    return None;
                };
                *slot = Some((None, self.default(id, p, default)?));
            }
        }
        slots.into_iter().collect()
    }

    /// What a parameter is without an argument.
    fn default(&mut self, id: FuncId, p: &Param, value: &Expr) -> Option<NodeId> {
        if self.defaults.contains(&id) {
            let name = &self.functions.get(id).name.written;
            let text = format!(
                "the default of `{}` calls `{name}` itself; a function has no recursion",
                p.name.written
            );
            return self.error(Diagnostic::error(Code::N3, value.span, text));
        }
        self.defaults.push(id);
        let node = self.expr(value, &Scope::open());
        self.defaults.pop();
        node
    }

    fn function_call(
        &mut self,
        id: FuncId,
        primes: u8,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        if let Some(d) = self.misplaced_schedule(id, span, scope) {
            return self.error(d);
        }
        let given = self.arguments(id, args, span, scope)?;
        if self.functions.is_entrywise(id) {
            return self.entrywise_call(id, primes, &given, span, scope);
        }
        if primes > 0 {
            let text = "a prime is for functions that work entry by entry";
            return self.error(Diagnostic::error(Code::G2, span, text));
        }
        self.example_call(id, &given, span, scope)
    }

    /// Schedules speak of t, epoch and T, which only the arguments of an optimiser know.
    fn misplaced_schedule(
        &self,
        id: FuncId,
        span: Span,
        scope: &Scope,
    ) -> Option<Diagnostic> {
        let f = self.functions.get(id);
        let schedule = f.notes.iter().any(|(k, v)| k == "kind" && v == "schedule");
        let clock = scope.locals.iter().any(|(name, _)| name == "epoch");
        (schedule && !clock).then(|| {
            let name = &f.name.written;
            let text = format!("`{name}` is a schedule, not a function of numbers");
            let way =
                format!("it belongs in the train: line, as in adam(lr = {name}(1e-3))");
            Diagnostic::error(Code::G2, span, text).hint(way)
        })
    }

    fn entrywise_call(
        &mut self,
        id: FuncId,
        primes: u8,
        given: &[(Option<Expr>, NodeId)],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let mut nodes: Vec<NodeId> = given.iter().map(|(_, n)| *n).collect();
        for i in 1..nodes.len() {
            let (x, y) = self.spread_examples(nodes[0], nodes[i], scope);
            (nodes[0], nodes[i]) = (x, y);
            let (s, t) = (self.shape(x), self.shape(y));
            if !(s.is_scalar() || t.is_scalar() || self.same(&s, &t)) {
                let (a, b) = (given[0].0.clone(), given[i].0.clone());
                if let (Some(a), Some(b)) = (a, b) {
                    let d = self.misfit_entrywise(Binary::Eq, (&a, x), (&b, y), span);
                    return self.error(d);
                }
            }
        }
        Some(match primes {
            0 => self.spanned(Op::Call(id, None), &nodes, span),
            1 => self.spanned(Op::Deriv(id, 0), &nodes, span),
            _ => {
                let text = "second derivatives are not part of the language";
                return self.error(Diagnostic::error(Code::G2, span, text));
            }
        })
    }

    /// A function of one example: literally on a column, else on each column (in `rows`: row).
    fn example_call(
        &mut self,
        id: FuncId,
        given: &[(Option<Expr>, NodeId)],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let functions = self.functions;
        let f = functions.get(id);
        let shaped: Vec<usize> =
            (0..f.params.len()).filter(|&i| f.params[i].shape.is_some()).collect();
        self.check_shaped(f, &shaped, given, span)?;
        let nodes: Vec<NodeId> = given.iter().map(|(_, n)| *n).collect();
        self.check_probability(f, given, span);
        let first = nodes[shaped[0]];
        let mode = self.mode_for(first, scope);
        let outer = self.site;
        self.site = outer.or(Some(span));
        let told = self.diags.len();
        let body = self.apply(id, &nodes, Form::Definition, mode, None);
        self.site = outer;
        if body.is_none() && (id.0 as usize) < functions.shipped {
            self.blame_call(told, f, (&shaped, given), span);
        }
        let body = body?;
        if shaped.len() > 1 {
            return Some(body);
        }
        let (from, to) = (self.shape(first), self.shape(body));
        let reduced = if from == to {
            None
        } else {
            Some(match mode {
                Mode::Plain => Axis::All,
                Mode::Columns => Axis::Rows,
                Mode::Rows => Axis::Cols,
            })
        };
        let fits = match reduced {
            None => true,
            Some(_) => self.is_reduced(body, &Scope { mode, ..Scope::open() }),
        };
        if !fits {
            return Some(body);
        }
        Some(self.spanned(Op::Call(id, reduced), &nodes, span))
    }

    /// The file's own functions are read once where they stand, so that a mistake in one is told
    /// there, used or not.
    pub(crate) fn check_functions(&mut self) {
        self.check_recursion();
        let before = self.g.clone();
        for i in self.functions.shipped..self.functions.all.len() {
            let id = FuncId(i as u32);
            let params = self.functions.get(id).params.clone();
            let dims: Vec<Shape> = params.iter().map(shape_of_param).collect();
            let slot = |(k, s): (usize, &Shape)| {
                let op = Op::Slot(OWN + k as u32, s.clone(), false);
                self.g.add(op, &[], Span::default())
            };
            let args: Vec<NodeId> = dims.iter().enumerate().map(slot).collect();
            let body = self.apply(id, &args, Form::Definition, Mode::Plain, None);
            if self.functions.get(id).computed.is_some() {
                self.apply(id, &args, Form::Computed, Mode::Plain, None);
            }
            // What comes from above is a name in the line of a function of one example.
            let above = body.filter(|_| !self.functions.is_entrywise(id)).map(|b| {
                let shape = self.shape(b);
                self.g.add(
                    Op::Slot(OWN + dims.len() as u32, shape, false),
                    &[],
                    Span::default(),
                )
            });
            if self.functions.get(id).derivative.is_some() && body.is_some() {
                self.apply(id, &args, Form::Derivative, Mode::Plain, above);
            }
        }
        *self.g = before;
    }

    /// No function comes back to itself by way of others, and no derivative to itself; directly is seen
    /// where it is put in.
    fn check_recursion(&mut self) {
        let functions = self.functions;
        for i in functions.shipped..functions.all.len() {
            let own = FuncId(i as u32);
            let direct = called(functions, (own, false)).iter().any(|c| c.0 == own);
            let name = &functions.get(own).name;
            let what = match () {
                () if direct => continue,
                () if comes_back(functions, (own, false)) => {
                    format!("`{}` calls itself by way of another function", name.written)
                }
                () if comes_back(functions, (own, true)) => {
                    format!("the derivative of `{}` comes back to itself", name.written)
                }
                () => continue,
            };
            let text = format!("{what}; a function has no recursion");
            self.error(Diagnostic::error(Code::N3, name.span, text));
        }
    }

    /// How a function of one example sees this argument.
    pub(crate) fn mode_for(&self, x: NodeId, scope: &Scope) -> Mode {
        let s = self.shape(x);
        match self.layout {
            _ if scope.mode != Mode::Plain => scope.mode,
            Layout::Rows if !self.g[x].each && !s.cols.is_one() => Mode::Rows,
            Layout::Rows if s.cols.is_one() && s.rows.is_one() => Mode::Plain,
            _ if s.cols.is_one() => Mode::Plain,
            _ => Mode::Columns,
        }
    }

    /// What did not fit in the body of a shipped function, as a finding of its call: nobody has written the
    /// body into the file.
    fn blame_call(
        &mut self,
        told: usize,
        f: &crate::syntax::ast::Function,
        (shaped, given): (&[usize], &[(Option<Expr>, NodeId)]),
        span: Span,
    ) {
        let inside = self.diags.split_off(told);
        let Some(first) = inside.first() else { return };
        let d = match shaped {
            [a, b, ..] => self.misfit_arguments(f, &given[*a], &given[*b], span),
            _ => {
                let text = format!("`{}` cannot take this argument", f.name.written);
                Diagnostic::error(first.code, span, text)
            }
        };
        self.error(d);
    }

    /// Arguments that share a dimension name must have the same shape.
    fn check_shaped(
        &mut self,
        f: &crate::syntax::ast::Function,
        shaped: &[usize],
        given: &[(Option<Expr>, NodeId)],
        span: Span,
    ) -> Option<()> {
        let first = &given[shaped[0]];
        for &i in &shaped[1..] {
            let (s, t) = (self.shape(first.1), self.shape(given[i].1));
            if !self.same(&s, &t) {
                let d = self.misfit_arguments(f, first, &given[i], span);
                self.error(d);
                return None;
            }
        }
        Some(())
    }

    /// The body of a function with its arguments put in.
    ///
    /// `g` is the incoming gradient of a `derivative` line of a function of one example.
    pub(crate) fn apply(
        &mut self,
        id: FuncId,
        nodes: &[NodeId],
        form: Form,
        mode: Mode,
        g: Option<NodeId>,
    ) -> Option<NodeId> {
        let functions = self.functions;
        let f = functions.get(id);
        if self.unfolding.len() > 40
            || (form != Form::Derivative && self.unfolding.contains(&id))
        {
            let text =
                format!("`{}` calls itself; a function has no recursion", f.name.written);
            return self.error(Diagnostic::error(Code::N3, f.name.span, text));
        }
        let body = match form {
            Form::Definition => &f.body,
            Form::Computed => f.computed.as_ref().unwrap_or(&f.body),
            Form::Derivative => f.derivative.as_ref()?,
        };
        let mut scope = Scope::open();
        scope.closed = true;
        scope.mode = mode;
        scope.within = Some(id);
        scope.form = if f.computed.is_none() && form == Form::Computed {
            Form::Definition
        } else {
            form
        };
        for (p, &n) in f.params.iter().zip(nodes) {
            scope.locals.push((p.name.key.clone(), n));
            self.bind_dims(p, n, mode, &mut scope);
        }
        if let Some(g) = g {
            scope.locals.push(("g".to_string(), g));
        }
        if f.notes.iter().any(|(k, v)| k == "kind" && v == "schedule") {
            scope.locals.extend(crate::optimizer::clock(self.g));
        }
        // A derivative line may name its own function: that is a call, not a recursion.
        if form == Form::Derivative {
            return self.expr(body, &scope);
        }
        self.unfolding.push(id);
        let node = self.expr(body, &scope);
        self.unfolding.pop();
        node
    }

    /// `K` of `z : K` becomes the argument's number of entries.
    fn bind_dims(
        &mut self,
        p: &crate::syntax::ast::Param,
        n: NodeId,
        mode: Mode,
        scope: &mut Scope,
    ) {
        use crate::syntax::ast::DimExpr;
        let Some(shape) = &p.shape else { return };
        let s = self.shape(n);
        let actual: Vec<Dim> = match mode {
            Mode::Rows => vec![s.cols, Dim::ONE],
            _ => vec![s.rows, s.cols],
        };
        for (d, a) in shape.dims.iter().zip(actual) {
            if let DimExpr::Name(name) = d {
                scope.dims.push((name.key.clone(), a));
            }
        }
    }

    /// `sum(e)` and `mean(e)`: over all entries; the outermost one of an objective over the
    /// examples too.
    fn reduction(
        &mut self,
        kind: Reduction,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let [arg] = args else {
            let text = format!("sum and mean take one argument, found {}", args.len());
            return self.error(Diagnostic::error(Code::G2, span, text));
        };
        let x = self.expr(&arg.value, &Scope { objective: false, ..scope.clone() })?;
        if let Some(d) = self.reducing_unshaped(x, span, scope) {
            return self.error(d);
        }
        let mut y = self.reduce_all(x, span, scope);
        if kind == Reduction::Mean && !self.is_reduced(x, scope) {
            let n = self.count(x, scope);
            y = self.spanned(Op::Binary(Binary::Div), &[y, n], span);
        }
        if scope.objective && self.g[y].each {
            y = self.over_examples(kind, y, span);
        }
        Some(y)
    }

    /// The mean (or sum) of a per-example scalar over the batch, weights included.
    fn over_examples(&mut self, kind: Reduction, y: NodeId, span: Span) -> NodeId {
        self.example_loss = Some(y);
        let y = match self.weight {
            Some(w) => self.g.binary(Binary::Mul, w, y),
            None => y,
        };
        let mean = self.spanned(Op::ExMean, &[y], span);
        if kind == Reduction::Mean {
            return mean;
        }
        let m = self.g.add(Op::Examples, &[], span);
        self.spanned(Op::Binary(Binary::Mul), &[m, mean], span)
    }

    /// The mean over the batch of a per-example scalar.
    pub(crate) fn mean_over_examples(&mut self, y: NodeId, span: Span) -> NodeId {
        self.over_examples(Reduction::Mean, y, span)
    }

    /// Inside an entry-by-entry function there is nothing to reduce (G2).
    pub(crate) fn reducing_unshaped(
        &self,
        _x: NodeId,
        span: Span,
        scope: &Scope,
    ) -> Option<Diagnostic> {
        let f = scope.within.filter(|&f| self.functions.is_entrywise(f))?;
        let f = self.functions.get(f);
        let p = f.params.first().map_or("z", |p| &p.name.written);
        let text = format!(
            "`{}` works entry by entry, so `{p}` is one number here: there is nothing to reduce",
            f.name.written
        );
        let fix = format!(
            "write `{}({p} : K)` to make it a function of one example",
            f.name.written
        );
        let at = f.params.first().map_or(f.name.span, |p| p.name.span);
        let edit =
            Edit { span: Span { start: at.end, end: at.end }, with: " : K".into() };
        Some(Diagnostic::error(Code::G2, span, text).fix(fix, vec![edit]))
    }

    /// `max(e)` over all entries, `max(a, b)` entry by entry.
    fn extreme(
        &mut self,
        op: Binary,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        match args {
            [one] => {
                let x = self.expr(&one.value, &inner(scope))?;
                if let Some(d) = self.reducing_unshaped(x, span, scope) {
                    return self.error(d);
                }
                if self.is_reduced(x, scope) {
                    return Some(x);
                }
                let axis = self.example_axis(scope);
                let op =
                    if op == Binary::Max { Op::MaxOf(axis) } else { Op::MinOf(axis) };
                Some(self.spanned(op, &[x], span))
            }
            [a, b] => {
                let (x, y) = (
                    self.expr(&a.value, &inner(scope)),
                    self.expr(&b.value, &inner(scope)),
                );
                let (x, y) = (x?, y?);
                self.entrywise(op, (&a.value, x), (&b.value, y), span, scope)
            }
            _ => {
                let text = format!(
                    "max and min take one or two arguments, found {}",
                    args.len()
                );
                self.error(Diagnostic::error(Code::G2, span, text))
            }
        }
    }

    fn one_argument(
        &mut self,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        match args {
            [one] => self.expr(&one.value, &inner(scope)),
            _ => {
                let text = format!("expected one argument, found {}", args.len());
                self.error(Diagnostic::error(Code::G2, span, text))
            }
        }
    }

    fn diag(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<NodeId> {
        let x = self.one_argument(args, span, scope)?;
        let s = self.shape(x);
        if !s.cols.is_one() {
            let text = format!("diag expects a column, found {s}");
            return self.error(Diagnostic::error(Code::S3, span, text));
        }
        Some(self.spanned(Op::Diag, &[x], span))
    }

    /// `ones(m)`, `ones(n, m)`.
    fn ones(&mut self, args: &[Arg], span: Span, _scope: &Scope) -> Option<NodeId> {
        let dims: Option<Vec<Dim>> = args.iter().map(|a| self.dim_of(&a.value)).collect();
        let shape = match dims?.as_slice() {
            [n] => Shape::column(n.clone()),
            [n, m] => Shape::new(n.clone(), m.clone()),
            _ => {
                let text = "ones expects one or two dimensions";
                return self.error(Diagnostic::error(Code::G2, span, text));
            }
        };
        Some(self.g.fill(1.0, shape))
    }

    fn dim_of(&mut self, e: &Expr) -> Option<Dim> {
        match &e.kind {
            ExprKind::Number(v, _) if *v >= 1.0 && v.fract() == 0.0 => {
                Some(Dim::size(*v as usize))
            }
            ExprKind::Name(n) if self.is_dim(&n.key) => Some(Dim::named(&n.key)),
            _ => {
                let text = "expected a dimension: a whole number or a declared name";
                self.error(Diagnostic::error(Code::S8, e.span, text));
                None
            }
        }
    }

    /// `dropout(a, p)`: a ⊙ mask in training, a in evaluation.
    fn dropout(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<NodeId> {
        let [a, p] = args else {
            let text =
                "dropout expects what it acts on and a probability: dropout(a, 0.5)";
            return self.error(Diagnostic::error(Code::G2, span, text));
        };
        let (x, p_node) =
            (self.expr(&a.value, &inner(scope))?, self.expr(&p.value, &inner(scope))?);
        let value = self.known_number(p_node);
        let Some(p_value) = value.filter(|p| (0.0..1.0).contains(p)) else {
            let text = "the drop probability is a number from 0 up to, not including, 1";
            return self.error(Diagnostic::error(Code::M1, p.value.span, text));
        };
        let site = self.site(span, p_value);
        let shape = self.shape(x);
        let mask = self.g.add(Op::Mask(site, p_value.to_bits(), shape), &[], span);
        Some(self.spanned(Op::Binary(Binary::Mul), &[x, mask], span))
    }

    fn site(&mut self, span: Span, p: f64) -> u32 {
        self.dropouts.push((p, span));
        self.dropouts.len() as u32 - 1
    }

    fn batch_norm(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<NodeId> {
        let x = self.one_argument(args, span, scope)?;
        if !self.g[x].each {
            let text = "batch_norm normalises over the examples of a batch: its argument has to \
                        depend on an input (with `examples: one`)";
            return self.error(Diagnostic::error(Code::S7, span, text));
        }
        let shape = self.shape(x);
        self.norms.push(shape);
        Some(self.spanned(Op::BatchNorm(self.norms.len() as u32 - 1), &[x], span))
    }

    fn norm_call(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<NodeId> {
        let parts: Vec<Expr> = args.iter().map(|a| a.value.clone()).collect();
        let norm = Expr { kind: ExprKind::Norm(2, parts), span };
        self.expr(&norm, &inner(scope))
    }
}

/// Slots that stand for the arguments of a function that is only looked at.
const OWN: u32 = 1 << 22;

/// A number, or a column of as many entries as the declared name says.
fn shape_of_param(p: &crate::syntax::ast::Param) -> Shape {
    use crate::syntax::ast::DimExpr;
    let name = |d: &DimExpr| match d {
        DimExpr::Name(n) => Dim::named(&n.key),
        DimExpr::Size(n, _) => Dim::size(*n),
        DimExpr::Sum(..) => Dim::named("K"),
    };
    match p.shape.as_ref().map(|s| s.dims.as_slice()) {
        None | Some([]) => Shape::SCALAR,
        Some([n]) => Shape::column(name(n)),
        Some([n, m, ..]) => Shape::new(name(n), name(m)),
    }
}

fn inner(scope: &Scope) -> Scope {
    Scope { objective: false, listed: false, ..scope.clone() }
}

/// A function, or its derivative.
type Called = (FuncId, bool);

fn comes_back(functions: &Functions, start: Called) -> bool {
    let (mut seen, mut todo) = (Vec::new(), called(functions, start));
    while let Some(f) = todo.pop() {
        if !seen.contains(&f) {
            seen.push(f);
            todo.extend(called(functions, f));
        }
    }
    seen.contains(&start)
}

/// What is put in for a function (its body, stable form and defaults), or for its derivative: the line
/// that gives it, else all that the function calls and their derivatives.
fn called(functions: &Functions, (id, derivative): Called) -> Vec<Called> {
    let f = functions.get(id);
    let mut todo: Vec<&Expr> = match &f.derivative {
        Some(line) if derivative => vec![line],
        _ => {
            let defaults = f.params.iter().filter_map(|p| p.default.as_ref());
            [&f.body].into_iter().chain(&f.computed).chain(defaults).collect()
        }
    };
    let derived = derivative && f.derivative.is_none();
    let mut out = Vec::new();
    while let Some(e) = todo.pop() {
        if let ExprKind::Call { func, primes, .. } = &e.kind
            && let Some(callee) = functions.find(&func.written)
        {
            out.push((callee, *primes > 0));
            out.extend(derived.then_some((callee, true)));
        }
        todo.extend(super::children(e));
    }
    out
}
