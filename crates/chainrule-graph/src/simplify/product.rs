//! Products in a normal form: one number, scalars, then entries, then divisors; equal factors
//! cancel; scalars are drawn out of matrix products, sums and transposes.

use crate::diag::Span;
use crate::graph::{Axis, Binary, NodeId, Op, Unary};

use super::{Simplifier, Stage};

/// A product taken apart: c · Π snum / Π sden · (num₁ ⊙ num₂ …) / (den₁ …).
#[derive(Clone, Debug, Default)]
struct Factors {
    c: f64,
    snum: Vec<NodeId>,
    sden: Vec<NodeId>,
    num: Vec<NodeId>,
    den: Vec<NodeId>,
}

impl Factors {
    fn one() -> Self {
        Self { c: 1.0, ..Self::default() }
    }

    fn has_scalars(&self) -> bool {
        self.c != 1.0 || !self.snum.is_empty() || !self.sden.is_empty()
    }
}

fn collect(s: &Simplifier<'_, '_>, n: NodeId, inverse: bool, f: &mut Factors) {
    if let Some(v) = s.g.constant(n).filter(|v| s.scalar(n) && *v != 0.0) {
        if inverse {
            f.c /= v;
        } else {
            f.c *= v;
        }
        return;
    }
    match s.look(n) {
        Some((Op::Binary(Binary::Mul), &[a, b])) => {
            collect(s, a, inverse, f);
            collect(s, b, inverse, f);
        }
        Some((Op::Binary(Binary::Div), &[a, b])) => {
            collect(s, a, inverse, f);
            collect(s, b, !inverse, f);
        }
        Some((Op::Unary(Unary::Neg), &[a])) => {
            f.c = -f.c;
            collect(s, a, inverse, f);
        }
        // A repeated scalar is a factor; `build` repeats it again if nothing else is wide.
        Some((Op::Broadcast(Axis::All, _), &[x])) => collect(s, x, inverse, f),
        _ => {
            let place = match (s.scalar(n), inverse) {
                (true, false) => &mut f.snum,
                (true, true) => &mut f.sden,
                (false, false) => &mut f.num,
                (false, true) => &mut f.den,
            };
            place.push(n);
        }
    }
}

/// Takes equal nodes out of both lists; x/y · y = x for the safe quotient too.
fn cancel(s: &Simplifier<'_, '_>, num: &mut Vec<NodeId>, den: &mut Vec<NodeId>) -> bool {
    let mut changed = false;
    den.retain(|d| match num.iter().position(|n| n == d) {
        Some(i) => {
            num.remove(i);
            changed = true;
            false
        }
        None => true,
    });
    while let Some((i, x, j)) = safe_quotient(s, num) {
        num[i] = x;
        num.remove(j);
        changed = true;
    }
    changed
}

fn safe_quotient(
    s: &Simplifier<'_, '_>,
    num: &[NodeId],
) -> Option<(usize, NodeId, usize)> {
    num.iter().enumerate().find_map(|(i, &q)| {
        let (x, y) = s.pair(Binary::XDivY, q)?;
        let j = num.iter().position(|&n| n == y)?;
        Some((i, x, j))
    })
}

/// The normal form of a product, quotient or negative.
pub(super) fn normal(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let mut f = Factors::one();
    match op {
        Op::Binary(Binary::Mul) => {
            collect(s, args[0], false, &mut f);
            collect(s, args[1], false, &mut f);
        }
        Op::Binary(Binary::Div) if !s.is_number(args[1], 0.0) => {
            collect(s, args[0], false, &mut f);
            collect(s, args[1], true, &mut f);
        }
        Op::Unary(Unary::Neg) => {
            f.c = -1.0;
            collect(s, args[0], false, &mut f);
        }
        _ => return None,
    }
    if !f.c.is_finite() || f.c == 0.0 {
        return None;
    }
    let wide = args.iter().find(|a| !s.scalar(**a)).map(|a| s.g[*a].shape.clone());
    cancel(s, &mut f.snum, &mut f.sden);
    cancel(s, &mut f.num, &mut f.den);
    // What a safe quotient leaves may be a scalar: of y/p · p with one y for all p.
    f.snum.extend(f.num.extract_if(.., |n| s.scalar(*n)));
    spread_numbers(s, &mut f);
    flip_difference(s, &mut f);
    let built = build(s, &f, wide, span);
    let same = s.g[built].op == *op && s.g[built].args == args;
    if same { None } else { Some(built) }
}

