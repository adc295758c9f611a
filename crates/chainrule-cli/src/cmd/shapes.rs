//! The shape of every symbol and equation, as a table and as JSON.
//!
//! In: a checked file. Out: `z1 = W1 x + b1   (H×D)(D×1) + H×1 = H×1`: each equation once more with
//! the shapes in place of the names, printed by the same printer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chainrule::explain::{equation_shapes, parameter_count};
use chainrule::graph::graph::NodeId;
use chainrule::graph::module::{Equation, Module, Symbol};
use chainrule::graph::print::Printer;
use chainrule::graph::shape::{Dim, Shape};
use chainrule::graph::syntax::ast::{Mark, Role};
use chainrule::graph::syntax::print::Style;
use serde_json::{Value, json};

use super::ascii::Spelling;
use crate::report::style;
use crate::table;

/// Symbols, equations, what is minimised, how many numbers are learned.
pub(crate) fn text(m: &Module, spelling: Spelling<'_>) -> String {
    let bold = style::STRONG;
    let mut out = format!("{bold}symbols{bold:#}\n");
    let symbols: Vec<[String; 3]> =
        m.symbols.iter().map(|s| symbol(m, s, spelling)).collect();
    out.push_str(&table::columns(2, &symbols));
    out.push_str(&format!("{bold}equations{bold:#}\n"));
    let equation = |(e, shapes): (&Equation, String)| {
        let equation =
            format!("{} = {}", spelling.text(&e.shown), spelling.text(&e.text));
        [equation, spelling.shape(&shapes)]
    };
    let equations: Vec<[String; 2]> =
        m.equations.iter().zip(equation_shapes(m)).map(equation).collect();
    out.push_str(&table::columns(2, &equations));
    if let Some(o) = m.objective.as_ref().filter(|o| o.said) {
        let what = Names::own(m).definition(m, o.node, spelling.style());
        out.push_str(&format!("{bold}minimised{bold:#}  {what}\n"));
    }
    let (names, count) = learned(m);
    let (names, count) = (spelling.text(&names), spelling.shape(&count));
    out.push_str(&format!("{bold}learned{bold:#}    {names}: {count}\n"));
    if !m.dims.sizes.is_empty() {
        out.push_str(&format!("{bold}sizes{bold:#}      {}\n", sizes(m)));
    }
    out
}

fn symbol(m: &Module, s: &Symbol, spelling: Spelling<'_>) -> [String; 3] {
    let shape = spelling.shape(&s.shape.to_string());
    [spelling.text(&s.shown), shape, role(m, s).join(", ")]
}

/// "target, one-hot", "learned", "given": what it is for.
fn role(m: &Module, s: &Symbol) -> Vec<&'static str> {
    let mut words = match s.role {
        Role::Input => vec!["input"],
        Role::Target => vec!["target"],
        Role::Param => vec!["learned"],
        Role::None if m.trainable.contains(&s.id) => vec!["learned"],
        Role::None if s.value.is_some() => vec!["given"],
        Role::None => vec![],
    };
    words.extend(s.mark.map(|mark| match mark {
        Mark::OneHot => "one-hot",
        Mark::Distribution => "distribution",
        Mark::Binary => "binary",
        Mark::MultiHot => "multi-hot",
    }));
    words
}

/// What a printer writes for symbols and equations.
struct Names {
    symbols: Vec<String>,
    names: BTreeMap<NodeId, String>,
}

impl Names {
    /// As the file does.
    fn own(m: &Module) -> Self {
        let symbols = m.symbols.iter().map(|s| s.shown.clone()).collect();
        let mut names = BTreeMap::new();
        for e in &m.equations {
            names.entry(e.node).or_insert_with(|| e.shown.clone());
        }
        Self { symbols, names }
    }

    fn definition(&self, m: &Module, node: NodeId, style: Style) -> String {
        let (symbols, names) = (&self.symbols, Cow::Borrowed(&self.names));
        let (graph, functions, layout) = (&m.graph, &m.functions, m.layout);
        let printer = Printer { graph, functions, symbols, names, layout };
        printer.definition(node, style)
    }
}

/// The learned names and how many numbers they hold.
fn learned(m: &Module) -> (String, String) {
    let learned = all_learned(m);
    let names: Vec<&str> = learned.iter().map(|s| s.shown.as_str()).collect();
    if names.is_empty() {
        return ("nothing".to_owned(), "0 numbers".to_owned());
    }
    let count = parameter_count(m);
    let word = if count == "1" { "number" } else { "numbers" };
    (names.join(" "), format!("{count} {word}"))
}

fn sizes(m: &Module) -> String {
    let one = |(name, n): (&String, &usize)| format!("{name} = {n}");
    m.dims.sizes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Two entries, integers or names.
pub(crate) fn shape_json(m: &Module, shape: &Shape) -> Value {
    let dim = |d: &Dim| match d.under(&m.dims.sizes) {
        Some(n) => json!(n),
        None => json!(d.to_string()),
    };
    json!([dim(&shape.rows), dim(&shape.cols)])
}

pub(crate) fn symbols_json(m: &Module) -> Value {
    let one = |s: &Symbol| {
        json!({
            "name": s.shown,
            "shape": shape_json(m, &s.shape),
            "declared": s.shape.to_string(),
            "is": role(m, s),
        })
    };
    m.symbols.iter().map(one).collect()
}

pub(crate) fn equations_json(m: &Module) -> Value {
    let one = |e: &Equation| {
        let shape = &m.graph[e.node].shape;
        json!({ "name": e.shown, "text": e.text, "shape": shape_json(m, shape) })
    };
    m.equations.iter().map(one).collect()
}

pub(crate) fn learned_json(m: &Module) -> Value {
    let learned = all_learned(m);
    let names: Vec<&str> = learned.iter().map(|s| s.shown.as_str()).collect();
    let numbers = known_count(m).map_or_else(|| json!(parameter_count(m)), |n| json!(n));
    json!({ "symbols": names, "numbers": numbers })
}

/// How many numbers are learned, where all sizes are known.
pub(crate) fn known_count(m: &Module) -> Option<u64> {
    parameter_count(m).parse().ok()
}

fn all_learned(m: &Module) -> Vec<&Symbol> {
    let of = |id| m.symbols.iter().find(move |s| s.id == id);
    m.trainable.iter().filter_map(|id| of(*id)).collect()
}
