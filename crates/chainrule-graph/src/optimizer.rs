//! Update rules as small graphs, entry by entry: θ, g and states in, their new values out.
//!
//! In: an optimiser's lines and the arguments of a call (expressions of t, epoch, T). Out: a
//! [`RuleGraph`] in which every slot is one number. Invariant: lines run from top to bottom with
//! new values. Deliberately absent: loops over entries; `run` and `explain` have those.

use std::collections::BTreeMap;

use crate::derived::{Derived, symbol_node};
use crate::diag::{Code, Diagnostic, Edit};
use crate::functions::{Functions, folded};
use crate::grad::Context;
use crate::graph::{Graph, NodeId, Op, SymId};
use crate::lower::{Lowerer, Scope};
use crate::module::Module;
use crate::shape::{Dims, Shape};
use crate::simplify::{self, Facts, Stage};
use crate::syntax::ast::{Arg, Expr, ExprKind, Layout, Name, Optimizer, OptimizerCall};
use crate::syntax::nearest::nearest;

/// An update rule over slots.
#[derive(Clone, Debug)]
pub struct RuleGraph {
    /// Its name.
    pub name: String,
    /// The graph; every slot and value is 1×1.
    pub graph: Graph,
    /// θ.
    pub theta: NodeId,
    /// Its gradient g.
    pub grad: NodeId,
    /// The step, from 1.
    pub t: NodeId,
    /// The epoch, from 1.
    pub epoch: NodeId,
    /// The number of all steps.
    pub total: NodeId,
    /// States: name, slot, initial value.
    pub states: Vec<(String, NodeId, f64)>,
    /// New values of the states, in their order.
    pub new_states: Vec<NodeId>,
    /// New value of θ.
    pub new_theta: NodeId,
    /// Each argument's name and value (for display and schedules).
    pub arguments: Vec<(String, NodeId)>,
    /// Multiplies `lr` (plateau controllers set it; 1 otherwise); its slot.
    pub lr_scale: NodeId,
}

/// Slot numbers, fixed.
const THETA: u32 = 0;
const GRAD: u32 = 1;
const STEP: u32 = 2;
const EPOCH: u32 = 3;
const TOTAL: u32 = 4;
const SCALE: u32 = 5;
const STATE: u32 = 6;

/// Which slot number a state has.
#[must_use]
pub fn state_slot(i: usize) -> u32 {
    STATE + i as u32
}

/// Slot numbers of θ, g, t, epoch, T and the rate's scale.
pub const SLOTS: [u32; 6] = [THETA, GRAD, STEP, EPOCH, TOTAL, SCALE];

/// The step, the epoch and the number of all steps, which schedules speak of.
pub(crate) fn clock(g: &mut Graph) -> [(String, NodeId); 3] {
    [("t", STEP), ("epoch", EPOCH), ("T", TOTAL)].map(|(name, slot)| {
        let op = Op::Slot(slot, Shape::SCALAR, false);
        (name.to_string(), g.add(op, &[], crate::diag::Span::default()))
    })
}

/// The rule of a call such as `adam(lr = 1e-3)`; `decay` says whether weight decay acts here.
///
/// # Errors
/// An unknown optimiser or argument, a missing argument, or a line that does not read.
pub fn rule(
    functions: &Functions,
    call: &OptimizerCall,
    decay: bool,
) -> Result<RuleGraph, Vec<Diagnostic>> {
    let Some(o) = functions.optimizer(&call.name.written) else {
        return Err(vec![unknown(functions, &call.name)]);
    };
    let mut graph = Graph::default();
    let mut dims = Dims::default();
    let mut build = Builder::new(functions, &mut graph, &mut dims);
    let draft = build.rule(o, call, decay);
    let diags = std::mem::take(&mut build.lowerer.diags);
    match draft {
        Some(rule) if !crate::diag::has_errors(&diags) => {
            simplified(rule, graph, functions, &mut dims, call.name.span)
        }
        _ => Err(diags),
    }
}

fn unknown(functions: &Functions, name: &Name) -> Diagnostic {
    let names: Vec<&str> =
        functions.optimizers.iter().map(|o| &*o.name.written).collect();
    let text = format!("no optimiser is called `{}`", name.written);
    let d = Diagnostic::error(Code::T1, name.span, text);
    match nearest(&name.written, &names) {
        Some(near) => d.hint(format!("did you mean {near}?")),
        None => d.hint(format!("there are {}", names.join(", "))),
    }
}

struct Builder<'a> {
    lowerer: Lowerer<'a>,
    scope: Scope,
}

/// A rule before simplification; its graph is still with the builder.
type Draft = RuleGraph;

impl<'a> Builder<'a> {
    fn new(functions: &'a Functions, graph: &'a mut Graph, dims: &'a mut Dims) -> Self {
        let lowerer = Lowerer::new(graph, dims, functions, Layout::One);
        let mut scope = Scope::open();
        scope.closed = true;
        Self { lowerer, scope }
    }

    fn slot(&mut self, number: u32) -> NodeId {
        let op = Op::Slot(number, Shape::SCALAR, false);
        self.lowerer.g.add(op, &[], crate::diag::Span::default())
    }

