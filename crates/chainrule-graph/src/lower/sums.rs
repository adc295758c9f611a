//! Index notation: `∑_i e` and equations over an index, turned into matrix operations.
//!
//! In: a tree in which `a_i`, `W_ij`, `a[i]` are elements. Out: a node. The first index lies
//! along the rows, the second along the columns: a value that depends on the first is r×1, on
//! the second 1×c, on both r×c. Invariant: at most two indices are open at a time.

use crate::diag::{Code, Diagnostic, Span};
use crate::graph::{Axis, Binary, Block, NodeId, Op};
use crate::shape::{Dim, Shape};
use crate::syntax::ast::{Expr, ExprKind, Index, Name};

use super::expr::Scope;
use super::{Lowerer, Meaning};

/// What a sum with limits runs over.
#[derive(Clone, Copy)]
enum Part {
    /// The dimension.
    Whole,
    /// So many entries from a place (from 0).
    Of(usize, usize),
}

/// Some entries along the rows or the columns.
fn slice(s: &Shape, along_rows: bool, at: usize, count: usize) -> Block {
    let (at, count, zero) = (Dim::size(at), Dim::size(count), Dim::size(0));
    match along_rows {
        true => Block { row: at, rows: count, col: zero, cols: s.cols.clone() },
        false => Block { row: zero, rows: s.rows.clone(), col: at, cols: count },
    }
}

