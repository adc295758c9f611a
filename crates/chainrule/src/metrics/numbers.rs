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
    let mut truths = Means::new(k);
    truth.chunks(k).for_each(|row| truths.add(row));
    let mut tally = NumberTally::new(means, &truths);
    truth.chunks(k).zip(predicted.chunks(k)).for_each(|(y, p)| tally.add(y, p));
    tally.finish()
}

/// The means of a part's targets.
pub(crate) struct Means {
    sums: Vec<f64>,
    rows: usize,
}

impl Means {
    pub(crate) fn new(entries: usize) -> Self {
        // −0 is what adds nothing to any number.
        Self { sums: vec![-0.0; entries], rows: 0 }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: &[f64]) {
        self.rows += 1;
        self.sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
    }
}

/// Adds up predictions row by row; the means of the targets have to be known.
pub(crate) struct NumberTally {
    rows: usize,
    columns: Vec<Column>,
}

struct Column {
    mean: f64,
    /// What the training part predicts.
    flat: f64,
    spread: f64,
    predicted: Errors,
    baseline: Errors,
}

#[derive(Clone, Copy)]
struct Errors {
    square: f64,
    absolute: f64,
}

impl Errors {
    fn add(&mut self, error: f64) {
        self.square += error * error;
        self.absolute += error.abs();
    }

    fn r2(self, spread: f64) -> Option<f64> {
        (spread > 0.0).then(|| 1.0 - self.square / spread)
    }
}

impl NumberTally {
    /// `means` are those of the training part.
    pub(crate) fn new(means: &[f64], truths: &Means) -> Self {
        let none = Errors { square: -0.0, absolute: -0.0 };
        let column = |(&flat, sum): (&f64, &f64)| Column {
            mean: sum / truths.rows as f64,
            flat,
            spread: -0.0,
            predicted: none,
            baseline: none,
        };
        let columns = means.iter().zip(&truths.sums).map(column).collect();
        Self { rows: 0, columns }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, truth: &[f64], predicted: &[f64]) {
        self.rows += 1;
        for (column, (y, p)) in self.columns.iter_mut().zip(truth.iter().zip(predicted)) {
            column.spread += (y - column.mean) * (y - column.mean);
            column.predicted.add(y - p);
            column.baseline.add(y - column.flat);
        }
    }

    /// For several entries each figure is the mean over the entries.
    pub(crate) fn finish(&self) -> NumberScores {
        let (n, k) = (self.rows as f64, self.columns.len() as f64);
        let mean =
            |f: &dyn Fn(&Column) -> f64| self.columns.iter().map(f).sum::<f64>() / k;
        let r2 = |of: &dyn Fn(&Column) -> Errors| {
            let all = self.columns.iter().map(|c| of(c).r2(c.spread));
            let all: Option<Vec<f64>> = all.collect();
            all.map(|all| all.iter().sum::<f64>() / k)
        };
        let root = |errors: Errors| libm::sqrt(errors.square / n);
        NumberScores {
            examples: self.rows,
            r2: r2(&|c| c.predicted),
            baseline_r2: r2(&|c| c.baseline),
            rmse: mean(&|c| root(c.predicted)),
            baseline_rmse: mean(&|c| root(c.baseline)),
            mae: mean(&|c| c.predicted.absolute / n),
            baseline_mae: mean(&|c| c.baseline.absolute / n),
        }
    }
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