    fn bind(&mut self, name: &str, n: NodeId) {
        self.scope.locals.push((name.to_string(), n));
    }

    fn rule(
        &mut self,
        o: &Optimizer,
        call: &OptimizerCall,
        decay: bool,
    ) -> Option<Draft> {
        let [theta, grad, t, epoch, total, lr_scale] = SLOTS.map(|s| self.slot(s));
        for (name, n) in [("t", t), ("epoch", epoch), ("T", total)] {
            self.bind(name, n);
        }
        let arguments = self.arguments(o, call, decay, lr_scale)?;
        for (name, n) in &arguments {
            self.bind(name, *n);
        }
        self.bind("θ", theta);
        self.bind("g", grad);
        let mut states = Vec::new();
        for (i, (name, init)) in o.states.iter().enumerate() {
            let start = self.lowerer.expr(init, &self.scope)?;
            let start = self.lowerer.constant_value(start).unwrap_or(0.0);
            let n = self.slot(state_slot(i));
            self.bind(&name.key, n);
            states.push((name.key.clone(), n, start));
        }
        for (name, value) in &o.lines {
            let n = self.lowerer.expr(value, &self.scope)?;
            self.bind(&name.key, n);
        }
        let latest = |name: &str| {
            self.scope.locals.iter().rev().find(|(k, _)| k == name).map(|(_, n)| *n)
        };
        let new_theta = latest("θ")?;
        let new_states = o.states.iter().filter_map(|(n, _)| latest(&n.key)).collect();
        let name = o.name.written.clone();
        Some(RuleGraph {
            name,
            graph: Graph::default(),
            theta,
            grad,
            t,
            epoch,
            total,
            states,
            new_states,
            new_theta,
            arguments,
            lr_scale,
        })
    }

    /// Values of the rule's arguments: given, else their defaults.
    fn arguments(
        &mut self,
        o: &Optimizer,
        call: &OptimizerCall,
        decay: bool,
        lr_scale: NodeId,
    ) -> Option<Vec<(String, NodeId)>> {
        let given = self.given(o, &call.args)?;
        let mut out = Vec::new();
        for (i, p) in o.params.iter().enumerate() {
            let value = given[i].clone().or_else(|| p.default.clone());
            let Some(value) = value else {
                let text =
                    format!("{} needs its argument {}", o.name.written, p.name.written);
                self.lowerer.error(Diagnostic::error(Code::T1, call.name.span, text));
                return None;
            };
            let mut n = self.lowerer.expr(&value, &self.scope)?;
            if p.name.key == "lr" {
                let known = self.lowerer.constant_value(n);
                if let Some(rate) = known.filter(|rate| *rate <= 0.0) {
                    let text = format!("expected a rate above 0, found {rate}");
                    self.lowerer.error(Diagnostic::error(Code::T1, value.span, text));
                    return None;
                }
                n = self.lowerer.g.binary(crate::graph::Binary::Mul, lr_scale, n);
            }
            if p.name.key == "weight_decay" && !decay {
                n = self.lowerer.g.number(0.0);
            }
            out.push((p.name.key.clone(), n));
        }
        Some(out)
    }

    fn given(&mut self, o: &Optimizer, args: &[Arg]) -> Option<Vec<Option<Expr>>> {
        let mut out = vec![None; o.params.len()];
        for (i, a) in args.iter().enumerate() {
            let place = match &a.name {
                None => (i < out.len()).then_some(i),
                Some(n) => place_of(o, &n.key).or_else(|| place_of(o, &n.written)),
            };
            match place {
                Some(p) => out[p] = Some(a.value.clone()),
                None => {
                    let d = wrong_argument(o, a);
                    self.lowerer.error(d);
                    return None;
                }
            }
        }
        Some(out)
    }
}

/// The place of an argument, by its name or by another name that the entry gives it.
fn place_of(o: &Optimizer, name: &str) -> Option<usize> {
    let alias = o.notes.iter().filter(|(k, _)| k == "argument").find_map(|(_, v)| {
        let (other, own) = v.split_once('=')?;
        let same = crate::syntax::canonical(other.trim()) == name || other.trim() == name;
        same.then(|| own.trim().to_string())
    });
    let wanted = alias.unwrap_or_else(|| name.to_string());
    o.params.iter().position(|p| {
        p.name.key == wanted
            || p.name.written == wanted
            || folded(&p.name.key) == folded(&wanted)
    })
}

fn wrong_argument(o: &Optimizer, a: &Arg) -> Diagnostic {
    let names: Vec<&str> = o.params.iter().map(|p| p.name.written.as_str()).collect();
    let text = match &a.name {
        Some(n) => format!("{} has no argument {}", o.name.written, n.written),
        None => format!("{} takes {} arguments", o.name.written, names.len()),
    };
    let span = a.name.as_ref().map_or(a.value.span, |n| n.span);
    let near = a.name.as_ref().and_then(|n| nearest(&n.written, &names));
    let d = Diagnostic::error(Code::T1, span, text);
    let d = match near {
        Some(near) => {
            let edit = Edit { span, with: near.to_string() };
            d.fix(format!("did you mean `{near}`?"), vec![edit])
        }
        None => d,
    };
    d.hint(format!("its arguments: {}", names.join(", ")))
}

