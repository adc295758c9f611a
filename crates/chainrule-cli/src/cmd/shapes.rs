//! The shape of every symbol and equation, as a table and as JSON.
//!
//! In: a checked file. Out: `z1 = W1 x + b1   (H×D)(D×1) + H×1 = H×1`: each equation once more with
//! the shapes in place of the names, printed by the same printer.

use std::collections::BTreeMap;

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
    let equations: Vec<[String; 2]> =
        m.equations.iter().map(|e| equation(m, e, spelling)).collect();
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

fn equation(m: &Module, e: &Equation, spelling: Spelling<'_>) -> [String; 2] {
    let equation = format!("{} = {}", spelling.text(&e.shown), spelling.text(&e.text));
    [equation, spelling.shape(&derivation(m, e))]
}

/// "(H×D)(D×1) + H×1 = H×1".
fn derivation(m: &Module, e: &Equation) -> String {
    let shape = m.graph[e.node].shape.to_string();
    let text = bracketed(&Names::shapes(m).definition(m, e.node, Style::Unicode));
    match text == shape || m.graph[e.node].args.is_empty() {
        true => shape,
        false => format!("{text} = {shape}"),
    }
}

/// Marks round a shape that stands for a name, until its neighbours are known.
const OPEN: char = '\u{1}';
const CLOSE: char = '\u{2}';

/// Brackets round shapes, but for those that stand alone in a bracket or norm.
fn bracketed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (shape, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        let beside_a_shape = before == " " && out.ends_with(')');
        out.push_str(if beside_a_shape { "" } else { before });
        let alone = before.ends_with(['(', '‖']) && after.starts_with([')', '‖']);
        out.push_str(&if alone { shape.to_owned() } else { format!("({shape})") });
        rest = after;
    }
    out + rest
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

    /// Shapes where the names were.
    fn shapes(m: &Module) -> Self {
        let called = |s: &Shape| format!("{OPEN}{s}{CLOSE}");
        let symbols = m.symbols.iter().map(|s| called(&s.shape)).collect();
        let named = |e: &Equation| (e.node, called(&m.graph[e.node].shape));
        Self { symbols, names: m.equations.iter().map(named).collect() }
    }

    fn definition(&self, m: &Module, node: NodeId, style: Style) -> String {
        let (symbols, names) = (&self.symbols, self.names.clone());
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
    let count = count(m, &learned);
    let word = if count == "1" { "number" } else { "numbers" };
    (names.join(" "), format!("{count} {word}"))
}

/// The sum of rows × columns, with names where sizes are open.
fn count(m: &Module, learned: &[&Symbol]) -> String {
    let mut terms: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for s in learned {
        for (a, n) in factors(m, &s.shape.rows) {
            for (b, k) in factors(m, &s.shape.cols) {
                let mut names = [a.clone(), b].concat();
                names.sort();
                let term = terms.entry(names).or_insert(0);
                *term = term.saturating_add(n.saturating_mul(k));
            }
        }
    }
    let mut terms: Vec<_> = terms.into_iter().filter(|(_, n)| *n > 0).collect();
    terms.sort_by_key(|(names, _)| std::cmp::Reverse(names.len()));
    let term = |(names, n): (Vec<String>, usize)| match (names.is_empty(), n) {
        (true, n) => n.to_string(),
        (false, 1) => names.join("·"),
        (false, n) => format!("{n}·{}", names.join("·")),
    };
    let terms: Vec<String> = terms.into_iter().map(term).collect();
    if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") }
}

/// A dimension as a sum of (name or nothing, how often).
fn factors(m: &Module, dim: &Dim) -> Vec<(Vec<String>, usize)> {
    if let Some(n) = dim.under(&m.dims.sizes) {
        return vec![(Vec::new(), n)];
    }
    let mut out: Vec<(Vec<String>, usize)> = Vec::new();
    for atom in &dim.atoms {
        let one = Dim { known: 0, atoms: vec![atom.clone()] };
        match one.under(&m.dims.sizes) {
            Some(n) => out.push((Vec::new(), n)),
            None => out.push((vec![one.to_string()], 1)),
        }
    }
    out.push((Vec::new(), dim.known));
    out
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
    let numbers = known_count(m).map_or_else(|| json!(count(m, &learned)), |n| json!(n));
    json!({ "symbols": names, "numbers": numbers })
}

/// How many numbers are learned, where all sizes are known.
pub(crate) fn known_count(m: &Module) -> Option<u64> {
    count(m, &all_learned(m)).parse().ok()
}

fn all_learned(m: &Module) -> Vec<&Symbol> {
    let of = |id| m.symbols.iter().find(move |s| s.id == id);
    m.trainable.iter().filter_map(|id| of(*id)).collect()
}
