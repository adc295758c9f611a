//! The data room through its door: text in a folder in, datasets and messages out.

mod errors;
mod files;
mod inspecting;
mod preparing;
mod real;

use std::path::Path;

use chainrule_graph::syntax::ast::Mark;
use chainrule_graph::syntax::settings::parse_data;

use super::{Array, DataSpec, Dataset, Loaded, SymbolInfo, load};
use crate::error::Error;

/// A folder with files; it goes when it is dropped.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn spec(line: &str) -> DataSpec {
    let (spec, diagnostics) = parse_data(line, 0);
    assert!(diagnostics.is_empty(), "{line}: {diagnostics:?}");
    spec
}

fn input(key: &str) -> SymbolInfo {
    SymbolInfo { key: key.to_owned(), target: false, rows: None, mark: None }
}

fn target(key: &str, mark: Option<Mark>) -> SymbolInfo {
    SymbolInfo { key: key.to_owned(), target: true, rows: None, mark }
}

/// `x` and the target `y` from a CSV called a.csv.
fn try_csv(text: &str, line: &str, mark: Option<Mark>) -> Result<Loaded, Error> {
    let folder = Folder::with(&[("a.csv", text.as_bytes())]);
    load(folder.path(), &spec(line), &[input("x"), target("y", mark)], 0)
}

fn csv(text: &str, line: &str, mark: Option<Mark>) -> Loaded {
    try_csv(text, line, mark).unwrap_or_else(|e| panic!("{line}: {e}"))
}

/// What is said of a line that does not fit.
fn said(text: &str, line: &str, mark: Option<Mark>) -> String {
    match try_csv(text, line, mark) {
        Ok(_) => panic!("{line}: no error"),
        Err(e) => message(&e),
    }
}

fn message(e: &Error) -> String {
    let Error::Diagnostics(all) = e else { return e.to_string() };
    let one = |d: &chainrule_graph::diag::Diagnostic| {
        let hints: Vec<&str> = d.hints.iter().map(|h| h.text.as_str()).collect();
        format!(
            "{:?} {} | {} | {}",
            d.code,
            d.message,
            d.notes.join("; "),
            hints.join("; ")
        )
    };
    all.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The rows of a symbol; an index as one number.
fn rows(data: &Dataset, symbol: &str) -> Vec<Vec<f64>> {
    match data.array(symbol).unwrap() {
        Array::Dense { cols, values } => {
            values.chunks(*cols).map(<[f64]>::to_vec).collect()
        }
        Array::Index { index, .. } => index.iter().map(|&i| vec![f64::from(i)]).collect(),
    }
}
