//! `chainrule exam FILE --variants N`: the worked example of a file with other numbers.
//!
//! In: a file with values. Out: a folder with question and solution sheets in the formats asked for, a
//! quiz in Moodle's XML, and each variant as a file of its own with its worked solution.

use std::path::PathBuf;

use chainrule::exam::{Exam, Plan, SHEETS, Sheet, exam, moodle};
use chainrule::explain::AskOptions;
use chainrule::explain::write::{Look, writer};
use chainrule::{Error, Options};
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use crate::args::{natural, whole};
use crate::failure::{DONE, Failure, Outcome, USAGE};
use crate::report;
use crate::screen::Screen;
use crate::source::Source;
use crate::writing;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule exam exam-part3.chain --variants 4 --seed 1
  chainrule exam exam-part3.chain --ask h3 --ask MSE --ask \"w21'\" -o sheets
  chainrule exam exam-part3.chain --to pdf,html      in a build with `--features pdf`

The folder gets questions.tex, solutions.tex, questions.html, solutions.html, moodle.xml, and
variant-1.chain, variant-2.chain, … for `chainrule explain` and `chainrule mark`, each with every
step in variant-1-solution.html and .tex; other formats are named with --to.")]
pub(crate) struct Args {
    /// The file of equations, with values (x := …)
    file: PathBuf,
    /// How many variants
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = whole(1..=500_u32))]
    variants: u32,
    /// Where the numbers come from
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = natural::<u64>)]
    seed: u64,
    /// What is asked; may be repeated [default: every equation, gradient and update]
    #[arg(long, value_name = "Q")]
    ask: Vec<String>,
    /// Decimals of the results
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = whole(0..=10_u32))]
    decimals: u32,
    /// The update rule of ' [default: that of the train: line]
    #[arg(long, value_name = "RULE")]
    update: Option<String>,
    /// The heading of the sheets [default: the name of the file]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Formats of the sheets: latex, html, typst, pdf
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "latex,html")]
    #[arg(value_parser = PossibleValuesParser::new(SHEETS.iter().map(|s| s.name)))]
    #[arg(hide_possible_values = true)]
    to: Vec<String>,
    /// The folder [default: the name of the file with -exam]
    #[arg(short, long = "output", value_name = "FOLDER")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let how = AskOptions { update: args.update.clone(), ..AskOptions::default() };
    let plan = Plan {
        variants: args.variants as usize,
        seed: args.seed,
        questions: args.ask.clone(),
        decimals: args.decimals,
    };
    let made = exam(&source.text, &Options::default(), &how, &plan)
        .map_err(Failure::about(&source, USAGE))?;
    let files = args.files(&made)?;
    let folder = args.folder();
    let failed = |source| Error::Write { path: folder.clone(), source };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for (name, content) in files {
        writing::whole(&folder.join(name), content, true)?;
    }
    match screen.json {
        true => screen.document(&document(&made, &folder.display().to_string()))?,
        false => screen
            .print(&format!("{}\n", report::clean(&folder.display().to_string())))?,
    }
    Ok(DONE)
}

impl Args {
    fn stem(&self) -> String {
        let stem = self.file.file_stem().map(|s| s.to_string_lossy().into_owned());
        stem.filter(|s| s != "-").unwrap_or_else(|| "exam".to_owned())
    }

    fn title(&self) -> String {
        self.title.clone().unwrap_or_else(|| self.stem())
    }

    fn folder(&self) -> PathBuf {
        self.output
            .clone()
            .unwrap_or_else(|| PathBuf::from(format!("{}-exam", self.stem())))
    }

    /// Names and contents.
    fn files(&self, made: &Exam) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let title = self.title();
        let mut out = vec![("moodle.xml".to_owned(), moodle(made, &title).into_bytes())];
        for (k, v) in made.variants.iter().enumerate() {
            out.push((format!("variant-{}.chain", k + 1), v.text.clone().into_bytes()));
        }
        for sheet in SHEETS.iter().filter(|s| self.to.iter().any(|t| t == s.name)) {
            out.extend(sheets(sheet, made, &title)?);
        }
        Ok(out)
    }
}

/// Questions, solutions and every step of each variant in one format.
fn sheets(
    sheet: &Sheet,
    made: &Exam,
    title: &str,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let ending = sheet.extension;
    let mut out = Vec::new();
    for (name, solutions) in [("questions", false), ("solutions", true)] {
        out.push((format!("{name}.{ending}"), sheet.bytes(made, title, solutions)?));
    }
    let Some(writer) = writer(sheet.solution) else { return Ok(out) };
    for (k, v) in made.variants.iter().enumerate() {
        let steps = writer.bytes(&v.solution, &Look::default())?;
        out.push((format!("variant-{}-solution.{ending}", k + 1), steps));
    }
    Ok(out)
}

fn document(made: &Exam, folder: &str) -> Value {
    let rows = |m: &chainrule::graph::value::Mat| -> Vec<Vec<f64>> {
        (0..m.rows).map(|i| (0..m.cols).map(|j| m.at(i, j)).collect()).collect()
    };
    let variant = |v: &chainrule::exam::Variant| {
        let given: Vec<Value> =
            v.given.iter().map(|(n, m)| json!({ "name": n, "value": rows(m) })).collect();
        let item = |i: &chainrule::exam::Item| json!({ "ask": i.question, "value": rows(&i.value), "symbolic": i.symbolic });
        json!({ "given": given, "items": v.items.iter().map(item).collect::<Vec<_>>() })
    };
    json!({
        "folder": folder,
        "exact": made.exact,
        "decimals": made.decimals,
        "variants": made.variants.iter().map(variant).collect::<Vec<_>>(),
    })
}
