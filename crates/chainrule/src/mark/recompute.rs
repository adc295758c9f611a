//! What a quantity would be, had somebody's own earlier values been right.
//!
//! In: a module with values, values of somebody's own for some of its quantities. Out: another
//! quantity, calculated on from those: a value from the values above it, a gradient from the
//! gradient that arrives and from the values beside it, an update from the gradient. Invariant:
//! without own values it is what `ask` answers. `None` where there is no number.

use std::collections::BTreeMap;

use chainrule_graph::derived::{primitives, symbol_node};
use chainrule_graph::diag::Span;
use chainrule_graph::eval::{Value, eval_roots};
use chainrule_graph::expand::Purpose;
use chainrule_graph::graph::{Graph, NodeId, Op, SymId};
use chainrule_graph::module::Module;
use chainrule_graph::optimizer;
use chainrule_graph::query;
use chainrule_graph::syntax::ast::OptimizerCall;
use chainrule_graph::value::Mat;

use crate::explain::AskOptions;
use crate::explain::question::{Asked, Index, Question, Target, When};
use crate::explain::state::{self, State, Stepper, learned};

/// Slots for gradients that are given, by equation, and for values in their turn.
const GRADIENTS: u32 = 1 << 25;
const VALUES: u32 = 1 << 26;

/// Somebody's own value of a quantity.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub asked: Asked,
    pub value: Mat,
}

/// Calculates on from own values.
pub(super) struct Recompute<'a> {
    pub m: &'a Module,
    pub options: &'a AskOptions,
    /// Steps in all, which schedules look at.
    pub total: usize,
    pub own: &'a [Own],
}

/// After how many steps a question looks.
pub(super) fn moment(a: &Asked, options: &AskOptions) -> usize {
    match (a.when, &a.question) {
        (When::At(k), _) => k,
        (When::Last, _) | (When::Unsaid, Question::State(..)) => options.steps,
        (When::Unsaid, _) => 0,
    }
}

/// The node that a name means in the file's own graph.
pub(super) fn node(m: &Module, key: &str) -> Option<NodeId> {
    let equation = m.equation(key).map(|e| e.node);
    let symbol = || symbol_node(&m.graph, m.symbol(key)?.id);
    let objective = || m.objective.as_ref().filter(|o| o.shown == key).map(|o| o.node);
    equation.or_else(symbol).or_else(objective)
}

