//! What is given: equations with their numbers, symbols, functions, conventions.

use std::collections::BTreeSet;

use chainrule_graph::graph::{FuncId, Op};
use chainrule_graph::locals::derivative_of;
use chainrule_graph::module::Symbol;
use chainrule_graph::syntax::ast::{Expr, ExprKind, Layout, Mark, Role};

use super::context::Context;
use crate::explain::formula::{Formula, call, name};
use crate::explain::tree::{Block, Inline, Line, Table, math, words};

pub(super) fn blocks(cx: &Context<'_>) -> Vec<Block> {
    let mut out: Vec<Block> = Vec::new();
    for (i, e) in cx.m.equations.iter().enumerate() {
        let formula = Formula::of(name(&e.shown)).equals(cx.written(e));
        out.push(Block::Line(Line {
            label: Some(cx.label(i)),
            formula,
            reason: Vec::new(),
        }));
    }
    out.extend(objective(cx));
    out.push(symbols(cx));
    out.extend(functions(cx));
    out.extend(conventions(cx).into_iter().map(Block::Words));
    out
}

/// What is minimised, if a line says so.
fn objective(cx: &Context<'_>) -> Option<Block> {
    let o = cx.m.objective.as_ref().filter(|o| o.said)?;
    let formula = Formula::of(name(&o.shown))
        .equals(cx.printer(&cx.m.graph, &cx.file.names).inside(o.node));
    let reason = words("minimised");
    Some(Block::Line(Line { label: None, formula, reason }))
}

/// Symbol, shape, role, value.
fn symbols(cx: &Context<'_>) -> Block {
    let row = |s: &Symbol| {
        let value = s.value.as_ref().or_else(|| cx.state.values.get(&s.id));
        let value = value.map_or_else(Vec::new, |v| cx.cell(&s.shown, v));
        let shape = words(s.shape.to_string());
        vec![
            math(Formula::of(name(&s.shown))),
            shape,
            words(role(cx, s).join(", ")),
            value,
        ]
    };
    let mut rows: Vec<Vec<Vec<Inline>>> = cx.m.symbols.iter().map(row).collect();
    let mut head = ["symbol", "shape", "role", "value"].map(str::to_owned).to_vec();
    if rows.iter().all(|r| r[3].is_empty()) {
        head.pop();
        rows.iter_mut().for_each(|r| r.truncate(3));
    }
    Block::Table(Table { head, rows })
}

/// "target, one-hot", "learned", "given": what it is for.
fn role(cx: &Context<'_>, s: &Symbol) -> Vec<&'static str> {
    let learned = cx.m.trainable.contains(&s.id);
    let mut out = match s.role {
        Role::Input => vec!["input"],
        Role::Target => vec!["target"],
        Role::Param => vec!["learned"],
        Role::None if learned => vec!["learned"],
        Role::None => vec!["given"],
    };
    out.extend(s.mark.map(|mark| match mark {
        Mark::OneHot => "one-hot",
        Mark::Distribution => "distribution",
        Mark::Binary => "binary",
        Mark::MultiHot => "multi-hot",
    }));
    out
}

/// The functions that the file calls: meaning, slope, the form that is computed.
fn functions(cx: &Context<'_>) -> Option<Block> {
    let used: BTreeSet<FuncId> =
        cx.m.graph
            .iter()
            .filter_map(|(_, n)| match n.op {
                Op::Call(f, _) => Some(f),
                _ => None,
            })
            .collect();
    let row = |f: FuncId| {
        let entry = cx.m.functions.get(f);
        let args: Vec<Expr> = entry.params.iter().map(|p| name(&p.name.key)).collect();
        let side = |primes: u8, e: Expr| {
            math(Formula::of(call(&entry.name.key, primes, args.clone())).equals(e))
        };
        let slope = derivative_of(&cx.m.functions, f);
        vec![
            side(0, entry.body.clone()),
            slope.map_or_else(Vec::new, |d| side(1, d)),
            entry.computed.clone().map_or_else(Vec::new, |c| math(Formula::of(c))),
        ]
    };
    let mut rows: Vec<Vec<Vec<Inline>>> = used.into_iter().map(row).collect();
    let mut head = ["function", "its slope", "computed as"].map(str::to_owned).to_vec();
    for k in [2, 1] {
        if rows.iter().all(|r| r[k].is_empty()) {
            head.remove(k);
            rows.iter_mut().for_each(|r| {
                r.remove(k);
            });
        }
    }
    (!rows.is_empty()).then_some(Block::Table(Table { head, rows }))
}

/// What a reader has to know to get the same numbers.
fn conventions(cx: &Context<'_>) -> Vec<Vec<Inline>> {
    let mut out = Vec::new();
    let each = cx.m.graph.iter().any(|(_, n)| n.each);
    match cx.m.layout {
        Layout::One if each => {
            let text = "Examples are columns: equations and shapes speak of one example";
            let more = match cx.examples() {
                1 => ".".to_owned(),
                n => format!("; values of m = {n} examples stand side by side."),
            };
            out.push(cx.say(&format!("{text}{more}")));
        }
        Layout::Columns => out.push(words("Examples are the columns of the matrices.")),
        Layout::Rows => out.push(words("Examples are the rows of the matrices.")),
        Layout::One => {}
    }
    if cx.m.equations.iter().any(|e| mentions(&cx.written(e), "log"))
        || cx.m.graph.iter().any(|(_, n)| is_log(&n.op))
    {
        out.push(words("log is the natural logarithm."));
    }
    out.extend(kinks(cx));
    out.extend(learned_here(cx));
    if let Some(n) = cx.options.ask.round_each {
        let text =
            format!("Every named value is rounded to {n} decimals before it is used.");
        out.push(words(text));
    } else if cx.has_values() {
        let text = format!(
            "Computed in full precision, shown with {} significant digits; ≈ where digits are \
             left out.",
            cx.digits
        );
        out.push(words(text));
    }
    out
}

fn is_log(op: &Op) -> bool {
    matches!(op, Op::Unary(chainrule_graph::graph::Unary::Log))
}

fn mentions(e: &Expr, function: &str) -> bool {
    let here = matches!(&e.kind, ExprKind::Call { func, .. } if func.key == function);
    here || chainrule_graph::lower::children(e).into_iter().any(|c| mentions(c, function))
}

/// `relu'(0) = 0`: what is taken where a function has two slopes.
fn kinks(cx: &Context<'_>) -> Vec<Vec<Inline>> {
    let called = |f: FuncId| {
        let uses = |op: &Op| matches!(op, Op::Call(g, _) if *g == f);
        cx.m.graph.iter().any(|(_, n)| uses(&n.op))
    };
    let mut out = Vec::new();
    for (name, value) in [("relu", "0"), ("leaky_relu", "1")] {
        if cx.m.functions.find(name).is_some_and(called) {
            out.push(
                cx.say(&format!("At its kink the slope of {name} is taken as {value}.")),
            );
        }
    }
    out
}

/// In a bare file everything free is learned, which a reader has to be told.
fn learned_here(cx: &Context<'_>) -> Option<Vec<Inline>> {
    if !cx.m.bare || cx.m.chosen || cx.m.trainable.is_empty() {
        return None;
    }
    let name = |id: &chainrule_graph::graph::SymId| cx.symbols[id.0 as usize].clone();
    let names: Vec<String> = cx.m.trainable.iter().map(name).collect();
    let text = format!("Learned, since nothing says otherwise: {}.", names.join(", "));
    Some(words(text))
}
