//! What the graph proves before anything is trained: layers that are one, an objective that is not
//! the mean loss.
//!
//! In: the graph. Out: findings. Invariant: nothing here depends on weights or rows. Deliberately
//! absent: outputs and losses (see `output`).

use chainrule_graph::graph::{Binary, NodeId, Op, SymId, Unary};

use super::{finding, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::{Finding, Severity};

/// Layers that follow each other without anything that bends.
pub(super) fn no_nonlinearity(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    e.network.straight.iter().map(|row| straight(e, row)).collect()
}

fn straight(e: &Evidence<'_>, row: &[SymId]) -> Finding {
    let symbol = |id: &SymId| &e.model.module().symbols[id.0 as usize];
    let names: Vec<&str> = row.iter().map(|id| &*symbol(id).shown).collect();
    let shapes = row.iter().map(|id| symbol(id).shape.under(&e.sizes));
    let shapes: Option<Vec<(usize, usize)>> = shapes.collect();
    let mut evidence = vec![("layers", row.len() as f64)];
    let mut amount = String::new();
    if let Some(shapes) = shapes {
        let of = |(r, c): &(usize, usize)| r * c;
        let many: usize = shapes.iter().map(of).sum();
        let ends = (shapes[shapes.len() - 1].0.max(1), shapes[0].1.max(1));
        let rank = shapes.iter().map(|(r, c)| *r.min(c)).min().unwrap_or(0);
        amount = format!(
            ": {many} weights do the work of a matrix of {}×{} and rank {rank} at most",
            ends.0, ends.1
        );
        evidence.extend([("weights", many as f64), ("rank", rank as f64)]);
    }
    finding("no_nonlinearity", Severity::Warning, names.join(", "))
        .says(format!(
            "{} layers follow each other with straight lines between, so they are one linear \
             layer{amount}",
            row.len()
        ))
        .shows(&evidence)
        .advises(format!(
            "put an activation behind each of {}, such as relu or tanh, or keep one layer",
            names[..names.len() - 1].join(", ")
        ))
}

/// By how much the objective grows with the mean loss; `None` where it is no such sum.
fn weight_of_loss(e: &Evidence<'_>) -> Option<f64> {
    let m = e.model.module();
    let objective = m.objective.as_ref()?;
    let loss = objective.loss?;
    coefficient(e, objective.node, loss).filter(|c| *c != 0.0)
}

/// Deeper sums are no objective that a person wrote.
fn coefficient(e: &Evidence<'_>, n: NodeId, loss: NodeId) -> Option<f64> {
    let g = &e.model.module().graph;
    let node = &g[n];
    let part = |i: usize| coefficient(e, node.args[i], loss);
    match &node.op {
        Op::ExMean if node.args[0] == loss => Some(1.0),
        _ if !g.reachable(&[n])[loss.0 as usize] => Some(0.0),
        Op::Unary(Unary::Neg) => Some(-part(0)?),
        Op::Binary(Binary::Add) => Some(part(0)? + part(1)?),
        Op::Binary(Binary::Sub) => Some(part(0)? - part(1)?),
        Op::Binary(Binary::Div) => Some(part(0)? / number(e, node.args[1])?),
        Op::Binary(Binary::Mul) => {
            match (number(e, node.args[0]), number(e, node.args[1])) {
                (Some(c), None) => Some(c * part(1)?),
                (None, Some(c)) => Some(c * part(0)?),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A number that the file gives; the number of examples is that of a batch.
fn number(e: &Evidence<'_>, n: NodeId) -> Option<f64> {
    let m = e.model.module();
    match &m.graph[n].op {
        Op::Fill(bits, _) => Some(f64::from_bits(*bits)),
        Op::Examples => Some(e.batch()? as f64),
        Op::Size(dim) => Some(dim.under(&e.sizes)? as f64),
        Op::Symbol(s) => {
            let value = m.symbols[s.0 as usize].value.as_ref()?;
            (value.data.len() == 1).then(|| value.data[0])
        }
        Op::Unary(Unary::Neg) => Some(-number(e, m.graph[n].args[0])?),
        _ => None,
    }
}

/// A loss that is made large.
pub(super) fn sign_flipped(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let rate = e.rate().unwrap_or(1.0);
    let weight = weight_of_loss(e).unwrap_or(1.0);
    let factor = if e.loss.factor < 0.0 { -1.0 } else { 1.0 };
    if weight * rate * factor >= 0.0 {
        return Vec::new();
    }
    let what = match (weight < 0.0, rate < 0.0) {
        (true, _) => format!("the objective holds the mean loss times {}", short(weight)),
        (_, true) => format!("the learning rate is {}", short(rate)),
        _ => format!("the loss is {} times what it measures", short(e.loss.factor)),
    };
    vec![
        finding("gradient_sign_flipped", Severity::Error, "minimize")
            .says(format!("{what}: each step makes the network worse"))
            .shows(&[("weight", weight), ("rate", rate), ("factor", e.loss.factor)])
            .advises("take the sign away"),
    ]
}

/// A weight of the mean loss from which on it can only stand for a sum.
const MANY: f64 = 8.0;

/// A loss that grows with the number of rows.
pub(super) fn summed(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(weight) = weight_of_loss(e).filter(|w| *w >= MANY) else {
        return Vec::new();
    };
    let rate = e.rate().unwrap_or(f64::NAN);
    vec![
        finding("loss_sum_not_mean", Severity::Warning, "minimize")
            .says(format!(
                "the objective is {} times the mean loss, as a sum over rows would be: the rate \
                 {} acts like {}, and a penalty weighs {0} times less",
                short(weight),
                short(rate),
                short(rate * weight)
            ))
            .shows(&[("weight", weight), ("rate", rate), ("effective_rate", rate * weight)])
            .advises("minimise the mean, so that the rate does not depend on the rows"),
    ]
}
