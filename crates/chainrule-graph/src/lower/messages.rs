//! What is said when something does not fit: expected, found, where each came from.
//!
//! In: trees and nodes of the operands. Out: diagnostics without fixes that replace symbols
//! (`suggest` finds those on the whole file).

use crate::diag::{Code, Diagnostic, Edit, Span, line_column};
use crate::graph::{Binary, NodeId, Op};
use crate::shape::{Dim, Shape};
use crate::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, Function};
use crate::syntax::lookalikes::alike;
use crate::syntax::nearest::nearest;

use super::expr::Scope;
use super::{Lowerer, Meaning};

type Operand<'e> = (&'e Expr, NodeId);

impl Lowerer<'_> {
    pub(crate) fn line(&self, span: Span) -> usize {
        line_column(&self.origins.text, span.start).0
    }

    /// The text of an expression in the file; in a `for` loop with the names of this round.
    pub(crate) fn said(&self, e: &Expr) -> String {
        let mut names = Vec::new();
        written_names(e, &mut names);
        names.sort_by_key(|n| std::cmp::Reverse(n.span.start));
        let mut text = e.span.of(&self.origins.text).to_string();
        for n in names {
            let inside = e.span.start <= n.span.start && n.span.end <= e.span.end;
            let from = n.span.start.wrapping_sub(e.span.start) as usize;
            let to = n.span.end.wrapping_sub(e.span.start) as usize;
            if inside && text.get(from..to).is_some_and(|old| old != n.written) {
                text.replace_range(from..to, &n.written);
            }
        }
        text.trim().to_string()
    }

    /// "W2 is K×Da (line 8: W2 : K×Da)".
    pub(crate) fn origin(&self, (e, n): Operand<'_>) -> String {
        let shape = self.shape(n);
        let text = self.said(e);
        let ExprKind::Name(name) = &strip(e).kind else {
            return format!("{text} is {shape}");
        };
        let Some(place) = self.origins.places.get(&name.key) else {
            return format!("{text} is {shape}");
        };
        let line = self.line(*place);
        let declared = place.of(&self.origins.text).trim();
        let stands_for = self.alias(&name.key, n);
        let from = match self.forced(name.key.as_str(), n) {
            Some(other) => format!("line {line}; {other}"),
            None if declared.contains(['×', ':', '=']) => {
                format!("line {line}: {declared}")
            }
            None => format!("line {line}"),
        };
        let from = format!("{from}{stands_for}");
        format!("{text} is {shape} ({from})")
    }

    /// "y is K×1 (line 2: y : K)" of an element `y_i`.
    pub(crate) fn origin_of_element(&self, e: &Expr, base: NodeId) -> String {
        let name = super::sums::base_key(e).unwrap_or_else(|| self.said(e));
        let place = self.origins.places.get(&name).copied().unwrap_or(e.span);
        let (shape, line) = (self.shape(base), self.line(place));
        format!("{name} is {shape} (line {line})")
    }

    /// "; x is D×1, line 1": the symbol that another name stands for, as in `a_0 = x`.
    fn alias(&self, key: &str, n: NodeId) -> String {
        let same =
            |(k, m): &(&String, &Meaning)| k.as_str() != key && **m == Meaning::Node(n);
        let symbol = matches!(self.g[n].op, Op::Symbol(_));
        let found = self.names.iter().find(same).filter(|_| symbol);
        let Some((other, _)) = found else { return String::new() };
        let place = self.origins.places.get(other).copied().unwrap_or_default();
        format!("; {other} is {}, line {}", self.shape(n), self.line(place))
    }

    /// "also forced by line 1: z1 = W1 x + b1, W1 Da×Dx": another product that the symbol is in.
    fn forced(&self, key: &str, n: NodeId) -> Option<String> {
        let product = |node: &crate::graph::Node| {
            node.op == Op::MatMul && node.args.len() == 2 && node.args[1] == n
        };
        let (_, node) = self.g.iter().find(|(_, node)| product(node))?;
        let other = node.args[0];
        let (name, _) = self.names.iter().find(|(_, m)| **m == Meaning::Node(other))?;
        let line = self.line(node.span);
        let equation = self.origins.text.lines().nth(line - 1)?.trim();
        let equation = equation.split('#').next()?.trim();
        (name != key).then(|| {
            format!(
                "also forced by line {line}: {equation}, {name} {}",
                self.shape(other)
            )
        })
    }

    /// S1: the columns of the left are not the rows of the right.
    pub(crate) fn misfit_product(
        &mut self,
        a: Operand<'_>,
        b: Operand<'_>,
        span: Span,
    ) -> Diagnostic {
        let a = last_factor(self, a);
        let text =
            format!("the product {} {} does not fit", self.said(a.0), self.said(b.0));
        let (s, t) = (self.shape(a.1), self.shape(b.1));
        let d =
            Diagnostic::error(Code::S1, a.0.span.to(b.0.span).to(span_end(span)), text)
                .label(a.0.span, self.origin(a))
                .label(b.0.span, self.origin(b))
                .with_note(format!(
                    "a product needs columns of the left = rows of the right: {} ≠ {}",
                    s.cols, t.rows
                ))
                .and_notes(self.equal_size(&s.cols, &t.rows));
        self.forced_equal(d, [a, b])
    }

    /// "D and K are both 3 here": equal numbers do not make two names one (rule 6).
    fn equal_size(&self, a: &Dim, b: &Dim) -> Vec<String> {
        let (a, b) = (self.dims.resolve(a), self.dims.resolve(b));
        let size = a.under(&self.dims.sizes);
        let same = a != b && size.is_some() && size == b.under(&self.dims.sizes);
        let mut names = [a.to_string(), b.to_string()];
        names.sort();
        let say = size.filter(|_| same && !a.atoms.is_empty() && !b.atoms.is_empty());
        say.map(|n| format!("{} and {} are both {n} here", names[0], names[1]))
            .into_iter()
            .collect()
    }

    fn equal_sizes(&self, s: &Shape, t: &Shape) -> Vec<String> {
        [self.equal_size(&s.rows, &t.rows), self.equal_size(&s.cols, &t.cols)].concat()
    }

    /// S6: one of the operands got its shape from an earlier line, so that line and this one
    /// force two dimensions to be equal.
    fn forced_equal(&self, mut d: Diagnostic, operands: [Operand<'_>; 2]) -> Diagnostic {
        let inferred = operands.into_iter().find_map(|(e, n)| {
            let n = match self.g[n].op {
                Op::Transpose => self.g[n].args[0],
                _ => n,
            };
            let Op::Symbol(id) = self.g[n].op else { return None };
            let open = &self.g.symbol(id).0;
            let var =
                |d: &Dim| d.atoms.iter().any(|a| matches!(a, crate::shape::Atom::Var(_)));
            let first = self.g.iter().find(|(_, x)| x.args.contains(&n))?.1.span;
            (var(&open.rows) || var(&open.cols)).then_some((e, n, first))
        });
        let Some((e, n, first)) = inferred else { return d };
        let (name, shape) = (self.said(strip(e)), self.shape(n));
        let line = self.line(first);
        d.code = Code::S6;
        d.message = format!("line {line} makes {name} {shape}, and {}", d.message);
        d.label(first, format!("{name} is {shape} since line {line}"))
    }

    pub(crate) fn misfit_dot(
        &mut self,
        a: Operand<'_>,
        b: Operand<'_>,
        span: Span,
    ) -> Diagnostic {
        let text = format!("{} · {} does not fit", self.said(a.0), self.said(b.0));
        Diagnostic::error(Code::S1, span, text)
            .label(a.0.span, self.origin(a))
            .label(b.0.span, self.origin(b))
            .with_note("`·` is a scalar factor or the inner product of two columns of one length")
    }

    /// `*` between two arrays: which product is meant?
    pub(crate) fn which_product(
        &mut self,
        a: Operand<'_>,
        b: Operand<'_>,
        span: Span,
    ) -> Diagnostic {
        let (x, y) = (self.said(a.0), self.said(b.0));
        let text = format!("`{x} * {y}` could be more than one product");
        let mut d = Diagnostic::error(Code::G1, span, text)
            .label(a.0.span, self.origin(a))
            .label(b.0.span, self.origin(b));
        let between = Span { start: a.0.span.end, end: b.0.span.start };
        let (s, t) = (self.shape(a.1), self.shape(b.1));
        if self.dims.equal(&s.cols, &t.rows) {
            let edit = Edit { span: between, with: " ".to_string() };
            d = d.fix(format!("the matrix product: {x} {y}"), vec![edit]);
        }
        if s == t {
            let edit = Edit { span: between, with: " ⊙ ".to_string() };
            d = d.fix(format!("entry by entry: {x} ⊙ {y}"), vec![edit]);
        }
        d
    }

    /// G1: `a ⊙ W b` has two readings.
    pub(crate) fn ambiguous_odot(
        &mut self,
        a: &Expr,
        mid: &Expr,
        b: &Expr,
        span: Span,
    ) -> Option<Diagnostic> {
        let text = format!(
            "`{}` can be read in two ways: a matrix product to the right of ⊙ needs a bracket",
            span.of(&self.origins.text)
        );
        let open = |at: u32| Span { start: at, end: at };
        let edit = |at: u32, with: &str| Edit { span: open(at), with: with.to_string() };
        let (m, w) = (self.said(mid), self.said(b));
        Some(
            Diagnostic::error(Code::G1, span, text)
                .fix(
                    format!("({m} {w}) first"),
                    vec![edit(mid.span.start, "("), edit(b.span.end, ")")],
                )
                .fix(
                    format!("({}) first", self.said(a)),
                    vec![edit(a.span.start, "("), edit(a.span.end, ")")],
                ),
        )
    }

    /// S2: a sum of two shapes.
    pub(crate) fn misfit_sum(
        &mut self,
        op: Binary,
        a: Operand<'_>,
        b: Operand<'_>,
        span: Span,
    ) -> Diagnostic {
        let (s, t) = (self.shape(a.1), self.shape(b.1));
        let (word, sign) = match op {
            Binary::Sub => ("difference", "−"),
            _ => ("sum", "+"),
        };
        let (x, y) = (self.said(a.0), self.said(b.0));
        let text = format!("the {word} {x} {sign} {y} does not fit");
        Diagnostic::error(Code::S2, span, text)
            .label(a.0.span, self.origin(a))
            .label(b.0.span, self.origin(b))
            .with_note(format!("a {word} needs equal shapes: {s} and {t}"))
            .and_notes(self.equal_sizes(&s, &t))
    }

    /// S3: entry by entry between two shapes.
    pub(crate) fn misfit_entrywise(
        &mut self,
        op: Binary,
        a: Operand<'_>,
        b: Operand<'_>,
        span: Span,
    ) -> Diagnostic {
        let (s, t) = (self.shape(a.1), self.shape(b.1));
        let sign = crate::ops::elementwise::binary(op).sign;
        let text = match op {
            Binary::Eq => {
                format!("{} and {} do not have one shape", self.said(a.0), self.said(b.0))
            }
            Binary::Max | Binary::Min => {
                format!("{sign}({}, {}) does not fit", self.said(a.0), self.said(b.0))
            }
            Binary::Mul => format!(
                "the elementwise product {} {sign} {} does not fit",
                self.said(a.0),
                self.said(b.0)
            ),
            _ => format!("{} {sign} {} does not fit", self.said(a.0), self.said(b.0)),
        };
        Diagnostic::error(Code::S3, span, text)
            .label(a.0.span, self.origin(a))
            .label(b.0.span, self.origin(b))
            .with_note(format!(
                "entry by entry needs equal shapes, or a number: {s} and {t}"
            ))
            .and_notes(self.equal_sizes(&s, &t))
    }

    pub(crate) fn misfit_stack(
        &mut self,
        a: Operand<'_>,
        b: Operand<'_>,
        span: Span,
    ) -> Diagnostic {
        let text = "parts on top of each other need as many columns each";
        Diagnostic::error(Code::S2, span, text)
            .label(a.0.span, self.origin(a))
            .label(b.0.span, self.origin(b))
    }

    /// Two arguments of one function that should have one shape.
    pub(crate) fn misfit_arguments(
        &mut self,
        f: &Function,
        a: &(Option<Expr>, NodeId),
        b: &(Option<Expr>, NodeId),
        span: Span,
    ) -> Diagnostic {
        let (s, t) = (self.shape(a.1), self.shape(b.1));
        let mut d = Diagnostic::error(
            Code::S3,
            span,
            format!("{} needs arguments of one shape: {s} and {t}", f.name.written),
        );
        for (e, n) in [a, b] {
            if let Some(e) = e {
                d = d.label(e.span, self.origin((e, *n)));
            }
        }
        d
    }

    pub(crate) fn wrong_argument(
        &self,
        f: &Function,
        arg: &Arg,
        found: usize,
        span: Span,
    ) -> Diagnostic {
        let names: Vec<&str> = f.params.iter().map(|p| p.name.written.as_str()).collect();
        let list = names.join(", ");
        match &arg.name {
            Some(n) => {
                let text =
                    format!("`{}` has no argument `{}`", f.name.written, n.written);
                Diagnostic::error(Code::N1, n.span, text)
                    .hint(format!("its arguments: {list}"))
            }
            None => {
                let text = format!(
                    "`{}` takes {} argument{}, found {found}",
                    f.name.written,
                    names.len(),
                    if names.len() == 1 { "" } else { "s" }
                );
                Diagnostic::error(Code::G2, span, text)
                    .hint(format!("its arguments: {list}"))
            }
        }
    }

    /// Prediction first in a loss, or scores where a probability is expected (rule 11).
    pub(crate) fn check_probability(
        &mut self,
        f: &Function,
        given: &[(Option<Expr>, NodeId)],
        span: Span,
    ) {
        let logs =
            ["cross_entropy", "binary_cross_entropy"].contains(&f.name.key.as_str());
        if !logs || given.len() < 2 {
            return;
        }
        let (Some(a), Some(b)) = (&given[0].0, &given[1].0) else { return };
        if self.is_target(given[1].1) && !self.is_target(given[0].1) {
            let (x, y) = (self.said(a), self.said(b));
            let text = format!("{} takes the target first", f.name.written);
            let edits = vec![
                Edit { span: a.span, with: y.clone() },
                Edit { span: b.span, with: x.clone() },
            ];
            let d = Diagnostic::error(Code::M1, span, text)
                .fix(format!("{}({y}, {x})", f.name.written), edits);
            self.error(d);
            return;
        }
        if !self.is_probability(given[1].1) {
            let y = self.said(b);
            let squash =
                if f.name.key == "cross_entropy" { "softmax" } else { "sigmoid" };
            let text = format!("`{y}` is not known to be a probability");
            let d = Diagnostic::warning(Code::M1, b.span, text).hint(format!(
                "put {squash} in front: {}({}, {squash}({y}))",
                f.name.written,
                self.said(a)
            ));
            self.diags.push(d);
        }
    }

    fn is_target(&self, n: NodeId) -> bool {
        matches!(self.g[n].op, Op::Symbol(s) if self.targets.contains(&s))
    }

    /// Softmax, sigmoid, or something that keeps to [0, 1]; a plain symbol is trusted.
    fn is_probability(&self, n: NodeId) -> bool {
        let arg = |i: usize| self.g[n].args[i];
        match &self.g[n].op {
            Op::Call(f, _) => {
                let name = self.functions.get(*f).name.key.as_str();
                let own = f.0 as usize >= self.functions.shipped;
                own || matches!(name, "softmax" | "sigmoid" | "hard_sigmoid" | "step")
            }
            Op::Symbol(_) | Op::Fill(..) | Op::Slot(..) => true,
            Op::Binary(Binary::Div | Binary::XDivY) => true,
            Op::Binary(_) => self.is_probability(arg(0)) || self.is_probability(arg(1)),
            Op::Transpose | Op::Slice(_) => self.is_probability(arg(0)),
            Op::Stack => self.g[n].args.iter().all(|&a| self.is_probability(a)),
            _ => false,
        }
    }

    /// N1, with the nearest names and the product that was perhaps meant.
    pub(crate) fn unknown(
        &mut self,
        key: &str,
        written: &str,
        span: Span,
        scope: &Scope,
        called: bool,
    ) -> Option<NodeId> {
        if self.functions.find(key).is_some() || super::is_builtin(key) {
            let text = format!("`{written}` is a function, here stands a value");
            let d = Diagnostic::error(Code::G2, span, text)
                .hint(format!("call it: {written}(…)"));
            return self.error(d);
        }
        if self.later.iter().any(|l| l == key) {
            let own = self.later.last().is_some_and(|l| l == key);
            let text = match own {
                true => format!("`{written}` depends on itself"),
                false => format!("`{written}` is used before it is defined"),
            };
            let place = self.origins.places.get(key).copied().unwrap_or_default();
            let d = Diagnostic::error(Code::N3, span, text).label(place, "defined here");
            return self.error(d);
        }
        let mut d =
            Diagnostic::error(Code::N1, span, format!("`{written}` is not known"));
        let mut names = self.known_names(scope);
        if let Some((a, b)) = split_product(key, &names) {
            let with = format!("{a} {b}");
            d = d.fix(format!("a product: {with}"), vec![Edit { span, with }]);
        }
        let rest = self.origins.text.get(span.end as usize..).unwrap_or("");
        let called = called || rest.starts_with('(');
        if called {
            let functions = self.functions.all.iter().flat_map(crate::functions::names);
            names.extend(functions.map(str::to_string));
            names.extend(super::calls::builtin_names().map(str::to_string));
        }
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Some(twin) = alike(key, &all) {
            let signs: Vec<String> =
                twin.chars().map(|c| format!("U+{:04X}", c as u32)).collect();
            let text =
                format!("`{twin}` ({}), which only looks the same?", signs.join(" "));
            d = d.fix(text, vec![Edit { span, with: twin.to_string() }]);
        }
        let near = nearest(key, &all);
        if let Some(near) = near.or_else(|| held(key, &all).filter(|_| called)) {
            let edit = Edit { span, with: near.to_string() };
            d = d.fix(format!("did you mean `{near}`?"), vec![edit]);
        }
        if d.hints.is_empty() {
            d = d.hint(match called {
                true => format!(
                    "define it ({written}(z) = …); `chainrule functions` lists what there is"
                ),
                false => format!(
                    "declare it (param {written} : …) or give it a value ({written} := …)"
                ),
            });
        }
        self.error(d)
    }

    /// Every name that could stand here.
    pub(crate) fn known_names(&self, scope: &Scope) -> Vec<String> {
        let locals = scope.locals.iter().map(|(k, _)| k.clone());
        let globals = self.names.iter().filter(|(_, m)| **m != Meaning::Dim);
        let globals = globals.filter(|_| !scope.closed).map(|(k, _)| k.clone());
        locals.chain(globals).filter(|k| !k.starts_with('\u{0}')).collect()
    }
}

