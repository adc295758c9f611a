//! Data in the number type of a run, ready to be gathered into batches.
//!
//! In: a [`Dataset`]. Out: [`Fed`], from which rows are loaded into a machine. Invariants: one-hot
//! targets stay an index; loading allocates nothing; trainings that share [`Feeds`] read the same
//! memory. Deliberately absent: the choice of rows.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use chainrule_graph::graph::SymId;
use chainrule_graph::module::Module;
use chainrule_kernels::{Real, pages};

use crate::data::{Array, Dataset};
use crate::model::{WEIGHT, data_symbols};
use crate::run::{BatchRows, BatchSource};

/// A data set in the number type of the run.
pub(crate) struct Fed<T>(Vec<(SymId, Arc<FedArray<T>>)>);

/// A data set in the number types of runs: each symbol's array is made when it is first asked for,
/// and is then that of all trainings.
#[derive(Debug, Default)]
pub(crate) struct Feeds(Mutex<Vec<(String, Arc<dyn Any + Send + Sync>)>>);

impl Feeds {
    /// The array of a symbol; others that want it wait until it is there.
    fn array<T: Real>(
        &self,
        key: &str,
        make: impl FnOnce() -> FedArray<T>,
    ) -> Arc<FedArray<T>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = all.iter().filter(|(k, _)| k == key);
        if let Some(there) = own.find_map(|(_, a)| Arc::clone(a).downcast().ok()) {
            return there;
        }
        let new = Arc::new(make());
        let any: Arc<dyn Any + Send + Sync> = Arc::<FedArray<T>>::clone(&new);
        all.push((key.to_owned(), any));
        new
    }
}

/// The feeds of the two parts that a training looks at.
#[derive(Debug, Default)]
pub(crate) struct PartFeeds {
    pub(crate) train: Feeds,
    pub(crate) watched: Feeds,
}

enum FedArray<T> {
    Dense { values: Vec<T>, cols: usize },
    Index(Vec<u32>),
}

impl<T: Real> Fed<T> {
    /// `mean_weight` is that of the training part: weights are relative to it.
    pub(crate) fn new(module: &Module, data: &Dataset, mean_weight: f64) -> Self {
        Self::shared(module, data, mean_weight, &Feeds::default())
    }

    /// The same with what others made of this data set.
    pub(crate) fn shared(
        module: &Module,
        data: &Dataset,
        mean_weight: f64,
        feeds: &Feeds,
    ) -> Self {
        let arrays = data_symbols(module).filter_map(|s| {
            let array = data.array(&s.key)?;
            Some((s.id, feeds.array(&s.key, || FedArray::of(array))))
        });
        let mut all: Vec<_> = arrays.collect();
        if let Some(s) = module.symbol(WEIGHT) {
            let weight = |i: usize| match &data.weights {
                Some(w) => w[i] / mean_weight,
                None => 1.0,
            };
            let make = || {
                let values = (0..data.rows).map(|i| T::from_f64(weight(i))).collect();
                FedArray::Dense { values, cols: 1 }
            };
            all.push((s.id, feeds.array(WEIGHT, make)));
        }
        Self(all)
    }
}

impl<T: Real> FedArray<T> {
    fn of(array: &Array) -> Self {
        match array {
            Array::Index { index, .. } => Self::Index(index.clone()),
            Array::Dense { cols, values } => {
                let mut own = pages::room(values.len());
                own.extend(values.iter().map(|&v| T::from_f64(v)));
                Self::Dense { values: own, cols: *cols }
            }
        }
    }
}

impl<T: Real> BatchRows<T> for Fed<T> {
    fn symbols(&self) -> usize {
        self.0.len()
    }

    fn symbol(&self, number: usize) -> (SymId, BatchSource<'_, T>) {
        let (id, array) = &self.0[number];
        let source = match &**array {
            FedArray::Dense { values, cols } => {
                BatchSource::Dense { values, cols: *cols }
            }
            FedArray::Index(classes) => BatchSource::Index(classes),
        };
        (*id, source)
    }
}

/// The mean weight of a data set; 1 where it has none.
pub(crate) fn mean_weight(data: &Dataset) -> f64 {
    data.weights.as_ref().map_or(1.0, |w| w.iter().sum::<f64>() / w.len() as f64)
}
