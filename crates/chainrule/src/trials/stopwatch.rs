//! What a training costs while it runs: seconds per step, and steps and seconds to a given loss.
//!
//! In: the events of one trial. Out: figures. Invariants: time between epochs (watched rows, saving)
//! is no part of a step's cost; a loss counts as reached when the mean over the last rows seen is at
//! or below it, so that batches of any size are judged over equally many rows. Steps are exact and
//! repeat; seconds are this machine's. Deliberately absent: threads.

use std::collections::VecDeque;
use std::time::Instant;

use serde::Serialize;

use crate::train::{Batch, Event};

/// Rows that a loss is the mean over, before it counts as reached.
const ROWS: usize = 512;

/// When a loss was reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// Steps until then.
    pub steps: u64,
    /// Seconds of steps until then.
    pub seconds: f64,
}

/// Watches one trial.
#[derive(Clone, Debug)]
pub struct Stopwatch {
    to_loss: Option<f64>,
    last: Instant,
    /// Rows that are enough: all, where there are fewer than [`ROWS`].
    enough: usize,
    late: VecDeque<(usize, f64)>,
    rows: usize,
    steps: u64,
    seconds: f64,
    /// The first step, which finds cold caches and makes its code.
    first: f64,
    goal: Option<Goal>,
}

impl Stopwatch {
    /// A watch for a loss to reach.
    #[must_use]
    pub fn new(to_loss: Option<f64>) -> Self {
        Self {
            to_loss,
            last: Instant::now(),
            enough: ROWS,
            late: VecDeque::new(),
            rows: 0,
            steps: 0,
            seconds: 0.0,
            first: 0.0,
            goal: None,
        }
    }

    /// Looks at an event of the trial.
    pub fn tell(&mut self, event: &Event) {
        match event {
            Event::Start(begin) => self.enough = ROWS.min(begin.rows),
            Event::Batch(batch) => self.batch(batch),
            Event::Epoch(_) | Event::Note(_) | Event::End(_) => {}
        }
        self.last = Instant::now();
    }

    fn batch(&mut self, batch: &Batch) {
        let seconds = self.last.elapsed().as_secs_f64();
        if self.steps == 0 {
            self.first = seconds;
        }
        self.steps += 1;
        self.seconds += seconds;
        if let Some(wanted) = self.to_loss.filter(|_| self.goal.is_none()) {
            self.late.push_back((batch.rows, batch.loss));
            self.rows += batch.rows;
            while self.late.front().is_some_and(|(n, _)| self.rows - n >= self.enough) {
                self.rows -= self.late.pop_front().map_or(0, |(n, _)| n);
            }
            let sum: f64 = self.late.iter().map(|(n, loss)| *n as f64 * loss).sum();
            if self.rows >= self.enough && sum <= wanted * self.rows as f64 {
                self.goal = Some(Goal { steps: self.steps, seconds: self.seconds });
            }
        }
    }

    /// Seconds a step, the first left out where there are more.
    #[must_use]
    pub fn seconds_per_step(&self) -> Option<f64> {
        match self.steps {
            0 => None,
            1 => Some(self.first),
            n => Some((self.seconds - self.first) / (n - 1) as f64),
        }
    }

    /// When the loss was reached; `None`: never, or none was asked for.
    #[must_use]
    pub fn goal(&self) -> Option<Goal> {
        self.goal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: usize, loss: f64) -> Event {
        let (epoch, batch, step) = (1, 1, 1);
        Event::Batch(Batch { epoch, batch, step, rows, objective: loss + 1.0, loss })
    }

    fn steps(rows: usize, losses: &[f64], to: f64) -> Option<u64> {
        let mut watch = Stopwatch::new(Some(to));
        losses.iter().for_each(|l| watch.tell(&batch(rows, *l)));
        watch.goal().map(|g| g.steps)
    }

    #[test]
    fn a_loss_is_reached_by_the_mean_of_the_last_rows() {
        // One lucky batch of 256 rows is no loss reached, two in a row are.
        assert_eq!(steps(256, &[1.0, 0.1, 1.0, 0.3, 0.5, 0.1], 0.5), Some(5));
        assert_eq!(steps(600, &[1.0, 0.1, 1.0], 0.5), Some(2));
        assert_eq!(steps(256, &[0.1], 0.5), None);
        assert_eq!(steps(600, &[f64::NAN, 0.6], 0.5), None);
    }

    #[test]
    fn the_first_step_is_no_part_of_the_cost_of_a_step() {
        let mut watch = Stopwatch::new(None);
        assert_eq!(watch.seconds_per_step(), None);
        std::thread::sleep(std::time::Duration::from_millis(30));
        watch.tell(&batch(4, 1.0));
        assert!(watch.seconds_per_step().unwrap() >= 0.03);
        watch.tell(&batch(4, 1.0));
        assert!(watch.seconds_per_step().unwrap() < 0.03);
    }
}
