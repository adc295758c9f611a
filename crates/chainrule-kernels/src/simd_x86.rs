//! The vector forms of AVX2 and AVX-512: a table from the operations of
//! [`Vector`](crate::simd::Vector) to the processor's instructions, nothing more.
//!
//! Invariant: a value of these types is made only below an entry of
//! [`Forms::dispatch`](crate::simd::Forms::dispatch), where the instructions exist;
//! that is why the calls to them are sound.

use crate::simd::{Kernel, Vector};
use std::arch::x86_64::*;

pub(crate) type F32x8 = __m256;
pub(crate) type F64x4 = __m256d;
pub(crate) type F32x16 = __m512;
pub(crate) type F64x8 = __m512d;

/// Operations whose arguments and result are vectors or masks.
macro_rules! plain {
    ($($name:ident $([$me:ident])? ($($arg:ident: $A:ty),*) -> $R:ty = $value:expr;)*) => {
        $(#[allow(unused_unsafe, reason = "some are safe, depending on the operands")]
        #[inline(always)]
        fn $name($($me,)? $($arg: $A),*) -> $R {
            // SAFETY: only called where the instructions exist (see the module).
            unsafe { $value }
        })*
    };
}

/// Loads and stores.
macro_rules! memory {
    ($($name:ident $([$me:ident])? ($($arg:ident: $A:ty),*) $(-> $R:ty)? = $value:expr;)*) => {
        $(#[inline(always)]
        unsafe fn $name($($me,)? $($arg: $A),*) $(-> $R)? {
            // SAFETY: the trait's condition on `p`; instructions as above.
            unsafe { $value }
        })*
    };
}

/// [`Vector::apart`] with the vector's instructions.
macro_rules! apart {
    ($features:literal) => {
        #[inline(always)]
        unsafe fn apart<K: Kernel<Self::E>>(kernel: &K) {
            #[target_feature(enable = $features)]
            #[inline(never)]
            unsafe fn apart<V: Vector, K: Kernel<V::E>>(kernel: &K) {
                // SAFETY: the function around this one has the same condition.
                unsafe { kernel.run::<V>() }
            }
            // SAFETY: this function's condition.
            unsafe { apart::<Self, K>(kernel) }
        }
    };
}

/// The first lanes of a vector of AVX2. A masked load costs little more than a load does; a masked
/// store is microcode on some processors, so lanes are stored piece by piece.
#[derive(Clone, Copy)]
pub(crate) struct FirstLanes {
    lanes: usize,
    mask: __m256i,
}

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

impl Vector for F32x8 {
    type E = f32;
    const FREE_PARTS: bool = false;
    const SIDE: usize = 8;
    #[inline(always)]
    unsafe fn square(from: *const f32, rows: (usize, usize), to: *mut f32, width: usize) {
        // SAFETY: the trait's condition; instructions as above.
        unsafe { square_f32(from, rows, to, width) }
    }
    apart!("avx2,fma");
    type Mask = __m256;
    type Part = FirstLanes;
    const LANES: usize = 8;
    const TILE: usize = 6;
    memory! {
        load(p: *const f32) -> __m256 = _mm256_loadu_ps(p);
        store[self](p: *mut f32) = _mm256_storeu_ps(p, self);
        load_part(p: *const f32, part: FirstLanes) -> __m256 = _mm256_maskload_ps(p, part.mask);
        store_part[self](p: *mut f32, part: FirstLanes) = store_some_f32(self, p, part.lanes);
    }
    plain! {
            add[self](b: __m256) -> __m256 = _mm256_add_ps(self, b);
            sub[self](b: __m256) -> __m256 = _mm256_sub_ps(self, b);
            mul[self](b: __m256) -> __m256 = _mm256_mul_ps(self, b);
            div[self](b: __m256) -> __m256 = _mm256_div_ps(self, b);
            bits_and[self](b: __m256) -> __m256 = _mm256_and_ps(self, b);
            bits_or[self](b: __m256) -> __m256 = _mm256_or_ps(self, b);
            bits_xor[self](b: __m256) -> __m256 = _mm256_xor_ps(self, b);
            sqrt[self]() -> __m256 = _mm256_sqrt_ps(self);
            fma[self](b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(self, b, c);
            round[self]() -> __m256 = _mm256_round_ps::<NEAREST>(self);
            bits_up[self]() -> __m256 = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(self)));
            bits_down[self]() -> __m256 = _mm256_castsi256_ps(_mm256_srli_epi32::<23>(_mm256_castps_si256(self)));
            splat(value: f32) -> __m256 = _mm256_set1_ps(value);
            part(lanes: usize) -> FirstLanes = FirstLanes { lanes, mask: _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) };
            lt[self](b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_LT_OQ>(self, b);
            le[self](b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_LE_OQ>(self, b);
            eq[self](b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_EQ_OQ>(self, b);
            both(a: __m256, b: __m256) -> __m256 = _mm256_and_ps(a, b);
            either(a: __m256, b: __m256) -> __m256 = _mm256_or_ps(a, b);
            not(a: __m256) -> __m256 = _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1)));
            any(a: __m256) -> bool = _mm256_movemask_ps(a) != 0;
            select(mask: __m256, yes: __m256, no: __m256) -> __m256 = _mm256_blendv_ps(no, yes, mask);
    }
}

