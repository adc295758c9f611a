//! Parquet → [`Source`], or block by block onto a shelf.
//!
//! In: a file, or its bytes. Out: columns as CSV gives them: numbers (whole, floating, decimal; yes and no
//! as 1 and 0), words (text; dates as `2026-11-23`), missing cells for nulls, NaN and empty text.
//! Invariants: a column is read in pages, so that memory holds a page of each and a block of rows; what is
//! nested, a time or unreadable is refused by its name. Deliberately absent: Arrow; statistics and
//! filters of the format.

use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::disk::{Piece, Shelf, Shelves};
use super::source::{Cells, Part, RawColumn, Source, too_wide};
use super::table::WordsBuilder;
use crate::error::{DataProblem, Error};
use crate::limits;

/// Reads a whole file.
pub(super) fn read(bytes: &[u8], name: &str) -> Result<Source, Error> {
    let file =
        Table::new(SerializedFileReader::new(Bytes::copy_from_slice(bytes)), name)?;
    let mut columns = Vec::new();
    for (at, column) in file.names.iter().enumerate() {
        let cells = file.column(at)?.take(file.rows)?;
        columns.push(RawColumn { name: column.clone(), cells, part: 0 });
    }
    Ok(Source {
        name: name.to_owned(),
        rows: file.rows,
        columns,
        headerless: false,
        parts: vec![Part { name: name.to_owned(), lines: Some(Vec::new()) }],
        first: 0,
    })
}

/// A file that is read in blocks of rows.
pub(super) struct Columns(Table);

impl Columns {
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::read(path, e))?;
        Table::new(SerializedFileReader::new(file), name).map(Self)
    }
}

impl Piece for Columns {
    fn names(&self) -> &[String] {
        &self.0.names
    }

    fn named(&self) -> bool {
        true
    }

    fn fill(&mut self, to: &Shelves<'_>) -> Result<(Shelf, Option<String>), Error> {
        let table = &self.0;
        let mut filling = to.begin((&table.name, &table.names), false)?;
        let mut columns = Vec::new();
        for (at, &kept) in to.kept.iter().enumerate() {
            match table.kind(at) {
                Ok(Kind::Text | Kind::Date) => filling.say_text(at),
                // What nobody asks for may be of any kind.
                Err(error) if kept => return Err(error),
                _ => {}
            }
            columns.push(kept.then(|| table.column(at)).transpose()?);
        }
        for first in (0..table.rows).step_by(to.block) {
            let rows = to.block.min(table.rows - first);
            let cells: Result<Vec<Cells>, Error> = columns
                .iter_mut()
                .map(|column| match column {
                    Some(column) => column.take(rows),
                    None => Ok(RawColumn::numbers("", Vec::new()).cells),
                })
                .collect();
            filling.add(&cells?, (0, rows), &[])?;
        }
        Ok((filling.finish(), None))
    }
}

struct Table {
    name: String,
    file: Box<dyn FileReader>,
    names: Vec<String>,
    rows: usize,
}

impl Table {
    fn new<F: FileReader + 'static>(
        opened: Result<F, ParquetError>,
        name: &str,
    ) -> Result<Self, Error> {
        let file = opened.map_err(|e| damaged(name, &e))?;
        let about = file.metadata().file_metadata();
        let schema = about.schema_descr();
        let rows = usize::try_from(about.num_rows()).unwrap_or(0);
        if rows == 0 || schema.num_columns() == 0 {
            return Err(DataProblem::new(name, "no rows").into());
        }
        if schema.num_columns() > limits::COLUMNS {
            return Err(too_wide(name, schema.num_columns()).into());
        }
        let names = schema.columns().iter().map(|c| c.path().string()).collect();
        Ok(Self { name: name.to_owned(), file: Box::new(file), names, rows })
    }

    /// What the cells of a column are.
    fn kind(&self, at: usize) -> Result<Kind, Error> {
        let schema = self.file.metadata().file_metadata().schema_descr();
        let column = schema.column(at);
        kind(&column).map_err(|what| {
            let message =
                format!("expected numbers, text, dates or yes and no, found {what}");
            DataProblem::new(&self.name, message)
                .column(&self.names[at])
                .way_out("write it as one of those, or leave the column out of the file")
                .into()
        })
    }

    fn column(&self, at: usize) -> Result<Column<'_>, Error> {
        let schema = self.file.metadata().file_metadata().schema_descr();
        let (kind, scale) = (self.kind(at)?, schema.column(at).type_scale());
        let depth = schema.column(at).max_def_level();
        let current = None;
        Ok(Column { table: self, at, kind, scale, depth, group: 0, current, left: 0 })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Number,
    Unsigned,
    Decimal,
    Text,
    Date,
}

