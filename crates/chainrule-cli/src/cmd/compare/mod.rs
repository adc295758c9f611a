//! `chainrule compare FILE --vary NAME=VALUES …`: many trainings of one file side by side.
//!
//! In: a file of equations, names with values, perhaps several seeds. Out: a table with a row for each
//! combination, and pictures; or JSON. Invariants: a training that diverges or fails is a row and stops
//! nothing; what cannot be read (a name that nothing answers to) is told before anything is trained.
//! Nothing is kept on disk but the pictures that `--svg` asks for.

mod document;
mod pictures;
mod rows;
mod vary;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chainrule::train::{Control, Event};
use chainrule::trials::{
    self, Ended, Figures, Group, Status, Stopwatch, Trial, Trials, grouped,
};
use chainrule::{Error, Model};

use super::Sets;
use crate::args::{number, whole};
use crate::failure::{DONE, FINDINGS, Failure, INTERRUPTED, Outcome, USAGE};
use crate::screen::Screen;
use crate::source::Source;
use crate::{interrupt, report, writing};
use vary::Vary;

/// More trainings than this are a slip of the fingers.
const MOST: usize = 10_000;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule compare digits.chain --vary lr=1e-4,1e-3,1e-2
  chainrule compare digits.chain --vary batch=1,32,full --vary optimizer=sgd,momentum,adam --to-loss 0.2
  chainrule compare deep.chain --vary N=2..20 --seeds 5 --svg pictures

Several --vary give every combination. What a name can be: an item or argument of the `train:` line
(lr, batch, optimizer, …), a dimension or constant, the columns of a symbol, and a function or a
depth that the file names itself: `where act = relu, N = 4`, with act(…) and `for l = 1..N`.")]
pub(crate) struct Args {
    /// The file of equations
    file: PathBuf,
    /// A name and its values: lr=1e-4,1e-3 or N=2..20; again for more names
    #[arg(long, value_name = "NAME=VALUES", required = true)]
    vary: Vec<Vary>,
    /// Train each with so many seeds, from that of the file on
    #[arg(long, value_name = "K", default_value_t = 1,
        value_parser = whole(1..=1000_u32))]
    seeds: u32,
    /// Also count steps and seconds until the mean loss of the last 512 rows is down to this
    #[arg(long, value_name = "LOSS", value_parser = number, allow_hyphen_values = true)]
    to_loss: Option<f64>,
    #[command(flatten)]
    set: Sets,
    /// Trainings at a time, each on one thread; results do not depend on it [default: one a core]
    #[arg(long, value_name = "N", value_parser = whole(1..=1024_u32))]
    workers: Option<u32>,
    /// Write loss.svg, gradients.svg and cost.svg into this folder
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Say nothing but the results
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let located = Failure::about(&source, USAGE);
    let model = Model::from_file(&args.file, args.set.options()).map_err(&located)?;
    model.settings().check().map_err(&located)?;
    let trials = Trials::of_files(&model, &args.settings(&model)?);
    let shared = Failure::about_shared(&source, USAGE);
    refuse_unreadable(trials.all(), "--vary", &shared)?;
    args.svg.as_deref().map_or(Ok(()), make_folder)?;
    interrupt::listen();
    let watched = Watched::new(args, screen, &trials);
    let figures = watched.run(&trials);
    if let Some(error) = watched.nothing_else(&figures) {
        return Err(shared(error));
    }
    let groups = grouped(figures, args.seeds as usize);
    let compared = Compared { args, model: &model, groups: &groups };
    compared.show(screen)?;
    Ok(compared.status())
}

pub(super) fn make_folder(folder: &Path) -> Result<(), Failure> {
    let failed = |source| Error::Write { path: folder.to_owned(), source };
    Ok(std::fs::create_dir_all(folder).map_err(failed)?)
}

impl Args {
    /// Every combination, with every seed.
    fn settings(&self, model: &Model) -> Result<Vec<trials::Settings>, Failure> {
        let twice = |(i, v): (usize, &Vary)| {
            self.vary[..i].iter().any(|w| w.name == v.name).then(|| v.name.clone())
        };
        if let Some(name) = self.vary.iter().enumerate().find_map(twice) {
            let words = "it is there twice; write all values behind one --vary";
            return Err(Failure::Usage(format!("--vary {name}: {words}")));
        }
        let values = self.vary.iter().map(|v| v.values.len());
        let all = values.fold(self.seeds as usize, usize::saturating_mul);
        if all > MOST {
            let words = format!("{all} trainings are asked for; the limit is {MOST}");
            return Err(Failure::Usage(words));
        }
        if self.seeds > 1 && self.vary.iter().any(|v| v.name == "seed") {
            let words = "--vary seed and --seeds exclude each other";
            return Err(Failure::Usage(words.to_owned()));
        }
        let axes: Vec<(String, Vec<String>)> =
            self.vary.iter().map(|v| (v.name.clone(), v.values.clone())).collect();
        let settings = trials::product(&axes);
        let seed = model.settings().seed;
        Ok(trials::with_seeds(&settings, seed, u64::from(self.seeds)))
    }
}

