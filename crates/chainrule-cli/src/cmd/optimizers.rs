//! `chainrule optimizers [NAME]`: the shipped optimisers, as their update equations.

use chainrule::graph::prelude;
use chainrule::graph::syntax::ast::Optimizer;
use chainrule::graph::syntax::settings::nearest;
use serde_json::{Value, json};

use super::functions::{note, unknown, written};
use crate::failure::{DONE, Failure, Outcome};
use crate::report::style;
use crate::screen::Screen;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule optimizers             all of them
  chainrule optimizers adam        one of them
In a rule, θ is a parameter, g its gradient, t the step from 1.")]
pub(crate) struct Args {
    /// Only this one
    name: Option<String>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let all = &prelude::functions().optimizers;
    let found: Vec<&Optimizer> = match &args.name {
        Some(name) => vec![find(name)?],
        None => all.iter().collect(),
    };
    match screen.json {
        true => screen.document(&found.iter().map(|o| document(o)).collect())?,
        false => {
            let entries: Vec<String> = found.iter().map(|o| entry(o)).collect();
            screen.print(&entries.join("\n"))?;
        }
    }
    Ok(DONE)
}

fn find(name: &str) -> Result<&'static Optimizer, Failure> {
    let all = prelude::functions();
    all.optimizer(name).ok_or_else(|| {
        let names = all.optimizers.iter().map(|o| o.name.written.as_str());
        unknown("optimiser", "optimizers", name, nearest(name, names))
    })
}

fn entry(o: &Optimizer) -> String {
    let dim = style::DIM;
    let mut out = format!("{}\n", written(o.name.span.start));
    out.push_str(&format!("  {dim}{}{dim:#}\n", o.about));
    if let Some(source) = note(&o.notes, "source") {
        out.push_str(&format!("  {dim}source: {source}{dim:#}\n"));
    }
    out
}

fn document(o: &Optimizer) -> Value {
    json!({
        "name": o.name.written,
        "about": o.about,
        "source": note(&o.notes, "source"),
        "parameters": o.params.iter().map(|p| &p.name.written).collect::<Vec<_>>(),
        "state": o.states.iter().map(|(n, _)| &n.written).collect::<Vec<_>>(),
        "text": written(o.name.span.start),
    })
}
