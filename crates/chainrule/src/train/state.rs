//! Everything that a training changes besides the numbers of its network, in one list.
//!
//! In: a loop at work. Out: text, and a loop at the same place. Invariant: what stands in [`State`]
//! and in the tensors of [`Engine::export`] is all that a later step depends on, besides file, data
//! and seed; figures come back to the last bit (as text, so that infinite ones do too).
//! Deliberately absent: random numbers and the order of rows, which are functions of the seed and
//! the place; files (see [`crate::runs`]).
//!
//! [`Engine::export`]: super::Engine::export

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::engine::Done;
use super::event::Epoch;
use super::score::{Measure, Tally};
use super::watch::Watch;
use crate::store::Tensor;

/// A place in a training.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// Steps that were done.
    pub(crate) step: u64,
    /// The epoch at hand, from 1.
    pub(crate) epoch: usize,
    /// Its batches that were done.
    pub(crate) batch: usize,
    /// Their figures.
    pub(crate) sums: Sums,
    /// What patience and plateau remember.
    pub(crate) watch: Watch,
    /// The epoch whose weights the engine keeps as the best.
    pub(crate) best: Option<usize>,
    /// The epochs that were finished.
    #[serde(with = "exact")]
    pub(crate) history: Vec<Epoch>,
    /// What was said aloud.
    pub(crate) notes: Vec<String>,
    /// Time that was spent, for `stop after`.
    #[serde(with = "exact")]
    pub(crate) seconds: f64,
}

/// A place in a training with all numbers of the network.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    pub(crate) tensors: Vec<Tensor>,
}

impl Checkpoint {
    /// What its numbers take.
    pub(crate) fn bytes(&self) -> usize {
        self.tensors.iter().map(|t| t.shape.0 * t.shape.1 * size_of::<f64>()).sum()
    }
}

impl State {
    /// The place before the first step.
    pub(crate) fn start(measure: Option<Measure>) -> Self {
        Self {
            step: 0,
            epoch: 1,
            batch: 0,
            sums: Sums::new(measure),
            watch: Watch::default(),
            best: None,
            history: Vec::new(),
            notes: Vec::new(),
            seconds: 0.0,
        }
    }
}

/// More than any training counts; sums of such counts are still whole numbers.
const MOST: u64 = 1 << 48;

impl State {
    /// Whether a training can stand here: counts that were counted, not made up.
    pub(crate) fn is_place(&self) -> bool {
        let tally = self.sums.tally.as_ref().map_or([0; 2], Tally::counts);
        let places = [self.epoch, self.batch, self.sums.rows];
        let all = [&places[..], &tally, &self.watch.counts()].concat();
        self.step < MOST && self.epoch > 0 && all.iter().all(|&n| (n as u64) < MOST)
    }
}

/// Sums over the rows of an epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) rows: usize,
    #[serde(with = "exact")]
    pub(crate) objective: f64,
    #[serde(with = "exact")]
    pub(crate) loss: f64,
    pub(crate) tally: Option<Tally>,
    #[serde(with = "exact")]
    pub(crate) lr: Option<f64>,
    #[serde(with = "exact")]
    pub(crate) gradient: Option<f64>,
}

impl Sums {
    pub(crate) fn new(measure: Option<Measure>) -> Self {
        let tally = measure.map(Tally::new);
        Self { rows: 0, objective: 0.0, loss: 0.0, tally, lr: None, gradient: None }
    }

    /// A shorter last batch counts with its own number of rows.
    pub(crate) fn add(&mut self, done: &Done, rows: usize) {
        self.rows += rows;
        self.objective += done.objective * rows as f64;
        self.loss += done.loss * rows as f64;
    }

    pub(crate) fn mean(&self, sum: f64) -> f64 {
        sum / self.rows as f64
    }
}

/// What goes into a checkpoint as text that reads back to the last bit.
pub(crate) trait Exact: Sized {
    fn text(&self) -> String;
    fn of(text: &str) -> Option<Self>;
}

