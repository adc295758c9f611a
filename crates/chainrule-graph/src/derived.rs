//! The simplified graph with its gradients: what is printed, checked and trained.
//!
//! In: a [`Module`]. Out: [`Derived`] (calls kept, for readers) and [`Expanded`] graphs of
//! primitives (for `eval` and the planner). The fingerprint is that of the simplified graph.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Span};
use crate::expand::{self, Purpose};
use crate::grad::{Context, gradients};
use crate::graph::{Graph, NodeId, Op, SymId};
use crate::module::Module;
use crate::shape::Dims;
use crate::simplify::{self, Facts, Rule, Simplified, Stage};
use crate::syntax::ast::{Layout, Mark};
use crate::verify;

/// The gradient of each learned symbol.
type Gradients = Vec<(SymId, NodeId)>;

/// Objective, gradients and named values over one simplified graph.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The simplified graph.
    pub graph: Graph,
    /// The objective (scalar, shared).
    pub objective: NodeId,
    /// The per-example loss, if the objective is a mean of one.
    pub loss: Option<NodeId>,
    /// Gradient of the objective for each learned symbol; of its shape.
    pub gradients: Vec<(SymId, NodeId)>,
    /// Every equation's node and shown name, in order.
    pub named: Vec<(NodeId, String)>,
    /// What `predict` reports.
    pub output: Option<NodeId>,
    /// Rewrites that fired: node and name of the rule.
    pub rewrites: Vec<(NodeId, &'static str)>,
    /// Rewrites that fired before, when stable forms were put in for what was written out.
    pub recognised: Vec<&'static str>,
    /// 16 hexadecimal digits over the simplified graph that the roots reach.
    pub fingerprint: String,
}

impl Derived {
    /// The rewrites that fired, each once, in the order of the table.
    #[must_use]
    pub fn rules(&self) -> Vec<&'static Rule> {
        let fired = |rule: &&Rule| {
            self.recognised.contains(&rule.name)
                || self.rewrites.iter().any(|(_, name)| *name == rule.name)
        };
        simplify::RULES.iter().filter(fired).collect()
    }
}

/// A graph of primitives only, with the places of the roots in it.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// No `Call`, no `Deriv`; in evaluation form no `Mask` and no `BatchNorm`.
    pub graph: Graph,
    /// The objective.
    pub objective: NodeId,
    /// The per-example loss.
    pub loss: Option<NodeId>,
    /// Gradients.
    pub gradients: Vec<(SymId, NodeId)>,
    /// Every equation's node and shown name.
    pub named: Vec<(NodeId, String)>,
    /// What `predict` reports.
    pub output: Option<NodeId>,
}

/// Symbols whose entries add to 1: marked, or with a worked value that is one-hot (rule 16).
pub(crate) fn facts(m: &Module) -> Facts {
    let one_hot = |s: &&crate::module::Symbol| match s.mark {
        Some(Mark::OneHot | Mark::Distribution) => true,
        Some(_) => false,
        None => {
            let value = s.value.as_ref();
            value.is_some_and(|v| is_one_hot(v, m.layout)) && !is_summed(&m.graph, s.id)
        }
    };
    let sums_to_one: BTreeSet<SymId> =
        m.symbols.iter().filter(one_hot).map(|s| s.id).collect();
    Facts { sums_to_one, ..Facts::default() }
}

/// Whether the file itself adds up the symbol's entries: then it does not take their sum for granted,
/// and a value that happens to be one-hot is no class.
fn is_summed(g: &Graph, s: SymId) -> bool {
    let symbol = |n: &NodeId| g[*n].op == Op::Symbol(s);
    g.iter().any(|(_, n)| matches!(n.op, Op::Sum(_)) && n.args.iter().any(symbol))
}

