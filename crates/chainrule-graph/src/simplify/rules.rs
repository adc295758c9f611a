//! The table of rewrites: name, what it says, when it may be used, what it does.

use crate::diag::Span;
use crate::graph::{Axis, Binary, NodeId, Op, Unary};
use crate::ops::elementwise;
use crate::shape::Dim;

use super::{Simplifier, product, stable};

/// When a rewrite is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before differentiation: stable forms of what a user wrote out.
    Recognise,
    /// After differentiation: the form that a lecturer writes.
    Reader,
    /// After `expand`: for the machine.
    Machine,
    /// In the second and third.
    Always,
}

impl Stage {
    pub(crate) fn runs_in(self, now: Self) -> bool {
        match self {
            Self::Always => now != Self::Recognise,
            own => own == now,
        }
    }
}

/// What a rewrite does: the new node, or `None` where it does not fit.
pub(crate) type Apply =
    fn(&mut Simplifier<'_, '_>, &Op, &[NodeId], Span) -> Option<NodeId>;

/// One entry of the table.
pub struct Rule {
    /// Its name, shown in derivations.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// When it is used.
    pub stage: Stage,
    pub(crate) apply: Apply,
}

/// Every rewrite, tried in this order.
pub static RULES: &[Rule] = &[
    Rule {
        name: "constants",
        about: "numbers are computed",
        stage: Stage::Always,
        apply: constants,
    },
    Rule {
        name: "identity",
        about: "identity(z) = z",
        stage: Stage::Always,
        apply: identity,
    },
    Rule {
        name: "neutral",
        about: "a + 0 = a, 1 a = a, 0 a = 0, a¹ = a, a⁰ = 1",
        stage: Stage::Always,
        apply: neutral,
    },
    Rule {
        name: "signs",
        about: "a + (−b) = a − b, −(a − b) = b − a",
        stage: Stage::Always,
        apply: signs,
    },
    Rule {
        name: "transpose",
        about: "(Aᵀ)ᵀ = A, (A B)ᵀ = Bᵀ Aᵀ",
        stage: Stage::Always,
        apply: transpose,
    },
    Rule {
        name: "one-hot sum",
        about: "Σy = 1 for a one-hot y or a distribution",
        stage: Stage::Always,
        apply: one_hot_sum,
    },
    Rule {
        name: "sum",
        about: "a sum of one entry is that entry; n equal entries are n times one",
        stage: Stage::Always,
        apply: sum,
    },
    Rule {
        name: "index product",
        about: "Σ_j W_ij x_j = W x",
        stage: Stage::Recognise,
        apply: stable::index_product,
    },
    Rule {
        name: "root of a square",
        about: "(√a)² = a",
        stage: Stage::Always,
        apply: root_square,
    },
    Rule {
        name: "cases",
        about: "equal cases are one; equal conditions are one",
        stage: Stage::Always,
        apply: cases,
    },
    Rule {
        name: "sigmoid with binary cross-entropy",
        about: "((1 − y)/(1 − a) − y/a) ⊙ a ⊙ (1 − a) = a − y",
        stage: Stage::Always,
        apply: product::sigmoid_bce,
    },
    Rule {
        name: "products",
        about: "scalars stand in front, equal factors cancel",
        stage: Stage::Always,
        apply: product::normal,
    },
    Rule {
        name: "scalars in front",
        about: "A (s B) = s (A B), Σ(s a) = s Σa",
        stage: Stage::Always,
        apply: product::linear,
    },
    Rule {
        name: "common factor",
        about: "s a + s b = s (a + b)",
        stage: Stage::Always,
        apply: product::common_scalar,
    },
    Rule {
        name: "identity matrix",
        about: "I A = A, diag(a) diag(b) = diag(a ⊙ b)",
        stage: Stage::Always,
        apply: eye,
    },
    Rule {
        name: "mean over examples",
        about: "the mean of what is the same for all examples is that",
        stage: Stage::Always,
        apply: example_mean,
    },
    Rule {
        name: "repeated",
        about: "a repeated scalar is a factor; a repeated constant is a constant",
        stage: Stage::Always,
        apply: repeated,
    },
    Rule {
        name: "softmax",
        about: "exp(z)/Σexp(z) = softmax(z)",
        stage: Stage::Recognise,
        apply: stable::softmax,
    },
    Rule {
        name: "sigmoid",
        about: "1/(1 + exp(−z)) = σ(z)",
        stage: Stage::Recognise,
        apply: stable::sigmoid,
    },
    Rule {
        name: "log of softmax",
        about: "log softmax(z) = z − log Σexp(z)",
        stage: Stage::Reader,
        apply: stable::log_softmax,
    },
    Rule {
        name: "log of sigmoid",
        about: "log σ(z) = −softplus(−z), log(1 − σ(z)) = −softplus(z)",
        stage: Stage::Reader,
        apply: stable::log_sigmoid,
    },
    Rule {
        name: "softplus",
        about: "log(1 + exp(z)) = softplus(z)",
        stage: Stage::Recognise,
        apply: stable::softplus,
    },
    Rule {
        name: "logsumexp",
        about: "log Σexp(z) = logsumexp(z)",
        stage: Stage::Recognise,
        apply: stable::logsumexp,
    },
];

