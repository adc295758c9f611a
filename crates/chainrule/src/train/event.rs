//! What the loop tells while it works, and what it may be answered.
//!
//! In: nothing. Out: plain data that faces draw, and that the run folder keeps. Invariant: all
//! figures are in f64; a training figure is a running mean over the batches of the epoch (so it
//! was measured while the network changed), a held-out figure is exact. Deliberately absent:
//! screens, progress bars.

use serde::{Deserialize, Serialize};

use super::state::Exact;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Training begins.
    Start(Begin),
    /// A batch was done.
    Batch(Batch),
    /// An epoch was done.
    Epoch(Epoch),
    /// Something to be said aloud: a batch larger than the data, a start that the file leaves open.
    Note(String),
    /// Training is over.
    End(End),
}

/// The answer to an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    #[default]
    Continue,
    /// Stop after this step; what was learned is kept.
    Stop,
}

/// What training begins with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Begin {
    /// Rows to train on.
    pub rows: usize,
    /// Rows to watch.
    pub held_out: usize,
    /// Entries that are learned.
    pub parameters: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// Steps that were done before: a run that goes on.
    pub done: u64,
    /// The name of the metric: `accuracy` or `R²`.
    pub metric: Option<&'static str>,
    /// Fingerprint of the graph.
    pub fingerprint: String,
}

/// Progress inside of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Batch {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Batch of the epoch, from 1.
    pub batch: usize,
    /// Step of the whole training, from 1.
    pub step: u64,
    /// Rows of this batch.
    pub rows: usize,
    /// The objective on this batch.
    pub objective: f64,
    /// The loss (the objective without penalties) on this batch.
    pub loss: f64,
}

/// The figures of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// Steps so far.
    pub step: u64,
    /// The objective, running mean over the batches.
    pub objective: f64,
    /// The loss (the objective without penalties), running mean over the batches.
    pub loss: f64,
    /// The metric, running mean over the batches.
    pub metric: Option<f64>,
    /// The loss on the watched rows, exact.
    pub held_loss: Option<f64>,
    /// The metric on the watched rows, exact.
    pub held_metric: Option<f64>,
    /// The rate of the last step, if the optimiser has one.
    pub lr: Option<f64>,
    /// Global norm of the gradient of the last step, before clipping.
    pub gradient: Option<f64>,
    /// Whether this is the best epoch so far.
    pub best: bool,
    /// Seconds since the start of training.
    pub seconds: f64,
}

impl Epoch {
    /// As a line of `epochs.csv`; an empty field is a figure that there is not.
    pub(crate) fn line(&self) -> String {
        let Self { epoch, step, best, seconds, .. } = self;
        let (objective, loss) = (self.objective.text(), self.loss.text());
        let rest =
            [self.metric, self.held_loss, self.held_metric, self.lr, self.gradient];
        let rest = rest.map(|v| v.text()).join(",");
        let best = u8::from(*best);
        format!("{epoch},{step},{objective},{loss},{rest},{best},{seconds:.3}\n")
    }

    /// Reads such a line.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.trim_end().split(',').collect();
        let [epoch, step, objective, loss, rest @ .., best, seconds] = &fields[..] else {
            return None;
        };
        let rest: Option<Vec<Option<f64>>> =
            rest.iter().map(|v| Option::<f64>::of(v)).collect();
        let [metric, held_loss, held_metric, lr, gradient] = rest?.try_into().ok()?;
        Some(Self {
            epoch: epoch.parse().ok()?,
            step: step.parse().ok()?,
            objective: f64::of(objective)?,
            loss: f64::of(loss)?,
            metric,
            held_loss,
            held_metric,
            lr,
            gradient,
            best: *best == "1",
            seconds: f64::of(seconds)?,
        })
    }
}

/// Why training ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// All epochs were done.
    Epochs,
    /// No better epoch for as many as `patience` says.
    Patience,
    /// `stop after` ran out.
    Time,
    /// The face answered [`Control::Stop`].
    Interrupted,
    /// A value became infinite or not a number; the last finite state was kept.
    NotFinite {
        /// The first equation where it happened.
        equation: String,
        /// Epoch, from 1.
        epoch: usize,
        /// Step, from 1.
        step: u64,
    },
}

impl Why {
    /// As a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Epochs => "all epochs done".into(),
            Self::Patience => "stopped early: no better epoch within the patience".into(),
            Self::Time => "stopped: the time of `stop after` is over".into(),
            Self::Interrupted => "interrupted: what was learned so far is kept".into(),
            Self::NotFinite { equation, epoch, step } => format!(
                "stopped in step {step} (epoch {epoch}): {equation} is not finite; the last \
                 finite state is kept; a smaller lr often helps"
            ),
        }
    }
}

/// How training ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Why.
    pub why: Why,
    /// Epochs that were finished.
    pub epochs: usize,
    /// Steps that were done.
    pub steps: u64,
    /// The epoch whose weights are kept; 0 for the start.
    pub kept: usize,
    /// Seconds of training; 0 for a network from a file, which does not keep them.
    #[serde(default)]
    pub seconds: f64,
}
