//! How often chance does as much: tails of distributions, and permutations.
//!
//! In: a statistic under the null hypothesis that rows were dealt to the parts at random. Out: p.
//! Invariant: where a tail is not exact it errs towards a larger p. Deliberately absent: what is
//! tested.

use chainrule_kernels::rng::Draws;

/// Permutations are drawn until this many did as well, or until there were [`MOST`].
const AS_GOOD: usize = 20;
const MOST: usize = 1_999;
const PURPOSE: u32 = 0x7065_726d;

/// P(χ² ≥ x) with `k` degrees of freedom: the upper incomplete gamma function Q(k/2, x/2), by its
/// series below the bend and its continued fraction (Lentz) above.
pub(super) fn chi_square(x: f64, k: usize) -> f64 {
    let (a, x) = (k as f64 / 2.0, x / 2.0);
    if k == 0 || x <= 0.0 {
        return 1.0;
    }
    let front = libm::exp(a * libm::log(x) - x - libm::lgamma(a));
    match x < a + 1.0 {
        true => (1.0 - front * series(a, x)).clamp(0.0, 1.0),
        false => (front * fraction(a, x)).clamp(0.0, 1.0),
    }
}

fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    while term > sum * 1e-16 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    let (mut b, mut c) = (x + 1.0 - a, f64::MAX);
    let mut d = 1.0 / b;
    let mut product = d;
    for i in 1..10_000 {
        let an = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        product *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    product
}

/// P(Z ≥ z) of a normal variable.
pub(super) fn normal(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// How often a random choice of `chosen` of the values adds up to as much as `sum`, by the rule of
/// Besag and Clifford (1991): drawing ends once twenty did, which keeps p exact and is quick where
/// there is nothing.
pub(super) fn permuted(values: &[f64], chosen: usize, sum: f64) -> f64 {
    let draws = Draws::new(0, PURPOSE);
    let (all, n) = (values.iter().sum::<f64>(), values.len());
    // The smaller side is drawn; its sum tells the other's.
    let few = chosen.min(n - chosen);
    let (mut pool, mut good) = (values.to_vec(), 0);
    for turn in 1..=MOST {
        let mut drawn = 0.0;
        for i in 0..few {
            let left = (n - i) as u64;
            pool.swap(i, i + draws.below(left, turn as u64, i as u32, 0) as usize);
            drawn += pool[i];
        }
        let drawn = if few == chosen { drawn } else { all - drawn };
        good += usize::from(drawn >= sum);
        if good == AS_GOOD {
            return good as f64 / turn as f64;
        }
    }
    (good + 1) as f64 / (MOST + 1) as f64
}

/// Holm's adjustment: p of each test as if it were the only one.
pub(super) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut out, mut so_far) = (vec![1.0; p.len()], 0.0_f64);
    for (k, &i) in order.iter().enumerate() {
        so_far = so_far.max((p.len() - k) as f64 * p[i]).min(1.0);
        out[i] = so_far;
    }
    out
}

/// Ranks of values, ties their mean; the sum of all is that of 1..n.
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let mut out = vec![0.0; values.len()];
    let mut from = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = from as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&i| out[i] = rank);
        from += tied.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        for (x, k, p) in [
            (3.841_458_820_694_124, 1, 0.05),
            (9.210_340_371_976_18, 2, 0.01),
            (29.588_298_445_074_42, 10, 0.001),
            (2.0, 10, 0.996_340_153_172_656),
        ] {
            assert!((chi_square(x, k) / p - 1.0).abs() < 1e-9, "{x} {k}");
        }
        assert_eq!((chi_square(0.0, 3), chi_square(5.0, 0)), (1.0, 1.0));
        assert!((normal(1.644_853_626_951_472) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn permutations_of_three_of_six_are_counted_right() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        // Of the twenty choices one reaches 15; from 14 on there are two, from 11 on ten.
        assert!((permuted(&values, 3, 15.0) - 0.05).abs() < 0.02);
        assert!((permuted(&values, 3, 11.0) - 0.5).abs() < 0.25);
        assert!((permuted(&values, 4, 18.0) - 1.0 / 15.0).abs() < 0.03);
        assert!(permuted(&values, 3, 16.0) < 0.001);
    }

    #[test]
    fn holm_takes_the_smallest_times_all_and_never_falls() {
        let close = |a: Vec<f64>, b: [f64; 3]| {
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15), "{a:?}");
        };
        close(holm(&[0.04, 0.001, 0.03]), [0.06, 0.003, 0.06]);
        close(holm(&[0.9, 0.8, 0.7]), [1.0; 3]);
    }

    #[test]
    fn tied_values_share_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }
}
