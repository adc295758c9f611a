//! The gradient as a lecturer writes it: one adjoint δ for each pre-activation, then the learned.
//!
//! In: a module with an objective or loss. Out: lines such as `δ2 = ŷ − y`, `∂L/∂W2 = δ2 a1ᵀ`,
//! each in the names of the file and of the lines above it. Deliberately absent: numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chainrule_graph::derived::symbol_node;
use chainrule_graph::graph::{Graph, NodeId, Op};
use chainrule_graph::module::{Equation, Module};
use chainrule_graph::print::Printer;
use chainrule_graph::query::{self, Adjoints};
use chainrule_graph::syntax::ast::Expr;
use chainrule_graph::syntax::latex::latex;
use chainrule_graph::syntax::print::{Style, print_expr};

/// One line of a derivation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it defines: `δ2` or `∂L/∂W2`.
    pub left: String,
    /// What it is the gradient by: `z2`, `W2`.
    pub of: String,
    /// The right side in Unicode.
    pub text: String,
    /// The right side in ASCII.
    pub ascii: String,
    /// The right side as LaTeX.
    pub latex: String,
}

/// One step of a derivation, over the graph of all of them.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What it defines: `δ2` or `∂L/∂W2`.
    pub left: String,
    /// What it is the gradient by: `z2`, `W2`.
    pub of: String,
    /// That value's node in the file's own graph.
    pub source: NodeId,
    /// Whether it is learned (else a pre-activation).
    pub learned: bool,
    /// Its node.
    pub node: NodeId,
    /// The right side in the names of the file and of the steps above.
    pub right: Expr,
}

/// A derivation with its graph.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    /// The graph of values and gradients.
    pub graph: Graph,
    /// Names of equations and δs in it.
    pub names: BTreeMap<NodeId, String>,
    /// In order.
    pub steps: Vec<Step>,
}

/// The gradient of the loss of one example (or of the objective where there is none) by every
/// learned symbol, through one δ for each pre-activation. Empty without an objective.
#[must_use]
pub fn derivation(m: &Module) -> Vec<Line> {
    let Some(objective) = &m.objective else { return Vec::new() };
    let top = objective.loss.unwrap_or(objective.node);
    let loss = m.equations.iter().find(|e| e.node == top);
    let name = loss.map_or(objective.shown.as_str(), |e| e.shown.as_str());
    let line = |s: Step| Line {
        text: print_expr(&s.right, Style::Unicode),
        ascii: print_expr(&s.right, Style::Ascii),
        latex: latex(&s.right),
        left: s.left,
        of: s.of,
    };
    steps(m, top, name).steps.into_iter().map(line).collect()
}

/// The gradient of a scalar of the file, called `name`, step by step.
pub(crate) fn steps(m: &Module, top: NodeId, name: &str) -> Steps {
    let a = query::adjoints(m, top);
    let symbols: Vec<String> = m.symbols.iter().map(|s| s.shown.clone()).collect();
    let (functions, layout) = (&m.functions, m.layout);
    let (graph, symbols) = (&a.graph, &symbols[..]);
    let names = Cow::Owned(BTreeMap::new());
    let printer = Printer { graph, functions, symbols, names, layout };
    let writer = Writer { m, a: &a, top: name, printer, steps: Vec::new() };
    let (names, steps) = writer.write();
    Steps { graph: a.graph, names, steps }
}

struct Writer<'a> {
    m: &'a Module,
    a: &'a Adjoints,
    top: &'a str,
    /// With the names of the equations and of the lines so far.
    printer: Printer<'a>,
    steps: Vec<Step>,
}

impl Writer<'_> {
    fn write(mut self) -> (BTreeMap<NodeId, String>, Vec<Step>) {
        for (e, n) in self.m.equations.iter().zip(&self.a.values) {
            self.printer.names.to_mut().entry(*n).or_insert_with(|| e.shown.clone());
        }
        for i in (0..self.m.equations.len()).rev() {
            let e = &self.m.equations[i];
            let n = self.a.equations[i];
            if self.is_preactivation(e) && self.worth_a_name(n) {
                let left = self.delta(e);
                self.step(&left, &e.shown, e.node, false, n);
                self.printer.names.to_mut().insert(n, left);
            }
        }
        for (s, n) in self.a.learned.clone() {
            let of = self.m.symbols[s.0 as usize].shown.clone();
            let left = format!("∂{}/∂{of}", self.top);
            let source = symbol_node(&self.m.graph, s).unwrap_or(n);
            self.step(&left, &of, source, true, n);
        }
        (self.printer.names.into_owned(), self.steps)
    }

    /// Whether the equation's value goes straight into a function.
    fn is_preactivation(&self, e: &Equation) -> bool {
        let own = &self.m.graph[e.node].op;
        let linear = !matches!(own, Op::Call(..) | Op::Symbol(_));
        let called = |n: &chainrule_graph::graph::Node| {
            matches!(n.op, Op::Call(..)) && n.args.first() == Some(&e.node)
        };
        linear && self.m.graph.iter().any(|(_, n)| called(n))
    }

    /// A name, a number or 0 needs no δ.
    fn worth_a_name(&self, n: NodeId) -> bool {
        let plain = matches!(self.a.graph[n].op, Op::Fill(..) | Op::Symbol(_));
        !plain && !self.printer.names.contains_key(&n)
    }

    /// δ with the equation's index (z2 → δ2), or with its whole name.
    fn delta(&self, e: &Equation) -> String {
        let index: String = e.key.chars().skip_while(|c| !c.is_ascii_digit()).collect();
        let first = e.key.chars().next();
        let short = format!("δ{index}");
        let free = |s: &str| {
            let known = self.m.equation(s).is_some() || self.m.symbol(s).is_some();
            !known && !self.steps.iter().any(|l| l.left == s)
        };
        let indexed = first.is_some_and(char::is_alphabetic) && !index.is_empty();
        if indexed && free(&short) { short } else { format!("δ_{{{}}}", e.shown) }
    }

    fn step(
        &mut self,
        left: &str,
        of: &str,
        source: NodeId,
        learned: bool,
        node: NodeId,
    ) {
        let right = self.printer.node(node);
        let (left, of) = (left.to_string(), of.to_string());
        self.steps.push(Step { left, of, source, learned, node, right });
    }
}
