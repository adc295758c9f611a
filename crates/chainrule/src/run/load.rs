//! Batches: rows of data gathered to where a plan reads them.
//!
//! In: data outside the arena and row numbers. Out: the batch's symbols set. Invariant:
//! nothing is allocated. Deliberately absent: the choice of rows.

use chainrule_graph::graph::SymId;
use chainrule_kernels::{Gather, Real, Slot, Sources};

use crate::run::Machine;

/// Data from which a batch is taken.
#[derive(Clone, Copy, Debug)]
pub enum BatchSource<'a, T> {
    /// A row of numbers per example.
    Dense {
        /// All rows, one after the other.
        values: &'a [T],
        /// Numbers per row.
        cols: usize,
    },
    /// A class per example.
    Index(&'a [u32]),
}

/// The data of several symbols, by number.
pub trait BatchRows<T>: Sync {
    /// How many symbols there are.
    fn symbols(&self) -> usize;
    /// A symbol with its data.
    fn symbol(&self, number: usize) -> (SymId, BatchSource<'_, T>);
}

impl<T: Copy + Sync, const N: usize> BatchRows<T> for [(SymId, BatchSource<'_, T>); N] {
    fn symbols(&self) -> usize {
        N
    }

    fn symbol(&self, number: usize) -> (SymId, BatchSource<'_, T>) {
        self[number]
    }
}

/// No data: what the symbols hold stays.
pub(crate) struct Nothing;
pub(crate) const NONE: Nothing = Nothing;

impl<T> BatchRows<T> for Nothing {
    fn symbols(&self) -> usize {
        0
    }

    fn symbol(&self, _: usize) -> (SymId, BatchSource<'_, T>) {
        unreachable!("there are no symbols")
    }
}

/// Dense data as the kernels look at them.
pub(crate) struct Dense<'a, T>(pub(crate) &'a dyn BatchRows<T>);

impl<T> Sources<T> for Dense<'_, T> {
    fn source(&self, number: usize) -> &[T] {
        match self.0.symbol(number).1 {
            BatchSource::Dense { values, .. } => values,
            BatchSource::Index(_) => &[],
        }
    }
}

/// Number, symbol and columns of what is dense.
pub(crate) fn dense<T>(
    data: &dyn BatchRows<T>,
) -> impl Iterator<Item = (usize, SymId, usize)> {
    (0..data.symbols()).filter_map(|number| match data.symbol(number) {
        (s, BatchSource::Dense { cols, .. }) => Some((number, s, cols)),
        (_, BatchSource::Index(_)) => None,
    })
}

impl<T: Real> Machine<T> {
    /// Sets a symbol to the given rows; their number is the batch's.
    ///
    /// # Panics
    /// If there are more rows than the plan is for, or a row or class that is not there.
    pub fn load(&mut self, s: SymId, source: BatchSource<'_, T>, rows: &[u32]) {
        self.batch(rows.len());
        match source {
            BatchSource::Dense { values, cols } => self.load_rows(s, values, cols, rows),
            BatchSource::Index(classes) => self.load_classes(s, classes, rows),
        }
    }

    /// Where the batch's rows of a symbol go; `None` if nothing in the plan reads it.
    fn home(&self, s: SymId, cols: usize) -> Option<Slot> {
        let look = self.look(self.plan.symbols.get(&s)?);
        let entries = look.size.iter().product::<usize>();
        assert_eq!(entries, self.m * cols, "rows of {cols} numbers for symbol {}", s.0);
        Some(Slot::new(look.offset, cols))
    }

    /// The kernel that gathers a symbol's rows from the data of that number.
    pub(crate) fn gather(&self, source: usize, s: SymId, cols: usize) -> Option<Gather> {
        let dst = self.home(s, cols)?;
        Some(Gather { source, first: 0, rows: self.m, cols, dst })
    }

    /// Sets all symbols that are indices.
    pub(crate) fn set_indices(&mut self, data: &dyn BatchRows<T>, rows: &[u32]) {
        for number in 0..data.symbols() {
            if let (s, BatchSource::Index(classes)) = data.symbol(number) {
                self.load_classes(s, classes, rows);
            }
        }
    }

    /// The classes of the last run's rows, of a symbol that the plan reads as an index.
    #[must_use]
    pub fn classes(&self, s: SymId) -> Option<&[u32]> {
        let i = self.plan.index.iter().position(|&k| k == s)?;
        Some(&self.index[i][..self.m])
    }

    fn load_rows(&mut self, s: SymId, values: &[T], cols: usize, rows: &[u32]) {
        let Some(dst) = self.home(s, cols) else { return };
        let arena = self.arena_mut();
        for (i, &row) in rows.iter().enumerate() {
            let from = &values[row as usize * cols..][..cols];
            arena[dst.offset + i * cols..][..cols].copy_from_slice(from);
        }
    }

    fn load_classes(&mut self, s: SymId, classes: &[u32], rows: &[u32]) {
        if let Some(i) = self.plan.index.iter().position(|&k| k == s) {
            let limit = self.plan.classes[i];
            for (to, &row) in self.index[i].iter_mut().zip(rows) {
                let class = classes[row as usize];
                assert!(
                    limit == 0 || (class as usize) < limit,
                    "class {class} of {limit}"
                );
                *to = class;
            }
            return;
        }
        // The plan reads the symbol as a dense one-hot.
        let Some(view) = self.plan.symbols.get(&s) else { return };
        let look = self.look(view);
        let width = look.size.iter().product::<usize>() / rows.len().max(1);
        let arena = &mut self.memory[self.start..];
        for (e, &row) in rows.iter().enumerate() {
            let line = &mut arena[look.offset + e * width..][..width];
            line.fill(T::default());
            line[classes[row as usize] as usize] = T::from_f64(1.0);
        }
    }
}
