//! What a piece of work came to: from how the trainings of a trial ended to what is reported of it.
//!
//! In: one training up to a rung, or one beside each fold. Out: a [`Report`]. Invariants: with folds a
//! trial is judged by the mean loss over them, on rows that had no part in its trainings; one training
//! that diverges is the failure of its trial. Deliberately absent: training, records.

use serde_json::{Value, json};

use super::plan::Stage;
use super::record::{Facts, Report};
use crate::error::Error;
use crate::metrics::Scores;
use crate::train::Why;
use crate::trials::{Ended, Spread};

/// How one training of a trial ended.
pub(super) enum Leg {
    /// At the rung, with figures of the weights that are kept.
    There(Figures),
    /// Somebody stopped it on the way.
    Stopped,
    /// It cannot go on, and why.
    Failed(String),
}

/// Figures of one training.
pub(super) struct Figures {
    loss: f64,
    /// On rows that are watched; on those of the fold where there is one.
    held: Option<f64>,
    metric: Option<f64>,
    epochs: usize,
    steps: u64,
}

impl Leg {
    /// Looks at a training; `reached`: it is at its rung, or ended by itself before.
    pub(super) fn of(ended: &Ended<'_>, reached: bool) -> Result<Self, Error> {
        let trained = &ended.trained;
        let nothing = || Ok(Self::Failed("no epoch was finished".to_owned()));
        let Some(end) = trained.end() else { return nothing() };
        match &end.why {
            Why::NotFinite { equation, step, .. } => {
                let words = format!("diverged in step {step}: {equation}");
                return Ok(Self::Failed(words));
            }
            Why::Interrupted if !reached => return Ok(Self::Stopped),
            _ => {}
        }
        let kept = end.kept.checked_sub(1).and_then(|at| trained.history().get(at));
        let Some(kept) = kept else { return nothing() };
        let (mut held, mut metric) = (kept.held_loss, kept.held_metric.or(kept.metric));
        if let Some(fold) = ended.apart() {
            let measured = trained.evaluate_prepared(fold)?;
            held = Some(measured.loss);
            metric = measured.scores.as_ref().map(|s: &Scores| s.headline().1);
        }
        let (epochs, steps) = (end.epochs, end.steps);
        let figures = Figures { loss: kept.loss, held, metric, epochs, steps };
        Ok(match figures.judged() {
            loss if loss.is_finite() => Self::There(figures),
            loss => Self::Failed(format!("the loss is {loss}")),
        })
    }
}

impl Figures {
    /// What is compared.
    fn judged(&self) -> f64 {
        self.held.unwrap_or(self.loss)
    }
}

/// The report of a trial all of whose trainings came to the rung.
pub(super) fn judged(all: &[Figures], last: bool) -> Report {
    let over = |f: &dyn Fn(&Figures) -> Option<f64>| {
        let values: Vec<f64> = all.iter().filter_map(f).collect();
        Spread::of(values.iter().copied())
    };
    let mean = |f: &dyn Fn(&Figures) -> Option<f64>| over(f).map(|s| s.mean);
    let mut facts = json!({
        "loss": mean(&|f| Some(f.loss)),
        "held_loss": mean(&|f| f.held),
        "metric": mean(&|f| f.metric),
        "epochs": all.iter().map(|f| f.epochs).max(),
        "steps": all.iter().map(|f| f.steps).sum::<u64>(),
    });
    let judged = over(&|f| Some(f.judged()));
    if all.len() > 1 {
        facts["folds"] = all.iter().map(Figures::judged).collect();
        facts["spread"] = json!(judged.and_then(|s| s.deviation));
    }
    let stage = if last { Stage::Complete } else { Stage::Waiting };
    let facts = facts.as_object().cloned().unwrap_or_default();
    Report { stage, loss: judged.map(|s| s.mean), facts, curve: Vec::new() }
}

/// The report of a trial that failed.
pub(super) fn failed(reason: String) -> Report {
    let facts: Facts =
        [("reason".to_owned(), Value::String(reason))].into_iter().collect();
    Report { stage: Stage::Failed, facts, ..Report::default() }
}

/// The report of a trial that is left for another time.
pub(super) fn left() -> Report {
    Report { stage: Stage::Waiting, ..Report::default() }
}
