//! A network that does steps, whatever its number type: what stands between the loop and `run`.
//!
//! In: plans of one module, parts of the data, weights. Out: figures of a batch. Invariants: the machine
//! that measures has the weights of the machine that learns whenever it is asked; an update is made
//! only after a finite objective. Deliberately absent: epochs, the order of rows.

use std::sync::Arc;

use chainrule_graph::derived::{Expanded, expand};
use chainrule_graph::expand::Purpose as Form;
use chainrule_graph::graph::{NodeId, SymId};
use chainrule_graph::module::Module;
use chainrule_graph::optimizer;
use chainrule_graph::shape::Sizes;
use chainrule_graph::syntax::ast::Layout;
use chainrule_kernels::{Real, Team};

use super::moves::{Move, Weights};
use super::order::Order;
use super::score::Tally;
use super::settings::Settings;
use super::{EVALUATION_ROWS, Fed, PartFeeds};
use crate::data::{Dataset, Part};
use crate::error::Error;
use crate::memory;
use crate::model::{Model, batch_dim, indices};
use crate::plan::{self, Options, Purpose};
use crate::run::{Clock, Machine, UpdateRule};
use crate::schedule;
use crate::store::{Number, Tensor};

/// Every so many steps the weights are kept aside, once their objective is known to be finite: a
/// copy costs little beside that many steps.
const SAFE_EVERY: u64 = 16;

/// Figures of one batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) objective: f64,
    /// The mean loss of an example; the objective where the file does not tell it apart.
    pub(crate) loss: f64,
    pub(crate) lr: Option<f64>,
    pub(crate) gradient: Option<f64>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepAt {
    pub(crate) step: u64,
    pub(crate) epoch: usize,
    pub(crate) total: u64,
    /// What a plateau multiplies the rate by.
    pub(crate) scale: f64,
    /// The epoch's last step: its gradient is measured even where nothing clips.
    pub(crate) last: bool,
    /// What the step does to each learned symbol is wanted.
    pub(crate) look: bool,
}

/// What the loop needs.
pub(crate) trait Engine {
    /// Makes `count` rows of the training part ready for a step, from a place of the order on.
    fn bring(&mut self, order: &Order, from: usize, count: usize) -> Result<(), Error>;
    /// One step on the rows that were brought; `None` if the objective or the measured gradient is
    /// not finite, and then nothing is updated.
    fn step(&mut self, at: &StepAt) -> Option<Done>;
    /// Figures of watched rows, in the evaluation form; at most [`EVALUATION_ROWS`] at a time.
    fn measure(
        &mut self,
        order: &Order,
        from: usize,
        count: usize,
    ) -> Result<Done, Error>;
    /// Adds the output of the last step, or measurement if `watched`, to a metric: of the rows that
    /// were brought last.
    fn score(&self, watched: bool, tally: &mut Tally);
    /// Remembers the weights, running statistics included, as the best so far.
    fn keep_as_best(&mut self);
    /// Puts back the best weights.
    fn set_best_weights(&mut self);
    /// All numbers that a later step depends on, by name.
    fn export(&self) -> Vec<Tensor>;
    /// Puts back the last weights that were seen to give a finite objective; at most
    /// [`SAFE_EVERY`] steps old.
    fn set_finite_weights(&mut self);
    /// The equation where the last step first had a value that is no number.
    fn first_nonfinite(&mut self) -> String;
    /// What the last step did, if it was asked to look.
    fn moves(&self) -> &[Move];
    /// All learned numbers as they are now.
    fn weights(&self) -> Weights;
}

/// A module with everything known that its plans need.
pub(crate) struct Planned<'a> {
    pub(crate) model: &'a Model,
    pub(crate) sizes: &'a Sizes,
    pub(crate) team: Arc<Team>,
    /// One-hot symbols that the data holds as an index.
    pub(crate) index: Vec<SymId>,
    /// The values of all equations are wanted, not of the output alone.
    pub(crate) watched: bool,
}

