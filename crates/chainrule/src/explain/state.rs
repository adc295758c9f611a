//! Values of a worked example, and what a few steps of an optimiser make of them.
//!
//! In: a module with values, an update rule. Out: values of all symbols after k steps, states of
//! the optimiser. Everything in f64 by the literal evaluation, so it can be followed by hand.

use std::collections::BTreeMap;

use chainrule_graph::derived::{Derived, derive, primitives};
use chainrule_graph::diag::{Code, Diagnostic, Span};
use chainrule_graph::eval::{Env, Value, eval_roots};
use chainrule_graph::expand::Purpose;
use chainrule_graph::graph::{Graph, NodeId, SymId};
use chainrule_graph::module::{Module, Start};
use chainrule_graph::optimizer::{self, RuleGraph, SLOTS, state_slot};
use chainrule_graph::syntax::ast::OptimizerCall;
use chainrule_graph::value::Mat;

/// How a question sees numbers: the values known, and rounding as on paper.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Values of symbols that have one.
    pub values: BTreeMap<SymId, Mat>,
    /// The optimiser's states by parameter.
    pub memory: BTreeMap<SymId, Vec<Mat>>,
    /// Number of examples.
    pub examples: usize,
    /// Dropout masks by site, if the training form is looked at.
    pub masks: Option<BTreeMap<u32, Vec<Mat>>>,
}

/// The values that the file gives: `:=`, else what `=` fills a parameter with.
/// `training` is the seed of the training form's masks.
pub(crate) fn given(m: &Module, training: Option<u64>) -> Result<State, Diagnostic> {
    let mut values = BTreeMap::new();
    let mut examples = None;
    for s in &m.symbols {
        let value = match (&s.value, &s.start) {
            (Some(v), _) => Some(v.clone()),
            (None, Start::Fill(v)) => fill(m, s, v),
            _ => None,
        };
        let Some(value) = value else { continue };
        if s.each {
            let k = value.cols;
            if examples.is_some_and(|n| n != k) {
                let text =
                    format!("`{}` has {k} examples, another value has not", s.shown);
                return Err(Diagnostic::error(Code::S5, s.span, text));
            }
            examples = Some(k);
        }
        values.insert(s.id, value);
    }
    let examples = examples.unwrap_or(1);
    let masks = training.map(|seed| super::masks::draw(m, examples, seed)).transpose()?;
    Ok(State { values, memory: BTreeMap::new(), examples, masks })
}

fn fill(m: &Module, s: &chainrule_graph::module::Symbol, v: &Mat) -> Option<Mat> {
    let (r, c) = s.shape.under(&m.dims.sizes)?;
    if v.is_scalar() { Some(Mat::filled(r, c, v.data[0])) } else { Some(v.clone()) }
}

impl State {
    /// What `eval` needs.
    pub(crate) fn env(&self, m: &Module) -> Env {
        let mut env = Env {
            sizes: m.dims.sizes.clone(),
            examples: self.examples,
            masks: self.masks.clone().unwrap_or_default(),
            ..Env::default()
        };
        for s in &m.symbols {
            let Some(v) = self.values.get(&s.id) else { continue };
            let value = match s.each {
                true => Value::Each((0..v.cols).map(|j| v.column(j)).collect()),
                false => Value::Shared(v.clone()),
            };
            env.symbols.insert(s.id, value);
        }
        env
    }

    /// The value of one node of a graph of this module; `None` where something is not known.
    pub(crate) fn value(&self, m: &Module, g: &Graph, n: NodeId) -> Option<Value> {
        self.all_values(m, g, &[n]).into_iter().next()?
    }

    /// The values of several nodes, of a graph that is expanded once for all of them.
    pub(crate) fn all_values(
        &self,
        m: &Module,
        g: &Graph,
        nodes: &[NodeId],
    ) -> Vec<Option<Value>> {
        let Some((g, roots)) = primitives(m, g, nodes, purpose(self.masks.is_some()))
        else {
            return vec![None; nodes.len()];
        };
        let values = eval_roots(&g, &self.env(m), &roots);
        roots.iter().map(|n| values[n.0 as usize].clone()).collect()
    }
}

