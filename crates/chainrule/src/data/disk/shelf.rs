//! The cells of a table on disk, column by column inside of blocks of rows.
//!
//! In: blocks of cells as they are read from a file. Out: the same cells, of any column of any block.
//! Invariants: words are numbered in order of first appearance over all blocks, as in memory; a column
//! nobody asks for is not kept. Deliberately absent: what the cells mean, and the file (`piece`).

use std::path::Path;
use std::sync::Arc;

use super::scratch::Scratch;
use crate::data::blocks::Table;
use crate::data::source::{Cells, RawColumn, Source, Strided, Words};
use crate::data::table::WordsBuilder;
use crate::error::{DataProblem, Error};
use crate::limits;

/// The blocks of one file.
#[derive(Debug)]
pub(in crate::data) struct Shelf {
    scratch: Scratch,
    columns: Vec<Column>,
    /// Whether the lines of the rows are kept too.
    lines: bool,
    /// Rows of a block; the last one may have fewer.
    block: usize,
    rows: usize,
}

#[derive(Debug)]
enum Column {
    /// Not kept; whether it holds words.
    Nothing(bool),
    Number,
    Byte,
    /// The words; while the shelf is filled, their builder knows them.
    Text(Arc<Vec<String>>),
}

impl Column {
    fn width(&self) -> usize {
        match self {
            Self::Nothing(_) => 0,
            Self::Number => 8,
            Self::Byte => 1,
            Self::Text(_) => 4,
        }
    }
}

/// A shelf that is being filled.
pub(in crate::data) struct Filling<'a> {
    file: &'a str,
    names: &'a [String],
    shelf: Shelf,
    words: Vec<WordsBuilder>,
    bytes: Vec<u8>,
}

impl<'a> Filling<'a> {
    /// `kept` tells the columns that will be asked for, `names` what they are called.
    pub(super) fn new(
        (file, names): (&'a str, &'a [String]),
        folder: &Path,
        kept: &[bool],
        lines: bool,
        block: usize,
    ) -> Result<Self, Error> {
        let column = |&kept: &bool| match kept {
            true => Column::Number,
            false => Column::Nothing(false),
        };
        let columns = kept.iter().map(column).collect();
        let scratch = Scratch::new(folder)?;
        let shelf = Shelf { scratch, columns, lines, block, rows: 0 };
        let words = kept.iter().map(|_| WordsBuilder::default()).collect();
        Ok(Self { file, names, shelf, words, bytes: Vec::new() })
    }

    /// Says of a column that is not kept whether it holds words.
    pub(in crate::data) fn say_text(&mut self, column: usize) {
        if let Column::Nothing(text) = &mut self.shelf.columns[column] {
            *text = true;
        }
    }

    /// Adds `rows` rows of the cells, from `first` on; all blocks but the last are whole. Cells of
    /// columns that are not kept are not looked at.
    pub(in crate::data) fn add(
        &mut self,
        cells: &[Cells],
        (first, rows): (usize, usize),
        lines: &[u32],
    ) -> Result<(), Error> {
        let begins = self.shelf.rows == 0;
        self.bytes.clear();
        for (at, cells) in cells.iter().enumerate() {
            if matches!(self.shelf.columns[at], Column::Nothing(_)) {
                continue;
            }
            if begins {
                self.shelf.columns[at] = kind(cells);
            }
            self.column(at, cells, first..first + rows)?;
        }
        if self.shelf.lines {
            self.bytes.extend(lines.iter().flat_map(|line| line.to_le_bytes()));
        }
        self.shelf.scratch.add(&self.bytes)?;
        self.shelf.rows += rows;
        Ok(())
    }

    fn column(
        &mut self,
        at: usize,
        cells: &Cells,
        rows: std::ops::Range<usize>,
    ) -> Result<(), Error> {
        let bytes = &mut self.bytes;
        match cells {
            Cells::Number(numbers) => {
                bytes.extend(rows.flat_map(|row| numbers.get(row).to_le_bytes()));
            }
            Cells::Byte(all) => bytes.extend(rows.map(|row| all.get(row))),
            Cells::Text(text) => {
                let known = &mut self.words[at];
                let numbers: Vec<u32> =
                    text.words.iter().map(|word| known.number(word)).collect();
                let number = |row: usize| {
                    let index = text.index[row] as usize;
                    numbers.get(index).copied().unwrap_or(crate::data::MISSING)
                };
                bytes.extend(rows.flat_map(|row| number(row).to_le_bytes()));
                if known.words.len() > limits::WORDS {
                    return Err(self.too_many(at));
                }
            }
        }
        Ok(())
    }

    fn too_many(&self, column: usize) -> Error {
        let message = format!(
            "more than {} different words; that is the limit of a table read in blocks",
            limits::WORDS
        );
        let name = &self.names[column];
        DataProblem::new(self.file, message)
            .column(name)
            .way_out(format!("leave the column out with `-{name}`"))
            .into()
    }

