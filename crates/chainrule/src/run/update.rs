//! The optimiser as one pass: new θ and states from θ, g and states, over all parameters.
//!
//! In: a [`RuleGraph`]. Out: [`UpdateRule`], steps over regions of the arena that hold all
//! parameters side by side. Invariant: what depends on neither θ, g nor state is computed on
//! the host, in f64, once a step, and division by it is a product. A rule that fits one pass
//! works in place. Deliberately absent: the rules themselves (prelude), clipping (`Machine`).

use std::collections::{BTreeMap, BTreeSet};

use chainrule_graph::diag::Diagnostic;
use chainrule_graph::graph::{NodeId, Op};
use chainrule_graph::optimizer::{RuleGraph, SLOTS};
use chainrule_graph::shape::Sizes;

use crate::plan::ext::Ext;
use crate::plan::fuse;
use crate::plan::import::{Context, import};
use crate::plan::ir::Id;
use crate::plan::lower::{Buffer, Kind, Lower};
use crate::plan::memory::{Memory, lay_out};
use crate::plan::step::{HostOp, Step, Work};
use crate::plan::view::{Buf, View};

/// The numbers of a step that a rule may read.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The step, from 1.
    pub t: f64,
    /// The epoch, from 1.
    pub epoch: f64,
    /// All steps.
    pub total: f64,
    /// Multiplies the rate.
    pub lr_scale: f64,
}

/// An update rule planned for a run of parameters.
#[derive(Clone, Debug)]
pub struct UpdateRule {
    pub(crate) steps: Vec<Step>,
    pub(crate) host_ops: Vec<HostOp>,
    pub(crate) buffers: Vec<Buffer>,
    /// Slot number, initial value and name of each part of the state.
    pub(crate) states: Vec<(u32, f64, String)>,
    /// Where each argument's value is among the host's numbers, if it is one.
    pub(crate) arguments: Vec<(String, usize)>,
}

const THETA: u32 = SLOTS[0];
const GRAD: u32 = SLOTS[1];

impl UpdateRule {
    /// Plans a rule; the number of parameters is that of the rows when it is bound.
    ///
    /// # Errors
    /// If the rule holds an operation that has no kernel.
    pub fn new(rule: &RuleGraph) -> Result<Self, Vec<Diagnostic>> {
        let mut roots = vec![rule.new_theta];
        roots.extend(&rule.new_states);
        let all: Vec<NodeId> =
            roots.iter().copied().chain(rule.arguments.iter().map(|a| a.1)).collect();
        let wanted = rule.graph.reachable(&all);
        let size = [Ext::ONE, Ext::ROWS];
        let sizes = Sizes::new();
        let rule_slots = Some((&SLOTS[2..], size));
        let context =
            Context { sizes: &sizes, batch: None, index: &[], rule: rule_slots };
        let mut imported = import(&rule.graph, &wanted, &context)?;
        let of = |n: NodeId| imported.of[n.0 as usize].expect("imported");
        let slot = |n: NodeId| match rule.graph[n].op {
            Op::Slot(k, ..) => k,
            _ => unreachable!("a state is a slot"),
        };
        let states: Vec<(u32, f64, String)> =
            rule.states.iter().map(|(name, n, v)| (slot(*n), *v, name.clone())).collect();
        let targets: Vec<u32> =
            [THETA].into_iter().chain(states.iter().map(|s| s.0)).collect();
        let ids: Vec<Id> = roots.iter().map(|&n| of(n)).collect();
        let arguments: Vec<(String, Id)> =
            rule.arguments.iter().map(|(name, n)| (name.clone(), of(*n))).collect();
        let fusion = fuse::fuse(&mut imported.ir, &ids);
        let mut lower = Lower::new(&mut imported.ir, &fusion, &[], &[]);
        lower.run();
        write_back(&mut lower, &targets, &ids);
        let known: Vec<(String, Id)> =
            arguments.into_iter().filter(|(_, id)| lower.ir[*id].host).collect();
        let arguments =
            known.into_iter().map(|(name, id)| (name, lower.host(id))).collect();
        let Lower { mut buffers, mut steps, host_ops, .. } = lower;
        in_place(&mut buffers, &mut steps);
        Ok(Self { steps, host_ops, buffers, states, arguments })
    }

    /// How many steps an update takes.
    #[must_use]
    pub fn passes(&self) -> usize {
        self.steps.len()
    }

    /// Places for `n` parameters from `theta`, gradients from `grad`, states from `states`,
    /// `stride` apart, and scratch from `scratch`.
    pub(crate) fn place(
        &self,
        n: usize,
        theta: usize,
        grad: usize,
        states: (usize, usize),
        scratch: usize,
    ) -> Memory {
        let mut fixed =
            BTreeMap::from([(Kind::Slot(THETA), theta), (Kind::Slot(GRAD), grad)]);
        for (i, (slot, ..)) in self.states.iter().enumerate() {
            fixed.insert(Kind::Slot(*slot), states.0 + i * states.1);
        }
        lay_out(&self.buffers, &self.steps, &BTreeSet::new(), &fixed, scratch, n)
    }
}

/// New values to the places of the old ones.
fn write_back(lower: &mut Lower<'_>, targets: &[u32], ids: &[Id]) {
    for (&slot, &id) in targets.iter().zip(ids) {
        let size = [Ext::ONE, Ext::ONE, Ext::ROWS];
        let buf = lower.buffer(Kind::Slot(slot), Ext::ROWS);
        let dst = View::dense(buf, size);
        let src = lower.view(id).spread(size);
        lower.push(Work::Copy { src, dst }, &[]);
    }
}

/// One pass that makes everything writes where the old values are.
fn in_place(buffers: &mut [Buffer], steps: &mut Vec<Step>) {
    let (first, copies) = match steps.split_first() {
        Some(x) => x,
        None => return,
    };
    let Work::Fused(f) = &first.work else { return };
    let made: Vec<Buf> = f.outputs.iter().map(|r| r.spot.buf).collect();
    let mut into = Vec::new();
    for copy in copies {
        let Work::Copy { src, dst } = &copy.work else { return };
        let once = !into.iter().any(|(b, _)| *b == src.spot.buf);
        let (from, to) = (src.spot.buf, dst.spot.buf);
        let same = buffers[from.0 as usize].kind == buffers[to.0 as usize].kind;
        if same {
            continue;
        }
        if !made.contains(&from) || !once {
            return;
        }
        into.push((from, to));
    }
    if into.len() != made.len() {
        return;
    }
    for (from, to) in into {
        buffers[from.0 as usize].kind = buffers[to.0 as usize].kind;
    }
    steps.truncate(1);
}
