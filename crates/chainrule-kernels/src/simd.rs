//! Vectors of numbers: one trait with the few operations that the kernels are written
//! in, and its portable form, the single number. `simd_x86` holds AVX2 and AVX-512.
//!
//! Invariant: every operation is exact or rounded once as IEEE 754 says, on every form,
//! and a fused multiply-add is fused everywhere; so a kernel written in them gives the
//! same bits whichever form runs it, but for the sign and payload of a NaN.
//!
//! Deliberately absent: operations across lanes. Where a sum goes across, the kernel
//! stores its lanes and adds them in an order of its own.

use std::sync::OnceLock;

/// A number that fits in a lane: f32 or f64.
pub(crate) trait Elem:
    Copy + PartialOrd + PartialEq + Default + Send + Sync + std::fmt::Debug + 'static
{
    /// Bits of the stored mantissa: 23 or 52.
    const MANTISSA: u32;
    /// The exponent's bias: 127 or 1023.
    const BIAS: f64;
    /// 2^MANTISSA, whose last bit stands for one.
    const MAGIC: f64;
    const IS_F64: bool;
    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
    fn plus(self, other: Self) -> Self;
    /// The larger; NaN if either is NaN.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        let second = self <= other || other.partial_cmp(&other).is_none();
        if second { other } else { self }
    }
}

impl Elem for f32 {
    const MANTISSA: u32 = 23;
    const BIAS: f64 = 127.0;
    const MAGIC: f64 = 8_388_608.0;
    const IS_F64: bool = false;
    #[inline(always)]
    fn of(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn plus(self, other: f32) -> f32 {
        self + other
    }
}

impl Elem for f64 {
    const MANTISSA: u32 = 52;
    const BIAS: f64 = 1023.0;
    const MAGIC: f64 = 4_503_599_627_370_496.0;
    const IS_F64: bool = true;
    #[inline(always)]
    fn of(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn plus(self, other: f64) -> f64 {
        self + other
    }
}

/// A vector of `LANES` numbers. Its methods may be called only where the processor has
/// the instructions, that is below one of the entries that [`isa`] chooses.
pub(crate) trait Vector: Copy {
    type E: Elem;
    /// A truth value per lane.
    type Mask: Copy;
    /// Which of the first lanes take part in a load or store.
    type Part: Copy;
    const LANES: usize;
    /// Whether a load of a part costs no more than a whole one, and no register.
    const FREE_PARTS: bool = true;
    /// Rows of the largest tile of a matrix product that the registers hold.
    const TILE: usize;

    /// # Safety
    /// `LANES` elements can be read at `p`.
    unsafe fn load(p: *const Self::E) -> Self;
    /// # Safety
    /// `LANES` elements can be written at `p`.
    unsafe fn store(self, p: *mut Self::E);
    fn part(lanes: usize) -> Self::Part;
    /// Lanes outside the part are 0.
    ///
    /// # Safety
    /// The part's elements can be read at `p`.
    unsafe fn load_part(p: *const Self::E, part: Self::Part) -> Self;
    /// # Safety
    /// The part's elements can be written at `p`.
    unsafe fn store_part(self, p: *mut Self::E, part: Self::Part);

    fn splat(value: Self::E) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// self·b + c, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;
    /// To the nearest whole number, ties to even.
    fn round(self) -> Self;

    fn bits_and(self, other: Self) -> Self;
    fn bits_or(self, other: Self) -> Self;
    fn bits_xor(self, other: Self) -> Self;
    /// The bits moved up by the mantissa's width.
    fn bits_up(self) -> Self;
    /// The bits moved down by the mantissa's width, zeros coming in.
    fn bits_down(self) -> Self;

