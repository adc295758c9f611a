//! The steps of a plan: what is done, on which places, for any number of rows.
//!
//! In: made by `lower`. Out: read by `memory` (which buffers when), `describe` and `run`.
//! Invariant: a step holds no address and no number type; sizes are polynomials of m.

use std::sync::Arc;

use chainrule_kernels::{Access, Program};

use crate::plan::ext::Ext;
use crate::plan::ir::{IOp, Id};
use crate::plan::view::{Buf, Rows, Spot, View};

/// A number that the host computes: a place in [`HostOp`]s.
pub(crate) type Host = usize;

/// One operation on the host, in f64; arguments are places of earlier ones.
#[derive(Clone, Debug)]
pub(crate) struct HostOp {
    pub(crate) op: IOp,
    pub(crate) args: Vec<Host>,
}

/// A strided matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) spot: Spot,
    pub(crate) rs: Ext,
    pub(crate) cs: Ext,
}

/// The same product again for each example: how far the operands move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    pub(crate) count: Ext,
    pub(crate) a: Ext,
    pub(crate) b: Ext,
    /// 0 where the products are added up.
    pub(crate) c: Ext,
}

/// One pass over rows × cols.
#[derive(Clone, Debug)]
pub(crate) struct Fused {
    pub(crate) program: Arc<Program>,
    pub(crate) rows: Ext,
    pub(crate) cols: Ext,
    pub(crate) inputs: Vec<Rows>,
    pub(crate) outputs: Vec<Rows>,
    pub(crate) consts: Vec<Host>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub(crate) m: Ext,
    pub(crate) n: Ext,
    pub(crate) k: Ext,
    pub(crate) a: Grid,
    pub(crate) b: Grid,
    pub(crate) c: Grid,
    pub(crate) alpha: Option<Host>,
    pub(crate) again: Option<Again>,
}

/// Which numbers a row, a column or all of a matrix become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    Sum,
    Max,
    Min,
    MaxMask,
    MinMask,
    LogSumExp,
    Softmax,
}

/// The direction of a fold with a kernel of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Rows,
    Cols,
    All,
}

#[derive(Clone, Debug)]
pub(crate) enum Work {
    Fused(Fused),
    Product(Product),
    /// rows × cols folded by a kernel.
    Fold {
        fold: Fold,
        way: Way,
        rows: Ext,
        cols: Ext,
        src: Rows,
        dst: Rows,
        scale: Option<Host>,
    },
    /// The same by plain loops, over any of the three axes.
    PlainFold {
        fold: Fold,
        over: [bool; 3],
        src: View,
        dst: View,
        scale: Option<Host>,
    },
    /// Entry idx[i] of each row.
    Pick {
        index: usize,
        cols: Ext,
        src: Rows,
        dst: Rows,
    },
    /// Takes a number off entry idx[i] of each row.
    SubAt {
        index: usize,
        cols: Ext,
        dst: Rows,
        what: What,
    },
    /// The dense one-hot.
    OneHot {
        index: usize,
        cols: Ext,
        dst: Rows,
    },
    Fill {
        rows: Ext,
        cols: Ext,
        dst: Rows,
        value: Host,
    },
    Copy {
        src: View,
        dst: View,
    },
    Eye {
        n: Ext,
        dst: Rows,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Number(Host),
    PerRow(Rows),
}

/// One step, and the nodes that it stores.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) ids: Vec<Id>,
    /// It moves state forward, and must not be done twice for one batch.
    pub(crate) once: bool,
}

impl Work {
    /// The buffers that are read, then those that are written.
    pub(crate) fn buffers(&self) -> (Vec<Buf>, Vec<Buf>) {
        let b = |r: &Rows| r.spot.buf;
        match self {
            Self::Fused(f) => {
                (f.inputs.iter().map(b).collect(), f.outputs.iter().map(b).collect())
            }
            Self::Product(p) => (vec![p.a.spot.buf, p.b.spot.buf], vec![p.c.spot.buf]),
            Self::Fold { src, dst, .. } | Self::Pick { src, dst, .. } => {
                (vec![b(src)], vec![b(dst)])
            }
            Self::PlainFold { src, dst, .. } | Self::Copy { src, dst } => {
                (vec![src.spot.buf], vec![dst.spot.buf])
            }
            Self::SubAt { dst, what, .. } => match what {
                What::Number(_) => (vec![b(dst)], vec![b(dst)]),
                What::PerRow(r) => (vec![b(dst), b(r)], vec![b(dst)]),
            },
            Self::OneHot { dst, .. } | Self::Fill { dst, .. } | Self::Eye { dst, .. } => {
                (Vec::new(), vec![b(dst)])
            }
        }
    }
}

impl Fused {
    /// Whether output `o` can be written where input `i` lies.
    pub(crate) fn in_place(&self, i: usize, o: usize) -> bool {
        let (a, b) = (&self.inputs[i], &self.outputs[o]);
        let alone = self.inputs.iter().filter(|r| r.spot.buf == a.spot.buf).count() == 1;
        let same = a.stride == b.stride || self.rows.is_one();
        alone
            && same
            && self.program.inputs[i] == Access::Full
            && a.spot.offset == Ext::ZERO
            && b.spot.offset == Ext::ZERO
    }
}
