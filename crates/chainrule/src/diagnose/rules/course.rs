//! What a training showed: numbers that broke, gradients that vanish, units that are dead, rows learned
//! by heart.
//!
//! In: the course of a training. Out: findings. Invariants: a finding about the inside of a network is
//! an error only if the network did not learn; two or three looks have to agree. Deliberately absent:
//! other trainings (see `probe`).

use super::{finding, said, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::evidence::course::Course;
use crate::diagnose::evidence::scope::{Look, Units, row_losses};
use crate::diagnose::log::Run;
use crate::diagnose::logged;
use crate::diagnose::smooth::Spread;
use crate::diagnose::{Finding, Severity};
use crate::train::Why;

/// Curves with fewer epochs are told by their steps.
const EPOCHS: usize = 10;

/// The training loss as a log would have it.
pub(super) fn curve(course: &Course) -> Run {
    let epochs: Vec<f64> = course.history.iter().map(|e| e.loss).collect();
    let train = match epochs.len() {
        n if n >= EPOCHS || course.curve.points.len() < n => epochs,
        _ => course.curve.points.clone(),
    };
    Run { place: "training".into(), train, ..Run::default() }
}

/// Whether the network did no better than a constant answer.
pub(super) fn fails(e: &Evidence<'_>) -> bool {
    e.gate().is_some_and(|g| !g.learns())
}

fn graver(e: &Evidence<'_>) -> Severity {
    if fails(e) { Severity::Error } else { Severity::Warning }
}

pub(super) fn exploding(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(course) = &e.course else { return Vec::new() };
    if let Some(Why::NotFinite { equation, epoch, step }) =
        course.end.as_ref().map(|end| &end.why)
    {
        let before = course.curve.points.last().copied();
        let from =
            before.map_or(String::new(), |v| format!(", after a loss of {}", short(v)));
        return vec![
            finding("exploding", Severity::Error, format!("{equation}, step {step}"))
                .says(format!(
                    "{equation} is not finite in step {step} (epoch {epoch}){from}"
                ))
                .shows(&[("step", *step as f64), ("epoch", *epoch as f64)])
                .advises(
                    "lower the learning rate by a factor of 10, scale the inputs, take an \
                     activation that does not grow so fast, or clip the gradient",
                ),
        ];
    }
    let found = logged::exploding(&curve(course));
    let severity = graver(e);
    found.map(|f| Finding { severity, ..f }).into_iter().collect()
}

/// The last two looks at a training: what both show is no chance.
fn last_two(course: &Course) -> Option<(&Look, &Look)> {
    match course.looks.as_slice() {
        [.., a, b] => Some((a, b)),
        _ => None,
    }
}

/// The hidden layers in both of the last two looks.
fn twice<'c>(e: &'c Evidence<'_>) -> Vec<(&'c Units, &'c Units)> {
    let looks = e.course.as_ref().and_then(last_two);
    looks.map_or_else(Vec::new, |(a, b)| a.units.iter().zip(&b.units).collect())
}

/// Whether a hidden layer's function has bounds on both sides.
fn bounded(e: &Evidence<'_>, units: &Units) -> bool {
    let m = e.model.module();
    let act = e.network.layers[units.layer].act.as_ref();
    act.is_some_and(|(f, _)| {
        f.range(m, crate::diagnose::evidence::functions::Interval::ALL).is_bounded()
    })
}

/// Shares of dead units of a layer that are worth a note, and a warning.
const DEAD: (f64, f64) = (0.3, 0.7);

pub(super) fn dead(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let mut worst: Option<(usize, usize, usize, f64)> = None;
    let mut told = Vec::new();
    for (before, now) in twice(e) {
        if bounded(e, now) || now.flat.is_empty() {
            continue;
        }
        let both = |u: &usize| before.flat[*u] == 1.0 && now.flat[*u] == 1.0;
        let dead: Vec<usize> = (0..now.flat.len()).filter(both).collect();
        let (units, highest) = (now.flat.len(), dead.iter().map(|u| now.highest[*u]));
        let highest = highest.fold(f64::NEG_INFINITY, f64::max);
        if dead.len() as f64 > DEAD.0 * units as f64 {
            told.push(format!("{} ({} of {units})", e.layer(now.layer), dead.len()));
            let share = |d: usize, n: usize| d as f64 / n as f64;
            if worst.is_none_or(|w| share(dead.len(), units) > share(w.1, w.2)) {
                worst = Some((now.layer, dead.len(), units, highest));
            }
        }
    }
    let Some((layer, dead, units, highest)) = worst else { return Vec::new() };
    let share = dead as f64 / units as f64;
    let severity = match share {
        1.0 => graver(e),
        s if s > DEAD.1 => Severity::Warning,
        _ => Severity::Note,
    };
    vec![
        finding("dead_relu", severity, e.layer(layer))
            .says(format!(
                "units give 0 on every row that was looked at, and their gradient is 0: {}; \
                 behind {} no argument comes above {}",
                told.join(", "),
                e.layer(layer),
                short(highest)
            ))
            .shows(&[
                ("dead", dead as f64),
                ("units", units as f64),
                ("share", share),
                ("highest", highest),
            ])
            .advises("a lower rate, leaky_relu, ~ he, scaled inputs, wider or fewer layers"),
    ]
}

