//! One thread or all of them: whichever turns out to be faster here and now.
//!
//! In: the seconds that runs took, each with its update. Out: which way the next one goes. Bits are the same either
//! way, so that a machine that shares its cores with other work may choose as it likes: threads
//! that are kept waiting by a stranger cost more than they bring, and so do threads that share
//! too little work. Deliberately absent: everything that would make a result depend on it.

/// Runs of each way that are compared, by their medians: one run that was kept waiting by
/// something else says nothing.
const COUNTED: usize = 7;
/// Runs before those: caches that the other way left cold.
const COLD: u32 = 3;
/// Runs of a trial.
const TRIAL: u32 = COLD + COUNTED as u32;
/// Seconds from which on one run alone is a trial: what disturbs for a moment and what cold caches
/// cost is little of it, and more of them would cost too much.
const LONG: f64 = 5e-3;
/// Runs between two trials: at first, and where trials go on to end the same way.
const STRETCH: [u32; 2] = [64, 2048];

/// Which way runs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Alone,
    Together,
}

/// Seconds of the last runs of a way.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    seconds: [f64; COUNTED],
    runs: usize,
}

impl Lately {
    fn note(&mut self, seconds: f64) {
        self.seconds[self.runs % COUNTED] = seconds;
        self.runs += 1;
    }

    fn median(mut self) -> f64 {
        let known = &mut self.seconds[..self.runs.clamp(1, COUNTED)];
        known.sort_by(f64::total_cmp);
        known[known.len() / 2]
    }
}

/// The choice, and what it rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    chosen: Way,
    trying: bool,
    /// Runs since the trial began or the last one ended, and until the next.
    turn: u32,
    stretch: u32,
    /// Of the chosen way, and of the other one.
    lately: [Lately; 2],
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(Way::Together, TRIAL)
    }
}

impl Pace {
    fn new(chosen: Way, stretch: u32) -> Self {
        Self { chosen, trying: false, turn: 0, stretch, lately: Default::default() }
    }

    /// How the next run is to go.
    pub(crate) fn way(&self) -> Way {
        match (self.chosen, self.trying) {
            (Way::Alone, false) | (Way::Together, true) => Way::Alone,
            (Way::Together, false) | (Way::Alone, true) => Way::Together,
        }
    }

    /// Notes what the run took.
    pub(crate) fn took(&mut self, seconds: f64) {
        self.turn += if self.trying && seconds > LONG { TRIAL } else { 1 };
        if self.turn > COLD {
            self.lately[usize::from(self.trying)].note(seconds);
        }
        if self.trying && self.turn >= TRIAL {
            self.decide();
        } else if !self.trying && self.turn >= self.stretch(seconds) {
            (self.trying, self.turn) = (true, 0);
        }
    }

    /// Runs until the next trial; one of long runs costs much, so none begins early.
    fn stretch(&self, seconds: f64) -> u32 {
        if seconds > LONG { self.stretch.max(STRETCH[0]) } else { self.stretch }
    }

    fn decide(&mut self) {
        let [own, other] = self.lately.map(Lately::median);
        let longer = (2 * self.stretch).clamp(STRETCH[0], STRETCH[1]);
        let (chosen, stretch) =
            if other < own { (self.way(), STRETCH[0]) } else { (self.chosen, longer) };
        *self = Self::new(chosen, stretch);
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
        assert!(runs(&mut pace, 10_000, 2e-6, 1e-6) < 200);
        runs(&mut pace, 2 * STRETCH[1], 2e-6, 30e-6);
        assert!(runs(&mut pace, 10_000, 2e-6, 30e-6) > 9_800);
        runs(&mut pace, 2 * STRETCH[1], 2e-6, 1e-6);
        assert!(runs(&mut pace, 10_000, 2e-6, 1e-6) < 200);
    }

    #[test]
    fn long_runs_are_tried_once_at_a_time() {
        let mut pace = Pace::default();
        assert_eq!(runs(&mut pace, STRETCH[0], 2.0, 1.0), 0);
        assert_eq!(runs(&mut pace, STRETCH[0], 2.0, 1.0), 1);
        // Once to see it, and from then on.
        assert!(runs(&mut pace, 300, 1.0, 30.0) > 100);
    }

    #[test]
    fn a_run_that_was_kept_waiting_decides_nothing() {
        let mut pace = Pace::default();
        for run in 0..10_000 {
            let late = if run % 5 == 0 { 1e-3 } else { 0.0 };
            let way = pace.way();
            pace.took(late + if way == Way::Alone { 2e-6 } else { 1e-6 });
            assert_eq!(pace.chosen, Way::Together, "after run {run}");
        }
    }
}
