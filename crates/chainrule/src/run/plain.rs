//! Steps without a kernel: plain loops where no kernel reads what is there.
//!
//! In: a bound step and the arena. Out: the arena changed. Invariant: nothing is allocated; one
//! thread, one order. Deliberately absent: what trains often enough to want a kernel.

use chainrule_kernels::{Real, Slot};

use crate::plan::step::Fold;
use crate::run::bind::Look;

/// A step with numbers for everything.
#[derive(Clone, Debug)]
pub(crate) enum Plain {
    Fold { fold: Fold, over: [bool; 3], src: Look, dst: Look, scale: f64 },
    OneHot { index: usize, rows: usize, cols: usize, dst: Slot },
    Copy { src: Look, dst: Look },
    Eye { n: usize, dst: Slot },
}

/// Does one step; `index` holds the one-hot symbols of this batch.
pub(crate) fn run<T: Real>(plain: &Plain, arena: &mut [T], index: &[Vec<u32>]) {
    match plain {
        Plain::Fold { fold, over, src, dst, scale } => {
            plain_fold(arena, *fold, *over, src, dst, *scale);
        }
        Plain::OneHot { index: i, rows, cols, dst } => {
            one_hot(arena, &index[*i][..*rows], *cols, *dst);
        }
        Plain::Copy { src, dst } => copy(arena, src, dst),
        Plain::Eye { n, dst } => eye(arena, *n, *dst),
    }
}

fn eye<T: Real>(arena: &mut [T], n: usize, dst: Slot) {
    for i in 0..n {
        let row = &mut arena[dst.offset + i * dst.row_stride..][..n];
        row.fill(T::default());
        row[i] = T::from_f64(1.0);
    }
}

fn one_hot<T: Real>(arena: &mut [T], index: &[u32], cols: usize, dst: Slot) {
    for (i, &k) in index.iter().enumerate() {
        let row = &mut arena[dst.offset + i * dst.row_stride..][..cols];
        row.fill(T::default());
        row[k as usize] = T::from_f64(1.0);
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
