//! Where a study is kept: `sqlite:///FILE`, `postgresql://…`, or nowhere.
//!
//! In: an address as Optuna writes it, the name of a study. Out: its [`Record`]. Invariants: tables are
//! Optuna's own, of one schema version, and any other is refused by its number; a study goes on only
//! with the definition that it began with. Deliberately absent: databases (see `tables`).

use std::path::PathBuf;
use std::time::Duration;

use super::record::{Memory, Record};
use super::study::Study;
use crate::error::Error;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// In memory, gone with the process.
    Nowhere,
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(String),
}

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let file = text.strip_prefix("sqlite:///").filter(|path| !path.is_empty());
        match (text, file) {
            ("none", _) => Ok(Self::Nowhere),
            (_, Some(path)) => Ok(Self::Sqlite(path.into())),
            (url, _) if url.starts_with("postgresql://") => {
                Ok(Self::Postgres(url.to_owned()))
            }
            _ => {
                Err("expected sqlite:///FILE, postgresql://USER@HOST/DATABASE or none"
                    .into())
            }
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nowhere => f.write_str("none"),
            Self::Sqlite(path) => write!(f, "sqlite:///{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

/// What may be shown of an address.
fn without_password(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let Some((who, place)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = who.split(':').next().unwrap_or_default();
    format!("postgresql://{user}@{place}")
}

/// Opens a study, or begins it; `patience`: how long a process may give no sign of life before its
/// trials are given to others.
///
/// # Errors
/// [`Error::Mismatch`] for tables of another version and a study of another definition;
/// [`Error::Corrupt`] for a file that is no database; [`Error::Write`] for what the system says;
/// [`Error::Usage`] for a storage that this build has not.
pub fn open(
    address: &Address,
    name: &str,
    study: &Study,
    patience: Duration,
) -> Result<Box<dyn Record>, Error> {
    match address {
        Address::Nowhere => Ok(Box::new(Memory::default())),
        #[cfg(feature = "sqlite")]
        Address::Sqlite(path) => {
            let base = super::sqlite::Sqlite::open(path)?;
            Ok(Box::new(super::tables::Tables::open(base, name, study, patience)?))
        }
        #[cfg(feature = "postgres")]
        Address::Postgres(url) => {
            let base = super::postgres::Postgres::open(url, &address.to_string())?;
            Ok(Box::new(super::tables::Tables::open(base, name, study, patience)?))
        }
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        other => {
            let _ = (name, study, patience);
            let (feature, message) = match other {
                Address::Sqlite(_) => ("sqlite", "SQLite"),
                _ => ("postgres", "PostgreSQL"),
            };
            let message = format!(
                "this chainrule was built without {message}; build it with --features {feature}"
            );
            Err(Error::Usage { field: "storage".into(), message })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_optunas_and_passwords_are_not_shown() {
        assert_eq!("sqlite:///a/b.db".parse(), Ok(Address::Sqlite("a/b.db".into())));
        assert_eq!("sqlite:////a.db".parse(), Ok(Address::Sqlite("/a.db".into())));
        assert_eq!("none".parse(), Ok(Address::Nowhere));
        for bad in ["a.db", "sqlite://a.db", "sqlite:///", "mysql://x/y", ""] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        let server: Address = "postgresql://me:secret@host/d".parse().unwrap();
        assert_eq!(server.to_string(), "postgresql://me@host/d");
    }
}
