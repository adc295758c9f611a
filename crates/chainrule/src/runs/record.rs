//! A whole training with its folder: from loaded data to a model file and everything beside it, at
//! once or in pieces.
//!
//! In: a [`Model`], its data, where runs go; or a [`Run`] that goes on. Out: [`Recorded`]. Invariants:
//! settings and data are checked before anything is made; pieces give the bits of the whole; a disk
//! that is full stops the training, leaves the last checkpoint as it is, or nothing if there is none;
//! a run that was interrupted or turned non-finite is kept, and says so. Deliberately absent: screens.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::back::{Kept, Run, relative};
use super::checkpoint::{self, Saver};
use super::{RunFolder, Setup};
use crate::data::Parts;
use crate::diagnose::Examiner;
use crate::error::Error;
use crate::model::{Model, Summary, Trained};
use crate::train::{Checkpoint, Control, Course, Event, Settings, Why};

/// A training and where it is kept.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The network.
    pub trained: Trained,
    /// Figures of all parts, in sentences and numbers.
    pub summary: Summary,
    /// The run folder.
    pub folder: PathBuf,
    /// The model file.
    pub model: PathBuf,
}

/// Where a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The folder of runs.
    pub root: &'a Path,
    /// What the run is named after.
    pub stem: &'a str,
    /// The name of the `.chain` file in the model's folder, if it came from one.
    pub file: Option<&'a str>,
}

/// A run on its way.
#[derive(Debug)]
pub struct Recording<'a> {
    model: &'a Model,
    data: Parts<'a>,
    folder: RunFolder,
    from: Option<Checkpoint>,
}

impl<'a> Recording<'a> {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// As [`Model::sizes`] and [`RunFolder::create`].
    pub fn start(
        model: &'a Model,
        data: impl Into<Parts<'a>>,
        place: Place<'_>,
    ) -> Result<Self, Error> {
        let data = data.into();
        model.settings().check()?;
        model.sizes(data.train.layout())?;
        let about = settings_json(model, &data, place.file);
        let settings = |folder: &Path| {
            let mut about = about.clone();
            about["folder"] = json!(relative(folder, model.folder()));
            about["cache"] =
                json!(data.caching.map(|caching| Kept::new(caching, folder)));
            about
        };
        let setup = Setup {
            equations: model.equations(),
            settings: &settings,
            metric: model.metric(),
        };
        let folder = RunFolder::create(place.root, place.stem, &setup)?;
        Ok(Self { model, data, folder, from: None })
    }

    /// Goes on with a run that was interrupted or killed, or that is to have more epochs; `model`
    /// is [`Run::model`]. Damaged checkpoints are passed over aloud.
    ///
    /// # Errors
    /// As [`Run::unchanged`]; [`Error::Corrupt`] if there are checkpoints and none is whole;
    /// [`Error::Usage`] if the run is under way, or cannot go on for as long as the model says.
    pub fn go_on(
        run: &Run,
        model: &'a Model,
        data: impl Into<Parts<'a>>,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let data = data.into();
        let from = checkpoint::newest(run.path(), model, say)?;
        more_epochs(run, model, from.as_ref())?;
        match &from {
            Some(c) => say(&format!(
                "going on after step {} (epoch {})",
                c.state.step, c.state.epoch
            )),
            None => say("no checkpoint was made: starting over"),
        }
        run.differences().iter().for_each(|words| say(words));
        let mut about = run.settings().clone();
        about["set"] = json!(model.options().set);
        about["epochs"] = json!(model.settings().epochs);
        about["cache"] =
            json!(data.caching.map(|caching| Kept::new(caching, run.path())));
        let settings = |_: &Path| about.clone();
        let setup = Setup {
            equations: model.equations(),
            settings: &settings,
            metric: model.metric(),
        };
        let history = from.as_ref().map_or_else(Vec::new, |c| c.state.history.clone());
        let folder = RunFolder::reopen(run.path(), history, &setup)?;
        Ok(Self { model, data, folder, from })
    }

