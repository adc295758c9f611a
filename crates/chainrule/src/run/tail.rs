//! The last gradient of a step, left to the update that uses it up.
//!
//! In: a plan whose last step is the product that a large gradient is, and a machine that learns.
//! Out: the plan without it, and the update with it ([`chainrule_kernels::Joint`]): the gradient is
//! made and used a few rows at a time, and the caches hold what else a step needs. Invariant:
//! the same bits as one after the other; whoever wants the gradient itself before the update
//! has it made by [`Machine::settle`]. Deliberately absent: gradients in the middle of a step,
//! whose operands the steps behind them may write over.

use chainrule_kernels::{Inputs, Real};

use crate::plan::step::{Product, Work};
use crate::run::bind::{Binding, Paced};
use crate::run::load::{self, BatchRows};
use crate::run::{Fitted, Machine};

/// A plan for a number of rows in three pieces: what stands before its last product, that
/// product, and the update joined to it.
#[derive(Debug)]
pub(crate) struct Tail<T> {
    pub(crate) head: Paced<T>,
    product: Paced<T>,
    pub(crate) joined: Paced<T>,
}

impl<T: Real> Machine<T> {
    /// The product that the plan ends with, if it makes a gradient.
    fn last_product(&self) -> Option<&Product> {
        match &self.plan.steps.last()?.work {
            Work::Product(product) if product.again.is_none() => Some(product),
            _ => None,
        }
    }

    pub(super) fn tail(
        &self,
        binding: &Binding<'_>,
        gather: &dyn BatchRows<T>,
    ) -> Option<Tail<T>> {
        let (learner, last) = (self.learner.as_ref()?, self.last_product()?);
        let product = binding.gemm(last);
        let joined = learner.joined(&product, &self.team)?;
        let steps = &self.plan.steps;
        let (before, last) = steps.split_at(steps.len() - 1);
        let head = self.paced(binding, gather, before);
        let product = self.paced(binding, &load::NONE, last);
        Some(Tail { head, product, joined })
    }

    /// Makes the gradient that the last run left to the update.
    pub(super) fn settle(&mut self) {
        let waits = std::mem::take(&mut self.waits);
        let tail = self.bound.last().and_then(|f: &Fitted<T>| f.tail.as_ref());
        if let Some(tail) = tail.filter(|_| waits) {
            let arena = &mut self.memory[self.start..];
            tail.product.run(self.way, &self.team, arena, &Inputs::NONE);
        }
    }
}
