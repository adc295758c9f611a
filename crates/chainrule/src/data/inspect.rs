//! A table, and perhaps a target → what its columns seem to be, the task, and a `data:` line.
//!
//! In: a [`Source`]. Out: a [`Proposal`]; every guess comes with its reason, as a user must be able
//! to disagree. The rules, in full:
//! - a column is left out if it is empty, has one value, looks like dates, or seems to name rows (
//!   words, more than half of them distinct; whole numbers that count up by one);
//! - a target of words is classes, of two values binary; of whole numbers it is classes if there
//!   are at most 20 values, without a gap, from 0 or 1 on, with ten rows each on average;
//!   else it is a number;
//! - a number to be predicted is standardised, after its logarithm if all are above 0 and their
//!   skewness is above 1; inputs are standardised, pixels divided by 255.

use std::path::Path;

use chainrule_graph::syntax::settings::{
    ColumnClause, DataSpec, HoldOut, Selector, Transform, nearest, print_data,
};

use super::columns::{Code, Coder, distinct, finite};
use super::report::called;
use super::select::listed;
use super::source::{Cells, RawColumn, Source, read_source};
use crate::error::{DataProblem, Error};

/// What a column seems to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// Words of few kinds.
    Category,
    /// Of no use, with the reason.
    Excluded(String),
}

/// What was seen of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Its name.
    pub name: String,
    /// What it seems to be.
    pub kind: ColumnKind,
    /// Different values, missing ones apart.
    pub distinct: usize,
    /// Missing cells.
    pub missing: usize,
}

/// What is to be learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of several classes.
    Classes,
    /// A number.
    Regression,
}

/// A way to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Every column.
    pub columns: Vec<Inspected>,
    /// The column to predict.
    pub target: String,
    /// What is to be learned.
    pub task: Task,
    /// The classes, sorted; empty for a number.
    pub classes: Vec<String>,
    /// A `data:` line for `x` and `y`.
    pub spec: DataSpec,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
}

impl Proposal {
    /// The text behind `data:`.
    #[must_use]
    pub fn data_line(&self) -> String {
        print_data(&self.spec)
    }
}

/// Reads a file of which nothing is known: tries the usual separators, then without a header, and
/// takes a lone `?` for missing. The [`DataSpec`] says what was found to fit.
///
/// # Errors
/// As [`read_source`] with nothing given, if nothing fits.
pub fn read_guessing(folder: &Path, file: &str) -> Result<(Source, DataSpec), Error> {
    let mut spec = DataSpec { file: Some(file.to_owned()), ..DataSpec::default() };
    let mut first_error = None;
    for no_header in [None, Some(Vec::new())] {
        for separator in [None, Some(';'), Some('\t'), Some('|')] {
            spec = DataSpec { no_header: no_header.clone(), separator, ..spec };
            match read_source(folder, file, &spec) {
                Ok(source) if no_header.is_none() && header_is_a_row(&source) => {
                    spec.no_header = Some(Vec::new());
                    let source = read_source(folder, file, &spec)?;
                    return with_missing(folder, file, source, spec);
                }
                Ok(source) if separator.is_none() || source.columns.len() > 1 => {
                    return with_missing(folder, file, source, spec);
                }
                Ok(_) => {}
                Err(e @ Error::Read { .. }) => return Err(e),
                Err(e) => first_error = first_error.or(Some(e)),
            }
        }
    }
    Err(first_error.unwrap_or_else(|| DataProblem::new(file, "cannot be read").into()))
}

/// A name of a column that also stands among its words is no name.
fn header_is_a_row(source: &Source) -> bool {
    source.columns.iter().any(|c| match &c.cells {
        Cells::Text(text) => text.words.contains(&c.name),
        Cells::Number(_) | Cells::Byte(_) => false,
    })
}

fn with_missing(
    folder: &Path,
    file: &str,
    source: Source,
    mut spec: DataSpec,
) -> Result<(Source, DataSpec), Error> {
    let asks = |c: &RawColumn| match &c.cells {
        Cells::Text(text) => text.words.iter().any(|w| w == "?"),
        Cells::Number(_) | Cells::Byte(_) => false,
    };
    if !source.columns.iter().any(asks) {
        return Ok((source, spec));
    }
    spec.missing.push("?".to_owned());
    Ok((read_source(folder, file, &spec)?, spec))
}

