//! Files → tables → matrices, by one function for training and prediction.
//!
//! In: a file and the `data:` line. Out: a [`Dataset`] per part (training, held out, validation,
//! test), the [`Preparation`] that made it (stored with the model), and a [`Report`] of what was
//! done to the data, to be said aloud.
//! ```text
//! file ─ read_source ─▶ Source ─ prepare ─▶ Preparation, training and held-out Dataset
//! later file ─ Preparation::read ─▶ Source ─ Preparation::apply ─▶ Dataset
//! larger than memory: file ─ disk ─▶ the same, block by block, with the rows in a cache
//! ```
//! Invariants: statistics come from the training part only and are f64; the same cell gives the
//! same numbers in training and prediction; nothing is dropped, filled or ignored without a count
//! in the report; one-hot targets stay an index. Deliberately absent: batches, number types of the
//! run, screens.

mod blocks;
mod columns;
mod disk;
mod encode;
pub(crate) mod fields;
mod files;
mod folds;
mod idx;
mod inspect;
mod learn;
mod load;
mod members;
mod npy;
mod npz;
mod nth;
#[cfg(feature = "parquet")]
mod parquet;
mod part;
mod parts;
mod preparation;
mod prepare;
mod report;
mod select;
mod source;
mod split;
mod strata;
mod table;
#[cfg(test)]
mod tests;

pub use chainrule_graph::syntax::settings::{DataSpec, parse_data, print_data};
pub(crate) use disk::Scratch;
pub use disk::{Cached, CachedPart, Caching, WINDOW, Wanted, Window, read_rows};
pub use files::{DataFile, Stamp};
pub use folds::{Fold, prepare_fold};
pub use inspect::{ColumnKind, Inspected, Proposal, Task, propose, read_guessing};
pub use load::{Loaded, load};
pub use part::{Data, Part, Parts};
pub use preparation::{ColumnPlan, Form, Kind, Preparation, Reading, Step, SymbolPlan};
pub use prepare::{Prepared, prepare};
pub use report::{Count, Report, Shape};
pub(crate) use source::read_as;
pub use source::{Cell, Cells, MISSING, RawColumn, Source, Strided, Words};
pub use source::{read_from_bytes, read_source};
pub use split::permutation;

use chainrule_graph::syntax::ast::Mark;

/// What the model wants from the data: one symbol with the role input or target.
#[derive(Clone, Debug, PartialEq)]
pub struct SymbolInfo {
    /// Its canonical key, as in the clauses of the `data:` line.
    pub key: String,
    /// Whether it is a target, known in training only.
    pub target: bool,
    /// Its number of rows if that is bound; data that gives another number is S5.
    pub rows: Option<usize>,
    /// `one-hot`, `binary`, `distribution`, `multi-hot`.
    pub mark: Option<Mark>,
}

/// Examples, ready for the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Number of examples.
    pub rows: usize,
    /// One array per symbol, by key, in the order of the symbols.
    pub arrays: Vec<(String, Array)>,
    /// The weight of each example; `None` where all are 1.
    pub weights: Option<Vec<f64>>,
    /// The row of the [`Source`] (from 0) that each example came from.
    pub origin: Vec<u32>,
}

/// The values of one symbol over all examples.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// `rows × cols` numbers, example by example.
    Dense {
        /// Entries of one example.
        cols: usize,
        /// Row-major: example `r`, entry `c` is `values[r * cols + c]`.
        values: Vec<f64>,
    },
    /// One-hot columns, held as the index of the 1.
    Index {
        /// Entries of one example.
        classes: usize,
        /// One per example, below `classes`.
        index: Vec<u32>,
    },
}

impl Array {
    /// Entries of one example.
    #[must_use]
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense { cols, .. } => *cols,
            Self::Index { classes, .. } => *classes,
        }
    }
}

impl Dataset {
    /// The array of a symbol.
    #[must_use]
    pub fn array(&self, symbol: &str) -> Option<&Array> {
        self.arrays.iter().find(|(key, _)| key == symbol).map(|(_, array)| array)
    }
}
