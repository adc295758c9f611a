//! One thread or all of them: whichever turns out to be faster here and now.
//!
//! In: the seconds that runs took, each with its update. Out: which way the next one goes. Bits are the same either
//! way, so that a machine that shares its cores with other work may choose as it likes: threads
//! that are kept waiting by a stranger cost more than they bring, and so do threads that share
//! too little work. Deliberately absent: everything that would make a result depend on it.

/// Runs of a trial of the other way.
const TRIAL: u32 = 12;
/// The first runs of a trial, which find cold caches, are not counted.
const COLD: u32 = 4;
/// Runs between two trials.
const STRETCH: u32 = 600;

/// Which way runs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Alone,
    Together,
}

/// Seconds and number of the counted runs of a way.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    seconds: f64,
    runs: u32,
}

impl Tally {
    fn mean(self) -> f64 {
        self.seconds / f64::from(self.runs.max(1))
    }
}

/// The choice, and what it rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    chosen: Way,
    /// Runs since the last trial ended; in a trial, its runs.
    turn: u32,
    trying: bool,
    own: Tally,
    other: Tally,
}

impl Default for Pace {
    fn default() -> Self {
        let (own, other) = (Tally::default(), Tally::default());
        Self { chosen: Way::Together, turn: STRETCH - COLD, trying: false, own, other }
    }
}

impl Pace {
    /// How the next run is to go.
    pub(crate) fn way(&self) -> Way {
        match (self.chosen, self.trying) {
            (Way::Alone, false) | (Way::Together, true) => Way::Alone,
            (Way::Together, false) | (Way::Alone, true) => Way::Together,
        }
    }

    /// Notes what the run took.
    pub(crate) fn took(&mut self, seconds: f64) {
        self.turn += 1;
        let tally = if self.trying { &mut self.other } else { &mut self.own };
        if !self.trying || self.turn > COLD {
            tally.seconds += seconds;
            tally.runs += 1;
        }
        match (self.trying, self.turn) {
            (false, STRETCH..) => (self.trying, self.turn) = (true, 0),
            (true, TRIAL..) => self.decide(),
            _ => {}
        }
    }

    fn decide(&mut self) {
        if self.other.mean() < self.own.mean() {
            self.chosen = self.way();
        }
        let chosen = self.chosen;
        *self = Self { chosen, turn: 0, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs so many times, with the seconds that each way takes; how often it went alone.
    fn runs(pace: &mut Pace, n: u32, alone: f64, together: f64) -> u32 {
        let mut alones = 0;
        for _ in 0..n {
            let way = pace.way();
            alones += u32::from(way == Way::Alone);
            pace.took(if way == Way::Alone { alone } else { together });
        }
        alones
    }

    #[test]
    fn the_faster_way_is_found_and_found_again_when_it_changes() {
        let mut pace = Pace::default();
        assert!(runs(&mut pace, 6_000, 2.0, 1.0) < 200);
        runs(&mut pace, 2 * STRETCH, 2.0, 30.0);
        assert!(runs(&mut pace, 6_000, 2.0, 30.0) > 5_800);
        runs(&mut pace, 2 * STRETCH, 2.0, 1.0);
        assert!(runs(&mut pace, 6_000, 2.0, 1.0) < 200);
    }
}
