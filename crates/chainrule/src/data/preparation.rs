//! What was learned from the training part: the recipe from cells to numbers, and back.
//!
//! In: made by `prepare`, stored as JSON in the model. Out: [`Preparation::apply`] turns any table
//! with the same columns into a [`Dataset`]; [`Preparation::undo`] takes predictions back to the
//! user's units. Invariant: plain data, every number f64, equal after a trip through JSON.

use std::path::Path;

use chainrule_graph::syntax::settings::DataSpec;
use serde::{Deserialize, Serialize};

use super::source::{Source, from_memory, read_as};
use crate::error::{DataProblem, Error};

/// Reads a table by the line's settings; the named columns are words.
type Reader<'r> = &'r dyn Fn(&DataSpec, &[String]) -> Result<Source, Error>;

/// The recipe from columns of a file to arrays of symbols.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// How files are read.
    pub reading: Reading,
    /// All columns of the training file, in order.
    pub columns: Vec<String>,
    /// Those of them that held words.
    pub text: Vec<String>,
    /// In the order of the model's symbols.
    pub symbols: Vec<SymbolPlan>,
    /// The column of weights.
    pub weight: Option<String>,
    /// `balanced`: the target, and the weight of each of its classes.
    pub balanced: Option<(String, Vec<f64>)>,
}

/// How text is read: the part of the `data:` line that holds for every later file too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Whether the file has no header, and the names that stand in for it.
    pub no_header: Option<Vec<String>>,
    /// The sign between fields.
    pub separator: Option<char>,
    /// Markers of a missing cell, besides the usual.
    pub missing: Vec<String>,
    /// Characters cut from the end of every field.
    pub strip: Option<String>,
}

/// The recipe of one symbol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SymbolPlan {
    /// Key of the symbol.
    pub key: String,
    /// Whether it is a target.
    pub target: bool,
    /// What its entries are.
    pub form: Form,
    /// Its columns, in order.
    pub columns: Vec<ColumnPlan>,
    /// Whether they are entries of arrays (IDX, .npy, memory), whose names were made up.
    #[serde(default)]
    pub array: bool,
}

/// What the entries of a symbol are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// Numbers; text columns one-hot.
    Numbers,
    /// One column of classes, held as an index.
    Classes,
    /// One column per class, one of them 1; held as an index.
    OneHot,
    /// Two-valued columns as 0 and 1, in sorted order.
    Binary,
    /// Entries ≥ 0 that add to 1.
    Distribution,
    /// Entries 0 or 1.
    MultiHot,
}

/// The recipe of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnPlan {
    /// Name of the column.
    pub name: String,
    /// What becomes of its cells.
    pub kind: Kind,
}

/// What becomes of the cells of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// A number; a missing one is the median, then come the steps.
    Number {
        /// Of the training part.
        median: f64,
        /// In order.
        steps: Vec<Step>,
    },
    /// A word of ordered levels, as 0, 1, … ; missing and steps as for numbers.
    Ordinal {
        /// In rising order.
        levels: Vec<String>,
        /// Of the training part.
        median: f64,
        /// In order.
        steps: Vec<Step>,
    },
    /// One entry per category.
    Category {
        /// Sorted, numbers numerically.
        categories: Vec<String>,
        /// Whether missing is a category of its own, the last.
        missing: bool,
    },
    /// A class, as its index.
    Class {
        /// Sorted, numbers numerically.
        classes: Vec<String>,
    },
}

/// What is done to a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// `/ 16`.
    Divide(f64),
    /// Natural logarithm.
    Log,
    /// `(v − mean) / std`; the standard deviation is that of the training part (divided by n), or
    /// 1 for a constant column.
    Standardize {
        /// Of the training part.
        mean: f64,
        /// Of the training part.
        std: f64,
    },
}

impl Step {
    /// The value after the step.
    #[must_use]
    pub fn apply(self, v: f64) -> f64 {
        match self {
            Self::Divide(by) => v / by,
            Self::Log => libm::log(v),
            Self::Standardize { mean, std } => (v - mean) / std,
        }
    }

    /// The value before the step.
    #[must_use]
    pub fn undo(self, v: f64) -> f64 {
        match self {
            Self::Divide(by) => v * by,
            Self::Log => libm::exp(v),
            Self::Standardize { mean, std } => v * std + mean,
        }
    }
}

impl Kind {
    /// How many entries a cell becomes.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Category { categories, missing } => {
                categories.len() + usize::from(*missing)
            }
            Self::Number { .. } | Self::Ordinal { .. } | Self::Class { .. } => 1,
        }
    }

    /// What is done to its number, in order.
    pub(crate) fn steps(&self) -> &[Step] {
        match self {
            Self::Number { steps, .. } | Self::Ordinal { steps, .. } => steps,
            Self::Category { .. } | Self::Class { .. } => &[],
        }
    }
}

impl SymbolPlan {
    /// Entries of one example.
    #[must_use]
    pub fn width(&self) -> usize {
        match (self.form, self.columns.first().map(|c| &c.kind)) {
            (Form::Classes, Some(Kind::Class { classes })) => classes.len(),
            _ => self.columns.iter().map(|c| c.kind.width()).sum(),
        }
    }

    /// A name for each entry: `age`, `sex=male`.
    #[must_use]
    pub fn entries(&self) -> Vec<String> {
        let mut entries = Vec::new();
        for column in &self.columns {
            let of = |value: &String| format!("{}={value}", column.name);
            match &column.kind {
                Kind::Category { categories, missing } => {
                    entries.extend(categories.iter().map(of));
                    entries.extend(missing.then(|| of(&"(missing)".to_owned())));
                }
                Kind::Class { classes } if self.form == Form::Classes => {
                    entries.extend(classes.iter().map(of));
                }
                _ => entries.push(column.name.clone()),
            }
        }
        entries
    }

