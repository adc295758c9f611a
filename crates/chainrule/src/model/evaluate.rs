//! Figures of a trained network on data with targets, each with its baseline.
//!
//! In: a table, or prepared data. Out: [`Evaluation`]. Invariant: figures of numbers are in the units
//! of the data file. Deliberately absent: how figures are computed; see [`crate::metrics`].

use chainrule_graph::module::Symbol;
use serde::Serialize;

use super::{Trained, compared};
use crate::data::{Array, Dataset, Report, Source};
use crate::error::Error;
use crate::metrics::{
    Baseline, Scores, class_scores, first_largest, label_scores, number_scores,
};
use crate::plan::Purpose;

/// Figures of a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Number of rows.
    pub rows: usize,
    /// The mean loss of an example, without penalties, in the units of training.
    pub loss: f64,
    /// Figures with their baselines; `None` where the output is not of a target's shape.
    pub scores: Option<Scores>,
}

impl Trained {
    /// Figures for a table with its targets, and what was done to it.
    ///
    /// # Errors
    /// As [`Trained::predict`]; the targets have to be there, in classes that training saw.
    pub fn evaluate(&self, table: &Source) -> Result<(Evaluation, Report), Error> {
        let (data, report) = self.preparation.apply(table, true)?;
        Ok((self.evaluate_prepared(&data)?, report))
    }

    /// Figures for prepared data.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] if the data has other sizes than the network.
    pub fn evaluate_prepared(&self, data: &Dataset) -> Result<Evaluation, Error> {
        let (loss, output) = self.run(data, Purpose::Evaluate)?;
        let target = compared(&self.model.module);
        let scores = target.and_then(|s| self.scores(s, data, output));
        Ok(Evaluation { rows: data.rows, loss, scores })
    }

    fn scores(&self, s: &Symbol, data: &Dataset, mut output: Vec<f64>) -> Option<Scores> {
        let array = data.array(&s.key)?;
        let k = array.cols();
        let baseline = self.baseline.as_ref()?;
        match (array, baseline) {
            (Array::Index { index, .. }, Baseline::Classes(counts)) => {
                let truth: Vec<usize> = index.iter().map(|&i| i as usize).collect();
                let names = self.class_names(&s.key, k);
                Some(Scores::Classes(class_scores(&truth, &output, &names, counts)))
            }
            (Array::Dense { values, .. }, Baseline::Classes(means)) => {
                let truth: Vec<usize> = values.chunks(k).map(first_largest).collect();
                let names = self.class_names(&s.key, k);
                Some(Scores::Classes(class_scores(&truth, &output, &names, means)))
            }
            (Array::Dense { values, .. }, Baseline::Labels(shares)) => {
                Some(self.labels(&s.key, values, &output, shares))
            }
            (Array::Dense { values, .. }, Baseline::Means(means)) => {
                let mut truth = values.clone();
                self.preparation.undo(&s.key, &mut truth);
                self.preparation.undo(&s.key, &mut output);
                Some(Scores::Numbers(number_scores(&truth, &output, means)))
            }
            (Array::Index { .. }, _) => None,
        }
    }

    fn labels(&self, key: &str, truth: &[f64], output: &[f64], shares: &[f64]) -> Scores {
        let k = shares.len();
        let names = self.class_names(key, if k == 1 { 2 } else { k });
        let one = |c: usize, names: &[String; 2]| {
            let truth: Vec<bool> =
                truth.iter().skip(c).step_by(k).map(|&t| t > 0.5).collect();
            let yes: Vec<f64> = output.iter().skip(c).step_by(k).copied().collect();
            label_scores(&truth, &yes, names, shares[c])
        };
        if let ([_], [no, yes]) = (shares, names.as_slice()) {
            return Scores::Classes(one(0, &[no.clone(), yes.clone()]));
        }
        let yes_or_no = ["no".to_owned(), "yes".to_owned()];
        let labels =
            names.iter().enumerate().map(|(c, n)| (n.clone(), one(c, &yes_or_no)));
        Scores::Labels { labels: labels.collect() }
    }

    /// The names of the classes; numbers where the data gives none.
    fn class_names(&self, key: &str, k: usize) -> Vec<String> {
        let known = self.preparation.class_names(key).filter(|n| n.len() == k);
        match known {
            Some(names) => names.into_iter().map(str::to_owned).collect(),
            None => (0..k).map(|i| i.to_string()).collect(),
        }
    }
}
