//! A machine with its optimiser: states beside the parameters, one pass a step.
//!
//! In: planned rules and which learned symbol follows which. Out: parameters moved by the last
//! run's gradients. Invariant: symbols side by side under one rule are one pass; a step
//! allocates nothing. Deliberately absent: rates over time (the rule's own expressions).

use std::sync::Arc;
use std::time::Instant;

use chainrule_kernels::{Call, Gemm, Inputs, Pass, Real, Team};

use crate::plan::memory::Memory;
use crate::plan::step::{Step, Work};
use crate::run::bind::{Binder, Binding, Paced};
use crate::run::{CHUNK, Clock, Machine, UpdateRule, host};

/// A rule at work on some parameters that lie side by side.
#[derive(Debug)]
struct Update {
    rule: Arc<UpdateRule>,
    n: usize,
    at: Memory,
    states: (usize, usize),
    host: Vec<f64>,
}

/// The optimiser's updates, bound together.
#[derive(Debug)]
pub(crate) struct Learner<T> {
    updates: Vec<Update>,
    bound: Paced<T>,
    /// Room for a pass's constants.
    consts: Vec<f64>,
}

impl Update {
    fn binding(&self) -> Binding<'_> {
        Binding { offset: &self.at.offset, host: &self.host, m: self.n }
    }

    fn evaluate(&mut self, clock: Clock) {
        let slot = |n: u32| match n {
            2 => clock.t,
            3 => clock.epoch,
            4 => clock.total,
            _ => clock.lr_scale,
        };
        host::evaluate(&self.rule.host_ops, self.n, slot, &mut self.host);
    }
}

fn bound<T: Real>(updates: &[Update], team: &Team) -> Paced<T> {
    Paced::new(team, |team| {
        let mut binder = Binder::new(team);
        updates.iter().for_each(|u| binder.steps(&u.binding(), &u.rule.steps));
        binder.finish()
    })
}

impl<T: Real> Learner<T> {
    pub(crate) fn shared(&self) -> Vec<(usize, usize)> {
        self.bound.together().shared()
    }

    /// Whether there are two ways to go.
    pub(crate) fn is_shared(&self) -> bool {
        self.bound.is_shared()
    }

    /// All updates, the one that reads what `product` makes joined to it; `None` if that cannot
    /// be or does not pay.
    pub(crate) fn joined(&self, product: &Gemm, team: &Team) -> Option<Paced<T>> {
        let passes = self.updates.iter().map(|u| match &u.rule.steps[..] {
            [Step { work: Work::Fused(f), .. }] => Some(u.binding().pass(f)),
            _ => None,
        });
        let passes: Vec<Pass<T>> = passes.collect::<Option<_>>()?;
        let joint = |pass: &Pass<T>| T::joined(product, pass);
        passes.iter().find_map(joint)?;
        Some(Paced::new(team, |team| {
            let mut binder = Binder::new(team);
            for pass in &passes {
                let alone = || vec![Call::Pass(pass.clone())];
                binder.step(joint(pass).unwrap_or_else(alone));
            }
            binder.finish()
        }))
    }

    /// The numbers of this step in place of those of the last, in `joined` if it is at work.
    fn prepare(&mut self, clock: Clock, team: &Team, joined: Option<&mut Paced<T>>) {
        self.updates.iter_mut().for_each(|u| u.evaluate(clock));
        let bound_here = joined.unwrap_or(&mut self.bound);
        let steps =
            self.updates.iter().flat_map(|u| u.rule.steps.iter().map(move |s| (u, s)));
        for (i, (u, step)) in steps.enumerate() {
            match &step.work {
                Work::Fused(f) => {
                    self.consts.clear();
                    self.consts.extend(f.consts.iter().map(|&h| u.host[h]));
                    bound_here.set_consts(i, &self.consts);
                }
                Work::Copy { .. } => {}
                _ => {
                    // A rule of unheard-of shape: all of it anew.
                    self.bound = bound(&self.updates, team);
                    return;
                }
            }
        }
    }
}

