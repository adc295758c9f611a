//! `chainrule export MODEL --to FORMAT`: a trained model in a format of others.
//!
//! In: a model file, the name of a format. Out: one file, whole or not at all; its path on standard
//! output. The formats are the library's table; nothing is known here about any of them.

use std::path::{Path, PathBuf};

use chainrule::Trained;
use chainrule::export::{self, FORMATS};
use serde_json::json;

use crate::failure::{DONE, Failure, Outcome};
use crate::report;
use crate::screen::Screen;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("Formats:\n{}\n{EXAMPLES}", formats()))]
pub(crate) struct Args {
    /// The model file that `train` wrote
    model: PathBuf,
    /// The format, one of those below
    #[arg(long, value_name = "FORMAT")]
    to: String,
    /// Where to write it [default: beside the model, with the ending of the format]
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  chainrule export runs/digits-1.safetensors --to onnx
  chainrule export runs/digits-1.safetensors --to chain -o learned.chain";

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let format = export::format(&args.to)?;
    let trained = Trained::load(&args.model)?;
    let path = match &args.output {
        Some(path) => path.clone(),
        None => args.model.with_extension(format.extension),
    };
    if same_file(&path, &args.model) {
        let words = "this is the model itself; -o names another file";
        return Err(Failure::Usage(format!("{}: {words}", path.display())));
    }
    trained.export(format, &path)?;
    let shown = path.display().to_string();
    let about = json!({ "file": shown, "format": format.name, "holds": format.holds });
    match screen.json {
        true => screen.document(&about)?,
        false => screen.print(&format!("{}\n", report::clean(&shown)))?,
    }
    Ok(DONE)
}

/// One line a format.
fn formats() -> String {
    FORMATS.iter().map(|f| format!("  {:<12} {}\n", f.name, f.holds)).collect()
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}
