//! Expressions → nodes: products, sums, calls by the rules of language.md section 3.
//!
//! In: a tree and a [`Scope`]. Out: a node, or `None` after a diagnostic was recorded.
//! Invariant: a node is added only when its operands fit.

use crate::diag::{Code, Diagnostic, Span};
use crate::graph::{Axis, Binary, Block, FuncId, Graph, NodeId, Op, Unary};
use crate::shape::{Dim, Dims, Shape};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Index, Layout};

use super::{Lowerer, Meaning};

/// How the body of a function of one example sees its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Literally.
    Plain,
    /// The argument's columns are examples.
    Columns,
    /// The argument's rows are examples.
    Rows,
}

/// Which of an entry's forms is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The equation.
    Definition,
    /// `computed as`, else the equation.
    Computed,
    /// The `derivative` line.
    Derivative,
}

/// Local meanings while an expression is read.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// Arguments of a function, state of an optimiser, t, epoch, T.
    pub locals: Vec<(String, NodeId)>,
    /// Dimension names of a function's parameters.
    pub dims: Vec<(String, Dim)>,
    /// How shapes are seen.
    pub mode: Mode,
    /// The function whose body this is.
    pub within: Option<FuncId>,
    /// Which form of it: in the computed form its own name means the primitive, in the
    /// derivative the function itself; in the definition it would be a recursion.
    pub form: Form,
    /// The outermost mean or sum runs over the examples too.
    pub objective: bool,
    /// Indices of sums and indexed equations: name and range, rows first.
    pub indices: Vec<(String, Dim)>,
    /// Only locals and constants are seen.
    pub closed: bool,
    /// Directly under a written `∑`: a product of equal shapes is one of entries.
    pub listed: bool,
}

impl Scope {
    /// That of an equation.
    pub(crate) fn open() -> Self {
        Self {
            locals: Vec::new(),
            dims: Vec::new(),
            mode: Mode::Plain,
            within: None,
            form: Form::Definition,
            objective: false,
            indices: Vec::new(),
            closed: false,
            listed: false,
        }
    }

    fn inner(&self) -> Self {
        Self { objective: false, ..self.clone() }
    }
}

