//! How good predictions are: figures from truth and prediction, each with a baseline beside it.
//!
//! In: plain slices, or row after row, already in the units of the data file. Out: [`ClassScores`] or
//! [`NumberScores`], and the same figures of a predictor that looks at nothing: the majority class,
//! the class frequencies, the mean, all of the training part. Conventions are scikit-learn's, so
//! that figures can be compared; where a figure is not defined it is `None`, never 0.
//! Deliberately absent: tables and screens; the faces draw.

mod classes;
mod numbers;
mod ranking;

pub use classes::{ClassScores, OneClass, class_scores, label_scores, roc_auc};
pub(crate) use classes::{ClassTally, first_largest};
pub(crate) use numbers::{Means, NumberTally};
pub use numbers::{NumberScores, number_scores};

use serde::{Deserialize, Serialize};

/// What a predictor that looks at nothing knows: facts of the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Baseline {
    /// How many examples each class has.
    Classes(Vec<f64>),
    /// The share of ones of each entry (binary and multi-hot targets).
    Labels(Vec<f64>),
    /// The mean of each entry, in the units of the file.
    Means(Vec<f64>),
}

impl Baseline {
    /// Entries of an example that it speaks of.
    #[must_use]
    pub fn entries(&self) -> usize {
        match self {
            Self::Classes(all) | Self::Labels(all) | Self::Means(all) => all.len(),
        }
    }
}

/// The figures of one evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Scores {
    /// One class per example.
    Classes(ClassScores),
    /// Any number of labels per example: one entry per label, each scored as yes or no.
    Labels {
        /// By label.
        labels: Vec<(String, ClassScores)>,
    },
    /// Numbers.
    Numbers(NumberScores),
}

impl Scores {
    /// The one figure that an epoch is summed up with: its name and value, larger is better.
    #[must_use]
    pub fn headline(&self) -> (&'static str, f64) {
        match self {
            Self::Classes(c) => ("accuracy", c.accuracy),
            Self::Labels { labels } => ("accuracy", mean_of(labels, |c| c.accuracy)),
            Self::Numbers(n) => ("R²", n.r2.unwrap_or(f64::NAN)),
        }
    }

    /// The baseline's value of the same figure.
    #[must_use]
    pub fn headline_baseline(&self) -> f64 {
        match self {
            Self::Classes(c) => c.baseline_accuracy,
            Self::Labels { labels } => mean_of(labels, |c| c.baseline_accuracy),
            Self::Numbers(n) => n.baseline_r2.unwrap_or(f64::NAN),
        }
    }
}

fn mean_of(labels: &[(String, ClassScores)], f: impl Fn(&ClassScores) -> f64) -> f64 {
    labels.iter().map(|(_, c)| f(c)).sum::<f64>() / labels.len().max(1) as f64
}
