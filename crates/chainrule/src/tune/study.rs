//! A study: what is searched, by which plan, and the workers that train it.
//!
//! In: a model, axes, a plan, a record. Out: all trials with their figures. Invariants: each trial is
//! bit for bit the training of its settings alone, or those beside each fold; what is in the record is
//! all that the next claim depends on, so a study can be stopped at any time and go on anywhere. A trial
//! that goes on from a rung does so from its state where this process still has it, and else from its
//! start: the bits are the same. Deliberately absent: screens; what is best; what a piece of work came
//! to (`judge`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::judge::{self, Leg};
use super::plan::{Next, Plan, Stage};
use super::record::{Kept, Record, Report};
use super::space::{self, Axis};
use crate::data::DataFile;
use crate::error::Error;
use crate::model::Model;
use crate::store::hex;
use crate::train::{Checkpoint, Control, Course, Event, Keeper};
use crate::trials::{Settings, Trial, Trials, at_once, workers_for};

/// How long somebody waits who has nothing to do before looking again.
const POLL: Duration = Duration::from_millis(20);
/// Bytes of states that wait at rungs; what is beyond is trained again from its start.
const WAITING: usize = 1 << 30;

/// What a study is; two processes with equal definitions work on the same one.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Which file, settings, axes, seed and halving, as they are kept.
    pub json: Value,
    /// A short hash of it.
    pub hash: String,
}

/// What is trained.
#[derive(Debug)]
pub struct Study {
    /// What is searched.
    pub axes: Vec<Axis>,
    /// How it goes.
    pub plan: Plan,
    seed: u64,
    base: Model,
    files: Vec<DataFile>,
    trials: Trials,
}

/// What is heard of a piece of work; [`Control::Stop`] stops all of them.
pub type Hear<'a> = dyn Fn(usize, &Event) -> Control + Sync + 'a;
/// Who hears what a piece of work came to.
pub type Closed<'a> = dyn Fn(usize, &Settings, &Report) + Sync + 'a;

impl Study {
    /// A study of a file.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is searched twice; [`Error::Read`] for data that is not there.
    /// Settings that the file does not take are errors of their trials.
    pub fn new(
        base: &Model,
        axes: Vec<Axis>,
        seed: u64,
        plan: Plan,
    ) -> Result<Self, Error> {
        let twice = |(i, a): (usize, &Axis)| axes[..i].iter().any(|b| b.name == a.name);
        if let Some((_, axis)) = axes.iter().enumerate().find(|&at| twice(at)) {
            let message = "it is searched twice; one distribution a name".to_owned();
            return Err(Error::Usage { field: axis.name.clone(), message });
        }
        let settings: Vec<Settings> =
            (0..plan.trials).map(|k| space::settings(&axes, seed, k)).collect();
        let spec = base.module().data.as_ref();
        let files = spec.map(|spec| DataFile::all(base.folder(), spec)).transpose()?;
        let files = files.unwrap_or_default();
        let trials = match plan.folds {
            None => Trials::of_files(base, &settings),
            Some(folds) => Trials::beside_folds(base, &settings, folds),
        };
        Ok(Self { axes, plan, seed, base: base.clone(), files, trials })
    }

    /// The seed of the search.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The trials, each with its settings.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        self.trials.all()
    }

    /// What the study is.
    #[must_use]
    pub fn definition(&self) -> Definition {
        let hash = |text: &str| hex(&Sha256::digest(text));
        let axis =
            |a: &Axis| json!([a.name, a.distribution(), format!("{:?}", a.values)]);
        let halving = (self.plan.rungs.len() > 1).then_some(self.plan.bracket);
        let json = json!({
            "equations": hash(self.base.equations()),
            "data": self.files,
            "set": self.base.options().set,
            "search": self.axes.iter().map(axis).collect::<Vec<_>>(),
            "seed": self.seed,
            "rungs": self.plan.rungs,
            "bracket": halving,
            "eta": self.plan.eta,
            "folds": self.plan.folds,
        });
        let hash = hash(&json.to_string())[..8].to_owned();
        Definition { json, hash }
    }

    /// Works on the study until nothing is left to do or somebody asks to stop, as many trials at a
    /// time as there are workers (0: one a core); gives all trials.
    ///
    /// # Errors
    /// What the record says, and why a trial cannot be trained at all; what was reported until then is
    /// kept, and such a trial is not.
    pub fn run(
        &self,
        record: &mut dyn Record,
        workers: usize,
        hear: &Hear<'_>,
        closed: &Closed<'_>,
    ) -> Result<Vec<Kept>, Arc<Error>> {
        let patience = record.patience();
        let shared = Shared {
            study: self,
            record: Mutex::new(record),
            states: Mutex::default(),
            busy: Mutex::default(),
            stop: AtomicBool::new(false),
            over: AtomicBool::new(false),
            failed: Mutex::default(),
            hear,
            closed,
        };
        thread::scope(|scope| {
            let _over = Raise(&shared.over);
            scope.spawn(|| shared.beat(patience / 4));
            at_once(workers_for(workers, self.plan.trials), &|| shared.work());
        });
        let failed = held(&shared.failed).take();
        match failed {
            Some(error) => Err(error),
            None => held(&shared.record).trials().map_err(Arc::new),
        }
    }
}

/// What the workers of a process share.
struct Shared<'a> {
    study: &'a Study,
    record: Mutex<&'a mut dyn Record>,
    /// Trials that wait at a rung, as their trainings stood there.
    states: Mutex<BTreeMap<usize, Vec<Checkpoint>>>,
    busy: Mutex<Vec<usize>>,
    stop: AtomicBool,
    over: AtomicBool,
    failed: Mutex<Option<Arc<Error>>>,
    hear: &'a Hear<'a>,
    closed: &'a Closed<'a>,
}

