//! The loop: from prepared data and a started network to a trained one.
//!
//! In: [`Settings`], data sets, something that does steps. Out: events on the way, the history
//! and the end. Invariants: the order of rows is a function of (seed, epoch); a run does not look
//! at the clock but for `stop after` and the seconds that it reports, so that its numbers are the
//! same on any machine and for any number of threads; when a value is not finite, the update that
//! would follow is not made; a loop put back to a checkpoint goes on as if it had never stopped.
//! Deliberately absent: screens, files, printing.

mod carried;
mod engine;
mod event;
mod feed;
mod moves;
mod order;
mod score;
mod settings;
mod state;
mod watch;

use std::time::Instant;

use crate::data::Part;
use crate::error::Error;
use score::Tally;

use engine::{Done, StepAt};
pub(crate) use engine::{Engine, Machines, Meter, Planned, check_rule, depends_on_total};
pub use event::{Batch, Begin, Control, End, Epoch, Event, Why};
pub(crate) use feed::{Fed, Feeds, PartFeeds};
pub(crate) use moves::{Looker, Move, Weights, rms};
pub(crate) use order::Order;
pub use score::Measure;
pub use settings::{Plateau, Settings};
use state::Sums;
pub(crate) use state::{Checkpoint, State};

/// Rows that are looked at together where nothing is learned.
pub(crate) const EVALUATION_ROWS: usize = 256;

/// What is trained on, and what is counted.
pub(crate) struct Job<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) train: Part<'a>,
    pub(crate) watched: Option<Part<'a>>,
    /// How the target beside the output is compared with it.
    pub(crate) metric: Option<Measure>,
    pub(crate) parameters: usize,
    pub(crate) fingerprint: String,
    /// What is to be said before the first step.
    pub(crate) notes: Vec<String>,
}

/// How a piece of training goes: from where, who keeps what is on the way, where it ends.
#[derive(Default)]
pub(crate) struct Course<'a> {
    /// The place to go on from; `None`: the start.
    pub(crate) from: Option<Checkpoint>,
    /// Who takes checkpoints.
    pub(crate) keeper: Option<&'a mut dyn Keeper>,
    /// The end of a run that is repeated, if a clock or a person decided it.
    pub(crate) until: Option<End>,
    /// What other trainings on the same data made of it.
    pub(crate) feeds: Option<&'a PartFeeds>,
    /// Who looks on at the end of epochs.
    pub(crate) looker: Option<&'a mut dyn Looker>,
}

/// Who takes checkpoints, and says when one is wanted.
pub(crate) trait Keeper {
    /// Whether to save now; asked between steps.
    fn due(&mut self, step: u64, epoch_done: bool) -> bool;
    /// Takes a checkpoint; [`Control::Stop`] if it cannot be kept.
    fn keep(&mut self, checkpoint: &Checkpoint) -> Control;
}

/// How it went.
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) history: Vec<Epoch>,
    pub(crate) notes: Vec<String>,
}

/// Answers of the face, kept until the loop looks.
struct Ears<'a> {
    on_event: &'a mut dyn FnMut(&Event) -> Control,
    stop: bool,
}

impl Ears<'_> {
    fn tell(&mut self, event: &Event) {
        self.stop |= (self.on_event)(event) == Control::Stop;
    }
}

/// Trains; the engine stands where the course begins, and holds the weights that are to be kept
/// when it returns.
///
/// # Errors
/// What reading rows from a disk may fail with; what was learned until then is saved.
pub(crate) fn train(
    engine: &mut dyn Engine,
    job: &Job<'_>,
    course: Course<'_>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Outcome, Error> {
    let mut ears = Ears { on_event, stop: false };
    let mut run = Run::new(job, course);
    run.begin(&mut ears);
    let why = run.epochs(engine, &mut ears);
    if !matches!(why, Why::NotFinite { .. }) {
        run.save(engine, &mut ears);
    }
    if let Some(error) = run.failed.take() {
        return Err(error);
    }
    let kept = run.keep(engine, &why);
    let seconds = run.seconds();
    let State { step: steps, history, notes, .. } = run.state;
    let end = End { why, epochs: history.len(), steps, kept, seconds };
    ears.tell(&Event::End(end.clone()));
    Ok(Outcome { end, history, notes })
}

struct Run<'a, 'k> {
    job: &'a Job<'a>,
    started: Instant,
    rows: usize,
    batch: usize,
    note: Option<String>,
    measure: Option<Measure>,
    /// Everything here that changes from step to step.
    state: State,
    going_on: bool,
    /// Seconds of training before this piece of it.
    before: f64,
    keeper: Option<&'k mut dyn Keeper>,
    looker: Option<&'k mut dyn Looker>,
    until: Option<End>,
    /// Why no rows came.
    failed: Option<Error>,
}

