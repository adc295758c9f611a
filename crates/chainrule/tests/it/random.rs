//! Generated graphs over the whole set of primitives: planned = literal, for any of them.

use std::collections::BTreeMap;

use chainrule::graph::diag::Span;
use chainrule::graph::eval::Value;
use chainrule::graph::graph::{Axis, Binary, Block, Graph, NodeId, Op, Unary};
use chainrule::graph::shape::{Dim, Shape, Sizes};

use crate::common::{Case, Draw, built};

const DIMS: [(&str, usize); 3] = [("A", 3), ("B", 4), ("C", 2)];

struct Make {
    g: Graph,
    draw: Draw,
    /// Nodes that may be used.
    pool: Vec<NodeId>,
}

impl Make {
    fn pick(&mut self) -> NodeId {
        // Late nodes more often, so that graphs get deep.
        let n = self.pool.len();
        let back = self.draw.below(n).min(self.draw.below(n));
        self.pool[n - 1 - back]
    }

    fn find(&mut self, fits: impl Fn(&Shape) -> bool) -> Option<NodeId> {
        (0..12).find_map(|_| {
            let n = self.pick();
            fits(&self.g[n].shape).then_some(n)
        })
    }

    /// Something of this shape, if a few tries find it.
    fn like(&mut self, shape: &Shape) -> Option<NodeId> {
        self.find(|s| s == shape)
    }

    fn add(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        self.g.add(op, args, Span::default())
    }

    fn axis(&mut self) -> Axis {
        [Axis::All, Axis::Rows, Axis::Cols][self.draw.below(3)]
    }

    /// Kept small, so that differences stay differences of rounding.
    fn tame(&mut self, n: NodeId) -> NodeId {
        self.g.unary(Unary::Tanh, n)
    }

    fn grow(&mut self) {
        let a = self.pick();
        let shape = self.g[a].shape.clone();
        let node = match self.draw.below(17) {
            0 => Some(self.tame(a)),
            1 => {
                let f = [Unary::Neg, Unary::Sin, Unary::Erf, Unary::Abs, Unary::Sign]
                    [self.draw.below(5)];
                Some(self.g.unary(f, a))
            }
            2..=4 => self.combine(a, &shape),
            5 => self.picked(a, &shape),
            6 | 7 => self.product(a),
            8 => Some(self.g.transpose(a)),
            9 => {
                let axis = self.axis();
                let s = self.g.sum(axis, a);
                Some(self.tame(s))
            }
            10 => {
                let axis = self.axis();
                let of = [
                    Op::MaxOf(axis),
                    Op::MinOf(axis),
                    Op::MaxMask(axis),
                    Op::MinMask(axis),
                ];
                let op = of[self.draw.below(4)].clone();
                Some(self.add(op, &[a]))
            }
            11 => self.repeated(a, &shape),
            12 => Some(self.g.add(Op::ExMean, &[a], Span::default()))
                .filter(|_| self.g[a].each),
            13 => self.part(a, &shape),
            14 => self.stacked(a, &shape),
            15 => shape.cols.is_one().then(|| self.add(Op::Diag, &[a])),
            _ => (shape.rows == shape.cols).then(|| self.add(Op::DiagPart, &[a])),
        };
        if let Some(n) = node {
            self.pool.push(n);
        }
    }

    fn combine(&mut self, a: NodeId, shape: &Shape) -> Option<NodeId> {
        let b = if self.draw.below(3) == 0 {
            self.like(&Shape::SCALAR)
        } else {
            self.like(shape)
        }?;
        let fs =
            [Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min, Binary::Gt];
        let f = fs[self.draw.below(6)];
        let (a, b) = if self.draw.below(2) == 0 { (a, b) } else { (b, a) };
        if self.draw.below(5) == 0 {
            // A quotient whose denominator is at least 1.
            let (square, one) = (self.g.binary(Binary::Mul, b, b), self.g.number(1.0));
            let safe = self.g.binary(Binary::Add, square, one);
            return Some(self.g.binary(Binary::Div, a, safe));
        }
        Some(self.g.binary(f, a, b))
    }

