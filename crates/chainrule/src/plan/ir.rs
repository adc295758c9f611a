//! The planner's own graph: primitives with resolved sizes, equal nodes shared.
//!
//! In: operations and arguments, from `build`. Out: [`Id`]s in an order in which arguments come
//! first. Invariant: a shape holds no name; a **host** node (a shared scalar made of constants,
//! m and outside numbers only) is computed in f64, once per batch size or step, never in the
//! arena. Deliberately absent: rewriting (see `build`), places in memory (see `lower`).

use std::collections::HashMap;

use chainrule_graph::graph::{Axis, Binary, SymId, Unary};

use crate::plan::ext::Ext;

/// A node of [`Ir`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) u32);

/// What a node does. Most are the graph's own primitives; new are the forms that a batch has
/// and one example has not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IOp {
    /// Values given from outside.
    Symbol(SymId),
    /// A one-hot symbol held as an index.
    Index(SymId),
    /// An outside value: a slot of an update rule.
    Slot(u32),
    /// An outside scalar that the host knows (step, rate).
    HostSlot(u32),
    /// A number (bits).
    Const(u64),
    /// m.
    Rows,
    Eye,
    /// Dropout site and drop probability (bits).
    Mask(u32, u64),
    /// Running mean or variance (true) of a site.
    Running(u32, bool),
    Unary(Unary),
    Binary(Binary),
    Select,
    MatMul,
    /// Σ over examples of A B.
    ExMatMul,
    /// Σ over examples.
    ExSum,
    Transpose,
    Sum(Axis),
    Max(Axis),
    Min(Axis),
    MaxMask(Axis),
    MinMask(Axis),
    LogSumExp(Axis),
    /// Arguments: z, and its `LogSumExp` repeated (read only where that is there anyway).
    Softmax(Axis),
    /// exp(a − b).
    ExpSub,
    /// A shape is given: the argument repeated.
    Broadcast(Axis),
    Diag,
    DiagPart,
    /// First row and column of the part.
    Slice([Ext; 2]),
    Embed([Ext; 2]),
    Stack,
    /// Arguments y (index), v: the entry of v at y.
    Pick,
    /// Arguments y (index), v, s: v with s taken off at y.
    SubAt,
}

/// Rows and columns of one example's value.
pub(crate) type Size = [Ext; 2];

/// 1×1.
pub(crate) const SCALAR: Size = [Ext::ONE, Ext::ONE];

#[derive(Clone, Debug)]
pub(crate) struct INode {
    pub(crate) op: IOp,
    pub(crate) args: Vec<Id>,
    pub(crate) size: Size,
    /// One value per example.
    pub(crate) each: bool,
    /// Computed on the host.
    pub(crate) host: bool,
    /// A host factor of the result (products and sums).
    pub(crate) scale: Option<Id>,
}

impl INode {
    pub(crate) fn is_scalar(&self) -> bool {
        self.size == SCALAR
    }

    /// Both dimensions above 1.
    pub(crate) fn is_matrix(&self) -> bool {
        !self.size[0].is_one() && !self.size[1].is_one()
    }

    /// Sizes of the three axes: example, row, column.
    pub(crate) fn axes(&self) -> [Ext; 3] {
        [if self.each { Ext::ROWS } else { Ext::ONE }, self.size[0], self.size[1]]
    }

    /// Entry by entry, and not on the host.
    pub(crate) fn is_entry(&self) -> bool {
        let op = &self.op;
        !self.host
            && matches!(
                op,
                IOp::Unary(_)
                    | IOp::Binary(_)
                    | IOp::Select
                    | IOp::Mask(..)
                    | IOp::ExpSub
            )
    }

    /// Another look at the argument's entries.
    pub(crate) fn is_view(&self) -> bool {
        matches!(
            self.op,
            IOp::Transpose | IOp::Slice(_) | IOp::Broadcast(_) | IOp::DiagPart
        )
    }

    /// Given from outside.
    pub(crate) fn is_leaf(&self) -> bool {
        matches!(self.op, IOp::Symbol(_) | IOp::Slot(_) | IOp::Running(..))
    }
}

/// Nodes, arguments first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ir {
    pub(crate) nodes: Vec<INode>,
    known: HashMap<(IOp, Vec<Id>, Size), Id>,
}

impl std::ops::Index<Id> for Ir {
    type Output = INode;

    fn index(&self, id: Id) -> &INode {
        &self.nodes[id.0 as usize]
    }
}

impl Ir {
    /// The node, made if it is not there; `each` is for leaves, others have it from arguments.
    pub(crate) fn intern(&mut self, op: IOp, args: &[Id], size: Size, each: bool) -> Id {
        let key = (op, args.to_vec(), size);
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let lifted = !matches!(key.0, IOp::ExSum | IOp::ExMatMul);
        let each = each || (lifted && args.iter().any(|&a| self[a].each));
        let host = self.on_host(&key.0, args, size);
        let id = Id(self.nodes.len() as u32);
        let (op, args) = (key.0.clone(), key.1.clone());
        self.nodes.push(INode { op, args, size, each, host, scale: None });
        self.known.insert(key, id);
        id
    }

    /// The node, if it is there.
    pub(crate) fn find(&self, op: &IOp, args: &[Id], size: Size) -> Option<Id> {
        self.known.get(&(op.clone(), args.to_vec(), size)).copied()
    }

    fn on_host(&self, op: &IOp, args: &[Id], size: Size) -> bool {
        match op {
            IOp::Const(_) | IOp::Rows | IOp::HostSlot(_) => true,
            IOp::Unary(_) | IOp::Binary(_) | IOp::Select => {
                size == SCALAR && args.iter().all(|&a| self[a].host)
            }
            _ => false,
        }
    }

    pub(crate) fn ids(&self) -> impl DoubleEndedIterator<Item = Id> + use<> {
        (0..self.nodes.len() as u32).map(Id)
    }

    /// The number, if it is one.
    pub(crate) fn constant(&self, id: Id) -> Option<f64> {
        match self[id].op {
            IOp::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// Which nodes the roots need; nothing below host nodes.
    pub(crate) fn needed(&self, roots: &[Id]) -> Vec<bool> {
        let mut seen = vec![false; self.nodes.len()];
        for r in roots {
            seen[r.0 as usize] = true;
        }
        for i in (0..self.nodes.len()).rev() {
            if seen[i] && !self.nodes[i].host {
                for a in self.used_args(Id(i as u32)) {
                    seen[a.0 as usize] = true;
                }
            }
        }
        seen
    }

    /// The arguments that a node reads: a softmax made by its own kernel reads z only.
    pub(crate) fn used_args(&self, id: Id) -> &[Id] {
        let node = &self[id];
        if matches!(node.op, IOp::Softmax(_)) { &node.args[..1] } else { &node.args }
    }
}
