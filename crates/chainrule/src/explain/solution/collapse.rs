//! Affine layers with no non-linearity between them, and the one layer that they are.
//!
//! In: a file. Out: where two or more products follow each other with nothing but sums between, the
//! matrix and the shift of the one layer that does the same, with numbers where there are any, and both
//! outputs side by side. Each longest chain is told once.

use std::collections::BTreeMap;

use chainrule_graph::diag::{Diagnostic, Span};
use chainrule_graph::graph::{Binary, Graph, NodeId, Op};
use chainrule_graph::syntax::ast::BinaryOp;
use chainrule_graph::value::Mat;

use super::backward::refused;
use super::context::Context;
use super::worked::Worked;
use crate::explain::formula::{Formula, name, op};
use crate::explain::tree::{Block, Inline, line, words};

/// n = a · base + c, by `products` matrix products through these equations.
struct Affine {
    base: NodeId,
    a: Option<NodeId>,
    c: Option<NodeId>,
    products: usize,
    through: Vec<usize>,
}

pub(super) fn blocks(cx: &Context<'_>) -> Result<Vec<Block>, Diagnostic> {
    let mut g = cx.m.graph.clone();
    let mut told: Vec<usize> = Vec::new();
    let mut out = Vec::new();
    for i in (0..cx.m.equations.len()).rev() {
        if told.contains(&i) {
            continue;
        }
        let found = Finder { cx, g: &mut g }.affine(cx.m.equations[i].node, true);
        let Some(chain) = found.filter(|c| c.products > 1 && !c.through.is_empty())
        else {
            continue;
        };
        told.extend(&chain.through);
        let mut blocks = one_layer(cx, &g, i, &chain)?;
        blocks.extend(out);
        out = blocks;
    }
    Ok(out)
}

struct Finder<'a, 'b> {
    cx: &'a Context<'a>,
    g: &'b mut Graph,
}

impl Finder<'_, '_> {
    /// Whether a value runs through the network: one per example, or a column of it.
    fn runs(&self, n: NodeId) -> bool {
        self.g[n].each || self.g[n].shape.cols.is_one() && !self.g[n].shape.is_scalar()
    }

    /// `None` if it is nothing that runs through.
    fn affine(&mut self, n: NodeId, root: bool) -> Option<Affine> {
        let node = self.g[n].clone();
        let own = self.cx.m.equations.iter().position(|e| e.node == n);
        let inside = match node.op {
            Op::MatMul if self.runs(node.args[1]) && !self.g[node.args[0]].each => {
                self.product(node.args[0], node.args[1])
            }
            Op::Binary(b @ (Binary::Add | Binary::Sub)) => self.sum(b, &node.args),
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

    fn product(&mut self, w: NodeId, x: NodeId) -> Option<Affine> {
        let inner = self.affine(x, false)?;
        let a = inner.a.map_or(w, |a| self.g.matmul(w, a));
        let c = inner.c.map(|c| self.g.matmul(w, c));
        Some(Affine { a: Some(a), c, products: inner.products + 1, ..inner })
    }

    /// One side runs through a product, the other one is a shift that is the same for all.
    fn sum(&mut self, b: Binary, args: &[NodeId]) -> Option<Affine> {
        let shift = |g: &Graph, n: NodeId| matches!(g[n].op, Op::Symbol(_)) && !g[n].each;
        let left = self.affine(args[0], false).filter(|a| a.products > 0);
        let (inner, other) = match left {
            Some(a) if shift(self.g, args[1]) => (a, args[1]),
            _ if b == Binary::Add && shift(self.g, args[0]) => {
                (self.affine(args[1], false).filter(|a| a.products > 0)?, args[0])
            }
            _ => return None,
        };
        let c = match (inner.c, b) {
            (Some(c), _) => self.g.binary(b, c, other),
            (None, Binary::Add) => other,
            (None, _) => {
                let op = Op::Unary(chainrule_graph::graph::Unary::Neg);
                self.g.add(op, &[other], Span::default())
            }
        };
        Some(Affine { c: Some(c), ..inner })
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
    let layer = op(BinaryOp::Space, name(&big), name(&base));
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
    out.push(bound(&big));
    Ok(out)
}

/// Both outputs on the values of the file.
fn agree(
    cx: &Context<'_>,
    w: &Worked,
    i: usize,
    chain: &Affine,
    layer: &chainrule_graph::syntax::ast::Expr,
) -> Result<Vec<Block>, Diagnostic> {
    let e = &cx.m.equations[i];
    let (Some(a), Some(x), Some(y)) =
        (chain.a.and_then(|a| w.mat(a)), w.mat(chain.base), w.mat(e.node))
    else {
        return Ok(Vec::new());
    };
    let c = chain.c.and_then(|c| w.mat(c));
    let one = Mat::from_fn(y.rows, y.cols, |r, j| {
        let product: f64 = (0..a.cols).map(|k| a.at(r, k) * x.at(k, j)).sum();
        product + c.as_ref().map_or(0.0, |c| c.at(r, if c.cols == 1 { 0 } else { j }))
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
