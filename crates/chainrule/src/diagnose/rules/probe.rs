//! Further trainings that decide what one training cannot: other rates, more epochs, no penalty.
//!
//! In: a file and its prepared rows. Out: findings with the end losses side by side. Invariants: a
//! trial differs from the training in the one thing that it is for; how much is spent follows from
//! rows, weights and steps, never from a clock, so that findings are the same everywhere; what would
//! cost too much is left undone. Deliberately absent: a search for the best setting.

use super::course::{curve, fails};
use super::{finding, said, short};
use crate::data::{Dataset, Part, Parts};
use crate::diagnose::evidence::course::mean;
use crate::diagnose::evidence::{Evidence, Gate};
use crate::diagnose::logged;
use crate::diagnose::smooth::{end, noise};
use crate::diagnose::{Finding, Severity};
use crate::model::Model;
use crate::train::{Control, Course as Way, Why};
use crate::trials::{Settings, Trials};

/// Seconds of one core that the trials of one question may take, as reckoned.
const SECONDS: f64 = 12.0;
/// What a core does about, in multiplications a second, and a step by itself.
const SPEED: f64 = 8e9;
const STEP: f64 = 4e-6;

/// Where trials are made.
pub(crate) struct Bench<'a> {
    model: &'a Model,
    parts: Parts<'a>,
    /// Seconds of an epoch, as reckoned.
    epoch: f64,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug)]
struct Result {
    /// Training loss at the end; infinite if it diverged.
    train: f64,
    /// The loss on watched rows at the end, if there are any.
    held: Option<f64>,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(model: &'a Model, parts: Parts<'a>, weights: usize) -> Self {
        let rows = parts.train.rows();
        let (batch, _) = model.settings().batch_for(rows);
        let work = 6.0 * weights as f64 * rows as f64 / SPEED;
        let steps = rows.div_ceil(batch.max(1)) as f64;
        let layers = model.module().trainable.len() as f64;
        let epoch = work + steps * STEP * layers.max(1.0);
        Self { model, parts, epoch }
    }

