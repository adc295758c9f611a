//! Where an operand lies: in goes a place in the arena and a shape, out comes the check
//! that it fits, or a panic. Every kernel checks at its entry, which makes it safe.
//!
//! Invariant: after [`Slot::check`], every element of the slot's rows lies in the arena;
//! after [`apart`], no element that is written is in the other operand.

/// A matrix in the arena: its first element, and how far one row is from the next, both
/// in elements. Elements of a row lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The place of the first element.
    pub offset: usize,
    /// From the start of one row to the start of the next. For one row it is ignored.
    pub row_stride: usize,
}

impl Slot {
    /// A slot with `row_stride` elements from row to row.
    pub fn new(offset: usize, row_stride: usize) -> Slot {
        Slot { offset, row_stride }
    }

    /// One past the last element of `rows` × `cols`; the offset if there is none.
    ///
    /// # Panics
    /// If that place cannot be counted.
    pub fn end(&self, rows: usize, cols: usize) -> usize {
        if rows == 0 || cols == 0 {
            return self.offset;
        }
        let span =
            (rows - 1).checked_mul(self.row_stride).and_then(|s| s.checked_add(cols));
        span.and_then(|s| s.checked_add(self.offset))
            .expect("a slot beyond the address space")
    }

    /// Asserts that `rows` × `cols` lies inside an arena of `len` elements.
    pub(crate) fn check(&self, rows: usize, cols: usize, len: usize) {
        let end = self.end(rows, cols);
        assert!(end <= len, "{self:?} of {rows} × {cols} leaves the arena of {len}");
    }

    /// As [`Slot::check`], and that no two rows share an element.
    pub(crate) fn check_written(&self, rows: usize, cols: usize, len: usize) {
        self.check(rows, cols, len);
        assert!(rows <= 1 || self.row_stride >= cols, "rows of {self:?} overlap");
    }
}

/// Asserts that two ranges share no element, or are the same slot where that is allowed.
pub(crate) fn apart(a: Slot, b: Slot, a_shape: (usize, usize), b_shape: (usize, usize)) {
    let (a_end, b_end) = (a.end(a_shape.0, a_shape.1), b.end(b_shape.0, b_shape.1));
    assert!(
        a_end <= b.offset
            || b_end <= a.offset
            || a_end == a.offset
            || b_end == b.offset
            || interleaved(a, b, a_shape, b_shape),
        "{a:?} overlaps {b:?}"
    );
}

/// Columns of one matrix beside other columns of the same: equal strides, and places
/// within a row that do not meet.
fn interleaved(
    a: Slot,
    b: Slot,
    a_shape: (usize, usize),
    b_shape: (usize, usize),
) -> bool {
    let stride = a.row_stride;
    if stride != b.row_stride || stride == 0 {
        return false;
    }
    let (first, second) = (a.offset % stride, b.offset % stride);
    let inside = first + a_shape.1 <= stride && second + b_shape.1 <= stride;
    inside && (first + a_shape.1 <= second || second + b_shape.1 <= first)
}

/// Asserts that `dst` and `src` of one shape are the same slot or share no element.
pub(crate) fn same_or_apart(dst: Slot, src: Slot, rows: usize, cols: usize) {
    let same =
        dst.offset == src.offset && (rows <= 1 || dst.row_stride == src.row_stride);
    if !same {
        apart(dst, src, (rows, cols), (rows, cols));
    }
}

/// The arena's start, for threads that write to different places of it.
pub(crate) struct Base<T>(pub(crate) *mut T);

impl<T> Clone for Base<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Base<T> {}

// SAFETY: a Base is only used by kernels whose parts write places apart from one another
// and from what other parts read; the exclusive borrow of the arena outlives them.
unsafe impl<T: Send> Send for Base<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Base<T> {}

impl<T> Base<T> {
    /// The element at `offset`.
    ///
    /// # Safety
    /// `offset` is inside the arena or one past its end.
    #[inline(always)]
    pub(crate) unsafe fn at(self, offset: usize) -> *mut T {
        // SAFETY: the condition above.
        unsafe { self.0.add(offset) }
    }
}
