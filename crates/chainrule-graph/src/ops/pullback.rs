//! The gradient of each primitive: from the gradient of its value to those of its arguments.
//!
//! In: a node and the gradient `g` of the root with respect to it (same shape). Out: one
//! gradient per argument, of the argument's shape, `None` where it is 0 everywhere. The caller
//! adds up, and takes the mean over examples where an argument is shared.

use crate::graph::{Axis, Binary, Block, Graph, NodeId, Op, Unary};
use crate::ops::elementwise;
use crate::shape::{Dim, Shape};

/// Gradients of the arguments of node `n`, given the gradient `dy` of its value.
pub(crate) fn pullback(g: &mut Graph, n: NodeId, dy: NodeId) -> Vec<Option<NodeId>> {
    let node = g[n].clone();
    let a = node.args.clone();
    match &node.op {
        Op::Unary(u) => vec![unary(g, *u, a[0], n, dy)],
        Op::Binary(b) => binary(g, *b, a[0], a[1], n, dy),
        Op::Select => select(g, &a, dy),
        Op::MatMul => vec![Some(left(g, a[1], dy)), Some(right(g, a[0], dy))],
        Op::Transpose => vec![Some(g.transpose(dy))],
        Op::Sum(axis) => vec![Some(spread(g, *axis, dy, a[0]))],
        Op::MaxOf(axis) => vec![Some(masked(g, Op::MaxMask(*axis), *axis, a[0], dy))],
        Op::MinOf(axis) => vec![Some(masked(g, Op::MinMask(*axis), *axis, a[0], dy))],
        Op::Broadcast(axis, _) => vec![Some(g.sum(*axis, dy))],
        Op::Diag => vec![Some(g.add(Op::DiagPart, &[dy], node.span))],
        Op::DiagPart => vec![Some(g.add(Op::Diag, &[dy], node.span))],
        Op::Slice(b) => {
            let shape = g[a[0]].shape.clone();
            vec![Some(g.add(Op::Embed(b.clone(), shape), &[dy], node.span))]
        }
        Op::Embed(b, _) => vec![Some(g.add(Op::Slice(b.clone()), &[dy], node.span))],
        Op::Stack => parts(g, &a, dy),
        Op::BatchNorm(site) => {
            vec![Some(g.add(Op::BatchNormGrad(*site), &[a[0], dy], node.span))]
        }
        Op::ExMean => vec![Some(dy)],
        Op::Symbol(_)
        | Op::Fill(..)
        | Op::Size(_)
        | Op::Examples
        | Op::Eye(_)
        | Op::Slot(..)
        | Op::Mask(..)
        | Op::Running(..) => Vec::new(),
        Op::MaxMask(_) | Op::MinMask(_) => vec![None],
        Op::Call(..) | Op::Deriv(..) | Op::BatchNormGrad(_) => {
            unreachable!("grad puts the equation in before it asks for a pullback")
        }
    }
}

fn unary(g: &mut Graph, u: Unary, x: NodeId, y: NodeId, dy: NodeId) -> Option<NodeId> {
    if u == Unary::Neg {
        return Some(g.unary(Unary::Neg, dy));
    }
    let d = elementwise::unary(u).derivative?(g, x, y);
    Some(g.binary(Binary::Mul, dy, d))
}

/// The gradient `d` (of the result's shape) for an argument: summed if the argument is a scalar
/// that served all entries.
fn fit(g: &mut Graph, d: NodeId, to: NodeId) -> NodeId {
    if g[to].shape.is_scalar() && !g[d].shape.is_scalar() {
        g.sum(Axis::All, d)
    } else {
        d
    }
}

/// `dy` in the result's shape even if it is a scalar (a scalar times a matrix of ones).
fn binary(
    g: &mut Graph,
    op: Binary,
    a: NodeId,
    b: NodeId,
    y: NodeId,
    dy: NodeId,
) -> Vec<Option<NodeId>> {
    let (da, db) = match op {
        Binary::Add => (Some(dy), Some(dy)),
        Binary::Sub => (Some(dy), Some(g.unary(Unary::Neg, dy))),
        Binary::Mul => {
            (Some(g.binary(Binary::Mul, dy, b)), Some(g.binary(Binary::Mul, dy, a)))
        }
        Binary::Div => quotient(g, b, y, dy, Binary::Div),
        Binary::XDivY => quotient(g, b, y, dy, Binary::XDivY),
        Binary::Pow => power(g, a, b, y, dy),
        Binary::Max => winner(g, a, b, dy, Binary::Gt, Binary::Ge),
        Binary::Min => winner(g, a, b, dy, Binary::Lt, Binary::Le),
        Binary::XLogY => {
            let log = g.unary(Unary::Log, b);
            let num = g.binary(Binary::XDivY, a, b);
            (Some(g.binary(Binary::Mul, dy, log)), Some(g.binary(Binary::Mul, dy, num)))
        }
        _ => (None, None),
    };
    vec![da.map(|d| fit(g, d, a)), db.map(|d| fit(g, d, b))]
}

