//! Symbols: roles, shapes, starting values, worked values, constants, dimensions.
//!
//! In: the declaring statements of a file. Out: names with meanings and the symbols of the
//! module. Declarations may stand anywhere; equations come in their order afterwards.

use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::functions::Functions;
use crate::graph::{Graph, NodeId, Op};
use crate::limits::ENTRIES;
use crate::module::{Equation, Module, Objective, Start, Symbol};
use crate::shape::{Atom, Dim, Dims, Shape};
use crate::syntax::ast::{
    Declaration, DimExpr, Expr, ExprKind, File, Init, Layout, Mark, Name, Role,
    ShapeExpr, StatementKind,
};
use crate::syntax::print::{Style, print_expr};
use crate::value::Mat;

use super::expr::Scope;
use super::{Lowerer, Meaning, Override, of_kind};

/// What becomes the module.
pub(crate) struct Draft {
    pub symbols: Vec<Symbol>,
    pub equations: Vec<Equation>,
    pub objective: Option<Objective>,
    pub output: Option<NodeId>,
    pub trainable: Vec<crate::graph::SymId>,
    pub layout: Layout,
    pub bare: bool,
}

impl Draft {
    pub(crate) fn new(file: &File, layout: Layout) -> Self {
        let roles = of_kind(file, |k| match k {
            StatementKind::Declare(items) => {
                Some(items.iter().any(|d| d.role != Role::None))
            }
            _ => None,
        });
        let bare = !roles.into_iter().any(|(has, _)| has);
        Self {
            symbols: Vec::new(),
            equations: Vec::new(),
            objective: None,
            output: None,
            trainable: Vec::new(),
            layout,
            bare,
        }
    }

    /// Everything put together, after shapes were resolved.
    pub(crate) fn module(
        self,
        file: &File,
        graph: Graph,
        dims: Dims,
        functions: Functions,
        dropouts: Vec<(f64, Span)>,
        norms: Vec<Shape>,
    ) -> Module {
        let mut symbols = self.symbols;
        for s in &mut symbols {
            s.shape = dims.resolve_shape(&s.shape);
            s.fans = fans(&graph, s);
        }
        let last = |pick: fn(&StatementKind) -> Option<StatementKind>| {
            of_kind(file, pick).last().map(|(k, _)| k)
        };
        let data = match last(|k| matches!(k, StatementKind::Data(_)).then(|| k.clone()))
        {
            Some(StatementKind::Data(d)) => Some(*d),
            _ => None,
        };
        let train =
            match last(|k| matches!(k, StatementKind::Train(_)).then(|| k.clone())) {
                Some(StatementKind::Train(t)) => Some(*t),
                _ => None,
            };
        let precision = of_kind(file, |k| match k {
            StatementKind::Precision(p) => Some(*p),
            _ => None,
        })
        .last()
        .map(|(p, _)| p)
        .or_else(|| train.as_ref().and_then(|t| t.precision))
        .unwrap_or_default();
        let digits = of_kind(file, |k| match k {
            StatementKind::Digits(d) => Some(*d),
            _ => None,
        })
        .last()
        .map(|(d, _)| d);
        let chosen = file.statements.iter();
        let chosen =
            chosen.map(|s| &s.kind).any(|k| matches!(k, StatementKind::Trainable(_)));
        Module {
            chosen,
            graph,
            symbols,
            equations: self.equations,
            objective: self.objective,
            output: self.output,
            trainable: self.trainable,
            functions,
            layout: self.layout,
            bare: self.bare,
            dims,
            dropouts,
            norms,
            data,
            train,
            precision,
            digits,
        }
    }
}

