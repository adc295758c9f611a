//! `chainrule diagnose`: what went wrong in a training, with evidence.
//!
//! In: logs of any program; curves and their rates; a list of learning rates; a finding's name. Out:
//! findings with their numbers and what to do; status 1 if one of them is an error.

mod files;

use std::path::{Path, PathBuf};

use chainrule::diagnose::curves::{Assigned, assign};
use chainrule::diagnose::search::{Review, review};
use chainrule::diagnose::{self, FINDINGS, Finding, Severity, log};
use serde_json::{Value, json};

use super::Sets;
use crate::args::{natural, number};
use crate::failure::{DONE, FINDINGS as FOUND, Failure, Outcome};
use crate::report::{clean, style};
use crate::screen::Screen;
use crate::table;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule diagnose digits.chain                      the file and its data, nothing trained
  chainrule diagnose digits.chain --train --prove      a training as well, and advice tried out
  chainrule diagnose digits.chain --train --svg flow.svg   gradients and steps of each layer
  chainrule diagnose runs/digits-1                     a finished run: its weights on its data
  chainrule diagnose history.json metrics.csv          logs of other programs
  chainrule diagnose --curves a.csv b.csv c.csv --rates 1e-3,1e-1,10
  chainrule diagnose --candidates 0.01,0.16,0.21,0.84,0.94
  chainrule diagnose --splits digits.chain             do its parts come from one source?
  chainrule diagnose --splits train.csv val.csv --target price
  chainrule diagnose --gap runs/digits-1               why does validation differ from training?
  chainrule diagnose --about overfitting

A log is a CSV with a column loss or train_loss (and val_loss), the JSON of a Keras history, or
a TensorBoard event file. Exit status 1 if a finding is an error.")]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    /// Files of equations, run folders, or logs: CSV, JSON, events.out.tfevents.*
    logs: Vec<PathBuf>,
    /// Train the file, look into it on the way, and decide by further trainings
    #[arg(long, requires = "logs")]
    train: bool,
    /// Try out what findings advise, and tell both losses
    #[arg(long, requires = "train")]
    prove: bool,
    #[command(flatten)]
    set: Sets,
    /// Loss curves of one network, to be assigned to the rates
    #[arg(long, num_args = 1.., value_name = "LOG", requires = "rates")]
    curves: Vec<PathBuf>,
    /// The learning rates of the curves, in any order
    #[arg(long, value_delimiter = ',', value_name = "RATE,…", requires = "curves",
        value_parser = number)]
    rates: Vec<f64>,
    /// Learning rates that are to be tried: do they lie well?
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "RATE,…",
        allow_hyphen_values = true,
        value_parser = number
    )]
    candidates: Vec<f64>,
    /// Seed of the candidates that are proposed instead
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
        value_parser = natural::<u64>)]
    seed: u64,
    /// A file of equations, or two tables: do the parts of the data come from one source?
    #[arg(long, num_args = 1..=2, value_name = "FILE")]
    splits: Vec<PathBuf>,
    /// The column of the two tables that is to be predicted
    #[arg(long, value_name = "COLUMN", requires = "splits")]
    target: Option<String>,
    /// A run: what makes the figures of training and validation differ
    #[arg(long, value_name = "RUN")]
    gap: Option<PathBuf>,
    /// Write a picture into this file: the gradients of a run, or of the training of --train, from layer
    /// to layer; the waterfall of --gap
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// What a finding means, or `all`
    #[arg(long, value_name = "FINDING")]
    about: Option<String>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let asked = [
        !args.logs.is_empty(),
        !args.curves.is_empty(),
        !args.candidates.is_empty(),
        !args.splits.is_empty(),
        args.gap.is_some(),
        args.about.is_some(),
    ];
    if asked.iter().filter(|&&a| a).count() != 1 {
        let words =
            "one at a time: logs, --curves, --candidates, --splits, --gap or --about";
        return Err(Failure::Usage(words.to_owned()));
    }
    if args.svg.is_some() && args.logs.is_empty() && args.gap.is_none() {
        let words = "--svg goes with --gap, with a run, and with a file and --train";
        return Err(Failure::Usage(words.to_owned()));
    }
    match args {
        Args { about: Some(word), .. } => explain(word, screen),
        Args { curves, rates, .. } if !curves.is_empty() => {
            match_up(curves, rates, screen)
        }
        Args { candidates, seed, .. } if !candidates.is_empty() => {
            look_over(&review(candidates, *seed)?, screen)
        }
        Args { splits, target, .. } if !splits.is_empty() => {
            super::splits::run(splits, target.as_deref(), screen)
        }
        Args { gap: Some(run), svg, .. } => super::gap::run(run, svg.as_deref(), screen),
        Args { logs, .. } => files::run(logs, args, screen),
    }
}

pub(super) fn status(findings: &[Finding]) -> u8 {
    let error = findings.iter().any(|f| f.severity == Severity::Error);
    if error { FOUND } else { DONE }
}

/// What a log alone shows.
fn of_log(run: &log::Run) -> Value {
    json!({
        "log": run.place,
        "epochs": run.train.len(),
        "validation": run.held.len(),
        "notes": run.notes,
    })
}

