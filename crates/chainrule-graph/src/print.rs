//! Graph → tree in the file's own names; the tree printers then give text that reads back.
//!
//! In: a node, names of nodes, the symbols' spellings. Out: an [`Expr`]. What the language has
//! no notation for (the gradient of batch_norm, the place of a slice) prints as a named call.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::diag::Span;
use crate::functions::Functions;
use crate::graph::{Axis, Binary, Block, Graph, NodeId, Op, Unary};
use crate::shape::{Atom, Dim, Shape};
use crate::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, Index, Layout, Name};
use crate::syntax::print::{Style, print_expr};

/// What printing needs beside the graph.
pub struct Printer<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The function table.
    pub functions: &'a Functions,
    /// Spelling of each symbol, by `SymId`.
    pub symbols: &'a [String],
    /// Names of nodes; a node with a name prints as the name.
    pub names: Cow<'a, BTreeMap<NodeId, String>>,
    /// Layout of examples (which repetitions need no notation).
    pub layout: Layout,
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

fn name(text: &str) -> Expr {
    expr(ExprKind::Name(named(text)))
}

fn named(text: &str) -> Name {
    Name { key: text.to_string(), written: text.to_string(), span: Span::default() }
}

fn number(v: f64) -> Expr {
    if v < 0.0 {
        return expr(ExprKind::Neg(Box::new(number(-v))));
    }
    expr(ExprKind::Number(v, number_text(v)))
}

/// A number as short as it reads back exactly.
#[must_use]
pub fn number_text(v: f64) -> String {
    let plain = format!("{v}");
    let power = format!("{v:e}");
    if power.len() < plain.len() && v != 0.0 { power } else { plain }
}

fn paren(e: Expr) -> Expr {
    expr(ExprKind::Paren(Box::new(e)))
}

/// Operators from loose to tight, to know where a bracket is needed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Cases,
    Logic,
    Compare,
    Sum,
    Minus,
    Product,
    Power,
    Atom,
}

fn level(e: &Expr) -> Level {
    match &e.kind {
        ExprKind::Cases(..) => Level::Cases,
        ExprKind::Not(_) => Level::Logic,
        ExprKind::Neg(_) => Level::Minus,
        ExprKind::Binary(op, ..) => match op {
            BinaryOp::And | BinaryOp::Or => Level::Logic,
            BinaryOp::Add | BinaryOp::Sub => Level::Sum,
            BinaryOp::Pow => Level::Power,
            BinaryOp::Space
            | BinaryOp::At
            | BinaryOp::Odot
            | BinaryOp::Dot
            | BinaryOp::Star
            | BinaryOp::Cross
            | BinaryOp::Div => Level::Product,
            _ => Level::Compare,
        },
        ExprKind::Sum { .. } => Level::Minus,
        _ => Level::Atom,
    }
}

fn at_least(e: Expr, l: Level) -> Expr {
    if level(&e) < l { paren(e) } else { e }
}

fn is_division(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Binary(BinaryOp::Div, ..))
}

/// Two operands with the brackets that the grammar needs.
fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    let (a, b) = match op {
        BinaryOp::Add => (at_least(a, Level::Sum), at_least(b, Level::Minus)),
        BinaryOp::Sub => (at_least(a, Level::Sum), at_least(b, Level::Product)),
        BinaryOp::Pow => (at_least(a, Level::Atom), at_least(b, Level::Atom)),
        BinaryOp::Div => (at_least(a, Level::Product), at_least(b, Level::Atom)),
        BinaryOp::Odot => {
            let product = matches!(a.kind, ExprKind::Binary(BinaryOp::Space, ..));
            let matrix = product && !scalar_front(&a);
            let a = if matrix { paren(a) } else { at_least(a, Level::Product) };
            (a, at_least(b, Level::Power))
        }
        BinaryOp::Space => (at_least(a, Level::Product), at_least(b, Level::Power)),
        BinaryOp::And | BinaryOp::Or => {
            (at_least(a, Level::Compare), at_least(b, Level::Compare))
        }
        _ => (at_least(a, Level::Sum), at_least(b, Level::Sum)),
    };
    expr(ExprKind::Binary(op, Box::new(a), Box::new(b)))
}

/// A B: what is entry by entry in A gets a bracket.
fn matrix_product(a: Expr, b: Expr) -> Expr {
    let mixed = matches!(a.kind, ExprKind::Binary(BinaryOp::Odot, ..));
    binary(BinaryOp::Space, if mixed { paren(a) } else { a }, b)
}

