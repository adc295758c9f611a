//! Many trainings of one file at once: one per core, without synchronisation, on shared data.
//!
//! In: a [`Model`], for each trial the settings that differ, and where the data are. Out: for each
//! trial its [`Trained`] or why there is none, in the order asked for. Invariants: a trial is bit for
//! bit the training of its settings alone, whatever the number of workers and whatever becomes of
//! the others; a table is read once, and prepared once for each way that the settings ask for; each
//! trial works on one thread. Deliberately absent: screens (events go out with their trial), the
//! choice of settings (see [`product`]), files of runs.
//!
//! ```
//! use chainrule::trials::{Trials, product};
//! use chainrule::{Model, table};
//!
//! let text = "input x : D\ntarget y : 1\nparam w : 1×D ~ glorot\nŷ = w x\n\
//!             L = half_mse(y, ŷ)\nminimize mean(L)\ntrain: sgd, batch 2, epochs 20, seed 0";
//! let data = table(&[("x", 1, &[0.0, 1.0, 2.0, 3.0]), ("y", 1, &[0.0, 2.0, 4.0, 6.0])])?;
//! let rates = [("lr".to_owned(), vec!["0.01".to_owned(), "0.1".to_owned()])];
//! let trials = Trials::of_table(&Model::parse(text)?, &product(&rates), &data);
//! let losses = trials.run(2, &|_, _| Default::default(), &|_, ended| {
//!     ended.ok().and_then(|e| e.trained.history().last().map(|epoch| epoch.loss))
//! });
//! assert!(losses[1] < losses[0]);
//! # Ok::<(), chainrule::Error>(())
//! ```

mod data;
mod figures;
mod folds;
mod stopwatch;
mod svg;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::data::{Dataset, Fold, Preparation, Source};
use crate::error::Error;
use crate::model::{GradientNorm, Model, Trained};
use crate::train::{Control, Course, Event};
use data::{Kept, Rooms};

pub use figures::{Figures, Group, Spread, Status, grouped};
pub use folds::{FoldFigures, Folds, Metric};
pub use stopwatch::{Goal, Stopwatch};
pub use svg::pictures;

/// `NAME=VALUE`, as [`crate::Options::set`] takes them.
pub type Settings = Vec<(String, String)>;

/// What a deep network may need to be planned; the system hands out only what is touched.
const STACK: usize = 256 << 20;

/// One training among several.
#[derive(Debug)]
pub struct Trial {
    /// From 0, in the order asked for.
    pub number: usize,
    /// What it has of its own.
    pub set: Settings,
    model: Result<Model, Arc<Error>>,
    /// The rooms of its data: one for each training of it.
    rooms: Vec<usize>,
}

impl Trial {
    /// The file with these settings, or why there is none.
    ///
    /// # Errors
    /// As [`Model::parse_with`].
    pub fn model(&self) -> Result<&Model, Arc<Error>> {
        self.model.as_ref().map_err(Arc::clone)
    }

    /// Trainings of it: one, or one beside each fold.
    pub(crate) fn trainings(&self) -> usize {
        self.rooms.len()
    }
}

/// How a trial ended, with what it was trained on.
#[derive(Debug)]
pub struct Ended<'a> {
    /// The network.
    pub trained: Trained,
    kept: &'a Kept,
}

impl Ended<'_> {
    /// The rows that were learned from.
    #[must_use]
    pub fn train(&self) -> &Dataset {
        &self.kept.train
    }

    /// The rows that were watched.
    #[must_use]
    pub fn watched(&self) -> Option<&Dataset> {
        self.kept.watched.as_ref()
    }

    /// The rows that were neither learned from nor watched, of a fold.
    #[must_use]
    pub fn apart(&self) -> Option<&Dataset> {
        self.kept.apart.as_ref()
    }

    /// The gradients before the first step.
    ///
    /// # Errors
    /// As [`Model::gradient_norms`].
    pub fn gradients_at_start(&self) -> Result<Vec<GradientNorm>, Error> {
        let feeds = &self.kept.feeds.train;
        self.trained.model().gradient_norms_of(&self.kept.train, feeds)
    }

    /// The gradients at the weights that were kept.
    ///
    /// # Errors
    /// As [`Trained::gradient_norms`].
    pub fn gradients_at_end(&self) -> Result<Vec<GradientNorm>, Error> {
        self.trained.gradient_norms_of(&self.kept.train, &self.kept.feeds.train)
    }
}

