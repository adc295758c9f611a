//! How large the gradient of each learned symbol is: what vanishes or explodes on its way back.
//!
//! In: a network at its start or trained, prepared rows. Out: the 2-norm of ∂J/∂θ for each learned
//! symbol, in the order in which the equations use them. Invariants: the plan is that of training,
//! and so is the number type; the rows are spread evenly over the data and depend on nothing else.
//! Deliberately absent: drawing; a judgement of what is too small.

use chainrule_graph::graph::{Graph, NodeId, Op, SymId};
use chainrule_graph::module::Symbol;
use chainrule_graph::shape::Sizes;
use chainrule_graph::syntax::ast::Precision;
use serde::Serialize;

use super::{Model, Trained};
use crate::data::{Dataset, Part};
use crate::error::Error;
use crate::init;
use crate::plan::Purpose;
use crate::store::Number;
use crate::train::{Fed, Feeds, Meter, Planned};

/// Rows that a gradient is the mean over, at most.
const ROWS: usize = 1024;

/// A learned symbol and the size of its gradient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GradientNorm {
    /// Its name, as it is written.
    pub symbol: String,
    /// Whether it stands in a product: the weights of a layer.
    pub weights: bool,
    /// √∑(∂J/∂θ)², over at most 1,024 rows.
    pub norm: f64,
}

impl Model {
    /// The gradients before the first step, on rows to train on.
    ///
    /// # Errors
    /// As [`Model::fit_prepared`].
    pub fn gradient_norms(&self, train: &Dataset) -> Result<Vec<GradientNorm>, Error> {
        self.gradient_norms_of(train, &Feeds::default())
    }

    /// As [`Model::gradient_norms`], with what others made of the data.
    pub(crate) fn gradient_norms_of(
        &self,
        train: &Dataset,
        feeds: &Feeds,
    ) -> Result<Vec<GradientNorm>, Error> {
        let sizes = self.sizes(train)?;
        let at = Place { model: self, sizes: &sizes, train, feeds, trained: None };
        at.norms()
    }
}

impl Trained {
    /// The gradients at the weights that were kept, on rows to train on.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] if the data has other sizes than the network.
    pub fn gradient_norms(&self, train: &Dataset) -> Result<Vec<GradientNorm>, Error> {
        self.gradient_norms_of(train, &Feeds::default())
    }

    /// As [`Trained::gradient_norms`], with what others made of the data.
    pub(crate) fn gradient_norms_of(
        &self,
        train: &Dataset,
        feeds: &Feeds,
    ) -> Result<Vec<GradientNorm>, Error> {
        let (model, sizes) = (&self.model, &self.sizes);
        Place { model, sizes, train, feeds, trained: Some(self) }.norms()
    }
}

/// A network on data, at its start or trained.
struct Place<'a> {
    model: &'a Model,
    sizes: &'a Sizes,
    train: &'a Dataset,
    feeds: &'a Feeds,
    trained: Option<&'a Trained>,
}

impl Place<'_> {
    fn norms(&self) -> Result<Vec<GradientNorm>, Error> {
        match self.model.settings.precision {
            Precision::F32 => self.norms_in::<f32>(),
            Precision::F64 => self.norms_in::<f64>(),
        }
    }

    fn norms_in<T: Number>(&self) -> Result<Vec<GradientNorm>, Error> {
        let planned = Planned::new(self.model, self.sizes, self.train);
        let rows = spread(self.train.rows);
        let mut meter = Meter::<T>::new(&planned, Purpose::Train, rows.len())?;
        self.put(&mut meter)?;
        let (module, part) = (&self.model.module, Part::from(self.train));
        let weight = part.mean_weight()?;
        let fed = Fed::<T>::shared(module, part, weight, None, self.feeds);
        meter.machine.set_random_key(self.model.settings.seed, 1);
        meter.machine.run_rows(&fed, &rows);
        let norm = |s: &Symbol| {
            let machine = &meter.machine;
            let own = machine.unpacked(s.id, machine.gradients())?;
            let squares = own.iter().map(|g| g * g).sum();
            let (symbol, norm) = (s.shown.clone(), libm::sqrt(squares));
            Some(GradientNorm { symbol, weights: in_product(&module.graph, s.id), norm })
        };
        let learned = in_order(&module.graph, &module.trainable);
        let symbols = learned.iter().map(|id| &module.symbols[id.0 as usize]);
        Ok(symbols.filter_map(norm).collect())
    }

    /// The weights to look at.
    fn put<T: Number>(&self, meter: &mut Meter<T>) -> Result<(), Error> {
        if let Some(trained) = self.trained {
            trained.put(meter);
            return Ok(());
        }
        for &id in &self.model.module.trainable {
            let symbol = &self.model.module.symbols[id.0 as usize];
            let start = init::start(symbol, self.sizes, self.model.settings.seed)?;
            meter.machine.set(id, &start.value.data);
        }
        Ok(())
    }
}

/// Row numbers, evenly apart.
fn spread(rows: usize) -> Vec<u32> {
    let n = rows.min(ROWS);
    (0..n).map(|i| (i * rows / n) as u32).collect()
}

/// Whether a product reads the symbol.
fn in_product(graph: &Graph, symbol: SymId) -> bool {
    let is_it = |id: &NodeId| {
        let node = &graph[*id];
        let inner = if node.op == Op::Transpose { &graph[node.args[0]] } else { node };
        inner.op == Op::Symbol(symbol)
    };
    graph.iter().any(|(_, n)| n.op == Op::MatMul && n.args.iter().any(is_it))
}

/// Symbols in the order of the first node that reads each: that of the way forward.
fn in_order(graph: &Graph, symbols: &[SymId]) -> Vec<SymId> {
    let first = |id: &SymId| {
        let own =
            graph.iter().find(|(_, n)| n.op == Op::Symbol(*id)).map(|(at, _)| at)?;
        graph.iter().find(|(_, n)| n.args.contains(&own)).map(|(at, _)| at)
    };
    let mut all: Vec<_> = symbols.iter().map(|id| (first(id), *id)).collect();
    all.sort_by_key(|(at, _)| at.map_or(u32::MAX, |at| at.0));
    all.into_iter().map(|(_, id)| id).collect()
}
