//! `chainrule explain FILE`: the worked solution of a file, or answers to single questions.
//!
//! In: a file and questions. Out: a solution by one of the library's writers, or answers as text or as
//! the JSON of docs/language.md. Nothing is worked out here.

use std::io::IsTerminal;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chainrule::explain::tree::{Explanation, Level};
use chainrule::explain::write::{Look, WRITERS, Writer, tree_json, writer};
use chainrule::explain::{
    Answer, Answered, AskOptions, Report, Side, SolutionOptions, ask, explain, with_rows,
};
use chainrule::graph::derived::derive;
use chainrule::graph::diag::{Diagnostic, Severity, has_errors};
use chainrule::graph::domain;
use chainrule::graph::module::Module;
use chainrule::graph::syntax::print::Style;
use chainrule::{Error, Model};
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::Sets;
use super::ascii::Spelling;
use super::asking::Asking;
use super::solution;
use crate::args::{natural, whole};
use crate::failure::{DONE, FINDINGS, Failure, Outcome};
use crate::numbers::Digits;
use crate::report::{self, style};
use crate::screen::Screen;
use crate::source::Source;
use crate::table::pad;

const EXAMPLES: &str = "Examples:
  chainrule explain exam.chain                     the worked solution
  chainrule explain exam.chain --why --every       with proofs, and every multiplication
  chainrule explain exam.chain -o solution.html    as a page; --to names a format
  chainrule explain exam.chain --ask dL/dW1        a gradient, symbolic and as numbers
  chainrule explain exam.chain --ask \"shape a1\" --examples m
  chainrule explain exam.chain --ask \"W2'\" --ask \"L'\" --update \"sgd(lr = 0.5)\" --steps 3
  chainrule explain exam.chain --ask \"dŷ[k]/dz2[i]\" --format json
  chainrule explain digits.chain --row 3 --ask ŷ   with a row of the data and the starts of training

A question is a symbol (a1), an entry (W2[2,1]), a derivative (dL/dW2, dŷ/dz2, dz2[k]/da1[i]),
a value after the steps (W2', L@3), a state of the optimiser (m(W1)), a difference quotient
(fd(L, W1[1,1], 0.01)), `shape z1`, or `params`.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("Formats of --to:\n{}\n{EXAMPLES}", formats()))]
pub(crate) struct Args {
    /// The file of equations; `-` reads standard input
    file: PathBuf,
    /// A question; may be repeated
    #[arg(long, value_name = "Q")]
    ask: Vec<String>,
    #[command(flatten)]
    asking: Asking,
    /// Significant digits of numbers in text [default: the file's `digits:`, else 6]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole(1..=17_u32))]
    digits: Option<u32>,
    /// Take the values from this row of the data (from 1), after its preparation
    #[arg(long, value_name = "I", conflicts_with = "batch",
        value_parser = natural::<usize>)]
    row: Option<usize>,
    /// Take the values from these rows of the data
    #[arg(long, value_name = "I..J")]
    batch: Option<Rows>,
    /// The form of the graph: dropout and batch statistics only in training
    #[arg(long, value_enum, default_value = "evaluate")]
    mode: Mode,
    /// The seed of starts and of dropout masks
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = natural::<u64>)]
    seed: u64,
    /// Matrix lines only
    #[arg(long, group = "level", conflicts_with = "ask")]
    brief: bool,
    /// Every multiplication, however long
    #[arg(long, group = "level", conflicts_with = "ask")]
    every: bool,
    /// The proof of each rule used
    #[arg(long, conflicts_with = "ask")]
    why: bool,
    /// The solution's format, one of those below [default: by the ending of -o, else text]
    #[arg(long, value_name = "FORMAT", conflicts_with = "ask")]
    #[arg(value_parser = PossibleValuesParser::new(WRITERS.iter().map(|w| w.name)))]
    #[arg(hide_possible_values = true)]
    to: Option<String>,
    /// Where to write the solution [default: standard output]
    #[arg(short, long = "output", value_name = "FILE", conflicts_with = "ask")]
    output: Option<PathBuf>,
    /// Write over the file of -o
    #[arg(long, requires = "output")]
    force: bool,
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
    if module.equations.is_empty() && module.symbols.is_empty() {
        let words = format!("{}: nothing in it to explain", source.name());
        return Err(Failure::Usage(format!(
            "{words}; an equation is a line such as z = W x"
        )));
    }
    let module = args.filled(module).map_err(Failure::about(&source, FINDINGS))?;
    match args.ask.is_empty() {
        true => solved(args, source, &module, &loaded.diagnostics, screen),
        false => answered(args, &source, &module, &loaded.diagnostics, screen),
    }
}

