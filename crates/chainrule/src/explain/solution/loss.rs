//! The loss: its definition with the function's equation put in, the term that a one-hot target
//! leaves, its value; what is minimised.

use std::collections::BTreeMap;

use chainrule_graph::module::Symbol;
use chainrule_graph::syntax::ast::{BinaryOp, Expr, ExprKind, Index, Layout, Mark};
use chainrule_graph::syntax::element;
use chainrule_graph::value::Mat;

use super::context::Context;
use super::fill::Fill;
use super::forward;
use crate::explain::formula::{Formula, call, expr, name, op, paren};
use crate::explain::tree::{Block, Inline, Line, because, words};

pub(super) fn blocks(cx: &Context<'_>) -> Vec<Block> {
    let Some((node, called)) = cx.loss() else { return Vec::new() };
    let mut out = Vec::new();
    if let Some(i) = cx.m.equations.iter().position(|e| e.node == node) {
        let written = cx.written(&cx.m.equations[i]);
        let label = Some(cx.label(i));
        let meant = definition(cx, &written);
        let formula = Formula::of(name(&called)).equals(written.clone());
        let formula = meant.iter().cloned().fold(formula, Formula::equals);
        out.push(Block::Line(Line { label, formula, reason: Vec::new() }));
        out.extend(surviving_term(cx, &called, node, meant.as_ref().unwrap_or(&written)));
        out.extend(numbers(cx, node, &called, &written));
    }
    out.extend(objective(cx));
    out
}

/// The loss with its numbers.
fn numbers(
    cx: &Context<'_>,
    node: chainrule_graph::graph::NodeId,
    called: &str,
    written: &Expr,
) -> Vec<Block> {
    if cx.file.value(node).is_none() {
        return Vec::new();
    }
    let all = forward::value(cx, &cx.file, node, called, written, None);
    // The symbolic side stands above; here begins what the numbers come to.
    let shorter = |b: Block| match b {
        Block::Line(mut l) if l.formula.rest.len() > 1 => {
            l.formula.rest.remove(0);
            Block::Line(l)
        }
        b => b,
    };
    all.into_iter().map(shorter).collect()
}

/// What is minimised, where it is more than the loss.
fn objective(cx: &Context<'_>) -> Vec<Block> {
    let Some(o) = cx.m.objective.as_ref().filter(|o| o.said) else { return Vec::new() };
    let at = cx.m.equations.iter().position(|e| e.node == o.node);
    let label = at.map(|i| cx.label(i));
    let printed = cx.printer(&cx.m.graph, &cx.file.names).inside(o.node);
    if cx.file.value(o.node).is_none() {
        let formula = Formula::of(name(&o.shown)).equals(printed);
        return vec![Block::Line(Line { label, formula, reason: words("minimised") })];
    }
    forward::value(cx, &cx.file, o.node, &o.shown, &printed, label)
}

/// A call of a function of the table, as its equation with the arguments put in.
fn definition(cx: &Context<'_>, e: &Expr) -> Option<Expr> {
    let ExprKind::Call { func, primes: 0, args } = &e.kind else { return None };
    let f = cx.m.functions.get(cx.m.functions.find(&func.key)?);
    let mut values: BTreeMap<String, Expr> = BTreeMap::new();
    for (k, p) in f.params.iter().enumerate() {
        let named =
            args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.key == p.name.key));
        let given = named.or_else(|| args.get(k).filter(|a| a.name.is_none()));
        let value = given.map(|a| a.value.clone()).or_else(|| p.default.clone())?;
        values.insert(p.name.key.clone(), value);
    }
    Some(replaced(&f.body, &values))
}

/// A tree with other trees for its names, in brackets where they are more than a name.
fn replaced(e: &Expr, values: &BTreeMap<String, Expr>) -> Expr {
    if let ExprKind::Name(n) = &e.kind {
        return match values.get(&n.key) {
            Some(v) if matches!(v.kind, ExprKind::Binary(..) | ExprKind::Neg(_)) => {
                paren(v.clone())
            }
            Some(v) => v.clone(),
            None => e.clone(),
        };
    }
    let mut out = e.clone();
    if let ExprKind::Call { args, .. } = &mut out.kind {
        for a in args {
            a.value = match &a.value.kind {
                // An argument needs no bracket.
                ExprKind::Name(n) => {
                    values.get(&n.key).cloned().unwrap_or_else(|| a.value.clone())
                }
                _ => replaced(&a.value, values),
            };
        }
        return out;
    }
    for child in chainrule_graph::lower::children_mut(&mut out) {
        *child = replaced(child, values);
    }
    out
}

/// Targets with one 1 and otherwise 0, by their mark or by their value.
pub(super) fn one_hot<'c>(cx: &'c Context<'_>) -> Vec<&'c Symbol> {
    let by_value = |s: &Symbol| {
        let Some(v) = &s.value else { return false };
        let bits = v.data.iter().all(|x| *x == 0.0 || *x == 1.0);
        let one = |j: usize| (v.column(j).data.iter().sum::<f64>() - 1.0).abs() < 0.5;
        v.rows > 1 && bits && (0..v.cols).all(one)
    };
    let is = |s: &&Symbol| match s.mark {
        Some(Mark::OneHot) => true,
        Some(_) => false,
        None => s.shape.cols.is_one() && by_value(s),
    };
    match cx.m.layout {
        Layout::One => cx.m.symbols.iter().filter(is).collect(),
        Layout::Columns | Layout::Rows => Vec::new(),
    }
}

