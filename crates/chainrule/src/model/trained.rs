//! A trained network: predicts, is measured, is saved.
//!
//! In: a [`Model`], prepared data; or a model file. Out: [`Prediction`], [`Evaluation`].
//! Invariants: prediction prepares its rows by the very recipe of training; transforms of a target
//! are undone; a row's output does not depend on the rows that come with it. Deliberately absent:
//! training further.

use std::path::Path;

use chainrule_graph::module::Symbol;
use chainrule_graph::shape::Sizes;
use chainrule_graph::syntax::ast::{Layout, Mark, Precision};
use chainrule_kernels::Real;
use serde::Serialize;

use super::{Model, compared, data_symbols, stored};
use crate::data::{Array, Dataset, Preparation, RawColumn, Report, Source};
use crate::error::Error;
use crate::init;
use crate::metrics::{
    Baseline, Scores, class_scores, first_largest, label_scores, number_scores,
};
use crate::plan::Purpose;
use crate::store::{Numbers, Tensor};
use crate::train::{
    self, Control, EVALUATION_ROWS, End, Epoch, Event, Fed, Job, Machines, Measure,
    Meter, Planned, mean_weight,
};

/// A network with its weights and its preprocessing.
#[derive(Clone, Debug)]
pub struct Trained {
    pub(crate) model: Model,
    pub(crate) preparation: Preparation,
    pub(crate) sizes: Sizes,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) baseline: Option<Baseline>,
    /// Mean weight of the training rows.
    pub(crate) weight: f64,
    pub(crate) history: Vec<Epoch>,
    pub(crate) end: Option<End>,
    pub(crate) notes: Vec<String>,
}

/// Rows to predict.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// A table; columns are found by name, targets need not be there.
    Table(&'a Source),
    /// Numbers row by row, in the order of the columns that the inputs were trained on.
    Numbers(&'a [f64]),
}

impl<'a> From<&'a Source> for Rows<'a> {
    fn from(table: &'a Source) -> Self {
        Self::Table(table)
    }
}

impl<'a> From<&'a [f64]> for Rows<'a> {
    fn from(numbers: &'a [f64]) -> Self {
        Self::Numbers(numbers)
    }
}

/// Outputs, one row per example, in the units of the data file.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// A name for each entry.
    pub names: Vec<String>,
    /// Entries, row by row.
    pub values: Vec<f64>,
    /// The names of the classes, if the target is one of classes (for a binary one the two).
    pub classes: Option<Vec<String>>,
    /// What was done to the rows on the way (missing cells filled, categories unseen).
    pub report: Report,
}

impl Prediction {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.names.len().max(1)
    }

    /// The entries of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f64] {
        let k = self.names.len();
        &self.values[i * k..(i + 1) * k]
    }

    /// The class of a row: the largest entry, of a binary target the side of one half.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn class(&self, i: usize) -> Option<&str> {
        let classes = self.classes.as_ref()?;
        let row = self.row(i);
        let place = match row {
            [p] => usize::from(*p > 0.5),
            all => first_largest(all),
        };
        classes.get(place).map(String::as_str)
    }
}

/// Figures of a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Number of rows.
    pub rows: usize,
    /// The mean loss of an example, without penalties, in the units of training.
    pub loss: f64,
    /// Figures with their baselines; `None` where the output is not of a target's shape.
    pub scores: Option<Scores>,
}

