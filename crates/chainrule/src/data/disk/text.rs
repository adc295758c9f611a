//! A table of text (CSV), plain or packed, read in blocks of rows.
//!
//! In: a path, how text is read. Out: blocks of cells, as `table` makes them of the whole. A column that
//! turns out to hold words only after a block of numbers makes the file be read again, as there.
//! Invariants: memory holds one stretch of the text and one block; a record is never taken before its
//! end is seen.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chainrule_graph::syntax::settings::DataSpec;
use flate2::read::MultiGzDecoder;

use super::piece::{Piece, Shelves, Summed, changed};
use super::shelf::{Filling, Shelf};
use crate::data::fields::Records;
use crate::data::source::{Cells, GZIP, bomb};
use crate::data::table::{ColumnBuilder, Reader, no_text};
use crate::error::{DataProblem, Error};
use crate::limits;

/// Bytes that are read at a time.
const STRETCH: usize = 1 << 20;

/// A table of text on disk.
pub(super) struct Text {
    path: PathBuf,
    name: String,
    spec: DataSpec,
    names: Vec<String>,
    /// The columns of words, as far as they are known.
    words: Vec<bool>,
}

impl Text {
    pub(super) fn open(
        path: &Path,
        name: &str,
        spec: &DataSpec,
        text: &[String],
    ) -> Result<Self, Error> {
        let reader = Reader::new(name, spec);
        let mut found = None;
        Stretches::open(path, name)?.records(&reader, &mut |_, fields| {
            found = Some(reader.names_of(fields));
            Ok(false)
        })?;
        let names = found.ok_or_else(|| reader.problem("no row"))??;
        let words = names.iter().map(|n| text.contains(n)).collect();
        let (path, name, spec) = (path.to_owned(), name.to_owned(), spec.clone());
        Ok(Self { path, name, spec, names, words })
    }

    /// Reads all; no shelf if a column of words was taken for one of numbers.
    fn pass(&mut self, to: &Shelves<'_>) -> Result<(Option<Shelf>, String), Error> {
        let reader = Reader::new(&self.name, &self.spec);
        let filling = to.begin((&self.name, &self.names), true)?;
        let mut block = Block::new(&reader, &self.names, to, &mut self.words, filling);
        let mut header = self.spec.no_header.is_none();
        let mut stretches = Stretches::open(&self.path, &self.name)?;
        stretches.records(&reader, &mut |line, fields| {
            if !std::mem::take(&mut header) {
                block.record(line, fields)?;
            }
            Ok(true)
        })?;
        let shelf = block.finish()?;
        let sum = stretches.finish().map_err(|e| Error::read(&self.path, e))?;
        Ok((shelf, sum))
    }
}

impl Piece for Text {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn headerless(&self) -> bool {
        self.spec.no_header.as_ref().is_some_and(Vec::is_empty)
    }

    fn named(&self) -> bool {
        true
    }

    fn fill(&mut self, to: &Shelves<'_>) -> Result<(Shelf, Option<String>), Error> {
        let (shelf, sum) = self.pass(to)?;
        if let Some(shelf) = shelf {
            return Ok((shelf, Some(sum)));
        }
        // Now every column of words is known.
        match self.pass(to)? {
            (Some(shelf), again) if again == sum => Ok((shelf, Some(sum))),
            _ => Err(changed(&self.path)),
        }
    }
}

/// The rows since the last whole block.
struct Block<'a> {
    reader: &'a Reader<'a>,
    names: &'a [String],
    kept: &'a [bool],
    size: usize,
    words: &'a mut [bool],
    columns: Vec<ColumnBuilder>,
    lines: Vec<u32>,
    filling: Filling<'a>,
    rows: usize,
    again: bool,
}

impl<'a> Block<'a> {
    fn new(
        reader: &'a Reader<'a>,
        names: &'a [String],
        to: &Shelves<'a>,
        words: &'a mut [bool],
        filling: Filling<'a>,
    ) -> Self {
        let (columns, lines) = (builders(words), Vec::new());
        let (kept, size, rows, again) = (to.kept, to.block, 0, false);
        Self { reader, names, kept, size, words, columns, lines, filling, rows, again }
    }

    fn record(&mut self, line: u32, fields: &[Cow<'_, str>]) -> Result<(), Error> {
        self.reader.check(line, fields, self.names)?;
        for (i, field) in fields.iter().enumerate() {
            // Of what is not kept, only the kind is of interest, and only until it is known.
            if !self.kept[i] && self.words[i] {
                continue;
            }
            let number = self.columns[i].push(self.reader.field(field));
            if !number && !self.words[i] {
                (self.words[i], self.again) = (true, self.again || self.kept[i]);
            }
        }
        self.lines.push(line);
        self.rows += 1;
        if self.rows > u32::MAX as usize {
            let message = format!("more than {} rows", u32::MAX);
            return Err(self.reader.problem(message).into());
        }
        if self.lines.len() == self.size { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let columns = std::mem::take(&mut self.columns).into_iter();
        let cells: Vec<Cells> = columns.map(ColumnBuilder::finish).collect();
        let rows = self.lines.len();
        for (i, cells) in cells.iter().enumerate() {
            if matches!(cells, Cells::Text(_)) && !self.words[i] {
                self.words[i] = true;
                // Blocks before took it for numbers, as all its cells were missing.
                self.again |= self.kept[i] && self.rows > rows;
            }
            if self.words[i] {
                self.filling.say_text(i);
            }
        }
        if !self.again {
            self.filling.add(&cells, (0, rows), &self.lines)?;
        }
        self.lines.clear();
        self.columns = builders(self.words);
        Ok(())
    }

    fn finish(mut self) -> Result<Option<Shelf>, Error> {
        if self.rows == 0 {
            return Err(self.reader.no_rows());
        }
        if !self.lines.is_empty() {
            self.flush()?;
        }
        Ok((!self.again).then(|| self.filling.finish()))
    }
}

fn builders(words: &[bool]) -> Vec<ColumnBuilder> {
    words.iter().map(|&text| ColumnBuilder::new(text)).collect()
}

/// Is shown a record and its line, and says whether it wants more.
type Visit<'v> = dyn FnMut(u32, &[Cow<'_, str>]) -> Result<bool, Error> + 'v;

