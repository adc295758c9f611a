//! `chainrule evaluate MODEL DATA`: how good a model is on rows whose answer is known.
//!
//! Out: every figure beside that of a predictor that looks at nothing (majority class, mean).

use std::path::PathBuf;

use chainrule::Trained;
use serde_json::json;

use super::scores;
use crate::failure::{DONE, Outcome};
use crate::screen::Screen;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule evaluate runs/digits-1.safetensors test.csv
  chainrule evaluate runs/digits-1.safetensors test.csv --format json")]
pub(crate) struct Args {
    /// The model file that `train` wrote
    model: PathBuf,
    /// Rows with the target's column; `-` reads standard input
    data: PathBuf,
    /// Threads; the results do not depend on it [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let trained =
        Trained::load(&args.model)?.threads(args.threads.map_or(0, |n| n as usize));
    let table = super::table_of(&trained, &args.data)?;
    let (evaluation, report) = trained.evaluate(&table)?;
    super::say_report(&report, screen);
    match screen.json {
        true => screen.document(&json!(evaluation))?,
        false => screen.print(&scores::text(&evaluation))?,
    }
    Ok(DONE)
}
