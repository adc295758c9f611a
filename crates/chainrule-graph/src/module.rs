//! A checked file: symbols, equations, objective and settings over one graph.
//!
//! This is what `lower` gives and what everything else reads. Invariant: no shape in it has a
//! variable; every equation's node is in the graph.

use crate::diag::Span;
use crate::graph::{Graph, NodeId, SymId};
use crate::shape::{Dims, Shape};
use crate::syntax::ast::{Layout, Mark, Precision, Role, TrainSpec};
use crate::syntax::settings::DataSpec;
use crate::value::Mat;

/// A symbol without equation: data, parameter, or a free name with a shape or value.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Its place in the graph's symbols.
    pub id: SymId,
    /// Canonical name.
    pub key: String,
    /// As the file spells it first.
    pub shown: String,
    /// What it is for.
    pub role: Role,
    /// What is known about its entries.
    pub mark: Option<Mark>,
    /// Its shape (for one example where `each`).
    pub shape: Shape,
    /// One value per example.
    pub each: bool,
    /// How training starts it (parameters).
    pub start: Start,
    /// The value of a worked example: of the shape, or one column per example where `each`.
    pub value: Option<Mat>,
    /// The dimension that the parameter's first product sums over (fan-in) and its other one.
    pub fans: Option<(crate::shape::Dim, crate::shape::Dim)>,
    /// Where it is declared, or first given a value.
    pub span: Span,
}

/// How a parameter starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// `~ he`, `~ normal(0, 0.1)`: the name in lower case and its arguments.
    Draw(String, Vec<f64>),
    /// `= 0` or a literal: one entry serves all.
    Fill(Mat),
    /// Nothing was said: the value of the worked example if there is one, else matrices
    /// ~ glorot and vectors 0 (the summary says so).
    Unsaid,
}

/// An equation `z1 = W1 x + b1`.
#[derive(Clone, Debug)]
pub struct Equation {
    /// Canonical name of the left side.
    pub key: String,
    /// As the file spells it first.
    pub shown: String,
    /// Its value.
    pub node: NodeId,
    /// The whole equation.
    pub span: Span,
    /// The right side as canonical text.
    pub text: String,
}

/// What is minimised.
#[derive(Clone, Debug)]
pub struct Objective {
    /// `J`, or the loss's own name where no `minimize` stands.
    pub shown: String,
    /// A shared scalar (in bare files simply a scalar).
    pub node: NodeId,
    /// The per-example loss inside the objective's mean, if it has one.
    pub loss: Option<NodeId>,
    /// Whether a `minimize` line said so.
    pub said: bool,
    /// Where.
    pub span: Span,
}

/// A checked file.
#[derive(Clone, Debug)]
pub struct Module {
    /// The graph as written (no rewriting).
    pub graph: Graph,
    /// Symbols without equation, in the order of the file; index = `SymId`.
    pub symbols: Vec<Symbol>,
    /// Equations in order.
    pub equations: Vec<Equation>,
    /// What is minimised.
    pub objective: Option<Objective>,
    /// What `predict` reports.
    pub output: Option<NodeId>,
    /// Learned symbols.
    pub trainable: Vec<SymId>,
    /// Whether a `trainable:` line says what is learned.
    pub chosen: bool,
    /// Functions: prelude first, then the file's own.
    pub functions: crate::functions::Functions,
    /// Layout of examples.
    pub layout: Layout,
    /// Whether nothing has a role: a bare file.
    pub bare: bool,
    /// Dimensions: sizes known so far, names made one.
    pub dims: Dims,
    /// Dropout sites: drop probability and the span of the call.
    pub dropouts: Vec<(f64, Span)>,
    /// Batch-norm sites: the shape of what is normalised.
    pub norms: Vec<Shape>,
    /// The `data:` line.
    pub data: Option<DataSpec>,
    /// The `train:` line.
    pub train: Option<TrainSpec>,
    /// `precision:`.
    pub precision: Precision,
    /// `digits:`.
    pub digits: Option<u32>,
}

impl Module {
    /// The symbol of this canonical name.
    #[must_use]
    pub fn symbol(&self, key: &str) -> Option<&Symbol> {
        self.symbols.iter().find(|s| s.key == key)
    }

    /// The equation of this canonical name.
    #[must_use]
    pub fn equation(&self, key: &str) -> Option<&Equation> {
        self.equations.iter().find(|e| e.key == key)
    }
}
