//! Text with separators (CSV) → [`Source`].
//!
//! In: bytes in memory. Out: a number column where every cell that is not missing is a number, else
//! a column of words as they stand. Fields are trimmed. Missing are: empty, `NA`, `NaN` (in any
//! case), and the markers of `missing`. Numbers have a decimal point, never a comma.
//! A column that turns out to hold words only after numbers were seen is read a second time, so
//! that `007` in it stays `007`. Deliberately absent: guessing of headers and separators; a wrong
//! one is an error that proposes the right one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chainrule_graph::syntax::settings::DataSpec;

use super::fields::{Records, Unclosed};
use super::source::{Cells, MISSING, Part, RawColumn, Source, Words, too_wide};
use crate::error::{DataProblem, Error};
use crate::limits;

/// Reads the whole table; the columns `text` are read as words in any case.
pub(super) fn read(
    bytes: &[u8],
    name: &str,
    spec: &DataSpec,
    text: &[String],
) -> Result<Source, Error> {
    let whole = utf8(bytes, name)?;
    let reader = Reader::new(name, spec);
    let names = reader.names(whole)?;
    let mut as_text: Vec<bool> = names.iter().map(|n| text.contains(n)).collect();
    let (columns, lines) = match reader.cells(whole, &names, &mut as_text)? {
        Some(all) => all,
        // Now `as_text` tells every column of words.
        None => reader
            .cells(whole, &names, &mut as_text)?
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
        first: 0,
    })
}

fn utf8<'b>(bytes: &'b [u8], name: &str) -> Result<&'b str, Error> {
    std::str::from_utf8(bytes).map_err(|e| no_text(bytes, e.valid_up_to(), 1, name))
}

/// Bytes that are text only up to a place; they begin in a line.
pub(super) fn no_text(bytes: &[u8], at: usize, line: usize, name: &str) -> Error {
    let line = bytes[..at].iter().filter(|&&b| b == b'\n').count() + line;
    let found = bytes.get(at).copied().unwrap_or(0);
    DataProblem::new(
        name,
        format!("expected text in UTF-8, found the byte 0x{found:02x}"),
    )
    .at(format!("line {line}"))
    .way_out("save the file as UTF-8")
    .into()
}

/// How the fields of a text become cells.
pub(super) struct Reader<'a> {
    file: &'a str,
    spec: &'a DataSpec,
    pub(super) separator: u8,
    strip: Vec<char>,
}