    pub(in crate::data) fn finish(mut self) -> Shelf {
        for (column, words) in self.shelf.columns.iter_mut().zip(self.words) {
            if let Column::Text(all) = column {
                *all = words.finish().words;
            }
        }
        self.shelf
    }
}

fn kind(cells: &Cells) -> Column {
    match cells {
        Cells::Number(_) => Column::Number,
        Cells::Byte(_) => Column::Byte,
        Cells::Text(_) => Column::Text(Arc::default()),
    }
}

fn numbers(values: Vec<f64>) -> Cells {
    Cells::Number(Strided { data: Arc::new(values), first: 0, step: 1 })
}

impl Shelf {
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// A column without cells.
    pub(super) fn empty(&self, column: usize) -> Cells {
        match &self.columns[column] {
            Column::Nothing(false) | Column::Number => numbers(Vec::new()),
            Column::Byte => {
                Cells::Byte(Strided { data: Arc::default(), first: 0, step: 1 })
            }
            Column::Nothing(true) => Cells::Text(Words::default()),
            Column::Text(words) => {
                Cells::Text(Words { index: Vec::new(), words: Arc::clone(words) })
            }
        }
    }

    /// Rows of a block, and the place of what stands behind `before` bytes a row.
    fn place(&self, block: usize, before: usize) -> (usize, u64) {
        let row: usize = self.columns.iter().map(Column::width).sum();
        let row = row + if self.lines { 4 } else { 0 };
        let first = block * self.block;
        let rows = self.block.min(self.rows - first);
        (rows, first as u64 * row as u64 + (before * rows) as u64)
    }

    /// The cells of a column that is kept.
    fn cells(&self, block: usize, column: usize) -> Result<Cells, Error> {
        let before = self.columns[..column].iter().map(Column::width).sum();
        let (rows, at) = self.place(block, before);
        let mut bytes = vec![0; rows * self.columns[column].width()];
        self.scratch.read(at, &mut bytes)?;
        let eight = |b: &[u8]| [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]];
        Ok(match &self.columns[column] {
            Column::Nothing(_) => self.empty(column),
            Column::Number => {
                let number = |b: &[u8]| f64::from_le_bytes(eight(b));
                numbers(bytes.chunks_exact(8).map(number).collect())
            }
            Column::Byte => {
                Cells::Byte(Strided { data: Arc::new(bytes), first: 0, step: 1 })
            }
            Column::Text(words) => {
                Cells::Text(Words { index: whole(&bytes), words: Arc::clone(words) })
            }
        })
    }

    /// The lines of the rows.
    fn lines(&self, block: usize) -> Result<Option<Vec<u32>>, Error> {
        if !self.lines {
            return Ok(None);
        }
        let (rows, at) = self.place(block, self.columns.iter().map(Column::width).sum());
        let mut bytes = vec![0; 4 * rows];
        self.scratch.read(at, &mut bytes)?;
        Ok(Some(whole(&bytes)))
    }
}

fn whole(bytes: &[u8]) -> Vec<u32> {
    let four = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    bytes.chunks_exact(4).map(four).collect()
}

/// Files side by side, on disk.
pub(super) struct DiskTable {
    head: Source,
    shelves: Vec<Shelf>,
    /// The first column of each shelf.
    begins: Vec<usize>,
}

impl DiskTable {
    /// `head` has the columns of all shelves, in order.
    pub(super) fn new(mut head: Source, shelves: Vec<Shelf>) -> Self {
        let mut begins = Vec::new();
        let mut at = 0;
        for shelf in &shelves {
            begins.push(at);
            for column in 0..shelf.columns.len() {
                head.columns[at].cells = shelf.empty(column);
                at += 1;
            }
        }
        head.rows = shelves.first().map_or(0, Shelf::rows);
        Self { head, shelves, begins }
    }

    fn read(
        &self,
        number: usize,
        columns: &[usize],
        block: &mut Source,
    ) -> Result<(), Error> {
        for &column in columns {
            let RawColumn { cells, part, .. } = &mut block.columns[column];
            let shelf = &self.shelves[*part];
            *cells = shelf.cells(number, column - self.begins[*part])?;
            if block.parts[*part].lines.as_ref().is_some_and(Vec::is_empty) {
                block.parts[*part].lines = shelf.lines(number)?;
            }
        }
        Ok(())
    }
}

impl Table for DiskTable {
    fn head(&self) -> &Source {
        &self.head
    }

    fn each(
        &self,
        columns: &[usize],
        visit: &mut dyn FnMut(&Source) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut block = self.head.clone();
        let rows = self.shelves.first().map_or(1, |shelf| shelf.block);
        for number in 0..self.head.rows.div_ceil(rows) {
            block.first = number * rows;
            block.rows = rows.min(self.head.rows - block.first);
            let lines = block.parts.iter_mut().filter_map(|part| part.lines.as_mut());
            lines.for_each(Vec::clear);
            self.read(number, columns, &mut block)?;
            visit(&block)?;
        }
        Ok(())
    }
}
