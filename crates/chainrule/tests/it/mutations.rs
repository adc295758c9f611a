//! Slips of the pen: in every shipped example each symbol of each equation is swapped for each
//! other one in scope. What then does not fit is explained, and the way back is among the hints.

use std::time::Instant;

use chainrule::graph::diag::{Code, Diagnostic, Edit, Severity, Span, line_column};
use chainrule::graph::lower::{children, load};
use chainrule::graph::suggest::apply;
use chainrule::graph::syntax::ast::{Expr, ExprKind, File, StatementKind};
use chainrule::graph::syntax::{canonical, parse};

/// A symbol where an equation uses it.
struct Place {
    span: Span,
    statement: Span,
}

fn read(text: &str) -> File {
    let shipped = chainrule::graph::prelude::functions();
    let known =
        |n: &str| chainrule::graph::lower::is_builtin(n) || shipped.find(n).is_some();
    parse(text, &known, &[]).file
}

fn names(e: &Expr, out: &mut Vec<Span>) {
    if let ExprKind::Name(n) = &e.kind {
        out.push(n.span);
    }
    children(e).into_iter().for_each(|c| names(c, out));
}

/// Every place of a symbol in an equation; a loop's line counts once.
fn places(file: &File) -> Vec<Place> {
    let mut out: Vec<Place> = Vec::new();
    for s in &file.statements {
        let StatementKind::Equation(e) = &s.kind else { continue };
        let mut spans = Vec::new();
        names(&e.value, &mut spans);
        for span in spans {
            if out.iter().all(|p| p.span != span) {
                out.push(Place { span, statement: s.span });
            }
        }
    }
    out
}

/// Names that have a meaning before `at`, as they are written.
fn in_scope(file: &File, at: Span) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for s in &file.statements {
        match &s.kind {
            StatementKind::Declare(all) => {
                out.extend(all.iter().map(|d| d.name.written.clone()));
            }
            StatementKind::Value(n, _) | StatementKind::Const(n, _) => {
                out.push(n.written.clone());
            }
            StatementKind::Equation(e) if s.span.start < at.start => {
                out.push(e.name.written.clone());
            }
            _ => {}
        }
    }
    out.sort();
    out.dedup();
    out
}

#[derive(Default)]
struct Counts {
    swaps: usize,
    errors: usize,
    found: usize,
    first: usize,
    missed: Vec<String>,
}

fn is_shape(d: &Diagnostic) -> bool {
    matches!(d.code, Code::S1 | Code::S2 | Code::S3 | Code::S6)
        && d.severity == Severity::Error
}

/// A shape error says which product or sum, and the shape and line of both operands.
fn told_in_full(text: &str, d: &Diagnostic) {
    let line = line_column(text, d.span.start).0;
    let said = d.span.of(text);
    assert!(!said.trim().is_empty(), "{}: no place", d.message);
    assert!(!d.labels.is_empty(), "{} (line {line}): no operand", d.message);
    for l in &d.labels {
        assert!(l.text.contains('×'), "no shape in `{}`", l.text);
        let name = !l.span.of(text).contains(|c: char| " ()⊙+−-'[".contains(c));
        let from = l.text.contains("line ");
        assert!(from || !name, "no origin in `{}`", l.text);
    }
}

fn mutate(name: &str, text: &str, counts: &mut Counts) {
    let file = read(text);
    for p in places(&file) {
        let original = p.span.of(text).to_string();
        for other in in_scope(&file, p.statement) {
            if canonical(&other) == canonical(&original) {
                continue;
            }
            let edit = Edit { span: p.span, with: other.clone() };
            let changed = apply(text, &[edit]);
            counts.swaps += 1;
            check(name, text, &changed, &original, &other, counts);
        }
    }
}

fn check(
    name: &str,
    text: &str,
    changed: &str,
    original: &str,
    other: &str,
    counts: &mut Counts,
) {
    let all = load(changed, &[]).diagnostics;
    let Some(d) = all.iter().find(|d| is_shape(d)) else { return };
    told_in_full(changed, d);
    counts.errors += 1;
    for h in d.hints.iter().filter(|h| !h.edits.is_empty()) {
        let mended = apply(changed, &h.edits);
        let left = load(&mended, &[]).diagnostics;
        let error = left.iter().find(|d| d.severity == Severity::Error);
        assert!(error.is_none(), "{name}: `{}` leaves {error:?}", h.text);
    }
    let back = |h: &chainrule::graph::diag::Hint| apply(changed, &h.edits) == text;
    match d.hints.iter().position(back) {
        Some(i) => {
            counts.found += 1;
            counts.first += usize::from(i == 0);
        }
        None => {
            counts.missed.push(format!("{name}: {original} → {other}: {}", d.message));
        }
    }
}

#[test]
fn a_swapped_symbol_is_found_again() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the examples are there")
        .map(|f| f.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "chain"))
        .collect();
    files.sort();
    assert!(files.len() >= 7);
    let mut counts = Counts::default();
    let mut slow = Vec::new();
    for f in &files {
        let text = std::fs::read_to_string(f).expect("an example reads");
        let name = f.file_stem().map(|s| s.display().to_string()).unwrap_or_default();
        let (start, before) = (Instant::now(), counts.errors);
        mutate(&name, &text, &mut counts);
        let each = start.elapsed() / (counts.errors - before).max(1) as u32;
        eprintln!("{name} {} {:?} {each:?}", counts.errors - before, start.elapsed());
        slow.push((name, counts.errors - before, start.elapsed(), each));
    }
    let share = |n: usize| 100.0 * n as f64 / counts.errors as f64;
    #[allow(clippy::print_stderr, reason = "the measured shares belong in the log")]
    {
        eprintln!(
            "{} swaps, {} shape errors: original among the hints {:.1} %, first {:.1} %\n\
             {slow:?}\nmissed:\n  {}",
            counts.swaps,
            counts.errors,
            share(counts.found),
            share(counts.first),
            counts.missed.join("\n  ")
        );
    }
    assert!(counts.errors >= 50, "only {} shape errors", counts.errors);
    assert!(share(counts.found) >= 95.0, "{:.1} %", share(counts.found));
    assert!(share(counts.first) >= 60.0, "{:.1} %", share(counts.first));
}