impl<'a> Planned<'a> {
    /// `data` tells what is an index; it may have no rows.
    pub(crate) fn new(model: &'a Model, sizes: &'a Sizes, data: &Dataset) -> Self {
        Self {
            model,
            sizes,
            team: Arc::new(Team::new(model.options.team())),
            index: indices(&model.module, data),
            watched: false,
        }
    }

    /// Numbers that the optimiser keeps beside each learned one.
    fn states(&self) -> Result<usize, Error> {
        let (rules, _) = rules(self.module(), &self.model.settings, &[])?;
        Ok(rules.iter().map(|r| r.states.len()).max().unwrap_or(0))
    }

    /// The same without data: nothing is an index.
    pub(crate) fn plain(model: &'a Model, sizes: &'a Sizes) -> Self {
        let team = Arc::new(Team::new(model.options.team()));
        Self { model, sizes, team, index: Vec::new(), watched: false }
    }

    fn module(&self) -> &'a Module {
        &self.model.module
    }

    /// The graph of a purpose, and a machine for it.
    pub(crate) fn machine<T: Real>(
        &self,
        purpose: Purpose,
        rows: usize,
    ) -> Result<(Expanded, Machine<T>), Error> {
        let form = match purpose {
            Purpose::Train => Form::Training,
            Purpose::Evaluate | Purpose::Forward => Form::Evaluation,
        };
        let x = expand(self.module(), &self.model.derived, form);
        let batch = batch_dim(self.module());
        // The metric of the training part looks at the output.
        let mut keep: Vec<NodeId> = x.output.into_iter().collect();
        if self.watched {
            keep.extend(x.named.iter().map(|(n, _)| *n));
        }
        let options = Options {
            sizes: self.sizes.clone(),
            rows,
            index: &self.index,
            batch: batch.as_deref(),
            keep: &keep,
            learned: &[],
        };
        let plan = plan::plan(&x, purpose, &options).map_err(Error::Diagnostics)?;
        // The optimiser's states, and copies of the weights: the last finite ones, those for the
        // measuring machine, the best.
        let (states, copies) = match purpose {
            Purpose::Train => {
                (self.states()?, 2 + usize::from(self.model.settings.keep_best))
            }
            Purpose::Evaluate | Purpose::Forward => (0, 0),
        };
        memory::fits(&plan, size_of::<T>(), states, copies)?;
        let mut machine = Machine::new(Arc::new(plan), Arc::clone(&self.team));
        self.fix(&mut machine)?;
        if self.module().layout == Layout::Columns
            && let Some(output) = x.output
        {
            machine.by_columns(output);
        }
        Ok((x, machine))
    }

    /// Gives what is neither data nor learned its value.
    fn fix<T: Real>(&self, machine: &mut Machine<T>) -> Result<(), Error> {
        for symbol in &self.module().symbols {
            if let Some(value) = self.model.fixed(symbol, self.sizes)?
                && machine.get(symbol.id).is_some()
            {
                machine.set(symbol.id, &value.data);
            }
        }
        Ok(())
    }
}

/// A machine that only measures, with the places of its figures.
pub(crate) struct Meter<T: Real> {
    x: Expanded,
    pub(crate) machine: Machine<T>,
    /// Running statistics: site, and whether it is the variance.
    pub(super) sites: Vec<(u32, bool)>,
}

impl<T: Real> Meter<T> {
    pub(crate) fn new(
        planned: &Planned<'_>,
        purpose: Purpose,
        rows: usize,
    ) -> Result<Self, Error> {
        let (x, machine) = planned.machine(purpose, rows)?;
        let norms = planned.module().norms.len() as u32;
        let sites = (0..norms).flat_map(|s| [(s, false), (s, true)]).collect();
        Ok(Self { x, machine, sites })
    }

    /// What it runs.
    pub(crate) fn graph(&self) -> &Expanded {
        &self.x
    }

    /// The machine, and the node of its output.
    pub(crate) fn into_parts(self) -> (Machine<T>, Option<NodeId>) {
        (self.machine, self.x.output)
    }