/// The first layer's gradient against the last one's.
const VANISHED: f64 = 1e-3;
/// The same for how far weights move in a step, relative to their size.
const STANDS: f64 = 0.01;
/// Looks that have to agree.
const LOOKS: usize = 3;

pub(super) fn vanishing(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(course) = e.course.as_ref().filter(|_| fails(e)) else { return Vec::new() };
    let ratio = |l: &Look| {
        let (first, last) = (l.gradients.first()?, l.gradients.last()?);
        (l.gradients.len() > 1 && *last > 0.0).then(|| first / last)
    };
    let ratios: Vec<f64> = course.looks.iter().filter_map(ratio).collect();
    let small = ratios.iter().filter(|r| **r < VANISHED).count();
    // Where all units of a layer are dead, nothing vanishes on the way: it ends there.
    let dead = found.iter().any(|f| f.id == "dead_relu" && f.severity == Severity::Error);
    if small < LOOKS.min(ratios.len().max(2)) || dead {
        return Vec::new();
    }
    let Some(look) = course.end_look() else { return Vec::new() };
    let ratio = ratios.last().copied().unwrap_or(0.0);
    let slopes: Vec<String> = look
        .units
        .iter()
        .map(|u| format!("{} {}", e.layer(u.layer), short(u.slope)))
        .collect();
    let stands = moves(e).is_some_and(|m| m < STANDS);
    let severity = if stands { Severity::Error } else { Severity::Warning };
    let moved = match (stands, moves(e)) {
        (true, Some(m)) => {
            format!("; a step moves it {} times as far, for its size", short(m))
        }
        (false, Some(_)) => {
            "; the optimiser scales each entry, so it moves, but by what is \
                             left of a signal"
                .to_owned()
        }
        _ => String::new(),
    };
    vec![
        finding("vanishing_gradient", severity, e.layer(0))
            .says(format!(
                "the gradient of {} is {} times that of {}{moved}; mean slopes behind the layers: \
                 {}",
                e.layer(0),
                short(ratio),
                e.layer(e.network.layers.len() - 1),
                slopes.join(", ")
            ))
            .shows(&[
                ("ratio", ratio),
                ("first", look.gradients.first().copied().unwrap_or(0.0)),
                ("last", look.gradients.last().copied().unwrap_or(0.0)),
                ("moves_ratio", moves(e).unwrap_or(f64::NAN)),
            ])
            .advises("relu or its kin with ~ he, fewer layers, batch_norm, or a way around layers"),
    ]
}

/// How far the first layer moves in a step, beside the last one, each for its size.
fn moves(e: &Evidence<'_>) -> Option<f64> {
    let (_, moves) = e.course.as_ref()?.moves.last()?;
    let relative = |i: usize| {
        let id = e.network.layers.get(i)?.weights;
        let own = moves.iter().find(|m| m.id == id)?;
        (own.weight > 0.0).then(|| own.update / own.weight)
    };
    let (first, last) = (relative(0)?, relative(e.network.layers.len() - 1)?);
    (last > 0.0).then(|| first / last)
}

/// More rows and units than this on the flat ends of a function.
const SATURATED: f64 = 0.5;

pub(super) fn saturation(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let last = e.network.layers.len().saturating_sub(1);
    let over = |(a, b): &(&Units, &Units)| {
        a.saturated > SATURATED && b.saturated > SATURATED && b.layer < last
    };
    let all: Vec<&Units> = twice(e)
        .into_iter()
        .filter(|pair| over(pair) && bounded(e, pair.1))
        .map(|pair| pair.1)
        .collect();
    let Some(worst) = all.iter().max_by(|a, b| a.saturated.total_cmp(&b.saturated))
    else {
        return Vec::new();
    };
    let told: Vec<String> = all
        .iter()
        .map(|u| format!("{} {:.0} %", e.layer(u.layer), 100.0 * u.saturated))
        .collect();
    let severity = if fails(e) { Severity::Warning } else { Severity::Note };
    vec![
        finding("saturation", severity, e.layer(worst.layer))
            .says(format!(
                "units sit on the flat ends of their function, where the slope is below 1 % of \
                 the steepest: {} of rows and units; arguments of {} have a root mean square of {}",
                told.join(", "),
                e.layer(worst.layer),
                short(worst.z)
            ))
            .shows(&[("share", worst.saturated), ("arguments", worst.z)])
            .advises("scale the inputs, start smaller (~ glorot), or take relu"),
    ]
}

