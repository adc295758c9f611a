//! One array of NumPy (`.npy`) → [`Source`].
//!
//! In: bytes in memory. Out: the first axis as rows, all others together as columns `stem1` … ; one
//! column alone is called `stem`. Booleans, whole numbers, floats of 2 to 8 bytes in both byte
//! orders, and text of fixed width (`<U5`, `S5`). The header is believed only as far as there are
//! bytes. Deliberately absent: pickled objects (they run code), complex numbers, records.

use std::sync::Arc;

use super::source::{Cells, Part, RawColumn, Source, Strided, too_wide};
use super::table::WordsBuilder;
use crate::error::{DataProblem, Error};
use crate::limits;

/// Reads one array; `stem` names its columns.
pub(super) fn read(bytes: &[u8], name: &str, stem: &str) -> Result<Source, Error> {
    let begins = begins(bytes).filter(|&b| b <= bytes.len());
    let Some(begins) = begins else {
        return Err(DataProblem::new(name, "the .npy header is cut short").into());
    };
    let data = &bytes[begins..];
    let array = Array::new(&bytes[..begins], data.len() as u64, name)?;
    Ok(named(name, stem, array.rows, array.cells(data)))
}

/// What a header says of an array.
pub(super) struct Array {
    element: Element,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Whether it lies column by column.
    pub(super) fortran: bool,
}

impl Array {
    /// `header` is everything before the data, of which there are `bytes` bytes.
    pub(super) fn new(header: &[u8], bytes: u64, name: &str) -> Result<Self, Error> {
        let fail = |what: String| Error::from(DataProblem::new(name, what));
        let header =
            text(header).ok_or_else(|| fail("the .npy header is cut short".into()))?;
        let head = Header::parse(header)
            .ok_or_else(|| fail(format!("expected a .npy header, found `{header}`")))?;
        let element = Element::parse(&head.element).ok_or_else(|| {
            fail(format!(
                "expected numbers or text, found entries of type `{}`",
                head.element
            ))
        })?;
        let (rows, columns) = head.rows_and_columns().ok_or_else(|| {
            fail(format!("expected rows of numbers, found the shape {:?}", head.shape))
        })?;
        let promised =
            rows.checked_mul(columns).and_then(|n| n.checked_mul(element.width));
        if promised.map(|n| n as u64) != Some(bytes) {
            let what = format!(
                "the .npy header promises {:?} entries of {} bytes, and {bytes} bytes follow",
                head.shape, element.width
            );
            return Err(fail(what));
        }
        if columns > limits::COLUMNS {
            return Err(too_wide(name, columns).into());
        }
        Ok(Self { element, rows, columns, fortran: head.fortran })
    }

    /// Bytes of one entry.
    pub(super) fn width(&self) -> usize {
        self.element.width
    }

    /// The cells of some rows, which lie as the whole does.
    pub(super) fn cells(&self, data: &[u8]) -> Vec<Cells> {
        let rows = data.len() / self.element.width / self.columns;
        let layout = if self.fortran { (rows, 1) } else { (1, self.columns) };
        self.element.columns(data, self.columns, layout)
    }
}

/// The name of each of some columns.
pub(super) fn names(stem: &str, columns: usize) -> Vec<String> {
    match columns {
        1 => vec![stem.to_owned()],
        n => (1..=n).map(|i| format!("{stem}{i}")).collect(),
    }
}

fn named(name: &str, stem: &str, rows: usize, cells: Vec<Cells>) -> Source {
    let names = names(stem, cells.len());
    let column = |(name, cells)| RawColumn { name, cells, part: 0 };
    Source {
        name: name.to_owned(),
        rows,
        columns: names.into_iter().zip(cells).map(column).collect(),
        headerless: false,
        parts: vec![Part { name: name.to_owned(), lines: None }],
        first: 0,
    }
}

/// Where the data begins; `None` without the first twelve bytes.
pub(super) fn begins(bytes: &[u8]) -> Option<usize> {
    let (length, start): (usize, usize) = match bytes.get(6)? {
        1 => (usize::from(u16::from_le_bytes([*bytes.get(8)?, *bytes.get(9)?])), 10),
        _ => (u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize, 12),
    };
    start.checked_add(length)
}

/// The text of a header.
fn text(header: &[u8]) -> Option<&str> {
    let start = if *header.get(6)? == 1 { 10 } else { 12 };
    Some(std::str::from_utf8(header.get(start..)?).ok()?.trim())
}

