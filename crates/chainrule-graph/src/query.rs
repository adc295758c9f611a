//! Derivatives of anything by anything, for questions: gradients, Jacobians, entries of them.
//!
//! In: a module, two of its nodes. Out: a simplified graph with the derivative and names.
//! A scalar's gradient has the shape of what it is taken by; a column by a column is the
//! Jacobian, rows = entries of the upper one.

use std::collections::BTreeMap;

use crate::derived::{facts, recognised};
use crate::diag::Span;
use crate::grad::{self, Context, seeded};
use crate::graph::{Axis, Binary, Block, Graph, NodeId, Op, Unary};
use crate::module::Module;
use crate::shape::{Dim, Shape};
use crate::simplify::{self, Stage};

/// A derivative in a graph of its own.
#[derive(Clone, Debug)]
pub struct Derivative {
    /// The simplified graph.
    pub graph: Graph,
    /// The derivative; `None` where only values, no symbolic form, could be given.
    pub root: NodeId,
    /// Names of the file's equations in this graph.
    pub names: BTreeMap<NodeId, String>,
    /// The place of the value that it is a derivative of.
    pub top: NodeId,
    /// Rewrites that fired.
    pub rewrites: Vec<(NodeId, &'static str)>,
}

/// The slot that stands for the incoming gradient while a Jacobian is found.
const SEED: u32 = 1 << 24;

struct Start {
    graph: Graph,
    top: NodeId,
    by: NodeId,
    equations: Vec<NodeId>,
}

/// The graph that derivatives are taken in: nothing looks through `by`.
fn start(m: &Module, top: NodeId, by: NodeId) -> Start {
    let mut roots = vec![top, by];
    roots.extend(m.equations.iter().map(|e| e.node));
    let found = recognised(m, &roots, Some(by));
    let (mut graph, at) = (found.graph, found.roots);
    graph.mark_equations(&at[2..]);
    Start { graph, top: at[0], by: at[1], equations: at[2..].to_vec() }
}

fn finish(m: &Module, mut s: Start, root: NodeId) -> Derivative {
    let root = spelled_out(m, &mut s.graph, root);
    let mut roots = vec![root, s.top];
    roots.extend(&s.equations);
    let mut dims = m.dims.clone();
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let named = s.equations.iter().copied().collect();
    let known = simplify::Facts { named, ..facts(m) };
    let out = simplify::simplify(&s.graph, &mut cx, &known, Stage::Reader, &roots);
    let mut names = BTreeMap::new();
    for (e, n) in m.equations.iter().zip(&out.roots[2..]) {
        names.entry(*n).or_insert_with(|| e.shown.clone());
    }
    Derivative {
        graph: out.graph,
        root: out.roots[0],
        names,
        top: out.roots[1],
        rewrites: out.log,
    }
}

/// A derivative that is f'(z) and nothing else is said by its cases (1 if z ≥ 0 else 0.01).
fn spelled_out(m: &Module, g: &mut Graph, root: NodeId) -> NodeId {
    let (op, args) = (g[root].op.clone(), g[root].args.clone());
    match op {
        Op::Diag | Op::Transpose => {
            let op = g[root].op.clone();
            let inner = spelled_out(m, g, args[0]);
            g.add(op, &[inner], Span::default())
        }
        // 1 ⊙ f'(z), before simplification.
        Op::Binary(Binary::Mul) if g.constant(args[0]) == Some(1.0) => {
            let inner = spelled_out(m, g, args[1]);
            g.binary(Binary::Mul, args[0], inner)
        }
        Op::Deriv(f, i) => {
            let mut dims = m.dims.clone();
            let mut cx =
                Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
            let body = crate::expand::derivative_body(g, &mut cx, f, i, &args);
            let flat = |g: &Graph, n: NodeId| g[n].args[1..].iter().all(|&a| plain(g, a));
            match body {
                Some(b) if g[b].op == Op::Select && flat(g, b) => b,
                _ => root,
            }
        }
        _ => root,
    }
}

/// A number or a symbol.
fn plain(g: &Graph, n: NodeId) -> bool {
    matches!(g[n].op, Op::Fill(..) | Op::Symbol(_))
}

/// Any node in the reader's graph, with names.
#[must_use]
pub fn value(m: &Module, n: NodeId) -> Derivative {
    let s = start(m, n, n);
    let top = s.top;
    finish(m, s, top)
}

/// The gradient of a scalar: of the shape of `by`. With `mean`, the mean over the examples of a
/// per-example scalar.
#[must_use]
pub fn gradient(m: &Module, top: NodeId, by: NodeId, mean: bool) -> Derivative {
    gradient_through(m, top, by, mean, &[])
}

/// The same where the gradient by some equations (their places in the module) is known from
/// elsewhere: it stands in a slot, by number, and all below is reached with it.
#[must_use]
pub fn gradient_through(
    m: &Module,
    top: NodeId,
    by: NodeId,
    mean: bool,
    given: &[(usize, u32)],
) -> Derivative {
    let mut s = start(m, top, by);
    let root = match mean && s.graph[s.top].each && !s.graph[s.by].each {
        true => s.graph.add(Op::ExMean, &[s.top], Span::default()),
        false => s.top,
    };
    let one = s.graph.number(1.0);
    let slots: BTreeMap<NodeId, NodeId> = given
        .iter()
        .map(|&(e, number)| {
            let n = s.equations[e];
            let op = Op::Slot(number, s.graph[n].shape.clone(), s.graph[n].each);
            (n, s.graph.add(op, &[], Span::default()))
        })
        .collect();
    let mut dims = m.dims.clone();
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let seed = (root, one);
    let d = grad::seeded_with(&mut s.graph, &mut cx, seed, &[s.by], true, &slots)[0];
    finish(m, s, d)
}

/// Adjoints of one scalar: its gradient by every equation and every learned symbol.
#[derive(Clone, Debug)]
pub struct Adjoints {
    /// The simplified graph.
    pub graph: Graph,
    /// Places of the equations' values, in order.
    pub values: Vec<NodeId>,
    /// Gradient by each equation, in order (0 where the scalar does not depend on it).
    pub equations: Vec<NodeId>,
    /// Gradient by each learned symbol.
    pub learned: Vec<(crate::graph::SymId, NodeId)>,
}

/// The gradient of `top` by every equation and learned symbol, in one walk.
#[must_use]
pub fn adjoints(m: &Module, top: NodeId) -> Adjoints {
    let mut g = m.graph.clone();
    let params: Vec<(crate::graph::SymId, NodeId)> = m
        .trainable
        .iter()
        .filter_map(|s| Some((*s, crate::derived::symbol_node(&g, *s)?)))
        .collect();
    let mut by: Vec<NodeId> = m.equations.iter().map(|e| e.node).collect();
    by.extend(params.iter().map(|p| p.1));
    let one = g.number(1.0);
    let mut dims = m.dims.clone();
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let d = seeded(&mut g, &mut cx, top, one, &by, false);
    let mut roots: Vec<NodeId> = m.equations.iter().map(|e| e.node).collect();
    roots.extend(&d);
    let out = simplify::simplify(&g, &mut cx, &facts(m), Stage::Reader, &roots);
    let n = m.equations.len();
    let learned =
        params.iter().zip(&out.roots[2 * n..]).map(|(p, d)| (p.0, *d)).collect();
    Adjoints {
        graph: out.graph,
        values: out.roots[..n].to_vec(),
        equations: out.roots[n..2 * n].to_vec(),
        learned,
    }
}

/// The Jacobian of a column by a column in closed form; `None` where there is none.
#[must_use]
pub fn jacobian(m: &Module, top: NodeId, by: NodeId) -> Option<Derivative> {
    let mut s = start(m, top, by);
    let shape = s.graph[s.top].shape.clone();
    let each = s.graph[s.top].each;
    let seed = s.graph.add(Op::Slot(SEED, shape.clone(), each), &[], Span::default());
    let mut dims = m.dims.clone();
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let (top, by) = (s.top, s.by);
    let d = seeded(&mut s.graph, &mut cx, top, seed, &[by], true)[0];
    let pulled = {
        let mut roots = vec![d, seed, s.top];
        roots.extend(&s.equations);
        let out = simplify::simplify(&s.graph, &mut cx, &facts(m), Stage::Reader, &roots);
        s.graph = out.graph;
        s.top = out.roots[2];
        s.equations = out.roots[3..].to_vec();
        (out.roots[0], out.roots[1])
    };
    let (d, seed) = pulled;
    let mut l = Linear::new(&mut s.graph, seed);
    let matrix = match l.matrix(d)? {
        Some(t) => l.flip(t),
        None => {
            let by_shape = s.graph[d].shape.clone();
            s.graph.fill(0.0, Shape::new(shape.rows, by_shape.rows))
        }
    };
    Some(finish(m, s, matrix))
}

/// Finds M of an expression M g that is linear in the slot g.
struct Linear<'a> {
    g: &'a mut Graph,
    seed: NodeId,
    depends: Vec<bool>,
}

