//! Sums and maxima over an axis: in goes a matrix in the arena, out come its row sums,
//! row maxima, column sums, or the sum of all.
//!
//! Invariants: a row's result is a function of that row alone; a column sum adds rows in
//! order within shards of [`SHARD`] rows, and the shards in order; the sum of all adds at
//! most [`SHARDS`] shards, whose size depends on the matrix alone. Threads take rows or
//! columns, and one of them a sum of all, so bits do not depend on their number.

use crate::arena::{Base, Region, Slot, Touched, apart};
use crate::lanes::{Join, Larger, Map, Plus, Same, Squared, fold, fold_map};
use crate::sequence::{Cut, Inputs, Part};
use crate::simd::{Forms, Isa, Kernel, Vector};

/// Rows of a column sum that are added in one go.
const SHARD: usize = 128;
/// Most shards of the sum of all.
const SHARDS: usize = 64;
/// Elements of the smallest shard of the sum of all.
const SMALLEST: usize = 4096;
/// Rows of at most so many columns are taken number by number.
const NARROW: usize = 16;

/// Which sum or maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// `dst[i]` = Σ over row i; dst is rows × 1.
    RowSum,
    /// `dst[i]` = the largest of row i (NaN if one is; −∞ of an empty row); rows × 1.
    RowMax,
    /// `dst[j]` = Σ over column j; dst is 1 × cols.
    ColSum,
    /// dst = Σ of all; 1 × 1.
    AllSum,
    /// dst = Σ of the squares of all; 1 × 1.
    AllSquares,
}

/// A reduction of a rows × cols matrix: dst = scale·result, plus dst if `accumulate`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the sentence above says them")]
pub struct Reduction {
    pub kind: Reduce,
    pub rows: usize,
    pub cols: usize,
    pub src: Slot,
    pub dst: Slot,
    pub scale: f64,
    pub accumulate: bool,
}

impl Reduction {
    fn dst_shape(&self) -> (usize, usize) {
        match self.kind {
            Reduce::RowSum | Reduce::RowMax => (self.rows, 1),
            Reduce::ColSum => (1, self.cols),
            Reduce::AllSum | Reduce::AllSquares => (1, 1),
        }
    }
}

struct Run<T> {
    base: Base<T>,
    r: Reduction,
}

impl<T: Forms> Part<T> for Reduction {
    /// # Panics
    /// If `dst` overlaps `src`.
    fn check(&self) {
        let (rows, cols) = self.dst_shape();
        self.dst.check_written(rows, cols);
        apart(self.dst, self.src, (rows, cols), (self.rows, self.cols));
    }

    fn touched(&self) -> Touched {
        let (rows, cols) = self.dst_shape();
        let reads = vec![Region::new(self.src, self.rows, self.cols)];
        Touched { reads, writes: vec![Region::new(self.dst, rows, cols)] }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn work(&self) -> usize {
        self.rows * self.cols
    }

    fn cuts(&self) -> &[Cut] {
        match self.kind {
            Reduce::RowSum | Reduce::RowMax => &[Cut::Rows],
            Reduce::ColSum => &[Cut::Cols],
            Reduce::AllSum | Reduce::AllSquares => &[],
        }
    }

    fn rows(&self, first: usize, rows: usize) -> Reduction {
        Reduction { rows, src: self.src.down(first), dst: self.dst.down(first), ..*self }
    }

    fn cols(&self, first: usize, cols: usize) -> Reduction {
        Reduction {
            cols,
            src: self.src.along(first),
            dst: self.dst.along(first),
            ..*self
        }
    }

    unsafe fn run(&self, base: Base<T>, isa: Isa, _: &Inputs<'_, T>) {
        // SAFETY: the caller's condition.
        unsafe { T::dispatch(isa, &Run { base, r: *self }) }
    }
}

/// The elements of a shard of the sum of all; whole rows where they lie apart.
fn shard(r: &Reduction) -> usize {
    if r.rows <= 1 || r.src.row_stride == r.cols {
        (r.rows * r.cols).div_ceil(SHARDS).next_multiple_of(16).max(SMALLEST)
    } else {
        r.rows.div_ceil(SHARDS)
    }
}

#[inline(always)]
fn put<T: Forms>(dst: &mut T, result: T, r: &Reduction) {
    let old = if r.accumulate { *dst } else { T::of(0.0) };
    *dst = result.fma(T::of(r.scale), old);
}

impl<T: Forms> Kernel<T> for Run<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        // SAFETY: slots were checked.
        unsafe {
            match self.r.kind {
                Reduce::RowSum | Reduce::RowMax if self.r.cols <= NARROW => self.narrow(),
                Reduce::RowSum => self.rows::<V>(Plus),
                Reduce::RowMax => self.rows::<V>(Larger),
                Reduce::ColSum => self.cols::<V>(),
                Reduce::AllSum => self.all::<V>(Same),
                Reduce::AllSquares => self.all::<V>(Squared),
            }
        }
    }
}

