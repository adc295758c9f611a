//! Jacobians, equation by equation, with their cases: i = k and i ≠ k; what a one-hot target makes
//! of the loss's gradient.
//!
//! In: a file. Out: lines such as `∂ŷ[k]/∂z2[i] = ŷ[k] (1 − ŷ[k]) if i = k else −ŷ[k] ŷ[i]`, asked of
//! the same interface that answers single questions. Deliberately absent: numbers.

use chainrule_graph::graph::{NodeId, Op};
use chainrule_graph::module::{Equation, Module};
use chainrule_graph::syntax::ast::{BinaryOp, Expr, ExprKind, Index};

use super::context::Context;
use super::loss::one_hot;
use crate::explain::formula::{Formula, expr, name, number, op, paren, partial};
use crate::explain::tree::{Block, Inline, because, line, words};
use crate::explain::{AskOptions, ask};

/// More pairs of equations than this are left to questions.
const MOST: usize = 16;

pub(super) fn blocks(cx: &Context<'_>) -> Vec<Block> {
    let m = without_examples(cx.m);
    let pairs = pairs(cx);
    if pairs.is_empty() || pairs.len() > MOST {
        return Vec::new();
    }
    let asker = Asker { cx, m: &m };
    let mut out: Vec<Block> = Vec::new();
    for (e, x) in &pairs {
        out.extend(asker.jacobian(e, x));
    }
    for (e, x) in &pairs {
        out.extend(asker.one_hot(e, x));
    }
    out
}

/// Cases are about one example, whatever values are given.
fn without_examples(m: &Module) -> Module {
    let mut out = m.clone();
    for s in out.symbols.iter_mut().filter(|s| s.each) {
        s.value = None;
    }
    out
}

/// Columns that are computed from columns: (later, earlier).
fn pairs<'c>(cx: &'c Context<'_>) -> Vec<(&'c Equation, &'c Equation)> {
    let column = |n: NodeId| {
        let shape = &cx.m.graph[n].shape;
        shape.cols.is_one() && !shape.rows.is_one()
    };
    let mut out = Vec::new();
    for e in cx.m.equations.iter().filter(|e| column(e.node)) {
        let mut open = cx.m.graph[e.node].args.clone();
        while let Some(n) = open.pop() {
            match cx.m.equations.iter().find(|x| x.node == n && x.node != e.node) {
                Some(x) if column(n) => out.push((e, x)),
                Some(_) => {}
                None => open.extend(&cx.m.graph[n].args),
            }
        }
    }
    out
}

struct Asker<'a> {
    cx: &'a Context<'a>,
    m: &'a Module,
}

impl Asker<'_> {
    fn asked(&self, q: &str) -> Option<Expr> {
        let report = ask(self.m, &AskOptions::default(), &[q.to_owned()]);
        let answer = report.replies.into_iter().next()?.answer.ok()?;
        Some(self.cx.read(&answer.symbolic?))
    }

    /// ∂E/∂X whole; by entries where a function stands between.
    fn jacobian(&self, e: &Equation, x: &Equation) -> Vec<Block> {
        let (a, b) = (&e.shown, &x.shown);
        let whole = self.asked(&format!("d{a}/d{b}"));
        let mut out: Vec<Block> = whole
            .map(|j| line(Formula::of(partial(a, b)).equals(j)))
            .into_iter()
            .collect();
        let Op::Call(f, _) = self.cx.m.graph[e.node].op else { return out };
        let entrywise = self.cx.m.functions.is_entrywise(f);
        let (top, by) =
            (format!("{a}[{}]", if entrywise { "i" } else { "k" }), format!("{b}[i]"));
        if let Some(j) = self.asked(&format!("d{top}/d{by}")) {
            let reason = match entrywise {
                true => words("0 for another index: an entry moves with its own only"),
                false => words("by cases"),
            };
            out.push(because(Formula::of(partial(&top, &by)).equals(j), reason));
        }
        out
    }

    /// With y one-hot at k: −1/p_k times the Jacobian's cases.
    fn one_hot(&self, e: &Equation, x: &Equation) -> Vec<Block> {
        let (Some((_, loss)), Op::Call(f, _)) =
            (self.cx.loss(), &self.cx.m.graph[e.node].op)
        else {
            return Vec::new();
        };
        if self.cx.m.functions.is_entrywise(*f) {
            return Vec::new();
        }
        let found = one_hot(self.cx);
        let Some(y) = found.first().map(|s| s.key.as_str()) else { return Vec::new() };
        let (p, z) = (&e.shown, &x.shown);
        let outer = self.asked(&format!("d{loss}/d{p}[k]"));
        let inner = self.asked(&format!("d{p}[k]/d{z}[i]"));
        let total = self.asked(&format!("d{loss}/d{z}[i]"));
        let (Some(outer), Some(inner), Some(total)) = (outer, inner, total) else {
            return Vec::new();
        };
        let ExprKind::Cases(yes, _, no) = inner.kind else { return Vec::new() };
        let hot = |e: &Expr| is_element(e, y);
        if !any(&total, &hot) || !any(&outer, &hot) {
            return Vec::new();
        }
        let outer = folded(&set(&outer, y, 1.0));
        let left = format!("{z}[i]");
        let chain = op(
            BinaryOp::Space,
            partial(&loss, &format!("{p}[k]")),
            partial(&format!("{p}[k]"), &left),
        );
        let one = |when: &str, factor: &Expr, hot: f64| {
            let result = folded(&set(&total, y, hot));
            let result = if hot == 1.0 { renamed(&result) } else { result };
            let product = op(BinaryOp::Space, bracketed(&outer), bracketed(factor));
            let formula = Formula::of(partial(&loss, &left))
                .equals(chain.clone())
                .equals(product)
                .equals(result)
                .boxed();
            because(formula, self.cx.say(when))
        };
        let head = vec![
            Inline::Formula(Formula::of(name(y))),
            Inline::Words(" has its 1 at entry ".to_owned()),
            Inline::Formula(Formula::of(name("k"))),
            Inline::Words("; both cases of ".to_owned()),
            Inline::Formula(Formula::of(name("i"))),
            Inline::Words(":".to_owned()),
        ];
        vec![
            Block::Words(head),
            one("where `i = k`", &yes, 1.0),
            one("where `i ≠ k`", &no, 0.0),
        ]
    }
}

