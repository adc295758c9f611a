//! Which numbers a node can have, whatever the weights and the data: intervals through the graph.
//!
//! In: a graph as written. Out: an [`Interval`] that holds every value. Invariant: it is never too
//! narrow; where little is known it is everything. Deliberately absent: what the data says.

use chainrule_graph::graph::{Axis, Binary, Graph, NodeId, Op, Unary};
use chainrule_graph::module::Module;

use super::functions::{Entrywise, Interval};

/// The range of a node's entries.
pub(crate) fn range(m: &Module, g: &Graph, n: NodeId) -> Interval {
    Ranges { m, g }.of(n, DEEPEST)
}

/// Longer chains of arithmetic than this are no output function.
const DEEPEST: usize = 24;

struct Ranges<'a> {
    m: &'a Module,
    g: &'a Graph,
}

impl Ranges<'_> {
    fn of(&self, n: NodeId, depth: usize) -> Interval {
        let node = &self.g[n];
        let Some(depth) = depth.checked_sub(1) else { return Interval::ALL };
        let arg = |i: usize| self.of(node.args[i], depth);
        match &node.op {
            Op::Fill(bits, _) => {
                let v = f64::from_bits(*bits);
                Interval::new(v, v)
            }
            Op::Call(f, _) => match Entrywise::of(self.m, self.g, n) {
                Some(f) => f.range(self.m, arg(0)),
                None => self.named(&self.m.functions.get(*f).name.key),
            },
            Op::Unary(op) => unary(*op, arg(0)),
            Op::Binary(Binary::Div) if self.share_of(n).is_some() => {
                Interval::new(0.0, 1.0)
            }
            Op::Binary(op) => binary(*op, arg(0), arg(1)),
            Op::Select => {
                let (a, b) = (arg(1), arg(2));
                Interval::new(a.low.min(b.low), a.high.max(b.high))
            }
            Op::Transpose | Op::Broadcast(..) | Op::Slice(_) | Op::ExMean => arg(0),
            Op::MaxOf(_) | Op::MinOf(_) => arg(0),
            _ => Interval::ALL,
        }
    }

    /// Functions of one example whose values have bounds.
    fn named(&self, key: &str) -> Interval {
        match key {
            "softmax" => Interval::new(0.0, 1.0),
            "log_softmax" => Interval::new(f64::NEG_INFINITY, 0.0),
            _ => Interval::ALL,
        }
    }

    /// `s` of `s / sum(s)`, where no entry of s is negative.
    fn share_of(&self, n: NodeId) -> Option<NodeId> {
        shares(self.g, n).filter(|s| self.of(*s, DEEPEST / 2).low >= 0.0)
    }
}

/// `s` of `s / sum(s)`.
pub(crate) fn shares(g: &Graph, n: NodeId) -> Option<NodeId> {
    let node = &g[n];
    if node.op != Op::Binary(Binary::Div) {
        return None;
    }
    let (s, mut under) = (node.args[0], node.args[1]);
    while matches!(g[under].op, Op::Broadcast(..)) {
        under = g[under].args[0];
    }
    // A column of one entry is its own sum.
    let sums = g[under].op == Op::Sum(Axis::All) || g[under].op == Op::Sum(Axis::Rows);
    (under == s || sums && g[under].args[0] == s).then_some(s)
}

fn unary(op: Unary, a: Interval) -> Interval {
    match op {
        Unary::Neg => Interval::new(-a.high, -a.low),
        Unary::Exp => Interval::new(libm::exp(a.low), libm::exp(a.high)),
        Unary::Tanh => Interval::new(libm::tanh(a.low), libm::tanh(a.high)),
        Unary::Log if a.low >= 0.0 => Interval::new(libm::log(a.low), libm::log(a.high)),
        Unary::Sqrt => {
            Interval::new(libm::sqrt(a.low.max(0.0)), libm::sqrt(a.high.max(0.0)))
        }
        Unary::Erf | Unary::Sin | Unary::Cos | Unary::Sign => Interval::new(-1.0, 1.0),
        Unary::Abs => Interval::new(0.0, a.low.abs().max(a.high.abs())),
        _ => Interval::ALL,
    }
}

fn binary(op: Binary, a: Interval, b: Interval) -> Interval {
    // 0 · ∞: an entry that is 0 stays 0.
    let times = |x: f64, y: f64| if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
    match op {
        Binary::Add => Interval::new(a.low + b.low, a.high + b.high),
        Binary::Sub => Interval::new(a.low - b.high, a.high - b.low),
        Binary::Mul => Interval::hull(&[
            times(a.low, b.low),
            times(a.low, b.high),
            times(a.high, b.low),
            times(a.high, b.high),
        ]),
        Binary::Div if b.low == b.high && b.low != 0.0 => {
            Interval::hull(&[a.low / b.low, a.high / b.low])
        }
        Binary::Max => Interval::new(a.low.max(b.low), a.high.max(b.high)),
        Binary::Min => Interval::new(a.low.min(b.low), a.high.min(b.high)),
        Binary::Pow if b.low == b.high && b.low == 2.0 => {
            Interval::new(0.0, (a.low * a.low).max(a.high * a.high))
        }
        _ => Interval::ALL,
    }
}
