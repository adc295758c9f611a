//! `chainrule evaluate MODEL DATA`: how good a model is on rows whose answer is known.
//!
//! Out: every figure beside that of a predictor that looks at nothing (majority class, mean).

use std::path::{Path, PathBuf};

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
    /// Rows with the target's column
    data: PathBuf,
    /// Threads; the results do not depend on it [default: all]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let trained = Trained::load(&args.model)?.threads(args.threads);
    let table =
        trained.preparation().read(Path::new("."), super::text_of(&args.data)?)?;
    let (evaluation, report) = trained.evaluate(&table)?;
    super::say_report(&report, screen);
    match screen.json {
        true => screen.document(&json!(evaluation))?,
        false => screen.print(&scores::text(&evaluation))?,
    }
    Ok(DONE)
}
