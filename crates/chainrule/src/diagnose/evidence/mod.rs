//! What a rule may look at: the graph, the rows, the start, the course of a training.
//!
//! In: a file; its prepared rows, if there are any; a training of it, if there was one. Out:
//! [`Evidence`]. Invariants: everything here is measured with the parts that train and evaluate, nothing
//! is trained here; a number that there is not is `None`, never 0. Deliberately absent: rules (see
//! `rules`), faces.

pub(crate) mod course;
pub(crate) mod functions;
pub(crate) mod loss;
pub(crate) mod network;
pub(crate) mod range;
pub(crate) mod scope;
pub(crate) mod table;

use std::cell::OnceCell;

use chainrule_graph::eval::{Env, eval_roots};
use chainrule_graph::graph::{Op, SymId};
use chainrule_graph::optimizer::{self, SLOTS};
use chainrule_graph::shape::Sizes;
use chainrule_graph::value::Mat;

use super::gap::{self, Gap};
use super::splits::{self, Splits};
use crate::data::Parts;
use crate::error::Error;
use crate::init;
use crate::model::{Model, Trained, compared};
use crate::schedule;
use course::{Course, mean};
use loss::{Form, Loss};
use network::Network;
use scope::{Look, Starts};
use table::Table;

/// Cells that are looked at, at most: a wide table has fewer rows looked at.
pub(crate) const CELLS: usize = 4_000_000;
/// The same where a look may cost next to nothing.
pub(crate) const FEW_CELLS: usize = 100_000;
/// Rows of two parts that are held against each other, at most.
const PAIRS: usize = 5_000;

/// What rules look at.
pub struct Evidence<'a> {
    pub(crate) model: &'a Model,
    pub(crate) network: Network,
    /// Dimensions as far as they are known.
    pub(crate) sizes: Sizes,
    pub(crate) loss: Loss,
    /// Arguments of the optimiser in the first step, by name.
    pub(crate) arguments: Vec<(String, f64)>,
    pub(crate) parts: Option<Parts<'a>>,
    pub(crate) table: Option<Table>,
    /// What each layer's weights start with, drawn when it is first asked for.
    first_weights: Vec<OnceCell<Option<Mat>>>,
    /// Before the first step.
    pub(crate) start: Option<Look>,
    /// Starts by other seeds, where chance decides what becomes of them.
    pub(crate) starts: Option<Starts>,
    pub(crate) course: Option<Course>,
    /// The parts held against each other, by their names, where a look may cost something.
    pub(crate) splits: Vec<(&'static str, Splits)>,
    /// What the figures of training and validation differ by, where validation came out better.
    pub(crate) gap: Option<Gap>,
    /// Where further trainings are made.
    pub(crate) bench: Option<super::rules::Bench<'a>>,
}

/// Whether a training did better than a constant answer (gate G).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gate {
    /// The lowest training loss of an epoch.
    pub(crate) best: f64,
    /// The mean loss of the best constant answer; of the start where that is not known.
    pub(crate) baseline: f64,
    /// Whether it is that of a constant answer.
    pub(crate) constant: bool,
    /// The standard error of the baseline.
    pub(crate) error: f64,
}

/// A loss has to come below this share of the baseline.
pub(crate) const LEARNS: f64 = 0.98;

impl Gate {
    pub(crate) fn learns(&self) -> bool {
        self.best < LEARNS * self.baseline && self.baseline - self.best > 3.0 * self.error
    }
}

impl<'a> Evidence<'a> {
    /// What a file and its rows show before any training.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] if the sizes of file and rows differ.
    pub fn new(model: &'a Model, parts: Option<Parts<'a>>) -> Result<Self, Error> {
        Self::with_cells(model, parts, CELLS)
    }

    /// The same from so many cells of the rows at most.
    pub(crate) fn with_cells(
        model: &'a Model,
        parts: Option<Parts<'a>>,
        cells: usize,
    ) -> Result<Self, Error> {
        let m = model.module();
        let sizes = match &parts {
            Some(parts) => model.sizes(parts.train.layout())?,
            None => m.dims.sizes.clone(),
        };
        let some = loss::some_sizes(m, &sizes);
        let network = Network::of(model);
        let loss = match (&network.output, compared(m)) {
            (Some(output), Some(target)) => Loss::of(m, output.node, target.id, &some),
            _ => Loss::OTHER,
        };
        let table = parts.as_ref().and_then(|parts| table_of(model, parts, cells));
        let first_weights = network.layers.iter().map(|_| OnceCell::new()).collect();
        Ok(Self {
            model,
            network,
            sizes,
            loss,
            arguments: arguments(model),
            parts,
            table,
            first_weights,
            start: None,
            starts: None,
            course: None,
            splits: Vec::new(),
            gap: None,
            bench: None,
        })
    }

    /// Holds the parts against each other.
    pub(crate) fn hold_parts(&mut self) {
        let own_name = &|part: &str| part.to_owned();
        let found = self.parts.iter().flat_map(|p| splits::of_all(p, PAIRS, own_name));
        self.splits = found.collect();
    }

    /// Takes the gap of the epoch whose weights were kept apart, if the last epochs show one.
    pub(crate) fn take_gap(&mut self, trained: &Trained) {
        let Some((course, parts)) = self.course.as_ref().zip(self.parts.as_ref()) else {
            return;
        };
        let epoch = course.kept().checked_sub(1).and_then(|at| course.history.get(at));
        let (Some(epoch), Some(watched), true) =
            (epoch, parts.watched(), course.watched_is_better())
        else {
            return;
        };
        let place = format!("epoch {}", epoch.epoch);
        // An objective that is no mean over rows has no such amounts.
        self.gap = gap::of(trained, epoch, parts.train, watched, &place).ok();
    }