/// The place of the 1, from 1, where it is one and known.
fn place(cx: &Context<'_>, y: &Symbol) -> Option<usize> {
    let v = cx.state.values.get(&y.id).filter(|v| v.cols == 1)?;
    v.data.iter().position(|x| *x == 1.0).map(|k| k + 1)
}

/// "y has its 1 at entry 2: one term survives, L = −log(ŷ[2])".
fn surviving_term(
    cx: &Context<'_>,
    called: &str,
    node: chainrule_graph::graph::NodeId,
    meant: &Expr,
) -> Vec<Block> {
    let found = one_hot(cx).into_iter().find_map(|y| {
        let k = match place(cx, y) {
            Some(k) => number_index(k),
            None => name("k"),
        };
        Some((y, picked_loss(meant, &y.key, &k)?, k))
    });
    let Some((y, term, k)) = found else { return Vec::new() };
    let mut formula = Formula::of(name(called)).equals(term.clone());
    let value = cx.file.mat(node).filter(Mat::is_scalar);
    if let Some(v) = value {
        let values = leaf_values(cx, &term);
        let fill = Fill { cx, w: &cx.file };
        formula = formula.equals(fill.filled(&term, &values, true)).value(&v, cx.digits);
    }
    let reason = vec![
        Inline::Formula(Formula::of(name(&y.shown))),
        Inline::Words(" has its 1 at entry ".to_owned()),
        Inline::Formula(Formula::of(k)),
        Inline::Words(": this term survives, the others are 0".to_owned()),
    ];
    vec![because(formula, reason)]
}

fn number_index(k: usize) -> Expr {
    expr(ExprKind::Number(k as f64, k.to_string()))
}

/// Values of the names in a tree.
fn leaf_values(cx: &Context<'_>, e: &Expr) -> BTreeMap<String, Mat> {
    let mut out = BTreeMap::new();
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        if let ExprKind::Name(n) = &e.kind {
            let node = cx.m.equation(&n.key).map(|e| e.node);
            let symbol = cx.m.symbol(&n.key).and_then(|s| cx.state.values.get(&s.id));
            let value = node.and_then(|n| cx.file.mat(n)).or_else(|| symbol.cloned());
            out.extend(value.map(|v| (n.key.clone(), v)));
        }
        open.extend(chainrule_graph::lower::children(e));
    }
    out
}

/// A sum over the entries of y ⊙ e with y one-hot at k, as e[k].
fn picked_loss(e: &Expr, y: &str, k: &Expr) -> Option<Expr> {
    match &e.kind {
        ExprKind::Paren(x) => picked_loss(x, y, k),
        ExprKind::Neg(x) => {
            let x = picked_loss(x, y, k)?;
            Some(expr(ExprKind::Neg(Box::new(x))))
        }
        ExprKind::Call { func, args, .. } if func.key == "sum" && args.len() == 1 => {
            let rest = without(&args[0].value, &|e| is_name(e, y))?;
            Some(entry(&rest, k))
        }
        ExprKind::Sum { index, body, .. } => {
            let own = |e: &Expr| {
                matches!(&e.kind, ExprKind::Name(n) if element(&n.key) == Some((y, index.key.as_str())))
                    || matches!(&e.kind, ExprKind::Element(b, i) if is_name(b, y) && i.len() == 1)
            };
            let rest = without(body, &own)?;
            Some(reindexed(&rest, &index.key, k))
        }
        ExprKind::Binary(BinaryOp::Space, a, b) => match &a.kind {
            ExprKind::Transpose(x) if is_name(x, y) => Some(entry(b, k)),
            _ => None,
        },
        _ => None,
    }
}

fn is_name(e: &Expr, key: &str) -> bool {
    matches!(&e.kind, ExprKind::Name(n) if n.key == key)
}

/// A product without the factor that fits.
fn without(e: &Expr, fits: &dyn Fn(&Expr) -> bool) -> Option<Expr> {
    let ExprKind::Binary(o, a, b) = &e.kind else { return None };
    match o {
        BinaryOp::Odot | BinaryOp::Space | BinaryOp::Dot | BinaryOp::Star => {
            if fits(a) {
                return Some((**b).clone());
            }
            if fits(b) {
                return Some((**a).clone());
            }
            let inner = without(a, fits)?;
            Some(op(*o, inner, (**b).clone()))
        }
        _ => None,
    }
}

/// Entry k of an entry-by-entry expression.
fn entry(e: &Expr, k: &Expr) -> Expr {
    match &e.kind {
        ExprKind::Name(_) => {
            expr(ExprKind::Element(Box::new(e.clone()), vec![Index::At(k.clone())]))
        }
        ExprKind::Call { func, args, .. } => {
            let args = args.iter().map(|a| entry(&a.value, k)).collect();
            call(&func.key, 0, args)
        }
        ExprKind::Number(..) | ExprKind::Element(..) => e.clone(),
        _ => {
            let mut out = e.clone();
            for child in chainrule_graph::lower::children_mut(&mut out) {
                *child = entry(child, k);
            }
            out
        }
    }
}

/// `ŷ_i` as `ŷ[k]`.
fn reindexed(e: &Expr, index: &str, k: &Expr) -> Expr {
    if let ExprKind::Name(n) = &e.kind
        && let Some((base, i)) = element(&n.key)
        && i == index
    {
        return entry(&name(base), k);
    }
    let mut out = e.clone();
    for child in chainrule_graph::lower::children_mut(&mut out) {
        *child = reindexed(child, index, k);
    }
    out
}