/// A constant in every entry is a number, as long as another factor keeps the shape.
fn spread_numbers(s: &mut Simplifier<'_, '_>, f: &mut Factors) {
    while f.num.len() + f.den.len() > 1 {
        let Some(i) =
            f.num.iter().position(|&n| s.g.constant(n).is_some_and(|v| v != 0.0))
        else {
            return;
        };
        let n = f.num.remove(i);
        f.c *= s.g.constant(n).unwrap_or(1.0);
    }
}

/// −(a − b) ⊙ … = (b − a) ⊙ …
fn flip_difference(s: &mut Simplifier<'_, '_>, f: &mut Factors) {
    if f.c >= 0.0 {
        return;
    }
    let lists = [&f.num, &f.snum];
    let found = lists.iter().enumerate().find_map(|(k, list)| {
        let i = list.iter().position(|&n| s.pair(Binary::Sub, n).is_some())?;
        Some((k, i))
    });
    let Some((k, i)) = found else { return };
    let n = if k == 0 { f.num[i] } else { f.snum[i] };
    let Some((a, b)) = s.pair(Binary::Sub, n) else { return };
    if s.is_number(a, 1.0) {
        return;
    }
    let swapped = s.bin(Binary::Sub, b, a);
    if k == 0 {
        f.num[i] = swapped;
    } else {
        f.snum[i] = swapped;
    }
    f.c = -f.c;
}

/// The scalar part: c s₁ s₂ / (d₁ d₂), without its sign; `None` if it is 1.
fn scalar_part(s: &mut Simplifier<'_, '_>, f: &Factors, span: Span) -> Option<NodeId> {
    let mut top: Option<NodeId> = None;
    let c = f.c.abs();
    let add = |s: &mut Simplifier<'_, '_>, b: Binary, x: NodeId, y: NodeId| {
        s.g.add(Op::Binary(b), &[x, y], span)
    };
    // A number below 1 that is 1/k reads better as a divisor: 1/2, 1/m.
    let (c, divisor) = match c.recip() {
        k if c != 1.0 && k.fract() == 0.0 && k <= 64.0 && s.stage == Stage::Reader => {
            (1.0, k)
        }
        _ => (c, 1.0),
    };
    if c != 1.0 {
        top = Some(s.number(c));
    }
    // A sum stands behind its factor: 1/m sum(e), not sum(e)/m.
    let reduces = |s: &Simplifier<'_, '_>, x: NodeId| {
        matches!(s.g[x].op, Op::Sum(_) | Op::MatMul | Op::ExMean)
    };
    let (core, front): (Vec<_>, Vec<_>) = f.snum.iter().partition(|&&x| reduces(s, x));
    let divides = divisor != 1.0 || !f.sden.is_empty();
    let behind = if divides { core } else { Vec::new() };
    let before: &[NodeId] = if divides { &front } else { &f.snum };
    for &x in before {
        top = Some(match top {
            Some(t) => add(s, Binary::Mul, t, x),
            None => x,
        });
    }
    let mut bottom: Option<NodeId> = (divisor != 1.0).then(|| s.number(divisor));
    for &x in &f.sden {
        bottom = Some(match bottom {
            Some(b) => add(s, Binary::Mul, b, x),
            None => x,
        });
    }
    let mut value = match (top, bottom) {
        (t, None) => t,
        (t, Some(b)) => {
            let t = t.unwrap_or_else(|| s.number(1.0));
            Some(add(s, Binary::Div, t, b))
        }
    };
    for x in behind {
        value = Some(match value {
            Some(v) => add(s, Binary::Mul, v, x),
            None => x,
        });
    }
    value
}