impl Lowerer<'_> {
    /// The node of an expression.
    pub(crate) fn expr(&mut self, e: &Expr, scope: &Scope) -> Option<NodeId> {
        if !scope.indices.is_empty() {
            return self.indexed_root(e, scope);
        }
        match &e.kind {
            ExprKind::Number(v, _) => Some(self.g.number(*v)),
            ExprKind::Name(name) => self.name(&name.key, &name.written, e.span, scope),
            ExprKind::Paren(x) => self.expr(x, scope),
            ExprKind::Neg(x) => {
                let a = self.expr(x, scope)?;
                Some(self.spanned(Op::Unary(Unary::Neg), &[a], e.span))
            }
            ExprKind::Not(x) => {
                let a = self.expr(x, &scope.inner())?;
                Some(self.spanned(Op::Unary(Unary::Not), &[a], e.span))
            }
            ExprKind::Binary(op, a, b) => self.binary_expr(*op, a, b, e, scope),
            ExprKind::Transpose(x) => {
                let a = self.expr(x, &scope.inner())?;
                Some(self.spanned(Op::Transpose, &[a], e.span))
            }
            ExprKind::Call { func, primes, args } => {
                self.call(func, *primes, args, e, scope)
            }
            ExprKind::Norm(p, parts) => self.norm(*p, parts, e.span, &scope.inner()),
            ExprKind::Abs(x) => {
                let a = self.expr(x, &scope.inner())?;
                Some(self.spanned(Op::Unary(Unary::Abs), &[a], e.span))
            }
            ExprKind::Sum { .. } => self.index_sum(e, scope),
            ExprKind::Cases(v, c, o) => self.cases(v, c, o, e.span, &scope.inner()),
            ExprKind::Element(base, index) => self.element(base, index, e.span, scope),
            ExprKind::Matrix(rows) => self.matrix(rows, e.span, scope),
            ExprKind::Stack(parts) => self.stack(parts, e.span, &scope.inner()),
            ExprKind::Indicator(c) => self.expr(c, &scope.inner()),
            ExprKind::Error => None,
        }
    }

    /// Adds a node with the span of the expression that it stems from.
    pub(crate) fn spanned(&mut self, op: Op, args: &[NodeId], span: Span) -> NodeId {
        self.g.add(op, args, self.site.unwrap_or(span))
    }

    pub(crate) fn error(&mut self, d: Diagnostic) -> Option<NodeId> {
        self.diags.push(d);
        None
    }

    pub(crate) fn shape(&self, n: NodeId) -> Shape {
        self.dims.resolve_shape(&self.g[n].shape)
    }

    pub(crate) fn is_scalar(&self, n: NodeId) -> bool {
        self.shape(n).is_scalar()
    }

    /// A name on its own.
    fn name(
        &mut self,
        key: &str,
        written: &str,
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        if let Some((_, n)) = scope.locals.iter().rev().find(|(k, _)| k == key) {
            return Some(*n);
        }
        if let Some((_, d)) = scope.dims.iter().find(|(k, _)| k == key) {
            return Some(self.size(&d.clone()));
        }
        let meaning = self.names.get(key).cloned();
        match meaning {
            Some(Meaning::Node(n)) if !scope.closed || self.is_constant(key) => {
                self.used.insert(key.to_string());
                return Some(n);
            }
            Some(Meaning::Dim) => return Some(self.size(&Dim::named(key))),
            Some(Meaning::Poisoned) => return None,
            _ => {}
        }
        match key {
            "π" => return Some(self.g.number(std::f64::consts::PI)),
            "e" => return Some(self.g.number(std::f64::consts::E)),
            _ => {}
        }
        self.unknown(key, written, span, scope, false)
    }

    /// A dimension as a scalar; a plain number is a number.
    pub(crate) fn size(&mut self, d: &Dim) -> NodeId {
        let d = self.dims.resolve(d);
        match d.number() {
            Some(n) => self.g.number(n as f64),
            None => self.g.add(Op::Size(d), &[], Span::default()),
        }
    }

    fn binary_expr(
        &mut self,
        op: BinaryOp,
        a: &Expr,
        b: &Expr,
        e: &Expr,
        scope: &Scope,
    ) -> Option<NodeId> {
        let inner = match op {
            BinaryOp::Add | BinaryOp::Sub => scope.clone(),
            BinaryOp::Space | BinaryOp::Dot | BinaryOp::Star | BinaryOp::Div => {
                scope.clone()
            }
            _ => scope.inner(),
        };
        if let Some(d) = self.two_readings(op, a, b, e.span, scope) {
            return self.error(d);
        }
        let (x, y) = (self.expr(a, &inner), self.expr(b, &inner));
        let (x, y) = (x?, y?);
        self.combine(op, (a, x), (b, y), e.span, scope)
    }

    /// G1: a matrix product to the right of ⊙ without a bracket (rule 3), before anything is
    /// said about one of its two readings.
    fn two_readings(
        &mut self,
        op: BinaryOp,
        a: &Expr,
        b: &Expr,
        span: Span,
        scope: &Scope,
    ) -> Option<Diagnostic> {
        let ExprKind::Binary(BinaryOp::Odot, _, mid) = &a.kind else { return None };
        let plain = scope.mode == Mode::Plain && scope.within.is_none();
        if !matches!(op, BinaryOp::Space | BinaryOp::At) || !plain {
            return None;
        }
        let before = self.diags.len();
        let (x, y) = (self.expr(mid, scope), self.expr(b, scope));
        self.diags.truncate(before);
        (!self.is_scalar(x?) && !self.is_scalar(y?))
            .then(|| self.ambiguous_odot(a, mid, b, span))
            .flatten()
    }

    /// Two nodes and an operator; the trees are for the messages.
    pub(crate) fn combine(
        &mut self,
        op: BinaryOp,
        (a, x): (&Expr, NodeId),
        (b, y): (&Expr, NodeId),
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        use BinaryOp as B;
        match op {
            B::Add => self.sum_of(Binary::Add, (a, x), (b, y), span, scope),
            B::Sub => self.sum_of(Binary::Sub, (a, x), (b, y), span, scope),
            B::Space | B::At => self.product((a, x), (b, y), span, scope),
            B::Dot => self.dot((a, x), (b, y), span, scope),
            B::Star | B::Cross => self.star((a, x), (b, y), span, scope),
            B::Odot => self.entrywise(Binary::Mul, (a, x), (b, y), span, scope),
            B::Div => self.entrywise(Binary::Div, (a, x), (b, y), span, scope),
            B::Pow => self.entrywise(Binary::Pow, (a, x), (b, y), span, scope),
            B::Lt => self.entrywise(Binary::Lt, (a, x), (b, y), span, scope),
            B::Le => self.entrywise(Binary::Le, (a, x), (b, y), span, scope),
            B::Gt => self.entrywise(Binary::Gt, (a, x), (b, y), span, scope),
            B::Ge => self.entrywise(Binary::Ge, (a, x), (b, y), span, scope),
            B::Eq => self.entrywise(Binary::Eq, (a, x), (b, y), span, scope),
            B::Ne => self.entrywise(Binary::Ne, (a, x), (b, y), span, scope),
            B::And => self.entrywise(Binary::And, (a, x), (b, y), span, scope),
            B::Or => self.entrywise(Binary::Or, (a, x), (b, y), span, scope),
        }
    }

    /// Whether two shapes are (or can be made) one.
    pub(crate) fn same(&mut self, a: &Shape, b: &Shape) -> bool {
        if a == b {
            return true;
        }
        let before = self.dims.found();
        let ok = self.dims.unify(&a.rows, &b.rows) && self.dims.unify(&a.cols, &b.cols);
        if !ok {
            self.dims.forget(before);
        }
        ok
    }

    /// `+` and `−`: equal shapes, a scalar, or a column (in `rows`: a row) added to a matrix.
    fn sum_of(
        &mut self,
        op: Binary,
        (a, x): (&Expr, NodeId),
        (b, y): (&Expr, NodeId),
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let (x, y) = self.spread_examples(x, y, scope);
        let (s, t) = (self.shape(x), self.shape(y));
        if s.is_scalar() || t.is_scalar() || self.same(&s, &t) {
            return Some(self.spanned(Op::Binary(op), &[x, y], span));
        }
        if let Some(wide) = self.broadcast(y, &s) {
            return Some(self.spanned(Op::Binary(op), &[x, wide], span));
        }
        if let Some(wide) = self.broadcast(x, &t) {
            return Some(self.spanned(Op::Binary(op), &[wide, y], span));
        }
        let d = self.misfit_sum(op, (a, x), (b, y), span);
        self.error(d)
    }

    /// A column along a matrix with as many rows (`rows`: a row down a matrix), rule 7.
    fn broadcast(&mut self, narrow: NodeId, to: &Shape) -> Option<NodeId> {
        let s = self.shape(narrow);
        let (axis, fits) = match self.layout {
            Layout::Rows => {
                (Axis::Rows, s.rows.is_one() && self.dims.equal(&s.cols, &to.cols))
            }
            _ => (Axis::Cols, s.cols.is_one() && self.dims.equal(&s.rows, &to.rows)),
        };
        let span = self.g[narrow].span;
        fits.then(|| self.g.add(Op::Broadcast(axis, to.clone()), &[narrow], span))
    }

    /// In the body of a function of one example over a matrix, a per-example scalar (1×m, in
    /// `rows` m×1) meets columns (K×m): it is repeated.
    pub(crate) fn spread_examples(
        &mut self,
        x: NodeId,
        y: NodeId,
        scope: &Scope,
    ) -> (NodeId, NodeId) {
        let axis = match scope.mode {
            Mode::Plain => return (x, y),
            Mode::Columns => Axis::Rows,
            Mode::Rows => Axis::Cols,
        };
        let (s, t) = (self.shape(x), self.shape(y));
        if s.is_scalar() || t.is_scalar() || s == t {
            return (x, y);
        }
        let flat = |s: &Shape| match axis {
            Axis::Rows => s.rows.is_one(),
            _ => s.cols.is_one(),
        };
        let widen = |me: &mut Self, n: NodeId, to: Shape| {
            let span = me.g[n].span;
            me.g.add(Op::Broadcast(axis, to), &[n], span)
        };
        match (flat(&s), flat(&t)) {
            (true, false) => (widen(self, x, t), y),
            (false, true) => (x, widen(self, y, s)),
            _ => (x, y),
        }
    }

    /// A space or `@`: matrix product or scalar factor.
    pub(crate) fn product(
        &mut self,
        (a, x): (&Expr, NodeId),
        (b, y): (&Expr, NodeId),
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        if scope.mode != Mode::Plain {
            if let Some(n) = self.inner_product(x, y, span, scope) {
                return Some(n);
            }
            return self.entrywise(Binary::Mul, (a, x), (b, y), span, scope);
        }
        let (s, t) = (self.shape(x), self.shape(y));
        if s.is_scalar() || t.is_scalar() {
            return Some(self.factor(x, y, span));
        }
        let single = scope.within.is_some_and(|f| self.functions.is_entrywise(f));
        if scope.listed && self.same(&s, &t) {
            return Some(self.factor(x, y, span));
        }
        if single && s == t {
            return Some(self.spanned(Op::Binary(Binary::Mul), &[x, y], span));
        }
        if self.dims.unify(&s.cols, &t.rows) {
            if let Some(n) = self.inner_log(x, y, span) {
                return Some(n);
            }
            return Some(self.spanned(Op::MatMul, &[x, y], span));
        }
        let d = self.misfit_product((a, x), (b, y), span);
        self.error(d)
    }

    /// yᵀ s in the body of a function of one example that is applied to many: one number each.
    fn inner_product(
        &mut self,
        x: NodeId,
        y: NodeId,
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        if self.g[x].op != Op::Transpose {
            return None;
        }
        let column = self.g[x].args[0];
        if self.shape(column) != self.shape(y) || self.is_reduced(y, scope) {
            return None;
        }
        let terms = self.factor(column, y, span);
        Some(self.reduce_all(terms, span, scope))
    }

    /// `·`: a scalar factor, or the inner product of two columns.
    fn dot(
        &mut self,
        (a, x): (&Expr, NodeId),
        (b, y): (&Expr, NodeId),
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let (s, t) = (self.shape(x), self.shape(y));
        if s.is_scalar() || t.is_scalar() || scope.within.is_some() {
            return self.entrywise(Binary::Mul, (a, x), (b, y), span, scope);
        }
        let columns = s.cols.is_one() && t.cols.is_one();
        if columns && self.dims.unify(&s.rows, &t.rows) {
            let xt = self.g.transpose(x);
            return Some(self.spanned(Op::MatMul, &[xt, y], span));
        }
        let d = self.misfit_dot((a, x), (b, y), span);
        self.error(d)
    }

    /// `*` and `×`: only where one side is a scalar.
    fn star(
        &mut self,
        (a, x): (&Expr, NodeId),
        (b, y): (&Expr, NodeId),
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        if self.is_scalar(x) || self.is_scalar(y) || scope.within.is_some() {
            return self.entrywise(Binary::Mul, (a, x), (b, y), span, scope);
        }
        let d = self.which_product((a, x), (b, y), span);
        self.error(d)
    }

    /// Entry by entry with equal shapes or a scalar.
    pub(crate) fn entrywise(
        &mut self,
        op: Binary,
        (a, x): (&Expr, NodeId),
        (b, y): (&Expr, NodeId),
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let (x, y) = self.spread_examples(x, y, scope);
        let (s, t) = (self.shape(x), self.shape(y));
        if s.is_scalar() || t.is_scalar() || self.same(&s, &t) {
            if op == Binary::Mul {
                return Some(self.factor(x, y, span));
            }
            return Some(self.spanned(Op::Binary(op), &[x, y], span));
        }
        let d = self.misfit_entrywise(op, (a, x), (b, y), span);
        self.error(d)
    }

    /// Entry by entry x y; `y log p` is 0 where y = 0, whatever p is (rule 12).
    fn factor(&mut self, x: NodeId, y: NodeId, span: Span) -> NodeId {
        for (f, log) in [(x, y), (y, x)] {
            let free = !matches!(self.g[f].op, Op::Fill(..) | Op::Size(_));
            if self.g[log].op == Op::Unary(Unary::Log) && free {
                let p = self.g[log].args[0];
                return self.spanned(Op::Binary(Binary::XLogY), &[f, p], span);
            }
        }
        self.spanned(Op::Binary(Binary::Mul), &[x, y], span)
    }

    /// yᵀ log p of two columns, in the same way.
    fn inner_log(&mut self, x: NodeId, y: NodeId, span: Span) -> Option<NodeId> {
        let (row, log) = (self.g[x].clone(), self.g[y].clone());
        let fits = row.op == Op::Transpose && log.op == Op::Unary(Unary::Log);
        if !fits || !self.shape(y).cols.is_one() {
            return None;
        }
        let op = Op::Binary(Binary::XLogY);
        let terms = self.spanned(op, &[row.args[0], log.args[0]], span);
        Some(self.spanned(Op::Sum(Axis::All), &[terms], span))
    }

    fn cases(
        &mut self,
        v: &Expr,
        c: &Expr,
        o: &Expr,
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let (x, k, y) = (self.expr(v, scope), self.expr(c, scope), self.expr(o, scope));
        let (x, k, y) = (x?, k?, y?);
        let (x, k) = self.spread_examples(x, k, scope);
        let (x, y) = self.spread_examples(x, y, scope);
        for (e, n) in [(c, k), (o, y)] {
            let (s, t) = (self.shape(x), self.shape(n));
            if !(s.is_scalar() || t.is_scalar() || self.same(&s, &t)) {
                let d = self.misfit_entrywise(Binary::Eq, (v, x), (e, n), span);
                return self.error(d);
            }
        }
        Some(self.spanned(Op::Select, &[k, x, y], span))
    }

    /// `‖a, b‖` (2-norm, Frobenius over all of them) and `‖e‖_1`.
    fn norm(
        &mut self,
        p: u8,
        parts: &[Expr],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let mut total: Option<NodeId> = None;
        for part in parts {
            let x = self.expr(part, scope)?;
            let term = if p == 1 {
                self.g.unary(Unary::Abs, x)
            } else {
                let two = self.g.number(2.0);
                self.spanned(Op::Binary(Binary::Pow), &[x, two], span)
            };
            let s = self.reduce_all(term, span, scope);
            total = Some(match total {
                Some(t) => self.g.binary(Binary::Add, t, s),
                None => s,
            });
        }
        let total = total?;
        Some(if p == 1 {
            total
        } else {
            self.spanned(Op::Unary(Unary::Sqrt), &[total], span)
        })
    }

    /// The sum over all entries; per example inside a function of one example.
    pub(crate) fn reduce_all(&mut self, x: NodeId, span: Span, scope: &Scope) -> NodeId {
        let axis = self.example_axis(scope);
        if self.is_reduced(x, scope) {
            return x;
        }
        self.spanned(Op::Sum(axis), &[x], span)
    }

    /// Over which axis "all entries of an example" lie.
    pub(crate) fn example_axis(&self, scope: &Scope) -> Axis {
        match scope.mode {
            Mode::Plain => Axis::All,
            Mode::Columns => Axis::Rows,
            Mode::Rows => Axis::Cols,
        }
    }

    /// Whether there is only one entry (per example) left.
    pub(crate) fn is_reduced(&self, x: NodeId, scope: &Scope) -> bool {
        let s = self.shape(x);
        match scope.mode {
            Mode::Plain => s.is_scalar(),
            Mode::Columns => s.rows.is_one(),
            Mode::Rows => s.cols.is_one(),
        }
    }

    /// How many entries (of an example) there are, as a node.
    pub(crate) fn count(&mut self, x: NodeId, scope: &Scope) -> NodeId {
        let s = self.shape(x);
        let (r, c) = match scope.mode {
            Mode::Plain => (s.rows, s.cols),
            Mode::Columns => (s.rows, Dim::ONE),
            Mode::Rows => (s.cols, Dim::ONE),
        };
        match (r.is_one(), c.is_one()) {
            (true, _) => self.size(&c),
            (_, true) => self.size(&r),
            _ => {
                let (r, c) = (self.size(&r), self.size(&c));
                self.g.binary(Binary::Mul, r, c)
            }
        }
    }

    fn matrix(
        &mut self,
        rows: &[Vec<Expr>],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let cols = rows.first().map_or(0, Vec::len);
        if cols == 0 {
            return self.error(empty_bracket(span));
        }
        if let Some(bad) = rows.iter().find(|r| r.len() != cols) {
            let at = bad.first().map_or(span, |e| e.span);
            let text =
                format!("a row has {} entries, the first one has {cols}", bad.len());
            return self.error(Diagnostic::error(Code::S5, at, text));
        }
        let mut lines = Vec::new();
        for row in rows {
            let entries: Option<Vec<NodeId>> =
                row.iter().map(|e| self.expr(e, &scope.inner())).collect();
            let columns: Vec<NodeId> = entries?;
            if rows.len() * cols > 1 && !self.single_numbers(row, &columns) {
                return None;
            }
            lines.push(self.row_of(&columns, span));
        }
        Some(match lines.as_slice() {
            [one] => *one,
            _ => self.spanned(Op::Stack, &lines, span),
        })
    }

    /// Each entry of a matrix is one number; `[a; b]` of whole columns is a stack.
    fn single_numbers(&mut self, row: &[Expr], nodes: &[NodeId]) -> bool {
        for (e, &node) in row.iter().zip(nodes) {
            let s = self.shape(node);
            let one = self.dims.unify(&s.rows, &Dim::ONE)
                && self.dims.unify(&s.cols, &Dim::ONE);
            if !one {
                let shown = self.dims.resolve_shape(&s);
                let text = format!("an entry of a matrix is one number, found {shown}");
                self.error(Diagnostic::error(Code::S5, e.span, text));
                return false;
            }
        }
        true
    }

    /// Scalars side by side: the transpose of them on top of each other.
    fn row_of(&mut self, entries: &[NodeId], span: Span) -> NodeId {
        match entries {
            [one] => *one,
            _ => {
                let column = self.spanned(Op::Stack, entries, span);
                self.g.transpose(column)
            }
        }
    }

    fn stack(&mut self, parts: &[Expr], span: Span, scope: &Scope) -> Option<NodeId> {
        if parts.is_empty() {
            return self.error(empty_bracket(span));
        }
        let nodes: Option<Vec<NodeId>> =
            parts.iter().map(|p| self.expr(p, scope)).collect();
        let nodes = nodes?;
        for (p, &n) in parts.iter().zip(&nodes).skip(1) {
            let (s, t) = (self.shape(nodes[0]), self.shape(n));
            if !self.dims.unify(&s.cols, &t.cols) {
                let d = self.misfit_stack((&parts[0], nodes[0]), (p, n), span);
                return self.error(d);
            }
        }
        Some(self.spanned(Op::Stack, &nodes, span))
    }

    /// `W[2,1]`, `W[2,:]`, `v[3]`; an index that is a letter belongs to a sum.
    fn element(
        &mut self,
        base: &Expr,
        index: &[Index],
        span: Span,
        scope: &Scope,
    ) -> Option<NodeId> {
        let x = self.expr(base, &scope.inner())?;
        let s = self.shape(x);
        let (first, second) = match index {
            [one] if s.rows.is_one() && !s.cols.is_one() => (None, Some(one)),
            [one] => (Some(one), None),
            [r, c] => (Some(r), Some(c)),
            _ => {
                let text = "an element has one or two indices";
                return self.error(Diagnostic::error(Code::G2, span, text));
            }
        };
        let (row, rows) = self.range(first, &s.rows, span, scope)?;
        let (col, cols) = self.range(second, &s.cols, span, scope)?;
        Some(self.spanned(Op::Slice(Block { row, rows, col, cols }), &[x], span))
    }

    /// Start (from 0) and length of an index along a dimension.
    fn range(
        &mut self,
        index: Option<&Index>,
        dim: &Dim,
        span: Span,
        scope: &Scope,
    ) -> Option<(Dim, Dim)> {
        let (from, to) = match index {
            None | Some(Index::All) => return Some((Dim::size(0), dim.clone())),
            Some(Index::At(e)) => {
                let i = self.whole(e, scope)?;
                (i, i)
            }
            Some(Index::Range(a, b)) => (self.whole(a, scope)?, self.whole(b, scope)?),
        };
        let limit = dim.under(&self.dims.sizes);
        if from < 1 || to < from || limit.is_some_and(|n| to > n) {
            let text = format!("index {to} is outside 1..{dim}");
            self.error(Diagnostic::error(Code::S5, span, text));
            return None;
        }
        Some((Dim::size(from - 1), Dim::size(to - from + 1)))
    }

    fn whole(&mut self, e: &Expr, scope: &Scope) -> Option<usize> {
        let n = self.expr(e, &scope.inner())?;
        let value = self.constant_value(n);
        match value {
            Some(v) if v >= 1.0 && v.fract() == 0.0 && v < 1e9 => Some(v as usize),
            _ => {
                let text = "an index is a whole number from 1";
                self.error(Diagnostic::error(Code::S5, e.span, text));
                None
            }
        }
    }

    /// The number that a node is, if it depends on nothing.
    pub(crate) fn constant_value(&self, n: NodeId) -> Option<f64> {
        constant_value(self.g, self.dims, n)
    }
}

/// The number that a node is, if it depends on nothing but sizes that are known.
pub(crate) fn constant_value(g: &Graph, dims: &Dims, n: NodeId) -> Option<f64> {
    let node = &g[n];
    let arg = |i: usize| constant_value(g, dims, node.args[i]);
    match &node.op {
        Op::Fill(bits, _) => Some(f64::from_bits(*bits)),
        Op::Size(d) => dims.resolve(d).under(&dims.sizes).map(|n| n as f64),
        Op::Unary(u) => Some((crate::ops::elementwise::unary(*u).value)(arg(0)?)),
        Op::Binary(b) => {
            Some((crate::ops::elementwise::binary(*b).value)(arg(0)?, arg(1)?))
        }
        Op::Select => {
            if arg(0)? != 0.0 {
                arg(1)
            } else {
                arg(2)
            }
        }
        _ => None,
    }
}

fn empty_bracket(span: Span) -> Diagnostic {
    let text = "expected entries between the brackets, found none";
    Diagnostic::error(Code::S5, span, text)
}