/// Fan-in and fan-out from the first product that uses the parameter.
fn fans(g: &Graph, s: &Symbol) -> Option<(Dim, Dim)> {
    let is = |n: NodeId| matches!(g[n].op, Op::Symbol(id) if id == s.id);
    for (_, node) in g.iter().filter(|(_, n)| n.op == Op::MatMul) {
        for (side, &arg) in node.args.iter().enumerate() {
            let flipped = g[arg].op == Op::Transpose && is(g[arg].args[0]);
            if !is(arg) && !flipped {
                continue;
            }
            let shape = &g[arg].shape;
            return Some(match side {
                0 => (shape.cols.clone(), shape.rows.clone()),
                _ => (shape.rows.clone(), shape.cols.clone()),
            });
        }
    }
    None
}

/// The prelude's functions and the file's own, aliases of `where` included.
pub(crate) fn functions(
    file: &File,
    overrides: &[Override],
) -> (Functions, Vec<Diagnostic>) {
    let mut all = crate::prelude::functions().clone();
    let mut diags = Vec::new();
    for (f, _) in of_kind(file, |k| match k {
        StatementKind::Function(f) => Some(f),
        _ => None,
    }) {
        let own = &all.all[all.shipped..];
        if own.iter().any(|o| o.name.key == f.name.key) {
            let text = format!("the function `{}` is defined twice", f.name.written);
            diags.push(Diagnostic::error(Code::N3, f.name.span, text));
        } else if all.find(&f.name.key).is_some() {
            let text =
                format!("`{}` of this file is used, not the shipped one", f.name.written);
            diags.push(Diagnostic::note(Code::N2, f.name.span, text));
        }
        all.all.push(f.clone());
    }
    for (o, _) in of_kind(file, |k| match k {
        StatementKind::Optimizer(o) => Some(o),
        _ => None,
    }) {
        all.optimizers.push(o.clone());
    }
    let wheres = of_kind(file, |k| match k {
        StatementKind::Where(items) => Some(items),
        _ => None,
    });
    for (name, value) in wheres.flat_map(|(items, _)| items) {
        let given =
            overrides.iter().find(|o| o.name == name.key).map(|o| o.value.clone());
        let target = given.or_else(|| match &value.kind {
            ExprKind::Name(n) => Some(n.written.clone()),
            _ => None,
        });
        if let Some(id) = target.and_then(|t| all.find(&t)) {
            all.aliases.push((name.key.clone(), id));
        }
    }
    (all, diags)
}

