//! Checkpoints of a run: files in its folder from which it goes on.
//!
//! In: a place in a training with all its numbers. Out: `checkpoint-<step>.safetensors`, of the same
//! making as a model file (checksummed, written aside, synced, renamed), and back. Invariants: the
//! last two whole ones stay until the run is over; a damaged one is never half believed but passed
//! over aloud; a checkpoint of other equations or settings is refused. Names hold no time of day, so
//! a clock that is put back changes nothing. Deliberately absent: when to save (`pace`).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use super::pace::Pace;
use crate::error::Error;
use crate::model::Model;
use crate::store::{self, CHECKPOINT, Stored};
use crate::train::{Checkpoint, Control, Keeper, State};

/// So many stay while a run is under way.
const KEPT: usize = 2;

/// Saves a run on the way.
#[derive(Debug)]
pub(super) struct Saver<'a> {
    folder: &'a Path,
    model: &'a Model,
    pace: Pace,
    /// Steps of the checkpoints that are known to be whole, newest last.
    whole: Vec<u64>,
    /// Why one could not be written; it stops the training.
    pub(super) failed: Option<Error>,
}

impl<'a> Saver<'a> {
    /// `step`: that of the checkpoint from which the run goes on.
    pub(super) fn new(folder: &'a Path, model: &'a Model, step: Option<u64>) -> Self {
        let every = model.options().checkpoint.or(model.settings().checkpoint);
        let pace = Pace::new(every, step.unwrap_or(0));
        Self { folder, model, pace, whole: step.into_iter().collect(), failed: None }
    }

    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let (begun, step) = (Instant::now(), checkpoint.state.step);
        store::save(&stored(self.model, checkpoint)?, &path(self.folder, step))?;
        self.whole.retain(|&s| s != step);
        self.whole.push(step);
        keep_only(self.folder, &self.whole[self.whole.len().saturating_sub(KEPT)..]);
        self.pace.saved(step, begun.elapsed());
        Ok(())
    }
}

impl Keeper for Saver<'_> {
    fn due(&mut self, step: u64, epoch_done: bool) -> bool {
        self.failed.is_none() && self.pace.due(step, epoch_done)
    }

    fn keep(&mut self, checkpoint: &Checkpoint) -> Control {
        if self.failed.is_none() && !self.pace.never() {
            self.failed = self.save(checkpoint).err();
        }
        if self.failed.is_some() { Control::Stop } else { Control::Continue }
    }
}

fn path(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("checkpoint-{step}.safetensors"))
}

/// Steps of all checkpoints that are there, newest first.
pub(super) fn steps(folder: &Path) -> Vec<u64> {
    let step = |name: &str| {
        let number = name.strip_prefix("checkpoint-")?.strip_suffix(".safetensors")?;
        number.parse().ok()
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<u64> =
        entries.filter_map(|e| step(e.file_name().to_str()?)).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all
}

/// Takes all others away; what cannot be taken away does no harm.
pub(super) fn keep_only(folder: &Path, kept: &[u64]) {
    for step in steps(folder).into_iter().filter(|s| !kept.contains(s)) {
        let _ = fs::remove_file(path(folder, step));
    }
}

/// What a killed process was writing.
pub(super) fn drop_halves(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let half = |n: &str| n.starts_with('.') && n.ends_with(".tmp");
        if name.to_str().is_some_and(half) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn stored(model: &Model, checkpoint: &Checkpoint) -> Result<Stored, Error> {
    let unsaid = |e: serde_json::Error| Error::Corrupt {
        path: "a checkpoint".into(),
        what: e.to_string(),
    };
    let state = serde_json::to_string(&checkpoint.state).map_err(unsaid)?;
    Ok(Stored {
        equations: model.equations().to_owned(),
        settings: model.options().set.clone(),
        preparation: json!(null).to_string(),
        classes: Vec::new(),
        fingerprint: model.derived().fingerprint.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        facts: vec![(CHECKPOINT.to_owned(), state)],
        tensors: checkpoint.tensors.clone(),
    })
}

/// The newest checkpoint that is whole; `None` where none was ever made.
///
/// # Errors
/// [`Error::Corrupt`] if there are some and none is whole; [`Error::Mismatch`] if it belongs to
/// other equations or settings; [`Error::Newer`], [`Error::Read`].
pub(super) fn newest(
    folder: &Path,
    model: &Model,
    say: &mut dyn FnMut(&str),
) -> Result<Option<Checkpoint>, Error> {
    let steps = steps(folder);
    for &step in &steps {
        let path = path(folder, step);
        match read(&path).and_then(|found| belongs(found, model, &path)) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error @ Error::Corrupt { .. }) => say(&format!("passed over: {error}")),
            Err(error) => return Err(error),
        }
    }
    if steps.is_empty() {
        return Ok(None);
    }
    Err(Error::Corrupt {
        path: folder.to_owned(),
        what: format!("none of its checkpoints ({}) is whole; train anew", steps.len()),
    })
}

fn read(path: &Path) -> Result<(Stored, Checkpoint), Error> {
    let mut stored = store::load(path)?;
    let corrupt = |what: String| Error::Corrupt { path: path.to_owned(), what };
    let fact = stored.facts.iter().find(|(k, _)| k == CHECKPOINT);
    let (_, text) = fact.ok_or_else(|| corrupt("it is no checkpoint".into()))?;
    let state: State = serde_json::from_str(text)
        .map_err(|e| corrupt(format!("its place cannot be read ({e})")))?;
    if !state.is_place() {
        return Err(corrupt("its counts are those of no training".into()));
    }
    let tensors = std::mem::take(&mut stored.tensors);
    Ok((stored, Checkpoint { state, tensors }))
}

/// Refuses a checkpoint of something else than the model.
fn belongs(
    (stored, checkpoint): (Stored, Checkpoint),
    model: &Model,
    path: &Path,
) -> Result<Checkpoint, Error> {
    // More epochs may have been asked for since.
    let others = |set: &[(String, String)]| -> Vec<(String, String)> {
        set.iter().filter(|(name, _)| name != "epochs").cloned().collect()
    };
    let what = if stored.equations != model.equations() {
        "equations"
    } else if others(&stored.settings) != others(&model.options().set) {
        "settings"
    } else if stored.fingerprint != model.derived().fingerprint {
        "graph"
    } else {
        return Ok(checkpoint);
    };
    Err(Error::Mismatch {
        field: format!("{}, {what}", path.display()),
        expected: "those of the run's folder".into(),
        found: format!("others (written by chainrule {})", stored.version),
    })
}
