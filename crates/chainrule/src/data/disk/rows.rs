//! The cache itself: encoded rows of the parts of a `data:` line, in one file.
//!
//! ```text
//! magic │ block │ block │ … │ directory (JSON) │ its length │ its SHA-256 │ magic
//! ```
//! In: blocks of encoded rows, and what is to be known of them. Out: the same, block by block, by
//! positional reads. A block holds one symbol after the other, row by row: inputs in the number type of
//! the run, targets and weights in f64, one-hot symbols as an index. Invariants: the file is written
//! aside and renamed; every block has a CRC-32 and is held against it whenever it is read; what the
//! directory promises is believed only as far as there are bytes. Deliberately absent: memory maps.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Crc;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::scratch::read_at;
use crate::data::{Array, DataFile, Dataset, Preparation, Report};
use crate::error::Error;
use crate::limits;

/// Of this version; another one is another cache.
pub(super) const MAGIC: &[u8; 16] = b"chainrule rows 1";
/// Length of the directory, its sum, the magic again.
const TRAILER: usize = 8 + 32 + 16;

/// What stands at the end of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Directory {
    /// Everything but the files that the rows depend on, in words.
    pub(super) made_of: String,
    pub(super) files: Vec<DataFile>,
    pub(super) preparation: Preparation,
    pub(super) parts: Vec<About>,
}

/// One part.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) name: String,
    pub(super) rows: usize,
    /// Rows of a block; the last one may have fewer.
    pub(super) block: usize,
    pub(super) columns: Vec<Columns>,
    pub(super) weights: bool,
    /// Where its blocks begin, and their sums.
    pub(super) offsets: Vec<u64>,
    pub(super) sums: Vec<u32>,
    pub(super) report: Option<Report>,
}

/// One symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Columns {
    pub(super) key: String,
    pub(super) entries: usize,
    pub(super) kind: Kind,
}

/// How an entry lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Index,
    F32,
    F64,
}

impl Columns {
    /// Bytes of a row.
    fn width(&self) -> usize {
        match self.kind {
            Kind::Index => 4,
            Kind::F32 => self.entries.saturating_mul(4),
            Kind::F64 => self.entries.saturating_mul(8),
        }
    }
}

impl About {
    /// Bytes of a row.
    pub(super) fn width(&self) -> usize {
        let columns = self.columns.iter().map(Columns::width);
        columns.fold(if self.weights { 8 } else { 0 }, usize::saturating_add)
    }

    fn rows_of(&self, block: usize) -> usize {
        self.block.min(self.rows - block * self.block)
    }

    /// Whether it can be read from a file of that many bytes.
    fn fits(&self, bytes: u64) -> bool {
        let blocks = self.rows.checked_div(self.block).map(|_| {
            self.rows.div_ceil(self.block) == self.offsets.len()
                && self.offsets.len() == self.sums.len()
        });
        let there = |(number, offset): (usize, &u64)| {
            let size = (self.rows_of(number) as u64).checked_mul(self.width() as u64);
            let end = size.and_then(|size| offset.checked_add(size));
            end.is_some_and(|end| end <= bytes)
        };
        let sizes = self.columns.iter().all(|c| c.entries > 0);
        sizes && blocks == Some(true) && self.offsets.iter().enumerate().all(there)
    }
}

/// A cache that is being written.
pub(super) struct Writer<'w> {
    out: &'w mut dyn Write,
    at: u64,
    bytes: Vec<u8>,
}

impl<'w> Writer<'w> {
    pub(super) fn new(out: &'w mut dyn Write) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        Ok(Self { out, at: MAGIC.len() as u64, bytes: Vec::new() })
    }

    /// Writes the rows `from..` of the data, at most a block of them, as the next block of the part.
    pub(super) fn block(
        &mut self,
        part: &mut About,
        data: &Dataset,
        from: usize,
    ) -> io::Result<usize> {
        let rows = part.block.min(data.rows - from);
        self.bytes.clear();
        for (columns, (_, array)) in part.columns.iter().zip(&data.arrays) {
            array_bytes(&mut self.bytes, columns.kind, array, from..from + rows);
        }
        if let Some(weights) = &data.weights {
            let weights = &weights[from..from + rows];
            self.bytes.extend(weights.iter().flat_map(|w| w.to_le_bytes()));
        }
        self.out.write_all(&self.bytes)?;
        part.offsets.push(self.at);
        part.sums.push(crc(&self.bytes));
        part.rows += rows;
        self.at += self.bytes.len() as u64;
        Ok(rows)
    }