impl Recompute<'_> {
    /// The value of a question.
    pub(super) fn value(&self, asked: &Asked) -> Option<Mat> {
        let k = moment(asked, self.options);
        let state = self.state(k)?;
        let found = match &asked.question {
            Question::Value(t) => {
                let root = node(self.m, &t.key)?;
                let places = self.places(k, |e| Some(self.m.equations[e].node));
                let v =
                    self.walk(&self.m.graph, &places, root, &state, BTreeMap::new())?;
                cut(&v, &t.index)
            }
            Question::Derivative(top, by) => self.derivative(top, by, k, &state)?,
            Question::State(name, t) => {
                let id = self.m.symbol(&t.key)?.id;
                let place = self.stepper()?.state_place(name, id)?;
                cut(&state.memory.get(&id)?[place], &t.index)
            }
            _ => return None,
        };
        Some(state::rounded(found, self.options.round_each))
    }

    fn at(&self, k: usize) -> impl Iterator<Item = (usize, &Own)> {
        let here = move |(_, o): &(usize, &Own)| moment(&o.asked, self.options) == k;
        self.own.iter().enumerate().filter(here)
    }

    /// Own values of equations after k steps, with the nodes of the equations in some graph.
    fn places(
        &self,
        k: usize,
        find: impl Fn(usize) -> Option<NodeId>,
    ) -> Vec<(NodeId, &Target, &Mat)> {
        let of = |o: &'_ Own| -> Option<NodeId> {
            let Question::Value(t) = &o.asked.question else { return None };
            find(self.m.equations.iter().position(|e| e.key == t.key)?)
        };
        let mut out: Vec<(NodeId, &Target, &Mat)> = self
            .at(k)
            .filter_map(|(_, o)| match &o.asked.question {
                Question::Value(t) => Some((of(o)?, t, &o.value)),
                _ => None,
            })
            .collect();
        out.sort_by_key(|p| p.0);
        out
    }

    /// A node's value with own values in place of some nodes.
    fn walk(
        &self,
        g: &Graph,
        places: &[(NodeId, &Target, &Mat)],
        root: NodeId,
        state: &State,
        mut slots: BTreeMap<u32, Value>,
    ) -> Option<Mat> {
        let mut leaves = BTreeMap::new();
        for (number, (n, t, own)) in (VALUES..).zip(places) {
            let value = match t.index.is_empty() {
                true => (*own).clone(),
                false => {
                    let base = self.evaluated(g, &leaves, *n, state, &slots)?;
                    patched(base, &t.index, own)?
                }
            };
            slots.insert(number, per_example(value, g[*n].each));
            leaves.insert(*n, number);
        }
        self.evaluated(g, &leaves, root, state, &slots)
    }

    fn evaluated(
        &self,
        g: &Graph,
        leaves: &BTreeMap<NodeId, u32>,
        root: NodeId,
        state: &State,
        slots: &BTreeMap<u32, Value>,
    ) -> Option<Mat> {
        let (g, at) = with_leaves(g, leaves);
        let purpose = match state.masks {
            Some(_) => Purpose::Training,
            None => Purpose::Evaluation,
        };
        let (g, roots) = primitives(self.m, &g, &[at[root.0 as usize]], purpose)?;
        let mut env = state.env(self.m);
        env.slots.extend(slots.clone());
        let values = eval_roots(&g, &env, &roots);
        Some(side_by_side(values[roots[0].0 as usize].as_ref()?))
    }

    fn derivative(
        &self,
        top: &Target,
        by: &Target,
        k: usize,
        state: &State,
    ) -> Option<Mat> {
        let (a, b) = (node(self.m, &top.key)?, node(self.m, &by.key)?);
        if self.m.graph[a].shape.is_scalar() {
            let whole = self.gradient(a, b, k, state)?;
            return Some(cut(&whole, &by.index));
        }
        let d = query::jacobian(self.m, a, b)?;
        let places = self.places(k, named(self.m, &d.names));
        let whole = self.walk(&d.graph, &places, d.root, state, BTreeMap::new())?;
        let one = |i: &[Index]| i.first().cloned().unwrap_or(Index::All);
        Some(cut(&whole, &[one(&top.index), one(&by.index)]))
    }

    /// The gradient of a scalar: own gradients on the way are taken as they are.
    fn gradient(&self, a: NodeId, b: NodeId, k: usize, state: &State) -> Option<Mat> {
        let mut given: BTreeMap<usize, Mat> = BTreeMap::new();
        for (i, own) in self.at(k) {
            let Question::Derivative(top, by) = &own.asked.question else { continue };
            let same = node(self.m, &top.key).is_some_and(|t| self.alike(t, a));
            let equation = self.m.equations.iter().position(|e| e.key == by.key);
            let Some(e) = equation.filter(|_| same && top.index.is_empty()) else {
                continue;
            };
            let value = match by.index.is_empty() {
                true => own.value.clone(),
                false => {
                    let earlier = Recompute { own: &self.own[..i], ..*self };
                    let node = self.m.equations[e].node;
                    // What stands here by now is all that the earlier lines give.
                    let before = || earlier.through(a, node, k, state, given.clone());
                    let base = given.get(&e).cloned().or_else(before)?;
                    patched(base, &by.index, &own.value)?
                }
            };
            given.insert(e, value);
        }
        self.through(a, b, k, state, given)
    }

    /// The gradient of a scalar with those of some equations given.
    fn through(
        &self,
        a: NodeId,
        b: NodeId,
        k: usize,
        state: &State,
        given: BTreeMap<usize, Mat>,
    ) -> Option<Mat> {
        let slots: Vec<(usize, u32)> =
            given.keys().map(|e| (*e, GRADIENTS + *e as u32)).collect();
        let mean = state.examples > 1 || self.options.examples.is_some();
        let d = query::gradient_through(self.m, a, b, mean, &slots);
        let places = self.places(k, named(self.m, &d.names));
        let each = |e: usize| self.m.graph[self.m.equations[e].node].each;
        let slots = given
            .into_iter()
            .map(|(e, v)| (GRADIENTS + e as u32, per_example(v, each(e))))
            .collect();
        self.walk(&d.graph, &places, d.root, state, slots)
    }

    /// The same scalar, or the mean of it over the examples.
    fn alike(&self, a: NodeId, b: NodeId) -> bool {
        let mean = |x: NodeId, y: NodeId| {
            self.m.graph[x].op == Op::ExMean && self.m.graph[x].args[0] == y
        };
        a == b || mean(a, b) || mean(b, a)
    }

    /// The values of symbols after k steps that start from own values and follow own gradients.
    fn state(&self, k: usize) -> Option<State> {
        let mut state = state::given(self.m, self.options.training).ok()?;
        self.put_symbols(&mut state, 0)?;
        if k == 0 {
            return Some(state);
        }
        let stepper = self.stepper()?;
        for t in 1..=k {
            let gradients = self.own_gradients(t - 1, &state)?;
            stepper.step_with(&mut state, t, &gradients).ok()?;
            self.put_symbols(&mut state, t)?;
        }
        Some(state)
    }

    fn put_symbols(&self, state: &mut State, k: usize) -> Option<()> {
        for (_, own) in self.at(k) {
            let Question::Value(t) = &own.asked.question else { continue };
            let Some(s) = self.m.symbol(&t.key) else { continue };
            let value = match t.index.is_empty() {
                true => own.value.clone(),
                false => patched(state.values.get(&s.id)?.clone(), &t.index, &own.value)?,
            };
            state.values.insert(s.id, value);
        }
        Some(())
    }

    /// Gradients of the objective where something of one's own reaches them.
    fn own_gradients(&self, k: usize, state: &State) -> Option<BTreeMap<SymId, Mat>> {
        let mut out = BTreeMap::new();
        if self.at(k).next().is_none() {
            return Some(out);
        }
        let objective = self.m.objective.as_ref()?.node;
        for (id, name) in learned(self.m, &self.frozen()) {
            let Some(n) = symbol_node(&self.m.graph, id) else { continue };
            let mut g = self.gradient(objective, n, k, state)?;
            for (_, own) in self.at(k) {
                let Question::Derivative(top, by) = &own.asked.question else { continue };
                let same =
                    node(self.m, &top.key).is_some_and(|t| self.alike(t, objective));
                if same && by.key == name {
                    g = patched(g, &by.index, &own.value)?;
                }
            }
            out.insert(id, g);
        }
        Some(out)
    }

    fn frozen(&self) -> Vec<String> {
        let key = |n: &String| chainrule_graph::syntax::canonical(n);
        self.options.freeze.iter().map(key).collect()
    }

    fn stepper(&self) -> Option<Stepper<'_>> {
        let how = (self.options.round_each, self.options.training.is_some());
        Stepper::new(self.m, &self.rule()?, &self.frozen(), self.total, how).ok()
    }

    fn rule(&self) -> Option<OptimizerCall> {
        match &self.options.update {
            Some(text) => optimizer::parse_call(&self.m.functions, text).ok(),
            None => self.m.train.as_ref()?.optimizer.clone(),
        }
    }
}

