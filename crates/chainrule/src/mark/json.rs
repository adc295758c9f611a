//! A report for programs.

use serde_json::{Value, json};

use chainrule_graph::value::Mat;

use super::{Mark, Marked, Verdict};
use crate::explain::diagnostic_json;

/// `{"lines": […], "points": 3, "of": 5, "first_wrong": 2}`; places are those of `answers`.
#[must_use]
pub fn json(marked: &Marked, answers: &str) -> Value {
    let lines: Vec<Value> = marked.lines.iter().map(|l| line(l, answers)).collect();
    json!({
        "lines": lines,
        "points": marked.points(),
        "of": marked.of(),
        "first_wrong": marked.first_wrong().map(|l| l.line),
    })
}

fn line(l: &Mark, answers: &str) -> Value {
    json!({
        "line": l.line,
        "text": l.text,
        "verdict": word(l.verdict),
        "points": l.points,
        "of": l.of,
        "remarks": l.remarks,
        "expected": l.expected.as_ref().map(matrix),
        "formula": l.formula,
        "latex": l.latex,
        "from": l.from,
        "problem": l.problem.as_ref().map(|d| diagnostic_json(d, answers)),
    })
}

fn word(v: Verdict) -> &'static str {
    match v {
        Verdict::Right => "right",
        Verdict::Rounded => "rounded",
        Verdict::Carried => "carried",
        Verdict::Trivial => "trivial",
        Verdict::Wrong => "wrong",
        Verdict::Defined => "defined",
        Verdict::Unreadable => "unreadable",
    }
}

/// A number for 1×1, else nested rows; only finite values are ever expected.
fn matrix(m: &Mat) -> Value {
    match m.is_scalar() {
        true => json!(m.data[0]),
        false => {
            (0..m.rows).map(|i| m.data[i * m.cols..(i + 1) * m.cols].to_vec()).collect()
        }
    }
}
