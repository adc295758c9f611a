//! Small measures of a curve, and of rows, that several rules use.
//!
//! In: numbers of epochs in order, or of rows. Out: a level, a noise, a mean with its variance. Invariant: no result for an empty curve
//! is made up: it is NaN. Deliberately absent: judgement.

/// The middle of some numbers; of an even number the upper one.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The level at the end: the median of the last tenth.
pub(super) fn end(curve: &[f64]) -> f64 {
    median(&curve[curve.len() - curve.len().div_ceil(10)..])
}

/// How far a number lies off the line between its neighbours, in the mean; a smooth curve has none
/// of it, however steep.
pub(super) fn roughness(curve: &[f64]) -> f64 {
    let off = |w: &[f64]| (w[0] - 2.0 * w[1] + w[2]).abs();
    let n = curve.len().saturating_sub(2);
    if n == 0 { 0.0 } else { curve.windows(3).map(off).sum::<f64>() / n as f64 }
}

/// The standard deviation of a number around the line between its neighbours: second differences of
/// independent noise have six times its variance.
pub(super) fn noise(curve: &[f64]) -> f64 {
    let squared = |w: &[f64]| (w[0] - 2.0 * w[1] + w[2]).powi(2);
    let n = curve.len().saturating_sub(2);
    if n == 0 {
        return 0.0;
    }
    libm::sqrt(curve.windows(3).map(squared).sum::<f64>() / n as f64 / 6.0)
}

/// A mean and the variance of that mean.
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

impl Spread {
    pub(super) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let around: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        let variance = if n > 1.0 { around / (n - 1.0) / n } else { 0.0 };
        Self { mean, variance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_noise_and_a_zigzag_has() {
        let line: Vec<f64> = (0..20).map(|i| 3.0 - 0.1 * f64::from(i)).collect();
        assert!(noise(&line) < 1e-12 && roughness(&line) < 1e-12);
        assert!((end(&line) - 1.1).abs() < 0.11);
        let zigzag: Vec<f64> = (0..20).map(|i| f64::from(i % 2)).collect();
        assert!((roughness(&zigzag) - 2.0).abs() < 1e-12 && noise(&zigzag) > 0.5);
        assert!(median(&[]).is_nan());
    }
}