/// −e: the sign goes to the first factor of a product, which is the same and needs no bracket.
#[must_use]
pub fn negative(e: Expr) -> Expr {
    match e.kind {
        ExprKind::Binary(
            op @ (BinaryOp::Space | BinaryOp::Odot | BinaryOp::Div),
            first,
            rest,
        ) => expr(ExprKind::Binary(op, Box::new(negative(*first)), rest)),
        _ => expr(ExprKind::Neg(Box::new(at_least(e, Level::Power)))),
    }
}

/// `s A`, `1/m A`: a factor in front, not a matrix product.
fn scalar_front(e: &Expr) -> bool {
    let ExprKind::Binary(BinaryOp::Space, a, _) = &e.kind else { return false };
    matches!(a.kind, ExprKind::Number(..)) || is_division(a)
}

/// `a (b c)` as `a b c`: one level, left to right, so that no bracket is needed.
fn product_chain(a: Expr, b: Expr) -> Expr {
    match b.kind {
        ExprKind::Binary(BinaryOp::Space, x, y) if level(&y) >= Level::Power => {
            let left = product_chain(a, *x);
            binary(BinaryOp::Space, left, *y)
        }
        ExprKind::Binary(op @ (BinaryOp::Odot | BinaryOp::Div), x, y) => {
            let left = product_chain(a, *x);
            binary(op, left, *y)
        }
        _ => binary(BinaryOp::Space, a, b),
    }
}

fn call(func: &str, primes: u8, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|value| Arg { name: None, value }).collect();
    expr(ExprKind::Call { func: named(func), primes, args })
}

/// A dimension as an expression.
fn dim(d: &Dim) -> Expr {
    let mut parts: Vec<Expr> = d
        .atoms
        .iter()
        .map(|a| match a {
            Atom::Name(n) => name(n),
            Atom::Var(_) => name("?"),
        })
        .collect();
    if d.known > 0 || parts.is_empty() {
        parts.push(number(d.known as f64));
    }
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_else(|| number(0.0));
    parts.fold(first, |a, b| binary(BinaryOp::Add, a, b))
}

fn ones(shape: &Shape) -> Expr {
    match shape.cols.is_one() {
        true => call("ones", 0, vec![dim(&shape.rows)]),
        false => call("ones", 0, vec![dim(&shape.rows), dim(&shape.cols)]),
    }
}

fn transposed(e: Expr) -> Expr {
    expr(ExprKind::Transpose(Box::new(at_least(e, Level::Atom))))
}

