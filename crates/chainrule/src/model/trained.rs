//! A trained network: what it is, saving and loading, running it over prepared data.
//!
//! In: a [`Model`] with weights; or a model file. Out: outputs and losses for [`Dataset`]s. Invariant:
//! a row's output does not depend on the rows that come with it. Deliberately absent: training
//! further; predictions in the user's units (`predict`); figures (`evaluate`).

use std::path::Path;

use chainrule_graph::module::Symbol;
use chainrule_graph::shape::Sizes;
use chainrule_graph::syntax::ast::{Layout, Precision};
use chainrule_kernels::Real;

use super::fit::numbers;
use super::{Model, data_symbols, stored};
use crate::data::{Array, Dataset, Part, Preparation};
use crate::error::Error;
use crate::metrics::Baseline;
use crate::plan::Purpose;
use crate::store::{Number, Numbers, Tensor};
use crate::train::{EVALUATION_ROWS, End, Epoch, Fed, Meter, Order, Planned};

/// Is shown the target with the places of some rows in it, and their outputs.
pub(super) type Visit<'v> =
    dyn FnMut(Option<(&Array, &[u32])>, &[f64]) -> Result<(), Error> + 'v;

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

    /// Everything that the output is made of besides data: what was learned, running statistics,
    /// and what has a value that nothing changes.
    ///
    /// # Errors
    /// [`Error::Usage`] if the file leaves such a value open.
    pub(crate) fn weights(&self) -> Result<Vec<Tensor>, Error> {
        let mut all = self.tensors.clone();
        for symbol in &self.model.module.symbols {
            if let Some(value) = self.model.fixed(symbol, &self.sizes)? {
                let shape = (value.rows, value.cols);
                let numbers = numbers(&self.model, &value.data);
                all.push(Tensor { name: symbol.key.clone(), shape, numbers });
            }
        }
        Ok(all)
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

    /// Mean loss (of no meaning for [`Purpose::Forward`]) and all outputs.
    pub(super) fn run(
        &self,
        data: &Dataset,
        purpose: Purpose,
    ) -> Result<(f64, Vec<f64>), Error> {
        let mut all = Vec::new();
        let loss = self.walk(data.into(), purpose, &mut |_, output| {
            all.extend_from_slice(output);
            Ok(())
        })?;
        Ok((loss, all))
    }

    /// Runs over a part in order and shows the target of some rows (with their places in it) and
    /// their outputs; the mean loss.
    pub(super) fn walk(
        &self,
        part: Part<'_>,
        purpose: Purpose,
        visit: &mut Visit<'_>,
    ) -> Result<f64, Error> {
        self.model.sizes_fit(&self.sizes, part.layout())?;
        match self.model.settings.precision {
            Precision::F32 => self.walk_in::<f32>(part, purpose, visit),
            Precision::F64 => self.walk_in::<f64>(part, purpose, visit),
        }
    }

    fn walk_in<T: Number>(
        &self,
        part: Part<'_>,
        purpose: Purpose,
        visit: &mut Visit<'_>,
    ) -> Result<f64, Error> {
        let planned = Planned::new(&self.model, &self.sizes, part.layout());
        let at_once = part.rows().clamp(1, EVALUATION_ROWS);
        let mut meter = Meter::<T>::new(&planned, purpose, at_once)?;
        self.put(&mut meter);
        let target = super::compared(&self.model.module).map(|s| s.key.as_str());
        let mut fed = Fed::<T>::new(&self.model.module, part, self.weight, target);
        let order = Order::straight(part);
        let (mut loss, mut output) = (0.0, Vec::new());
        for from in (0..part.rows()).step_by(at_once) {
            let rows = at_once.min(part.rows() - from);
            fed.bring(&order, from, rows)?;
            meter.machine.run_rows(&fed, fed.now());
            meter.output(&mut output);
            let target = fed.target().map(|(_, target)| (target, fed.now()));
            visit(target, &output)?;
            loss += meter.figures().loss * rows as f64;
        }
        Ok(loss / part.rows() as f64)
    }

    pub(super) fn put<T: Real>(&self, meter: &mut Meter<T>) {
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
}

/// Site and kind of a running statistic's name.
pub(super) fn running(name: &str) -> Option<(u32, bool)> {
    let (site, kind) = name.strip_prefix("running/")?.split_once('/')?;
    Some((site.parse().ok()?, kind == "variance"))
}

impl Model {
    /// The entries of one example of a symbol of the data.
    pub(super) fn entries(&self, s: &Symbol, sizes: &Sizes) -> Option<usize> {
        let rows = self.module.layout == Layout::Rows;
        let dim = if rows { &s.shape.cols } else { &s.shape.rows };
        self.module.dims.resolve(dim).under(sizes)
    }

    /// Whether prepared data has the sizes of the network.
    pub(super) fn sizes_fit(&self, sizes: &Sizes, data: &Dataset) -> Result<(), Error> {
        let rows = self.module.layout == Layout::Rows;
        for s in data_symbols(&self.module) {
            let Some(array) = data.array(&s.key) else { continue };
            let dim = if rows { &s.shape.cols } else { &s.shape.rows };
            let expected = self.entries(s, sizes);
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
