//! `chainrule explain FILE`: equations, shapes, gradients and values, or answers to single questions.
//!
//! In: a file and questions. Out: text, or the JSON of docs/language.md. The questions are answered
//! by the library; without any, the same interface is asked for everything ([`super::solution`]).

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use chainrule::explain::{
    Answer, Answered, AskOptions, Reply, Report, Side, ask, gradients_hold, with_rows,
};
use chainrule::graph::derived::derive;
use chainrule::graph::diag::{Diagnostic, Severity, has_errors};
use chainrule::graph::module::Module;
use chainrule::{Error, Model};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::Sets;
use super::ascii::Spelling;
use super::solution;
use crate::failure::{DONE, FINDINGS, Failure, Outcome};
use crate::numbers::Digits;
use crate::report;
use crate::screen::Screen;
use crate::source::Source;
use crate::table::pad;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule explain exam.chain                     everything
  chainrule explain exam.chain --ask dL/dW1        a gradient, symbolic and as numbers
  chainrule explain exam.chain --ask \"shape a1\" --examples m
  chainrule explain exam.chain --ask \"W2'\" --ask \"L'\" --update \"sgd(lr = 0.5)\" --steps 3
  chainrule explain exam.chain --ask \"dŷ[k]/dz2[i]\" --format json
  chainrule explain digits.chain --row 3 --ask ŷ   with a row of the data and the starts of training

A question is a symbol (a1), an entry (W2[2,1]), a derivative (dL/dW2, dŷ/dz2, dz2[k]/da1[i]),
a value after the steps (W2', L@3), a state of the optimiser (m(W1)), a difference quotient
(fd(L, W1[1,1], 0.01)), `shape z1`, or `params`.")]
pub(crate) struct Args {
    /// The file of equations; `-` reads standard input
    file: PathBuf,
    /// A question; may be repeated
    #[arg(long, value_name = "Q")]
    ask: Vec<String>,
    /// The update rule of ' and @ [default: that of the train: line]
    #[arg(long, value_name = "RULE")]
    update: Option<String>,
    /// How many steps ' stands for
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=100_000))]
    steps: u32,
    /// Symbols that are held fixed
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    freeze: Vec<String>,
    /// Significant digits of numbers in text [default: the file's `digits:`, else 6]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=17))]
    digits: Option<u32>,
    /// Round every step to so many decimals, as a calculation by hand does
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=17))]
    round_each: Option<u32>,
    /// Shapes and gradients over so many examples: a number or a letter
    #[arg(long, value_name = "m")]
    examples: Option<String>,
    /// Take the values from this row of the data (from 1), after its preparation
    #[arg(long, value_name = "I", conflicts_with = "batch")]
    row: Option<usize>,
    /// Take the values from these rows of the data
    #[arg(long, value_name = "I..J")]
    batch: Option<Rows>,
    /// The form of the graph: dropout and batch statistics only in training
    #[arg(long, value_enum, default_value = "evaluate")]
    mode: Mode,
    /// The seed of starts and of dropout masks
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Signs of ASCII only
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    set: Sets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Evaluate,
    Train,
}

/// `3..7`, both ends included.
#[derive(Clone, Debug)]
struct Rows(RangeInclusive<usize>);

impl FromStr for Rows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |t: &str| t.trim().parse::<usize>().ok();
        let ends = text.split_once("..").and_then(|(a, b)| Some(number(a)?..=number(b)?));
        ends.map(Self).ok_or_else(|| "expected FIRST..LAST, as in 1..8".to_owned())
    }
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let loaded = source.load(&args.set)?;
    let Some(module) = loaded.module else {
        return unreadable(args, source, loaded.diagnostics, screen);
    };
    let module = args.filled(module).map_err(Failure::about(&source, FINDINGS))?;
    if args.ask.is_empty()
        && let Err(wrong) = gradients_hold(&module)
    {
        return unreadable(args, source, vec![wrong], screen);
    }
    let options = args.options();
    let questions = match args.ask.is_empty() {
        true => solution::questions(&module),
        false => args.ask.clone(),
    };
    let report = ask(&module, &options, &questions);
    match screen.json {
        true => {
            let mut all = document(&report, &source, &loaded.diagnostics);
            if let (true, Ok(d)) = (args.ask.is_empty(), derive(&module)) {
                all["rewrites"] = solution::rewrites_json(&d);
            }
            screen.document(&all)?;
        }
        false => {
            args.tell(&source, &module, &loaded.diagnostics, &report, screen)?;
        }
    }
    let done =
        (args.ask.is_empty() || report.complete()) && !has_errors(&report.diagnostics);
    Ok(if done { DONE } else { FINDINGS })
}

impl Args {
    fn options(&self) -> AskOptions {
        AskOptions {
            update: self.update.clone(),
            steps: self.steps as usize,
            freeze: self.freeze.clone(),
            round_each: self.round_each,
            examples: self.examples.clone(),
            training: (self.mode == Mode::Train).then_some(self.seed),
        }
    }

