//! Checks of our own work: the structure of a graph after each pass, gradients against
//! differences of the literal evaluation.
//!
//! In: a module and what was derived from it. Out: nothing, or what is wrong (M3: our bug).
//! Named dimensions get small stand-in sizes, so that the check of a large network costs no more
//! than that of a small one. The reference shares no rewrite with what is checked: it is the
//! graph as lowered, its calls put in, evaluated as it stands.

use crate::derived::{Derived, primitives};
use crate::diag::{Code, Diagnostic, Span};
use crate::eval::{Env, Value, eval_roots};
use crate::expand::{self, Purpose};
use crate::graph::{Graph, NodeId, Op, SymId};
use crate::module::Module;
use crate::shape::{Atom, Dim, Dims, Shape, Sizes};
use crate::syntax::ast::{Layout, Mark, Role};
use crate::value::Mat;

/// What holds for every graph between two passes; `Err` names the first node that breaks it.
///
/// # Errors
/// An argument that comes after its node, a shape that is not that of the operation, operands
/// that do not fit, an open dimension, or a call in a graph of primitives.
pub fn structure(g: &Graph, dims: &Dims, only_primitives: bool) -> Result<(), String> {
    for (id, node) in g.iter() {
        let bad = |what: &str| Err(format!("node {} {:?}: {what}", id.0, node.op));
        if node.args.iter().any(|a| *a >= id) {
            return bad("an argument comes later");
        }
        let open = |d: &Dim| d.atoms.iter().any(|a| matches!(a, Atom::Var(_)));
        if open(&node.shape.rows) || open(&node.shape.cols) {
            return bad("a dimension is open");
        }
        let wanted = crate::ops::shape(g, &node.op, &node.args);
        if !same(dims, &wanted, &node.shape) {
            return bad(&format!("{} where {wanted} belongs", node.shape));
        }
        if !fits(g, dims, &node.op, &node.args) {
            return bad("the arguments do not fit");
        }
        if only_primitives && matches!(node.op, Op::Call(..) | Op::Deriv(..)) {
            return bad("a call is left");
        }
    }
    Ok(())
}

pub(crate) fn same(dims: &Dims, a: &Shape, b: &Shape) -> bool {
    dims.equal(&a.rows, &b.rows) && dims.equal(&a.cols, &b.cols)
}

fn fits(g: &Graph, dims: &Dims, op: &Op, args: &[NodeId]) -> bool {
    let shape = |i: usize| &g[args[i]].shape;
    match op {
        Op::MatMul => dims.equal(&shape(0).cols, &shape(1).rows),
        Op::Binary(_) | Op::Select => {
            let wide: Vec<&Shape> =
                args.iter().map(|a| &g[*a].shape).filter(|s| !s.is_scalar()).collect();
            wide.windows(2).all(|w| same(dims, w[0], w[1]))
        }
        Op::Stack => (1..args.len()).all(|i| dims.equal(&shape(0).cols, &shape(i).cols)),
        _ => true,
    }
}

/// Stops a debug build where a pass left a graph that is not one.
pub(crate) fn after(pass: &str, g: &Graph, dims: &Dims, only_primitives: bool) {
    if cfg!(debug_assertions)
        && let Err(why) = structure(g, dims, only_primitives)
    {
        panic!("after {pass}: {why}");
    }
}

/// How often another point is tried when a difference crosses a kink or is not finite.
const TRIES: u64 = 8;
/// Examples of the batch that is made up.
const EXAMPLES: usize = 3;

/// Every gradient against directional differences of the objective at made-up values.
///
/// # Errors
/// M3 with the symbol whose gradient is wrong.
pub fn gradient(m: &Module, d: &Derived, seed: u64) -> Result<(), Box<Diagnostic>> {
    some_gradients(m, d, seed, usize::MAX)
}