    pub(super) fn finish(self, directory: &Directory) -> io::Result<()> {
        let text = serde_json::to_vec(directory)?;
        self.out.write_all(&text)?;
        self.out.write_all(&(text.len() as u64).to_le_bytes())?;
        self.out.write_all(&Sha256::digest(&text))?;
        self.out.write_all(MAGIC)
    }
}

fn array_bytes(
    bytes: &mut Vec<u8>,
    kind: Kind,
    array: &Array,
    rows: std::ops::Range<usize>,
) {
    match array {
        Array::Index { index, .. } => {
            bytes.extend(index[rows].iter().flat_map(|i| i.to_le_bytes()));
        }
        Array::Dense { cols, values } => {
            let values = &values[rows.start * cols..rows.end * cols];
            match kind {
                Kind::F32 => {
                    bytes.extend(values.iter().flat_map(|v| (*v as f32).to_le_bytes()));
                }
                _ => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            }
        }
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A cache on disk, open for reading.
#[derive(Debug)]
pub(super) struct RowFile {
    pub(super) path: PathBuf,
    file: File,
    pub(super) directory: Directory,
}

impl RowFile {
    /// # Errors
    /// [`Error::Read`]; [`Error::Corrupt`] if it is not whole.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let fail = |e: io::Error| Error::read(path, e);
        let file = File::open(path).map_err(fail)?;
        let bytes = file.metadata().map_err(fail)?.len();
        let directory = read_directory(&file, bytes).map_err(fail)?;
        let whole = directory.filter(|d| d.parts.iter().all(|part| part.fits(bytes)));
        let Some(directory) = whole else {
            return Err(corrupt(path, "its directory is cut short or damaged"));
        };
        Ok(Self { path: path.to_owned(), file, directory })
    }
}

fn corrupt(path: &Path, what: &str) -> Error {
    Error::Corrupt { path: path.to_owned(), what: what.to_owned() }
}

/// `None` if it is not whole.
fn read_directory(file: &File, bytes: u64) -> io::Result<Option<Directory>> {
    let Some(end) = bytes.checked_sub(TRAILER as u64) else { return Ok(None) };
    let mut trailer = [0; TRAILER];
    read_at(file, end, &mut trailer)?;
    let (length, rest) = trailer.split_at(8);
    let (sum, magic) = rest.split_at(32);
    let length = length.iter().rev().fold(0_u64, |n, &b| n << 8 | u64::from(b));
    let begins = end.checked_sub(length).filter(|_| length <= limits::HEADER as u64);
    let Some(begins) = begins.filter(|_| magic == MAGIC) else { return Ok(None) };
    let mut text = vec![0; length as usize];
    read_at(file, begins, &mut text)?;
    if Sha256::digest(&text)[..] != *sum {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&text).ok())
}

/// One part of a cache.
#[derive(Debug)]
pub struct CachedPart {
    file: Arc<RowFile>,
    part: usize,
    layout: Dataset,
    /// Rows that are held in memory while they are shuffled.
    window: usize,
    bytes: Mutex<Vec<u8>>,
}

impl CachedPart {
    /// The part of that name, with a window of as many rows or bytes; `None` if there is none.
    pub(super) fn new(
        file: &Arc<RowFile>,
        name: &str,
        window: super::Window,
    ) -> Option<Self> {
        let part = file.directory.parts.iter().position(|p| p.name == name)?;
        let about = &file.directory.parts[part];
        let window = match window {
            super::Window::Rows(rows) => rows,
            super::Window::Bytes(bytes) => bytes / about.width().max(1),
        };
        let (file, bytes) = (Arc::clone(file), Mutex::default());
        let layout = empty(about);
        Some(Self { file, part, layout, window, bytes })
    }

    pub(super) fn about(&self) -> &About {
        &self.file.directory.parts[self.part]
    }

