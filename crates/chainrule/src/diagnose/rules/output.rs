//! Output, loss and targets: do they belong together?
//!
//! In: the output's form and range, the loss's form, targets as far as they are known. Out: findings.
//! Invariant: a range is that of the function, whatever the weights; what needs targets says nothing
//! without them. Deliberately absent: trainings.

use chainrule_graph::module::Symbol;
use chainrule_graph::syntax::ast::Mark;

use super::{finding, said, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::evidence::loss::Form;
use crate::diagnose::evidence::network::{Output, Shaped};
use crate::diagnose::evidence::table::Target;
use crate::diagnose::{Finding, Severity};
use crate::model::compared;

/// What targets are, as file and rows tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// One class of several.
    Class,
    /// Yes or no.
    Binary,
    /// Several labels at once.
    Labels,
    /// Numbers.
    Numbers,
    Unknown,
}

fn target<'a>(e: &'a Evidence<'_>) -> Option<&'a Target> {
    e.table.as_ref()?.target.as_ref()
}

fn task(e: &Evidence<'_>) -> Task {
    let mark = compared(e.model.module()).and_then(|s: &Symbol| s.mark);
    match (mark, target(e)) {
        (Some(Mark::OneHot | Mark::Distribution), _) => Task::Class,
        (Some(Mark::Binary), _) => Task::Binary,
        (Some(Mark::MultiHot), _) => Task::Labels,
        (None, Some(t)) if t.one_hot => Task::Class,
        (None, Some(t)) if t.marks && t.entries() == 1 => Task::Binary,
        (None, Some(t)) if t.marks => Task::Labels,
        (None, Some(_)) => Task::Numbers,
        (None, None) => Task::Unknown,
    }
}

/// Entries of the output.
fn entries(e: &Evidence<'_>, output: &Output) -> Option<usize> {
    let m = e.model.module();
    let (rows, cols) = m.graph[output.node].shape.under(&e.sizes)?;
    Some(rows * cols)
}

/// The name of the output in the file.
fn name(e: &Evidence<'_>, output: &Output) -> String {
    let all = &e.model.module().equations;
    let own = all.iter().find(|q| q.node == output.node);
    own.map_or_else(|| "output".to_owned(), |q| q.shown.clone())
}

/// The pair that a task calls for.
fn pair(task: Task) -> &'static str {
    match task {
        Task::Class => "softmax with cross_entropy",
        Task::Binary => "sigmoid with binary_cross_entropy",
        Task::Labels => "sigmoid for each label, with binary_cross_entropy",
        Task::Numbers => "a linear output with half_mse",
        Task::Unknown => {
            "softmax with cross_entropy for classes, sigmoid with binary_cross_entropy for yes or \
             no, a linear output with half_mse for numbers"
        }
    }
}

pub(super) fn single_unit(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(output) = &e.network.output else { return Vec::new() };
    if output.shaped != Shaped::Softmax || entries(e, output) != Some(1) {
        return Vec::new();
    }
    vec![
        finding("softmax_single_unit", Severity::Error, name(e, output))
            .says(
                "softmax over one unit is 1 for every input: the output cannot change, and \
                 every gradient is 0"
                    .to_owned(),
            )
            .shows(&[("units", 1.0), ("output", 1.0)])
            .advises(
                "one unit takes sigmoid with binary_cross_entropy; softmax needs one per class",
            ),
    ]
}

fn is_logarithmic(form: Form) -> bool {
    matches!(form, Form::CrossEntropy | Form::CrossEntropyOfShares | Form::Binary)
}

pub(super) fn missing_activation(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(output) = &e.network.output else { return Vec::new() };
    if output.shaped != Shaped::Affine {
        return Vec::new();
    }
    let task = task(e);
    let draft = |severity, words: &str| {
        vec![
            finding("missing_output_activation", severity, name(e, output))
                .says(words.to_owned())
                .shows(&[])
                .advises(pair(task)),
        ]
    };
    match (e.loss.form, task) {
        (form, _) if is_logarithmic(form) => draft(
            Severity::Error,
            "the output is a straight line of the last layer, and the loss takes its logarithm: \
             it is no probability, and has no logarithm where it is 0 or less",
        ),
        (Form::Squared | Form::Absolute, Task::Class | Task::Binary | Task::Labels) => {
            draft(
                Severity::Warning,
                "the targets are classes, and the output is a straight line of the last layer: it \
             is no probability, and right answers beyond 1 are punished",
            )
        }
        _ => Vec::new(),
    }
}