/// The same for at most so many symbols, spread over all: what training starts with, where
/// hundreds of layers share the rules that would be wrong.
///
/// # Errors
/// As [`gradient`].
pub fn some_gradients(
    m: &Module,
    d: &Derived,
    seed: u64,
    most: usize,
) -> Result<(), Box<Diagnostic>> {
    let Some(objective) = &m.objective else { return Ok(()) };
    let Some(check) = Check::new(m, d, objective.node) else {
        return Err(wrong(m, Span::default(), "the graph did not expand".to_string()));
    };
    let apart = d.gradients.len().div_ceil(most.max(1)).max(1);
    for (k, (id, _)) in d.gradients.iter().enumerate().step_by(apart) {
        let s = &m.symbols[id.0 as usize];
        if s.each {
            continue;
        }
        let deviation = (0..TRIES).find_map(|t| check.direction(k, *id, seed + t));
        if let Some(Err((found, expected))) = deviation {
            let text = format!(
                "the gradient by `{}` does not pass its check: {found:e} along a \
                 direction where differences give {expected:e}",
                s.shown
            );
            return Err(wrong(m, s.span, text));
        }
    }
    Ok(())
}

/// The file's own form of a derivative is the first to look at, where it has one.
fn wrong(m: &Module, span: Span, text: String) -> Box<Diagnostic> {
    let mut own = m.functions.all[m.functions.shipped..].iter();
    let own = own.rfind(|f| f.derivative.is_some() || f.computed.is_some());
    let (span, hint) = match own {
        Some(f) => (
            f.name.span,
            format!("compare the lines below `{}` with its equation", f.name.written),
        ),
        None => (
            span,
            "this is a mistake in chainrule, not in the file: please report it"
                .to_owned(),
        ),
    };
    Box::new(Diagnostic::error(Code::M3, span, text).hint(hint))
}

/// The literal objective and the derived gradients, each in a graph of primitives.
struct Check<'a> {
    m: &'a Module,
    sizes: Sizes,
    literal: Graph,
    objective: NodeId,
    derived: Graph,
    gradients: Vec<NodeId>,
}

impl<'a> Check<'a> {
    fn new(m: &'a Module, d: &Derived, objective: NodeId) -> Option<Self> {
        let mut dims = m.dims.clone();
        let (literal, at) =
            expand::calls(&m.graph, &m.functions, m.layout, &mut dims, &[objective])?;
        let roots: Vec<NodeId> = d.gradients.iter().map(|(_, n)| *n).collect();
        let (derived, gradients) = primitives(m, &d.graph, &roots, Purpose::Training)?;
        let sizes = stand_ins(m, &literal);
        Some(Self { m, sizes, literal, objective: at[0], derived, gradients })
    }