    /// The name of a symbol, as it is written.
    pub(crate) fn name(&self, id: SymId) -> &'a str {
        &self.model.module().symbols[id.0 as usize].shown
    }

    /// The name of a layer's weights.
    pub(crate) fn layer(&self, i: usize) -> &'a str {
        self.name(self.network.layers[i].weights)
    }

    /// The rate of the first step.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.argument("lr")
    }

    pub(crate) fn argument(&self, name: &str) -> Option<f64> {
        self.arguments.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// Rows of a step.
    pub(crate) fn batch(&self) -> Option<usize> {
        let table = self.table.as_ref()?;
        Some(self.model.settings().batch_for(table.total).0)
    }

    /// The value that a layer's weights start with.
    pub(crate) fn first_weights(&self, layer: usize) -> Option<&Mat> {
        let drawn = || {
            let id = self.network.layers[layer].weights;
            let symbol = &self.model.module().symbols[id.0 as usize];
            let seed = self.model.settings().seed;
            init::start(symbol, &self.sizes, seed).ok().map(|s| s.value)
        };
        self.first_weights[layer].get_or_init(drawn).as_ref()
    }

    /// Whether learning got anywhere; `None` without a training, or without a finite loss.
    pub(crate) fn gate(&self) -> Option<Gate> {
        let course = self.course.as_ref()?;
        let best = course.lowest()?;
        let (losses, constant) = match self.constant_losses() {
            Some(losses) => (losses, true),
            None => (self.start.as_ref()?.losses.clone(), false),
        };
        // Nothing to be held against, where a batch's loss is no mean of losses of its rows.
        if losses.is_empty() {
            return None;
        }
        let baseline = mean(&losses);
        let spread = losses.iter().map(|v| (v - baseline).powi(2)).sum::<f64>();
        // Rows that are looked at stand for all: the error is that of so many rows.
        let rows = losses.len() as f64;
        let total = self.table.as_ref().map_or(rows, |t| t.total as f64);
        let error = libm::sqrt(spread / rows / total.max(rows));
        Some(Gate { best, baseline, constant, error })
    }

    /// The loss of each row against the best constant answer.
    pub(crate) fn constant_losses(&self) -> Option<Vec<f64>> {
        let target = self.table.as_ref()?.target.as_ref()?;
        let form = match self.loss.form {
            // What is divided by its sum answers with shares as well.
            Form::CrossEntropyOfShares => Loss { form: Form::CrossEntropy, ..self.loss },
            _ => self.loss,
        };
        let answer = form.constant(&target.rows)?;
        let losses: Option<Vec<f64>> =
            target.rows.iter().map(|row| form.row(row, &answer)).collect();
        losses.filter(|all| all.iter().all(|v| v.is_finite()))
    }

    /// Whether something holds weights back: a penalty, decay, dropout.
    pub(crate) fn regularised(&self) -> bool {
        let m = self.model.module();
        let decay = self.argument("weight_decay").is_some_and(|d| d > 0.0);
        decay || !m.dropouts.is_empty() || self.has_penalty()
    }

    /// Whether the objective is more than the mean of the loss.
    pub(crate) fn has_penalty(&self) -> bool {
        let m = self.model.module();
        let Some(objective) = &m.objective else { return false };
        let needed = m.graph.reachable(&[objective.node]);
        let loss = objective.loss.map(|l| m.graph.reachable(&[l]));
        // A learned number that the objective reads outside of the loss.
        m.graph.iter().any(|(id, node)| {
            let outside = |n: u32| {
                needed[n as usize] && loss.as_ref().is_none_or(|l| !l[n as usize])
            };
            let learned = |a: &chainrule_graph::graph::NodeId| match m.graph[*a].op {
                Op::Symbol(s) => m.trainable.contains(&s),
                _ => false,
            };
            outside(id.0) && !node.each && node.args.iter().any(learned)
        })
    }
}

fn table_of(model: &Model, parts: &Parts<'_>, cells: usize) -> Option<Table> {
    let crate::data::Part::Memory(train) = parts.train else { return None };
    let wide: usize = train.arrays.iter().map(|(_, a)| a.cols()).sum();
    let most = (cells / wide.max(1)).clamp(64, table::ROWS);
    Some(Table::of(model, train, Some(parts.preparation), most))
}

/// The optimiser's arguments in the first step.
fn arguments(model: &Model) -> Vec<(String, f64)> {
    let (m, settings) = (model.module(), model.settings());
    let call = schedule::unfold(&settings.optimizer, &m.functions).ok();
    let rule = call.and_then(|c| optimizer::rule(&m.functions, &c, true).ok());
    let Some(rule) = rule else { return Vec::new() };
    let one = |v: f64| chainrule_graph::eval::Value::Shared(Mat::scalar(v));
    let [_, _, step, epoch, total, scale] = SLOTS;
    let slots = [(step, 1.0), (epoch, 1.0), (total, 1000.0), (scale, 1.0)];
    let env = Env {
        slots: slots.into_iter().map(|(slot, v)| (slot, one(v))).collect(),
        examples: 1,
        ..Env::default()
    };
    let roots: Vec<_> = rule.arguments.iter().map(|(_, n)| *n).collect();
    let values = eval_roots(&rule.graph, &env, &roots);
    let value = |(name, n): &(String, chainrule_graph::graph::NodeId)| {
        Some((name.clone(), values[n.0 as usize].as_ref()?.of(0).data[0]))
    };
    rule.arguments.iter().filter_map(value).collect()
}
