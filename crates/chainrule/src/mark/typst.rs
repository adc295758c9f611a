//! A report as a document of Typst, which its PDF is set from.

use chainrule_graph::syntax::typst::quoted;

use super::text::{below, sum, worth};
use super::{Mark, Marked};
use crate::explain::write::typst::{LOOK, escaped};

/// The document.
#[must_use]
pub fn typst(marked: &Marked, answers: &str, title: &str) -> String {
    let rows: String = marked.lines.iter().map(|l| row(l, answers)).collect();
    format!(
        "{LOOK}\n#show: solution.with(title: {})\n\n#par[{}]\n\
         #rows(([line], [answer], [found], [points], ),\n{rows})\n",
        quoted(title),
        escaped(&sum(marked)),
    )
}

fn row(l: &Mark, answers: &str) -> String {
    let more: String =
        below(l, answers).iter().map(|t| format!("[{}], ", escaped(t))).collect();
    let more = if more.is_empty() { more } else { format!(" #list({more})") };
    format!(
        "  [{}], [#raw({})], [#strong[{}]{more}], [{}],\n",
        l.line,
        quoted(&l.text),
        escaped(l.verdict.words()),
        escaped(&worth(l)),
    )
}
