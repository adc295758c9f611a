//! Derivatives held against differences of the literal evaluation, for tests: a graph is cut at
//! the symbol or equation that is moved, and evaluated beside it on both sides.

use std::collections::BTreeMap;

use chainrule::explain::{Answered, AskOptions, ask};
use chainrule::graph::derived::{primitives, symbol_node};
use chainrule::graph::diag::Span;
use chainrule::graph::eval::{Env, Value, eval_roots};
use chainrule::graph::expand::Purpose;
use chainrule::graph::graph::{Graph, NodeId, Op, SymId};
use chainrule::graph::module::Module;
use chainrule::graph::shape::Atom;
use chainrule::graph::syntax::ast::{Layout, Mark};
use chainrule::graph::syntax::canonical;
use chainrule::graph::value::Mat;

/// A deterministic stream of numbers.
pub(crate) struct Numbers(pub u64);

impl Numbers {
    /// The next 32 bits.
    pub(crate) fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as u32
    }

    /// A whole number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.bits() as usize % n
    }

    /// Between −1 and 1, away from 0.
    pub(crate) fn unit(&mut self) -> f64 {
        let x = f64::from(self.bits()) / f64::from(1_u32 << 31);
        let sign = if self.bits() & 1 == 0 { 1.0 } else { -1.0 };
        sign * (0.1 + 0.9 * x)
    }
}

/// The module with a size for every dimension and a value for every symbol; given ones stay.
pub(crate) fn concrete(m: &Module, seed: u64) -> Module {
    let mut m = m.clone();
    let mut numbers = Numbers(seed);
    let mut primes = [3, 2, 5, 7].into_iter().cycle();
    let mut names = Vec::new();
    for (_, n) in m.graph.iter() {
        for d in [&n.shape.rows, &n.shape.cols] {
            names.extend(d.atoms.iter().filter_map(|a| match a {
                Atom::Name(n) => Some(n.clone()),
                Atom::Var(_) => None,
            }));
        }
    }
    for name in names {
        m.dims.sizes.entry(name).or_insert_with(|| primes.next().expect("a cycle"));
    }
    let sizes = m.dims.sizes.clone();
    for s in &mut m.symbols {
        if s.value.is_none()
            && let Some((r, c)) = s.shape.under(&sizes)
        {
            let data = (0..r * c).map(|_| numbers.unit()).collect();
            let v = Mat::new(r, c, data);
            s.value = Some(match m.layout {
                Layout::Rows => marked(v.transposed(), s.mark, &mut numbers).transposed(),
                _ => marked(v, s.mark, &mut numbers),
            });
        }
    }
    m
}

/// One-hot and the like, each column an example.
fn marked(mut v: Mat, mark: Option<Mark>, numbers: &mut Numbers) -> Mat {
    match mark {
        Some(Mark::OneHot | Mark::Distribution) => {
            v.data.iter_mut().for_each(|x| *x = 0.0);
            for j in 0..v.cols {
                *v.at_mut(numbers.below(v.rows), j) = 1.0;
            }
        }
        Some(_) => v.data.iter_mut().for_each(|x| *x = f64::from(u8::from(*x > 0.0))),
        None => {}
    }
    v
}

/// What `eval` needs; per-example symbols get one example per column.
pub(crate) fn env(m: &Module) -> Env {
    let mut env =
        Env { sizes: m.dims.sizes.clone(), examples: examples(m), ..Env::default() };
    for s in &m.symbols {
        let Some(v) = &s.value else { continue };
        let value = match s.each {
            true => {
                Value::Each((0..env.examples).map(|j| v.column(j % v.cols)).collect())
            }
            false => Value::Shared(v.clone()),
        };
        env.symbols.insert(s.id, value);
    }
    env
}

fn examples(m: &Module) -> usize {
    let columns = m.symbols.iter().filter(|s| s.each).filter_map(|s| s.value.as_ref());
    columns.map(|v| v.cols).max().unwrap_or(1)
}

/// The node of a name.
pub(crate) fn node(m: &Module, name: &str) -> Option<NodeId> {
    let key = canonical(name);
    let equation = m.equation(&key).map(|e| e.node);
    equation.or_else(|| symbol_node(&m.graph, m.symbol(&key)?.id))
}

/// `top` as a function of the value of `by`: the graph with `by` made a symbol.
pub(crate) struct Function {
    graph: Graph,
    top: NodeId,
    moved: SymId,
    env: Env,
}

