//! What the network puts out → what a caller reads: label and probabilities, or values.
//!
//! In: the output as N rows. Out: names, types and widths of the graph's outputs. Invariants: the
//! label is that of `predict` (the side of one half, or the first largest entry); values are in the
//! units of the training file, in double precision.

use super::build::Build;
use super::prepare;
use super::proto::{self, Attribute, ValueInfo};
use crate::data::{Step, SymbolPlan};
use crate::model::{Trained, compared};

/// What the outputs are called, unless a column is called so.
pub(super) const NAMES: [&str; 3] = ["label", "probabilities", "value"];

const LABEL: usize = 0;
const PROBABILITIES: usize = 1;
const VALUE: usize = 2;

/// Writes the outputs.
pub(super) fn write(
    b: &mut Build,
    trained: &Trained,
    rows: &str,
    width: usize,
) -> Vec<ValueInfo> {
    let target = compared(&trained.model.module);
    let plan = target.and_then(|s| trained.preparation.symbol(&s.key));
    let classes = plan.and_then(SymbolPlan::classes).unwrap_or_default();
    match (classes.len(), width) {
        (2, 1) => of_two(b, rows, &classes),
        (n, k) if n == k => of_many(b, rows, &classes),
        _ => values(b, plan, rows, width),
    }
}

/// Two classes, told by one probability: that of the second.
fn of_two(b: &mut Build, rows: &str, classes: &[&str]) -> Vec<ValueInfo> {
    let (half, one) = (b.number(0.5), b.number(1.0));
    let second = b.op("Greater", &[rows, &half]);
    let place = b.cast(&second, proto::INT64);
    let axis = b.ints(&[1]);
    let place = b.op("Squeeze", &[&place, &axis]);
    let label = label(b, &place, classes);
    let other = b.op("Sub", &[&one, rows]);
    let both = b.with("Concat", &[&other, rows], vec![Attribute::int("axis", 1)]);
    let real = b.real();
    vec![label, output(b, &both, PROBABILITIES, real, Some(2))]
}

fn of_many(b: &mut Build, rows: &str, classes: &[&str]) -> Vec<ValueInfo> {
    let largest = vec![Attribute::int("axis", 1), Attribute::int("keepdims", 0)];
    let place = b.with("ArgMax", &[rows], largest);
    let label = label(b, &place, classes);
    let real = b.real();
    let same = b.op("Identity", &[rows]);
    vec![label, output(b, &same, PROBABILITIES, real, Some(classes.len()))]
}

/// The names of the classes at their places: whole numbers where all of them are.
fn label(b: &mut Build, place: &str, classes: &[&str]) -> ValueInfo {
    let whole = |c: &&str| c.parse::<i64>().ok().filter(|n| n.to_string() == *c);
    let numbers: Option<Vec<i64>> = classes.iter().map(whole).collect();
    let (names, kind) = match numbers {
        Some(all) => (b.ints(&all), proto::INT64),
        None => (b.words("classes", classes), proto::STRING),
    };
    let name = b.op("Gather", &[&names, place]);
    output(b, &name, LABEL, kind, None)
}

/// Numbers in the units of the file.
fn values(
    b: &mut Build,
    plan: Option<&SymbolPlan>,
    rows: &str,
    width: usize,
) -> Vec<ValueInfo> {
    let rows = b.cast(rows, proto::DOUBLE);
    let steps: Vec<&[Step]> =
        plan.map_or(Vec::new(), |p| p.columns.iter().map(|c| c.kind.steps()).collect());
    let value = if steps.len() == width { undone(b, &rows, &steps) } else { rows };
    let value = b.op("Identity", &[&value]);
    vec![output(b, &value, VALUE, proto::DOUBLE, Some(width))]
}

fn undone(b: &mut Build, rows: &str, steps: &[&[Step]]) -> String {
    let (mut parts, mut at) = (Vec::new(), 0);
    while at < steps.len() {
        let run = prepare::undone_together(&steps[at..]);
        let part = prepare::part(b, rows, at, run, steps.len());
        parts.push(prepare::undo(b, part, &steps[at..at + run]));
        at += run;
    }
    prepare::beside(b, &parts)
}

/// Makes the last value an output.
fn output(
    b: &mut Build,
    value: &str,
    which: usize,
    kind: i32,
    columns: Option<usize>,
) -> ValueInfo {
    let name = b.outputs[which].clone();
    b.call_last(value, &name);
    ValueInfo::rows(&name, kind, columns)
}
