//! A machine with its optimiser: states beside the parameters, one pass a step.
//!
//! In: planned rules and which learned symbol follows which. Out: parameters moved by the last
//! run's gradients. Invariant: symbols side by side under one rule are one pass; a step
//! allocates nothing. Deliberately absent: rates over time (the rule's own expressions).

use std::sync::Arc;

use chainrule_kernels::Real;

use crate::plan::memory::Memory;
use crate::run::bind::{Binding, Ready};
use crate::run::exec::{self, Around};
use crate::run::{CHUNK, Clock, Machine, UpdateRule, bind_all, host, program};

/// A rule at work on some parameters that lie side by side.
#[derive(Debug)]
pub(crate) struct Update<T> {
    rule: Arc<UpdateRule>,
    n: usize,
    at: Memory,
    states: (usize, usize),
    host: Vec<f64>,
    ready: Vec<Ready<T>>,
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
            self.updates.push(Update {
                rule,
                n,
                at: at_memory,
                states,
                host,
                ready: Vec::new(),
            });
            at = next;
        }
        self.scratch = scratch;
        self.grow(end);
        self.reset_states();
        self.prepare(Clock { t: 1.0, epoch: 1.0, total: 1.0, lr_scale: 1.0 });
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
        for u in &self.updates {
            for (i, (_, init, _)) in u.rule.states.iter().enumerate() {
                let from = start + u.states.0 + i * u.states.1;
                self.memory[from..from + u.n].fill(T::from_f64(*init));
            }
        }
    }

    fn prepare(&mut self, clock: Clock) {
        let slot = |n: u32| match n {
            2 => clock.t,
            3 => clock.epoch,
            4 => clock.total,
            _ => clock.lr_scale,
        };
        for u in &mut self.updates {
            host::evaluate(&u.rule.host_ops, u.n, slot, &mut u.host);
            let binding = Binding { offset: &u.at.offset, host: &u.host, m: u.n };
            bind_all(&binding, &u.rule.steps, &mut u.ready);
        }
    }

    /// One step of the optimiser with the gradients of the last run.
    pub fn update(&mut self, clock: Clock) {
        self.prepare(clock);
        let around = Around { team: &self.team, index: &[], key: [0; 2], m: 0 };
        let arena = &mut self.memory[self.start..];
        for u in &self.updates {
            for (step, ready) in u.rule.steps.iter().zip(&u.ready) {
                exec::step(arena, ready, program(step), &around);
            }
        }
    }

    /// The value of an argument of the rule (`lr`) in the last update.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<f64> {
        let u = self.updates.first()?;
        let (_, h) = u.rule.arguments.iter().find(|(n, _)| n == name)?;
        Some(u.host[*h])
    }

    /// All state as it lies in the arena: part after part, in the order of the parameters.
    #[must_use]
    pub fn states(&self) -> &[T] {
        let first = self.plan.memory.len;
        let end = if self.updates.is_empty() { first } else { self.scratch };
        &self.arena()[first..end]
    }

    /// The same, to be changed (a run that goes on).
    pub fn states_mut(&mut self) -> &mut [T] {
        let first = self.plan.memory.len;
        let end = if self.updates.is_empty() { first } else { self.scratch };
        &mut self.arena_mut()[first..end]
    }
}
