//! A network as its graph shows it: weight layers in order, what lies between them, its output.
//!
//! In: a checked file. Out: [`Network`]. Invariant: a layer is a product of learned numbers with a
//! value of the example; what follows it is told by the graph, never by names. Deliberately absent:
//! data, numbers of a training, judgement.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chainrule_graph::graph::{Binary, Graph, NodeId, Op, SymId, Unary};
use chainrule_graph::module::Module;

use super::functions::{Entrywise, Interval};
use super::range;
use crate::model::Model;

/// A product with learned weights and what it runs into.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) weights: SymId,
    /// The value of the example that is multiplied.
    pub(crate) from: NodeId,
    /// The last value before something that is not a straight line.
    pub(crate) z: NodeId,
    /// The entry-by-entry function behind it, and its node.
    pub(crate) act: Option<(Entrywise, NodeId)>,
}

/// How the output is made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shaped {
    /// softmax.
    Softmax,
    /// An entry-by-entry function that is no straight line.
    Entrywise(Entrywise),
    /// Entries divided by their sum.
    Shares,
    /// A straight line of the last layer.
    Affine,
    /// Something else.
    Other,
}

/// What the output is.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) node: NodeId,
    pub(crate) shaped: Shaped,
    /// Its values lie here, whatever the weights.
    pub(crate) range: Interval,
}

/// The anatomy of a file; nodes are those of its derived graph.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) layers: Vec<Layer>,
    /// Weights of two or more layers in a row with straight lines between, in the graph as written: a
    /// simpler one multiplies single numbers together.
    pub(crate) straight: Vec<Vec<SymId>>,
    /// Of the graph as written.
    pub(crate) output: Option<Output>,
}

impl Network {
    pub(crate) fn of(model: &Model) -> Self {
        let (m, d) = (model.module(), model.derived());
        let layers = Walk::new(m, &d.graph, &[d.loss.unwrap_or(d.objective)]).layers();
        let top = m.objective.as_ref().map(|o| o.loss.unwrap_or(o.node));
        let straight = Walk::new(m, &m.graph, top.as_slice()).straight();
        let output = m.output.map(|n| unclipped(&m.graph, n)).map(|node| Output {
            node,
            shaped: shaped(m, &m.graph, node),
            range: range::range(m, &m.graph, node),
        });
        Self { layers, straight, output }
    }
}

/// What is held within constant bounds.
fn unclipped(g: &Graph, n: NodeId) -> NodeId {
    let mut at = n;
    while let Op::Binary(Binary::Max | Binary::Min) = g[at].op {
        let (a, b) = (g[at].args[0], g[at].args[1]);
        at = match (g.constant(a), g.constant(b)) {
            (None, Some(_)) => a,
            (Some(_), None) => b,
            _ => break,
        };
    }
    at
}

fn shaped(m: &Module, g: &Graph, n: NodeId) -> Shaped {
    let walk = Walk::new(m, g, &[n]);
    match &g[n].op {
        Op::Call(f, _) if m.functions.get(*f).name.key == "softmax" => Shaped::Softmax,
        Op::Call(..) => match Entrywise::of(m, g, n) {
            Some(f) if !f.is_straight(m) => Shaped::Entrywise(f),
            Some(_) if walk.source(g[n].args[0]).is_some() => Shaped::Affine,
            _ => Shaped::Other,
        },
        Op::Unary(Unary::Exp | Unary::Tanh) => Shaped::Other,
        _ if range::shares(g, n).is_some_and(|s| walk.source(s).is_some()) => {
            Shaped::Affine
        }
        _ if range::shares(g, n).is_some() => Shaped::Shares,
        _ if walk.source(n).is_some() => Shaped::Affine,
        _ => Shaped::Other,
    }
}

/// A way through the part of a graph that some nodes need.
struct Walk<'a> {
    m: &'a Module,
    g: &'a Graph,
    needed: Vec<bool>,
    readers: BTreeMap<NodeId, Vec<NodeId>>,
    /// Functions that were asked about, and whether they are straight lines.
    known: RefCell<Vec<(Entrywise, bool)>>,
}

