//! Sums and maxima along a row, in an order of their own: in goes a row, out comes one
//! number.
//!
//! Invariant: element i goes to lane i mod [`LANES`] whatever the vectors' width; lanes
//! are combined by halves. So all forms give the same bits.

use crate::math;
use crate::simd::{Elem, Vector};

/// A function of a vector, as a type of its own: unlike a closure it can be told to be
/// part of its caller, without which it would lack the caller's instructions.
pub(crate) trait Map<V: Vector>: Copy {
    fn at(self, x: V) -> V;
}

/// How two lanes become one.
pub(crate) trait Join<V: Vector>: Copy {
    /// What changes nothing when joined.
    const START: f64;
    fn of(self, a: V, b: V) -> V;
    fn one(self, a: V::E, b: V::E) -> V::E;
}

/// x itself.
#[derive(Clone, Copy)]
pub(crate) struct Same;
/// x².
#[derive(Clone, Copy)]
pub(crate) struct Squared;
/// e^(x − the number).
#[derive(Clone, Copy)]
pub(crate) struct ExpLess<T>(pub(crate) T);
/// x times the number.
#[derive(Clone, Copy)]
pub(crate) struct Times<T>(pub(crate) T);
/// x less the first number, less the second.
#[derive(Clone, Copy)]
pub(crate) struct Less<T>(pub(crate) T, pub(crate) T);
/// The sum.
#[derive(Clone, Copy)]
pub(crate) struct Plus;
/// The larger.
#[derive(Clone, Copy)]
pub(crate) struct Larger;

macro_rules! functions {
    ($($Map:ty, $self:ident, $x:ident => $value:expr;)*) => {
        $(impl<V: Vector> Map<V> for $Map {
            #[inline(always)]
            fn at($self, $x: V) -> V {
                $value
            }
        })*
    };
}
functions! {
    Same, self, x => x;
    Squared, self, x => x.mul(x);
    ExpLess<V::E>, self, x => math::exp(x.sub(V::splat(self.0)));
    Times<V::E>, self, x => x.mul(V::splat(self.0));
    Less<V::E>, self, x => x.sub(V::splat(self.0)).sub(V::splat(self.1));
}

impl<V: Vector> Join<V> for Plus {
    const START: f64 = 0.0;
    #[inline(always)]
    fn of(self, a: V, b: V) -> V {
        a.add(b)
    }
    #[inline(always)]
    fn one(self, a: V::E, b: V::E) -> V::E {
        a.plus(b)
    }
}

impl<V: Vector> Join<V> for Larger {
    const START: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn of(self, a: V, b: V) -> V {
        a.max(b)
    }
    #[inline(always)]
    fn one(self, a: V::E, b: V::E) -> V::E {
        a.larger(b)
    }
}

/// Lanes of every sum along a row.
pub(crate) const LANES: usize = 16;

/// Joins a row's values.
///
/// # Safety
/// `n` elements can be read at `p`.
#[inline(always)]
pub(crate) unsafe fn fold<V: Vector, J: Join<V>>(
    p: *const V::E,
    n: usize,
    join: J,
) -> V::E {
    // SAFETY: this function's condition.
    unsafe { fold_map(p, n, J::START, Same, join) }
}

/// Joins `map` of a row's values; `map` of `pad` is what changes nothing.
///
/// # Safety
/// `n` elements can be read at `p`.
#[inline(always)]
pub(crate) unsafe fn fold_map<V: Vector, J: Join<V>>(
    p: *const V::E,
    n: usize,
    pad: f64,
    map: impl Map<V>,
    join: J,
) -> V::E {
    let mut lanes = [V::c(J::START); LANES];
    let width = LANES / V::LANES;
    let whole = n / LANES * LANES;
    // SAFETY: all reads lie below n; the tail is copied to a whole group first.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            for (w, lane) in lanes.iter_mut().enumerate().take(width) {
                *lane = join.of(*lane, map.at(V::load(p.add(i + w * V::LANES))));
            }
        }
        if whole < n {
            let mut tail = [V::E::of(pad); LANES];
            p.add(whole).copy_to_nonoverlapping(tail.as_mut_ptr(), n - whole);
            for (w, lane) in lanes.iter_mut().enumerate().take(width) {
                let values = V::load(tail.as_ptr().add(w * V::LANES));
                *lane = join.of(*lane, map.at(values));
            }
        }
        halve(&lanes, join)
    }
}

/// The lanes of the vectors combined by halves: 0 with 8, 1 with 9, … then 0 with 4.
#[inline(always)]
fn halve<V: Vector>(lanes: &[V; LANES], join: impl Join<V>) -> V::E {
    let mut values = [V::E::default(); LANES];
    for (w, lane) in lanes.iter().enumerate().take(LANES / V::LANES) {
        // SAFETY: the vectors together are LANES elements.
        unsafe { lane.store(values.as_mut_ptr().add(w * V::LANES)) };
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            values[i] = join.one(values[i], values[i + half]);
        }
        half /= 2;
    }
    values[0]
}

/// dst[i] = map of src[i].
///
/// # Safety
/// `n` elements at `src` and room for them at `dst`, the same or apart.
#[inline(always)]
pub(crate) unsafe fn each_of<V: Vector>(
    src: *const V::E,
    dst: *mut V::E,
    n: usize,
    map: impl Map<V>,
) {
    let whole = n / V::LANES * V::LANES;
    // SAFETY: this function's condition.
    unsafe {
        for i in (0..whole).step_by(V::LANES) {
            map.at(V::load(src.add(i))).store(dst.add(i));
        }
        if whole < n {
            let part = V::part(n - whole);
            map.at(V::load_part(src.add(whole), part)).store_part(dst.add(whole), part);
        }
    }
}