    /// The names of the classes: of a one-hot symbol all of them, of a binary one the two.
    #[must_use]
    pub fn classes(&self) -> Option<Vec<&str>> {
        match (self.form, self.columns.as_slice()) {
            (Form::OneHot | Form::MultiHot | Form::Distribution, columns) => {
                Some(columns.iter().map(|c| c.name.as_str()).collect())
            }
            (_, [ColumnPlan { kind: Kind::Class { classes }, .. }]) => {
                Some(classes.iter().map(String::as_str).collect())
            }
            _ => None,
        }
    }
}

impl Preparation {
    /// The recipe of a symbol.
    #[must_use]
    pub fn symbol(&self, key: &str) -> Option<&SymbolPlan> {
        self.symbols.iter().find(|s| s.key == key)
    }

    /// The names of the classes of a symbol, in the order of its entries; `None` for numbers.
    #[must_use]
    pub fn class_names(&self, key: &str) -> Option<Vec<&str>> {
        self.symbol(key)?.classes()
    }

    /// Takes values of a numeric symbol (row-major, [`SymbolPlan::width`] entries an example) back
    /// to the units of the file; classes and unknown symbols are left as they are.
    pub fn undo(&self, key: &str, values: &mut [f64]) {
        let Some(plan) = self.symbol(key) else { return };
        let mut steps: Vec<&[Step]> = Vec::new();
        for column in &plan.columns {
            steps.extend((0..column.kind.width()).map(|_| column.kind.steps()));
        }
        if steps.iter().all(|s| s.is_empty()) {
            return;
        }
        for row in values.chunks_mut(steps.len()) {
            for (v, steps) in row.iter_mut().zip(&steps) {
                *v = steps.iter().rev().fold(*v, |v, step| step.undo(v));
            }
        }
    }

    /// Whether predictions of this symbol differ from the units of the file.
    #[must_use]
    pub fn is_transformed(&self, key: &str) -> bool {
        let columns = self.symbol(key).map_or(&[][..], |s| &s.columns);
        columns.iter().any(|c| !c.kind.steps().is_empty())
    }

    /// Reads a later file (validation, test, prediction) as the training file was read. Columns
    /// are found by name; without a header by place, and the targets may be left out.
    ///
    /// # Errors
    /// As [`super::read_source`], and [`Error::Data`] if a file without header has other columns.
    pub fn read(&self, folder: &Path, file: &str) -> Result<Source, Error> {
        self.read_by(&|spec, text| read_as(folder, file, spec, text))
    }

    /// The same for a table in memory, as it comes through a pipe; `name` stands in messages.
    ///
    /// # Errors
    /// As [`Preparation::read`], without those of opening.
    pub fn read_bytes(&self, bytes: &[u8], name: &str) -> Result<Source, Error> {
        self.read_by(&|spec, text| from_memory(bytes, name, spec, text))
    }

    fn read_by(&self, read: Reader<'_>) -> Result<Source, Error> {
        let (spec, text) = self.reading_later();
        self.named(read(&spec, text)?)
    }

    /// How a later file is read, and which of its columns hold words.
    pub(super) fn reading_later(&self) -> (DataSpec, &[String]) {
        let mut spec = self.reading.spec();
        // Names are given afterwards, as the file may lack the targets.
        spec.no_header = spec.no_header.map(|_| Vec::new());
        let text: &[String] = if spec.no_header.is_none() { &self.text } else { &[] };
        (spec, text)
    }

    /// Gives the columns of a later file the names that they had in the training file.
    pub(super) fn named(&self, source: Source) -> Result<Source, Error> {
        if source.headerless { self.with_names(source) } else { Ok(source) }
    }

    /// Gives the columns of a file without header the names of the training file.
    fn with_names(&self, mut source: Source) -> Result<Source, Error> {
        let found = source.columns.len();
        let inputs: Vec<&String> =
            self.columns.iter().filter(|c| !self.is_only_target(c)).collect();
        let names: Vec<&String> = match found {
            n if n == self.columns.len() => self.columns.iter().collect(),
            n if n == inputs.len() => inputs,
            _ => {
                let message = format!(
                    "expected {} columns, or {} without the targets, found {found}",
                    self.columns.len(),
                    inputs.len()
                );
                return Err(DataProblem::new(&source.name, message).into());
            }
        };
        for (column, name) in source.columns.iter_mut().zip(names) {
            column.name.clone_from(name);
        }
        Ok(source)
    }

    fn is_only_target(&self, column: &str) -> bool {
        let uses = |target: bool| {
            let mut plans = self.symbols.iter().filter(|s| s.target == target);
            plans.any(|s| s.columns.iter().any(|c| c.name == column))
        };
        uses(true) && !uses(false)
    }
}

impl Reading {
    pub(crate) fn of(spec: &DataSpec) -> Self {
        Self {
            no_header: spec.no_header.clone(),
            separator: spec.separator,
            missing: spec.missing.clone(),
            strip: spec.strip.clone(),
        }
    }

    /// As a `data:` line without file and columns.
    #[must_use]
    pub fn spec(&self) -> DataSpec {
        DataSpec {
            no_header: self.no_header.clone(),
            separator: self.separator,
            missing: self.missing.clone(),
            strip: self.strip.clone(),
            ..DataSpec::default()
        }
    }
}