/// All trainings that are compared.
#[derive(Debug)]
pub struct Trials {
    all: Vec<Trial>,
    rooms: Rooms,
}

/// Who hears what happens; called from the thread of the trial. [`Control::Stop`] stops all: those
/// at work after their step, the others before their first.
pub type Hear<'a> = dyn Fn(&Trial, &Event) -> Control + Sync + 'a;

/// Who takes what a trial has come to, on its thread, and makes of it what is to be kept.
pub type Close<'a, R> = dyn Fn(&Trial, Result<Ended<'_>, Arc<Error>>) -> R + Sync + 'a;

impl Trials {
    /// Trials on the files of the `data:` line.
    #[must_use]
    pub fn of_files(base: &Model, settings: &[Settings]) -> Self {
        Self::new(base, settings, None)
    }

    /// Trials on a table in memory.
    #[must_use]
    pub fn of_table(base: &Model, settings: &[Settings], table: &Source) -> Self {
        Self::new(base, settings, Some(table.clone()))
    }

    /// Trials on parts that are prepared: those of every trial, whatever its settings ask for.
    pub(crate) fn of_parts(
        base: &Model,
        settings: &[Settings],
        parts: (Dataset, Option<Dataset>, Preparation),
    ) -> Self {
        Self::with(base, settings, &[None], Rooms::of_parts(base, parts))
    }

    /// Trials on the files of the `data:` line, each trained beside every one of so many folds, which
    /// are the same for all trials.
    pub(crate) fn beside_folds(
        base: &Model,
        settings: &[Settings],
        folds: usize,
    ) -> Self {
        let folds: Vec<Option<Fold>> =
            Fold::all(folds, base.settings().seed).into_iter().map(Some).collect();
        Self::with(base, settings, &folds, Rooms::new(base.folder(), None))
    }

    /// The training of a file as it is, on the rows outside of each of so many folds.
    #[must_use]
    pub fn of_folds(base: &Model, folds: usize) -> Self {
        let mut rooms = Rooms::new(base.folder(), None);
        let mut one = |fold: Fold| {
            let model = base.clone().on_one_thread();
            let rooms = vec![rooms.room_for(&model, Some(fold))];
            Trial { number: fold.number, set: Vec::new(), model: Ok(model), rooms }
        };
        let folds = Fold::all(folds, base.settings().seed);
        let all = folds.into_iter().map(&mut one).collect();
        Self { all, rooms }
    }

    fn new(base: &Model, settings: &[Settings], table: Option<Source>) -> Self {
        Self::with(base, settings, &[None], Rooms::new(base.folder(), table))
    }

    /// Trials with a training for each of `folds`; `None` stands for the training part.
    fn with(
        base: &Model,
        settings: &[Settings],
        folds: &[Option<Fold>],
        mut rooms: Rooms,
    ) -> Self {
        let mut known = BTreeSet::from([base.derived().fingerprint.clone()]);
        let mut all = Vec::new();
        for (number, set) in settings.iter().enumerate() {
            let model = base.varied(set, &|print| known.contains(print));
            let model = model.map(Model::on_one_thread).map_err(Arc::new);
            let mut room =
                |fold: &_| model.as_ref().map_or(0, |m| rooms.room_for(m, *fold));
            let own = folds.iter().map(&mut room).collect();
            known.extend(model.iter().map(|m| m.derived().fingerprint.clone()));
            all.push(Trial { number, set: set.clone(), model, rooms: own });
        }
        Self { all, rooms }
    }

