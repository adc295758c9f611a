//! Sheets as one HTML file: no script, nothing loaded, a page a variant when printed.

use chainrule_graph::syntax::mathml::escaped;

use super::numbers::matrix;
use super::{Exam, Item, Variant};

/// The page; with `solutions` the answers stand behind their questions.
#[must_use]
pub fn html(exam: &Exam, title: &str, solutions: bool) -> String {
    let sheets: String = exam
        .variants
        .iter()
        .enumerate()
        .map(|(k, v)| sheet(exam, v, k + 1, solutions))
        .collect();
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         {sheets}</main>\n</body>\n</html>\n"
    )
}

const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
pre, code { font: 15px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
section + section { margin-top: 3rem; }
@media print { section + section { break-before: page; margin: 0; } }
";

fn sheet(exam: &Exam, v: &Variant, k: usize, solutions: bool) -> String {
    let what = if solutions { ", solutions" } else { "" };
    format!(
        "<section>\n<h2>Variant {k}{what}</h2>\n{}<ol>\n{}</ol>\n</section>\n",
        setting(exam, v),
        v.items.iter().map(|i| item(exam, i, solutions)).collect::<String>()
    )
}

/// Equations, values, and what to know beside them.
pub(super) fn setting(exam: &Exam, v: &Variant) -> String {
    let lines: Vec<String> =
        exam.equations.iter().map(|(l, r)| escaped(&format!("{l} = {r}"))).collect();
    let given: Vec<String> = v
        .given
        .iter()
        .map(|(n, m)| escaped(&format!("{n} = {}", matrix(m, 6))))
        .collect();
    let mut out = format!(
        "<pre>{}</pre>\n<p>Given:</p>\n<pre>{}</pre>\n",
        lines.join("\n"),
        given.join("\n")
    );
    if let Some(rule) = &exam.rule {
        out.push_str(&format!("<p>One step with <code>{}</code>.</p>\n", escaped(rule)));
    }
    if !exam.exact {
        out.push_str(&format!("<p>Round to {} decimals.</p>\n", exam.decimals));
    }
    out
}

fn item(exam: &Exam, i: &Item, solutions: bool) -> String {
    let question = escaped(&i.question);
    if !solutions {
        return format!("<li><code>{question} =</code></li>\n");
    }
    let sign = if exam.exact { "=" } else { "≈" };
    let symbolic = i.symbolic.as_ref().filter(|s| **s != i.question);
    let symbolic = symbolic.map_or_else(String::new, |s| format!(" = {}", escaped(s)));
    let value = matrix(&i.value, exam.decimals);
    format!("<li><code>{question}{symbolic} {sign} {value}</code></li>\n")
}
