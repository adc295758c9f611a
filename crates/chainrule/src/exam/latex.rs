//! Sheets as LaTeX documents: questions, and solutions beside them.

use chainrule_graph::syntax::latex::latex as formula;
use chainrule_graph::syntax::parse_expression;
use chainrule_graph::value::Mat;

use super::numbers::number;
use super::{Exam, Item, Variant};
use crate::explain::question::{Index, Question, Target, When, parse};

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
        .map(|(l, r)| format!("{} &= {}", symbols(l), symbols(r)))
        .collect();
    out.push_str(&format!(
        "\\begin{{align*}}\n{}\n\\end{{align*}}\n",
        lines.join(" \\\\\n")
    ));
    let given: Vec<String> = v
        .given
        .iter()
        .map(|(n, m)| format!("${} = {}$", symbols(n), matrix(m, 6)))
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
    let value = format!("${sign} {}$", matrix(&item.value, exam.decimals));
    let name = question(&item.question);
    match item.latex.as_ref().filter(|l| **l != name) {
        Some(l) => format!(" $= {l}$ {value}"),
        None => format!(" {value}"),
    }
}

fn matrix(m: &Mat, decimals: u32) -> String {
    if m.is_scalar() {
        return number(m.data[0], decimals);
    }
    let row = |i: usize| {
        (0..m.cols).map(|j| number(m.at(i, j), decimals)).collect::<Vec<_>>().join(" & ")
    };
    let rows: Vec<String> = (0..m.rows).map(row).collect();
    format!("\\begin{{bmatrix}}{}\\end{{bmatrix}}", rows.join(" \\\\ "))
}

/// Text of the language as a formula.
fn symbols(text: &str) -> String {
    let known = |n: &str| {
        chainrule_graph::lower::is_builtin(n)
            || chainrule_graph::prelude::functions().find(n).is_some()
    };
    formula(&parse_expression(text, &known).0)
}

/// `dL/dW1[2,1]` as a fraction, `W1'` with its prime.
pub(super) fn question(text: &str) -> String {
    let target = |t: &Target| {
        let index = |i: &Index| match i {
            Index::All => ":".to_owned(),
            Index::At(n) => n.to_string(),
            Index::Letter(l) => l.clone(),
        };
        let all: Vec<String> = t.index.iter().map(index).collect();
        let name = symbols(&t.written);
        if all.is_empty() { name } else { format!("({name})_{{{}}}", all.join(",")) }
    };
    let Ok(asked) = parse(text) else { return format!("\\text{{{}}}", escaped(text)) };
    let body = match &asked.question {
        Question::Value(t) => target(t),
        Question::Derivative(a, b) => {
            format!("\\frac{{\\partial {}}}{{\\partial {}}}", target(a), target(b))
        }
        Question::State(name, t) => format!("{name}({})", target(t)),
        _ => return format!("\\text{{{}}}", escaped(text)),
    };
    match asked.when {
        When::Last => format!("{body}'"),
        When::At(k) => format!("{body}^{{({k})}}"),
        When::Unsaid => body,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            c => out.push(c),
        }
    }
    out
}
