//! `chainrule tune FILE`: a search for good settings, the learning rate first.
//!
//! In: a file of equations, what is searched, how many trials. Out: a table of trials, a picture of the
//! loss over each number with its good range, the file with the best settings in it, and the network
//! trained with them. Invariants: nothing is trained before a list of candidates has passed its review
//! and the file has taken every trial's settings; trials that diverge are rows and stop nothing; what
//! is recorded can be stopped and goes on with the same command.

mod document;
mod finish;
mod pictures;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chainrule::diagnose::search::review;
use chainrule::train::Control;
use chainrule::trials::Settings;
use chainrule::tune::plan::Plan;
use chainrule::tune::record::{Kept, Record, Report};
use chainrule::tune::space::Axis;
use chainrule::tune::storage::{self, Address};
use chainrule::tune::{Study, best};
use chainrule::{Error, Model};

use super::{Sets, compare, diagnose};
use crate::args::{natural, number, whole};
use crate::failure::{DONE, FINDINGS, Failure, INTERRUPTED, Outcome, USAGE};
use crate::screen::Screen;
use crate::source::Source;
use crate::{interrupt, report};

/// More trials than this are a slip of the fingers.
const MOST: u32 = 10_000;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule tune digits.chain                      32 learning rates at random, from 1e-5 to 1
  chainrule tune digits.chain --halving --out best.chain
  chainrule tune digits.chain --search \"lr ~ loguniform(1e-4, 0.1)\" --search \"H ~ {32, 64, 128}\"
  chainrule tune digits.chain --folds 5            each trial judged by its mean over five folds
  chainrule tune digits.chain --candidates 0.01,0.16,0.21,0.84,0.94

What a name can be: see `chainrule compare --help`. What it may be: loguniform(LOW, HIGH),
uniform(LOW, HIGH), int(LOW, HIGH), logint(LOW, HIGH), LOW..HIGH, {A, B, C}.")]
pub(crate) struct Args {
    /// The file of equations
    file: PathBuf,
    /// A name and where its values are drawn from; again for more names [default: lr ~
    /// loguniform(1e-5, 1)]
    #[arg(long, value_name = "NAME ~ VALUES")]
    search: Vec<Axis>,
    /// Review these learning rates, and try them if they lie well
    #[arg(long, value_delimiter = ',', value_name = "RATE,…", allow_hyphen_values = true,
        value_parser = number,
        conflicts_with_all = ["search", "trials"])]
    candidates: Vec<f64>,
    /// Try the candidates although they lie badly
    #[arg(long, requires = "candidates")]
    anyway: bool,
    /// How many trials
    #[arg(long, value_name = "N", default_value_t = 32,
        value_parser = whole(1..=MOST))]
    trials: u32,
    /// The seed of the search; trial k depends on it and on k alone
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true,
        value_parser = natural::<u64>)]
    seed: u64,
    /// Train all a little, the better third three times as far, and so on
    #[arg(long)]
    halving: bool,
    /// With --halving: one of so many goes on
    #[arg(long, value_name = "N", default_value_t = 3, requires = "halving",
        value_parser = whole(2..=1000_usize))]
    eta: usize,
    /// With --halving: trials that are held against each other [default: all]
    #[arg(long, value_name = "N", requires = "halving",
        value_parser = whole(2..=MOST as usize))]
    bracket: Option<usize>,
    /// Train each trial so many times, each time judged on rows that it has not seen, and compare the
    /// means; the folds are those of `evaluate --folds`, the same for all trials
    #[arg(long, value_name = "K", value_parser = whole(2..=1000_u32))]
    folds: Option<u32>,
    /// The name of the study in its storage [default: the file's name and a hash of all that the
    /// trials depend on]
    #[arg(long, value_name = "NAME")]
    study: Option<String>,
    /// Where trials are recorded, in Optuna's tables: sqlite:///FILE, postgresql://USER@HOST/DATABASE,
    /// or none [default: sqlite:///studies.db in the folder of --runs]
    #[arg(long, value_name = "URL")]
    storage: Option<Address>,
    /// A process that gives no sign of life for so long is taken for dead, and its trials are given to
    /// others
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
        value_parser = whole(1..=86_400_u64))]
    dead_after: u64,
    #[command(flatten)]
    set: Sets,
    /// Trials at a time, each on one thread; results do not depend on it [default: one a core]
    #[arg(long, value_name = "N", value_parser = whole(1..=1024_u32))]
    workers: Option<u32>,
    /// Write the file with the best settings in it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    force: bool,
    /// Leave the training with the best settings
    #[arg(long)]
    no_final: bool,
    /// Where the run folder and the model of the best settings go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Write a picture of the loss over each number into this folder
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Say nothing but the results
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    if !args.candidates.is_empty() {
        let review = review(&args.candidates, args.seed)?;
        if !review.findings.is_empty() && !args.anyway {
            diagnose::look_over(&review, screen)?;
            screen.say("nothing was trained; --anyway tries them all the same\n");
            return Ok(FINDINGS);
        }
    }
    let source = Source::read(&args.file)?;
    let located = Failure::about(&source, USAGE);
    let model = Model::from_file(&args.file, args.set.options()).map_err(&located)?;
    model.settings().check().map_err(&located)?;
    let study = args.study(&model)?;
    let shared = Failure::about_shared(&source, USAGE);
    compare::refuse_unreadable(study.trials(), "--search", &shared)?;
    finish::refuse_no_place(args, &model, &study.trials()[0].set)?;
    interrupt::listen();
    let (name, address) = args.place(&study);
    let patience = Duration::from_secs(args.dead_after);
    let mut record = storage::open(&address, &name, &study, patience)?;
    if !args.quiet && address != Address::Nowhere {
        screen.say(&report::clean(&format!("study {name} in {address}\n")));
    }
    let trials = args.search(&study, record.as_mut(), screen).map_err(&shared)?;
    drop(record);
    let kept = (address != Address::Nowhere).then(|| (name, address.to_string()));
    let found = Found { args, model: &model, study: &study, trials: &trials, kept };
    found.show(&located, screen)
}