/// Whether every column (in `rows`: row) holds one 1 and otherwise 0; a single entry does not
/// count as a class.
fn is_one_hot(v: &crate::value::Mat, layout: Layout) -> bool {
    let v = if layout == Layout::Rows { v.transposed() } else { v.clone() };
    let one = |j: usize| {
        let c = v.column(j).data;
        c.iter().all(|&x| x == 0.0 || x == 1.0) && c.iter().sum::<f64>() == 1.0
    };
    v.rows > 1 && (0..v.cols).all(one)
}

/// Stable forms of what was written out; `barrier` is a node that has to stay.
pub(crate) fn recognised(
    m: &Module,
    roots: &[NodeId],
    barrier: Option<NodeId>,
) -> Simplified {
    let mut dims = m.dims.clone();
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let facts = Facts { barrier, ..facts(m) };
    simplify::simplify(&m.graph, &mut cx, &facts, Stage::Recognise, roots)
}

/// The file's values as they are read and run, stable forms put in.
pub(crate) fn readable(m: &Module, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let Simplified { graph: g, roots: at, .. } = recognised(m, roots, None);
    let mut dims = m.dims.clone();
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let known = Facts { named: at.iter().copied().collect(), ..facts(m) };
    let s = simplify::simplify(&g, &mut cx, &known, Stage::Reader, &at);
    (s.graph, s.roots)
}

/// Derives and simplifies: the graph that everything else uses.
///
/// # Errors
/// If there is no objective, or nothing is learned: what lines to add.
pub fn derive(m: &Module) -> Result<Derived, Vec<Diagnostic>> {
    let Some(objective) = &m.objective else {
        return Err(vec![missing_objective(m)]);
    };
    let params: Vec<(SymId, NodeId)> = m
        .trainable
        .iter()
        .filter_map(|s| Some((*s, symbol_node(&m.graph, *s)?)))
        .collect();
    let mut roots = vec![objective.node];
    roots.extend(objective.loss);
    roots.extend(m.output);
    roots.extend(m.equations.iter().map(|e| e.node));
    roots.extend(params.iter().map(|(_, n)| *n));
    verify::after("lowering", &m.graph, &m.dims, false);
    let Simplified { graph: mut g, roots: at, log } = recognised(m, &roots, None);
    let recognised = log.into_iter().map(|(_, name)| name).collect();
    verify::after("recognition", &g, &m.dims, false);
    let mut at = at.into_iter();
    let mut next = || at.next().unwrap_or(objective.node);
    let root = next();
    let loss = objective.loss.map(|_| next());
    let output = m.output.map(|_| next());
    let equations: Vec<NodeId> = m.equations.iter().map(|_| next()).collect();
    let by: Vec<NodeId> = params.iter().map(|_| next()).collect();
    g.mark_equations(&equations);

    let mut dims = m.dims.clone();
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let grads = gradients(&mut g, &mut cx, root, &by);
    verify::after("differentiation", &g, cx.dims, false);
    let mut roots = vec![root];
    roots.extend(loss);
    roots.extend(output);
    roots.extend(&equations);
    roots.extend(&grads);
    let known = Facts { named: equations.iter().copied().collect(), ..facts(m) };
    let s = simplify::simplify(&g, &mut cx, &known, Stage::Reader, &roots);
    verify::after("simplification", &s.graph, cx.dims, false);
    let mut at = s.roots.into_iter();
    let mut next = || at.next().unwrap_or(root);
    let objective = next();
    let loss = loss.map(|_| next());
    let output = output.map(|_| next());
    let named = m.equations.iter().map(|e| (next(), e.shown.clone())).collect();
    let gradients: Vec<(SymId, NodeId)> =
        params.iter().map(|(s, _)| (*s, next())).collect();
    let mut wanted: Vec<NodeId> = vec![objective];
    wanted.extend(gradients.iter().map(|(_, n)| *n));
    let fingerprint = fingerprint(&s.graph, &wanted);
    let rewrites = s.log;
    Ok(Derived {
        graph: s.graph,
        objective,
        loss,
        gradients,
        named,
        output,
        rewrites,
        recognised,
        fingerprint,
    })
}