    /// Number of examples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.about().rows
    }

    /// Its symbols with their sizes, without values.
    #[must_use]
    pub fn layout(&self) -> &Dataset {
        &self.layout
    }

    /// What was done to its file, if it has one of its own.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.about().report.as_ref()
    }

    /// Rows of a block.
    #[must_use]
    pub fn block_rows(&self) -> usize {
        self.about().block
    }

    /// Blocks of a window: whole ones, at least one.
    #[must_use]
    pub fn window(&self) -> usize {
        let about = self.about();
        match self.window >= about.rows {
            true => about.offsets.len(),
            false => (self.window / about.block).max(1),
        }
    }

    /// The folder of the cache, where there is room.
    pub(crate) fn folder(&self) -> &Path {
        self.file.path.parent().unwrap_or(Path::new("."))
    }

    /// Reads a block in the place of what was there before.
    pub(crate) fn read(&self, block: u32, into: &mut Dataset) -> Result<(), Error> {
        let (about, number) = (self.about(), block as usize);
        let rows = about.rows_of(number);
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.resize(rows * about.width(), 0);
        let read = read_at(&self.file.file, about.offsets[number], &mut bytes);
        read.map_err(|e| self.failed(number, e))?;
        if crc(&bytes) != about.sums[number] {
            return Err(self.damaged(number));
        }
        decode(about, rows, &bytes, into).ok_or_else(|| self.damaged(number))
    }

    fn failed(&self, block: usize, e: io::Error) -> Error {
        match e.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(block),
            _ => Error::read(&self.file.path, e),
        }
    }

    fn damaged(&self, block: usize) -> Error {
        let what = format!(
            "block {block} is not what was written; remove the file, and it is made anew"
        );
        corrupt(&self.file.path, &what)
    }

    /// Walks over the blocks in order.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&Dataset)) -> Result<(), Error> {
        let mut block = self.layout.clone();
        for number in 0..self.about().offsets.len() as u32 {
            self.read(number, &mut block)?;
            visit(&block);
        }
        Ok(())
    }

    /// Whether every block is what was written.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.each(&mut |_| {})
    }
}

/// The arrays of a part, with no rows.
fn empty(about: &About) -> Dataset {
    let array = |c: &Columns| match c.kind {
        Kind::Index => Array::Index { classes: c.entries, index: Vec::new() },
        _ => Array::Dense { cols: c.entries, values: Vec::new() },
    };
    Dataset {
        arrays: about.columns.iter().map(|c| (c.key.clone(), array(c))).collect(),
        weights: about.weights.then(Vec::new),
        ..Dataset::default()
    }
}

/// Bytes of a block → its arrays; `None` for a class that is not there.
fn decode(about: &About, rows: usize, bytes: &[u8], into: &mut Dataset) -> Option<()> {
    if into.arrays.len() != about.columns.len() {
        *into = empty(about);
    }
    into.rows = rows;
    let mut rest = bytes;
    for (columns, (_, array)) in about.columns.iter().zip(&mut into.arrays) {
        let (own, after) = rest.split_at(rows * columns.width());
        rest = after;
        match array {
            Array::Index { classes, index } => {
                index.clear();
                index.extend(own.chunks_exact(4).map(whole));
                if index.iter().any(|&class| class as usize >= *classes) {
                    return None;
                }
            }
            Array::Dense { values, .. } => {
                values.clear();
                match columns.kind {
                    Kind::F32 => values.extend(own.chunks_exact(4).map(single)),
                    _ => values.extend(own.chunks_exact(8).map(double)),
                }
            }
        }
    }
    if let Some(weights) = &mut into.weights {
        weights.clear();
        weights.extend(rest.chunks_exact(8).map(double));
    }
    Some(())
}

fn whole(b: &[u8]) -> u32 {
    u32::from_le_bytes([b[0], b[1], b[2], b[3]])
}

fn single(b: &[u8]) -> f64 {
    f64::from(f32::from_bits(whole(b)))
}

fn double(b: &[u8]) -> f64 {
    f64::from_bits(u64::from(whole(b)) | u64::from(whole(&b[4..])) << 32)
}

/// Reads everything from bytes, as a target of fuzzing does.
#[doc(hidden)]
pub fn read_rows(path: &Path) -> Result<usize, Error> {
    let mut start = [0; 16];
    let file = RowFile::open(path)?;
    let read = (&file.file).read_exact(&mut start);
    read.map_err(|e| Error::read(path, e))?;
    let file = Arc::new(file);
    let names: Vec<&str> =
        file.directory.parts.iter().map(|part| part.name.as_str()).collect();
    let mut rows = 0;
    for name in names {
        if let Some(part) = CachedPart::new(&file, name, super::Window::Rows(1)) {
            part.each(&mut |block| rows += block.rows)?;
        }
    }
    Ok(rows)
}
