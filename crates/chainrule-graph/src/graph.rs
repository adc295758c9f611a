//! Nodes, append-only, equal nodes shared: the one graph that is printed, checked and trained.
//!
//! In: operations and arguments. Out: [`NodeId`]s. Invariant: a node's arguments have smaller
//! ids; two nodes with the same operation and arguments are one node. Deliberately absent:
//! rewriting (see `simplify`), values (see `eval`).
//!
//! Shapes speak of **one example**: a node with [`Node::each`] has one value of its shape for
//! every example of a batch. [`Op::ExMean`] is the only way from there to a shared value.

use std::collections::HashMap;

use crate::diag::Span;
use crate::shape::{Dim, Shape};

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A symbol of the file (index into `Lowered::symbols`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SymId(pub u32);

/// A function (index into the function table: prelude first, then the file's own).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncId(pub u32);

/// Which entries a reduction runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    /// All entries: r×c → 1×1.
    All,
    /// Down the rows: r×c → 1×c.
    Rows,
    /// Along the columns: r×c → r×1.
    Cols,
}

/// Entry-by-entry functions of one argument.
#[allow(missing_docs, reason = "facts of each stand in ops::UNARY")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unary {
    Neg,
    Exp,
    Log,
    Log1p,
    Expm1,
    Sqrt,
    Erf,
    Sin,
    Cos,
    Tanh,
    Abs,
    Sign,
    Floor,
    Not,
}

/// Entry-by-entry functions of two arguments; a 1×1 argument serves all entries.
#[allow(missing_docs, reason = "facts of each stand in ops::BINARY")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Binary {
    Add,
    Sub,
    /// `⊙`, or scalar times anything.
    Mul,
    Div,
    Pow,
    /// At a tie a constant wins, then the first argument.
    Max,
    Min,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
    /// x log y, and 0 where x = 0.
    XLogY,
    /// x / y, and 0 where x = 0.
    XDivY,
}

/// Part of a matrix: `len` rows from `start` (counted from 0), the same for columns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// First row.
    pub row: Dim,
    /// Number of rows.
    pub rows: Dim,
    /// First column.
    pub col: Dim,
    /// Number of columns.
    pub cols: Dim,
}

/// The closed set of primitives. Facts of each (shape rule, value, gradient, notation) stand in
/// `ops`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// A symbol without equation: data, parameter, or a free name with a value.
    Symbol(SymId),
    /// A constant (as bits of the f64) in every entry of the shape.
    Fill(u64, Shape),
    /// A dimension as a scalar: the m of `1/m`.
    Size(Dim),
    /// The number of examples of the batch, as a scalar.
    Examples,
    /// The identity matrix.
    Eye(Dim),
    /// A placeholder of this shape (arguments of a function's own graph, seeds): number, shape,
    /// whether there is one per example.
    Slot(u32, Shape, bool),
    /// Entry by entry.
    Unary(Unary),
    /// Entry by entry; shapes are equal, or one is 1×1.
    Binary(Binary),
    /// condition, value, otherwise: entry by entry; picks, never multiplies.
    Select,
    /// A call of an entry-by-entry function, or of a function of one example with one shaped
    /// argument (`softmax`; with the axis that it reduces, if it does): stays whole for the
    /// reader, `expand` puts the equation in.
    Call(FuncId, Option<Axis>),
    /// The derivative of an entry-by-entry function with respect to argument number i.
    Deriv(FuncId, u8),
    /// A (m×k) times B (k×n).
    MatMul,
    /// Aᵀ.
    Transpose,
    /// Sum over an axis.
    Sum(Axis),
    /// Largest entry over an axis.
    MaxOf(Axis),
    /// Smallest entry over an axis.
    MinOf(Axis),
    /// 1 at the first largest entry over the axis, 0 elsewhere (gradient of `MaxOf`).
    MaxMask(Axis),
    /// 1 at the first smallest entry over the axis.
    MinMask(Axis),
    /// A row 1×c repeated down to r×c (`Axis::Rows`), a column r×1 repeated along to r×c
    /// (`Axis::Cols`), a scalar to r×c (`Axis::All`): the shape of the result.
    Broadcast(Axis, Shape),
    /// A column as the diagonal of a matrix.
    Diag,
    /// The diagonal of a matrix as a column.
    DiagPart,
    /// Part of a matrix.
    Slice(Block),
    /// The argument put at the block of a zero matrix of this shape.
    Embed(Block, Shape),
    /// Arguments on top of each other.
    Stack,
    /// The mean over the examples of the batch: the only way from one per example to shared.
    ExMean,
    /// The dropout mask of site i with drop probability p (bits): 1/(1−p) or 0 in training, of
    /// this shape, one per example.
    Mask(u32, u64, Shape),
    /// (z − mean)/√(var + 1e-5) over the examples, per entry of the column; site i.
    BatchNorm(u32),
    /// Gradient of the same: z, g.
    BatchNormGrad(u32),
    /// Running mean (false) or variance (true) of batch-norm site i, of this shape.
    Running(u32, bool, Shape),
}

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// To what.
    pub args: Vec<NodeId>,
    /// Shape of its value (for one example).
    pub shape: Shape,
    /// Whether there is one value per example.
    pub each: bool,
    /// The text that it stems from.
    pub span: Span,
}