impl<'a> Walk<'a> {
    fn new(m: &'a Module, g: &'a Graph, roots: &[NodeId]) -> Self {
        let needed = g.reachable(roots);
        let mut readers: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        for (id, node) in g.iter().filter(|(id, _)| needed[id.0 as usize]) {
            node.args.iter().for_each(|a| readers.entry(*a).or_default().push(id));
        }
        Self { m, g, needed, readers, known: RefCell::default() }
    }

    fn is_straight(&self, f: Entrywise) -> bool {
        let mut known = self.known.borrow_mut();
        if let Some((_, straight)) = known.iter().find(|(other, _)| *other == f) {
            return *straight;
        }
        let straight = f.is_straight(self.m);
        known.push((f, straight));
        straight
    }

    /// The learned symbol of a product, and the value of the example in it.
    fn product(&self, n: NodeId) -> Option<(SymId, NodeId)> {
        let node = &self.g[n];
        // With a single number a matrix product is a product of each entry with it.
        let single = |n: NodeId| self.g[n].each && self.g[n].shape.is_scalar();
        match node.op {
            Op::MatMul => {}
            Op::Binary(Binary::Mul) if node.args.iter().any(|a| single(*a)) => {}
            _ => return None,
        }
        let learned = |n: NodeId| {
            let inner = match self.g[n].op {
                Op::Transpose => self.g[n].args[0],
                _ => n,
            };
            match self.g[inner].op {
                Op::Symbol(s) if self.m.trainable.contains(&s) => Some(s),
                _ => None,
            }
        };
        let (a, b) = (node.args[0], node.args[1]);
        match (learned(a), learned(b)) {
            (Some(s), None) if self.g[b].each => Some((s, b)),
            (None, Some(s)) if self.g[a].each => Some((s, a)),
            _ => None,
        }
    }

    fn layers(&self) -> Vec<Layer> {
        let all = self.g.iter().filter(|(id, _)| self.needed[id.0 as usize]);
        let layer = |(id, _)| {
            let (weights, from) = self.product(id)?;
            let z = self.follow(id);
            let act = self.readers.get(&z).into_iter().flatten().find_map(|&reader| {
                let f = Entrywise::of(self.m, self.g, reader)?;
                (self.g[reader].args[0] == z).then_some((f, reader))
            });
            Some(Layer { weights, from, z, act })
        };
        all.filter_map(layer).collect()
    }

    /// As far as straight lines lead from here.
    fn follow(&self, n: NodeId) -> NodeId {
        let mut at = n;
        let next = |at: NodeId| {
            let readers = self.readers.get(&at)?;
            readers.iter().copied().find(|&r| self.straight_from(r) == Some(at))
        };
        while let Some(reader) = next(at) {
            at = reader;
        }
        at
    }

    /// The value of the example that the node is a straight line of, one entry of one entry.
    fn straight_from(&self, n: NodeId) -> Option<NodeId> {
        if self.product(n).is_some() {
            return None;
        }
        let (node, g) = (&self.g[n], self.g);
        let fixed = |n: NodeId| !g[n].each || matches!(g[n].op, Op::Mask(..));
        let one_of = || match (node.args[0], node.args[1]) {
            (a, b) if !fixed(a) && fixed(b) => Some(a),
            (a, b) if fixed(a) && !fixed(b) => Some(b),
            _ => None,
        };
        match &node.op {
            Op::Binary(Binary::Add | Binary::Sub | Binary::Mul) => one_of(),
            Op::Binary(Binary::Div) => one_of().filter(|a| *a == node.args[0]),
            Op::Unary(Unary::Neg) | Op::BatchNorm(_) => Some(node.args[0]),
            Op::Call(..) => {
                let f = Entrywise::of(self.m, g, n)?;
                self.is_straight(f).then_some(node.args[0])
            }
            _ => None,
        }
        .filter(|a| g[*a].each)
    }

    /// The product that the node is a straight line of.
    fn source(&self, n: NodeId) -> Option<NodeId> {
        let mut at = n;
        loop {
            if self.product(at).is_some() {
                return Some(at);
            }
            at = self.straight_from(at)?;
        }
    }

