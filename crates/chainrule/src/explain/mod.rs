//! Questions about a file and their answers: values, shapes, derivatives, what steps do.
//!
//! In: a checked [`Module`] and questions in the notation of `--ask`. Out: a [`Report`] of plain
//! data. The gradient behind an answer is the one that `derive` gives and training runs.

mod answer;
mod derivation;
mod entries;
pub mod formula;
mod json;
mod masks;
pub(crate) mod question;
mod rows;
mod solution;
pub(crate) mod state;
pub mod tree;
pub mod write;

pub use answer::gradients_hold;
pub use derivation::{Line, derivation};
pub use rows::with_rows;
pub use solution::{SolutionOptions, equation_shapes, explain, parameter_count};

use chainrule_graph::diag::Diagnostic;
use chainrule_graph::module::Module;
use chainrule_graph::value::Mat;

/// How questions are to be answered.
#[derive(Clone, Debug)]
pub struct AskOptions {
    /// The update rule, such as `sgd(lr = 0.5)`; default: that of the `train:` line.
    pub update: Option<String>,
    /// How many steps `'` stands for.
    pub steps: usize,
    /// Symbols that are held fixed.
    pub freeze: Vec<String>,
    /// Decimals that every step is rounded to, as in a key computed by hand.
    pub round_each: Option<u32>,
    /// Shapes and gradients over this many examples (a number or a letter).
    pub examples: Option<String>,
    /// The training form with the dropout masks of this seed; the evaluation form otherwise.
    pub training: Option<u64>,
}

impl Default for AskOptions {
    fn default() -> Self {
        let freeze = Vec::new();
        Self {
            update: None,
            steps: 1,
            freeze,
            round_each: None,
            examples: None,
            training: None,
        }
    }
}

/// One side of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// A number.
    Size(usize),
    /// A name whose size is not known.
    Name(String),
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// A whole count.
    Count(usize),
    /// Numbers.
    Numbers(Mat),
    /// Nothing known: symbols without values.
    Unknown,
}

/// An answer that could be given.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Rows and columns.
    pub shape: [Side; 2],
    /// Its value.
    pub value: Answered,
    /// In symbols of the file, where there is such a form.
    pub symbolic: Option<String>,
    /// The same as LaTeX.
    pub latex: Option<String>,
}

/// A question and what came of it.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The question as asked.
    pub ask: String,
    /// The answer, or why there is none.
    pub answer: Result<Answer, Diagnostic>,
}

/// All replies, and what was noticed.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of the questions.
    pub replies: Vec<Reply>,
    /// Notes: which objective was taken, what is learned.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Whether every question was answered.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.replies.iter().all(|r| r.answer.is_ok())
    }

    /// The interface of docs/language.md: `{"answers": […], "diagnostics": […]}`.
    #[must_use]
    pub fn to_json(&self, text: &str) -> serde_json::Value {
        json::report(self, text)
    }
}

/// Diagnostics as JSON, with lines and columns of `text`.
#[must_use]
pub fn diagnostic_json(d: &Diagnostic, text: &str) -> serde_json::Value {
    json::diagnostic(d, text)
}

/// Answers questions about a file; one that fails does not stop the others.
#[must_use]
pub fn ask(m: &Module, options: &AskOptions, questions: &[String]) -> Report {
    answer::ask(m, options, questions)
}