fn bracketed(e: &Expr) -> Expr {
    match e.kind {
        ExprKind::Binary(BinaryOp::Space | BinaryOp::Add | BinaryOp::Sub, ..)
        | ExprKind::Neg(_)
        | ExprKind::Binary(BinaryOp::Div, ..) => paren(e.clone()),
        _ => e.clone(),
    }
}

fn is_element(e: &Expr, of: &str) -> bool {
    matches!(&e.kind, ExprKind::Element(b, _) if matches!(&b.kind, ExprKind::Name(n) if n.key == of))
}

fn any(e: &Expr, fits: &dyn Fn(&Expr) -> bool) -> bool {
    fits(e) || chainrule_graph::lower::children(e).into_iter().any(|c| any(c, fits))
}

/// y's entry as a number.
fn set(e: &Expr, y: &str, value: f64) -> Expr {
    if is_element(e, y) {
        return number(value, 6);
    }
    let mut out = e.clone();
    for child in chainrule_graph::lower::children_mut(&mut out) {
        *child = set(child, y, value);
    }
    out
}

/// Index i called k, where they are one.
fn renamed(e: &Expr) -> Expr {
    let mut out = e.clone();
    if let ExprKind::Element(_, index) = &mut out.kind {
        for i in index {
            if let Index::At(at) = i
                && matches!(&at.kind, ExprKind::Name(n) if n.key == "i")
            {
                *at = name("k");
            }
        }
        return out;
    }
    for child in chainrule_graph::lower::children_mut(&mut out) {
        *child = renamed(child);
    }
    out
}

/// Zeros and ones gone: a − 0, 0 a, 1 a, −0.
pub(super) fn folded(e: &Expr) -> Expr {
    let mut e = e.clone();
    for child in chainrule_graph::lower::children_mut(&mut e) {
        *child = folded(child);
    }
    let is = |e: &Expr, v: f64| matches!(e.kind, ExprKind::Number(x, _) if x == v);
    match e.kind {
        ExprKind::Paren(x)
            if matches!(
                x.kind,
                ExprKind::Name(_)
                    | ExprKind::Number(..)
                    | ExprKind::Call { .. }
                    | ExprKind::Element(..)
            ) =>
        {
            *x
        }
        ExprKind::Neg(x) if is(&x, 0.0) => *x,
        ExprKind::Binary(o, a, b) => match o {
            BinaryOp::Add if is(&a, 0.0) => *b,
            BinaryOp::Add | BinaryOp::Sub if is(&b, 0.0) => *a,
            BinaryOp::Sub if is(&a, 0.0) => expr(ExprKind::Neg(b)),
            BinaryOp::Space | BinaryOp::Dot | BinaryOp::Odot | BinaryOp::Star
                if is(&a, 0.0) || is(&b, 0.0) =>
            {
                number(0.0, 6)
            }
            BinaryOp::Space | BinaryOp::Dot | BinaryOp::Odot | BinaryOp::Star
                if is(&a, 1.0) =>
            {
                *b
            }
            BinaryOp::Div if is(&a, 0.0) => *a,
            BinaryOp::Div if is(&b, 1.0) => *a,
            _ => expr(ExprKind::Binary(o, a, b)),
        },
        kind => expr(kind),
    }
}
