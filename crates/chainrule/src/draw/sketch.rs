//! Bare equations → boxes and what flows between them, before any name is declared.
//!
//! In: text in which nothing but equations stands. Out: the parts of a picture without shapes, which
//! nobody can know yet. A name that a matrix is applied to (the x of `W x`) is data; other names without
//! an equation stand in the boxes that use them, as what is learned does.

use std::collections::{BTreeMap, BTreeSet};

use chainrule_graph::lower::{children, is_builtin};
use chainrule_graph::prelude;
use chainrule_graph::syntax::ast::{
    BinaryOp, Equation, Expr, ExprKind, Statement, StatementKind,
};
use chainrule_graph::syntax::parse;

use super::Kind;
use super::network::{Part, cut};

/// The parts; nothing where a line cannot be read or is no equation.
pub(super) fn sketch(source: &str) -> Option<Vec<Part>> {
    let shipped = |n: &str| is_builtin(n) || prelude::functions().find(n).is_some();
    let parsed = parse(source, &shipped, &[]);
    let equation_alone = |s: &'_ Statement| match &s.kind {
        StatementKind::Equation(e) => Some(e.clone()),
        _ => None,
    };
    let all = parsed.file.statements.iter().map(equation_alone);
    let equations: Vec<Equation> = all.collect::<Option<_>>()?;
    if !parsed.diagnostics.is_empty() || equations.is_empty() {
        return None;
    }
    let defined: BTreeSet<&str> = equations.iter().map(|e| &*e.name.key).collect();
    let mut parts = data(&equations, &defined);
    let mut at: BTreeMap<String, usize> =
        parts.iter().enumerate().map(|(k, p)| (p.name.clone(), k)).collect();
    for e in equations {
        let part = equation(&e, source, &at);
        at.insert(e.name.key.clone(), parts.len());
        parts.push(part);
    }
    Some(parts)
}

/// What matrices are applied to, in the order of the text.
fn data(equations: &[Equation], defined: &BTreeSet<&str>) -> Vec<Part> {
    let mut found: Vec<&str> = Vec::new();
    for e in equations {
        applied(&e.value, &mut found);
    }
    let mut out: Vec<Part> = Vec::new();
    for name in found.into_iter().filter(|n| !defined.contains(n)) {
        if out.iter().all(|p| p.name != name) {
            out.push(part(Kind::Free, name, Vec::new(), Vec::new()));
        }
    }
    out
}

/// The right factors of products that are names.
fn applied<'e>(e: &'e Expr, found: &mut Vec<&'e str>) {
    if let ExprKind::Binary(BinaryOp::Space | BinaryOp::At, a, b) = &e.kind
        && let (ExprKind::Name(_), ExprKind::Name(x)) = (&a.kind, &b.kind)
    {
        found.push(&x.key);
    }
    for c in children(e) {
        applied(c, found);
    }
}

fn equation(e: &Equation, source: &str, at: &BTreeMap<String, usize>) -> Part {
    let mut names: Vec<&str> = Vec::new();
    named(&e.value, &mut names);
    let uses = names.iter().filter_map(|n| at.get(*n).copied()).collect();
    let own: Vec<&str> =
        names.into_iter().filter(|n| !at.contains_key(*n) && *n != e.name.key).collect();
    let mut lines = vec![cut(&e.value.span.of(source).replace('\n', " "))];
    if !own.is_empty() {
        lines.push(cut(&own.join(", ")));
    }
    part(Kind::Equation, &e.name.key, lines, uses)
}

/// Every name of an expression once.
fn named<'e>(e: &'e Expr, found: &mut Vec<&'e str>) {
    if let ExprKind::Name(n) = &e.kind
        && !found.contains(&n.key.as_str())
    {
        found.push(&n.key);
    }
    for c in children(e) {
        named(c, found);
    }
    if let ExprKind::Sum { index, .. } = &e.kind {
        found.retain(|n| *n != index.key);
    }
}

fn part(kind: Kind, name: &str, lines: Vec<String>, uses: Vec<usize>) -> Part {
    Part { kind, name: name.to_owned(), lines, shape: String::new(), uses }
}
