//! A network ready to be asked again and again: planned once, its weights laid out for products
//! without gradients, nothing allocated per question.
//!
//! In: a [`Trained`] network and prepared inputs, row by row. Out: its outputs, row by row. Invariant:
//! a row's output has the same bits alone as among others. Deliberately absent: preparation of
//! cells and the units of the target (see [`Trained::predict`]).

use chainrule_graph::graph::{NodeId, SymId};
use chainrule_graph::syntax::ast::Role;
use chainrule_kernels::Real;

use super::Trained;
use crate::error::Error;
use crate::plan::Purpose;
use crate::run::{BatchRows, BatchSource, Machine};
use crate::train::{Meter, Planned};

/// A network bound to a number of rows. See [`Trained::predictor`].
#[derive(Debug)]
pub struct Predictor<T: Real> {
    machine: Machine<T>,
    inputs: Vec<Input<T>>,
    output: NodeId,
    /// Entries of a row of inputs, and of outputs.
    entries: (usize, usize),
    /// Numbers of the rows: 0, 1, 2 …
    rows: Vec<u32>,
    out: Vec<T>,
}

#[derive(Debug)]
struct Input<T> {
    symbol: SymId,
    cols: usize,
    /// Its columns of a batch, where a row holds those of several inputs.
    values: Vec<T>,
}

/// A batch as it was handed in, or taken apart.
struct Handed<'a, T> {
    inputs: &'a [Input<T>],
    whole: &'a [T],
}

impl<T: Real> BatchRows<T> for Handed<'_, T> {
    fn symbols(&self) -> usize {
        self.inputs.len()
    }

    fn symbol(&self, number: usize) -> (SymId, BatchSource<'_, T>) {
        let Input { symbol, cols, values } = &self.inputs[number];
        let values = if self.inputs.len() == 1 { self.whole } else { values };
        (*symbol, BatchSource::Dense { values, cols: *cols })
    }
}

impl Trained {
    /// The network planned for at most `rows` rows at a time, fewer where that many inputs would not
    /// stay in the caches. `T` is the number type of the outputs; with that of the training (`f32`
    /// by default) they have the bits of [`Trained::predict`].
    ///
    /// # Errors
    /// [`Error::Usage`] if `rows` is 0, or the file says no output.
    pub fn predictor<T: Real>(&self, rows: usize) -> Result<Predictor<T>, Error> {
        let usage = |field: &str, message: &str| Error::Usage {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        if rows == 0 {
            return Err(usage("rows", "expected at least 1, found 0"));
        }
        let symbols = self.model.module.symbols.iter();
        let inputs: Vec<Input<T>> = symbols
            .filter(|s| s.role == Role::Input)
            .map(|s| {
                let (down, along) = s.shape.under(&self.sizes).unwrap_or((1, 1));
                Input { symbol: s.id, cols: down * along, values: Vec::new() }
            })
            .collect();
        let cols = inputs.iter().map(|i| i.cols).sum();
        let rows = rows.min(near::<T>(cols, self.model.options.team()));
        let planned = Planned::plain(&self.model, &self.sizes);
        let mut meter = Meter::<T>::new(&planned, Purpose::Forward, rows)?;
        self.put(&mut meter);
        let (machine, output) = meter.into_parts();
        let output = output.ok_or_else(|| usage("output", "the file names no output"))?;
        let rows: Vec<u32> = (0..rows as u32).collect();
        let entries = (cols, machine.width(output));
        Ok(Predictor { machine, inputs, output, entries, rows, out: Vec::new() })
    }
}

/// Bytes of inputs that stay in the nearer caches of a core.
const NEAR: usize = 512 * 1024;
/// Rows below which a network's weights are read too often.
const FEW: usize = 256;

/// Rows that are worth being taken together, of so many numbers each.
fn near<T>(cols: usize, threads: usize) -> usize {
    let row = cols.max(1) * size_of::<T>();
    (threads.max(1) * NEAR / row).max(FEW)
}

impl<T: Real> Predictor<T> {
    /// Entries of a row of inputs: all inputs of the file, one after the other.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.entries.0
    }

    /// Entries of a row of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.entries.1
    }

    /// The outputs for rows of prepared inputs, row by row. Rows beyond those planned for are
    /// taken in turns; nothing is allocated once a number of rows has been seen.
    ///
    /// # Panics
    /// If the numbers do not fill whole rows.
    pub fn predict(&mut self, rows: &[T]) -> &[T] {
        let (cols, _) = self.entries;
        assert!(cols > 0 && rows.len().is_multiple_of(cols), "rows of {cols} numbers");
        self.out.clear();
        for some in rows.chunks(self.rows.len() * cols) {
            self.take_apart(some);
            let handed = Handed { inputs: &self.inputs, whole: some };
            self.machine.run_rows(&handed, &self.rows[..some.len() / cols]);
            match self.machine.slice(self.output) {
                Some(values) => self.out.extend_from_slice(values),
                None => {
                    let values = self.machine.value(self.output).unwrap_or_default();
                    self.out.extend(values.into_iter().map(T::from_f64));
                }
            }
        }
        &self.out
    }

    /// The columns of each input, where there are several.
    fn take_apart(&mut self, rows: &[T]) {
        let (cols, several) = (self.entries.0, self.inputs.len() > 1);
        let mut first = 0;
        for input in self.inputs.iter_mut().filter(|_| several) {
            input.values.clear();
            let part = |row: &[T]| first..first + input.cols.min(row.len());
            for row in rows.chunks(cols) {
                input.values.extend_from_slice(&row[part(row)]);
            }
            first += input.cols;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Model, table};

    /// Whether the predictor copies no rows, for that output.
    fn lends(output: &str) -> bool {
        let text = format!(
            "input x : D\ntarget t : K\nparam W : K×D ~ he\nz = W x\na = x ⊙ x\nL = mse(t, z)\n\
             minimize mean(L)\noutput: {output}\ntrain: sgd(lr = 0.1), batch full, epochs 1, seed 1\n"
        );
        let data = table(&[("x", 3, &[0.5; 12]), ("t", 2, &[0.5; 8])]).unwrap();
        let trained =
            Model::parse(&text).unwrap().fit(&data, &mut |_| Default::default());
        let mut predictor = trained.unwrap().predictor::<f32>(4).unwrap();
        assert!(predictor.predict(&[0.25; 12]).iter().all(|x| x.is_finite()));
        predictor.machine.plan().lent.contains_key(&predictor.inputs[0].symbol)
    }

    #[test]
    fn rows_that_one_product_reads_are_not_copied() {
        assert!(lends("z"));
        assert!(!lends("a"), "a pass reads them");
    }
}
