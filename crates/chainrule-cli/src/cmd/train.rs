//! `chainrule train FILE`, or `--data TABLE --target COLUMN` without a file.
//!
//! In: a file of equations and the data that it names, or a run that goes on. Out: one model file, a
//! run folder beside it, a summary. Invariants: a run that fails leaves neither, unless it can go on;
//! one that is interrupted, or that turns non-finite, leaves both with what was learned until then.

use std::path::{Path, PathBuf};

use chainrule::data::{Caching, Data, Parts, WINDOW, Window};
use chainrule::diagnose::{Depth, Examiner, Finding, Severity};
use chainrule::graph::syntax::ast::Every;
use chainrule::runs::{self, EventFile, Place, Recording, Run};
use chainrule::train::{Control, End, Why};
use chainrule::{Error, Evaluation, Model, Options, Summary, Trained, memory};
use serde_json::{Value, json};

use super::Sets;
use super::begin;
use crate::args::whole;
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
  chainrule train --resume runs/digits-1                goes on where a run was stopped or killed
  chainrule train big.chain --cache cache               reads data larger than memory from disk

Ctrl-C stops after the step at hand and saves; a second one leaves at once.")]
pub(crate) struct Args {
    /// The file of equations
    #[arg(required_unless_present_any = ["data", "resume"], conflicts_with = "data")]
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
    /// Go on with this run; the result is that of a run never stopped
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "data", "target", "force",
        "all", "batch", "lr", "seed", "out"])]
    resume: Option<PathBuf>,
    /// Save this often on the way: `1000 steps`, `5 min` or `never` [default: about a minute]
    #[arg(long, value_name = "STEPS|TIME", value_parser = every)]
    checkpoint_every: Option<Every>,
    /// Keep the prepared rows on disk, in this folder, and read them block by block [default: OUT/cache
    /// where the data is too large for the memory that is free, else in memory]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Rows of the cache that are in memory and shuffled together: `100000 rows`, `64 MiB`
    /// [default: 256 MiB]
    #[arg(long, value_name = "ROWS|SIZE",
        value_parser = window, conflicts_with = "resume")]
    cache_window: Option<Window>,
    /// Read the data into memory, however large it is
    #[arg(long, conflicts_with_all = ["cache", "cache_window", "resume"])]
    no_cache: bool,
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
    #[arg(long, value_name = "N", value_parser = whole(1..=1024_u32))]
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
    /// Look on and say what is wrong: cheap (next to nothing), full (every unit, further trainings), off
    #[arg(long, value_name = "HOW", value_enum, default_value = "cheap", num_args = 0..=1,
        default_missing_value = "full", require_equals = true)]
    diagnose: Diagnose,
    /// Say nothing but the summary
    #[arg(short, long)]
    quiet: bool,
}

/// How much `--diagnose` may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Diagnose {
    /// The file, some rows, the figures of epochs.
    Cheap,
    /// Looks into every unit on the way, and further trainings at the end.
    Full,
    /// Nothing.
    Off,
}

fn every(text: &str) -> Result<Every, String> {
    let words = "expected steps, a time or never: `1000 steps`, `5 min`, `never`";
    Every::read(text).ok_or_else(|| words.to_owned())
}

fn window(text: &str) -> Result<Window, String> {
    let words = "expected rows or a size above 0: `100000 rows`, `64 MiB`, `1 GB`";
    Window::read(text).ok_or_else(|| words.to_owned())
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    if let Some(run) = &args.resume {
        return resume(args, run, screen);
    }
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
    let caching = args.caching(&model, screen);
    let data = model.open_data(caching.as_ref(), &mut |words| args.say(words, screen));
    let data = data.map_err(&located)?;
    args.say_data(&data.parts(), screen);
    interrupt::listen();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let file = path.file_name().and_then(|name| name.to_str());
    let place = Place { root: &args.out, stem: &stem, file };
    let recording = Recording::start(&model, data.parts(), place).map_err(&located)?;
    Job::new(args, recording)?.run(&data, screen, &located)
}

