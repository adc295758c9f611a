//! Affine layers with no non-linearity between them, and the one layer that they are.
//!
//! In: a file. Out: where two or more products follow each other with nothing but sums between, the
//! matrix and the shift of the one layer that does the same, with numbers where there are any, and both
//! outputs side by side. Each longest chain is told once.

use std::collections::BTreeMap;

use chainrule_graph::diag::{Diagnostic, Span};
use chainrule_graph::graph::{Axis, Binary, Graph, Node, NodeId, Op, SymId, Unary};
use chainrule_graph::module::Module;
use chainrule_graph::shape::{Dim, Shape};
use chainrule_graph::syntax::ast::{BinaryOp, Expr, Layout, Role};
use chainrule_graph::value::Mat;

use super::backward::refused;
use super::context::Context;
use super::worked::Worked;
use crate::explain::formula::{Formula, name, op};
use crate::explain::tree::{Block, Inline, line, words};

/// n = a · base + c (in `rows`: base · a + c), by `products` products through these equations.
struct Affine {
    base: NodeId,
    a: Option<NodeId>,
    c: Option<NodeId>,
    products: usize,
    through: Vec<usize>,
}

pub(super) fn blocks(cx: &Context<'_>) -> Result<Vec<Block>, Diagnostic> {
    let mut finder = Finder { m: cx.m, g: cx.m.graph.clone(), runs: runs(cx.m) };
    let mut told: Vec<usize> = Vec::new();
    let mut out = Vec::new();
    for i in (0..cx.m.equations.len()).rev() {
        if told.contains(&i) {
            continue;
        }
        let found = finder.affine(cx.m.equations[i].node, true);
        let Some(chain) = found.filter(|c| c.products > 1 && !c.through.is_empty())
        else {
            continue;
        };
        told.extend(&chain.through);
        let mut blocks = one_layer(cx, &finder.g, i, &chain)?;
        blocks.extend(out);
        out = blocks;
    }
    Ok(out)
}

/// Which nodes run through the network: what data goes into. A file without roles may not say what is
/// data; there columns run, and in a file of matrices everything may.
fn runs(m: &Module) -> Vec<bool> {
    let data = |s: &SymId| {
        let symbol = &m.symbols[s.0 as usize];
        let fixed = m.bare && m.chosen && !m.trainable.contains(s);
        symbol.each || fixed || matches!(symbol.role, Role::Input | Role::Target)
    };
    let literal = m.layout != Layout::One;
    let unsaid = literal && !m.symbols.iter().any(|s| data(&s.id));
    let mut out: Vec<bool> = Vec::with_capacity(m.graph.len());
    for (_, node) in m.graph.iter() {
        let column = node.shape.cols.is_one() && !node.shape.is_scalar();
        let given = matches!(&node.op, Op::Symbol(s) if data(s));
        let runs = given || node.each || unsaid || !literal && column;
        out.push(runs || node.args.iter().any(|a| out[a.0 as usize]));
    }
    out
}

struct Finder<'a> {
    m: &'a Module,
    /// The file's graph, and the products of weights that the chains come to.
    g: Graph,
    runs: Vec<bool>,
}

