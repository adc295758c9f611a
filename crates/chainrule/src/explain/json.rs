//! Answers and diagnostics as JSON: the interface that graders and other programs use.

use chainrule_graph::diag::{Diagnostic, Severity, Span, line_column};
use chainrule_graph::value::Mat;
use serde_json::{Map, Value, json};

use super::{Answer, Answered, Reply, Report, Side};

pub(super) fn report(r: &Report, text: &str) -> Value {
    let answers: Vec<Value> = r.replies.iter().map(|x| reply(x, text)).collect();
    let diagnostics: Vec<Value> =
        r.diagnostics.iter().map(|d| diagnostic(d, text)).collect();
    json!({ "answers": answers, "diagnostics": diagnostics })
}

fn reply(r: &Reply, text: &str) -> Value {
    match &r.answer {
        Ok(a) => answer(&r.ask, a),
        Err(d) => json!({ "ask": r.ask, "error": diagnostic(d, text) }),
    }
}

fn answer(ask: &str, a: &Answer) -> Value {
    let mut out = Map::new();
    out.insert("ask".into(), json!(ask));
    let side = |s: &Side| match s {
        Side::Size(n) => json!(n),
        Side::Name(n) => json!(n),
    };
    out.insert("shape".into(), json!([side(&a.shape[0]), side(&a.shape[1])]));
    let value = match &a.value {
        Answered::Count(n) => json!(n),
        Answered::Numbers(m) => matrix(m),
        Answered::Unknown => Value::Null,
    };
    out.insert("value".into(), value);
    out.insert("symbolic".into(), json!(a.symbolic));
    out.insert("latex".into(), json!(a.latex));
    Value::Object(out)
}

/// A number for 1×1, else nested rows; NaN and ∞ are strings.
fn matrix(m: &Mat) -> Value {
    if m.is_scalar() {
        return number(m.data[0]);
    }
    let row = |i: usize| Value::Array((0..m.cols).map(|j| number(m.at(i, j))).collect());
    Value::Array((0..m.rows).map(row).collect())
}

fn number(x: f64) -> Value {
    match x {
        x if x.is_nan() => json!("NaN"),
        x if x == f64::INFINITY => json!("∞"),
        x if x == f64::NEG_INFINITY => json!("−∞"),
        x => json!(x),
    }
}

fn place(span: Span, text: &str) -> Value {
    let (line, column) = line_column(text, span.start);
    json!({ "line": line, "column": column, "length": span.of(text).chars().count() })
}

pub(super) fn diagnostic(d: &Diagnostic, text: &str) -> Value {
    let severity = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let label = |l: &chainrule_graph::diag::Label| {
        let mut v = place(l.span, text);
        v["text"] = json!(l.text);
        v
    };
    let edit = |e: &chainrule_graph::diag::Edit| {
        let mut v = place(e.span, text);
        v["with"] = json!(e.with);
        v
    };
    let hint = |h: &chainrule_graph::diag::Hint| json!({ "text": h.text, "edits": h.edits.iter().map(edit).collect::<Vec<_>>() });
    json!({
        "severity": severity,
        "code": format!("{:?}", d.code),
        "message": d.message,
        "spans": [place(d.span, text)],
        "labels": d.labels.iter().map(label).collect::<Vec<_>>(),
        "notes": d.notes,
        "hints": d.hints.iter().map(hint).collect::<Vec<_>>(),
    })
}
