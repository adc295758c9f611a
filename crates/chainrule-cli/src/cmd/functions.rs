//! `chainrule functions [NAME]`: the shipped functions, as the equations that they are.
//!
//! In: the prelude's table. Out: one line a function by kind, or one entry in full. Nothing is
//! known here about any function.

use chainrule::graph::functions::names;
use chainrule::graph::prelude;
use chainrule::graph::syntax::ast::Function;
use chainrule::graph::syntax::settings::nearest;
use serde_json::{Value, json};

use crate::failure::{DONE, Failure, Outcome};
use crate::report::style;
use crate::screen::Screen;
use crate::table;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule functions              all of them
  chainrule functions gelu         one of them, with its source
  chainrule functions --format json")]
pub(crate) struct Args {
    /// Only this one, in full
    name: Option<String>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let all = prelude::functions();
    let found: Vec<&Function> = match &args.name {
        Some(name) => vec![find(name)?],
        None => all.all.iter().collect(),
    };
    match (screen.json, &args.name) {
        (true, _) => screen.document(&found.iter().map(|f| document(f)).collect())?,
        (false, Some(_)) => screen.print(&entry(found[0]))?,
        (false, None) => screen.print(&listing(&found))?,
    }
    Ok(DONE)
}

fn find(name: &str) -> Result<&'static Function, Failure> {
    let all = prelude::functions();
    if let Some(id) = all.find(name) {
        return Ok(all.get(id));
    }
    let near = nearest(name, all.all.iter().flat_map(names));
    Err(unknown("function", "functions", name, near))
}

/// "there is no function gelo; did you mean gelu?"
pub(super) fn unknown(
    kind: &str,
    command: &str,
    name: &str,
    near: Option<&str>,
) -> Failure {
    let way_out = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("`chainrule {command}` lists them"),
    };
    Failure::Usage(format!("there is no {kind} `{name}`; {way_out}"))
}

/// The value of a structured comment.
pub(super) fn note<'a>(notes: &'a [(String, String)], key: &str) -> Option<&'a str> {
    notes.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
}

/// Other names that are accepted.
fn aliases(f: &Function) -> Vec<&str> {
    let own = [f.name.key.as_str(), f.name.written.as_str()];
    names(f).filter(|n| !own.contains(n)).collect()
}

/// An entry of the prelude as it stands there: the line and what is indented below it.
pub(super) fn written(start: u32) -> &'static str {
    let text = prelude::TEXT.get(start as usize..).unwrap_or("");
    let line_start = prelude::TEXT[..start as usize].rfind('\n').map_or(0, |i| i + 1);
    let head = start as usize - line_start;
    let first = text.find('\n').map_or(text.len(), |i| i + 1);
    let more = text[first..].split_inclusive('\n');
    let more = more.take_while(|l| l.starts_with([' ', '\t']) && !l.trim().is_empty());
    let end = first + more.map(str::len).sum::<usize>();
    prelude::TEXT[start as usize - head..start as usize + end].trim_end()
}

fn kind(f: &Function) -> &str {
    note(&f.notes, "kind").unwrap_or("function")
}

/// "activation" as a heading over several.
fn heading(kind: &str) -> String {
    match kind.ends_with('s') {
        true => format!("{kind}es"),
        false => format!("{kind}s"),
    }
}

/// All, by kind in the order of the prelude.
fn listing(found: &[&Function]) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for f in found {
        if !kinds.contains(&kind(f)) {
            kinds.push(kind(f));
        }
    }
    let bold = style::STRONG;
    let mut out = String::new();
    for k in kinds {
        let of_kind = found.iter().filter(|f| kind(f) == k);
        let rows: Vec<[String; 2]> = of_kind.map(|f| row(f)).collect();
        out.push_str(&format!("{bold}{}{bold:#}\n", heading(k)));
        out.push_str(&table::columns(2, &rows));
        out.push('\n');
    }
    out.push_str("`chainrule functions NAME` shows one in full, with its source.\n");
    out
}

/// Names, then the equation.
fn row(f: &Function) -> [String; 2] {
    let called: Vec<&str> =
        [f.name.written.as_str()].into_iter().chain(aliases(f)).collect();
    let equation = written(f.name.span.start).lines().next().unwrap_or("");
    [called.join(", "), equation.to_owned()]
}

fn entry(f: &Function) -> String {
    let mut out = format!("{}\n\n", written(f.name.span.start));
    out.push_str(&format!("  {}\n", f.about));
    let mut rows = vec![["kind".to_owned(), kind(f).to_owned()]];
    if !aliases(f).is_empty() {
        rows.push(["also".to_owned(), aliases(f).join(", ")]);
    }
    if let Some(source) = note(&f.notes, "source") {
        rows.push(["source".to_owned(), source.to_owned()]);
    }
    for (_, sample) in f.notes.iter().filter(|(k, _)| k == "at") {
        rows.push(["at".to_owned(), sample.clone()]);
    }
    out.push_str(&table::columns(2, &rows));
    out
}

fn document(f: &Function) -> Value {
    let samples = f.notes.iter().filter(|(k, _)| k == "at").map(|(_, v)| v);
    json!({
        "name": f.name.written,
        "aliases": aliases(f),
        "kind": kind(f),
        "about": f.about,
        "source": note(&f.notes, "source"),
        "parameters": f.params.iter().map(|p| &p.name.written).collect::<Vec<_>>(),
        "text": written(f.name.span.start),
        "samples": samples.collect::<Vec<_>>(),
    })
}