fn constants(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    _: Span,
) -> Option<NodeId> {
    let values: Option<Vec<f64>> = args.iter().map(|&a| s.g.constant(a)).collect();
    let values = values?;
    let v = match (op, values.as_slice()) {
        (Op::Unary(u), [a]) => (elementwise::unary(*u).value)(*a),
        (Op::Binary(b), [a, c]) => (elementwise::binary(*b).value)(*a, *c),
        (Op::Select, [c, a, b]) => {
            if *c != 0.0 {
                *a
            } else {
                *b
            }
        }
        (Op::ExMean, [a]) => *a,
        _ => return None,
    };
    if matches!(op, Op::Binary(Binary::Div))
        && v.fract() != 0.0
        && s.stage == Stage::Reader
    {
        return None;
    }
    let wide = args.iter().find(|a| !s.scalar(**a)).or(args.first())?;
    let shape = s.g[*wide].shape.clone();
    Some(s.g.fill(v, shape))
}

fn identity(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    _: Span,
) -> Option<NodeId> {
    let plain = |f| {
        let entry = s.cx.functions.get(f);
        let own = &entry.params.first()?.name.key;
        matches!(&entry.body.kind, crate::syntax::ast::ExprKind::Name(n) if n.key == *own)
            .then_some(())
    };
    match op {
        Op::Call(f, None) => plain(*f).map(|()| args[0]),
        Op::Deriv(f, 0) => {
            plain(*f)?;
            let shape = s.g[args[0]].shape.clone();
            Some(s.g.fill(1.0, shape))
        }
        _ => None,
    }
}

/// The node if it has the shape of the whole operation, else repeated to it.
fn shaped(s: &mut Simplifier<'_, '_>, n: NodeId, like: &[NodeId]) -> NodeId {
    let wide = like.iter().find(|a| !s.scalar(**a));
    match wide {
        Some(w) if s.scalar(n) => {
            let shape = s.g[*w].shape.clone();
            let span = s.g[n].span;
            s.node(Op::Broadcast(Axis::All, shape), &[n], span)
        }
        _ => n,
    }
}

fn neutral(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    _: Span,
) -> Option<NodeId> {
    let Op::Binary(b) = op else { return None };
    let (x, y) = (args[0], args[1]);
    let (zero_x, zero_y) = (s.is_number(x, 0.0), s.is_number(y, 0.0));
    let (one_x, one_y) = (s.is_number(x, 1.0), s.is_number(y, 1.0));
    match b {
        Binary::Add if zero_x => Some(shaped(s, y, args)),
        Binary::Add | Binary::Sub if zero_y => Some(shaped(s, x, args)),
        Binary::Sub if zero_x => {
            let n = s.un(Unary::Neg, y);
            Some(shaped(s, n, args))
        }
        Binary::Mul if one_x => Some(shaped(s, y, args)),
        Binary::Mul | Binary::Div | Binary::Pow if one_y => Some(shaped(s, x, args)),
        Binary::Mul if zero_x || zero_y => {
            let n = s.number(0.0);
            Some(shaped(s, n, args))
        }
        Binary::XDivY | Binary::XLogY if zero_x => {
            let n = s.number(0.0);
            Some(shaped(s, n, args))
        }
        Binary::Pow if zero_y => {
            let n = s.number(1.0);
            Some(shaped(s, n, args))
        }
        _ => None,
    }
}

