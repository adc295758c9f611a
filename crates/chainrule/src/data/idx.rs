//! IDX (the format of MNIST) → [`Source`].
//!
//! In: bytes in memory. Out: one column `label` for one axis, else one column per entry of an
//! example, `pixel1` … . The header is believed only as far as there are bytes.

use std::sync::Arc;

use super::source::{Cells, Part, RawColumn, Source, Strided, too_wide};
use crate::error::{DataProblem, Error};
use crate::limits;

/// Whether the third byte of a file names a type of IDX.
pub(super) fn is_type(byte: u8) -> bool {
    width(byte).is_some()
}

fn width(byte: u8) -> Option<usize> {
    match byte {
        0x08 | 0x09 => Some(1),
        0x0b => Some(2),
        0x0c | 0x0d => Some(4),
        0x0e => Some(8),
        _ => None,
    }
}

pub(super) fn read(bytes: &[u8], name: &str) -> Result<Source, Error> {
    let axes = usize::from(bytes[3]);
    let data = bytes.get(4 + 4 * axes..).unwrap_or(&[]);
    let sizes: Vec<usize> = bytes[4..]
        .chunks_exact(4)
        .take(axes)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
        .collect();
    if axes == 0 || sizes.len() < axes {
        return Err(DataProblem::new(name, "the IDX header is cut short").into());
    }
    let (rows, kind) = (sizes[0], bytes[2]);
    let columns = product(&sizes[1..]);
    let promised = columns
        .and_then(|c| c.checked_mul(rows))
        .and_then(|n| n.checked_mul(width(kind).unwrap_or(1)));
    let (Some(columns), true) = (columns, promised == Some(data.len())) else {
        let shape = sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        let message = format!(
            "the IDX header promises {shape} entries, and {} bytes follow",
            data.len()
        );
        return Err(DataProblem::new(name, message)
            .way_out("fetch the file again")
            .into());
    };
    if rows == 0 || columns == 0 {
        return Err(DataProblem::new(name, "no rows").into());
    }
    if columns > limits::COLUMNS {
        return Err(too_wide(name, columns).into());
    }
    Ok(named(name, rows, axes, cells(kind, data, columns)))
}

fn product(sizes: &[usize]) -> Option<usize> {
    sizes.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
}

fn named(name: &str, rows: usize, axes: usize, cells: Vec<Cells>) -> Source {
    let column = |(i, cells): (usize, Cells)| {
        let name = if axes == 1 { "label".to_owned() } else { format!("pixel{}", i + 1) };
        RawColumn { name, cells, part: 0 }
    };
    Source {
        name: name.to_owned(),
        rows,
        columns: cells.into_iter().enumerate().map(column).collect(),
        headerless: false,
        parts: vec![Part { name: name.to_owned(), lines: None }],
        first: 0,
    }
}

fn cells(kind: u8, data: &[u8], columns: usize) -> Vec<Cells> {
    if kind == 0x08 {
        let data = Arc::new(data.to_vec());
        let column = |first| Strided { data: Arc::clone(&data), first, step: columns };
        return (0..columns).map(|c| Cells::Byte(column(c))).collect();
    }
    let data = Arc::new(numbers(kind, data));
    let column = |first| Strided { data: Arc::clone(&data), first, step: columns };
    (0..columns).map(|c| Cells::Number(column(c))).collect()
}

fn numbers(kind: u8, data: &[u8]) -> Vec<f64> {
    let four = |b: &[u8]| [b[0], b[1], b[2], b[3]];
    let eight = |b: &[u8]| [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]];
    match kind {
        0x09 => data.iter().map(|&b| f64::from(b as i8)).collect(),
        0x0b => {
            let pairs = data.chunks_exact(2);
            pairs.map(|b| f64::from(i16::from_be_bytes([b[0], b[1]]))).collect()
        }
        0x0c => {
            data.chunks_exact(4).map(|b| f64::from(i32::from_be_bytes(four(b)))).collect()
        }
        0x0d => {
            data.chunks_exact(4).map(|b| f64::from(f32::from_be_bytes(four(b)))).collect()
        }
        _ => data.chunks_exact(8).map(|b| f64::from_be_bytes(eight(b))).collect(),
    }
}
