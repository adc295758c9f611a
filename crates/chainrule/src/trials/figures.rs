//! What is compared: the figures of one trial, and those of several seeds together.
//!
//! In: how a trial ended, its stopwatch. Out: [`Figures`], [`Group`]. Invariants: figures are those of
//! the epoch whose weights are kept; a trial that turned non-finite or failed has its reason and counts
//! in no mean; nothing that was not measured is given as a number. Deliberately absent: tables and
//! pictures; faces draw.

use std::sync::Arc;

use serde::Serialize;

use super::{Ended, Goal, Settings, Stopwatch, Trial};
use crate::error::Error;
use crate::model::GradientNorm;
use crate::train::{Epoch, Why};

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As its settings say.
    Done,
    /// Somebody stopped it.
    Interrupted,
    /// A value was infinite or no number.
    Diverged {
        /// The first equation where it happened.
        equation: String,
        /// Step, from 1.
        step: u64,
    },
    /// It could not be trained, and why.
    Failed(String),
}

/// The figures of one trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// What it has of its own.
    pub set: Settings,
    /// How it ended.
    pub status: Status,
    /// The figures of the epoch whose weights are kept, if an epoch was finished.
    pub kept: Option<Epoch>,
    /// Steps that were done.
    pub steps: u64,
    /// Seconds of training, watched rows included.
    pub seconds: f64,
    /// Seconds a step.
    pub seconds_per_step: Option<f64>,
    /// When the loss that was asked for was reached.
    pub to_loss: Option<Goal>,
    /// Gradients before the first step, in the order of the way forward.
    pub gradients_at_start: Vec<GradientNorm>,
    /// Gradients at the weights that are kept.
    pub gradients_at_end: Vec<GradientNorm>,
    /// All epochs.
    pub epochs: Vec<Epoch>,
}

impl Figures {
    /// Those of a trial that has ended.
    #[must_use]
    pub fn of(
        trial: &Trial,
        ended: Result<Ended<'_>, Arc<Error>>,
        watch: &Stopwatch,
    ) -> Self {
        match ended.and_then(|e| Self::trained(trial, &e, watch).map_err(Arc::new)) {
            Ok(figures) => figures,
            Err(error) => Self::failed(trial, &error),
        }
    }

    fn trained(
        trial: &Trial,
        ended: &Ended<'_>,
        watch: &Stopwatch,
    ) -> Result<Self, Error> {
        let epochs = ended.trained.history().to_vec();
        let end = ended.trained.end();
        let kept = end.and_then(|e| epochs.get(e.kept.checked_sub(1)?).cloned());
        Ok(Self {
            set: trial.set.clone(),
            status: end.map_or(Status::Done, |e| Status::of(&e.why)),
            kept,
            steps: end.map_or(0, |e| e.steps),
            seconds: end.map_or(0.0, |e| e.seconds),
            seconds_per_step: watch.seconds_per_step(),
            to_loss: watch.goal(),
            gradients_at_start: ended.gradients_at_start()?,
            gradients_at_end: ended.gradients_at_end()?,
            epochs,
        })
    }

    fn failed(trial: &Trial, error: &Error) -> Self {
        Self {
            set: trial.set.clone(),
            status: Status::Failed(error.to_string()),
            kept: None,
            steps: 0,
            seconds: 0.0,
            seconds_per_step: None,
            to_loss: None,
            gradients_at_start: Vec::new(),
            gradients_at_end: Vec::new(),
            epochs: Vec::new(),
        }
    }

    /// Whether its figures count.
    fn counts(&self) -> bool {
        matches!(self.status, Status::Done | Status::Interrupted)
    }
}

impl Status {
    pub(super) fn of(why: &Why) -> Self {
        match why {
            Why::NotFinite { equation, step, .. } => {
                Self::Diverged { equation: equation.clone(), step: *step }
            }
            Why::Interrupted => Self::Interrupted,
            Why::Epochs | Why::Patience | Why::Time => Self::Done,
        }
    }
}

/// A figure over several seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation (n − 1); `None` for one seed.
    pub deviation: Option<f64>,
    /// Seeds.
    pub n: usize,
}

impl Spread {
    /// Of some figures; `None` for none.
    #[must_use]
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let n = values.clone().count();
        let mean = values.clone().sum::<f64>() / n as f64;
        let around: f64 = values.map(|v| (v - mean) * (v - mean)).sum();
        let deviation = (n > 1).then(|| libm::sqrt(around / (n - 1) as f64));
        (n > 0).then_some(Self { mean, deviation, n })
    }
}

/// Trials with the same settings and different seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// What they have of their own, without the seed.
    pub set: Settings,
    /// One a seed; those that were not begun are left out.
    pub trials: Vec<Figures>,
}

impl Group {
    /// A figure over the trials that count.
    #[must_use]
    pub fn spread(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        let counted = self.trials.iter().filter(|f| f.counts());
        let values: Vec<f64> = counted.filter_map(figure).collect();
        Spread::of(values.iter().copied())
    }

    /// The loss on the watched rows, or on those that were trained on where none are.
    #[must_use]
    pub fn loss(&self) -> Option<Spread> {
        self.spread(|f| f.kept.as_ref().map(|e| e.held_loss.unwrap_or(e.loss)))
    }
}

/// Figures in the order of their trials, taken together by `seeds`; settings of which no trial was
/// begun are left out.
#[must_use]
pub fn grouped(all: Vec<Option<Figures>>, seeds: usize) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut rest = all.into_iter();
    while rest.len() > 0 {
        let trials: Vec<Figures> = rest.by_ref().take(seeds.max(1)).flatten().collect();
        let Some(first) = trials.first() else { continue };
        let mut set = first.set.clone();
        if seeds > 1 {
            // The last one is the seed that `with_seeds` put there.
            set.pop();
        }
        groups.push(Group { set, trials });
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_deviation_of_a_sample() {
        let spread = Spread::of([1.0, 2.0, 3.0, 4.0].into_iter()).unwrap();
        assert_eq!((spread.mean, spread.n), (2.5, 4));
        assert!((spread.deviation.unwrap() - 1.290_994_448_735_805_6).abs() < 1e-15);
        assert_eq!(Spread::of([7.0].into_iter()).unwrap().deviation, None);
        assert_eq!(Spread::of(std::iter::empty()), None);
    }
}
