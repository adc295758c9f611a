//! Sums and maxima along a row, in an order of their own: in goes a row, out comes one
//! number.
//!
//! Invariant: element i goes to lane i mod [`LANES`] whatever the vectors' width; lanes
//! are combined by halves. So all forms give the same bits.

use crate::simd::{Elem, Vector};

/// Lanes of every sum along a row.
pub(crate) const LANES: usize = 16;

/// Combines a row's values by `join`, starting from `start`.
///
/// # Safety
/// `n` elements can be read at `p`.
#[inline(always)]
pub(crate) unsafe fn fold<V: Vector>(
    p: *const V::E,
    n: usize,
    start: f64,
    join: impl Fn(V, V) -> V + Copy,
) -> V::E {
    // SAFETY: this function's condition.
    unsafe { fold_map(p, n, [start, start], |x| x, join) }
}

/// Combines `map` of a row's values by `join`, starting from `start`; `map` of `pad` is
/// taken to be the start as well.
///
/// # Safety
/// `n` elements can be read at `p`.
#[inline(always)]
pub(crate) unsafe fn fold_map<V: Vector>(
    p: *const V::E,
    n: usize,
    [start, pad]: [f64; 2],
    map: impl Fn(V) -> V + Copy,
    join: impl Fn(V, V) -> V + Copy,
) -> V::E {
    let mut lanes = [V::c(start); LANES];
    let width = LANES / V::LANES;
    let whole = n / LANES * LANES;
    // SAFETY: all reads lie below n; the tail is copied to a whole group first.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            for (w, lane) in lanes[..width].iter_mut().enumerate() {
                *lane = join(*lane, map(V::load(p.add(i + w * V::LANES))));
            }
        }
        if whole < n {
            let mut tail = [V::E::of(pad); LANES];
            p.add(whole).copy_to_nonoverlapping(tail.as_mut_ptr(), n - whole);
            for (w, lane) in lanes[..width].iter_mut().enumerate() {
                *lane = join(*lane, map(V::load(tail.as_ptr().add(w * V::LANES))));
            }
        }
        halve(&lanes[..width], join)
    }
}

/// The lanes of the vectors combined by halves: 0 with 8, 1 with 9, … then 0 with 4.
#[inline(always)]
fn halve<V: Vector>(lanes: &[V], join: impl Fn(V, V) -> V) -> V::E {
    // Each number stands in the first lane of a padded group, so that `join` serves.
    let mut values = [V::E::default(); 2 * LANES];
    // SAFETY: 16 elements are stored; later groups reach at most 8 + 16 elements.
    unsafe {
        for (w, lane) in lanes.iter().enumerate() {
            lane.store(values.as_mut_ptr().add(w * V::LANES));
        }
        let mut half = LANES / 2;
        while half > 0 {
            for i in (0..half).step_by(V::LANES) {
                let low = V::load(values.as_ptr().add(i));
                let high = V::load(values.as_ptr().add(i + half));
                join(low, high).store(values.as_mut_ptr().add(i));
            }
            half /= 2;
        }
    }
    values[0]
}
