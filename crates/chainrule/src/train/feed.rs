//! Data in the number type of a run, ready to be gathered into batches.
//!
//! In: a [`Part`], an [`Order`]. Out: [`Fed`], which holds the rows of one window and tells where those
//! of a batch are. Invariants: one-hot targets stay an index; from a part in memory every batch is
//! gathered without allocating, and trainings that share [`Feeds`] read the same memory; a batch
//! whose rows lie in two windows takes those of the first along. Deliberately absent: the choice of
//! rows.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use chainrule_graph::graph::SymId;
use chainrule_graph::module::Module;
use chainrule_kernels::{Real, pages};

use super::order::Order;
use crate::data::{Array, Dataset, Part};
use crate::error::Error;
use crate::model::{WEIGHT, data_symbols};
use crate::run::{BatchRows, BatchSource};

/// Arrays in the number types of runs: each symbol's is made when it is first asked for, and is then
/// that of all trainings on the same part.
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

/// A part in the number type of the run: the rows at hand.
pub(crate) struct Fed<'d, T> {
    part: Part<'d>,
    mean_weight: f64,
    /// Shared with other trainings if the part is in memory, else this one's own.
    arrays: Vec<(SymId, Arc<FedArray<T>>)>,
    /// The same for the figures, of a part on disk: only the target.
    shown: Dataset,
    target: Option<(String, SymId)>,
    /// The order, and the window of it, that is at hand.
    at: Option<(u64, usize)>,
    /// Where in the order the window begins, and where its rows are.
    start: usize,
    places: Vec<u32>,
    /// The rows of the batch.
    now: Vec<u32>,
    block: Dataset,
}

/// What an array is made of.
enum FedArray<T> {
    Dense { of: Of, values: Vec<T>, cols: usize },
    Index { of: Of, classes: Vec<u32> },
}

/// Where numbers come from.
#[derive(Clone)]
enum Of {
    Symbol(String),
    Weights,
}

impl<'d, T: Real> Fed<'d, T> {
    /// `mean_weight` is that of the training part: weights are relative to it; `target` is what
    /// figures look at.
    pub(crate) fn new(
        module: &Module,
        part: Part<'d>,
        mean_weight: f64,
        target: Option<&str>,
    ) -> Self {
        Self::shared(module, part, mean_weight, target, &Feeds::default())
    }

    /// The same with what others made of this part.
    pub(crate) fn shared(
        module: &Module,
        part: Part<'d>,
        mean_weight: f64,
        target: Option<&str>,
        feeds: &Feeds,
    ) -> Self {
        let filled = |key: &str, empty: FedArray<T>| match part {
            Part::Memory(data) => feeds.array(key, || empty.filled(data, mean_weight)),
            Part::Disk(_) => Arc::new(empty),
        };
        let layout = part.layout();
        let arrays = data_symbols(module).filter_map(|s| {
            let of = Of::Symbol(s.key.clone());
            let fed = match layout.array(&s.key)? {
                Array::Index { .. } => FedArray::Index { of, classes: Vec::new() },
                Array::Dense { cols, .. } => {
                    FedArray::Dense { of, values: Vec::new(), cols: *cols }
                }
            };
            Some((s.id, filled(&s.key, fed)))
        });
        let mut arrays: Vec<_> = arrays.collect();
        if let Some(s) = module.symbol(WEIGHT) {
            let values = Vec::new();
            let empty = FedArray::Dense { of: Of::Weights, values, cols: 1 };
            arrays.push((s.id, filled(WEIGHT, empty)));
        }
        Self {
            part,
            mean_weight,
            arrays,
            shown: Dataset::default(),
            target: target.and_then(|key| Some((key.to_owned(), module.symbol(key)?.id))),
            at: None,
            start: 0,
            places: Vec::new(),
            now: Vec::new(),
            block: Dataset::default(),
        }
    }

    /// The arrays of a part on disk.
    fn own(&mut self) -> impl Iterator<Item = &mut FedArray<T>> {
        self.arrays.iter_mut().filter_map(|(_, array)| Arc::get_mut(array))
    }

    /// Makes `count` rows from a place of the order on ready: [`Fed::now`] tells where they are.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Corrupt`] if the part is on disk.
    pub(crate) fn bring(
        &mut self,
        order: &Order,
        from: usize,
        count: usize,
    ) -> Result<(), Error> {
        self.now.clear();
        let there = self.at.is_some_and(|(epoch, _)| epoch == order.epoch());
        let within = self.start..self.start + self.places.len();
        if !there || !within.contains(&from) {
            let (window, start) = order.find(from);
            self.load(order, window, start)?;
        }
        let mut next = from;
        loop {
            let rest = &self.places[next - self.start..];
            let taken = rest.len().min(count - self.now.len());
            self.now.extend_from_slice(&rest[..taken]);
            next += taken;
            let Some((_, window)) = self.at.filter(|_| self.now.len() < count) else {
                return Ok(());
            };
            self.load(order, window + 1, next)?;
        }
    }

    /// The rows of the batch, by their places in what is at hand.
    pub(crate) fn now(&self) -> &[u32] {
        &self.now
    }

