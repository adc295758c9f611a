//! Text with separators (CSV) → [`Source`].
//!
//! In: bytes in memory. Out: a number column where every cell that is not missing is a number, else
//! a column of words as they stand. Fields are trimmed. Missing are: empty, `NA`, `NaN` (in any
//! case), and the markers of `missing`. Numbers have a decimal point, never a comma.
//! A column that turns out to hold words only after numbers were seen is read a second time, so
//! that `007` in it stays `007`. Deliberately absent: guessing of headers and separators; a wrong
//! one is an error that proposes the right one.

use std::collections::HashMap;

use chainrule_graph::syntax::settings::DataSpec;
use csv::{ByteRecord, ReaderBuilder};

use super::source::{Cells, MISSING, Part, RawColumn, Source, Words};
use crate::error::{DataProblem, Error};

/// Reads the whole table; the columns `text` are read as words in any case.
pub(super) fn read(
    bytes: &[u8],
    name: &str,
    spec: &DataSpec,
    text: &[String],
) -> Result<Source, Error> {
    check_utf8(bytes, name)?;
    let reader = Reader::new(name, spec);
    let names = reader.names(bytes)?;
    let mut as_text: Vec<bool> = names.iter().map(|n| text.contains(n)).collect();
    let (columns, lines) = match reader.cells(bytes, &names, &mut as_text)? {
        Some(all) => all,
        // Now `as_text` tells every column of words.
        None => reader
            .cells(bytes, &names, &mut as_text)?
            .ok_or_else(|| DataProblem::new(name, "cannot be read twice alike"))?,
    };
    let cells = names.into_iter().zip(columns);
    let columns = cells.map(|(name, b)| RawColumn { name, cells: b.finish(), part: 0 });
    Ok(Source {
        name: name.to_owned(),
        rows: lines.len(),
        columns: columns.collect(),
        headerless: spec.no_header.as_ref().is_some_and(Vec::is_empty),
        parts: vec![Part { name: name.to_owned(), lines: Some(lines) }],
    })
}

fn check_utf8(bytes: &[u8], name: &str) -> Result<(), Error> {
    let Err(e) = std::str::from_utf8(bytes) else { return Ok(()) };
    let before = &bytes[..e.valid_up_to()];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let found = bytes.get(e.valid_up_to()).copied().unwrap_or(0);
    Err(DataProblem::new(
        name,
        format!("expected text in UTF-8, found the byte 0x{found:02x}"),
    )
    .at(format!("line {line}"))
    .way_out("save the file as UTF-8")
    .into())
}

struct Reader<'a> {
    file: &'a str,
    spec: &'a DataSpec,
    separator: u8,
    strip: Vec<char>,
}

type Columns = (Vec<ColumnBuilder>, Vec<u32>);

impl<'a> Reader<'a> {
    fn new(file: &'a str, spec: &'a DataSpec) -> Self {
        let tabs = file.trim_end_matches(".gz").ends_with(".tsv");
        let default = if tabs { b'\t' } else { b',' };
        let separator =
            spec.separator.and_then(|c| u8::try_from(c).ok()).unwrap_or(default);
        let strip = spec.strip.iter().flat_map(|s| s.chars()).collect();
        Self { file, spec, separator, strip }
    }