/// Tells of the first settings that the file does not take, in the words of the flag they came by.
pub(super) fn refuse_unreadable(
    trials: &[Trial],
    flag: &str,
    located: &dyn Fn(Arc<Error>) -> Failure,
) -> Result<(), Failure> {
    for trial in trials {
        let checked = |m: &Model| m.settings().check().map_err(Arc::new);
        match trial.model().and_then(checked) {
            Ok(()) => {}
            Err(error) if matches!(&*error, Error::Usage { .. }) => {
                let words = error.to_string().replace("--set ", &format!("{flag} "));
                let with = label(&trial.set);
                return Err(Failure::Usage(format!("{words} (with {with})")));
            }
            Err(error) => return Err(located(error)),
        }
    }
    Ok(())
}

/// "lr 0.01, batch 32".
pub(super) fn label(set: &[(String, String)]) -> String {
    let one = |(name, value): &(String, String)| format!("{name} {value}");
    set.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Trials at work, with what is noted of them.
struct Watched<'a> {
    args: &'a Args,
    screen: &'a Screen,
    watches: Vec<Mutex<Stopwatch>>,
    ended: AtomicUsize,
    error: Mutex<Option<Arc<Error>>>,
}

impl<'a> Watched<'a> {
    fn new(args: &'a Args, screen: &'a Screen, trials: &Trials) -> Self {
        let watch = |_| Mutex::new(Stopwatch::new(args.to_loss));
        let watches = trials.all().iter().map(watch).collect();
        let (ended, error) = (AtomicUsize::new(0), Mutex::new(None));
        Self { args, screen, watches, ended, error }
    }

    fn run(&self, trials: &Trials) -> Vec<Option<Figures>> {
        let workers = self.args.workers.map_or(0, |n| n as usize);
        let hear = |trial: &Trial, event: &Event| {
            let watch = &self.watches[trial.number];
            watch.lock().unwrap_or_else(PoisonError::into_inner).tell(event);
            match interrupt::asked() {
                true => Control::Stop,
                false => Control::Continue,
            }
        };
        trials.run(workers, &hear, &|trial, ended| self.close(trial, ended))
    }

    fn close(&self, trial: &Trial, ended: Result<Ended<'_>, Arc<Error>>) -> Figures {
        if let Err(error) = &ended {
            let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| Arc::clone(error));
        }
        let watch = &self.watches[trial.number];
        let watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = Figures::of(trial, ended, &watch);
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.args.quiet {
            let (all, label) = (self.watches.len(), label(&trial.set));
            let words = rows::told(&figures);
            self.screen
                .say(&report::clean(&format!("{ended}/{all}  {label}: {words}\n")));
        }
        figures
    }

    /// The reason, if all trials failed: then there is nothing to compare.
    fn nothing_else(&self, figures: &[Option<Figures>]) -> Option<Arc<Error>> {
        let failed = |f: &Option<Figures>| {
            matches!(f, Some(Figures { status: Status::Failed(_), .. }))
        };
        let all = figures.iter().all(failed);
        let first = self.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.filter(|_| all)
    }
}

/// What came out.
struct Compared<'a> {
    args: &'a Args,
    model: &'a Model,
    groups: &'a [Group],
}

impl Compared<'_> {
    fn show(&self, screen: &Screen) -> Result<(), Failure> {
        let written = self.args.svg.as_deref().map(|dir| self.write(dir)).transpose()?;
        if screen.json {
            return screen.document(&document::of(self));
        }
        let table = rows::table(self);
        let pictures = pictures::text(self);
        screen.print(&format!("{}{pictures}", report::clean(&table)))?;
        for path in written.unwrap_or_default() {
            screen.say(&format!("wrote {}\n", report::clean(&path)));
        }
        Ok(())
    }

    /// Writes the pictures; their paths.
    fn write(&self, folder: &Path) -> Result<Vec<String>, Failure> {
        let all = trials::pictures(self.groups);
        let mut paths = Vec::new();
        for (name, svg) in all {
            let path = folder.join(format!("{name}.svg"));
            writing::whole(&path, &svg, true)?;
            paths.push(path.display().to_string());
        }
        Ok(paths)
    }

    fn status(&self) -> u8 {
        let trials = || self.groups.iter().flat_map(|g| &g.trials);
        let good = |f: &Figures| matches!(f.status, Status::Done);
        match (interrupt::asked(), trials().any(good)) {
            (true, _) => INTERRUPTED,
            (false, true) => DONE,
            (false, false) => FINDINGS,
        }
    }
}