/// What a column holds; what is said of one that cannot be read.
fn kind(column: &ColumnDescriptor) -> Result<Kind, &'static str> {
    if column.max_rep_level() > 0 || column.path().parts().len() > 1 {
        return Err("a nested column");
    }
    let number = matches!(
        column.physical_type(),
        Type::BOOLEAN | Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE
    );
    let text = column.physical_type() == Type::BYTE_ARRAY;
    use ConvertedType as C;
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Date), _) | (None, C::DATE) if number => Ok(Kind::Date),
        (Some(LogicalType::Decimal(_)), _) | (None, C::DECIMAL) if number => {
            Ok(Kind::Decimal)
        }
        (Some(LogicalType::Integer(int)), _) if number => {
            Ok(if int.is_signed { Kind::Number } else { Kind::Unsigned })
        }
        (None, C::UINT_8 | C::UINT_16 | C::UINT_32 | C::UINT_64) if number => {
            Ok(Kind::Unsigned)
        }
        (None, C::NONE | C::INT_8 | C::INT_16 | C::INT_32 | C::INT_64) if number => {
            Ok(Kind::Number)
        }
        // A column of nulls.
        (Some(LogicalType::Unknown), _) if number => Ok(Kind::Number),
        (Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _)
        | (None, C::NONE | C::UTF8 | C::ENUM | C::JSON)
            if text =>
        {
            Ok(Kind::Text)
        }
        (Some(LogicalType::Time(_) | LogicalType::Timestamp(_)), _)
        | (
            None,
            C::TIME_MILLIS | C::TIME_MICROS | C::TIMESTAMP_MILLIS | C::TIMESTAMP_MICROS,
        ) => Err("a time"),
        _ if column.physical_type() == Type::INT96 => Err("a time"),
        (Some(LogicalType::Decimal(_)), _) | (None, C::DECIMAL) => {
            Err("decimals of more than 18 digits")
        }
        _ => Err("bytes of another kind"),
    }
}

/// A column on the way through the row groups.
struct Column<'t> {
    table: &'t Table,
    at: usize,
    kind: Kind,
    /// Digits behind the point of a decimal.
    scale: i32,
    /// The level at which a value is there; 0 where each is.
    depth: i16,
    group: usize,
    current: Option<ColumnReader>,
    /// Rows of the group that are left.
    left: usize,
}

