//! The run folder: what was trained, with what, how it went; enough to go on and to do it again.
//!
//! In: the file, the settings, the epochs as they come, the summary. Out: `runs/<stem>-<n>/` with
//! `equations.chain`, `settings.json`, `epochs.csv`, `curves.svg`, `summary.txt`, `summary.json`,
//! checkpoints, and the model beside it, `runs/<stem>-<n>.safetensors`. Invariants: a number is
//! claimed by making the folder, so two runs at once get two; one process at a time works in a
//! folder; every file is written aside, `epochs.csv` grows by whole lines; a run that fails leaves
//! nothing, unless there is a checkpoint to go on from. Deliberately absent: the time of day.

mod again;
mod back;
mod checkpoint;
mod curves;
mod pace;
mod record;
pub(crate) mod tensorboard;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::store::write_aside;
use crate::train::Epoch;

pub use again::{Comparison, rerun};
pub use back::Run;
pub use curves::curves;
pub use record::{Place, Recorded, Recording, record};
pub use tensorboard::EventFile;

/// Says that a process works in the folder, for as long as it holds the lock on it.
const LOCK: &str = "running";

/// A run folder in the making; it is taken away again unless [`RunFolder::finish`] is reached or a
/// checkpoint is in it.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    log: File,
    epochs: Vec<Epoch>,
    metric: Option<&'static str>,
    made_root: bool,
    /// Whether the folder stays whatever happens.
    stays: bool,
    /// Held, not used.
    _lock: File,
}

/// What stands in a folder from the first moment on.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The `.chain` file as trained.
    pub equations: &'a str,
    /// Everything else that the result depends on: overrides, seed, fingerprint, versions; may
    /// name places as seen from the folder.
    pub settings: &'a dyn Fn(&Path) -> Value,
    /// The name of the metric.
    pub metric: Option<&'static str>,
}

/// What is said at the end.
#[derive(Clone, Debug, Default)]
pub struct Summary<'a> {
    /// In plain sentences.
    pub text: &'a str,
    /// The same for machines.
    pub json: Value,
}

impl RunFolder {
    /// Makes the next free `root/<stem>-<n>`.
    ///
    /// # Errors
    /// [`Error::Write`]: no permission, no space.
    pub fn create(root: &Path, stem: &str, setup: &Setup<'_>) -> Result<Self, Error> {
        let made_root = !root.exists();
        let fail = |path: &Path, source| Error::Write { path: path.to_owned(), source };
        fs::create_dir_all(root).map_err(|e| fail(root, e))?;
        let path = claim(root, stem).map_err(|e| fail(root, e));
        let path = path.inspect_err(|_| drop_root(root, made_root))?;
        let opened = open(&path, setup);
        let (log, lock) = opened.inspect_err(|_| {
            let _ = fs::remove_dir_all(&path);
            drop_root(root, made_root);
        })?;
        let (epochs, metric) = (Vec::new(), setup.metric);
        Ok(Self { path, log, epochs, metric, made_root, stays: false, _lock: lock })
    }

    /// Opens the folder of a run that goes on: with the epochs that were finished, and the settings
    /// as they now are.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Usage`] if the run is under way in another process.
    pub(crate) fn reopen(
        path: &Path,
        epochs: Vec<Epoch>,
        setup: &Setup<'_>,
    ) -> Result<Self, Error> {
        let lock = lock(path)?;
        checkpoint::drop_halves(path);
        write_aside(&path.join("settings.json"), |out| {
            out.write_all(pretty(&(setup.settings)(path)).as_bytes())
        })?;
        let table = path.join("epochs.csv");
        write_aside(&table, |out| {
            out.write_all(header(setup.metric).as_bytes())?;
            epochs.iter().try_for_each(|e| out.write_all(e.line().as_bytes()))
        })?;
        let log = OpenOptions::new().append(true).open(&table);
        let log = log.map_err(|source| Error::Write { path: table, source })?;
        let path = path.to_owned();
        let (metric, made_root) = (setup.metric, false);
        Ok(Self { path, log, epochs, metric, made_root, stays: true, _lock: lock })
    }

    /// Whether there is something to go on from.
    #[must_use]
    pub fn has_checkpoint(&self) -> bool {
        !checkpoint::steps(&self.path).is_empty()
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the model of this run goes: beside the folder, under its name.
    #[must_use]
    pub fn model_path(&self) -> PathBuf {
        model_beside(&self.path)
    }

    /// Adds an epoch to the table.
    ///
    /// # Errors
    /// [`Error::Write`]: the disk is full.
    pub fn record(&mut self, epoch: &Epoch) -> Result<(), Error> {
        self.epochs.push(epoch.clone());
        let path = || self.path.join("epochs.csv");
        let written = self.log.write_all(epoch.line().as_bytes());
        written.map_err(|source| Error::Write { path: path(), source })
    }

    /// Writes curves and summary; from here on the folder stays.
    ///
    /// # Errors
    /// [`Error::Write`]: the disk is full.
    pub fn finish(mut self, summary: &Summary<'_>) -> Result<PathBuf, Error> {
        let put = |name: &str, text: &str| {
            write_aside(&self.path.join(name), |out| out.write_all(text.as_bytes()))
        };
        self.log.sync_all().map_err(|source| Error::Write {
            path: self.path.join("epochs.csv"),
            source,
        })?;
        put("curves.svg", &curves(&self.epochs, self.metric))?;
        put("summary.txt", summary.text)?;
        put("summary.json", &pretty(&summary.json))?;
        self.stays = true;
        Ok(self.path.clone())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path.join(LOCK));
        if !self.stays && !self.has_checkpoint() {
            // Nothing can be done about a failure here, and the first one is already told.
            let _ = fs::remove_dir_all(&self.path);
            if let Some(root) = self.path.parent() {
                drop_root(root, self.made_root);
            }
        }
    }
}