fn signs(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    _: Span,
) -> Option<NodeId> {
    match op {
        Op::Binary(Binary::Add) => {
            if let Some(b) = s.under(Unary::Neg, args[1]) {
                return Some(s.bin(Binary::Sub, args[0], b));
            }
            let a = s.under(Unary::Neg, args[0])?;
            Some(s.bin(Binary::Sub, args[1], a))
        }
        Op::Binary(Binary::Sub) => {
            if args[0] == args[1] {
                let shape = s.g[args[0]].shape.clone();
                return Some(s.g.fill(0.0, shape));
            }
            if let Some(b) = s.under(Unary::Neg, args[1]) {
                return Some(s.bin(Binary::Add, args[0], b));
            }
            let a = s.under(Unary::Neg, args[0])?;
            let sum = s.bin(Binary::Add, a, args[1]);
            Some(s.un(Unary::Neg, sum))
        }
        Op::Unary(Unary::Neg) => {
            if let Some(x) = s.under(Unary::Neg, args[0]) {
                return Some(x);
            }
            let (a, b) = s.pair(Binary::Sub, args[0])?;
            Some(s.bin(Binary::Sub, b, a))
        }
        _ => None,
    }
}

fn transpose(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    if *op != Op::Transpose {
        return None;
    }
    let x = args[0];
    if s.scalar(x) {
        return Some(x);
    }
    let (inner, inner_args) = s.look(x)?;
    let (inner, inner_args) = (inner.clone(), inner_args.to_vec());
    match inner {
        Op::Transpose => Some(inner_args[0]),
        Op::Eye(_) | Op::Diag => Some(x),
        Op::Fill(bits, shape) => Some(s.g.fill(f64::from_bits(bits), shape.transposed())),
        Op::MatMul if s.facts.named.contains(&x) => None,
        Op::MatMul => {
            let a = s.node(Op::Transpose, &[inner_args[0]], span);
            let b = s.node(Op::Transpose, &[inner_args[1]], span);
            Some(s.node(Op::MatMul, &[b, a], span))
        }
        Op::Unary(Unary::Neg) => {
            let t = s.node(Op::Transpose, &inner_args, span);
            Some(s.un(Unary::Neg, t))
        }
        Op::Broadcast(axis, shape) => {
            let t = s.node(Op::Transpose, &inner_args, span);
            let axis = match axis {
                Axis::Rows => Axis::Cols,
                Axis::Cols => Axis::Rows,
                Axis::All => Axis::All,
            };
            Some(s.node(Op::Broadcast(axis, shape.transposed()), &[t], span))
        }
        _ => None,
    }
}

/// Columns (in `rows`: rows) of the symbol add to 1.
fn one_hot_sum(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    _: Span,
) -> Option<NodeId> {
    let Op::Sum(axis) = op else { return None };
    let Op::Symbol(sym) = s.g[args[0]].op else { return None };
    if !s.facts.sums_to_one.contains(&sym) {
        return None;
    }
    let shape = s.g[args[0]].shape.clone();
    let rows_are_examples = s.cx.layout == crate::syntax::ast::Layout::Rows;
    match axis {
        Axis::All => {
            let examples = if rows_are_examples { &shape.rows } else { &shape.cols };
            Some(size(s, examples))
        }
        Axis::Rows if !rows_are_examples => {
            let shape = crate::shape::Shape::new(Dim::ONE, shape.cols);
            Some(s.g.fill(1.0, shape))
        }
        Axis::Cols if rows_are_examples => {
            let shape = crate::shape::Shape::new(shape.rows, Dim::ONE);
            Some(s.g.fill(1.0, shape))
        }
        _ => None,
    }
}

/// A dimension as a number or a size node.
pub(super) fn size(s: &mut Simplifier<'_, '_>, d: &Dim) -> NodeId {
    match d.number() {
        Some(n) => s.number(n as f64),
        None => s.g.add(Op::Size(d.clone()), &[], Span::default()),
    }
}

