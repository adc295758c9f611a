//! Whether the parts of the data belong together: what tells them apart, and why their figures differ.
//!
//! In: parts held against each other, a gap taken apart. Out: findings. Invariant: these are the tests and
//! amounts of `diagnose --splits` and `diagnose --gap`, from the same functions. Deliberately absent: rows
//! on disk.

use super::{finding, said, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::gap::Gap;
use crate::diagnose::splits::Splits;
use crate::diagnose::{Finding, Severity};

pub(super) fn differ(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    e.splits.iter().flat_map(|(name, splits)| told(e, name, splits)).collect()
}

/// What was found of a pair; where not all rows were looked at, that is said.
fn told(e: &Evidence<'_>, name: &str, splits: &Splits) -> Vec<Finding> {
    let rows = |wanted: &str| {
        let parts = e.parts.iter().flat_map(|p| p.named());
        parts
            .filter(|(part, _)| *part == wanted)
            .map(|(_, part)| part.rows())
            .sum::<usize>()
    };
    let (seen, all) = (splits.train + splits.held, rows("training") + rows(name));
    let mut found = splits.findings.clone();
    if seen < all {
        for f in &mut found {
            f.message.push_str(&format!(" ({seen} of {all} rows were looked at)"));
            f.advice.push_str("; `chainrule diagnose --splits FILE` looks at all rows");
        }
    }
    found
}

/// Less than this share of a constant answer's loss is no matter, however sure.
const LITTLE: f64 = 0.01;

pub(super) fn validation_better(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(gap) = e.gap.as_ref().filter(|_| !said(found, &["exploding"])) else {
        return Vec::new();
    };
    if e.gate().is_some_and(|gate| gap.train - gap.held < LITTLE * gate.baseline) {
        return Vec::new();
    }
    if gap.findings.is_empty() {
        return artefact(gap).into_iter().collect();
    }
    let advice = match said(found, &["distribution_shift", "split_leak"]) {
        true => "the parts do not belong together (see there): deal the rows anew first",
        false => {
            "the parts come from one source, as far as tests can tell: look whether both figures \
             are computed alike"
        }
    };
    let one = |f: &Finding| Finding { advice: advice.to_owned(), ..f.clone() };
    gap.findings.iter().map(one).collect()
}

/// As many standard errors are no chance.
const SURE: f64 = 3.0;

/// A gap that is beyond chance as logged, and not if both parts are measured alike.
fn artefact(gap: &Gap) -> Option<Finding> {
    let logged = gap.train - gap.held;
    let named: Vec<String> =
        gap.amounts.iter().map(|a| format!("{} {}", a.what, short(a.amount))).collect();
    let amount = |i: usize| gap.amounts[i].amount;
    (logged >= SURE * gap.error).then(|| {
        finding("validation_better", Severity::Note, format!("epoch {}", gap.epoch))
            .says(format!(
                "the loss on watched rows lies {} below that of training as logged, by how the two \
                 are measured: {} ± {}",
                short(logged),
                named.join(", "),
                short(gap.error)
            ))
            .shows(&[
                ("logged", logged),
                ("penalty", amount(0)),
                ("training_form", amount(1)),
                ("moving_weights", amount(2)),
                ("remainder", amount(3)),
                ("error", gap.error),
            ])
            .advises("nothing is wrong: compare both parts in evaluation form (`--gap RUN` draws it)")
    })
}
