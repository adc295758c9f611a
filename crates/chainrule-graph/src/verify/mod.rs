//! Checks of our own work: the structure of a graph after each pass, gradients against
//! differences of the literal evaluation.
//!
//! In: a module and what was derived from it. Out: nothing, or what is wrong (M3: our bug).
//! Named dimensions get small stand-in sizes, so that the check of a large network costs no more
//! than that of a small one. The reference shares no rewrite with what is checked: it is the
//! graph as lowered, its calls put in, evaluated as it stands.

mod differences;
mod points;

pub use points::made_up;

use crate::derived::Derived;
use crate::diag::{Code, Diagnostic, Span};
use crate::eval::Env;
use crate::expand::Purpose;
use crate::graph::{Graph, NodeId, Op, SymId};
use crate::module::Module;
use crate::shape::{Atom, Dim, Dims, Shape};
use differences::{Check, Held};

/// What holds for every graph between two passes; `Err` names the first node that breaks it.
///
/// # Errors
/// An argument that comes after its node, a shape that is not that of the operation, operands
/// that do not fit, an open dimension, or a call in a graph of primitives.
pub fn structure(g: &Graph, dims: &Dims, only_primitives: bool) -> Result<(), String> {
    broken(g, dims, only_primitives)
        .map_err(|(id, what)| format!("node {} {:?}: {what}", id.0, g[id].op))
}

/// The same; an error has the node.
pub(crate) fn broken(
    g: &Graph,
    dims: &Dims,
    only_primitives: bool,
) -> Result<(), (NodeId, String)> {
    for (id, node) in g.iter() {
        let bad = |what: &str| Err((id, what.to_owned()));
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
        Op::Broadcast(_, to) => {
            let side = |own: &Dim, to: &Dim| own.is_one() || dims.equal(own, to);
            side(&shape(0).rows, &to.rows) && side(&shape(0).cols, &to.cols)
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

/// Every gradient against directional differences of the objective at made-up values. The symbols that
/// no made-up point says anything about: their gradients are neither right nor wrong by this.
///
/// All symbols are moved at once, each so far that it counts as much as any other; only where that is
/// not seen to hold, fewer are, at last one, which alone decides what is wrong.
///
/// # Errors
/// M3 with the symbol whose gradient is wrong.
pub fn gradient(
    m: &Module,
    d: &Derived,
    seed: u64,
) -> Result<Vec<SymId>, Box<Diagnostic>> {
    let Some(objective) = &m.objective else { return Ok(Vec::new()) };
    told(m, d, Check::new(m, d, objective.node, seed))
}

/// The same at given values rather than at made-up ones.
///
/// # Errors
/// As [`gradient`].
pub fn gradient_at(
    m: &Module,
    d: &Derived,
    values: Env,
    purpose: Purpose,
) -> Result<Vec<SymId>, Box<Diagnostic>> {
    let Some(objective) = &m.objective else { return Ok(Vec::new()) };
    told(m, d, Check::given(m, d, objective.node, (values, purpose)))
}

fn told(
    m: &Module,
    d: &Derived,
    check: Option<Check<'_>>,
) -> Result<Vec<SymId>, Box<Diagnostic>> {
    let Some(check) = check else {
        return Err(wrong(m, Span::default(), "the graph did not expand".to_string()));
    };
    let learned = |k: &usize| !m.symbols[d.gradients[*k].0.0 as usize].each;
    let all: Vec<usize> = (0..d.gradients.len()).filter(learned).collect();
    let mut untold = Vec::new();
    for (k, found) in check.held(&all) {
        let id = d.gradients[k].0;
        match found {
            Held::Agrees => {}
            Held::Untold => untold.push(id),
            Held::Differs(found, expected) => {
                return Err(differs(m, id, found, expected));
            }
        }
    }
    Ok(untold)
}

/// What is to be said of symbols that no made-up point told about.
#[must_use]
pub fn untold(m: &Module, ids: &[SymId]) -> Option<Diagnostic> {
    let symbol = |id: &SymId| &m.symbols[id.0 as usize];
    let names: Vec<&str> = ids.iter().take(4).map(|id| &*symbol(id).shown).collect();
    let more = if ids.len() > 4 { ", …" } else { "" };
    let text = format!(
        "the gradient by {}{more} could not be held against differences: at no made-up point are there any",
        names.join(", ")
    );
    let first = symbol(ids.first()?);
    let hint = "what is minimised overflows there, or jumps; `explain` with values of your own compares at those";
    Some(Diagnostic::note(Code::M3, first.span, text).hint(hint))
}

fn differs(m: &Module, id: SymId, found: f64, expected: f64) -> Box<Diagnostic> {
    let s = &m.symbols[id.0 as usize];
    let text = format!(
        "the gradient by `{}` does not pass its check: {found:e} along a direction where \
         differences give {expected:e}",
        s.shown
    );
    wrong(m, s.span, text)
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
                assert_eq!(gradient(&m, &d, seed), Ok(vec![]), "{text}");
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
        assert_eq!(gradient(&m, &d, 3), Ok(vec![]));
        assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    }
}