    /// The longest rows of layers with straight lines between.
    fn straight(&self) -> Vec<Vec<SymId>> {
        let mut rows: Vec<Vec<SymId>> = Vec::new();
        for layer in self.layers() {
            let before = self.source(layer.from).and_then(|n| self.product(n));
            let Some((before, _)) = before else { continue };
            match rows.iter_mut().find(|row| row.last() == Some(&before)) {
                Some(row) => row.push(layer.weights),
                None => rows.push(vec![before, layer.weights]),
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(lines: &str) -> Network {
        let text = format!(
            "input x : D\ntarget y : K\nparam W1 : H×D ~ he, b1 : H = 0\n\
             param W2 : K×H ~ he, b2 : K = 0\nwhere D = 3, H = 4, K = 2\n{lines}\n\
             L = half_mse(y, ŷ)\nminimize mean(L)"
        );
        Network::of(&Model::parse(&text).expect("the file reads"))
    }

    #[test]
    fn layers_stand_in_order_with_what_follows_them() {
        let n = network("a = tanh(W1 x + b1)\nŷ = sigmoid(W2 a + b2)");
        assert_eq!(n.layers.len(), 2);
        assert!(n.layers.iter().all(|l| l.act.is_some()) && n.straight.is_empty());
        let output = n.output.unwrap();
        assert!(matches!(output.shaped, Shaped::Entrywise(_)));
        assert_eq!(output.range, Interval::new(0.0, 1.0));
    }

    #[test]
    fn straight_lines_are_seen_through_what_does_not_bend() {
        for lines in [
            "a = W1 x + b1\nŷ = W2 a + b2",
            "a = identity(dropout(2 (W1 x + b1), 0.5))\nŷ = W2 a + b2",
            "a = batch_norm(W1 x + b1)\nŷ = W2 a + b2",
        ] {
            let n = network(lines);
            let weights: Vec<SymId> = n.layers.iter().map(|l| l.weights).collect();
            assert_eq!(n.straight, [weights], "{lines}");
            assert_eq!(n.output.unwrap().shaped, Shaped::Affine);
        }
        for lines in ["a = relu(W1 x + b1)\nŷ = W2 a", "a = (W1 x)²\nŷ = W2 a"] {
            assert!(network(lines).straight.is_empty(), "{lines}");
        }
    }

    #[test]
    fn layers_of_one_unit_are_layers() {
        let text = "input x : 1\ntarget y : 1\nparam w : 1×1 ~ he, V : H×1 ~ he, U : 1×H ~ he\n\
                    where H = 5\na = tanh(w x)\nb = relu(V a)\nŷ = U b\nL = half_mse(y, ŷ)\n\
                    minimize mean(L)";
        let n = Network::of(&Model::parse(text).expect("the file reads"));
        assert_eq!(n.layers.len(), 3);
        assert!(n.straight.is_empty());
    }

    /// Single numbers are weights like others, with and without a shift.
    #[test]
    fn layers_of_single_numbers_are_seen_to_be_one() {
        let of = |lines: &str| {
            let text = format!(
                "input x : 1\ntarget y : 1\nparam u : 1 ~ he, v : 1 ~ he, w : 1 ~ he, b : 1\n\
                 {lines}\nL = half_mse(y, c)\nminimize mean(L)"
            );
            Network::of(&Model::parse(&text).expect("the file reads")).straight
        };
        let three = [SymId(2), SymId(3), SymId(4)];
        assert_eq!(of("a = u x\na2 = v a\nc = w a2"), [three]);
        assert_eq!(of("a = u x + b\na2 = v a + b\nc = w a2 + b"), [three]);
        assert_eq!(of("a = u x\na2 = tanh(v a)\nc = w a2"), [&three[..2]]);
        assert!(of("a = tanh(u x)\na2 = v tanh(a)\nc = relu(w a2)")[0] == three[1..]);
    }

    #[test]
    fn outputs_are_told_by_what_they_do() {
        let shaped = |line: &str| {
            let n = network(&format!("a = relu(W1 x + b1)\nz = W2 a + b2\n{line}"));
            let output = n.output.unwrap();
            (output.shaped, output.range)
        };
        let unit = Interval::new(0.0, 1.0);
        assert_eq!(shaped("ŷ = softmax(z)"), (Shaped::Softmax, unit));
        let (by_sum, range) = shaped("s = sigmoid(z)\nŷ = s / sum(s)");
        assert_eq!((by_sum, range), (Shaped::Shares, unit));
        assert_eq!(shaped("ŷ = identity(z)").0, Shaped::Affine);
        assert_eq!(shaped("ŷ = 5 tanh(z) + 1").1, Interval::new(-4.0, 6.0));
    }
}
