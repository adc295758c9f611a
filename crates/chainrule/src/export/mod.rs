//! A trained network in the formats of others: weights for any reader, a graph that other runtimes
//! carry out, the file of equations with its numbers in it.
//!
//! In: [`Trained`], a [`Format`], a path. Out: one file, whole or not at all. What can be written is
//! the table [`FORMATS`]: one entry a format. Invariant: a file that is written holds all of the
//! model that its format speaks of; what a format cannot hold is an error that names the equation.
//! Deliberately absent: reading these formats back (a model file is for that).

mod chain;
mod csv;
mod onnx;
mod weights;

use std::path::Path;

use chainrule_graph::syntax::settings::nearest;

use crate::error::Error;
use crate::model::Trained;
use crate::store::write_aside;

/// A format that a model can be written in.
#[derive(Debug)]
pub struct Format {
    /// What `--to` calls it.
    pub name: &'static str,
    /// How a file's name ends.
    pub extension: &'static str,
    /// What the file holds, in one sentence.
    pub holds: &'static str,
    /// The bytes of the file.
    write: fn(&Trained) -> Result<Vec<u8>, Error>,
}

/// All formats, in the order of docs/export.md.
pub static FORMATS: &[Format] = &[
    Format {
        name: "safetensors",
        extension: "weights.safetensors",
        holds: "the weights under the names of the file, with the equations as metadata",
        write: weights::write,
    },
    Format {
        name: "onnx",
        extension: "onnx",
        holds: "preparation, network and labels as one graph over the raw columns",
        write: onnx::write,
    },
    Format {
        name: "csv",
        extension: "csv",
        holds: "one line per weight: parameter, row, column, value",
        write: csv::write,
    },
    Format {
        name: "chain",
        extension: "chain",
        holds: "the file of equations with what was learned as values, for `explain`",
        write: chain::write,
    },
];

/// The format of this name.
///
/// # Errors
/// [`Error::Usage`] with the nearest name.
pub fn format(name: &str) -> Result<&'static Format, Error> {
    let names = || FORMATS.iter().map(|f| f.name);
    if let Some(found) = FORMATS.iter().find(|f| f.name == name) {
        return Ok(found);
    }
    let way_out = match nearest(name, names()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("there is no format `{name}`; {way_out}");
    Err(Error::Usage { field: "--to".into(), message })
}

impl Trained {
    /// The network in another format, as the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Refused`] if the format cannot hold it, naming the equation.
    pub fn exported(&self, format: &Format) -> Result<Vec<u8>, Error> {
        (format.write)(self)
    }

    /// Writes the network in another format: the whole file, or none.
    ///
    /// # Errors
    /// As [`Trained::exported`]; [`Error::Write`].
    pub fn export(&self, format: &Format, path: impl AsRef<Path>) -> Result<(), Error> {
        let bytes = self.exported(format)?;
        write_aside(path.as_ref(), |out| out.write_all(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest() {
        let said = format("onxx").unwrap_err();
        assert_eq!(said.exit_status(), 2);
        assert!(said.to_string().contains("did you mean onnx?"), "{said}");
        let said = format("pickle").unwrap_err().to_string();
        assert!(said.contains("safetensors, onnx, csv, chain"), "{said}");
    }

    #[test]
    fn names_and_extensions_stand_once() {
        for f in FORMATS {
            assert_eq!(FORMATS.iter().filter(|g| g.name == f.name).count(), 1);
            assert_eq!(FORMATS.iter().filter(|g| g.extension == f.extension).count(), 1);
            assert!(!f.holds.is_empty());
        }
    }
}
