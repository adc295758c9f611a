//! Whether a row's output depends on the rows that are taken together with it.
//!
//! In: a checked file. Out: yes or no, from the graph of its output. Files that write a batch as a matrix
//! can add over its rows (`Z − sum(Z) / N`); then the answer to a question is one of the whole batch,
//! and who divides rows into batches decides about it. A yes may be wrong, a no may not.

use std::collections::BTreeSet;

use chainrule_graph::graph::{Axis, NodeId, Op};
use chainrule_graph::module::Module;
use chainrule_graph::shape::{Atom, Dim};

use super::batch_dim;

/// Whether the output mixes the rows of a batch.
pub(crate) fn mixes_rows(module: &Module) -> bool {
    let batch = batch_dim(module);
    let mut seen = BTreeSet::new();
    let mut todo: Vec<NodeId> = module.output.into_iter().collect();
    while let Some(n) = todo.pop() {
        if mixes(module, batch.as_deref(), n) {
            return true;
        }
        let args = module.graph[n].args.iter().copied();
        todo.extend(args.filter(|&a| seen.insert(a)));
    }
    false
}

/// Whether this operation counts the rows, or adds, picks or compares over them.
fn mixes(module: &Module, batch: Option<&str>, n: NodeId) -> bool {
    let node = &module.graph[n];
    let counts = |dim: &Dim| {
        let atoms = module.dims.resolve(dim).atoms;
        atoms
            .iter()
            .any(|a| matches!(a, Atom::Name(name) if Some(name.as_str()) == batch))
    };
    let shapes = node.args.iter().map(|&a| &module.graph[a].shape);
    let mut args = shapes.map(|s| (counts(&s.rows), counts(&s.cols)));
    match &node.op {
        Op::Examples | Op::ExMean => true,
        Op::Size(dim) | Op::Eye(dim) => counts(dim),
        Op::MatMul => args.next().is_some_and(|a| a.1),
        Op::Sum(axis)
        | Op::MaxOf(axis)
        | Op::MinOf(axis)
        | Op::MaxMask(axis)
        | Op::MinMask(axis)
        | Op::Call(_, Some(axis)) => args.any(|(rows, cols)| match axis {
            Axis::Rows => rows,
            Axis::Cols => cols,
            Axis::All => rows || cols,
        }),
        Op::Diag | Op::DiagPart | Op::Stack => args.any(|a| a.0),
        Op::Slice(_) | Op::Embed(..) => {
            let now = (counts(&node.shape.rows), counts(&node.shape.cols));
            args.any(|before| before != now)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::mixes_rows;
    use crate::Model;

    fn mixing(output: &str) -> bool {
        let text = format!(
            "examples: rows\ninput X : N×D\ntarget Y : N×K\nparam W : D×K ~ he, b : 1×K = 0\n\
             Z = X W + b\nP = {output}\nJ = ‖Z − Y‖² / N\nminimize J\noutput: P\n"
        );
        mixes_rows(&Model::parse(&text).unwrap().module)
    }

    #[test]
    fn what_adds_over_the_rows_of_a_batch_mixes_them() {
        for mixed in ["Z − sum(Z) / N", "Z / N", "X Xᵀ Z", "Z / max(Z)", "Z sum(X)"] {
            assert!(mixing(mixed), "{mixed}");
        }
        for row in ["Z", "tanh(Z) ⊙ Z", "softmax(Z)", "Z Wᵀ W / 2", "Z sum(W)"] {
            assert!(!mixing(row), "{row}");
        }
    }
}
