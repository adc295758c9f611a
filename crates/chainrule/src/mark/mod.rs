//! Marks somebody's answers line by line.
//!
//! In: a file of equations and the text of answers, `Q = value or formula (2 points)` a line, Q as
//! in `--ask`. Out: a [`Marked`] of plain data; [`FORMS`] is the table of what writes it. A value is
//! right up to half a unit of its last digit; a formula is held against the right one by value at
//! random points; what is wrong is calculated again from somebody's own earlier lines before it is
//! called wrong. Invariant: a line that cannot be read does not stop the others.

mod against;
mod compare;
mod forms;
mod formula;
mod html;
mod json;
mod judge;
mod kinds;
mod letters;
mod number;
mod recompute;
mod sheet;
mod text;
mod typst;

pub use forms::{FORMS, Form};
pub use html::html;
pub use json::json;
pub use text::text;
pub use typst::typst;

use chainrule_graph::diag::Diagnostic;
use chainrule_graph::module::Module;
use chainrule_graph::value::Mat;

use crate::explain::{Answered, AskOptions, ask};
use crate::model::Options;

/// What a line is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Right.
    Right,
    /// Within half a unit of the last digit written, or of digits carried on.
    Rounded,
    /// Not right, and what follows from an earlier line that is wrong.
    Carried,
    /// As [`Verdict::Carried`], but the earlier error left nothing to calculate.
    Trivial,
    /// The error is here.
    Wrong,
    /// A name for later lines; nothing to mark.
    Defined,
    /// Not understood, or a question that cannot be answered.
    Unreadable,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Rounded => "right up to rounding",
            Self::Carried => "right given the earlier error",
            Self::Trivial => "follows from an earlier error that made it trivial",
            Self::Wrong => "wrong here",
            Self::Defined => "defines a name",
            Self::Unreadable => "cannot be read",
        }
    }

    /// Whether the line gets its points.
    #[must_use]
    pub fn earns(self) -> bool {
        matches!(self, Self::Right | Self::Rounded | Self::Carried)
    }

    /// Whether the line as it stands is right.
    #[must_use]
    pub fn holds(self) -> bool {
        matches!(self, Self::Right | Self::Rounded | Self::Defined)
    }
}

/// One line and what was found.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Its number in the answers, from 1.
    pub line: usize,
    /// As written, without its points.
    pub text: String,
    /// What was found.
    pub verdict: Verdict,
    /// Points given.
    pub points: f64,
    /// Points that it is worth; 0 for a definition.
    pub of: f64,
    /// More about it: which entry differs, which lines it follows from.
    pub remarks: Vec<String>,
    /// The right value, where the line has another and the file has values.
    pub expected: Option<Mat>,
    /// The right formula, where there is one.
    pub formula: Option<String>,
    /// The same as LaTeX.
    pub latex: Option<String>,
    /// Earlier lines that it follows from.
    pub from: Vec<usize>,
    /// Why it cannot be read, with the place in the answers.
    pub problem: Option<Diagnostic>,
}

/// All lines of somebody's answers.
#[derive(Clone, Debug, Default)]
pub struct Marked {
    /// In the order of the answers.
    pub lines: Vec<Mark>,
}

impl Marked {
    /// Points given.
    #[must_use]
    pub fn points(&self) -> f64 {
        self.lines.iter().map(|l| l.points).sum()
    }

    /// Points that there are.
    #[must_use]
    pub fn of(&self) -> f64 {
        self.lines.iter().map(|l| l.of).sum()
    }

    /// The first line that is wrong by itself.
    #[must_use]
    pub fn first_wrong(&self) -> Option<&Mark> {
        self.lines.iter().find(|l| l.verdict == Verdict::Wrong)
    }

    /// Whether every line is right.
    #[must_use]
    pub fn all_right(&self) -> bool {
        self.lines.iter().all(|l| l.verdict.holds())
    }

    /// Whether every line could be read.
    #[must_use]
    pub fn readable(&self) -> bool {
        self.lines.iter().all(|l| l.verdict != Verdict::Unreadable)
    }
}

/// Marks answers about a file: its text, how it was read, and the module that came of it.
#[must_use]
pub fn mark(
    text: &str,
    options: &Options,
    module: &Module,
    how: &AskOptions,
    answers: &str,
) -> Marked {
    let file = formula::File { text, options, ask: how, module };
    judge::all(file, answers)
}

/// The numbers of some questions; none where there are none.
fn asked(m: &Module, how: &AskOptions, questions: &[String]) -> Vec<Option<Mat>> {
    let report = ask(m, how, questions);
    let number = |a: Answered| match a {
        Answered::Numbers(m) => Some(m),
        Answered::Count(n) => Some(Mat::scalar(n as f64)),
        Answered::Unknown => None,
    };
    let finite = |m: &Mat| m.data.iter().all(|x| x.is_finite());
    let replies = report.replies.into_iter();
    replies.map(|r| number(r.answer.ok()?.value).filter(finite)).collect()
}

/// A number of a report: so many significant digits, without zeros that say nothing.
fn shown_number(x: f64, digits: usize) -> String {
    let power = format!("{x:.*e}", digits - 1);
    let (mantissa, exponent) = power.split_once('e').unwrap_or((&power, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |t: &str| match t.contains('.') {
        true => t.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => t.to_owned(),
    };
    let text = if x != 0.0 && !(-4..=9).contains(&exponent) {
        format!("{}e{exponent}", trimmed(mantissa))
    } else {
        let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
        trimmed(&format!("{x:.decimals$}"))
    };
    let text = if text == "-0" { "0".to_owned() } else { text };
    text.replace('-', "−")
}

/// Significant digits of a report.
const DIGITS: usize = 7;

/// Two numbers with as many digits as it takes to tell them apart.
fn shown_apart(a: f64, b: f64) -> (String, String) {
    let both = |n: usize| (shown_number(a, n), shown_number(b, n));
    (DIGITS..17).map(both).find(|(a, b)| a != b).unwrap_or_else(|| both(17))
}

/// A value of a report, in the notation of the language.
fn shown(m: &Mat) -> String {
    if m.is_scalar() {
        return shown_number(m.data[0], DIGITS);
    }
    let row = |i: usize| {
        let entries = (0..m.cols).map(|j| shown_number(m.at(i, j), DIGITS));
        entries.collect::<Vec<_>>().join(" ")
    };
    format!("[{}]", (0..m.rows).map(row).collect::<Vec<_>>().join("; "))
}

/// `2`, `1.5`.
fn points(x: f64) -> String {
    format!("{x}")
}
