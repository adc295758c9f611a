//! `chainrule check FILE`: what does not fit and how to mend it; or the shape of everything, and the
//! gradient of the planned program held against differences.
//!
//! In: a file, and its data where that can be read. Out: diagnostics on standard error, shapes and the
//! check on standard output. Exit status 1 if one of the diagnostics is an error.

use std::path::{Path, PathBuf};

use chainrule::check::{GradientCheck, TOLERANCE, gradients};
use chainrule::data::Dataset;
use chainrule::graph::derived::{Derived, derive};
use chainrule::graph::diag::{Code, Diagnostic, Severity, has_errors};
use chainrule::graph::domain;
use chainrule::graph::lower::Loaded;
use chainrule::graph::module::Module;
use chainrule::{Error, Model};
use serde_json::{Value, json};

use super::Sets;
use super::ascii::Spelling;
use super::shapes;
use crate::failure::{DONE, FINDINGS, Failure, Outcome};
use crate::report;
use crate::screen::Screen;
use crate::source::Source;

/// More learned numbers than this are not checked: differences in f64 would fill the memory.
const MOST: u64 = 20_000_000;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule check digits.chain
  chainrule check digits.chain --set H=64
  chainrule check digits.chain --format json")]
pub(crate) struct Args {
    /// The file of equations; `-` reads standard input
    file: PathBuf,
    #[command(flatten)]
    set: Sets,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let Loaded { module, diagnostics } = source.load(&args.set)?;
    let mut checked =
        Checked { source, module, found: diagnostics, ..Checked::default() };
    if let Some(module) = &mut checked.module {
        checked.found.extend(domain::check(module));
        match derive(module) {
            Ok(derived) => {
                checked.fingerprint = Some(derived.fingerprint.clone());
                let data = args.data(module, &mut checked.found, screen);
                // Values outside a domain have no slope that could be compared.
                let outside = checked.found.iter().any(|d| d.code == Code::M1);
                match gradient(module, &derived, data.as_ref()) {
                    Ok(_) if outside => {}
                    Ok(gradient) => checked.gradient = gradient,
                    Err(Error::Diagnostics(more)) => checked.found.extend(more),
                    Err(other) => return Err(other.into()),
                }
            }
            Err(more) => checked.found.extend(more.into_iter().map(softened)),
        }
    }
    let failed = checked.gradient.as_ref().and_then(GradientCheck::diagnostic);
    checked.found.extend(failed);
    match screen.json {
        true => screen.document(&checked.document())?,
        false => checked.tell(screen)?,
    }
    Ok(if has_errors(&checked.found) { FINDINGS } else { DONE })
}

impl Args {
    /// The rows that the file names, and the sizes that they give; stand-ins serve without them.
    /// What does not fit between file and data is a finding; data that is not there is none.
    fn data(
        &self,
        module: &mut Module,
        found: &mut Vec<Diagnostic>,
        screen: &Screen,
    ) -> Option<Dataset> {
        if module.data.is_none() || self.file == Path::new("-") {
            return None;
        }
        // What keeps the file from training was said before, or is no finding here.
        let model = Model::from_file(&self.file, self.set.options()).ok()?;
        let read = || {
            let data = model.load_data()?.prepared.train;
            Ok((model.sizes(&data)?, data))
        };
        let read: Result<_, Error> = read();
        match read {
            Ok((sizes, data)) => {
                module.dims.sizes = sizes;
                Some(data)
            }
            Err(Error::Diagnostics(more)) => {
                found.extend(more);
                None
            }
            Err(error) => {
                let words = report::clean(&error.to_string());
                screen.say(&format!("checked without its data: {words}\n"));
                None
            }
        }
    }
}

/// The check, unless the network is too large for it.
fn gradient(
    module: &Module,
    derived: &Derived,
    data: Option<&Dataset>,
) -> Result<Option<GradientCheck>, Error> {
    match shapes::known_count(module) {
        Some(n) if n > MOST => Ok(None),
        _ => gradients(module, derived, data, 0),
    }
}

/// What is known of a file after the check.
#[derive(Default)]
struct Checked {
    source: Source,
    module: Option<Module>,
    found: Vec<Diagnostic>,
    fingerprint: Option<String>,
    gradient: Option<GradientCheck>,
}

/// A file without an objective can be checked and explained; it only cannot be trained.
fn softened(mut d: Diagnostic) -> Diagnostic {
    d.severity = Severity::Note;
    d
}

impl Checked {
    fn tell(&self, screen: &Screen) -> Result<(), Failure> {
        screen.say(&report::draw::all(&self.source, &self.found));
        let Some(m) = &self.module else { return Ok(()) };
        let spelling = Spelling { ascii: false, functions: &m.functions };
        let gradient = self.gradient.as_ref().map_or_else(String::new, sentence);
        screen.print(&(shapes::text(m, spelling) + &gradient))
    }

    fn document(&self) -> Value {
        let mut out = json!({
            "file": self.source.name(),
            "diagnostics": report::json::all(&self.source.text, &self.found),
        });
        if let Some(m) = &self.module {
            out["symbols"] = shapes::symbols_json(m);
            out["equations"] = shapes::equations_json(m);
            out["learned"] = shapes::learned_json(m);
            out["fingerprint"] = json!(self.fingerprint);
            out["gradient"] = self.gradient.as_ref().map_or(Value::Null, gradient_json);
        }
        out
    }
}

/// "gradient   holds: 20 directions and 210 entries, largest deviation 3.1e-9 at W1[2,3]".
fn sentence(c: &GradientCheck) -> String {
    let bold = report::style::STRONG;
    let verdict = if c.passed() { "holds" } else { "fails" };
    let rows = if c.real_data { "rows of the data" } else { "drawn numbers" };
    let kinks = match c.kinks {
        0 => String::new(),
        n => format!(", {n} across a kink left out"),
    };
    format!(
        "{bold}gradient{bold:#}   {verdict}: {} directions and {} entries on {rows}{kinks}; largest \
         deviation {:.1e} at {} (allowed {TOLERANCE:.0e})\n",
        c.directions, c.entries, c.largest, c.place
    )
}

fn gradient_json(c: &GradientCheck) -> Value {
    json!({
        "passed": c.passed(),
        "directions": c.directions,
        "entries": c.entries,
        "kinks": c.kinks,
        "largest": c.largest,
        "place": c.place,
        "tolerance": TOLERANCE,
        "real_data": c.real_data,
    })
}
