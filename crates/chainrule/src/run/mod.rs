//! Machines: a plan carried out in f32 or f64 over one arena.
//!
//! In: a [`Plan`], values of symbols, batches. Out: values of the nodes that the plan keeps,
//! and updated parameters. Invariant: after the first batch of a size nothing is allocated for
//! another; bits do not depend on the number of threads.
//! Deliberately absent: epochs, shuffling, metrics (`train`).

mod bind;
mod clip;
mod host;
mod learn;
mod load;
mod pace;
mod plain;
mod tail;
mod update;

use std::sync::Arc;
use std::time::Instant;

use chainrule_graph::graph::{NodeId, SymId};
use chainrule_kernels::{Inputs, Real, Team, pages};

pub use load::{BatchRows, BatchSource};
pub use update::{Clock, UpdateRule};

use crate::plan::Plan;
use crate::plan::ir::Id;
use crate::plan::step::Step;
use crate::plan::view::View;
use crate::run::bind::{Binder, Binding, Look, Paced};
use crate::run::learn::Learner;
use crate::run::pace::{Pace, Way};
use crate::run::tail::Tail;

/// Purpose of dropout's draws, apart from those of starts and shuffles.
const DROPOUT: u64 = 0x64_726f_706f_7574;

/// A plan with its numbers.
#[derive(Debug)]
pub struct Machine<T: Real> {
    plan: Arc<Plan>,
    team: Arc<Team>,
    memory: Vec<T>,
    /// Where the arena begins in `memory`: at a cache line.
    start: usize,
    index: Vec<Vec<u32>>,
    m: usize,
    /// The plan for the numbers of rows of late, the newest last.
    bound: Vec<Fitted<T>>,
    key: [u64; 2],
    learner: Option<Learner<T>>,
    /// The first element after everything else: scratch of clipping and of updates.
    scratch: usize,
    clip: clip::Clip<T>,
    /// How the last run went, and its seconds if there was a choice: its update goes the same way, so
    /// that numbers stay in the caches of the core that needs them next.
    way: Way,
    seconds: Option<f64>,
    /// Whether the last run left a gradient to the update.
    waits: bool,
    /// A matrix whose columns are the examples.
    by_columns: Option<NodeId>,
}

/// A bound plan, and the symbols whose rows it gathers first.
#[derive(Debug)]
struct Fitted<T> {
    bound: Paced<T>,
    m: usize,
    gathered: Vec<SymId>,
    pace: Pace,
    tail: Option<Tail<T>>,
}

/// As many numbers of rows are kept bound: whole and last batches of two sources.
const KEPT: usize = 4;

impl<T: Real> Machine<T> {
    /// A machine for a plan; every number starts as 0, running variances as 1.
    #[must_use]
    pub fn new(plan: Arc<Plan>, team: Arc<Team>) -> Self {
        let index = plan.index.iter().map(|_| vec![0; plan.rows]).collect();
        let (m, scratch) = (plan.rows, plan.memory.len);
        let mut machine = Self {
            plan,
            team,
            memory: Vec::new(),
            start: 0,
            index,
            m,
            bound: Vec::new(),
            key: [0; 2],
            learner: None,
            scratch,
            clip: clip::Clip::default(),
            way: Way::Together,
            seconds: None,
            waits: false,
            by_columns: None,
        };
        machine.grow(scratch + CHUNK);
        let variances: Vec<u32> =
            machine.plan.running.keys().filter(|k| k.1).map(|k| k.0).collect();
        for site in variances {
            let ones = vec![1.0; machine.running(site, true).map_or(0, |v| v.len())];
            machine.set_running(site, true, &ones);
        }
        machine
    }

    /// The arena with at least `len` elements, starting at a cache line. What is there is moved by
    /// less than a line, never copied whole: a second arena may not fit beside the first.
    fn grow(&mut self, len: usize) {
        let line = 64 / size_of::<T>();
        let (old, kept) = (self.start, self.memory.len().saturating_sub(self.start));
        let mut memory = std::mem::take(&mut self.memory);
        if memory.is_empty() {
            memory = pages::room(len + line);
        }
        memory.resize(len + line, T::default());
        let start = memory.as_ptr().align_offset(64).min(line);
        memory.copy_within(old..old + kept.min(len), start);
        memory[start + kept.min(len)..].fill(T::default());
        memory.truncate(start + len);
        (self.memory, self.start) = (memory, start);
    }

