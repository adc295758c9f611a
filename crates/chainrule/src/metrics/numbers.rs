//! Figures of regression, in the units of the target.
//!
//! Equations, over n examples: R² = 1 − ∑(y − ŷ)²/∑(y − ȳ)², RMSE = √(∑(y − ŷ)²/n), MAE =
//! ∑|y − ŷ|/n. For several entries each figure is the mean over the entries. Invariant: sums are in
//! f64 and in the order of the rows.

use serde::Serialize;

/// Figures over all examples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NumberScores {
    /// Number of examples.
    pub examples: usize,
    /// `None` where the target is constant.
    pub r2: Option<f64>,
    /// Of the mean of the training part; 0 or less.
    pub baseline_r2: Option<f64>,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Of the mean of the training part.
    pub baseline_rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Of the mean of the training part.
    pub baseline_mae: f64,
}

/// Scores predictions: `truth` and `predicted` have `means.len()` entries per example, row by
/// row; `means` are those of the training part.
///
/// # Panics
/// If the lengths do not fit each other.
#[must_use]
pub fn number_scores(truth: &[f64], predicted: &[f64], means: &[f64]) -> NumberScores {
    let k = means.len();
    assert_eq!(truth.len(), predicted.len(), "one prediction for each number");
    assert!(k > 0 && truth.len().is_multiple_of(k), "{k} entries per example");
    let column = |c: usize| {
        let y: Vec<f64> = truth.iter().skip(c).step_by(k).copied().collect();
        let p: Vec<f64> = predicted.iter().skip(c).step_by(k).copied().collect();
        let flat = vec![means[c]; y.len()];
        (errors(&y, &p), errors(&y, &flat))
    };
    let all: Vec<(Errors, Errors)> = (0..k).map(column).collect();
    let mean =
        |f: &dyn Fn(&(Errors, Errors)) -> f64| all.iter().map(f).sum::<f64>() / k as f64;
    let defined = all.iter().all(|(e, _)| e.r2.is_some());
    let or_zero = |v: Option<f64>| v.unwrap_or(0.0);
    NumberScores {
        examples: truth.len() / k,
        r2: defined.then(|| mean(&|e| or_zero(e.0.r2))),
        baseline_r2: defined.then(|| mean(&|e| or_zero(e.1.r2))),
        rmse: mean(&|e| e.0.rmse),
        baseline_rmse: mean(&|e| e.1.rmse),
        mae: mean(&|e| e.0.mae),
        baseline_mae: mean(&|e| e.1.mae),
    }
}

struct Errors {
    r2: Option<f64>,
    rmse: f64,
    mae: f64,
}

fn errors(y: &[f64], p: &[f64]) -> Errors {
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    let square: f64 = y.iter().zip(p).map(|(a, b)| (a - b) * (a - b)).sum();
    let absolute: f64 = y.iter().zip(p).map(|(a, b)| (a - b).abs()).sum();
    let spread: f64 = y.iter().map(|a| (a - mean) * (a - mean)).sum();
    let r2 = (spread > 0.0).then(|| 1.0 - square / spread);
    Errors { r2, rmse: libm::sqrt(square / n), mae: absolute / n }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    /// scikit-learn's own example of r2_score; the others by hand.
    #[test]
    fn one_column_by_hand() {
        let s = number_scores(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0], &[2.0]);
        near(s.r2.unwrap(), 0.948_608_137_044_967_9);
        near(s.mae, 0.5);
        near(s.rmse, libm::sqrt(0.375));
        // Errors of the constant 2: 1, −2.5, 0, 5.
        near(s.baseline_mae, 8.5 / 4.0);
        near(s.baseline_rmse, libm::sqrt(32.25 / 4.0));
        near(s.baseline_r2.unwrap(), 1.0 - 32.25 / 29.1875);
    }

    /// The same, with `multioutput="uniform_average"`.
    #[test]
    fn several_columns_are_averaged() {
        let (y, p) = ([0.5, 1.0, -1.0, 1.0, 7.0, -6.0], [0.0, 2.0, -1.0, 2.0, 8.0, -5.0]);
        let s = number_scores(&y, &p, &[0.0, 0.0]);
        near(s.r2.unwrap(), 0.936_800_526_662_277_9);
        near(s.mae, (0.5 + 1.0) / 2.0);
        assert_eq!(s.examples, 3);
    }

    #[test]
    fn a_constant_target_has_no_r2() {
        let s = number_scores(&[2.0, 2.0], &[2.0, 3.0], &[2.0]);
        assert_eq!((s.r2, s.baseline_r2), (None, None));
        near(s.mae, 0.5);
    }
}
