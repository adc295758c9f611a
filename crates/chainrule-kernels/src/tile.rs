//! A tile of a matrix product: in go h numbers of A and n vectors of B per term, out come
//! h × n vectors of C, kept in registers over the whole chain.
//!
//! Invariant: each element's chain runs over the terms in order and starts at 0; the tile's
//! shape changes how many chains run side by side, never a chain.

use crate::moves::expect;
use crate::simd::{Elem, Kernel, Vector};

/// A tile's operands, in elements.
#[derive(Clone, Copy)]
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
    /// Lanes of the last vector that are C's.
    pub(crate) lanes: usize,
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

/// Terms from which on tiles are functions of their own.
const LONG: usize = 32;
/// Vectors from which on a tile of so many terms takes several at once.
const LARGE: usize = 8;

/// All shapes of tiles that there are: a `match` of height and vectors.
macro_rules! shapes {
    ($V:ty, $height:expr, $vectors:expr, $one:ident) => {
        shapes! {
            $V, $height, $vectors, $one;
            (1, 1) (1, 2) (1, 4) (1, 8) (2, 1) (2, 2) (2, 4) (2, 8) (3, 1) (3, 2) (3, 4) (3, 8)
            (4, 1) (4, 2) (4, 4) (5, 1) (5, 2) (5, 4) (6, 1) (6, 2) (6, 4)
            (7, 1) (7, 2) (8, 1) (8, 2) (9, 1) (9, 2) (10, 1) (10, 2) (11, 1) (11, 2)
            (12, 1) (12, 2)
        }
    };
    ($V:ty, $height:expr, $vectors:expr, $one:ident; $(($h:literal, $n:literal))*) => {
        match ($height, $vectors) {
            $(($h, $n) if $h <= <$V>::TILE && $n <= widest::<$V>($h) => $one!($h, $n),)*
            (h, n) => unreachable!("no tile of {h} × {n}"),
        }
    };
}

/// Runs a tile of `height` rows (at most [`Vector::TILE`]) and 1, 2, 4 or 8 vectors (at most the
/// [widest]). B's last vector is read `whole`, or as far as C's.
///
/// # Safety
/// A holds height × depth; B depth × vectors, the last as far as C's where it is not `whole`,
/// which the height [takes](takes_parts); C the tile.
#[inline(always)]
pub(crate) unsafe fn run_tile<V: Vector>(
    t: &Tile<V::E>,
    whole: bool,
    height: usize,
    vectors: usize,
) {
    let along = whole && t.a_cs == 1 && t.b_rs == vectors * V::LANES;
    let ahead = t.ahead.1 > 0;
    macro_rules! short {
        ($h:literal, $n:literal) => {
            // SAFETY: this function's condition.
            unsafe {
                if whole {
                    Chains::<V, $h, $n>::of(t).run::<true>(t);
                } else if takes_parts::<V>($h) {
                    Chains::<V, $h, $n>::of(t).run::<false>(t);
                } else {
                    unreachable!("a part of a vector");
                }
            }
        };
    }
    macro_rules! long {
        ($h:literal, $n:literal) => {
            // SAFETY: this function's condition.
            unsafe {
                if $h == V::TILE && $n == 2 && along && ahead {
                    V::apart(&Along::<V::E, $h, $n, true>(*t));
                } else if $h * $n >= LARGE && along {
                    V::apart(&Along::<V::E, $h, $n, false>(*t));
                } else if whole {
                    V::apart(&Long::<V::E, $h, $n, true>(*t));
                } else if takes_parts::<V>($h) {
                    V::apart(&Long::<V::E, $h, $n, false>(*t));
                } else {
                    unreachable!("a part of a vector");
                }
            }
        };
    }
    if t.depth < LONG {
        shapes!(V, height, vectors, short);
    } else {
        shapes!(V, height, vectors, long);
    }
}

/// A tile of many terms.
struct Long<T, const H: usize, const N: usize, const WHOLE: bool>(Tile<T>);

impl<T: Elem, const H: usize, const N: usize, const WHOLE: bool> Kernel<T>
    for Long<T, H, N, WHOLE>
{
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        // SAFETY: the caller's condition.
        unsafe { Chains::<V, H, N>::of(&self.0).run::<WHOLE>(&self.0) }
    }
}

/// A tile of many terms whose operands lie side by side, term by term.
struct Along<T, const H: usize, const N: usize, const AHEAD: bool>(Tile<T>);

/// Terms that are taken at once there: one addition for several places. A core that somebody
/// else is on as well is bound by instructions.
const AT_ONCE: usize = 4;