    /// The trials, in the order asked for.
    #[must_use]
    pub fn all(&self) -> &[Trial] {
        &self.all
    }

    /// Trains them all, as many at a time as there are workers (0: one a core); `None` for what was
    /// not begun because a stop was asked for.
    ///
    /// # Panics
    /// If a worker does: a bug.
    pub fn run<R: Send>(
        &self,
        workers: usize,
        hear: &Hear<'_>,
        close: &Close<'_, R>,
    ) -> Vec<Option<R>> {
        let places: Vec<Mutex<Option<R>>> =
            self.all.iter().map(|_| Mutex::new(None)).collect();
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(trial) = self.all.get(number) else { return };
                let result = close(trial, self.train(trial, hear, &stop));
                *places[number].lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(result);
            }
        };
        at_once(workers_for(workers, self.all.len()), &work);
        let taken =
            places.into_iter().map(|p| p.into_inner().unwrap_or_else(|e| e.into_inner()));
        taken.collect()
    }

    fn train(
        &self,
        trial: &Trial,
        hear: &Hear<'_>,
        stop: &AtomicBool,
    ) -> Result<Ended<'_>, Arc<Error>> {
        self.piece((trial, 0), Course::default(), &mut |event: &Event| {
            if hear(trial, event) == Control::Stop {
                stop.store(true, Ordering::Relaxed);
            }
            match stop.load(Ordering::Relaxed) {
                true => Control::Stop,
                false => Control::Continue,
            }
        })
    }

    /// Trains a piece of one of a trial's trainings, from where and to where the course says.
    pub(crate) fn piece<'a>(
        &'a self,
        (trial, training): (&Trial, usize),
        course: Course<'a>,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<Ended<'a>, Arc<Error>> {
        let model = trial.model()?;
        let kept = self.rooms.kept(trial.rooms[training])?;
        let course = Course { feeds: Some(&kept.feeds), ..course };
        let parts = ((&kept.train).into(), kept.watched.as_ref().map(Into::into));
        let trained = model.fit_course(parts, &kept.recipe, course, on_event);
        trained.map(|trained| Ended { trained, kept }).map_err(Arc::new)
    }
}

/// So many workers for as many trials; 0 asks for one a core.
pub(crate) fn workers_for(asked: usize, trials: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = if asked == 0 { cores } else { asked };
    workers.min(trials).max(1)
}

/// The same work on so many threads, the caller's among them.
pub(crate) fn at_once(workers: usize, work: &(dyn Fn() + Sync)) {
    thread::scope(|scope| {
        for _ in 1..workers {
            let builder = thread::Builder::new().stack_size(STACK);
            // A thread that the system refuses is one worker less.
            let _ = builder.spawn_scoped(scope, work);
        }
        work();
    });
}

/// Every combination of the values of several names, the last name's varying fastest.
#[must_use]
pub fn product(axes: &[(String, Vec<String>)]) -> Vec<Settings> {
    let mut all: Vec<Settings> = vec![Vec::new()];
    for (name, values) in axes {
        let with = |front: &Settings| {
            let one = |v: &String| {
                let own = std::iter::once((name.clone(), v.clone()));
                front.iter().cloned().chain(own).collect()
            };
            values.iter().map(one).collect::<Vec<Settings>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// Each setting with as many seeds, from `first` on; nothing is added for one.
#[must_use]
pub fn with_seeds(settings: &[Settings], first: u64, seeds: u64) -> Vec<Settings> {
    if seeds <= 1 {
        return settings.to_vec();
    }
    let one = |set: &Settings, seed: u64| {
        let mut set = set.clone();
        set.push(("seed".to_owned(), seed.to_string()));
        set
    };
    let all = |set| (0..seeds).map(move |s| one(set, first.wrapping_add(s)));
    settings.iter().flat_map(all).collect()
}