/// A symbol after the first step of a rule, over the graph of its gradient: what `W'` is in the
/// file's own names. `None` where the rule has no such form.
#[must_use]
pub fn first_step(
    m: &Module,
    d: &Derived,
    rule: &RuleGraph,
    (symbol, gradient): (SymId, NodeId),
    total: usize,
) -> Option<(Graph, NodeId, BTreeMap<NodeId, String>)> {
    let mut g = d.graph.clone();
    let theta = symbol_node(&g, symbol)?;
    let clock = [1.0, 1.0, total as f64, 1.0].map(|v| g.number(v));
    let states: Vec<NodeId> = rule.states.iter().map(|s| g.number(s.2)).collect();
    let given = |slot: u32| match slot {
        THETA => Some(theta),
        GRAD => Some(gradient),
        STEP..STATE => clock.get((slot - STEP) as usize).copied(),
        _ => states.get((slot - STATE) as usize).copied(),
    };
    let needed = rule.graph.reachable(&[rule.new_theta]);
    let mut at: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for (id, node) in rule.graph.iter().filter(|(id, _)| needed[id.0 as usize]) {
        let args: Vec<NodeId> = node.args.iter().map(|a| at[a]).collect();
        let new = match node.op {
            Op::Slot(slot, ..) => given(slot)?,
            _ => g.add(node.op.clone(), &args, node.span),
        };
        at.insert(id, new);
    }
    let equations: Vec<NodeId> = d.named.iter().map(|(n, _)| *n).collect();
    let roots: Vec<NodeId> = [at[&rule.new_theta]].into_iter().chain(equations).collect();
    let mut dims = m.dims.clone();
    let mut cx = Context { functions: &m.functions, layout: m.layout, dims: &mut dims };
    let named = roots[1..].iter().copied().collect();
    let known = Facts { named, ..crate::derived::facts(m) };
    let s = simplify::simplify(&g, &mut cx, &known, Stage::Reader, &roots);
    let mut names = BTreeMap::new();
    for (n, (_, name)) in s.roots[1..].iter().zip(&d.named) {
        names.entry(*n).or_insert_with(|| name.clone());
    }
    Some((s.graph, s.roots[0], names))
}

/// The rule with constants folded and its nodes renumbered.
fn simplified(
    r: Draft,
    graph: Graph,
    functions: &Functions,
    dims: &mut Dims,
    span: crate::diag::Span,
) -> Result<RuleGraph, Vec<Diagnostic>> {
    let mut roots = vec![r.theta, r.grad, r.t, r.epoch, r.total, r.lr_scale, r.new_theta];
    roots.extend(r.states.iter().map(|s| s.1));
    roots.extend(&r.new_states);
    roots.extend(r.arguments.iter().map(|a| a.1));
    let (graph, roots) =
        crate::expand::calls(&graph, functions, Layout::One, dims, &roots).ok_or_else(
            || {
                let text =
                    "an argument calls a function that cannot stand in an update rule";
                vec![Diagnostic::error(Code::G2, span, text)]
            },
        )?;
    let mut cx = Context { functions, layout: Layout::One, dims };
    let s =
        simplify::simplify(&graph, &mut cx, &Facts::default(), Stage::Machine, &roots);
    let mut at = s.roots.into_iter();
    let mut next = || at.next().unwrap_or(r.theta);
    let (theta, grad, t, epoch, total) = (next(), next(), next(), next(), next());
    let (lr_scale, new_theta) = (next(), next());
    let states = r.states.into_iter().map(|(n, _, v)| (n, next(), v)).collect();
    let new_states = r.new_states.iter().map(|_| next()).collect();
    let arguments = r.arguments.into_iter().map(|(n, _)| (n, next())).collect();
    let (name, graph) = (r.name, s.graph);
    Ok(RuleGraph {
        name,
        graph,
        theta,
        grad,
        t,
        epoch,
        total,
        states,
        new_states,
        new_theta,
        arguments,
        lr_scale,
    })
}

/// Reads `sgd(lr = 0.5)`.
///
/// # Errors
/// If it is not a call of one optimiser.
pub fn parse_call(
    functions: &Functions,
    text: &str,
) -> Result<OptimizerCall, Vec<Diagnostic>> {
    let known = |name: &str| {
        functions.optimizer(name).is_some()
            || functions.find(name).is_some()
            || crate::lower::is_builtin(name)
    };
    let (e, diags) = crate::syntax::parse_setting(text, &known);
    if crate::diag::has_errors(&diags) {
        return Err(diags);
    }
    match e.kind {
        ExprKind::Call { func, args, primes: 0 } => {
            Ok(OptimizerCall { name: func, args })
        }
        ExprKind::Name(name) => Ok(OptimizerCall { name, args: Vec::new() }),
        _ => {
            let text =
                format!("expected an optimiser such as sgd(lr = 0.5), found `{text}`");
            Err(vec![Diagnostic::error(Code::T1, e.span, text)])
        }
    }
}
