//! Which epoch is the best, when to stop, when to lower the rate.
//!
//! In: the watched figure of each epoch, smaller is better. Out: a [`Verdict`]. The figure is the
//! held-out loss, or the training objective where nothing is held out. Invariant: a figure that is
//! not a number is never the best; only a strictly smaller one is better.

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::state::exact;

/// What follows from an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It is the best so far.
    pub(crate) best: bool,
    /// The rate was lowered for what follows.
    pub(crate) lowered: bool,
}

/// The memory of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Watch {
    #[serde(with = "exact")]
    best: f64,
    since_best: usize,
    since_lowered: usize,
    /// What the rate is multiplied by.
    #[serde(with = "exact")]
    pub(crate) scale: f64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { best: f64::INFINITY, since_best: 0, since_lowered: 0, scale: 1.0 }
    }
}

impl Watch {
    pub(crate) fn epoch(&mut self, figure: f64, settings: &Settings) -> Verdict {
        let best = figure < self.best;
        if best {
            (self.best, self.since_best, self.since_lowered) = (figure, 0, 0);
            return Verdict { best, ..Verdict::default() };
        }
        self.since_best += 1;
        self.since_lowered += 1;
        let lowered = settings.plateau.filter(|p| self.since_lowered >= p.patience);
        if let Some(plateau) = lowered {
            (self.scale, self.since_lowered) = (self.scale * plateau.factor, 0);
        }
        Verdict { best, lowered: lowered.is_some() }
    }

    /// Epochs since the best one, and since the rate was lowered.
    pub(super) fn counts(&self) -> [usize; 2] {
        [self.since_best, self.since_lowered]
    }

    /// Whether the patience is over.
    pub(crate) fn over(&self, settings: &Settings) -> bool {
        settings.patience.is_some_and(|p| self.since_best >= p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Plateau;
    use chainrule_graph::syntax::ast::{Precision, TrainSpec};

    fn settings(patience: Option<usize>, plateau: Option<Plateau>) -> Settings {
        let settings = Settings::of(&TrainSpec::default(), Precision::F32).unwrap();
        Settings { patience, plateau, ..settings }
    }

    #[test]
    fn patience_counts_from_the_best() {
        let (mut w, settings) = (Watch::default(), settings(Some(2), None));
        let stops: Vec<bool> = [3.0, 2.0, 2.0, 1.0, 1.5, f64::NAN]
            .map(|f| {
                w.epoch(f, &settings);
                w.over(&settings)
            })
            .into();
        assert_eq!(stops, [false, false, false, false, false, true]);
    }

    #[test]
    fn a_plateau_lowers_the_rate_again_and_again() {
        let plateau = Plateau { factor: 0.5, patience: 2 };
        let (mut w, settings) = (Watch::default(), settings(None, Some(plateau)));
        let scales: Vec<f64> = [1.0; 6]
            .map(|f| {
                w.epoch(f, &settings);
                w.scale
            })
            .into();
        assert_eq!(scales, [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
    }
}
