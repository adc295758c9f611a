//! The table of commands: one entry here and one file a command.

mod ascii;
mod asking;
mod begin;
mod check;
mod compare;
mod completions;
mod diagnose;
mod draw;
mod evaluate;
mod exam;
mod explain;
mod export;
mod fmt;
mod folds;
mod functions;
mod gap;
mod lr_range;
mod man;
mod mark;
mod new;
mod optimizers;
mod overrides;
mod plan;
mod predict;
mod rerun;
mod scores;
mod shapes;
mod solution;
mod splits;
mod train;
mod tune;

use std::io::{self, Read};
use std::path::Path;

use chainrule::data::{Report, Source};
use chainrule::{Error, Trained};
use clap::Subcommand;

pub(crate) use overrides::Sets;

use crate::failure::{Failure, Outcome};
use crate::report;
use crate::screen::Screen;

/// What chainrule can be asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a file: names, shapes, settings, and the gradient against differences
    Check(check::Args),
    /// Explain a file: shapes, gradients, values; or answer single questions
    Explain(explain::Args),
    /// Mark somebody's answers line by line
    Mark(mark::Args),
    /// Train a file's network on the data that it names
    Train(train::Args),
    /// Train a file in many ways and hold them side by side
    Compare(compare::Args),
    /// Search for good settings: learning rates at random, or any other name
    Tune(tune::Args),
    /// Let the rate grow step by step until the loss diverges: which rate is good
    LrRange(lr_range::Args),
    /// Do a run again and say whether it came out equal
    Rerun(rerun::Args),
    /// Predict rows with a trained model, as CSV
    Predict(predict::Args),
    /// Measure a trained model on rows whose answer is known
    Evaluate(evaluate::Args),
    /// Diagnose a finished run or the log of any program; match curves with learning rates
    Diagnose(diagnose::Args),
    /// Write a trained model in a format of others: weights, ONNX, CSV, equations
    Export(export::Args),
    /// List the steps of the planned program
    Plan(plan::Args),
    /// Make exercises of a worked example: other numbers, sheets, a Moodle quiz
    Exam(exam::Args),
    /// Draw the network: SVG, PNG, or in the terminal
    Draw(draw::Args),
    /// Spell a file in Unicode, ASCII or LaTeX
    Fmt(fmt::Args),
    /// Write a file to begin with
    New(new::Args),
    /// List the activations, losses and other functions, each as an equation
    Functions(functions::Args),
    /// List the optimisers, each as its update equations
    Optimizers(optimizers::Args),
    /// Write a completion script for a shell
    Completions(completions::Args),
    /// Write the manual page
    Man,
}

/// Acts.
pub(crate) fn run(command: Command, screen: &Screen) -> Outcome {
    match command {
        Command::Check(args) => check::run(&args, screen),
        Command::Explain(args) => explain::run(&args, screen),
        Command::Mark(args) => mark::run(&args, screen),
        Command::Train(args) => train::run(&args, screen),
        Command::Compare(args) => compare::run(&args, screen),
        Command::Tune(args) => tune::run(&args, screen),
        Command::LrRange(args) => lr_range::run(&args, screen),
        Command::Rerun(args) => rerun::run(&args, screen),
        Command::Predict(args) => predict::run(&args, screen),
        Command::Evaluate(args) => evaluate::run(&args, screen),
        Command::Diagnose(args) => diagnose::run(&args, screen),
        Command::Export(args) => export::run(&args, screen),
        Command::Plan(args) => plan::run(&args, screen),
        Command::Exam(args) => exam::run(&args, screen),
        Command::Draw(args) => draw::run(&args, screen),
        Command::Fmt(args) => fmt::run(&args, screen),
        Command::New(args) => new::run(&args, screen),
        Command::Functions(args) => functions::run(&args, screen),
        Command::Optimizers(args) => optimizers::run(&args, screen),
        Command::Completions(args) => completions::run(&args, screen),
        Command::Man => man::run(screen),
    }
}

/// What was done to a table, one sentence a line.
fn say_report(report: &Report, screen: &Screen) {
    for line in report.lines() {
        screen.say(&format!("{}\n", report::clean(&line)));
    }
}

/// The table of a later file, read as the training file was; `-` is standard input.
fn table_of(trained: &Trained, path: &Path) -> Result<Source, Failure> {
    let name = text_of(path)?;
    if name != "-" {
        return Ok(trained.preparation().read(Path::new("."), name)?);
    }
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    let name = "standard input";
    read.map_err(|source| Error::Read { path: name.into(), source })?;
    Ok(trained.preparation().read_bytes(&bytes, name)?)
}

/// A path as the library's data rooms take it.
fn text_of(path: &Path) -> Result<&str, Failure> {
    let words = || format!("{}: the path has to be UTF-8 text", path.display());
    path.to_str().ok_or_else(|| Failure::Usage(words()))
}