impl Vector for F64x4 {
    type E = f64;
    const FREE_PARTS: bool = false;
    const SIDE: usize = 4;
    #[inline(always)]
    unsafe fn square(from: *const f64, rows: (usize, usize), to: *mut f64, width: usize) {
        // SAFETY: the trait's condition; instructions as above.
        unsafe { square_f64(from, rows, to, width) }
    }
    apart!("avx2,fma");
    type Mask = __m256d;
    type Part = FirstLanes;
    const LANES: usize = 4;
    const TILE: usize = 6;
    memory! {
        load(p: *const f64) -> __m256d = _mm256_loadu_pd(p);
        store[self](p: *mut f64) = _mm256_storeu_pd(p, self);
        load_part(p: *const f64, part: FirstLanes) -> __m256d = _mm256_maskload_pd(p, part.mask);
        store_part[self](p: *mut f64, part: FirstLanes) = store_some_f64(self, p, part.lanes);
    }
    plain! {
            add[self](b: __m256d) -> __m256d = _mm256_add_pd(self, b);
            sub[self](b: __m256d) -> __m256d = _mm256_sub_pd(self, b);
            mul[self](b: __m256d) -> __m256d = _mm256_mul_pd(self, b);
            div[self](b: __m256d) -> __m256d = _mm256_div_pd(self, b);
            bits_and[self](b: __m256d) -> __m256d = _mm256_and_pd(self, b);
            bits_or[self](b: __m256d) -> __m256d = _mm256_or_pd(self, b);
            bits_xor[self](b: __m256d) -> __m256d = _mm256_xor_pd(self, b);
            sqrt[self]() -> __m256d = _mm256_sqrt_pd(self);
            fma[self](b: __m256d, c: __m256d) -> __m256d = _mm256_fmadd_pd(self, b, c);
            round[self]() -> __m256d = _mm256_round_pd::<NEAREST>(self);
            bits_up[self]() -> __m256d = _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(self)));
            bits_down[self]() -> __m256d = _mm256_castsi256_pd(_mm256_srli_epi64::<52>(_mm256_castpd_si256(self)));
            splat(value: f64) -> __m256d = _mm256_set1_pd(value);
            part(lanes: usize) -> FirstLanes = FirstLanes { lanes, mask: _mm256_cmpgt_epi64(_mm256_set1_epi64x(lanes as i64), _mm256_setr_epi64x(0, 1, 2, 3)) };
            lt[self](b: __m256d) -> __m256d = _mm256_cmp_pd::<_CMP_LT_OQ>(self, b);
            le[self](b: __m256d) -> __m256d = _mm256_cmp_pd::<_CMP_LE_OQ>(self, b);
            eq[self](b: __m256d) -> __m256d = _mm256_cmp_pd::<_CMP_EQ_OQ>(self, b);
            both(a: __m256d, b: __m256d) -> __m256d = _mm256_and_pd(a, b);
            either(a: __m256d, b: __m256d) -> __m256d = _mm256_or_pd(a, b);
            not(a: __m256d) -> __m256d = _mm256_xor_pd(a, _mm256_castsi256_pd(_mm256_set1_epi32(-1)));
            any(a: __m256d) -> bool = _mm256_movemask_pd(a) != 0;
            select(mask: __m256d, yes: __m256d, no: __m256d) -> __m256d = _mm256_blendv_pd(no, yes, mask);
    }
}