    pub(crate) fn figures(&self) -> Done {
        let objective = self.machine.scalar(self.x.objective).unwrap_or(f64::NAN);
        let loss = self.x.loss.and_then(|n| self.mean(n)).unwrap_or(objective);
        Done { objective, loss, ..Done::default() }
    }

    fn mean(&self, node: NodeId) -> Option<f64> {
        let mean = |sum: f64, n: usize| sum / n as f64;
        match self.machine.slice(node) {
            Some(all) => Some(mean(all.iter().map(|v| v.to_f64()).sum(), all.len())),
            None => self.machine.value(node).map(|all| mean(all.iter().sum(), all.len())),
        }
    }

    /// The loss, example by example; false if the objective does not tell it apart.
    pub(crate) fn losses(&self, into: &mut Vec<f64>) -> bool {
        into.clear();
        let Some(node) = self.x.loss else { return false };
        self.copy_values(node, into);
        true
    }

    /// The output, example by example.
    pub(crate) fn output(&self, into: &mut Vec<f64>) {
        into.clear();
        if let Some(node) = self.x.output {
            self.copy_values(node, into);
        }
    }

    /// Adds the output to a metric, with the target of the same rows.
    fn score(&self, fed: &Fed<'_, T>, tally: &mut Tally) {
        let Some(node) = self.x.output else { return };
        match self.machine.slice(node) {
            Some(output) => self.score_rows(fed, output, tally),
            None => {
                let output = self.machine.value(node).unwrap_or_default();
                self.score_rows(fed, &output, tally);
            }
        }
    }

    fn score_rows<V: Real>(&self, fed: &Fed<'_, T>, output: &[V], tally: &mut Tally) {
        let Some((symbol, target)) = fed.target() else { return };
        // The machine has gathered classes already; memory is slow to give them again.
        match self.machine.classes(symbol) {
            Some(classes) => tally.classes(classes, output),
            None => tally.add(target, fed.now(), output),
        }
    }

    fn copy_values(&self, node: NodeId, into: &mut Vec<f64>) {
        match self.machine.slice(node) {
            Some(all) => into.extend(all.iter().map(|v| v.to_f64())),
            None => into.extend(self.machine.value(node).unwrap_or_default()),
        }
    }

    /// Parameters as they lie, then running statistics, into memory that is used again.
    fn copy_weights(&self, into: &mut Vec<T>) {
        into.clear();
        into.extend_from_slice(self.machine.parameters());
        for &(site, variance) in &self.sites {
            self.machine.copy_running(site, variance, into);
        }
    }

    pub(super) fn weights(&self) -> Vec<T> {
        let mut all = Vec::new();
        self.copy_weights(&mut all);
        all
    }

    pub(super) fn set_weights(&mut self, weights: &[T]) {
        let parameters = self.machine.parameters_mut();
        let (own, mut rest) = weights.split_at(parameters.len());
        parameters.copy_from_slice(own);
        for (site, variance) in self.sites.clone() {
            let n = self.machine.running(site, variance).map_or(0, |v| v.len());
            let (own, after) = rest.split_at(n.min(rest.len()));
            if n > 0 {
                let own: Vec<f64> = own.iter().map(|v| v.to_f64()).collect();
                self.machine.set_running(site, variance, &own);
            }
            rest = after;
        }
    }
}

/// A machine that learns, and one that measures beside it.
pub(crate) struct Machines<'d, T: Real> {
    pub(super) learner: Meter<T>,
    meter: Option<(Meter<T>, Fed<'d, T>)>,
    train: Fed<'d, T>,
    pub(super) stale: bool,
    /// Weights with a finite objective, to fall back on.
    pub(super) safe: Option<Vec<T>>,
    /// Those of the best epoch.
    pub(super) best: Option<Vec<T>>,
    /// Learned symbols with their keys and shapes.
    pub(super) learned: Vec<Learned>,
    seed: u64,
    clip: Option<f64>,
    /// What goes from the machine that learns to the one that measures.
    copy: Vec<T>,
    names: Vec<String>,
    moves: Vec<Move>,
}

/// A learned symbol, as it is stored.
pub(super) struct Learned {
    pub(super) id: SymId,
    pub(super) key: String,
    pub(super) shape: (usize, usize),
}

