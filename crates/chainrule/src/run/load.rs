//! Batches: rows of data gathered to where a plan reads them.
//!
//! In: data outside the arena and row numbers. Out: the batch's symbols set. Invariant:
//! nothing is allocated. Deliberately absent: the choice of rows.

use chainrule_graph::graph::SymId;
use chainrule_kernels::{Real, Slot};

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

    fn load_rows(&mut self, s: SymId, values: &[T], cols: usize, rows: &[u32]) {
        let Some(view) = self.plan.symbols.get(&s) else { return };
        let look = self.look(view);
        let entries = look.size.iter().product::<usize>();
        assert_eq!(
            entries,
            rows.len() * cols,
            "rows of {cols} numbers for symbol {}",
            s.0
        );
        let dst = Slot::new(look.offset, cols);
        let arena = &mut self.memory[self.start..];
        T::gather_rows(&self.team, arena, values, cols, rows, dst);
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
