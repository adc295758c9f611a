//! The class of each row, where rows are dealt class by class.
//!
//! In: the symbols with their columns, a table, rows. Out: a class for each row, by the first target that
//! is a class of its own. Deliberately absent: which rows go where (`split`, `folds`).

use chainrule_graph::diag::{Code as DiagCode, Diagnostic, Span};
use chainrule_graph::syntax::ast::Mark;

use super::SymbolInfo;
use super::blocks::{Table, each_of};
use super::columns::{Code, Coder, Distinct};
use super::members::Members;
use super::select::Pick;
use crate::error::Error;

/// The column of the first target that is a class of its own.
pub(super) fn class_column(
    symbols: &[SymbolInfo],
    picks: &[Vec<Pick<'_>>],
) -> Option<usize> {
    let is_class =
        |s: &SymbolInfo| s.target && matches!(s.mark, Some(Mark::OneHot | Mark::Binary));
    let mut targets =
        symbols.iter().zip(picks).filter(|(s, p)| is_class(s) && p.len() == 1);
    targets.next().map(|(_, picks)| picks[0].column)
}

/// The class of each row, by a column of classes.
pub(super) struct Strata<'a> {
    table: &'a dyn Table,
    rows: &'a Members,
    column: usize,
    coder: Coder,
    pub(super) classes: usize,
}

impl<'a> Strata<'a> {
    pub(super) fn new(
        column: usize,
        table: &'a dyn Table,
        rows: &'a Members,
    ) -> Result<Self, Error> {
        let head = &table.head().columns[column];
        let mut distinct = Distinct::new(head);
        each_of(table, column, rows, &mut |_, cells, rows| {
            distinct.add(cells, rows);
            Ok(())
        })?;
        let (names, _) = distinct.finish(head);
        let coder = Coder::levels(head, &names);
        Ok(Self { table, rows, column, coder, classes: names.len().max(1) })
    }

    /// Tells rows with their classes.
    pub(super) fn each(&self, visit: &mut dyn FnMut(usize, u32)) -> Result<(), Error> {
        each_of(self.table, self.column, self.rows, &mut |block, column, rows| {
            for &row in rows {
                let class = match self.coder.code(column, row as usize) {
                    Code::Found(class) => class as u32,
                    Code::Missing | Code::Unknown => 0,
                };
                visit(block.first + row as usize, class);
            }
            Ok(())
        })
    }
}

pub(super) fn needs_classes(word: &str, span: Span) -> Error {
    let message =
        format!("`{word}` needs a target that is `one-hot` or `binary` in one column");
    Error::Diagnostics(vec![Diagnostic::error(DiagCode::T1, span, message)])
}