impl Finder<'_> {
    fn runs(&self, n: NodeId) -> bool {
        self.runs[n.0 as usize]
    }

    /// `None` if it is nothing that runs through.
    fn affine(&mut self, n: NodeId, root: bool) -> Option<Affine> {
        let node = self.g[n].clone();
        let own = self.m.equations.iter().position(|e| e.node == n);
        let inside = match node.op {
            Op::MatMul if self.m.layout == Layout::Rows => {
                self.product(node.args[1], node.args[0])
            }
            Op::MatMul => self.product(node.args[0], node.args[1]),
            Op::Binary(Binary::Mul) => self.scaled(node.args[0], node.args[1]),
            Op::Binary(b @ (Binary::Add | Binary::Sub)) => self.sum(b, &node),
            _ => None,
        };
        match inside {
            Some(mut all) => {
                all.through.extend(own.filter(|_| !root));
                Some(all)
            }
            None => self.runs(n).then_some(Affine {
                base: n,
                a: None,
                c: None,
                products: 0,
                through: Vec::new(),
            }),
        }
    }

    /// Weights times what runs through; they know nothing of it.
    fn product(&mut self, w: NodeId, x: NodeId) -> Option<Affine> {
        if !self.runs(x) || self.g[w].each {
            return None;
        }
        let inner = self.affine(x, false)?;
        if self.g.reachable(&[w])[inner.base.0 as usize] {
            return None;
        }
        let a = inner.a.map_or(w, |a| self.times(w, a));
        let c = inner.c.map(|c| self.times(w, c));
        Some(Affine { a: Some(a), c, products: inner.products + 1, ..inner })
    }

    /// With a single number that runs through, weights of one unit are factors.
    fn scaled(&mut self, p: NodeId, q: NodeId) -> Option<Affine> {
        let (w, x) = if self.runs(q) { (p, q) } else { (q, p) };
        let shape = &self.g[w].shape;
        let unit = *shape == self.each(shape);
        let weight = !self.runs(w) && matches!(self.g[w].op, Op::Symbol(_)) && unit;
        (weight && self.g[x].shape.is_scalar()).then(|| self.product(w, x))?
    }

    /// Weights behind earlier ones, on the side where the layout has them.
    fn times(&mut self, w: NodeId, earlier: NodeId) -> NodeId {
        let single = |n: NodeId| self.g[n].shape.is_scalar();
        match (single(w) || single(earlier), self.m.layout) {
            (true, _) => self.g.binary(Binary::Mul, w, earlier),
            (false, Layout::Rows) => self.g.matmul(earlier, w),
            (false, _) => self.g.matmul(w, earlier),
        }
    }

    /// One side runs through a product, the other one is a shift that is the same for all.
    fn sum(&mut self, b: Binary, node: &Node) -> Option<Affine> {
        let (x, y) = (node.args[0], node.args[1]);
        let (running, other) = match (self.shift(x), self.shift(y)) {
            (_, Some(c)) => (x, c),
            (Some(c), None) if b == Binary::Add => (y, c),
            _ => return None,
        };
        let mut inner = self.affine(running, false)?;
        if inner.products == 0 {
            return None;
        }
        // A single number beside a column is repeated: its row of weights stands at every entry.
        if self.g[running].shape.is_scalar() && !node.shape.is_scalar() {
            let ones = self.g.fill(1.0, self.each(&node.shape));
            inner.a = inner.a.map(|a| self.times(ones, a));
            inner.c = inner.c.map(|c| self.spread(c, &node.shape));
        }
        let other = self.spread(other, &node.shape);
        let c = match (inner.c, b) {
            (Some(c), _) => self.g.binary(b, c, other),
            (None, Binary::Add) => other,
            (None, _) => self.g.unary(Unary::Neg, other),
        };
        Some(Affine { c: Some(c), ..inner })
    }

    /// A single number stands at every entry of the shift.
    fn spread(&mut self, c: NodeId, sum: &Shape) -> NodeId {
        let one = self.each(sum);
        match self.g[c].shape.is_scalar() && !one.is_scalar() {
            true => self.g.add(Op::Broadcast(Axis::All, one), &[c], Span::default()),
            false => c,
        }
    }

    /// The part of a sum that one example has.
    fn each(&self, sum: &Shape) -> Shape {
        match self.m.layout {
            Layout::Rows => Shape::new(Dim::ONE, sum.cols.clone()),
            Layout::One | Layout::Columns => Shape::new(sum.rows.clone(), Dim::ONE),
        }
    }

    /// A symbol that is added to all examples alike: in a file of matrices a repeated row or column, or a
    /// learned one beside a single example.
    fn shift(&self, n: NodeId) -> Option<NodeId> {
        let node = &self.g[n];
        let repeated = matches!(node.op, Op::Broadcast(..));
        let inner = if repeated { node.args[0] } else { n };
        let Op::Symbol(s) = self.g[inner].op else { return None };
        let symbol = &self.m.symbols[s.0 as usize];
        let data = symbol.each || matches!(symbol.role, Role::Input | Role::Target);
        let literal = self.m.layout != Layout::One;
        let alike = repeated || !literal || self.m.trainable.contains(&s);
        (!data && alike).then_some(inner)
    }
}