impl<'a> Linear<'a> {
    fn new(g: &'a mut Graph, seed: NodeId) -> Self {
        let mut depends = vec![false; g.len()];
        for (id, n) in g.iter() {
            depends[id.0 as usize] =
                id == seed || n.args.iter().any(|a| depends[a.0 as usize]);
        }
        Self { g, seed, depends }
    }

    fn dep(&self, n: NodeId) -> bool {
        self.depends.get(n.0 as usize).copied().unwrap_or(false)
    }

    fn add(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        self.g.add(op, args, Span::default())
    }

    /// M (for a scalar: its row); `Some(None)` is zero, `None` is "no closed form".
    fn matrix(&mut self, n: NodeId) -> Option<Option<NodeId>> {
        if n == self.seed {
            let k = self.g[n].shape.rows.clone();
            return Some(Some(self.add(Op::Eye(k), &[])));
        }
        if !self.dep(n) {
            return (self.g.constant(n) == Some(0.0)).then_some(None);
        }
        let (op, args) = (self.g[n].op.clone(), self.g[n].args.clone());
        match op {
            Op::Unary(Unary::Neg) => {
                let m = self.matrix(args[0])?;
                Some(m.map(|m| self.add(Op::Unary(Unary::Neg), &[m])))
            }
            Op::Binary(b @ (Binary::Add | Binary::Sub)) => {
                self.sum(b, n, [args[0], args[1]])
            }
            Op::Binary(Binary::Mul) if self.dep(args[0]) && self.dep(args[1]) => None,
            Op::Binary(Binary::Mul) if self.dep(args[0]) => self.times(args[1], args[0]),
            Op::Binary(Binary::Mul) => self.times(args[0], args[1]),
            Op::Binary(Binary::Div) if !self.dep(args[1]) => {
                let one = self.g.number(1.0);
                let inverse = self.g.binary(Binary::Div, one, args[1]);
                self.times(inverse, args[0])
            }
            Op::MatMul => self.product(args[0], args[1]),
            Op::Sum(Axis::All) => self.total(args[0]),
            Op::Broadcast(Axis::All, shape) => {
                let row = self.matrix(args[0])??;
                let ones = self.g.fill(1.0, shape);
                Some(Some(self.multiply(ones, row)))
            }
            Op::Select => self.select(n, &args),
            Op::Slice(b) => {
                let m = self.matrix(args[0])??;
                let cols = self.g[m].shape.cols.clone();
                let block = Block { col: Dim::size(0), cols, ..b };
                Some(Some(self.add(Op::Slice(block), &[m])))
            }
            Op::Embed(b, shape) => {
                let m = self.matrix(args[0])??;
                let cols = self.g[m].shape.cols.clone();
                let block = Block { col: Dim::size(0), cols: cols.clone(), ..b };
                let shape = Shape::new(shape.rows, cols);
                Some(Some(self.add(Op::Embed(block, shape), &[m])))
            }
            _ => None,
        }
    }