    /// The module with rows of its data as values, where they are asked for.
    fn filled(&self, module: Module) -> Result<Module, Error> {
        let rows = self.row.map(|i| i..=i).or(self.batch.clone().map(|r| r.0));
        let Some(rows) = rows else { return Ok(module) };
        let model = Model::from_file(&self.file, self.set.options())?;
        let data = model.load_data()?.prepared.train;
        with_rows(&module, &data, rows, self.seed)
    }

    fn tell(
        &self,
        source: &Source,
        module: &Module,
        found: &[Diagnostic],
        report: &Report,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let aloud = |d: &&Diagnostic| d.severity > Severity::Note || self.ask.is_empty();
        let found: Vec<Diagnostic> = found.iter().filter(aloud).cloned().collect();
        screen.say(&report::draw::all(source, &found));
        for note in &report.diagnostics {
            screen.say(&report::draw::one(&source.text, note));
        }
        let digits = self.digits.or(module.digits).unwrap_or(6) as usize;
        let spelling = Spelling { ascii: self.ascii, functions: &module.functions };
        let writer = Writer { digits: Digits { digits, ascii: self.ascii }, spelling };
        let text = match self.ask.is_empty() {
            true => solution::text(module, report, &writer),
            false => {
                self.refusals(report, screen);
                writer.answers(report)
            }
        };
        screen.print(&text)
    }

    /// What could not be answered, as words.
    fn refusals(&self, report: &Report, screen: &Screen) {
        for reply in &report.replies {
            if let Err(d) = &reply.answer {
                screen.say(&report::draw::without_place(Some(&reply.ask), d));
            }
        }
    }
}

/// The file has errors: each question is answered by the first of them.
fn unreadable(
    args: &Args,
    source: Source,
    found: Vec<Diagnostic>,
    screen: &Screen,
) -> Outcome {
    if !screen.json {
        return Err(Failure::Findings(Box::new(source), found, FINDINGS));
    }
    let all = report::json::all(&source.text, &found);
    let errors = all.as_array().into_iter().flatten();
    let first = errors.clone().find(|d| d["severity"] == "error").cloned();
    let answer = |q: &String| json!({ "ask": q, "error": first });
    let answers: Value = args.ask.iter().map(answer).collect();
    screen.document(&json!({ "answers": answers, "diagnostics": all }))?;
    Ok(FINDINGS)
}

/// The report, with what was noticed while reading in front of its own notes.
fn document(report: &Report, source: &Source, found: &[Diagnostic]) -> Value {
    let mut out = report.to_json(&source.text);
    let mut all = report::json::all(&source.text, found);
    if let (Some(all), Some(more)) =
        (all.as_array_mut(), out["diagnostics"].as_array_mut())
    {
        all.append(more);
    }
    out["diagnostics"] = all;
    out
}

/// Turns answers into lines.
pub(super) struct Writer<'m> {
    pub digits: Digits,
    pub spelling: Spelling<'m>,
}

impl Writer<'_> {
    fn answers(&self, report: &Report) -> String {
        let replies = report.replies.iter();
        replies
            .filter_map(|r| Some(self.reply(&r.ask, r.answer.as_ref().ok()?)))
            .collect()
    }

    /// "dL/dW2 = (ŷ − y) a1ᵀ", below it the numbers, at the end the shape of what is no number.
    fn reply(&self, question: &str, a: &Answer) -> String {
        let question = self.spelling.text(question);
        let symbolic = a.symbolic.as_ref().map(|s| self.spelling.text(s));
        let value = self.value(&a.value);
        let symbolic = symbolic.filter(|s| Some(s) != value.as_ref() && *s != question);
        let mut sides: Vec<String> = symbolic.into_iter().chain(value).collect();
        if sides.is_empty() {
            sides.push("?".to_owned());
        }
        let indent = " ".repeat(report::width(&question));
        let mut out = String::new();
        for (i, side) in sides.iter().enumerate() {
            let start = if i == 0 { &question } else { &indent };
            let shape =
                if i + 1 == sides.len() { self.shape(a, side) } else { "".into() };
            out.push_str(&format!("{start} = {side}{shape}\n"));
        }
        out
    }

    /// "    2×3" unless it is a number or was asked for.
    fn shape(&self, a: &Answer, beside: &str) -> String {
        let text = self.spelling.shape(&shape_text(a));
        match text == "1×1" || text == "1 x 1" || text == beside {
            true => String::new(),
            false => {
                let dim = report::style::DIM;
                format!("{}{dim}{text}{dim:#}", pad("", 4))
            }
        }
    }

    pub(super) fn value(&self, value: &Answered) -> Option<String> {
        match value {
            Answered::Count(n) => Some(n.to_string()),
            Answered::Numbers(m) => Some(self.digits.matrix(m)),
            Answered::Unknown => None,
        }
    }
}

/// "H×m".
pub(super) fn shape_text(a: &Answer) -> String {
    let side = |s: &Side| match s {
        Side::Size(n) => n.to_string(),
        Side::Name(n) => n.clone(),
    };
    format!("{}×{}", side(&a.shape[0]), side(&a.shape[1]))
}

/// The reply to a question of ours, if it was answered.
pub(super) fn answered<'r>(report: &'r Report, question: &str) -> Option<&'r Answer> {
    let mut all = report.replies.iter();
    let reply: &Reply = all.find(|r| r.ask == question)?;
    reply.answer.as_ref().ok()
}
