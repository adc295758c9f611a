//! The metric of an epoch, added up batch by batch from outputs and targets.
//!
//! In: rows of the output, the target of the same rows. Out: accuracy (one-hot, distribution,
//! binary, multi-hot) or R² (numbers, as they are trained on). Invariant: the figure does not
//! depend on how rows are cut into batches. The thorough figures are those of [`crate::metrics`].

use chainrule_graph::syntax::ast::Mark;
use chainrule_kernels::Real;
use serde::{Deserialize, Serialize};

use super::state::exact;
use crate::data::Array;
use crate::metrics::first_largest;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// Share of rows whose largest output stands at the true class.
    Class,
    /// Share of entries on the right side of one half.
    Sides,
    /// 1 − ∑(y − ŷ)²/∑(y − ȳ)².
    Determination,
}

impl Measure {
    /// The measure of a target with this mark.
    #[must_use]
    pub fn of(mark: Option<Mark>) -> Self {
        match mark {
            Some(Mark::OneHot | Mark::Distribution) => Self::Class,
            Some(Mark::Binary | Mark::MultiHot) => Self::Sides,
            None => Self::Determination,
        }
    }

    /// As it is shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Class | Self::Sides => "accuracy",
            Self::Determination => "R²",
        }
    }
}

/// Sums so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tally {
    measure: Measure,
    right: usize,
    seen: usize,
    /// Per entry of the target: number, mean, ∑(y − mean)² (Welford), ∑(y − ŷ)².
    #[serde(with = "exact")]
    spread: Vec<[f64; 4]>,
}

impl Tally {
    pub(crate) fn new(measure: Measure) -> Self {
        Self { measure, right: 0, seen: 0, spread: Vec::new() }
    }

    /// Rows that were right, and all.
    pub(super) fn counts(&self) -> [usize; 2] {
        [self.right, self.seen]
    }

    /// Adds rows of these classes, with their outputs row by row.
    pub(super) fn classes<V: Real>(&mut self, classes: &[u32], output: &[V]) {
        let k = output.len().checked_div(classes.len()).unwrap_or(0).max(1);
        let pairs = classes.iter().zip(output.chunks_exact(k));
        pairs.for_each(|(&class, y)| self.class(class as usize, y));
    }

    /// Adds rows `rows` of the target, with their outputs row by row.
    pub(crate) fn add<V: Real>(&mut self, target: &Array, rows: &[u32], output: &[V]) {
        let k = target.cols();
        let pairs = rows.iter().map(|&row| row as usize).zip(output.chunks_exact(k));
        match target {
            Array::Index { index, .. } => {
                pairs.for_each(|(row, y)| self.class(index[row] as usize, y));
            }
            Array::Dense { values, .. } => {
                pairs.for_each(|(row, y)| self.dense(&values[row * k..][..k], y));
            }
        }
    }

    fn class<V: Real>(&mut self, truth: usize, output: &[V]) {
        self.right += usize::from(first_largest(output) == truth);
        self.seen += 1;
    }

    fn dense<V: Real>(&mut self, truth: &[f64], output: &[V]) {
        match self.measure {
            Measure::Class => self.class(first_largest(truth), output),
            Measure::Sides => {
                let same = truth.iter().zip(output);
                self.right +=
                    same.filter(|(t, o)| (**t > 0.5) == (o.to_f64() > 0.5)).count();
                self.seen += truth.len();
            }
            Measure::Determination => self.numbers(truth, output),
        }
    }

    fn numbers<V: Real>(&mut self, truth: &[f64], output: &[V]) {
        self.spread.resize(truth.len(), [0.0; 4]);
        for (([n, mean, around, error], &y), p) in
            self.spread.iter_mut().zip(truth).zip(output)
        {
            *n += 1.0;
            let before = y - *mean;
            *mean += before / *n;
            *around += before * (y - *mean);
            let off = y - p.to_f64();
            *error += off * off;
        }
    }

    /// The figure; `None` where it is not defined (no rows, a constant target).
    pub(crate) fn value(&self) -> Option<f64> {
        if self.measure == Measure::Determination {
            let all = self.spread.iter().map(|[_, _, around, error]| {
                (*around > 0.0).then(|| 1.0 - error / around)
            });
            let all: Option<Vec<f64>> = all.collect();
            let all = all.filter(|v| !v.is_empty())?;
            return Some(all.iter().sum::<f64>() / all.len() as f64);
        }
        (self.seen > 0).then(|| self.right as f64 / self.seen as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_do_not_change_the_figure() {
        let values = vec![3.0, -0.5, 2.0, 7.0];
        let target = Array::Dense { cols: 1, values };
        let output = [2.5, 0.0, 2.0, 8.0];
        let mut whole = Tally::new(Measure::Determination);
        whole.add(&target, &[0, 1, 2, 3], &output);
        let mut parts = Tally::new(Measure::Determination);
        parts.add(&target, &[0], &output[..1]);
        parts.add(&target, &[1, 2, 3], &output[1..]);
        let want = 0.948_608_137_044_967_9;
        assert!((whole.value().unwrap() - want).abs() < 1e-12);
        assert!((parts.value().unwrap() - want).abs() < 1e-12);
    }

    #[test]
    fn classes_and_sides_are_counted() {
        let index = Array::Index { classes: 2, index: vec![0, 1, 1] };
        let mut tally = Tally::new(Measure::Class);
        // Rows in another order; a tie goes to the first class.
        tally.add(&index, &[2, 0, 1], &[0.1, 0.9, 0.5, 0.5, 0.7, 0.3]);
        assert_eq!(tally.value(), Some(2.0 / 3.0));
        let sides = Array::Dense { cols: 2, values: vec![1.0, 0.0] };
        let mut tally = Tally::new(Measure::Sides);
        tally.add(&sides, &[0], &[0.6, 0.6]);
        assert_eq!(tally.value(), Some(0.5));
        assert_eq!(Tally::new(Measure::Sides).value(), None);
    }
}
