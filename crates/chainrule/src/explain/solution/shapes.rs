//! Shapes: one line per equation with the shapes that meet, and how many numbers are learned.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chainrule_graph::graph::NodeId;
use chainrule_graph::module::{Equation, Module, Symbol};
use chainrule_graph::print::Printer;
use chainrule_graph::shape::{Dim, Shape};
use chainrule_graph::syntax::print::Style;

use super::context::Context;
use crate::explain::formula::{Formula, name};
use crate::explain::tree::{Block, Inline, Table, math, words};

pub(super) fn blocks(cx: &Context<'_>) -> Vec<Block> {
    let m = cx.m;
    let over = over_examples(cx);
    let row = |(i, (e, shapes)): (usize, (&Equation, String))| {
        let mut row =
            vec![words(cx.label(i)), math(Formula::of(name(&e.shown))), words(shapes)];
        if let Some(count) = &over {
            let node = &m.graph[e.node];
            let wide = node.each && node.shape.cols.is_one();
            row.push(words(match wide {
                true => format!("{}×{count}", node.shape.rows),
                false => node.shape.to_string(),
            }));
        }
        row
    };
    let all = m.equations.iter().zip(equation_shapes(m)).enumerate();
    let rows: Vec<Vec<Vec<Inline>>> = all.map(row).collect();
    let mut head = vec![String::new(), "value".to_owned(), "shapes".to_owned()];
    head.extend(over.as_ref().map(|count| format!("over {count} examples")));
    let mut out = vec![Block::Table(Table { head, rows })];
    let learned = all_learned(m);
    if !learned.is_empty() {
        let names: Vec<&str> = learned.iter().map(|s| s.shown.as_str()).collect();
        let count = parameter_count(m);
        let what = if count == "1" { "number" } else { "numbers" };
        let text = format!("Learned: {}, together {count} {what}.", names.join(", "));
        out.push(Block::Words(words(text)));
    }
    if !m.dims.sizes.is_empty() {
        let one = |(name, n): (&String, &usize)| format!("{name} = {n}");
        let sizes: Vec<String> = m.dims.sizes.iter().map(one).collect();
        out.push(Block::Words(words(format!("Sizes: {}.", sizes.join(", ")))));
    }
    out
}

/// The number of examples, as it was asked for, given, or left open.
fn over_examples(cx: &Context<'_>) -> Option<String> {
    let each = cx.m.equations.iter().any(|e| cx.m.graph[e.node].each);
    let asked = cx.options.ask.examples.clone();
    let count = asked.unwrap_or_else(|| match cx.examples() {
        1 => "m".to_owned(),
        n => n.to_string(),
    });
    each.then_some(count)
}

/// "(H×D)(D×1) + H×1 = H×1", for each equation.
#[must_use]
pub fn equation_shapes(m: &Module) -> Vec<String> {
    let called = |s: &Shape| format!("{OPEN}{s}{CLOSE}");
    let symbols: Vec<String> = m.symbols.iter().map(|s| called(&s.shape)).collect();
    let named = |e: &Equation| (e.node, called(&m.graph[e.node].shape));
    let names: BTreeMap<NodeId, String> = m.equations.iter().map(named).collect();
    let (graph, functions, layout) = (&m.graph, &m.functions, m.layout);
    let names = Cow::Owned(names);
    let printer = Printer { graph, functions, symbols: &symbols, names, layout };
    let one = |e: &Equation| {
        let shape = m.graph[e.node].shape.to_string();
        let text = bracketed(&printer.definition(e.node, Style::Unicode));
        match text == shape || m.graph[e.node].args.is_empty() {
            true => shape,
            false => format!("{text} = {shape}"),
        }
    };
    m.equations.iter().map(one).collect()
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

/// How many numbers are learned: rows × columns added up, with names where sizes are open.
#[must_use]
pub fn parameter_count(m: &Module) -> String {
    let mut terms: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for s in all_learned(m) {
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

fn all_learned(m: &Module) -> Vec<&Symbol> {
    let of = |id| m.symbols.iter().find(move |s| s.id == id);
    m.trainable.iter().filter_map(|id| of(*id)).collect()
}