fn learned(planned: &Planned<'_>, ids: &[SymId]) -> Vec<Learned> {
    let one = |&id: &SymId| {
        let s = &planned.module().symbols[id.0 as usize];
        Some(Learned { id, key: s.key.clone(), shape: s.shape.under(planned.sizes)? })
    };
    ids.iter().filter_map(one).collect()
}

impl<'d, T: Real> Machines<'d, T> {
    /// Machines for training, with the rules of the settings; `target` is what the metric looks at.
    pub(crate) fn new(
        planned: &Planned<'_>,
        settings: &Settings,
        (train, watched): (Part<'d>, Option<Part<'d>>),
        target: Option<&str>,
        feeds: &PartFeeds,
    ) -> Result<Self, Error> {
        let (batch, _) = settings.batch_for(train.rows());
        let mut learner = Meter::new(planned, Purpose::Train, batch)?;
        let module = planned.module();
        let (rules, choice) = rules(module, settings, learner.machine.plan().learned())?;
        learner.machine = learner.machine.with_rules(&rules, &choice);
        let learned = learned(planned, learner.machine.plan().learned());
        let weight = train.mean_weight()?;
        let meter = match watched {
            None => None,
            Some(part) => {
                let rows = part.rows().min(EVALUATION_ROWS);
                let meter = Meter::new(planned, Purpose::Evaluate, rows)?;
                Some((meter, Fed::shared(module, part, weight, target, &feeds.watched)))
            }
        };
        Ok(Self {
            learner,
            meter,
            train: Fed::shared(module, train, weight, target, &feeds.train),
            stale: true,
            safe: None,
            best: None,
            learned,
            seed: settings.seed,
            clip: settings.clip,
            copy: Vec::new(),
            names: module.symbols.iter().map(|s| s.shown.clone()).collect(),
            moves: Vec::new(),
        })
    }

    /// Sets a parameter to its start.
    pub(crate) fn set(&mut self, id: SymId, values: &[f64]) {
        self.learner.machine.set(id, values);
    }

    /// A parameter, row by row.
    pub(crate) fn get(&self, id: SymId) -> Option<Vec<f64>> {
        self.learner.machine.get(id)
    }

    /// A running statistic.
    pub(crate) fn running(&self, site: u32, variance: bool) -> Option<Vec<f64>> {
        self.learner.machine.running(site, variance)
    }

    /// A learned symbol that has a value that is no number.
    fn broken(&self) -> Option<&str> {
        let machine = &self.learner.machine;
        let broken = |id: &&SymId| {
            let values = machine.get(**id).unwrap_or_default();
            values.iter().any(|v| !v.is_finite())
        };
        let id = machine.plan().learned().iter().find(broken)?;
        Some(&self.names[id.0 as usize])
    }
}

type Rules = (Vec<Arc<UpdateRule>>, Vec<usize>);

/// Whether the settings' optimiser is there and has these arguments, before there is any data.
pub(crate) fn check_rule(module: &Module, settings: &Settings) -> Result<(), Error> {
    rules(module, settings, &[]).map(|_| ())
}

/// Whether the settings' optimiser reads T.
pub(crate) fn depends_on_total(
    module: &Module,
    settings: &Settings,
) -> Result<bool, Error> {
    let call = schedule::unfold(&settings.optimizer, &module.functions)?;
    let rule = optimizer::rule(&module.functions, &call, true);
    let rule = rule.map_err(Error::Diagnostics)?;
    let mut roots = rule.new_states.clone();
    roots.push(rule.new_theta);
    Ok(rule.graph.reachable(&roots)[rule.total.0 as usize])
}

/// The rule with weight decay, and the one without for what `decay` does not name.
fn rules(
    module: &Module,
    settings: &Settings,
    learned: &[SymId],
) -> Result<Rules, Error> {
    let choice: Vec<usize> = learned
        .iter()
        .map(|s| usize::from(!settings.decays(&module.symbols[s.0 as usize].key)))
        .collect();
    let call = schedule::unfold(&settings.optimizer, &module.functions)?;
    let rule = |decay: bool| -> Result<Arc<UpdateRule>, Error> {
        let graph = optimizer::rule(&module.functions, &call, decay);
        let graph = graph.map_err(Error::Diagnostics)?;
        UpdateRule::new(&graph).map(Arc::new).map_err(Error::Diagnostics)
    };
    Ok((vec![rule(true)?, rule(false)?], choice))
}

