//! One step done: the kernel's call, or plain loops where no kernel reads what is there.
//!
//! In: a bound step and the arena. Out: the arena changed. Invariant: nothing is allocated;
//! plain loops run on one thread in one order, kernels promise equal bits for any number.

use chainrule_kernels::{FusedCall, Program, Real, Reduce, Reduction, Slot, Team};

use crate::plan::step::Fold;
use crate::run::bind::{Look, Ready};

/// What a step needs besides itself.
pub(crate) struct Around<'a> {
    pub(crate) team: &'a Team,
    /// One-hot symbols of this batch, as indices.
    pub(crate) index: &'a [Vec<u32>],
    pub(crate) key: [u64; 2],
    pub(crate) m: usize,
}

/// Does one step; `program` is that of a pass.
pub(crate) fn step<T: Real>(
    arena: &mut [T],
    ready: &Ready<T>,
    program: Option<&Program>,
    around: &Around<'_>,
) {
    let team = around.team;
    let index = |i: usize| &around.index[i][..around.m];
    match ready {
        Ready::Fused { rows, cols, inputs, outputs, consts } => {
            let call = FusedCall {
                rows: *rows,
                cols: *cols,
                inputs,
                outputs,
                consts,
                key: around.key,
                first_row: 0,
            };
            T::fused(team, arena, program.expect("a pass has a program"), &call);
        }
        Ready::Product { gemm, again: None } => T::gemm(team, arena, gemm),
        Ready::Product { gemm, again: Some((count, [a, b, c])) } => {
            let mut g = *gemm;
            for _ in 0..*count {
                T::gemm(team, arena, &g);
                (g.a, g.b, g.c) = (g.a + a, g.b + b, g.c + c);
                g.accumulate = *c == 0;
            }
        }
        Ready::Reduce(r) if narrow(r) => narrow_rows(arena, r),
        Ready::Reduce(r) => T::reduce(team, arena, r),
        Ready::Soft { fold: Fold::Softmax, rows, cols, src, dst } => {
            T::softmax(team, arena, *rows, *cols, *src, *dst);
        }
        Ready::Soft { rows, cols, src, dst, .. } => {
            T::logsumexp(team, arena, *rows, *cols, *src, *dst);
        }
        Ready::PlainFold { fold, over, src, dst, scale } => {
            plain_fold(arena, *fold, *over, src, dst, *scale);
        }
        Ready::Pick { index: i, cols, src, dst } => {
            T::gather_col(arena, *cols, *src, index(*i), *dst);
        }
        Ready::SubAt { index: i, cols, dst, what } => {
            T::sub_at(arena, *cols, *dst, index(*i), *what);
        }
        Ready::OneHot { index: i, cols, dst } => {
            one_hot(arena, index(*i), *cols, *dst);
        }
        Ready::Fill { rows, cols, dst, value } => {
            T::fill(arena, *rows, *cols, *dst, *value);
        }
        Ready::Copy { src, dst } => copy(arena, src, dst),
        Ready::Eye { n, dst } => {
            T::fill(arena, *n, *n, *dst, T::default());
            for i in 0..*n {
                arena[dst.offset + i * (dst.row_stride + 1)] = T::from_f64(1.0);
            }
        }
    }
}

/// Rows so short that a vector per row costs more than the row.
fn narrow(r: &Reduction) -> bool {
    r.cols <= 16 && matches!(r.kind, Reduce::RowSum | Reduce::RowMax) && !r.accumulate
}

/// Sums (in f64, rounded once) or maxima (NaN if there is one) of short rows.
fn narrow_rows<T: Real>(arena: &mut [T], r: &Reduction) {
    for i in 0..r.rows {
        let row = &arena[r.src.offset + i * r.src.row_stride..][..r.cols];
        let all = row.iter().map(|x| x.to_f64());
        let result = if r.kind == Reduce::RowSum {
            all.sum::<f64>()
        } else {
            all.fold(f64::NEG_INFINITY, |t, x| if x > t || x.is_nan() { x } else { t })
        };
        arena[r.dst.offset + i * r.dst.row_stride] = T::from_f64(result * r.scale);
    }
}

fn one_hot<T: Real>(arena: &mut [T], index: &[u32], cols: usize, dst: Slot) {
    T::fill(arena, index.len(), cols, dst, T::default());
    for (i, &k) in index.iter().enumerate() {
        arena[dst.offset + i * dst.row_stride + k as usize] = T::from_f64(1.0);
    }
}

