//! A file, or several side by side, → [`Source`]: named columns of typed cells.
//!
//! In: a folder, what the `data:` line calls the file, and how to read it. Out: columns of numbers,
//! bytes or words, each cell with its place in the file. The format is told by the first bytes,
//! never by the name: gzip round anything, IDX, `.npy`, `.npz`, Parquet (if it was built in), else text
//! (CSV).
//!
//! Names of columns without a header: a text file `1`, `2`, … ; IDX images `pixel1` …, IDX labels
//! `label`; `a.npy` with several columns `a1` …, with one column `a`; `.npz` likewise by key.
//! Invariant: names are unique, and all columns have `rows` cells. Deliberately absent: meaning;
//! what a column is for is decided in `prepare`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use chainrule_graph::syntax::settings::DataSpec;
use flate2::read::MultiGzDecoder;

use super::{idx, npy, npz, table};
use crate::error::{DataProblem, Error};
use crate::limits;

/// A table: `rows` cells in each of the columns.
#[derive(Clone, Debug)]
pub struct Source {
    /// As the user named it.
    pub name: String,
    /// Number of rows.
    pub rows: usize,
    /// In the order of the file.
    pub columns: Vec<RawColumn>,
    /// Whether the names of the columns were made up, as there was no header.
    pub headerless: bool,
    pub(crate) parts: Vec<Part>,
    /// The place of its first row in the whole table: 0, but for a block of one.
    pub(crate) first: usize,
}

/// One of the files that stand side by side.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Of a text file: the line of each row; none of a Parquet file, whose columns have names too.
    pub(crate) lines: Option<Vec<u32>>,
}

/// A column as it stands in the file.
#[derive(Clone, Debug)]
pub struct RawColumn {
    /// Its name.
    pub name: String,
    /// What stands in it.
    pub cells: Cells,
    pub(crate) part: usize,
}

/// The cells of a column, by type.
#[derive(Clone, Debug)]
pub enum Cells {
    /// Numbers; NaN is a missing cell.
    Number(Strided<f64>),
    /// Whole numbers 0..255; none is missing.
    Byte(Strided<u8>),
    /// Words; at least one cell is no number, or the reader asked for words.
    Text(Words),
}

/// Every `step`-th entry of shared data: a column of a row-major matrix without a copy.
#[derive(Clone, Debug)]
pub struct Strided<T> {
    pub(crate) data: Arc<Vec<T>>,
    pub(crate) first: usize,
    pub(crate) step: usize,
}

impl<T: Copy> Strided<T> {
    /// The entry of row `row`.
    #[must_use]
    pub fn get(&self, row: usize) -> T {
        self.data[self.first + row * self.step]
    }
}

/// Text cells: an index into the distinct words, in order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// One per row; [`MISSING`] where the cell is missing.
    pub index: Vec<u32>,
    /// The distinct words; shared by the blocks of a table.
    pub words: Arc<Vec<String>>,
}

/// The index of a missing text cell.
pub const MISSING: u32 = u32::MAX;

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing there.
    Missing,
    /// A number, perhaps infinite.
    Number(f64),
    /// Anything else.
    Text(&'a str),
}

impl RawColumn {
    /// A column of numbers; NaN is a missing cell.
    #[must_use]
    pub fn numbers(name: impl Into<String>, cells: Vec<f64>) -> Self {
        let cells = Strided { data: Arc::new(cells), first: 0, step: 1 };
        Self { name: name.into(), cells: Cells::Number(cells), part: 0 }
    }

    /// A column of words; `None` is a missing cell.
    #[must_use]
    pub fn words<'a>(
        name: impl Into<String>,
        cells: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Self {
        let mut builder = table::WordsBuilder::default();
        for cell in cells {
            builder.push(cell);
        }
        Self { name: name.into(), cells: Cells::Text(builder.finish()), part: 0 }
    }

    /// The cell of row `row`.
    #[must_use]
    pub fn cell(&self, row: usize) -> Cell<'_> {
        match &self.cells {
            Cells::Number(numbers) if numbers.get(row).is_nan() => Cell::Missing,
            Cells::Number(numbers) => Cell::Number(numbers.get(row)),
            Cells::Byte(bytes) => Cell::Number(f64::from(bytes.get(row))),
            Cells::Text(text) => match text.words.get(text.index[row] as usize) {
                Some(word) => Cell::Text(word),
                None => Cell::Missing,
            },
        }
    }

    /// Whether the cell of row `row` is missing.
    #[must_use]
    pub fn is_missing(&self, row: usize) -> bool {
        self.cell(row) == Cell::Missing
    }

    /// Whether the column holds words.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.cells, Cells::Text(_))
    }
}