impl Lowerer<'_> {
    /// `∑_i e`: the index gets the common dimension of what it indexes.
    pub(crate) fn index_sum(&mut self, e: &Expr, scope: &Scope) -> Option<NodeId> {
        let ExprKind::Sum { index, from, to, except, body } = &e.kind else {
            return None;
        };
        if scope.indices.len() == 2 {
            let text = "at most two indices can be open at a time";
            return self.error(Diagnostic::error(Code::G2, index.span, text));
        }
        let dim = self.index_range(index, body, e.span, scope)?;
        let mut inside = Scope { objective: false, ..scope.clone() };
        inside.indices.push((index.key.clone(), dim.clone()));
        let mut x = self.indexed(body, &inside)?;
        if let Some(except) = except {
            x = self.leave_out(x, except, &inside)?;
        }
        let part = self.part(from.as_deref(), to.as_deref(), &dim, scope)?;
        let along_rows = inside.indices.len() == 1;
        let axis = if along_rows { Axis::Rows } else { Axis::Cols };
        let s = self.shape(x);
        let depends = if along_rows { !s.rows.is_one() } else { !s.cols.is_one() };
        if !depends {
            let n = match part {
                Part::Whole => self.size(&dim),
                Part::Of(_, count) => self.g.number(count as f64),
            };
            return Some(self.g.binary(Binary::Mul, n, x));
        }
        if let Part::Of(at, count) = part {
            let block = slice(&s, along_rows, at, count);
            x = self.spanned(Op::Slice(block), &[x], e.span);
        }
        let other = if along_rows { s.cols.is_one() } else { s.rows.is_one() };
        let axis = if other { Axis::All } else { axis };
        Some(self.spanned(Op::Sum(axis), &[x], e.span))
    }

    /// The body of an equation `ŷ_i = …`.
    pub(crate) fn over_index(
        &mut self,
        index: &Name,
        body: &Expr,
        scope: &Scope,
    ) -> Option<NodeId> {
        let dim = self.index_range(index, body, body.span, scope)?;
        let mut inside = scope.clone();
        inside.indices.push((index.key.clone(), dim.clone()));
        let x = self.indexed(body, &inside)?;
        if self.shape(x).rows.is_one() && !dim.is_one() {
            let shape = Shape::column(dim);
            return Some(self.g.add(Op::Broadcast(Axis::All, shape), &[x], body.span));
        }
        Some(x)
    }

    pub(crate) fn indexed_root(&mut self, e: &Expr, scope: &Scope) -> Option<NodeId> {
        self.indexed(e, scope)
    }

    /// Which part of the dimension a sum runs over.
    fn part(
        &mut self,
        from: Option<&Expr>,
        to: Option<&Expr>,
        dim: &Dim,
        scope: &Scope,
    ) -> Option<Part> {
        let outer = Scope { indices: Vec::new(), ..scope.clone() };
        let first = match from {
            None => 1.0,
            Some(from) => self.limit(from, &outer)?.0,
        };
        let size = dim.under(&self.dims.sizes);
        let (last, whole) = match to {
            None => (f64::NAN, true),
            Some(to) => {
                let (last, node) = self.limit(to, &outer)?;
                (last, node == self.size(dim) || size.map(|n| n as f64) == Some(last))
            }
        };
        if first == 1.0 && whole {
            return Some(Part::Whole);
        }
        let span = from.into_iter().chain(to).map(|e| e.span).reduce(Span::to)?;
        let last = if whole { size.map_or(f64::NAN, |n| n as f64) } else { last };
        self.inside(first, last, size, dim, span)
    }

    /// The value of a limit, NaN where it is not known, and its node.
    fn limit(&mut self, e: &Expr, outer: &Scope) -> Option<(f64, NodeId)> {
        let n = self.expr(e, outer)?;
        Some((self.constant_value(n).unwrap_or(f64::NAN), n))
    }

    /// Part of a dimension has to be known as numbers, as a place in an array is.
    fn inside(
        &mut self,
        first: f64,
        last: f64,
        size: Option<usize>,
        dim: &Dim,
        span: Span,
    ) -> Option<Part> {
        let whole = |x: f64| x >= 1.0 && x.fract() == 0.0;
        let error = |text: String| Diagnostic::error(Code::S5, span, text);
        let Some(n) = size else {
            let text = "a sum over part of a dimension needs its size";
            let d = error(format!("{text}: nothing says how large {dim} is"));
            self.error(d.hint(format!("where {dim} = …")));
            return None;
        };
        if whole(first) && whole(last) && first <= last && last <= n as f64 {
            return Some(Part::Of(first as usize - 1, (last - first) as usize + 1));
        }
        let named =
            if dim.number().is_some() { n.to_string() } else { format!("{dim} = {n}") };
        let text = format!("a sum runs from a whole number to one within 1..{named}");
        self.error(error(text));
        None
    }

    /// `∑_{j≠i}`: what stands at that value counts 0.
    fn leave_out(&mut self, x: NodeId, except: &Expr, inside: &Scope) -> Option<NodeId> {
        let (_, dim) = inside.indices.last()?.clone();
        let zero = self.g.number(0.0);
        if let ExprKind::Name(n) = &except.kind
            && inside.indices.len() == 2
            && inside.indices[0].0 == n.key
        {
            let (_, rows) = &inside.indices[0];
            if !self.dims.equal(rows, &dim) {
                let text =
                    format!("`{}` runs over {rows}, the sum over {dim}", n.written);
                return self.error(Diagnostic::error(Code::S3, except.span, text));
            }
            let eye = self.g.add(Op::Eye(dim), &[], except.span);
            let x = self.widen(x, inside);
            return Some(self.g.add(Op::Select, &[eye, zero, x], except.span));
        }
        let text = "the value that is left out has to be another open index";
        self.error(Diagnostic::error(Code::G2, except.span, text))
    }

    /// Repeats a value along the open indices that it does not depend on.
    fn widen(&mut self, x: NodeId, scope: &Scope) -> NodeId {
        let dims = &scope.indices;
        let rows = dims.first().map_or(Dim::ONE, |d| d.1.clone());
        let cols = dims.get(1).map_or(Dim::ONE, |d| d.1.clone());
        let s = self.shape(x);
        let to = Shape::new(rows, cols);
        if s == to || to.is_scalar() {
            return x;
        }
        let axis = match (s.rows.is_one(), s.cols.is_one()) {
            (true, true) => Axis::All,
            (true, false) => Axis::Rows,
            _ => Axis::Cols,
        };
        self.g.add(Op::Broadcast(axis, to), &[x], crate::diag::Span::default())
    }

    /// The dimension that an index runs over: the first element that it indexes says it.
    fn index_range(
        &mut self,
        index: &Name,
        body: &Expr,
        span: Span,
        scope: &Scope,
    ) -> Option<Dim> {
        let mut found = Vec::new();
        self.ranges(&index.key, body, scope, &mut found);
        let Some((first, _, _)) = found.first().cloned() else {
            let text =
                format!("nothing in this sum depends on the index `{}`", index.written);
            self.error(Diagnostic::error(Code::N1, span, text));
            return None;
        };
        for (d, _, _) in &found[1..] {
            if !self.dims.unify(&first, d) {
                let text = format!(
                    "the index `{}` runs over {} and over {}",
                    index.written,
                    self.dims.resolve(&first),
                    self.dims.resolve(d)
                );
                let mut said = Diagnostic::error(Code::S3, span, text);
                for (_, base, e) in &found {
                    said = said.label(e.span, self.origin_of_element(e, *base));
                }
                self.error(said);
                return None;
            }
        }
        Some(self.dims.resolve(&first))
    }

    fn ranges<'e>(
        &self,
        index: &str,
        e: &'e Expr,
        scope: &Scope,
        out: &mut Vec<(Dim, NodeId, &'e Expr)>,
    ) {
        if let Some((base, subs)) = self.split_element(e, scope) {
            let s = self.shape(base);
            let dims = along(&s, subs.len());
            for (sub, d) in subs.iter().zip(dims) {
                if matches!(sub, Sub::Index(i) if i == index) {
                    out.push((d, base, e));
                }
            }
            return;
        }
        for child in children(e) {
            self.ranges(index, child, scope, out);
        }
    }

    /// `a_i`, `W_ij`, `a[i]`, `W[i, 2]` as base and subscripts, if it is one.
    fn split_element(&self, e: &Expr, scope: &Scope) -> Option<(NodeId, Vec<Sub>)> {
        match &e.kind {
            ExprKind::Name(n) => self.split_name(&n.key, scope),
            ExprKind::Element(base, index) => {
                let ExprKind::Name(n) = &base.kind else { return None };
                let node = self.node_of(&n.key, scope)?;
                let subs = index.iter().map(sub_of).collect::<Option<Vec<_>>>()?;
                let letters = subs.iter().any(|s| matches!(s, Sub::Index(_)));
                letters.then_some((node, subs))
            }
            _ => None,
        }
    }

    fn split_name(&self, key: &str, scope: &Scope) -> Option<(NodeId, Vec<Sub>)> {
        if self.node_of(key, scope).is_some() {
            return None;
        }
        let (base, subs) = key.rsplit_once('_')?;
        let node = self.node_of(base, scope)?;
        let subs = subs.trim_matches(['{', '}']);
        let letters: Vec<Sub> = subs
            .chars()
            .filter(|c| !matches!(c, ',' | ' '))
            .map(|c| match c.to_digit(10) {
                Some(d) => Sub::At(d as usize),
                None => Sub::Index(c.to_string()),
            })
            .collect();
        (!letters.is_empty() && letters.len() <= 2).then_some((node, letters))
    }

    fn node_of(&self, key: &str, scope: &Scope) -> Option<NodeId> {
        if let Some((_, n)) = scope.locals.iter().rev().find(|(k, _)| k == key) {
            return Some(*n);
        }
        match self.names.get(key) {
            Some(Meaning::Node(n)) => Some(*n),
            _ => None,
        }
    }

    /// An expression under open indices.
    fn indexed(&mut self, e: &Expr, scope: &Scope) -> Option<NodeId> {
        if let Some((base, subs)) = self.split_element(e, scope) {
            if let Some(key) = base_key(e) {
                self.used.insert(key);
            }
            self.has_indices(base, subs.len(), e)?;
            return self.pick(base, &subs, e.span, scope);
        }
        match &e.kind {
            ExprKind::Paren(x) => self.indexed(x, scope),
            ExprKind::Neg(x) => {
                let a = self.indexed(x, scope)?;
                Some(self.g.unary(crate::graph::Unary::Neg, a))
            }
            ExprKind::Abs(x) => {
                let a = self.indexed(x, scope)?;
                Some(self.g.unary(crate::graph::Unary::Abs, a))
            }
            ExprKind::Binary(op, a, b) => {
                let (x, y) = (self.indexed(a, scope), self.indexed(b, scope));
                let (x, y) = (x?, y?);
                let (x, y) = self.align(x, y, scope);
                let op = entrywise(*op);
                let plain = Scope { indices: Vec::new(), ..scope.clone() };
                self.combine(op, (a, x), (b, y), e.span, &plain)
            }
            ExprKind::Cases(v, c, o) => {
                let (x, k, y) = (
                    self.indexed(v, scope)?,
                    self.indexed(c, scope)?,
                    self.indexed(o, scope)?,
                );
                let (x, k, y) =
                    (self.widen(x, scope), self.widen(k, scope), self.widen(y, scope));
                Some(self.spanned(Op::Select, &[k, x, y], e.span))
            }
            ExprKind::Sum { .. } => self.index_sum(e, scope),
            ExprKind::Call { func, primes, args } => {
                self.indexed_call(func, *primes, args, e, scope)
            }
            _ => {
                let plain = Scope { indices: Vec::new(), ..scope.clone() };
                let x = self.expr(e, &plain)?;
                self.must_be_scalar(x, e, scope)
            }
        }
    }

    fn must_be_scalar(&mut self, x: NodeId, e: &Expr, scope: &Scope) -> Option<NodeId> {
        if self.is_scalar(x) {
            return Some(x);
        }
        let index = &scope.indices[0].0;
        let text =
            format!("inside a sum over `{index}` stands {}, not a number", self.shape(x));
        let d = Diagnostic::error(Code::S3, e.span, text)
            .label(e.span, self.origin((e, x)))
            .hint(format!("write an element of it, such as `a_{index}` or `a[{index}]`"));
        self.error(d)
    }

    /// Entry-by-entry functions of elements; anything else must not depend on an index.
    fn indexed_call(
        &mut self,
        func: &Name,
        primes: u8,
        args: &[crate::syntax::ast::Arg],
        e: &Expr,
        scope: &Scope,
    ) -> Option<NodeId> {
        let mut found = Vec::new();
        for (index, _) in &scope.indices {
            args.iter().for_each(|a| self.ranges(index, &a.value, scope, &mut found));
        }
        let mut plain = Scope { indices: Vec::new(), ..scope.clone() };
        if found.is_empty() {
            let x = self.expr(e, &plain)?;
            return self.must_be_scalar(x, e, scope);
        }
        let mut call_args = Vec::new();
        for (i, a) in args.iter().enumerate() {
            let x = self.indexed(&a.value, scope)?;
            let x = if self.is_scalar(x) { x } else { self.widen(x, scope) };
            let key = format!("\u{0}arg{i}");
            plain.locals.push((key.clone(), x));
            let name = Name { key: key.clone(), written: key, span: a.value.span };
            let value = Expr { kind: ExprKind::Name(name), span: a.value.span };
            call_args.push(crate::syntax::ast::Arg { name: a.name.clone(), value });
        }
        self.call(func, primes, &call_args, e, &plain)
    }

    /// An element of a matrix has two indices; one would leave a row of numbers.
    fn has_indices(&mut self, base: NodeId, count: usize, e: &Expr) -> Option<NodeId> {
        let s = self.shape(base);
        if count > 1 || s.rows.is_one() || self.dims.unify(&s.cols, &Dim::ONE) {
            return Some(base);
        }
        let text = format!("an element of {s} has two indices, found one");
        let d = Diagnostic::error(Code::S3, e.span, text)
            .label(e.span, self.origin_of_element(e, base))
            .hint("write row and column, such as `a_ij` or `a[i, 1]`");
        self.error(d)
    }

    /// Elements as r×1 (first index), 1×c (second), r×c (both).
    fn pick(
        &mut self,
        base: NodeId,
        subs: &[Sub],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let place = |i: &str| scope.indices.iter().position(|(n, _)| n == i);
        let mut x = base;
        let s = self.shape(base);
        if subs.len() == 1 && s.rows.is_one() && !s.cols.is_one() {
            x = self.g.transpose(x);
        }
        let places: Vec<Option<usize>> = subs
            .iter()
            .map(|s| match s {
                Sub::Index(i) => place(i),
                Sub::At(_) => None,
            })
            .collect();
        for (sub, p) in subs.iter().zip(&places) {
            if let (Sub::Index(i), None) = (sub, p) {
                let text = format!("the index `{i}` is not open here");
                return self.error(Diagnostic::error(Code::N1, span, text));
            }
        }
        for (k, sub) in subs.iter().enumerate() {
            if let Sub::At(n) = sub {
                x = self.cut(x, k, *n, span)?;
            }
        }
        Some(
            match (places.first().copied().flatten(), places.get(1).copied().flatten()) {
                (Some(a), Some(b)) if a == b => {
                    let d = self.spanned(Op::DiagPart, &[x], span);
                    if a == 0 { d } else { self.g.transpose(d) }
                }
                (Some(0), _) | (None, Some(1)) => x,
                (Some(_), _) | (None, Some(_)) => self.g.transpose(x),
                (None, None) => x,
            },
        )
    }

    /// Keeps only row (k = 0) or column (k = 1) number n.
    fn cut(&mut self, x: NodeId, k: usize, n: usize, span: Span) -> Option<NodeId> {
        let s = self.shape(x);
        let limit = if k == 0 { &s.rows } else { &s.cols };
        if n == 0 || limit.number().is_some_and(|m| n > m) {
            let text = format!("index {n} is outside 1..{limit}");
            return self.error(Diagnostic::error(Code::S5, span, text));
        }
        let (at, one) = (Dim::size(n - 1), Dim::ONE);
        let block = match k {
            0 => Block { row: at, rows: one, col: Dim::size(0), cols: s.cols },
            _ => Block { row: Dim::size(0), rows: s.rows, col: at, cols: one },
        };
        Some(self.spanned(Op::Slice(block), &[x], span))
    }

    fn align(&mut self, x: NodeId, y: NodeId, scope: &Scope) -> (NodeId, NodeId) {
        let (s, t) = (self.shape(x), self.shape(y));
        if s == t || s.is_scalar() || t.is_scalar() {
            return (x, y);
        }
        (self.widen(x, scope), self.widen(y, scope))
    }
}

