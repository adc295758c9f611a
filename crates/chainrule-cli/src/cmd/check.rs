//! `chainrule check FILE`: what does not fit and how to mend it, or the shape of everything.
//!
//! In: a file. Out: diagnostics on standard error, shapes on standard output. Exit status 1 if one
//! of the diagnostics is an error.

use std::path::PathBuf;

use chainrule::graph::derived::derive;
use chainrule::graph::diag::{Diagnostic, has_errors};
use chainrule::graph::module::Module;
use serde_json::{Value, json};

use crate::failure::{DONE, FINDINGS, Outcome};
use crate::report;
use crate::screen::Screen;
use crate::source::Source;

use super::ascii::Spelling;
use super::overrides::{Set, overrides};
use super::shapes;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule check digits.chain
  chainrule check digits.chain --set H=64
  chainrule check digits.chain --format json")]
pub(crate) struct Args {
    /// The file of equations; `-` reads standard input
    file: PathBuf,
    /// Put another value for something that the file names
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<Set>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let loaded = source.load(&overrides(&args.set));
    let mut found = loaded.diagnostics;
    let derived = loaded.module.as_ref().map(derive);
    let mut fingerprint = None;
    match derived {
        Some(Ok(d)) => fingerprint = Some(d.fingerprint),
        Some(Err(more)) => found.extend(more.into_iter().map(softened)),
        None => {}
    }
    let module = loaded.module.as_ref();
    match screen.json {
        true => screen.document(&document(&source, module, &found, fingerprint))?,
        false => tell(&source, module, &found, screen)?,
    }
    Ok(if has_errors(&found) { FINDINGS } else { DONE })
}

/// A file without an objective can be checked and explained; it only cannot be trained.
fn softened(mut d: Diagnostic) -> Diagnostic {
    d.severity = chainrule::graph::diag::Severity::Note;
    d
}

fn tell(
    source: &Source,
    module: Option<&Module>,
    found: &[Diagnostic],
    screen: &Screen,
) -> Result<(), crate::failure::Failure> {
    screen.say(&report::draw::all(source, found));
    match module {
        Some(m) => {
            let spelling = Spelling { ascii: false, functions: &m.functions };
            screen.print(&shapes::text(m, spelling))
        }
        None => Ok(()),
    }
}

fn document(
    source: &Source,
    module: Option<&Module>,
    found: &[Diagnostic],
    fingerprint: Option<String>,
) -> Value {
    let mut out = json!({
        "file": source.name(),
        "diagnostics": report::json::all(&source.text, found),
    });
    if let Some(m) = module {
        out["symbols"] = shapes::symbols_json(m);
        out["equations"] = shapes::equations_json(m);
        out["learned"] = shapes::learned_json(m);
        out["fingerprint"] = json!(fingerprint);
    }
    out
}