/// Goes on with a run, in its folder, with its equations and settings.
fn resume(args: &Args, run: &Path, screen: &Screen) -> Outcome {
    let run = Run::open(run)?;
    let source = Source::read(&run.path().join("equations.chain"))?;
    let located = Failure::about(&source, USAGE);
    let model = run.model(args.options()).map_err(&located)?;
    if let (Some(end), None) = (run.over(), &args.epochs) {
        return finished(&run, end, screen);
    }
    run.unchanged()?;
    let mut caching = run.caching()?;
    match (&mut caching, &args.cache) {
        (Some(caching), Some(folder)) => caching.folder.clone_from(folder),
        (None, Some(_)) => {
            let words = "--cache: the run was trained from memory, and goes on so";
            return Err(Failure::Usage(words.to_owned()));
        }
        (_, None) => {}
    }
    let mut say = |words: &str| args.say(words, screen);
    let data = model.open_data(caching.as_ref(), &mut say).map_err(&located)?;
    let recording =
        Recording::go_on(&run, &model, data.parts(), &mut say).map_err(&located)?;
    interrupt::listen();
    Job::new(args, recording)?.run(&data, screen, &located)
}

/// Nothing is left to do: no mistake, so that a script may ask until it is so.
fn finished(run: &Run, end: &End, screen: &Screen) -> Outcome {
    let path = run.path().display();
    match screen.json {
        true => {
            screen.document(
                &json!({ "run": path.to_string(), "finished": true, "end": end }),
            )?;
        }
        false => screen.print(&report::clean(&format!(
            "{path} is finished ({}); with more epochs it goes on: --epochs N\n",
            end.why.sentence()
        )))?,
    }
    Ok(DONE)
}

impl Args {
    fn options(&self) -> Options {
        let threads = self.threads.map_or(0, |n| n as usize);
        let mut options = self.set.options().threads(threads);
        options.checkpoint = self.checkpoint_every;
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

    /// Where the prepared rows go, if not into memory.
    fn caching(&self, model: &Model, screen: &Screen) -> Option<Caching> {
        let window = self.cache_window;
        let folder = match &self.cache {
            Some(folder) => folder.clone(),
            None if self.no_cache => return None,
            None => {
                let folder = self.out.join("cache");
                let large = memory::too_large(model.data_bytes());
                if let Some((needed, free)) = large {
                    let (needed, free) = (needed as f64, free as f64);
                    let words = format!(
                        "the data may need {} of memory, and {} are free: it is read through a \
                         cache on disk (--no-cache: into memory all the same)",
                        memory::bytes(needed),
                        memory::bytes(free)
                    );
                    self.say(&words, screen);
                } else {
                    window?;
                }
                folder
            }
        };
        let window = window.unwrap_or(WINDOW);
        Some(Caching { window, ..Caching::new(folder) })
    }

    /// Says something, unless nothing is to be said.
    fn say(&self, words: &str, screen: &Screen) {
        if !self.quiet {
            screen.say(&format!("{}\n", report::clean(words)));
        }
    }

    /// Who looks on; with `--quiet` nobody hears what a cheap look finds.
    fn examiner<'a>(
        &self,
        model: &'a Model,
        data: &'a Data,
    ) -> Result<Option<Examiner<'a>>, Error> {
        let depth = match self.diagnose {
            Diagnose::Off => return Ok(None),
            Diagnose::Cheap => Depth::Cheap,
            Diagnose::Full => Depth::Full,
        };
        Examiner::new(model, data.parts(), depth).map(Some)
    }

    /// What was done to the data, aloud.
    fn say_data(&self, parts: &Parts<'_>, screen: &Screen) {
        if !self.quiet {
            parts.reports().for_each(|report| super::say_report(report, screen));
        }
    }
}