/// A text in stretches that end with a record.
struct Stretches<'a> {
    path: &'a Path,
    name: &'a str,
    input: Input,
    buffer: Vec<u8>,
    /// The line of the first byte in the buffer.
    line: u32,
    ended: bool,
    /// Bytes that were unpacked so far, and at most.
    unpacked: usize,
    most: usize,
    packed: usize,
}

enum Input {
    Plain(Summed),
    Packed(Box<MultiGzDecoder<Summed>>),
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(into),
            Self::Packed(file) => file.read(into),
        }
    }
}

impl<'a> Stretches<'a> {
    fn open(path: &'a Path, name: &'a str) -> Result<Self, Error> {
        let fail = |e: io::Error| Error::read(path, e);
        let mut first = Vec::new();
        let file = std::fs::File::open(path).map_err(fail)?;
        let packed = file.metadata().map_err(fail)?.len() as usize;
        file.take(2).read_to_end(&mut first).map_err(fail)?;
        let file = Summed::open(path).map_err(fail)?;
        let (input, most) = match first.starts_with(GZIP) {
            true => {
                let decoder = Box::new(MultiGzDecoder::new(file));
                (Input::Packed(decoder), limits::unpacked(packed))
            }
            false => (Input::Plain(file), usize::MAX),
        };
        let (buffer, line, ended, unpacked) = (Vec::new(), 1, false, 0);
        Ok(Self { path, name, input, buffer, line, ended, unpacked, most, packed })
    }

    /// Reads what is left, and gives the sum of the file.
    fn finish(self) -> io::Result<String> {
        match self.input {
            Input::Plain(file) => file.finish(),
            Input::Packed(decoder) => decoder.into_inner().finish(),
        }
    }

    /// Visits all records with the lines on which they begin, until false comes back.
    fn records(
        &mut self,
        reader: &Reader<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let mut wanted = STRETCH;
        loop {
            self.fill(wanted)?;
            let (done, line, more) = self.stretch(reader, visit)?;
            if !more {
                return Ok(());
            }
            // A record that does not end within the stretch: a longer one is needed.
            wanted = if done == 0 { 2 * self.buffer.len() } else { STRETCH };
            self.buffer.drain(..done);
            self.line = line;
            if wanted > 2 * limits::LINE {
                return Err(self.too_long());
            }
        }
    }

    /// Visits the records of the stretch at hand; how many bytes that took, the line there, and
    /// whether there is more.
    fn stretch(
        &self,
        reader: &Reader<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(usize, u32, bool), Error> {
        let text = self.text()?;
        let mut records = Records::go_on(text, reader.separator, self.line);
        let mut fields = Vec::new();
        loop {
            let (done, line) = records.place();
            let next = records.next(&mut fields);
            if !self.ended && records.place().0 == text.len() || next.is_err() {
                return match (next, self.ended) {
                    (Err(open), true) => Err(reader.unclosed(&open)),
                    // Nothing but blank lines, which need not wait for what follows.
                    (Ok(None), false) => {
                        let end = text.rfind('\n').map_or(done, |at| done.max(at + 1));
                        let lines = text[done..end].matches('\n').count() as u32;
                        Ok((end, line + lines, true))
                    }
                    _ => Ok((done, line, true)),
                };
            }
            match next {
                Ok(Some(line)) if visit(line, &fields)? => {}
                _ => return Ok((done, line, false)),
            }
        }
    }

    /// The stretch as text, without half a letter at its end.
    fn text(&self) -> Result<&str, Error> {
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(text),
            Err(e) if e.error_len().is_none() && !self.ended => {
                let whole = &self.buffer[..e.valid_up_to()];
                Ok(std::str::from_utf8(whole).unwrap_or_default())
            }
            Err(e) => {
                let line = self.line as usize;
                Err(no_text(&self.buffer, e.valid_up_to(), line, self.name))
            }
        }
    }

    /// Reads until the buffer has that many bytes, or the file ends.
    fn fill(&mut self, wanted: usize) -> Result<(), Error> {
        let before = self.buffer.len();
        let more = wanted.saturating_sub(before) as u64;
        let read = (&mut self.input).take(more).read_to_end(&mut self.buffer);
        let n = read.map_err(|e| self.failed(e))?;
        self.ended |= (n as u64) < more;
        if self.unpacked == 0 && self.buffer.starts_with("\u{feff}".as_bytes()) {
            self.buffer.drain(..3);
        }
        self.unpacked += n;
        if self.unpacked > self.most {
            return Err(bomb(self.name, self.packed, self.most));
        }
        Ok(())
    }

    fn failed(&self, e: io::Error) -> Error {
        let Input::Packed(_) = &self.input else { return Error::read(self.path, e) };
        let what = match e.kind() {
            io::ErrorKind::UnexpectedEof => "the gzip file is cut short".to_owned(),
            _ => format!("the gzip file is damaged ({e})"),
        };
        DataProblem::new(self.name, what).way_out("fetch or copy it again").into()
    }

    fn too_long(&self) -> Error {
        let message = format!("a record of more than {} bytes", limits::LINE);
        DataProblem::new(self.name, message)
            .at(format!("line {}", self.line))
            .way_out("is a quote opened here and closed much later?")
            .into()
    }
}
