//! The packing of a product's operands: in go places and strides, out come numbers in the order
//! that tiles read them in.
//!
//! Invariant: packing changes where numbers lie, never which meet in a product.
//!
//! Deliberately absent: when packing pays ([`crate::matmul`] says so).

use crate::simd::{Forms, Kernel, Vector};

/// Terms of all tiles that are packed together where a term's rows lie side by side: their lines are
/// still in the nearest cache when the next tile takes its part of them.
const LINES: usize = 8;

/// Rows cut into tiles as even as can be, so that the last is not a sliver.
#[derive(Clone, Copy)]
pub(crate) struct Tiles {
    tiles: usize,
    pub(crate) height: usize,
    /// So many have that height, the others a row less.
    tall: usize,
}

impl Tiles {
    #[inline(always)]
    pub(crate) fn of<V: Vector>(rows: usize) -> Tiles {
        // A division takes as long as a short row of terms.
        if rows <= V::TILE {
            return Tiles { tiles: rows.min(1), height: rows, tall: 1 };
        }
        let tiles = rows.div_ceil(V::TILE);
        let height = rows.div_ceil(tiles);
        Tiles { tiles, height, tall: rows - tiles * (height - 1) }
    }

    /// Each tile's first row and its height.
    #[inline(always)]
    pub(crate) fn each(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.tiles).map(move |tile| {
            let short = tile.saturating_sub(self.tall);
            (tile * self.height - short, self.height - usize::from(tile >= self.tall))
        })
    }
}

/// Where a packed or unpacked operand lies, and its strides.
#[derive(Clone, Copy)]
pub(crate) struct Operand<T> {
    pub(crate) start: *const T,
    pub(crate) rs: usize,
    pub(crate) cs: usize,
}

/// Rows of A as they are packed tile by tile, so that a term's numbers of one tile lie side by side:
/// rows × `depth` at `a`, and as much room at `to`.
pub(crate) struct Rows<T> {
    pub(crate) a: Operand<T>,
    pub(crate) tiles: Tiles,
    pub(crate) depth: usize,
    pub(crate) to: *mut T,
}

impl<T: Forms> Kernel<T> for Rows<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        let &Rows { a, tiles, depth, to } = self;
        let deep = if a.rs == 1 { LINES } else { depth };
        for first in (0..depth).step_by(deep) {
            let terms = deep.min(depth - first);
            for (top, h) in tiles.each() {
                // SAFETY: rows from top and terms from first exist.
                unsafe {
                    let from = a.start.add(top * a.rs + first * a.cs);
                    let to = to.add(top * depth + first * h);
                    pack::<V>(from, (a.rs, a.cs), (h, terms), to, h);
                }
            }
        }
    }
}

/// A panel of B as it is packed: `cols` × `depth` at `b`, and room for lines of `width` at `to`.
pub(crate) struct Columns<T> {
    pub(crate) b: Operand<T>,
    pub(crate) cols: usize,
    pub(crate) depth: usize,
    pub(crate) to: *mut T,
    pub(crate) width: usize,
}

impl<T: Forms> Kernel<T> for Columns<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        let (b, shape) = (self.b, (self.cols, self.depth));
        // SAFETY: the struct's words.
        unsafe { pack::<V>(b.start, (b.cs, b.rs), shape, self.to, self.width) }
    }
}

/// to[k·width + j] = from[j·stride.0 + k·stride.1] for `shape` = (all j, all k).
///
/// # Safety
/// As [`Vector::transpose`].
#[inline(always)]
unsafe fn pack<V: Vector>(
    from: *const V::E,
    stride: (usize, usize),
    shape: (usize, usize),
    to: *mut V::E,
    width: usize,
) {
    // SAFETY: this function's condition.
    unsafe {
        match stride.0 {
            1 => V::copy_lines(from, stride.1, (shape.1, shape.0), to, width),
            _ => V::transpose(from, stride, shape, to, width),
        }
    }
}
