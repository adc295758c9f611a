//! The training rows of a column → its recipe.
//!
//! In: a column, the rows of the training part, transforms, levels. Out: [`ColumnPlan`]s with
//! statistics in f64: the median of the cells that are there (of an even number: the mean of the
//! middle two), mean and standard deviation (divided by n) after filling and after the transforms
//! before. Invariant: rows outside the training part are never looked at.

use chainrule_graph::syntax::ast::Mark;
use chainrule_graph::syntax::settings::{DataSpec, Transform};

use super::SymbolInfo;
use super::columns::{Code, Coder, distinct, finite};
use super::preparation::{ColumnPlan, Form, Kind, Step, SymbolPlan};
use super::report::Report;
use super::select::{Pick, listed};
use super::source::{Cell, RawColumn, Source};
use crate::error::Error;

/// Where plans are learned: a table, its training rows, and the report to be filled.
pub(super) struct Learner<'a> {
    pub(super) spec: &'a DataSpec,
    pub(super) source: &'a Source,
    pub(super) rows: &'a [u32],
    pub(super) report: &'a mut Report,
}

impl Learner<'_> {
    /// The recipe of one symbol.
    pub(super) fn symbol(
        &mut self,
        symbol: &SymbolInfo,
        picks: &[Pick<'_>],
    ) -> Result<SymbolPlan, Error> {
        let form = form(symbol.mark, picks.len());
        let mut columns = Vec::new();
        for pick in picks {
            let column = &self.source.columns[pick.column];
            let kind = match form {
                Form::Classes | Form::Binary => self.classes(symbol, form, pick)?,
                Form::Numbers => self.numbers_or_category(symbol, pick)?,
                Form::OneHot | Form::Distribution | Form::MultiHot => {
                    self.number(column, pick.transforms, None)?
                }
            };
            columns.push(ColumnPlan { name: column.name.clone(), kind });
        }
        let array = self.are_arrays(picks, &columns);
        let (key, target) = (symbol.key.clone(), symbol.target);
        Ok(SymbolPlan { key, target, form, columns, array })
    }

    /// Whether all columns are numbers of files without text.
    fn are_arrays(&self, picks: &[Pick<'_>], columns: &[ColumnPlan]) -> bool {
        let source = self.source;
        let text = |p: &Pick<'_>| {
            let part = source.columns[p.column].part;
            source.parts.get(part).is_some_and(|part| part.lines.is_some())
        };
        let number = |c: &ColumnPlan| matches!(c.kind, Kind::Number { .. });
        !picks.iter().any(text) && columns.iter().all(number)
    }

    fn levels(&self, column: &RawColumn) -> Option<Vec<String>> {
        let mut ordinals = self.spec.ordinals.iter();
        ordinals.find(|(name, _)| *name == column.name).map(|(_, levels)| levels.clone())
    }

    fn classes(
        &mut self,
        symbol: &SymbolInfo,
        form: Form,
        pick: &Pick<'_>,
    ) -> Result<Kind, Error> {
        let column = &self.source.columns[pick.column];
        if !pick.transforms.is_empty() {
            let message =
                format!("`{}` is a class, and `/ …` is for numbers", symbol.key);
            let problem = self.source.problem(column, 0, message);
            return Err(Error::from(crate::error::DataProblem {
                place: None,
                ..problem
            }));
        }
        let (classes, _) = distinct(column, self.rows);
        if form == Form::Binary && classes.len() != 2 {
            let way_out = if classes.len() > 2 { "declare it as `one-hot`" } else { "" };
            let message = format!(
                "`{}` is binary: expected two values in the training part, found {} ({})",
                symbol.key,
                classes.len(),
                listed(classes.iter().map(String::as_str), 5)
            );
            return Err(self.about(column, message, way_out));
        }
        if classes.len() < 2 {
            let message = format!("expected classes, found only `{}`", classes.join(""));
            return Err(self.about(column, message, "a class to tell apart is missing"));
        }
        Ok(Kind::Class { classes })
    }

    fn about(&self, column: &RawColumn, message: String, way_out: &str) -> Error {
        let problem = self.source.problem(column, 0, message);
        crate::error::DataProblem { place: None, way_out: way_out.to_owned(), ..problem }
            .into()
    }

    fn numbers_or_category(
        &mut self,
        symbol: &SymbolInfo,
        pick: &Pick<'_>,
    ) -> Result<Kind, Error> {
        let column = &self.source.columns[pick.column];
        let levels = self.levels(column);
        if levels.is_some() {
            return self.number(column, pick.transforms, levels);
        }
        let Some(word) = self.first_word(column) else {
            return self.number(column, pick.transforms, None);
        };
        let mostly = word.numbers * 2 >= word.cells;
        if symbol.target {
            let way_out = "declare the target as `one-hot` or `binary`, or give an order with \
                           `ordinal`";
            return Err(self.not_a_number(column, word.row, way_out));
        }
        if !pick.transforms.is_empty() && (pick.named || mostly) {
            let way_out = "mend the cell, name it with `missing \"…\"`, or take the column out of \
                           the clause with `/`";
            return Err(self.not_a_number(column, word.row, way_out));
        }
        if mostly {
            self.report.remarks.push(format!(
                "{}: taken as text, as `{}` is no number ({} of {} cells are); a marker of \
                 missing cells is named with `missing \"{}\"`",
                column.name, word.text, word.numbers, word.cells, word.text
            ));
        }
        Ok(self.category(column))
    }

    fn category(&mut self, column: &RawColumn) -> Kind {
        let (categories, missing) = distinct(column, self.rows);
        let name = &column.name;
        let values = categories.len() + usize::from(missing);
        if values == 1 {
            self.report.constant.push(name.clone());
        }
        if values > 20 && values * 2 > self.rows.len() {
            self.report.remarks.push(format!(
                "{name}: {values} categories in {} rows, nearly one per row; `-{name}` leaves it \
                 out",
                self.rows.len()
            ));
        }
        Kind::Category { categories, missing }
    }

    /// A recipe for numbers, or for levels as numbers.
    fn number(
        &mut self,
        column: &RawColumn,
        transforms: &[Transform],
        levels: Option<Vec<String>>,
    ) -> Result<Kind, Error> {
        let mut values = self.values(column, levels.as_deref())?;
        let mut present: Vec<f64> =
            values.iter().copied().filter(|v| !v.is_nan()).collect();
        let Some(median) = median(&mut present) else {
            let message = "no cell of the training part has a value".to_owned();
            let way_out = format!("leave the column out with `-{}`", column.name);
            return Err(self.about(column, message, &way_out));
        };
        if present.first() == present.last() && present.len() == values.len() {
            self.report.constant.push(column.name.clone());
        }
        values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = median);
        let mut steps = Vec::new();
        for transform in transforms {
            let step = self.step(column, *transform, &values)?;
            values.iter_mut().for_each(|v| *v = step.apply(*v));
            steps.push(step);
        }
        Ok(match levels {
            Some(levels) => Kind::Ordinal { levels, median, steps },
            None => Kind::Number { median, steps },
        })
    }

    /// The numbers of the training rows; NaN where missing.
    fn values(
        &self,
        column: &RawColumn,
        levels: Option<&[String]>,
    ) -> Result<Vec<f64>, Error> {
        let coder = match levels {
            Some(levels) => Coder::levels(column, levels),
            None => Coder::numbers(column),
        };
        let number = |&row: &u32| match coder.code(row as usize) {
            Code::Found(number) => Ok(number),
            Code::Missing => Ok(f64::NAN),
            Code::Unknown => Err(match levels {
                Some(levels) => not_a_level(self.source, column, row as usize, levels),
                None => not_a_number(self.source, column, row as usize, "mend the cell"),
            }),
        };
        self.rows.iter().map(number).collect()
    }

    fn step(
        &self,
        column: &RawColumn,
        transform: Transform,
        values: &[f64],
    ) -> Result<Step, Error> {
        match transform {
            Transform::Divide(by) => Ok(Step::Divide(by)),
            Transform::Log => match values.iter().position(|v| *v <= 0.0) {
                None => Ok(Step::Log),
                Some(at) => {
                    Err(log_of(self.source, column, self.rows[at] as usize, values[at]))
                }
            },
            Transform::Standardized => {
                let (mean, std) = mean_and_std(values);
                // Rounding alone must not be blown up to a spread.
                let flat = std <= mean.abs() * 1e-14;
                Ok(Step::Standardize { mean, std: if flat { 1.0 } else { std } })
            }
        }
    }

    /// The first training cell that is no number, if there is one.
    fn first_word<'c>(&self, column: &'c RawColumn) -> Option<FirstWord<'c>> {
        if !column.is_text() {
            return None;
        }
        let mut first = None;
        let (mut cells, mut numbers) = (0, 0);
        for &row in self.rows {
            let Cell::Text(text) = column.cell(row as usize) else { continue };
            cells += 1;
            if finite(text).is_some() {
                numbers += 1;
            } else if first.is_none() {
                first = Some((row as usize, text));
            }
        }
        first.map(|(row, text)| FirstWord { row, text, cells, numbers })
    }

    fn not_a_number(&self, column: &RawColumn, row: usize, way_out: &str) -> Error {
        not_a_number(self.source, column, row, way_out)
    }
}

