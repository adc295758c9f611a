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
    seeded_with(g, cx, (root, seed), by, stop, &BTreeMap::new())
}

/// The same where the gradient by some nodes is `given`: what lies below them is reached with that.
pub(crate) fn seeded_with(
    g: &mut Graph,
    cx: &mut Context<'_>,
    (root, seed): (NodeId, NodeId),
    by: &[NodeId],
    stop: bool,
    given: &BTreeMap<NodeId, NodeId>,
) -> Vec<NodeId> {
    let depends = depends_on(g, by);
    let reading = Reading::new(g, root);
    let mut adjoint: BTreeMap<NodeId, Vec<Path>> = BTreeMap::new();
    let each_root = g[root].each;
    adjoint
        .insert(root, vec![Path { place: Vec::new(), forks: Vec::new(), value: seed }]);
    let mut done = BTreeMap::new();
    while let Some((n, mut paths)) = adjoint.pop_last() {
        paths.sort_by(|a, b| a.place.cmp(&b.place));
        let dy = added(g, &paths);
        done.insert(n, dy);
        if by.contains(&n) && (stop || !depends_below(g, n, &depends)) {
            continue;
        }
        let dy = given.get(&n).copied().unwrap_or(dy);
        // Through numbers the reader sees the sum over paths; elsewhere a sum of matrices.
        let several = paths.iter().any(|p| p.forks != paths[0].forks);
        let several = several && !given.contains_key(&n);
        let apart = several && paths.len() <= MOST_PATHS && only_numbers(g, n);
        if !apart {
            paths.truncate(1);
            paths[0] = Path { place: Vec::new(), forks: Vec::new(), value: dy };
        }
        for path in paths {
            for (arg, d) in contributions(g, cx, n, path.value, &depends) {
                let mean = g[d].each && !g[arg].each && !each_root;
                let value = if mean { g.add(Op::ExMean, &[d], g[d].span) } else { d };
                let (at, owner) = reading.of(n);
                let place = [&[at], path.place.as_slice()].concat();
                let forks = [&[owner], path.forks.as_slice()].concat();
                adjoint.entry(arg).or_default().push(Path { place, forks, value });
            }
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

/// What a node gets along one way from the root, where a reader meets that way, and through
/// which equations it goes.
struct Path {
    place: Vec<usize>,
    forks: Vec<NodeId>,
    value: NodeId,
}

/// More paths than this are added up before they go on.
const MOST_PATHS: usize = 8;

/// The sum over the paths, in their order.
fn added(g: &mut Graph, paths: &[Path]) -> NodeId {
    let first = paths[0].value;
    paths[1..].iter().fold(first, |sum, p| g.binary(Binary::Add, sum, p.value))
}

/// Whether a node and all its arguments are single numbers.
fn only_numbers(g: &Graph, n: NodeId) -> bool {
    let single = |n: NodeId| g[n].shape.is_scalar();
    single(n) && g[n].args.iter().all(|&a| single(a))
}

/// When each node is met first by somebody who reads from the root, left to right, and in which
/// equation.
struct Reading(BTreeMap<NodeId, (usize, NodeId)>);

impl Reading {
    fn new(g: &Graph, root: NodeId) -> Self {
        let mut out = BTreeMap::new();
        let mut open = vec![(root, root)];
        while let Some((n, above)) = open.pop() {
            if out.contains_key(&n) {
                continue;
            }
            let owner = if g.is_equation(n) { n } else { above };
            out.insert(n, (out.len(), owner));
            open.extend(g[n].args.iter().rev().map(|a| (*a, owner)));
        }
        Self(out)
    }

    fn of(&self, n: NodeId) -> (usize, NodeId) {
        self.0.get(&n).copied().unwrap_or((usize::MAX, n))
    }
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
    let mut parts = match g[n].op.clone() {
        Op::Call(f, axis) => call(g, cx, f, axis, &args, &wanted, dy),
        Op::Deriv(f, i) => second(g, cx, f, i, &args, dy),
        _ => pullback::pullback(g, n, dy),
    };
    picked(g, cx, n, dy, &mut parts);
    let keep = args.into_iter().zip(parts).zip(wanted);
    keep.filter_map(|((a, d), w)| if w { d.map(|d| (a, d)) } else { None }).collect()
}

/// Behind a case that is not taken nothing may be multiplied (0 times infinity): what an
/// entry-by-entry operation gives there is picked again.
fn picked(
    g: &mut Graph,
    cx: &Context<'_>,
    n: NodeId,
    dy: NodeId,
    parts: &mut [Option<NodeId>],
) {
    let single = match g[n].op {
        Op::Unary(_) | Op::Binary(_) => true,
        Op::Call(f, None) | Op::Deriv(f, _) => cx.functions.is_entrywise(f),
        _ => false,
    };
    if !single || g[dy].op != Op::Select {
        return;
    }
    let case = g[dy].args.clone();
    let zero = |n: NodeId| g.constant(n) == Some(0.0);
    let (first, second) = (zero(case[2]), zero(case[1]));
    if first == second {
        return;
    }
    for p in parts.iter_mut().flatten() {
        if *p == dy || g[*p].shape != g[dy].shape {
            continue;
        }
        let zero = g.number(0.0);
        let args = if first { [case[0], *p, zero] } else { [case[0], zero, *p] };
        *p = g.add(Op::Select, &args, g[*p].span);
    }
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
    dy: NodeId,
) -> Vec<Option<NodeId>> {
    let body = crate::expand::derivative_body(g, cx, f, i, args);
    match body {
        Some(body) => through(g, cx, body, dy, args),
        None => vec![None; args.len()],
    }
}
