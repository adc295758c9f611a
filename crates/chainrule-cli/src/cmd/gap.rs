//! `chainrule diagnose --gap RUN`: why the figures of training and validation differ.
//!
//! In: a run folder. Out: a waterfall from the one to the other, as text, JSON or an SVG file; status as
//! for any finding.

use std::path::Path;

use chainrule::Options;
use chainrule::diagnose::gap::{self, Gap};
use chainrule::runs::Run;
use serde_json::json;

use super::diagnose::{documents, status, told};
use crate::failure::{Failure, Outcome, USAGE};
use crate::numbers::Digits;
use crate::report::{clean, style};
use crate::screen::Screen;
use crate::source::Source;
use crate::{table, writing};

/// Signs across for the larger of the two figures.
const BAR: f64 = 30.0;
const DIGITS: Digits = Digits { digits: 4, ascii: false };

pub(super) fn run(path: &Path, svg: Option<&Path>, screen: &Screen) -> Outcome {
    let run = Run::open(path)?;
    let source = Source::read(&run.path().join("equations.chain"))?;
    let mut say = |words: &str| screen.say(&format!("{}\n", clean(words)));
    let found = gap::of_run(&run, Options::default(), &mut say);
    let found = found.map_err(Failure::about(&source, USAGE))?;
    if let Some(svg) = svg {
        writing::whole(svg, found.svg(), true)?;
        screen.say(&format!("wrote {}\n", clean(&svg.display().to_string())));
    }
    match screen.json {
        true => {
            let mut document = json!(found);
            document["run"] = json!(run.path().display().to_string());
            document["findings"] = documents(&found.findings);
            screen.document(&document)?;
        }
        false => screen.print(&story(&run, &found))?,
    }
    Ok(status(&found.findings))
}

fn story(run: &Run, g: &Gap) -> String {
    let (bold, path) = (style::STRONG, clean(&run.path().display().to_string()));
    let mut out = format!(
        "{bold}{path}{bold:#}, epoch {}: {} rows of training, {} watched\n{}",
        g.epoch,
        g.rows.0,
        g.rows.1,
        table::columns(2, &rows(g))
    );
    let remainder = g.amounts.last().map_or(0.0, |a| a.amount);
    match (g.findings.is_empty(), g.train > g.held, g.z.abs() < 3.0) {
        (false, ..) => g.findings.iter().for_each(|f| out.push_str(&told(f))),
        (true, true, true) => out.push_str(
            "  validation lies below training by how the two are measured; measured alike, \
             they do not differ\n",
        ),
        (true, true, false) => out.push_str(
            "  validation lies below training by how the two are measured; measured alike, it \
             lies above\n",
        ),
        (true, false, _) if remainder < 0.0 => {
            out.push_str("  validation lies above training, as rows do that are not learned from\n");
        }
        (true, false, _) => out.push_str("  measured alike, they do not differ\n"),
    }
    out
}

/// What it is, how much, and a bar from what was to what is left.
fn rows(g: &Gap) -> Vec<[String; 3]> {
    let most = g.amounts.iter().map(|a| a.left).fold(g.train.max(g.held), f64::max);
    let at = |v: f64| (BAR * v.max(0.0) / most.max(f64::MIN_POSITIVE)).round() as usize;
    let figure =
        |name: &str, v: f64| [name.to_owned(), DIGITS.number(v), "█".repeat(at(v))];
    let mut out = vec![figure("training, as logged", g.train)];
    let mut before = g.train;
    for a in &g.amounts {
        // The logged figures are those of single precision.
        let some = Some(a.amount).filter(|v| v.abs() > 1e-6 * g.train.abs());
        let sign = if a.amount > 0.0 { "−" } else { "+" };
        let mut words = match some {
            Some(v) => format!("{sign}{}", DIGITS.number(v.abs())),
            None => "0".to_owned(),
        };
        if a.what == "remainder" {
            out.push(figure("training, measured alike", before));
            let (error, z) = (DIGITS.number(g.error), g.z);
            words.push_str(&format!(" ± {error} (z = {z:.1})"));
        }
        let (low, high) = (at(before.min(a.left)), at(before.max(a.left)));
        let bar = format!("{}{}", " ".repeat(low), "░".repeat(high - low));
        out.push([format!("  {}", named(a.what)), words, bar]);
        before = a.left;
    }
    out.push(figure("validation", g.held));
    out
}

fn named(what: &str) -> &str {
    match what {
        "training form" => "training form (dropout, batch statistics)",
        "moving weights" => "weights on the move during the epoch",
        other => other,
    }
}
