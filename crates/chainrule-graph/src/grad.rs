//! Reverse mode, graph to graph: one adjoint per node, in the same graph.
//!
//! In: a graph, a root (or a seed for it), the nodes to differentiate by. Out: one gradient per
//! such node, of its shape. Invariant: a shared node that serves every example gets the mean
//! over the examples of what each one asks for, since the objective is such a mean. Deliberately
//! absent: simplification.

use std::collections::BTreeMap;

use crate::functions::Functions;
use crate::graph::{Axis, Binary, FuncId, Graph, NodeId, Op};
use crate::lower::{Form, Lowerer, Mode};
use crate::ops::pullback;
use crate::shape::Dims;
use crate::syntax::ast::{Expr, ExprKind, Layout};

/// What differentiation needs beside the graph.
pub(crate) struct Context<'a> {
    pub functions: &'a Functions,
    pub layout: Layout,
    pub dims: &'a mut Dims,
}

/// The gradient of scalar `root` by each of `by`; a node that it does not depend on gets zeros.
pub(crate) fn gradients(
    g: &mut Graph,
    cx: &mut Context<'_>,
    root: NodeId,
    by: &[NodeId],
) -> Vec<NodeId> {
    let one = match g[root].shape.is_scalar() {
        true => g.number(1.0),
        false => {
            let shape = g[root].shape.clone();
            g.fill(1.0, shape)
        }
    };
    seeded(g, cx, root, one, by, false)
}

/// The same with the gradient of `root` given; with `stop` the walk ends at each of `by`, even
/// if another one lies below it (the arguments of a body that was put in).
pub(crate) fn seeded(
    g: &mut Graph,
    cx: &mut Context<'_>,
    root: NodeId,
    seed: NodeId,
    by: &[NodeId],
    stop: bool,
) -> Vec<NodeId> {
    let depends = depends_on(g, by);
    let mut adjoint: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    let each_root = g[root].each;
    adjoint.insert(root, seed);
    let mut done = BTreeMap::new();
    while let Some((n, dy)) = adjoint.pop_last() {
        done.insert(n, dy);
        if by.contains(&n) && (stop || !depends_below(g, n, &depends)) {
            continue;
        }
        for (arg, d) in contributions(g, cx, n, dy, &depends) {
            let d = if g[d].each && !g[arg].each && !each_root {
                g.add(Op::ExMean, &[d], g[d].span)
            } else {
                d
            };
            let sum = match adjoint.get(&arg) {
                // Paths are met from the last equation to the first; the reader sees them in order.
                Some(&old) => g.binary(Binary::Add, d, old),
                None => d,
            };
            adjoint.insert(arg, sum);
        }
    }
    by.iter()
        .map(|b| {
            done.get(b).copied().unwrap_or_else(|| {
                let shape = g[*b].shape.clone();
                g.fill(0.0, shape)
            })
        })
        .collect()
}

/// Whether an argument of a wanted node is wanted too (then the walk goes on below it).
fn depends_below(g: &Graph, n: NodeId, depends: &[bool]) -> bool {
    g[n].args.iter().any(|a| depends.get(a.0 as usize).copied().unwrap_or(false))
}

/// Which nodes depend on one of `by`.
fn depends_on(g: &Graph, by: &[NodeId]) -> Vec<bool> {
    let mut out = vec![false; g.len()];
    for (id, node) in g.iter() {
        out[id.0 as usize] =
            by.contains(&id) || node.args.iter().any(|a| out[a.0 as usize]);
    }
    out
}

/// What each argument of `n` gets from its gradient `dy`.
fn contributions(
    g: &mut Graph,
    cx: &mut Context<'_>,
    n: NodeId,
    dy: NodeId,
    depends: &[bool],
) -> Vec<(NodeId, NodeId)> {
    let args = g[n].args.clone();
    let wanted: Vec<bool> = args
        .iter()
        .map(|a| depends.get(a.0 as usize).copied().unwrap_or(false))
        .collect();
    if !wanted.contains(&true) {
        return Vec::new();
    }
    let parts = match g[n].op.clone() {
        Op::Call(f, axis) => call(g, cx, f, axis, &args, &wanted, dy),
        Op::Deriv(f, i) => second(g, cx, f, i, &args, &wanted, dy),
        _ => pullback::pullback(g, n, dy),
    };
    let keep = args.into_iter().zip(parts).zip(wanted);
    keep.filter_map(|((a, d), w)| if w { d.map(|d| (a, d)) } else { None }).collect()
}

