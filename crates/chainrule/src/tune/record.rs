//! What is kept of a study: a trait, and the one that keeps it in memory.
//!
//! In: what workers do. Out: what is to be done next, and all trials with their figures. Invariants: a
//! piece of work is claimed, with the number of the trial and its state, in one transaction, so that no
//! two workers of any process have the same; only who holds a trial can report on it; a trial whose
//! process gives no sign of life is given to another. Deliberately absent: the decision (see
//! [`Plan`]).

use std::time::Duration;

use serde_json::{Map, Value};

use super::plan::{Next, Place, Plan, Stage};
use crate::error::Error;

/// Figures of a trial, by name.
pub type Facts = Map<String, Value>;

/// A trial, as it is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// What it is doing, and its losses at the rungs.
    pub place: Place,
    /// Figures for people: loss, metric, steps, seconds, why it failed.
    pub facts: Facts,
    /// What is compared, after each epoch.
    pub curve: Vec<(usize, f64)>,
}

/// What a piece of work came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What the trial is doing from here on.
    pub stage: Stage,
    /// The loss at the rung, if it was reached.
    pub loss: Option<f64>,
    /// Figures for people.
    pub facts: Facts,
    /// What is compared, after each epoch of this piece.
    pub curve: Vec<(usize, f64)>,
}

/// Who keeps a study.
pub trait Record: Send {
    /// Claims what is to be done next.
    ///
    /// # Errors
    /// What the storage says.
    fn claim(&mut self, plan: &Plan) -> Result<Next, Error>;

    /// Takes what a piece of work came to; `false` if the trial was given to another meanwhile, and
    /// then nothing is changed.
    ///
    /// # Errors
    /// What the storage says.
    fn report(&mut self, number: usize, report: &Report) -> Result<bool, Error>;

    /// A sign of life of who trains these.
    ///
    /// # Errors
    /// What the storage says.
    fn beat(&mut self, numbers: &[usize]) -> Result<(), Error>;

    /// All trials, in the order of their numbers.
    ///
    /// # Errors
    /// What the storage says.
    fn trials(&mut self) -> Result<Vec<Kept>, Error>;

    /// How long a process may give no sign of life before its trials are given to others.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// Kept in memory, for one process, and gone with it.
#[derive(Debug, Default)]
pub struct Memory {
    all: Vec<Kept>,
}

impl Record for Memory {
    fn claim(&mut self, plan: &Plan) -> Result<Next, Error> {
        let places: Vec<Place> = self.all.iter().map(|k| k.place.clone()).collect();
        let (next, pruned) = plan.next(&places);
        for number in pruned {
            self.all[number].place.stage = Stage::Pruned;
        }
        if let Next::Train { number, .. } = next {
            self.all.resize(self.all.len().max(number + 1), Kept::default());
            self.all[number].place.stage = Stage::Running;
        }
        Ok(next)
    }

    fn report(&mut self, number: usize, report: &Report) -> Result<bool, Error> {
        let kept = &mut self.all[number];
        kept.place.stage = report.stage;
        kept.place.losses.extend(report.loss);
        kept.facts = report.facts.clone();
        kept.curve.extend_from_slice(&report.curve);
        Ok(true)
    }

    fn beat(&mut self, _: &[usize]) -> Result<(), Error> {
        Ok(())
    }

    fn trials(&mut self) -> Result<Vec<Kept>, Error> {
        Ok(self.all.clone())
    }
}