    /// Found and expected slope if they differ; `None` where this point tells nothing.
    fn direction(
        &self,
        k: usize,
        id: SymId,
        seed: u64,
    ) -> Option<Result<(), (f64, f64)>> {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9) + 1);
        let mut env = self.values(&mut random, seed % 2 == 1);
        let Some(Value::Shared(start)) = env.symbols.get(&id).cloned() else {
            return None;
        };
        let v: Vec<f64> = start.data.iter().map(|_| random.signed()).collect();
        let g = eval_roots(&self.derived, &env, &[self.gradients[k]]);
        let g = g[self.gradients[k].0 as usize].as_ref()?.of(0).clone();
        let found: f64 = g.data.iter().zip(&v).map(|(a, b)| a * b).sum();
        let mut at = |t: f64| {
            let moved = start.data.iter().zip(&v).map(|(x, d)| x + t * d).collect();
            let moved = Mat::new(start.rows, start.cols, moved);
            env.symbols.insert(id, Value::Shared(moved));
            let all = eval_roots(&self.literal, &env, &[self.objective]);
            let value = all[self.objective.0 as usize].as_ref()?.of(0).data[0];
            value.is_finite().then_some(value)
        };
        let widths = [4e-4, 2e-4, 1e-4];
        let center = at(0.0)?;
        let (mut slopes, mut bends) = (Vec::new(), Vec::new());
        for h in widths {
            let (up, down) = (at(h)?, at(-h)?);
            slopes.push((up - down) / (2.0 * h));
            bends.push((up - 2.0 * center + down).abs() / h);
        }
        let first = (4.0 * slopes[1] - slopes[0]) / 3.0;
        let expected = (4.0 * slopes[2] - slopes[1]) / 3.0;
        let scale = found.abs().max(expected.abs()).max(center.abs() * 1e-3).max(1e-3);
        if (found - expected).abs() <= 1e-5 * scale {
            return Some(Ok(()));
        }
        // Differences that disagree among themselves tell of a kink, not of the gradient.
        let smooth = (first - expected).abs() <= 1e-6 * scale;
        let bent = bends[2] > 0.75 * bends[1] && bends[1] > 1e-2 * scale;
        (!found.is_finite() || (smooth && !bent)).then_some(Err((found, expected)))
    }

    /// A value for every symbol, mask and running average.
    fn values(&self, random: &mut Random, positive: bool) -> Env {
        let m = self.m;
        let examples = if m.symbols.iter().any(|s| s.each) { EXAMPLES } else { 1 };
        let mut env = Env { sizes: self.sizes.clone(), examples, ..Env::default() };
        for s in &m.symbols {
            let Some(mut one) = drawn(m, s, &self.sizes, positive) else { continue };
            let value = match s.each {
                true => Value::Each((0..examples).map(|_| one(random)).collect()),
                false => Value::Shared(one(random)),
            };
            env.symbols.insert(s.id, value);
        }
        self.masks(&mut env, random);
        env
    }

    fn masks(&self, env: &mut Env, random: &mut Random) {
        for (_, n) in self.literal.iter() {
            let Op::Mask(site, p, shape) = &n.op else { continue };
            let Some((r, c)) = shape.under(&self.sizes) else { continue };
            let keep = 1.0 - f64::from_bits(*p);
            let masks = (0..env.examples).map(|_| {
                let mut mask = Mat::filled(r, c, 0.0);
                for x in &mut mask.data {
                    *x = if random.number(true) < 0.6 { 1.0 / keep } else { 0.0 };
                }
                mask
            });
            env.masks.insert(*site, masks.collect());
        }
    }
}

/// Draws values of a symbol as its mark asks; a constant of the file stays what it is.
fn drawn<'m>(
    m: &'m Module,
    s: &'m crate::module::Symbol,
    sizes: &Sizes,
    positive: bool,
) -> Option<impl FnMut(&mut Random) -> Mat + 'm> {
    let (r, c) = s.shape.under(sizes)?;
    let constant = s.role == Role::None && !m.trainable.contains(&s.id);
    let kept = s.value.as_ref().filter(|v| constant && v.is_scalar()).map(|v| v.data[0]);
    Some(move |random: &mut Random| match kept {
        Some(v) => Mat::filled(r, c, v),
        None => {
            let data = (0..r * c).map(|_| random.number(positive)).collect();
            marked(Mat::new(r, c, data), known_mark(m, s), m.layout, random)
        }
    })
}

/// The module at a made-up point: stand-in sizes, one example, and a value for every symbol, as
/// its mark asks. An odd seed draws only positive numbers, for the sake of logarithms. What two
/// formulas have in common is seen there, whatever they look like.
#[must_use]
pub fn made_up(m: &Module, seed: u64) -> Module {
    let mut out = m.clone();
    out.dims.sizes = stand_ins(m, &m.graph);
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9) + 1);
    for (s, new) in m.symbols.iter().zip(&mut out.symbols) {
        let draw = drawn(m, s, &out.dims.sizes, seed % 2 == 1);
        new.value = draw.map(|mut draw| draw(&mut random));
    }
    out
}