/// What the chain is: A, c, and both outputs.
fn one_layer(
    cx: &Context<'_>,
    g: &Graph,
    i: usize,
    chain: &Affine,
) -> Result<Vec<Block>, Diagnostic> {
    let Some(a) = chain.a else { return Ok(Vec::new()) };
    let e = &cx.m.equations[i];
    let mut parts: Vec<usize> = chain.through.clone();
    parts.push(i);
    parts.sort_unstable();
    let list: Vec<String> = parts.iter().map(|k| cx.label(*k)).collect();
    let text = format!(
        "Equations {} follow each other without a non-linearity between: a linear map of a linear map is \
         linear, so together they are one layer.",
        list.join(", ")
    );
    let base = base_name(cx, chain.base);
    let (big, small) = (free(cx, "A"), free(cx, "c"));
    let (left, right) = match cx.m.layout {
        Layout::Rows => (&base, &big),
        Layout::One | Layout::Columns => (&big, &base),
    };
    let layer = op(BinaryOp::Space, name(left), name(right));
    let layer =
        if chain.c.is_some() { op(BinaryOp::Add, layer, name(&small)) } else { layer };
    let mut out = vec![
        Block::Words(words(text)),
        line(Formula::of(name(&e.shown)).equals(layer.clone())),
    ];
    let w = Worked::new(cx.m, g.clone(), BTreeMap::new(), &cx.state, None);
    let printer = cx.printer(g, &cx.file.names);
    for (called, n) in [(&big, Some(a)), (&small, chain.c)] {
        let Some(n) = n else { continue };
        let formula = Formula::of(name(called)).equals(printer.node(n));
        out.push(line(match w.mat(n).filter(|m| cx.small(m)) {
            Some(m) => formula.value(&m, cx.digits),
            None => formula,
        }));
    }
    out.extend(agree(cx, &w, i, chain, &layer)?);
    if !g[a].shape.is_scalar() {
        out.push(bound(&big));
    }
    Ok(out)
}

/// Both outputs on the values of the file.
fn agree(
    cx: &Context<'_>,
    w: &Worked,
    i: usize,
    chain: &Affine,
    layer: &Expr,
) -> Result<Vec<Block>, Diagnostic> {
    let e = &cx.m.equations[i];
    let (Some(a), Some(x), Some(y)) =
        (chain.a.and_then(|a| w.mat(a)), w.mat(chain.base), w.mat(e.node))
    else {
        return Ok(Vec::new());
    };
    let (left, right) = if cx.m.layout == Layout::Rows { (x, a) } else { (a, x) };
    let c = chain.c.and_then(|c| w.mat(c));
    let shift = |c: &Mat, r, j| {
        c.at(if c.rows == 1 { 0 } else { r }, if c.cols == 1 { 0 } else { j })
    };
    let one = Mat::from_fn(y.rows, y.cols, |r, j| {
        let inner = 0..left.cols;
        let product: f64 = inner.map(|k| left.at(r, k) * right.at(k, j)).sum();
        product + c.as_ref().map_or(0.0, |c| shift(c, r, j))
    });
    let far = one.data.iter().zip(&y.data).map(|(p, q)| (p - q).abs());
    let far = far.fold(0.0_f64, f64::max);
    let mut out = Vec::new();
    if cx.small(&y) {
        out.push(line(Formula::of(layer.clone()).value(&one, cx.digits)));
        out.push(line(Formula::of(name(&e.shown)).value(&y, cx.digits)));
    }
    let size = y.data.iter().fold(1.0_f64, |s, v| s.max(v.abs()));
    if far > 1e-9 * size {
        return Err(refused(format!("one layer for {} differs by {far:e}", e.shown)));
    }
    let text = "The outputs agree: depth without a non-linearity adds nothing.";
    out.push(Block::Words(words(text)));
    Ok(out)
}

/// What the layers could at best be: a matrix no richer than the narrowest of them.
fn bound(called: &str) -> Block {
    let text = " can be any matrix whose rank the narrowest layer allows: the layers together learn \
                linear functions only, however many they are.";
    Block::Note(vec![
        Inline::Formula(Formula::of(name(called))),
        Inline::Words(text.to_owned()),
    ])
}

fn base_name(cx: &Context<'_>, n: NodeId) -> String {
    let printer = cx.printer(&cx.m.graph, &cx.file.names);
    crate::explain::formula::plain(&printer.node(n))
}

/// A name that the file does not use.
fn free(cx: &Context<'_>, wanted: &str) -> String {
    let taken = |n: &str| cx.m.symbol(n).is_some() || cx.m.equation(n).is_some();
    let mut name = wanted.to_owned();
    while taken(&name) {
        name.push('0');
    }
    name
}
