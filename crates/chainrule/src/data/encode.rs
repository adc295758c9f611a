//! Recipe and rows → arrays; the one function for training and prediction.
//!
//! In: [`SymbolPlan`], a table or its blocks, row numbers. Out: an [`Array`], and counts in the report. Rows are
//! taken in blocks so that a column-wise source is turned into rows within the cache.

use super::Array;
use super::columns::{Code, Coder};
use super::learn::{log_of, not_a_level, not_a_number, shown};
use super::preparation::{ColumnPlan, Form, Kind, Step, SymbolPlan};
use super::report::{Count, Report};
use super::select::listed;
use super::source::{RawColumn, Source};
use crate::error::{DataProblem, Error};
use crate::limits;
use chainrule_graph::syntax::settings::nearest;

/// Rows that are worked on together: 784 columns of them are 1.6 MB.
const BLOCK: usize = 256;

/// Encodes a symbol, block by block.
pub(super) struct SymbolEncoder<'p> {
    plan: &'p SymbolPlan,
    columns: Vec<Encoder<'p>>,
    width: usize,
}

impl<'p> SymbolEncoder<'p> {
    /// `source` is the table, or any block of it.
    pub(super) fn new(plan: &'p SymbolPlan, source: &Source) -> Result<Self, Error> {
        let mut columns = Vec::new();
        let mut width = 0;
        for column in &plan.columns {
            columns.push(Encoder::new(column, source, width)?);
            width += column.kind.width();
        }
        Ok(Self { plan, columns, width })
    }

    /// The places of its columns in the table.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|c| c.place)
    }

    /// The values in rows of a block.
    pub(super) fn rows(&mut self, source: &Source, rows: &[u32]) -> Result<Array, Error> {
        if self.plan.form == Form::Classes {
            return self.classes(source, rows);
        }
        let width = self.width;
        let size = checked_size(self.plan, source, rows.len(), width)?;
        let mut values = vec![0.0; size];
        for (block, out) in rows.chunks(BLOCK).zip(values.chunks_mut(BLOCK * width)) {
            for column in &mut self.columns {
                column.block(source, block, out, width)?;
            }
        }
        check_form(self.plan, source, rows, &values, width)?;
        if self.plan.form == Form::OneHot {
            let hot = |row: &[f64]| row.iter().position(|&v| v == 1.0).unwrap_or(0);
            let index = values.chunks(width).map(|row| hot(row) as u32).collect();
            return Ok(Array::Index { classes: width, index });
        }
        Ok(Array::Dense { cols: width, values })
    }

    fn classes(&self, source: &Source, rows: &[u32]) -> Result<Array, Error> {
        let first = self.columns.first().map(|c| (c, &c.plan.kind));
        let Some((encoder, Kind::Class { classes })) = first else {
            let message = format!("`{}` has no classes", self.plan.key);
            return Err(DataProblem::new(&source.name, message).into());
        };
        let column = &source.columns[encoder.place];
        let index = |&row: &u32| match encoder.coder.code(column, row as usize) {
            Code::Found(class) => Ok(class as u32),
            Code::Missing | Code::Unknown => {
                Err(unseen_class(source, column, row, classes))
            }
        };
        let index = rows.iter().map(index).collect::<Result<_, _>>()?;
        Ok(Array::Index { classes: classes.len(), index })
    }

    /// Adds up what was met.
    pub(super) fn report(self, report: &mut Report) {
        self.columns.into_iter().for_each(|column| column.report(report));
    }
}

/// A hundred thousand categories by as many rows would fill any memory.
fn checked_size(
    plan: &SymbolPlan,
    source: &Source,
    rows: usize,
    width: usize,
) -> Result<usize, Error> {
    if let Some(size) = rows.checked_mul(width).filter(|&size| size <= limits::NUMBERS) {
        return Ok(size);
    }
    let widest = plan.columns.iter().max_by_key(|c| c.kind.width());
    let (name, entries) = widest.map_or(("", 0), |c| (c.name.as_str(), c.kind.width()));
    let message = format!(
        "`{}` would need {rows}×{width} numbers, above the limit of {}; `{name}` alone has \
         {entries} categories",
        plan.key,
        limits::NUMBERS
    );
    Err(DataProblem::new(&source.name, message)
        .way_out(format!("leave the column out with `-{name}`"))
        .into())
}

/// The place of a column.
fn find(source: &Source, name: &str) -> Result<usize, Error> {
    source.columns.iter().position(|c| c.name == name).ok_or_else(|| {
        let names = || source.columns.iter().map(|c| c.name.as_str());
        let message =
            format!("expected the column `{name}` of the training file, found none");
        let problem = DataProblem::new(&source.name, message);
        let way_out = match nearest(name, names()) {
            Some(near) => format!("did you mean to call `{near}` so?"),
            None => format!("it has {}", listed(names(), 10)),
        };
        problem.way_out(way_out).into()
    })
}

fn unseen_class(
    source: &Source,
    column: &RawColumn,
    row: u32,
    classes: &[String],
) -> Error {
    let known = listed(classes.iter().map(String::as_str), 10);
    let row = row as usize;
    let message = format!(
        "expected a class of the training part ({known}), found {}",
        shown(column, row)
    );
    source
        .problem(column, row, message)
        .way_out("train on rows of every class (`hold out P % stratified` keeps them)")
        .into()
}

struct Encoder<'a> {
    plan: &'a ColumnPlan,
    /// Of the column, in the table.
    place: usize,
    coder: Coder,
    /// First entry of the column within an example.
    first: usize,
    filled: usize,
    missing: usize,
    unseen: usize,
    example: Option<String>,
}

