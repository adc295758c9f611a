//! A module → boxes and what flows between them, without places.

use std::collections::{BTreeMap, BTreeSet};

use chainrule_graph::graph::{NodeId, Op};
use chainrule_graph::module::{Module, Symbol};
use chainrule_graph::shape::{Dim, Shape};
use chainrule_graph::syntax::ast::{Layout, Role};

use super::{Kind, columns};

/// Longer right sides are cut.
const WIDEST: usize = 30;

/// A box without a place.
pub(super) struct Part {
    pub kind: Kind,
    pub name: String,
    pub lines: Vec<String>,
    /// The shape of its value.
    pub shape: String,
    /// Boxes whose values it uses.
    pub uses: Vec<usize>,
}

/// The boxes: data first, then equations in their order, then the objective.
pub(super) fn network(m: &Module, source: &str) -> Vec<Part> {
    let mut out = Parts { m, parts: Vec::new(), at: BTreeMap::new() };
    for s in m.symbols.iter().filter(|s| !is_learned(m, s)) {
        out.symbol(s);
    }
    for e in &m.equations {
        // `a_0 = x` is another name for a value that has its box.
        if !out.at.contains_key(&e.node) && !matches!(m.graph[e.node].op, Op::Symbol(_)) {
            let kind = match () {
                () if is_objective(m, e.node) => Kind::Objective,
                () if m.output == Some(e.node) => Kind::Output,
                () => Kind::Equation,
            };
            out.equation(kind, &e.shown, &e.text, e.node);
        }
    }
    let said = m.objective.as_ref().filter(|o| o.said);
    if let Some(o) = said.filter(|o| !out.at.contains_key(&o.node)) {
        let said = o.span.of(source).trim_start_matches(char::is_alphabetic);
        let said = said.trim_start_matches(':').trim();
        let text = said.split_once('=').map_or(said, |(_, right)| right.trim());
        out.equation(Kind::Objective, &o.shown, &text.replace('\n', " "), o.node);
    }
    used(out.parts)
}

/// What is minimised; where no line says so, the loss whose mean is taken.
fn is_objective(m: &Module, node: NodeId) -> bool {
    let Some(o) = &m.objective else { return false };
    o.node == node || !o.said && o.loss == Some(node)
}

/// Without data that nothing uses.
fn used(parts: Vec<Part>) -> Vec<Part> {
    let wanted: BTreeSet<usize> = parts.iter().flat_map(|p| p.uses.clone()).collect();
    let data = |p: &Part| matches!(p.kind, Kind::Input | Kind::Target | Kind::Free);
    let keep: Vec<bool> =
        parts.iter().enumerate().map(|(i, p)| !data(p) || wanted.contains(&i)).collect();
    let place: Vec<usize> = keep
        .iter()
        .scan(0, |n, k| {
            let at = *n;
            *n += usize::from(*k);
            Some(at)
        })
        .collect();
    let kept = parts.into_iter().zip(&keep).filter(|(_, k)| **k).map(|(p, _)| p);
    kept.map(|mut p| {
        p.uses.iter_mut().for_each(|u| *u = place[*u]);
        p
    })
    .collect()
}

/// What is learned, and single numbers, stand in the boxes that use them. Where nothing says what
/// is learned, the symbol that a matrix of the file is applied to is taken for data.
fn is_learned(m: &Module, s: &Symbol) -> bool {
    let trained = m.trainable.contains(&s.id);
    let guessed = m.bare && if m.chosen { !trained } else { is_applied_to(m, s) };
    let data = matches!(s.role, Role::Input | Role::Target) || s.each || guessed;
    s.role == Role::Param || !data && (trained || s.shape.is_scalar())
}

/// The x of `W x`; in `rows` that of `x W`.
fn is_applied_to(m: &Module, s: &Symbol) -> bool {
    let symbol = |n: NodeId| match m.graph[n].op {
        Op::Symbol(id) => Some(id),
        _ => None,
    };
    m.graph.iter().filter(|(_, n)| n.op == Op::MatMul).any(|(_, n)| {
        let (left, right) = (symbol(n.args[0]), symbol(n.args[1]));
        let (data, weights) = match m.layout {
            Layout::Rows => (left, right),
            _ => (right, left),
        };
        data == Some(s.id) && weights.is_some_and(|w| w != s.id)
    })
}

struct Parts<'m> {
    m: &'m Module,
    parts: Vec<Part>,
    /// The box of a node.
    at: BTreeMap<NodeId, usize>,
}

impl Parts<'_> {
    fn symbol(&mut self, s: &Symbol) {
        let Some(node) = chainrule_graph::derived::symbol_node(&self.m.graph, s.id)
        else {
            return;
        };
        let kind = match s.role {
            Role::Input => Kind::Input,
            Role::Target => Kind::Target,
            _ => Kind::Free,
        };
        let lines = match kind {
            Kind::Input => vec!["input".to_owned()],
            Kind::Target => vec!["target".to_owned()],
            _ => Vec::new(),
        };
        self.at.insert(node, self.parts.len());
        let shape = self.shape(&s.shape);
        self.parts.push(Part {
            kind,
            name: s.shown.clone(),
            lines,
            shape,
            uses: Vec::new(),
        });
    }

    fn equation(&mut self, kind: Kind, name: &str, text: &str, node: NodeId) {
        let (uses, learned) = self.below(node);
        let mut lines = vec![cut(text)];
        lines.extend(learned);
        self.at.insert(node, self.parts.len());
        let shape = self.shape(&self.m.graph[node].shape);
        self.parts.push(Part { kind, name: name.to_owned(), lines, shape, uses });
    }

    /// The boxes that a node is made of, and what is learned beside them.
    fn below(&self, node: NodeId) -> (Vec<usize>, Vec<String>) {
        let g = &self.m.graph;
        let (mut uses, mut learned) = (Vec::new(), Vec::new());
        let mut numbers: Vec<&str> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<NodeId> = g[node].args.iter().rev().copied().collect();
        while let Some(n) = open.pop() {
            if !seen.insert(n) {
                continue;
            }
            if let Some(at) = self.at.get(&n) {
                uses.push(*at);
            } else if let Op::Symbol(id) = g[n].op {
                let s = &self.m.symbols[id.0 as usize];
                if s.shape.is_scalar() {
                    numbers.push(&s.key);
                } else {
                    learned.push(format!("{} : {}", s.key, self.shape(&s.shape)));
                }
            } else {
                open.extend(g[n].args.iter().rev());
            }
        }
        if !numbers.is_empty() {
            learned.push(cut(&numbers.join(", ")));
        }
        (uses, learned)
    }

    /// `H`, `H = 128`, `H×D`, `1`.
    fn shape(&self, s: &Shape) -> String {
        let size = |d: &Dim| match (d.number(), d.under(&self.m.dims.sizes)) {
            (None, Some(n)) => format!("{d} = {n}"),
            _ => d.to_string(),
        };
        match (s.rows.is_one(), s.cols.is_one()) {
            (_, true) => size(&s.rows),
            _ => s.to_string(),
        }
    }
}

/// At most so many signs.
pub(super) fn cut(text: &str) -> String {
    if columns(text) as usize <= WIDEST {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(WIDEST - 1).collect();
    out.push('…');
    out
}
