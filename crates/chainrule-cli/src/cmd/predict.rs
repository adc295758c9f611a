//! `chainrule predict MODEL DATA`: a CSV with the predictions, row for row.
//!
//! Out: for classes the label under the target's own name, then a probability per class; for numbers
//! the numbers, in the units of the training file. Nothing else goes to standard output.

use std::path::PathBuf;

use chainrule::{Prediction, Trained};
use serde_json::{Value, json};

use crate::args::whole;
use crate::failure::{DONE, Outcome};
use crate::screen::Screen;
use crate::writing;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule predict runs/digits-1.safetensors new.csv > out.csv
  chainrule predict runs/digits-1.safetensors new.csv -o out.csv
  grep -v '^#' raw.csv | chainrule predict runs/digits-1.safetensors -")]
pub(crate) struct Args {
    /// The model file that `train` wrote
    model: PathBuf,
    /// The rows to predict; the target's column may be missing; `-` reads standard input
    data: PathBuf,
    /// Write to a file instead of standard output
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Threads; the results do not depend on it [default: all]
    #[arg(long, value_name = "N", value_parser = whole(1..=1024_u32))]
    threads: Option<u32>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let trained =
        Trained::load(&args.model)?.threads(args.threads.map_or(0, |n| n as usize));
    let table = super::table_of(&trained, &args.data)?;
    let predicted = trained.predict(&table)?;
    super::say_report(&predicted.report, screen);
    let text = match screen.json {
        true => format!("{:#}\n", document(&predicted)),
        false => csv(&predicted, &label_name(&trained)),
    };
    match &args.output {
        Some(path) => writing::whole(path, &text, true)?,
        None => screen.print(&text)?,
    }
    Ok(DONE)
}

/// The column that the label has in the training file.
fn label_name(trained: &Trained) -> String {
    let targets = trained.preparation().symbols.iter().filter(|s| s.target);
    let columns: Vec<_> = targets.flat_map(|s| &s.columns).collect();
    match columns.as_slice() {
        [one] => one.name.clone(),
        _ => "class".to_owned(),
    }
}

fn csv(p: &Prediction, label: &str) -> String {
    let mut head: Vec<String> = Vec::new();
    if p.classes.is_some() {
        head.push(field(label));
    }
    head.extend(columns(p).iter().map(|n| field(n)));
    let mut out = head.join(",") + "\n";
    for i in 0..p.rows() {
        let class = p.class(i).map(field);
        let numbers = p.row(i).iter().map(|v| number(*v));
        let row: Vec<String> = class.into_iter().chain(numbers).collect();
        out.push_str(&row.join(","));
        out.push('\n');
    }
    out
}

/// Names of the numbers: "p(3)" for the probability of class 3.
fn columns(p: &Prediction) -> Vec<String> {
    let probability = |c: &String| format!("p({c})");
    match &p.classes {
        Some(all) if p.names.len() == 1 => {
            all.last().map(probability).into_iter().collect()
        }
        Some(all) if p.names.len() == all.len() => all.iter().map(probability).collect(),
        _ => p.names.clone(),
    }
}

/// As short as it reads back: what was computed in f32 needs no more digits than that.
fn number(v: f64) -> String {
    let (single, power) = (v as f32, v != 0.0 && v.abs() < 1e-5);
    match (f64::from(single) == v, power) {
        (true, false) => single.to_string(),
        (true, true) => format!("{single:e}"),
        (false, false) => v.to_string(),
        (false, true) => format!("{v:e}"),
    }
}

/// A field of a CSV: in quotes where a sign of the format stands in it.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn document(p: &Prediction) -> Value {
    let row = |i: usize| {
        let mut row = json!({ "values": p.row(i) });
        if let Some(class) = p.class(i) {
            row["class"] = json!(class);
        }
        row
    };
    json!({
        "names": columns(p),
        "classes": p.classes,
        "rows": (0..p.rows()).map(row).collect::<Value>(),
    })
}
