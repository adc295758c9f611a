//! Where a value lies: a buffer, and a size and stride for each of example, row and column.
//!
//! In: nodes' sizes. Out: [`View`]s; transposes, parts, repetition and diagonals are other
//! views of the same buffer. Invariant: stored values are dense, examples outermost; a matrix
//! whose columns are the examples is stored column by column, so that both layouts of a file
//! run alike. Deliberately absent: where the buffer is (see `memory`).

use crate::plan::ext::Ext;

/// A buffer of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Buf(pub(crate) u32);

/// A place in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) buf: Buf,
    pub(crate) offset: Ext,
}

/// The place of a matrix whose rows lie dense: `stride` from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) spot: Spot,
    pub(crate) stride: Ext,
}

/// A strided look at a buffer; axes are example, row, column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) spot: Spot,
    pub(crate) size: [Ext; 3],
    pub(crate) stride: [Ext; 3],
}

/// The order of the axes in memory, outermost first.
pub(crate) fn order(size: [Ext; 3]) -> [usize; 3] {
    if size[2].grows() && !size[1].grows() { [0, 2, 1] } else { [0, 1, 2] }
}

pub(crate) fn product(sizes: &[Ext]) -> Ext {
    sizes.iter().fold(Ext::ONE, |p, &s| p.times(s))
}

impl View {
    /// A dense value at the start of a buffer.
    pub(crate) fn dense(buf: Buf, size: [Ext; 3]) -> Self {
        let mut stride = [Ext::ZERO; 3];
        let mut step = Ext::ONE;
        for axis in order(size).into_iter().rev() {
            if !size[axis].is_one() {
                stride[axis] = step;
            }
            step = step.times(size[axis]);
        }
        Self { spot: Spot { buf, offset: Ext::ZERO }, size, stride }
    }

    pub(crate) fn transposed(mut self) -> Self {
        self.size.swap(1, 2);
        self.stride.swap(1, 2);
        self
    }

    /// The part of this size that starts at a row and a column.
    pub(crate) fn part(mut self, at: [Ext; 2], size: [Ext; 2]) -> Self {
        for (axis, start) in at.into_iter().enumerate() {
            let skip = start.times(self.stride[axis + 1]);
            self.spot.offset = self.spot.offset.plus(skip);
            self.size[axis + 1] = size[axis];
        }
        self
    }

    /// Repeated to a size: what has one entry along an axis serves all of it.
    pub(crate) fn spread(mut self, size: [Ext; 3]) -> Self {
        for (old, stride) in self.size.iter().zip(&mut self.stride) {
            if old.is_one() {
                *stride = Ext::ZERO;
            }
        }
        self.size = size;
        self
    }

    /// The diagonal as a column.
    pub(crate) fn diagonal(mut self) -> Self {
        self.stride = [self.stride[0], self.stride[1].plus(self.stride[2]), Ext::ZERO];
        self.size[2] = Ext::ONE;
        self
    }

    /// The one stride of several axes taken together (outermost first), if there is one.
    pub(crate) fn joined(&self, axes: &[usize]) -> Option<Ext> {
        let mut joined: Option<(Ext, Ext)> = None; // stride of the whole so far, its extent
        for &axis in axes.iter().rev() {
            let (size, stride) = (self.size[axis], self.stride[axis]);
            if size.is_one() {
                continue;
            }
            joined = match joined {
                None => Some((stride, size.times(stride))),
                Some((inner, extent)) if extent == stride => {
                    Some((inner, size.times(stride)))
                }
                Some(_) => return None,
            };
        }
        Some(joined.map_or(Ext::ZERO, |(stride, _)| stride))
    }

    /// As rows × columns with dense columns: the axes of the rows, the axes of the columns.
    pub(crate) fn as_rows(&self, rows: &[usize], cols: &[usize]) -> Option<Rows> {
        let (down, along) = (self.joined(rows)?, self.joined(cols)?);
        let narrow = cols.iter().all(|&a| self.size[a].is_one());
        (narrow || along == Ext::ONE).then_some(Rows { spot: self.spot, stride: down })
    }

    pub(crate) fn extent(&self, axes: &[usize]) -> Ext {
        axes.iter().fold(Ext::ONE, |p, &a| p.times(self.size[a]))
    }
}
