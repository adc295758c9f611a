//! Puts equations in for calls, until only primitives are left; training and evaluation form.
//!
//! In: a graph with `Call` and `Deriv`. Out: a graph of primitives for `eval` and the planner,
//! values unchanged (stable forms where the entry has one).

use std::collections::BTreeMap;

use crate::functions::Functions;
use crate::grad::{Context, gradients, mode_of};
use crate::graph::{Binary, FuncId, Graph, NodeId, Op, Unary};
use crate::lower::{Form, Lowerer, Mode};
use crate::shape::{Dims, Shape};
use crate::syntax::ast::Layout;

/// Which of the two forms of a graph (rule 17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Dropout drops, batch_norm uses the batch.
    Training,
    /// Dropout is the identity, batch_norm uses running averages.
    Evaluation,
}

/// Puts equations in for all calls that the roots need; `None` if a body does not fit (which
/// lowering would have reported).
pub(crate) fn calls(
    g: &Graph,
    functions: &Functions,
    layout: Layout,
    dims: &mut Dims,
    roots: &[NodeId],
) -> Option<(Graph, Vec<NodeId>)> {
    let (mut graph, mut roots) = (g.clone(), roots.to_vec());
    for _ in 0..64 {
        let needed = graph.reachable(&roots);
        let open = graph.iter().any(|(id, n)| {
            needed[id.0 as usize] && matches!(n.op, Op::Call(..) | Op::Deriv(..))
        });
        if !open {
            return Some((graph, roots));
        }
        let mut cx = Context { functions, layout, dims: &mut *dims };
        (graph, roots) = one_round(&graph, &mut cx, &roots)?;
    }
    None
}

/// Replaces every call by its body once.
fn one_round(
    g: &Graph,
    cx: &mut Context<'_>,
    roots: &[NodeId],
) -> Option<(Graph, Vec<NodeId>)> {
    let mut out = g.empty_like();
    let needed = g.reachable(roots);
    let mut map: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for (id, node) in g.iter().filter(|(id, _)| needed[id.0 as usize]) {
        let args: Vec<NodeId> = node.args.iter().map(|a| map[a]).collect();
        let new = match &node.op {
            Op::Call(f, axis) => {
                let mode = match cx.functions.is_entrywise(*f) {
                    true => Mode::Plain,
                    false => mode_of(&mut out, cx, args[0], *axis),
                };
                let mut l = Lowerer::new(&mut out, cx.dims, cx.functions, cx.layout);
                let body = l.apply(*f, &args, Form::Computed, mode, None)?;
                widened(&mut out, body, &node.shape)
            }
            Op::Deriv(f, i) => {
                let body = derivative_body(&mut out, cx, *f, *i, &args)?;
                widened(&mut out, body, &node.shape)
            }
            op => out.add(op.clone(), &args, node.span),
        };
        map.insert(id, new);
    }
    Some((out, roots.iter().map(|r| map[r]).collect()))
}

/// A body that came out as one number (`step'(z)` = 0) in the shape of its call.
fn widened(g: &mut Graph, body: NodeId, shape: &Shape) -> NodeId {
    if g[body].shape == *shape || shape.is_scalar() {
        return body;
    }
    match g.constant(body) {
        Some(c) => g.fill(c, shape.clone()),
        None => {
            let span = g[body].span;
            g.add(Op::Broadcast(crate::graph::Axis::All, shape.clone()), &[body], span)
        }
    }
}

/// The derivative of an entry-by-entry function: its `derivative` line, else derived on numbers
/// and put over the arguments.
pub(crate) fn derivative_body(
    g: &mut Graph,
    cx: &mut Context<'_>,
    f: FuncId,
    i: u8,
    args: &[NodeId],
) -> Option<NodeId> {
    if i == 0 && cx.functions.get(f).derivative.is_some() {
        let mut l = Lowerer::new(g, cx.dims, cx.functions, cx.layout);
        return l.apply(f, args, Form::Derivative, Mode::Plain, None);
    }
    let slots: Vec<NodeId> = (0..args.len())
        .map(|k| {
            let op = Op::Slot(SLOT_BASE + k as u32, Shape::SCALAR, false);
            g.add(op, &[], crate::diag::Span::default())
        })
        .collect();
    let mut l = Lowerer::new(g, cx.dims, cx.functions, cx.layout);
    let body = l.apply(f, &slots, Form::Definition, Mode::Plain, None)?;
    let d = gradients(g, cx, body, &[slots[i as usize]])[0];
    let (simple, roots) = crate::simplify::quietly(g, cx, &[d]);
    let map = slots.iter().copied().zip(args.iter().copied());
    let by_op: BTreeMap<Op, NodeId> = map.map(|(s, a)| (g[s].op.clone(), a)).collect();
    Some(graft(&simple, roots[0], &by_op, g))
}

/// Slots of derived derivatives are numbered from here.
const SLOT_BASE: u32 = 1 << 20;

/// Copies what `root` needs into `out`, with nodes put in for leaves.
pub(crate) fn graft(
    g: &Graph,
    root: NodeId,
    leaves: &BTreeMap<Op, NodeId>,
    out: &mut Graph,
) -> NodeId {
    let needed = g.reachable(&[root]);
    let mut map: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for (id, node) in g.iter().filter(|(id, _)| needed[id.0 as usize]) {
        let new = leaves.get(&node.op).copied().unwrap_or_else(|| {
            let args: Vec<NodeId> = node.args.iter().map(|a| map[a]).collect();
            out.add(node.op.clone(), &args, node.span)
        });
        map.insert(id, new);
    }
    map[&root]
}

/// The evaluation form: masks become 1, batch statistics become running averages.
pub(crate) fn evaluation(g: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let mut out = g.empty_like();
    let needed = g.reachable(roots);
    let mut map: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for (id, node) in g.iter().filter(|(id, _)| needed[id.0 as usize]) {
        let args: Vec<NodeId> = node.args.iter().map(|a| map[a]).collect();
        let new = match &node.op {
            Op::Mask(_, _, shape) => out.fill(1.0, shape.clone()),
            Op::BatchNorm(site) => running_norm(&mut out, *site, args[0], args[0], true),
            Op::BatchNormGrad(site) => {
                running_norm(&mut out, *site, args[0], args[1], false)
            }
            op => out.add(op.clone(), &args, node.span),
        };
        map.insert(id, new);
    }
    (out, roots.iter().map(|r| map[r]).collect())
}

/// (x − mean)/√(var + ε), or for a gradient x/√(var + ε).
fn running_norm(g: &mut Graph, site: u32, z: NodeId, x: NodeId, center: bool) -> NodeId {
    let shape = g[z].shape.clone();
    let span = g[z].span;
    let mean = g.add(Op::Running(site, false, shape.clone()), &[], span);
    let var = g.add(Op::Running(site, true, shape), &[], span);
    let eps = g.number(crate::eval::NORM_EPSILON);
    let v = g.binary(Binary::Add, var, eps);
    let s = g.unary(Unary::Sqrt, v);
    let top = if center { g.binary(Binary::Sub, x, mean) } else { x };
    g.binary(Binary::Div, top, s)
}
