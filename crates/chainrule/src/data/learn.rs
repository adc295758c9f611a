//! The training rows of a column → its recipe.
//!
//! In: a column, the rows of the training part, transforms, levels. Out: [`ColumnPlan`]s with
//! statistics in f64: the median of the cells that are there (of an even number: the mean of the
//! middle two), mean and standard deviation (divided by n) after filling and after the transforms
//! before. Invariants: rows outside the training part are never looked at; sums are added in the order
//! of the rows, so that a table read in blocks gives the bits of one in memory; no statistic holds
//! all numbers of a column at once, however many they are.

use chainrule_graph::syntax::ast::Mark;
use chainrule_graph::syntax::settings::{DataSpec, Transform};

use super::SymbolInfo;
use super::blocks::{Table, each_of};
use super::columns::{Code, Coder, Distinct, finite};
use super::members::Members;
use super::nth::{AT_ONCE, median};
use super::preparation::{ColumnPlan, Form, Kind, Step, SymbolPlan};
use super::report::Report;
use super::select::{Pick, listed};
use super::source::{Cell, RawColumn, Source};
use crate::error::{DataProblem, Error};

/// Where plans are learned: a table, its training rows, and the report to be filled.
pub(super) struct Learner<'a> {
    pub(super) spec: &'a DataSpec,
    pub(super) table: &'a dyn Table,
    pub(super) rows: &'a Members,
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
            let column = &self.table.head().columns[pick.column];
            let kind = match form {
                Form::Classes | Form::Binary => self.classes(symbol, form, pick)?,
                Form::Numbers => self.numbers_or_category(symbol, pick)?,
                Form::OneHot | Form::Distribution | Form::MultiHot => {
                    self.number(pick, None)?
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
        let source = self.table.head();
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
        let column = self.column(pick);
        if !pick.transforms.is_empty() {
            let message =
                format!("`{}` is a class, and `/ …` is for numbers", symbol.key);
            return Err(self.about(column, message, ""));
        }
        let (classes, _) = self.distinct(pick)?;
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

    fn column(&self, pick: &Pick<'_>) -> &RawColumn {
        &self.table.head().columns[pick.column]
    }

    fn distinct(&self, pick: &Pick<'_>) -> Result<(Vec<String>, bool), Error> {
        let column = self.column(pick);
        let mut distinct = Distinct::new(column);
        each_of(self.table, pick.column, self.rows, &mut |_, cells, rows| {
            distinct.add(cells, rows);
            Ok(())
        })?;
        Ok(distinct.finish(column))
    }

    fn about(&self, column: &RawColumn, message: String, way_out: &str) -> Error {
        let problem = self.table.head().problem(column, 0, message);
        DataProblem { place: None, way_out: way_out.to_owned(), ..problem }.into()
    }

    fn numbers_or_category(
        &mut self,
        symbol: &SymbolInfo,
        pick: &Pick<'_>,
    ) -> Result<Kind, Error> {
        let column = self.column(pick);
        let levels = self.levels(column);
        if levels.is_some() {
            return self.number(pick, levels);
        }
        let Some(word) = self.first_word(pick)? else {
            return self.number(pick, None);
        };
        let mostly = word.numbers * 2 >= word.cells;
        if symbol.target {
            let way_out = "declare the target as `one-hot` or `binary`, or give an order with \
                           `ordinal`";
            return Err(word.problem.way_out(way_out).into());
        }
        if !pick.transforms.is_empty() && (pick.named || mostly) {
            let way_out = "mend the cell, name it with `missing \"…\"`, or take the column out of \
                           the clause with `/`";
            return Err(word.problem.way_out(way_out).into());
        }
        if mostly {
            let name = column.name.clone();
            self.report.remarks.push(format!(
                "{name}: taken as text, as `{}` is no number ({} of {} cells are); a marker of \
                 missing cells is named with `missing \"{}\"`",
                word.text, word.numbers, word.cells, word.text
            ));
        }
        self.category(pick)
    }

    fn category(&mut self, pick: &Pick<'_>) -> Result<Kind, Error> {
        let (categories, missing) = self.distinct(pick)?;
        let name = &self.column(pick).name.clone();
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
        Ok(Kind::Category { categories, missing })
    }

    /// A recipe for numbers, or for levels as numbers.
    fn number(
        &mut self,
        pick: &Pick<'_>,
        levels: Option<Vec<String>>,
    ) -> Result<Kind, Error> {
        let numbers = Numbers::new(self.table, self.rows, pick, levels.as_deref());
        let mut there = 0;
        let middle =
            median(&mut |visit| numbers.present(&mut |v| visit(v), &mut there), AT_ONCE)?;
        let column = self.column(pick);
        let Some([median, first, last]) = middle else {
            let message = "no cell of the training part has a value".to_owned();
            let way_out = format!("leave the column out with `-{}`", column.name);
            return Err(self.about(column, message, &way_out));
        };
        let constant = first == last && there == self.rows.len();
        let mut steps = Vec::new();
        for transform in pick.transforms {
            steps.push(numbers.step(*transform, median, &steps)?);
        }
        if constant {
            let name = column.name.clone();
            self.report.constant.push(name);
        }
        Ok(match levels {
            Some(levels) => Kind::Ordinal { levels, median, steps },
            None => Kind::Number { median, steps },
        })
    }

    /// The first training cell that is no number, if there is one.
    fn first_word(&self, pick: &Pick<'_>) -> Result<Option<FirstWord>, Error> {
        if !self.column(pick).is_text() {
            return Ok(None);
        }
        let mut first = None;
        let (mut cells, mut numbers) = (0, 0);
        each_of(self.table, pick.column, self.rows, &mut |block, column, rows| {
            for &row in rows {
                let Cell::Text(text) = column.cell(row as usize) else { continue };
                cells += 1;
                if finite(text).is_some() {
                    numbers += 1;
                } else if first.is_none() {
                    let problem = no_number(block, column, row as usize);
                    first = Some((text.to_owned(), problem));
                }
            }
            Ok(())
        })?;
        Ok(first.map(|(text, problem)| FirstWord { text, cells, numbers, problem }))
    }
}

/// Is shown a block, a row of it, and what stands there.
type OfCell<'v, T> = dyn FnMut(&Source, u32, T) -> Result<(), Error> + 'v;

/// The numbers of the training rows of a column.
struct Numbers<'a> {
    table: &'a dyn Table,
    rows: &'a Members,
    column: usize,
    coder: Coder,
    levels: Option<&'a [String]>,
}

