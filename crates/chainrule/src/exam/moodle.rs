//! A quiz in Moodle's XML format: a question a variant.
//!
//! Each element is listed beside what Moodle's pages say of it in docs/moodle.md
//! (<https://docs.moodle.org/en/Moodle_XML_format>,
//! <https://docs.moodle.org/en/Embedded_Answers_(Cloze)_question_type>).
//! A single number is a `numerical` question; anything else is a `cloze` with a field an entry.

use chainrule_graph::syntax::mathml::escaped;

use super::html::setting;
use super::numbers::{number, place};
use super::{Exam, Item, Variant};

/// The quiz.
#[must_use]
pub fn moodle(exam: &Exam, title: &str) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<quiz>\n");
    for (k, v) in exam.variants.iter().enumerate() {
        out.push_str(&question(exam, v, &format!("{title}, variant {}", k + 1)));
    }
    out.push_str("</quiz>\n");
    out
}

fn question(exam: &Exam, v: &Variant, name: &str) -> String {
    let single = match v.items.as_slice() {
        [one] if one.value.is_scalar() => Some(one),
        _ => None,
    };
    let kind = if single.is_some() { "numerical" } else { "cloze" };
    let fields = match single {
        Some(i) => format!("<p><code>{} =</code> ?</p>\n", escaped(&i.question)),
        None => v.items.iter().map(|i| field(exam, i)).collect(),
    };
    let mut out = format!(
        "  <question type=\"{kind}\">\n    <name><text>{}</text></name>\n    \
         <questiontext format=\"html\"><text>{}</text></questiontext>\n    \
         <generalfeedback format=\"html\"><text>{}</text></generalfeedback>\n",
        escaped(name),
        cdata(&(setting(exam, v) + &fields)),
        cdata(&feedback(exam, v)),
    );
    if let Some(i) = single {
        out.push_str(&format!(
            "    <defaultgrade>1</defaultgrade>\n    <answer fraction=\"100\" format=\"moodle_auto_format\">\
             <text>{}</text><tolerance>{}</tolerance></answer>\n",
            number(i.value.data[0], exam.decimals),
            tolerance(exam)
        ));
    }
    out.push_str(
        "    <penalty>0.3333333</penalty>\n    <hidden>0</hidden>\n  </question>\n",
    );
    out
}

/// One field an entry, a line of fields a row.
fn field(exam: &Exam, i: &Item) -> String {
    let mut out = String::new();
    for r in 0..i.value.rows {
        let cells: Vec<String> = (0..i.value.cols)
            .map(|c| {
                let name = escaped(&format!("{}{}", i.question, place(&i.value, r, c)));
                let value = number(i.value.at(r, c), exam.decimals);
                format!(
                    "<code>{name} =</code> {{1:NUMERICAL:={value}:{}}}",
                    tolerance(exam)
                )
            })
            .collect();
        out.push_str(&format!("<p>{}</p>\n", cells.join(" &nbsp; ")));
    }
    out
}

fn feedback(exam: &Exam, v: &Variant) -> String {
    let symbolic = |i: &Item| {
        let s = i.symbolic.as_ref().filter(|s| **s != i.question);
        s.map_or_else(String::new, |s| format!(" = {}", escaped(s)))
    };
    let line = |i: &Item| {
        let value = super::numbers::matrix(&i.value, exam.decimals);
        format!(
            "<li><code>{}{} = {value}</code></li>\n",
            escaped(&i.question),
            symbolic(i)
        )
    };
    format!("<ol>\n{}</ol>", v.items.iter().map(line).collect::<String>())
}

/// Half a unit of the last decimal; for exact answers a tenth of it.
fn tolerance(exam: &Exam) -> String {
    let unit = 10_f64.powi(-(exam.decimals as i32));
    let share = if exam.exact { 0.05 } else { 0.5 };
    // A last decimal of one's own rounding is let pass.
    number(unit * share * 1.001, exam.decimals + 5)
}

/// Text in which tags are text.
fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}
