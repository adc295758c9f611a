//! Where an operand lies: in goes a place in the arena and a shape, out comes what it
//! touches, and whether that meets what another touches.
//!
//! Invariants: after [`apart`], no element that is written is in the other operand; two
//! [`Region`]s that do not meet share no element. That all lies inside the arena is seen
//! to once for a whole [`crate::Sequence`].

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

    /// The slot that begins `rows` rows further down.
    pub(crate) fn down(&self, rows: usize) -> Slot {
        Slot { offset: self.offset + rows * self.row_stride, ..*self }
    }

    /// The slot that begins `cols` columns further along.
    pub(crate) fn along(&self, cols: usize) -> Slot {
        Slot { offset: self.offset + cols, ..*self }
    }

    /// Asserts that no two rows of `rows` × `cols` share an element.
    pub(crate) fn check_written(&self, rows: usize, cols: usize) {
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

/// What a kernel reads or writes: rows of elements that lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) offset: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) stride: usize,
}

impl Region {
    pub(crate) fn new(slot: Slot, rows: usize, cols: usize) -> Region {
        Region { offset: slot.offset, rows, cols, stride: slot.row_stride }
    }

    /// A matrix with any strides; where neither is 1, all between its first and last.
    pub(crate) fn strided(
        offset: usize,
        (rows, cols): (usize, usize),
        (rs, cs): (usize, usize),
    ) -> Region {
        if rows == 0 || cols == 0 {
            Region { offset, rows: 0, cols: 0, stride: 0 }
        } else if cs == 1 || cols == 1 {
            Region { offset, rows, cols, stride: rs }
        } else if rs == 1 || rows == 1 {
            Region { offset, rows: cols, cols: rows, stride: cs }
        } else {
            let span = (rows - 1) * rs + (cols - 1) * cs + 1;
            Region { offset, rows: 1, cols: span, stride: span }
        }
    }

    /// One past the last element.
    pub(crate) fn end(&self) -> usize {
        Slot::new(self.offset, self.stride).end(self.rows, self.cols)
    }

    /// Whether the two may share an element: false only if they do not.
    pub(crate) fn meets(&self, other: &Region) -> bool {
        if self.end() <= other.offset || other.end() <= self.offset {
            return false;
        }
        let stride = if self.rows > 1 { self.stride } else { other.stride };
        let same = |r: &Region| r.rows == 1 || r.stride == stride;
        if stride == 0 || !same(self) || !same(other) {
            return true;
        }
        // Both as rectangles of one matrix with `stride` columns.
        let place = |r: &Region| (r.offset / stride, r.offset % stride);
        let ((a_row, a_col), (b_row, b_col)) = (place(self), place(other));
        if a_col + self.cols > stride || b_col + other.cols > stride {
            return true;
        }
        let cross = |a: usize, n: usize, b: usize, m: usize| a < b + m && b < a + n;
        cross(a_row, self.rows, b_row, other.rows)
            && cross(a_col, self.cols, b_col, other.cols)
    }
}

/// What a kernel reads, and what it writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    pub(crate) reads: Vec<Region>,
    pub(crate) writes: Vec<Region>,
}

impl Touched {
    /// One past the last element of all.
    pub(crate) fn end(&self) -> usize {
        self.reads.iter().chain(&self.writes).map(Region::end).max().unwrap_or(0)
    }

    /// Whether one of the two writes what the other reads or writes.
    pub(crate) fn clashes(&self, other: &Touched) -> bool {
        let any =
            |a: &[Region], b: &[Region]| a.iter().any(|a| b.iter().any(|b| a.meets(b)));
        any(&self.writes, &other.writes)
            || any(&self.writes, &other.reads)
            || any(&self.reads, &other.writes)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(r: &Region) -> Vec<usize> {
        let row = |i: usize| (0..r.cols).map(move |j| r.offset + i * r.stride + j);
        (0..r.rows).flat_map(row).collect()
    }

    #[test]
    fn regions_that_share_an_element_meet_and_parts_of_one_matrix_do_not() {
        let mut all = Vec::new();
        for (offset, stride) in [(0, 4), (1, 4), (2, 4), (8, 4), (0, 6), (3, 1), (5, 7)] {
            for (rows, cols) in [(1, 1), (1, 3), (2, 2), (3, 1), (1, 9)] {
                all.push(Region { offset, rows, cols, stride });
            }
        }
        let mut apart = 0;
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            let (left, right) = (elements(a), elements(b));
            let share = left.iter().any(|x| right.contains(x));
            assert!(a.meets(b) || !share, "{a:?} {b:?}");
            apart += usize::from(!a.meets(b));
        }
        assert!(apart > 400, "{apart} pairs are seen to be apart");
        let half = |first| Region { offset: first, rows: 8, cols: 16, stride: 32 };
        assert!(!half(0).meets(&half(16)) && half(0).meets(&half(8)));
    }
}
