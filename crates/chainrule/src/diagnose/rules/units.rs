//! What looks into units showed: dead ones, saturated ones, first layers that hear nothing.
//!
//! In: looks at the start and on the way. Out: findings. Invariants: a finding about the inside of a
//! network is an error only if the network did not learn; two or three looks have to agree.
//! Deliberately absent: the loss over the epochs (see `course`).

use super::course::{fails, graver};
use super::{finding, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::evidence::LEARNS;
use crate::diagnose::evidence::course::{Course, mean};
use crate::diagnose::evidence::functions::Interval;
use crate::diagnose::evidence::scope::{Look, Units};
use crate::diagnose::{Finding, Severity};

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
    act.is_some_and(|(f, _)| f.range(m, Interval::ALL).is_bounded())
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
    let Some((layer, dead, units, highest)) = worst else { return born_dead(e) };
    let share = dead as f64 / units as f64;
    let severity = match share {
        1.0 => graver(e),
        s if s > DEAD.1 => Severity::Warning,
        _ => Severity::Note,
    };
    // What other starts suffer weighs more than what this one got over.
    let born = born_dead(e);
    if severity == Severity::Note && !born.is_empty() {
        return born;
    }
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

/// A start that is dead more often than this is a matter of luck; one layer of three units, which is
/// dead in one start of eight, is none.
const BORN_DEAD: f64 = 0.15;

/// What this start was spared, others of the same file are not.
fn born_dead(e: &Evidence<'_>) -> Vec<Finding> {
    let Some(starts) = e.starts.filter(|s| s.dead as f64 > BORN_DEAD * s.tried as f64)
    else {
        return Vec::new();
    };
    vec![
        finding("dead_relu", Severity::Warning, "start")
            .says(format!(
                "of {} starts by other seeds {} have a layer in which no unit answers to any row: \
                 nothing passes such a layer, forward or back, and its network cannot learn",
                starts.tried, starts.dead
            ))
            .shows(&[("starts", starts.tried as f64), ("dead", starts.dead as f64)])
            .advises("wider or fewer layers, leaky_relu; each narrow layer adds to the risk"),
    ]
}

/// The first layer's gradient against the last one's.
const VANISHED: f64 = 1e-3;
/// The same for how far weights move in a step, relative to their size.
const STANDS: f64 = 0.01;
/// Looks that have to agree.
const LOOKS: usize = 3;

fn first_to_last(look: &Look) -> Option<f64> {
    let (first, last) = (look.gradients.first()?, look.gradients.last()?);
    (look.gradients.len() > 1 && *last > 0.0).then(|| first / last)
}

/// A share of the epochs in which nothing is learned that is worth a word.
const WAITED: f64 = 0.2;

/// The epoch until which gradients vanished and the loss was that of a constant answer, if that was
/// much of a training.
fn waited(e: &Evidence<'_>) -> Option<usize> {
    let (course, gate) = (e.course.as_ref()?, e.gate().filter(|g| g.constant)?);
    let vanished = |look: &Look| {
        let small = first_to_last(look).is_some_and(|ratio| ratio < VANISHED);
        small && mean(&look.losses) > LEARNS * gate.baseline
    };
    // The first look is that of the start.
    let epochs = course.moves.iter().map(|m| m.0).zip(course.looks.iter().skip(1));
    let all: Vec<usize> = epochs.filter(|(_, l)| vanished(l)).map(|(n, _)| n).collect();
    let last = *all.last().filter(|_| all.len() >= LOOKS)?;
    (last as f64 >= WAITED * course.history.len() as f64).then_some(last)
}

pub(super) fn vanishing(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(course) = &e.course else { return Vec::new() };
    let until = waited(e);
    if !fails(e) && until.is_none() {
        return Vec::new();
    }
    let ratios: Vec<f64> = course.looks.iter().filter_map(first_to_last).collect();
    let small = ratios.iter().filter(|r| **r < VANISHED).count();
    let small = if fails(e) { small } else { ratios.len() };
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
    let stands = fails(e) && moves(e).is_some_and(|m| m < STANDS);
    let severity = if stands { Severity::Error } else { Severity::Warning };
    let moved = match (stands, moves(e)) {
        _ if !fails(e) => format!(
            " at the end; until epoch {} it was below a thousandth, and nothing was learned",
            until.unwrap_or(0)
        ),
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