impl<T: Number> Engine for Machines<'_, T> {
    fn bring(&mut self, order: &Order, from: usize, count: usize) -> Result<(), Error> {
        self.train.bring(order, from, count)
    }

    fn step(&mut self, at: &StepAt) -> Option<Done> {
        let machine = &mut self.learner.machine;
        machine.set_random_key(self.seed, at.step);
        machine.run_to_learn(&self.train, self.train.now());
        let mut done = self.learner.figures();
        if !done.objective.is_finite() {
            return None;
        }
        if at.step % SAFE_EVERY == 1 {
            self.learner.copy_weights(self.safe.get_or_insert_default());
        }
        let machine = &mut self.learner.machine;
        done.gradient = match self.clip {
            Some(limit) => Some(machine.clip(limit)),
            None => at.last.then(|| machine.gradient_norm()),
        };
        if done.gradient.is_some_and(|g| !g.is_finite()) {
            return None;
        }
        let before = at.look.then(|| self.about_to_move());
        let machine = &mut self.learner.machine;
        machine.update(Clock {
            t: at.step as f64,
            epoch: at.epoch as f64,
            total: at.total as f64,
            lr_scale: at.scale,
        });
        done.lr = machine.argument("lr");
        self.moves = before.map_or_else(Vec::new, |before| self.moved(before));
        self.stale = true;
        Some(done)
    }

    fn measure(
        &mut self,
        order: &Order,
        from: usize,
        count: usize,
    ) -> Result<Done, Error> {
        let Some((meter, data)) = &mut self.meter else { return Ok(Done::default()) };
        data.bring(order, from, count)?;
        if std::mem::take(&mut self.stale) {
            self.learner.copy_weights(&mut self.copy);
            meter.set_weights(&self.copy);
        }
        meter.machine.run_rows(data, data.now());
        Ok(meter.figures())
    }

    fn score(&self, watched: bool, tally: &mut Tally) {
        match &self.meter {
            Some((meter, fed)) if watched => meter.score(fed, tally),
            _ => self.learner.score(&self.train, tally),
        }
    }

    fn keep_as_best(&mut self) {
        self.learner.copy_weights(self.best.get_or_insert_default());
    }

    fn set_best_weights(&mut self) {
        if let Some(weights) = self.best.take() {
            self.learner.set_weights(&weights);
            self.stale = true;
        }
    }

    fn set_finite_weights(&mut self) {
        if let Some(weights) = self.safe.take() {
            self.learner.set_weights(&weights);
            self.stale = true;
        }
    }

    fn export(&self) -> Vec<Tensor> {
        super::carried::export(self)
    }

    fn first_nonfinite(&mut self) -> String {
        if let Some(name) = self.broken() {
            return format!("the last update of {name}");
        }
        let node = self.learner.machine.first_nonfinite();
        node.map_or("the objective".into(), |n| equation(&self.learner.x, n, &self.names))
    }

    fn moves(&self) -> &[Move] {
        &self.moves
    }

    fn weights(&self) -> Weights {
        self.learned_numbers()
    }
}

/// The first equation that needs the node, else the gradient that does.
fn equation(x: &Expanded, node: NodeId, names: &[String]) -> String {
    let needs = |root: NodeId| x.graph.reachable(&[root])[node.0 as usize];
    if let Some((_, name)) = x.named.iter().find(|(n, _)| needs(*n)) {
        return name.clone();
    }
    if needs(x.objective) {
        return "the objective".into();
    }
    let gradient = x.gradients.iter().find(|(_, n)| needs(*n));
    gradient.map_or("the objective".into(), |(s, _)| {
        format!("the gradient of {}", names[s.0 as usize])
    })
}
