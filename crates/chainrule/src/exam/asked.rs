//! Texts of a sheet as trees of the language, which each writer draws in its own notation.

use chainrule_graph::syntax::ast::Expr;
use chainrule_graph::syntax::parse_expression;

use crate::explain::formula::{call, name};
use crate::explain::question::{Index, Question, Target, When, parse};

/// Text of the language as a tree.
pub(super) fn symbols(text: &str) -> Expr {
    let known = |n: &str| {
        chainrule_graph::lower::is_builtin(n)
            || chainrule_graph::prelude::functions().find(n).is_some()
    };
    parse_expression(text, &known).0
}

/// What is asked as a formula, and after how many steps; nothing where only words say it.
pub(super) fn asked(text: &str) -> Option<(Expr, When)> {
    let asked = parse(text).ok()?;
    let body = match &asked.question {
        Question::Value(t) => symbols(&target(t)),
        Question::Derivative(a, b) => name(&format!("∂{}/∂{}", target(a), target(b))),
        Question::State(state, t) => call(state, 0, vec![symbols(&target(t))]),
        _ => return None,
    };
    Some((body, asked.when))
}

/// `W1[2, :]`.
fn target(t: &Target) -> String {
    let index = |i: &Index| match i {
        Index::All => ":".to_owned(),
        Index::At(n) => n.to_string(),
        Index::Letter(l) => l.clone(),
    };
    let all: Vec<String> = t.index.iter().map(index).collect();
    match all.is_empty() {
        true => t.written.clone(),
        false => format!("{}[{}]", t.written, all.join(", ")),
    }
}