struct Header {
    element: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let at = text.find(&format!("'{key}':"))? + key.len() + 3;
            Some(text[at..].trim_start())
        };
        let element = value("descr")?.strip_prefix('\'')?.split('\'').next()?.to_owned();
        let fortran = value("fortran_order")?.starts_with("True");
        let shape = value("shape")?.strip_prefix('(')?.split(')').next()?;
        let sizes = shape.split(',').map(str::trim).filter(|s| !s.is_empty());
        let shape = sizes.map(|s| s.parse().ok()).collect::<Option<_>>()?;
        Some(Self { element, fortran, shape })
    }

    /// `None` for a scalar, nothing, or Fortran order with more than two axes.
    fn rows_and_columns(&self) -> Option<(usize, usize)> {
        let (&rows, others) = self.shape.split_first()?;
        let columns = others.iter().try_fold(1_usize, |p, &s| p.checked_mul(s))?;
        let plain = !self.fortran || self.shape.len() <= 2;
        (rows > 0 && columns > 0 && plain).then_some((rows, columns))
    }
}

/// The type of one entry.
struct Element {
    kind: u8,
    /// In bytes.
    width: usize,
    big: bool,
}

impl Element {
    fn parse(text: &str) -> Option<Self> {
        let big = text.starts_with('>');
        let rest = text.trim_start_matches(['<', '>', '|', '=']);
        let kind = *rest.as_bytes().first()?;
        let size: usize = rest.get(1..)?.parse().ok().filter(|&n| n > 0)?;
        let width = if kind == b'U' { size.checked_mul(4)? } else { size };
        let known = match kind {
            b'f' => matches!(size, 2 | 4 | 8),
            b'i' | b'u' => matches!(size, 1 | 2 | 4 | 8),
            b'b' => size == 1,
            b'U' | b'S' => true,
            _ => false,
        };
        known.then_some(Self { kind, width, big })
    }

    /// `layout`: steps from column to column and from row to row, in entries.
    fn columns(&self, data: &[u8], columns: usize, layout: (usize, usize)) -> Vec<Cells> {
        let rows = data.len() / self.width / columns;
        let (across, down) = layout;
        if matches!(self.kind, b'U' | b'S') {
            let column =
                |c| self.words(data, (0..rows).map(move |r| c * across + r * down));
            return (0..columns).map(column).collect();
        }
        if self.kind == b'u' && self.width == 1 {
            let data = Arc::new(data.to_vec());
            let one =
                |c| Strided { data: Arc::clone(&data), first: c * across, step: down };
            return (0..columns).map(|c| Cells::Byte(one(c))).collect();
        }
        let data =
            Arc::new(data.chunks_exact(self.width).map(|b| self.number(b)).collect());
        let one = |c| Strided { data: Arc::clone(&data), first: c * across, step: down };
        (0..columns).map(|c| Cells::Number(one(c))).collect()
    }

    fn words(&self, data: &[u8], entries: impl Iterator<Item = usize>) -> Cells {
        let mut builder = WordsBuilder::default();
        for entry in entries {
            let text = self.text(&data[entry * self.width..(entry + 1) * self.width]);
            builder.push(Some(text.trim()).filter(|t| !t.is_empty()));
        }
        Cells::Text(builder.finish())
    }

    fn text(&self, bytes: &[u8]) -> String {
        if self.kind == b'S' {
            return String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        }
        let signs = bytes.chunks_exact(4).map(|b| self.bits(b) as u32);
        signs.take_while(|&c| c != 0).filter_map(char::from_u32).collect()
    }

    /// Up to eight bytes as a whole number without sign.
    fn bits(&self, bytes: &[u8]) -> u64 {
        let join = |bits: u64, &byte: &u8| (bits << 8) | u64::from(byte);
        if self.big {
            bytes.iter().fold(0, join)
        } else {
            bytes.iter().rev().fold(0, join)
        }
    }

    fn number(&self, bytes: &[u8]) -> f64 {
        let bits = self.bits(bytes);
        match (self.kind, self.width) {
            (b'f', 2) => half(bits as u16),
            (b'f', 4) => f64::from(f32::from_bits(bits as u32)),
            (b'f', _) => f64::from_bits(bits),
            (b'i', width) => {
                let shift = 64 - 8 * width as u32;
                (((bits << shift) as i64) >> shift) as f64
            }
            _ => bits as f64,
        }
    }
}

/// IEEE half precision.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from((bits >> 10) & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * power_of_two(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        e => (1024.0 + fraction) * power_of_two(e - 25),
    }
}

/// Exact, and the same on every machine; for exponents of normal numbers.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}
