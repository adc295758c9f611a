//! Diagnostics as JSON, in the library's form.

use chainrule::explain::diagnostic_json;
use chainrule::graph::diag::Diagnostic;
use serde_json::Value;

/// A list of them.
pub(crate) fn all(text: &str, found: &[Diagnostic]) -> Value {
    found.iter().map(|d| diagnostic_json(d, text)).collect()
}
