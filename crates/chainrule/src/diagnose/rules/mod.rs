//! The rules: what is looked for, in the order in which causes come before effects.
//!
//! In: [`Evidence`]. Out: findings, gravest first. Invariants: a rule is one entry of [`RULES`] and one
//! function; it says nothing where the evidence that it needs is not there. Deliberately absent: the
//! words of findings (see `FINDINGS`), faces.

mod batch;
mod bench;
mod columns;
mod course;
mod labels;
mod output;
mod parts;
mod probe;
mod start;
mod structure;
mod units;

use serde::Serialize;

use super::evidence::Evidence;
use super::{Finding, Severity};
pub(crate) use bench::Bench;
pub(crate) use probe::argument_text;

/// What a rule needs to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The file.
    Graph,
    /// Prepared rows as well.
    Data,
    /// A training as well.
    Course,
    /// Further trainings, short or changed in one thing.
    Probe,
}

type Find = fn(&Evidence<'_>, &[Finding]) -> Vec<Finding>;

/// A rule: the words that it may report, what it needs, and the function. A rule is given what those
/// before it found, since an effect whose cause is known is not reported twice.
pub struct Rule {
    /// Words of `FINDINGS`.
    pub ids: &'static [&'static str],
    /// What it needs.
    pub kind: Kind,
    find: Find,
}

const fn rule(ids: &'static [&'static str], kind: Kind, find: Find) -> Rule {
    Rule { ids, kind, find }
}

/// What is looked for.
pub const RULES: &[Rule] = &[
    rule(&["no_nonlinearity"], Kind::Graph, structure::no_nonlinearity),
    rule(&["gradient_sign_flipped"], Kind::Graph, structure::sign_flipped),
    rule(&["loss_sum_not_mean"], Kind::Graph, structure::summed),
    rule(&["softmax_single_unit"], Kind::Graph, output::single_unit),
    rule(&["missing_output_activation"], Kind::Graph, output::missing_activation),
    rule(&["loss_output_mismatch"], Kind::Graph, output::loss_and_output),
    rule(&["loss_mismatch"], Kind::Graph, output::loss_and_task),
    rule(&["multilabel_softmax"], Kind::Graph, output::multilabel),
    rule(&["output_range_mismatch"], Kind::Data, output::range),
    rule(&["shape_broadcast"], Kind::Data, output::broadcast),
    rule(&["constant_init"], Kind::Graph, start::constant),
    rule(&["bad_init_scale"], Kind::Graph, start::scale),
    rule(&["adam_epsilon_too_small"], Kind::Graph, start::epsilon),
    rule(&["unnormalised_inputs", "inputs_too_small"], Kind::Data, columns::inputs),
    rule(&["unnormalised_targets"], Kind::Data, columns::targets),
    rule(&["labels_shuffled"], Kind::Data, labels::shuffled),
    rule(&["distribution_shift", "split_leak"], Kind::Data, parts::differ),
    rule(&["exploding"], Kind::Course, course::exploding),
    rule(&["dead_relu"], Kind::Data, units::dead),
    rule(&["vanishing_gradient"], Kind::Course, units::vanishing),
    rule(&["saturation"], Kind::Course, units::saturation),
    rule(&["labels_independent"], Kind::Course, labels::independent),
    rule(&["oscillating_loss"], Kind::Course, course::oscillating),
    rule(&["overfitting", "no_regularisation"], Kind::Course, course::overfitting),
    rule(&["validation_better"], Kind::Course, parts::validation_better),
    rule(&["lr_too_high", "lr_too_low"], Kind::Probe, probe::rate),
    rule(&["batch_too_small", "batch_too_large"], Kind::Probe, batch::size),
    rule(&["over_regularised"], Kind::Probe, probe::penalty),
    rule(&["too_few_epochs"], Kind::Probe, probe::epochs),
    rule(&["optimizer_choice"], Kind::Course, course::optimizer),
    rule(&["not_learning"], Kind::Course, course::not_learning),
];

/// All findings of the rules up to a kind, gravest first.
pub(super) fn findings(evidence: &Evidence<'_>, most: Kind) -> Vec<Finding> {
    let mut all = Vec::new();
    for rule in RULES.iter().filter(|r| r.kind <= most) {
        let found = (rule.find)(evidence, &all);
        debug_assert!(found.iter().all(|f| rule.ids.contains(&f.id)), "{:?}", rule.ids);
        all.extend(found);
    }
    all.sort_by_key(|f: &Finding| std::cmp::Reverse(f.severity));
    all
}

/// Whether one of the words is among the findings.
fn said(found: &[Finding], ids: &[&str]) -> bool {
    found.iter().any(|f| ids.contains(&f.id))
}

/// A number as a reader takes it in: four digits.
fn short(v: f64) -> String {
    match v.abs() {
        a if a == 0.0 || (1e-3..1e5).contains(&a) => {
            let digits = if a >= 1.0 { 3 - (libm::log10(a) as usize).min(3) } else { 4 };
            let text = format!("{v:.digits$}");
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
        _ => format!("{v:.2e}"),
    }
}

/// A finding in the making.
struct Draft(Finding);

fn finding(id: &'static str, severity: Severity, place: impl Into<String>) -> Draft {
    Draft(Finding {
        id,
        severity,
        place: place.into(),
        message: String::new(),
        evidence: Vec::new(),
        advice: String::new(),
    })
}

impl Draft {
    fn says(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    fn shows(mut self, evidence: &[(&'static str, f64)]) -> Self {
        self.0.evidence = evidence.to_vec();
        self
    }

    fn advises(mut self, advice: impl Into<String>) -> Finding {
        self.0.advice = advice.into();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_a_rule_is_explained_and_reported_by_one_rule() {
        let all: Vec<&str> = RULES.iter().flat_map(|r| r.ids.iter().copied()).collect();
        for (i, id) in all.iter().enumerate() {
            assert!(crate::diagnose::about(id).is_some(), "{id}");
            assert_eq!(all.iter().position(|other| other == id), Some(i), "{id}");
        }
        let kinds: Vec<Kind> = RULES.iter().map(|r| r.kind).collect();
        assert!(kinds.contains(&Kind::Graph) && kinds.contains(&Kind::Probe));
    }

    #[test]
    fn numbers_are_short() {
        for (v, text) in [
            (0.0, "0"),
            (0.98765, "0.9877"),
            (12.3456, "12.35"),
            (1234.0, "1234"),
            (100.0, "100"),
            (2e-7, "2.00e-7"),
            (-3.5, "-3.5"),
        ] {
            assert_eq!(short(v), text);
        }
    }
}
