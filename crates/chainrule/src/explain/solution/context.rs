//! What every part of a solution needs: the file, the options, the values, words with formulas.
//!
//! In: a module and how it is to be explained. Out: a [`Context`] that the parts read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chainrule_graph::diag::Diagnostic;
use chainrule_graph::eval::Value;
use chainrule_graph::graph::{Graph, NodeId};
use chainrule_graph::lower::is_builtin;
use chainrule_graph::module::{Equation, Module};
use chainrule_graph::print::Printer;
use chainrule_graph::syntax::ast::{Expr, ExprKind};
use chainrule_graph::syntax::parse_expression;
use chainrule_graph::value::Mat;

use super::SolutionOptions;
use super::numeric::worth;
use super::worked::Worked;
use crate::explain::formula::{Formula, Relation, matrix, name, number};
use crate::explain::state::{self, State};
use crate::explain::tree::{Inline, Level};

/// A matrix of more entries is summarised.
const MOST_SHOWN: usize = 64;

pub(super) struct Context<'a> {
    pub m: &'a Module,
    pub options: &'a SolutionOptions,
    pub digits: usize,
    pub symbols: Vec<String>,
    pub state: State,
    /// The file's own graph with the numbers of all its nodes.
    pub file: Worked,
    owners: Vec<Option<usize>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        m: &'a Module,
        options: &'a SolutionOptions,
    ) -> Result<Self, Diagnostic> {
        let state = state::given(m, options.ask.training)?;
        let mut names = BTreeMap::new();
        for e in &m.equations {
            names.entry(e.node).or_insert_with(|| e.shown.clone());
        }
        let round = options.ask.round_each;
        let file = Worked::new(m, m.graph.clone(), names, &state, round);
        let digits = options.digits.or(m.digits).unwrap_or(6) as usize;
        let symbols = m.symbols.iter().map(|s| s.shown.clone()).collect();
        let owners = owners(m);
        Ok(Self { m, options, digits, symbols, state, file, owners })
    }

    pub(super) fn level(&self) -> Level {
        self.options.level
    }

    /// How many examples stand side by side.
    pub(super) fn examples(&self) -> usize {
        self.state.examples
    }

    /// Whether there are numbers for the equations.
    pub(super) fn has_values(&self) -> bool {
        self.m.equations.iter().any(|e| self.file.value(e.node).is_some())
    }

    pub(super) fn is_function(&self, n: &str) -> bool {
        is_builtin(n) || self.m.functions.find(n).is_some()
    }

    /// A formula of the language as a tree.
    pub(super) fn read(&self, text: &str) -> Expr {
        if text.starts_with('∂') {
            return name(text);
        }
        // Proofs speak of a trace and of any function f.
        let known = |n: &str| matches!(n, "tr" | "f") || self.is_function(n);
        parse_expression(text, &known).0
    }

    /// The right side of an equation as the file has it.
    pub(super) fn written(&self, e: &Equation) -> Expr {
        let (read, found) = parse_expression(&e.text, &|n| self.is_function(n));
        match found.is_empty() {
            true => read,
            false => self.printer(&self.file.graph, &self.file.names).inside(e.node),
        }
    }

    /// Words in which formulas of the language stand between backticks.
    pub(super) fn say(&self, text: &str) -> Vec<Inline> {
        let pieces = text.split('`').enumerate();
        let inline = |(k, piece): (usize, &str)| match k % 2 {
            0 => Inline::Words(piece.to_owned()),
            _ => Inline::Formula(Formula::of(self.read(piece))),
        };
        pieces.filter(|(_, p)| !p.is_empty()).map(inline).collect()
    }

    pub(super) fn printer<'p>(
        &'p self,
        graph: &'p Graph,
        names: &'p BTreeMap<NodeId, String>,
    ) -> Printer<'p> {
        let (functions, symbols) = (&self.m.functions, &self.symbols[..]);
        let (names, layout) = (Cow::Borrowed(names), self.m.layout);
        Printer { graph, functions, symbols, names, layout }
    }

    /// The number of an equation, `(3)`.
    pub(super) fn label(&self, index: usize) -> String {
        format!("({})", index + 1)
    }

    /// What is differentiated: the loss of one example, else what is minimised; with its name.
    pub(super) fn loss(&self) -> Option<(NodeId, String)> {
        let o = self.m.objective.as_ref()?;
        let node = o.loss.unwrap_or(o.node);
        Some((node, self.name_of(node).unwrap_or_else(|| o.shown.clone())))
    }

    /// The name of an equation's value.
    pub(super) fn name_of(&self, n: NodeId) -> Option<String> {
        self.m.equations.iter().find(|e| e.node == n).map(|e| e.shown.clone())
    }

    /// A formula with its value; where every step is rounded, `≈` says that this one was.
    pub(super) fn valued(&self, f: Formula, m: &Mat) -> Formula {
        let last = f.rest.last().map_or(&f.first, |(_, e)| e);
        let kept = match (self.options.ask.round_each, worth(last)) {
            (Some(_), Some(x)) => m.is_scalar() && (x - m.data[0]).abs() <= 1e-12,
            (Some(_), None) => matches!(last.kind, ExprKind::Matrix(_)),
            _ => true,
        };
        match kept {
            true => f.value(m, self.digits),
            false => f.then(Relation::About, self.matrix(m)),
        }
    }

    pub(super) fn number(&self, x: f64) -> Expr {
        number(x, self.digits)
    }

    pub(super) fn matrix(&self, m: &Mat) -> Expr {
        matrix(m, self.digits)
    }

    /// Whether a matrix is shown entry by entry.
    pub(super) fn small(&self, m: &Mat) -> bool {
        m.data.len() <= MOST_SHOWN && m.cols <= 12
    }

    /// `784×128, from −0.2 to 0.2, norm 11.3, first entries 0.1, …; any entry: --ask "W1[2, 3]"`.
    pub(super) fn summary(&self, what: &str, m: &Mat) -> Vec<Inline> {
        let f = |x: f64| crate::explain::formula::plain(&self.number(x));
        let (mut low, mut high, mut square) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
        for x in &m.data {
            (low, high, square) = (low.min(*x), high.max(*x), square + x * x);
        }
        let first: Vec<String> = m.data.iter().take(4).map(|x| f(*x)).collect();
        let place = if m.cols == 1 { "[2]" } else { "[2,3]" };
        let text = format!(
            "{}×{} numbers from {} to {}, norm {}, first {}, …; any of them: --ask \
             \"{what}{place}\"",
            m.rows,
            m.cols,
            f(low),
            f(high),
            f(square.sqrt()),
            first.join(", "),
        );
        vec![Inline::Words(text)]
    }

    /// A value in a cell of a table: whole, or its summary.
    pub(super) fn cell(&self, what: &str, m: &Mat) -> Vec<Inline> {
        match self.small(m) {
            true => vec![Inline::Formula(Formula::of(self.matrix(m)))],
            false => self.summary(what, m),
        }
    }

    /// Which equation a node belongs to: the first that needs it.
    pub(super) fn owner(&self, n: NodeId) -> Option<usize> {
        self.owners.get(n.0 as usize).copied().flatten()
    }
}

/// For each node the first equation that needs it.
fn owners(m: &Module) -> Vec<Option<usize>> {
    let mut out = vec![None; m.graph.len()];
    for (i, e) in m.equations.iter().enumerate() {
        let mut open = vec![e.node];
        while let Some(n) = open.pop() {
            let place = &mut out[n.0 as usize];
            if place.is_none() {
                *place = Some(i);
                open.extend(&m.graph[n].args);
            }
        }
    }
    out
}

/// One matrix of a value: examples side by side.
pub(super) fn side_by_side(v: &Value) -> Mat {
    match v {
        Value::Shared(m) => m.clone(),
        Value::Each(all) => match &all[..] {
            [one] => one.clone(),
            all => {
                let rows = all.first().map_or(0, |m| m.data.len());
                Mat::from_fn(rows, all.len(), |i, j| all[j].data[i])
            }
        },
    }
}
