//! `chainrule mark FILE ANSWERS`: somebody's answers, line by line.
//!
//! In: a file of equations and a text of answers. Out: the library's report in one of its forms.
//! Exit status 0 if all is right, 1 if something is wrong, 2 if a line or the file cannot be read.

use std::path::PathBuf;

use chainrule::mark::{FORMS, Form, Marked, mark};
use clap::builder::PossibleValuesParser;

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
  chainrule mark exam.chain answers.txt -o marked.html
  chainrule mark exam.chain answers.txt -o marked.pdf          in a build with `--features pdf`
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
    /// The report's form: text, html, typst, pdf, json [default: by the ending of -o, else text]
    #[arg(long, value_name = "FORM")]
    #[arg(value_parser = PossibleValuesParser::new(FORMS.iter().map(|f| f.name)))]
    #[arg(hide_possible_values = true)]
    to: Option<String>,
    /// Where to write the report [default: standard output]
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    set: Sets,
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
    args.put(&marked, &answers, screen)?;
    Ok(match (marked.readable(), marked.all_right()) {
        (false, _) => USAGE,
        (true, false) => FINDINGS,
        (true, true) => DONE,
    })
}

impl Args {
    /// By its name, else by the ending of the file; `--format json` is the same for every command.
    fn form(&self, screen: &Screen) -> &'static Form {
        let ending = self.output.as_ref().and_then(|p| p.extension()?.to_str());
        let is = |f: &&Form| match (screen.json, &self.to) {
            (true, _) => f.name == "json",
            (_, Some(name)) => f.name == name,
            _ => Some(f.extension) == ending,
        };
        FORMS.iter().find(is).unwrap_or(&FORMS[0])
    }

    /// The report to its place.
    fn put(
        &self,
        marked: &Marked,
        answers: &Source,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let (form, title) = (self.form(screen), answers.name());
        let report = || {
            let report = (form.write)(marked, &answers.text, &title);
            if form.name == "text" { report::clean(&report) } else { report }
        };
        match &self.output {
            None if form.is_text() => screen.print(&report()),
            None => {
                let words = format!("--to {} goes to a file: -o marked.pdf", form.name);
                Err(Failure::Usage(words))
            }
            Some(path) if form.is_text() => writing::whole(path, report(), true),
            Some(path) => {
                let bytes = form.bytes(marked, &answers.text, &title)?;
                writing::whole(path, bytes, true)
            }
        }
    }
}
