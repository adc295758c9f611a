//! What can stand between a user and a result, in one type.
//!
//! Three kinds are never mixed: what the user wrote ([`Error::Diagnostics`], plain data with
//! spans), what the world did (the other variants, each naming its file or field), and our bugs,
//! which panic and are not here. Deliberately absent: colours and source excerpts; faces draw.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use chainrule_graph::diag::Diagnostic;

/// Everything that a call into chainrule can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the user wrote does not fit; at least one of them is an error.
    #[error("{}", first_message(.0))]
    Diagnostics(Vec<Diagnostic>),

    /// A file that cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file that cannot be created or written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A data file was read and does not fit.
    #[error("{0}")]
    Data(Box<DataProblem>),

    /// A model, checkpoint or run file is damaged.
    #[error("{}: not a whole chainrule file: {what}", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },

    /// A file written by a newer chainrule.
    #[error(
        "{}: format {found} is newer than this chainrule knows ({known}); update chainrule",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format known here.
        known: u32,
    },

    /// Model and data, or two models, that do not belong together.
    #[error("{field}: expected {expected}, found {found}")]
    Mismatch {
        /// Which part: a symbol, a column, a field of the file.
        field: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A value became infinite or not a number while training.
    #[error(
        "{field} is not finite in step {step} (epoch {epoch}); a smaller lr often helps"
    )]
    NotFinite {
        /// Which symbol.
        field: String,
        /// Epoch, from 1.
        epoch: usize,
        /// Step, from 1.
        step: u64,
    },

    /// A question that is understood and not answered, with the reason.
    #[error("{0}")]
    Refused(String),

    /// A call that cannot be meant: an option or argument that does not fit.
    #[error("{field}: {message}")]
    Usage {
        /// The option or argument.
        field: String,
        /// What is wrong with it, and the way out.
        message: String,
    },
}

impl Error {
    /// The exit status of a command that ends with this error: 1 a finding in the equations, a
    /// refused question or non-finite training; 2 wrong use, unreadable or unfit input; 3 the
    /// world (disk, permission).
    #[must_use]
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::Diagnostics(_) | Self::NotFinite { .. } | Self::Refused(_) => 1,
            Self::Read { source, .. } if is_about_the_input(source.kind()) => 2,
            Self::Data(_)
            | Self::Corrupt { .. }
            | Self::Newer { .. }
            | Self::Mismatch { .. }
            | Self::Usage { .. } => 2,
            Self::Read { .. } | Self::Write { .. } => 3,
        }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }
}

/// Reading fails for the sake of the input (not there, a folder, damaged) or of the world.
fn is_about_the_input(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::NotFound
            | Kind::IsADirectory
            | Kind::NotADirectory
            | Kind::InvalidData
            | Kind::InvalidInput
            | Kind::InvalidFilename
            | Kind::UnexpectedEof
    )
}

fn first_message(diagnostics: &[Diagnostic]) -> String {
    let Some(first) = diagnostics.first() else {
        return "an error in the file".to_owned();
    };
    match diagnostics.len() {
        1 => first.message.clone(),
        n => format!("{} (and {} more)", first.message, n - 1),
    }
}

/// What does not fit in a data file: where, what, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DataProblem {
    /// The file as the user named it.
    pub file: String,
    /// `line 7` of a text file, `row 7` of an array file.
    pub place: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// Expected, then found.
    pub message: String,
    /// What to do about it; empty if there is nothing to say.
    pub way_out: String,
}

impl fmt::Display for DataProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = &self.place {
            write!(f, ", {place}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.message)?;
        if !self.way_out.is_empty() {
            write!(f, "; {}", self.way_out)?;
        }
        Ok(())
    }
}

impl DataProblem {
    pub(crate) fn new(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), message: message.into(), ..Self::default() }
    }

    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    pub(crate) fn column(mut self, name: &str) -> Self {
        self.column = Some(name.to_owned());
        self
    }

    pub(crate) fn way_out(mut self, text: impl Into<String>) -> Self {
        self.way_out = text.into();
        self
    }
}

impl From<DataProblem> for Error {
    fn from(problem: DataProblem) -> Self {
        Self::Data(Box::new(problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_exit_status() {
        let read = |kind: io::ErrorKind| Error::read(Path::new("a.csv"), kind.into());
        let write =
            Error::Write { path: "m".into(), source: io::ErrorKind::StorageFull.into() };
        assert_eq!(read(io::ErrorKind::NotFound).exit_status(), 2);
        assert_eq!(read(io::ErrorKind::PermissionDenied).exit_status(), 3);
        assert_eq!(write.exit_status(), 3);
        assert_eq!(Error::from(DataProblem::new("a.csv", "empty")).exit_status(), 2);
        assert_eq!(Error::Refused("no".into()).exit_status(), 1);
        let nan = Error::NotFinite { field: "L".into(), epoch: 1, step: 3 };
        assert_eq!(nan.exit_status(), 1);
    }

    #[test]
    fn a_problem_of_the_data_says_where_what_and_the_way_out() {
        let problem = DataProblem::new("a.csv", "expected 3 fields, found 2")
            .at("line 7")
            .column("age")
            .way_out("mend the line");
        let said = Error::from(problem).to_string();
        assert_eq!(
            said,
            "a.csv, line 7, column age: expected 3 fields, found 2; mend the line"
        );
    }
}
