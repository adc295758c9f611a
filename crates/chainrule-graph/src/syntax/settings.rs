//! The `data:` line: which file, which columns make which symbol, which rows are held out.
//!
//! In: the text behind `data:`. Out: [`DataSpec`] and diagnostics; [`print_data`] is the way back.
//! Items stand between commas; the file comes first, and the comma behind it may be left out.
//! ```text
//! data: "my digits.csv.gz", x = p* -p1 / log / standardized, y = digit, hold out 20 % stratified
//! ```
//! Words end at blanks and at `= / < [ ]`; quotes (`"a b"`, `'a b'`; `""` inside stands for one)
//! make a literal name. The slash may be left out before `log` and `standardized`. Several clauses
//! for one symbol stack in their order. Several files joined by ` + ` stand side by side.
//! Deliberately absent: files.

use crate::diag::Span;

mod near;
mod parts;
mod print;
mod put;
mod read;
#[cfg(test)]
mod tests;
mod words;

pub use near::nearest;
pub use print::print_data;
pub use put::{NAMES as ITEMS, item_of, put_columns, put_item};
pub use read::parse_data;

/// The `data:` line.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DataSpec {
    /// File, relative to the `.chain` file (`x.npz:key` names an entry); several files that stand
    /// side by side are joined by ` + `.
    pub file: Option<String>,
    /// `x = p* / 16`, `y = digit`.
    pub columns: Vec<ColumnClause>,
    /// `hold out 20 % stratified`.
    pub hold_out: Option<HoldOut>,
    /// `validate FILE`.
    pub validate: Option<String>,
    /// `test FILE`.
    pub test: Option<String>,
    /// `no header`, with names if they are given.
    pub no_header: Option<Vec<String>>,
    /// `separator ";"`.
    pub separator: Option<char>,
    /// `missing "?"`.
    pub missing: Vec<String>,
    /// `strip "."`: characters cut from the end of every field.
    pub strip: Option<String>,
    /// `ordinal cut = Fair < Good < …`.
    pub ordinals: Vec<(String, Vec<String>)>,
    /// `weight column`.
    pub weight: Option<String>,
    /// `balanced`: classes weigh the same.
    pub balanced: bool,
    /// The whole line.
    pub span: Span,
}

/// `symbol = columns [/ number | standardized | log]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnClause {
    /// Key of the symbol, in its canonical spelling.
    pub symbol: String,
    /// Which columns, in order.
    pub selectors: Vec<Selector>,
    /// What is done to numbers, in order.
    pub transforms: Vec<Transform>,
    /// Where.
    pub span: Span,
}

/// One word of a column list.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// A name or a glob (`p*`).
    Glob(String),
    /// A name in quotes, taken literally.
    Exact(String),
    /// `1..4`, counted from 1.
    Range(usize, usize),
    /// `*`: all that are not used elsewhere.
    Rest,
    /// `-name`: leave out.
    Exclude(String),
}

/// What is done to the numbers of a clause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transform {
    /// `/ 16`.
    Divide(f64),
    /// `standardized`: mean 0 and standard deviation 1 on the training part.
    Standardized,
    /// `log`: natural logarithm.
    Log,
}

/// Which rows are kept from training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldOut {
    /// In percent of all rows.
    pub percent: f64,
    /// The same share of each class.
    pub stratified: bool,
    /// The last rows, not random ones.
    pub last: bool,
}

impl Selector {
    /// The selector of one column: bare where that reads back as the same name, else in quotes.
    #[must_use]
    pub fn column(name: &str) -> Self {
        let plain = print::is_bare(name)
            && !name.contains('*')
            && parts::parse_range(name).is_none();
        if plain { Self::Glob(name.to_owned()) } else { Self::Exact(name.to_owned()) }
    }
}