impl Lowerer<'_> {
    /// All statements that give names a meaning before the equations are read.
    pub(crate) fn declare(
        &mut self,
        file: &File,
        overrides: &[Override],
        draft: &mut Draft,
    ) {
        self.collect_dims(file);
        self.wheres(file, overrides);
        self.constants_of(file, overrides, draft);
        let values: Vec<(&Name, &Expr)> = of_kind(file, |k| match k {
            StatementKind::Value(n, e) => Some((n, e)),
            _ => None,
        })
        .map(|(v, _)| v)
        .collect();
        for (items, _) in of_kind(file, |k| match k {
            StatementKind::Declare(items) => Some(items),
            _ => None,
        }) {
            for d in items {
                self.declare_symbol(d, draft);
            }
        }
        self.layouts(draft);
        for (name, value) in values {
            self.worked_value(name, value, overrides, draft);
        }
        self.weights(file, draft);
    }

    /// S7: in `columns` what runs over the examples lies along the columns of all data, in
    /// `rows` along the rows.
    fn layouts(&mut self, draft: &Draft) {
        if self.layout == Layout::One {
            return;
        }
        let rows = self.layout == Layout::Rows;
        let sides = |s: &Symbol| match rows {
            true => (s.shape.rows.clone(), s.shape.cols.clone()),
            false => (s.shape.cols.clone(), s.shape.rows.clone()),
        };
        let data = |s: &&Symbol| matches!(s.role, Role::Input | Role::Target);
        let all: Vec<&Symbol> = draft.symbols.iter().filter(data).collect();
        for (i, s) in all.iter().enumerate() {
            let (along, across) = sides(s);
            let before = all[..i].iter().map(|o| sides(o).0);
            let examples = |d: &Dim| before.clone().any(|o| o == *d && !d.is_one());
            if !examples(&across) || examples(&along) {
                continue;
            }
            let (word, other) =
                if rows { ("rows", "columns") } else { ("columns", "rows") };
            let text = format!(
                "examples are {word} in this file, and {across} runs along the {other} \
                 of `{}`",
                s.shown
            );
            let turned = s.shape.transposed();
            let d = Diagnostic::error(Code::S7, s.span, text)
                .label(s.span, format!("{} is {}", s.shown, s.shape))
                .hint(format!("{} : {turned}", s.shown));
            self.names.insert(s.key.clone(), Meaning::Poisoned);
            self.error(d);
        }
    }

    /// Dimension names: whatever stands in a declared shape.
    fn collect_dims(&mut self, file: &File) {
        let shapes: Vec<&ShapeExpr> = of_kind(file, |k| match k {
            StatementKind::Declare(items) => Some(items),
            _ => None,
        })
        .flat_map(|(items, _)| items.iter().filter_map(|d| d.shape.as_ref()))
        .collect();
        let mut names = Vec::new();
        for s in shapes {
            s.dims.iter().for_each(|d| dim_names(d, &mut names));
        }
        for n in names {
            self.names.insert(n.key.clone(), Meaning::Dim);
            self.origins.places.entry(n.key.clone()).or_insert(n.span);
        }
    }

    /// `where H = 128, K = D`: sizes, and names made one.
    fn wheres(&mut self, file: &File, overrides: &[Override]) {
        let items: Vec<&(Name, Expr)> = of_kind(file, |k| match k {
            StatementKind::Where(items) => Some(items),
            _ => None,
        })
        .flat_map(|(items, _)| items)
        .collect();
        let mut done: Vec<&str> = Vec::new();
        for (name, value) in items {
            if self.functions.aliases.iter().any(|(n, _)| *n == name.key) {
                continue;
            }
            if done.contains(&name.key.as_str()) {
                let text = format!("`{}` is given a size twice", name.written);
                self.error(Diagnostic::error(Code::N3, name.span, text));
                continue;
            }
            done.push(&name.key);
            self.where_item(name, value, overrides);
        }
        for o in overrides {
            if let (Some(Meaning::Dim), Ok(n)) =
                (self.names.get(&o.name), o.value.parse::<usize>())
            {
                self.dims.sizes.insert(o.name.clone(), n);
            }
        }
    }

    fn where_item(&mut self, name: &Name, value: &Expr, overrides: &[Override]) {
        if let ExprKind::Name(other) = &value.kind
            && self.is_dim(&other.key)
        {
            self.names.insert(name.key.clone(), Meaning::Dim);
            let dim = Dim::named(&other.key);
            let itself = |a: &Atom| matches!(a, Atom::Name(n) if *n == name.key);
            if self.dims.resolve(&dim).atoms.iter().any(itself) {
                let text = format!(
                    "`{}` would be a name for itself: this goes in a circle",
                    name.written
                );
                self.error(Diagnostic::error(Code::N3, value.span, text));
                return;
            }
            self.dims.alias(&name.key, dim);
            return;
        }
        let given = overrides.iter().find(|o| o.name == name.key);
        let size = match given {
            Some(o) => o.value.parse::<f64>().ok(),
            None => self.expr(value, &Scope::open()).and_then(|n| self.constant_value(n)),
        };
        match size {
            Some(v) if v >= 1.0 && v.fract() == 0.0 && v < 1e9 => {
                self.dims.sizes.insert(name.key.clone(), v as usize);
                self.names.insert(name.key.clone(), Meaning::Dim);
            }
            _ => {
                let text = format!(
                    "`where {}` expects a whole number from 1, a dimension or a function",
                    name.written
                );
                let d = Diagnostic::error(Code::S8, value.span, text).hint(format!(
                    "a number that is not a dimension: const {} = …",
                    name.written
                ));
                self.error(d);
            }
        }
    }

    /// `const λ = 1e-4`: a symbol with a value that is never learned.
    fn constants_of(&mut self, file: &File, overrides: &[Override], draft: &mut Draft) {
        let items: Vec<(&Name, &Expr)> = of_kind(file, |k| match k {
            StatementKind::Const(n, e) => Some((n, e)),
            _ => None,
        })
        .map(|(v, _)| v)
        .collect();
        for (name, value) in items {
            let Some(value) = self.constant(name, value, overrides) else { continue };
            let shape = Shape::new(Dim::size(value.rows), Dim::size(value.cols));
            if value.is_scalar() {
                self.origins.numbers.insert(name.key.clone(), value.data[0]);
            }
            self.constants.insert(name.key.clone());
            let span = name.span;
            self.new_symbol(name, Role::None, None, shape, Start::Unsaid, span, draft);
            if let Some(s) = draft.symbols.last_mut() {
                s.value = Some(value);
            }
        }
    }

    /// The value of a constant expression.
    pub(crate) fn constant(
        &mut self,
        name: &Name,
        value: &Expr,
        overrides: &[Override],
    ) -> Option<Mat> {
        if let Some(o) = overrides.iter().find(|o| o.name == name.key) {
            let Ok(v) = o.value.parse::<f64>() else {
                let text = format!("`{}` is set to `{}`, not a number", o.name, o.value);
                self.error(Diagnostic::error(Code::T1, value.span, text));
                return None;
            };
            return Some(Mat::scalar(v));
        }
        self.literal(value)
    }

    /// A literal or constant expression as a matrix.
    pub(crate) fn literal(&mut self, e: &Expr) -> Option<Mat> {
        if let Some(m) = plain_matrix(e) {
            return Some(m);
        }
        let before = self.diags.len();
        let node = self.expr(e, &Scope { closed: true, ..Scope::open() })?;
        let shape = self.shape(node);
        if let Some((r, c)) = shape.under(&self.dims.sizes)
            && r.saturating_mul(c) > ENTRIES
        {
            self.too_large(&shape, e.span);
            return None;
        }
        let mut env =
            crate::eval::Env { sizes: self.dims.sizes.clone(), ..Default::default() };
        for (key, v) in &self.origins.numbers {
            if let Some(Meaning::Node(n)) = self.names.get(key)
                && let Op::Symbol(s) = self.g[*n].op
            {
                env.symbols.insert(s, crate::eval::Value::Shared(Mat::scalar(*v)));
            }
        }
        let expanded =
            crate::expand::calls(self.g, self.functions, self.layout, self.dims, &[node]);
        let value = expanded.and_then(|(g, roots)| {
            crate::eval::eval_roots(&g, &env, &roots)[roots[0].0 as usize].clone()
        });
        let ok = value.is_some() || self.diags.len() > before;
        if !ok {
            let text = "expected a constant: numbers and names of constants only";
            self.error(Diagnostic::error(Code::S5, e.span, text));
        }
        value.map(|v| v.of(0).clone())
    }

    fn shape_of(&mut self, s: &ShapeExpr) -> Shape {
        let dims: Vec<Dim> = s.dims.iter().map(dim).collect();
        match dims.as_slice() {
            [n] if self.layout == Layout::Rows => Shape::new(Dim::ONE, n.clone()),
            [n] => Shape::column(n.clone()),
            [n, m, ..] => Shape::new(n.clone(), m.clone()),
            [] => Shape::SCALAR,
        }
    }

    fn declare_symbol(&mut self, d: &Declaration, draft: &mut Draft) {
        if let Some(old) = draft.symbols.iter().find(|s| s.key == d.name.key) {
            let text = format!("`{}` is declared twice", d.name.written);
            let diag =
                Diagnostic::error(Code::N3, d.span, text).label(old.span, "first here");
            self.error(diag);
            return;
        }
        if self.is_dim(&d.name.key) {
            let text = format!("`{}` is a dimension and a symbol", d.name.written);
            let diag = Diagnostic::error(Code::N3, d.name.span, text)
                .hint("dimensions and symbols share one namespace: rename one of them");
            self.error(diag);
            return;
        }
        let shape = match &d.shape {
            Some(s) => self.shape_of(s),
            None => {
                let (rows, cols) = (self.dims.fresh(), self.dims.fresh());
                Shape::new(rows, cols)
            }
        };
        let start = self.start(d);
        self.new_symbol(&d.name, d.role, d.mark, shape, start, d.span, draft);
    }

    fn start(&mut self, d: &Declaration) -> Start {
        match &d.init {
            None => Start::Unsaid,
            Some(Init::Fill(e)) => self.literal(e).map_or(Start::Unsaid, Start::Fill),
            Some(Init::Draw(kind, args, span)) => {
                let numbers: Option<Vec<f64>> =
                    args.iter().map(|a| Some(self.literal(a)?.data[0])).collect();
                let Some(numbers) = numbers else { return Start::Unsaid };
                let wanted = DRAWS.iter().find(|(n, _)| n == kind);
                match wanted {
                    Some((_, n)) if *n == numbers.len() => {
                        Start::Draw(kind.clone(), numbers)
                    }
                    Some((_, n)) => {
                        let text =
                            format!("{kind} takes {n} numbers, found {}", numbers.len());
                        self.error(Diagnostic::error(Code::G2, *span, text));
                        Start::Unsaid
                    }
                    None => {
                        let names: Vec<&str> = DRAWS.iter().map(|(n, _)| *n).collect();
                        let text =
                            format!("no way to start a parameter is called `{kind}`");
                        let d = Diagnostic::error(Code::N1, *span, text)
                            .hint(format!("there are {}", names.join(", ")));
                        self.error(d);
                        Start::Unsaid
                    }
                }
            }
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "a symbol's facts, each named at the call"
    )]
    fn new_symbol(
        &mut self,
        name: &Name,
        role: Role,
        mark: Option<Mark>,
        shape: Shape,
        start: Start,
        span: Span,
        draft: &mut Draft,
    ) {
        let data = matches!(role, Role::Input | Role::Target);
        let each = data && self.layout == Layout::One;
        let id = self.g.add_symbol(shape.clone(), each);
        let node = self.g.add(Op::Symbol(id), &[], span);
        if role == Role::Target {
            self.targets.insert(id);
        }
        self.names.insert(name.key.clone(), Meaning::Node(node));
        self.origins.places.entry(name.key.clone()).or_insert(span);
        draft.symbols.push(Symbol {
            id,
            key: name.key.clone(),
            shown: name.written.clone(),
            role,
            mark,
            shape,
            each,
            start,
            value: None,
            fans: None,
            span,
        });
    }

    /// `x := …`: the value of a declared symbol, or a new symbol of the value's shape.
    fn worked_value(
        &mut self,
        name: &Name,
        value: &Expr,
        overrides: &[Override],
        draft: &mut Draft,
    ) {
        let Some(m) = self.constant(name, value, overrides) else { return };
        if self.is_constant(&name.key) || self.is_dim(&name.key) {
            let text = format!("`{}` has a value already", name.written);
            self.error(Diagnostic::error(Code::N3, name.span, text));
            return;
        }
        let known = draft.symbols.iter().position(|s| s.key == name.key);
        let Some(at) = known else {
            let shape = Shape::new(Dim::size(m.rows), Dim::size(m.cols));
            let span = name.span.to(value.span);
            self.new_symbol(name, Role::None, None, shape, Start::Unsaid, span, draft);
            if let Some(s) = draft.symbols.last_mut() {
                s.value = Some(m);
            }
            return;
        };
        if draft.symbols[at].value.is_some() {
            let text = format!("`{}` is given a value twice", name.written);
            self.error(Diagnostic::error(Code::N3, name.span, text));
            return;
        }
        let s = draft.symbols[at].clone();
        let fitted = self.fit_value(&s, m, value.span);
        draft.symbols[at].value = fitted;
    }

    /// A value under a declared shape: a scalar fills; k columns of an n×1 input are k examples.
    fn fit_value(&mut self, s: &Symbol, m: Mat, span: Span) -> Option<Mat> {
        let shape = self.dims.resolve_shape(&s.shape);
        if m.is_scalar() && !shape.is_scalar() {
            return match shape.under(&self.dims.sizes) {
                Some((r, c)) if r.saturating_mul(c) > ENTRIES => {
                    self.too_large(&shape, span);
                    None
                }
                Some((r, c)) => Some(Mat::filled(r, c, m.data[0])),
                None => self.value_of_size(s, &shape, m, span),
            };
        }
        self.value_of_size(s, &shape, m, span)
    }

    fn too_large(&mut self, shape: &Shape, span: Span) {
        let text = format!(
            "a worked value of {shape}{}: more than {ENTRIES} entries",
            self.known_size(shape)
        );
        let d = Diagnostic::error(Code::S5, span, text);
        self.error(
            d.hint("a value that large is data or a start: input, or param … ~ …"),
        );
    }

    fn value_of_size(
        &mut self,
        s: &Symbol,
        shape: &Shape,
        m: Mat,
        span: Span,
    ) -> Option<Mat> {
        let rows = self.take_size(&shape.rows, m.rows);
        let several = s.each && shape.cols.is_one();
        let cols = several || self.take_size(&shape.cols, m.cols);
        if rows && cols {
            self.check_mark(s, &m, span);
            return Some(m);
        }
        let text = format!(
            "`{}` is declared {shape}{}, its value is {}×{}",
            s.shown,
            self.known_size(shape),
            m.rows,
            m.cols
        );
        let mut d = Diagnostic::error(Code::S5, span, text).label(
            s.span,
            format!("{} is {shape} (line {})", s.shown, self.line(s.span)),
        );
        if shape.under(&self.dims.sizes) == Some((m.cols, m.rows)) {
            let with = literal_text(&m.transposed());
            d = d.fix(format!("transposed: {with}"), vec![Edit { span, with }]);
        }
        self.error(d);
        None
    }

    fn known_size(&self, shape: &Shape) -> String {
        match shape.under(&self.dims.sizes) {
            Some((r, c)) if shape.to_string() != format!("{r}×{c}") => {
                format!(" = {r}×{c}")
            }
            _ => String::new(),
        }
    }

    /// Whether the dimension is (or becomes) n.
    fn take_size(&mut self, d: &Dim, n: usize) -> bool {
        let d = self.dims.resolve(d);
        if let Some(size) = d.under(&self.dims.sizes) {
            return size == n;
        }
        if let ([crate::shape::Atom::Name(name)], 0) = (d.atoms.as_slice(), d.known) {
            self.dims.sizes.insert(name.clone(), n);
            return true;
        }
        self.dims.unify(&d, &Dim::size(n))
    }

    /// One-hot and distribution values are what they say (rule 16).
    fn check_mark(&mut self, s: &Symbol, m: &Mat, span: Span) {
        let Some(mark) = s.mark else { return };
        let examples: Vec<Vec<f64>> = match self.layout {
            Layout::Rows => (0..m.rows).map(|i| m.transposed().column(i).data).collect(),
            _ => (0..m.cols).map(|j| m.column(j).data).collect(),
        };
        for (i, v) in examples.iter().enumerate() {
            let total: f64 = v.iter().sum();
            let bits = v.iter().all(|&x| x == 0.0 || x == 1.0);
            let (ok, say) = match mark {
                Mark::OneHot => (bits && total == 1.0, "one-hot: one 1 and otherwise 0"),
                Mark::Distribution => (
                    v.iter().all(|&x| x >= 0.0) && (total - 1.0).abs() < 1e-6,
                    "a distribution: entries from 0 that add to 1",
                ),
                Mark::Binary | Mark::MultiHot => (bits, "0 or 1 everywhere"),
            };
            if !ok {
                let text =
                    format!("`{}` is declared {say}; example {} is not", s.shown, i + 1);
                self.error(Diagnostic::error(Code::S5, span, text));
                return;
            }
        }
    }

    /// `weight column` and `balanced` of the data line: a factor per example.
    fn weights(&mut self, file: &File, draft: &mut Draft) {
        let wanted = of_kind(file, |k| match k {
            StatementKind::Data(d) => Some(d.weight.is_some() || d.balanced),
            _ => None,
        })
        .any(|(w, _)| w);
        if !wanted || draft.layout != Layout::One {
            return;
        }
        let key = WEIGHT.to_string();
        let name = Name { key: key.clone(), written: key, span: Span::default() };
        let span = Span::default();
        self.new_symbol(
            &name,
            Role::Input,
            None,
            Shape::SCALAR,
            Start::Unsaid,
            span,
            draft,
        );
        if let Some(Meaning::Node(n)) = self.names.get(WEIGHT) {
            self.weight = Some(*n);
        }
        self.used.insert(WEIGHT.to_string());
    }
}

