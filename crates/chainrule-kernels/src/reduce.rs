//! Sums and maxima over an axis: in goes a matrix in the arena, out come its row sums,
//! row maxima, column sums, or the sum of all.
//!
//! Invariants: a row's result is a function of that row alone; a column sum adds rows in
//! order within shards of [`SHARD`] rows, and the shards in order; the sum of all adds at
//! most [`SHARDS`] shards, whose size depends on the matrix alone. Threads take rows,
//! columns or whole shards, so bits do not depend on their number.

use crate::arena::{Base, Slot, apart};
use crate::lanes::{Join, Larger, Plus, fold};
use crate::simd::{Forms, Isa, Kernel, Vector};
use crate::team::Team;

/// Rows of a column sum that are added in one go.
const SHARD: usize = 128;
/// Most shards of the sum of all.
const SHARDS: usize = 64;
/// Elements of the smallest shard of the sum of all.
const SMALLEST: usize = 4096;
/// Elements below which waking the team costs more than it brings.
const FORK: usize = 128 * 1024;

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
            Reduce::AllSum => (1, 1),
        }
    }

    /// # Panics
    /// If an operand leaves the arena or `dst` overlaps `src`.
    fn check(&self, len: usize) {
        let (rows, cols) = self.dst_shape();
        self.src.check(self.rows, self.cols, len);
        self.dst.check_written(rows, cols, len);
        apart(self.dst, self.src, (rows, cols), (self.rows, self.cols));
    }
}

struct Run<T> {
    base: Base<T>,
    r: Reduction,
    /// The rows, columns or shards of this part.
    first: usize,
    end: usize,
    shard: usize,
    partial: Base<T>,
}

/// Runs a reduction; see [`crate::Real::reduce`].
pub(crate) fn reduce<T: Forms>(team: &Team, isa: Isa, arena: &mut [T], r: &Reduction) {
    r.check(arena.len());
    let mut partial = [T::of(0.0); SHARDS];
    let (units, shard) = units(r);
    let base = Base(arena.as_mut_ptr());
    let partial_base = Base(partial.as_mut_ptr());
    let threads = if r.rows * r.cols < FORK { 1 } else { team.threads() };
    // Columns are dealt by whole cache lines.
    let grain = if r.kind == Reduce::ColSum { 16 } else { 1 };
    let size = units.div_ceil(threads).next_multiple_of(grain).max(1);
    team.run(units.div_ceil(size), &|part| {
        let (first, end) = (part * size, units.min((part + 1) * size));
        let run = Run { base, r: *r, first, end, shard, partial: partial_base };
        // SAFETY: slots were checked; parts write different results.
        unsafe { T::dispatch(isa, &run) }
    });
    if r.kind == Reduce::AllSum {
        let sum = partial[..units].iter().fold(T::of(0.0), |sum, p| sum.add(*p));
        put(&mut arena[r.dst.offset], sum, r);
    }
}

/// How many results there are to deal out, and the elements or rows of a shard.
fn units(r: &Reduction) -> (usize, usize) {
    match r.kind {
        Reduce::RowSum | Reduce::RowMax => (r.rows, 0),
        Reduce::ColSum => (r.cols, SHARD),
        Reduce::AllSum if r.rows <= 1 || r.src.row_stride == r.cols => {
            let shard =
                (r.rows * r.cols).div_ceil(SHARDS).next_multiple_of(16).max(SMALLEST);
            ((r.rows * r.cols).div_ceil(shard), shard)
        }
        // Rows apart from one another: shards are whole rows.
        Reduce::AllSum => {
            (r.rows.div_ceil(r.rows.div_ceil(SHARDS)), r.rows.div_ceil(SHARDS))
        }
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
                Reduce::RowSum => self.rows::<V>(Plus),
                Reduce::RowMax => self.rows::<V>(Larger),
                Reduce::ColSum => self.cols::<V>(),
                Reduce::AllSum => self.shards::<V>(),
            }
        }
    }
}

impl<T: Forms> Run<T> {
    /// # Safety
    /// The slots are checked.
    #[inline(always)]
    unsafe fn rows<V: Vector<E = T>>(&self, join: impl Join<V>) {
        for row in self.first..self.end {
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
        let mut col = self.first;
        while col < self.end {
            let n = V::LANES.min(self.end - col);
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
            for shard in (0..self.r.rows).step_by(self.shard) {
                let mut sum = V::c(0.0);
                for row in shard..self.r.rows.min(shard + self.shard) {
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

    /// # Safety
    /// The slots are checked.
    #[inline(always)]
    unsafe fn shards<V: Vector<E = T>>(&self) {
        let r = &self.r;
        let whole = r.rows <= 1 || r.src.row_stride == r.cols;
        for shard in self.first..self.end {
            let first = shard * self.shard;
            // SAFETY: shards lie inside the matrix; `partial` holds SHARDS results.
            unsafe {
                let sum = if whole {
                    let n = self.shard.min(r.rows * r.cols - first);
                    fold::<V, _>(self.base.at(r.src.offset + first), n, Plus)
                } else {
                    (first..r.rows.min(first + self.shard)).fold(
                        T::of(0.0),
                        |sum, row| {
                            let p = self.base.at(r.src.offset + row * r.src.row_stride);
                            sum.add(fold::<V, _>(p, r.cols, Plus))
                        },
                    )
                };
                *self.partial.at(shard) = sum;
            }
        }
    }
}