impl Vector for F32x16 {
    type E = f32;
    const SIDE: usize = 8;
    #[inline(always)]
    unsafe fn square(from: *const f32, rows: (usize, usize), to: *mut f32, width: usize) {
        // SAFETY: the trait's condition; instructions as above.
        unsafe { square_f32(from, rows, to, width) }
    }
    apart!("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl");
    type Mask = __mmask16;
    type Part = __mmask16;
    const LANES: usize = 16;
    const TILE: usize = 12;
    memory! {
        load(p: *const f32) -> __m512 = _mm512_loadu_ps(p);
        store[self](p: *mut f32) = _mm512_storeu_ps(p, self);
        load_part(p: *const f32, part: __mmask16) -> __m512 = _mm512_maskz_loadu_ps(part, p);
        store_part[self](p: *mut f32, part: __mmask16) = _mm512_mask_storeu_ps(p, part, self);
    }
    #[inline(always)]
    fn both(a: __mmask16, b: __mmask16) -> __mmask16 {
        a & b
    }
    #[inline(always)]
    fn either(a: __mmask16, b: __mmask16) -> __mmask16 {
        a | b
    }
    #[inline(always)]
    fn not(a: __mmask16) -> __mmask16 {
        !a
    }
    #[inline(always)]
    fn any(a: __mmask16) -> bool {
        a != 0
    }
    plain! {
            add[self](b: __m512) -> __m512 = _mm512_add_ps(self, b);
            sub[self](b: __m512) -> __m512 = _mm512_sub_ps(self, b);
            mul[self](b: __m512) -> __m512 = _mm512_mul_ps(self, b);
            div[self](b: __m512) -> __m512 = _mm512_div_ps(self, b);
            bits_and[self](b: __m512) -> __m512 = _mm512_and_ps(self, b);
            bits_or[self](b: __m512) -> __m512 = _mm512_or_ps(self, b);
            bits_xor[self](b: __m512) -> __m512 = _mm512_xor_ps(self, b);
            sqrt[self]() -> __m512 = _mm512_sqrt_ps(self);
            fma[self](b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(self, b, c);
            round[self]() -> __m512 = _mm512_roundscale_ps::<NEAREST>(self);
            bits_up[self]() -> __m512 = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(self)));
            bits_down[self]() -> __m512 = _mm512_castsi512_ps(_mm512_srli_epi32::<23>(_mm512_castps_si512(self)));
            splat(value: f32) -> __m512 = _mm512_set1_ps(value);
            part(lanes: usize) -> __mmask16 = ((1u32 << lanes) - 1) as __mmask16;
            lt[self](b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self, b);
            le[self](b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self, b);
            eq[self](b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self, b);
            select(mask: __mmask16, yes: __m512, no: __m512) -> __m512 = _mm512_mask_blend_ps(mask, no, yes);
    }
}

