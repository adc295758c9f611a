//! Data in the number type of a run, ready to be gathered into batches.
//!
//! In: a [`Dataset`]. Out: [`Fed`], from which rows are loaded into a machine. Invariants: one-hot
//! targets stay an index; loading allocates nothing. Deliberately absent: the choice of rows.

use chainrule_graph::graph::SymId;
use chainrule_graph::module::Module;
use chainrule_kernels::{Real, pages};

use crate::data::{Array, Dataset};
use crate::model::{WEIGHT, data_symbols};
use crate::run::{BatchRows, BatchSource};

/// A data set in the number type of the run.
pub(crate) struct Fed<T>(Vec<(SymId, FedArray<T>)>);

enum FedArray<T> {
    Dense { values: Vec<T>, cols: usize },
    Index(Vec<u32>),
}

impl<T: Real> Fed<T> {
    /// `mean_weight` is that of the training part: weights are relative to it.
    pub(crate) fn new(module: &Module, data: &Dataset, mean_weight: f64) -> Self {
        let arrays = data_symbols(module).filter_map(|s| {
            let fed = match data.array(&s.key)? {
                Array::Index { index, .. } => FedArray::Index(index.clone()),
                Array::Dense { cols, values } => {
                    let mut own = pages::room(values.len());
                    own.extend(values.iter().map(|&v| T::from_f64(v)));
                    FedArray::Dense { values: own, cols: *cols }
                }
            };
            Some((s.id, fed))
        });
        let mut all: Vec<_> = arrays.collect();
        if let Some(s) = module.symbol(WEIGHT) {
            let weight = |i: usize| match &data.weights {
                Some(w) => w[i] / mean_weight,
                None => 1.0,
            };
            let values = (0..data.rows).map(|i| T::from_f64(weight(i))).collect();
            all.push((s.id, FedArray::Dense { values, cols: 1 }));
        }
        Self(all)
    }
}

impl<T: Real> BatchRows<T> for Fed<T> {
    fn symbols(&self) -> usize {
        self.0.len()
    }

    fn symbol(&self, number: usize) -> (SymId, BatchSource<'_, T>) {
        let (id, array) = &self.0[number];
        let source = match array {
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