fn story(run: &log::Run, findings: &[Finding], whole: bool) -> String {
    let bold = style::STRONG;
    let held = match run.held.len() {
        0 => "no validation loss".to_owned(),
        n => format!("{n} validation losses"),
    };
    let place = clean(&run.place);
    let mut out =
        format!("{bold}{place}{bold:#}: {} training losses, {held}\n", run.train.len());
    run.notes.iter().for_each(|note| out.push_str(&format!("  note: {}\n", clean(note))));
    if findings.is_empty() {
        let far = if whole { "" } else { ", as far as a log can tell" };
        out.push_str(&format!("  nothing to report{far}\n"));
    }
    findings.iter().for_each(|f| out.push_str(&told(f)));
    out
}

/// A finding as a compiler would put it.
pub(super) fn told(f: &Finding) -> String {
    let (dim, name) = (style::DIM, severity(f.severity));
    let look = match f.severity {
        Severity::Error => style::ERROR,
        Severity::Warning => style::WARNING,
        Severity::Note => style::NOTE,
    };
    format!(
        "{look}{name}[{}]{look:#}: {}\n  {dim}-->{dim:#} {}\n  {dim}help:{dim:#} {}\n",
        f.id,
        f.message,
        clean(&f.place),
        f.advice
    )
}

fn severity(s: Severity) -> &'static str {
    match s {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

pub(super) fn documents(findings: &[Finding]) -> Value {
    let one = |f: &Finding| {
        let evidence: serde_json::Map<String, Value> =
            f.evidence.iter().map(|(n, v)| ((*n).to_owned(), json!(v))).collect();
        json!({
            "id": f.id,
            "severity": severity(f.severity),
            "place": f.place,
            "message": f.message,
            "evidence": evidence,
            "advice": f.advice,
        })
    };
    findings.iter().map(one).collect()
}

/// One run a file: what is compared has to be one curve.
fn curve(path: &Path) -> Result<Vec<f64>, Failure> {
    let mut runs = log::read(path)?;
    match runs.len() {
        1 => Ok(runs.remove(0).train),
        n => Err(Failure::Usage(format!(
            "{}: {n} runs in one file; a file a curve",
            path.display()
        ))),
    }
}

fn match_up(paths: &[PathBuf], rates: &[f64], screen: &Screen) -> Outcome {
    let curves = paths.iter().map(|path| curve(path)).collect::<Result<Vec<_>, _>>()?;
    let assigned = assign(&curves, rates)?;
    let name = |a: &Assigned| clean(&paths[a.curve].display().to_string());
    if screen.json {
        let one = |a: &Assigned| {
            let mut document = json!(a);
            document["curve"] = json!(paths[a.curve].display().to_string());
            document
        };
        screen.document(&assigned.iter().map(one).collect())?;
        return Ok(DONE);
    }
    let row = |a: &Assigned| {
        let unsure =
            if a.sure { "" } else { " (not told apart from the next higher rate)" };
        let rate = format!("{}", a.rate);
        [name(a), rate, a.verdict.to_owned(), format!("{}{unsure}", a.reason)]
    };
    let rows: Vec<[String; 4]> = assigned.iter().map(row).collect();
    screen.print(&table::columns(0, &rows))?;
    Ok(DONE)
}

pub(super) fn look_over(review: &Review, screen: &Screen) -> Outcome {
    if screen.json {
        screen.document(&json!({
            "candidates": review.candidates,
            "decades": review.decades,
            "ruler": review.ruler.iter().map(|(k, n)| json!({"decade": k, "candidates": n}))
                .collect::<Vec<_>>(),
            "findings": documents(&review.findings),
            "proposal": review.proposal,
        }))?;
        return Ok(status(&review.findings));
    }
    let rows: Vec<[String; 3]> = review.ruler.iter().map(|&(k, n)| ruled(k, n)).collect();
    let mut out = format!("{:.2} decades\n", review.decades);
    out.push_str(&table::columns(2, &rows));
    review.findings.iter().for_each(|f| out.push_str(&told(f)));
    let list: Vec<String> = review.proposal.iter().map(|r| format!("{r:e}")).collect();
    match review.findings.is_empty() {
        true => out.push_str("they lie well\n"),
        false => out.push_str(&format!("better: {}\n", list.join(","))),
    }
    screen.print(&out)?;
    Ok(status(&review.findings))
}

/// A decade of the ruler.
fn ruled(k: i32, n: usize) -> [String; 3] {
    [format!("[1e{k}, 1e{})", k + 1), "●".repeat(n.min(40)), n.to_string()]
}

fn explain(word: &str, screen: &Screen) -> Outcome {
    let found: Vec<_> = match word {
        "all" => FINDINGS.iter().collect(),
        word => vec![diagnose::about(word).ok_or_else(|| unknown(word))?],
    };
    if screen.json {
        screen.document(&json!(found))?;
        return Ok(DONE);
    }
    let bold = style::STRONG;
    let one = |f: &&diagnose::About| {
        format!(
            "{bold}{}{bold:#}: {}\n  reported when: {}\n  {}\n",
            f.id, f.title, f.rule, f.text
        )
    };
    screen.print(&found.iter().map(one).collect::<Vec<_>>().join("\n"))?;
    Ok(DONE)
}

fn unknown(word: &str) -> Failure {
    let names: Vec<&str> = FINDINGS.iter().map(|f| f.id).collect();
    Failure::Usage(format!("no finding is called {word}; there are {}", names.join(", ")))
}
