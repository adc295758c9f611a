//! The loop: from prepared data and a started network to a trained one.
//!
//! In: [`Settings`], data sets, something that does steps. Out: events on the way, the history
//! and the end. Invariants: the order of rows is a function of (seed, epoch); a run does not look
//! at the clock but for `stop after` and the seconds that it reports, so that its numbers are the
//! same on any machine and for any number of threads; when a value is not finite, the update that
//! would follow is not made. Deliberately absent: screens, files, printing.

mod engine;
mod event;
mod feed;
mod score;
mod settings;
mod watch;

use std::time::Instant;

use chainrule_kernels::rng::Draws;

use crate::data::Dataset;
use score::Tally;
use watch::Watch;

use engine::{Done, StepAt};
pub(crate) use engine::{Engine, Machines, Meter, Planned, check_rule};
pub use event::{Batch, Begin, Control, End, Epoch, Event, Why};
pub(crate) use feed::{Fed, mean_weight};
pub use score::Measure;
pub use settings::{Plateau, Settings};

/// Draws for the order of rows; other rooms have other numbers.
const PURPOSE: u32 = 2;

/// Rows that are looked at together where nothing is learned.
pub(crate) const EVALUATION_ROWS: usize = 256;

/// What is trained on, and what is counted.
pub(crate) struct Job<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) train: &'a Dataset,
    pub(crate) watched: Option<&'a Dataset>,
    /// The target beside the output, and how the two are compared.
    pub(crate) metric: Option<(String, Measure)>,
    pub(crate) parameters: usize,
    pub(crate) fingerprint: String,
    /// What is to be said before the first step.
    pub(crate) notes: Vec<String>,
}

/// How it went.
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) history: Vec<Epoch>,
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

/// Trains; the engine holds the weights that are to be kept when it returns.
pub(crate) fn train(
    engine: &mut dyn Engine,
    job: &Job<'_>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Outcome {
    let mut ears = Ears { on_event, stop: false };
    let mut run = Run::new(job);
    run.begin(&mut ears);
    let why = run.epochs(engine, &mut ears);
    let kept = run.keep(engine, &why);
    let end = End {
        why,
        epochs: run.history.len(),
        steps: run.step,
        kept,
        seconds: run.started.elapsed().as_secs_f64(),
    };
    ears.tell(&Event::End(end.clone()));
    Outcome { end, history: run.history }
}