impl Vector for F64x8 {
    type E = f64;
    const SIDE: usize = 4;
    #[inline(always)]
    unsafe fn square(from: *const f64, rows: (usize, usize), to: *mut f64, width: usize) {
        // SAFETY: the trait's condition; instructions as above.
        unsafe { square_f64(from, rows, to, width) }
    }
    apart!("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl");
    type Mask = __mmask8;
    type Part = __mmask8;
    const LANES: usize = 8;
    const TILE: usize = 12;
    memory! {
        load(p: *const f64) -> __m512d = _mm512_loadu_pd(p);
        store[self](p: *mut f64) = _mm512_storeu_pd(p, self);
        load_part(p: *const f64, part: __mmask8) -> __m512d = _mm512_maskz_loadu_pd(part, p);
        store_part[self](p: *mut f64, part: __mmask8) = _mm512_mask_storeu_pd(p, part, self);
    }
    #[inline(always)]
    fn both(a: __mmask8, b: __mmask8) -> __mmask8 {
        a & b
    }
    #[inline(always)]
    fn either(a: __mmask8, b: __mmask8) -> __mmask8 {
        a | b
    }
    #[inline(always)]
    fn not(a: __mmask8) -> __mmask8 {
        !a
    }
    #[inline(always)]
    fn any(a: __mmask8) -> bool {
        a != 0
    }
    plain! {
            add[self](b: __m512d) -> __m512d = _mm512_add_pd(self, b);
            sub[self](b: __m512d) -> __m512d = _mm512_sub_pd(self, b);
            mul[self](b: __m512d) -> __m512d = _mm512_mul_pd(self, b);
            div[self](b: __m512d) -> __m512d = _mm512_div_pd(self, b);
            bits_and[self](b: __m512d) -> __m512d = _mm512_and_pd(self, b);
            bits_or[self](b: __m512d) -> __m512d = _mm512_or_pd(self, b);
            bits_xor[self](b: __m512d) -> __m512d = _mm512_xor_pd(self, b);
            sqrt[self]() -> __m512d = _mm512_sqrt_pd(self);
            fma[self](b: __m512d, c: __m512d) -> __m512d = _mm512_fmadd_pd(self, b, c);
            round[self]() -> __m512d = _mm512_roundscale_pd::<NEAREST>(self);
            bits_up[self]() -> __m512d = _mm512_castsi512_pd(_mm512_slli_epi64::<52>(_mm512_castpd_si512(self)));
            bits_down[self]() -> __m512d = _mm512_castsi512_pd(_mm512_srli_epi64::<52>(_mm512_castpd_si512(self)));
            splat(value: f64) -> __m512d = _mm512_set1_pd(value);
            part(lanes: usize) -> __mmask8 = ((1u32 << lanes) - 1) as __mmask8;
            lt[self](b: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self, b);
            le[self](b: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(self, b);
            eq[self](b: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(self, b);
            select(mask: __mmask8, yes: __m512d, no: __m512d) -> __m512d = _mm512_mask_blend_pd(mask, no, yes);
    }
}

/// The first lanes, at most eight: halves of what is left, from the largest on.
///
/// # Safety
/// So many elements can be written at `p`; the instructions exist.
#[inline(always)]
unsafe fn store_some_f32(v: __m256, mut p: *mut f32, lanes: usize) {
    // SAFETY: the condition above.
    unsafe {
        if lanes >= 8 {
            return _mm256_storeu_ps(p, v);
        }
        let mut left = _mm256_castps256_ps128(v);
        if lanes & 4 > 0 {
            _mm_storeu_ps(p, left);
            left = _mm256_extractf128_ps::<1>(v);
            p = p.add(4);
        }
        if lanes & 2 > 0 {
            _mm_storel_pd(p.cast(), _mm_castps_pd(left));
            left = _mm_movehl_ps(left, left);
            p = p.add(2);
        }
        if lanes & 1 > 0 {
            _mm_store_ss(p, left);
        }
    }
}

/// The first lanes, at most four, likewise.
///
/// # Safety
/// As [`store_some_f32`].
#[inline(always)]
unsafe fn store_some_f64(v: __m256d, mut p: *mut f64, lanes: usize) {
    // SAFETY: the condition above.
    unsafe {
        if lanes >= 4 {
            return _mm256_storeu_pd(p, v);
        }
        let mut left = _mm256_castpd256_pd128(v);
        if lanes & 2 > 0 {
            _mm_storeu_pd(p, left);
            left = _mm256_extractf128_pd::<1>(v);
            p = p.add(2);
        }
        if lanes & 1 > 0 {
            _mm_store_sd(p, left);
        }
    }
}

/// Eight rows of eight, transposed in registers.
///
/// # Safety
/// As [`Vector::square`].
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn square_f32(
    from: *const f32,
    (stride, rows): (usize, usize),
    to: *mut f32,
    width: usize,
) {
    // SAFETY: the condition above.
    unsafe {
        let row = |i: usize| from.add(i.min(rows - 1) * stride);
        // Two blocks of four rows beside one another, four numbers of each row after the other:
        // so halves of registers come from memory, and need not cross.
        for k in [0, 4] {
            let half = |i: usize| _mm_loadu_ps(row(i).add(k));
            let [a, b, c, d] =
                [0, 1, 2, 3].map(|i| _mm256_set_m128(half(i + 4), half(i)));
            let (p, q) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (s, t) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            let line = |i: usize| to.add((k + i) * width);
            _mm256_storeu_ps(line(0), _mm256_shuffle_ps::<0x44>(p, q));
            _mm256_storeu_ps(line(1), _mm256_shuffle_ps::<0xEE>(p, q));
            _mm256_storeu_ps(line(2), _mm256_shuffle_ps::<0x44>(s, t));
            _mm256_storeu_ps(line(3), _mm256_shuffle_ps::<0xEE>(s, t));
        }
    }
}

/// Four rows of four, transposed in registers.
///
/// # Safety
/// As [`Vector::square`].
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn square_f64(
    from: *const f64,
    (stride, rows): (usize, usize),
    to: *mut f64,
    width: usize,
) {
    // SAFETY: the condition above.
    unsafe {
        let r: [__m256d; 4] =
            std::array::from_fn(|j| _mm256_loadu_pd(from.add(j.min(rows - 1) * stride)));
        let [a, b] = [0, 2].map(|i| {
            [_mm256_unpacklo_pd(r[i], r[i + 1]), _mm256_unpackhi_pd(r[i], r[i + 1])]
        });
        for k in 0..2 {
            let first = _mm256_permute2f128_pd::<0x20>(a[k], b[k]);
            _mm256_storeu_pd(to.add(k * width), first);
        }
        for k in 0..2 {
            let second = _mm256_permute2f128_pd::<0x31>(a[k], b[k]);
            _mm256_storeu_pd(to.add((k + 2) * width), second);
        }
    }
}
