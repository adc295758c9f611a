//! Cells of a column → codes: the number itself, or the place of a category.
//!
//! In: a column, and levels or none. Out: [`Coder`], which answers one row at a time, also of other
//! blocks of the same column; words are looked up once per distinct word, not once per row.
//! Deliberately absent: what to do with the missing and the unknown.

use std::cmp::Ordering;

use super::source::{Cells, RawColumn};

/// The code of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Code {
    /// The cell is missing.
    Missing,
    /// Not a finite number; or not among the levels.
    Unknown,
    /// The number, or the place among the levels.
    Found(f64),
}

/// Answers for the cells of one column, whichever block of it.
pub(super) struct Coder {
    lookup: Lookup,
}

enum Lookup {
    /// The number of the cell itself.
    Plain,
    /// Sorted numbers and their codes.
    Values(Vec<(f64, f64)>),
    /// The code of each distinct word; NaN where there is none.
    Words(Vec<f64>),
}

impl Coder {
    /// Cells as finite numbers.
    pub(super) fn numbers(column: &RawColumn) -> Self {
        let number = |w: &String| finite(w).unwrap_or(f64::NAN);
        let lookup = match &column.cells {
            Cells::Text(text) => Lookup::Words(text.words.iter().map(number).collect()),
            Cells::Number(_) | Cells::Byte(_) => Lookup::Plain,
        };
        Self { lookup }
    }

    /// Cells as places among the levels; `3` and `3.0` are one level.
    pub(super) fn levels(column: &RawColumn, levels: &[String]) -> Self {
        let places = || levels.iter().enumerate();
        let mut values: Vec<(f64, f64)> =
            places().filter_map(|(i, l)| Some((finite(l)?, i as f64))).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Cells::Text(text) = &column.cells else {
            return Self { lookup: Lookup::Values(values) };
        };
        let mut known: Vec<(&str, f64)> =
            places().map(|(i, l)| (l.as_str(), i as f64)).collect();
        known.sort_by_key(|(level, _)| *level);
        let code = |word: &String| {
            let exact = known.binary_search_by_key(&word.as_str(), |(level, _)| level);
            match exact {
                Ok(at) => known[at].1,
                Err(_) => finite(word).map_or(f64::NAN, |n| find(&values, n)),
            }
        };
        Self { lookup: Lookup::Words(text.words.iter().map(code).collect()) }
    }

    /// The code of the cell of row `row` of the column, or of a block of it.
    pub(super) fn code(&self, column: &RawColumn, row: usize) -> Code {
        let number = match &column.cells {
            Cells::Byte(bytes) => f64::from(bytes.get(row)),
            Cells::Number(numbers) => numbers.get(row),
            Cells::Text(text) => {
                let Lookup::Words(codes) = &self.lookup else { return Code::Unknown };
                return match codes.get(text.index[row] as usize) {
                    None => Code::Missing,
                    Some(code) if code.is_nan() => Code::Unknown,
                    Some(code) => Code::Found(*code),
                };
            }
        };
        if number.is_nan() {
            return Code::Missing;
        }
        let code = match &self.lookup {
            Lookup::Values(values) => find(values, number),
            Lookup::Plain | Lookup::Words(_) => number,
        };
        if code.is_finite() { Code::Found(code) } else { Code::Unknown }
    }
}

fn find(values: &[(f64, f64)], number: f64) -> f64 {
    // −0 and 0 are one number.
    let at = values.binary_search_by(|(v, _)| v.total_cmp(&(number + 0.0)));
    at.map_or(f64::NAN, |at| values[at].1)
}

/// The finite number that a word is.
pub(super) fn finite(word: &str) -> Option<f64> {
    word.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n + 0.0)
}

/// The distinct values of some rows, sorted (numbers numerically, before words), and whether one
/// of the cells is missing.
pub(super) fn distinct(column: &RawColumn, rows: &[u32]) -> (Vec<String>, bool) {
    let mut distinct = Distinct::new(column);
    distinct.add(column, rows);
    distinct.finish(column)
}

/// Collects the distinct values of a column, block by block.
pub(super) struct Distinct {
    coder: Coder,
    /// Which words were met.
    met: Vec<bool>,
    /// Numbers that were met, the first `sorted` of them rising and each once.
    numbers: Vec<f64>,
    sorted: usize,
    missing: bool,
}

/// Numbers that may come before they are sorted again.
const UNSORTED: usize = 1 << 16;

impl Distinct {
    pub(super) fn new(column: &RawColumn) -> Self {
        let met = match &column.cells {
            Cells::Text(text) => vec![false; text.words.len()],
            Cells::Number(_) | Cells::Byte(_) => Vec::new(),
        };
        let coder = Coder { lookup: Lookup::Plain };
        Self { coder, met, numbers: Vec::new(), sorted: 0, missing: false }
    }

    /// Adds rows of a block.
    pub(super) fn add(&mut self, column: &RawColumn, rows: &[u32]) {
        for &row in rows {
            match &column.cells {
                Cells::Text(text) => {
                    match self.met.get_mut(text.index[row as usize] as usize) {
                        Some(met) => *met = true,
                        None => self.missing = true,
                    }
                }
                Cells::Number(_) | Cells::Byte(_) => self.number(column, row as usize),
            }
        }
    }

    fn number(&mut self, column: &RawColumn, row: usize) {
        match self.coder.code(column, row) {
            Code::Found(number) => self.numbers.push(number + 0.0),
            Code::Missing => self.missing = true,
            Code::Unknown => {}
        }
        // Twice as many as are known to differ: memory follows the distinct numbers.
        if self.numbers.len() > 2 * self.sorted + UNSORTED {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.numbers.sort_unstable_by(f64::total_cmp);
        self.numbers.dedup();
        self.sorted = self.numbers.len();
    }

    /// The values; `column` is any block of the column.
    pub(super) fn finish(mut self, column: &RawColumn) -> (Vec<String>, bool) {
        self.sort();
        let mut values: Vec<String> = match &column.cells {
            Cells::Text(text) => {
                let words = text.words.iter().zip(self.met).filter(|(_, met)| *met);
                words.map(|(w, _)| w.clone()).collect()
            }
            Cells::Number(_) | Cells::Byte(_) => {
                self.numbers.into_iter().map(number_text).collect()
            }
        };
        values.sort_by(|a, b| compare(a, b));
        (values, self.missing)
    }
}

fn compare(a: &str, b: &str) -> Ordering {
    match (finite(a), finite(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// A number in the shortest form that reads back as the same.
pub(super) fn number_text(number: f64) -> String {
    let plain = number == 0.0 || (1e-5..1e16).contains(&number.abs());
    if plain { number.to_string() } else { format!("{number:e}") }
}
