//! Fixes for shape errors, proven on the whole file: replace one operand by a symbol in scope,
//! transpose one, swap two; only what then type-checks everywhere is proposed.
//!
//! In: the text and its diagnostics. Out: hints added to them, best first: a name that is unused
//! so far ranks first, then names of nearby lines.

use crate::diag::{Code, Diagnostic, Edit, Severity, Span, line_column};
use crate::lower::{Override, load_without_fixes};

/// Adds proven fixes to the shape errors of a file.
pub(crate) fn add_fixes(text: &str, overrides: &[Override], all: &mut [Diagnostic]) {
    let errors: Vec<Diagnostic> =
        all.iter().filter(|d| d.severity == Severity::Error).cloned().collect();
    for d in all.iter_mut() {
        let shape = matches!(d.code, Code::S1 | Code::S2 | Code::S3 | Code::S6);
        if d.severity == Severity::Error && shape && errors.len() <= 4 {
            add(text, overrides, d);
        }
    }
}

/// A candidate edit with its rank.
struct Candidate {
    edit: Vec<Edit>,
    rank: usize,
}

fn add(text: &str, overrides: &[Override], d: &mut Diagnostic) {
    let mut candidates = candidates(text, overrides, d);
    candidates.sort_by_key(|c| c.rank);
    let mut kept = 0;
    for c in candidates.into_iter().take(400) {
        if kept == 6 {
            break;
        }
        let edited = apply(text, &c.edit);
        let loaded = load_without_fixes(&edited, overrides);
        if loaded.module.is_none() {
            continue;
        }
        let (line, _) = line_column(text, d.span.start);
        let new = edited.lines().nth(line - 1).unwrap_or("").trim();
        let new = new.split('#').next().unwrap_or("").trim();
        let why = explain(&loaded, &c.edit, &edited);
        d.hints.push(crate::diag::Hint { text: format!("{new}{why}"), edits: c.edit });
        kept += 1;
    }
}

/// "      a1 is Da×1 (line 2); then every later line fits".
fn explain(loaded: &crate::lower::Loaded, edit: &[Edit], text: &str) -> String {
    let Some(m) = &loaded.module else { return String::new() };
    let [one] = edit else { return String::new() };
    let key = crate::syntax::canonical(&one.with);
    let found = m
        .equation(&key)
        .map(|q| (m.graph[q.node].shape.clone(), q.span))
        .or_else(|| m.symbol(&key).map(|s| (s.shape.clone(), s.span)));
    match found {
        Some((shape, span)) => {
            let (line, _) = line_column(text, span.start);
            let with = &one.with;
            format!("      {with} is {shape} (line {line}); then every later line fits")
        }
        None => String::new(),
    }
}

/// Applies edits to a text (they do not overlap).
#[must_use]
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|e| std::cmp::Reverse(e.span.start));
    let mut out = text.to_string();
    for e in sorted {
        out.replace_range(e.span.start as usize..e.span.end as usize, &e.with);
    }
    out
}

/// Every single edit inside the failing line that could help.
fn candidates(text: &str, overrides: &[Override], d: &Diagnostic) -> Vec<Candidate> {
    let statement = statement_of(text, d.span);
    let names = crate::syntax::names_in(text);
    let inside: Vec<&(Span, String)> = names
        .iter()
        .filter(|(s, _)| s.start >= statement.start && s.end <= statement.end)
        .collect();
    let Some((lhs, operands)) = inside.split_first() else { return Vec::new() };
    let scope = in_scope(text, overrides, &names, lhs);
    let mut out = Vec::new();
    for (span, written) in operands {
        let near = distance_to(d, *span);
        for (s, unused, line_gap) in &scope {
            if s == written {
                continue;
            }
            let rank = near * 1000 + usize::from(!unused) * 100 + line_gap.min(&90);
            out.push(Candidate {
                edit: vec![Edit { span: *span, with: s.clone() }],
                rank,
            });
        }
        let at = Span { start: span.end, end: span.end };
        let already = text[span.end as usize..].starts_with(['ᵀ', '^', '.']);
        if !already {
            let edit = vec![Edit { span: at, with: "ᵀ".to_string() }];
            out.push(Candidate { edit, rank: near * 1000 + 195 });
        } else if text[span.end as usize..].starts_with('ᵀ') {
            let span = Span { start: span.end, end: span.end + 'ᵀ'.len_utf8() as u32 };
            let edit = vec![Edit { span, with: String::new() }];
            out.push(Candidate { edit, rank: near * 1000 + 60 });
        }
    }
    for pair in operands.windows(2) {
        let edit = vec![
            Edit { span: pair[0].0, with: pair[1].1.clone() },
            Edit { span: pair[1].0, with: pair[0].1.clone() },
        ];
        let near = distance_to(d, pair[0].0).min(distance_to(d, pair[1].0));
        out.push(Candidate { edit, rank: near * 1000 + 150 });
    }
    out
}

/// 0 for a labelled operand of the error, 1 for another place of it, 2 elsewhere on the line.
fn distance_to(d: &Diagnostic, span: Span) -> usize {
    let holds = |o: Span| o.start <= span.start && span.end <= o.end;
    match () {
        () if d.labels.iter().any(|l| holds(l.span)) => 0,
        () if holds(d.span) => 1,
        () => 2,
    }
}

/// The line (with its continuation) that a span lies in.
fn statement_of(text: &str, span: Span) -> Span {
    let start = text[..span.start as usize].rfind('\n').map_or(0, |i| i + 1);
    let rest = &text[span.end.max(span.start) as usize..];
    let end = rest.find('\n').map_or(text.len(), |i| span.end as usize + i);
    let comment = text[start..end].find('#').map_or(end, |i| start + i);
    Span::new(start, comment)
}

/// Names that could stand there: spelling, whether unused so far, how many lines away.
fn in_scope(
    text: &str,
    overrides: &[Override],
    names: &[(Span, String)],
    lhs: &(Span, String),
) -> Vec<(String, bool, usize)> {
    let cut = cut_after(text, lhs.0);
    let loaded = load_without_fixes(&cut, overrides);
    let (line, _) = line_column(text, lhs.0.start);
    let mut out: Vec<(String, bool, usize)> = Vec::new();
    let mut add = |shown: &str, span: Span| {
        let key = crate::syntax::canonical(shown);
        let uses =
            names.iter().filter(|(_, n)| crate::syntax::canonical(n) == key).count();
        let gap = line_column(text, span.start).0.abs_diff(line);
        if out.iter().all(|(s, ..)| s != shown) {
            out.push((shown.to_string(), uses <= 1, gap));
        }
    };
    if let Some(m) = &loaded.module {
        m.equations.iter().for_each(|q| add(&q.shown, q.span));
        m.symbols.iter().for_each(|s| add(&s.shown, s.span));
    }
    out
}

/// The file without the equations from this one on (declarations and values stay).
fn cut_after(text: &str, lhs: Span) -> String {
    let start = text[..lhs.start as usize].rfind('\n').map_or(0, |i| i + 1);
    let mut out = text[..start].to_string();
    for line in text[start..].lines() {
        let declares = line.contains(':') && !line.trim_start().starts_with("data");
        let word = line.split_whitespace().next().unwrap_or("");
        let keeps =
            ["input", "target", "param", "const", "where", "examples:"].contains(&word);
        let shape = declares && !line.contains(" = ") && !word.ends_with(':');
        if keeps || shape {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}
