//! Softmax and its logarithms, row by row: in goes a matrix in the arena, out comes
//! softmax (rows × cols), log-softmax (rows × cols) or log-sum-exp (rows × 1).
//!
//! Invariant: a row's result is a function of that row alone; the largest element is
//! taken off first, so no exponential overflows. Whether the row's terms are added in
//! lanes or in order depends on its length alone. A row with +∞ or NaN gives NaN.

use crate::arena::{Base, Region, Slot, Touched, apart, same_or_apart};
use crate::lanes::{ExpLess, Larger, Less, Plus, Times, each_of, fold, fold_map};
use crate::math;
use crate::sequence::{Cut, Inputs, Part};
use crate::simd::{Forms, Isa, Kernel, Vector};
use std::mem::MaybeUninit;

/// Cheap operations in the time of an exponential and its sum.
const EXPONENTIAL: usize = 12;

/// Rows of at most so many columns are taken a vector of rows at a time.
const NARROW: usize = 32;

/// Which function of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soft {
    /// dst[i, j] = e^src[i, j] / Σₖ e^src[i, k].
    Max,
    /// dst[i, j] = src[i, j] − ln Σₖ e^src[i, k].
    LogMax,
    /// `dst[i] = ln Σₖ e^src[i, k]`; dst is rows × 1.
    LogSumExp,
}

/// One of the three for a rows × cols matrix; in place if `dst` is `src`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the sentence above says them")]
pub struct RowSoft {
    pub kind: Soft,
    pub rows: usize,
    pub cols: usize,
    pub src: Slot,
    pub dst: Slot,
}

struct Run<T> {
    base: Base<T>,
    s: RowSoft,
}

impl RowSoft {
    fn dst_cols(&self) -> usize {
        if self.kind == Soft::LogSumExp { 1 } else { self.cols }
    }
}

impl<T: Forms> Part<T> for RowSoft {
    /// # Panics
    /// If source and result overlap without being the same.
    fn check(&self) {
        self.dst.check_written(self.rows, self.dst_cols());
        if self.kind == Soft::LogSumExp {
            apart(self.dst, self.src, (self.rows, 1), (self.rows, self.cols));
        } else {
            same_or_apart(self.dst, self.src, self.rows, self.cols);
        }
    }

    fn touched(&self) -> Touched {
        let reads = vec![Region::new(self.src, self.rows, self.cols)];
        Touched { reads, writes: vec![Region::new(self.dst, self.rows, self.dst_cols())] }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn work(&self) -> usize {
        self.rows * self.cols * EXPONENTIAL
    }

    fn cuts(&self) -> &[Cut] {
        &[Cut::Rows]
    }

    fn rows(&self, first: usize, rows: usize) -> RowSoft {
        RowSoft { rows, src: self.src.down(first), dst: self.dst.down(first), ..*self }
    }

    unsafe fn run(&self, base: Base<T>, isa: Isa, _: &Inputs<'_, T>) {
        // SAFETY: the caller's condition.
        unsafe { T::dispatch(isa, &Run { base, s: *self }) }
    }
}

impl<T: Forms> Kernel<T> for Run<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        if self.s.cols <= NARROW {
            for row in (0..self.s.rows).step_by(V::LANES) {
                // SAFETY: row < rows; slots were checked.
                unsafe { self.rows_across::<V>(row, V::LANES.min(self.s.rows - row)) }
            }
            return;
        }
        for row in 0..self.s.rows {
            // SAFETY: row < rows; slots were checked.
            unsafe {
                let src = self.base.at(self.s.src.offset + row * self.s.src.row_stride);
                let dst = self.base.at(self.s.dst.offset + row * self.s.dst.row_stride);
                self.row::<V>(src, dst);
            }
        }
    }
}

impl<T: Forms> Run<T> {
    /// Up to a vector of narrow rows at once, a row per lane, columns in order.
    ///
    /// # Safety
    /// The rows exist.
    #[inline(always)]
    unsafe fn rows_across<V: Vector<E = T>>(&self, row: usize, rows: usize) {
        let mut values = [const { MaybeUninit::<T>::uninit() }; NARROW * 16];
        let across = values.as_mut_ptr().cast::<T>();
        let cols = self.s.cols;
        // SAFETY: `values` holds a vector per column, 0 or a row's numbers again where there is no row;
        // the rows exist.
        unsafe {
            (0..cols).for_each(|j| V::c(0.0).store(across.add(j * V::LANES)));
            let src = self.base.at(self.s.src.offset + row * self.s.src.row_stride);
            V::transpose(src, (self.s.src.row_stride, 1), (rows, cols), across, V::LANES);
            let column = |j: usize| across.wrapping_add(j * V::LANES);
            let mut top = V::c(f64::NEG_INFINITY);
            for j in 0..cols {
                top = top.max(V::load(column(j)));
            }
            let mut sum = V::c(0.0);
            for j in 0..cols {
                let less = V::load(column(j)).sub(top);
                let e = math::exp(less);
                sum = sum.add(e);
                if self.s.kind == Soft::Max { e } else { less }.store(column(j));
            }
            let share = V::c(1.0).div(sum);
            let log = math::log(sum);
            for j in 0..cols {
                let x = V::load(column(j));
                if self.s.kind == Soft::Max { x.mul(share) } else { x.sub(log) }
                    .store(column(j));
            }
            let stride = self.s.dst.row_stride;
            let dst = self.base.at(self.s.dst.offset + row * stride);
            if self.s.kind == Soft::LogSumExp {
                top.add(log).store(across);
                T::transpose(across, (V::LANES, 1), (1, rows), dst, stride);
            } else {
                T::transpose(across, (V::LANES, 1), (cols, rows), dst, stride);
            }
        }
    }

    /// # Safety
    /// A row at `src`, and its result's room at `dst`.
    #[inline(always)]
    unsafe fn row<V: Vector<E = T>>(&self, src: *const T, dst: *mut T) {
        let n = self.s.cols;
        // SAFETY: this function's condition.
        unsafe {
            let top = fold::<V, _>(src, n, Larger);
            match self.s.kind {
                Soft::Max => {
                    each_of::<V>(src, dst, n, ExpLess(top));
                    let sum = fold::<V, _>(dst, n, Plus);
                    each_of::<V>(dst, dst, n, Times(T::of(1.0).div(sum)));
                }
                Soft::LogMax => {
                    let off = log_sum::<V>(src, n, top);
                    each_of::<V>(src, dst, n, Less(top, off));
                }
                Soft::LogSumExp => *dst = top.add(log_sum::<V>(src, n, top)),
            }
        }
    }
}

/// ln Σ e^(x − top).
///
/// # Safety
/// `n` elements at `p`.
#[inline(always)]
unsafe fn log_sum<V: Vector<E: Forms>>(p: *const V::E, n: usize, top: V::E) -> V::E {
    let pad = f64::NEG_INFINITY;
    // SAFETY: this function's condition.
    let sum = unsafe { fold_map::<V, _>(p, n, pad, ExpLess(top), Plus) };
    math::log(sum)
}
