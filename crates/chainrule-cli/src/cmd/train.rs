//! `chainrule train FILE`, or `--data TABLE --target COLUMN` without a file.
//!
//! In: a file of equations and the data that it names. Out: one model file, a run folder beside it, a
//! summary. Invariants: a run that fails leaves neither; one that is interrupted, or that turns
//! non-finite, leaves both with what was learned until then.

use std::path::{Path, PathBuf};

use chainrule::data::{self, Dataset};
use chainrule::runs::{self, EventFile, RunFolder};
use chainrule::train::{Control, Event, Why};
use chainrule::{Error, Evaluation, Model, Options, Summary, Trained};
use serde_json::{Value, json};

use super::Sets;
use super::begin;
use crate::failure::{DONE, FINDINGS, Failure, INTERRUPTED, Outcome, USAGE};
use crate::progress::Progress;
use crate::screen::Screen;
use crate::source::Source;
use crate::{curve, interrupt, report};

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule train digits.chain
  chainrule train digits.chain --epochs 10 --lr 0.01 --set H=64
  chainrule train --data adult.csv --target income      looks at the data and writes adult.chain

Ctrl-C stops after the step at hand and saves; a second one leaves at once.")]
pub(crate) struct Args {
    /// The file of equations
    #[arg(required_unless_present = "data", conflicts_with = "data")]
    file: Option<PathBuf>,
    /// Without a file: the table to look at
    #[arg(long, value_name = "TABLE")]
    data: Option<PathBuf>,
    /// The column to predict [default: one called target, label, class or y, else the last]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// With --data: write over a file of equations that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    set: Sets,
    /// Passes over the data
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    epochs: Option<String>,
    /// Rows of a step, or `full`
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    batch: Option<String>,
    /// The rate of learning
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    lr: Option<String>,
    /// The seed of start, order and dropout
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    seed: Option<String>,
    /// Threads; the results do not depend on it [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Where run folders and models go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Write an event file for TensorBoard into this folder too
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Measure the training rows too, exactly, at the end
    #[arg(long)]
    eval_train: bool,
    /// Say nothing but the summary
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    if args.data.is_none() && (args.target.is_some() || args.force) {
        let words = "--target and --force go with --data; a file says its target itself";
        return Err(Failure::Usage(words.to_owned()));
    }
    let path = match (&args.file, &args.data) {
        (Some(file), _) => file.clone(),
        (None, Some(table)) => {
            let say = |words: &str| {
                if !args.quiet {
                    screen.say(&format!("{words}\n"));
                }
            };
            begin::write(table, args.target.as_deref(), args.force, &say)?
        }
        (None, None) => return Err(Failure::Usage("a file, or --data".to_owned())),
    };
    let source = Source::read(&path)?;
    let located = Failure::about(&source, USAGE);
    let model = Model::from_file(&path, args.options()).map_err(&located)?;
    model.settings().check().map_err(&located)?;
    if !args.quiet {
        screen.say(&report::draw::all(&source, model.remarks()));
    }
    let loaded = model.load_data().map_err(&located)?;
    args.say_data(&loaded, screen);
    interrupt::listen();
    let (folder, events, failed) = (None, None, None);
    let mut job = Job { args, model: &model, path: &path, folder, events, failed };
    let trained = job.train(&loaded, screen).map_err(&located)?;
    job.close(&trained, &loaded, screen)
}

impl Args {
    fn options(&self) -> Options {
        let threads = self.threads.map_or(0, |n| n as usize);
        let mut options = self.set.options().threads(threads);
        let short = [
            ("epochs", &self.epochs),
            ("batch", &self.batch),
            ("lr", &self.lr),
            ("seed", &self.seed),
        ];
        for (name, value) in short {
            if let Some(value) = value {
                options = options.set(name, value);
            }
        }
        options
    }

    /// What was done to the data, aloud.
    fn say_data(&self, loaded: &data::Loaded, screen: &Screen) {
        if self.quiet {
            return;
        }
        let more = [&loaded.validate, &loaded.test];
        let more = more.into_iter().flatten().map(|(_, report)| report);
        for report in std::iter::once(&loaded.prepared.report).chain(more) {
            super::say_report(report, screen);
        }
    }
}

/// One training and what it leaves behind.
struct Job<'a> {
    args: &'a Args,
    model: &'a Model,
    path: &'a Path,
    folder: Option<RunFolder>,
    events: Option<EventFile>,
    /// Why the folder could not be written; it stops the training.
    failed: Option<Error>,
}

