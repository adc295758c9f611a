//! `chainrule plan FILE`: every step of the planned program, with the equations and gradients that it
//! computes.
//!
//! In: a file, sizes (from `--set`, the file, or its data). Out: a table or JSON. The plan is made
//! here as training makes it: the training form of the graph, the file's batch.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chainrule::data::Dataset;
use chainrule::graph::derived::{Derived, Expanded, derive, expand};
use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::graph::{NodeId, SymId};
use chainrule::graph::module::{Module, Symbol};
use chainrule::graph::print::Printer;
use chainrule::graph::shape::{Atom, Sizes};
use chainrule::graph::syntax::ast::{Layout, Mark, Precision, Role};
use chainrule::graph::syntax::print::Style;
use chainrule::plan::{Options, Plan, Purpose, StepLine, plan};
use chainrule::{Error, Model};
use serde_json::{Value, json};

use super::Sets;
use crate::args::whole;
use crate::failure::{DONE, FINDINGS, Failure, Outcome};
use crate::report;
use crate::screen::Screen;
use crate::source::Source;
use crate::table;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule plan digits.chain
  chainrule plan classifier.chain --set D=784 --set K=10 --batch 128")]
pub(crate) struct Args {
    /// The file of equations
    file: PathBuf,
    /// Rows of a step [default: the file's `batch`, else 32]
    #[arg(long, value_name = "N", value_parser = whole(1..=u32::MAX))]
    batch: Option<u32>,
    #[command(flatten)]
    set: Sets,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let located = Failure::about(&source, FINDINGS);
    let loaded = source.load(&args.set)?;
    let Some(module) = loaded.module else {
        return Err(located(Error::Diagnostics(loaded.diagnostics)));
    };
    let derived = derive(&module).map_err(Error::Diagnostics).map_err(&located)?;
    let sizes = sizes(args, &module).map_err(&located)?;
    let planned = planned(args, &module, &derived, sizes).map_err(&located)?;
    match screen.json {
        true => screen.document(&planned.document(&derived))?,
        false => screen.print(&planned.text(&derived))?,
    }
    Ok(DONE)
}

/// A plan and its listing.
struct Planned {
    plan: Plan,
    /// Whether training runs in f64.
    double: bool,
    lines: Vec<StepLine>,
}

/// What the file does not say about sizes, its data does.
fn sizes(args: &Args, module: &Module) -> Result<Sizes, Error> {
    let known = &module.dims.sizes;
    let needed = |s: &&Symbol| {
        matches!(s.role, Role::Input | Role::Target) || module.trainable.contains(&s.id)
    };
    let mut needed = module.symbols.iter().filter(needed);
    let open = needed.any(|s| s.shape.under(known).is_none());
    if !open || module.data.is_none() || args.file == Path::new("-") {
        return Ok(known.clone());
    }
    let model = Model::from_file(&args.file, args.set.options())?;
    let data: Dataset = model.load_data()?.prepared.train;
    model.sizes(&data)
}

fn planned(
    args: &Args,
    module: &Module,
    derived: &Derived,
    sizes: Sizes,
) -> Result<Planned, Error> {
    let said = module.train.as_ref().and_then(|t| t.batch).filter(|b| *b > 0);
    let rows = args.batch.map_or(said.unwrap_or(32), |b| b as usize);
    let one_hot = |s: &&Symbol| s.role == Role::Target && s.mark == Some(Mark::OneHot);
    let index: Vec<SymId> = module.symbols.iter().filter(one_hot).map(|s| s.id).collect();
    let expanded = expand(module, derived, Form::Training);
    let batch = batch_name(module);
    let options = Options {
        sizes,
        rows,
        index: &index,
        batch: batch.as_deref(),
        keep: &[],
        learned: &[],
    };
    let plan = plan(&expanded, Purpose::Train, &options).map_err(Error::Diagnostics)?;
    let names = names(module, &expanded);
    let lines = plan.describe(&names);
    let double = module.precision == Precision::F64;
    Ok(Planned { plan, double, lines })
}

/// Words for every node: the name of an equation or gradient, else what it computes.
fn names(module: &Module, x: &Expanded) -> Vec<(NodeId, String)> {
    let objective = module.objective.as_ref().map_or("J", |o| o.shown.as_str());
    let by = |s: SymId| &module.symbols[s.0 as usize].shown;
    let gradients = x.gradients.iter();
    let gradients = gradients.map(|(s, n)| (*n, format!("d{objective}/d{}", by(*s))));
    let equations: BTreeMap<NodeId, String> = x.named.iter().cloned().collect();
    let symbols: Vec<String> = module.symbols.iter().map(|s| s.shown.clone()).collect();
    let (graph, functions, layout) = (&x.graph, &module.functions, module.layout);
    let names = Cow::Borrowed(&equations);
    let printer = Printer { graph, functions, symbols: &symbols, names, layout };
    let mut all: BTreeMap<NodeId, String> = graph
        .iter()
        .map(|(n, _)| (n, shortened(&printer.definition(n, Style::Unicode))))
        .collect();
    all.extend(equations);
    all.extend(gradients);
    all.into_iter().collect()
}

/// The start of a long expression.
fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    match text.chars().count() > MOST {
        true => text.chars().take(MOST - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// The dimension of the examples, in files that write a batch as a matrix.
fn batch_name(module: &Module) -> Option<String> {
    let mut inputs = module.symbols.iter().filter(|s| s.role == Role::Input);
    let shape = &inputs.next()?.shape;
    let dim = match module.layout {
        Layout::One => return None,
        Layout::Columns => &shape.cols,
        Layout::Rows => &shape.rows,
    };
    match module.dims.resolve(dim).atoms.as_slice() {
        [Atom::Name(name)] => Some(name.clone()),
        _ => None,
    }
}

impl Planned {
    fn text(&self, derived: &Derived) -> String {
        let bold = report::style::STRONG;
        let head = ["step", "computes", "how", "numbers", ""].map(str::to_owned);
        let lines = self.lines.iter().enumerate().map(|(i, l)| row(i + 1, l));
        let rows: Vec<[String; 5]> = std::iter::once(head).chain(lines).collect();
        let mut out = table::columns(0, &rows);
        out.push_str(&format!("\n{bold}rows{bold:#}         {}\n", self.plan.rows()));
        let numbers = self.plan.arena();
        let width = if self.double { 8.0 } else { 4.0 };
        let bytes = chainrule::memory::bytes(numbers as f64 * width);
        out.push_str(&format!("{bold}arena{bold:#}        {numbers} numbers, {bytes}\n"));
        out + &format!("{bold}fingerprint{bold:#}  {}\n", derived.fingerprint)
    }

    fn document(&self, derived: &Derived) -> Value {
        let step = |l: &StepLine| json!({ "computes": l.names, "how": l.what, "numbers": l.writes, "note": l.note });
        json!({
            "steps": self.lines.iter().map(step).collect::<Value>(),
            "rows": self.plan.rows(),
            "arena": self.plan.arena(),
            "fingerprint": derived.fingerprint,
        })
    }
}

fn row(number: usize, l: &StepLine) -> [String; 5] {
    let note = l.note.unwrap_or_default().to_owned();
    let mut names = l.names.clone();
    names.dedup();
    let names = report::clean(&names.join(", "));
    [number.to_string(), names, l.what.clone(), l.writes.to_string(), note]
}
