//! The table of trials, and what is said about them.
//!
//! In: trials with their figures. Out: text, best first. Columns that say nothing (no rows watched, no
//! halving) are not there; what diverged says so in its row.

use chainrule::diagnose::search::review;
use chainrule::tune::best::{self, Good};
use chainrule::tune::plan::{Plan, Stage};
use chainrule::tune::record::{Kept, Report};
use chainrule::tune::space::Axis;
use serde_json::Value;

use super::Found;
use crate::numbers::Digits;
use crate::report::clean;
use crate::table;

const DIGITS: Digits = Digits { digits: 4, ascii: false };

/// Rows that are shown; JSON has all.
const MOST: usize = 50;

/// What will be done.
pub(super) fn plan(plan: &Plan) -> String {
    let (trials, epochs) = (plan.trials, plan.epochs());
    let folds =
        plan.folds.map_or(String::new(), |k| format!(" beside each of {k} folds"));
    if plan.rungs.len() < 2 {
        return format!("{trials} trials of {epochs} epochs{folds}\n");
    }
    let rungs: Vec<String> = plan.rungs.iter().map(usize::to_string).collect();
    let (spent, full) = plan.cost();
    format!(
        "{trials} trials in brackets of {}, looked at after {} epochs{folds}: {:.0} % of what \
         training all of them costs\n",
        plan.bracket,
        rungs.join(", "),
        100.0 * spent as f64 / full as f64
    )
}

/// A line about a piece of work.
pub(super) fn told(report: &Report) -> String {
    let reason = report.facts.get("reason").and_then(Value::as_str);
    match (reason, report.loss) {
        (Some(reason), _) => reason.to_owned(),
        (None, None) => "interrupted".to_owned(),
        (None, Some(loss)) => {
            let number = |key: &str| report.facts.get(key).and_then(Value::as_f64);
            let epochs = number("epochs").unwrap_or(0.0);
            let seconds =
                Digits { digits: 3, ..DIGITS }.number(number("seconds").unwrap_or(0.0));
            let spread = number("spread").map_or(String::new(), |s| {
                format!(" ± {}", Digits { digits: 2, ..DIGITS }.number(s))
            });
            let loss = DIGITS.number(loss) + &spread;
            format!("loss {loss} after {epochs} epochs ({seconds} s)")
        }
    }
}

/// A heading, and what stands below it.
type Column<'a> = (String, Box<dyn Fn(usize, &Kept) -> String + 'a>);

/// The whole table.
pub(super) fn table(found: &Found<'_>) -> String {
    let columns = columns(found);
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|c| c.0.clone()).collect()];
    let ranked = best::ranked(found.trials);
    for &k in ranked.iter().take(MOST) {
        rows.push(columns.iter().map(|c| (c.1)(k, &found.trials[k])).collect());
    }
    let more = match ranked.len().saturating_sub(MOST) {
        0 => String::new(),
        n => format!("… and {n} more; --format json has all\n"),
    };
    clean(&(table::rows(0, &rows) + &more))
}

fn columns<'a>(found: &'a Found<'_>) -> Vec<Column<'a>> {
    let mut all: Vec<Column<'a>> = vec![("trial".into(), Box::new(|k, _| k.to_string()))];
    for (i, axis) in found.study.axes.iter().enumerate() {
        let value = move |k: usize, _: &Kept| value(axis, &found.set(k)[i].1);
        all.push((axis.name.clone(), Box::new(value)));
    }
    let any = |key: &str| found.trials.iter().any(|t| fact(t, key).is_some());
    let held = any("held_loss");
    let metric = found.model.metric().filter(|_| any("metric"));
    let mut number = |head: &str, key: &'static str| {
        let cell = move |_: usize, t: &Kept| match fact(t, key) {
            Some(value) => DIGITS.number(value),
            None => "–".to_owned(),
        };
        all.push((head.to_owned(), Box::new(cell)));
    };
    number("loss", "loss");
    match found.study.plan.folds {
        Some(folds) => {
            number(&format!("{folds} folds"), "held_loss");
            number("±", "spread");
        }
        None if held => number("held out", "held_loss"),
        None => {}
    }
    if let Some(name) = metric {
        number(name, "metric");
    }
    number("epochs", "epochs");
    all.push((String::new(), Box::new(|_, t| status(t))));
    all
}

/// Drawn numbers have few digits; anything else stands as it was typed.
fn value(axis: &Axis, text: &str) -> String {
    let number = text.parse().ok().filter(|_| axis.is_number());
    number.map_or_else(|| text.to_owned(), |v| DIGITS.number(v))
}

pub(super) fn fact(kept: &Kept, key: &str) -> Option<f64> {
    kept.facts.get(key)?.as_f64()
}

fn status(kept: &Kept) -> String {
    let reason = kept.facts.get("reason").and_then(Value::as_str);
    match kept.place.stage {
        Stage::Complete => String::new(),
        Stage::Pruned => "given up".to_owned(),
        Stage::Failed => reason.unwrap_or("failed").to_owned(),
        Stage::Running | Stage::Waiting => "not done".to_owned(),
    }
}

/// What is best and where it is good, in sentences.
pub(super) fn verdict(found: &Found<'_>) -> String {
    let Some(best) = best::best(found.trials) else {
        return "\nno trial was trained to its end\n".to_owned();
    };
    let settings = super::compare::label(found.set(best));
    let mut out = format!("\nbest: {settings} (trial {best})\n");
    for axis in found.study.axes.iter().filter(|a| a.is_number()) {
        if let Some(good) = found.good(axis) {
            out.push_str(&range(axis, good));
        }
    }
    clean(&(out + &next(found)))
}

/// "lr is good from 0.001 to 0.03".
fn range(axis: &Axis, good: Good) -> String {
    let (low, high) = (DIGITS.number(good.low), DIGITS.number(good.high));
    let open = match (good.open_below, good.open_above) {
        (false, false) => "",
        (true, false) => "; nothing smaller was tried",
        (false, true) => "; nothing larger was tried",
        (true, true) => "; all that was tried",
    };
    format!("{} is good from {low} to {high}{open}\n", axis.name)
}

/// What to look at next: candidates that lie badly, or half a decade round the best rate.
fn next(found: &Found<'_>) -> String {
    let rate = found.study.axes.iter().find(|a| a.name == "lr");
    let Some(good) = rate.and_then(|axis| found.good(axis)) else { return String::new() };
    let rates = &found.args.candidates;
    let poor = (!rates.is_empty())
        .then(|| review(rates, found.args.seed).ok())
        .flatten()
        .filter(|r| !r.findings.is_empty());
    match poor {
        Some(review) => {
            let list: Vec<String> =
                review.proposal.iter().map(|r| format!("{r:e}")).collect();
            format!(
                "these candidates lie badly; better: --candidates {}\n",
                list.join(",")
            )
        }
        None => {
            let middle = (good.low * good.high).sqrt();
            let (low, high) = (middle / 3.16, middle * 3.16);
            format!("closer: --search \"lr ~ loguniform({low:.1e}, {high:.1e})\"\n")
        }
    }
}