pub(super) fn loss_and_output(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(output) = &e.network.output else { return Vec::new() };
    if said(found, &["softmax_single_unit", "missing_output_activation"]) {
        return Vec::new();
    }
    let outside = output.range.low < 0.0 || output.range.high > 1.0;
    let alone = output.shaped == Shaped::Shares && entries(e, output) == Some(1);
    let (severity, words) = match (e.loss.form, &output.shaped) {
        _ if alone => (
            Severity::Error,
            "one output divided by its own sum is 1 for every input: nothing can be learned \
             from it"
                .to_owned(),
        ),
        (Form::Flat, _) => (
            Severity::Error,
            "whatever the network answers, the loss is 0: nothing can be learned from it".to_owned(),
        ),
        (Form::CrossEntropy, Shaped::Entrywise(f)) => (
            if outside { Severity::Warning } else { Severity::Error },
            format!(
                "cross-entropy looks at the output of the right class alone, and {} does not make \
                 the outputs add up to 1: 1 for every class is its best answer",
                f.name(e.model.module())
            ),
        ),
        (Form::CrossEntropyOfShares, Shaped::Entrywise(f)) => (
            Severity::Warning,
            format!(
                "the outputs of {} are divided by their sum to become probabilities; a class is \
                 told by softmax, whose gradient does not vanish where it is wrong",
                f.name(e.model.module())
            ),
        ),
        (Form::CrossEntropy, Shaped::Shares) => (
            Severity::Warning,
            "outputs divided by their sum serve as probabilities; softmax is what cross-entropy \
             belongs to, and its gradient does not vanish where it is wrong"
                .to_owned(),
        ),
        (Form::Binary, Shaped::Entrywise(f)) if outside => (
            Severity::Warning,
            format!(
                "binary cross-entropy takes the logarithms of p and 1 − p, and {} lies in {} to {}",
                f.name(e.model.module()),
                short(output.range.low),
                short(output.range.high)
            ),
        ),
        _ => match integer_labels(e) {
            Some(words) => (Severity::Error, words),
            None => return Vec::new(),
        },
    };
    let task = match entries(e, output) {
        Some(1) => Task::Binary,
        _ if e.loss.form == Form::Binary => Task::Binary,
        _ => Task::Class,
    };
    vec![
        finding("loss_output_mismatch", severity, name(e, output))
            .says(words)
            .shows(&[("lowest", output.range.low), ("highest", output.range.high)])
            .advises(pair(task)),
    ]
}

/// Numbers of classes where probabilities are expected.
fn integer_labels(e: &Evidence<'_>) -> Option<String> {
    let target = target(e)?;
    let labels = target.classes && target.high > 1.0 && is_logarithmic(e.loss.form);
    labels.then(|| {
        format!(
            "the targets are the numbers of classes, {} to {}, and the loss takes them as \
             probabilities",
            short(target.low),
            short(target.high)
        )
    })
}

pub(super) fn loss_and_task(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(output) = &e.network.output else { return Vec::new() };
    if said(found, &["missing_output_activation"]) {
        return Vec::new();
    }
    let task = task(e);
    let probability = output.range.low >= 0.0 && output.range.high <= 1.0;
    // Classes that no data have counted yet are several.
    let many = entries(e, output).is_none_or(|n| n > 1);
    let (severity, words) = match (e.loss.form, task, &output.shaped) {
        (
            Form::Squared | Form::Absolute,
            Task::Class | Task::Binary | Task::Labels,
            _,
        ) if probability => (
            Severity::Warning,
            "a squared or absolute error over probabilities: its gradient vanishes where the \
             answer is sure and wrong"
                .to_owned(),
        ),
        (Form::Binary, Task::Class, Shaped::Softmax) if many => (
            Severity::Warning,
            "binary cross-entropy over softmax counts every wrong class once more; exclusive \
             classes take cross-entropy"
                .to_owned(),
        ),
        (Form::Binary, Task::Class, _) if many => (
            Severity::Note,
            "each class is learned by itself, as if several could be right at once".to_owned(),
        ),
        (form, Task::Numbers, _) if is_logarithmic(form) && !is_share(e) => (
            Severity::Warning,
            "the targets are numbers, and the loss is one for probabilities of classes"
                .to_owned(),
        ),
        _ => return Vec::new(),
    };
    vec![
        finding("loss_mismatch", severity, "loss")
            .says(words)
            .shows(&[])
            .advises(pair(task)),
    ]
}