/// The node of a symbol, if the file uses it.
#[must_use]
pub fn symbol_node(g: &Graph, s: SymId) -> Option<NodeId> {
    g.iter().find(|(_, n)| n.op == Op::Symbol(s)).map(|(id, _)| id)
}

/// The gradients as reverse mode gives them on the graph as written, before any rewriting: what
/// the rewrites are held against.
///
/// # Errors
/// If there is no objective.
pub fn unsimplified(m: &Module) -> Result<(Graph, Gradients), Vec<Diagnostic>> {
    let Some(objective) = &m.objective else {
        return Err(vec![missing_objective(m)]);
    };
    let params: Vec<(SymId, NodeId)> = m
        .trainable
        .iter()
        .filter_map(|s| Some((*s, symbol_node(&m.graph, *s)?)))
        .collect();
    let by: Vec<NodeId> = params.iter().map(|(_, n)| *n).collect();
    let (mut g, mut dims) = (m.graph.clone(), m.dims.clone());
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let grads = gradients(&mut g, &mut cx, objective.node, &by);
    Ok((g, params.iter().map(|(s, _)| *s).zip(grads).collect()))
}

fn missing_objective(m: &Module) -> Diagnostic {
    let span = m.equations.last().map_or(Span::default(), |e| e.span);
    Diagnostic::error(
        Code::S4,
        span,
        "nothing is minimised: no equation gives one number",
    )
    .hint("add a loss and a line such as: minimize mean(L)")
}

/// Primitives only, for a purpose.
///
/// # Panics
/// If a body that lowering accepted does not fit any more: our bug.
#[must_use]
pub fn expand(m: &Module, d: &Derived, purpose: Purpose) -> Expanded {
    let mut roots = vec![d.objective];
    roots.extend(d.loss);
    roots.extend(d.output);
    roots.extend(d.named.iter().map(|(n, _)| *n));
    roots.extend(d.gradients.iter().map(|(_, n)| *n));
    let (graph, at) =
        primitives(m, &d.graph, &roots, purpose).expect("bodies were checked");
    let mut at = at.into_iter();
    let mut next = || at.next().unwrap_or(NodeId(0));
    let objective = next();
    let loss = d.loss.map(|_| next());
    let output = d.output.map(|_| next());
    let named = d.named.iter().map(|(_, t)| (next(), t.clone())).collect();
    let gradients = d.gradients.iter().map(|(s, _)| (*s, next())).collect();
    Expanded { graph, objective, loss, gradients, named, output }
}

/// Any nodes of a graph of this module as primitives.
#[must_use]
pub fn primitives(
    m: &Module,
    g: &Graph,
    roots: &[NodeId],
    purpose: Purpose,
) -> Option<(Graph, Vec<NodeId>)> {
    let mut dims: Dims = m.dims.clone();
    let (mut g, mut roots) = expand::calls(g, &m.functions, m.layout, &mut dims, roots)?;
    if purpose == Purpose::Evaluation {
        (g, roots) = expand::evaluation(&g, &roots);
    }
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let s = simplify::simplify(&g, &mut cx, &facts(m), Stage::Machine, &roots);
    verify::after("expansion", &s.graph, &dims, true);
    Some((s.graph, s.roots))
}

/// FNV-1a over operations and arguments in order: equal graphs, equal digits.
fn fingerprint(g: &Graph, roots: &[NodeId]) -> String {
    let needed = g.reachable(roots);
    let mut place = vec![0_usize; g.len()];
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |text: &str| {
        for b in text.bytes() {
            hash = (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    let wanted = g.iter().filter(|(id, _)| needed[id.0 as usize]);
    for (count, (id, node)) in wanted.enumerate() {
        place[id.0 as usize] = count;
        let args: Vec<usize> = node.args.iter().map(|a| place[a.0 as usize]).collect();
        eat(&format!("{:?}{args:?}{};", node.op, node.shape));
    }
    for r in roots {
        eat(&format!("{},", place[r.0 as usize]));
    }
    format!("{hash:016x}")
}
