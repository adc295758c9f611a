//! A tile of a matrix product: in go h numbers of A and n vectors of B per term, out come
//! h × n vectors of C, kept in registers over the whole chain.
//!
//! Invariant: each element's chain runs over the terms in order and starts at 0; the tile's
//! shape changes how many chains run side by side, never a chain.

use crate::moves::expect;
use crate::simd::Vector;

/// A tile's operands, in elements.
pub(crate) struct Tile<T> {
    pub(crate) depth: usize,
    pub(crate) a: *const T,
    pub(crate) a_rs: usize,
    pub(crate) a_cs: usize,
    pub(crate) b: *const T,
    pub(crate) b_rs: usize,
    pub(crate) c: *mut T,
    pub(crate) c_rs: usize,
    pub(crate) alpha: T,
    pub(crate) add: bool,
    /// Rows of A that are needed soon, `a_rs` apart, to be asked of memory by a tile of the largest
    /// height: where the first one begins, and how many.
    pub(crate) ahead: (*const T, usize),
}

/// The most vectors along a row for a tile of that height: as many as the registers
/// hold, since few rows need more chains side by side to hide an addition's delay.
#[inline(always)]
pub(crate) fn widest<V: Vector>(height: usize) -> usize {
    match (V::TILE, height) {
        (12.., ..=3) | (_, ..=1) => 8,
        (12.., ..=6) | (_, ..=2) => 4,
        _ => 2,
    }
}

/// Whether a tile of that height can read a part of B's last vector: where that needs no register, or
/// there is one to spare. A whole vector is read whole, as a part takes a place among the multiply-adds.
#[inline(always)]
pub(crate) fn takes_parts<V: Vector>(height: usize) -> bool {
    V::FREE_PARTS || height <= 2
}

/// Runs a tile of `height` rows (at most [`Vector::TILE`]) and 1, 2, 4 or 8 vectors.
///
/// # Safety
/// A holds height × depth; B depth × vectors, the last as far as `last` where it is not `whole`,
/// which the height [takes](takes_parts); C the tile.
#[inline(always)]
pub(crate) unsafe fn run_tile<V: Vector>(
    t: &Tile<V::E>,
    (last, whole): (V::Part, bool),
    height: usize,
    vectors: usize,
) {
    let ahead = whole && t.ahead.1 > 0;
    macro_rules! shapes {
        ($($tall:literal)*; $(($h:literal, $n:literal))*) => {
            match (height, vectors) {
                $(($tall, 2) if $tall == V::TILE && ahead => {
                    // SAFETY: this function's condition.
                    unsafe { tile::<V, $tall, 2, true, true>(t, last) }
                })*
                $(($h, $n) if $h <= V::TILE && whole => {
                    // SAFETY: this function's condition.
                    unsafe { tile::<V, $h, $n, true, false>(t, last) }
                })*
                $(($h, $n) if $h <= V::TILE && takes_parts::<V>($h) => {
                    // SAFETY: this function's condition.
                    unsafe { tile::<V, $h, $n, false, false>(t, last) }
                })*
                _ => unreachable!("no tile of {height} × {vectors}"),
            }
        };
    }
    shapes! {
        4 6 12;
        (1, 1) (1, 2) (1, 4) (1, 8) (2, 1) (2, 2) (2, 4) (2, 8) (3, 1) (3, 2) (3, 4) (3, 8)
        (4, 1) (4, 2) (4, 4) (5, 1) (5, 2) (5, 4) (6, 1) (6, 2) (6, 4)
        (7, 1) (7, 2) (8, 1) (8, 2) (9, 1) (9, 2) (10, 1) (10, 2) (11, 1) (11, 2)
        (12, 1) (12, 2)
    }
}

/// # Safety
/// As [`run_tile`].
#[allow(
    clippy::needless_range_loop,
    reason = "plain indices unroll; the same one indexes memory"
)]
#[inline(always)]
unsafe fn tile<
    V: Vector,
    const H: usize,
    const N: usize,
    const WHOLE: bool,
    const AHEAD: bool,
>(
    t: &Tile<V::E>,
    last: V::Part,
) {
    let mut sums = [[V::c(0.0); N]; H];
    // Every third row has a pointer of its own: one row's place computed from the one before it
    // takes nearly as long as the multiply-adds of a term.
    let mut a: [*const V::E; 4] =
        std::array::from_fn(|i| t.a.wrapping_add(3 * i * t.a_rs));
    let mut b = t.b;
    let (mut next, rows) = if AHEAD { t.ahead } else { (t.a, 1) };
    let each = t.depth.div_ceil(rows);
    let mut left = t.depth;
    // SAFETY: terms below depth; the last vector only as far as `last`.
    unsafe {
        while left > 0 {
            // A row that is asked for takes its share of the terms.
            let (terms, mut asked) = (each.min(left), next);
            for _ in 0..terms {
                if AHEAD {
                    expect(asked);
                    asked = asked.wrapping_add(rows);
                }
                let mut row = [V::c(0.0); N];
                for j in 0..N - 1 {
                    row[j] = V::load(b.add(j * V::LANES));
                }
                let end = b.add((N - 1) * V::LANES);
                row[N - 1] = if WHOLE { V::load(end) } else { V::load_part(end, last) };
                for i in 0..H {
                    let x = V::splat(*a[i / 3].add(i % 3 * t.a_rs));
                    for j in 0..N {
                        sums[i][j] = x.fma(row[j], sums[i][j]);
                    }
                }
                a = a.map(|a| a.wrapping_add(t.a_cs));
                b = b.add(t.b_rs);
            }
            left -= terms;
            next = next.wrapping_add(t.a_rs);
        }
        for i in 0..H {
            store_row::<V, N>(t, last, t.c.add(i * t.c_rs), &sums[i]);
        }
    }
}

/// # Safety
/// `c` is a row of the tile.
#[allow(clippy::needless_range_loop, reason = "the same index is used for memory")]
#[inline(always)]
unsafe fn store_row<V: Vector, const N: usize>(
    t: &Tile<V::E>,
    last: V::Part,
    c: *mut V::E,
    sums: &[V; N],
) {
    let (alpha, zero) = (V::splat(t.alpha), V::c(0.0));
    // SAFETY: this function's condition.
    unsafe {
        for j in 0..N - 1 {
            let c = c.add(j * V::LANES);
            let old = if t.add { V::load(c) } else { zero };
            alpha.fma(sums[j], old).store(c);
        }
        let c = c.add((N - 1) * V::LANES);
        let old = if t.add { V::load_part(c, last) } else { zero };
        alpha.fma(sums[N - 1], old).store_part(c, last);
    }
}