fn purpose(training: bool) -> Purpose {
    if training { Purpose::Training } else { Purpose::Evaluation }
}

/// Runs an update rule step by step.
pub(crate) struct Stepper<'a> {
    m: &'a Module,
    graph: Graph,
    gradients: Vec<(SymId, NodeId)>,
    rules: Vec<RuleGraph>,
    clip: Option<f64>,
    total: usize,
    round: Option<u32>,
    derived: Derived,
}

impl<'a> Stepper<'a> {
    /// Prepares `total` steps of the rule on everything that is learned and not frozen.
    pub(crate) fn new(
        m: &'a Module,
        call: &OptimizerCall,
        frozen: &[String],
        total: usize,
        (round, training): (Option<u32>, bool),
    ) -> Result<Self, Diagnostic> {
        let free = Module {
            trainable: learned(m, frozen).into_iter().map(|(id, _)| id).collect(),
            ..m.clone()
        };
        let d: Derived = derive(&free).map_err(first)?;
        let roots: Vec<NodeId> = d.gradients.iter().map(|(_, n)| *n).collect();
        let (graph, at) = primitives(m, &d.graph, &roots, purpose(training))
            .ok_or_else(|| bug("the gradient did not expand"))?;
        let gradients: Vec<(SymId, NodeId)> =
            d.gradients.iter().zip(at).map(|((s, _), n)| (*s, n)).collect();
        let decay = m.train.as_ref().map_or(&[][..], |t| &t.decay);
        let rules: Result<Vec<RuleGraph>, Diagnostic> = gradients
            .iter()
            .map(|(s, _)| {
                let name = &m.symbols[s.0 as usize].key;
                let acts = decay.is_empty() || decay.iter().any(|d| matches(d, name));
                optimizer::rule(&m.functions, call, acts).map_err(first)
            })
            .collect();
        let clip = m.train.as_ref().and_then(|t| t.clip);
        Ok(Self { m, graph, gradients, rules: rules?, clip, total, round, derived: d })
    }

    /// A learned symbol after the first step, in the file's names; none where a clip, a number of
    /// the whole gradient, stands between.
    pub(crate) fn first(
        &self,
        id: SymId,
    ) -> Option<(Graph, NodeId, BTreeMap<NodeId, String>)> {
        let k = self.gradients.iter().position(|(s, _)| *s == id)?;
        let gradient = self.derived.gradients[k];
        match self.clip {
            None => {
                let (d, rule) = (&self.derived, &self.rules[k]);
                optimizer::first_step(self.m, d, rule, gradient, self.total)
            }
            Some(_) => None,
        }
    }

    /// One step: gradient, clip, rule.
    pub(crate) fn step(&self, state: &mut State, t: usize) -> Result<(), Diagnostic> {
        self.step_with(state, t, &BTreeMap::new())
    }

    /// The same with some gradients given.
    pub(crate) fn step_with(
        &self,
        state: &mut State,
        t: usize,
        given: &BTreeMap<SymId, Mat>,
    ) -> Result<(), Diagnostic> {
        let all = self.gradients_with(state, given)?;
        for (k, (_, g)) in all.into_iter().enumerate() {
            self.update(state, k, g, t)?;
        }
        Ok(())
    }

    /// What the next step moves along: the gradients, clipped and rounded.
    pub(crate) fn gradients_at(
        &self,
        state: &State,
    ) -> Result<Vec<(SymId, Mat)>, Diagnostic> {
        self.gradients_with(state, &BTreeMap::new())
    }

