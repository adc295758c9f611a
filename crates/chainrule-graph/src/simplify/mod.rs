//! Graph → simpler graph by directed, named rewrites; which one fired is kept per node.
//!
//! In: a graph and roots. Out: a new graph, the roots' new places, the log. Invariant: every
//! rewrite keeps the value (a test breaks when one does not); shapes never change. A node is
//! built through `Simplifier::node`, so its arguments are simple already.

mod product;
mod rules;
mod slip;
mod stable;

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Span;
use crate::grad::Context;
use crate::graph::{Binary, Graph, NodeId, Op, SymId, Unary};

pub use rules::{RULES, Rule, Stage};
#[cfg(debug_assertions)]
pub use slip::with_broken;

/// What is known about symbols and what must stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Symbols whose columns add to 1 (one-hot, distribution).
    pub sums_to_one: BTreeSet<SymId>,
    /// Values of the file's equations: they keep their names.
    pub named: BTreeSet<NodeId>,
    /// A node that no pattern may look through (somebody asks for the gradient there).
    pub barrier: Option<NodeId>,
}

/// A rewriting walk in progress.
pub(crate) struct Simplifier<'a, 'b> {
    pub g: Graph,
    pub cx: &'a mut Context<'b>,
    pub facts: Facts,
    pub stage: Stage,
    /// Rewrites that fired: resulting node and rule.
    pub log: Vec<(NodeId, &'static str)>,
    memo: BTreeMap<(Op, Vec<NodeId>), NodeId>,
    depth: usize,
}

/// The simplified graph, new roots, and the log.
pub(crate) struct Simplified {
    pub graph: Graph,
    pub roots: Vec<NodeId>,
    pub log: Vec<(NodeId, &'static str)>,
}

/// Simplifies what the roots need.
pub(crate) fn simplify(
    g: &Graph,
    cx: &mut Context<'_>,
    facts: &Facts,
    stage: Stage,
    roots: &[NodeId],
) -> Simplified {
    let mut s = Simplifier {
        g: g.empty_like(),
        cx,
        facts: Facts { barrier: None, named: BTreeSet::new(), ..facts.clone() },
        stage,
        log: Vec::new(),
        memo: BTreeMap::new(),
        depth: 0,
    };
    let needed = g.reachable(roots);
    let mut map: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for (id, node) in g.iter().filter(|(id, _)| needed[id.0 as usize]) {
        let args: Vec<NodeId> = node.args.iter().map(|a| map[a]).collect();
        let new = s.node(node.op.clone(), &args, node.span);
        // A name and its number are the same dimension.
        debug_assert!(
            crate::verify::same(s.cx.dims, &s.g[new].shape, &node.shape),
            "a rewrite changed a shape: {:?}, {} to {}",
            node.op,
            node.shape,
            s.g[new].shape
        );
        if facts.named.contains(&id) {
            s.facts.named.insert(new);
        }
        if facts.barrier == Some(id) {
            s.facts.barrier = Some(new);
        }
        map.insert(id, new);
    }
    let roots = roots.iter().map(|r| map[r]).collect();
    Simplified { graph: s.g, roots, log: s.log }
}

/// Simplifies without facts, for derivatives of functions.
pub(crate) fn quietly(
    g: &Graph,
    cx: &mut Context<'_>,
    roots: &[NodeId],
) -> (Graph, Vec<NodeId>) {
    let s = simplify(g, cx, &Facts::default(), Stage::Machine, roots);
    (s.graph, s.roots)
}

/// Rewrites deeper than this are left as they are: a safeguard, not a limit that is met.
const DEEPEST: usize = 200;

impl Simplifier<'_, '_> {
    /// The simple form of an operation on simple arguments.
    pub(crate) fn node(&mut self, op: Op, args: &[NodeId], span: Span) -> NodeId {
        let key = (op, args.to_vec());
        if let Some(&n) = self.memo.get(&key) {
            return n;
        }
        let n = self.rewritten(&key.0, args, span);
        self.memo.insert(key, n);
        n
    }

    fn rewritten(&mut self, op: &Op, args: &[NodeId], span: Span) -> NodeId {
        if self.depth < DEEPEST {
            self.depth += 1;
            for rule in RULES {
                if !rule.stage.runs_in(self.stage) {
                    continue;
                }
                if let Some(n) = (rule.apply)(self, op, args, span) {
                    let n = self.given(n, rule.name);
                    self.log.push((n, rule.name));
                    self.depth -= 1;
                    return n;
                }
            }
            self.depth -= 1;
        }
        self.g.add(op.clone(), args, span)
    }

    /// Looks at a node's operation, unless it is the barrier.
    pub(crate) fn look(&self, n: NodeId) -> Option<(&Op, &[NodeId])> {
        (self.facts.barrier != Some(n))
            .then(|| (&self.g[n].op, self.g[n].args.as_slice()))
    }

    /// The argument of a node of this one-argument operation.
    pub(crate) fn under(&self, u: Unary, n: NodeId) -> Option<NodeId> {
        match self.look(n)? {
            (Op::Unary(v), [x]) if *v == u => Some(*x),
            _ => None,
        }
    }

    /// The arguments of a node of this two-argument operation.
    pub(crate) fn pair(&self, b: Binary, n: NodeId) -> Option<(NodeId, NodeId)> {
        match self.look(n)? {
            (Op::Binary(c), [x, y]) if *c == b => Some((*x, *y)),
            _ => None,
        }
    }

    pub(crate) fn number(&mut self, v: f64) -> NodeId {
        self.g.number(v)
    }

    pub(crate) fn is_number(&self, n: NodeId, v: f64) -> bool {
        self.g.constant(n) == Some(v)
    }

    pub(crate) fn scalar(&self, n: NodeId) -> bool {
        self.g[n].shape.is_scalar()
    }

    pub(crate) fn bin(&mut self, b: Binary, x: NodeId, y: NodeId) -> NodeId {
        let span = self.g[x].span;
        self.node(Op::Binary(b), &[x, y], span)
    }

    pub(crate) fn un(&mut self, u: Unary, x: NodeId) -> NodeId {
        let span = self.g[x].span;
        self.node(Op::Unary(u), &[x], span)
    }
}