impl Args {
    fn study(&self, model: &Model) -> Result<Study, Failure> {
        let (axes, trials) = match (&self.search[..], &self.candidates[..]) {
            ([], []) => (vec![Axis::rate()], self.trials as usize),
            ([], rates) => (vec![Axis::candidates(rates)?], rates.len()),
            (axes, _) => (axes.to_vec(), self.trials as usize),
        };
        let epochs = model.settings().epochs;
        let plan = match self.halving {
            true => {
                let bracket = self.bracket.unwrap_or(trials);
                Plan::halving(trials, epochs, bracket, self.eta)?
            }
            false => Plan::full(trials, epochs),
        };
        let plan = match self.folds {
            Some(folds) => plan.in_folds(folds as usize),
            None => plan,
        };
        Ok(Study::new(model, axes, self.seed, plan)?)
    }

    /// The name of the study, and where it is kept.
    fn place(&self, study: &Study) -> (String, Address) {
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let own = || format!("{stem}-{}", study.definition().hash);
        let name = self.study.clone().unwrap_or_else(own);
        let file = || match cfg!(feature = "sqlite") {
            true => Address::Sqlite(self.runs.join("studies.db")),
            false => Address::Nowhere,
        };
        (name, self.storage.clone().unwrap_or_else(file))
    }

    fn search(
        &self,
        study: &Study,
        record: &mut dyn Record,
        screen: &Screen,
    ) -> Result<Vec<Kept>, Arc<Error>> {
        let ended = AtomicUsize::new(0);
        let say = |words: String| {
            if !self.quiet {
                screen.say(&report::clean(&words));
            }
        };
        say(rows::plan(&study.plan));
        let closed = |number: usize, set: &Settings, report: &Report| {
            let n = ended.fetch_add(1, Ordering::Relaxed) + 1;
            let (label, words) = (compare::label(set), rows::told(report));
            say(format!("{n}  trial {number}, {label}: {words}\n"));
        };
        let hear = |_: usize, _: &_| match interrupt::asked() {
            true => Control::Stop,
            false => Control::Continue,
        };
        let workers = self.workers.map_or(0, |n| n as usize);
        study.run(record, workers, &hear, &closed)
    }
}

/// What came out.
struct Found<'a> {
    args: &'a Args,
    model: &'a Model,
    study: &'a Study,
    trials: &'a [Kept],
    /// The name of the study, and where it is kept.
    kept: Option<(String, String)>,
}

impl Found<'_> {
    /// Shows the trials, writes what was asked for, and trains with the best settings.
    fn show(&self, located: &dyn Fn(Error) -> Failure, screen: &Screen) -> Outcome {
        let written = self.write_pictures()?;
        if !screen.json {
            let text = rows::table(self) + &pictures::text(self) + &rows::verdict(self);
            screen.print(&text)?;
        }
        let best = best::best(self.trials).filter(|_| !interrupt::asked());
        let file = best.map(|k| self.write_file(k)).transpose()?.flatten();
        let trained = best.filter(|_| !self.args.no_final);
        let trained = trained.map(|k| self.train(k, located, screen)).transpose()?;
        if screen.json {
            screen.document(&document::of(self, trained.as_ref()))?;
        } else {
            trained.iter().try_for_each(|t| screen.print(&finish::told(t)))?;
        }
        for path in written.iter().chain(&file) {
            screen.say(&format!("wrote {}\n", report::clean(path)));
        }
        self.say_way_on(screen);
        Ok(match (interrupt::asked(), best) {
            (true, _) => INTERRUPTED,
            (false, Some(_)) => DONE,
            (false, None) => FINDINGS,
        })
    }

    fn say_way_on(&self, screen: &Screen) {
        match &self.kept {
            Some(_) if interrupt::asked() => {
                screen.say("interrupted; the same command goes on with what is left\n");
            }
            None if interrupt::asked() => screen.say("interrupted\n"),
            _ => {}
        }
    }

    /// The settings of a trial.
    fn set(&self, number: usize) -> &Settings {
        &self.study.trials()[number].set
    }
}
