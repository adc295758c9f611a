//! The matrix product C = α·A·B (+ C): in go places and strides in the arena, out comes
//! C in place.
//!
//! Invariant: an element of C is a chain of fused multiply-adds over k in order, begun
//! anew every [`DEPTH`] terms and added up in order, whatever m, n, strides, threads,
//! instructions or caches are. So a row of C is the same alone as among a thousand.

use crate::simd::{Forms, Isa};
use crate::team::Team;

/// Terms of one chain.
pub(crate) const DEPTH: usize = 512;

/// A matrix product: C (m×n) = alpha·A (m×k)·B (k×n), plus C if `accumulate`. Strides
/// are in elements: `_rs` from row to row, `_cs` from column to column.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are the notation")]
pub struct Gemm {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: usize,
    pub a_rs: usize,
    pub a_cs: usize,
    pub b: usize,
    pub b_rs: usize,
    pub b_cs: usize,
    pub c: usize,
    pub c_rs: usize,
    pub c_cs: usize,
    pub alpha: f64,
    pub accumulate: bool,
}

/// One past the last element of a matrix.
fn end(start: usize, rows: usize, cols: usize, rs: usize, cs: usize) -> usize {
    if rows == 0 || cols == 0 {
        return start;
    }
    let down = (rows - 1).checked_mul(rs);
    let along = (cols - 1).checked_mul(cs);
    let span = down.zip(along).and_then(|(down, along)| down.checked_add(along));
    span.and_then(|s| s.checked_add(start + 1))
        .expect("a matrix beyond the address space")
}

impl Gemm {
    /// # Panics
    /// If an operand leaves the arena, C overlaps A or B, or elements of C one another.
    fn check(&self, len: usize) {
        let a = end(self.a, self.m, self.k, self.a_rs, self.a_cs);
        let b = end(self.b, self.k, self.n, self.b_rs, self.b_cs);
        let c = end(self.c, self.m, self.n, self.c_rs, self.c_cs);
        assert!(a <= len && b <= len && c <= len, "{self:?} leaves the arena of {len}");
        let meets = |start: usize, end: usize| start < c && self.c < end && start < end;
        assert!(
            c == self.c || !meets(self.a, a) && !meets(self.b, b),
            "{self:?} overlaps"
        );
        let rows_apart = self.m <= 1 || self.c_rs >= (self.n - 1) * self.c_cs + 1;
        let cols_apart = self.n <= 1 || self.c_cs >= (self.m - 1) * self.c_rs + 1;
        let empty = self.m == 0 || self.n == 0;
        let unit = (self.m <= 1 || self.c_rs > 0) && (self.n <= 1 || self.c_cs > 0);
        assert!(
            empty || unit && (rows_apart || cols_apart),
            "C of {self:?} overlaps itself"
        );
    }
}

/// Runs a matrix product; see [`crate::Real::gemm`].
pub(crate) fn gemm<T: Forms>(_team: &Team, _isa: Isa, arena: &mut [T], g: &Gemm) {
    g.check(arena.len());
    reference(arena, g);
}

/// The product as the invariant says it, one element after the other.
pub(crate) fn reference<T: Forms>(arena: &mut [T], g: &Gemm) {
    for (i, j) in (0..g.m).flat_map(|i| (0..g.n).map(move |j| (i, j))) {
        let c = g.c + i * g.c_rs + j * g.c_cs;
        for start in (0..g.k.max(1)).step_by(DEPTH) {
            let chain = (start..g.k.min(start + DEPTH)).fold(T::of(0.0), |chain, k| {
                let a = arena[g.a + i * g.a_rs + k * g.a_cs];
                a.fma(arena[g.b + k * g.b_rs + j * g.b_cs], chain)
            });
            let old = if start > 0 || g.accumulate { arena[c] } else { T::of(0.0) };
            arena[c] = T::of(g.alpha).fma(chain, old);
        }
    }
}