impl<T: Elem, const H: usize, const N: usize, const AHEAD: bool> Kernel<T>
    for Along<T, H, N, AHEAD>
{
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        let t = &self.0;
        let (mut chains, strides) = (Chains::<V, H, N>::of(t), (t.a_rs, 1, N * V::LANES));
        let (mut next, rows) = if AHEAD { t.ahead } else { (t.a, 1) };
        let each = t.depth.div_ceil(rows);
        let (mut left, none) = (t.depth, V::part(0));
        // SAFETY: terms below depth.
        unsafe {
            while left > 0 {
                // A row that is asked for takes its share of the terms.
                let (terms, mut asked) = (each.min(left), next);
                for _ in 0..terms / AT_ONCE {
                    if AHEAD {
                        expect(asked);
                        asked = asked.wrapping_add(rows * AT_ONCE);
                    }
                    for _ in 0..AT_ONCE {
                        chains.term::<true>(strides, none);
                    }
                }
                for _ in 0..terms % AT_ONCE {
                    chains.term::<true>(strides, none);
                }
                left -= terms;
                next = next.wrapping_add(t.a_rs);
            }
            chains.store(t);
        }
    }
}

/// The same address, of which the compiler does not know where it comes from.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written")]
fn opaque<T>(p: *const T) -> *const T {
    #[cfg(target_arch = "x86_64")]
    {
        let mut p = p;
        // SAFETY: no instruction at all.
        unsafe {
            use std::arch::asm;
            asm!("/* {0} */", inout(reg) p, options(pure, nomem, nostack, preserves_flags));
        }
        p
    }
    #[cfg(not(target_arch = "x86_64"))]
    p
}

/// The chains of a tile, and where their next terms lie.
struct Chains<V: Vector, const H: usize, const N: usize> {
    sums: [[V; N]; H],
    /// Every third row has a pointer of its own: one row's place computed from the one before it
    /// takes nearly as long as the multiply-adds of a term.
    a: [*const V::E; 4],
    b: *const V::E,
}

impl<V: Vector, const H: usize, const N: usize> Chains<V, H, N> {
    #[inline(always)]
    fn of(t: &Tile<V::E>) -> Self {
        let a = std::array::from_fn(|i| opaque(t.a.wrapping_add(3 * i * t.a_rs)));
        Chains { sums: [[V::c(0.0); N]; H], a, b: t.b }
    }

    /// The chain of each element, over all terms.
    ///
    /// # Safety
    /// As [`run_tile`].
    #[inline(always)]
    unsafe fn run<const WHOLE: bool>(mut self, t: &Tile<V::E>) {
        let last = V::part(t.lanes);
        // SAFETY: terms below depth.
        unsafe {
            for _ in 0..t.depth {
                self.term::<WHOLE>((t.a_rs, t.a_cs, t.b_rs), last);
            }
            self.store(t);
        }
    }

    /// The next term of each chain, with A's strides and B's.
    ///
    /// # Safety
    /// There is one more term; of B's last vector the `last` lanes, unless it is `WHOLE`.
    #[allow(
        clippy::needless_range_loop,
        reason = "plain indices unroll; the same one indexes memory"
    )]
    #[inline(always)]
    unsafe fn term<const WHOLE: bool>(
        &mut self,
        (a_rs, a_cs, b_rs): (usize, usize, usize),
        last: V::Part,
    ) {
        let mut row = [V::c(0.0); N];
        // SAFETY: this function's condition.
        unsafe {
            for j in 0..N - 1 {
                row[j] = V::load(self.b.add(j * V::LANES));
            }
            let end = self.b.add((N - 1) * V::LANES);
            row[N - 1] = if WHOLE { V::load(end) } else { V::load_part(end, last) };
            for i in 0..H {
                let x = V::splat(*self.a[i / 3].add(i % 3 * a_rs));
                for j in 0..N {
                    self.sums[i][j] = x.fma(row[j], self.sums[i][j]);
                }
            }
        }
        self.a = self.a.map(|a| a.wrapping_add(a_cs));
        self.b = self.b.wrapping_add(b_rs);
    }

    /// C = α·chains (+ C).
    ///
    /// # Safety
    /// C holds the tile.
    #[allow(clippy::needless_range_loop, reason = "the same index is used for memory")]
    #[inline(always)]
    unsafe fn store(&self, t: &Tile<V::E>) {
        let (alpha, zero, last) = (V::splat(t.alpha), V::c(0.0), V::part(t.lanes));
        for i in 0..H {
            // SAFETY: this function's condition.
            unsafe {
                let c = t.c.add(i * t.c_rs);
                for j in 0..N - 1 {
                    let c = c.add(j * V::LANES);
                    let old = if t.add { V::load(c) } else { zero };
                    alpha.fma(self.sums[i][j], old).store(c);
                }
                let c = c.add((N - 1) * V::LANES);
                let old = if t.add { V::load_part(c, last) } else { zero };
                alpha.fma(self.sums[i][N - 1], old).store_part(c, last);
            }
        }
    }
}
