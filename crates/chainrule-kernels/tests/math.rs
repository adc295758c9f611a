//! The functions against `libm` in f64, in units in the last place. Subnormal numbers are 0 in
//! kernels: as results, and as operands unless they are the result as they stand.

use chainrule_kernels::{
    Access, Bin, Call, Inst, Pass, Program, Real, Slot, Src, Team, Un,
};
use std::sync::Arc;

fn run<T: Real>(inst: Inst, xs: &[T], ys: &[T]) -> Vec<T> {
    let n = xs.len();
    let program = Program::new(vec![inst], vec![Access::Full; 2], vec![Src::Reg(0)]);
    let mut arena = [xs, ys, xs].concat();
    let pass = Pass::new(
        Arc::new(program),
        (1, n),
        vec![Slot::new(0, n), Slot::new(n, n)],
        vec![Slot::new(2 * n, n)],
        vec![],
    );
    T::call(&Team::single(), &mut arena, Call::Pass(pass));
    arena.split_off(2 * n)
}

/// The distance of f32 `got` from `exact` in the last places of `exact`.
fn ulp32(got: f32, exact: f64) -> f64 {
    if f64::from(got) == exact || got.is_nan() && exact.is_nan() || got == exact as f32 {
        return 0.0;
    }
    if got == 0.0 && exact.abs() < f64::from(f32::MIN_POSITIVE) {
        return 0.0;
    }
    if got.is_nan() || exact.is_nan() {
        return f64::INFINITY;
    }
    let near = (exact as f32).abs().clamp(f32::MIN_POSITIVE, f32::MAX);
    let place = f64::from(near) - f64::from(f32::from_bits(near.to_bits() - 1));
    (f64::from(got) - exact).abs() / place
}

/// What a kernel takes x for.
fn operand32(x: f32) -> f32 {
    if x.is_subnormal() { 0f32.copysign(x) } else { x }
}

fn operand64(x: f64) -> f64 {
    if x.is_subnormal() { 0f64.copysign(x) } else { x }
}

fn ulp64(got: f64, exact: f64) -> f64 {
    let none = got == 0.0 && exact.abs() < f64::MIN_POSITIVE;
    if got == exact || got.is_nan() && exact.is_nan() || none {
        return 0.0;
    }
    if got.is_nan() || exact.is_nan() {
        return f64::INFINITY;
    }
    let near = exact.abs().clamp(f64::MIN_POSITIVE, f64::MAX);
    (got - exact).abs() / (near - f64::from_bits(near.to_bits() - 1))
}

/// Dense around 0, spread over all magnitudes, and the edges.
fn samples() -> Vec<f64> {
    let dense = (-400_000..400_000).map(|i| f64::from(i) * 2.5e-4 + 1.234e-5);
    let spread = (-45_000..38_000).map(|i| 10f64.powf(f64::from(i) / 1000.0));
    let edges = [
        0.0,
        1.0,
        0.5,
        2.0,
        1e4,
        88.72283,
        88.73,
        103.97,
        104.0,
        709.78,
        710.0,
        745.1,
        746.0,
        1e-40,
        1e-310,
        5e-324,
        f64::from(f32::MIN_POSITIVE),
        f64::MIN_POSITIVE,
        f64::INFINITY,
        f64::NAN,
        f64::from(f32::MAX),
        f64::MAX,
    ];
    let positive: Vec<f64> = spread.chain(edges).collect();
    let negative: Vec<f64> = positive.iter().map(|x| -x).collect();
    dense.chain(positive).chain(negative).collect()
}

fn holds(un: Un, exact: fn(f64) -> f64, most: [f64; 2]) {
    let xs = samples();
    let narrow: Vec<f32> = xs.iter().map(|&x| x as f32).collect();
    let mut worst = [(0.0, 0.0); 2];
    let got = run(Inst::Un(un, Src::In(0)), &narrow, &narrow);
    for (&x, got) in narrow.iter().zip(got) {
        let of = |x: f32| ulp32(got, exact(f64::from(x)));
        let error = of(x).min(of(operand32(x)));
        if error > worst[0].0 {
            worst[0] = (error, f64::from(x));
        }
    }
    let got = run(Inst::Un(un, Src::In(0)), &xs, &xs);
    for (&x, got) in xs.iter().zip(got) {
        let error = ulp64(got, exact(x)).min(ulp64(got, exact(operand64(x))));
        if error > worst[1].0 {
            worst[1] = (error, x);
        }
    }
    let fine = worst[0].0 <= most[0] && worst[1].0 <= most[1];
    assert!(fine, "{un:?}: (ulp, at) {worst:?}, allowed {most:?}");
}

#[test]
fn exponentials_keep_their_error() {
    holds(Un::Exp, libm::exp, [1.0, 1.5]);
    holds(Un::Expm1, libm::expm1, [2.0, 2.0]);
}

#[test]
fn logarithms_keep_their_error() {
    holds(Un::Log, libm::log, [1.0, 1.5]);
    holds(Un::Log1p, libm::log1p, [1.0, 1.5]);
}

#[test]
fn tanh_and_erf_keep_their_error() {
    holds(Un::Tanh, libm::tanh, [3.0, 3.0]);
    holds(Un::Erf, libm::erf, [1.5, 2.0]);
}

#[test]
fn sine_and_cosine_keep_their_error() {
    holds(Un::Sin, libm::sin, [2.0, 2.0]);
    holds(Un::Cos, libm::cos, [2.0, 2.0]);
}

#[test]
fn powers_keep_their_error_and_their_edges() {
    let few = [
        0.0,
        0.3,
        0.5,
        1.0,
        1.7,
        2.0,
        3.0,
        7.0,
        11.3,
        1e3,
        1e-3,
        1e-40,
        1e30,
        f64::INFINITY,
        f64::NAN,
    ];
    let few: Vec<f64> = few.iter().flat_map(|&x: &f64| [x, -x]).collect();
    let pairs = few.iter().flat_map(|&x| few.iter().map(move |&y| (x as f32, y as f32)));
    let (xs, ys): (Vec<f32>, Vec<f32>) = pairs.unzip();
    let got = run(Inst::Bin(Bin::Pow, Src::In(0), Src::In(1)), &xs, &ys);
    for ((&x, &y), got) in xs.iter().zip(&ys).zip(got) {
        let exact = libm::pow(f64::from(operand32(x)), f64::from(operand32(y)));
        assert!(ulp32(got, exact) <= 1.0, "{x} to {y}: {got} for {exact}");
        assert_eq!(
            got.is_sign_negative() && !got.is_nan(),
            exact.is_sign_negative() && !exact.is_nan()
        );
    }
}

#[test]
fn zeros_keep_their_sign() {
    for un in [Un::Expm1, Un::Log1p, Un::Tanh, Un::Erf, Un::Sin, Un::Sqrt] {
        let got = run(Inst::Un(un, Src::In(0)), &[0.0f32, -0.0], &[0.0, 0.0]);
        assert_eq!(got[0].to_bits(), 0, "{un:?}");
        assert_eq!(got[1].to_bits(), (-0.0f32).to_bits(), "{un:?}");
    }
}