impl Function {
    /// Cuts the graph at `by`; its value where the module is, and the function.
    pub(crate) fn new(m: &Module, top: NodeId, by: NodeId) -> Option<(Mat, Self)> {
        let mut graph = m.graph.empty_like();
        let node = m.graph[by].clone();
        let moved = graph.add_symbol(node.shape.clone(), node.each);
        let mut map = BTreeMap::new();
        for (id, n) in m.graph.iter() {
            let args: Vec<NodeId> = n.args.iter().map(|a| map[a]).collect();
            let new = match id == by {
                true => graph.add(Op::Symbol(moved), &[], Span::default()),
                false => graph.add(n.op.clone(), &args, n.span),
            };
            map.insert(id, new);
        }
        let env = env(m);
        let start = value(m, &m.graph, by, &env)?.of(0).clone();
        let (graph, roots) = primitives(m, &graph, &[map[&top]], Purpose::Evaluation)?;
        Some((start, Self { graph, top: roots[0], moved, env }))
    }

    /// The value of `top` for this value of `by`.
    pub(crate) fn at(&mut self, x: &Mat) -> Option<Mat> {
        let each = self.graph.symbol(self.moved).1;
        let value =
            if each { Value::Each(vec![x.clone()]) } else { Value::Shared(x.clone()) };
        self.env.symbols.insert(self.moved, value);
        let all = eval_roots(&self.graph, &self.env, &[self.top]);
        Some(all[self.top.0 as usize].as_ref()?.of(0).clone())
    }
}

/// The value of a node of a graph of this module.
pub(crate) fn value(m: &Module, g: &Graph, n: NodeId, env: &Env) -> Option<Value> {
    let (g, roots) = primitives(m, g, &[n], Purpose::Evaluation)?;
    eval_roots(&g, env, &roots)[roots[0].0 as usize].clone()
}

/// The derivative of every entry of `top` by entry `i` of `by`, with Richardson's step; `None`
/// where two such steps disagree (a kink, or a bend that jumps, lies between them).
pub(crate) fn difference(f: &mut Function, x: &Mat, i: usize) -> Option<Vec<f64>> {
    let h = 1e-3;
    let mut at = |d: f64| {
        let mut y = x.clone();
        y.data[i] += d;
        f.at(&y)
    };
    let center = at(0.0)?;
    let widths = [h, h / 2.0, h / 4.0];
    let mut sides = Vec::new();
    for w in widths {
        sides.push((at(w)?, at(-w)?));
    }
    let mut out = Vec::new();
    for k in 0..center.data.len() {
        let slope =
            |j: usize| (sides[j].0.data[k] - sides[j].1.data[k]) / (2.0 * widths[j]);
        let bend = |j: usize| {
            let sum = sides[j].0.data[k] + sides[j].1.data[k];
            (sum - 2.0 * center.data[k]).abs() / widths[j]
        };
        let first = (4.0 * slope(1) - slope(0)) / 3.0;
        let second = (4.0 * slope(2) - slope(1)) / 3.0;
        let apart = (first - second).abs() > 2e-8 * second.abs().max(1.0);
        // Smooth: the bend shrinks with the step. At a kink it stays.
        if apart || (bend(2) > 0.75 * bend(1) && bend(1) > 1e-2) {
            return None;
        }
        out.push(second);
    }
    Some(out)
}

/// Whether an answer about a derivative agrees with differences; other questions pass.
pub(crate) fn of_question(m: &Module, q: &str) -> Result<(), String> {
    let Some((a, b)) = names(q) else { return Ok(()) };
    let m = concrete(m, 7);
    let (Some(top), Some(by)) = (node(&m, &a), node(&m, &b)) else {
        return Err(format!("no node for {a} or {b}"));
    };
    if examples(&m) > 1 && m.graph[by].each {
        return Ok(());
    }
    let options = AskOptions::default();
    let reply = ask(&m, &options, &[format!("d{a}/d{b}")]).replies.remove(0);
    let answer = reply.answer.map_err(|d| format!("with numbers: {}", d.message))?;
    let Answered::Numbers(found) = answer.value else {
        return Err("no value although everything has one".to_string());
    };
    let Some((x, mut f)) = Function::new(&m, top, by) else {
        return Err("the literal evaluation has no value".to_string());
    };
    for i in 0..x.data.len() {
        let Some(column) = difference(&mut f, &x, i) else { continue };
        for (k, d) in column.iter().enumerate() {
            let entry = if column.len() == 1 { found.data[i] } else { found.at(k, i) };
            if (entry - d).abs() > 1e-6 * d.abs().max(1.0) {
                return Err(format!("entry {k},{i} is {entry}, differences give {d}"));
            }
        }
    }
    Ok(())
}

/// The two whole names of `dA/dB`; `None` for any other question.
fn names(q: &str) -> Option<(String, String)> {
    let (a, b) = q.strip_prefix('d')?.split_once("/d")?;
    let plain = |s: &str| !s.contains(['[', '\'', '@']);
    (plain(a) && plain(b)).then(|| (a.to_string(), b.to_string()))
}
