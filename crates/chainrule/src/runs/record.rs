//! A whole training with its folder: from loaded data to a model file and everything beside it.
//!
//! In: a [`Model`], its data, where runs go. Out: [`Recorded`]. Invariants: settings and data are
//! checked before anything is made; a disk that is full stops the training and leaves nothing;
//! a run that was interrupted or turned non-finite is kept, and says so. Deliberately absent:
//! screens.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{RunFolder, Setup};
use crate::data::Loaded;
use crate::error::Error;
use crate::model::{Model, Summary, Trained};
use crate::train::{Control, Event, Settings};

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

/// Trains on loaded data and keeps everything under `root`, named after `stem`. The model goes
/// beside the folder, or to `out`.
///
/// # Errors
/// As [`Model::fit_prepared`]; [`Error::Write`] if the disk does not take it: then neither folder
/// nor model is left.
pub fn record(
    model: &Model,
    data: &Loaded,
    (root, stem): (&Path, &str),
    out: Option<&Path>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Recorded, Error> {
    model.settings().check()?;
    model.sizes(&data.prepared.train)?;
    let metric = model.metric();
    let settings = settings_json(model, data);
    let setup = Setup { equations: model.equations(), settings, metric };
    let mut folder = RunFolder::create(root, stem, &setup)?;
    let trained = fit(model, data, &mut folder, on_event)?;
    let summary = Summary::new(&trained, parts(&trained, data)?);
    let path = out.map_or_else(|| folder.model_path(), Path::to_owned);
    let replaced = path.exists();
    trained.save(&path)?;
    let said = super::Summary { text: &summary.text(), json: json!(summary) };
    let folder = folder.finish(&said).inspect_err(|_| {
        // An older model that this one replaced cannot come back; a new one goes too.
        if !replaced {
            let _ = std::fs::remove_file(&path);
        }
    })?;
    Ok(Recorded { trained, summary, folder, model: path })
}

/// Trains, writing down each epoch; a table that cannot be written stops the training.
fn fit(
    model: &Model,
    data: &Loaded,
    folder: &mut RunFolder,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Trained, Error> {
    let mut failed = None;
    let prepared = &data.prepared;
    let (watched, recipe) = (data.watched(), &prepared.preparation);
    let trained = model.fit_prepared(&prepared.train, watched, recipe, &mut |event| {
        if let Event::Epoch(epoch) = event
            && let Err(error) = folder.record(epoch)
        {
            failed = Some(error);
            return Control::Stop;
        }
        on_event(event)
    })?;
    failed.map_or(Ok(trained), Err)
}

/// Figures of the training part and of all that was kept from it.
fn parts(
    trained: &Trained,
    data: &Loaded,
) -> Result<Vec<(String, crate::model::Evaluation)>, Error> {
    let prepared = &data.prepared;
    let mut all = vec![("training", Some(&prepared.train))];
    all.push(("held out", prepared.held_out.as_ref()));
    all.push(("validation", data.validate.as_ref().map(|(d, _)| d)));
    all.push(("test", data.test.as_ref().map(|(d, _)| d)));
    let there = all.into_iter().filter_map(|(name, d)| Some((name, d?)));
    there.map(|(name, d)| Ok((name.to_owned(), trained.evaluate_prepared(d)?))).collect()
}

/// Everything that the result depends on besides the equations.
fn settings_json(model: &Model, data: &Loaded) -> Value {
    let s: &Settings = model.settings();
    json!({
        "chainrule": env!("CARGO_PKG_VERSION"),
        "fingerprint": model.derived().fingerprint,
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
        "data": data.prepared.report.lines(),
    })
}
