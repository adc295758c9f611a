//! Recognises what a user wrote out and what has a stable form (rule 12), before
//! differentiation.

use crate::diag::Span;
use crate::graph::{Axis, Binary, FuncId, NodeId, Op, Unary};
use crate::syntax::ast::Layout;

use super::Simplifier;

/// The shipped function of this name; the file's own of the same name is another function.
fn shipped(s: &Simplifier<'_, '_>, name: &str) -> Option<FuncId> {
    let all = &s.cx.functions.all[..s.cx.functions.shipped];
    all.iter().position(|f| f.name.key == name).map(|i| FuncId(i as u32))
}

/// Over which axis the entries of one example lie for a value of this kind.
fn example_axis(s: &Simplifier<'_, '_>, n: NodeId) -> Axis {
    let shape = &s.g[n].shape;
    match s.cx.layout {
        Layout::Rows if !s.g[n].each && !shape.cols.is_one() => Axis::Cols,
        _ if shape.cols.is_one() => Axis::All,
        _ => Axis::Rows,
    }
}

/// Σexp(z), as z: over all entries of a column, or of each example of a matrix.
fn sum_of_exp(s: &Simplifier<'_, '_>, n: NodeId) -> Option<(NodeId, Axis)> {
    let (op, args) = s.look(n)?;
    let Op::Sum(axis) = op else { return None };
    let z = s.under(Unary::Exp, args[0])?;
    let wanted = example_axis(s, z);
    (*axis == wanted).then_some((z, *axis))
}

/// The same under a repetition to the shape of z.
fn spread_sum(s: &Simplifier<'_, '_>, n: NodeId) -> Option<NodeId> {
    if let Some((Op::Broadcast(..), &[x])) = s.look(n) {
        return sum_of_exp(s, x).map(|(z, _)| z);
    }
    sum_of_exp(s, n).map(|(z, _)| z)
}

/// exp(z)/Σexp(z) = softmax(z).
pub(super) fn softmax(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    if *op != Op::Binary(Binary::Div) {
        return None;
    }
    let z = s.under(Unary::Exp, args[0])?;
    if spread_sum(s, args[1])? != z {
        return None;
    }
    let f = shipped(s, "softmax")?;
    Some(s.node(Op::Call(f, None), &[z], span))
}

/// 1/(1 + exp(−z)) = σ(z).
pub(super) fn sigmoid(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    if *op != Op::Binary(Binary::Div) || !s.is_number(args[0], 1.0) {
        return None;
    }
    let e = one_plus_exp(s, args[1])?;
    let z = match s.under(Unary::Neg, e) {
        Some(z) => z,
        None => s.un(Unary::Neg, e),
    };
    let f = shipped(s, "sigmoid")?;
    Some(s.node(Op::Call(f, None), &[z], span))
}

/// 1 + exp(e), as e.
fn one_plus_exp(s: &Simplifier<'_, '_>, n: NodeId) -> Option<NodeId> {
    let (a, b) = s.pair(Binary::Add, n)?;
    match (s.is_number(a, 1.0), s.is_number(b, 1.0)) {
        (true, _) => s.under(Unary::Exp, b),
        (_, true) => s.under(Unary::Exp, a),
        _ => None,
    }
}

/// The argument of a call of the shipped function.
fn called(s: &Simplifier<'_, '_>, name: &str, n: NodeId) -> Option<NodeId> {
    let f = shipped(s, name)?;
    match s.look(n)? {
        (Op::Call(g, _), [z]) if *g == f => Some(*z),
        _ => None,
    }
}

/// What stands under a logarithm: `log p`, or `y log p` with its y.
fn logged(op: &Op, args: &[NodeId]) -> Option<(Option<NodeId>, NodeId)> {
    match op {
        Op::Unary(Unary::Log) => Some((None, args[0])),
        Op::Binary(Binary::XLogY) => Some((Some(args[0]), args[1])),
        _ => None,
    }
}

fn times(s: &mut Simplifier<'_, '_>, y: Option<NodeId>, value: NodeId) -> NodeId {
    match y {
        Some(y) => s.bin(Binary::Mul, y, value),
        None => value,
    }
}

/// log softmax(z) = log_softmax(z).
pub(super) fn log_softmax(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let (y, p) = logged(op, args)?;
    let z = called(s, "softmax", p)?;
    let f = shipped(s, "log_softmax")?;
    let value = s.node(Op::Call(f, None), &[z], span);
    Some(times(s, y, value))
}

/// log σ(z) = −softplus(−z) and log(1 − σ(z)) = −softplus(z).
pub(super) fn log_sigmoid(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let (y, p) = logged(op, args)?;
    let f = shipped(s, "softplus")?;
    let arg = match called(s, "sigmoid", p) {
        Some(z) => match s.under(Unary::Neg, z) {
            Some(m) => m,
            None => s.un(Unary::Neg, z),
        },
        None => {
            let (one, a) = s.pair(Binary::Sub, p)?;
            if !s.is_number(one, 1.0) {
                return None;
            }
            called(s, "sigmoid", a)?
        }
    };
    let soft = s.node(Op::Call(f, None), &[arg], span);
    let value = s.un(Unary::Neg, soft);
    Some(times(s, y, value))
}

/// log(1 + exp(z)) = softplus(z).
pub(super) fn softplus(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let z = match op {
        Op::Unary(Unary::Log) => one_plus_exp(s, args[0])?,
        Op::Unary(Unary::Log1p) => s.under(Unary::Exp, args[0])?,
        _ => return None,
    };
    let f = shipped(s, "softplus")?;
    Some(s.node(Op::Call(f, None), &[z], span))
}

/// log Σexp(z) = logsumexp(z).
pub(super) fn logsumexp(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    if *op != Op::Unary(Unary::Log) {
        return None;
    }
    let (z, axis) = sum_of_exp(s, args[0])?;
    let f = shipped(s, "logsumexp")?;
    Some(s.node(Op::Call(f, Some(axis)), &[z], span))
}

/// Σ_j W_ij x_j = W x, and Σ_i W_ij v_i = (vᵀ W).
pub(super) fn index_product(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let Op::Sum(axis) = op else { return None };
    let (a, b) = s.pair(Binary::Mul, args[0])?;
    let repeated = |s: &Simplifier<'_, '_>, n: NodeId| match s.look(n)? {
        (Op::Broadcast(along, _), &[x]) => Some((*along, x)),
        _ => None,
    };
    let (w, (along, x)) = match (repeated(s, a), repeated(s, b)) {
        (None, Some(r)) => (a, r),
        (Some(r), None) => (b, r),
        _ => return None,
    };
    match (axis, along) {
        (Axis::Cols, Axis::Rows) => {
            let column = s.g.transpose(x);
            let column = s.node(s.g[column].op.clone(), &[x], span);
            Some(s.node(Op::MatMul, &[w, column], span))
        }
        (Axis::Rows, Axis::Cols) => {
            let row = s.node(Op::Transpose, &[x], span);
            Some(s.node(Op::MatMul, &[row, w], span))
        }
        _ => None,
    }
}
