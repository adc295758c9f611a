//! Whole files: what is read, and what is said about what cannot be.

use super::ast::{ExprKind, StatementKind};
use super::samples::{GOOD, shipped};
use super::{Parsed, parse};

fn read(text: &str) -> Parsed {
    parse(text, &shipped, &[])
}

fn said(text: &str) -> Vec<String> {
    let found = read(text).diagnostics;
    found
        .iter()
        .map(|d| format!("{:?} {} `{}`", d.code, d.message, d.span.of(text)))
        .collect()
}

#[test]
fn good_files_have_no_findings() {
    for (at, text) in GOOD.iter().enumerate() {
        // The last line of the last sample names two optimisers.
        let found = said(text);
        let expected = usize::from(text.contains("lbfgs"));
        assert_eq!(found.len(), expected, "{at}: {found:#?}");
    }
}

#[test]
fn loops_are_written_out() {
    let parsed = read(GOOD[3]);
    let names: Vec<&str> = parsed
        .file
        .statements
        .iter()
        .filter_map(|s| match &s.kind {
            StatementKind::Equation(e) => Some(e.name.key.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["a0", "z1", "a1", "z2", "a2", "z3", "a3", "z4", "a4"]);
}

#[test]
fn a_call_is_a_call_iff_it_is_a_function() {
    let parsed = read("f = 2\ng(z) = z\na = f(3)\nb = g(3)\nstep = 1\nc = step(2)");
    let calls = parsed.file.statements.iter().filter(|s| {
        matches!(&s.kind, StatementKind::Equation(e) if matches!(e.value.kind, ExprKind::Call { .. }))
    });
    assert_eq!(calls.count(), 1);
}