/// Proposes a task and a `data:` line; `spec` says how the file was read and gives the file.
/// Without a target, a column called target, label, class or y is taken, else the last.
///
/// # Errors
/// [`Error::Usage`] for an unknown target; [`Error::Data`] if the target has one value only, or
/// nothing is left to learn from.
pub fn propose(
    source: &Source,
    spec: &DataSpec,
    target: Option<&str>,
) -> Result<Proposal, Error> {
    let mut reasons = Vec::new();
    let target = find_target(source, target, &mut reasons)?;
    let columns: Vec<Inspected> =
        source.columns.iter().map(|c| inspect(c, source.rows)).collect();
    let (task, classes) = task(source, target, &mut reasons)?;
    for column in columns.iter().filter(|c| c.name != source.columns[target].name) {
        if let ColumnKind::Excluded(why) = &column.kind {
            reasons.push(format!("{} is left out: {why}", called(&column.name)));
        }
    }
    let spec = line(source, spec, target, &task, &columns, &mut reasons)?;
    let target = source.columns[target].name.clone();
    Ok(Proposal { columns, target, task, classes, spec, reasons })
}

fn find_target(
    source: &Source,
    target: Option<&str>,
    reasons: &mut Vec<String>,
) -> Result<usize, Error> {
    let names = || source.columns.iter().map(|c| c.name.as_str());
    if let Some(name) = target {
        return names().position(|n| n == name).ok_or_else(|| {
            let near = nearest(name, names());
            let message = match near {
                Some(near) => format!("no column `{name}`; did you mean `{near}`?"),
                None => format!("no column `{name}`; there are {}", listed(names(), 20)),
            };
            Error::Usage { field: "target".to_owned(), message }
        });
    }
    let usual = ["target", "label", "class", "y"];
    let usually = names().position(|n| usual.contains(&n.to_lowercase().as_str()));
    let at = usually.unwrap_or(source.columns.len() - 1);
    let why = if usually.is_some() { "by its name" } else { "as the last column" };
    reasons.push(format!(
        "{} is taken as the target, {why}",
        called(&source.columns[at].name)
    ));
    Ok(at)
}