/// Answers to the questions.
fn answered(
    args: &Args,
    source: &Source,
    module: &Module,
    found: &[Diagnostic],
    screen: &Screen,
) -> Outcome {
    let report = ask(module, &args.options(), &args.ask);
    match screen.json {
        true => screen.document(&document(&report, source, found))?,
        false => args.tell(source, module, found, &report, screen)?,
    }
    let done = report.complete() && !has_errors(&report.diagnostics);
    Ok(if done { DONE } else { FINDINGS })
}

/// The worked solution; nothing of one that does not pass its own check.
fn solved(
    args: &Args,
    source: Source,
    module: &Module,
    found: &[Diagnostic],
    screen: &Screen,
) -> Outcome {
    let solution = match explain(module, &args.solution()) {
        Ok(solution) => solution,
        Err(wrong) => return unreadable(args, source, vec![wrong], screen),
    };
    let noticed = domain::check(module);
    let writer = args.writer();
    if screen.json && writer.is_none() {
        let report = ask(module, &args.options(), &solution::questions(module));
        let mut all = document(&report, &source, found);
        if let Ok(d) = derive(module) {
            all["rewrites"] = solution::rewrites_json(&d);
        }
        all["solution"] = tree_json(&solution);
        screen.document(&all)?;
    } else {
        screen.say(&report::draw::all(&source, found));
        for note in &noticed {
            screen.say(&report::draw::one(&source.text, note));
        }
        let writer = writer.unwrap_or(&WRITERS[0]);
        args.put(writer, &solution, screen)?;
    }
    Ok(if has_errors(&noticed) { FINDINGS } else { DONE })
}

impl Args {
    fn solution(&self) -> SolutionOptions {
        let level = match (self.brief, self.every) {
            (true, _) => Level::Brief,
            (_, true) => Level::Every,
            _ => Level::Usual,
        };
        SolutionOptions { level, why: self.why, digits: self.digits, ask: self.options() }
    }

    /// By its name, else by the ending of the file (of several the one that stands alone).
    fn writer(&self) -> Option<&'static Writer> {
        if let Some(name) = &self.to {
            return writer(name);
        }
        let ending = self.output.as_ref()?.extension()?.to_str()?;
        WRITERS.iter().rfind(|w| w.extension == ending)
    }

    fn look(&self) -> Look {
        let style = if self.ascii { Style::Ascii } else { Style::Unicode };
        let plain = Look { style, ..Look::default() };
        if self.output.is_some() {
            return plain;
        }
        let said = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        let seen = terminal_size::terminal_size().map(|(w, _)| usize::from(w.0));
        let columns = said.or(seen.filter(|_| std::io::stdout().is_terminal()));
        let width = columns.unwrap_or(plain.width).max(40);
        Look { width, strong: style::ON_STRONG, dim: style::ON_DIM, ..plain }
    }

    /// The solution to its place.
    fn put(
        &self,
        writer: &Writer,
        solution: &Explanation,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let look = self.look();
        let Some(path) = &self.output else {
            if !writer.is_text() {
                let words =
                    format!("--to {} goes to a file: -o solution.pdf", writer.name);
                return Err(Failure::Usage(words));
            }
            return screen.print(&(writer.write)(solution, &look));
        };
        crate::writing::whole(path, writer.bytes(solution, &look)?, self.force)?;
        if path == Path::new("-") {
            return Ok(());
        }
        screen.print(&format!("{}\n", report::clean(&path.display().to_string())))
    }

    fn options(&self) -> AskOptions {
        let training = (self.mode == Mode::Train).then_some(self.seed);
        AskOptions { training, ..self.asking.options() }
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
        let aloud = |d: &&Diagnostic| d.severity > Severity::Note;
        let found: Vec<Diagnostic> = found.iter().filter(aloud).cloned().collect();
        screen.say(&report::draw::all(source, &found));
        for note in &report.diagnostics {
            screen.say(&report::draw::one(&source.text, note));
        }
        let digits = self.digits.or(module.digits).unwrap_or(6) as usize;
        let spelling = Spelling { ascii: self.ascii, functions: &module.functions };
        let writer = Answers { digits: Digits { digits, ascii: self.ascii }, spelling };
        self.refusals(report, screen);
        screen.print(&writer.answers(report))
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
struct Answers<'m> {
    digits: Digits,
    spelling: Spelling<'m>,
}

impl Answers<'_> {
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

    fn value(&self, value: &Answered) -> Option<String> {
        match value {
            Answered::Count(n) => Some(n.to_string()),
            Answered::Numbers(m) => Some(self.digits.matrix(m)),
            Answered::Unknown => None,
        }
    }
}

/// "H×m".
fn shape_text(a: &Answer) -> String {
    let side = |s: &Side| match s {
        Side::Size(n) => n.to_string(),
        Side::Name(n) => n.clone(),
    };
    format!("{}×{}", side(&a.shape[0]), side(&a.shape[1]))
}

/// One line a format.
fn formats() -> String {
    WRITERS.iter().map(|w| format!("  {:<15} {}\n", w.name, w.about)).collect()
}
