//! exp, log, tanh, erf, sine and their like: in goes a vector of numbers, out comes the
//! function of each lane.
//!
//! Invariants: no branches that depend on one lane only, except where said; each is
//! written once over [`Vector`], so all forms and the tail of a block give the same bits.
//! Largest errors, in units in the last place (ulp), as the tests measure them against
//! `libm` over dense samples and extremes:
//!
//! | | f32 | f64 |
//! |---|---|---|
//! | exp, log, log1p | 1 | 1.5 |
//! | erf | 1.5 | 2 |
//! | expm1, sin, cos | 2 | 2 |
//! | tanh | 3 | 3 |
//! | pow | 1 | as `libm`, whose it is, one lane at a time |
//!
//! sin and cos of arguments above 10⁴ (f32) or 10⁶ (f64) are taken from `libm` lane by
//! lane: slow but right. Deliberately absent: rounding modes, floating-point flags.
//!
//! Sources: fdlibm (log, log1p, erf, sine), Cephes (exp, sine in f32), N. Juffa (erf in
//! f32).

#![allow(
    clippy::excessive_precision,
    clippy::approx_constant,
    reason = "coefficients stand as they were published, in one table for both types"
)]

use crate::simd::{Elem, Vector};

/// Σ coefficients[i]·xⁿ⁻ⁱ: the highest power first.
#[inline(always)]
fn poly<V: Vector>(x: V, coefficients: &[f64]) -> V {
    let mut sum = V::c(coefficients[0]);
    for &c in &coefficients[1..] {
        sum = sum.fma(x, V::c(c));
    }
    sum
}

const LN2_HIGH: f64 = 6.93147180369123816490e-01;
const LN2_LOW: f64 = 1.90821492927058770002e-10;
const LN2_HIGH_F32: f64 = 0.693359375;
const LN2_LOW_F32: f64 = -2.12194440e-4;