impl<'a, 'k> Run<'a, 'k> {
    fn new(job: &'a Job<'a>, course: Course<'k>) -> Self {
        let rows = job.train.rows();
        let (batch, note) = job.settings.batch_for(rows);
        let measure = job.metric;
        let going_on = course.from.is_some();
        let state = course.from.map_or_else(|| State::start(measure), |c| c.state);
        Self {
            job,
            started: Instant::now(),
            rows,
            batch,
            note,
            measure,
            before: state.seconds,
            state,
            going_on,
            keeper: course.keeper,
            looker: course.looker,
            until: course.until,
            failed: None,
        }
    }

    fn begin(&mut self, ears: &mut Ears<'_>) {
        let settings = self.job.settings;
        ears.tell(&Event::Start(Begin {
            rows: self.rows,
            held_out: self.job.watched.map_or(0, Part::rows),
            parameters: self.job.parameters,
            batch: self.batch,
            batches: self.batches(),
            epochs: settings.epochs,
            done: self.state.step,
            metric: self.measure.map(Measure::name),
            fingerprint: self.job.fingerprint.clone(),
        }));
        if !self.going_on {
            self.first_words(ears);
        }
    }

    /// What is to be said before the first step of all.
    fn first_words(&mut self, ears: &mut Ears<'_>) {
        let settings = self.job.settings;
        let mut notes = self.job.notes.clone();
        notes.extend(self.note.take());
        let watches = settings.patience.is_some() || settings.plateau.is_some();
        if self.job.watched.is_none() && (watches || settings.keep_best) {
            notes.push(
                "no rows are held out, so the training objective decides what is best"
                    .into(),
            );
        }
        if self.rows == 1 {
            notes.push(
                "there is one row to train on: the network can only learn it".into(),
            );
        }
        notes.into_iter().for_each(|n| self.say(n, ears));
    }

