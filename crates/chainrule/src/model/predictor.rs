//! A network ready to be asked again and again: planned once, its weights laid out for products
//! without gradients, nothing allocated per question.
//!
//! In: a [`Trained`] network and prepared inputs, row by row. Out: its outputs, row by row. Invariant:
//! a row's output has the same bits alone as among others, unless the file adds over the rows of a
//! batch. Deliberately absent: preparation of cells and the units of the target (see
//! [`Trained::predict`]).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chainrule_graph::graph::{NodeId, SymId};
use chainrule_graph::syntax::ast::{Layout, Role};
use chainrule_kernels::{Real, Team};

use super::Trained;
use super::mixing::mixes_rows;
use crate::error::Error;
use crate::plan::Purpose;
use crate::run::{BatchRows, BatchSource, Machine};
use crate::train::{EVALUATION_ROWS, Meter, Planned};

/// A network bound to a number of rows. See [`Trained::predictor`].
#[derive(Debug)]
pub struct Predictor<T: Real> {
    machine: Machine<T>,
    team: Arc<Team>,
    /// A machine a thread, where rows are dealt out; none where it is not worth that.
    own: Vec<Mutex<Machine<T>>>,
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
    /// by default) they have the bits of [`Trained::predict`]. With several threads and `rows` from 512
    /// on, each thread has a copy of a network of at most 4 MiB. A network whose output adds over the rows
    /// of a batch is asked 256 rows at a time, as by [`Trained::predict`].
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
                let cols = self.model.entries(s, &self.sizes).unwrap_or(1);
                Input { symbol: s.id, cols, values: Vec::new() }
            })
            .collect();
        let cols = inputs.iter().map(|i| i.cols).sum();
        let planned = Planned::plain(&self.model, &self.sizes);
        let team = Arc::clone(&planned.team);
        let mixed = mixes_rows(&self.model.module);
        let together = match mixed {
            true => EVALUATION_ROWS,
            false => rows.min(near::<T>(cols, team.threads())),
        };
        let (machine, output) = self.forward(&planned, together)?;
        let output = output.ok_or_else(|| usage("output", "the file names no output"))?;
        let width = match self.model.module.layout {
            Layout::One => machine.width(output),
            Layout::Columns | Layout::Rows => machine.width(output) / together,
        };
        let entries = (cols, width);
        let learned: usize = self.tensors.iter().map(|t| t.numbers.len()).sum();
        let small = learned * size_of::<T>() <= COPIED;
        // Blocks are put together row by row.
        let by_rows = machine.slice(output).map(<[T]>::len) == Some(together * entries.1);
        let mut own = Vec::new();
        let dealt = inputs.len() == 1 && small && by_rows && !mixed;
        if team.threads() > 1 && rows >= 2 * FEW && dealt {
            let alone = Planned { team: Arc::new(Team::single()), ..planned };
            for _ in 0..team.threads() {
                let (machine, _) = self.forward(&alone, rows.min(near::<T>(cols, 1)))?;
                own.push(Mutex::new(machine));
            }
        }
        let rows: Vec<u32> = (0..together as u32).collect();
        Ok(Predictor {
            machine,
            team,
            own,
            inputs,
            output,
            entries,
            rows,
            out: Vec::new(),
        })
    }

    /// A machine for the output of so many rows, with the numbers of this network.
    fn forward<T: Real>(
        &self,
        planned: &Planned<'_>,
        rows: usize,
    ) -> Result<(Machine<T>, Option<NodeId>), Error> {
        let mut meter = Meter::<T>::new(planned, Purpose::Forward, rows)?;
        self.put(&mut meter);
        Ok(meter.into_parts())
    }
}

/// Bytes of inputs that stay in the nearer caches of a core.
const NEAR: usize = 512 * 1024;
/// Rows below which a network's weights are read too often.
const FEW: usize = 256;

