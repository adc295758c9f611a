//! Everything that `explain` has to say of a file: equations with shapes, values, gradients.
//!
//! In: a checked file and the answers to [`questions`]. Out: text in the order of a solution by hand:
//! given, forward, backward, and the gradient that training uses with its fingerprint.

use std::collections::BTreeMap;

use chainrule::explain::{Line, Report, derivation};
use chainrule::graph::derived::{Derived, derive};
use chainrule::graph::module::{Equation, Module};
use chainrule::graph::print::Printer;
use chainrule::graph::simplify::Rule;
use serde_json::{Value, json};

use super::explain::{Writer, answered, shape_text};
use super::shapes;
use crate::report::style;
use crate::table;

/// What has to be asked: every value, and the loss by everything that the derivation names.
pub(super) fn questions(m: &Module) -> Vec<String> {
    let symbols = m.symbols.iter().map(|s| s.shown.clone());
    let equations = m.equations.iter().map(|e| e.shown.clone());
    let loss = loss(m).map(|l| l.shown.clone());
    let gradients = loss.into_iter().flat_map(|l| {
        let by = move |line: Line| format!("d{l}/d{}", line.of);
        derivation(m).into_iter().map(by)
    });
    symbols.chain(equations).chain(gradients).collect()
}

/// The equation of the loss: of one example, if the objective is a mean of one.
fn loss(m: &Module) -> Option<&Equation> {
    let o = m.objective.as_ref()?;
    let node = o.loss.unwrap_or(o.node);
    m.equations.iter().find(|e| e.node == node)
}

/// The whole solution.
pub(super) fn text(m: &Module, report: &Report, writer: &Writer<'_>) -> String {
    let bold = style::STRONG;
    let mut out = shapes::text(m, writer.spelling);
    let values = values(m, report, writer);
    if !values.is_empty() {
        out.push_str(&format!("{bold}values{bold:#}\n{}", table::columns(2, &values)));
    }
    let lines = derivation(m);
    if !lines.is_empty() {
        let rows: Vec<[String; 3]> =
            lines.iter().map(|line| gradient(m, line, report, writer)).collect();
        out.push_str(&format!("{bold}backward{bold:#}\n{}", table::columns(2, &rows)));
    }
    out + &trained(m, writer)
}

/// Given and computed numbers, where there are any.
fn values(m: &Module, report: &Report, writer: &Writer<'_>) -> Vec<[String; 1]> {
    let symbols = m.symbols.iter().map(|s| &s.shown);
    let names = symbols.chain(m.equations.iter().map(|e| &e.shown));
    let row = |name: &String| {
        let value = writer.value(&answered(report, name)?.value)?;
        Some([format!("{} = {value}", writer.spelling.text(name))])
    };
    names.filter_map(row).collect()
}

/// "δ2", "= ŷ − y", with the numbers if there are any, "K×1".
fn gradient(
    m: &Module,
    line: &Line,
    report: &Report,
    writer: &Writer<'_>,
) -> [String; 3] {
    let question = loss(m).map(|l| format!("d{}/d{}", l.shown, line.of));
    let answer = question.and_then(|q| answered(report, &q));
    let text = if writer.spelling.ascii { line.ascii.clone() } else { line.text.clone() };
    let value = answer.and_then(|a| writer.value(&a.value)).filter(|v| *v != text);
    let sides: Vec<String> = [text].into_iter().chain(value).collect();
    let shape =
        answer.map_or_else(String::new, |a| writer.spelling.shape(&shape_text(a)));
    [writer.spelling.name(&line.left), format!("= {}", sides.join(" = ")), shape]
}

/// The gradient of the objective, as training computes it: the simplified graph and its fingerprint.
fn trained(m: &Module, writer: &Writer<'_>) -> String {
    let (Some(o), Ok(d)) = (&m.objective, derive(m)) else { return String::new() };
    let bold = style::STRONG;
    let mut out = String::new();
    if o.said {
        let rows: Vec<[String; 2]> =
            d.gradients.iter().map(|g| objective_gradient(m, &d, *g, writer)).collect();
        let head =
            format!("gradients of what is minimised, {}", writer.spelling.text(&o.shown));
        out.push_str(&format!("{bold}{head}{bold:#}\n{}", table::columns(2, &rows)));
    }
    out.push_str(&rewrites(&d, writer.spelling.ascii));
    out + &format!("{bold}fingerprint{bold:#}  {}\n", d.fingerprint)
}

/// The equalities that led from the graph as written to the one that is shown.
fn rewrites(d: &Derived, ascii: bool) -> String {
    let bold = style::STRONG;
    let says = |r: &Rule| if ascii { String::new() } else { r.about.to_owned() };
    let row = |r: &Rule| [r.name.to_owned(), says(r)];
    let rows: Vec<[String; 2]> = d.rules().into_iter().map(row).collect();
    match rows.is_empty() {
        true => String::new(),
        false => format!("{bold}rewrites used{bold:#}\n{}", table::columns(2, &rows)),
    }
}

/// The same as JSON.
pub(super) fn rewrites_json(d: &Derived) -> Value {
    let rule = |r: &Rule| json!({ "name": r.name, "says": r.about });
    d.rules().into_iter().map(rule).collect()
}

fn objective_gradient(
    m: &Module,
    d: &Derived,
    (symbol, node): (chainrule::graph::graph::SymId, chainrule::graph::graph::NodeId),
    writer: &Writer<'_>,
) -> [String; 2] {
    let symbols: Vec<String> = m.symbols.iter().map(|s| s.shown.clone()).collect();
    let names: BTreeMap<_, _> = d.named.iter().cloned().collect();
    let (graph, functions, layout) = (&d.graph, &m.functions, m.layout);
    let printer = Printer { graph, functions, symbols: &symbols, names, layout };
    let objective = m.objective.as_ref().map_or("J", |o| o.shown.as_str());
    let by = &m.symbols[symbol.0 as usize].shown;
    let name =
        format!("d{}/d{}", writer.spelling.text(objective), writer.spelling.text(by));
    [name, format!("= {}", printer.text(node, writer.spelling.style()))]
}