/// Trains; the settings are checked.
pub(super) fn fit(
    model: &Model,
    train: &Dataset,
    watched: Option<&Dataset>,
    preparation: &Preparation,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Trained, Error> {
    match model.settings.precision {
        Precision::F32 => fit_in::<f32>(model, train, watched, preparation, on_event),
        Precision::F64 => fit_in::<f64>(model, train, watched, preparation, on_event),
    }
}

/// The number type of a run, as it is stored.
trait Number: Real {
    fn numbers(values: &[f64]) -> Numbers;
}

impl Number for f32 {
    fn numbers(values: &[f64]) -> Numbers {
        Numbers::F32(values.iter().map(|&v| v as f32).collect())
    }
}

impl Number for f64 {
    fn numbers(values: &[f64]) -> Numbers {
        Numbers::F64(values.to_vec())
    }
}

fn fit_in<T: Number>(
    model: &Model,
    train: &Dataset,
    watched: Option<&Dataset>,
    preparation: &Preparation,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Trained, Error> {
    let (module, settings) = (&model.module, &model.settings);
    let sizes = model.sizes(train)?;
    let planned = Planned::new(model, &sizes, train);
    let mut machines = Machines::<T>::new(&planned, settings, train, watched)?;
    let (starts, parameters) = start(model, &sizes, &mut machines)?;
    let target = compared(module);
    let job = Job {
        settings,
        train,
        watched,
        metric: target.map(|s| (s.key.clone(), Measure::of(s.mark))),
        parameters,
        fingerprint: model.derived.fingerprint.clone(),
        notes: starts,
    };
    let mut notes = Vec::new();
    let outcome = train::train(&mut machines, &job, &mut |event| {
        if let Event::Note(note) = event {
            notes.push(note.clone());
        }
        on_event(event)
    });
    Ok(Trained {
        model: model.clone(),
        preparation: preparation.clone(),
        baseline: target.and_then(|s| baseline(s, train, preparation)),
        tensors: tensors(model, &sizes, &machines),
        sizes,
        weight: mean_weight(train),
        history: outcome.history,
        end: Some(outcome.end),
        notes,
    })
}

/// Sets every parameter to its start; what the file leaves open, and the number of entries.
fn start<T: Number>(
    model: &Model,
    sizes: &Sizes,
    machines: &mut Machines<T>,
) -> Result<(Vec<String>, usize), Error> {
    let (mut notes, mut entries) = (Vec::new(), 0);
    for &id in &model.module.trainable {
        let symbol = &model.module.symbols[id.0 as usize];
        let started = init::start(symbol, sizes, model.settings.seed)?;
        entries += started.value.data.len();
        machines.set(id, &started.value.data);
        notes.extend(started.note);
    }
    Ok((notes, entries))
}

fn tensors<T: Number>(
    model: &Model,
    sizes: &Sizes,
    machines: &Machines<T>,
) -> Vec<Tensor> {
    let mut all = Vec::new();
    for &id in &model.module.trainable {
        let symbol = &model.module.symbols[id.0 as usize];
        let values = machines.get(id).unwrap_or_default();
        if let Some(shape) = symbol.shape.under(sizes) {
            let (name, numbers) = (symbol.key.clone(), T::numbers(&values));
            all.push(Tensor { name, shape, numbers });
        }
    }
    for site in 0..model.module.norms.len() as u32 {
        for (variance, name) in [(false, "mean"), (true, "variance")] {
            if let Some(values) = machines.running(site, variance) {
                let (shape, numbers) = ((values.len(), 1), T::numbers(&values));
                let name = format!("running/{site}/{name}");
                all.push(Tensor { name, shape, numbers });
            }
        }
    }
    all
}

/// What a predictor that looks at nothing knows of the training part.
fn baseline(
    target: &Symbol,
    train: &Dataset,
    preparation: &Preparation,
) -> Option<Baseline> {
    match train.array(&target.key)? {
        Array::Index { classes, index } => {
            let mut counts = vec![0.0; *classes];
            index.iter().for_each(|&c| counts[c as usize] += 1.0);
            Some(Baseline::Classes(counts))
        }
        Array::Dense { cols, values } => {
            let mut values = values.clone();
            preparation.undo(&target.key, &mut values);
            let mean = |c: usize| {
                let column = values.iter().skip(c).step_by(*cols);
                column.sum::<f64>() / train.rows as f64
            };
            let means = (0..*cols).map(mean).collect();
            Some(match target.mark {
                Some(Mark::Binary | Mark::MultiHot) => Baseline::Labels(means),
                Some(Mark::Distribution | Mark::OneHot) => Baseline::Classes(means),
                None => Baseline::Means(means),
            })
        }
    }
}

impl Trained {
    /// Reads a model file.
    ///
    /// # Errors
    /// As [`crate::store::load`]; [`Error::Mismatch`] if its parts do not belong together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        stored::load(path.as_ref())
    }

    /// Writes a model file: whole, or not at all.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        crate::store::save(&stored::to_file(self), path.as_ref())
    }

    /// The equations and their graph.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The recipe from cells to numbers.
    #[must_use]
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// Parameters by name, then running statistics.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Sizes of the dimensions.
    #[must_use]
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// The epochs of the training; empty for a network from a file.
    #[must_use]
    pub fn history(&self) -> &[Epoch] {
        &self.history
    }

    /// How the training ended.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// What was to be said aloud during training.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The same network on another number of threads (0: as many as the machine has).
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.model.options.threads = threads;
        self
    }

    /// The output for rows.
    ///
    /// # Errors
    /// [`Error::Data`] for a missing column or a word among numbers, each with its place;
    /// [`Error::Usage`] if plain numbers do not fill whole rows.
    pub fn predict<'a>(&self, rows: impl Into<Rows<'a>>) -> Result<Prediction, Error> {
        let made;
        let table = match rows.into() {
            Rows::Table(table) => table,
            Rows::Numbers(numbers) => {
                made = self.table_of(numbers)?;
                &made
            }
        };
        let (data, report) = self.preparation.apply(table, false)?;
        let mut values = self.run(&data, Purpose::Forward)?.1;
        let target = compared(&self.model.module).map(|s| s.key.as_str());
        if let Some(key) = target {
            self.preparation.undo(key, &mut values);
        }
        let width = values.len() / data.rows.max(1);
        let names = target.and_then(|key| self.preparation.symbol(key));
        let names = names.map(|plan| plan.entries()).filter(|n| n.len() == width);
        let names =
            names.unwrap_or_else(|| (1..=width).map(|i| format!("output{i}")).collect());
        let classes = target.and_then(|key| self.preparation.class_names(key));
        let classes = classes.map(|c| c.into_iter().map(str::to_owned).collect());
        Ok(Prediction { names, values, classes, report })
    }

    /// Columns of the inputs, as they are named in the training file.
    #[must_use]
    pub fn input_columns(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for plan in self.preparation.symbols.iter().filter(|s| !s.target) {
            for column in &plan.columns {
                if !names.contains(&column.name.as_str()) {
                    names.push(&column.name);
                }
            }
        }
        names
    }

    fn table_of(&self, numbers: &[f64]) -> Result<Source, Error> {
        let names = self.input_columns();
        let k = names.len();
        if k == 0 || !numbers.len().is_multiple_of(k) {
            let message = format!(
                "expected rows of {k} numbers ({}), found {}",
                names.iter().take(4).copied().collect::<Vec<_>>().join(", "),
                numbers.len()
            );
            return Err(Error::Usage { field: "rows".into(), message });
        }
        let column = |(c, name): (usize, &&str)| {
            let cells = numbers.iter().skip(c).step_by(k).copied().collect();
            RawColumn::numbers(*name, cells)
        };
        Source::from_columns("the rows", names.iter().enumerate().map(column).collect())
    }

    /// Figures for a table with its targets, and what was done to it.
    ///
    /// # Errors
    /// As [`Trained::predict`]; the targets have to be there, in classes that training saw.
    pub fn evaluate(&self, table: &Source) -> Result<(Evaluation, Report), Error> {
        let (data, report) = self.preparation.apply(table, true)?;
        Ok((self.evaluate_prepared(&data)?, report))
    }

    /// Figures for prepared data.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] if the data has other sizes than the network.
    pub fn evaluate_prepared(&self, data: &Dataset) -> Result<Evaluation, Error> {
        let (loss, output) = self.run(data, Purpose::Evaluate)?;
        let target = compared(&self.model.module);
        let scores = target.and_then(|s| self.scores(s, data, output));
        Ok(Evaluation { rows: data.rows, loss, scores })
    }

    /// Mean loss (of no meaning for [`Purpose::Forward`]) and all outputs.
    fn run(&self, data: &Dataset, purpose: Purpose) -> Result<(f64, Vec<f64>), Error> {
        self.model.sizes_fit(&self.sizes, data)?;
        match self.model.settings.precision {
            Precision::F32 => self.run_in::<f32>(data, purpose),
            Precision::F64 => self.run_in::<f64>(data, purpose),
        }
    }

    fn run_in<T: Number>(
        &self,
        data: &Dataset,
        purpose: Purpose,
    ) -> Result<(f64, Vec<f64>), Error> {
        let planned = Planned::new(&self.model, &self.sizes, data);
        let at_once = data.rows.clamp(1, EVALUATION_ROWS);
        let mut meter = Meter::<T>::new(&planned, purpose, at_once)?;
        self.put(&mut meter);
        let fed = Fed::<T>::new(&self.model.module, data, self.weight);
        let rows: Vec<u32> = (0..data.rows as u32).collect();
        let (mut loss, mut all, mut some) = (0.0, Vec::new(), Vec::new());
        for rows in rows.chunks(at_once) {
            fed.load(&mut meter.machine, rows);
            meter.machine.run();
            meter.output(&mut some);
            all.extend_from_slice(&some);
            loss += meter.figures().loss * rows.len() as f64;
        }
        Ok((loss / data.rows as f64, all))
    }

    fn put<T: Number>(&self, meter: &mut Meter<T>) {
        for tensor in &self.tensors {
            let values: Vec<f64> = match &tensor.numbers {
                Numbers::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
                Numbers::F64(v) => v.clone(),
            };
            if let Some(s) = self.model.module.symbol(&tensor.name) {
                meter.machine.set(s.id, &values);
            } else if let Some((site, variance)) = running(&tensor.name) {
                meter.machine.set_running(site, variance, &values);
            }
        }
    }

    fn scores(&self, s: &Symbol, data: &Dataset, mut output: Vec<f64>) -> Option<Scores> {
        let array = data.array(&s.key)?;
        let k = array.cols();
        let baseline = self.baseline.as_ref()?;
        match (array, baseline) {
            (Array::Index { index, .. }, Baseline::Classes(counts)) => {
                let truth: Vec<usize> = index.iter().map(|&i| i as usize).collect();
                let names = self.class_names(&s.key, k);
                Some(Scores::Classes(class_scores(&truth, &output, &names, counts)))
            }
            (Array::Dense { values, .. }, Baseline::Classes(means)) => {
                let truth: Vec<usize> = values.chunks(k).map(first_largest).collect();
                let names = self.class_names(&s.key, k);
                Some(Scores::Classes(class_scores(&truth, &output, &names, means)))
            }
            (Array::Dense { values, .. }, Baseline::Labels(shares)) => {
                Some(self.labels(&s.key, values, &output, shares))
            }
            (Array::Dense { values, .. }, Baseline::Means(means)) => {
                let mut truth = values.clone();
                self.preparation.undo(&s.key, &mut truth);
                self.preparation.undo(&s.key, &mut output);
                Some(Scores::Numbers(number_scores(&truth, &output, means)))
            }
            (Array::Index { .. }, _) => None,
        }
    }

    fn labels(&self, key: &str, truth: &[f64], output: &[f64], shares: &[f64]) -> Scores {
        let k = shares.len();
        let names = self.class_names(key, if k == 1 { 2 } else { k });
        let one = |c: usize, names: &[String; 2]| {
            let truth: Vec<bool> =
                truth.iter().skip(c).step_by(k).map(|&t| t > 0.5).collect();
            let yes: Vec<f64> = output.iter().skip(c).step_by(k).copied().collect();
            label_scores(&truth, &yes, names, shares[c])
        };
        if let ([_], [no, yes]) = (shares, names.as_slice()) {
            return Scores::Classes(one(0, &[no.clone(), yes.clone()]));
        }
        let yes_or_no = ["no".to_owned(), "yes".to_owned()];
        let labels =
            names.iter().enumerate().map(|(c, n)| (n.clone(), one(c, &yes_or_no)));
        Scores::Labels { labels: labels.collect() }
    }

    /// The names of the classes; numbers where the data gives none.
    fn class_names(&self, key: &str, k: usize) -> Vec<String> {
        let known = self.preparation.class_names(key).filter(|n| n.len() == k);
        match known {
            Some(names) => names.into_iter().map(str::to_owned).collect(),
            None => (0..k).map(|i| i.to_string()).collect(),
        }
    }
}

/// Site and kind of a running statistic's name.
pub(super) fn running(name: &str) -> Option<(u32, bool)> {
    let (site, kind) = name.strip_prefix("running/")?.split_once('/')?;
    Some((site.parse().ok()?, kind == "variance"))
}

impl Model {
    /// Whether prepared data has the sizes of the network.
    fn sizes_fit(&self, sizes: &Sizes, data: &Dataset) -> Result<(), Error> {
        let rows = self.module.layout == Layout::Rows;
        for s in data_symbols(&self.module) {
            let Some(array) = data.array(&s.key) else { continue };
            let dim = if rows { &s.shape.cols } else { &s.shape.rows };
            let expected = self.module.dims.resolve(dim).under(sizes);
            if expected.is_some_and(|n| n != array.cols()) {
                return Err(Error::Mismatch {
                    field: s.shown.clone(),
                    expected: format!("{dim} = {} entries", expected.unwrap_or(0)),
                    found: array.cols().to_string(),
                });
            }
        }
        Ok(())
    }
}