fn inspect(column: &RawColumn, rows: usize) -> Inspected {
    let all: Vec<u32> = (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect();
    let (values, _) = distinct(column, &all);
    let missing = all.iter().filter(|&&r| column.is_missing(r as usize)).count();
    let kind = match why_not(column, &values, rows) {
        Some(why) => ColumnKind::Excluded(why),
        None if column.is_text() => ColumnKind::Category,
        None => ColumnKind::Number,
    };
    Inspected { name: column.name.clone(), kind, distinct: values.len(), missing }
}

fn why_not(column: &RawColumn, values: &[String], rows: usize) -> Option<String> {
    match values {
        [] => return Some("it has no value".to_owned()),
        // A pixel at the edge is constant in one file and not in the next.
        [only] if !matches!(column.cells, Cells::Byte(_)) => {
            return Some(format!("its only value is {only}"));
        }
        _ => {}
    }
    if column.is_text() {
        let dates = values.iter().filter(|v| is_date(v)).count();
        if dates * 10 >= values.len() * 9 {
            return Some(format!("it holds dates (such as {})", values[0]));
        }
        if values.len() > 20 && values.len() * 2 > rows {
            return Some(format!(
                "{} different words in {rows} rows name the rows",
                values.len()
            ));
        }
        return None;
    }
    let counts_up = |row: usize| match (column.cell(row - 1), column.cell(row)) {
        (super::Cell::Number(a), super::Cell::Number(b)) => b - a == 1.0,
        _ => false,
    };
    let numbered = rows > 2 && (1..rows).all(counts_up);
    numbered.then(|| "it counts the rows".to_owned())
}

/// `2024-01-31`, `31.1.2024`, `1/31/24`, each perhaps with a time behind it.
fn is_date(word: &str) -> bool {
    let day = word.split(['T', ' ']).next().unwrap_or(word);
    let sign = day.chars().find(|c| matches!(c, '-' | '/' | '.'));
    let Some(sign) = sign else { return false };
    let parts: Vec<&str> = day.split(sign).collect();
    let digits =
        |p: &&str| (1..=4).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(digits)
}

fn task(
    source: &Source,
    target: usize,
    reasons: &mut Vec<String>,
) -> Result<(Task, Vec<String>), Error> {
    let column = &source.columns[target];
    let all: Vec<u32> = (0..u32::try_from(source.rows).unwrap_or(u32::MAX)).collect();
    let (values, _) = distinct(column, &all);
    let (name, n) = (&called(&column.name), values.len());
    if n < 2 {
        let message = format!("expected a target with different values, found {n}");
        return Err(DataProblem::new(&source.name, message).column(name).into());
    }
    if column.is_text() && n > 20 && n * 2 > source.rows {
        let message =
            format!("{n} different words in {} rows cannot be classes", source.rows);
        return Err(DataProblem::new(&source.name, message).column(name).into());
    }
    if n == 2 {
        reasons.push(format!("{name} has two values ({}, {})", values[0], values[1]));
        return Ok((Task::Binary, values));
    }
    let numbers: Vec<f64> = values.iter().filter_map(|v| finite(v)).collect();
    let without_gap = numbers.windows(2).all(|w| w[1] - w[0] == 1.0);
    let from_start = numbers.first().is_some_and(|&v| v == 0.0 || v == 1.0);
    let counted = n <= 20 && without_gap && from_start && source.rows >= 10 * n;
    if column.is_text() || counted {
        let what = if column.is_text() { "words" } else { "whole numbers without a gap" };
        reasons.push(format!("{name} has {n} values, {what}: classes"));
        return Ok((Task::Classes, values));
    }
    reasons.push(format!(
        "{name} has {n} different numbers: predicted as a number (for classes declare it `one-hot`)"
    ));
    Ok((Task::Regression, Vec::new()))
}

fn line(
    source: &Source,
    reading: &DataSpec,
    target: usize,
    task: &Task,
    columns: &[Inspected],
    reasons: &mut Vec<String>,
) -> Result<DataSpec, Error> {
    let out = |c: &&Inspected| matches!(c.kind, ColumnKind::Excluded(_));
    let name = &source.columns[target].name;
    let excluded: Vec<&Inspected> =
        columns.iter().filter(out).filter(|c| c.name != *name).collect();
    if excluded.len() + 1 >= columns.len() {
        let message = format!("no column is left to predict {name} from");
        return Err(DataProblem::new(&source.name, message).into());
    }
    let mut selectors = vec![Selector::Rest];
    selectors.extend(excluded.iter().map(|c| Selector::Exclude(c.name.clone())));
    let pixels = source
        .columns
        .iter()
        .enumerate()
        .all(|(i, c)| i == target || matches!(c.cells, Cells::Byte(_)));
    let scale = if pixels { Transform::Divide(255.0) } else { Transform::Standardized };
    let classes = *task != Task::Regression;
    let transforms = if classes {
        Vec::new()
    } else {
        target_transforms(&source.columns[target], source.rows, reasons)
    };
    let clause = |symbol: &str, selectors, transforms| ColumnClause {
        symbol: symbol.to_owned(),
        selectors,
        transforms,
        span: reading.span,
    };
    let x = clause("x", selectors, vec![scale]);
    let y = clause("y", vec![Selector::column(name)], transforms);
    Ok(DataSpec {
        file: reading.file.clone().or_else(|| Some(source.name.clone())),
        columns: vec![x, y],
        hold_out: Some(HoldOut { percent: 20.0, stratified: classes, last: false }),
        ..reading.clone()
    })
}

fn target_transforms(
    column: &RawColumn,
    rows: usize,
    reasons: &mut Vec<String>,
) -> Vec<Transform> {
    let coder = Coder::numbers(column);
    let found = |row: usize| match coder.code(column, row) {
        Code::Found(number) => Some(number),
        Code::Missing | Code::Unknown => None,
    };
    let values: Vec<f64> = (0..rows).filter_map(found).collect();
    let skew = skewness(&values);
    if skew > 1.0 && values.iter().all(|&v| v > 0.0) {
        reasons.push(format!(
            "{}: skewness {skew:.1}, all above 0: its logarithm is learned",
            column.name
        ));
        return vec![Transform::Log, Transform::Standardized];
    }
    vec![Transform::Standardized]
}

/// Third moment over the 3/2 power of the second; 0 for constants.
fn skewness(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let (mut second, mut third) = (0.0, 0.0);
    for v in values {
        let d = v - mean;
        second += d * d / n;
        third += d * d * d / n;
    }
    if second > 0.0 { third / (second * second.sqrt()) } else { 0.0 }
}