impl<'a> Encoder<'a> {
    fn new(plan: &'a ColumnPlan, source: &Source, first: usize) -> Result<Self, Error> {
        let place = find(source, &plan.name)?;
        let column = &source.columns[place];
        let coder = match &plan.kind {
            Kind::Number { .. } => Coder::numbers(column),
            Kind::Ordinal { levels, .. } => Coder::levels(column, levels),
            Kind::Category { categories, .. } => Coder::levels(column, categories),
            Kind::Class { classes } => Coder::levels(column, classes),
        };
        let (filled, missing, unseen, example) = (0, 0, 0, None);
        Ok(Self { plan, place, coder, first, filled, missing, unseen, example })
    }

    /// Writes the entries of some rows; `out` holds them, `width` entries each, as zeros.
    fn block(
        &mut self,
        source: &Source,
        rows: &[u32],
        out: &mut [f64],
        width: usize,
    ) -> Result<(), Error> {
        let (plan, column) = (self.plan, &source.columns[self.place]);
        for (&row, out) in rows.iter().zip(out.chunks_mut(width)) {
            let code = self.coder.code(column, row as usize);
            let out = &mut out[self.first..];
            match &plan.kind {
                Kind::Number { median, steps } | Kind::Ordinal { median, steps, .. } => {
                    out[0] = self.number(source, row, code, *median, steps)?;
                }
                Kind::Category { categories, missing } => {
                    let cell = (column, row);
                    if let Some(at) =
                        self.category(cell, code, categories.len(), *missing)
                    {
                        out[at] = 1.0;
                    }
                }
                Kind::Class { classes } => match code {
                    Code::Found(class) => out[0] = class,
                    _ => return Err(unseen_class(source, column, row, classes)),
                },
            }
        }
        Ok(())
    }

    fn number(
        &mut self,
        source: &Source,
        row: u32,
        code: Code,
        median: f64,
        steps: &[Step],
    ) -> Result<f64, Error> {
        let (row, column) = (row as usize, &source.columns[self.place]);
        let mut value = match code {
            Code::Found(number) => number,
            Code::Missing => {
                self.filled += 1;
                median
            }
            Code::Unknown => return Err(self.unknown(source, row)),
        };
        for &step in steps {
            if step == Step::Log && value <= 0.0 {
                return Err(log_of(source, column, row, value));
            }
            value = step.apply(value);
        }
        Ok(value)
    }

    fn unknown(&self, source: &Source, row: usize) -> Error {
        let column = &source.columns[self.place];
        match &self.plan.kind {
            Kind::Ordinal { levels, .. } => not_a_level(source, column, row, levels),
            _ => {
                let way_out = "the column held numbers in training; mend the cell, leave it \
                               empty, or name a marker with `missing \"…\"`";
                not_a_number(source, column, row, way_out)
            }
        }
    }

    fn category(
        &mut self,
        (column, row): (&RawColumn, u32),
        code: Code,
        count: usize,
        missing: bool,
    ) -> Option<usize> {
        match code {
            Code::Found(at) => return Some(at as usize),
            Code::Missing if missing => {
                self.missing += 1;
                return Some(count);
            }
            Code::Missing | Code::Unknown => {}
        }
        self.unseen += 1;
        if self.example.is_none() {
            self.example = Some(shown(column, row as usize));
        }
        None
    }

    fn report(self, report: &mut Report) {
        let median = match &self.plan.kind {
            Kind::Number { median, .. } => super::columns::number_text(*median),
            Kind::Ordinal { levels, median, .. } => {
                levels.get(*median as usize).cloned().unwrap_or_default()
            }
            Kind::Category { .. } | Kind::Class { .. } => String::new(),
        };
        let unseen = self.example.unwrap_or_default();
        let count = |cells: usize, value: String| {
            let column = self.plan.name.clone();
            (cells > 0).then_some(Count { column, cells, value })
        };
        report.filled.extend(count(self.filled, median));
        report.missing_category.extend(count(self.missing, String::new()));
        report.unseen.extend(count(self.unseen, unseen));
    }
}

/// S5 of the data: entries that must be 0 or 1, or add to 1.
fn check_form(
    plan: &SymbolPlan,
    source: &Source,
    rows: &[u32],
    values: &[f64],
    width: usize,
) -> Result<(), Error> {
    let expected = match plan.form {
        Form::Numbers | Form::Classes | Form::Binary => return Ok(()),
        Form::MultiHot => "entries 0 or 1",
        Form::OneHot => "one entry 1 and the others 0",
        Form::Distribution => "entries ≥ 0 that add to 1",
    };
    let fits = |row: &[f64]| fits(plan.form, row);
    let Some(at) = values.chunks(width).position(|row| !fits(row)) else { return Ok(()) };
    let found = &values[at * width..(at + 1) * width];
    let shown: Vec<String> =
        found.iter().take(6).map(|v| super::columns::number_text(*v)).collect();
    let more = if width > 6 { " …" } else { "" };
    let message =
        format!("`{}`: expected {expected}, found {}{more}", plan.key, shown.join(" "));
    let column = &source.columns[find(source, &plan.columns[0].name)?];
    let problem = source.problem(column, rows[at] as usize, message);
    Err(DataProblem { column: None, ..problem }.into())
}

fn fits(form: Form, row: &[f64]) -> bool {
    /// Wide enough for shares that were written with five digits or stored as f32.
    const ROUNDING: f64 = 1e-4;
    let adds_to_one = (row.iter().sum::<f64>() - 1.0).abs() <= ROUNDING;
    let zero_or_one = row.iter().all(|&v| v == 0.0 || v == 1.0);
    match form {
        Form::Numbers | Form::Classes | Form::Binary => true,
        Form::MultiHot => zero_or_one,
        Form::OneHot => zero_or_one && adds_to_one,
        Form::Distribution => row.iter().all(|&v| v >= 0.0) && adds_to_one,
    }
}