/// Bytes of learned numbers that each thread may have a copy of.
const COPIED: usize = 4 << 20;
/// Blocks of rows that each thread gets, about: the slower one's last block is waited for.
const BLOCKS: usize = 4;

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
        if self.deal(rows) {
            return &self.out;
        }
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

    /// Many rows in blocks, each taken by the thread that is free: none waits for another within a
    /// block, and one whose core is slow does less. Says whether it was done.
    fn deal(&mut self, rows: &[T]) -> bool {
        let ((cols, width), parts) = (self.entries, self.own.len());
        let n = rows.len() / cols;
        let most = near::<T>(cols, 1).min(self.rows.len());
        let block = n.div_ceil(BLOCKS * parts.max(1)).clamp(FEW.min(most), most);
        let whole = n / block;
        if parts == 0 || whole < parts {
            return false;
        }
        self.out.resize(n * width, T::default());
        let (out, next) = (Mutex::new(&mut self.out[..]), AtomicUsize::new(parts));
        let (inputs, numbers, output) = (&self.inputs, &self.rows, self.output);
        let one = |machine: &mut Machine<T>, first: usize, count: usize| {
            let handed = Handed { inputs, whole: &rows[first * cols..][..count * cols] };
            machine.run_rows(&handed, &numbers[..count]);
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            let to = &mut out[first * width..][..count * width];
            to.copy_from_slice(machine.slice(output).unwrap_or_default());
        };
        let own = &self.own;
        let work = |part: usize| {
            let mut machine = own[part].lock().unwrap_or_else(PoisonError::into_inner);
            // Always the same thread's, so that the others need no plan for so few rows.
            if part == 0 && n > whole * block {
                one(&mut machine, whole * block, n - whole * block);
            }
            let mut at = part;
            while at < whole {
                one(&mut machine, at * block, block);
                at = next.fetch_add(1, Ordering::Relaxed);
            }
        };
        if !self.team.each(&work) {
            (0..parts).for_each(work);
        }
        true
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
    use crate::{Model, Options, table};

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

    const TRAIN: &str = "\ntrain: sgd(lr = 0.1), batch full, epochs 1, seed 1\n";

    #[test]
    fn rows_dealt_to_threads_have_the_bits_of_one_thread() {
        same_on_threads(
            "input x : D\ntarget t : K\nparam W : K×D ~ he\nz = tanh(W x)\nL = mse(t, z)\n\
             minimize mean(L)\noutput: z",
        );
    }

    #[test]
    fn matrices_of_examples_are_asked_row_by_row() {
        let file = |layout: &str, shapes: [&str; 3], product: &str| {
            format!(
                "examples: {layout}\ninput x : {}\ntarget t : {}\nparam W : {} ~ he\nz = {product}\n\
             J = ‖z − t‖² / N\nminimize J\noutput: z",
                shapes[0], shapes[1], shapes[2],
            )
        };
        same_on_threads(&file("rows", ["N×D", "N×K", "D×K"], "tanh(x W)"));
        same_on_threads(&file("columns", ["D×N", "K×N", "K×D"], "tanh(W x)"));
    }

    #[test]
    fn rows_that_look_at_each_other_are_taken_together_the_same_on_any_threads() {
        same_on_threads(
            "examples: rows\ninput x : N×D\ntarget t : N×K\nparam W : D×K ~ he\na = x W\n\
             z = a − sum(a) / N\nJ = ‖z − t‖² / N\nminimize J\noutput: z",
        );
    }

    fn same_on_threads(text: &str) {
        let text = format!("{text}{TRAIN}");
        let data = table(&[("x", 3, &[0.5; 12]), ("t", 2, &[0.5; 8])]).unwrap();
        let on = |threads: usize| {
            let model =
                Model::parse_with(&text, Options::default().threads(threads)).unwrap();
            let trained = model.fit(&data, &mut |_| Default::default()).unwrap();
            trained.predictor::<f32>(1000).unwrap()
        };
        let rows: Vec<f32> =
            (0..3 * 5003).map(|i| (i % 101) as f32 / 50.0 - 1.0).collect();
        let (mut one, mut two) = (on(1), on(2));
        let width = one.inputs();
        assert_eq!((width, one.outputs()), (3, 2));
        // A machine with one processor gives no second thread.
        assert!(one.own.is_empty() && two.own.len() != 1);
        for n in [5003, 5000, 4, 2001, 300, 5003] {
            let some = &rows[..width * n];
            assert!(one.predict(some) == two.predict(some), "{n} rows");
            assert_eq!(one.predict(some).len(), 2 * n);
        }
    }

    #[test]
    fn rows_that_one_product_reads_are_not_copied() {
        assert!(lends("z"));
        assert!(!lends("a"), "a pass reads them");
    }
}
