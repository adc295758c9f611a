//! Diagnostics for a terminal, each in the layout of docs/language.md section 7.
//!
//! In: the text and its findings. Out: one string with colours. The head says severity, code,
//! message and, at the right, the line; then the line itself with marks below; further lines that
//! labels speak of; notes; ways out, those that were proven first.

use std::collections::BTreeMap;

use anstyle::Style;
use chainrule::graph::diag::{Diagnostic, Hint, Severity, Span, line_column};

use super::excerpt::{self, Mark};
use super::{clean, style, width};
use crate::source::Source;

/// Where "line 3" ends, if the message leaves room.
const RIGHT: usize = 74;
/// More of one kind say nothing new; the JSON holds them all.
const MOST: usize = 50;

/// All of them, and a line that counts.
pub(crate) fn all(source: &Source, found: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in found.iter().take(MOST) {
        out.push_str(&one(&source.text, d));
        out.push('\n');
    }
    if found.len() > MOST {
        out.push_str(&format!("… and {} more\n", found.len() - MOST));
    }
    if !found.is_empty() {
        out.push_str(&format!("{}: {}\n", clean(&source.name()), count(found)));
    }
    out
}

/// "1 error, 2 warnings".
fn count(found: &[Diagnostic]) -> String {
    let kinds = [Severity::Error, Severity::Warning, Severity::Note];
    let count = |s: Severity| (found.iter().filter(|d| d.severity == s).count(), s);
    let said = |(n, s): (usize, Severity)| {
        format!("{n} {}{}", word(s), if n == 1 { "" } else { "s" })
    };
    let counted = kinds.map(count).into_iter().filter(|(n, _)| *n > 0);
    counted.map(said).collect::<Vec<_>>().join(", ")
}

/// The word for it.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn color(severity: Severity) -> Style {
    match severity {
        Severity::Error => style::ERROR,
        Severity::Warning => style::WARNING,
        Severity::Note => style::NOTE,
    }
}

/// One finding.
pub(crate) fn one(text: &str, d: &Diagnostic) -> String {
    let mut out = head(text, d);
    for (line, marks) in places(text, d) {
        if Some(line) != place_of(text, d) {
            out.push_str(&rest_of_line("  ", 2, line));
        }
        out.push_str(&excerpt::draw(line_text(text, line), &marks, color(d.severity)));
    }
    for note in &d.notes {
        out.push_str(&format!("  {}\n", clean(note)));
    }
    out.push_str(&hints(&d.hints));
    out
}

/// "error S1: the product W2 x does not fit                             line 3".
fn head(text: &str, d: &Diagnostic) -> String {
    let (c, bold) = (color(d.severity), style::STRONG);
    let word = format!("{} {:?}", word(d.severity), d.code);
    let message = clean(&d.message);
    let start = format!("{c}{word}{c:#}: {bold}{message}{bold:#}");
    let used = width(&word) + 2 + width(&message);
    match place_of(text, d) {
        Some(line) => rest_of_line(&start, used, line),
        None => format!("{start}\n"),
    }
}

/// "line 3" at the right of something that takes `used` columns.
fn rest_of_line(start: &str, used: usize, line: usize) -> String {
    let (dim, place) = (style::DIM, format!("line {line}"));
    let gap = RIGHT.saturating_sub(used + place.len()).max(2);
    format!("{start}{}{dim}{place}{dim:#}\n", " ".repeat(gap))
}

/// The line of the finding; none if it is about the file as a whole.
fn place_of(text: &str, d: &Diagnostic) -> Option<usize> {
    let whole = d.span == Span::default();
    (!whole && !text.is_empty()).then(|| line_column(text, d.span.start).0)
}

fn line_text(text: &str, line: usize) -> &str {
    text.lines().nth(line - 1).unwrap_or("")
}

/// What is marked on which lines: the finding's own line first. Its span is marked as a whole only
/// where no label marks parts of that line.
fn places(text: &str, d: &Diagnostic) -> Vec<(usize, Vec<Mark>)> {
    let Some(own) = place_of(text, d) else { return Vec::new() };
    let mut lines: BTreeMap<usize, Vec<Mark>> = BTreeMap::new();
    for label in d.labels.iter().filter(|l| l.span.end > l.span.start) {
        let (line, mark) = mark(text, label.span, Some(clean(&label.text)));
        lines.entry(line).or_default().push(mark);
    }
    let first = lines.remove(&own).unwrap_or_else(|| vec![mark(text, d.span, None).1]);
    let mut out = vec![(own, first)];
    out.extend(lines);
    out
}

/// The line of a span and the part of the span that is on it.
fn mark(text: &str, span: Span, words: Option<String>) -> (usize, Mark) {
    let at = (span.start as usize).min(text.len());
    let before = text.get(..at).unwrap_or("");
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let (line, _) = line_column(text, span.start);
    let length = line_text(text, line).trim_end().len();
    let start = at - line_start;
    let end = (span.end as usize).saturating_sub(line_start).min(length).max(start);
    (line, Mark { start, end, words })
}

/// A finding about something that was typed, not about the file: no line, no excerpt.
pub(crate) fn without_place(about: Option<&str>, d: &Diagnostic) -> String {
    let (c, word) = (color(d.severity), word(d.severity));
    let about = about.map_or_else(String::new, |a| format!("{}: ", clean(a)));
    let mut out = format!("{c}{word} {:?}{c:#}: {about}{}\n", d.code, clean(&d.message));
    for note in &d.notes {
        out.push_str(&format!("  {}\n", clean(note)));
    }
    out + &hints(&d.hints)
}

/// "did you mean   z2 = W2 a1 + b2      a1 is Da×1 (line 2); …", then the others.
fn hints(hints: &[Hint]) -> String {
    let green = style::WAY_OUT;
    let (proven, said): (Vec<&Hint>, Vec<&Hint>) =
        hints.iter().partition(|h| !h.edits.is_empty() && !is_question(&h.text));
    let mut out = String::new();
    for (i, hint) in proven.iter().enumerate() {
        let lead = if i == 0 { "did you mean" } else { "or          " };
        out.push_str(&format!("  {green}{lead}{green:#}   {}\n", clean(&hint.text)));
    }
    for hint in said {
        out.push_str(&format!("  {green}{}{green:#}\n", clean(&hint.text)));
    }
    out
}

/// The sentence is already one.
fn is_question(text: &str) -> bool {
    text.starts_with("did you mean")
}