/// Small numbers for names: distinct primes, unless a name stands beside a number somewhere.
fn stand_ins(m: &Module, g: &Graph) -> Sizes {
    let strict = Dims::default();
    let rigid = structure(g, &strict, false).is_ok();
    let mut sizes = if rigid { Sizes::new() } else { m.dims.sizes.clone() };
    let least = smallest(g);
    let primes: Vec<usize> =
        [3, 2, 5, 7, 11, 13].into_iter().filter(|p| *p >= least).collect();
    let mut next = 0;
    for (_, n) in g.iter() {
        for d in [&n.shape.rows, &n.shape.cols] {
            for a in &d.atoms {
                let Atom::Name(name) = a else { continue };
                if !sizes.contains_key(name) {
                    let size = primes.get(next % primes.len().max(1)).copied();
                    sizes.insert(name.clone(), size.unwrap_or(least));
                    next += 1;
                }
            }
        }
    }
    for (_, n) in g.iter() {
        if let Op::Size(d) = &n.op {
            for a in &d.atoms {
                if let Atom::Name(name) = a {
                    let known = m.dims.sizes.get(name).copied().unwrap_or(3);
                    sizes.entry(name.clone()).or_insert(known);
                }
            }
        }
    }
    sizes
}

/// The largest entry that is cut out by number.
fn smallest(g: &Graph) -> usize {
    let ends = g.iter().filter_map(|(_, n)| match &n.op {
        Op::Slice(b) | Op::Embed(b, _) => {
            let row = b.row.plus(&b.rows).number();
            row.max(b.col.plus(&b.cols).number())
        }
        _ => None,
    });
    ends.max().unwrap_or(1)
}

/// A symbol's mark; a worked value that is one-hot counts as one (rule 16).
fn known_mark(m: &Module, s: &crate::module::Symbol) -> Option<Mark> {
    let by_value = crate::derived::facts(m).sums_to_one.contains(&s.id);
    s.mark.or(by_value.then_some(Mark::OneHot))
}

/// Entries as the mark says: one-hot, adding to 1, 0 or 1.
fn marked(mut v: Mat, mark: Option<Mark>, layout: Layout, random: &mut Random) -> Mat {
    let rows = layout == Layout::Rows;
    if rows {
        v = v.transposed();
    }
    match mark {
        Some(Mark::OneHot) => {
            v.data.iter_mut().for_each(|x| *x = 0.0);
            for j in 0..v.cols {
                let i = random.bits() as usize % v.rows;
                *v.at_mut(i, j) = 1.0;
            }
        }
        Some(Mark::Distribution) => {
            for j in 0..v.cols {
                let total: f64 = (0..v.rows).map(|i| v.at(i, j).abs()).sum();
                (0..v.rows).for_each(|i| *v.at_mut(i, j) = v.at(i, j).abs() / total);
            }
        }
        Some(Mark::Binary | Mark::MultiHot) => {
            v.data.iter_mut().for_each(|x| *x = f64::from(u8::from(*x > 0.4)));
        }
        None => {}
    }
    if rows { v.transposed() } else { v }
}

