//! Exercises from a worked example: the same questions with other numbers.
//!
//! In: a file with values (`:=`), questions, a seed. Out: an [`Exam`] of plain data: each variant is
//! a `.chain` text of its own with its answers; [`SHEETS`] is the table of formats of its sheets,
//! [`moodle()`] writes a quiz. Invariants: no value sits on a kink or outside a domain; where the file's own results
//! are short decimals, so are those of every variant; the same seed gives the same exam.

mod asked;
mod html;
mod latex;
mod moodle;
mod numbers;
mod typst;
mod vary;

pub use html::html;
pub use latex::latex;
pub use moodle::moodle;
pub use typst::typst;

use chainrule_graph::diag::{Code, Diagnostic, Severity, Span, has_errors};
use chainrule_graph::domain;
use chainrule_graph::module::Module;
use chainrule_graph::value::Mat;

use crate::error::Error;
use crate::explain::tree::Explanation;
use crate::explain::{Answered, AskOptions, SolutionOptions, ask, explain};
use crate::model::Options;
use crate::pdf::{Finish, PDF, TEXT};

use vary::Given;

/// What to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many variants.
    pub variants: usize,
    /// Where the numbers come from.
    pub seed: u64,
    /// What is asked; empty: every equation, every gradient, every update.
    pub questions: Vec<String>,
    /// Decimals that a short result has at most, and that others are rounded to.
    pub decimals: u32,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// As in `--ask`.
    pub question: String,
    /// Its value.
    pub value: Mat,
    /// How it comes about, in symbols.
    pub symbolic: Option<String>,
    /// The same as LaTeX.
    pub latex: Option<String>,
}

/// One sheet's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The file with these numbers.
    pub text: String,
    /// Names and values that are given.
    pub given: Vec<(String, Mat)>,
    /// Questions and answers.
    pub items: Vec<Item>,
    /// Every step of it.
    pub solution: Explanation,
}

/// The variants of an exercise.
#[derive(Clone, Debug, PartialEq)]
pub struct Exam {
    /// Left and right sides of the equations, as the file has them.
    pub equations: Vec<(String, String)>,
    /// The update rule of questions about updates.
    pub rule: Option<String>,
    /// Decimals that answers are given with.
    pub decimals: u32,
    /// Whether every answer is exact with so many decimals.
    pub exact: bool,
    /// The variants.
    pub variants: Vec<Variant>,
}

/// A format of sheets.
pub struct Sheet {
    /// What `--to` calls it.
    pub name: &'static str,
    /// Ending of its files.
    pub extension: &'static str,
    /// Questions, or solutions, under a title.
    pub write: fn(&Exam, &str, bool) -> String,
    /// The writer of worked solutions that goes with it.
    pub solution: &'static str,
    /// The text as a file holds it.
    finish: Finish,
}

impl Sheet {
    /// The sheet as a file holds it.
    ///
    /// # Errors
    /// [`Error::Usage`] for a format that this build has not.
    pub fn bytes(
        &self,
        e: &Exam,
        title: &str,
        solutions: bool,
    ) -> Result<Vec<u8>, Error> {
        (self.finish)((self.write)(e, title, solutions))
    }
}

/// Every format of sheets.
pub const SHEETS: &[Sheet] = &[
    Sheet {
        name: "latex",
        extension: "tex",
        write: latex,
        solution: "latex-document",
        finish: TEXT,
    },
    Sheet {
        name: "html",
        extension: "html",
        write: html,
        solution: "html",
        finish: TEXT,
    },
    Sheet {
        name: "typst",
        extension: "typ",
        write: typst,
        solution: "typst",
        finish: TEXT,
    },
    Sheet { name: "pdf", extension: "pdf", write: typst, solution: "pdf", finish: PDF },
];

/// Numbers that are drawn for one variant before it is given up.
const TRIES: usize = 4000;

/// Makes an exam.
///
/// # Errors
/// What is wrong with the file or a question; [`Error::Refused`] if there is nothing to vary or no
/// further variant was found.
pub fn exam(
    text: &str,
    options: &Options,
    how: &AskOptions,
    plan: &Plan,
) -> Result<Exam, Error> {
    let loaded = options.load(text)?;
    let Some(m) = loaded.module else {
        return Err(Error::Diagnostics(loaded.diagnostics));
    };
    let questions = match plan.questions.is_empty() {
        true => everything(&m, how),
        false => plan.questions.clone(),
    };
    let given = vary::given(text, &m);
    if !given.iter().any(Given::varies) {
        let text =
            "no value of the file can be varied: give symbols numbers (x := [1; -0.5])";
        return Err(Error::Refused(text.to_owned()));
    }
    let own = items(&m, how, &questions)?;
    explain(&m, &solution_options(how)).map_err(|d| Error::Diagnostics(vec![d]))?;
    let exact = own.iter().all(|i| numbers::short(&i.value, plan.decimals));
    let search = Search { m: &m, how, questions: &questions, own: &own, exact, plan };
    let mut variants: Vec<Variant> = Vec::new();
    for k in 0..plan.variants {
        let variant = search.one(text, &given, k as u64, &variants);
        variants.push(variant.ok_or_else(|| none_found(k))?);
    }
    let equations =
        m.equations.iter().map(|e| (e.shown.clone(), e.text.clone())).collect();
    let updates = questions.iter().any(|q| q.contains(['\'', '′', '@']));
    let rule = updates.then(|| rule(text, how)).flatten();
    Ok(Exam { equations, rule, decimals: plan.decimals, exact, variants })
}

