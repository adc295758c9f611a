//! Kernels that move numbers without reckoning: picks by index, batches, copies.
//!
//! Invariant: indices are checked before a [`crate::Sequence`] runs, so that none reads
//! beyond its row.

use crate::arena::{Base, Region, Slot, Touched, apart};
use crate::sequence::{Cut, Inputs, Limit, Part};
use crate::simd::{Forms, Isa};

/// `dst[i] = src[i, idx[i]]` for the rows of an index: src is rows × cols, dst rows × 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the sentence above says them")]
pub struct Pick {
    /// The number of the index among [`Inputs::index`], and its first row.
    pub index: (usize, usize),
    pub rows: usize,
    pub cols: usize,
    pub src: Slot,
    pub dst: Slot,
}

impl<T: Forms> Part<T> for Pick {
    fn check(&self) {
        self.dst.check_written(self.rows, 1);
        apart(self.dst, self.src, (self.rows, 1), (self.rows, self.cols));
    }

    fn touched(&self) -> Touched {
        let reads = vec![Region::new(self.src, self.rows, self.cols)];
        Touched { reads, writes: vec![Region::new(self.dst, self.rows, 1)] }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn work(&self) -> usize {
        self.rows
    }

    fn cuts(&self) -> &[Cut] {
        &[Cut::Rows]
    }

    fn rows(&self, first: usize, rows: usize) -> Pick {
        let index = (self.index.0, self.index.1 + first);
        Pick {
            index,
            rows,
            src: self.src.down(first),
            dst: self.dst.down(first),
            ..*self
        }
    }

    fn limit(&self) -> Option<Limit> {
        Some(Limit { index: self.index.0, rows: self.rows, cols: self.cols })
    }

    unsafe fn run(&self, base: Base<T>, _: Isa, inputs: &Inputs<'_, T>) {
        let index = &inputs.index[self.index.0][self.index.1..][..self.rows];
        for (i, &col) in index.iter().enumerate() {
            // SAFETY: i < rows and col < cols, both checked.
            unsafe {
                *base.at(self.dst.down(i).offset) =
                    *base.at(self.src.down(i).offset + col as usize);
            }
        }
    }
}

/// What [`SubAt`] takes off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Take {
    /// The same number in every row.
    Scalar(f64),
    /// One number per row, from a rows × 1 slot.
    Col(Slot),
}

/// `dst[i, idx[i]] −= what` for the rows of an index; dst is rows × cols.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the sentence above says them")]
pub struct SubAt {
    /// The number of the index among [`Inputs::index`], and its first row.
    pub index: (usize, usize),
    pub rows: usize,
    pub cols: usize,
    pub dst: Slot,
    pub what: Take,
}

impl<T: Forms> Part<T> for SubAt {
    fn check(&self) {
        self.dst.check_written(self.rows, self.cols);
        if let Take::Col(slot) = self.what {
            apart(self.dst, slot, (self.rows, self.cols), (self.rows, 1));
        }
    }

    fn touched(&self) -> Touched {
        let reads = match self.what {
            Take::Scalar(_) => Vec::new(),
            Take::Col(slot) => vec![Region::new(slot, self.rows, 1)],
        };
        Touched { reads, writes: vec![Region::new(self.dst, self.rows, self.cols)] }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn work(&self) -> usize {
        self.rows
    }

    fn cuts(&self) -> &[Cut] {
        &[Cut::Rows]
    }

    fn rows(&self, first: usize, rows: usize) -> SubAt {
        let index = (self.index.0, self.index.1 + first);
        let what = match self.what {
            Take::Scalar(value) => Take::Scalar(value),
            Take::Col(slot) => Take::Col(slot.down(first)),
        };
        SubAt { index, rows, dst: self.dst.down(first), what, ..*self }
    }

    fn limit(&self) -> Option<Limit> {
        Some(Limit { index: self.index.0, rows: self.rows, cols: self.cols })
    }

    unsafe fn run(&self, base: Base<T>, _: Isa, inputs: &Inputs<'_, T>) {
        let index = &inputs.index[self.index.0][self.index.1..][..self.rows];
        for (i, &col) in index.iter().enumerate() {
            // SAFETY: i < rows and col < cols, both checked.
            unsafe {
                let off = match self.what {
                    Take::Scalar(value) => T::of(value),
                    Take::Col(slot) => *base.at(slot.down(i).offset),
                };
                let place = base.at(self.dst.down(i).offset + col as usize);
                *place = (*place).sub(off);
            }
        }
    }
}

/// Row i of dst = row `rows[i]` of a matrix outside the arena, whose rows have `cols`
/// elements side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the sentence above says them")]
pub struct Gather {
    /// The number of the matrix among [`Inputs::sources`].
    pub source: usize,
    /// The first of [`Inputs::rows`], and how many.
    pub first: usize,
    pub rows: usize,
    pub cols: usize,
    pub dst: Slot,
}

impl<T: Forms> Part<T> for Gather {
    fn check(&self) {
        self.dst.check_written(self.rows, self.cols);
    }

