//! `diagnose FILE.chain`, `diagnose RUN`, `diagnose LOG`: what is given decides what can be looked at.
//!
//! In: paths. Out: per path its findings, and status 1 if one of them is an error. Invariant: what
//! cannot be looked at (rows that are gone) is said, and the rest is told all the same.

use std::path::{Path, PathBuf};

use chainrule::diagnose::{
    self, Examined, Finding, Flow, Proof, examine, examine_finished, log, look_over,
    prove,
};
use chainrule::runs::Run;
use chainrule::train::Control;
use chainrule::{Error, Model, Trained, data};
use serde_json::{Value, json};

use super::{Args, of_log, status, story, told};
use crate::failure::{DONE, Failure, Outcome, USAGE};
use crate::progress::Progress;
use crate::report::{clean, style};
use crate::screen::Screen;
use crate::source::Source;
use crate::writing;

/// What was found about one thing.
struct Told {
    document: Value,
    text: String,
    findings: Vec<Finding>,
    /// Gradients from layer to layer, where a network was looked into.
    flow: Option<Flow>,
}

pub(super) fn run(paths: &[PathBuf], args: &Args, screen: &Screen) -> Outcome {
    refuse_no_picture(paths, args)?;
    let mut all = Vec::new();
    for path in paths {
        match is_file(path) {
            true => all.push(of_file(path, args, screen)?),
            false if args.train => {
                let words =
                    format!("{}: --train goes with a .chain file", path.display());
                return Err(Failure::Usage(words));
            }
            false => all.extend(of_run_or_log(path)?),
        }
    }
    let findings: Vec<Finding> = all.iter().flat_map(|t| t.findings.clone()).collect();
    let flow = all.first().and_then(|t| t.flow.clone());
    let (documents, texts): (Vec<Value>, Vec<String>) = all
        .into_iter()
        .map(|Told { mut document, text, findings, flow }| {
            document["findings"] = super::documents(&findings);
            document["flow"] = json!(flow);
            (document, text)
        })
        .unzip();
    let drawn = args.svg.as_deref().map(|path| draw(path, flow.as_ref())).transpose()?;
    match screen.json {
        true => screen.document(&Value::Array(documents))?,
        false => screen.print(&texts.join("\n"))?,
    }
    drawn.iter().for_each(|(words, _)| screen.say(words));
    let missed = drawn.is_some_and(|(_, there)| !there);
    Ok(match status(&findings) {
        DONE if missed => USAGE,
        status => status,
    })
}

/// A picture is one of a network that is looked into while it trains, or afterwards.
fn refuse_no_picture(paths: &[PathBuf], args: &Args) -> Result<(), Failure> {
    let words = match paths {
        _ if args.svg.is_none() => return Ok(()),
        [file] if is_file(file) && !args.train => {
            "--svg draws the gradients of a training: add --train"
        }
        [_] => return Ok(()),
        _ => "--svg writes one picture: name one run, or one file with --train",
    };
    Err(Failure::Usage(words.to_owned()))
}

/// Writes the picture; what is to be said about it, and whether there is one.
fn draw(path: &Path, flow: Option<&Flow>) -> Result<(String, bool), Failure> {
    let Some(svg) = flow.and_then(Flow::svg) else {
        let words = "no picture: no gradient of a layer was seen that is above 0\n";
        return Ok((words.to_owned(), false));
    };
    writing::whole(path, svg, true)?;
    Ok((format!("wrote {}\n", clean(&path.display().to_string())), true))
}

fn is_file(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "chain")
}

