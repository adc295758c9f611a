//! A table that is looked at block by block: one block in memory, many on disk.
//!
//! In: a table, columns. Out: its blocks in order, each a [`Source`] with the cells of those columns.
//! Invariant: what is made of a table by walking over its blocks does not depend on where it is cut.
//! Deliberately absent: parts and rows (`members`), disks.

use super::members::Members;
use super::source::{RawColumn, Source};
use crate::error::Error;

/// A table in blocks.
pub(super) trait Table {
    /// All columns with their names and kinds and the number of rows; cells may be missing.
    fn head(&self) -> &Source;

    /// Visits all blocks in order; the cells of `columns` are there.
    fn each(
        &self,
        columns: &[usize],
        visit: &mut dyn FnMut(&Source) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

impl Table for Source {
    fn head(&self) -> &Source {
        self
    }

    fn each(
        &self,
        _: &[usize],
        visit: &mut dyn FnMut(&Source) -> Result<(), Error>,
    ) -> Result<(), Error> {
        visit(self)
    }
}

/// Is shown a block, the cells of one column in it, and the rows that count.
pub(super) type OfColumn<'v> =
    dyn FnMut(&Source, &RawColumn, &[u32]) -> Result<(), Error> + 'v;

/// The cells of one column in the rows of a part, block by block.
pub(super) fn each_of(
    table: &dyn Table,
    column: usize,
    rows: &Members,
    visit: &mut OfColumn<'_>,
) -> Result<(), Error> {
    table.each(&[column], &mut |block| {
        let rows = rows.within(block.first, block.rows);
        visit(block, &block.columns[column], &rows)
    })
}