impl Exact for f64 {
    fn text(&self) -> String {
        self.to_string()
    }

    fn of(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Nothing is an empty text.
impl Exact for Option<f64> {
    fn text(&self) -> String {
        self.as_ref().map_or(String::new(), Exact::text)
    }

    fn of(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { f64::of(text).map(Some) }
    }
}

/// Rows of four numbers, a line each.
impl Exact for Vec<[f64; 4]> {
    fn text(&self) -> String {
        let line = |row: &[f64; 4]| row.map(|v| v.text()).join(" ");
        self.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn of(text: &str) -> Option<Self> {
        let row = |line: &str| {
            let all: Option<Vec<f64>> = line.split(' ').map(f64::of).collect();
            all?.try_into().ok()
        };
        text.lines().map(row).collect()
    }
}

/// Epochs as lines of `epochs.csv`.
impl Exact for Vec<Epoch> {
    fn text(&self) -> String {
        self.iter().map(Epoch::line).collect()
    }

    fn of(text: &str) -> Option<Self> {
        text.lines().map(Epoch::of_line).collect()
    }
}

pub(super) mod exact {
    use super::{Deserialize, Deserializer, Error, Exact, Serializer};

    pub(crate) fn serialize<T: Exact, S: Serializer>(
        value: &T,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.serialize_str(&value.text())
    }

    pub(crate) fn deserialize<'de, T: Exact, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        T::of(&text).ok_or_else(|| D::Error::custom(format!("no figures: {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_to_the_last_bit() {
        let mut state = State::start(Some(Measure::Determination));
        state.sums.objective = 0.1 + 0.2;
        state.sums.loss = f64::INFINITY;
        state.sums.gradient = Some(f64::NAN);
        if let Some(tally) = &mut state.sums.tally {
            let target = crate::data::Array::Dense { cols: 1, values: vec![0.1, 1e-310] };
            tally.add(&target, &[0, 1], &[1.0 / 3.0, -0.0]);
        }
        state.seconds = 1.0 / 3.0;
        let (held_loss, lr) = (Some(f64::NAN), Some(5e-324));
        state.history = vec![Epoch { epoch: 1, held_loss, lr, ..Epoch::default() }; 2];
        state.notes = vec!["a \"note\", with\na line".into()];
        let text = serde_json::to_string(&state).unwrap();
        let back: State = serde_json::from_str(&text).unwrap();
        // NaN is unequal to itself, its text is not.
        assert_eq!(format!("{back:?}"), format!("{state:?}"));
        assert_eq!(back.sums.objective.to_bits(), (0.1_f64 + 0.2).to_bits());
    }

    #[test]
    fn other_text_is_refused() {
        let text = serde_json::to_string(&State::start(None)).unwrap();
        let refused = |from: &str, to: &str| {
            let bad = text.replace(from, to);
            assert!(bad != text && serde_json::from_str::<State>(&bad).is_err(), "{bad}");
        };
        refused("\"history\":\"\"", "\"history\":\"1,2\"");
        refused("\"seconds\":\"0\"", "\"seconds\":\"soon\"");
        refused("\"step\":0", "\"step\":-1");
    }

    #[test]
    fn counts_that_nobody_counted_are_no_place() {
        let text = serde_json::to_string(&State::start(Some(Measure::Class))).unwrap();
        let place = |from: &str, to: &str| {
            let changed = text.replace(from, to);
            assert!(changed != text || from == to, "{from} in {text}");
            serde_json::from_str::<State>(&changed).unwrap().is_place()
        };
        assert!(place("", ""));
        for count in ["step", "batch", "rows", "right", "seen", "since_best"] {
            let (from, to) =
                (format!("\"{count}\":0"), format!("\"{count}\":{}", u64::MAX));
            assert!(!place(&from, &to), "{count}");
        }
        assert!(!place("\"epoch\":1", "\"epoch\":0"));
    }
}
