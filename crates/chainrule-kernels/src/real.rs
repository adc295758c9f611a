//! The door: [`Real`], the number types f32 and f64 with every kernel as a method, so
//! that a caller is written once and compiled against concrete functions.
//!
//! Every method checks its operands' places first and panics if one leaves the arena or
//! meets another where it may not; after that it cannot fail. No method allocates once a
//! thread's working memory has grown to its size. Shapes stand in rows × cols.

use crate::arena::Slot;
use crate::matmul::Gemm;
use crate::moves::{self, Take};
use crate::program::{FusedCall, Program};
use crate::reduce::Reduction;
use crate::simd::isa;
use crate::softmax::{Soft, soft};
use crate::team::Team;
use crate::{fused, matmul, reduce};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A number type of the kernels: f32 or f64.
#[allow(clippy::too_many_arguments, reason = "a kernel's operands are flat on purpose")]
pub trait Real:
    sealed::Sealed
    + Copy
    + Send
    + Sync
    + PartialEq
    + PartialOrd
    + Default
    + std::fmt::Debug
    + std::fmt::Display
    + 'static
{
    /// The name in files: `f32` or `f64`.
    const NAME: &'static str;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;

    /// The same number in f64, exactly.
    fn to_f64(self) -> f64;

    /// C = α·A·B (+ C); see [`Gemm`].
    fn gemm(team: &Team, arena: &mut [Self], g: &Gemm);

    /// Runs an elementwise program; see [`Program`] and [`FusedCall`].
    fn fused(
        team: &Team,
        arena: &mut [Self],
        program: &Program,
        call: &FusedCall<'_, Self>,
    );

    /// Sums or maxima over an axis; see [`Reduction`].
    fn reduce(team: &Team, arena: &mut [Self], r: &Reduction);

    /// dst[i, j] = e^src[i, j] / Σₖ e^src[i, k], per row; in place if `dst` is `src`.
    fn softmax(
        team: &Team,
        arena: &mut [Self],
        rows: usize,
        cols: usize,
        src: Slot,
        dst: Slot,
    );

    /// dst[i, j] = src[i, j] − ln Σₖ e^src[i, k], per row; in place if `dst` is `src`.
    fn log_softmax(
        team: &Team,
        arena: &mut [Self],
        rows: usize,
        cols: usize,
        src: Slot,
        dst: Slot,
    );

    /// `dst[i] = ln Σₖ e^src[i, k]`; dst is rows × 1.
    fn logsumexp(
        team: &Team,
        arena: &mut [Self],
        rows: usize,
        cols: usize,
        src: Slot,
        dst: Slot,
    );

    /// `dst[i] = src[i, idx[i]]`; src is idx.len() × cols, dst idx.len() × 1.
    fn gather_col(arena: &mut [Self], cols: usize, src: Slot, idx: &[u32], dst: Slot);

    /// `dst[i, idx[i]] −= what`; dst is idx.len() × cols.
    fn sub_at(arena: &mut [Self], cols: usize, dst: Slot, idx: &[u32], what: Take);

    /// dst (cols × rows) = the transpose of src (rows × cols).
    fn transpose(
        team: &Team,
        arena: &mut [Self],
        rows: usize,
        cols: usize,
        src: Slot,
        dst: Slot,
    );

    /// Row i of dst = row `idx[i]` of `from`, a matrix outside the arena whose rows have
    /// `cols` elements side by side.
    fn gather_rows(
        team: &Team,
        arena: &mut [Self],
        from: &[Self],
        cols: usize,
        idx: &[u32],
        dst: Slot,
    );

    /// Row i of dst = row `idx[i]` of src (src_rows × cols) in the arena.
    fn take_rows(
        team: &Team,
        arena: &mut [Self],
        src_rows: usize,
        cols: usize,
        src: Slot,
        idx: &[u32],
        dst: Slot,
    );

    /// Every element of dst (rows × cols) = value.
    fn fill(arena: &mut [Self], rows: usize, cols: usize, dst: Slot, value: Self);
}

macro_rules! real {
    ($T:ty, $name:literal) => {
        impl Real for $T {
            const NAME: &'static str = $name;
            #[inline]
            fn from_f64(value: f64) -> $T {
                value as $T
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(never)]
            fn gemm(team: &Team, arena: &mut [$T], g: &Gemm) {
                matmul::gemm(team, isa(), arena, g);
            }
            #[inline(never)]
            fn fused(
                team: &Team,
                arena: &mut [$T],
                program: &Program,
                call: &FusedCall<'_, $T>,
            ) {
                fused::fused(team, isa(), arena, program, call);
            }
            #[inline(never)]
            fn reduce(team: &Team, arena: &mut [$T], r: &Reduction) {
                reduce::reduce(team, isa(), arena, r);
            }
            #[inline(never)]
            fn softmax(
                team: &Team,
                arena: &mut [$T],
                rows: usize,
                cols: usize,
                src: Slot,
                dst: Slot,
            ) {
                soft((team, isa()), arena, Soft::Max, (rows, cols), src, dst);
            }
            #[inline(never)]
            fn log_softmax(
                team: &Team,
                arena: &mut [$T],
                rows: usize,
                cols: usize,
                src: Slot,
                dst: Slot,
            ) {
                soft((team, isa()), arena, Soft::LogMax, (rows, cols), src, dst);
            }
            #[inline(never)]
            fn logsumexp(
                team: &Team,
                arena: &mut [$T],
                rows: usize,
                cols: usize,
                src: Slot,
                dst: Slot,
            ) {
                soft((team, isa()), arena, Soft::LogSumExp, (rows, cols), src, dst);
            }
            #[inline(never)]
            fn gather_col(
                arena: &mut [$T],
                cols: usize,
                src: Slot,
                idx: &[u32],
                dst: Slot,
            ) {
                moves::gather_col(arena, cols, src, idx, dst);
            }
            #[inline(never)]
            fn sub_at(arena: &mut [$T], cols: usize, dst: Slot, idx: &[u32], what: Take) {
                moves::sub_at(arena, cols, dst, idx, what);
            }
            #[inline(never)]
            fn transpose(
                team: &Team,
                arena: &mut [$T],
                rows: usize,
                cols: usize,
                src: Slot,
                dst: Slot,
            ) {
                moves::transpose(team, arena, (rows, cols), src, dst);
            }
            #[inline(never)]
            fn gather_rows(
                team: &Team,
                arena: &mut [$T],
                from: &[$T],
                cols: usize,
                idx: &[u32],
                dst: Slot,
            ) {
                moves::gather_rows(team, arena, (from, cols), idx, dst);
            }
            #[inline(never)]
            fn take_rows(
                team: &Team,
                arena: &mut [$T],
                src_rows: usize,
                cols: usize,
                src: Slot,
                idx: &[u32],
                dst: Slot,
            ) {
                moves::take_rows(team, arena, (src, src_rows, cols), idx, dst);
            }
            #[inline(never)]
            fn fill(arena: &mut [$T], rows: usize, cols: usize, dst: Slot, value: $T) {
                moves::fill(arena, (rows, cols), dst, value);
            }
        }
    };
}
real!(f32, "f32");
real!(f64, "f64");