fn solution_options(how: &AskOptions) -> SolutionOptions {
    SolutionOptions { ask: how.clone(), ..SolutionOptions::default() }
}

fn none_found(k: usize) -> Error {
    Error::Refused(format!(
        "no numbers for variant {} were found in {TRIES} tries: allow more --decimals, or ask for less",
        k + 1
    ))
}

/// The rule as it is said on the command line or in the file.
fn rule(text: &str, how: &AskOptions) -> Option<String> {
    if how.update.is_some() {
        return how.update.clone();
    }
    let lines = text.lines().map(|l| l.split('#').next().unwrap_or("").trim());
    let mut said =
        lines.filter_map(|l| l.strip_prefix("train")?.trim_start().strip_prefix(':'));
    said.next_back().map(|r| r.trim().to_owned())
}

/// Every equation, every gradient of the objective, and what a step makes of what is learned.
fn everything(m: &Module, how: &AskOptions) -> Vec<String> {
    let mut out: Vec<String> = m.equations.iter().map(|e| e.shown.clone()).collect();
    let Some(o) = &m.objective else { return out };
    let learned: Vec<&str> =
        m.trainable.iter().map(|id| m.symbols[id.0 as usize].shown.as_str()).collect();
    out.extend(learned.iter().map(|p| format!("d{}/d{p}", o.shown)));
    let steps =
        how.update.is_some() || m.train.as_ref().is_some_and(|t| t.optimizer.is_some());
    out.extend(learned.iter().filter(|_| steps).map(|p| format!("{p}'")));
    out
}

/// What is wrong with a question has no place in the file.
fn unplaced(question: &str, d: Diagnostic) -> Diagnostic {
    let message = format!("{question}: {}", d.message);
    Diagnostic { message, span: Span::default(), labels: Vec::new(), ..d }
}

/// Questions with their answers, all of them numbers.
fn items(m: &Module, how: &AskOptions, questions: &[String]) -> Result<Vec<Item>, Error> {
    let report = ask(m, how, questions);
    if has_errors(&report.diagnostics) {
        return Err(Error::Diagnostics(report.diagnostics));
    }
    let item = |r: crate::explain::Reply| {
        let a = r.answer.map_err(|d| Error::Diagnostics(vec![unplaced(&r.ask, d)]))?;
        let value = match a.value {
            Answered::Numbers(v) if v.data.iter().all(|x| x.is_finite()) => v,
            Answered::Count(n) => Mat::scalar(n as f64),
            _ => return Err(Error::Diagnostics(vec![no_number(&r.ask)])),
        };
        Ok(Item { question: r.ask, value, symbolic: a.symbolic, latex: a.latex })
    };
    report.replies.into_iter().map(item).collect()
}

fn no_number(question: &str) -> Diagnostic {
    let text = format!("`{question}` has no value, and an exercise needs one");
    Diagnostic::error(Code::S5, Span::default(), text)
        .hint("give every symbol a value: x := …")
}

/// What a variant has to be.
struct Search<'a> {
    m: &'a Module,
    how: &'a AskOptions,
    questions: &'a [String],
    own: &'a [Item],
    exact: bool,
    plan: &'a Plan,
}

impl Search<'_> {
    /// The k-th variant: the first numbers of its own stream that fit.
    fn one(
        &self,
        text: &str,
        given: &[Given],
        k: u64,
        before: &[Variant],
    ) -> Option<Variant> {
        let mut random = vary::Random::new(self.plan.seed, k);
        for _ in 0..TRIES {
            let values: Vec<Mat> = given.iter().map(|g| g.drawn(&mut random)).collect();
            let text = vary::written(text, given, &values);
            if before.iter().any(|v| v.text == text) {
                continue;
            }
            let mut m = self.m.clone();
            for (g, v) in given.iter().zip(&values) {
                m.symbols[g.symbol].value = Some(v.clone());
            }
            let Some(items) = self.fits(&m) else { continue };
            let options = solution_options(self.how);
            // What keeps one from being explained keeps all.
            let solution = explain(&m, &options).ok()?;
            let names = given.iter().map(|g| g.shown.clone());
            return Some(Variant {
                text,
                given: names.zip(values).collect(),
                items,
                solution,
            });
        }
        None
    }

    fn fits(&self, m: &Module) -> Option<Vec<Item>> {
        let told = |m: &Module| {
            domain::check(m).iter().filter(|d| d.severity >= Severity::Note).count()
        };
        if told(m) > 0 {
            return None;
        }
        let items = items(m, self.how, self.questions).ok()?;
        let short =
            |i: &Item| !self.exact || numbers::short(&i.value, self.plan.decimals);
        // Nothing is left to calculate where a result is 0 that was not.
        let zero = |v: &Mat| v.data.iter().all(|x| *x == 0.0);
        let alive = items
            .iter()
            .zip(self.own)
            .all(|(i, own)| !zero(&i.value) || zero(&own.value));
        (alive && items.iter().all(short)).then_some(items)
    }
}