impl Source {
    /// A table from memory.
    ///
    /// # Errors
    /// [`Error::Data`] for columns of different length, two of one name, or none.
    pub fn from_columns(name: &str, columns: Vec<RawColumn>) -> Result<Self, Error> {
        let rows = |c: &RawColumn| match &c.cells {
            Cells::Number(n) => n.data.len(),
            Cells::Byte(b) => b.data.len(),
            Cells::Text(t) => t.index.len(),
        };
        let Some(first) = columns.first().map(rows) else {
            return Err(DataProblem::new(name, "no columns").into());
        };
        if let Some(odd) = columns.iter().find(|c| rows(c) != first) {
            let message = format!("expected {first} rows, found {}", rows(odd));
            return Err(DataProblem::new(name, message).column(&odd.name).into());
        }
        let part = Part { name: name.to_owned(), lines: None };
        let source = Self {
            name: name.to_owned(),
            rows: first,
            columns,
            headerless: false,
            parts: vec![part],
            first: 0,
        };
        source.checked()
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&RawColumn> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The place of the column of that name, else of that number.
    pub(super) fn named_or_numbered(&self, name: &str) -> Option<usize> {
        let by_name = self.columns.iter().position(|c| c.name == name);
        let number = || name.parse::<usize>().ok()?.checked_sub(1);
        by_name.or_else(number).filter(|&at| at < self.columns.len())
    }

    /// A problem in one cell: names file, line and column.
    pub(crate) fn problem(
        &self,
        column: &RawColumn,
        row: usize,
        message: impl Into<String>,
    ) -> DataProblem {
        let part = &self.parts[column.part];
        let place = match part.lines.as_ref().and_then(|l| l.get(row)) {
            Some(line) => format!("line {line}"),
            None => format!("row {}", self.first + row + 1),
        };
        DataProblem::new(&part.name, message).at(place).column(&column.name)
    }

    pub(super) fn checked(self) -> Result<Self, Error> {
        let mut names: Vec<(&str, usize)> =
            self.columns.iter().enumerate().map(|(i, c)| (c.name.as_str(), i)).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0].0 == pair[1].0);
        if let Some(pair) = twice {
            let (name, a, b) = (pair[0].0, pair[0].1 + 1, pair[1].1 + 1);
            let message =
                format!("two columns are called `{name}`: number {a} and number {b}");
            let problem = DataProblem::new(&self.name, message).way_out(
                "rename one of them in the header, or give names with `no header`",
            );
            return Err(problem.into());
        }
        Ok(self)
    }

    fn beside(mut self, mut other: Self) -> Result<Self, Error> {
        if self.rows != other.rows {
            let message = format!(
                "expected {} rows as in {}, found {}",
                self.rows, self.name, other.rows
            );
            return Err(DataProblem::new(&other.name, message)
                .way_out("files joined by ` + ` stand side by side, row by row")
                .into());
        }
        for column in &mut other.columns {
            column.part += self.parts.len();
        }
        self.name = format!("{} + {}", self.name, other.name);
        self.parts.append(&mut other.parts);
        self.columns.append(&mut other.columns);
        self.headerless |= other.headerless;
        Ok(self)
    }
}

/// Reads the file of a `data:` line: `file` is relative to `folder` and may join several files by
/// ` + `; `spec` says how text is read (header, separator, missing, strip).
///
/// # Errors
/// [`Error::Read`] if a file cannot be opened; [`Error::Data`] if it is empty, damaged, ragged,
/// not UTF-8, or has two columns of one name.
pub fn read_source(folder: &Path, file: &str, spec: &DataSpec) -> Result<Source, Error> {
    read_as(folder, file, spec, &[])
}

/// As [`read_source`]; the columns `text` are read as words even if all are numbers.
pub(crate) fn read_as(
    folder: &Path,
    file: &str,
    spec: &DataSpec,
    text: &[String],
) -> Result<Source, Error> {
    let mut joined: Option<Source> = None;
    for part in file.split(" + ") {
        let next = read_one(folder, part.trim(), spec, text)?;
        joined = Some(match joined {
            None => next,
            Some(before) => before.beside(next)?,
        });
    }
    let nothing = || Error::from(DataProblem::new(file, "no file is named"));
    joined.ok_or_else(nothing)?.checked()
}