fn model_beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".safetensors");
    folder.with_file_name(name)
}

/// Takes the folder of runs away if this run made it and nobody else uses it.
fn drop_root(root: &Path, made: bool) {
    if made {
        let _ = fs::remove_dir(root);
    }
}

/// The next number for which neither a folder nor a model is there.
fn claim(root: &Path, stem: &str) -> io::Result<PathBuf> {
    for n in 1.. {
        let path = root.join(format!("{stem}-{n}"));
        if root.join(format!("{stem}-{n}.safetensors")).exists() {
            continue;
        }
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn open(path: &Path, setup: &Setup<'_>) -> Result<(File, File), Error> {
    let lock = lock(path)?;
    let put = |name: &str, text: &str| {
        write_aside(&path.join(name), |out| out.write_all(text.as_bytes()))
    };
    put("equations.chain", setup.equations)?;
    put("settings.json", &pretty(&(setup.settings)(path)))?;
    let log = path.join("epochs.csv");
    let opened = File::create_new(&log).and_then(|mut file| {
        file.write_all(header(setup.metric).as_bytes())?;
        Ok(file)
    });
    let opened = opened.map_err(|source| Error::Write { path: log, source })?;
    Ok((opened, lock))
}

/// Keeps other processes out; the system lets go when this one ends, however it does.
fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let opened = OpenOptions::new().create(true).append(true).open(&path);
    let file = opened.map_err(|source| Error::Write { path, source })?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Usage {
            field: folder.display().to_string(),
            message: "another process is training this run right now".into(),
        }),
        // Where files cannot be locked, runs go on without.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn header(metric: Option<&str>) -> String {
    let metric = match metric {
        Some("R²") => "r2",
        Some(name) => name,
        None => "metric",
    };
    format!(
        "epoch,step,train_objective,train_loss,train_{metric},held_out_loss,\
         held_out_{metric},lr,gradient_norm,best,seconds\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup<'static> {
        Setup {
            equations: "ŷ = W x\n",
            settings: &|_| serde_json::json!({ "seed": 0 }),
            metric: Some("accuracy"),
        }
    }

    fn epoch(n: usize) -> Epoch {
        let loss = 1.0 / n as f64;
        let held_loss = Some(loss + 0.1);
        Epoch { epoch: n, loss, objective: loss, held_loss, ..Epoch::default() }
    }

    fn entries(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let names = names.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_finished_run_holds_everything() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("runs");
        let mut run = RunFolder::create(&root, "digits", &setup()).unwrap();
        (1..=3).for_each(|n| run.record(&epoch(n)).unwrap());
        assert!(run.model_path().ends_with("runs/digits-1.safetensors"));
        let path =
            run.finish(&Summary { text: "done\n", json: serde_json::json!({}) }).unwrap();
        let all = [
            "curves.svg",
            "epochs.csv",
            "equations.chain",
            "settings.json",
            "summary.json",
            "summary.txt",
        ];
        assert_eq!(entries(&path), all);
        let table = fs::read_to_string(path.join("epochs.csv")).unwrap();
        assert!(
            table.starts_with("epoch,step,train_objective,train_loss,train_accuracy")
        );
        assert_eq!(table.lines().count(), 4);
        let columns = |l: &str| l.split(',').count();
        assert!(
            table.lines().all(|l| columns(l) == columns(table.lines().next().unwrap()))
        );
    }

    #[test]
    fn numbers_are_never_used_twice() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("a-1.safetensors"), "a model of an earlier run").unwrap();
        let one = RunFolder::create(root, "a", &setup()).unwrap();
        let two = RunFolder::create(root, "a", &setup()).unwrap();
        assert!(one.path().ends_with("a-2") && two.path().ends_with("a-3"));
    }

    #[test]
    fn a_run_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("runs");
        let mut run = RunFolder::create(&root, "a", &setup()).unwrap();
        run.record(&epoch(1)).unwrap();
        drop(run);
        assert!(entries(folder.path()).is_empty());
        fs::write(&root, "a file in the way").unwrap();
        let error = RunFolder::create(&root, "a", &setup()).unwrap_err();
        assert_eq!(error.exit_status(), 3);
        assert_eq!(entries(folder.path()), ["runs"]);
    }
}
