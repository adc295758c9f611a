//! Optuna's tables on a PostgreSQL server.
//!
//! In: a URL. Out: a [`Base`]. Invariant: who writes to a study holds the lock on its row; the tables
//! are made under a lock of their own. Deliberately absent: SQL; encrypted connections.

use std::io;

use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, NoTls, Row};

use super::tables::{Base, Cell, Dialect, Rows};
use crate::error::Error;

static DIALECT: Dialect = Dialect {
    types: [
        ("key", "SERIAL NOT NULL"),
        ("float", "FLOAT(53)"),
        ("time", "TIMESTAMP WITHOUT TIME ZONE"),
        ("direction", "studydirection"),
        ("state", "trialstate"),
        ("value", "trialvaluetype"),
        ("intermediate", "trialintermediatevaluetype"),
    ],
    before: &[
        "CREATE TYPE studydirection AS ENUM ('NOT_SET', 'MINIMIZE', 'MAXIMIZE')",
        "CREATE TYPE trialstate AS ENUM ('RUNNING', 'COMPLETE', 'PRUNED', 'FAIL', 'WAITING')",
        "CREATE TYPE trialvaluetype AS ENUM ('FINITE', 'INF_POS', 'INF_NEG')",
        "CREATE TYPE trialintermediatevaluetype AS ENUM ('FINITE', 'INF_POS', 'INF_NEG', 'NAN')",
    ],
    there: "SELECT CAST(tablename AS VARCHAR) FROM pg_tables WHERE schemaname = current_schema() \
            AND tablename = 'version_info'",
    now: "(clock_timestamp() AT TIME ZONE 'utc')",
    age: "CAST(EXTRACT(EPOCH FROM (clock_timestamp() AT TIME ZONE 'utc') - h.heartbeat) AS FLOAT8)",
};

/// Keeps others out while the tables are made.
const MAKING: &str = "SELECT pg_advisory_xact_lock(20180927)";

/// A connection.
pub(super) struct Postgres {
    client: Client,
    shown: String,
}

impl Postgres {
    /// `shown`: the URL as messages may show it.
    pub(super) fn open(url: &str, shown: &str) -> Result<Self, Error> {
        let client = Client::connect(url, NoTls).map_err(|e| told(shown, &e))?;
        Ok(Self { client, shown: shown.to_owned() })
    }
}

fn told(shown: &str, error: &postgres::Error) -> Error {
    let said =
        error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
    let cause =
        std::error::Error::source(error).filter(|_| error.as_db_error().is_none());
    let said = cause.map_or(said.clone(), |cause| format!("{said}: {cause}"));
    Error::Write { path: shown.into(), source: io::Error::other(said) }
}

/// A value of a row; only the types that the statements ask for.
fn cell(row: &Row, at: usize) -> Cell {
    let kind = row.columns()[at].type_();
    let found = match *kind {
        Type::INT4 => {
            row.try_get::<_, Option<i32>>(at).ok().flatten().map(|n| Cell::Int(n.into()))
        }
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(at).ok().flatten().map(Cell::Real),
        _ => row.try_get::<_, Option<String>>(at).ok().flatten().map(Cell::Text),
    };
    found.unwrap_or(Cell::Null)
}

impl ToSql for Cell {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(n) => i32::try_from(*n)?.to_sql(kind, out),
            Self::Real(v) => v.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT4, Type::FLOAT8, Type::TEXT, Type::VARCHAR].contains(kind)
    }

    to_sql_checked!();
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Base for Postgres {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn begin(&mut self, study: Option<i64>) -> Result<(), Error> {
        self.run("BEGIN", &[])?;
        let locked = match study {
            Some(id) => {
                let sql = "SELECT study_id FROM studies WHERE study_id = $1 FOR UPDATE";
                self.run(sql, &[Cell::Int(id)])
            }
            None => self.run(MAKING, &[]),
        };
        locked.map(drop)
    }

    fn end(&mut self, commit: bool) -> Result<(), Error> {
        self.run(if commit { "COMMIT" } else { "ROLLBACK" }, &[]).map(drop)
    }

    fn run(&mut self, sql: &str, values: &[Cell]) -> Result<Rows, Error> {
        let values: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(sql, &values).map_err(|e| told(&self.shown, &e))?;
        let row = |row: &Row| (0..row.len()).map(|at| cell(row, at)).collect();
        Ok(rows.iter().map(row).collect())
    }
}
