//! Data larger than memory: a first pass writes encoded rows to disk, epochs read them block by block.
//!
//! ```text
//! file ─ piece ─▶ shelf (cells, column by column) ─ learn ─▶ Preparation
//!                   └──────────────── PartEncoder ─▶ rows (the cache) ─▶ CachedPart
//! ```
//! In: a `data:` line, a folder. Out: [`Cached`]: the recipe and the parts, as [`super::load`] gives them,
//! bit for bit, with the rows on disk. Invariants: memory does not grow with the file, but for one bit
//! a row and part, the words of text columns and the places of blocks; a cache of other data, settings
//! or a damaged one is made anew, aloud. Deliberately absent: memory maps; the order of rows (`train`).

mod arrays;
mod build;
mod piece;
mod rows;
mod scratch;
mod shelf;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chainrule_graph::diag::{Code, Diagnostic};
use chainrule_graph::syntax::ast::Precision;
use chainrule_graph::syntax::settings::{DataSpec, print_data};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DataFile, Preparation, Report, SymbolInfo};
use crate::error::Error;
use rows::RowFile;

pub use rows::{CachedPart, read_rows};
pub(crate) use scratch::Scratch;
#[cfg(feature = "parquet")]
pub(super) use {
    piece::{Piece, Shelves},
    shelf::Shelf,
};

/// Bytes of a block of encoded rows: large enough to be read at full speed, small enough that a
/// window mixes many.
const BLOCK: usize = 256 << 10;

/// The window where nothing is said.
pub const WINDOW: Window = Window::Bytes(256 << 20);

/// Where a cache is and how much of it is held in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caching {
    /// The folder of caches.
    pub folder: PathBuf,
    /// Rows that are shuffled together; if the training part is not larger, the training is that of
    /// data in memory, bit for bit.
    pub window: Window,
    /// Bytes of a block; the order of the rows depends on it.
    pub block: usize,
}

impl Caching {
    /// In a folder, with the usual window.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), window: WINDOW, block: BLOCK }
    }
}

/// How many rows are held in memory at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// As many.
    Rows(usize),
    /// As many as these bytes hold.
    Bytes(usize),
}

impl Window {
    /// `50000 rows`, `50000`, `64 MiB`, `1 GiB`, `500 MB`; `None` for something else and for nothing.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let number: usize = digits.parse().ok().filter(|&n| n > 0)?;
        let unit = text[digits.len()..].trim().to_ascii_lowercase();
        let bytes = |unit: usize| number.checked_mul(unit).map(Self::Bytes);
        match unit.as_str() {
            "" | "row" | "rows" => Some(Self::Rows(number)),
            "kb" => bytes(1_000),
            "kib" => bytes(1 << 10),
            "mb" => bytes(1_000_000),
            "mib" => bytes(1 << 20),
            "gb" => bytes(1_000_000_000),
            "gib" => bytes(1 << 30),
            _ => None,
        }
    }
}

/// What the rows of a cache are made of, besides files.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The folder of the `.chain` file.
    pub folder: &'a Path,
    /// The `data:` line.
    pub spec: &'a DataSpec,
    /// The symbols of the model.
    pub symbols: &'a [SymbolInfo],
    /// The seed of `hold out`.
    pub seed: u64,
    /// The number type of the run.
    pub precision: Precision,
}

/// The parts of a `data:` line, in a cache.
#[derive(Debug)]
pub struct Cached {
    /// The recipe, to be stored with the model.
    pub preparation: Preparation,
    /// What was done to the training file.
    pub report: Report,
    /// The rows to train on.
    pub train: CachedPart,
    /// The rows of `hold out`.
    pub held_out: Option<CachedPart>,
    /// `validate FILE`.
    pub validate: Option<CachedPart>,
    /// `test FILE`.
    pub test: Option<CachedPart>,
    /// The files as they were read.
    pub files: Vec<DataFile>,
    /// The cache.
    pub path: PathBuf,
    /// How it was asked for.
    pub caching: Caching,
}

impl Cached {
    /// Opens the cache of a `data:` line, or makes it; what is done is told.
    ///
    /// # Errors
    /// As [`super::load`]; [`Error::Write`] if the disk does not take it; [`Error::Mismatch`] if a file
    /// changes while it is read.
    pub fn open(
        wanted: &Wanted<'_>,
        caching: &Caching,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let Some(file) = &wanted.spec.file else {
            let text = "the data: line names no file";
            let d = Diagnostic::error(Code::T1, wanted.spec.span, text)
                .hint("write it first: `data: FILE, x = *, y = COLUMN`");
            return Err(Error::Diagnostics(vec![d]));
        };
        let made_of = wanted.words(caching);
        let path = caching.folder.join(name(file, &made_of));
        if let Some(cached) = whole(&path, &made_of, wanted, caching, say) {
            say(&format!("{}: used again", path.display()));
            return Ok(cached);
        }
        say(&format!("{file} is read into {}", path.display()));
        build::build(wanted, caching, (&made_of, &path), say)?;
        Self::of(Arc::new(RowFile::open(&path)?), caching)
    }

