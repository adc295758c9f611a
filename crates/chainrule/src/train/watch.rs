//! Which epoch is the best, when to stop, when to lower the rate.
//!
//! In: the watched figure of each epoch, smaller is better. Out: a [`Verdict`]. The figure is the
//! held-out loss, or the training objective where nothing is held out. Invariant: a figure that is
//! not a number is never the best; only a strictly smaller one is better.

use super::settings::{Plateau, Settings};

/// What follows from an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It is the best so far.
    pub(crate) best: bool,
    /// The patience is over.
    pub(crate) stop: bool,
    /// The rate was lowered for what follows.
    pub(crate) lowered: bool,
}

/// The memory of it.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    best: f64,
    since_best: usize,
    since_lowered: usize,
    patience: Option<usize>,
    plateau: Option<Plateau>,
    /// What the rate is multiplied by.
    pub(crate) scale: f64,
}

impl Watch {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            best: f64::INFINITY,
            since_best: 0,
            since_lowered: 0,
            patience: settings.patience,
            plateau: settings.plateau,
            scale: 1.0,
        }
    }

    pub(crate) fn epoch(&mut self, figure: f64) -> Verdict {
        let best = figure < self.best;
        if best {
            (self.best, self.since_best, self.since_lowered) = (figure, 0, 0);
            return Verdict { best, ..Verdict::default() };
        }
        self.since_best += 1;
        self.since_lowered += 1;
        let stop = self.patience.is_some_and(|p| self.since_best >= p);
        let lowered = self.plateau.filter(|p| self.since_lowered >= p.patience);
        if let Some(plateau) = lowered {
            (self.scale, self.since_lowered) = (self.scale * plateau.factor, 0);
        }
        Verdict { best, stop, lowered: lowered.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_graph::syntax::ast::{Precision, TrainSpec};

    fn watch(patience: Option<usize>, plateau: Option<Plateau>) -> Watch {
        let settings = Settings::of(&TrainSpec::default(), Precision::F32).unwrap();
        Watch::new(&Settings { patience, plateau, ..settings })
    }

    #[test]
    fn patience_counts_from_the_best() {
        let mut w = watch(Some(2), None);
        let stops: Vec<bool> =
            [3.0, 2.0, 2.0, 1.0, 1.5, f64::NAN].map(|f| w.epoch(f).stop).into();
        assert_eq!(stops, [false, false, false, false, false, true]);
    }

    #[test]
    fn a_plateau_lowers_the_rate_again_and_again() {
        let mut w = watch(None, Some(Plateau { factor: 0.5, patience: 2 }));
        let scales: Vec<f64> = [1.0; 6]
            .map(|f| {
                w.epoch(f);
                w.scale
            })
            .into();
        assert_eq!(scales, [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
    }
}