/// One training and what it leaves behind.
struct Job<'a> {
    args: &'a Args,
    recording: Recording<'a>,
    events: Option<EventFile>,
}

impl<'a> Job<'a> {
    fn new(args: &'a Args, recording: Recording<'a>) -> Result<Self, Error> {
        let events = args.tensorboard.as_deref().map(EventFile::create).transpose()?;
        Ok(Self { args, recording, events })
    }

    fn run(
        mut self,
        data: &Data,
        screen: &Screen,
        located: &dyn Fn(Error) -> Failure,
    ) -> Outcome {
        let mut examiner = self.args.examiner(self.recording.model(), data)?;
        let trained = match self.train(examiner.as_mut(), screen) {
            Ok(trained) => trained,
            Err(error) => {
                if let Some(words) = self.way_on() {
                    screen.say(&format!("what was saved last is whole; {words}\n"));
                }
                return Err(located(error));
            }
        };
        let findings = examiner.map_or_else(Vec::new, |e| e.close(&trained));
        self.close(&trained, &findings, data, screen)
    }

    fn train(
        &mut self,
        examiner: Option<&mut Examiner<'_>>,
        screen: &Screen,
    ) -> Result<Trained, Error> {
        let mut progress = Progress::new(screen, self.args.quiet || screen.json);
        let (events, mut failed) = (&mut self.events, None);
        let trained = self.recording.train_watched(examiner, &mut |event| {
            progress.tell(event);
            let told = events.as_mut().map_or(Ok(()), |e| e.tell(event));
            if let Err(error) = told {
                failed.get_or_insert(error);
            }
            match failed.is_some() || interrupt::asked() {
                true => Control::Stop,
                false => Control::Continue,
            }
        });
        progress.end();
        failed.map_or(trained, Err)
    }

    /// How to go on, if that is possible.
    fn way_on(&self) -> Option<String> {
        let folder = self.recording.folder();
        let path = folder.path().display();
        let there = folder.has_checkpoint();
        there.then(|| format!("go on with: chainrule train --resume {path}"))
    }

    /// Saves, sums up, and gives the exit status.
    fn close(
        self,
        trained: &Trained,
        findings: &[Finding],
        data: &Data,
        screen: &Screen,
    ) -> Outcome {
        let parts = self.parts(trained, &data.parts())?;
        let summary = Summary::new(trained, parts);
        let text = summary.text() + &running_mean(trained);
        let mut document =
            json!({ "summary": summary.lines, "parts": parts_json(&summary.parts) });
        document["end"] = json!(trained.end());
        let interrupted = status(trained) == INTERRUPTED;
        let way_on = self.way_on().filter(|_| interrupted);
        let quiet = self.args.quiet;
        let ended = runs::Summary { text: &text, json: document.clone() };
        let (model, run) = self.recording.finish(trained, &ended, None)?;
        document["model"] = json!(model.display().to_string());
        document["run"] = json!(run.display().to_string());
        if let Some(events) = self.events {
            document["events"] = json!(events.finish()?.display().to_string());
        }
        document["epochs"] = json!(trained.history());
        document["findings"] = super::diagnose::documents(findings);
        if !quiet && !screen.json {
            let worth = findings.iter().filter(|f| f.severity > Severity::Note);
            screen.say(&worth.map(super::diagnose::told).collect::<String>());
        }
        match screen.json {
            true => screen.document(&document)?,
            false => {
                screen.print(&shown(trained, &text, &document, quiet))?;
            }
        }
        if let Some(words) = way_on {
            screen.say(&format!("{words}\n"));
        }
        Ok(status(trained))
    }

    /// The figures of each part, at the weights that are kept.
    fn parts(
        &self,
        trained: &Trained,
        parts: &Parts<'_>,
    ) -> Result<Vec<(String, Evaluation)>, Error> {
        let mut parts = parts.named();
        parts.retain(|(name, _)| *name != "training" || self.args.eval_train);
        trained.evaluate_parts(&parts)
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