impl<'a> Numbers<'a> {
    fn new(
        table: &'a dyn Table,
        rows: &'a Members,
        pick: &Pick<'_>,
        levels: Option<&'a [String]>,
    ) -> Self {
        let column = &table.head().columns[pick.column];
        let coder = match levels {
            Some(levels) => Coder::levels(column, levels),
            None => Coder::numbers(column),
        };
        Self { table, rows, column: pick.column, coder, levels }
    }

    /// Every cell in the order of the rows; `None` where it is missing.
    fn each(&self, visit: &mut OfCell<'_, Option<f64>>) -> Result<(), Error> {
        each_of(self.table, self.column, self.rows, &mut |block, column, rows| {
            for &row in rows {
                let number = match self.coder.code(column, row as usize) {
                    Code::Found(number) => Some(number),
                    Code::Missing => None,
                    Code::Unknown => return Err(self.unknown(block, row as usize)),
                };
                visit(block, row, number)?;
            }
            Ok(())
        })
    }

    fn unknown(&self, block: &Source, row: usize) -> Error {
        let column = &block.columns[self.column];
        match self.levels {
            Some(levels) => not_a_level(block, column, row, levels),
            None => not_a_number(block, column, row, "mend the cell"),
        }
    }

    /// Those that are not missing; `count` becomes their number.
    fn present(
        &self,
        visit: &mut dyn FnMut(f64),
        count: &mut usize,
    ) -> Result<(), Error> {
        *count = 0;
        self.each(&mut |_, _, number| {
            *count += usize::from(number.is_some());
            number.into_iter().for_each(&mut *visit);
            Ok(())
        })
    }

    /// All, the missing ones filled, after some steps.
    fn after(
        &self,
        median: f64,
        steps: &[Step],
        visit: &mut OfCell<'_, f64>,
    ) -> Result<(), Error> {
        self.each(&mut |block, row, number| {
            let number = number.unwrap_or(median);
            visit(block, row, steps.iter().fold(number, |v, step| step.apply(v)))
        })
    }

    /// The step of a transform that comes after other steps.
    fn step(
        &self,
        transform: Transform,
        median: f64,
        steps: &[Step],
    ) -> Result<Step, Error> {
        match transform {
            Transform::Divide(by) => Ok(Step::Divide(by)),
            Transform::Log => {
                self.after(median, steps, &mut |block, row, v| match v <= 0.0 {
                    false => Ok(()),
                    true => {
                        let column = &block.columns[self.column];
                        Err(log_of(block, column, row as usize, v))
                    }
                })?;
                Ok(Step::Log)
            }
            Transform::Standardized => {
                let (mean, std) = self.mean_and_std(median, steps)?;
                // Rounding alone must not be blown up to a spread.
                let flat = std <= mean.abs() * 1e-14;
                Ok(Step::Standardize { mean, std: if flat { 1.0 } else { std } })
            }
        }
    }

    /// Two passes, so that a large mean does not swallow a small spread.
    fn mean_and_std(&self, median: f64, steps: &[Step]) -> Result<(f64, f64), Error> {
        let n = self.rows.len() as f64;
        // −0 is what adds nothing to any number.
        let (mut sum, mut square) = (-0.0, -0.0);
        self.after(median, steps, &mut |_, _, v| {
            sum += v;
            Ok(())
        })?;
        let mean = sum / n;
        self.after(median, steps, &mut |_, _, v| {
            square += (v - mean) * (v - mean);
            Ok(())
        })?;
        Ok((mean, (square / n).sqrt()))
    }
}

struct FirstWord {
    text: String,
    cells: usize,
    numbers: usize,
    problem: DataProblem,
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
    no_number(source, column, row).way_out(way).into()
}

fn no_number(source: &Source, column: &RawColumn, row: usize) -> DataProblem {
    let mut message = format!("expected a number, found {}", shown(column, row));
    if matches!(column.cell(row), Cell::Text(t) if finite(&t.replacen(',', ".", 1)).is_some())
    {
        message += " (numbers are written with a point)";
    }
    source.problem(column, row, message)
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