struct Run<'a> {
    job: &'a Job<'a>,
    started: Instant,
    rows: usize,
    batch: usize,
    note: Option<String>,
    step: u64,
    watch: Watch,
    history: Vec<Epoch>,
    /// Weights of the best epoch.
    best: Option<(usize, Vec<f64>)>,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job<'a>) -> Self {
        let rows = job.train.rows;
        let (batch, note) = job.settings.batch_for(rows);
        Self {
            job,
            started: Instant::now(),
            rows,
            batch,
            note,
            step: 0,
            watch: Watch::new(job.settings),
            history: Vec::new(),
            best: None,
        }
    }

    fn begin(&mut self, ears: &mut Ears<'_>) {
        let settings = self.job.settings;
        ears.tell(&Event::Start(Begin {
            rows: self.rows,
            held_out: self.job.watched.map_or(0, |d| d.rows),
            parameters: self.job.parameters,
            batch: self.batch,
            batches: self.batches(),
            epochs: settings.epochs,
            metric: self.job.metric.as_ref().map(|(_, m)| m.name()),
            fingerprint: self.job.fingerprint.clone(),
        }));
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
        notes.into_iter().for_each(|n| ears.tell(&Event::Note(n)));
    }

    fn batches(&self) -> usize {
        self.rows.div_ceil(self.batch)
    }

    fn epochs(&mut self, engine: &mut dyn Engine, ears: &mut Ears<'_>) -> Why {
        for epoch in 1..=self.job.settings.epochs {
            let figures = match self.epoch(engine, ears, epoch) {
                Ok(figures) => figures,
                Err(why) => return why,
            };
            if let Some(why) = self.after(engine, ears, figures) {
                return why;
            }
        }
        Why::Epochs
    }

    /// The order of the rows in an epoch; where one batch holds all rows, that of the data.
    fn order(&self, epoch: usize) -> Vec<u32> {
        if self.batch == self.rows {
            return (0..self.rows as u32).collect();
        }
        let draws = Draws::new(self.job.settings.seed, PURPOSE);
        draws.permutation(epoch as u64, self.rows)
    }

    /// One pass over the rows.
    fn epoch(
        &mut self,
        engine: &mut dyn Engine,
        ears: &mut Ears<'_>,
        epoch: usize,
    ) -> Result<Epoch, Why> {
        let order = self.order(epoch);
        let mut sums = Sums::new(self.job.metric.as_ref().map(|(_, m)| *m));
        let total = (self.job.settings.epochs * self.batches()) as u64;
        for (b, rows) in order.chunks(self.batch).enumerate() {
            self.step += 1;
            let (step, scale, last) =
                (self.step, self.watch.scale, b + 1 == self.batches());
            let at = StepAt { step, epoch, total, scale, last };
            let Some(done) = engine.step(rows, &at) else {
                let equation = engine.first_nonfinite();
                return Err(Why::NotFinite { equation, epoch, step });
            };
            sums.add(&done, rows.len());
            self.score(engine, &mut sums, self.job.train, rows);
            (sums.lr, sums.gradient) = (done.lr, done.gradient);
            let (batch, rows, objective) = (b + 1, rows.len(), done.objective);
            ears.tell(&Event::Batch(Batch {
                epoch,
                batch,
                step: self.step,
                rows,
                objective,
            }));
            self.interrupted(ears)?;
        }
        Ok(self.figures(engine, sums, epoch))
    }

    fn interrupted(&self, ears: &Ears<'_>) -> Result<(), Why> {
        if ears.stop {
            return Err(Why::Interrupted);
        }
        let limit = self.job.settings.stop_after;
        match limit.is_some_and(|s| self.started.elapsed().as_secs_f64() >= s) {
            true => Err(Why::Time),
            false => Ok(()),
        }
    }

    fn score(
        &self,
        engine: &mut dyn Engine,
        sums: &mut Sums,
        data: &Dataset,
        rows: &[u32],
    ) {
        if let (Some((key, _)), Some(tally)) = (&self.job.metric, &mut sums.tally)
            && let Some(target) = data.array(key)
        {
            tally.add(target, rows, engine.output());
        }
    }

    /// The figures of the epoch, with the exact ones of the watched rows.
    fn figures(&mut self, engine: &mut dyn Engine, sums: Sums, epoch: usize) -> Epoch {
        let held = self.job.watched.map(|data| self.held(engine, data));
        Epoch {
            epoch,
            step: self.step,
            objective: sums.mean(sums.objective),
            loss: sums.mean(sums.loss),
            metric: sums.tally.as_ref().and_then(Tally::value),
            held_loss: held.as_ref().map(|h| h.mean(h.loss)),
            held_metric: held.as_ref().and_then(|h| h.tally.as_ref()?.value()),
            lr: sums.lr,
            gradient: sums.gradient,
            best: false,
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }

    fn held(&self, engine: &mut dyn Engine, data: &Dataset) -> Sums {
        let mut sums = Sums::new(self.job.metric.as_ref().map(|(_, m)| *m));
        let rows: Vec<u32> = (0..data.rows as u32).collect();
        for rows in rows.chunks(EVALUATION_ROWS) {
            let done = engine.measure(rows);
            sums.add(&done, rows.len());
            self.score(engine, &mut sums, data, rows);
        }
        sums
    }

    /// Looks at the epoch: is it the best, is it time to stop.
    fn after(
        &mut self,
        engine: &mut dyn Engine,
        ears: &mut Ears<'_>,
        mut figures: Epoch,
    ) -> Option<Why> {
        let verdict = self.watch.epoch(figures.held_loss.unwrap_or(figures.objective));
        figures.best = verdict.best;
        if verdict.best && self.job.settings.keep_best {
            self.best = Some((figures.epoch, engine.weights()));
        }
        ears.tell(&Event::Epoch(figures.clone()));
        self.history.push(figures);
        if verdict.lowered {
            let scale = self.watch.scale;
            ears.tell(&Event::Note(format!(
                "no better epoch: the rate is now × {scale}"
            )));
        }
        match self.interrupted(ears) {
            Err(why) => Some(why),
            Ok(()) => verdict.stop.then_some(Why::Patience),
        }
    }

    /// Puts back the weights that are to be kept; gives the last finished epoch that they know.
    fn keep(&mut self, engine: &mut dyn Engine, why: &Why) -> usize {
        if let Some((epoch, weights)) = self.best.take() {
            engine.set_weights(&weights);
            return epoch;
        }
        if matches!(why, Why::NotFinite { .. }) {
            engine.set_finite_weights();
        }
        self.history.len()
    }
}

/// Sums over the rows of an epoch.
struct Sums {
    rows: usize,
    objective: f64,
    loss: f64,
    tally: Option<Tally>,
    lr: Option<f64>,
    gradient: Option<f64>,
}

impl Sums {
    fn new(measure: Option<Measure>) -> Self {
        let tally = measure.map(Tally::new);
        Self { rows: 0, objective: 0.0, loss: 0.0, tally, lr: None, gradient: None }
    }

    /// A shorter last batch counts with its own number of rows.
    fn add(&mut self, done: &Done, rows: usize) {
        self.rows += rows;
        self.objective += done.objective * rows as f64;
        self.loss += done.loss * rows as f64;
    }

    fn mean(&self, sum: f64) -> f64 {
        sum / self.rows as f64
    }
}