/// y = a/b: da = dy/b, db = −dy ⊙ y/b.
fn quotient(
    g: &mut Graph,
    b: NodeId,
    y: NodeId,
    dy: NodeId,
    div: Binary,
) -> (Option<NodeId>, Option<NodeId>) {
    let da = g.binary(Binary::Div, dy, b);
    let q = g.binary(div, y, b);
    let p = g.binary(Binary::Mul, dy, q);
    (Some(da), Some(g.unary(Unary::Neg, p)))
}

/// y = aᵇ: da = dy ⊙ b a^(b−1), db = dy ⊙ y log a.
fn power(
    g: &mut Graph,
    a: NodeId,
    b: NodeId,
    y: NodeId,
    dy: NodeId,
) -> (Option<NodeId>, Option<NodeId>) {
    let one = g.number(1.0);
    let less = match g.constant(b) {
        Some(c) => g.number(c - 1.0),
        None => g.binary(Binary::Sub, b, one),
    };
    let p = g.binary(Binary::Pow, a, less);
    let bp = g.binary(Binary::Mul, b, p);
    let da = g.binary(Binary::Mul, dy, bp);
    if g.constant(b).is_some() {
        return (Some(da), None);
    }
    let yl = g.binary(Binary::XLogY, y, a);
    (Some(da), Some(g.binary(Binary::Mul, dy, yl)))
}

/// max and min: all of `dy` goes to the winner; at a tie a constant wins, then the first.
fn winner(
    g: &mut Graph,
    a: NodeId,
    b: NodeId,
    dy: NodeId,
    strictly: Binary,
    weakly: Binary,
) -> (Option<NodeId>, Option<NodeId>) {
    let constant_b = g.constant(b).is_some() && g.constant(a).is_none();
    let cond = g.binary(if constant_b { strictly } else { weakly }, a, b);
    let zero = g.number(0.0);
    let da = g.add(Op::Select, &[cond, dy, zero], g[dy].span);
    let db = g.add(Op::Select, &[cond, zero, dy], g[dy].span);
    (Some(da), Some(db))
}

fn select(g: &mut Graph, a: &[NodeId], dy: NodeId) -> Vec<Option<NodeId>> {
    let zero = g.number(0.0);
    let span = g[dy].span;
    let da = g.add(Op::Select, &[a[0], dy, zero], span);
    let db = g.add(Op::Select, &[a[0], zero, dy], span);
    vec![None, Some(fit(g, da, a[1])), Some(fit(g, db, a[2]))]
}

/// C = A B: dA = dC Bᵀ.
fn left(g: &mut Graph, b: NodeId, dy: NodeId) -> NodeId {
    let bt = g.transpose(b);
    product(g, dy, bt)
}

/// C = A B: dB = Aᵀ dC.
fn right(g: &mut Graph, a: NodeId, dy: NodeId) -> NodeId {
    let at = g.transpose(a);
    product(g, at, dy)
}

/// A matrix product; a 1×1 operand is a factor.
pub(crate) fn product(g: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    if g[a].shape.is_scalar() || g[b].shape.is_scalar() {
        return g.binary(Binary::Mul, a, b);
    }
    g.matmul(a, b)
}

/// The gradient of a sum: the same `dy` for every entry that was added.
fn spread(g: &mut Graph, axis: Axis, dy: NodeId, x: NodeId) -> NodeId {
    let shape = g[x].shape.clone();
    let same = g[dy].shape == shape;
    if same { dy } else { g.add(Op::Broadcast(axis, shape), &[dy], g[dy].span) }
}

fn masked(g: &mut Graph, mask: Op, axis: Axis, x: NodeId, dy: NodeId) -> NodeId {
    let wide = spread(g, axis, dy, x);
    let mask = g.add(mask, &[x], g[x].span);
    g.binary(Binary::Mul, wide, mask)
}

fn parts(g: &mut Graph, args: &[NodeId], dy: NodeId) -> Vec<Option<NodeId>> {
    let mut row = Dim::size(0);
    let mut out = Vec::new();
    for &a in args {
        let Shape { rows, cols } = g[a].shape.clone();
        let block =
            Block { row: row.clone(), rows: rows.clone(), col: Dim::size(0), cols };
        out.push(Some(g.add(Op::Slice(block), &[dy], g[dy].span)));
        row = row.plus(&rows);
    }
    out
}