/// Nodes in an order in which arguments come first.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    known: HashMap<(Op, Vec<NodeId>), NodeId>,
    /// Shape and per-example flag of each symbol.
    symbols: Vec<(Shape, bool)>,
    /// Values of the file's equations, as far as a pass said so.
    equations: std::collections::BTreeSet<NodeId>,
}

impl Graph {
    /// Makes a symbol known; its id is the number of symbols before it.
    pub fn add_symbol(&mut self, shape: Shape, each: bool) -> SymId {
        self.symbols.push((shape, each));
        SymId(self.symbols.len() as u32 - 1)
    }

    /// Shape and per-example flag of a symbol.
    #[must_use]
    pub fn symbol(&self, id: SymId) -> &(Shape, bool) {
        &self.symbols[id.0 as usize]
    }

    /// The number of symbols.
    #[must_use]
    pub fn symbol_count(&self) -> usize {
        self.symbols.len()
    }

    /// A new graph without nodes and with the same symbols.
    #[must_use]
    pub fn empty_like(&self) -> Self {
        Self { symbols: self.symbols.clone(), ..Self::default() }
    }

    /// The node of this operation and arguments; made if it is not there.
    ///
    /// # Panics
    /// If the arguments do not fit the operation: that is a bug of the caller, who checks first.
    pub fn add(&mut self, op: Op, args: &[NodeId], span: Span) -> NodeId {
        let key = (op, args.to_vec());
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let shape = crate::ops::shape(self, &key.0, args);
        let each = self.is_each(&key.0, args);
        let id = NodeId(self.nodes.len() as u32);
        let (op, args) = key.clone();
        self.nodes.push(Node { op, args, shape, each, span });
        self.known.insert(key, id);
        id
    }

    fn is_each(&self, op: &Op, args: &[NodeId]) -> bool {
        match op {
            Op::Symbol(s) => self.symbol(*s).1,
            Op::Slot(_, _, each) => *each,
            Op::Mask(..) => true,
            Op::ExMean => false,
            _ => args.iter().any(|&a| self[a].each),
        }
    }

    /// Marks the values of equations: a reader meets them by name.
    pub(crate) fn mark_equations(&mut self, all: &[NodeId]) {
        self.equations.extend(all);
    }

    /// Whether a node was marked as the value of an equation.
    pub(crate) fn is_equation(&self, n: NodeId) -> bool {
        self.equations.contains(&n)
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Ids and nodes, arguments first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, n)| (NodeId(i as u32), n))
    }

    /// Puts found dimensions into every shape (after lowering, before anything else).
    pub fn resolve(&mut self, dims: &crate::shape::Dims) {
        for (shape, _) in &mut self.symbols {
            *shape = dims.resolve_shape(shape);
        }
        let old = std::mem::take(&mut self.nodes);
        self.known.clear();
        for mut node in old {
            node.shape = dims.resolve_shape(&node.shape);
            crate::ops::resolve(&mut node.op, dims);
            let id = NodeId(self.nodes.len() as u32);
            self.known.entry((node.op.clone(), node.args.clone())).or_insert(id);
            self.nodes.push(node);
        }
    }

    /// Which nodes the roots need, as flags by id.
    #[must_use]
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<bool> {
        let mut seen = vec![false; self.len()];
        for r in roots {
            seen[r.0 as usize] = true;
        }
        for i in (0..self.len()).rev() {
            if seen[i] {
                for a in &self.nodes[i].args {
                    seen[a.0 as usize] = true;
                }
            }
        }
        seen
    }

    // Short builders; all of them share equal nodes and none of them simplifies.

    /// A number as a scalar.
    pub fn number(&mut self, value: f64) -> NodeId {
        self.add(Op::Fill(value.to_bits(), Shape::SCALAR), &[], Span::default())
    }

    /// A constant in every entry of a shape.
    pub fn fill(&mut self, value: f64, shape: Shape) -> NodeId {
        self.add(Op::Fill(value.to_bits(), shape), &[], Span::default())
    }

    /// Entry by entry, one argument.
    pub fn unary(&mut self, op: Unary, a: NodeId) -> NodeId {
        let span = self[a].span;
        self.add(Op::Unary(op), &[a], span)
    }

    /// Entry by entry, two arguments.
    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        let span = self[a].span.to(self[b].span);
        self.add(Op::Binary(op), &[a, b], span)
    }

    /// Matrix product.
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let span = self[a].span.to(self[b].span);
        self.add(Op::MatMul, &[a, b], span)
    }

    /// Transpose.
    pub fn transpose(&mut self, a: NodeId) -> NodeId {
        let span = self[a].span;
        self.add(Op::Transpose, &[a], span)
    }

    /// Sum over an axis.
    pub fn sum(&mut self, axis: Axis, a: NodeId) -> NodeId {
        let span = self[a].span;
        self.add(Op::Sum(axis), &[a], span)
    }

    /// The constant of a `Fill` node.
    #[must_use]
    pub fn constant(&self, id: NodeId) -> Option<f64> {
        match self[id].op {
            Op::Fill(bits, _) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }
}

impl std::ops::Index<NodeId> for Graph {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }
}