/// The place of an equation in a graph whose nodes are named.
fn named<'a>(
    m: &'a Module,
    names: &'a BTreeMap<NodeId, String>,
) -> impl Fn(usize) -> Option<NodeId> + 'a {
    |e| names.iter().find(|(_, name)| **name == m.equations[e].shown).map(|(n, _)| *n)
}

/// The graph with slots in place of some nodes, and where each node is in it.
fn with_leaves(g: &Graph, leaves: &BTreeMap<NodeId, u32>) -> (Graph, Vec<NodeId>) {
    let mut out = g.empty_like();
    let mut at: Vec<NodeId> = Vec::with_capacity(g.len());
    for (id, n) in g.iter() {
        let new = match leaves.get(&id) {
            Some(slot) => {
                let op = Op::Slot(*slot, n.shape.clone(), n.each);
                out.add(op, &[], Span::default())
            }
            None => {
                let args: Vec<NodeId> = n.args.iter().map(|a| at[a.0 as usize]).collect();
                out.add(n.op.clone(), &args, n.span)
            }
        };
        at.push(new);
    }
    (out, at)
}

/// A matrix as a value: its columns are the examples where there is one per example.
fn per_example(m: Mat, each: bool) -> Value {
    match each {
        true => Value::Each((0..m.cols).map(|j| m.column(j)).collect()),
        false => Value::Shared(m),
    }
}

/// A value as one matrix, examples side by side.
fn side_by_side(v: &Value) -> Mat {
    match v {
        Value::Shared(m) => m.clone(),
        Value::Each(all) if all.len() == 1 => all[0].clone(),
        Value::Each(all) => {
            let rows = all.first().map_or(0, |m| m.data.len());
            Mat::from_fn(rows, all.len(), |i, j| all[j].data[i])
        }
    }
}

/// Rows and columns that an index means, from 0; none if it is outside.
fn entries(m: &Mat, index: &[Index]) -> Option<(Vec<usize>, Vec<usize>)> {
    let all = |n: usize| (0..n).collect::<Vec<_>>();
    let pick = |i: &Index, n: usize| match i {
        Index::At(k) => (*k >= 1 && *k <= n).then(|| vec![k - 1]),
        _ => Some(all(n)),
    };
    Some(match index {
        [] => (all(m.rows), all(m.cols)),
        [one] if m.rows == 1 => (all(1), pick(one, m.cols)?),
        [one] => (pick(one, m.rows)?, all(m.cols)),
        [r, c, ..] => (pick(r, m.rows)?, pick(c, m.cols)?),
    })
}

/// Entries of a value.
pub(super) fn cut(m: &Mat, index: &[Index]) -> Mat {
    match entries(m, index) {
        Some((rows, cols)) => {
            Mat::from_fn(rows.len(), cols.len(), |i, j| m.at(rows[i], cols[j]))
        }
        None => m.clone(),
    }
}

/// A value with some entries put in; none if they do not fit.
fn patched(mut m: Mat, index: &[Index], own: &Mat) -> Option<Mat> {
    let (rows, cols) = entries(&m, index)?;
    if rows.len() * cols.len() != own.data.len() {
        return None;
    }
    let mut values = own.data.iter();
    for i in &rows {
        for j in &cols {
            *m.at_mut(*i, *j) = *values.next()?;
        }
    }
    Some(m)
}