struct FirstWord<'c> {
    row: usize,
    text: &'c str,
    cells: usize,
    numbers: usize,
}

fn form(mark: Option<Mark>, columns: usize) -> Form {
    match mark {
        None => Form::Numbers,
        Some(Mark::OneHot) if columns == 1 => Form::Classes,
        Some(Mark::OneHot) => Form::OneHot,
        Some(Mark::Binary) => Form::Binary,
        Some(Mark::Distribution) => Form::Distribution,
        Some(Mark::MultiHot) => Form::MultiHot,
    }
}

/// The cell as it is shown in a message.
pub(super) fn shown(column: &RawColumn, row: usize) -> String {
    match column.cell(row) {
        Cell::Missing => "nothing".to_owned(),
        Cell::Number(number) => format!("`{}`", super::columns::number_text(number)),
        Cell::Text(text) => format!("`{text}`"),
    }
}

pub(super) fn not_a_number(
    source: &Source,
    column: &RawColumn,
    row: usize,
    way: &str,
) -> Error {
    let mut message = format!("expected a number, found {}", shown(column, row));
    if matches!(column.cell(row), Cell::Text(t) if finite(&t.replacen(',', ".", 1)).is_some())
    {
        message += " (numbers are written with a point)";
    }
    source.problem(column, row, message).way_out(way).into()
}

pub(super) fn not_a_level(
    source: &Source,
    column: &RawColumn,
    row: usize,
    levels: &[String],
) -> Error {
    let levels = levels.join(" < ");
    let message = format!("expected a level ({levels}), found {}", shown(column, row));
    source.problem(column, row, message).way_out("add it to `ordinal`").into()
}

pub(super) fn log_of(
    source: &Source,
    column: &RawColumn,
    row: usize,
    value: f64,
) -> Error {
    let message = format!("`/ log` needs numbers above 0, found {value}");
    source.problem(column, row, message).way_out("leave `/ log` out, or the row").into()
}

/// Sorts; `None` without values.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(values[n / 2]),
        _ => Some(values[n / 2 - 1] / 2.0 + values[n / 2] / 2.0),
    }
}

/// Two passes, so that a large mean does not swallow a small spread.
fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (square / n).sqrt())
}