    fn touched(&self) -> Touched {
        let writes = vec![Region::new(self.dst, self.rows, self.cols)];
        Touched { reads: Vec::new(), writes }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn work(&self) -> usize {
        self.rows * self.cols
    }

    fn cuts(&self) -> &[Cut] {
        &[Cut::Rows]
    }

    fn rows(&self, first: usize, rows: usize) -> Gather {
        Gather { first: self.first + first, rows, dst: self.dst.down(first), ..*self }
    }

    unsafe fn run(&self, base: Base<T>, _: Isa, inputs: &Inputs<'_, T>) {
        let source = inputs.sources.source(self.source);
        let rows = &inputs.rows[self.first..][..self.rows];
        let row = |&row: &u32| &source[row as usize * self.cols..][..self.cols];
        let ahead = (AHEAD / (self.cols * size_of::<T>()).max(1)).max(1);
        rows.iter().take(ahead).map(row).for_each(expect_row);
        for (i, at) in rows.iter().enumerate() {
            rows.get(i + ahead).map(row).into_iter().for_each(expect_row);
            let row = row(at);
            // SAFETY: i < rows; the arena is another slice.
            unsafe {
                let to = base.at(self.dst.down(i).offset);
                row.as_ptr().copy_to_nonoverlapping(to, self.cols);
            }
        }
    }
}

/// Bytes that are asked of memory ahead of the row that is copied: rows lie anywhere, and a
/// row's first lines would be waited for one after the other.
const AHEAD: usize = 8 * 1024;

/// Asks for a row that will be read soon.
fn expect_row<T>(row: &[T]) {
    let lines = row.chunks((64 / size_of::<T>()).max(1));
    lines.for_each(|line| expect(line.as_ptr()));
}

/// Asks memory for the line at an address.
#[inline(always)]
pub(crate) fn expect<T>(line: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which nothing comes of where there is no memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// dst = src, rows × cols.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the sentence above says them")]
pub struct Copy {
    pub rows: usize,
    pub cols: usize,
    pub src: Slot,
    pub dst: Slot,
}

impl<T: Forms> Part<T> for Copy {
    fn check(&self) {
        self.dst.check_written(self.rows, self.cols);
        apart(self.dst, self.src, (self.rows, self.cols), (self.rows, self.cols));
    }

    fn touched(&self) -> Touched {
        let region = |slot| vec![Region::new(slot, self.rows, self.cols)];
        Touched { reads: region(self.src), writes: region(self.dst) }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn work(&self) -> usize {
        self.rows * self.cols
    }

    fn cuts(&self) -> &[Cut] {
        &[Cut::Rows, Cut::Cols]
    }

    fn rows(&self, first: usize, rows: usize) -> Copy {
        Copy { rows, src: self.src.down(first), dst: self.dst.down(first), ..*self }
    }

    fn cols(&self, first: usize, cols: usize) -> Copy {
        Copy { cols, src: self.src.along(first), dst: self.dst.along(first), ..*self }
    }

    unsafe fn run(&self, base: Base<T>, _: Isa, _: &Inputs<'_, T>) {
        for i in 0..self.rows {
            // SAFETY: i < rows; the two lie apart.
            unsafe {
                let from = base.at(self.src.down(i).offset).cast_const();
                from.copy_to_nonoverlapping(base.at(self.dst.down(i).offset), self.cols);
            }
        }
    }
}

/// Every element of dst (rows × cols) = value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the sentence above says them")]
pub struct Fill {
    pub rows: usize,
    pub cols: usize,
    pub dst: Slot,
    pub value: f64,
}

impl<T: Forms> Part<T> for Fill {
    fn check(&self) {
        self.dst.check_written(self.rows, self.cols);
    }

    fn touched(&self) -> Touched {
        let writes = vec![Region::new(self.dst, self.rows, self.cols)];
        Touched { reads: Vec::new(), writes }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn work(&self) -> usize {
        self.rows * self.cols
    }

    fn cuts(&self) -> &[Cut] {
        &[Cut::Rows, Cut::Cols]
    }

    fn rows(&self, first: usize, rows: usize) -> Fill {
        Fill { rows, dst: self.dst.down(first), ..*self }
    }

    fn cols(&self, first: usize, cols: usize) -> Fill {
        Fill { cols, dst: self.dst.along(first), ..*self }
    }

    unsafe fn run(&self, base: Base<T>, _: Isa, _: &Inputs<'_, T>) {
        for i in 0..self.rows {
            // SAFETY: i < rows.
            let row = unsafe {
                std::slice::from_raw_parts_mut(
                    base.at(self.dst.down(i).offset),
                    self.cols,
                )
            };
            row.fill(T::of(self.value));
        }
    }
}
