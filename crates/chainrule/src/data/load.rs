//! Everything that a `data:` line names, in one call.
//!
//! In: the folder of the `.chain` file, the line, the symbols, a seed. Out: training data and the
//! parts to measure on, all made by one [`Preparation`].

use std::path::Path;

use chainrule_graph::diag::{Code, Diagnostic};
use chainrule_graph::syntax::settings::DataSpec;

use super::files::DataFile;
use super::prepare::{Prepared, prepare};
use super::report::Report;
use super::source::{Source, read_source};
use super::{Dataset, SymbolInfo};
use crate::error::Error;

/// The parts of a `data:` line.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Recipe, training part, `hold out`, report.
    pub prepared: Prepared,
    /// The table of the training file, for the names and cells of single rows.
    pub source: Source,
    /// `validate FILE`.
    pub validate: Option<(Dataset, Report)>,
    /// `test FILE`.
    pub test: Option<(Dataset, Report)>,
    /// The files as they were read, to be known again.
    pub files: Vec<DataFile>,
}

impl Loaded {
    /// The part to watch during training: the file of `validate`, else the held-out rows.
    #[must_use]
    pub fn watched(&self) -> Option<&Dataset> {
        self.validate.as_ref().map(|(data, _)| data).or(self.prepared.held_out.as_ref())
    }
}

/// Reads and prepares the files of a `data:` line; names are relative to `folder`.
///
/// # Errors
/// As [`read_source`] and [`prepare`]; T1 if the line names no file.
pub fn load(
    folder: &Path,
    spec: &DataSpec,
    symbols: &[SymbolInfo],
    seed: u64,
) -> Result<Loaded, Error> {
    let Some(file) = &spec.file else {
        let d = Diagnostic::error(Code::T1, spec.span, "the data: line names no file")
            .hint("write it first: `data: FILE, x = *, y = COLUMN`");
        return Err(Error::Diagnostics(vec![d]));
    };
    let source = read_source(folder, file, spec)?;
    let prepared = prepare(spec, symbols, &source, seed)?;
    let later = |file: &Option<String>| match file {
        None => Ok(None),
        Some(file) => {
            let source = prepared.preparation.read(folder, file)?;
            prepared.preparation.apply(&source, true).map(Some)
        }
    };
    let (validate, test) = (later(&spec.validate)?, later(&spec.test)?);
    let files = DataFile::all(folder, spec)?;
    Ok(Loaded { prepared, source, validate, test, files })
}