/// Raises a flag when it goes, also in a panic: else the signs of life would never end.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared<'_> {
    fn work(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let next = held(&self.record).claim(&self.study.plan);
            let done = match next {
                Ok(Next::Train { number, rung }) => self.train(number, rung),
                Ok(Next::Wait) => {
                    thread::sleep(POLL);
                    Ok(())
                }
                Ok(Next::Over) => return,
                Err(error) => Err(Arc::new(error)),
            };
            if let Err(error) = done {
                held(&self.failed).get_or_insert(error);
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    fn train(&self, number: usize, rung: usize) -> Result<(), Arc<Error>> {
        held(&self.busy).push(number);
        let trial = &self.study.trials.all()[number];
        // What the world is in the way of is left for another time.
        let (report, error) = match self.piece(trial, rung) {
            Ok(report) => (report, None),
            Err(error) => (judge::left(), Some(error)),
        };
        held(&self.busy).retain(|n| *n != number);
        let taken = held(&self.record).report(number, &report).map_err(Arc::new)?;
        match error {
            Some(error) => return Err(error),
            None if taken => (self.closed)(number, &trial.set, &report),
            None => {}
        }
        Ok(())
    }

    /// Trains up to a rung.
    fn piece(&self, trial: &Trial, rung: usize) -> Result<Report, Arc<Error>> {
        let (begun, mut curve) = (Instant::now(), Vec::new());
        let mut report = self.legs(trial, rung, &mut curve)?;
        let seconds = begun.elapsed().as_secs_f64();
        report.facts.insert("seconds".to_owned(), json!(seconds));
        // What is compared over folds is known at rungs alone.
        report.curve = match self.study.plan.folds {
            None => curve,
            Some(_) => report
                .loss
                .map(|l| (self.study.plan.rungs[rung], l))
                .into_iter()
                .collect(),
        };
        Ok(report)
    }

    /// Trains one of the trial's trainings after the other, until one does not come to the rung.
    fn legs(
        &self,
        trial: &Trial,
        rung: usize,
        curve: &mut Vec<(usize, f64)>,
    ) -> Result<Report, Arc<Error>> {
        let until = self.study.plan.rungs[rung];
        let from = held(&self.states).remove(&trial.number).unwrap_or_default();
        let (mut from, n) = (from.into_iter(), trial.trainings());
        let (mut all, mut states) = (Vec::new(), Vec::new());
        for training in 0..n {
            let (leg, state) = self.leg((trial, training), until, from.next(), curve)?;
            states.extend(state);
            match leg {
                Leg::There(figures) => all.push(figures),
                Leg::Stopped => return Ok(judge::left()),
                Leg::Failed(why) if n == 1 => return Ok(judge::failed(why)),
                Leg::Failed(why) => {
                    return Ok(judge::failed(format!("fold {}: {why}", training + 1)));
                }
            }
        }
        let report = judge::judged(&all, rung + 1 == self.study.plan.rungs.len());
        if report.stage == Stage::Waiting && states.len() == n {
            self.keep(trial.number, states);
        }
        Ok(report)
    }

    /// Trains one of a trial's trainings up to an epoch.
    fn leg(
        &self,
        place: (&Trial, usize),
        until: usize,
        from: Option<Checkpoint>,
        curve: &mut Vec<(usize, f64)>,
    ) -> Result<(Leg, Option<Checkpoint>), Arc<Error>> {
        let (mut pocket, mut reached) = (Pocket::default(), false);
        let course = Course { from, keeper: Some(&mut pocket), ..Course::default() };
        let ended = self.study.trials.piece(place, course, &mut |event| {
            if let Event::Epoch(e) = event {
                curve.push((e.epoch, e.held_loss.unwrap_or(e.loss)));
                reached = e.epoch >= until;
            }
            if (self.hear)(place.0.number, event) == Control::Stop {
                self.stop.store(true, Ordering::Relaxed);
            }
            match reached || self.stop.load(Ordering::Relaxed) {
                true => Control::Stop,
                false => Control::Continue,
            }
        })?;
        let leg = Leg::of(&ended, reached).map_err(Arc::new)?;
        Ok((leg, pocket.0))
    }

    /// Keeps the states of a trial for the next rung, if there is room.
    fn keep(&self, number: usize, own: Vec<Checkpoint>) {
        let mut states = held(&self.states);
        let all = states.values().flatten().chain(&own);
        if all.map(Checkpoint::bytes).sum::<usize>() <= WAITING {
            states.insert(number, own);
        }
    }

    /// Gives signs of life until the work is over.
    fn beat(&self, every: Duration) {
        let mut last = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            thread::sleep(POLL.min(every));
            if last.elapsed() >= every {
                let busy = held(&self.busy).clone();
                // One that is lost is made up by the next; what lasts, the next claim tells.
                let _ = held(&self.record).beat(&busy);
                last = Instant::now();
            }
        }
    }
}

/// Takes the state at the end of a piece.
#[derive(Default)]
struct Pocket(Option<Checkpoint>);

impl Keeper for Pocket {
    fn due(&mut self, _: u64, _: bool) -> bool {
        false
    }

    fn keep(&mut self, checkpoint: &Checkpoint) -> Control {
        self.0 = Some(checkpoint.clone());
        Control::Continue
    }
}