/// Whether targets can be probabilities.
fn is_share(e: &Evidence<'_>) -> bool {
    target(e).is_none_or(|t| t.low >= 0.0 && t.high <= 1.0)
}

pub(super) fn multilabel(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(output) = &e.network.output else { return Vec::new() };
    let one = |row: &Vec<f64>| row.iter().sum::<f64>() == 1.0;
    let several = target(e).map(|t| t.rows.iter().filter(|r| !one(r)).count());
    if output.shaped != Shaped::Softmax || task(e) != Task::Labels || several == Some(0) {
        return Vec::new();
    }
    let rows = several.unwrap_or(0) as f64;
    vec![
        finding("multilabel_softmax", Severity::Warning, name(e, output))
            .says(format!(
                "softmax shares 1 among all labels, and rows have several labels or none{}",
                several.map_or(String::new(), |n| format!(" ({n} of those looked at)"))
            ))
            .shows(&[("rows", rows)])
            .advises(pair(Task::Labels)),
    ]
}

/// Targets that lie this much outside are a matter of rounding.
const SLACK: f64 = 1e-6;

pub(super) fn range(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let (Some(output), Some(target)) = (&e.network.output, target(e)) else {
        return Vec::new();
    };
    let range = output.range;
    let slack = SLACK * (target.high - target.low).abs().max(1.0);
    let below = target.low < range.low - slack;
    let above = target.high > range.high + slack;
    if !(below || above) {
        return Vec::new();
    }
    let all: Vec<f64> = target.rows.iter().flatten().copied().collect();
    let off = |v: f64| (range.low - v).max(v - range.high).max(0.0);
    let outside = all.iter().filter(|v| off(**v) > slack).count();
    let share = outside as f64 / all.len().max(1) as f64;
    let floor =
        all.iter().map(|v| off(*v).powi(2)).sum::<f64>() / all.len().max(1) as f64;
    let variance = target.variance();
    // Half of all there is to explain is out of reach.
    let severity = match floor >= 0.5 * variance {
        true => Severity::Error,
        false => Severity::Warning,
    };
    vec![
        finding("output_range_mismatch", severity, name(e, output))
            .says(format!(
                "the output lies in {} to {} whatever the weights, the targets in {} to {}: \
                 {:.0} % of them are out of reach, and an error of {} cannot be learned away \
                 (their variance: {})",
                short(range.low),
                short(range.high),
                short(target.low),
                short(target.high),
                100.0 * share,
                short(floor),
                short(variance)
            ))
            .shows(&[
                ("output_low", range.low),
                ("output_high", range.high),
                ("target_low", target.low),
                ("target_high", target.high),
                ("share_outside", share),
                ("error_left", floor),
                ("variance", variance),
            ])
            .advises(
                "for numbers leave the last layer linear, or scale the targets into the range",
            ),
    ]
}

pub(super) fn broadcast(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(target) = target(e).filter(|t| t.entries() > 1) else { return Vec::new() };
    let same = |row: &Vec<f64>| row.iter().all(|v| *v == row[0]);
    if !target.rows.iter().all(same) || target.variance() == 0.0 {
        return Vec::new();
    }
    let n = target.entries();
    vec![
        finding("shape_broadcast", Severity::Warning, target.key.clone())
            .says(format!(
                "the {n} entries of the target are equal in every row: one number was spread \
                 over {n} outputs, and all of them learn the same"
            ))
            .shows(&[("entries", n as f64)])
            .advises("one output for one number; for classes, one-hot targets"),
    ]
}
