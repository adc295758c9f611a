//! Diagnostics as JSON: places are line and column from 1 and a length, counted in characters.

use chainrule::graph::diag::{
    Diagnostic, Edit, Hint, Label, Severity, Span, line_column,
};
use serde_json::{Value, json};

/// A list of them.
pub(crate) fn all(text: &str, found: &[Diagnostic]) -> Value {
    found.iter().map(|d| one(text, d)).collect()
}

fn one(text: &str, d: &Diagnostic) -> Value {
    json!({
        "severity": severity(d.severity),
        "code": format!("{:?}", d.code),
        "message": d.message,
        "spans": [place(text, d.span)],
        "labels": d.labels.iter().map(|l| label(text, l)).collect::<Value>(),
        "notes": d.notes,
        "hints": d.hints.iter().map(|h| hint(text, h)).collect::<Value>(),
    })
}

/// The word for it.
pub(crate) fn severity(s: Severity) -> &'static str {
    match s {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn place(text: &str, span: Span) -> Value {
    let (line, column) = line_column(text, span.start);
    let length = span.of(text).chars().count();
    json!({ "line": line, "column": column, "length": length })
}

fn label(text: &str, label: &Label) -> Value {
    let mut value = place(text, label.span);
    value["text"] = json!(label.text);
    value
}

fn hint(text: &str, hint: &Hint) -> Value {
    let edits: Value = hint.edits.iter().map(|e| edit(text, e)).collect();
    json!({ "text": hint.text, "edits": edits })
}

fn edit(text: &str, edit: &Edit) -> Value {
    let mut value = place(text, edit.span);
    value["with"] = json!(edit.with);
    value
}
