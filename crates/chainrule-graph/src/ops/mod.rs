//! The closed set of primitives: every fact of an operation.
//!
//! `elementwise` is a table (name, notation, value, derivative); here stand the shape rules.
//! Invariant: callers check shapes before they build; a misfit here is our bug and panics.

pub mod elementwise;
pub mod pullback;

use crate::graph::{Axis, Graph, NodeId, Op};
use crate::shape::{Dim, Dims, Shape};

/// The shape of an operation's value, for one example.
pub(crate) fn shape(g: &Graph, op: &Op, args: &[NodeId]) -> Shape {
    let of = |i: usize| g[args[i]].shape.clone();
    match op {
        Op::Symbol(s) => g.symbol(*s).0.clone(),
        Op::Fill(_, s)
        | Op::Slot(_, s, _)
        | Op::Broadcast(_, s)
        | Op::Embed(_, s)
        | Op::Mask(_, _, s)
        | Op::Running(_, _, s) => s.clone(),
        Op::Size(_) | Op::Examples => Shape::SCALAR,
        Op::Eye(n) => Shape::new(n.clone(), n.clone()),
        Op::Unary(_) | Op::ExMean | Op::BatchNorm(_) | Op::BatchNormGrad(_) => of(0),
        Op::MaxMask(_) | Op::MinMask(_) => of(0),
        Op::Binary(_) | Op::Select => widest(g, args),
        Op::Call(_, None) | Op::Deriv(..) => widest(g, args),
        Op::Call(_, Some(axis)) => reduced(&of(0), *axis),
        Op::MatMul => Shape::new(of(0).rows, of(1).cols),
        Op::Transpose => of(0).transposed(),
        Op::Sum(a) | Op::MaxOf(a) | Op::MinOf(a) => reduced(&of(0), *a),
        Op::Diag => Shape::new(of(0).rows.clone(), of(0).rows),
        Op::DiagPart => Shape::column(of(0).rows),
        Op::Slice(b) => Shape::new(b.rows.clone(), b.cols.clone()),
        Op::Stack => stacked(g, args),
    }
}

fn widest(g: &Graph, args: &[NodeId]) -> Shape {
    let shapes = args.iter().map(|&a| &g[a].shape);
    shapes.clone().find(|s| !s.is_scalar()).cloned().unwrap_or(Shape::SCALAR)
}

fn reduced(shape: &Shape, axis: Axis) -> Shape {
    match axis {
        Axis::All => Shape::SCALAR,
        Axis::Rows => Shape::new(Dim::ONE, shape.cols.clone()),
        Axis::Cols => Shape::new(shape.rows.clone(), Dim::ONE),
    }
}

fn stacked(g: &Graph, args: &[NodeId]) -> Shape {
    let rows = args.iter().fold(Dim::size(0), |n, &a| n.plus(&g[a].shape.rows));
    Shape::new(rows, g[args[0]].shape.cols.clone())
}

/// Puts found dimensions into an operation that holds some.
pub(crate) fn resolve(op: &mut Op, dims: &Dims) {
    let block = |b: &mut crate::graph::Block| {
        for d in [&mut b.row, &mut b.rows, &mut b.col, &mut b.cols] {
            *d = dims.resolve(d);
        }
    };
    match op {
        Op::Fill(_, s)
        | Op::Slot(_, s, _)
        | Op::Broadcast(_, s)
        | Op::Mask(_, _, s)
        | Op::Running(_, _, s) => *s = dims.resolve_shape(s),
        Op::Size(d) | Op::Eye(d) => *d = dims.resolve(d),
        Op::Slice(b) => block(b),
        Op::Embed(b, s) => {
            block(b);
            *s = dims.resolve_shape(s);
        }
        _ => {}
    }
}
