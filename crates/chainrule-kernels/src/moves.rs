//! Kernels that move numbers without reckoning: picks by index, transposes, batches.
//!
//! Invariant: an index beyond its row is refused before anything is written.

use crate::arena::{Base, Slot, apart};
use crate::simd::Forms;
use crate::team::Team;

/// Elements below which waking the team costs more than it brings.
const FORK: usize = 64 * 1024;
/// Side of the squares in which a transpose walks.
const SQUARE: usize = 16;

/// What [`crate::Real::sub_at`] takes off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Take {
    /// The same number in every row.
    Scalar(f64),
    /// One number per row, from a rows × 1 slot.
    Col(Slot),
}

fn check_indices(idx: &[u32], rows: usize, cols: usize) {
    assert_eq!(idx.len(), rows, "one index per row");
    let worst = idx.iter().max().map_or(0, |&i| i as usize);
    assert!(rows == 0 || worst < cols, "index {worst} of {cols} columns");
}

/// dst[i] = src[i, idx[i]].
pub(crate) fn gather_col<T: Forms>(
    arena: &mut [T],
    cols: usize,
    src: Slot,
    idx: &[u32],
    dst: Slot,
) {
    let rows = idx.len();
    check_indices(idx, rows, cols);
    src.check(rows, cols, arena.len());
    dst.check_written(rows, 1, arena.len());
    apart(dst, src, (rows, 1), (rows, cols));
    for (i, &col) in idx.iter().enumerate() {
        arena[dst.offset + i * dst.row_stride] =
            arena[src.offset + i * src.row_stride + col as usize];
    }
}

/// dst[i, idx[i]] −= what.
pub(crate) fn sub_at<T: Forms>(
    arena: &mut [T],
    cols: usize,
    dst: Slot,
    idx: &[u32],
    what: Take,
) {
    let rows = idx.len();
    check_indices(idx, rows, cols);
    dst.check_written(rows, cols, arena.len());
    if let Take::Col(slot) = what {
        slot.check(rows, 1, arena.len());
        apart(dst, slot, (rows, cols), (rows, 1));
    }
    for (i, &col) in idx.iter().enumerate() {
        let off = match what {
            Take::Scalar(value) => T::of(value),
            Take::Col(slot) => arena[slot.offset + i * slot.row_stride],
        };
        let place = &mut arena[dst.offset + i * dst.row_stride + col as usize];
        *place = place.sub(off);
    }
}

/// dst (cols × rows) = transpose of src (rows × cols).
pub(crate) fn transpose<T: Forms>(
    team: &Team,
    arena: &mut [T],
    (rows, cols): (usize, usize),
    src: Slot,
    dst: Slot,
) {
    src.check(rows, cols, arena.len());
    dst.check_written(cols, rows, arena.len());
    apart(dst, src, (cols, rows), (rows, cols));
    let base = Base(arena.as_mut_ptr());
    deal(team, rows * cols, cols.div_ceil(SQUARE), &|first, end| {
        for top in (0..rows).step_by(SQUARE) {
            for col in first * SQUARE..cols.min(end * SQUARE) {
                for row in top..rows.min(top + SQUARE) {
                    // SAFETY: row < rows, col < cols; slots were checked; parts write
                    // different rows of dst.
                    unsafe {
                        *base.at(dst.offset + col * dst.row_stride + row) =
                            *base.at(src.offset + row * src.row_stride + col);
                    }
                }
            }
        }
    });
}

/// Row i of dst = row idx[i] of `from`, whose rows have `cols` elements side by side.
pub(crate) fn gather_rows<T: Forms>(
    team: &Team,
    arena: &mut [T],
    (from, cols): (&[T], usize),
    idx: &[u32],
    dst: Slot,
) {
    let rows = from.len().checked_div(cols).unwrap_or(usize::MAX);
    assert!(idx.iter().all(|&i| (i as usize) < rows), "an index beyond {rows} rows");
    dst.check_written(idx.len(), cols, arena.len());
    let base = Base(arena.as_mut_ptr());
    deal(team, idx.len() * cols, idx.len(), &|first, end| {
        for (i, &row) in idx.iter().enumerate().take(end).skip(first) {
            let row = &from[row as usize * cols..][..cols];
            // SAFETY: `dst` was checked and `from` is another slice; parts write
            // different rows.
            unsafe {
                let to = base.at(dst.offset + i * dst.row_stride);
                row.as_ptr().copy_to_nonoverlapping(to, cols);
            }
        }
    });
}

/// Row i of dst = row idx[i] of src, both in the arena.
pub(crate) fn take_rows<T: Forms>(
    team: &Team,
    arena: &mut [T],
    (src, src_rows, cols): (Slot, usize, usize),
    idx: &[u32],
    dst: Slot,
) {
    assert!(idx.iter().all(|&i| (i as usize) < src_rows), "an index beyond {src_rows}");
    src.check(src_rows, cols, arena.len());
    dst.check_written(idx.len(), cols, arena.len());
    apart(dst, src, (idx.len(), cols), (src_rows, cols));
    let base = Base(arena.as_mut_ptr());
    deal(team, idx.len() * cols, idx.len(), &|first, end| {
        for (i, &row) in idx.iter().enumerate().take(end).skip(first) {
            // SAFETY: slots were checked and lie apart; parts write different rows.
            unsafe {
                let from = base.at(src.offset + row as usize * src.row_stride);
                let to = base.at(dst.offset + i * dst.row_stride);
                from.copy_to_nonoverlapping(to, cols);
            }
        }
    });
}

/// Every element of dst = value.
pub(crate) fn fill<T: Forms>(
    arena: &mut [T],
    (rows, cols): (usize, usize),
    dst: Slot,
    value: T,
) {
    dst.check_written(rows, cols, arena.len());
    for row in 0..rows {
        arena[dst.offset + row * dst.row_stride..][..cols].fill(value);
    }
}

/// Deals `units` to the team in one run each, if there is work enough.
fn deal(team: &Team, work: usize, units: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let threads = if work < FORK { 1 } else { team.threads() };
    let size = units.div_ceil(threads).max(1);
    team.run(units.div_ceil(size), &|part| {
        f(part * size, units.min((part + 1) * size));
    });
}