    /// The target of figures, for the rows at hand.
    pub(crate) fn target(&self) -> Option<(SymId, &Array)> {
        let at_hand = match self.part {
            Part::Memory(data) => data,
            Part::Disk(_) => &self.shown,
        };
        let (key, symbol) = self.target.as_ref()?;
        Some((*symbol, at_hand.array(key)?))
    }

    /// Puts a window in the place of the one at hand; the rows of the batch so far stay, in front.
    fn load(&mut self, order: &Order, window: usize, start: usize) -> Result<(), Error> {
        let before = self.at.take();
        if let Part::Disk(part) = self.part {
            let same = order.windows() == 1 && before.is_some();
            if !same {
                self.keep_now();
                let rows = self.now.len() + order.most();
                self.own().for_each(|array| array.reserve(rows));
                for &block in order.blocks(window) {
                    part.read(block, &mut self.block)?;
                    let block = std::mem::take(&mut self.block);
                    self.add(&block);
                    self.block = block;
                }
            }
        }
        let carried = self.now.len() as u32;
        order.places(window, carried, &mut self.places);
        self.at = Some((order.epoch(), window));
        self.start = start;
        Ok(())
    }

    /// Only the rows of the batch stay, in its order.
    fn keep_now(&mut self) {
        let now = std::mem::take(&mut self.now);
        self.own().for_each(|array| array.keep(&now));
        self.now = now;
        let now = &mut self.now;
        self.shown.arrays.iter_mut().for_each(|(_, array)| match array {
            Array::Dense { cols, values } => keep(values, *cols, now),
            Array::Index { index, .. } => keep(index, 1, now),
        });
        (0..).zip(now.iter_mut()).for_each(|(i, row)| *row = i);
    }

    /// Adds rows behind those at hand.
    fn add(&mut self, data: &Dataset) {
        let mean_weight = self.mean_weight;
        self.own().for_each(|array| array.add(data, mean_weight));
        let target = self.target.as_ref().map(|(key, _)| key.as_str());
        if let (Part::Disk(_), Some(array)) =
            (self.part, target.and_then(|key| data.array(key)))
        {
            add_shown(&mut self.shown, target.unwrap_or_default(), array);
        }
    }
}

fn add_shown(shown: &mut Dataset, key: &str, more: &Array) {
    match (shown.arrays.first_mut(), more) {
        (Some((_, Array::Dense { values, .. })), Array::Dense { values: more, .. }) => {
            values.extend_from_slice(more);
        }
        (Some((_, Array::Index { index, .. })), Array::Index { index: more, .. }) => {
            index.extend_from_slice(more);
        }
        _ => shown.arrays = vec![(key.to_owned(), more.clone())],
    }
}

/// Only some rows, in their order.
fn keep<V: Copy>(values: &mut Vec<V>, cols: usize, rows: &[u32]) {
    let row = |&row: &u32| &values[row as usize * cols..][..cols];
    let kept: Vec<V> = rows.iter().flat_map(row).copied().collect();
    values.clear();
    values.extend(kept);
}

impl<T: Real> FedArray<T> {
    /// With all rows of a part in memory.
    fn filled(mut self, data: &Dataset, mean_weight: f64) -> Self {
        self.reserve(data.rows);
        self.add(data, mean_weight);
        self
    }

    /// Room for as many rows, if there is less, and for no more.
    fn reserve(&mut self, rows: usize) {
        match self {
            Self::Dense { values, cols, .. } if values.is_empty() => {
                if values.capacity() < rows * *cols {
                    *values = pages::room(rows * *cols);
                }
            }
            Self::Dense { values, cols, .. } => {
                values.reserve_exact((rows * *cols).saturating_sub(values.len()));
            }
            Self::Index { classes, .. } => {
                classes.reserve_exact(rows.saturating_sub(classes.len()));
            }
        }
    }

    fn keep(&mut self, rows: &[u32]) {
        match self {
            Self::Dense { values, cols, .. } => keep(values, *cols, rows),
            Self::Index { classes, .. } => keep(classes, 1, rows),
        }
    }

    fn add(&mut self, data: &Dataset, mean_weight: f64) {
        let of = |of: &Of| match of {
            Of::Symbol(key) => data.array(key),
            Of::Weights => None,
        };
        match self {
            Self::Index { of: symbol, classes } => {
                if let Some(Array::Index { index, .. }) = of(symbol) {
                    classes.extend_from_slice(index);
                }
            }
            Self::Dense { of: Of::Weights, values, .. } => match &data.weights {
                Some(weights) => {
                    values.extend(weights.iter().map(|w| T::from_f64(w / mean_weight)));
                }
                None => values.resize(values.len() + data.rows, T::from_f64(1.0)),
            },
            Self::Dense { of: symbol, values, .. } => {
                if let Some(Array::Dense { values: more, .. }) = of(symbol) {
                    values.extend(more.iter().map(|&v| T::from_f64(v)));
                }
            }
        }
    }
}

impl<T: Real> BatchRows<T> for Fed<'_, T> {
    fn symbols(&self) -> usize {
        self.arrays.len()
    }

    fn symbol(&self, number: usize) -> (SymId, BatchSource<'_, T>) {
        let (id, array) = &self.arrays[number];
        let source = match &**array {
            FedArray::Dense { values, cols, .. } => {
                BatchSource::Dense { values, cols: *cols }
            }
            FedArray::Index { classes, .. } => BatchSource::Index(classes),
        };
        (*id, source)
    }
}
