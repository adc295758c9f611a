//! What is kept of a training while it runs, for the rules to look at.
//!
//! In: the events of a training, and the ends of its epochs. Out: a [`Course`]. Invariants: what is
//! kept is bounded, whatever the number of steps and epochs; a training that is watched has the bits
//! of one that is not. Deliberately absent: judgement.

use super::scope::{Look, Scope};
use crate::train::{End, Epoch, Event, Looker, Move, Weights};

/// Points of the fine curve, at most; two neighbours become one when it is full.
const POINTS: usize = 256;
/// Epochs in a row that are no chance.
const BETTER: usize = 3;
/// Looks of a training, about.
const LOOKS: usize = 12;

/// The loss over the steps: means of equally many steps each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Curve {
    pub(crate) points: Vec<f64>,
    /// Steps of a point.
    pub(crate) width: usize,
    sum: f64,
    count: usize,
}

impl Curve {
    fn push(&mut self, loss: f64) {
        self.width = self.width.max(1);
        (self.sum, self.count) = (self.sum + loss, self.count + 1);
        if self.count < self.width {
            return;
        }
        self.points.push(self.sum / self.count as f64);
        (self.sum, self.count) = (0.0, 0);
        if self.points.len() == POINTS {
            let half = self.points.chunks(2).map(|pair| (pair[0] + pair[1]) / 2.0);
            self.points = half.collect();
            self.width *= 2;
        }
    }
}

/// A training as it went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    pub(crate) history: Vec<Epoch>,
    pub(crate) end: Option<End>,
    /// The loss, step by step.
    pub(crate) curve: Curve,
    /// What the last step of some epochs did.
    pub(crate) moves: Vec<(usize, Vec<Move>)>,
    /// Looks at the start, at some epochs, and at the end.
    pub(crate) looks: Vec<Look>,
    /// Weights of the epoch with the lowest loss on the watched rows, and of the last one.
    pub(crate) best: Option<(usize, Weights)>,
    pub(crate) last: Option<(usize, Weights)>,
}

impl Course {
    /// The lowest loss of an epoch on the training rows.
    pub(crate) fn lowest(&self) -> Option<f64> {
        let epochs = self.history.iter().map(|e| e.loss);
        let looks = self.looks.iter().skip(1).map(|l| mean(&l.losses));
        epochs.chain(looks).filter(|v| v.is_finite()).reduce(f64::min)
    }

    /// The epoch whose weights were kept; 0 for those of the start.
    pub(crate) fn kept(&self) -> usize {
        self.end.as_ref().map_or(self.history.len(), |end| end.kept)
    }

    /// Whether the watched rows came out better than those of training in each of the last epochs.
    pub(crate) fn watched_is_better(&self) -> bool {
        let last = || self.history.iter().rev().take(BETTER);
        let better = |e: &Epoch| e.held_loss.is_some_and(|held| held < e.loss);
        last().count() == BETTER && last().all(better)
    }

    /// The last look with finite numbers.
    pub(crate) fn end_look(&self) -> Option<&Look> {
        self.looks.iter().rev().find(|l| l.objective.is_finite())
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Hears the events of a training.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    curve: Curve,
}

impl Ear {
    pub(crate) fn hear(&mut self, event: &Event) {
        if let Event::Batch(batch) = event {
            self.curve.push(batch.loss);
        }
    }
}

/// Looks at the network at the end of some epochs.
pub(crate) struct Eye<'a> {
    scope: Option<Scope<'a>>,
    epochs: usize,
    next: usize,
    moves: Vec<(usize, Vec<Move>)>,
    looks: Vec<Look>,
    lowest: f64,
    best: Option<(usize, Weights)>,
    last: Option<(usize, Weights)>,
}

impl<'a> Eye<'a> {
    /// For a training of so many epochs; without a scope only the moves of steps are kept.
    pub(crate) fn new(scope: Option<Scope<'a>>, epochs: usize) -> Self {
        let (moves, looks, lowest) = (Vec::new(), Vec::new(), f64::INFINITY);
        Self { scope, epochs, next: 1, moves, looks, lowest, best: None, last: None }
    }

    /// Looks at the weights that training begins with.
    pub(crate) fn begin(&mut self) -> Result<Option<Look>, crate::Error> {
        let Some(scope) = &mut self.scope else { return Ok(None) };
        let start = scope.start()?;
        let look = scope.look(&start);
        self.looks.push(look.clone());
        Ok(Some(look))
    }

    /// All that was seen and heard.
    pub(crate) fn close(self, ear: Ear, history: &[Epoch], end: Option<&End>) -> Course {
        Course {
            history: history.to_vec(),
            end: end.cloned(),
            curve: ear.curve,
            moves: self.moves,
            looks: self.looks,
            best: self.best,
            last: self.last,
        }
    }
}

impl Looker for Eye<'_> {
    fn due(&mut self, epoch: usize) -> bool {
        epoch >= self.next || epoch == self.epochs
    }

    fn look(&mut self, epoch: &Epoch, moves: &[Move], weights: &dyn Fn() -> Weights) {
        let (number, due) = (epoch.epoch, !moves.is_empty());
        if due {
            self.moves.push((number, moves.to_vec()));
            // Close together at the start, where most happens, then evenly.
            self.next = number + (number / 4).max(1).min(self.epochs.div_ceil(LOOKS));
        }
        let Some(scope) = &mut self.scope else { return };
        let best = epoch.held_loss.is_some_and(|v| v < self.lowest);
        if !(best || due) {
            return;
        }
        let weights = weights();
        if best {
            self.lowest = epoch.held_loss.unwrap_or(self.lowest);
            self.best = Some((number, weights.clone()));
        }
        if due {
            self.looks.push(scope.look(&weights));
            self.last = Some((number, weights));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_stays_bounded_and_keeps_its_mean() {
        let mut curve = Curve::default();
        (0..10_000).for_each(|i| curve.push(f64::from(i)));
        assert!(curve.points.len() < POINTS && curve.points.len() >= POINTS / 2);
        let covered = curve.points.len() * curve.width;
        assert!((mean(&curve.points) - (covered as f64 - 1.0) / 2.0).abs() < 1e-9);
    }
}