    /// Says something aloud that is part of how the training went.
    fn say(&mut self, note: String, ears: &mut Ears<'_>) {
        self.state.notes.push(note.clone());
        ears.tell(&Event::Note(note));
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn batches(&self) -> usize {
        self.rows.div_ceil(self.batch)
    }

    fn epochs(&mut self, engine: &mut dyn Engine, ears: &mut Ears<'_>) -> Why {
        loop {
            if let Some(why) = self.over() {
                return why;
            }
            let done = self.interrupted(ears).and_then(|()| self.epoch(engine, ears));
            if let Err(why) = done {
                return why;
            }
            match self.figures(engine) {
                Ok(figures) => self.after(engine, ears, figures),
                Err(why) => return why,
            }
            self.save_if_due(engine, ears, true);
        }
    }

    /// Whether nothing is left to do.
    fn over(&self) -> Option<Why> {
        if self.state.watch.over(self.job.settings) {
            return Some(Why::Patience);
        }
        (self.state.epoch > self.job.settings.epochs).then_some(Why::Epochs)
    }

    /// Saves what is on the way, if it is time to.
    fn save_if_due(
        &mut self,
        engine: &mut dyn Engine,
        ears: &mut Ears<'_>,
        epoch_done: bool,
    ) {
        let step = self.state.step;
        if self.keeper.as_mut().is_some_and(|k| k.due(step, epoch_done)) {
            self.save(engine, ears);
        }
    }

    fn save(&mut self, engine: &mut dyn Engine, ears: &mut Ears<'_>) {
        self.state.seconds = self.seconds();
        if let Some(keeper) = &mut self.keeper {
            let (state, tensors) = (self.state.clone(), engine.export());
            let answer = keeper.keep(&Checkpoint { state, tensors });
            ears.stop |= answer == Control::Stop;
        }
    }

    /// The order of the rows in an epoch; where one batch holds all rows, that of the data.
    fn order(&self, epoch: usize) -> Order {
        if self.batch == self.rows {
            return Order::whole(self.job.train);
        }
        Order::shuffled(self.job.train, self.job.settings.seed, epoch)
    }

    /// Remembers why no rows came, and stops.
    fn fail(&mut self, error: Error) -> Why {
        self.failed = Some(error);
        Why::Interrupted
    }

    /// One pass over the rows, or what is left of it.
    fn epoch(&mut self, engine: &mut dyn Engine, ears: &mut Ears<'_>) -> Result<(), Why> {
        let epoch = self.state.epoch;
        let order = self.order(epoch);
        let total = (self.job.settings.epochs * self.batches()) as u64;
        let due = self.looker.as_mut().is_some_and(|l| l.due(epoch));
        while self.state.batch < self.batches() {
            let (from, batch) = (self.state.batch * self.batch, self.state.batch + 1);
            let rows = self.batch.min(self.rows - from);
            engine.bring(&order, from, rows).map_err(|e| self.fail(e))?;
            let (step, scale) = (self.state.step + 1, self.state.watch.scale);
            let last = batch == self.batches();
            let at = StepAt { step, epoch, total, scale, last, look: last && due };
            let Some(done) = engine.step(&at) else {
                let equation = engine.first_nonfinite();
                return Err(Why::NotFinite { equation, epoch, step });
            };
            (self.state.step, self.state.batch) = (step, batch);
            self.count(engine, &done, rows);
            let (rows, objective, loss) = (rows, done.objective, done.loss);
            let told = Batch { epoch, batch, step, rows, objective, loss };
            ears.tell(&Event::Batch(told));
            self.save_if_due(engine, ears, false);
            self.interrupted(ears)?;
        }
        Ok(())
    }

    /// Adds a batch to the figures of the epoch.
    fn count(&mut self, engine: &dyn Engine, done: &Done, rows: usize) {
        let sums = &mut self.state.sums;
        sums.add(done, rows);
        (sums.lr, sums.gradient) = (done.lr, done.gradient);
        if let Some(tally) = &mut sums.tally {
            engine.score(false, tally);
        }
    }

    fn interrupted(&self, ears: &Ears<'_>) -> Result<(), Why> {
        if ears.stop {
            return Err(Why::Interrupted);
        }
        if let Some(end) = &self.until {
            let there = (self.state.step, self.state.history.len());
            return if there == (end.steps, end.epochs) {
                Err(end.why.clone())
            } else {
                Ok(())
            };
        }
        let limit = self.job.settings.stop_after;
        match limit.is_some_and(|s| self.seconds() >= s) {
            true => Err(Why::Time),
            false => Ok(()),
        }
    }

    /// The figures of the epoch, with the exact ones of the watched rows.
    fn figures(&mut self, engine: &mut dyn Engine) -> Result<Epoch, Why> {
        let held = self.job.watched.map(|part| self.held(engine, part)).transpose();
        let held = held.map_err(|e| self.fail(e))?;
        let sums = std::mem::replace(&mut self.state.sums, Sums::new(self.measure));
        Ok(Epoch {
            epoch: self.state.epoch,
            step: self.state.step,
            objective: sums.mean(sums.objective),
            loss: sums.mean(sums.loss),
            metric: sums.tally.as_ref().and_then(Tally::value),
            held_loss: held.as_ref().map(|h| h.mean(h.loss)),
            held_metric: held.as_ref().and_then(|h| h.tally.as_ref()?.value()),
            lr: sums.lr,
            gradient: sums.gradient,
            best: false,
            seconds: self.seconds(),
        })
    }

    fn held(&self, engine: &mut dyn Engine, part: Part<'_>) -> Result<Sums, Error> {
        let mut sums = Sums::new(self.measure);
        let order = Order::straight(part);
        for from in (0..part.rows()).step_by(EVALUATION_ROWS) {
            let rows = EVALUATION_ROWS.min(part.rows() - from);
            let done = engine.measure(&order, from, rows)?;
            sums.add(&done, rows);
            if let Some(tally) = &mut sums.tally {
                engine.score(true, tally);
            }
        }
        Ok(sums)
    }

    /// Closes the epoch: is it the best, does the rate go down.
    fn after(
        &mut self,
        engine: &mut dyn Engine,
        ears: &mut Ears<'_>,
        mut figures: Epoch,
    ) {
        let settings = self.job.settings;
        let figure = figures.held_loss.unwrap_or(figures.objective);
        let verdict = self.state.watch.epoch(figure, settings);
        figures.best = verdict.best;
        if verdict.best && settings.keep_best {
            engine.keep_as_best();
            self.state.best = Some(figures.epoch);
        }
        (self.state.epoch, self.state.batch) = (figures.epoch + 1, 0);
        self.state.history.push(figures.clone());
        if let Some(looker) = &mut self.looker {
            looker.look(&figures, engine.moves(), &|| engine.weights());
        }
        ears.tell(&Event::Epoch(figures));
        if verdict.lowered {
            let scale = self.state.watch.scale;
            self.say(format!("no better epoch: the rate is now × {scale}"), ears);
        }
    }

    /// Puts back the weights that are to be kept; gives the last finished epoch that they know.
    fn keep(&mut self, engine: &mut dyn Engine, why: &Why) -> usize {
        if let Some(epoch) = self.state.best {
            engine.set_best_weights();
            return epoch;
        }
        if matches!(why, Why::NotFinite { .. }) {
            engine.set_finite_weights();
        }
        self.state.history.len()
    }
}
