//! Further trainings that decide what one training cannot: other rates, more epochs, no penalty.
//!
//! In: evidence, with a bench where trainings can be made. Out: findings with the end losses side by
//! side. Invariant: where trainings cannot be afforded nothing is said. Deliberately absent: a search
//! for the best setting; how trials are made (see `bench`).

use super::bench::{Bench, COUNTS, Result, Tried, better, gains, tries};
use super::course::{curve, fails};
use super::{finding, said, short};
use crate::diagnose::evidence::course::mean;
use crate::diagnose::evidence::{Evidence, Gate, LEARNS};
use crate::diagnose::logged;
use crate::diagnose::smooth::{end, noise};
use crate::diagnose::{Finding, Severity};
use crate::model::Model;
use crate::train::Move;

/// What the rate is multiplied by.
const FACTORS: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];

/// Each factor's end loss with its spread; and the epochs of a trial.
fn rates(e: &Evidence<'_>) -> Option<(Vec<Tried>, usize)> {
    let (bench, rate) = (e.bench.as_ref()?, e.rate()?);
    let text = argument_text(e.model, "lr").unwrap_or_else(|| rate.to_string());
    let set = FACTORS.map(|f| (f, ("lr".to_owned(), format!("{f} ({text})"))));
    tries(e, *bench, &set)
}

/// The text of an argument of the optimiser, where the file gives it.
pub(crate) fn argument_text(model: &Model, name: &str) -> Option<String> {
    use chainrule_graph::syntax::print::{Style, print_expr};
    let args = &model.settings().optimizer.args;
    let own = args.iter().find(|a| a.name.as_ref().is_none_or(|n| n.key == name))?;
    Some(print_expr(&own.value, Style::Unicode))
}

/// Whether the answers cannot get better in any way that counts.
pub(super) fn solved(e: &Evidence<'_>) -> bool {
    let last = e.course.as_ref().and_then(|c| c.history.last());
    last.and_then(|h| h.metric).is_some_and(|m| m >= 0.99)
}

pub(super) fn baseline(e: &Evidence<'_>) -> f64 {
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
    // What is ahead after a few epochs need not be at the end: then it has to beat the whole training.
    let whole = match epochs < e.model.settings().epochs {
        true => e.course.as_ref().map_or(f64::INFINITY, |c| end(&curve(c).train)),
        false => f64::INFINITY,
    };
    let ahead = |t: &&Tried| better(own, t, baseline(e)) && t.mean < whole;
    let lower = best(&|f| f < 1.0).filter(ahead);
    let higher = best(&|f| f > 1.0).filter(|t| better(own, t, baseline(e)));
    if let Some(lower) = lower {
        return vec![of_rate(e, "lr_too_high", own, lower, epochs)];
    }
    match higher {
        Some(higher) if (falling(e) || fails(e)) && !solved(e) => {
            vec![of_rate(e, "lr_too_low", own, higher, epochs)]
        }
        _ => standing(e).into_iter().collect(),
    }
}

/// A step that changes weights by less than this share of their size.
const STILL: f64 = 1e-4;

/// A network that has learned nothing, is on its way, and hardly moves: ten times the rate need not get
/// it there either.
fn standing(e: &Evidence<'_>) -> Option<Finding> {
    let (_, moves) = e.course.as_ref()?.moves.last()?;
    // Biases start at 0: anything is much beside that.
    let weighs = |m: &&Move| e.network.layers.iter().any(|l| l.weights == m.id);
    let own = moves.iter().filter(weighs).filter(|m| m.weight > 0.0);
    let moving = own.map(|m| m.update / m.weight);
    let most = moving.fold(0.0, f64::max);
    let rate = e.rate()?;
    (fails(e) && falling(e) && most > 0.0 && most < STILL).then(|| {
        finding("lr_too_low", Severity::Warning, format!("lr = {}", short(rate)))
            .says(format!(
                "the loss falls, but has not come below that of a constant answer: a step \
                 changes weights by {} of their size at most, and 1e-3 is usual",
                short(most)
            ))
            .shows(&[("rate", rate), ("update_ratio", most)])
            .advises(format!("lr = {}, or more", short(rate * 10.0)))
    })
}

/// Errors of the file itself: other settings do not help.
pub(super) fn static_error(found: &[Finding]) -> bool {
    let own =
        |f: &Finding| !["exploding", "dead_relu", "vanishing_gradient"].contains(&f.id);
    found.iter().any(|f| f.severity == Severity::Error && own(f))
}

/// Whether the loss was still falling at the end.
pub(super) fn falling(e: &Evidence<'_>) -> bool {
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
/// The same on watched rows.
const HELD_LEFT: f64 = 0.95;
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
    let short = course.history.len().min(run.train.len()) < EPOCHS_SEEN;
    let slope = logged::too_few(&run).or_else(|| logged::too_low(&run));
    if slope.is_none() && !short && !(fails(e) && falling(e)) {
        return Vec::new();
    }
    let factor = LONGER[usize::from(short)];
    let epochs = course.history.len();
    let now = match run.train.len() {
        0 => return Vec::new(),
        _ => end(&run.train),
    };
    let held = course.history.last().and_then(|h| h.held_loss);
    match continued(e, factor * epochs) {
        Some(then) if pays((now, held), then, baseline(e)) => {
            vec![too_few(epochs, factor, now, Some(then.train))]
        }
        Some(_) => Vec::new(),
        None if slope.is_some() => vec![too_few(epochs, factor, now, None)],
        None => Vec::new(),
    }
}

/// Whether more epochs come to a lower loss, on watched rows as well.
fn pays(now: (f64, Option<f64>), then: Result, baseline: f64) -> bool {
    let held = now.1.zip(then.held).is_none_or(|(a, b)| b < HELD_LEFT * a);
    let lower = gains(now.0, then.train, LEFT, baseline);
    held && lower && now.0 - then.train > COUNTS / 2.0 * baseline
}

/// Fewer points of a curve have no shape.
const EPOCHS_SEEN: usize = 10;

/// How a training with more epochs ends; `None` if that costs too much.
fn continued(e: &Evidence<'_>, epochs: usize) -> Option<Result> {
    let bench = e.bench.as_ref().filter(|b| b.afford(1) >= epochs)?;
    let set = vec![("epochs".to_owned(), epochs.to_string())];
    bench.run(&[set])?.first().copied()
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

/// A penalty above this share of the objective is looked into, where rows are watched and where not:
/// that rows which are learned from come out better without it says nothing.
const SHARE: (f64, f64) = (0.1, 0.5);

pub(super) fn penalty(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(course) = e.course.as_ref().filter(|_| e.has_penalty()) else {
        return Vec::new();
    };
    let Some(last) = course.history.last() else { return Vec::new() };
    let share = (last.objective - last.loss) / last.objective;
    let cost = e.bench.as_ref().filter(|b| b.afford(1) >= e.model.settings().epochs);
    let least = if last.held_loss.is_some() { SHARE.0 } else { SHARE.1 };
    // Weights that were pressed to 0 cost nothing any more, and answer nothing.
    let pressed = last.loss > LEARNS * baseline(e);
    if !(share > least || pressed) {
        return Vec::new();
    }
    let Some(free) = cost.and_then(Bench::without_penalty) else { return Vec::new() };
    let own = Tried::new(1.0, vec![last.loss], last.held_loss);
    let other = Tried::new(0.0, vec![free.train], free.held);
    if !better(&own, &other, baseline(e)) {
        return Vec::new();
    }
    let severity = if pressed { Severity::Error } else { Severity::Warning };
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
