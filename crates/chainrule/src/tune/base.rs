//! What a database has to do for Optuna's tables, and what databases spell differently.
//!
//! In: text of SQL, values. Out: rows. Invariant: placeholders are `$1`, `$2`, … in the order in which
//! they stand, which all databases here take. Deliberately absent: databases.

use crate::error::Error;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
}

impl Cell {
    pub(super) fn int(&self) -> i64 {
        if let Self::Int(n) = self { *n } else { 0 }
    }

    pub(super) fn real(&self) -> Option<f64> {
        match self {
            Self::Real(v) => Some(*v),
            Self::Int(n) => Some(*n as f64),
            Self::Null | Self::Text(_) => None,
        }
    }

    pub(super) fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// What databases spell differently.
pub(super) struct Dialect {
    /// Types of the schema, by their words in it.
    pub(super) types: [(&'static str, &'static str); 7],
    /// What is made before the tables.
    pub(super) before: &'static [&'static str],
    /// A row if the tables are there.
    pub(super) there: &'static str,
    /// The time now.
    pub(super) now: &'static str,
    /// Seconds since `h.heartbeat`.
    pub(super) age: &'static str,
}

/// Rows of an answer.
pub(super) type Rows = Vec<Vec<Cell>>;

/// A database.
pub(super) trait Base: Send {
    fn dialect(&self) -> &'static Dialect;
    /// Begins to write; nobody else does in this study, or, before there is one, in the database.
    fn begin(&mut self, study: Option<i64>) -> Result<(), Error>;
    fn end(&mut self, commit: bool) -> Result<(), Error>;
    /// Runs a statement with values for `$1`, `$2`, …, which stand in it in this order.
    fn run(&mut self, sql: &str, values: &[Cell]) -> Result<Rows, Error>;
}