impl Job<'_> {
    fn train(
        &mut self,
        loaded: &data::Loaded,
        screen: &Screen,
    ) -> Result<Trained, Error> {
        let mut progress = Progress::new(screen, self.args.quiet || screen.json);
        let (prepared, model) = (&loaded.prepared, self.model);
        let mut on_event = |event: &Event| {
            progress.tell(event);
            self.keep(event)
        };
        let trained = model.fit_prepared(
            &prepared.train,
            loaded.watched(),
            &prepared.preparation,
            &mut on_event,
        );
        progress.end();
        match self.failed.take() {
            Some(error) => Err(error),
            None => trained,
        }
    }

    /// Writes what happens into the folder, and tells whether to go on.
    fn keep(&mut self, event: &Event) -> Control {
        let written = match event {
            Event::Start(begin) => self.open(begin),
            Event::Epoch(epoch) => match &mut self.folder {
                Some(folder) => folder.record(epoch),
                None => Ok(()),
            },
            _ => Ok(()),
        };
        let told = |()| self.events.as_mut().map_or(Ok(()), |e| e.tell(event));
        if let Err(error) = written.and_then(told) {
            self.failed.get_or_insert(error);
        }
        match self.failed.is_some() || interrupt::asked() {
            true => Control::Stop,
            false => Control::Continue,
        }
    }

    fn open(&mut self, begin: &chainrule::train::Begin) -> Result<(), Error> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let setup = runs::Setup {
            equations: self.model.equations(),
            settings: self.settings(begin),
            metric: begin.metric,
        };
        self.folder = Some(RunFolder::create(&self.args.out, &stem, &setup)?);
        let folder = self.args.tensorboard.as_deref();
        self.events = folder.map(EventFile::create).transpose()?;
        Ok(())
    }

    /// Everything else that the result depends on.
    fn settings(&self, begin: &chainrule::train::Begin) -> Value {
        let s = self.model.settings();
        let set: Vec<String> =
            self.args.options().set.iter().map(|(n, v)| format!("{n}={v}")).collect();
        json!({
            "chainrule": env!("CARGO_PKG_VERSION"),
            "file": self.path.display().to_string(),
            "overrides": set,
            "optimizer": s.optimizer.name.written,
            "batch": begin.batch,
            "epochs": s.epochs,
            "seed": s.seed,
            "precision": format!("{:?}", s.precision).to_lowercase(),
            "rows": begin.rows,
            "watched": begin.held_out,
            "learned": begin.parameters,
            "fingerprint": begin.fingerprint,
        })
    }

    /// Saves, sums up, and gives the exit status.
    fn close(self, trained: &Trained, loaded: &data::Loaded, screen: &Screen) -> Outcome {
        let parts = self.parts(trained, loaded)?;
        let summary = Summary::new(trained, parts);
        let text = summary.text() + &running_mean(trained);
        let mut document =
            json!({ "summary": summary.lines, "parts": parts_json(&summary.parts) });
        document["end"] = json!(trained.end());
        if let Some(folder) = self.folder {
            let model = folder.model_path();
            trained.save(&model)?;
            let ended = runs::Summary { text: &text, json: document.clone() };
            let run = folder.finish(&ended).inspect_err(|_| {
                // A model without its folder would be half of a run.
                let _ = std::fs::remove_file(&model);
            })?;
            document["model"] = json!(model.display().to_string());
            document["run"] = json!(run.display().to_string());
        }
        if let Some(events) = self.events {
            document["events"] = json!(events.finish()?.display().to_string());
        }
        document["epochs"] = json!(trained.history());
        match screen.json {
            true => screen.document(&document)?,
            false => {
                screen.print(&shown(trained, &text, &document, self.args.quiet))?;
            }
        }
        Ok(status(trained))
    }

    /// The figures of each part, at the weights that are kept.
    fn parts(
        &self,
        trained: &Trained,
        loaded: &data::Loaded,
    ) -> Result<Vec<(String, Evaluation)>, Error> {
        let held = loaded.prepared.held_out.as_ref();
        let file = |part: &'_ Option<(Dataset, data::Report)>| {
            part.as_ref().map(|(d, _)| d.clone())
        };
        let train = self.args.eval_train.then(|| loaded.prepared.train.clone());
        let parts = [
            ("training", train),
            ("held out", held.cloned()),
            ("validation", file(&loaded.validate)),
            ("test", file(&loaded.test)),
        ];
        let mut out = Vec::new();
        for (name, data) in parts {
            if let Some(data) = data {
                out.push((name.to_owned(), trained.evaluate_prepared(&data)?));
            }
        }
        Ok(out)
    }
}

fn parts_json(parts: &[(String, Evaluation)]) -> Value {
    let one = |(name, e): &(String, Evaluation)| {
        let mut value = json!(e);
        value["part"] = json!(name);
        value
    };
    parts.iter().map(one).collect()
}

/// The figures of the last epoch, marked as what they are.
fn running_mean(trained: &Trained) -> String {
    let Some(last) = trained.history().last() else { return String::new() };
    let digits = crate::numbers::Digits { digits: 4, ascii: false };
    let metric = trained.model().metric().zip(last.metric);
    let metric = metric.map(|(name, v)| format!(", {name} {}", digits.number(v)));
    let (loss, metric) = (digits.number(last.loss), metric.unwrap_or_default());
    format!(
        "training, running mean over the batches of the last epoch: loss {loss}{metric}\n"
    )
}

/// The curve, the summary, and where everything is.
fn shown(trained: &Trained, text: &str, document: &Value, quiet: bool) -> String {
    let mut out = match quiet {
        true => String::new(),
        false => curve::draw(trained.history()),
    };
    out.push_str(&report::clean(text));
    for (word, key) in [("model", "model"), ("run", "run"), ("events", "events")] {
        if let Some(path) = document[key].as_str() {
            out.push_str(&format!("{word}: {}\n", report::clean(path)));
        }
    }
    out
}

fn status(trained: &Trained) -> u8 {
    match trained.end().map(|e| &e.why) {
        Some(Why::Interrupted) => INTERRUPTED,
        Some(Why::NotFinite { .. }) => FINDINGS,
        _ => DONE,
    }
}
