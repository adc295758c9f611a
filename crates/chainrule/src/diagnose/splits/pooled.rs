//! The rows of two parts as one table: what is compared, and which row came from where.
//!
//! In: two prepared parts with their recipe, or two tables. Out: [`Pooled`], the rows of training
//! first. Invariants: numbers are in the units of the file; a category that training has not seen,
//! which preparation gives no entry, is a level of its own; a missing number is NaN in tables and
//! the median, as the network sees it, in prepared parts. Deliberately absent: rows on disk.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chainrule_kernels::rng::Draws;

use crate::data::{
    Array, Cell, ColumnPlan, Dataset, Form, Kind, Preparation, Source, SymbolPlan,
};
use crate::error::{DataProblem, Error};

const PURPOSE: u32 = 0x706f_6f6c;

/// So many rows of two parts at most, drawn without a look at them, half of each where there are as
/// many.
pub(super) fn drawn(parts: [&Dataset; 2], most: usize) -> [Cow<'_, Dataset>; 2] {
    let draws = Draws::new(0, PURPOSE);
    [0, 1].map(|part| {
        let data = parts[part];
        let room = most - parts[1 - part].rows.min(most / 2);
        if data.rows <= room {
            return Cow::Borrowed(data);
        }
        let mut rows = draws.permutation(part as u64, data.rows);
        rows.truncate(room);
        rows.sort_unstable();
        Cow::Owned(of_rows(data, &rows))
    })
}

/// Some rows of a part, without weights.
fn of_rows(data: &Dataset, rows: &[u32]) -> Dataset {
    let at = || rows.iter().map(|&row| row as usize);
    let array = |array: &Array| match array {
        Array::Dense { cols, values } => {
            let values = at().flat_map(|r| &values[r * cols..(r + 1) * cols]);
            Array::Dense { cols: *cols, values: values.copied().collect() }
        }
        Array::Index { classes, index } => {
            let index = at().map(|r| index[r]).collect();
            Array::Index { classes: *classes, index }
        }
    };
    Dataset {
        rows: rows.len(),
        arrays: data.arrays.iter().map(|(key, a)| (key.clone(), array(a))).collect(),
        weights: None,
        origin: at().map(|r| data.origin[r]).collect(),
    }
}

/// Both parts, the rows of training first.
#[derive(Clone, Debug)]
pub(super) struct Pooled {
    pub(super) columns: Vec<Column>,
    /// Rows of training.
    pub(super) train: usize,
    /// For each row its place in the file it came from, from 0.
    pub(super) origin: Vec<u32>,
}

/// One column over both parts.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) target: bool,
    /// Numbers, or places in `levels`.
    pub(super) values: Vec<f64>,
    /// The words, if it holds words; the last one may stand for none of them.
    pub(super) levels: Option<Vec<String>>,
}

impl Pooled {
    /// Number of rows of both parts.
    pub(super) fn rows(&self) -> usize {
        self.origin.len()
    }

    /// Rows of the part that is held against training.
    pub(super) fn held(&self) -> usize {
        self.rows() - self.train
    }

    /// Two parts of one recipe.
    pub(super) fn of_parts(recipe: &Preparation, parts: [&Dataset; 2]) -> Self {
        let mut columns = Vec::new();
        for plan in &recipe.symbols {
            let arrays = parts.map(|part| part.array(&plan.key));
            if let [Some(a), Some(b)] = arrays {
                columns.extend(of_symbol(plan, [a, b]));
            }
        }
        let origin = parts.iter().flat_map(|part| part.origin.iter().copied()).collect();
        Self { columns, train: parts[0].rows, origin }
    }