    fn picked(&mut self, a: NodeId, shape: &Shape) -> Option<NodeId> {
        let (b, c) = (self.like(shape)?, self.like(shape)?);
        let zero = self.g.number(0.25);
        let condition = self.g.binary(Binary::Ge, c, zero);
        Some(self.add(Op::Select, &[condition, a, b]))
    }

    fn product(&mut self, a: NodeId) -> Option<NodeId> {
        let inner = self.g[a].shape.cols.clone();
        let b = self.find(|s| s.rows == inner)?;
        let scalar = |g: &Graph, n: NodeId| g[n].shape.is_scalar();
        if scalar(&self.g, a) || scalar(&self.g, b) {
            return None;
        }
        let p = self.g.matmul(a, b);
        Some(self.tame(p))
    }

    fn repeated(&mut self, a: NodeId, shape: &Shape) -> Option<NodeId> {
        let d = Dim::named(DIMS[self.draw.below(3)].0);
        let (axis, to) = match (shape.rows.is_one(), shape.cols.is_one()) {
            (true, true) => (Axis::All, Shape::new(d, Dim::named("B"))),
            (true, false) => (Axis::Rows, Shape::new(d, shape.cols.clone())),
            (false, true) => (Axis::Cols, Shape::new(shape.rows.clone(), d)),
            (false, false) => return None,
        };
        Some(self.add(Op::Broadcast(axis, to), &[a]))
    }

    fn part(&mut self, a: NodeId, shape: &Shape) -> Option<NodeId> {
        if shape.rows.is_one() || shape.rows.number().is_some() {
            return None;
        }
        let block = Block {
            row: Dim::ONE,
            rows: Dim::ONE,
            col: Dim::size(0),
            cols: shape.cols.clone(),
        };
        let part = self.add(Op::Slice(block.clone()), &[a]);
        let back = self.draw.below(2) == 0;
        Some(if back { self.add(Op::Embed(block, shape.clone()), &[part]) } else { part })
    }

    fn stacked(&mut self, a: NodeId, shape: &Shape) -> Option<NodeId> {
        let cols = shape.cols.clone();
        let b = self.find(|s| s.cols == cols)?;
        (self.g[a].shape.rows.atoms.len() < 2 && self.g[b].shape.rows.atoms.len() < 2)
            .then(|| self.add(Op::Stack, &[a, b]))
    }
}

fn generated(seed: u64) -> Case {
    let mut make = Make { g: Graph::default(), draw: Draw(seed), pool: Vec::new() };
    let sizes: Sizes = DIMS.iter().map(|(n, s)| ((*n).to_string(), *s)).collect();
    let m = 1 + make.draw.below(6);
    let mut values = BTreeMap::new();
    let [a, b, _] = DIMS.map(|(n, _)| Dim::named(n));
    for (shape, each) in [
        (Shape::column(a.clone()), true),
        (Shape::column(b.clone()), true),
        (Shape::SCALAR, true),
        (Shape::new(a.clone(), b.clone()), false),
        (Shape::column(a.clone()), false),
        (Shape::new(b.clone(), b), false),
        (Shape::SCALAR, false),
        (Shape::new(Dim::ONE, a), false),
    ] {
        let (r, c) = shape.under(&sizes).expect("sizes");
        let s = make.g.add_symbol(shape, each);
        let value = if each {
            Value::Each((0..m).map(|_| make.draw.mat(r, c)).collect())
        } else {
            Value::Shared(make.draw.mat(r, c))
        };
        values.insert(s, value);
        let n = make.g.add(Op::Symbol(s), &[], Span::default());
        make.pool.push(n);
    }
    for _ in 0..40 {
        make.grow();
    }
    let roots: Vec<NodeId> = make.pool.iter().rev().take(4).copied().collect();
    let mut case = built(make.g, &roots, sizes, m, values);
    case.keep = roots;
    case
}

#[test]
fn generated_graphs_are_planned_as_they_are_meant() {
    for seed in 0..1500 {
        let case = generated(seed);
        let outcome = std::panic::catch_unwind(|| case.check_at(true, case.m, 1));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