/// A subscript of an element.
#[derive(Clone, Debug, PartialEq)]
enum Sub {
    Index(String),
    At(usize),
}

fn sub_of(i: &Index) -> Option<Sub> {
    match i {
        Index::At(Expr { kind: ExprKind::Name(n), .. }) => {
            Some(Sub::Index(n.key.clone()))
        }
        Index::At(Expr { kind: ExprKind::Number(v, _), .. }) => {
            Some(Sub::At(*v as usize))
        }
        _ => None,
    }
}

pub(super) fn base_key(e: &Expr) -> Option<String> {
    match &e.kind {
        ExprKind::Name(n) => n.key.rsplit_once('_').map(|(b, _)| b.to_string()),
        ExprKind::Element(b, _) => match &b.kind {
            ExprKind::Name(n) => Some(n.key.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The dimensions that one or two subscripts run along.
fn along(s: &Shape, subs: usize) -> Vec<Dim> {
    if subs == 1 && s.rows.is_one() {
        return vec![s.cols.clone()];
    }
    vec![s.rows.clone(), s.cols.clone()]
}

/// Between elements every product is one of numbers.
fn entrywise(op: crate::syntax::ast::BinaryOp) -> crate::syntax::ast::BinaryOp {
    use crate::syntax::ast::BinaryOp as B;
    match op {
        B::Space | B::At | B::Dot | B::Star | B::Cross => B::Odot,
        other => other,
    }
}

/// The direct parts of an expression.
#[must_use]
pub fn children(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        ExprKind::Number(..) | ExprKind::Name(_) | ExprKind::Error => Vec::new(),
        ExprKind::Paren(x)
        | ExprKind::Neg(x)
        | ExprKind::Not(x)
        | ExprKind::Transpose(x)
        | ExprKind::Abs(x)
        | ExprKind::Indicator(x) => vec![x],
        ExprKind::Binary(_, a, b) => vec![a, b],
        ExprKind::Call { args, .. } => args.iter().map(|a| &a.value).collect(),
        ExprKind::Norm(_, parts) | ExprKind::Stack(parts) => parts.iter().collect(),
        ExprKind::Sum { from, to, except, body, .. } => {
            let ends = [from, to, except].into_iter().flatten().map(|b| &**b);
            ends.chain([&**body]).collect()
        }
        ExprKind::Cases(a, b, c) => vec![a, b, c],
        ExprKind::Element(b, index) => {
            let mut all = vec![&**b];
            for i in index {
                match i {
                    Index::All => {}
                    Index::At(e) => all.push(e),
                    Index::Range(a, b) => all.extend([a, b]),
                }
            }
            all
        }
        ExprKind::Matrix(rows) => rows.iter().flatten().collect(),
    }
}

/// The direct parts of an expression, to be changed.
#[must_use]
pub fn children_mut(e: &mut Expr) -> Vec<&mut Expr> {
    match &mut e.kind {
        ExprKind::Number(..) | ExprKind::Name(_) | ExprKind::Error => Vec::new(),
        ExprKind::Paren(x)
        | ExprKind::Neg(x)
        | ExprKind::Not(x)
        | ExprKind::Transpose(x)
        | ExprKind::Abs(x)
        | ExprKind::Indicator(x) => vec![x],
        ExprKind::Binary(_, a, b) => vec![a, b],
        ExprKind::Call { args, .. } => args.iter_mut().map(|a| &mut a.value).collect(),
        ExprKind::Norm(_, parts) | ExprKind::Stack(parts) => parts.iter_mut().collect(),
        ExprKind::Sum { from, to, except, body, .. } => {
            let ends = [from, to, except].into_iter().flatten().map(|b| &mut **b);
            ends.chain([&mut **body]).collect()
        }
        ExprKind::Cases(a, b, c) => vec![a, b, c],
        ExprKind::Element(b, index) => {
            let mut all = vec![&mut **b];
            for i in index {
                match i {
                    Index::All => {}
                    Index::At(e) => all.push(e),
                    Index::Range(a, b) => all.extend([a, b]),
                }
            }
            all
        }
        ExprKind::Matrix(rows) => rows.iter_mut().flatten().collect(),
    }
}
