//! An array of NumPy (`.npy`), read in blocks of rows.
//!
//! In: a path. Out: blocks of cells, as `npy` makes them of the whole. Invariant: the header is believed
//! only as far as there are bytes. An array that lies column by column is read in as many places as it
//! has columns.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::piece::{Piece, Shelves, Summed};
use super::scratch::read_at;
use super::shelf::Shelf;
use crate::data::npy::{Array, begins, names};
use crate::data::source::{Cells, stem};
use crate::error::{DataProblem, Error};
use crate::limits;

/// An array on disk.
pub(super) struct Arrays {
    path: PathBuf,
    name: String,
    names: Vec<String>,
    array: Array,
    /// Where its entries begin.
    begins: usize,
}

impl Arrays {
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, Error> {
        let (header, bytes) = header(path, name)?;
        let array = Array::new(&header, bytes, name)?;
        let names = names(&stem(name), array.columns);
        let (path, name, begins) = (path.to_owned(), name.to_owned(), header.len());
        Ok(Self { path, name, names, array, begins })
    }

    /// Rows that lie one after the other.
    fn next(&self, file: &mut Summed, rows: usize) -> io::Result<Vec<u8>> {
        let mut data = vec![0; rows * self.array.columns * self.array.width()];
        file.read_exact(&mut data)?;
        Ok(data)
    }

    /// Rows whose entries lie column by column.
    fn gathered(&self, file: &File, first: usize, rows: usize) -> io::Result<Vec<u8>> {
        let width = self.array.width();
        let mut data = vec![0; rows * self.array.columns * width];
        for (column, part) in data.chunks_mut(rows * width).enumerate() {
            let entry = column * self.array.rows + first;
            read_at(file, (self.begins + entry * width) as u64, part)?;
        }
        Ok(data)
    }

    fn blocks(
        &self,
        to: &Shelves<'_>,
        take: &mut dyn FnMut(usize, usize) -> io::Result<Vec<u8>>,
    ) -> Result<Shelf, Error> {
        let mut filling = to.begin((&self.name, &self.names), false)?;
        for first in (0..self.array.rows).step_by(to.block) {
            let rows = to.block.min(self.array.rows - first);
            let data = take(first, rows).map_err(|e| Error::read(&self.path, e))?;
            let cells = self.array.cells(&data);
            if first == 0 && cells.iter().any(|c| matches!(c, Cells::Text(_))) {
                (0..cells.len()).for_each(|column| filling.say_text(column));
            }
            filling.add(&cells, (0, rows), &[])?;
        }
        Ok(filling.finish())
    }
}

/// Everything before the entries, and how many bytes follow.
fn header(path: &Path, name: &str) -> Result<(Vec<u8>, u64), Error> {
    let fail = |e: io::Error| Error::read(path, e);
    let mut file = File::open(path).map_err(fail)?;
    let all = file.metadata().map_err(fail)?.len();
    let mut header = Vec::new();
    (&mut file).take(12).read_to_end(&mut header).map_err(fail)?;
    let begins = begins(&header).filter(|&b| b as u64 <= all && b <= limits::HEADER);
    let Some(begins) = begins else {
        return Err(DataProblem::new(name, "the .npy header is cut short").into());
    };
    let more = begins.saturating_sub(header.len()) as u64;
    (&mut file).take(more).read_to_end(&mut header).map_err(fail)?;
    header.truncate(begins);
    Ok((header, all - begins as u64))
}

impl Piece for Arrays {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn fill(&mut self, to: &Shelves<'_>) -> Result<(Shelf, Option<String>), Error> {
        let fail = |e: io::Error| Error::read(&self.path, e);
        if self.array.fortran {
            let file = File::open(&self.path).map_err(fail)?;
            let shelf =
                self.blocks(to, &mut |first, rows| self.gathered(&file, first, rows))?;
            return Ok((shelf, None));
        }
        let mut file = Summed::open(&self.path).map_err(fail)?;
        let mut header = vec![0; self.begins];
        file.read_exact(&mut header).map_err(fail)?;
        let shelf = self.blocks(to, &mut |_, rows| self.next(&mut file, rows))?;
        Ok((shelf, Some(file.finish().map_err(fail)?)))
    }
}