    /// M of an operand of `n`: a scalar beside a column is repeated, and so is its row.
    fn operand(&mut self, x: NodeId, n: NodeId) -> Option<Option<NodeId>> {
        let Some(m) = self.matrix(x)? else { return Some(None) };
        let shape = self.g[n].shape.clone();
        if !self.g[x].shape.is_scalar() || shape.is_scalar() {
            return Some(Some(m));
        }
        let ones = self.g.fill(1.0, shape);
        Some(Some(self.multiply(ones, m)))
    }

    fn sum(&mut self, b: Binary, n: NodeId, of: [NodeId; 2]) -> Option<Option<NodeId>> {
        let (mx, my) = (self.operand(of[0], n)?, self.operand(of[1], n)?);
        Some(match (mx, my) {
            (Some(p), Some(q)) => Some(self.g.binary(b, p, q)),
            (Some(p), None) => Some(p),
            (None, Some(q)) if b == Binary::Sub => {
                Some(self.add(Op::Unary(Unary::Neg), &[q]))
            }
            (None, q) => q,
        })
    }

    fn is_eye(&self, n: NodeId) -> bool {
        matches!(self.g[n].op, Op::Eye(_))
    }

    fn multiply(&mut self, a: NodeId, b: NodeId) -> NodeId {
        if self.is_eye(b) {
            return a;
        }
        if self.is_eye(a) {
            return b;
        }
        let inner_one = self.g[a].shape.is_scalar() || self.g[b].shape.is_scalar();
        if inner_one { self.g.binary(Binary::Mul, a, b) } else { self.g.matmul(a, b) }
    }