impl Look {
    /// The element at this place.
    pub(crate) fn at(&self, e: usize, i: usize, j: usize) -> usize {
        self.offset + e * self.stride[0] + i * self.stride[1] + j * self.stride[2]
    }

    /// All of them: example by example, each row by row.
    pub(crate) fn entries(self) -> impl Iterator<Item = usize> {
        let [examples, rows, cols] = self.size;
        let place = move |n: usize| (n / (rows * cols), n / cols % rows, n % cols);
        (0..examples * rows * cols).map(move |n| {
            let (e, i, j) = place(n);
            self.at(e, i, j)
        })
    }
}

fn copy<T: Real>(arena: &mut [T], src: &Look, dst: &Look) {
    let [examples, rows, cols] = dst.size;
    let dense = (src.stride[2] == 1 && dst.stride[2] == 1) || cols == 1;
    for e in 0..examples {
        for i in 0..rows {
            if dense {
                let from = src.at(e, i, 0);
                arena.copy_within(from..from + cols, dst.at(e, i, 0));
            } else {
                for j in 0..cols {
                    arena[dst.at(e, i, j)] = arena[src.at(e, i, j)];
                }
            }
        }
    }
}

/// A fold over any of the three axes, each result by itself, summed in f64.
fn plain_fold<T: Real>(
    arena: &mut [T],
    fold: Fold,
    over: [bool; 3],
    src: &Look,
    dst: &Look,
    scale: f64,
) {
    let outer: [usize; 3] =
        std::array::from_fn(|a| if over[a] { 1 } else { src.size[a] });
    let inner: [usize; 3] =
        std::array::from_fn(|a| if over[a] { src.size[a] } else { 1 });
    for e in 0..outer[0] {
        for i in 0..outer[1] {
            for j in 0..outer[2] {
                fold_one(arena, fold, [e, i, j], inner, src, dst, scale);
            }
        }
    }
}

/// Every place of a box, from its first corner.
fn places(first: [usize; 3], size: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let [a, b, c] = size;
    let all = (0..a * b * c).map(move |n| [n / (b * c), n / c % b, n % c]);
    all.map(move |p| [first[0] + p[0], first[1] + p[1], first[2] + p[2]])
}

fn fold_one<T: Real>(
    arena: &mut [T],
    fold: Fold,
    first: [usize; 3],
    size: [usize; 3],
    src: &Look,
    dst: &Look,
    scale: f64,
) {
    let value = |arena: &[T], p: [usize; 3]| arena[src.at(p[0], p[1], p[2])].to_f64();
    let beats = |a: f64, b: f64| match fold {
        Fold::Min | Fold::MinMask => a < b,
        _ => a > b,
    };
    // The first that beats all others; NaN wins.
    let best = |arena: &[T]| {
        let start = (first, value(arena, first));
        places(first, size).fold(start, |best, p| {
            let x = value(arena, p);
            if beats(x, best.1) || (x.is_nan() && !best.1.is_nan()) {
                (p, x)
            } else {
                best
            }
        })
    };
    let exp_sum = |arena: &[T], top: f64| {
        let terms = places(first, size).map(|p| libm::exp(value(arena, p) - top));
        terms.sum::<f64>()
    };
    match fold {
        Fold::Sum => {
            let sum: f64 = places(first, size).map(|p| value(arena, p)).sum();
            arena[dst.at(first[0], first[1], first[2])] = T::from_f64(sum * scale);
        }
        Fold::Max | Fold::Min => {
            arena[dst.at(first[0], first[1], first[2])] = T::from_f64(best(arena).1);
        }
        Fold::MaxMask | Fold::MinMask => {
            let winner = best(arena).0;
            for p in places(first, size) {
                let x = if p == winner { 1.0 } else { 0.0 };
                arena[dst.at(p[0], p[1], p[2])] = T::from_f64(x);
            }
        }
        Fold::LogSumExp => {
            let top = best(arena).1;
            let value = top + libm::log(exp_sum(arena, top));
            arena[dst.at(first[0], first[1], first[2])] = T::from_f64(value);
        }
        Fold::Softmax => {
            let top = best(arena).1;
            let sum = exp_sum(arena, top);
            for p in places(first, size) {
                let x = libm::exp(value(arena, p) - top) / sum;
                arena[dst.at(p[0], p[1], p[2])] = T::from_f64(x);
            }
        }
    }
}
