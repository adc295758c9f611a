//! Where further trainings are made, and what it takes to call one better than another.
//!
//! In: a file and its prepared rows, settings that differ. Out: end losses, with several seeds each.
//! Invariants: a trial differs from the training in the one thing that it is for; how much is spent
//! follows from rows, weights and steps, never from a clock, so that findings are the same
//! everywhere; what would cost too much is left undone. Deliberately absent: findings (see `probe`,
//! `batch`).

use crate::data::{Dataset, Part, Parts};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::evidence::course::mean;
use crate::diagnose::smooth::end;
use crate::model::Model;
use crate::train::{Control, Course as Way, Why};
use crate::trials::{Settings, Trials};

/// Seconds of one core that the trials of one question may take, as reckoned.
const SECONDS: f64 = 12.0;
/// What a core does about, in multiplications a second, and a step by itself.
const SPEED: f64 = 8e9;
const STEP: f64 = 4e-6;

/// Where trials are made.
#[derive(Clone, Copy)]
pub(crate) struct Bench<'a> {
    model: &'a Model,
    parts: Parts<'a>,
    weights: usize,
    /// Rows of a step.
    batch: usize,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Result {
    /// Training loss at the end; infinite if it diverged.
    pub(super) train: f64,
    /// The loss on watched rows at the end, if there are any.
    pub(super) held: Option<f64>,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(model: &'a Model, parts: Parts<'a>, weights: usize) -> Self {
        let (batch, _) = model.settings().batch_for(parts.train.rows());
        Self { model, parts, weights, batch: batch.max(1) }
    }

    /// The same where a step has so many rows.
    pub(super) fn with_batch(self, batch: usize) -> Self {
        Self { batch: batch.max(1), ..self }
    }

    /// Seconds of an epoch, as reckoned.
    fn epoch(&self) -> f64 {
        let rows = self.parts.train.rows();
        let work = 6.0 * self.weights as f64 * rows as f64 / SPEED;
        let layers = self.model.module().trainable.len() as f64;
        work + rows.div_ceil(self.batch) as f64 * STEP * layers.max(1.0)
    }

    fn train(&self) -> Option<&'a Dataset> {
        match self.parts.train {
            Part::Memory(data) => Some(data),
            Part::Disk(_) => None,
        }
    }

    /// Epochs that so many trials can afford; 0 if not even one each.
    pub(super) fn afford(&self, trials: usize) -> usize {
        (SECONDS / self.epoch() / trials as f64) as usize
    }

    /// Trains with each of these settings, as many at a time as there are cores.
    pub(super) fn run(&self, settings: &[Settings]) -> Option<Vec<Result>> {
        let train = self.train()?;
        let watched = self.parts.watched().and_then(|p| match p {
            Part::Memory(data) => Some(data.clone()),
            Part::Disk(_) => None,
        });
        let kept = (train.clone(), watched, self.parts.preparation.clone());
        let trials = Trials::of_parts(self.model, settings, kept);
        let ends = trials.run(0, &|_, _| Control::Continue, &|_, ended| {
            let trained = ended.ok()?.trained;
            let broke =
                matches!(trained.end().map(|e| &e.why), Some(Why::NotFinite { .. }));
            let losses: Vec<f64> = trained.history().iter().map(|h| h.loss).collect();
            let last = if losses.is_empty() { f64::INFINITY } else { end(&losses) };
            let train = if broke { f64::INFINITY } else { last };
            let held = trained.history().last().and_then(|h| h.held_loss);
            Some(Result { train, held })
        });
        ends.into_iter().map(Option::flatten).collect()
    }

    /// The same training without what the objective holds besides the mean loss.
    pub(super) fn without_penalty(&self) -> Option<Result> {
        let model = unpenalised(self.model)?;
        let parts = (self.parts.train, self.parts.watched());
        let trained = model
            .fit_course(parts, self.parts.preparation, Way::default(), &mut |_| {
                Control::Continue
            })
            .ok()?;
        let losses: Vec<f64> = trained.history().iter().map(|h| h.loss).collect();
        let held = trained.history().last().and_then(|h| h.held_loss);
        (!losses.is_empty()).then(|| Result { train: end(&losses), held })
    }
}

