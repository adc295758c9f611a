//! Sheets as documents of Typst, which PDF is set from: questions, and solutions beside them.

use chainrule_graph::syntax::typst::{quoted, typst as formula};

use super::asked::{asked, symbols};
use super::numbers::matrix;
use super::{Exam, Item, Variant};
use crate::explain::question::When;
use crate::explain::write::typst::LOOK;

/// A document; with `solutions` the answers stand behind their questions.
#[must_use]
pub fn typst(exam: &Exam, title: &str, solutions: bool) -> String {
    let title = quoted(title);
    let mut out = format!(
        "{LOOK}\n#show: solution.with(title: {title})\n#set enum(spacing: 1.2em)\n"
    );
    for (k, v) in exam.variants.iter().enumerate() {
        let what = if solutions { ", solutions" } else { "" };
        if k > 0 {
            out.push_str("\n#pagebreak()\n");
        }
        out.push_str(&format!("= Variant {}{what}\n", k + 1));
        out.push_str(&sheet(exam, v, solutions));
    }
    out
}

fn sheet(exam: &Exam, v: &Variant, solutions: bool) -> String {
    let line = |sides: &[String]| format!("#line({})\n", sides.join(", "));
    let equation = |(l, r): &(String, String)| line(&[side("", l), side("=", r)]);
    let mut out: String = exam.equations.iter().map(equation).collect();
    out.push_str("Given:\n");
    for (name, m) in &v.given {
        out.push_str(&line(&[side("", name), side("=", &matrix(m, 6))]));
    }
    if let Some(rule) = &exam.rule {
        out.push_str(&format!("#par[One step with #raw({}).]\n", quoted(rule)));
    }
    if !exam.exact {
        out.push_str(&format!("#par[Round to {} decimals.]\n", exam.decimals));
    }
    for (k, item) in v.items.iter().enumerate() {
        let mut sides = vec![question(&item.question)];
        sides.extend(solutions.then(|| answer(item, exam)).into_iter().flatten());
        out.push_str(&format!("#enum.item({})[{}]\n", k + 1, line(&sides).trim_end()));
    }
    out
}

/// ` = symbols = numbers`.
fn answer(item: &Item, exam: &Exam) -> Vec<String> {
    let sign = if exam.exact { "=" } else { "≈" };
    let symbolic = item.symbolic.as_ref().filter(|s| **s != item.question);
    let value = side(sign, &matrix(&item.value, exam.decimals));
    symbolic.map(|s| side("=", s)).into_iter().chain([value]).collect()
}

/// Text of the language as a side of a line.
fn side(relation: &str, text: &str) -> String {
    piece(&format!("{relation} {text}"), relation, &formula(&symbols(text)))
}

fn piece(text: &str, relation: &str, body: &str) -> String {
    format!("side({}, ${relation}$, ${body}$)", quoted(text.trim()))
}

/// `dL/dW1[2,1]` as a fraction, `W1'` with its prime.
fn question(text: &str) -> String {
    let body = match asked(text) {
        Some((e, When::Last)) => format!("lr({})'", formula(&e)),
        Some((e, When::At(k))) => format!("lr({})^(({k}))", formula(&e)),
        Some((e, When::Unsaid)) => formula(&e),
        None => quoted(text),
    };
    piece(text, "", &body)
}