fn sum(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let (axis, x) = match op {
        Op::Sum(axis) => (*axis, args[0]),
        Op::MaxOf(_) | Op::MinOf(_) if s.scalar(args[0]) => return Some(args[0]),
        _ => return None,
    };
    let shape = s.g[x].shape.clone();
    match axis {
        _ if shape.is_scalar() => return Some(x),
        Axis::Rows if shape.rows.is_one() => return Some(x),
        Axis::Cols if shape.cols.is_one() => return Some(x),
        Axis::Rows if shape.cols.is_one() => {
            return Some(s.node(Op::Sum(Axis::All), args, span));
        }
        Axis::Cols if shape.rows.is_one() => {
            return Some(s.node(Op::Sum(Axis::All), args, span));
        }
        _ => {}
    }
    if let Some(inner) = s.under(Unary::Neg, x) {
        let t = s.node(Op::Sum(axis), &[inner], span);
        return Some(s.un(Unary::Neg, t));
    }
    let (inner, inner_args) = s.look(x)?;
    match (inner.clone(), inner_args.to_vec()) {
        (Op::Transpose, a) if axis == Axis::All => Some(s.node(Op::Sum(axis), &a, span)),
        (Op::Broadcast(from, _), a) => {
            let n = match (axis, from) {
                (Axis::All, Axis::All) => {
                    let (r, c) = (size(s, &shape.rows), size(s, &shape.cols));
                    s.bin(Binary::Mul, r, c)
                }
                (Axis::Rows, Axis::Rows) => size(s, &shape.rows),
                (Axis::Cols, Axis::Cols) => size(s, &shape.cols),
                _ => return None,
            };
            Some(s.bin(Binary::Mul, n, a[0]))
        }
        (Op::Fill(bits, _), _) if axis == Axis::All => {
            let (r, c) = (size(s, &shape.rows), size(s, &shape.cols));
            let n = s.bin(Binary::Mul, r, c);
            let v = s.number(f64::from_bits(bits));
            Some(s.bin(Binary::Mul, v, n))
        }
        _ => None,
    }
}

fn root_square(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    _: Span,
) -> Option<NodeId> {
    match op {
        Op::Binary(Binary::Pow) if s.is_number(args[1], 2.0) => {
            s.under(Unary::Sqrt, args[0])
        }
        _ => None,
    }
}

fn eye(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    if *op != Op::MatMul {
        return None;
    }
    if let (Some((Op::Diag, &[a])), Some((Op::Diag, &[b]))) =
        (s.look(args[0]), s.look(args[1]))
    {
        // The inner one acts first and is read first.
        let both = s.bin(Binary::Mul, b, a);
        return Some(s.node(Op::Diag, &[both], span));
    }
    let is = |n: NodeId| matches!(s.g[n].op, Op::Eye(_));
    if is(args[0]) {
        return Some(args[1]);
    }
    is(args[1]).then(|| args[0])
}

fn example_mean(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    _: Span,
) -> Option<NodeId> {
    (*op == Op::ExMean && !s.g[args[0]].each).then(|| args[0])
}

fn repeated(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    match op {
        Op::Broadcast(_, shape) => {
            if s.g[args[0]].shape == *shape {
                return Some(args[0]);
            }
            if let Some(c) = s.g.constant(args[0]) {
                return Some(s.g.fill(c, shape.clone()));
            }
            if let Some((Op::Broadcast(Axis::All, _), &[x])) = s.look(args[0]) {
                let all = Op::Broadcast(Axis::All, shape.clone());
                return Some(s.node(all, &[x], span));
            }
            if let Some(x) = s.under(Unary::Neg, args[0]) {
                let b = s.node(op.clone(), &[x], span);
                return Some(s.un(Unary::Neg, b));
            }
            None
        }
        Op::Binary(Binary::Mul | Binary::Add | Binary::Sub | Binary::Div)
        | Op::Select => narrow_scalars(s, op, args, span),
        _ => None,
    }
}

/// A scalar repeated to a shape that another operand has anyway: the scalar serves.
fn narrow_scalars(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let repeated = |n: NodeId| match s.look(n) {
        Some((Op::Broadcast(Axis::All, _), [x])) => Some(*x),
        Some((Op::Fill(..), [])) if !s.scalar(n) => Some(n),
        _ => None,
    };
    let place = args.iter().position(|&a| repeated(a).is_some())?;
    let others = args.iter().enumerate().any(|(i, &a)| i != place && !s.scalar(a));
    if !others {
        return None;
    }
    let inner = repeated(args[place])?;
    let value = s.g.constant(inner).filter(|_| inner == args[place]);
    let mut new = args.to_vec();
    new[place] = match value {
        Some(c) => s.number(c),
        None => inner,
    };
    Some(s.node(op.clone(), &new, span))
}