    /// What is trained.
    #[must_use]
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Trains, writing down each epoch and saving on the way; what cannot be written stops it.
    ///
    /// # Errors
    /// As [`Model::fit_prepared`]; [`Error::Write`].
    pub fn train(
        &mut self,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<Trained, Error> {
        self.train_watched(None, on_event)
    }

    /// The same while somebody looks on; the bits are those of a training that nobody watches.
    ///
    /// # Errors
    /// As [`Recording::train`].
    pub fn train_watched(
        &mut self,
        examiner: Option<&mut Examiner<'_>>,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<Trained, Error> {
        let (mut ear, looker) = match examiner.map(Examiner::senses) {
            Some((ear, eye)) => (Some(ear), Some(eye)),
            None => (None, None),
        };
        let parts = (self.data.train, self.data.watched());
        let recipe = self.data.preparation;
        let from = self.from.take();
        let step = from.as_ref().map(|c| c.state.step);
        let path = self.folder.path().to_owned();
        let mut saver = Saver::new(&path, self.model, step);
        let course =
            Course { from, keeper: Some(&mut saver), looker, ..Course::default() };
        let (folder, mut failed) = (&mut self.folder, None);
        let mut keep = |event: &Event| {
            if let Some(ear) = &mut ear {
                ear.hear(event);
            }
            if let Event::Epoch(epoch) = event
                && let Err(error) = folder.record(epoch)
            {
                failed.get_or_insert(error);
                return Control::Stop;
            }
            on_event(event)
        };
        let trained = self.model.fit_course(parts, recipe, course, &mut keep)?;
        failed.or(saver.failed).map_or(Ok(trained), Err)
    }

    /// Writes the model (beside the folder, or to `out`) and the summary; gives the model's path
    /// and the folder's.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(
        self,
        trained: &Trained,
        summary: &super::Summary<'_>,
        out: Option<&Path>,
    ) -> Result<(PathBuf, PathBuf), Error> {
        let path = out.map_or_else(|| self.folder.model_path(), Path::to_owned);
        let replaced = path.exists();
        trained.save(&path)?;
        let mut json = summary.json.clone();
        json["end"] = json!(trained.end());
        if out.is_some() {
            json["model_file"] = json!(relative(self.folder.path(), &path));
        }
        let over = trained.end().is_some_and(|e| e.why != Why::Interrupted);
        let stays = self.folder.has_checkpoint();
        let folder = self.folder.finish(&super::Summary { text: summary.text, json });
        let folder = folder.inspect_err(|_| {
            // A model without its folder would be half of a run; an older one that this one
            // replaced cannot come back.
            if !replaced && !stays {
                let _ = std::fs::remove_file(&path);
            }
        })?;
        if over {
            // From the end more epochs can go on; nothing else will be asked for.
            let last = checkpoint::steps(&folder).into_iter().take(1).collect::<Vec<_>>();
            checkpoint::keep_only(&folder, &last);
        }
        Ok((path, folder))
    }
}

/// Refuses epochs that cannot be added to what was done.
fn more_epochs(run: &Run, model: &Model, from: Option<&Checkpoint>) -> Result<(), Error> {
    let usage = |message: String| Err(Error::Usage { field: "epochs".into(), message });
    let (then, now) = (run.settings()["epochs"].as_u64(), model.settings().epochs);
    let done = from.map_or(0, |c| c.state.history.len());
    if then == Some(now as u64) {
        return Ok(());
    }
    if now <= done {
        return usage(format!("{done} epochs are done already; give more"));
    }
    if from.is_some() && model.depends_on_epochs()? {
        return usage(
            "the update rule depends on T, the number of all steps: with other epochs each \
             step so far would have been another; train anew"
                .into(),
        );
    }
    match run.over().map(|end| &end.why) {
        None | Some(Why::Epochs) => Ok(()),
        Some(other) => usage(format!(
            "the run has ended for another reason, and more epochs change nothing ({})",
            other.sentence()
        )),
    }
}

/// Trains on loaded data and keeps everything under `root`, named after `stem`. The model goes
/// beside the folder, or to `out`.
///
/// # Errors
/// As [`Model::fit_prepared`]; [`Error::Write`] if the disk does not take it: then neither folder
/// nor model is left, unless there is a checkpoint to go on from.
pub fn record<'d>(
    model: &'d Model,
    data: impl Into<Parts<'d>>,
    (root, stem): (&Path, &str),
    out: Option<&Path>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Recorded, Error> {
    let recording = Recording::start(model, data, Place { root, stem, file: None })?;
    recording.complete(out, on_event)
}

impl Recording<'_> {
    /// Trains and finishes with figures of all parts.
    ///
    /// # Errors
    /// As [`Recording::train`] and [`Recording::finish`].
    pub fn complete(
        mut self,
        out: Option<&Path>,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<Recorded, Error> {
        let trained = self.train(on_event)?;
        let summary = Summary::new(&trained, trained.evaluate_parts(&self.data.named())?);
        let (text, json) = (summary.text(), json!(summary));
        let said = super::Summary { text: &text, json };
        let (model, folder) = self.finish(&trained, &said, out)?;
        Ok(Recorded { trained, summary, folder, model })
    }
}

/// The instructions that the kernels use; other ones may give other last bits.
pub(super) fn code_path() -> String {
    format!("{:?}", chainrule_kernels::isa()).to_lowercase()
}

/// Everything that the result depends on besides the equations.
fn settings_json(model: &Model, data: &Parts<'_>, file: Option<&str>) -> Value {
    let s: &Settings = model.settings();
    json!({
        "chainrule": env!("CARGO_PKG_VERSION"),
        "code_path": code_path(),
        "fingerprint": model.derived().fingerprint,
        "file": file,
        "folder": null,
        "files": data.files,
        "cache": null,
        "set": model.options().set,
        "optimizer": s.optimizer_text(),
        "batch": if s.batch == 0 { json!("full") } else { json!(s.batch) },
        "epochs": s.epochs,
        "seed": s.seed,
        "clip": s.clip,
        "patience": s.patience,
        "keep": if s.keep_best { "best" } else { "last" },
        "stop_after_seconds": s.stop_after,
        "precision": format!("{:?}", s.precision).to_lowercase(),
        "decay": s.decay,
        "data": data.report.lines(),
    })
}