/// The per-example weight that `weight column` and `balanced` bring in.
pub(super) const WEIGHT: &str = "example_weight";

/// Ways to draw a start, and how many numbers each takes.
pub(super) static DRAWS: &[(&str, usize)] = &[
    ("he", 0),
    ("glorot", 0),
    ("lecun", 0),
    ("he_uniform", 0),
    ("glorot_uniform", 0),
    ("lecun_uniform", 0),
    ("normal", 2),
    ("uniform", 2),
    ("orthogonal", 0),
];

fn dim_names<'d>(d: &'d DimExpr, out: &mut Vec<&'d Name>) {
    match d {
        DimExpr::Size(..) => {}
        DimExpr::Name(n) => out.push(n),
        DimExpr::Sum(parts, _) => parts.iter().for_each(|p| dim_names(p, out)),
    }
}

fn dim(d: &DimExpr) -> Dim {
    match d {
        DimExpr::Size(n, _) => Dim::size(*n),
        DimExpr::Name(n) => Dim::named(&n.key),
        DimExpr::Sum(parts, _) => parts.iter().fold(Dim::size(0), |s, p| s.plus(&dim(p))),
    }
}

/// A bracket of plain numbers, or one number, read directly.
fn plain_matrix(e: &Expr) -> Option<Mat> {
    let number = |e: &Expr| match &e.kind {
        ExprKind::Number(v, _) => Some(*v),
        ExprKind::Neg(x) => match &x.kind {
            ExprKind::Number(v, _) => Some(-v),
            _ => None,
        },
        _ => None,
    };
    if let Some(v) = number(e) {
        return Some(Mat::scalar(v));
    }
    let ExprKind::Matrix(rows) = &e.kind else { return None };
    let cols = rows.first()?.len();
    if cols == 0 || rows.iter().any(|r| r.len() != cols) {
        return None;
    }
    let data: Option<Vec<f64>> = rows.iter().flatten().map(number).collect();
    Some(Mat::new(rows.len(), cols, data?))
}

/// `[1 2; 3 4]`.
pub(crate) fn literal_text(m: &Mat) -> String {
    let row = |i: usize| {
        let entries: Vec<String> = (0..m.cols).map(|j| m.at(i, j).to_string()).collect();
        entries.join(" ")
    };
    let rows: Vec<String> = (0..m.rows).map(row).collect();
    format!("[{}]", rows.join("; "))
}

/// The right side of an equation as canonical text.
pub(crate) fn canonical_text(e: &Expr) -> String {
    print_expr(e, Style::Unicode)
}
