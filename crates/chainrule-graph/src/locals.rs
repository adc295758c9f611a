//! Derivatives one equation at a time: the factors of a chain rule written out.
//!
//! In: a module. Out: for each equation of one number its derivative by everything that it uses
//! directly, every other equation taken as given; and f' of a function in its own letters.
//! Deliberately absent: products along a way; `explain` writes those down.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::diag::Span;
use crate::expand::derivative_body;
use crate::functions::Functions;
use crate::grad::{Context, seeded};
use crate::graph::{FuncId, Graph, NodeId, Op};
use crate::module::Module;
use crate::print::Printer;
use crate::shape::{Dims, Shape};
use crate::simplify::{self, Facts, Stage};
use crate::syntax::ast::{Expr, Layout};

/// The factor ∂(equation)/∂(what it uses).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// The equation, by its place in the file.
    pub equation: usize,
    /// What it uses: a symbol or another equation's value, in the module's own graph.
    pub by: NodeId,
    /// The derivative, in the graph of [`Locals`].
    pub value: NodeId,
}

/// All factors over one graph.
#[derive(Clone, Debug)]
pub struct Locals {
    /// The simplified graph.
    pub graph: Graph,
    /// The equations' values in it, in order.
    pub equations: Vec<NodeId>,
    /// Every factor, in the order of the equations.
    pub factors: Vec<Factor>,
}

/// The factors of a file whose equations are all single numbers; `None` for any other.
#[must_use]
pub fn locals(m: &Module) -> Option<Locals> {
    let numbers = |n: NodeId| m.graph[n].shape.is_scalar() && !m.graph[n].each;
    if !m.equations.iter().all(|e| numbers(e.node)) {
        return None;
    }
    let named: Vec<NodeId> = m.equations.iter().map(|e| e.node).collect();
    let (mut g, mut dims) = (m.graph.clone(), m.dims.clone());
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let one = g.number(1.0);
    let mut found = Vec::new();
    for (equation, e) in m.equations.iter().enumerate() {
        let by: Vec<NodeId> = used(&m.graph, e.node, &named);
        let d = seeded(&mut g, &mut cx, e.node, one, &by, true);
        found.extend(by.into_iter().zip(d).map(|(by, d)| (equation, by, d)));
    }
    let mut roots = named.clone();
    roots.extend(found.iter().map(|f| f.2));
    let facts = Facts { named: named.iter().copied().collect(), ..Facts::default() };
    let out = simplify::simplify(&g, &mut cx, &facts, Stage::Reader, &roots);
    let n = named.len();
    let at = |k: usize| out.roots[n + k];
    let factor = |(k, (equation, by, _)): (usize, &(usize, NodeId, NodeId))| Factor {
        equation: *equation,
        by: *by,
        value: at(k),
    };
    let factors = found.iter().enumerate().map(factor).collect();
    Some(Locals { equations: out.roots[..n].to_vec(), factors, graph: out.graph })
}

/// Symbols and other equations that an equation uses directly, as they are read.
fn used(g: &Graph, root: NodeId, named: &[NodeId]) -> Vec<NodeId> {
    let mut out = Vec::new();
    let mut open: Vec<NodeId> = g[root].args.iter().rev().copied().collect();
    while let Some(n) = open.pop() {
        let leaf = named.contains(&n) || matches!(g[n].op, Op::Symbol(_));
        if leaf && !out.contains(&n) {
            out.push(n);
        }
        if !leaf {
            open.extend(g[n].args.iter().rev());
        }
    }
    out
}

/// f' of an entry-by-entry function by its first argument, in the function's own letters.
#[must_use]
pub fn derivative_of(functions: &Functions, f: FuncId) -> Option<Expr> {
    let entry = functions.get(f);
    if !functions.is_entrywise(f) {
        return None;
    }
    if let Some(line) = &entry.derivative {
        return Some(line.clone());
    }
    let (mut g, mut dims) = (Graph::default(), Dims::default());
    let slot = |k: usize| Op::Slot(k as u32, Shape::SCALAR, false);
    let args: Vec<NodeId> =
        (0..entry.params.len()).map(|k| g.add(slot(k), &[], Span::default())).collect();
    let mut cx = Context { functions, layout: Layout::One, dims: &mut dims };
    let body = derivative_body(&mut g, &mut cx, f, 0, &args)?;
    let roots: Vec<NodeId> = [body].into_iter().chain(args).collect();
    let s = simplify::simplify(&g, &mut cx, &Facts::default(), Stage::Reader, &roots);
    let letters = entry.params.iter().map(|p| p.name.key.clone());
    let names: BTreeMap<NodeId, String> =
        s.roots[1..].iter().copied().zip(letters).collect();
    let (names, layout) = (Cow::Owned(names), Layout::One);
    let printer = Printer { graph: &s.graph, functions, symbols: &[], names, layout };
    Some(printer.node(s.roots[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::load;
    use crate::syntax::print::{Style, print_expr};

    #[test]
    fn each_equation_gives_its_own_factors() {
        let text = "x := 2\nw := 3\nh = relu(w x)\nJ = 1/2 (h − x)²\n";
        let m = load(text, &[]).module.expect("a file");
        let all = locals(&m).expect("numbers");
        assert_eq!(all.factors.len(), 4, "h by w and x; J by h and, around h, by x");
        let j: Vec<NodeId> =
            all.factors.iter().filter(|f| f.equation == 1).map(|f| f.by).collect();
        assert!(j.contains(&m.equations[0].node));
    }

    #[test]
    fn a_file_with_vectors_has_no_such_factors() {
        let m = load("v : N\nL = ‖v‖²\nz = 2 v\n", &[]).module.expect("a file");
        assert!(locals(&m).is_none());
    }

    #[test]
    fn derivatives_of_functions_stand_in_their_own_letters() {
        let functions = crate::prelude::functions();
        let text = |name: &str| {
            let f = functions.find(name).expect("shipped");
            derivative_of(functions, f).map(|e| print_expr(&e, Style::Unicode))
        };
        assert_eq!(text("relu").as_deref(), Some("1 if z > 0 else 0"));
        assert_eq!(text("leaky_relu").as_deref(), Some("1 if z ≥ 0 else α"));
        assert_eq!(text("sigmoid").as_deref(), Some("sigmoid(z) (1 − sigmoid(z))"));
        assert_eq!(text("softmax"), None);
    }
}
