//! Predictions in the user's units, from a table or plain rows.
//!
//! In: [`Rows`]. Out: [`Prediction`]. Invariants: rows are prepared by the very recipe of training;
//! transforms of a target are undone. Deliberately absent: figures; a prediction needs no target.

use super::{Trained, compared};
use crate::data::{RawColumn, Report, Source};
use crate::error::Error;
use crate::metrics::first_largest;
use crate::plan::Purpose;

/// Rows to predict.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// A table; columns are found by name, targets need not be there.
    Table(&'a Source),
    /// Numbers row by row, in the order of the columns that the inputs were trained on.
    Numbers(&'a [f64]),
}

impl<'a> From<&'a Source> for Rows<'a> {
    fn from(table: &'a Source) -> Self {
        Self::Table(table)
    }
}

impl<'a> From<&'a [f64]> for Rows<'a> {
    fn from(numbers: &'a [f64]) -> Self {
        Self::Numbers(numbers)
    }
}

impl<'a, const N: usize> From<&'a [f64; N]> for Rows<'a> {
    fn from(numbers: &'a [f64; N]) -> Self {
        Self::Numbers(numbers)
    }
}

impl<'a> From<&'a Vec<f64>> for Rows<'a> {
    fn from(numbers: &'a Vec<f64>) -> Self {
        Self::Numbers(numbers)
    }
}

/// Outputs, one row per example, in the units of the data file.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// A name for each entry.
    pub names: Vec<String>,
    /// Entries, row by row.
    pub values: Vec<f64>,
    /// The names of the classes, if the target is one of classes (for a binary one the two).
    pub classes: Option<Vec<String>>,
    /// What was done to the rows on the way (missing cells filled, categories unseen).
    pub report: Report,
}

impl Prediction {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.names.len().max(1)
    }

    /// The entries of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f64] {
        let k = self.names.len();
        &self.values[i * k..(i + 1) * k]
    }

    /// The class of a row: the largest entry, of a binary target the side of one half.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn class(&self, i: usize) -> Option<&str> {
        let classes = self.classes.as_ref()?;
        let row = self.row(i);
        let place = match row {
            [p] => usize::from(*p > 0.5),
            all => first_largest(all),
        };
        classes.get(place).map(String::as_str)
    }
}

impl Trained {
    /// The output for rows.
    ///
    /// # Errors
    /// [`Error::Data`] for a missing column or a word among numbers, each with its place;
    /// [`Error::Usage`] if plain numbers do not fill whole rows.
    pub fn predict<'a>(&self, rows: impl Into<Rows<'a>>) -> Result<Prediction, Error> {
        let made;
        let table = match rows.into() {
            Rows::Table(table) => table,
            Rows::Numbers(numbers) => {
                made = self.table_of(numbers)?;
                &made
            }
        };
        let (data, report) = self.preparation.apply(table, false)?;
        let mut values = self.run(&data, Purpose::Forward)?.1;
        let target = compared(&self.model.module).map(|s| s.key.as_str());
        if let Some(key) = target {
            self.preparation.undo(key, &mut values);
        }
        let width = values.len() / data.rows.max(1);
        let names = target.and_then(|key| self.preparation.symbol(key));
        let names = names.map(|plan| plan.entries()).filter(|n| n.len() == width);
        let names =
            names.unwrap_or_else(|| (1..=width).map(|i| format!("output{i}")).collect());
        let classes = target.and_then(|key| self.preparation.class_names(key));
        let classes = classes.map(|c| c.into_iter().map(str::to_owned).collect());
        Ok(Prediction { names, values, classes, report })
    }

    /// Columns of the inputs, as they are named in the training file.
    #[must_use]
    pub fn input_columns(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for plan in self.preparation.symbols.iter().filter(|s| !s.target) {
            for column in &plan.columns {
                if !names.contains(&column.name.as_str()) {
                    names.push(&column.name);
                }
            }
        }
        names
    }

    fn table_of(&self, numbers: &[f64]) -> Result<Source, Error> {
        let names = self.input_columns();
        let k = names.len();
        if k == 0 || !numbers.len().is_multiple_of(k) {
            let message = format!(
                "expected rows of {k} numbers ({}), found {}",
                names.iter().take(4).copied().collect::<Vec<_>>().join(", "),
                numbers.len()
            );
            return Err(Error::Usage { field: "rows".into(), message });
        }
        let column = |(c, name): (usize, &&str)| {
            let cells = numbers.iter().skip(c).step_by(k).copied().collect();
            RawColumn::numbers(*name, cells)
        };
        Source::from_columns("the rows", names.iter().enumerate().map(column).collect())
    }
}