    /// Two tables with the same columns, found by name.
    pub(super) fn of_tables(
        tables: [&Source; 2],
        target: Option<&str>,
    ) -> Result<Self, Error> {
        let [train, held] = tables;
        if let Some(name) = target.filter(|name| train.column(name).is_none()) {
            let message = format!("{} has no column `{name}`", train.name);
            return Err(Error::Usage { field: "target".into(), message });
        }
        let mut columns = Vec::new();
        for column in &train.columns {
            let Some(other) = held.column(&column.name) else {
                let message =
                    format!("expected the columns of {}, found no such", train.name);
                let problem = DataProblem::new(&held.name, message);
                return Err(problem.column(&column.name).into());
            };
            if column.is_text() != other.is_text() {
                let kinds = |text| if text { "words" } else { "numbers" };
                let message = format!(
                    "expected {} as in {}, found {}",
                    kinds(column.is_text()),
                    train.name,
                    kinds(other.is_text())
                );
                let problem = DataProblem::new(&held.name, message);
                return Err(problem.column(&column.name).into());
            }
            let cells = (0..train.rows).map(|row| column.cell(row));
            let cells = cells.chain((0..held.rows).map(|row| other.cell(row)));
            let (values, levels) = of_cells(cells, column.is_text());
            let target = target == Some(column.name.as_str());
            let name = column.name.clone();
            columns.push(Column { name, target, values, levels });
        }
        let rows = |table: &Source| 0..table.rows as u32;
        let origin = rows(train).chain(rows(held)).collect();
        Ok(Self { columns, train: train.rows, origin })
    }
}

fn of_cells<'c>(
    cells: impl Iterator<Item = Cell<'c>>,
    text: bool,
) -> (Vec<f64>, Option<Vec<String>>) {
    if !text {
        let number = |cell| if let Cell::Number(v) = cell { v } else { f64::NAN };
        return (cells.map(number).collect(), None);
    }
    let (mut known, mut words) = (BTreeMap::new(), Vec::new());
    let mut place = |word: String| {
        *known.entry(word.clone()).or_insert_with(|| {
            words.push(word);
            words.len() - 1
        }) as f64
    };
    let values = cells.map(|cell| match cell {
        Cell::Missing => place("(missing)".to_owned()),
        Cell::Number(v) => place(v.to_string()),
        Cell::Text(word) => place(word.to_owned()),
    });
    (values.collect(), Some(words))
}

fn of_symbol(plan: &SymbolPlan, arrays: [&Array; 2]) -> Vec<Column> {
    let column = |name: &str, values, levels| Column {
        name: name.to_owned(),
        target: plan.target,
        values,
        levels,
    };
    if arrays.iter().any(|a| matches!(a, Array::Index { .. })) {
        let index = |a: &Array| match a {
            Array::Index { index, .. } => index.iter().map(|&c| f64::from(c)).collect(),
            Array::Dense { .. } => Vec::new(),
        };
        let values: Vec<f64> = arrays.into_iter().flat_map(index).collect();
        let name = match (plan.form, plan.columns.as_slice()) {
            (Form::Classes, [only]) => &only.name,
            _ => &plan.key,
        };
        let names = plan.classes().unwrap_or_default();
        let levels = names.into_iter().map(str::to_owned).collect();
        return vec![column(name, values, Some(levels))];
    }
    let (mut out, mut first) = (Vec::new(), 0);
    for c in &plan.columns {
        let width = c.kind.width();
        let entries = |a: &Array| -> Vec<f64> {
            let Array::Dense { cols, values } = a else { return Vec::new() };
            values
                .chunks(*cols)
                .map(|row| decoded(c, &row[first..first + width]))
                .collect()
        };
        let values = arrays.into_iter().flat_map(entries).collect();
        out.push(column(&c.name, values, levels(&c.kind)));
        first += width;
    }
    out
}

/// The number in the units of the file, or the place of the category or class.
fn decoded(plan: &ColumnPlan, entries: &[f64]) -> f64 {
    match &plan.kind {
        Kind::Number { steps, .. } | Kind::Ordinal { steps, .. } => {
            steps.iter().rev().fold(entries[0], |v, step| step.undo(v))
        }
        Kind::Class { .. } => entries[0],
        Kind::Category { .. } => {
            entries.iter().position(|&v| v == 1.0).unwrap_or(entries.len()) as f64
        }
    }
}

fn levels(kind: &Kind) -> Option<Vec<String>> {
    match kind {
        Kind::Number { .. } | Kind::Ordinal { .. } => None,
        Kind::Class { classes } => Some(classes.clone()),
        Kind::Category { categories, missing } => {
            let more = missing.then(|| "(missing)".to_owned());
            let none = "(not in training)".to_owned();
            Some(categories.iter().cloned().chain(more).chain([none]).collect())
        }
    }
}
