//! The simplified graph with its gradients: what is printed, checked and trained.
//!
//! In: a [`Module`](crate::module::Module). Out: [`Derived`] (calls kept, for readers) and
//! `expand`ed graphs of primitives (for `eval` and the planner).

use crate::graph::{Graph, NodeId, SymId};

/// Objective, gradients and named values over one simplified graph.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The simplified graph.
    pub graph: Graph,
    /// The objective (scalar, shared).
    pub objective: NodeId,
    /// The per-example loss, if the objective is a mean of one.
    pub loss: Option<NodeId>,
    /// Gradient of the objective for each learned symbol; of its shape.
    pub gradients: Vec<(SymId, NodeId)>,
    /// Every equation's node and shown name, in order.
    pub named: Vec<(NodeId, String)>,
    /// What `predict` reports.
    pub output: Option<NodeId>,
    /// SHA-like hex of the graph that the roots reach.
    pub fingerprint: String,
}

/// A graph of primitives only, with the places of the roots in it.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// No `Call`, no `Deriv`; in evaluation form no `Mask` and no `BatchNorm`.
    pub graph: Graph,
    /// The objective.
    pub objective: NodeId,
    /// The per-example loss.
    pub loss: Option<NodeId>,
    /// Gradients.
    pub gradients: Vec<(SymId, NodeId)>,
    /// Every equation's node and shown name.
    pub named: Vec<(NodeId, String)>,
    /// What `predict` reports.
    pub output: Option<NodeId>,
}