/// The longest known name that stands inside of the word: `CrossEntropyLoss` is near
/// `cross_entropy`.
fn held<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    const SHORTEST: usize = 4;
    let word = crate::functions::folded(word);
    let inside = |n: &&&str| {
        let n = crate::functions::folded(n);
        n.len() >= SHORTEST && word.contains(&n)
    };
    names.iter().filter(inside).max_by_key(|n| n.len()).copied()
}

/// A left operand `A B` of `A B x`: what touches `x` is `B`.
fn last_factor<'e>(l: &Lowerer<'_>, (e, n): Operand<'e>) -> Operand<'e> {
    match &e.kind {
        ExprKind::Binary(BinaryOp::Space | BinaryOp::At, _, b)
            if l.g[n].op == Op::MatMul =>
        {
            (b, l.g[n].args[1])
        }
        _ => (e, n),
    }
}

fn span_end(span: Span) -> Span {
    Span { start: span.end, end: span.end }
}

fn strip(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Paren(x) | ExprKind::Transpose(x) => strip(x),
        _ => e,
    }
}

/// The symbols of an expression.
fn written_names<'e>(e: &'e Expr, out: &mut Vec<&'e crate::syntax::ast::Name>) {
    match &e.kind {
        ExprKind::Name(n) => out.push(n),
        _ => super::children(e).into_iter().for_each(|c| written_names(c, out)),
    }
}

/// `Wx` as `W x` if both are known.
fn split_product(key: &str, names: &[String]) -> Option<(String, String)> {
    let cuts = key.char_indices().map(|(i, _)| i).skip(1);
    cuts.map(|i| key.split_at(i))
        .find(|(a, b)| names.iter().any(|n| n == a) && names.iter().any(|n| n == b))
        .map(|(a, b)| (a.to_string(), b.to_string()))
}