    /// c ⊙ (M g), c (M g) with a scalar on either side.
    fn times(&mut self, c: NodeId, d: NodeId) -> Option<Option<NodeId>> {
        let Some(m) = self.matrix(d)? else { return Some(None) };
        let (sc, sd) = (self.g[c].shape.is_scalar(), self.g[d].shape.is_scalar());
        Some(Some(match (sc, sd) {
            (true, _) => self.g.binary(Binary::Mul, c, m),
            (false, true) => self.multiply(c, m),
            (false, false) => {
                let diag = self.add(Op::Diag, &[c]);
                self.multiply(diag, m)
            }
        }))
    }

    fn product(&mut self, a: NodeId, b: NodeId) -> Option<Option<NodeId>> {
        if !self.dep(a) {
            let Some(m) = self.matrix(b)? else { return Some(None) };
            return Some(Some(self.multiply(a, m)));
        }
        // (M g)ᵀ v = vᵀ (M g), a scalar.
        let flipped = self.g[a].op == Op::Transpose && self.g[b].shape.cols.is_one();
        if !flipped || self.dep(b) {
            return None;
        }
        let inner = self.g[a].args[0];
        let Some(m) = self.matrix(inner)? else { return Some(None) };
        let row = self.g.transpose(b);
        Some(Some(self.multiply(row, m)))
    }

    fn total(&mut self, x: NodeId) -> Option<Option<NodeId>> {
        let node = self.g[x].clone();
        if node.op == Op::Binary(Binary::Mul) {
            let (c, d) = match (self.dep(node.args[0]), self.dep(node.args[1])) {
                (false, true) => (node.args[0], node.args[1]),
                (true, false) => (node.args[1], node.args[0]),
                _ => return None,
            };
            if !self.g[c].shape.is_scalar() && !self.g[d].shape.is_scalar() {
                let Some(m) = self.matrix(d)? else { return Some(None) };
                let row = self.g.transpose(c);
                return Some(Some(self.multiply(row, m)));
            }
        }
        let Some(m) = self.matrix(x)? else { return Some(None) };
        let ones = self.g.fill(1.0, Shape::new(Dim::ONE, node.shape.rows));
        Some(Some(self.multiply(ones, m)))
    }

    fn select(&mut self, n: NodeId, args: &[NodeId]) -> Option<Option<NodeId>> {
        let (one, zero) = (self.g.number(1.0), self.g.number(0.0));
        let mut out: Option<NodeId> = None;
        for (x, pick) in [(args[1], [one, zero]), (args[2], [zero, one])] {
            let Some(m) = self.operand(x, n)? else { continue };
            let gate = self.add(Op::Select, &[args[0], pick[0], pick[1]]);
            let part = match self.g[gate].shape.is_scalar() {
                true => self.g.binary(Binary::Mul, gate, m),
                false => {
                    let diag = self.add(Op::Diag, &[gate]);
                    self.multiply(diag, m)
                }
            };
            out = Some(match out {
                Some(o) => self.g.binary(Binary::Add, o, part),
                None => part,
            });
        }
        Some(out)
    }

    /// The transpose, drawn into sums.
    fn flip(&mut self, n: NodeId) -> NodeId {
        let (op, args) = (self.g[n].op.clone(), self.g[n].args.clone());
        match op {
            Op::Binary(b @ (Binary::Add | Binary::Sub)) => {
                let (x, y) = (self.flip(args[0]), self.flip(args[1]));
                self.g.binary(b, x, y)
            }
            Op::Unary(Unary::Neg) => {
                let x = self.flip(args[0]);
                self.add(Op::Unary(Unary::Neg), &[x])
            }
            Op::Binary(Binary::Mul) if self.g[args[0]].shape.is_scalar() => {
                let y = self.flip(args[1]);
                self.g.binary(Binary::Mul, args[0], y)
            }
            Op::Eye(_) | Op::Diag => n,
            _ => self.g.transpose(n),
        }
    }
}