impl<T: Real> Machine<T> {
    /// Adds the optimiser: one rule per learned symbol, by number among `rules`; symbols side
    /// by side with one rule are updated in one pass.
    ///
    /// # Panics
    /// If there is not one choice per learned symbol.
    #[must_use]
    pub fn with_rules(mut self, rules: &[Arc<UpdateRule>], choice: &[usize]) -> Self {
        let slices = &self.plan.slices;
        assert_eq!(choice.len(), slices.len(), "one rule per learned symbol");
        let region = self.plan.region;
        let states = rules.iter().map(|r| r.states.len()).max().unwrap_or(0);
        let first = self.plan.memory.len;
        let scratch = first + states * region;
        let mut updates = Vec::new();
        let mut at = 0;
        let mut end = scratch + CHUNK;
        while at < slices.len() {
            let mut next = at + 1;
            while next < slices.len() && choice[next] == choice[at] {
                next += 1;
            }
            let from = slices[at].0;
            let to = slices.get(next).map_or(region, |s| s.0);
            let rule = Arc::clone(&rules[choice[at]]);
            let at_memory = rule.place(
                to - from,
                from,
                region + from,
                (first + from, region),
                scratch,
            );
            end = end.max(at_memory.len);
            let host = vec![0.0; rule.host_ops.len()];
            let (n, states) = (to - from, (first + from, region));
            updates.push(Update { rule, n, at: at_memory, states, host });
            at = next;
        }
        self.scratch = scratch;
        self.grow(end);
        let start = Clock { t: 1.0, epoch: 1.0, total: 1.0, lr_scale: 1.0 };
        updates.iter_mut().for_each(|u| u.evaluate(start));
        let bound = bound(&updates, &self.team);
        self.learner = Some(Learner { updates, bound, consts: Vec::new() });
        self.bound.clear();
        self.reset_states();
        self
    }

    /// One rule for everything.
    #[must_use]
    pub fn with_rule(self, rule: &Arc<UpdateRule>) -> Self {
        let choice = vec![0; self.plan.slices.len()];
        self.with_rules(std::slice::from_ref(rule), &choice)
    }

    /// Every state as the rule starts it.
    pub fn reset_states(&mut self) {
        let start = self.start;
        for u in self.learner.iter().flat_map(|l| &l.updates) {
            for (i, (_, init, _)) in u.rule.states.iter().enumerate() {
                let from = start + u.states.0 + i * u.states.1;
                self.memory[from..from + u.n].fill(T::from_f64(*init));
            }
        }
    }

    /// One step of the optimiser with the gradients of the last run.
    pub fn update(&mut self, clock: Clock) {
        let Some(learner) = &mut self.learner else { return };
        let begin = self.seconds.map(|seconds| (seconds, Instant::now()));
        let waits = std::mem::take(&mut self.waits);
        let tail = self.bound.last_mut().and_then(|f| f.tail.as_mut());
        let mut joined = tail.filter(|_| waits).map(|tail| &mut tail.joined);
        learner.prepare(clock, &self.team, joined.as_deref_mut());
        let arena = &mut self.memory[self.start..];
        let bound = joined.as_deref().unwrap_or(&learner.bound);
        bound.run(self.way, &self.team, arena, &Inputs::NONE);
        if let Some((seconds, begin)) = begin {
            self.note(seconds + begin.elapsed().as_secs_f64());
        }
    }

    /// The value of an argument of the rule (`lr`) in the last update.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<f64> {
        let u = self.learner.as_ref()?.updates.first()?;
        let (_, h) = u.rule.arguments.iter().find(|(n, _)| n == name)?;
        Some(u.host[*h])
    }

    /// All state as it lies in the arena: part after part, in the order of the parameters.
    #[must_use]
    pub fn states(&self) -> &[T] {
        let first = self.plan.memory.len;
        let end = if self.learner.is_none() { first } else { self.scratch };
        &self.arena()[first..end]
    }

    /// The same, to be changed (a run that goes on).
    pub fn states_mut(&mut self) -> &mut [T] {
        let first = self.plan.memory.len;
        let end = if self.learner.is_none() { first } else { self.scratch };
        &mut self.arena_mut()[first..end]
    }
}