    fn open<'b>(&self, bytes: &'b [u8]) -> csv::Reader<&'b [u8]> {
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .from_reader(bytes)
    }

    fn problem(&self, message: impl Into<String>) -> DataProblem {
        DataProblem::new(self.file, message)
    }

    /// Names of the columns: the header, or the given ones, or numbers.
    fn names(&self, bytes: &[u8]) -> Result<Vec<String>, Error> {
        let mut first = ByteRecord::new();
        if !next(&mut self.open(bytes), &mut first, self.file)? {
            return Err(self.problem("no row").into());
        }
        let fields: Vec<&str> = first.iter().map(clean).collect();
        self.check_separator(&fields)?;
        match &self.spec.no_header {
            None => self.header(&fields),
            Some(given) if given.is_empty() => {
                Ok((1..=fields.len()).map(|n| n.to_string()).collect())
            }
            Some(given) if given.len() == fields.len() => Ok(given.clone()),
            Some(given) => {
                let message = format!(
                    "expected {} columns, the names behind `no header`, found {}",
                    given.len(),
                    fields.len()
                );
                Err(self.problem(message).at("line 1").way_out("mend the names").into())
            }
        }
    }

    fn header(&self, fields: &[&str]) -> Result<Vec<String>, Error> {
        let numbers = fields.iter().filter(|f| f.parse::<f64>().is_ok()).count();
        let counted = fields.windows(2).all(|w| match (w[0].parse(), w[1].parse()) {
            (Ok(a), Ok(b)) => i64::wrapping_add(a, 1) == b,
            _ => false,
        });
        if numbers == fields.len() && !(counted && fields.len() > 1) {
            let shown = fields.iter().take(4).copied().collect::<Vec<_>>().join(", ");
            return Err(self
                .problem(format!("expected names of columns, found numbers ({shown} …)"))
                .at("line 1")
                .way_out("write `no header` in the data: line")
                .into());
        }
        let name = |(i, f): (usize, &&str)| match *f {
            "" => (i + 1).to_string(),
            name => name.to_owned(),
        };
        Ok(fields.iter().enumerate().map(name).collect())
    }

    fn check_separator(&self, fields: &[&str]) -> Result<(), Error> {
        let [only] = fields else { return Ok(()) };
        let others = [(';', "\";\""), ('\t', "tab"), (',', "\",\""), ('|', "\"|\"")];
        let Some((_, sign)) = others.iter().find(|(c, _)| only.contains(*c)) else {
            return Ok(());
        };
        let used = match self.separator {
            b'\t' => "tab".to_owned(),
            sign => format!("`{}`", sign as char),
        };
        Err(self
            .problem(format!("only one column found with the separator {used}"))
            .at("line 1")
            .way_out(format!("write `separator {sign}` in the data: line"))
            .into())
    }

    /// The cells and the line of each row; `None` if a column was found to hold words only after
    /// numbers (it is then marked in `as_text`).
    fn cells(
        &self,
        bytes: &[u8],
        names: &[String],
        as_text: &mut [bool],
    ) -> Result<Option<Columns>, Error> {
        let mut columns: Vec<ColumnBuilder> =
            as_text.iter().map(|&t| ColumnBuilder::new(t)).collect();
        let (mut lines, mut record) = (Vec::new(), ByteRecord::new());
        let mut reader = self.open(bytes);
        let mut again = false;
        if self.spec.no_header.is_none() {
            next(&mut reader, &mut record, self.file)?;
        }
        while next(&mut reader, &mut record, self.file)? {
            let line = line_of(bytes, &record);
            if record.len() != names.len() {
                return Err(self.ragged(line, names.len(), record.len()).into());
            }
            lines.push(line);
            for (i, field) in record.iter().enumerate() {
                if !columns[i].push(self.field(field)) && !as_text[i] {
                    (as_text[i], again) = (true, true);
                }
            }
        }
        if lines.is_empty() {
            let message = "no rows below the header";
            return Err(self.problem(message).into());
        }
        Ok(if again { None } else { Some((columns, lines)) })
    }

    fn ragged(&self, line: u32, expected: usize, found: usize) -> DataProblem {
        let s = if expected == 1 { "" } else { "s" };
        self.problem(format!("expected {expected} field{s}, found {found}"))
            .at(format!("line {line}"))
            .way_out("mend the line; a field that holds the separator needs quotes")
    }

    /// The trimmed field, or `None` where it is missing.
    fn field<'b>(&self, field: &'b [u8]) -> Option<&'b str> {
        let mut text = clean(field);
        if !self.strip.is_empty() {
            text = text.trim_end_matches(self.strip.as_slice()).trim_end();
        }
        let missing = text.is_empty()
            || text == "NA"
            || text.eq_ignore_ascii_case("nan")
            || self.spec.missing.iter().any(|m| m == text);
        if missing { None } else { Some(text) }
    }
}

/// Trims; quotes that the reader kept because of a blank before them go too.
fn clean(field: &[u8]) -> &str {
    // The whole file was checked to be UTF-8, and fields end at ASCII.
    let text = std::str::from_utf8(field).unwrap_or("").trim();
    match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(inner) => inner.trim(),
        None => text,
    }
}

fn next(
    reader: &mut csv::Reader<&[u8]>,
    record: &mut ByteRecord,
    file: &str,
) -> Result<bool, Error> {
    reader
        .read_byte_record(record)
        .map_err(|e| DataProblem::new(file, e.to_string()).into())
}

/// The line on which a record stands. The reader counts from before blank lines, so those that
/// it skipped are added.
fn line_of(bytes: &[u8], record: &ByteRecord) -> u32 {
    let Some(position) = record.position() else { return 0 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let skipped = bytes.get(start..).unwrap_or(&[]).iter();
    let blank =
        skipped.take_while(|b| matches!(b, b'\n' | b'\r')).filter(|&&b| b == b'\n');
    u32::try_from(position.line())
        .unwrap_or(u32::MAX)
        .saturating_add(blank.count() as u32)
}

/// Collects a column of words.
#[derive(Default)]
pub(super) struct WordsBuilder {
    pub(super) words: Words,
    known: HashMap<String, u32>,
}

impl WordsBuilder {
    pub(super) fn push(&mut self, cell: Option<&str>) {
        let index = match cell {
            None => MISSING,
            Some(word) => self.known.get(word).copied().unwrap_or_else(|| self.add(word)),
        };
        self.words.index.push(index);
    }

    fn add(&mut self, word: &str) -> u32 {
        let index = u32::try_from(self.words.words.len()).unwrap_or(MISSING);
        self.words.words.push(word.to_owned());
        self.known.insert(word.to_owned(), index);
        index
    }
}

enum ColumnBuilder {
    Number(Vec<f64>),
    Text(WordsBuilder),
}

impl ColumnBuilder {
    fn new(text: bool) -> Self {
        if text { Self::Text(WordsBuilder::default()) } else { Self::Number(Vec::new()) }
    }

    /// False if a word stands in a column of numbers.
    fn push(&mut self, cell: Option<&str>) -> bool {
        let only_missing = |n: &Vec<f64>| n.iter().all(|v| v.is_nan());
        match (&mut *self, cell) {
            (Self::Text(words), _) => words.push(cell),
            (Self::Number(numbers), None) => numbers.push(f64::NAN),
            (Self::Number(numbers), Some(text)) => match text.parse() {
                Ok(number) => numbers.push(number),
                Err(_) if only_missing(numbers) => {
                    let mut words = WordsBuilder::default();
                    (0..numbers.len()).for_each(|_| words.push(None));
                    words.push(cell);
                    *self = Self::Text(words);
                }
                Err(_) => return false,
            },
        }
        true
    }

    fn finish(self) -> Cells {
        match self {
            Self::Number(numbers) => RawColumn::numbers("", numbers).cells,
            Self::Text(words) => Cells::Text(words.words),
        }
    }
}