/// The condition and cases of a node that picks.
fn picked(s: &Simplifier<'_, '_>, n: NodeId) -> Option<(NodeId, NodeId, NodeId)> {
    match s.look(n)? {
        (Op::Select, &[c, a, b]) => Some((c, a, b)),
        _ => None,
    }
}

/// (a if c else b) + (d if c else e) = a + d if c else b + e.
fn same_condition(s: &mut Simplifier<'_, '_>, args: &[NodeId]) -> Option<NodeId> {
    let ((c, x, y), (d, p, q)) = (picked(s, args[0])?, picked(s, args[1])?);
    if c != d {
        return None;
    }
    let (x, y) = (s.bin(Binary::Add, x, p), s.bin(Binary::Add, y, q));
    let span = s.g[args[0]].span;
    Some(s.node(Op::Select, &[c, x, y], span))
}

/// s (1 if c else 0) = s if c else 0, where s is a number or an argument.
fn scaled_cases(s: &mut Simplifier<'_, '_>, factor: NodeId, n: NodeId) -> Option<NodeId> {
    let (c, x, y) = picked(s, n)?;
    let numbers = s.g.constant(x).is_some() && s.g.constant(y).is_some();
    let plain = matches!(s.g[factor].op, Op::Slot(..) | Op::Fill(..));
    if !numbers || !plain || !s.scalar(factor) {
        return None;
    }
    let (x, y) = (s.bin(Binary::Mul, factor, x), s.bin(Binary::Mul, factor, y));
    let span = s.g[n].span;
    Some(s.node(Op::Select, &[c, x, y], span))
}

/// Inside a case its condition is known: (k (x if c else 0)) if c else y = k x if c else y.
fn same_case_inside(s: &mut Simplifier<'_, '_>, args: &[NodeId]) -> Option<NodeId> {
    let x = assuming(s, args[1], (args[0], true), 8);
    let y = assuming(s, args[2], (args[0], false), 8);
    if x.is_none() && y.is_none() {
        return None;
    }
    let (x, y) = (x.unwrap_or(args[1]), y.unwrap_or(args[2]));
    let wide = |n: NodeId| !s.scalar(n);
    let kept = wide(args[0]) || wide(x) || wide(y) || !args.iter().any(|&a| wide(a));
    let span = s.g[args[1]].span;
    kept.then(|| s.node(Op::Select, &[args[0], x, y], span))
}

/// A value where a condition holds (or does not); `None` if that changes nothing.
fn assuming(
    s: &mut Simplifier<'_, '_>,
    n: NodeId,
    known: (NodeId, bool),
    depth: usize,
) -> Option<NodeId> {
    let (op, args) = s.look(n)?;
    let (op, args) = (op.clone(), args.to_vec());
    match op {
        Op::Select if args[0] == known.0 => {
            let taken = args[if known.1 { 1 } else { 2 }];
            Some(assuming(s, taken, known, depth).unwrap_or(taken))
        }
        Op::Unary(_) | Op::Binary(_) | Op::Select if depth > 0 => {
            let new: Vec<Option<NodeId>> =
                args.iter().map(|&a| assuming(s, a, known, depth - 1)).collect();
            if new.iter().all(Option::is_none) {
                return None;
            }
            let args: Vec<NodeId> =
                new.iter().zip(&args).map(|(n, a)| n.unwrap_or(*a)).collect();
            let span = s.g[n].span;
            Some(s.node(op, &args, span))
        }
        _ => None,
    }
}

fn cases(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    _: Span,
) -> Option<NodeId> {
    if *op != Op::Select {
        return match op {
            Op::Binary(Binary::Add) => same_condition(s, args),
            Op::Binary(Binary::Mul) => scaled_cases(s, args[0], args[1])
                .or_else(|| scaled_cases(s, args[1], args[0])),
            _ => None,
        };
    }
    if let Some(n) = same_case_inside(s, args) {
        return Some(n);
    }
    if args[1] == args[2] && (!s.scalar(args[1]) || s.scalar(args[0])) {
        return Some(args[1]);
    }
    let c = s.g.constant(args[0])?;
    let taken = if c != 0.0 { args[1] } else { args[2] };
    Some(shaped(s, taken, args))
}
