//! Optuna's tables in a file of SQLite.
//!
//! In: a path. Out: a [`Base`]. Invariants: writers wait for each other (a minute at most) and never
//! fail for that; a process that is killed leaves whole transactions. Deliberately absent: SQL.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, params_from_iter};

use super::tables::{Base, Cell, Dialect, Rows};
use crate::error::Error;

/// How long a writer waits for others.
const PATIENCE: Duration = Duration::from_secs(60);

static DIALECT: Dialect = Dialect {
    types: [
        ("key", "INTEGER NOT NULL"),
        ("float", "FLOAT"),
        ("time", "DATETIME"),
        ("direction", "VARCHAR(8)"),
        ("state", "VARCHAR(8)"),
        ("value", "VARCHAR(7)"),
        ("intermediate", "VARCHAR(7)"),
    ],
    before: &[],
    there: "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'version_info'",
    now: "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
    age: "(julianday('now') - julianday(h.heartbeat)) * 86400.0",
};

/// A file.
pub(super) struct Sqlite {
    connection: Connection,
    path: PathBuf,
}

impl Sqlite {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            let failed = |source| Error::Write { path: folder.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let connection = Connection::open(path).map_err(|e| told(path, &e))?;
        connection.busy_timeout(PATIENCE).map_err(|e| told(path, &e))?;
        let mut base = Self { connection, path: path.to_owned() };
        // Readers and one writer at a time; a transaction is not waited for on the disk.
        for pragma in ["journal_mode = WAL", "synchronous = NORMAL"] {
            base.patiently(&format!("PRAGMA {pragma}"))?;
        }
        Ok(base)
    }

    /// Turning a file to another journal does not wait for others by itself.
    fn patiently(&mut self, sql: &str) -> Result<(), Error> {
        let begun = std::time::Instant::now();
        loop {
            match self.query(sql, &[]) {
                Err(e)
                    if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && begun.elapsed() < PATIENCE =>
                {
                    std::thread::sleep(Duration::from_millis(10));
                }
                done => return done.map(drop).map_err(|e| told(&self.path, &e)),
            }
        }
    }

    fn query(&mut self, sql: &str, values: &[Cell]) -> rusqlite::Result<Rows> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns).map(|i| Ok(cell(row.get_ref(i)?))).collect()
        };
        statement.query_map(params_from_iter(values), row)?.collect()
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Cell::Null,
        ValueRef::Integer(n) => Cell::Int(n),
        ValueRef::Real(v) => Cell::Real(v),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self {
            Self::Null => Value::Null,
            Self::Int(n) => Value::Integer(*n),
            Self::Real(v) => Value::Real(*v),
            Self::Text(text) => Value::Text(text.clone()),
        }))
    }
}

fn told(path: &Path, error: &rusqlite::Error) -> Error {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::Corrupt { path, what: error.to_string() }
        }
        _ => Error::Write { path, source: io::Error::other(error.to_string()) },
    }
}

impl Base for Sqlite {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn begin(&mut self, _: Option<i64>) -> Result<(), Error> {
        self.run("BEGIN IMMEDIATE", &[]).map(drop)
    }

    fn end(&mut self, commit: bool) -> Result<(), Error> {
        self.run(if commit { "COMMIT" } else { "ROLLBACK" }, &[]).map(drop)
    }

    fn run(&mut self, sql: &str, values: &[Cell]) -> Result<Rows, Error> {
        self.query(sql, values).map_err(|e| told(&self.path, &e))
    }
}
