//! A graph with the numbers of all its nodes.
//!
//! In: a graph of the module, names of some of its nodes, values of symbols. Out: a value per node, from
//! the literal evaluation. With rounding, every named value is rounded before anything uses it, as
//! a calculation by hand does.

use std::collections::{BTreeMap, BTreeSet};

use chainrule_graph::derived::primitives;
use chainrule_graph::eval::{Value, eval_adjusted};
use chainrule_graph::expand::Purpose;
use chainrule_graph::graph::{Graph, NodeId};
use chainrule_graph::module::Module;
use chainrule_graph::value::Mat;

use super::context::side_by_side;
use crate::explain::state::{State, round_to};

pub(super) struct Worked {
    pub graph: Graph,
    pub names: BTreeMap<NodeId, String>,
    values: Vec<Option<Value>>,
}

impl Worked {
    pub(super) fn new(
        m: &Module,
        graph: Graph,
        names: BTreeMap<NodeId, String>,
        state: &State,
        round: Option<u32>,
    ) -> Self {
        let values = values(m, &graph, &names, state, round)
            .unwrap_or_else(|| vec![None; graph.len()]);
        Self { graph, names, values }
    }

    pub(super) fn value(&self, n: NodeId) -> Option<&Value> {
        self.values.get(n.0 as usize)?.as_ref()
    }

    /// Examples side by side.
    pub(super) fn mat(&self, n: NodeId) -> Option<Mat> {
        self.value(n).map(side_by_side)
    }

    /// The value for one example.
    pub(super) fn of(&self, n: NodeId, example: usize) -> Option<&Mat> {
        match self.value(n)? {
            Value::Shared(m) => Some(m),
            Value::Each(all) => all.get(example),
        }
    }

    /// Puts the value that runs (by a stable form) for the literal one.
    pub(super) fn put(&mut self, n: NodeId, v: Value) {
        if let Some(place) = self.values.get_mut(n.0 as usize) {
            *place = Some(v);
        }
    }
}

fn values(
    m: &Module,
    g: &Graph,
    names: &BTreeMap<NodeId, String>,
    state: &State,
    round: Option<u32>,
) -> Option<Vec<Option<Value>>> {
    if state.values.is_empty() {
        return None;
    }
    let all: Vec<NodeId> = g.iter().map(|(id, _)| id).collect();
    let purpose =
        if state.masks.is_some() { Purpose::Training } else { Purpose::Evaluation };
    let (p, at) = primitives(m, g, &all, purpose)?;
    let rounds: BTreeSet<NodeId> = names.keys().map(|n| at[n.0 as usize]).collect();
    let adjust = |n: NodeId, v: Value| match round {
        Some(d) if rounds.contains(&n) => rounded(v, d),
        _ => v,
    };
    let found = eval_adjusted(&p, &state.env(m), &at, &adjust);
    Some(at.iter().map(|n| found[n.0 as usize].clone()).collect())
}

fn rounded(v: Value, decimals: u32) -> Value {
    let one = |m: &Mat| m.map(|x| round_to(x, decimals));
    match v {
        Value::Shared(m) => Value::Shared(one(&m)),
        Value::Each(all) => Value::Each(all.iter().map(one).collect()),
    }
}
