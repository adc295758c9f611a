//! A `.chain` file as text: path → [`Source`], or an error that names the file and the place.
//!
//! Invariants: the text is UTF-8 and of a size that a person could have written; `-` is standard
//! input. Deliberately absent: reading the language.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chainrule::Error;
use chainrule::graph::lower::Loaded;

use crate::cmd::Sets;

/// A data file given by mistake is refused before it is read.
const LARGEST: u64 = chainrule::graph::limits::TEXT as u64;

/// A file of equations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// Where it is; `-` for standard input.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
}

impl Source {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let bytes = read_bytes(path).map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|e| failed(not_text(&e)))?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> String {
        match self.path.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => self.path.display().to_string(),
        }
    }

    /// Reads the language, with what `--set` says.
    pub(crate) fn load(&self, set: &Sets) -> Result<Loaded, Error> {
        set.options().load(&self.text)
    }
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    }
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "more than 4 MiB: not a file of equations",
        )),
        false => Ok(bytes),
    }
}

fn not_text(error: &std::string::FromUtf8Error) -> io::Error {
    let at = error.utf8_error().valid_up_to();
    let line = error.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
    let words = format!("line {line} is not UTF-8 text; save the file as UTF-8");
    io::Error::new(io::ErrorKind::InvalidData, words)
}
