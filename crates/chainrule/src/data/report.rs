//! What was done to the data, as numbers, to be said aloud.
//!
//! In: counted by `prepare` and `apply`. Out: plain data, and [`Report::lines`] in words.

use serde::{Deserialize, Serialize};

use super::select::listed;

/// What was done to one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The file.
    pub file: String,
    /// Rows of the file.
    pub rows: usize,
    /// Rows dropped because a target is missing.
    pub dropped: usize,
    /// Rows held out.
    pub held_out: usize,
    /// Symbols: columns used and entries made.
    pub shapes: Vec<Shape>,
    /// Missing numbers filled with the training median, per column.
    pub filled: Vec<Count>,
    /// Missing categories that became a category of their own, per column.
    pub missing_category: Vec<Count>,
    /// Cells whose category (or being missing) did not occur in training, and became zeros.
    pub unseen: Vec<Count>,
    /// Columns with one value only in the training part.
    pub constant: Vec<String>,
    /// Rows per class of the training part, per target.
    pub classes: Vec<(String, Vec<(String, usize)>)>,
    /// Other things worth knowing.
    pub remarks: Vec<String>,
}

/// A number of cells in a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// The column.
    pub column: String,
    /// How many cells.
    pub cells: usize,
    /// The value put in, or one that was met.
    pub value: String,
}

/// What a symbol is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Key of the symbol.
    pub symbol: String,
    /// Columns of the file.
    pub columns: usize,
    /// Entries of one example.
    pub entries: usize,
}

impl Report {
    /// In words, one sentence a line, the most important first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.rows_line()];
        lines.extend(self.shapes.iter().map(shape_line));
        lines.extend(self.classes.iter().map(|(key, counts)| classes_line(key, counts)));
        counted(
            &mut lines,
            &self.filled,
            "missing cells filled with the training median",
            |c| format!("{} missing, filled with the median {}", c.cells, c.value),
        );
        let own = "missing cells as a category of their own";
        counted(&mut lines, &self.missing_category, own, |c| {
            format!("{} missing, a category of its own", c.cells)
        });
        counted(&mut lines, &self.unseen, "cells not met in training, as zeros", |c| {
            format!("{} not met in training, as zeros (such as {})", c.cells, c.value)
        });
        lines.extend(self.constant_line());
        lines.extend(self.remarks.iter().cloned());
        lines
    }

    fn constant_line(&self) -> Option<String> {
        let text = "one value only in the training part";
        match self.constant.as_slice() {
            [] => None,
            [one] => Some(format!("{}: {text}, it teaches nothing", called(one))),
            all => {
                let names = listed(all.iter().map(String::as_str), MOST);
                Some(format!("{} columns with {text}: {names}", all.len()))
            }
        }
    }

    fn rows_line(&self) -> String {
        let mut line = format!("{}: {} rows", self.file, grouped(self.rows));
        if self.dropped > 0 {
            line += &format!(", {} dropped (target missing)", grouped(self.dropped));
        }
        if self.held_out > 0 {
            let training = self.rows - self.dropped - self.held_out;
            let (training, held) = (grouped(training), grouped(self.held_out));
            line += &format!(", {training} for training, {held} held out");
        }
        line
    }

    /// Adds the counts of another part of the same table.
    pub(super) fn add(&mut self, other: Self) {
        merge(&mut self.filled, other.filled);
        merge(&mut self.missing_category, other.missing_category);
        merge(&mut self.unseen, other.unseen);
        self.remarks.extend(other.remarks);
    }
}

/// As many columns get a line of their own each; more share one.
const MOST: usize = 8;

fn counted(
    lines: &mut Vec<String>,
    counts: &[Count],
    what: &str,
    one: impl Fn(&Count) -> String,
) {
    if counts.len() <= MOST {
        lines.extend(counts.iter().map(|c| format!("{}: {}", called(&c.column), one(c))));
        return;
    }
    let cells: usize = counts.iter().map(|c| c.cells).sum();
    let names = listed(counts.iter().map(|c| c.column.as_str()), MOST);
    let columns = counts.len();
    lines.push(format!("{} {what}, in {columns} columns: {names}", grouped(cells)));
}

/// A column of a file without header is called by its number; then it is said what it is.
pub(super) fn called(column: &str) -> String {
    let number = column.bytes().all(|b| b.is_ascii_digit());
    if number { format!("column {column}") } else { column.to_owned() }
}

fn merge(counts: &mut Vec<Count>, more: Vec<Count>) {
    for count in more {
        match counts.iter_mut().find(|c| c.column == count.column) {
            Some(known) => known.cells += count.cells,
            None => counts.push(count),
        }
    }
}

fn shape_line(shape: &Shape) -> String {
    let Shape { symbol, columns, entries } = shape;
    let s = if *columns == 1 { "" } else { "s" };
    let e = if *entries == 1 { "y" } else { "ies" };
    format!("{symbol}: {columns} column{s}, {entries} entr{e}")
}

fn classes_line(key: &str, counts: &[(String, usize)]) -> String {
    let shown = counts.iter().take(12);
    let mut parts: Vec<String> = shown.map(|(class, n)| format!("{class} {n}")).collect();
    if counts.len() > 12 {
        parts.push(format!("and {} more classes", counts.len() - 12));
    }
    format!("{key} in training: {}", parts.join(", "))
}

/// `48842` as `48,842`.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
