//! The table: a row for each combination of values.
//!
//! In: groups of trials. Out: text. Invariants: columns that say nothing (no watched rows, no loss to
//! reach) are not there; a figure of several seeds is mean ± standard deviation; what diverged or
//! failed says so in its row.

use chainrule::GradientNorm;
use chainrule::trials::{Figures, Group, Spread, Status};

use super::Compared;
use super::pictures::marks;
use crate::numbers::Digits;
use crate::table;

const DIGITS: Digits = Digits { digits: 4, ascii: false };
const SHORT: Digits = Digits { digits: 3, ascii: false };

/// A heading, and what stands below it.
type Column<'a> = (String, Box<dyn Fn(&Group) -> String + 'a>);

/// The whole table, with what its headings mean.
pub(super) fn table(c: &Compared<'_>) -> String {
    let (columns, marks) = (columns(c), marks(c.groups));
    let head = std::iter::once(String::new()).chain(columns.iter().map(|c| c.0.clone()));
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    for (i, group) in c.groups.iter().enumerate() {
        let mark = marks.get(i).map_or(String::new(), char::to_string);
        let cells = columns.iter().map(|(_, cell)| cell(group));
        rows.push(std::iter::once(mark).chain(cells).collect());
    }
    table::rows(0, &rows) + &footnotes(c)
}

fn columns<'a>(c: &Compared<'a>) -> Vec<Column<'a>> {
    let mut all: Vec<Column<'a>> = Vec::new();
    for (i, vary) in c.args.vary.iter().enumerate() {
        let value = move |g: &Group| g.set.get(i).map_or(String::new(), |s| s.1.clone());
        all.push((vary.name.clone(), Box::new(value)));
    }
    all.push(("loss".into(), Box::new(|g| spread(g.spread(loss), DIGITS))));
    let epochs = || c.groups.iter().flat_map(|g| &g.trials).flat_map(|f| &f.epochs);
    let held = epochs().any(|e| e.held_loss.is_some());
    if held {
        let cell = |g: &Group| spread(g.spread(|f| f.kept.as_ref()?.held_loss), DIGITS);
        all.push(("held out".into(), Box::new(cell)));
    }
    if let Some(name) = c.model.metric() {
        let cell = move |g: &Group| spread(g.spread(|f| metric(f, held)), DIGITS);
        all.push((name.into(), Box::new(cell)));
    }
    let steps = |g: &Group| whole(g.spread(|f| Some(f.steps as f64)));
    all.push(("steps".into(), Box::new(steps)));
    let cost = |g: &Group| time(g.spread(|f| f.seconds_per_step));
    all.push(("a step".into(), Box::new(cost)));
    if let Some(loss) = c.args.to_loss {
        all.extend(goal(loss));
    }
    for (name, end) in [("‖∇‖ first", true), ("‖∇‖ last", false)] {
        let cell = move |g: &Group| spread(g.spread(|f| gradient(f, end)), SHORT);
        all.push((name.into(), Box::new(cell)));
    }
    all.push((String::new(), Box::new(status)));
    all
}

/// Steps and seconds to a loss.
fn goal<'a>(loss: f64) -> [Column<'a>; 2] {
    let reached = |g: &Group| g.trials.iter().filter(|f| f.to_loss.is_some()).count();
    let some = move |g: &Group, cell: String| match (reached(g), g.trials.len()) {
        (0, _) => "never".to_owned(),
        (n, all) if n == all => cell,
        (n, all) => format!("{cell} ({n} of {all})"),
    };
    let steps = |g: &Group| whole(g.spread(|f| Some(f.to_loss?.steps as f64)));
    let seconds = |g: &Group| time(g.spread(|f| Some(f.to_loss?.seconds)));
    let to = DIGITS.number(loss);
    [
        (format!("steps to {to}"), Box::new(move |g| some(g, steps(g)))),
        (format!("time to {to}"), Box::new(move |g| some(g, seconds(g)))),
    ]
}

fn loss(f: &Figures) -> Option<f64> {
    Some(f.kept.as_ref()?.loss)
}

fn metric(f: &Figures, held: bool) -> Option<f64> {
    let epoch = f.kept.as_ref()?;
    if held { epoch.held_metric } else { epoch.metric }
}

/// The norm of the gradient of the first or last layer's weights, before the first step.
fn gradient(f: &Figures, first: bool) -> Option<f64> {
    let mut weights = weights(f);
    let one = if first { weights.next() } else { weights.last() };
    one.map(|g| g.norm)
}

/// The weights of the layers, in their order.
pub(super) fn weights(f: &Figures) -> impl Iterator<Item = &GradientNorm> {
    f.gradients_at_start.iter().filter(|g| g.weights)
}

/// "0.31 ± 0.02"; a dash where nothing was measured.
fn spread(s: Option<Spread>, digits: Digits) -> String {
    let Some(s) = s else { return "–".to_owned() };
    let mean = digits.number(s.mean);
    match s.deviation {
        Some(deviation) => {
            format!("{mean} ± {}", Digits { digits: 2, ..digits }.number(deviation))
        }
        None => mean,
    }
}

/// Counts, which several seeds often have in common.
fn whole(s: Option<Spread>) -> String {
    spread(s.map(|s| Spread { deviation: s.deviation.filter(|d| *d > 0.0), ..s }), DIGITS)
}

/// "12.3 µs".
pub(super) fn time(s: Option<Spread>) -> String {
    let Some(s) = s else { return "–".to_owned() };
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    let fits = |(unit, _): &&(f64, &str)| s.mean >= *unit;
    let (unit, name) = units.iter().find(fits).unwrap_or(&units[2]);
    format!("{} {name}", SHORT.number(s.mean / unit))
}

fn status(g: &Group) -> String {
    let all = g.trials.len();
    let bad: Vec<&Figures> =
        g.trials.iter().filter(|f| f.status != Status::Done).collect();
    match bad.first().map(|f| &f.status) {
        None => String::new(),
        Some(first) if all == 1 => said(first),
        Some(first) => format!("{} of {all}: {}", bad.len(), said(first)),
    }
}

fn said(status: &Status) -> String {
    match status {
        Status::Done => String::new(),
        Status::Interrupted => "interrupted".to_owned(),
        Status::Diverged { equation, step } => {
            format!("diverged in step {step}: {equation}")
        }
        Status::Failed(reason) => format!("failed: {reason}"),
    }
}

/// A line about a trial that has ended.
pub(super) fn told(f: &Figures) -> String {
    let words = said(&f.status);
    let Some(epoch) = f.kept.as_ref().filter(|_| f.status == Status::Done) else {
        return words;
    };
    let held = epoch.held_loss.map(|l| format!(", held out {}", DIGITS.number(l)));
    let seconds = SHORT.number(f.seconds);
    format!(
        "loss {}{} ({seconds} s)",
        DIGITS.number(epoch.loss),
        held.unwrap_or_default()
    )
}

/// What the headings mean, in one place.
fn footnotes(c: &Compared<'_>) -> String {
    let mut out =
        "\nloss: mean over the last epoch's batches; ‖∇‖: norm of the gradient of the \
                   first and the last layer's weights, before the first step\n"
            .to_owned();
    let trials = || c.groups.iter().flat_map(|g| &g.trials);
    let held = trials().flat_map(|f| &f.epochs).any(|e| e.held_loss.is_some());
    if let Some(name) = c.model.metric().filter(|_| held) {
        out.push_str(&format!("held out, {name}: on rows that are not learned from\n"));
    }
    if c.args.seeds > 1 {
        out.push_str(&format!("± standard deviation over {} seeds\n", c.args.seeds));
    }
    out
}