type Columns = (Vec<ColumnBuilder>, Vec<u32>);

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a str, spec: &'a DataSpec) -> Self {
        let tabs = file.trim_end_matches(".gz").ends_with(".tsv");
        let default = if tabs { b'\t' } else { b',' };
        let separator =
            spec.separator.and_then(|c| u8::try_from(c).ok()).unwrap_or(default);
        let strip = spec.strip.iter().flat_map(|s| s.chars()).collect();
        Self { file, spec, separator, strip }
    }

    /// The next record and its line.
    fn next<'b>(
        &self,
        records: &mut Records<'b>,
        fields: &mut Vec<Cow<'b, str>>,
    ) -> Result<Option<u32>, Error> {
        records.next(fields).map_err(|open| self.unclosed(&open))
    }

    pub(super) fn unclosed(&self, Unclosed(line): &Unclosed) -> Error {
        self.problem("a quote opens here and is never closed")
            .at(format!("line {line}"))
            .way_out("close it, or double it inside a quoted field")
            .into()
    }

    pub(super) fn problem(&self, message: impl Into<String>) -> DataProblem {
        DataProblem::new(self.file, message)
    }

    fn names(&self, text: &str) -> Result<Vec<String>, Error> {
        let mut first = Vec::new();
        match self.next(&mut Records::new(text, self.separator), &mut first)? {
            None => Err(self.problem("no row").into()),
            Some(_) => self.names_of(&first),
        }
    }

    /// Names of the columns: the header, or the given ones, or numbers; `first` is the first record.
    pub(super) fn names_of(&self, first: &[Cow<'_, str>]) -> Result<Vec<String>, Error> {
        if first.len() > limits::COLUMNS {
            return Err(too_wide(self.file, first.len()).at("line 1").into());
        }
        let fields: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
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
        let counted =
            fields.windows(2).all(|w| match (w[0].parse::<i64>(), w[1].parse::<i64>()) {
                (Ok(a), Ok(b)) => a.wrapping_add(1) == b,
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
        text: &str,
        names: &[String],
        as_text: &mut [bool],
    ) -> Result<Option<Columns>, Error> {
        let mut columns: Vec<ColumnBuilder> =
            as_text.iter().map(|&t| ColumnBuilder::new(t)).collect();
        let mut records = Records::new(text, self.separator);
        let (mut lines, mut fields) = (Vec::new(), Vec::new());
        let mut again = false;
        if self.spec.no_header.is_none() {
            self.next(&mut records, &mut fields)?;
        }
        while let Some(line) = self.next(&mut records, &mut fields)? {
            self.check(line, &fields, names)?;
            lines.push(line);
            for (i, field) in fields.iter().enumerate() {
                if !columns[i].push(self.field(field)) && !as_text[i] {
                    (as_text[i], again) = (true, true);
                }
            }
        }
        if lines.is_empty() {
            return Err(self.no_rows());
        }
        Ok(if again { None } else { Some((columns, lines)) })
    }

    pub(super) fn no_rows(&self) -> Error {
        self.problem("no rows below the header").into()
    }

    /// Whether a record has a field for each column, and none that is too long.
    pub(super) fn check(
        &self,
        line: u32,
        fields: &[Cow<'_, str>],
        names: &[String],
    ) -> Result<(), Error> {
        if fields.len() != names.len() {
            return Err(self.ragged(line, names.len(), fields.len()).into());
        }
        match fields.iter().position(|field| field.len() > limits::CELL) {
            None => Ok(()),
            Some(i) => Err(self.too_long(line, &names[i], fields[i].len()).into()),
        }
    }

    fn ragged(&self, line: u32, expected: usize, found: usize) -> DataProblem {
        let s = if expected == 1 { "" } else { "s" };
        self.problem(format!("expected {expected} field{s}, found {found}"))
            .at(format!("line {line}"))
            .way_out("mend the line; a field that holds the separator needs quotes")
    }

    fn too_long(&self, line: u32, column: &str, bytes: usize) -> DataProblem {
        self.problem(format!("a cell of {bytes} bytes; the limit is {}", limits::CELL))
            .at(format!("line {line}"))
            .column(column)
            .way_out("is a quote opened here and closed much later?")
    }

    /// The field, or `None` where it is missing.
    pub(super) fn field<'b>(&self, field: &'b str) -> Option<&'b str> {
        let mut text = field;
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

/// Collects a column of words.
#[derive(Default)]
pub(super) struct WordsBuilder {
    pub(super) index: Vec<u32>,
    pub(super) words: Vec<String>,
    known: HashMap<String, u32>,
}

impl WordsBuilder {
    pub(super) fn push(&mut self, cell: Option<&str>) {
        let index = match cell {
            None => MISSING,
            Some(word) => self.number(word),
        };
        self.index.push(index);
    }

    /// The number of a word, which is a new one if it is met for the first time.
    pub(super) fn number(&mut self, word: &str) -> u32 {
        self.known.get(word).copied().unwrap_or_else(|| self.add(word))
    }

    pub(super) fn finish(self) -> Words {
        Words { index: self.index, words: Arc::new(self.words) }
    }

    fn add(&mut self, word: &str) -> u32 {
        let index = u32::try_from(self.words.len()).unwrap_or(MISSING);
        self.words.push(word.to_owned());
        self.known.insert(word.to_owned(), index);
        index
    }
}

/// Collects a column: numbers until a word comes after nothing but missing cells.
pub(super) enum ColumnBuilder {
    Number(Vec<f64>),
    Text(WordsBuilder),
}

impl ColumnBuilder {
    pub(super) fn new(text: bool) -> Self {
        if text { Self::Text(WordsBuilder::default()) } else { Self::Number(Vec::new()) }
    }

    /// False if a word stands in a column of numbers.
    pub(super) fn push(&mut self, cell: Option<&str>) -> bool {
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

    pub(super) fn finish(self) -> Cells {
        match self {
            Self::Number(numbers) => RawColumn::numbers("", numbers).cells,
            Self::Text(words) => Cells::Text(words.finish()),
        }
    }
}