/// The file with the mean loss alone as its objective.
fn unpenalised(model: &Model) -> Option<Model> {
    use chainrule_graph::derived::derive;
    use chainrule_graph::graph::Op;
    let mut open = model.clone();
    let objective = open.module.objective.as_mut()?;
    let span = objective.span;
    objective.node = open.module.graph.add(Op::ExMean, &[objective.loss?], span);
    open.derived = derive(&open.module).ok()?;
    Some(open)
}

/// A setting with several seeds.
pub(super) struct Tried {
    pub(super) factor: f64,
    /// The end loss with each seed.
    losses: Vec<f64>,
    pub(super) mean: f64,
    /// The mean on watched rows.
    held: Option<f64>,
}

impl Tried {
    pub(super) fn new(factor: f64, losses: Vec<f64>, held: Option<f64>) -> Self {
        let mean = mean(&losses);
        Self { factor, losses, mean, held }
    }

    /// Half of the way from the lowest to the highest seed.
    pub(super) fn spread(&self) -> f64 {
        let low = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        (self.losses.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low) / 2.0
    }
}

/// Seeds of each factor, where they can be afforded.
const SEEDS: usize = 3;
/// An end loss below this share of another is better.
const BETTER: f64 = 0.67;
/// The same on watched rows.
const HELD: f64 = 0.85;
/// So is one that wins this share of the way from the baseline to it: where chance in the targets
/// leaves a loss that nothing takes away, no share of the loss tells.
const WAY: f64 = 0.25;
/// And by this share of the baseline.
pub(super) const COUNTS: f64 = 0.05;

/// The same training with each of these settings, and how it ended, under the number it goes by; and
/// the epochs of a trial.
pub(super) fn tries(
    e: &Evidence<'_>,
    bench: Bench<'_>,
    set: &[(f64, (String, String))],
) -> Option<(Vec<Tried>, usize)> {
    let settings = e.model.settings();
    let wanted = settings.epochs;
    let seeds = if bench.afford(set.len() * SEEDS) >= wanted.min(3) { SEEDS } else { 1 };
    let epochs = bench.afford(set.len() * seeds).min(wanted);
    if epochs == 0 {
        return None;
    }
    let one = |own: &(String, String), seed: u64| {
        let seed = settings.seed.wrapping_add(seed).to_string();
        let epochs = epochs.to_string();
        vec![own.clone(), ("seed".to_owned(), seed), ("epochs".to_owned(), epochs)]
    };
    let all = set.iter().flat_map(|(_, own)| (0..seeds as u64).map(|s| one(own, s)));
    let ends = bench.run(&all.collect::<Vec<Settings>>())?;
    let tried = set.iter().zip(ends.chunks(seeds)).map(|((factor, _), ends)| {
        let held: Option<Vec<f64>> = ends.iter().map(|r| r.held).collect();
        let losses = ends.iter().map(|r| r.train).collect();
        Tried::new(*factor, losses, held.map(|h| mean(&h)))
    });
    Some((tried.collect(), epochs))
}

/// Whether a loss is clearly lower than another.
pub(super) fn gains(from: f64, to: f64, share: f64, baseline: f64) -> bool {
    to < share * from || (to < baseline && from - to > WAY * (baseline - to))
}

/// Whether a setting is better with every seed, and clearly so in the mean: one seed starts further away than another, so
/// only trainings with the same one are compared.
pub(super) fn better(than: &Tried, other: &Tried, baseline: f64) -> bool {
    let one = |(a, b): (&f64, &f64)| b.is_finite() && b < a;
    let each = than.losses.iter().zip(&other.losses).all(one);
    // Rows that are only learned by heart are no gain.
    let held = match (than.held, other.held) {
        (Some(a), Some(b)) if a.is_finite() => gains(a, b, HELD, baseline),
        _ => true,
    };
    let clearly = gains(than.mean, other.mean, BETTER, baseline);
    each && clearly && held && than.mean - other.mean > COUNTS * baseline
}
