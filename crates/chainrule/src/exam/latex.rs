//! Sheets as LaTeX documents: questions, and solutions beside them.

use chainrule_graph::syntax::latex::latex as formula;

use super::asked::{asked, symbols};
use super::numbers::matrix;
use super::{Exam, Item, Variant};
use crate::explain::question::When;
use crate::explain::write::latex::escaped;

/// A document; with `solutions` the answers stand behind their questions.
#[must_use]
pub fn latex(exam: &Exam, title: &str, solutions: bool) -> String {
    let sheets: Vec<String> = exam
        .variants
        .iter()
        .enumerate()
        .map(|(k, v)| sheet(exam, v, k + 1, title, solutions))
        .collect();
    format!(
        "\\documentclass[11pt,a4paper]{{article}}\n\\usepackage[utf8]{{inputenc}}\n\
         \\usepackage[T1]{{fontenc}}\n\\usepackage{{amsmath,amssymb}}\n\
         \\usepackage[margin=25mm]{{geometry}}\n\\setlength{{\\parindent}}{{0pt}}\n\
         \\begin{{document}}\n{}\\end{{document}}\n",
        sheets.join("\\clearpage\n")
    )
}

fn sheet(exam: &Exam, v: &Variant, k: usize, title: &str, solutions: bool) -> String {
    let what = if solutions { "solutions, " } else { "" };
    let mut out = format!("\\section*{{{} ({what}variant {k})}}\n", escaped(title));
    let lines: Vec<String> = exam
        .equations
        .iter()
        .map(|(l, r)| format!("{} &= {}", written(l), written(r)))
        .collect();
    out.push_str(&format!(
        "\\begin{{align*}}\n{}\n\\end{{align*}}\n",
        lines.join(" \\\\\n")
    ));
    let given: Vec<String> = v
        .given
        .iter()
        .map(|(n, m)| format!("${} = {}$", written(n), written(&matrix(m, 6))))
        .collect();
    out.push_str(&format!("Given: {}.\n\n", given.join(", \\quad ")));
    if let Some(rule) = &exam.rule {
        out.push_str(&format!("One step with \\texttt{{{}}}.\n\n", escaped(rule)));
    }
    if !exam.exact {
        out.push_str(&format!("Round to {} decimals.\n\n", exam.decimals));
    }
    out.push_str("\\begin{enumerate}\n");
    for item in &v.items {
        out.push_str(&format!("\\item ${}$", question(&item.question)));
        out.push_str(&if solutions { answer(item, exam) } else { String::new() });
        out.push('\n');
    }
    out.push_str("\\end{enumerate}\n");
    out
}

/// ` = symbols = numbers`.
fn answer(item: &Item, exam: &Exam) -> String {
    let sign = if exam.exact { "=" } else { "\\approx" };
    let value = format!("${sign} {}$", written(&matrix(&item.value, exam.decimals)));
    let name = question(&item.question);
    match item.latex.as_ref().filter(|l| **l != name) {
        Some(l) => format!(" $= {l}$ {value}"),
        None => format!(" {value}"),
    }
}

/// Text of the language as a formula.
fn written(text: &str) -> String {
    formula(&symbols(text))
}

/// `dL/dW1[2,1]` as a fraction, `W1'` with its prime.
fn question(text: &str) -> String {
    match asked(text) {
        Some((e, When::Last)) => format!("{}'", formula(&e)),
        Some((e, When::At(k))) => format!("{}^{{({k})}}", formula(&e)),
        Some((e, When::Unsaid)) => formula(&e),
        None => format!("\text{{{}}}", escaped(text)),
    }
}
