//! A file of a table, read in blocks of rows onto a shelf.
//!
//! In: a path, how text is read. Out: [`Piece`]: the names of its columns at once, its cells block by
//! block, and the file as it was. Invariants: what comes out is what reading the whole file into memory
//! gives; a file that changes while it is read is refused. Text, plain or packed, `.npy` and Parquet
//! are read in blocks; IDX and `.npz` are read whole first. Deliberately absent: meaning.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chainrule_graph::syntax::settings::DataSpec;
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::arrays::Arrays;
use super::shelf::{Filling, Shelf};
use super::text::Text;
use crate::data::DataFile;
use crate::data::files::{Stamp, on_disk, sum};
use crate::data::source::{GZIP, Source, read_one};
use crate::error::{DataProblem, Error};

/// A file that is read in blocks.
pub(in crate::data) trait Piece {
    /// The names of its columns.
    fn names(&self) -> &[String];
    /// Whether they were made up.
    fn headerless(&self) -> bool {
        false
    }
    /// Whether its columns are named one by one, as in a text, and are no entries of an array.
    fn named(&self) -> bool {
        false
    }
    /// Puts its cells on a shelf; the sum of its bytes, if it has seen all of them.
    fn fill(&mut self, shelves: &Shelves<'_>) -> Result<(Shelf, Option<String>), Error>;
}

/// How shelves are filled.
pub(in crate::data) struct Shelves<'a> {
    /// Where.
    pub(in crate::data) folder: &'a Path,
    /// The columns that are kept.
    pub(in crate::data) kept: &'a [bool],
    /// Rows of a block.
    pub(in crate::data) block: usize,
}

impl Shelves<'_> {
    /// A shelf with nothing on it.
    pub(in crate::data) fn begin<'n>(
        &self,
        names: (&'n str, &'n [String]),
        lines: bool,
    ) -> Result<Filling<'n>, Error> {
        Filling::new(names, self.folder, self.kept, lines, self.block)
    }
}

/// A file on the way to a shelf.
pub(super) struct Opened {
    /// As the `data:` line names it.
    pub(super) name: String,
    path: PathBuf,
    before: Stamp,
    pub(super) piece: Box<dyn Piece>,
}

impl Opened {
    /// Opens one of the files that stand side by side; the columns `text` are words.
    pub(super) fn new(
        folder: &Path,
        file: &str,
        spec: &DataSpec,
        text: &[String],
    ) -> Result<Self, Error> {
        let path = folder.join(on_disk(file));
        let fail = |e: io::Error| Error::read(&path, e);
        let opened = File::open(&path).map_err(fail)?;
        if !opened.metadata().map_err(fail)?.is_file() {
            let message = "a cache is made of files, and this is none";
            let problem = DataProblem::new(file, message);
            return Err(problem.way_out("leave out `--cache`").into());
        }
        let before = Stamp::of(&opened).map_err(fail)?;
        let piece = piece(folder, (&path, file), spec, text)?;
        Ok(Self { name: file.to_owned(), path, before, piece })
    }

    /// Reads it, and tells what it was.
    pub(super) fn fill(mut self, to: &Shelves<'_>) -> Result<(Shelf, DataFile), Error> {
        let (shelf, known) = self.piece.fill(to)?;
        let fail = |e: io::Error| Error::read(&self.path, e);
        let sha256 = match known {
            Some(sum) => Some(sum),
            None => sum(&self.path).map_err(fail)?,
        };
        let after = File::open(&self.path).and_then(|file| Stamp::of(&file));
        let after = after.map_err(fail)?;
        if after != self.before {
            return Err(changed(&self.path));
        }
        let file = on_disk(&self.name);
        Ok((shelf, DataFile { file, sha256, stamp: Some(after) }))
    }
}

/// A file that is another at the end of reading than at its beginning.
pub(super) fn changed(path: &Path) -> Error {
    Error::Mismatch {
        field: path.display().to_string(),
        expected: "a file that stays as it is while it is read".into(),
        found: "one that has changed meanwhile".into(),
    }
}

fn piece(
    folder: &Path,
    (path, name): (&Path, &str),
    spec: &DataSpec,
    text: &[String],
) -> Result<Box<dyn Piece>, Error> {
    let (packed, first) = begin(path).map_err(|e| Error::read(path, e))?;
    if first.is_empty() && !packed {
        return Err(DataProblem::new(name, "the file is empty").into());
    }
    if !packed && first.starts_with(b"\x93NUMPY") {
        return Ok(Box::new(Arrays::open(path, name)?));
    }
    if is_binary(&first) {
        return Ok(Box::new(Whole::read(folder, name, spec, text)?));
    }
    #[cfg(feature = "parquet")]
    if first.starts_with(b"PAR1") {
        return Ok(Box::new(crate::data::parquet::Columns::open(path, name)?));
    }
    crate::data::source::refuse_foreign(&first, name)?;
    Ok(Box::new(Text::open(path, name, spec, text)?))
}

/// The formats that are no text, besides Parquet.
fn is_binary(first: &[u8]) -> bool {
    let idx = first.len() >= 4
        && first.starts_with(&[0, 0])
        && crate::data::idx::is_type(first[2]);
    idx || first.starts_with(b"\x93NUMPY")
        || first.starts_with(b"PK\x03\x04")
        || first.starts_with(b"PK\x05\x06")
}

/// Whether a file is packed, and its first bytes, unpacked.
fn begin(path: &Path) -> io::Result<(bool, Vec<u8>)> {
    let mut first = Vec::new();
    File::open(path)?.take(8).read_to_end(&mut first)?;
    if !first.starts_with(GZIP) {
        return Ok((false, first));
    }
    first.clear();
    // Damage is told by whoever reads the whole.
    let _ = MultiGzDecoder::new(File::open(path)?).take(8).read_to_end(&mut first);
    Ok((true, first))
}

/// A file that is read whole.
struct Whole {
    source: Source,
    names: Vec<String>,
}

impl Whole {
    fn read(
        folder: &Path,
        name: &str,
        spec: &DataSpec,
        text: &[String],
    ) -> Result<Self, Error> {
        let source = read_one(folder, name, spec, text)?;
        let names = source.columns.iter().map(|c| c.name.clone()).collect();
        Ok(Self { source, names })
    }
}

impl Piece for Whole {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn fill(&mut self, to: &Shelves<'_>) -> Result<(Shelf, Option<String>), Error> {
        let mut filling = to.begin((&self.source.name, &self.names), false)?;
        let text = (0..self.names.len()).filter(|&c| self.source.columns[c].is_text());
        text.for_each(|column| filling.say_text(column));
        let columns = self.source.columns.drain(..).map(|c| c.cells);
        let cells: Vec<_> = columns.collect();
        for first in (0..self.source.rows).step_by(to.block) {
            let rows = to.block.min(self.source.rows - first);
            filling.add(&cells, (first, rows), &[])?;
        }
        Ok((filling.finish(), None))
    }
}

/// A file that is summed up while it is read.
pub(super) struct Summed {
    file: File,
    sum: Sha256,
}

impl Summed {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, sum: Sha256::new() })
    }

    /// Reads what is left, and gives the sum of all bytes.
    pub(super) fn finish(mut self) -> io::Result<String> {
        let mut block = vec![0; 1 << 18];
        while self.read(&mut block)? > 0 {}
        Ok(crate::store::hex(&self.sum.finalize()))
    }
}

impl Read for Summed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(into)?;
        self.sum.update(&into[..n]);
        Ok(n)
    }
}