/// One of the files that stand side by side.
pub(super) fn read_one(
    folder: &Path,
    file: &str,
    spec: &DataSpec,
    text: &[String],
) -> Result<Source, Error> {
    let (path, key) = match file.split_once(".npz:") {
        Some((stem, key)) => (format!("{stem}.npz"), Some(key)),
        None => (file.to_owned(), None),
    };
    let bytes = read_bytes(&folder.join(&path), &path)?;
    read_slice(&bytes, &path, key, spec, text)
}

/// Reads a table from memory, of any of the formats; `name` stands in messages.
///
/// # Errors
/// As [`read_source`], without those of opening.
pub fn read_from_bytes(
    bytes: &[u8],
    name: &str,
    spec: &DataSpec,
) -> Result<Source, Error> {
    from_memory(bytes, name, spec, &[])
}

/// As [`read_from_bytes`]; the columns `text` are read as words even if all are numbers.
pub(crate) fn from_memory(
    bytes: &[u8],
    name: &str,
    spec: &DataSpec,
    text: &[String],
) -> Result<Source, Error> {
    let unpacked;
    let mut bytes = bytes;
    if bytes.starts_with(GZIP) {
        unpacked = unpack(bytes, name)?;
        bytes = &unpacked;
    }
    read_slice(bytes, name, None, spec, text)?.checked()
}

fn read_slice(
    bytes: &[u8],
    name: &str,
    key: Option<&str>,
    spec: &DataSpec,
    text: &[String],
) -> Result<Source, Error> {
    if bytes.is_empty() {
        return Err(DataProblem::new(name, "the file is empty").into());
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return npz::read(bytes, name, key);
    }
    if bytes.starts_with(b"\x93NUMPY") {
        return npy::read(bytes, name, &stem(name));
    }
    if bytes.len() >= 4 && bytes.starts_with(&[0, 0]) && idx::is_type(bytes[2]) {
        return idx::read(bytes, name);
    }
    #[cfg(feature = "parquet")]
    if bytes.starts_with(b"PAR1") {
        return super::parquet::read(bytes, name);
    }
    refuse_foreign(bytes, name)?;
    table::read(bytes, name, spec, text)
}

pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];

fn read_bytes(path: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut f| f.read_to_end(&mut bytes));
    read.map_err(|source| Error::read(path, source))?;
    if bytes.starts_with(GZIP) { unpack(&bytes, name) } else { Ok(bytes) }
}

fn unpack(bytes: &[u8], name: &str) -> Result<Vec<u8>, Error> {
    // One byte more than may come is asked for, so that more is seen.
    let most = limits::unpacked(bytes.len());
    let mut unpacked = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(most as u64 + 1);
    match decoder.read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() > most => Err(bomb(name, bytes.len(), most)),
        Ok(_) => Ok(unpacked),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Err(DataProblem::new(name, "the gzip file is cut short")
                .way_out("fetch or copy it again")
                .into())
        }
        Err(e) => Err(DataProblem::new(name, format!("the gzip file is damaged ({e})"))
            .way_out("fetch or copy it again")
            .into()),
    }
}

/// A small file that would fill the memory.
pub(super) fn bomb(name: &str, packed: usize, most: usize) -> Error {
    let message = format!(
        "{packed} packed bytes would unpack to more than {most}, the limit for a file of \
         this size"
    );
    let way_out =
        "if it is meant, unpack it yourself (`gunzip`; for .npz save plain .npy)";
    DataProblem::new(name, message).way_out(way_out).into()
}

/// A table that is wider than any is believed to be.
pub(super) fn too_wide(name: &str, columns: usize) -> DataProblem {
    let message = format!("{columns} columns; the limit is {}", limits::COLUMNS);
    DataProblem::new(name, message)
        .way_out("is it written with rows and columns exchanged?")
}

/// Formats that are known and not read here get a sentence of their own.
pub(super) fn refuse_foreign(bytes: &[u8], name: &str) -> Result<(), Error> {
    let (what, way_out) = if bytes.starts_with(b"PAR1") {
        (
            "a Parquet file",
            "it is read by a chainrule that was built with `--features parquet`; or write it as \
             CSV or .npz",
        )
    } else if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        ("text in UTF-16", "save it as UTF-8")
    } else if bytes.starts_with(b"\x89HDF") {
        ("an HDF5 file", "write it as CSV or .npz")
    } else {
        return Ok(());
    };
    let message = format!("expected CSV, IDX, .npy or .npz, found {what}");
    Err(DataProblem::new(name, message).way_out(way_out).into())
}

/// The name of a file without folder and endings.
pub(super) fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.split('.').next().unwrap_or(file).to_owned()
}
