//! What one step does to each learned symbol, for whoever looks on.
//!
//! In: a machine before and after an update. Out: [`Move`]s in the order of the plan. Invariant: the
//! numbers are those of the running step; nothing is run again. Deliberately absent: judgement.

use chainrule_graph::graph::SymId;

use super::engine::Machines;
use super::event::Epoch;
use crate::store::Number;

/// A learned symbol in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Move {
    pub(crate) id: SymId,
    /// Root mean squares of its entries, of their gradient, and of what the step changed.
    pub(crate) weight: f64,
    pub(crate) gradient: f64,
    pub(crate) update: f64,
}

/// Learned symbols with their entries, row by row.
pub(crate) type Weights = Vec<(SymId, Vec<f64>)>;

/// Who looks at a network at the end of epochs.
pub(crate) trait Looker {
    /// Whether to look at the end of this epoch.
    fn due(&mut self, epoch: usize) -> bool;
    /// Takes the figures of an epoch, what its last step did (nothing where it was not due), and the
    /// weights for the asking.
    fn look(&mut self, epoch: &Epoch, moves: &[Move], weights: &dyn Fn() -> Weights);
}

pub(crate) fn rms(values: &[f64]) -> f64 {
    let squares: f64 = values.iter().map(|v| v * v).sum();
    libm::sqrt(squares / values.len().max(1) as f64)
}

impl<T: Number> Machines<'_, T> {
    /// All learned numbers.
    pub(super) fn learned_numbers(&self) -> Weights {
        let get = |l: &super::engine::Learned| Some((l.id, self.get(l.id)?));
        self.learned.iter().filter_map(get).collect()
    }

    /// The moves of the step that is about to change the weights; `update` is left open.
    pub(super) fn about_to_move(&self) -> (Vec<Move>, Weights) {
        let machine = &self.learner.machine;
        let before = self.learned_numbers();
        let moved = |(id, own): &(SymId, Vec<f64>)| {
            let gradient = machine.unpacked(*id, machine.gradients());
            let gradient = rms(&gradient.unwrap_or_default());
            Move { id: *id, weight: rms(own), gradient, update: 0.0 }
        };
        (before.iter().map(moved).collect(), before)
    }

    /// The same moves, once the weights are changed.
    pub(super) fn moved(&self, (mut moves, before): (Vec<Move>, Weights)) -> Vec<Move> {
        for (moved, (id, old)) in moves.iter_mut().zip(before) {
            let new = self.get(id).unwrap_or_default();
            let steps: Vec<f64> = old.iter().zip(&new).map(|(a, b)| b - a).collect();
            moved.update = rms(&steps);
        }
        moves
    }
}
