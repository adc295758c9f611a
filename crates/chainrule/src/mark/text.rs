//! A report for a terminal: one line an answer, what it should be below, the sum at the end.

use chainrule_graph::diag::{Diagnostic, line_column};

use super::{Mark, Marked, Verdict, points, shown};

/// The report; `answers` is the text that was marked.
#[must_use]
pub fn text(marked: &Marked, answers: &str) -> String {
    let wide = |l: &Mark| l.text.chars().count().min(WIDEST);
    let width = marked.lines.iter().map(wide).max().unwrap_or(0);
    let mut out: String = marked.lines.iter().map(|l| line(l, width, answers)).collect();
    let (given, of) = (points(marked.points()), points(marked.of()));
    out.push_str(&format!("\n{given} of {of} points"));
    match marked.first_wrong() {
        Some(l) => out.push_str(&format!("; the first error is in line {}\n", l.line)),
        None if marked.all_right() => out.push_str("; everything is right\n"),
        None => out.push('\n'),
    }
    out
}

/// Longer answers push their verdict to the right.
const WIDEST: usize = 48;

fn sign(v: Verdict) -> &'static str {
    match v {
        Verdict::Right | Verdict::Rounded => "✓",
        Verdict::Carried => "~",
        Verdict::Trivial | Verdict::Wrong => "✗",
        Verdict::Defined => "·",
        Verdict::Unreadable => "?",
    }
}

fn line(l: &Mark, width: usize, answers: &str) -> String {
    let gap = " ".repeat(width.saturating_sub(l.text.chars().count()));
    let worth = match l.verdict {
        Verdict::Defined => String::new(),
        _ => format!("   {}/{}", points(l.points), points(l.of)),
    };
    let mut out = format!(
        "{:>3} {} {}{gap}   {}{worth}\n",
        l.line,
        sign(l.verdict),
        l.text,
        l.verdict.words()
    );
    for more in below(l, answers) {
        out.push_str(&format!("      {more}\n"));
    }
    out
}

/// `2 of 3 points. The first error is in line 2.`
pub(super) fn sum(marked: &Marked) -> String {
    let first = match marked.first_wrong() {
        Some(l) => format!(" The first error is in line {}.", l.line),
        None if marked.all_right() => " Everything is right.".to_owned(),
        None => String::new(),
    };
    format!("{} of {} points.{first}", points(marked.points()), points(marked.of()))
}

/// `1 / 2`; nothing for a definition.
pub(super) fn worth(l: &Mark) -> String {
    match l.verdict {
        Verdict::Defined => String::new(),
        _ => format!("{} / {}", points(l.points), points(l.of)),
    }
}

/// What stands below a line: remarks, the right value and formula, why it cannot be read.
pub(super) fn below(l: &Mark, answers: &str) -> Vec<String> {
    let mut out = l.remarks.clone();
    out.extend(l.expected.as_ref().map(|m| format!("the value is {}", shown(m))));
    out.extend(l.formula.as_ref().map(|f| format!("the formula is {f}")));
    out.extend(l.problem.iter().flat_map(|d| problem(d, answers)));
    out
}

fn problem(d: &Diagnostic, answers: &str) -> Vec<String> {
    let (_, column) = line_column(answers, d.span.start);
    let mut out = vec![format!("column {column}, {:?}: {}", d.code, d.message)];
    out.extend(d.labels.iter().map(|l| l.text.clone()).filter(|t| !t.is_empty()));
    out.extend(d.notes.clone());
    out.extend(d.hints.iter().map(|h| h.text.clone()));
    out
}
