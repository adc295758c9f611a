//! Dropout masks as training draws them, for `--mode train --seed S`.
//!
//! In: a module, the number of examples, a seed. Out: the mask of each site and example, taken
//! from the planned program itself, so that what is shown is what runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use chainrule_graph::derived::Expanded;
use chainrule_graph::diag::Diagnostic;
use chainrule_graph::graph::{NodeId, Op};
use chainrule_graph::module::Module;
use chainrule_graph::value::Mat;
use chainrule_kernels::Team;

use crate::plan::{Options, Purpose, plan};
use crate::run::Machine;

/// The masks of the first training step of a batch of `examples` rows.
pub(super) fn draw(
    m: &Module,
    examples: usize,
    seed: u64,
) -> Result<BTreeMap<u32, Vec<Mat>>, Diagnostic> {
    let sites: Vec<(NodeId, u32)> = m
        .graph
        .iter()
        .filter_map(|(id, n)| match n.op {
            Op::Mask(site, ..) => Some((id, site)),
            _ => None,
        })
        .collect();
    let Some((first, _)) = sites.first() else { return Ok(BTreeMap::new()) };
    let keep: Vec<NodeId> = sites.iter().map(|s| s.0).collect();
    let x = Expanded {
        graph: m.graph.clone(),
        objective: *first,
        loss: None,
        gradients: Vec::new(),
        named: Vec::new(),
        output: None,
    };
    let options = Options {
        sizes: m.dims.sizes.clone(),
        rows: examples,
        index: &[],
        batch: None,
        keep: &keep,
        learned: &[],
    };
    let planned = plan(&x, Purpose::Forward, &options).map_err(|d| {
        d.into_iter().next().unwrap_or_else(|| super::state::bug("a mask"))
    })?;
    let mut machine: Machine<f64> =
        Machine::new(Arc::new(planned), Arc::new(Team::single()));
    machine.set_random_key(seed, 1);
    machine.run();
    let mask = |(id, site): &(NodeId, u32)| {
        let shape = m.graph[*id].shape.under(&m.dims.sizes)?;
        let all = machine.value(*id)?;
        let one = |v: &[f64]| Mat::new(shape.0, shape.1, v.to_vec());
        Some((*site, all.chunks_exact(shape.0 * shape.1).map(one).collect()))
    };
    Ok(sites.iter().filter_map(mask).collect())
}