    fn gradients_with(
        &self,
        state: &State,
        given: &BTreeMap<SymId, Mat>,
    ) -> Result<Vec<(SymId, Mat)>, Diagnostic> {
        let roots: Vec<NodeId> = self.gradients.iter().map(|(_, n)| *n).collect();
        let values = eval_roots(&self.graph, &state.env(self.m), &roots);
        let grads: Option<Vec<Mat>> = self
            .gradients
            .iter()
            .map(|(s, n)| match given.get(s) {
                Some(own) => Some(own.clone()),
                None => values[n.0 as usize].as_ref().map(|v| v.of(0).clone()),
            })
            .collect();
        let Some(mut grads) = grads else { return Err(self.missing(state)) };
        clip(&mut grads, self.clip);
        let all = self.gradients.iter().zip(grads);
        Ok(all.map(|((id, _), g)| (*id, rounded(g, self.round))).collect())
    }

    /// The arguments of the k-th symbol's rule at step t, schedules worked out.
    pub(crate) fn arguments(&self, k: usize, t: usize) -> Vec<(String, f64)> {
        let rule = &self.rules[k];
        let mut env = Env { examples: 1, ..Env::default() };
        let clock = [0.0, 0.0, t as f64, t as f64, self.total as f64, 1.0];
        let slot = |v: f64| Value::Shared(Mat::scalar(v));
        env.slots.extend(SLOTS.into_iter().zip(clock.map(slot)));
        let roots: Vec<NodeId> = rule.arguments.iter().map(|a| a.1).collect();
        let values = eval_roots(&rule.graph, &env, &roots);
        let value = |n: NodeId| values[n.0 as usize].as_ref().map(|v| v.of(0).data[0]);
        let all = rule.arguments.iter();
        all.filter_map(|(name, n)| Some((name.clone(), value(*n)?))).collect()
    }

    /// The start of each state of the k-th symbol's rule.
    pub(crate) fn starts(&self, k: usize) -> Vec<(String, f64)> {
        self.rules[k].states.iter().map(|(name, _, v)| (name.clone(), *v)).collect()
    }

    /// The largest common norm of all gradients, if there is one.
    pub(crate) fn clip(&self) -> Option<f64> {
        self.clip
    }

    fn update(
        &self,
        state: &mut State,
        k: usize,
        g: Mat,
        t: usize,
    ) -> Result<(), Diagnostic> {
        let (id, rule) = (self.gradients[k].0, &self.rules[k]);
        let Some(theta) = state.values.get(&id).cloned() else {
            return Err(self.missing(state));
        };
        let fresh =
            || rule.states.iter().map(|s| Mat::filled(theta.rows, theta.cols, s.2));
        let memory = state.memory.remove(&id).unwrap_or_else(|| fresh().collect());
        let mut env = Env { examples: 1, ..Env::default() };
        let scalar = |v: f64| Value::Shared(Mat::scalar(v));
        let inputs = [
            Value::Shared(theta.clone()),
            Value::Shared(g),
            scalar(t as f64),
            scalar(t as f64),
            scalar(self.total as f64),
            scalar(1.0),
        ];
        env.slots.extend(SLOTS.into_iter().zip(inputs));
        for (i, s) in memory.iter().enumerate() {
            env.slots.insert(state_slot(i), Value::Shared(s.clone()));
        }
        let mut roots = vec![rule.new_theta];
        roots.extend(&rule.new_states);
        let values = eval_roots(&rule.graph, &env, &roots);
        let of = |n: NodeId| match &values[n.0 as usize] {
            Some(v) => Ok(rounded(widen(v.of(0), &theta), self.round)),
            None => Err(bug("an update rule has no value")),
        };
        state.values.insert(id, of(rule.new_theta)?);
        let memory: Result<Vec<Mat>, Diagnostic> =
            rule.new_states.iter().map(|n| of(*n)).collect();
        state.memory.insert(id, memory?);
        Ok(())
    }

    fn missing(&self, state: &State) -> Diagnostic {
        let unknown = self.m.symbols.iter().find(|s| !state.values.contains_key(&s.id));
        let name = unknown.map_or("a symbol", |s| s.shown.as_str());
        let span = unknown.map_or(Span::default(), |s| s.span);
        let text = format!("a step needs numbers, and `{name}` has no value");
        Diagnostic::error(Code::S5, span, text).hint(format!("give it one: {name} := …"))
    }