impl Column<'_> {
    /// The next rows.
    fn take(&mut self, rows: usize) -> Result<Cells, Error> {
        let (mut numbers, mut words) = (Vec::new(), WordsBuilder::default());
        let mut missing = rows;
        while missing > 0 {
            if self.left == 0 {
                self.next_group()?;
            }
            let n = self.some(missing.min(self.left), &mut numbers, &mut words)?;
            if n == 0 {
                return Err(self.damaged("it ends too early"));
            }
            (missing, self.left) = (missing - n, self.left - n);
        }
        Ok(match self.kind {
            Kind::Text | Kind::Date => Cells::Text(words.finish()),
            _ => RawColumn::numbers("", numbers).cells,
        })
    }

    fn next_group(&mut self) -> Result<(), Error> {
        let groups = self.table.file.num_row_groups();
        if self.group >= groups {
            return Err(self.damaged("it has fewer rows than it promises"));
        }
        let group = self.table.file.get_row_group(self.group);
        let fail = |e| damaged(&self.table.name, &e);
        let group = group.map_err(fail)?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        let reader = group.get_column_reader(self.at).map_err(fail)?;
        (self.current, self.left, self.group) = (Some(reader), rows, self.group + 1);
        Ok(())
    }

    fn damaged(&self, what: &str) -> Error {
        let message = format!("the Parquet file is damaged: {what}");
        DataProblem::new(&self.table.name, message)
            .column(&self.table.names[self.at])
            .way_out("write the file again")
            .into()
    }

    /// Reads at most so many rows; how many there were.
    fn some(
        &mut self,
        rows: usize,
        numbers: &mut Vec<f64>,
        words: &mut WordsBuilder,
    ) -> Result<usize, Error> {
        let (kind, depth, scale) = (self.kind, self.depth, self.scale);
        let unsigned = kind == Kind::Unsigned;
        let ten = || (0..scale).fold(1.0, |ten, _| ten * 10.0);
        let whole =
            |v: i64| if kind == Kind::Decimal { v as f64 / ten() } else { v as f64 };
        let mut number = |v: Option<f64>| numbers.push(v.unwrap_or(f64::NAN));
        let Some(reader) = &mut self.current else { return Ok(0) };
        let mut bad = false;
        let read = match reader {
            ColumnReader::BoolColumnReader(r) => {
                each(r, rows, depth, |v| number(v.map(|&v| f64::from(u8::from(v)))))
            }
            ColumnReader::Int32ColumnReader(r) if kind == Kind::Date => {
                each(r, rows, depth, |v| words.push(v.map(|&v| date(v)).as_deref()))
            }
            ColumnReader::Int32ColumnReader(r) => each(r, rows, depth, |v| {
                let value = |&v: &i32| match unsigned {
                    true => f64::from(v as u32),
                    false => whole(i64::from(v)),
                };
                number(v.map(value));
            }),
            ColumnReader::Int64ColumnReader(r) => each(r, rows, depth, |v| {
                let value = |&v: &i64| if unsigned { v as u64 as f64 } else { whole(v) };
                number(v.map(value));
            }),
            ColumnReader::FloatColumnReader(r) => {
                each(r, rows, depth, |v| number(v.map(|&v| f64::from(v))))
            }
            ColumnReader::DoubleColumnReader(r) => {
                each(r, rows, depth, |v| number(v.copied()))
            }
            ColumnReader::ByteArrayColumnReader(r) => each(r, rows, depth, |v| {
                let text = v.map(|v: &ByteArray| std::str::from_utf8(v.data()));
                bad |= matches!(text, Some(Err(_)));
                let text = text.and_then(Result::ok).map(str::trim);
                words.push(text.filter(|text| !text.is_empty()));
            }),
            ColumnReader::Int96ColumnReader(_)
            | ColumnReader::FixedLenByteArrayColumnReader(_) => Ok(0),
        };
        if bad {
            return Err(self.damaged("text that is not UTF-8"));
        }
        read.map_err(|e| damaged(&self.table.name, &e))
    }
}

/// Visits the next rows, `None` where there is no value; how many there were.
fn each<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    depth: i16,
    mut visit: impl FnMut(Option<&T::T>),
) -> Result<usize, ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let (n, ..) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    if depth == 0 {
        values.iter().for_each(|v| visit(Some(v)));
        return Ok(n.min(values.len()));
    }
    let mut values = values.iter();
    for level in levels.iter().take(n) {
        visit(if *level == depth { values.next() } else { None });
    }
    Ok(n.min(levels.len()))
}

fn damaged(name: &str, e: &ParquetError) -> Error {
    let message = format!("the Parquet file cannot be read ({e})");
    DataProblem::new(name, message).way_out("write the file again").into()
}

/// Days since 1970 as `2026-11-23` (H. Hinnant, \"chrono-compatible low-level date algorithms\").
fn date(days: i32) -> String {
    let days = i64::from(days) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_780), "2026-11-23");
    }
}
