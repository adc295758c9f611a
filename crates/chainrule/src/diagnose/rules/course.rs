//! What the figures of a training showed: numbers that broke, a loss that swings, rows learned by heart.
//!
//! In: the course of a training. Out: findings. Invariant: what is said of watched rows is beyond the
//! chance that they are few. Deliberately absent: what units do (see `units`), other trainings (see
//! `probe`).

use super::{finding, said, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::evidence::course::Course;
use crate::diagnose::evidence::scope::row_losses;
use crate::diagnose::log::Run;
use crate::diagnose::logged;
use crate::diagnose::smooth::{Spread, end, median};
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

pub(super) fn graver(e: &Evidence<'_>) -> Severity {
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

pub(super) fn oscillating(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(course) = &e.course else { return Vec::new() };
    if said(found, &["exploding", "dead_relu"]) {
        return Vec::new();
    }
    let epochs: Vec<f64> = course.history.iter().map(|h| h.loss).collect();
    let run = Run { place: "training".into(), train: epochs, ..Run::default() };
    logged::oscillating(&run).into_iter().collect()
}

/// How far the level of the last tenth lies above the lowest level of a tenth.
fn rise(curve: &[f64]) -> f64 {
    let levels = curve.chunks(curve.len().div_ceil(10)).map(median);
    end(curve) - levels.fold(f64::INFINITY, f64::min)
}

/// Shares of what was learned, and of the lowest loss: if less is lost again it is worth a note.
const SLIGHT: (f64, f64) = (0.05, 0.25);
/// If less is lost again it is not held against the file that nothing holds the weights.
const MODEST: (f64, f64) = (0.2, 1.0);

/// Epochs in a row that have to agree.
const EPOCHS_SURE: usize = 3;

/// A loss on watched rows that fell and rose again.
struct Risen {
    best: usize,
    lowest: f64,
    end: f64,
    /// How much higher it ends, row by row, and the standard error of that.
    gap: f64,
    error: f64,
    /// The training loss in the best epoch and in the last.
    train: [f64; 2],
}

/// What rose beyond chance, if anything did.
fn risen(e: &Evidence<'_>) -> Option<Risen> {
    let (course, watched) = (e.course.as_ref()?, e.parts.as_ref()?.watched()?);
    let ((best, at_best), (last, at_last)) =
        (course.best.as_ref()?, course.last.as_ref()?);
    let held: Vec<f64> = course.history.iter().filter_map(|h| h.held_loss).collect();
    let (lowest, end) = (*held.get(best - 1)?, *held.last()?);
    let above = held.iter().rev().take_while(|v| **v > lowest).count();
    let train = [*best, *last]
        .map(|epoch| course.history.get(epoch - 1).map_or(f64::NAN, |h| h.loss));
    if above < EPOCHS_SURE || train[1] >= train[0] {
        return None;
    }
    let losses = |w| row_losses(e.model, &e.sizes, watched, w);
    let (first, then) = (losses(at_best)?, losses(at_last)?);
    let worse: Vec<f64> = first.iter().zip(&then).map(|(a, b)| b - a).collect();
    let Spread { mean: gap, variance } = Spread::of(&worse);
    let error = libm::sqrt(variance);
    // One epoch may be the lowest by luck: levels, too, have to rise.
    let rises = rise(&held) > 0.5 * gap;
    let sure = gap > 3.0 * error && gap >= 0.02 * lowest.abs() && rises;
    sure.then_some(Risen { best: *best, lowest, end, gap, error, train })
}

impl Risen {
    /// By what it costs, of all that was learned, and beside the loss that was there.
    fn costs(&self, e: &Evidence<'_>, (learnt, left): (f64, f64)) -> Severity {
        let learned = e.gate().map_or(0.0, |g| g.baseline - self.lowest).max(0.0);
        let much = self.gap > learnt * learned || self.gap > left * self.lowest.abs();
        if much { Severity::Warning } else { Severity::Note }
    }

    fn told(&self, severity: Severity) -> Finding {
        finding("overfitting", severity, format!("from epoch {}", self.best))
            .says(format!(
                "on rows that are watched the loss was lowest in epoch {} ({}) and ends {} \
                 higher (± {}), while on those learned from it fell from {} to {}",
                self.best,
                short(self.lowest),
                short(self.gap),
                short(self.error),
                short(self.train[0]),
                short(self.train[1])
            ))
            .shows(&[
                ("best_epoch", self.best as f64),
                ("lowest", self.lowest),
                ("end", self.end),
                ("worse_by", self.gap),
                ("error", self.error),
            ])
            .advises("stop there (`keep best`, `patience 10`), or L2, dropout, more rows")
    }
}

pub(super) fn overfitting(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(risen) = risen(e) else { return Vec::new() };
    let unheld = || {
        finding("no_regularisation", risen.costs(e, MODEST), "minimize")
            .says(
                "nothing holds the weights back: no penalty, no decay, no dropout, and rows \
                 are learned by heart"
                    .to_owned(),
            )
            .shows(&[("worse_by", risen.gap)])
            .advises("add `+ 1e-4/2 ‖W1, W2‖²` to the objective, or dropout(a, 0.2)")
    };
    let twin = (!e.regularised()).then(unheld);
    [risen.told(risen.costs(e, SLIGHT))].into_iter().chain(twin).collect()
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