    /// The place of a state by its name.
    pub(crate) fn state_place(&self, name: &str, id: SymId) -> Option<usize> {
        let k = self.gradients.iter().position(|(s, _)| *s == id)?;
        self.rules[k].states.iter().position(|s| s.0 == name)
    }

    /// Names of the rule's states.
    pub(crate) fn states(&self) -> Vec<&str> {
        self.rules
            .first()
            .map_or(Vec::new(), |r| r.states.iter().map(|s| &*s.0).collect())
    }
}

/// A scalar result where the parameter is wider (a rule that does not look at θ).
fn widen(m: &Mat, like: &Mat) -> Mat {
    if m.is_scalar() { Mat::filled(like.rows, like.cols, m.data[0]) } else { m.clone() }
}

/// Scales all gradients so that their common norm is at most `limit`.
fn clip(grads: &mut [Mat], limit: Option<f64>) {
    let Some(limit) = limit else { return };
    let square: f64 = grads.iter().flat_map(|g| &g.data).map(|x| x * x).sum();
    let norm = square.sqrt();
    if norm > limit {
        for g in grads {
            g.data.iter_mut().for_each(|x| *x *= limit / norm);
        }
    }
}

/// Rounded to decimals, as a key that was computed by hand.
pub(crate) fn rounded(m: Mat, decimals: Option<u32>) -> Mat {
    match decimals {
        None => m,
        Some(n) => m.map(|x| round_to(x, n)),
    }
}

/// Half away from zero at the n-th decimal, as on paper.
pub(crate) fn round_to(x: f64, n: u32) -> f64 {
    let scale = 10_f64.powi(n as i32);
    let y = (x * scale).round() / scale;
    if y.is_finite() { y } else { x }
}

/// Learned symbols that are not frozen: id and name.
pub(crate) fn learned(m: &Module, frozen: &[String]) -> Vec<(SymId, String)> {
    let name = |id: &SymId| m.symbols[id.0 as usize].key.clone();
    let all = m.trainable.iter().map(|id| (*id, name(id)));
    all.filter(|(_, n)| !frozen.contains(n)).collect()
}

/// The update rule that was asked for; what is wrong with it has no place in the file.
pub(crate) fn update_call(m: &Module, text: &str) -> Result<OptimizerCall, Diagnostic> {
    let read = optimizer::parse_call(&m.functions, text).map_err(first);
    read.map_err(|d| of_update(Some(text), d))
}

/// What is said of `--update` names it, and no line of the file.
pub(crate) fn of_update(update: Option<&str>, d: Diagnostic) -> Diagnostic {
    let about_the_rule = matches!(d.code, Code::P1 | Code::T1 | Code::N1);
    let Some(text) = update.filter(|_| about_the_rule) else { return d };
    let message = format!("--update \"{text}\": {}", d.message);
    Diagnostic { message, span: Span::default(), labels: Vec::new(), ..d }
}

/// `--freeze` names symbols of the file.
pub(crate) fn frozen_known(m: &Module, names: &[String]) -> Result<(), Diagnostic> {
    let strange =
        |n: &&String| m.symbol(&chainrule_graph::syntax::canonical(n)).is_none();
    let Some(name) = names.iter().find(strange) else { return Ok(()) };
    let all: Vec<&str> =
        m.trainable.iter().map(|s| &*m.symbols[s.0 as usize].shown).collect();
    let text = format!("--freeze {name}: the file has no symbol `{name}`");
    let d = Diagnostic::error(Code::N1, Span::default(), text);
    Err(d.hint(format!("learned are {}", all.join(", "))))
}

/// `W*` against a name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => chainrule_graph::syntax::canonical(pattern) == name,
    }
}

fn first(all: Vec<Diagnostic>) -> Diagnostic {
    all.into_iter().next().unwrap_or_else(|| bug("an error without a message"))
}

pub(crate) fn bug(text: &str) -> Diagnostic {
    Diagnostic::error(
        Code::M3,
        Span::default(),
        format!("chainrule is wrong here: {text}"),
    )
}