/// (eʳ − 1 − r)/r² on |r| ≤ ln2/2.
const EXP_F32: [f64; 6] = [
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
];
const EXP_F64: [f64; 12] = [
    1.0 / 6227020800.0,
    1.0 / 479001600.0,
    1.0 / 39916800.0,
    1.0 / 3628800.0,
    1.0 / 362880.0,
    1.0 / 40320.0,
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// x = n·ln2 + r with n whole; gives n and eʳ − 1.
#[inline(always)]
fn exp_parts<V: Vector>(x: V) -> (V, V) {
    let n = x.mul(V::c(std::f64::consts::LOG2_E)).round();
    let (high, low) = if V::E::IS_F64 {
        (V::c(-LN2_HIGH), V::c(-LN2_LOW))
    } else {
        (V::c(-LN2_HIGH_F32), V::c(-LN2_LOW_F32))
    };
    let r = n.fma(low, n.fma(high, x));
    let p = if V::E::IS_F64 { poly(r, &EXP_F64) } else { poly(r, &EXP_F32) };
    (n, p.fma(r.mul(r), r))
}

/// The arguments beyond which eˣ is 0 or infinite.
#[inline(always)]
fn exp_range<V: Vector>() -> (V, V) {
    if V::E::IS_F64 { (V::c(-746.0), V::c(710.0)) } else { (V::c(-104.0), V::c(89.0)) }
}

/// eˣ.
#[inline(always)]
pub(crate) fn exp<V: Vector>(x: V) -> V {
    let (low, high) = exp_range();
    let (n, q) = exp_parts(x.max(low).min(high));
    // 2ⁿ in two factors, since n may lie outside the normal exponents.
    let half = n.mul(V::c(0.5)).round();
    q.add(V::c(1.0)).mul(half.pow2()).mul(n.sub(half).pow2())
}

/// eˣ − 1, exact to the last places near 0.
#[inline(always)]
pub(crate) fn expm1<V: Vector>(x: V) -> V {
    let (_, high) = exp_range::<V>();
    let (n, q) = exp_parts(x.max(V::c(-40.0)).min(high));
    // 2·(2ⁿ⁻¹·q + (2ⁿ⁻¹ − ½)): 2ⁿ itself may overflow before the result does.
    let half = n.sub(V::c(1.0)).pow2();
    let scaled = half.fma(q, half.sub(V::c(0.5)));
    let value = V::select(n.eq(V::c(0.0)), q, scaled.add(scaled));
    V::select(x.eq(V::c(0.0)), x, value)
}

/// tanh x = e/(e + 2) with e = expm1(2x), on |x|.
#[inline(always)]
pub(crate) fn tanh<V: Vector>(x: V) -> V {
    let size = x.abs().min(V::c(if V::E::IS_F64 { 20.0 } else { 10.0 }));
    let e = expm1(size.add(size));
    e.div(e.add(V::c(2.0))).with_sign(x)
}

const LOG_F64: [f64; 7] = [
    1.479819860511658591e-01,
    1.531383769920937332e-01,
    1.818357216161805012e-01,
    2.222219843214978396e-01,
    2.857142874366239149e-01,
    3.999999999940941908e-01,
    6.666666666666735130e-01,
];
const LOG_F32: [f64; 4] = [0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693];

/// x = 2ᵉ·m with m in [√½, √2): gives (e, m) for a positive x, subnormals included.
#[inline(always)]
fn log_parts<V: Vector>(x: V) -> (V, V) {
    let tiny = x.lt(V::c(if V::E::IS_F64 { f64::MIN_POSITIVE } else { 2f64.powi(-126) }));
    let up = V::c(V::E::MAGIC * 4.0);
    let scaled = V::select(tiny, x.mul(up), x);
    let shift = V::select(tiny, V::c(f64::from(V::E::MANTISSA + 2)), V::c(0.0));
    let e = scaled.stored_exponent().sub(V::c(V::E::BIAS)).sub(shift);
    let m = scaled.mantissa();
    let large = V::c(std::f64::consts::SQRT_2).le(m);
    let m = V::select(large, m.mul(V::c(0.5)), m);
    (V::select(large, e.add(V::c(1.0)), e), m)
}

/// ln(1 + f) + e·ln2 + c, for 1 + f in [√½, √2) and a small correction c.
#[inline(always)]
fn log_sum<V: Vector>(f: V, e: V, c: V) -> V {
    let s = f.div(f.add(V::c(2.0)));
    let z = s.mul(s);
    let p = if V::E::IS_F64 { poly(z, &LOG_F64) } else { poly(z, &LOG_F32) };
    let half = f.mul(f).mul(V::c(0.5));
    let low = s.fma(half.add(z.mul(p)), e.fma(V::c(ln2_low::<V>()), c));
    e.fma(V::c(ln2_high::<V>()), f.sub(half.sub(low)))
}

#[inline(always)]
fn ln2_high<V: Vector>() -> f64 {
    if V::E::IS_F64 { LN2_HIGH } else { LN2_HIGH_F32 }
}

#[inline(always)]
fn ln2_low<V: Vector>() -> f64 {
    if V::E::IS_F64 { LN2_LOW } else { LN2_LOW_F32 }
}

/// What log gives outside the positive finite numbers: −∞ at 0, NaN below, x above.
#[inline(always)]
fn log_edges<V: Vector>(x: V, value: V) -> V {
    let zero = V::c(0.0);
    let value = V::select(x.lt(V::c(f64::INFINITY)), value, x);
    let value = V::select(x.lt(zero), V::c(f64::NAN), value);
    V::select(x.eq(zero), V::c(f64::NEG_INFINITY), value)
}

/// The natural logarithm.
#[inline(always)]
pub(crate) fn log<V: Vector>(x: V) -> V {
    let (e, m) = log_parts(x);
    log_edges(x, log_sum(m.sub(V::c(1.0)), e, V::c(0.0)))
}

/// ln(1 + x), exact to the last places near 0.
#[inline(always)]
pub(crate) fn log1p<V: Vector>(x: V) -> V {
    let one = V::c(1.0);
    let u = one.add(x);
    let (e, m) = log_parts(u);
    // What rounding 1 + x lost, relative to u.
    let lost = V::select(x.lt(one), x.sub(u.sub(one)), one.sub(u.sub(x)));
    let near = e.eq(V::c(0.0));
    let f = V::select(near, x, m.sub(one));
    let c = V::select(near, V::c(0.0), lost.div(u));
    let value = log_edges(u, log_sum(f, e, c));
    // Below half the last place of 1 the answer is x itself, with its sign.
    V::select(x.abs().lt(V::c(0.25 / V::E::MAGIC)), x, value)
}

const SIN_F32: [f64; 3] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS_F32: [f64; 3] =
    [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];
const SIN_F64: [f64; 6] = [
    1.58969099521155010221e-10,
    -2.50507602534068634195e-08,
    2.75573137070700676789e-06,
    -1.98412698298579493134e-04,
    8.33333333332248946124e-03,
    -1.66666666666666324348e-01,
];
const COS_F64: [f64; 6] = [
    -1.13596475577881948265e-11,
    2.08757232129817482790e-09,
    -2.75573143513906633035e-07,
    2.48015872894767294178e-05,
    -1.38888888888741095749e-03,
    4.16666666666666019037e-02,
];
/// π/2 in three pieces, each holding what the ones before left over.
const HALF_PI_F32: [f64; 3] =
    [1.57079637050628662109375, -4.371139000186241e-8, 1.7151245100058e-15];
const HALF_PI_F64: [f64; 3] =
    [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33];

/// sin(x + quarter·π/2).
#[inline(always)]
fn sine<V: Vector>(x: V, quarter: f64) -> V {
    let q = x.mul(V::c(std::f64::consts::FRAC_2_PI)).round();
    let pieces = if V::E::IS_F64 { HALF_PI_F64 } else { HALF_PI_F32 };
    let mut r = x;
    for piece in pieces {
        r = q.fma(V::c(-piece), r);
    }
    let z = r.mul(r);
    let (s, c) = if V::E::IS_F64 {
        (poly(z, &SIN_F64), poly(z, &COS_F64))
    } else {
        (poly(z, &SIN_F32), poly(z, &COS_F32))
    };
    let s = s.fma(z.mul(r), r);
    let c = c.fma(z.mul(z), z.fma(V::c(-0.5), V::c(1.0)));
    // k = quadrant in −2 … 2.
    let k = q.add(V::c(quarter));
    let k = k.sub(k.mul(V::c(0.25)).round().mul(V::c(4.0)));
    let odd = k.abs().eq(V::c(1.0));
    let value = V::select(odd, c, s);
    let flip = V::either(k.abs().eq(V::c(2.0)), k.eq(V::c(-1.0)));
    V::select(flip, value.neg(), value)
}

/// `value` with the lanes where |x| is large taken from `exact`.
#[inline(always)]
fn large_lanes<V: Vector>(x: V, value: V, exact: fn(f64) -> f64) -> V {
    let limit = if V::E::IS_F64 { 1e6 } else { 1e4 };
    let large = V::c(limit).lt(x.abs());
    if !V::any(large) {
        return value;
    }
    V::select(large, by_lane(x, x, |x, _| exact(x)), value)
}

/// A function of single numbers, lane by lane in f64.
#[inline(always)]
fn by_lane<V: Vector>(x: V, y: V, f: impl Fn(f64, f64) -> f64) -> V {
    let (mut xs, mut ys) = ([V::E::default(); 16], [V::E::default(); 16]);
    // SAFETY: no vector has more than 16 lanes.
    unsafe {
        x.store(xs.as_mut_ptr());
        y.store(ys.as_mut_ptr());
        for lane in 0..V::LANES {
            xs[lane] = V::E::of(f(xs[lane].wide(), ys[lane].wide()));
        }
        V::load(xs.as_ptr())
    }
}

/// The sine.
#[inline(always)]
pub(crate) fn sin<V: Vector>(x: V) -> V {
    let value = V::select(x.eq(V::c(0.0)), x, sine(x, 0.0));
    large_lanes(x, value, libm::sin)
}

/// The cosine.
#[inline(always)]
pub(crate) fn cos<V: Vector>(x: V) -> V {
    large_lanes(x, sine(x, 1.0), libm::cos)
}

/// The error function.
#[inline(always)]
pub(crate) fn erf<V: Vector>(x: V) -> V {
    if V::E::IS_F64 { erf_f64(x) } else { erf_f32(x) }
}

const ERF_F32_NEAR: [f64; 6] = [
    -5.96761703e-4,
    4.99119423e-3,
    -2.67681349e-2,
    1.12819925e-1,
    -3.76125336e-1,
    1.28379166e-1,
];
const ERF_F32_FAR: [f64; 7] = [
    -1.72853470e-5,
    3.83197126e-4,
    -3.88396438e-3,
    2.42546219e-2,
    -1.06777877e-1,
    -6.34846687e-1,
    -1.28717512e-1,
];

#[inline(always)]
fn erf_f32<V: Vector>(x: V) -> V {
    let t = x.abs();
    let near = poly(x.mul(x), &ERF_F32_NEAR).fma(x, x);
    let power = poly(t, &ERF_F32_FAR).fma(t, t.neg());
    let far = V::c(1.0).sub(exp(power)).with_sign(x);
    // Beyond 4 it is ±1, where the polynomial would turn back.
    let far = V::select(V::c(4.0).lt(t), V::c(1.0).with_sign(x), far);
    V::select(V::c(0.927734375).lt(t), far, near)
}

const ERX: f64 = 8.45062911510467529297e-01;
const ERF_PP: [f64; 5] = [
    -2.37630166566501626084e-05,
    -5.77027029648944159157e-03,
    -2.84817495755985104766e-02,
    -3.25042107247001499370e-01,
    1.28379167095512558561e-01,
];
const ERF_QQ: [f64; 6] = [
    -3.96022827877536812320e-06,
    1.32494738004321644526e-04,
    5.08130628187576562776e-03,
    6.50222499887672944485e-02,
    3.97917223959155352819e-01,
    1.0,
];
const ERF_PA: [f64; 7] = [
    -2.16637559486879084300e-03,
    3.54783043256182359371e-02,
    -1.10894694282396677476e-01,
    3.18346619901161753674e-01,
    -3.72207876035701323847e-01,
    4.14856118683748331666e-01,
    -2.36211856075265944077e-03,
];
const ERF_QA: [f64; 7] = [
    1.19844998467991074170e-02,
    1.36370839120290507362e-02,
    1.26171219808761642112e-01,
    7.18286544141962662868e-02,
    5.40397917702171048937e-01,
    1.06420880400844228286e-01,
    1.0,
];
const ERF_RA: [f64; 8] = [
    -9.81432934416914548592e+00,
    -8.12874355063065934246e+01,
    -1.84605092906711035994e+02,
    -1.62396669462573470355e+02,
    -6.23753324503260060396e+01,
    -1.05586262253232909814e+01,
    -6.93858572707181764372e-01,
    -9.86494403484714822705e-03,
];
const ERF_SA: [f64; 9] = [
    -6.04244152148580987438e-02,
    6.57024977031928170135e+00,
    1.08635005541779435134e+02,
    4.29008140027567833386e+02,
    6.45387271733267880336e+02,
    4.34565877475229228821e+02,
    1.37657754143519042600e+02,
    1.96512716674392571292e+01,
    1.0,
];
const ERF_RB: [f64; 7] = [
    -4.83519191608651397019e+02,
    -1.02509513161107724954e+03,
    -6.37566443368389627722e+02,
    -1.60636384855821916062e+02,
    -1.77579549177547519889e+01,
    -7.99283237680523006574e-01,
    -9.86494292470009928597e-03,
];
const ERF_SB: [f64; 8] = [
    -2.24409524465858183362e+01,
    4.74528541206955367215e+02,
    2.55305040643316442583e+03,
    3.19985821950859553908e+03,
    1.53672958608443695994e+03,
    3.25792512996573918826e+02,
    3.03380607434824582924e+01,
    1.0,
];

#[inline(always)]
fn erf_f64<V: Vector>(x: V) -> V {
    let one = V::c(1.0);
    let t = x.abs();
    let z = x.mul(x);
    let near = x.fma(poly(z, &ERF_PP).div(poly(z, &ERF_QQ)), x);
    let s = t.sub(one);
    let middle = V::c(ERX).add(poly(s, &ERF_PA).div(poly(s, &ERF_QA)));
    let r = one.div(z);
    let lower = t.lt(V::c(1.0 / 0.35));
    let a = poly(r, &ERF_RA).div(poly(r, &ERF_SA));
    let b = poly(r, &ERF_RB).div(poly(r, &ERF_SB));
    // e^(−t²) with t² split so that its last places are not lost.
    let head = t.bits_and(V::splat(V::E::of(f64::from_bits(0xFFFF_FFFF_0000_0000))));
    let first = exp(head.neg().fma(head, V::c(-0.5625)));
    let second = exp(head.sub(t).fma(head.add(t), V::select(lower, a, b)));
    let far = one.sub(first.mul(second).div(t));
    let far = V::select(V::c(6.0).le(t), one, far).with_sign(x);
    let value = V::select(t.lt(V::c(1.25)), middle.with_sign(x), far);
    let value = V::select(t.lt(V::c(0.84375)), near, value);
    V::select(x.eq(x), value, x)
}

/// xʸ, as IEEE 754's `pow`.
#[inline(always)]
pub(crate) fn pow<V: Vector>(x: V, y: V) -> V {
    if V::E::IS_F64 { by_lane(x, y, libm::pow) } else { by_lane(x, y, pow_in_f64) }
}

/// xʸ for arguments that are f32's: e^(y·ln x) in f64 is exact enough to round to f32.
#[inline(always)]
fn pow_in_f64(x: f64, y: f64) -> f64 {
    let whole = y.round_ties_even() == y;
    let odd = whole && (y * 0.5).round_ties_even() != y * 0.5;
    let size = exp(y * log(x.abs()));
    let value = if odd && x.is_sign_negative() { -size } else { size };
    let outside = x < 0.0 && !whole && x > f64::NEG_INFINITY;
    let value = if outside { f64::NAN } else { value };
    let unit = y == 0.0 || x == 1.0 || (x == -1.0 && y.is_infinite());
    if unit { 1.0 } else { value }
}