    fn lt(self, other: Self) -> Self::Mask;
    fn le(self, other: Self) -> Self::Mask;
    fn eq(self, other: Self) -> Self::Mask;
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    fn either(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    fn not(a: Self::Mask) -> Self::Mask;
    fn any(a: Self::Mask) -> bool;
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// Runs a kernel as a function of its own, so that what is around the call does not
    /// compete with it for registers.
    ///
    /// # Safety
    /// As [`Kernel::run`].
    #[inline(always)]
    unsafe fn apart<K: Kernel<Self::E>>(kernel: &K) {
        // SAFETY: this function's condition.
        unsafe { kernel.run::<Self>() }
    }

    /// to[k·width + j] = from[j·stride.0 + k·stride.1] for `shape` = (all j, all k): a
    /// matrix packed across.
    ///
    /// # Safety
    /// All of these can be read and written. Of a line shorter than `SIDE` so many can be written: what
    /// lies behind it may be overwritten.
    #[inline(always)]
    unsafe fn transpose(
        from: *const Self::E,
        stride: (usize, usize),
        (js, ks): (usize, usize),
        to: *mut Self::E,
        width: usize,
    ) {
        let side = Self::SIDE;
        // SAFETY: squares and single elements lie inside js × ks.
        unsafe {
            if side > 1 && stride.1 == 1 && js > 0 && ks >= side {
                // The last square of a line lies over the one before it where it would be cut.
                for k in (0..ks).step_by(side).map(|k| k.min(ks - side)) {
                    let (from, to) = (from.add(k), to.add(k * width));
                    if js < side {
                        Self::square(from, (stride.0, js), to, width);
                        continue;
                    }
                    for j in (0..js).step_by(side).map(|j| j.min(js - side)) {
                        let from = from.add(j * stride.0);
                        Self::square(from, (stride.0, side), to.add(j), width);
                    }
                }
                return;
            }
            for k in 0..ks {
                for j in 0..js {
                    *to.add(k * width + j) = *from.add(j * stride.0 + k * stride.1);
                }
            }
        }
    }

    /// to[k·width + j] = from[k·stride + j] for `shape` = (all k, all j).
    ///
    /// # Safety
    /// All of these can be read and written.
    #[inline(always)]
    unsafe fn copy_lines(
        from: *const Self::E,
        stride: usize,
        (ks, js): (usize, usize),
        to: *mut Self::E,
        width: usize,
    ) {
        let whole = js / Self::LANES * Self::LANES;
        let last = Self::part(js - whole);
        for k in 0..ks {
            // SAFETY: the elements of a line.
            unsafe {
                let (from, to) = (from.add(k * stride), to.add(k * width));
                for j in (0..whole).step_by(Self::LANES) {
                    Self::load(from.add(j)).store(to.add(j));
                }
                if whole < js {
                    let rest = Self::load_part(from.add(whole), last);
                    rest.store_part(to.add(whole), last);
                }
            }
        }
    }

    /// Side of the squares that [`Vector::square`] transposes.
    const SIDE: usize = 1;

    /// to[k·width + j] = from[j·stride + k] for j below `rows`, at least one, and k below `SIDE`; one k
    /// after the other, `SIDE` numbers each, of which those behind `rows` say nothing.
    ///
    /// # Safety
    /// The rows can be read, and `SIDE` lines of `SIDE` numbers written.
    #[inline(always)]
    unsafe fn square(
        from: *const Self::E,
        (stride, rows): (usize, usize),
        to: *mut Self::E,
        width: usize,
    ) {
        let _ = (stride, rows, width);
        // SAFETY: the first of these elements.
        unsafe { to.write(from.read()) }
    }

    // What follows is the same for every form.

    /// The constant `value`, rounded to the lane's type.
    #[inline(always)]
    fn c(value: f64) -> Self {
        Self::splat(Self::E::of(value))
    }
    #[inline(always)]
    fn neg(self) -> Self {
        self.bits_xor(Self::c(-0.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.bits_xor(self.bits_and(Self::c(-0.0)))
    }
    /// The size of self with the sign of `sign`.
    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        self.abs().bits_or(sign.bits_and(Self::c(-0.0)))
    }
    /// The larger; NaN if either is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        let first = Self::not(Self::either(self.le(other), Self::not(other.eq(other))));
        Self::select(first, self, other)
    }
    /// The smaller; NaN if either is NaN.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        let first = Self::not(Self::either(other.le(self), Self::not(other.eq(other))));
        Self::select(first, self, other)
    }
    /// 1 where true, 0 where false.
    #[inline(always)]
    fn truth(mask: Self::Mask) -> Self {
        Self::select(mask, Self::c(1.0), Self::c(0.0))
    }
    /// 2^self for a whole number within the normal exponents.
    #[inline(always)]
    fn pow2(self) -> Self {
        self.add(Self::c(Self::E::MAGIC + Self::E::BIAS)).bits_up()
    }
    /// The stored exponent (bias included) of a number that is not negative.
    #[inline(always)]
    fn stored_exponent(self) -> Self {
        self.bits_down().bits_or(Self::c(Self::E::MAGIC)).sub(Self::c(Self::E::MAGIC))
    }
    /// The mantissa of a positive normal number, in [1, 2).
    #[inline(always)]
    fn mantissa(self) -> Self {
        // Infinity's bits are the exponent's; 1's are the exponent's without the highest.
        self.bits_xor(self.bits_and(Self::c(f64::INFINITY))).bits_or(Self::c(1.0))
    }
}

macro_rules! single_number {
    ($T:ty, $fma:path, $sqrt:path) => {
        // SAFETY (all unsafe functions of this form): one element at `p`, as the trait
        // asks.
        impl Vector for $T {
            type E = $T;
            type Mask = bool;
            type Part = usize;
            const LANES: usize = 1;
            const TILE: usize = 4;

            #[inline(always)]
            unsafe fn load(p: *const $T) -> $T {
                // SAFETY: the trait's condition.
                unsafe { p.read() }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $T) {
                // SAFETY: the trait's condition.
                unsafe { p.write(self) }
            }
            #[inline(always)]
            fn part(lanes: usize) -> usize {
                lanes
            }
            #[inline(always)]
            unsafe fn load_part(p: *const $T, part: usize) -> $T {
                // SAFETY: the trait's condition.
                if part == 0 { 0.0 } else { unsafe { p.read() } }
            }
            #[inline(always)]
            unsafe fn store_part(self, p: *mut $T, part: usize) {
                if part > 0 {
                    // SAFETY: the trait's condition.
                    unsafe { p.write(self) }
                }
            }
            #[inline(always)]
            fn splat(value: $T) -> $T {
                value
            }
            #[inline(always)]
            fn add(self, other: $T) -> $T {
                self + other
            }
            #[inline(always)]
            fn sub(self, other: $T) -> $T {
                self - other
            }
            #[inline(always)]
            fn mul(self, other: $T) -> $T {
                self * other
            }
            #[inline(always)]
            fn div(self, other: $T) -> $T {
                self / other
            }
            #[inline(always)]
            fn sqrt(self) -> $T {
                $sqrt(self)
            }
            #[inline(always)]
            fn fma(self, b: $T, c: $T) -> $T {
                $fma(self, b, c)
            }
            #[inline(always)]
            fn round(self) -> $T {
                self.round_ties_even()
            }
            #[inline(always)]
            fn bits_and(self, other: $T) -> $T {
                <$T>::from_bits(self.to_bits() & other.to_bits())
            }
            #[inline(always)]
            fn bits_or(self, other: $T) -> $T {
                <$T>::from_bits(self.to_bits() | other.to_bits())
            }
            #[inline(always)]
            fn bits_xor(self, other: $T) -> $T {
                <$T>::from_bits(self.to_bits() ^ other.to_bits())
            }
            #[inline(always)]
            fn bits_up(self) -> $T {
                <$T>::from_bits(self.to_bits() << <$T as Elem>::MANTISSA)
            }
            #[inline(always)]
            fn bits_down(self) -> $T {
                <$T>::from_bits(self.to_bits() >> <$T as Elem>::MANTISSA)
            }
            #[inline(always)]
            fn lt(self, other: $T) -> bool {
                self < other
            }
            #[inline(always)]
            fn le(self, other: $T) -> bool {
                self <= other
            }
            #[inline(always)]
            fn eq(self, other: $T) -> bool {
                self == other
            }
            #[inline(always)]
            fn both(a: bool, b: bool) -> bool {
                a & b
            }
            #[inline(always)]
            fn either(a: bool, b: bool) -> bool {
                a | b
            }
            #[inline(always)]
            fn not(a: bool) -> bool {
                !a
            }
            #[inline(always)]
            fn any(a: bool) -> bool {
                a
            }
            #[inline(always)]
            fn select(mask: bool, yes: $T, no: $T) -> $T {
                if mask { yes } else { no }
            }
        }
    };
}
single_number!(f32, f32::mul_add, f32::sqrt);
single_number!(f64, f64::mul_add, f64::sqrt);

/// A set of instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// What every processor of the target has; slow where that lacks a fused
    /// multiply-add.
    Portable,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors.
    Avx512,
}

/// The instructions in use: the widest that the processor has, or at most what the
/// environment's `CHAINRULE_ISA` says (`portable`, `avx2`, `avx512`), read once.
pub fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| match std::env::var("CHAINRULE_ISA").as_deref() {
        Ok("portable") => Isa::Portable,
        Ok("avx2") => widest().min(Isa::Avx2),
        _ => widest(),
    })
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn widest() -> Isa {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl");
    match (avx512 && avx2, avx2) {
        (true, _) => Isa::Avx512,
        (false, true) => Isa::Avx2,
        (false, false) => Isa::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn widest() -> Isa {
    Isa::Portable
}

/// A kernel that is compiled once per set of instructions.
pub(crate) trait Kernel<T: Elem> {
    /// # Safety
    /// The processor has `V`'s instructions, and what the kernel's own pointers need.
    unsafe fn run<V: Vector<E = T>>(&self);
}

/// A number type with its vector forms.
pub(crate) trait Forms: Elem + Vector<E = Self> {
    /// Runs `kernel` in the form of `isa`.
    ///
    /// # Safety
    /// `isa` is not above [`widest`]; the kernel's own condition.
    unsafe fn dispatch<K: Kernel<Self>>(isa: Isa, kernel: &K);
}

macro_rules! forms {
    ($T:ty, $avx2:ty, $avx512:ty) => {
        impl Forms for $T {
            #[cfg(target_arch = "x86_64")]
            unsafe fn dispatch<K: Kernel<$T>>(isa: Isa, kernel: &K) {
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2<K: Kernel<$T>>(kernel: &K) {
                    // SAFETY: this function's features are those of the vector.
                    unsafe { kernel.run::<$avx2>() }
                }
                #[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
                unsafe fn avx512<K: Kernel<$T>>(kernel: &K) {
                    // SAFETY: this function's features are those of the vector.
                    unsafe { kernel.run::<$avx512>() }
                }
                // SAFETY: the processor has the features of `isa`, says the caller.
                unsafe {
                    match isa {
                        Isa::Portable => kernel.run::<$T>(),
                        Isa::Avx2 => avx2(kernel),
                        Isa::Avx512 => avx512(kernel),
                    }
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            unsafe fn dispatch<K: Kernel<$T>>(_: Isa, kernel: &K) {
                // SAFETY: single numbers need no instructions; the caller's condition.
                unsafe { kernel.run::<$T>() }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
use crate::simd_x86::{F32x8, F32x16, F64x4, F64x8};
#[cfg(target_arch = "x86_64")]
forms!(f32, F32x8, F32x16);
#[cfg(target_arch = "x86_64")]
forms!(f64, F64x4, F64x8);
#[cfg(not(target_arch = "x86_64"))]
forms!(f32, f32, f32);
#[cfg(not(target_arch = "x86_64"))]
forms!(f64, f64, f64);