pub(super) fn oscillating(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(course) = &e.course else { return Vec::new() };
    if said(found, &["exploding", "dead_relu"]) {
        return Vec::new();
    }
    let epochs: Vec<f64> = course.history.iter().map(|h| h.loss).collect();
    let run = Run { place: "training".into(), train: epochs, ..Run::default() };
    logged::oscillating(&run).into_iter().collect()
}

pub(super) fn overfitting(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some((course, parts)) = e.course.as_ref().zip(e.parts.as_ref()) else {
        return Vec::new();
    };
    let (Some((best, at_best)), Some((last, at_last))) = (&course.best, &course.last)
    else {
        return Vec::new();
    };
    let held: Vec<f64> = course.history.iter().filter_map(|h| h.held_loss).collect();
    let (Some(lowest), Some(end)) = (held.get(best - 1), held.last()) else {
        return Vec::new();
    };
    let above = held.iter().rev().take_while(|v| *v > lowest).count();
    let train = |epoch: usize| course.history.get(epoch - 1).map_or(f64::NAN, |h| h.loss);
    if above < LOOKS || train(*last) >= train(*best) {
        return Vec::new();
    }
    let Some(watched) = parts.watched() else { return Vec::new() };
    let losses = |w| row_losses(e.model, &e.sizes, watched, w);
    let (Some(first), Some(then)) = (losses(at_best), losses(at_last)) else {
        return Vec::new();
    };
    let worse: Vec<f64> = first.iter().zip(&then).map(|(a, b)| b - a).collect();
    let Spread { mean: gap, variance } = Spread::of(&worse);
    let error = libm::sqrt(variance);
    if gap <= 3.0 * error || gap < 0.02 * lowest.abs() {
        return Vec::new();
    }
    let mut all = vec![
        finding("overfitting", Severity::Warning, format!("from epoch {best}"))
            .says(format!(
                "on rows that are watched the loss was lowest in epoch {best} ({}) and ends {} \
                 higher (± {}), while on those learned from it fell from {} to {}",
                short(*lowest),
                short(gap),
                short(error),
                short(train(*best)),
                short(train(*last))
            ))
            .shows(&[
                ("best_epoch", *best as f64),
                ("lowest", *lowest),
                ("end", *end),
                ("worse_by", gap),
                ("error", error),
            ])
            .advises("stop there (`keep best`, `patience 10`), or L2, dropout, more rows"),
    ];
    if !e.regularised() {
        all.push(
            finding("no_regularisation", Severity::Warning, "minimize")
                .says(
                    "nothing holds the weights back: no penalty, no decay, no dropout, and rows \
                     are learned by heart"
                        .to_owned(),
                )
                .shows(&[("worse_by", gap)])
                .advises("add `+ 1e-4/2 ‖W1, W2‖²` to the objective, or dropout(a, 0.2)"),
        );
    }
    all
}

pub(super) fn optimizer(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let name = &e.model.settings().optimizer.name.key;
    let slow = fails(e) || said(found, &["lr_too_low", "vanishing_gradient"]);
    let Some(look) = e.course.as_ref().and_then(Course::end_look) else {
        return Vec::new();
    };
    let sizes: Vec<f64> = look.gradients.iter().copied().filter(|g| *g > 0.0).collect();
    let low = sizes.iter().copied().fold(f64::INFINITY, f64::min);
    let spread = sizes.iter().copied().fold(0.0, f64::max) / low;
    if name != "sgd" || !slow || sizes.len() < 2 || spread < 100.0 {
        return Vec::new();
    }
    vec![
        finding("optimizer_choice", Severity::Note, "train")
            .says(format!(
                "gradients of layers differ by a factor of {}, and sgd has one rate for all",
                short(spread)
            ))
            .shows(&[("spread", spread)])
            .advises("adam has a rate for each entry; momentum helps where layers agree"),
    ]
}

pub(super) fn not_learning(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let cause = found.iter().any(|f| f.severity == Severity::Error);
    let Some(gate) = e.gate().filter(|g| !g.learns() && !cause) else {
        return Vec::new();
    };
    let (what, severity) = match gate.constant {
        true => ("the best constant answer", Severity::Error),
        false => ("the network before its first step", Severity::Warning),
    };
    vec![
        finding("not_learning", severity, "training")
            .says(format!(
                "the lowest training loss is {}, that of {what} {} (± {}): nothing was learned \
                 from the inputs",
                short(gate.best),
                short(gate.baseline),
                short(gate.error)
            ))
            .shows(&[
                ("best", gate.best),
                ("baseline", gate.baseline),
                ("error", gate.error),
            ])
            .advises(
                "see the warnings; without any: other rates (chainrule compare --vary lr=…), and \
                 whether the inputs say anything about the targets",
            ),
    ]
}
