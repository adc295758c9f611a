//! Softmax and its logarithms, row by row: in goes a matrix in the arena, out comes
//! softmax (rows × cols), log-softmax (rows × cols) or log-sum-exp (rows × 1).
//!
//! Invariant: a row's result is a function of that row alone; the largest element is
//! taken off first, so no exponential overflows. Whether the row's terms are added in
//! lanes or in order depends on its length alone. A row with +∞ or NaN gives NaN.

use crate::arena::{Base, Slot, apart, same_or_apart};
use crate::lanes::{ExpLess, Larger, Less, Plus, Times, each_of, fold, fold_map};
use crate::math;
use crate::simd::{Forms, Isa, Kernel, Vector};
use crate::team::Team;

/// Elements below which waking the team costs more than it brings.
const FORK: usize = 16 * 1024;

/// Rows of at most so many columns are taken a vector of rows at a time.
const NARROW: usize = 32;

/// Which function of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Soft {
    Max,
    LogMax,
    LogSumExp,
}

struct Run<T> {
    base: Base<T>,
    kind: Soft,
    cols: usize,
    src: Slot,
    dst: Slot,
    first: usize,
    end: usize,
}

/// Runs one of the three; see [`crate::Real::softmax`].
///
/// # Panics
/// If a slot leaves the arena, or they overlap without being the same.
pub(crate) fn soft<T: Forms>(
    (team, isa): (&Team, Isa),
    arena: &mut [T],
    kind: Soft,
    (rows, cols): (usize, usize),
    src: Slot,
    dst: Slot,
) {
    src.check(rows, cols, arena.len());
    if kind == Soft::LogSumExp {
        dst.check_written(rows, 1, arena.len());
        apart(dst, src, (rows, 1), (rows, cols));
    } else {
        dst.check_written(rows, cols, arena.len());
        same_or_apart(dst, src, rows, cols);
    }
    let base = Base(arena.as_mut_ptr());
    let threads = if rows * cols < FORK { 1 } else { team.threads() };
    let size = rows.div_ceil(threads).max(1);
    team.run(rows.div_ceil(size), &|part| {
        let (first, end) = (part * size, rows.min((part + 1) * size));
        let run = Run { base, kind, cols, src, dst, first, end };
        // SAFETY: slots were checked; parts write different rows.
        unsafe { T::dispatch(isa, &run) }
    });
}

impl<T: Forms> Kernel<T> for Run<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        if self.cols <= NARROW {
            for row in (self.first..self.end).step_by(V::LANES) {
                // SAFETY: row < rows; slots were checked.
                unsafe { self.rows_across::<V>(row, V::LANES.min(self.end - row)) }
            }
            return;
        }
        for row in self.first..self.end {
            // SAFETY: row < rows; slots were checked.
            unsafe {
                let src = self.base.at(self.src.offset + row * self.src.row_stride);
                let dst = self.base.at(self.dst.offset + row * self.dst.row_stride);
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
        let mut values = [T::of(0.0); NARROW * 16];
        let cols = self.cols;
        // SAFETY: `values` holds a vector per column; the rows exist.
        unsafe {
            let src = self.base.at(self.src.offset + row * self.src.row_stride);
            let across = values.as_mut_ptr();
            V::transpose(src, (self.src.row_stride, 1), (rows, cols), across, V::LANES);
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
                if self.kind == Soft::Max { e } else { less }.store(column(j));
            }
            let share = V::c(1.0).div(sum);
            let log = math::log(sum);
            for j in 0..cols {
                let x = V::load(column(j));
                if self.kind == Soft::Max { x.mul(share) } else { x.sub(log) }
                    .store(column(j));
            }
            let stride = self.dst.row_stride;
            let dst = self.base.at(self.dst.offset + row * stride);
            if self.kind == Soft::LogSumExp {
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
        let n = self.cols;
        // SAFETY: this function's condition.
        unsafe {
            let top = fold::<V, _>(src, n, Larger);
            match self.kind {
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