/// A deterministic stream of numbers.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as u32
    }

    fn signed(&mut self) -> f64 {
        f64::from(self.bits()) / f64::from(1_u32 << 30) - 1.0
    }

    /// Away from 0; only positive ones where a logarithm may want them.
    fn number(&mut self, positive: bool) -> f64 {
        let x = self.signed();
        let size = 0.1 + 0.8 * x.abs();
        if positive || x > 0.0 { size } else { -size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derived::derive;
    use crate::graph::Unary;
    use crate::lower::load;

    const NETWORK: &str = "input x : D\ntarget y : K one-hot\n\
        param W1 : H×D, b1 : H\nparam W2 : K×H, b2 : K\n\
        where D = 784, H = 128, K = 10\n\
        a1 = relu(W1 x + b1)\nŷ = softmax(W2 a1 + b2)\nL = cross_entropy(y, ŷ)\n\
        minimize mean(L) + 1e-2/2 ‖W1‖²\n";

    fn both(text: &str) -> (Module, Derived) {
        let loaded = load(text, &[]);
        let m = loaded.module.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let d = derive(&m).expect("a gradient");
        (m, d)
    }

    #[test]
    fn right_gradients_pass() {
        let files = [
            NETWORK,
            "x := [1 2; 3 4]\nL = ‖x‖² + sum(sigmoid(x))\n",
            "v : N\nL = log(v[2]) + v[1] v[3]\n",
            "z := [0; 1; 2]\ny := [0; 1; 0]\nL = cross_entropy(y, softmax(z))\n",
            "input x : D\ntarget y : K one-hot\nparam W : K×D, γ : K, β : K\n\
             h = dropout(γ ⊙ batch_norm(W x) + β, 0.5)\n\
             L = cross_entropy(y, softmax(h))\nminimize mean(L)\n",
        ];
        for text in files {
            let (m, d) = both(text);
            for seed in 0..5 {
                assert_eq!(gradient(&m, &d, seed), Ok(()), "{text}");
            }
        }
    }

    /// Every gradient in turn is replaced by a wrong one of the same shape.
    #[test]
    fn a_wrong_gradient_is_refused() {
        let (m, d) = both(NETWORK);
        type Slip = fn(&mut Graph, NodeId) -> NodeId;
        let slips: [Slip; 4] = [
            |g, n| g.unary(Unary::Neg, n),
            |g, n| {
                let c = g.number(1.001);
                g.binary(crate::graph::Binary::Mul, c, n)
            },
            |g, n| {
                let shape = g[n].shape.clone();
                g.fill(0.0, shape)
            },
            |g, n| {
                let c = g.number(0.01);
                g.binary(crate::graph::Binary::Add, n, c)
            },
        ];
        for k in 0..d.gradients.len() {
            for slip in slips {
                let mut bad = d.clone();
                bad.gradients[k].1 = slip(&mut bad.graph, d.gradients[k].1);
                let refused = gradient(&m, &bad, 0).expect_err("a wrong gradient");
                assert_eq!(refused.code, Code::M3);
                let name = &m.symbols[d.gradients[k].0.0 as usize].shown;
                assert!(refused.message.contains(&format!("`{name}`")));
            }
        }
    }

    /// A derivative line that is wrong goes through every pass and is caught at the end.
    #[test]
    fn a_wrong_derivative_rule_is_refused() {
        let (m, _) = both(NETWORK);
        for (name, wrong) in
            [("relu", "1 if z > 0 else 0.1"), ("softmax", "softmax(z) ⊙ g")]
        {
            let mut m = m.clone();
            let id = m.functions.find(name).expect("shipped");
            let known =
                |n: &str| crate::lower::is_builtin(n) || m.functions.find(n).is_some();
            let (e, bad) = crate::syntax::parse_expression(wrong, &known);
            assert!(bad.is_empty());
            m.functions.all[id.0 as usize].derivative = Some(e);
            // The loss as a plain sum of squares, so that no rewrite passes softmax by.
            let text = NETWORK.replace("cross_entropy(y, ŷ)", "half_mse(y, ŷ)");
            let mut other = load(&text, &[]).module.expect("a file");
            other.functions = m.functions.clone();
            let d = derive(&other).expect("a gradient");
            let refused = gradient(&other, &d, 0).expect_err(name);
            assert_eq!(refused.code, Code::M3, "{name}");
        }
    }

    #[test]
    fn a_broken_structure_is_named() {
        let (m, d) = both(NETWORK);
        assert_eq!(structure(&d.graph, &m.dims, false), Ok(()));
        assert!(
            structure(&d.graph, &m.dims, true).is_err(),
            "calls are kept for readers"
        );
        let mut g = d.graph.clone();
        let a = g.fill(1.0, Shape::new(Dim::size(2), Dim::size(3)));
        g.matmul(a, a);
        assert!(structure(&g, &m.dims, false).is_err());
    }

    #[test]
    fn the_check_of_a_large_network_is_quick() {
        let (m, d) = both(NETWORK);
        let start = std::time::Instant::now();
        assert_eq!(gradient(&m, &d, 3), Ok(()));
        assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    }
}
