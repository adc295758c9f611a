//! Cross-validation: how good a file's training is on rows that it has not seen, over several folds.
//!
//! In: how the training beside each fold ended. Out: [`Folds`]: figures of each fold, and mean and
//! spread of each metric with that of its baseline. Invariants: a fold's rows have no part in its
//! training, in its recipe, or in the choice of its best epoch; a training that turned non-finite is a
//! row with its reason, and counts in no mean. Deliberately absent: the choice of settings.

use std::sync::Arc;

use serde::Serialize;

use super::figures::{Spread, Status};
use super::{Ended, Trial};
use crate::error::Error;
use crate::metrics::Scores;
use crate::model::Evaluation;

/// The figures of one fold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoldFigures {
    /// Which, from 1.
    pub fold: usize,
    /// How its training ended.
    pub status: Status,
    /// Rows that were learned from.
    pub train_rows: usize,
    /// The epoch whose weights were kept.
    pub epoch: usize,
    /// On the rows of the fold; `None` if there is no network.
    pub evaluation: Option<Evaluation>,
}

/// A metric over all folds that count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Mean and deviation over the folds.
    pub model: Spread,
    /// The same of a predictor that looks at nothing; none for the loss.
    pub baseline: Option<Spread>,
}

/// All folds together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Folds {
    /// In order; those that were not begun are left out.
    pub folds: Vec<FoldFigures>,
    /// Over the folds that count.
    pub metrics: Vec<Metric>,
}

impl FoldFigures {
    /// Those of a training that has ended.
    ///
    /// # Errors
    /// Why there is no network, or no figure.
    pub fn of(
        trial: &Trial,
        ended: Result<Ended<'_>, Arc<Error>>,
    ) -> Result<Self, Arc<Error>> {
        let ended = ended?;
        let end = ended.trained.end();
        let status = end.map_or(Status::Done, |e| Status::of(&e.why));
        let apart = ended.apart().filter(|_| status == Status::Done);
        let evaluation = apart.map(|data| ended.trained.evaluate_prepared(data));
        Ok(Self {
            fold: trial.number + 1,
            status,
            train_rows: ended.train().rows,
            epoch: end.map_or(0, |e| e.kept),
            evaluation: evaluation.transpose().map_err(Arc::new)?,
        })
    }
}

impl Folds {
    /// Takes folds together.
    #[must_use]
    pub fn of(folds: Vec<FoldFigures>) -> Self {
        let all: Vec<Vec<Named>> =
            folds.iter().filter_map(|f| f.evaluation.as_ref()).map(named).collect();
        let names = all.first().map_or(&[][..], |first| first);
        let metric = |i: usize, name: &str| {
            let values = |pick: &dyn Fn(&Named) -> Option<f64>| {
                let values: Vec<f64> = all.iter().filter_map(|f| pick(&f[i])).collect();
                Spread::of(values.iter().copied())
            };
            let (name, model) = (name.to_owned(), values(&|m| m.model)?);
            Some(Metric { name, model, baseline: values(&|m| m.baseline) })
        };
        let metrics =
            names.iter().enumerate().filter_map(|(i, m)| metric(i, &m.name)).collect();
        Self { folds, metrics }
    }
}

/// A figure of one fold.
struct Named {
    name: String,
    model: Option<f64>,
    baseline: Option<f64>,
}

/// All figures of an evaluation; as many and in the same order for every fold.
fn named(e: &Evaluation) -> Vec<Named> {
    let one = |name: &str, model: Option<f64>, baseline: Option<f64>| Named {
        name: name.to_owned(),
        model,
        baseline,
    };
    let mut all = vec![one("loss", Some(e.loss), None)];
    match &e.scores {
        None => {}
        Some(Scores::Numbers(n)) => all.extend([
            one("R²", n.r2, n.baseline_r2),
            one("RMSE", Some(n.rmse), Some(n.baseline_rmse)),
            one("MAE", Some(n.mae), Some(n.baseline_mae)),
        ]),
        Some(Scores::Classes(c)) => all.extend([
            one("accuracy", Some(c.accuracy), Some(c.baseline_accuracy)),
            one(
                "balanced accuracy",
                Some(c.balanced_accuracy),
                Some(c.baseline_balanced_accuracy),
            ),
            one("ROC AUC", c.roc_auc, c.baseline_roc_auc),
            one("log loss", c.log_loss, c.log_loss.map(|_| c.baseline_log_loss)),
        ]),
        Some(Scores::Labels { labels }) => {
            all.extend(labels.iter().map(|(name, c)| {
                let (ours, baseline) = (Some(c.accuracy), Some(c.baseline_accuracy));
                one(&format!("accuracy of {name}"), ours, baseline)
            }));
        }
    }
    all
}