/// The node of a product taken apart.
fn build(
    s: &mut Simplifier<'_, '_>,
    f: &Factors,
    wide: Option<crate::shape::Shape>,
    span: Span,
) -> NodeId {
    let add = |s: &mut Simplifier<'_, '_>, b: Binary, x: NodeId, y: NodeId| {
        s.g.add(Op::Binary(b), &[x, y], span)
    };
    let mut entries: Option<NodeId> = None;
    for &x in &f.num {
        entries = Some(match entries {
            Some(e) => add(s, Binary::Mul, e, x),
            None => x,
        });
    }
    let mut scalar = scalar_part(s, f, span);
    if entries.is_none()
        && let Some(shape) = wide
        && f.den.is_empty()
    {
        entries = Some(match scalar.take() {
            Some(x) => match s.g.constant(x) {
                Some(v) => s.g.fill(v, shape),
                None => s.g.add(Op::Broadcast(Axis::All, shape), &[x], span),
            },
            None => s.g.fill(1.0, shape),
        });
    }
    for &x in &f.den {
        let top = entries.take().or_else(|| scalar.take());
        let top = top.unwrap_or_else(|| s.number(1.0));
        entries = Some(add(s, Binary::Div, top, x));
    }
    let value = match (scalar, entries) {
        (Some(c), Some(e)) => match (s.g.constant(c), s.g.constant(e)) {
            (Some(a), Some(b)) => {
                let shape = s.g[e].shape.clone();
                s.g.fill(a * b, shape)
            }
            _ => add(s, Binary::Mul, c, e),
        },
        (Some(c), None) => c,
        (None, Some(e)) => e,
        (None, None) => s.number(1.0),
    };
    if f.c > 0.0 {
        return value;
    }
    match s.g.constant(value) {
        Some(v) => {
            let shape = s.g[value].shape.clone();
            s.g.fill(-v, shape)
        }
        None => s.g.add(Op::Unary(Unary::Neg), &[value], span),
    }
}

/// The scalars of a product and the rest, if there are any scalars.
fn split_scalars(
    s: &mut Simplifier<'_, '_>,
    n: NodeId,
    shared_only: bool,
    span: Span,
) -> Option<(Factors, NodeId)> {
    if s.scalar(n) && s.g.constant(n).is_some() {
        return None;
    }
    let mut f = Factors::one();
    collect(s, n, false, &mut f);
    let mut rest = Factors::one();
    (rest.num, rest.den) = (std::mem::take(&mut f.num), std::mem::take(&mut f.den));
    if shared_only {
        let (keep, per): (Vec<_>, Vec<_>) = f.snum.iter().partition(|&&x| !s.g[x].each);
        let (keep_d, per_d): (Vec<_>, Vec<_>) =
            f.sden.iter().partition(|&&x| !s.g[x].each);
        (f.snum, f.sden) = (keep, keep_d);
        (rest.snum, rest.sden) = (per, per_d);
    } else if rest.num.is_empty() && rest.den.is_empty() {
        return None;
    }
    if !f.has_scalars() {
        return None;
    }
    let shape = (!s.scalar(n)).then(|| s.g[n].shape.clone());
    let inner = build(s, &rest, shape, span);
    Some((f, inner))
}

/// Scalars are drawn out of matrix products, sums, transposes and means.
pub(super) fn linear(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let linear = matches!(
        op,
        Op::MatMul
            | Op::Sum(_)
            | Op::Transpose
            | Op::ExMean
            | Op::Broadcast(..)
            | Op::Diag
            | Op::DiagPart
            | Op::Slice(_)
            | Op::Embed(..)
    );
    if !linear {
        return None;
    }
    let shared_only = *op == Op::ExMean;
    if matches!(op, Op::Broadcast(Axis::All, _)) {
        return None;
    }
    let mut all = Factors::one();
    let mut new = args.to_vec();
    let mut changed = false;
    for a in &mut new {
        if let Some((f, rest)) = split_scalars(s, *a, shared_only, span) {
            all.c *= f.c;
            all.snum.extend(f.snum);
            all.sden.extend(f.sden);
            *a = rest;
            changed = true;
        }
    }
    if !changed {
        return None;
    }
    let inner = s.node(op.clone(), &new, span);
    let wide = (!s.scalar(inner)).then(|| s.g[inner].shape.clone());
    if wide.is_some() {
        all.num.push(inner);
    } else {
        all.snum.push(inner);
    }
    flip_inside(s, &mut all, op, &new, span);
    let front = build(s, &Factors { num: Vec::new(), ..all.clone() }, None, span);
    match wide {
        Some(_) => {
            let core = all.num[0];
            Some(s.bin(Binary::Mul, front, core))
        }
        None => Some(front),
    }
}

