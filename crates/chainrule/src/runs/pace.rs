//! When the next checkpoint is due.
//!
//! In: what the file says, the steps as they go by. Out: yes or no. Invariants: where nothing is said,
//! saving takes at most a fiftieth of the time; asking costs next to nothing (the clock, which never
//! runs backwards, is read at every eighth step). Deliberately absent: the saving.

use std::time::{Duration, Instant};

use chainrule_graph::syntax::ast::Every;

/// The clock is read at every so manieth step.
const LOOK: u64 = 8;

/// Where the file says nothing: apart inside of an epoch, apart at the ends of epochs.
const APART: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(5)];

/// So many times what a checkpoint costs lies between two of them.
const PATIENCE: u32 = 50;

/// The memory of it.
#[derive(Debug)]
pub(super) struct Pace {
    every: Option<Every>,
    saved_at: Instant,
    saved_step: u64,
    cost: Duration,
}

impl Pace {
    pub(super) fn new(every: Option<Every>, step: u64) -> Self {
        let (saved_at, cost) = (Instant::now(), Duration::ZERO);
        Self { every, saved_at, saved_step: step, cost }
    }

    /// Whether nothing is ever saved.
    pub(super) fn never(&self) -> bool {
        self.every == Some(Every::Never)
    }

    /// Whether to save after this step.
    pub(super) fn due(&self, step: u64, epoch_done: bool) -> bool {
        let apart = match self.every {
            Some(Every::Never) => return false,
            Some(Every::Steps(n)) => {
                return step.is_multiple_of(n) && step != self.saved_step;
            }
            // A time of hundreds of years never comes, and is no reason to fall over.
            Some(Every::Seconds(s)) => {
                Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
            }
            None => APART[usize::from(epoch_done)].max(self.cost * PATIENCE),
        };
        (epoch_done || step.is_multiple_of(LOOK)) && self.saved_at.elapsed() >= apart
    }

    /// A checkpoint was made in this time.
    pub(super) fn saved(&mut self, step: u64, cost: Duration) {
        (self.saved_at, self.saved_step, self.cost) = (Instant::now(), step, cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pace that saved this many seconds ago.
    fn ago(every: Option<Every>, seconds: u64, cost: Duration) -> Pace {
        let saved_at = Instant::now().checked_sub(Duration::from_secs(seconds));
        let saved_at = saved_at.expect("a machine that is up for some minutes");
        Pace { every, saved_at, saved_step: 0, cost }
    }

    #[test]
    fn steps_are_counted_and_times_are_waited_for() {
        let by_steps = Pace::new(Some(Every::Steps(10)), 20);
        let due: Vec<u64> = (20..=40).filter(|&s| by_steps.due(s, false)).collect();
        assert_eq!(due, [30, 40]);
        assert!(!by_steps.due(20, true), "what is saved is not saved again");
        let by_time = |s| ago(Some(Every::Seconds(s)), 30, Duration::ZERO);
        assert!(by_time(29.0).due(8, false) && !by_time(31.0).due(8, false));
        assert!(!by_time(29.0).due(9, false) && by_time(29.0).due(9, true));
        assert!(!by_time(1e300).due(8, true), "a time that never comes");
        assert!(!ago(Some(Every::Never), 1000, Duration::ZERO).due(8, true));
    }

    #[test]
    fn where_nothing_is_said_saving_stays_cheap() {
        let cheap = |seconds| ago(None, seconds, Duration::from_millis(5));
        assert!(cheap(61).due(8, false) && !cheap(59).due(8, false));
        assert!(cheap(6).due(8, true) && !cheap(4).due(8, true));
        let dear = |seconds| ago(None, seconds, Duration::from_secs(2));
        assert!(!dear(99).due(8, true) && dear(101).due(8, false));
    }
}
