//! Rows of words → text in columns, as wide as what stands in them.
//!
//! Width is that on a screen: combining marks take none. The last column is not padded.

use crate::report::width;

/// Columns two spaces apart, each line after `indent` spaces.
pub(crate) fn columns<const N: usize>(indent: usize, rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (w, cell) in widths.iter_mut().zip(row) {
            *w = (*w).max(width(cell));
        }
    }
    rows.iter().map(|row| line(indent, row, &widths)).collect()
}

/// The same for as many columns as there are.
pub(crate) fn rows(indent: usize, rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| width(c)).max();
    let widths: Vec<usize> = (0..columns).map(|i| widest(i).unwrap_or(0)).collect();
    rows.iter().map(|row| line(indent, row, &widths)).collect()
}

fn line(indent: usize, row: &[String], widths: &[usize]) -> String {
    let mut out = " ".repeat(indent);
    for (cell, w) in row.iter().zip(widths) {
        out.push_str(&pad(cell, w + 2));
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The text and spaces up to `to` columns of a screen.
pub(crate) fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}