    fn of(file: Arc<RowFile>, caching: &Caching) -> Result<Self, Error> {
        let part = |name: &str| CachedPart::new(&file, name, caching.window);
        let corrupt = || Error::Corrupt {
            path: file.path.clone(),
            what: "its parts are not those of its recipe".into(),
        };
        let train = part("train").filter(|train| train.report().is_some());
        let train = train.ok_or_else(corrupt)?;
        let directory = &file.directory;
        let columns = build::columns(&directory.preparation, train.about());
        if directory.parts.iter().any(|p| p.columns != columns || p.rows == 0) {
            return Err(corrupt());
        }
        Ok(Self {
            preparation: directory.preparation.clone(),
            report: train.report().cloned().unwrap_or_default(),
            held_out: part("held out"),
            validate: part("validation"),
            test: part("test"),
            files: directory.files.clone(),
            path: file.path.clone(),
            caching: caching.clone(),
            train,
        })
    }

    /// All parts.
    fn parts(&self) -> impl Iterator<Item = &CachedPart> {
        let more = [&self.held_out, &self.validate, &self.test];
        std::iter::once(&self.train).chain(more.into_iter().flatten())
    }
}

/// The cache that is there, if it is whole and of these files.
fn whole(
    path: &Path,
    made_of: &str,
    wanted: &Wanted<'_>,
    caching: &Caching,
    say: &mut dyn FnMut(&str),
) -> Option<Cached> {
    if !path.exists() {
        return None;
    }
    let opened = RowFile::open(path).and_then(|file| {
        let same = file.directory.made_of == made_of;
        let files = &file.directory.files;
        let changed = files.iter().find(|f| f.unchanged(wanted.folder).is_err());
        let changed = changed.map(|f| f.file.clone());
        let cached = Cached::of(Arc::new(file), caching)?;
        cached.parts().try_for_each(CachedPart::check)?;
        Ok((cached, changed.filter(|_| same), same))
    });
    match opened {
        Ok((cached, None, true)) => Some(cached),
        Ok((_, changed, _)) => {
            let file = changed.unwrap_or_else(|| "the data: line".into());
            say(&format!(
                "{file} has changed since {} was made: it is made anew",
                path.display()
            ));
            None
        }
        Err(error) => {
            say(&format!("{error}: it is made anew"));
            None
        }
    }
}

impl Wanted<'_> {
    /// Everything but the files that the rows depend on.
    fn words(&self, caching: &Caching) -> String {
        // The seed only draws what is held out.
        let draws = self.spec.hold_out.as_ref().is_some_and(|hold| !hold.last);
        let seed = if draws { self.seed } else { 0 };
        let symbol =
            |s: &SymbolInfo| format!("{} {} {:?} {:?}", s.key, s.target, s.rows, s.mark);
        let symbols: Vec<String> = self.symbols.iter().map(symbol).collect();
        // Two projects may share a folder of caches and the names of their files.
        let folder = self.folder.canonicalize().unwrap_or(self.folder.to_owned());
        format!(
            "{}\n{}\n{}\nseed {seed}, {:?}, blocks of {} bytes\n",
            folder.display(),
            print_data(self.spec),
            symbols.join("\n"),
            self.precision,
            caching.block
        )
    }
}

/// The name of a cache: that of the data, and what the rows are made of as a sum.
fn name(file: &str, made_of: &str) -> String {
    let first = file.split(" + ").next().unwrap_or(file);
    let stem = super::source::stem(first.trim());
    let sum = crate::store::hex(&Sha256::digest(made_of));
    format!("{stem}-{}.rows", &sum[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_as_rows_and_as_bytes() {
        let cases = [
            ("5000", Some(Window::Rows(5000))),
            ("1 row", Some(Window::Rows(1))),
            ("64 MiB", Some(Window::Bytes(64 << 20))),
            ("2gib", Some(Window::Bytes(2 << 30))),
            ("3 MB", Some(Window::Bytes(3_000_000))),
            ("0", None),
            ("-5", None),
            ("many", None),
            ("5 parsecs", None),
            ("99999999999 GiB", None),
            ("1.5 GiB", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(Window::read(text), wanted, "{text}");
        }
    }
}