impl Printer<'_> {
    /// The text of a node.
    #[must_use]
    pub fn text(&self, n: NodeId, style: Style) -> String {
        print_expr(&self.node(n), style)
    }

    /// The text of what a node computes, even if it has a name.
    #[must_use]
    pub fn definition(&self, n: NodeId, style: Style) -> String {
        print_expr(&self.inside(n), style)
    }

    /// A node as a tree: its name if it has one.
    #[must_use]
    pub fn node(&self, n: NodeId) -> Expr {
        match self.names.get(&n) {
            Some(text) => name(text),
            None => self.inside(n),
        }
    }

    /// A node as a tree, written out one step at least.
    #[must_use]
    pub fn inside(&self, n: NodeId) -> Expr {
        let node = &self.graph[n];
        let arg = |i: usize| self.node(node.args[i]);
        match &node.op {
            Op::Symbol(s) => name(&self.symbols[s.0 as usize]),
            Op::Fill(bits, shape) => fill(f64::from_bits(*bits), shape),
            Op::Size(d) => dim(d),
            Op::Examples => name("m"),
            Op::Eye(_) => name("I"),
            Op::Slot(i, ..) => name(&format!("slot{i}")),
            Op::Unary(u) => self.unary(*u, node.args[0]),
            Op::Binary(b) => self.binary(*b, node.args[0], node.args[1]),
            Op::Select => expr(ExprKind::Cases(
                Box::new(at_least(arg(1), Level::Sum)),
                Box::new(arg(0)),
                Box::new(arg(2)),
            )),
            Op::Call(f, _) => self.function(*f, 0, &node.args),
            Op::Deriv(f, _) => self.function(*f, 1, &node.args),
            Op::MatMul => self.matmul(node.args[0], node.args[1]),
            Op::Transpose => transposed(arg(0)),
            Op::Sum(axis) => self.sum(*axis, node.args[0]),
            Op::MaxOf(_) => call("max", 0, vec![arg(0)]),
            Op::MinOf(_) => call("min", 0, vec![arg(0)]),
            Op::MaxMask(_) => self.mask("max", arg(0)),
            Op::MinMask(_) => self.mask("min", arg(0)),
            Op::Broadcast(axis, shape) => self.repeated(*axis, shape, arg(0)),
            Op::Diag => call("diag", 0, vec![arg(0)]),
            Op::DiagPart => call("diag", 0, vec![arg(0)]),
            Op::Slice(b) => self.slice(b, node.args[0]),
            Op::Embed(b, shape) => embed(b, shape, arg(0)),
            Op::Stack => expr(ExprKind::Stack((0..node.args.len()).map(arg).collect())),
            Op::ExMean => call("mean", 0, vec![arg(0)]),
            Op::Mask(site, ..) => name(&format!("mask{}", site + 1)),
            Op::BatchNorm(_) => call("batch_norm", 0, vec![arg(0)]),
            Op::BatchNormGrad(_) => call("batch_norm", 1, vec![arg(0), arg(1)]),
            Op::Running(site, variance, _) => name(&format!(
                "running_{}{}",
                if *variance { "var" } else { "mean" },
                site + 1
            )),
        }
    }

    fn mask(&self, which: &str, x: Expr) -> Expr {
        let best = call(which, 0, vec![x.clone()]);
        let c = binary(BinaryOp::Eq, x, best);
        expr(ExprKind::Indicator(Box::new(c)))
    }

    fn unary(&self, u: Unary, a: NodeId) -> Expr {
        let x = self.node(a);
        match u {
            Unary::Neg => negative(x),
            Unary::Not => expr(ExprKind::Not(Box::new(at_least(x, Level::Compare)))),
            Unary::Abs => expr(ExprKind::Abs(Box::new(x))),
            Unary::Sqrt => self.norm_of(a).unwrap_or_else(|| call("sqrt", 0, vec![x])),
            _ => call(crate::ops::elementwise::unary(u).name, 0, vec![x]),
        }
    }

    /// √Σe² as ‖e‖.
    fn norm_of(&self, a: NodeId) -> Option<Expr> {
        let node = &self.graph[a];
        if node.op != Op::Sum(Axis::All) || self.names.contains_key(&a) {
            return None;
        }
        let e = self.square(node.args[0])?;
        Some(expr(ExprKind::Norm(2, vec![self.node(e)])))
    }

    /// e of e².
    fn square(&self, n: NodeId) -> Option<NodeId> {
        let node = &self.graph[n];
        let two = |m: NodeId| self.graph.constant(m) == Some(2.0);
        let is = node.op == Op::Binary(Binary::Pow) && two(node.args[1]);
        (is && !self.names.contains_key(&n)).then(|| node.args[0])
    }

    fn binary(&self, b: Binary, x: NodeId, y: NodeId) -> Expr {
        let (a, c) = (self.node(x), self.node(y));
        let scalar = |n: NodeId| self.graph[n].shape.is_scalar();
        match b {
            Binary::Add | Binary::Sub => {
                let (a, c) = (self.addend(x), self.addend(y));
                let op = if b == Binary::Add { BinaryOp::Add } else { BinaryOp::Sub };
                binary(op, a, c)
            }
            Binary::Mul if scalar(x) => product_chain(a, c),
            Binary::Mul if scalar(y) => binary(BinaryOp::Space, a, c),
            Binary::Mul => binary(BinaryOp::Odot, a, c),
            Binary::Div | Binary::XDivY => binary(BinaryOp::Div, a, c),
            Binary::Pow => binary(BinaryOp::Pow, a, c),
            Binary::XLogY => {
                let log = call("log", 0, vec![c]);
                let op = if scalar(x) { BinaryOp::Space } else { BinaryOp::Odot };
                binary(op, a, log)
            }
            Binary::Max => call("max", 0, vec![a, c]),
            Binary::Min => call("min", 0, vec![a, c]),
            Binary::Lt => binary(BinaryOp::Lt, a, c),
            Binary::Le => binary(BinaryOp::Le, a, c),
            Binary::Gt => binary(BinaryOp::Gt, a, c),
            Binary::Ge => binary(BinaryOp::Ge, a, c),
            Binary::Eq => binary(BinaryOp::Eq, a, c),
            Binary::Ne => binary(BinaryOp::Ne, a, c),
            Binary::And => binary(BinaryOp::And, a, c),
            Binary::Or => binary(BinaryOp::Or, a, c),
        }
    }

    /// In a sum, a repeated column (in `rows`: row) stands for itself.
    fn addend(&self, n: NodeId) -> Expr {
        let node = &self.graph[n];
        let silent = match (&node.op, self.layout) {
            (Op::Broadcast(Axis::Rows, _), Layout::Rows) => true,
            (Op::Broadcast(Axis::Cols, _), l) => l != Layout::Rows,
            _ => false,
        };
        if silent && !self.names.contains_key(&n) {
            self.node(node.args[0])
        } else {
            self.node(n)
        }
    }

    fn matmul(&self, x: NodeId, y: NodeId) -> Expr {
        // `a ⊙ b C` has two readings (G1), so the left operand gets its bracket.
        matrix_product(self.node(x), self.node(y))
    }

    fn sum(&self, axis: Axis, x: NodeId) -> Expr {
        let e = self.node(x);
        let shape = &self.graph[x].shape;
        match axis {
            Axis::All => match self.square(x) {
                Some(inner) => {
                    let norm = expr(ExprKind::Norm(2, vec![self.node(inner)]));
                    binary(BinaryOp::Pow, norm, number(2.0))
                }
                None => call("sum", 0, vec![e]),
            },
            Axis::Rows => {
                let left = transposed(ones(&Shape::column(shape.rows.clone())));
                binary(BinaryOp::Space, left, e)
            }
            Axis::Cols => {
                let right = ones(&Shape::column(shape.cols.clone()));
                matrix_product(e, right)
            }
        }
    }

    fn repeated(&self, axis: Axis, shape: &Shape, x: Expr) -> Expr {
        match axis {
            Axis::All => product_chain(at_least(x, Level::Product), ones(shape)),
            Axis::Rows => {
                binary(BinaryOp::Space, ones(&Shape::column(shape.rows.clone())), x)
            }
            Axis::Cols => {
                let row = transposed(ones(&Shape::column(shape.cols.clone())));
                matrix_product(x, row)
            }
        }
    }

    /// A call; arguments that have their default are left out.
    fn function(&self, f: crate::graph::FuncId, primes: u8, args: &[NodeId]) -> Expr {
        let entry = self.functions.get(f);
        let mut out = Vec::new();
        for (p, &a) in entry.params.iter().zip(args) {
            let given = self.graph.constant(a);
            let default = p.default.as_ref().and_then(|d| match &d.kind {
                ExprKind::Number(v, _) => Some(*v),
                _ => None,
            });
            if default.is_some() && given == default {
                continue;
            }
            let label = (p.default.is_some()).then(|| p.name.clone());
            out.push(Arg { name: label, value: self.node(a) });
        }
        let func = named(&entry.name.written);
        expr(ExprKind::Call { func, primes, args: out })
    }

    /// A call (or with one prime its derivative) of a function on these nodes.
    #[must_use]
    pub fn inside_call(
        &self,
        f: crate::graph::FuncId,
        primes: u8,
        args: &[NodeId],
    ) -> Expr {
        self.function(f, primes, args)
    }

    fn slice(&self, b: &Block, x: NodeId) -> Expr {
        let shape = &self.graph[x].shape;
        let rows = index(&b.row, &b.rows, &shape.rows);
        let cols = index(&b.col, &b.cols, &shape.cols);
        let list = match (shape.rows.is_one(), shape.cols.is_one()) {
            (_, true) => vec![rows],
            (true, false) => vec![cols],
            _ => vec![rows, cols],
        };
        expr(ExprKind::Element(Box::new(at_least(self.node(x), Level::Atom)), list))
    }
}

fn index(start: &Dim, len: &Dim, whole: &Dim) -> Index {
    if len == whole {
        return Index::All;
    }
    let first = dim(&start.plus(&Dim::ONE));
    if len.is_one() {
        Index::At(first)
    } else {
        Index::Range(first, dim(&start.plus(len)))
    }
}

fn embed(b: &Block, shape: &Shape, x: Expr) -> Expr {
    let part = match (shape.rows.is_one(), shape.cols.is_one()) {
        (_, true) => vec![index(&b.row, &b.rows, &shape.rows)],
        (true, false) => vec![index(&b.col, &b.cols, &shape.cols)],
        _ => {
            vec![index(&b.row, &b.rows, &shape.rows), index(&b.col, &b.cols, &shape.cols)]
        }
    };
    let place = expr(ExprKind::Element(Box::new(name("zeros")), part));
    call("put", 0, vec![x, place])
}

fn fill(v: f64, shape: &Shape) -> Expr {
    if shape.is_scalar() {
        return number(v);
    }
    if v == 1.0 { ones(shape) } else { product_chain(number(v), ones(shape)) }
}