    fn arena(&self) -> &[T] {
        &self.memory[self.start..]
    }

    fn arena_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..]
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Sets the number of rows of the next runs.
    ///
    /// # Panics
    /// If there are none, or more than the plan is for.
    pub fn batch(&mut self, m: usize) {
        assert!(m >= 1 && m <= self.plan.rows, "{m} rows of at most {}", self.plan.rows);
        self.m = m;
    }

    /// Makes the plan for m rows the newest; `gather` are the symbols that it gathers first.
    fn fit(&mut self, gather: &dyn BatchRows<T>) {
        let wanted = |f: &Fitted<T>| f.m == self.m && gathers(&f.gathered, gather);
        if self.bound.last().is_some_and(wanted) {
            return;
        }
        if let Some(at) = self.bound.iter().position(wanted) {
            let fitted = self.bound.remove(at);
            return self.bound.push(fitted);
        }
        if self.bound.len() == KEPT {
            self.bound.remove(0);
        }
        let fitted = self.fitted(gather);
        self.bound.push(fitted);
    }

    fn fitted(&self, gather: &dyn BatchRows<T>) -> Fitted<T> {
        let plan = &*self.plan;
        let mut host = vec![0.0; plan.host_ops.len()];
        host::evaluate(&plan.host_ops, self.m, |_| f64::NAN, &mut host);
        let binding = Binding { offset: &plan.memory.offset, host: &host, m: self.m };
        let bound = self.paced(&binding, gather, &plan.steps);
        let gathered = load::dense(gather).map(|(_, s, _)| s).collect();
        let tail = self.tail(&binding, gather);
        Fitted { bound, m: self.m, gathered, pace: Pace::default(), tail }
    }

    /// Steps for the team and for one thread, behind the rows that they gather.
    fn paced(
        &self,
        binding: &Binding<'_>,
        gather: &dyn BatchRows<T>,
        steps: &[Step],
    ) -> Paced<T> {
        Paced::new(&self.team, |team| {
            let mut binder = Binder::new(team);
            load::dense(gather)
                .filter_map(|(number, s, cols)| Some((s, self.gather(number, s, cols)?)))
                .for_each(|(s, gather)| {
                    let reader = self.plan.lent.get(&s);
                    let reader = reader.and_then(|&i| Some((i, steps.get(i)?)));
                    binder.gather(binding, gather, reader);
                });
            binder.steps(binding, steps);
            binder.finish()
        })
    }

    /// The number of rows of the next run.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.m
    }

    /// What the next run's dropout masks are a function of, besides place and row.
    pub fn set_random_key(&mut self, seed: u64, step: u64) {
        self.key = [seed ^ DROPOUT, step];
    }

    /// Does every step of the plan.
    pub fn run(&mut self) {
        self.run_rows(&load::NONE, &[]);
    }

    /// Sets the symbols of `data` to the given rows, and does every step of the plan.
    ///
    /// # Panics
    /// If there are more rows than the plan is for, or a row or class that is not there.
    pub fn run_rows(&mut self, data: &dyn BatchRows<T>, rows: &[u32]) {
        self.run_part(data, rows, false);
    }

    /// The same before an [`Machine::update`], which may make the last gradient itself: until
    /// then only values, the norm of the gradients and clipping may be asked for.
    ///
    /// # Panics
    /// As [`Machine::run_rows`].
    pub fn run_to_learn(&mut self, data: &dyn BatchRows<T>, rows: &[u32]) {
        self.run_part(data, rows, true);
    }

    fn run_part(&mut self, data: &dyn BatchRows<T>, rows: &[u32], learns: bool) {
        if data.symbols() > 0 {
            self.batch(rows.len());
            self.set_indices(data, rows);
        }
        self.fit(data);
        let Some(fitted) = self.bound.last_mut() else { return };
        let tail = fitted.tail.as_ref().filter(|_| learns);
        self.waits = tail.is_some();
        let bound = tail.map_or(&fitted.bound, |tail| &tail.head);
        let (index, key, sources) = (&self.index, self.key, &load::Dense(data));
        let inputs = Inputs { index, sources, rows, key };
        let arena = &mut self.memory[self.start..];
        let learner = self.learner.as_ref();
        if !(bound.is_shared() || learner.is_some_and(Learner::is_shared)) {
            self.seconds = None;
            return bound.run(Way::Together, &self.team, arena, &inputs);
        }
        self.way = fitted.pace.way();
        let begin = Instant::now();
        bound.run(self.way, &self.team, arena, &inputs);
        let seconds = begin.elapsed().as_secs_f64();
        if learner.is_none() {
            self.note(seconds);
        }
        self.seconds = Some(seconds);
    }

    /// Notes what the last run took, its update included.
    fn note(&mut self, seconds: f64) {
        if let Some(fitted) = self.bound.last_mut() {
            fitted.pace.took(seconds);
        }
    }

    /// How the last run was shared: threads, and how often they waited for each other, for
    /// each stretch of kernels; then the same for the update.
    #[must_use]
    pub fn shared(&self) -> Vec<(usize, usize)> {
        let run =
            self.bound.last().map(|f| f.bound.together().shared()).unwrap_or_default();
        let update = self.learner.as_ref().map(Learner::shared).unwrap_or_default();
        [run, update].concat()
    }

    /// Does one step on this thread.
    fn run_one(&mut self, step: usize) {
        self.fit(&load::NONE);
        let Some(fitted) = self.bound.last() else { return };
        let inputs = Inputs { index: &self.index, key: self.key, ..Inputs::NONE };
        fitted.bound.together().run_one(&mut self.memory[self.start..], step, &inputs);
    }

    /// Runs again and looks after each step: the first node with a value that is no number.
    ///
    /// Call it before the update, while parameters and batch are still those of the run.
    pub fn first_nonfinite(&mut self) -> Option<NodeId> {
        let plan = Arc::clone(&self.plan);
        self.waits = false;
        for (i, step) in plan.steps.iter().enumerate().filter(|(_, s)| !s.once) {
            self.run_one(i);
            for (k, b) in step.work.buffers().1.into_iter().enumerate() {
                let from = plan.memory.offset[b.0 as usize];
                let n = plan.buffers[b.0 as usize].len.at(self.m);
                let written = &self.arena()[from..from + n];
                if written.iter().any(|x| !x.to_f64().is_finite()) {
                    return plan.node_of(step, k);
                }
            }
        }
        None
    }

    /// Seconds that each step takes on one thread, the best of some turns; state moves only in
    /// the first.
    pub fn profile(&mut self, turns: usize) -> Vec<f64> {
        let plan = Arc::clone(&self.plan);
        let mut best = vec![f64::INFINITY; plan.steps.len()];
        for turn in 0..turns {
            for (i, step) in plan.steps.iter().enumerate() {
                if turn > 0 && step.once {
                    continue;
                }
                let clock = Instant::now();
                self.run_one(i);
                best[i] = best[i].min(clock.elapsed().as_secs_f64());
            }
        }
        best
    }

    /// From now on [`Machine::value`] and [`Machine::slice`] give this node, whose columns are
    /// examples, column by column.
    pub fn by_columns(&mut self, node: NodeId) {
        self.by_columns = Some(node);
    }

    /// The value of a node that the plan keeps: example by example, each row by row.
    #[must_use]
    pub fn value(&self, node: NodeId) -> Option<Vec<f64>> {
        Some(self.read(&self.kept(node)?))
    }

    fn kept(&self, node: NodeId) -> Option<Look> {
        let mut look = self.look(self.plan.values.get(&node)?);
        if self.by_columns == Some(node) {
            look.size.swap(1, 2);
            look.stride.swap(1, 2);
        }
        Some(look)
    }

    /// The first entry of a node that the plan keeps: the value of a scalar.
    #[must_use]
    pub fn scalar(&self, node: NodeId) -> Option<f64> {
        let look = self.look(self.plan.values.get(&node)?);
        Some(self.arena()[look.offset].to_f64())
    }

    /// The entries of a kept node's value, of one example; 0 if it is not kept.
    #[must_use]
    pub fn width(&self, node: NodeId) -> usize {
        let look = self.plan.values.get(&node).map(|view| self.look(view));
        look.map_or(0, |look| look.size[1] * look.size[2])
    }

    /// A kept value where it lies, if examples and rows lie one after the other.
    #[must_use]
    pub fn slice(&self, node: NodeId) -> Option<&[T]> {
        let look = self.kept(node)?;
        let mut step = 1;
        for axis in (0..3).rev() {
            if look.size[axis] > 1 && look.stride[axis] != step {
                return None;
            }
            step *= look.size[axis];
        }
        Some(&self.arena()[look.offset..look.offset + step])
    }

    fn look(&self, view: &View) -> Look {
        let offset = &self.plan.memory.offset;
        Binding { offset, host: &[], m: self.m }.look(view)
    }

    fn read(&self, look: &Look) -> Vec<f64> {
        let [examples, rows, cols] = look.size;
        let mut out = Vec::with_capacity(examples * rows * cols);
        for e in 0..examples {
            for i in 0..rows {
                out.extend((0..cols).map(|j| self.arena()[look.at(e, i, j)].to_f64()));
            }
        }
        out
    }

    fn write(&mut self, look: &Look, values: &[f64]) {
        let [examples, rows, cols] = look.size;
        assert_eq!(values.len(), examples * rows * cols, "values of {rows}×{cols}");
        for (n, &v) in values.iter().enumerate() {
            let (e, i, j) = (n / (rows * cols), n / cols % rows, n % cols);
            self.arena_mut()[look.at(e, i, j)] = T::from_f64(v);
        }
    }

    /// Sets a symbol: row by row (examples one after the other where it has one each).
    ///
    /// # Panics
    /// If there are not as many values as entries.
    pub fn set(&mut self, s: SymId, values: &[f64]) {
        if let Some(view) = self.plan.symbols.get(&s) {
            let look = self.look(view);
            self.write(&look, values);
        }
    }

    /// A symbol's values, row by row; `None` if nothing in the plan reads it.
    #[must_use]
    pub fn get(&self, s: SymId) -> Option<Vec<f64>> {
        let look = self.look(self.plan.symbols.get(&s)?);
        Some(self.read(&look))
    }

    /// A learned symbol's entries, row by row, out of numbers that lie as the parameters do
    /// (a part of the states, a copy).
    #[must_use]
    pub fn unpacked(&self, s: SymId, region: &[T]) -> Option<Vec<f64>> {
        let look = self.look(self.plan.symbols.get(&s)?);
        Some(look.entries().map(|at| region[at].to_f64()).collect())
    }

    /// The way back.
    ///
    /// # Panics
    /// If there are fewer values than entries.
    pub fn pack(&self, s: SymId, values: &[T], region: &mut [T]) {
        let Some(view) = self.plan.symbols.get(&s) else { return };
        for (n, at) in self.look(view).entries().enumerate() {
            region[at] = values[n];
        }
    }

    /// A running mean (false) or variance (true) of a batch-norm site.
    #[must_use]
    pub fn running(&self, site: u32, variance: bool) -> Option<Vec<f64>> {
        let look = self.look(self.plan.running.get(&(site, variance))?);
        Some(self.read(&look))
    }

    /// Puts a running statistic behind what is there, in the number type of the run.
    pub fn copy_running(&self, site: u32, variance: bool, into: &mut Vec<T>) {
        if let Some(view) = self.plan.running.get(&(site, variance)) {
            into.extend(self.look(view).entries().map(|at| self.arena()[at]));
        }
    }

    /// Sets a running statistic.
    pub fn set_running(&mut self, site: u32, variance: bool, values: &[f64]) {
        if let Some(view) = self.plan.running.get(&(site, variance)) {
            let look = self.look(view);
            self.write(&look, values);
        }
    }

    /// All learned symbols as they lie in the arena, gaps included.
    #[must_use]
    pub fn parameters(&self) -> &[T] {
        &self.arena()[..self.plan.region]
    }

    /// The same, to be changed (kept from a better epoch, or from another machine).
    pub fn parameters_mut(&mut self) -> &mut [T] {
        let region = self.plan.region;
        &mut self.arena_mut()[..region]
    }

    /// All gradients as they lie in the arena, in the order of the parameters.
    #[must_use]
    pub fn gradients(&self) -> &[T] {
        let region = self.plan.region;
        &self.arena()[region..2 * region]
    }
}

/// Whether these are the dense symbols of the data.
fn gathers<T: Real>(symbols: &[SymId], data: &dyn BatchRows<T>) -> bool {
    let dense = load::dense(data);
    dense.map(|(_, s, _)| s).eq(symbols.iter().copied())
}

impl Plan {
    /// The node of the graph behind the k-th value that a step writes.
    fn node_of(&self, step: &Step, k: usize) -> Option<NodeId> {
        let of = |id: &Id| self.sources.get(id.0 as usize)?.first().copied();
        step.ids.get(k).or_else(|| step.ids.first()).and_then(of)
    }
}

/// Elements whose squares are made at a time: they stay in the nearest caches.
const CHUNK: usize = 16 * 1024;