/// s a + s b = s (a + b) where the whole scalar parts are the same.
pub(super) fn common_scalar(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    let Op::Binary(b @ (Binary::Add | Binary::Sub)) = op else { return None };
    if s.scalar(args[0]) || s.scalar(args[1]) {
        return None;
    }
    let (f, x) = split_scalars(s, args[0], false, span)?;
    let (g, y) = split_scalars(s, args[1], false, span)?;
    if f.c.abs() != g.c.abs() || f.snum != g.snum || f.sden != g.sden {
        return None;
    }
    if f.c.abs() == 1.0 && f.snum.is_empty() && f.sden.is_empty() {
        return None;
    }
    let same_sign = (f.c > 0.0) == (g.c > 0.0);
    let op = if same_sign { *b } else { opposite(*b) };
    let sum = s.bin(op, x, y);
    let front = build(s, &f, None, span);
    Some(s.bin(Binary::Mul, front, sum))
}

fn opposite(b: Binary) -> Binary {
    if b == Binary::Add { Binary::Sub } else { Binary::Add }
}

/// −((a − b) …) = (b − a) … where a difference stands first in a matrix product.
fn flip_inside(
    s: &mut Simplifier<'_, '_>,
    all: &mut Factors,
    op: &Op,
    args: &[NodeId],
    span: Span,
) {
    if all.c >= 0.0 || *op != Op::MatMul {
        return;
    }
    let Some((a, b)) = s.pair(Binary::Sub, args[0]) else { return };
    let swapped = s.bin(Binary::Sub, b, a);
    let inner = s.node(op.clone(), &[swapped, args[1]], span);
    let wide = !s.scalar(inner);
    all.c = -all.c;
    if wide {
        all.num = vec![inner];
    } else if let Some(last) = all.snum.last_mut() {
        *last = inner;
    }
}

/// ((1 − y)/(1 − a) − y/a) ⊙ a ⊙ (1 − a) = a − y.
pub(super) fn sigmoid_bce(
    s: &mut Simplifier<'_, '_>,
    op: &Op,
    args: &[NodeId],
    span: Span,
) -> Option<NodeId> {
    if *op != Op::Binary(Binary::Mul) {
        return None;
    }
    let mut f = Factors::one();
    collect(s, args[0], false, &mut f);
    collect(s, args[1], false, &mut f);
    let scalar = s.scalar(args[0]) && s.scalar(args[1]);
    let list = if scalar { &mut f.snum } else { &mut f.num };
    let (i, parts) =
        list.iter().enumerate().find_map(|(i, &n)| Some((i, quotients(s, n)?)))?;
    let (b, q, a, p) = parts;
    let (j, k) = (list.iter().position(|&n| n == p)?, list.iter().position(|&n| n == q)?);
    let mut drop = [i, j, k];
    drop.sort_unstable();
    for d in drop.into_iter().rev() {
        list.remove(d);
    }
    let one_minus = |s: &Simplifier<'_, '_>, n: NodeId, x: NodeId| {
        s.pair(Binary::Sub, n).is_some_and(|(o, m)| s.is_number(o, 1.0) && m == x)
    };
    let value = if one_minus(s, b, a) && one_minus(s, q, p) {
        s.bin(Binary::Sub, p, a)
    } else {
        let (x, y) = (s.bin(Binary::Mul, b, p), s.bin(Binary::Mul, a, q));
        s.bin(Binary::Sub, x, y)
    };
    let rest = build(s, &f, None, span);
    Some(s.bin(Binary::Mul, rest, value))
}

/// b/q − a/p as (b, q, a, p).
fn quotients(
    s: &Simplifier<'_, '_>,
    n: NodeId,
) -> Option<(NodeId, NodeId, NodeId, NodeId)> {
    let (x, y) = s.pair(Binary::Sub, n)?;
    let quotient =
        |n: NodeId| s.pair(Binary::XDivY, n).or_else(|| s.pair(Binary::Div, n));
    let ((b, q), (a, p)) = (quotient(x)?, quotient(y)?);
    Some((b, q, a, p))
}