/// The pullback of a call that is kept whole.
fn call(
    g: &mut Graph,
    cx: &mut Context<'_>,
    f: FuncId,
    axis: Option<Axis>,
    args: &[NodeId],
    wanted: &[bool],
    dy: NodeId,
) -> Vec<Option<NodeId>> {
    if cx.functions.is_entrywise(f) {
        return entrywise(g, cx, f, args, wanted, dy);
    }
    let mode = mode_of(g, cx, args[0], axis);
    let mut lowerer = Lowerer::new(g, cx.dims, cx.functions, cx.layout);
    let line = lowerer.apply(f, args, Form::Derivative, mode, Some(dy));
    if let Some(d) = line {
        let only_first = wanted[1..].iter().all(|w| !w);
        if only_first {
            return vec![Some(d)];
        }
    }
    let body = lowerer.apply(f, args, Form::Definition, mode, None);
    let Some(body) = body else { return vec![None; args.len()] };
    through(g, cx, body, dy, args)
}

/// Reverse mode through a body that was just put in, down to its arguments.
fn through(
    g: &mut Graph,
    cx: &mut Context<'_>,
    body: NodeId,
    dy: NodeId,
    args: &[NodeId],
) -> Vec<Option<NodeId>> {
    seeded(g, cx, body, dy, args, true).into_iter().map(Some).collect()
}

/// How a function of one example sees its argument.
pub(crate) fn mode_of(
    g: &mut Graph,
    cx: &mut Context<'_>,
    x: NodeId,
    axis: Option<Axis>,
) -> Mode {
    match axis {
        Some(Axis::All) => Mode::Plain,
        Some(Axis::Rows) => Mode::Columns,
        Some(Axis::Cols) => Mode::Rows,
        None => {
            let lowerer = Lowerer::new(g, cx.dims, cx.functions, cx.layout);
            lowerer.mode_for(x, &crate::lower::Scope::open())
        }
    }
}

/// dy ⊙ f'(z), summed where an argument is one number that served all entries.
fn entrywise(
    g: &mut Graph,
    cx: &mut Context<'_>,
    f: FuncId,
    args: &[NodeId],
    wanted: &[bool],
    dy: NodeId,
) -> Vec<Option<NodeId>> {
    let mut out = Vec::new();
    for (i, &a) in args.iter().enumerate() {
        if !wanted[i] {
            out.push(None);
            continue;
        }
        let d = derivative(g, cx, f, i, args);
        let p = g.binary(Binary::Mul, dy, d);
        let narrow = g[a].shape.is_scalar() && !g[p].shape.is_scalar();
        out.push(Some(if narrow { g.sum(Axis::All, p) } else { p }));
    }
    out
}

/// f' with respect to argument i: in terms of the function's own value where the entry says so
/// (σ' = σ (1 − σ)), else as `f'(z)`.
fn derivative(
    g: &mut Graph,
    cx: &mut Context<'_>,
    f: FuncId,
    i: usize,
    args: &[NodeId],
) -> NodeId {
    let entry = cx.functions.get(f);
    let own = |e: &Expr| mentions_call(e, &|name| cx.functions.find(name) == Some(f));
    let by_value = i == 0 && entry.derivative.as_ref().is_some_and(own);
    let plain = i == 0 && entry.derivative.as_ref().is_some_and(|e| !has_cases(e));
    if by_value || plain {
        let mut lowerer = Lowerer::new(g, cx.dims, cx.functions, cx.layout);
        if let Some(d) = lowerer.apply(f, args, Form::Derivative, Mode::Plain, None) {
            return d;
        }
    }
    let span = g[args[0]].span;
    g.add(Op::Deriv(f, i as u8), args, span)
}

fn has_cases(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Cases(..))
        || crate::lower::children(e).into_iter().any(has_cases)
}

fn mentions_call(e: &Expr, own: &dyn Fn(&str) -> bool) -> bool {
    let here = matches!(&e.kind, ExprKind::Call { func, .. } if own(&func.key));
    here || crate::lower::children(e).into_iter().any(|c| mentions_call(c, own))
}

/// The gradient of a first derivative: put its equation in and go through that.
fn second(
    g: &mut Graph,
    cx: &mut Context<'_>,
    f: FuncId,
    i: u8,
    args: &[NodeId],
    wanted: &[bool],
    dy: NodeId,
) -> Vec<Option<NodeId>> {
    let body = crate::expand::derivative_body(g, cx, f, i, args);
    let _ = wanted;
    match body {
        Some(body) => through(g, cx, body, dy, args),
        None => vec![None; args.len()],
    }
}