    fn train(&self) -> Option<&'a Dataset> {
        match self.parts.train {
            Part::Memory(data) => Some(data),
            Part::Disk(_) => None,
        }
    }

    /// Epochs that so many trials can afford; 0 if not even one each.
    fn afford(&self, trials: usize) -> usize {
        (SECONDS / self.epoch / trials as f64) as usize
    }

    /// Trains with each of these settings, as many at a time as there are cores.
    fn run(&self, settings: &[Settings]) -> Option<Vec<Result>> {
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
    fn without_penalty(&self) -> Option<Result> {
        let model = unpenalised(self.model)?;
        let parts = (self.parts.train, None);
        let trained = model
            .fit_course(parts, self.parts.preparation, Way::default(), &mut |_| {
                Control::Continue
            })
            .ok()?;
        let losses: Vec<f64> = trained.history().iter().map(|h| h.loss).collect();
        (!losses.is_empty()).then(|| Result { train: end(&losses), held: None })
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
struct Tried {
    factor: f64,
    /// The end loss with each seed.
    losses: Vec<f64>,
    mean: f64,
    /// The mean on watched rows.
    held: Option<f64>,
}

impl Tried {
    fn new(factor: f64, losses: Vec<f64>, held: Option<f64>) -> Self {
        let mean = mean(&losses);
        Self { factor, losses, mean, held }
    }

    /// Half of the way from the lowest to the highest seed.
    fn spread(&self) -> f64 {
        let low = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        (self.losses.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low) / 2.0
    }
}

/// What the rate is multiplied by.
const FACTORS: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];
/// Seeds of each factor, where they can be afforded.
const SEEDS: usize = 3;
/// An end loss below this share of another is better.
const BETTER: f64 = 0.67;
/// The same on watched rows.
const HELD: f64 = 0.85;
/// And by this share of the baseline.
const COUNTS: f64 = 0.05;

/// Each factor's end loss with its spread; and the epochs of a trial.
fn rates(e: &Evidence<'_>) -> Option<(Vec<Tried>, usize)> {
    let (bench, rate) = (e.bench.as_ref()?, e.rate()?);
    let settings = e.model.settings();
    let text = argument_text(e.model, "lr").unwrap_or_else(|| rate.to_string());
    let wanted = settings.epochs;
    let seeds =
        if bench.afford(FACTORS.len() * SEEDS) >= wanted.min(3) { SEEDS } else { 1 };
    let epochs = bench.afford(FACTORS.len() * seeds).min(wanted);
    if epochs == 0 {
        return None;
    }
    let one = |factor: f64, seed: u64| {
        vec![
            ("lr".to_owned(), format!("{factor} ({text})")),
            ("seed".to_owned(), (settings.seed.wrapping_add(seed)).to_string()),
            ("epochs".to_owned(), epochs.to_string()),
        ]
    };
    let all = FACTORS.iter().flat_map(|&f| (0..seeds as u64).map(move |s| one(f, s)));
    let ends = bench.run(&all.collect::<Vec<Settings>>())?;
    let tried = FACTORS.iter().zip(ends.chunks(seeds)).map(|(&factor, ends)| {
        let held: Option<Vec<f64>> = ends.iter().map(|r| r.held).collect();
        let losses = ends.iter().map(|r| r.train).collect();
        Tried::new(factor, losses, held.map(|h| mean(&h)))
    });
    Some((tried.collect(), epochs))
}

/// The text of an argument of the optimiser, where the file gives it.
pub(crate) fn argument_text(model: &Model, name: &str) -> Option<String> {
    use chainrule_graph::syntax::print::{Style, print_expr};
    let args = &model.settings().optimizer.args;
    let own = args.iter().find(|a| a.name.as_ref().is_none_or(|n| n.key == name))?;
    Some(print_expr(&own.value, Style::Unicode))
}

/// Whether a setting is better with every seed, and clearly so in the mean: one seed starts further away than another, so
/// only trainings with the same one are compared.
fn better(than: &Tried, other: &Tried, baseline: f64) -> bool {
    let one = |(a, b): (&f64, &f64)| b.is_finite() && b < a;
    let each = than.losses.iter().zip(&other.losses).all(one);
    // Rows that are only learned by heart are no gain.
    let held = match (than.held, other.held) {
        (Some(a), Some(b)) if a.is_finite() => b < HELD * a,
        _ => true,
    };
    let clearly = other.mean < BETTER * than.mean;
    each && clearly && held && than.mean - other.mean > COUNTS * baseline
}

/// Whether the answers cannot get better in any way that counts.
fn solved(e: &Evidence<'_>) -> bool {
    let last = e.course.as_ref().and_then(|c| c.history.last());
    last.and_then(|h| h.metric).is_some_and(|m| m >= 0.99)
}

fn baseline(e: &Evidence<'_>) -> f64 {
    e.gate().map_or(0.0, |g: Gate| g.baseline)
}

pub(super) fn rate(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    if e.course.is_none() || static_error(found) {
        return Vec::new();
    }
    let Some((tried, epochs)) = rates(e) else { return Vec::new() };
    let Some(own) = tried.iter().find(|t| t.factor == 1.0) else { return Vec::new() };
    let best = |side: &dyn Fn(f64) -> bool| {
        let all = tried.iter().filter(|t| side(t.factor));
        all.min_by(|a, b| a.mean.total_cmp(&b.mean))
    };
    let lower = best(&|f| f < 1.0).filter(|t| better(own, t, baseline(e)));
    let higher = best(&|f| f > 1.0).filter(|t| better(own, t, baseline(e)));
    if let Some(lower) = lower {
        return vec![of_rate(e, "lr_too_high", own, lower, epochs)];
    }
    match higher {
        Some(higher) if falling(e) && !solved(e) => {
            vec![of_rate(e, "lr_too_low", own, higher, epochs)]
        }
        _ => Vec::new(),
    }
}

/// Errors of the file itself: other settings do not help.
fn static_error(found: &[Finding]) -> bool {
    let own =
        |f: &Finding| !["exploding", "dead_relu", "vanishing_gradient"].contains(&f.id);
    found.iter().any(|f| f.severity == Severity::Error && own(f))
}

/// Whether the loss was still falling at the end.
fn falling(e: &Evidence<'_>) -> bool {
    let Some(course) = &e.course else { return false };
    let losses = curve(course).train;
    let n = losses.len();
    if n < 5 {
        return true;
    }
    let part = (n / 5).max(1);
    let (before, last) = (&losses[n - 2 * part..n - part], &losses[n - part..]);
    let error = noise(&losses) * libm::sqrt(2.0 / part as f64);
    mean(before) - mean(last) > 2.0 * error
}

fn of_rate(
    e: &Evidence<'_>,
    id: &'static str,
    own: &Tried,
    other: &Tried,
    epochs: usize,
) -> Finding {
    let rate = e.rate().unwrap_or(f64::NAN);
    let high = id == "lr_too_high";
    let learns = other.mean < 0.98 * baseline(e);
    let severity = match high && fails(e) && learns {
        true => Severity::Error,
        false => Severity::Warning,
    };
    let (word, how) = if high { ("high", "less") } else { ("low", "more") };
    let (a, b) = (short(own.mean), short(other.mean));
    let spread = short(own.spread().max(other.spread()));
    finding(id, severity, format!("lr = {}", short(rate)))
        .says(format!(
            "the rate {} is too {word}: with {} times it the same training ends at a loss of {b} \
             instead of {a} (± {spread}, {epochs} epochs)",
            short(rate),
            short(other.factor)
        ))
        .shows(&[
            ("rate", rate),
            ("factor", other.factor),
            ("loss", own.mean),
            ("loss_then", other.mean),
            ("epochs", epochs as f64),
        ])
        .advises(format!("lr = {}, or {how}", short(rate * other.factor)))
}

/// Below this share of its epochs' loss more epochs count.
const LEFT: f64 = 0.85;
/// What a short training is continued to, in epochs.
const LONGER: [usize; 2] = [2, 5];

pub(super) fn epochs(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(course) = &e.course else { return Vec::new() };
    let causes = ["exploding", "lr_too_high", "dead_relu", "vanishing_gradient"];
    if said(found, &causes)
        || static_error(found)
        || solved(e)
        || course.history.is_empty()
    {
        return Vec::new();
    }
    let run = curve(course);
    let few_points = run.train.len() < EPOCHS_SEEN;
    let slope = logged::too_few(&run).or_else(|| logged::too_low(&run));
    if slope.is_none() && !few_points && !(fails(e) && falling(e)) {
        return Vec::new();
    }
    let factor = LONGER[usize::from(few_points)];
    let epochs = course.history.len();
    let now = match run.train.len() {
        0 => return Vec::new(),
        _ => end(&run.train),
    };
    match continued(e, factor * epochs) {
        Some(then) if then < LEFT * now && now - then > COUNTS / 2.0 * baseline(e) => {
            vec![too_few(epochs, factor, now, Some(then))]
        }
        Some(_) => Vec::new(),
        None if slope.is_some() => vec![too_few(epochs, factor, now, None)],
        None => Vec::new(),
    }
}

/// Fewer points of a curve have no shape.
const EPOCHS_SEEN: usize = 10;

/// The end loss of a training with more epochs; `None` if that costs too much.
fn continued(e: &Evidence<'_>, epochs: usize) -> Option<f64> {
    let bench = e.bench.as_ref().filter(|b| b.afford(1) >= epochs)?;
    let set = vec![("epochs".to_owned(), epochs.to_string())];
    bench.run(&[set])?.first().map(|r| r.train)
}

fn too_few(epochs: usize, factor: usize, now: f64, then: Option<f64>) -> Finding {
    let s = if epochs == 1 { "" } else { "s" };
    let words = match then {
        Some(then) => format!(
            "after {epochs} epoch{s} the loss is {}; with {} epochs it comes to {}",
            short(now),
            factor * epochs,
            short(then)
        ),
        None => format!(
            "after {epochs} epoch{s} the loss is {} and still falling: the last fifth brought \
             more than a tenth of the whole fall",
            short(now)
        ),
    };
    finding("too_few_epochs", Severity::Warning, format!("epoch {epochs}"))
        .says(words)
        .shows(&[
            ("epochs", epochs as f64),
            ("loss", now),
            ("loss_then", then.unwrap_or(f64::NAN)),
        ])
        .advises(format!("epochs {} or more, or a higher rate", factor * epochs))
}

/// A penalty above this share of the objective is looked into.
const SHARE: f64 = 0.5;

pub(super) fn penalty(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(course) = e.course.as_ref().filter(|_| e.has_penalty()) else {
        return Vec::new();
    };
    let Some(last) = course.history.last() else { return Vec::new() };
    let share = (last.objective - last.loss) / last.objective;
    let cost = e.bench.as_ref().filter(|b| b.afford(1) >= e.model.settings().epochs);
    if !(share > SHARE || fails(e)) {
        return Vec::new();
    }
    let Some(free) = cost.and_then(Bench::without_penalty) else { return Vec::new() };
    let own = Tried::new(1.0, vec![last.loss], None);
    let other = Tried::new(0.0, vec![free.train], None);
    if !better(&own, &other, baseline(e)) {
        return Vec::new();
    }
    let severity = if fails(e) { Severity::Error } else { Severity::Warning };
    vec![
        finding("over_regularised", severity, "minimize")
            .says(format!(
                "the penalty is {:.0} % of the objective, and keeps the loss at {}; the same \
                 training without it comes to {}",
                100.0 * share,
                short(last.loss),
                short(free.train)
            ))
            .shows(&[
                ("share", share),
                ("loss", last.loss),
                ("loss_without", free.train),
            ])
            .advises("a tenth of the penalty's factor, or a hundredth"),
    ]
}