/// A file of equations: alone, with its rows, or trained.
fn of_file(path: &Path, args: &Args, screen: &Screen) -> Result<Told, Failure> {
    let source = Source::read(path)?;
    let located = Failure::about(&source, USAGE);
    let model = Model::to_diagnose(path, args.set.options()).map_err(&located)?;
    let loaded = match model.module().data.is_some() || args.train {
        true => Some(model.load_data().map_err(&located)?),
        false => None,
    };
    let seen = match &loaded {
        Some(loaded) if args.train => {
            trained(&model, loaded, screen).map_err(&located)?
        }
        other => {
            let parts = other.as_ref().map(Into::into);
            let findings = look_over(&model, parts).map_err(&located)?;
            Examined { findings, trained: None, flow: None }
        }
    };
    let proofs = match args.prove {
        true => proofs(&model, &seen).map_err(&located)?,
        false => Vec::new(),
    };
    let name = path.display().to_string();
    let what = match (&loaded, &seen.trained, args.train) {
        (None, ..) => "the file alone, it names no data".to_owned(),
        (Some(_), Some(t), _) => format!("trained, {} epochs", t.history().len()),
        (Some(l), None, true) => format!(
            "{} rows; not trained, as an error keeps it from learning",
            l.prepared.train.rows
        ),
        (Some(l), None, false) => {
            format!("the file and {} rows, nothing trained", l.prepared.train.rows)
        }
    };
    let bold = style::STRONG;
    let mut text = format!("{bold}{}{bold:#}: {what}\n", clean(&name));
    if seen.findings.is_empty() {
        text.push_str("  nothing to report\n");
    }
    seen.findings.iter().for_each(|f| text.push_str(&told(f)));
    proofs.iter().for_each(|p| text.push_str(&proven(p)));
    let epochs = seen.trained.as_ref().map(Trained::history);
    let document = json!({
        "file": name,
        "trained": seen.trained.is_some(),
        "epochs": epochs,
        "proofs": proofs,
    });
    let Examined { findings, flow, .. } = seen;
    Ok(Told { document, text, findings, flow })
}

fn trained(
    model: &Model,
    loaded: &data::Loaded,
    screen: &Screen,
) -> Result<Examined, Error> {
    let mut progress = Progress::new(screen, screen.json);
    crate::interrupt::listen();
    let seen = examine(model, loaded.into(), &mut |event| {
        progress.tell(event);
        match crate::interrupt::asked() {
            true => Control::Stop,
            false => Control::Continue,
        }
    });
    progress.end();
    seen
}

fn proofs(model: &Model, seen: &Examined) -> Result<Vec<Proof>, Error> {
    let all = seen.findings.iter().map(|f| prove(model, seen.trained.as_ref(), f));
    all.filter_map(Result::transpose).collect()
}

/// Advice that was tried out.
fn proven(p: &Proof) -> String {
    let dim = style::DIM;
    let set: Vec<String> = p.set.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let figure = |loss: Option<f64>, score: Option<f64>| {
        let score = score.map_or(String::new(), |s| format!(" (score {s:.3})"));
        loss.map_or_else(|| "not finite".to_owned(), |l| format!("{l:.5}{score}"))
    };
    format!(
        "{dim}tried:{dim:#} {} with {}: loss {} instead of {}\n",
        p.id,
        clean(&set.join(" ")),
        figure(p.loss_then, p.score_then),
        figure(p.loss, p.score)
    )
}

fn of_run_or_log(path: &Path) -> Result<Vec<Told>, Failure> {
    let model = path.extension().is_some_and(|e| e == "safetensors");
    if model || path.join("equations.chain").exists() {
        return Ok(vec![of_run(path)?]);
    }
    let one = |run: log::Run| {
        let findings = diagnose::findings(&run);
        let text = story(&run, &findings, false);
        Told { document: of_log(&run), text, findings, flow: None }
    };
    Ok(log::read(path)?.into_iter().map(one).collect())
}

/// A run of ours: its weights on its rows, if both are there.
fn of_run(path: &Path) -> Result<Told, Failure> {
    let run = Run::open(path)?;
    let log = log::read(run.path())?;
    let mut log = log.into_iter().next().unwrap_or_default();
    let found = weights_on_rows(&run);
    let (findings, flow, whole) = match found {
        Ok(seen) => (seen.findings, seen.flow, true),
        Err(why) => {
            log.notes.push(format!("its log alone: {why}"));
            (diagnose::findings(&log), None, false)
        }
    };
    let text = story(&log, &findings, whole);
    Ok(Told { document: of_log(&log), text, findings, flow })
}

fn weights_on_rows(run: &Run) -> Result<Examined, Error> {
    run.unchanged()?;
    let model = run.model(Default::default())?;
    let trained = Trained::load(run.model_path())?;
    let loaded = model.load_data()?;
    examine_finished(&trained, &run.epochs()?, run.end(), (&loaded).into())
}
