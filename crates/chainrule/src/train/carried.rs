//! The numbers that machines carry from one step to the next, as named tensors and back.
//!
//! In: [`Machines`]. Out: tensors in the number type of the run, row by row: `W1` and
//! `running/0/mean` (as in a model file), the optimiser's `state/0/W1`, the copies `safe/W1` and
//! `best/W1`. Invariants: what comes back is equal to the last bit; names and shapes do not depend
//! on how a plan lays out its arena, nor on batch, threads or processor. Deliberately absent: what
//! the next run of a plan makes anew (values, gradients, batches, masks).

use chainrule_kernels::Real;

use super::engine::Machines;
use crate::store::{Number, Tensor};

/// Everything, as it is now.
pub(super) fn export<T: Number>(machines: &Machines<'_, T>) -> Vec<Tensor> {
    let mut all = weights(machines, "", &machines.learner.weights());
    let region = machines.learner.machine.parameters().len();
    for (i, part) in machines.learner.machine.states().chunks(region.max(1)).enumerate() {
        all.extend(symbols(machines, &format!("state/{i}/"), part));
    }
    for (name, copy) in [("safe/", &machines.safe), ("best/", &machines.best)] {
        all.extend(copy.iter().flat_map(|w| weights(machines, name, w)));
    }
    all
}

fn weights<T: Number>(m: &Machines<'_, T>, prefix: &str, weights: &[T]) -> Vec<Tensor> {
    let (region, mut rest) = weights.split_at(m.learner.machine.parameters().len());
    let mut all: Vec<Tensor> = symbols(m, prefix, region).collect();
    for (name, n) in running(m) {
        let (own, after) = rest.split_at(n);
        let values: Vec<f64> = own.iter().map(|v| v.to_f64()).collect();
        let (name, numbers) = (format!("{prefix}{name}"), T::numbers(&values));
        all.push(Tensor { name, shape: (n, 1), numbers });
        rest = after;
    }
    all
}

fn symbols<'a, T: Number>(
    m: &'a Machines<'_, T>,
    prefix: &'a str,
    region: &'a [T],
) -> impl Iterator<Item = Tensor> + 'a {
    m.learned.iter().filter_map(move |s| {
        let values = m.learner.machine.unpacked(s.id, region)?;
        let name = format!("{prefix}{}", s.key);
        Some(Tensor { name, shape: s.shape, numbers: T::numbers(&values) })
    })
}

/// Names and lengths of the running statistics, in the order of the copies.
fn running<T: Real>(m: &Machines<'_, T>) -> Vec<(String, usize)> {
    let one = |&(site, variance): &(u32, bool)| {
        let n = m.learner.machine.running(site, variance)?.len();
        let kind = if variance { "variance" } else { "mean" };
        Some((format!("running/{site}/{kind}"), n))
    };
    m.learner.sites.iter().filter_map(one).collect()
}

impl<T: Number> Machines<'_, T> {
    /// Puts everything back as [`export`] gave it; the name of what is missing or does not fit.
    pub(crate) fn import(&mut self, tensors: &[Tensor]) -> Result<(), String> {
        let region = self.learner.machine.parameters().len();
        let now = packed(self, "", tensors)?;
        let mut states = self.learner.machine.states().to_vec();
        for (i, part) in states.chunks_mut(region.max(1)).enumerate() {
            pack(self, &format!("state/{i}/"), tensors, part)?;
        }
        let copy = |prefix: &str| {
            let there = tensors.iter().any(|t| t.name.starts_with(prefix));
            there.then(|| packed(self, prefix, tensors)).transpose()
        };
        let (safe, best) = (copy("safe/")?, copy("best/")?);
        (self.safe, self.best, self.stale) = (safe, best, true);
        self.learner.set_weights(&now);
        self.learner.machine.states_mut().copy_from_slice(&states);
        Ok(())
    }
}

/// A copy of weights, from tensors.
fn packed<T: Number>(
    m: &Machines<'_, T>,
    prefix: &str,
    tensors: &[Tensor],
) -> Result<Vec<T>, String> {
    let mut all = m.learner.machine.parameters().to_vec();
    pack(m, prefix, tensors, &mut all)?;
    for (name, n) in running(m) {
        let name = format!("{prefix}{name}");
        let values = T::values(&find(tensors, &name, (n, 1))?.numbers);
        all.extend(values.ok_or(name)?);
    }
    Ok(all)
}

fn pack<T: Number>(
    m: &Machines<'_, T>,
    prefix: &str,
    tensors: &[Tensor],
    region: &mut [T],
) -> Result<(), String> {
    for s in &m.learned {
        let name = format!("{prefix}{}", s.key);
        let values = T::values(&find(tensors, &name, s.shape)?.numbers);
        m.learner.machine.pack(s.id, &values.ok_or(name)?, region);
    }
    Ok(())
}

fn find<'a>(
    tensors: &'a [Tensor],
    name: &str,
    shape: (usize, usize),
) -> Result<&'a Tensor, String> {
    let found = tensors.iter().find(|t| t.name == name && t.shape == shape);
    found.ok_or_else(|| name.to_owned())
}
