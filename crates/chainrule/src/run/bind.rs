//! Steps bound to a number of rows: every offset, size and constant as a plain number.
//!
//! In: a plan's steps, m, the host's numbers. Out: [`Ready`] steps for `exec`. Invariant:
//! binding again (a shorter last batch) allocates nothing. Deliberately absent: doing anything.

use chainrule_kernels::{Gemm, Real, Reduce, Reduction, Slot, Take};

use crate::plan::ext::Ext;
use crate::plan::step::{Fold, Grid, Host, Product, Way, What, Work};
use crate::plan::view::{Rows, Spot, View};

/// A strided look at the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) offset: usize,
    pub(crate) size: [usize; 3],
    pub(crate) stride: [usize; 3],
}

/// The same product for each example: count, and how far a, b and c move.
pub(crate) type Repeat = (usize, [usize; 3]);

/// A step with numbers for everything.
#[derive(Clone, Debug)]
pub(crate) enum Ready<T> {
    Fused {
        rows: usize,
        cols: usize,
        inputs: Vec<Slot>,
        outputs: Vec<Slot>,
        consts: Vec<T>,
    },
    Product {
        gemm: Gemm,
        again: Option<Repeat>,
    },
    Reduce(Reduction),
    Soft {
        fold: Fold,
        rows: usize,
        cols: usize,
        src: Slot,
        dst: Slot,
    },
    PlainFold {
        fold: Fold,
        over: [bool; 3],
        src: Look,
        dst: Look,
        scale: f64,
    },
    Pick {
        index: usize,
        cols: usize,
        src: Slot,
        dst: Slot,
    },
    SubAt {
        index: usize,
        cols: usize,
        dst: Slot,
        what: Take,
    },
    OneHot {
        index: usize,
        cols: usize,
        dst: Slot,
    },
    Fill {
        rows: usize,
        cols: usize,
        dst: Slot,
        value: T,
    },
    Copy {
        src: Look,
        dst: Look,
    },
    Eye {
        n: usize,
        dst: Slot,
    },
}

/// What binding looks at.
pub(crate) struct Binding<'a> {
    pub(crate) offset: &'a [usize],
    pub(crate) host: &'a [f64],
    pub(crate) m: usize,
}

impl Binding<'_> {
    fn at(&self, e: Ext) -> usize {
        e.at(self.m)
    }

    fn spot(&self, s: Spot) -> usize {
        self.offset[s.buf.0 as usize] + self.at(s.offset)
    }

    fn slot(&self, r: &Rows) -> Slot {
        Slot::new(self.spot(r.spot), self.at(r.stride))
    }

    pub(crate) fn look(&self, v: &View) -> Look {
        Look {
            offset: self.spot(v.spot),
            size: v.size.map(|e| self.at(e)),
            stride: v.stride.map(|e| self.at(e)),
        }
    }

    fn factor(&self, h: Option<Host>) -> f64 {
        h.map_or(1.0, |h| self.host[h])
    }

    fn gemm(&self, p: &Product) -> Gemm {
        let grid = |g: &Grid| (self.spot(g.spot), self.at(g.rs), self.at(g.cs));
        let ((a, a_rs, a_cs), (b, b_rs, b_cs), (c, c_rs, c_cs)) =
            (grid(&p.a), grid(&p.b), grid(&p.c));
        Gemm {
            m: self.at(p.m),
            n: self.at(p.n),
            k: self.at(p.k),
            a,
            a_rs,
            a_cs,
            b,
            b_rs,
            b_cs,
            c,
            c_rs,
            c_cs,
            alpha: self.factor(p.alpha),
            accumulate: false,
        }
    }

    /// The step for m rows; makes its lists.
    pub(crate) fn ready<T: Real>(&self, work: &Work) -> Ready<T> {
        match work {
            Work::Fused(f) => {
                let (inputs, outputs) = (
                    Vec::with_capacity(f.inputs.len()),
                    Vec::with_capacity(f.outputs.len()),
                );
                let consts = Vec::with_capacity(f.consts.len());
                let mut ready =
                    Ready::Fused { rows: 0, cols: 0, inputs, outputs, consts };
                self.bind(work, &mut ready);
                ready
            }
            Work::Product(p) => {
                let again = p.again.map(|g| {
                    (self.at(g.count), [self.at(g.a), self.at(g.b), self.at(g.c)])
                });
                Ready::Product { gemm: self.gemm(p), again }
            }
            Work::Fold { fold, way, rows, cols, src, dst, scale } => {
                let (rows, cols) = (self.at(*rows), self.at(*cols));
                let (src, dst) = (self.slot(src), self.slot(dst));
                let scale = self.factor(*scale);
                let kind = match (fold, way) {
                    (Fold::Sum, Way::Rows) => Reduce::RowSum,
                    (Fold::Sum, Way::Cols) => Reduce::ColSum,
                    (Fold::Sum, Way::All) => Reduce::AllSum,
                    (Fold::Max, _) => Reduce::RowMax,
                    _ => return Ready::Soft { fold: *fold, rows, cols, src, dst },
                };
                let accumulate = false;
                Ready::Reduce(Reduction { kind, rows, cols, src, dst, scale, accumulate })
            }
            Work::PlainFold { fold, over, src, dst, scale } => Ready::PlainFold {
                fold: *fold,
                over: *over,
                src: self.look(src),
                dst: self.look(dst),
                scale: self.factor(*scale),
            },
            Work::Pick { index, cols, src, dst } => Ready::Pick {
                index: *index,
                cols: self.at(*cols),
                src: self.slot(src),
                dst: self.slot(dst),
            },
            Work::SubAt { index, cols, dst, what } => Ready::SubAt {
                index: *index,
                cols: self.at(*cols),
                dst: self.slot(dst),
                what: match what {
                    What::Number(h) => Take::Scalar(self.host[*h]),
                    What::PerRow(r) => Take::Col(self.slot(r)),
                },
            },
            Work::OneHot { index, cols, dst } => {
                Ready::OneHot { index: *index, cols: self.at(*cols), dst: self.slot(dst) }
            }
            Work::Fill { rows, cols, dst, value } => Ready::Fill {
                rows: self.at(*rows),
                cols: self.at(*cols),
                dst: self.slot(dst),
                value: T::from_f64(self.host[*value]),
            },
            Work::Copy { src, dst } => {
                Ready::Copy { src: self.look(src), dst: self.look(dst) }
            }
            Work::Eye { n, dst } => Ready::Eye { n: self.at(*n), dst: self.slot(dst) },
        }
    }

    /// The step for another m, into the lists that it has.
    pub(crate) fn bind<T: Real>(&self, work: &Work, ready: &mut Ready<T>) {
        match (work, ready) {
            (Work::Fused(f), Ready::Fused { rows, cols, inputs, outputs, consts }) => {
                (*rows, *cols) = (self.at(f.rows), self.at(f.cols));
                inputs.clear();
                inputs.extend(f.inputs.iter().map(|r| self.slot(r)));
                outputs.clear();
                outputs.extend(f.outputs.iter().map(|r| self.slot(r)));
                consts.clear();
                consts.extend(f.consts.iter().map(|&h| T::from_f64(self.host[h])));
            }
            (work, ready) => *ready = self.ready(work),
        }
    }
}
