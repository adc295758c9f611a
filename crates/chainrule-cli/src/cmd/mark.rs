//! `chainrule mark FILE ANSWERS`: somebody's answers, line by line.
//!
//! In: a file of equations and a text of answers. Out: the library's report as text, HTML or JSON.
//! Exit status 0 if all is right, 1 if something is wrong, 2 if a line or the file cannot be read.

use std::path::PathBuf;

use chainrule::mark::{html, json, mark, text};
use clap::ValueEnum;

use super::Sets;
use super::asking::Asking;
use crate::failure::{DONE, FINDINGS, Failure, Outcome, USAGE};
use crate::report;
use crate::screen::Screen;
use crate::source::Source;
use crate::writing;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule mark exam.chain answers.txt
  chainrule mark exam.chain answers.txt --update \"sgd(lr = 0.1)\"
  chainrule mark exam.chain answers.txt --to html -o marked.html
  chainrule mark exam.chain answers.txt --format json

ANSWERS has one answer a line, `question = value or formula`, a question as in `explain --ask`:
  h = (2, -0.5)                        numbers: right up to half a unit of the last digit
  dL/dW2 = (ŷ − y) a1ᵀ  (2 points)     a formula: compared by value at random points
  L = 1/2 (1 − (−1.5))² = 3.125        a chain: every part of it is held against the right value
  δ0 = dL/dz1                          a name for later lines
Text after # is no answer. Without `(… points)` a line is worth one point.")]
pub(crate) struct Args {
    /// The file of equations
    file: PathBuf,
    /// The answers; `-` reads standard input
    answers: PathBuf,
    #[command(flatten)]
    asking: Asking,
    /// The report's form
    #[arg(long, value_enum, default_value = "text")]
    to: Form,
    /// Where to write the report [default: standard output]
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    set: Sets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Html,
    Json,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let answers = Source::read(&args.answers)?;
    let loaded = source.load(&args.set)?;
    let Some(module) = loaded.module else {
        return Err(Failure::Findings(Box::new(source), loaded.diagnostics, USAGE));
    };
    let how = args.asking.options();
    let marked = mark(&source.text, &args.set.options(), &module, &how, &answers.text);
    if marked.lines.is_empty() {
        let words = format!("{}: no line of it is an answer", answers.name());
        return Err(Failure::Usage(words));
    }
    let report = match args.form(screen) {
        Form::Text => report::clean(&text(&marked, &answers.text)),
        Form::Html => html(&marked, &answers.text, &answers.name()),
        Form::Json => format!("{:#}\n", json(&marked, &answers.text)),
    };
    match &args.output {
        Some(path) => writing::whole(path, &report, true)?,
        None => screen.print(&report)?,
    }
    Ok(match (marked.readable(), marked.all_right()) {
        (false, _) => USAGE,
        (true, false) => FINDINGS,
        (true, true) => DONE,
    })
}

impl Args {
    /// `--format json` is the same for every command.
    fn form(&self, screen: &Screen) -> Form {
        if screen.json { Form::Json } else { self.to }
    }
}
