//! `chainrule evaluate MODEL DATA`: how good a model is on rows whose answer is known; or, with
//! `FILE --folds K`, how good the training of a file is.
//!
//! Out: every figure beside that of a predictor that looks at nothing (majority class, mean).

use std::path::PathBuf;

use chainrule::Trained;
use serde_json::json;

use super::{Sets, folds, scores};
use crate::args::whole;
use crate::failure::{DONE, Failure, Outcome};
use crate::screen::Screen;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule evaluate runs/digits-1.safetensors test.csv
  chainrule evaluate runs/digits-1.safetensors test.csv --format json
  chainrule evaluate digits.chain --folds 5      train five times, each on four fifths of the rows

With --folds, rows are dealt as a function of the seed, classes evenly; each training learns its
preprocessing from its own rows, and holds out of them what the file says to watch.")]
pub(crate) struct Args {
    /// The model file that `train` wrote; with --folds a file of equations
    model: PathBuf,
    /// Rows with the target's column; `-` reads standard input
    #[arg(conflicts_with = "folds")]
    data: Option<PathBuf>,
    /// Train the file so many times, each time measured on rows that it has not seen
    #[arg(long, value_name = "K", value_parser = whole(2..=1000_u32))]
    folds: Option<u32>,
    #[command(flatten)]
    set: Sets,
    /// Trainings at a time, each on one thread; results do not depend on it [default: one a core]
    #[arg(long, value_name = "N", requires = "folds",
        value_parser = whole(1..=1024_u32))]
    workers: Option<u32>,
    /// Threads; the results do not depend on it [default: all]
    #[arg(long, value_name = "N", value_parser = whole(1..=1024_u32))]
    threads: Option<u32>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let data = match (&args.data, args.folds) {
        (_, Some(folds)) => {
            let workers = args.workers.map_or(0, |n| n as usize);
            return folds::run(&args.model, folds as usize, &args.set, workers, screen);
        }
        (Some(data), None) if args.set.is_empty() => data,
        (Some(_), None) => {
            return usage("--set belongs to --folds: a model has its settings");
        }
        (None, None) => return usage("name rows to measure on, or --folds 5 for a file"),
    };
    let trained =
        Trained::load(&args.model)?.threads(args.threads.map_or(0, |n| n as usize));
    let table = super::table_of(&trained, data)?;
    let (evaluation, report) = trained.evaluate(&table)?;
    super::say_report(&report, screen);
    match screen.json {
        true => screen.document(&json!(evaluation))?,
        false => screen.print(&scores::text(&evaluation))?,
    }
    Ok(DONE)
}

fn usage(words: &str) -> Outcome {
    Err(Failure::Usage(words.to_owned()))
}