impl<T: Forms> Run<T> {
    /// # Safety
    /// The slots are checked.
    #[inline(always)]
    unsafe fn rows<V: Vector<E = T>>(&self, join: impl Join<V>) {
        for row in 0..self.r.rows {
            // SAFETY: row < rows.
            unsafe {
                let p = self.base.at(self.r.src.offset + row * self.r.src.row_stride);
                let result = fold::<V, _>(p, self.r.cols, join);
                let dst = self.base.at(self.r.dst.offset + row * self.r.dst.row_stride);
                put(&mut *dst, result, &self.r);
            }
        }
    }

    /// # Safety
    /// The slots are checked.
    #[inline(always)]
    unsafe fn cols<V: Vector<E = T>>(&self) {
        let mut col = 0;
        while col < self.r.cols {
            let n = V::LANES.min(self.r.cols - col);
            // SAFETY: col + n <= cols.
            unsafe { self.some_cols::<V>(col, V::part(n)) }
            col += n;
        }
    }

    /// # Safety
    /// The part's columns from `col` on exist.
    #[inline(always)]
    unsafe fn some_cols<V: Vector<E = T>>(&self, col: usize, part: V::Part) {
        let mut total = V::c(0.0);
        // SAFETY: rows below `rows`, columns of the part.
        unsafe {
            for shard in (0..self.r.rows).step_by(SHARD) {
                let mut sum = V::c(0.0);
                for row in shard..self.r.rows.min(shard + SHARD) {
                    let at = self.r.src.offset + row * self.r.src.row_stride + col;
                    sum = sum.add(V::load_part(self.base.at(at), part));
                }
                total = total.add(sum);
            }
            let dst = self.base.at(self.r.dst.offset + col);
            let zero = V::c(0.0);
            let old = if self.r.accumulate { V::load_part(dst, part) } else { zero };
            total.fma(V::c(self.r.scale), old).store_part(dst, part);
        }
    }

    /// The sum of f of all elements, shard by shard.
    ///
    /// # Safety
    /// The slots are checked.
    #[inline(always)]
    unsafe fn all<V: Vector<E = T>>(&self, f: impl Map<V>) {
        let (r, step) = (&self.r, shard(&self.r));
        let whole = r.rows <= 1 || r.src.row_stride == r.cols;
        let (end, mut total) = (if whole { r.rows * r.cols } else { r.rows }, T::of(0.0));
        for first in (0..end).step_by(step.max(1)) {
            let n = step.min(end - first);
            // SAFETY: shards lie inside the matrix.
            unsafe {
                let sum = if whole {
                    let p = self.base.at(r.src.offset + first);
                    fold_map::<V, _>(p, n, 0.0, f, Plus)
                } else {
                    (first..first + n).fold(T::of(0.0), |sum, row| {
                        let p = self.base.at(r.src.offset + row * r.src.row_stride);
                        sum.add(fold_map::<V, _>(p, r.cols, 0.0, f, Plus))
                    })
                };
                total = total.add(sum);
            }
        }
        // SAFETY: dst is one element.
        unsafe { put(&mut *self.base.at(r.dst.offset), total, r) }
    }

    /// Rows so short that a vector per row costs more than the row: sums in f64, rounded
    /// once; maxima NaN if there is one.
    ///
    /// # Safety
    /// The slots are checked.
    #[inline(always)]
    unsafe fn narrow(&self) {
        let r = &self.r;
        for i in 0..r.rows {
            // SAFETY: i < rows.
            unsafe {
                let row = self.base.at(r.src.offset + i * r.src.row_stride);
                let all = (0..r.cols).map(|j| (*row.add(j)).wide());
                let result = if r.kind == Reduce::RowSum {
                    all.sum::<f64>()
                } else {
                    all.fold(
                        f64::NEG_INFINITY,
                        |t, x| if x > t || x.is_nan() { x } else { t },
                    )
                };
                let dst = self.base.at(r.dst.offset + i * r.dst.row_stride);
                let old = if r.accumulate { (*dst).wide() } else { 0.0 };
                *dst = T::of(result * r.scale + old);
            }
        }
    }
}
