//! Formulas with numbers put in: a whole line, or one entry of it.
//!
//! In: a node of a worked graph. Out: its definition with the value of every name written instead, as a
//! tree; numbers keep their exact value. `None` where that would be too long to read: a matrix
//! of more than some entries, a sum of more than some terms.

use std::collections::BTreeMap;

use chainrule_graph::eval::Value;
use chainrule_graph::graph::{Axis, Binary, FuncId, NodeId, Op, Unary};
use chainrule_graph::ops::elementwise;
use chainrule_graph::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, Index};
use chainrule_graph::value::Mat;

use super::context::Context;
use super::numeric::{apart, terms, worth};
use super::worked::Worked;
use crate::explain::formula::{call, expr, op, paren};
use crate::explain::tree::Level;

/// A sum of more terms is not written out.
const MOST_TERMS: usize = 8;

pub(super) struct Fill<'a> {
    pub cx: &'a Context<'a>,
    pub w: &'a Worked,
}

impl Fill<'_> {
    /// The sides between a symbolic line and its value: names replaced, then what a function is
    /// applied to worked out.
    pub(super) fn whole(&self, n: NodeId, symbolic: &Expr) -> Vec<Expr> {
        if self.cx.examples() > 1 && self.is_each(n) {
            return Vec::new();
        }
        let Some(values) = self.values(n) else { return Vec::new() };
        let first = self.filled(symbolic, &values, true);
        if matches!(symbolic.kind, ExprKind::Name(_)) {
            return vec![first];
        }
        let inside = self.argument(n).and_then(|(f, primes, args)| {
            let shown: Option<Vec<Expr>> =
                args.iter().map(|a| self.mat_expr(*a)).collect();
            Some(self.applied(f, primes, &args, shown?))
        });
        [first].into_iter().chain(inside).chain(self.called(n)).collect()
    }

    /// The line once its inner functions have their values: `[1; 2]ᵀ relu'(…)` → `[1; 2]ᵀ [1; 0]`.
    fn called(&self, n: NodeId) -> Option<Expr> {
        let mut names = self.w.names.clone();
        let mut values = BTreeMap::new();
        let mut open: Vec<NodeId> = self.w.graph[n].args.clone();
        while let Some(a) = open.pop() {
            let function = matches!(self.w.graph[a].op, Op::Call(..) | Op::Deriv(..));
            if self.leaf(a) {
                continue;
            }
            if function {
                let m = self.w.mat(a).filter(|m| self.cx.small(m))?;
                let key = format!("\u{1}{}", a.0);
                names.insert(a, key.clone());
                values.insert(key, m);
            } else {
                open.extend(&self.w.graph[a].args);
            }
        }
        if values.is_empty() {
            return None;
        }
        values.extend(self.values(n)?);
        let printed = self.cx.printer(&self.w.graph, &names).inside(n);
        Some(self.filled(&printed, &values, true))
    }

    fn is_each(&self, n: NodeId) -> bool {
        let below = self.w.graph.reachable(&[n]);
        let each = |id: NodeId| matches!(self.w.value(id), Some(Value::Each(_)));
        self.w.graph.iter().any(|(id, _)| below[id.0 as usize] && each(id))
    }

    /// The value as a literal.
    fn mat_expr(&self, n: NodeId) -> Option<Expr> {
        let m = self.w.mat(n)?;
        self.cx.small(&m).then(|| self.cx.matrix(&m))
    }

    /// Values of all names that a node's definition may print; `None` if one is too large.
    fn values(&self, n: NodeId) -> Option<BTreeMap<String, Mat>> {
        let mut out = BTreeMap::new();
        for (name, size) in &self.cx.m.dims.sizes {
            out.insert(name.clone(), Mat::scalar(*size as f64));
        }
        let count = self.cx.examples() as f64;
        out.entry("m".to_owned()).or_insert_with(|| Mat::scalar(count));
        let mut open: Vec<NodeId> = self.w.graph[n].args.clone();
        if self.leaf(n) {
            open.push(n);
        }
        while let Some(n) = open.pop() {
            match self.spelled(n) {
                Some(name) => {
                    let m = self.w.mat(n)?;
                    if !self.cx.small(&m) {
                        return None;
                    }
                    out.insert(name, m);
                }
                None => open.extend(&self.w.graph[n].args),
            }
        }
        Some(out)
    }

    /// How a node is called, if it has a name.
    fn spelled(&self, n: NodeId) -> Option<String> {
        match (&self.w.graph[n].op, self.w.names.get(&n)) {
            (_, Some(name)) => Some(name.clone()),
            (Op::Symbol(s), None) => Some(self.cx.symbols[s.0 as usize].clone()),
            _ => None,
        }
    }

    fn leaf(&self, n: NodeId) -> bool {
        self.spelled(n).is_some()
    }

    /// A call whose argument is a calculation of its own.
    fn argument(&self, n: NodeId) -> Option<(FuncId, u8, Vec<NodeId>)> {
        let node = &self.w.graph[n];
        let (f, primes) = match node.op {
            Op::Call(f, _) => (f, 0),
            Op::Deriv(f, _) => (f, 1),
            _ => return None,
        };
        let plain = |a: &NodeId| {
            self.leaf(*a) || matches!(self.w.graph[*a].op, Op::Fill(..) | Op::Size(_))
        };
        (!node.args.iter().all(plain)).then(|| (f, primes, node.args.clone()))
    }

    /// A call with other arguments; those that have their default stay left out.
    fn applied(&self, f: FuncId, primes: u8, args: &[NodeId], shown: Vec<Expr>) -> Expr {
        let printer = self.cx.printer(&self.w.graph, &self.w.names);
        let whole = printer.inside_call(f, primes, args);
        let ExprKind::Call { func, args: mut all, .. } = whole.kind else { return whole };
        for (arg, value) in all.iter_mut().zip(shown) {
            arg.value = value;
        }
        expr(ExprKind::Call { func, primes, args: all })
    }

    /// A tree with its names replaced; `first` is where a sign needs no bracket.
    pub(super) fn filled(
        &self,
        e: &Expr,
        values: &BTreeMap<String, Mat>,
        first: bool,
    ) -> Expr {
        let go = |e: &Expr| Box::new(self.filled(e, values, true));
        let kind = match &e.kind {
            ExprKind::Name(n) => match values.get(&n.key) {
                Some(m) if first => return self.cx.matrix(m),
                Some(m) => return apart(self.cx.matrix(m)),
                None => e.kind.clone(),
            },
            ExprKind::Paren(x) => {
                let x = self.filled(x, values, true);
                match &x.kind {
                    ExprKind::Number(..) | ExprKind::Matrix(_) => return x,
                    ExprKind::Neg(y)
                        if first && matches!(y.kind, ExprKind::Number(..)) =>
                    {
                        return x;
                    }
                    _ => return paren(x),
                }
            }
            ExprKind::Neg(x) => ExprKind::Neg(Box::new(self.filled(x, values, false))),
            ExprKind::Binary(o, a, b) => return self.operation(*o, a, b, values, first),
            ExprKind::Transpose(x) => {
                let x = self.filled(x, values, true);
                match x.kind {
                    ExprKind::Number(..) | ExprKind::Neg(_) => return apart(x),
                    _ => ExprKind::Transpose(Box::new(x)),
                }
            }
            ExprKind::Call { func, primes, args } => {
                let one = |a: &Arg| Arg { name: a.name.clone(), value: *go(&a.value) };
                let args = args.iter().map(one).collect();
                ExprKind::Call { func: func.clone(), primes: *primes, args }
            }
            ExprKind::Norm(p, parts) => {
                ExprKind::Norm(*p, parts.iter().map(|x| *go(x)).collect())
            }
            ExprKind::Abs(x) => ExprKind::Abs(go(x)),
            ExprKind::Not(x) => ExprKind::Not(go(x)),
            ExprKind::Indicator(x) => ExprKind::Indicator(go(x)),
            ExprKind::Cases(v, c, o) => ExprKind::Cases(go(v), go(c), go(o)),
            ExprKind::Stack(parts) => {
                ExprKind::Stack(parts.iter().map(|x| *go(x)).collect())
            }
            ExprKind::Element(x, index) => match self.picked(x, index, values) {
                Some(x) => return if first { x } else { apart(x) },
                None => e.kind.clone(),
            },
            ExprKind::Number(..)
            | ExprKind::Matrix(_)
            | ExprKind::Sum { .. }
            | ExprKind::Error => e.kind.clone(),
        };
        expr(kind)
    }

    fn operation(
        &self,
        o: BinaryOp,
        a: &Expr,
        b: &Expr,
        values: &BTreeMap<String, Mat>,
        first: bool,
    ) -> Expr {
        let sign_free = first && o != BinaryOp::Pow;
        let (x, y) = (self.filled(a, values, sign_free), self.filled(b, values, false));
        let numbers = worth(&x).is_some() && worth(&y).is_some();
        match o {
            BinaryOp::Space | BinaryOp::At | BinaryOp::Odot if numbers => {
                op(BinaryOp::Dot, x, y)
            }
            _ => op(o, x, y),
        }
    }

    /// `v[2]` of a known v.
    fn picked(
        &self,
        x: &Expr,
        index: &[Index],
        values: &BTreeMap<String, Mat>,
    ) -> Option<Expr> {
        let ExprKind::Name(n) = &x.kind else { return None };
        let m = values.get(&n.key)?;
        let at = |i: &Index| match i {
            Index::At(Expr { kind: ExprKind::Number(k, _), .. }) => {
                Some((*k as usize).saturating_sub(1))
            }
            _ => None,
        };
        let (i, j) = match index {
            [one] if m.rows == 1 => (0, at(one)?),
            [one] => (at(one)?, 0),
            [i, j] => (at(i)?, at(j)?),
            _ => return None,
        };
        (i < m.rows && j < m.cols).then(|| self.cx.number(m.at(i, j)))
    }

    /// The sides of one entry's calculation, without its value; empty where it is too long or
    /// nothing but that value.
    pub(super) fn entry(
        &self,
        n: NodeId,
        example: usize,
        at: (usize, usize),
    ) -> Vec<Expr> {
        let one = Entry { fill: self, example, called: false };
        let Some(full) = one.open(n, at, true) else { return Vec::new() };
        let mut out = vec![full];
        if let Some((f, primes, args)) = self.argument(n) {
            let shown: Option<Vec<Expr>> =
                args.iter().map(|a| one.value(*a, at, true)).collect();
            out.extend(shown.map(|s| self.applied(f, primes, &args, s)));
        } else if let Some(e) = (Entry { called: true, ..one }).open(n, at, true) {
            out.push(e);
        }
        if self.cx.level() == Level::Every {
            let last = out.last().map(|e| terms(e, self.cx.digits));
            out.extend(last);
        }
        out
    }
}

/// One entry for one example.
struct Entry<'a> {
    fill: &'a Fill<'a>,
    example: usize,
    /// Whether inner functions are shown as their values.
    called: bool,
}

impl Entry<'_> {
    fn mat(&self, n: NodeId) -> Option<&Mat> {
        self.fill.w.of(n, self.example)
    }

    /// The entry of a value as a number; a scalar serves all entries.
    fn value(&self, n: NodeId, (i, j): (usize, usize), first: bool) -> Option<Expr> {
        let m = self.mat(n)?;
        let x = match (m.is_scalar(), i < m.rows && j < m.cols) {
            (true, _) => m.data[0],
            (_, true) => m.at(i, j),
            _ => return None,
        };
        let e = self.fill.cx.number(x);
        Some(if first { e } else { apart(e) })
    }

    /// A named value as its number, anything else as its calculation.
    fn part(&self, n: NodeId, at: (usize, usize), first: bool) -> Option<Expr> {
        let function = matches!(self.fill.w.graph[n].op, Op::Call(..) | Op::Deriv(..));
        match self.fill.leaf(n) || self.called && function {
            true => self.value(n, at, first),
            false => self.open(n, at, first),
        }
    }

    /// A factor: sums in brackets.
    fn factor(&self, n: NodeId, at: (usize, usize), first: bool) -> Option<Expr> {
        let e = self.part(n, at, true)?;
        match e.kind {
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..) => Some(paren(e)),
            _ if first => Some(e),
            _ => self.part(n, at, false),
        }
    }

    /// The calculation of an entry.
    fn open(&self, n: NodeId, at: (usize, usize), first: bool) -> Option<Expr> {
        let graph = &self.fill.w.graph;
        let node = &graph[n];
        let arg = |k: usize| node.args[k];
        match &node.op {
            Op::MatMul => self.product(arg(0), arg(1), at, first),
            Op::Binary(b) => self.binary(*b, arg(0), arg(1), at, first),
            Op::Unary(Unary::Neg) => {
                let x = self.factor(arg(0), at, false)?;
                let e = expr(ExprKind::Neg(Box::new(x)));
                Some(if first { e } else { paren(e) })
            }
            // The norm of one number.
            Op::Unary(Unary::Sqrt) if self.squared(arg(0)).is_some() => {
                let x = self.squared(arg(0))?;
                Some(expr(ExprKind::Abs(Box::new(self.part(x, at, true)?))))
            }
            Op::Unary(u) => {
                let x = self.part(arg(0), at, true)?;
                Some(call(elementwise::unary(*u).name, 0, vec![x]))
            }
            Op::Call(f, None) if self.fill.cx.m.functions.is_entrywise(*f) => {
                self.function(*f, 0, &node.args, at)
            }
            Op::Deriv(f, _) => self.function(*f, 1, &node.args, at),
            Op::Transpose => self.part(arg(0), (at.1, at.0), first),
            Op::Broadcast(axis, _) => {
                let inside = match axis {
                    Axis::All => (0, 0),
                    Axis::Rows => (0, at.1),
                    Axis::Cols => (at.0, 0),
                };
                self.part(arg(0), inside, first)
            }
            Op::Sum(axis) => self.sum(*axis, arg(0), at, first),
            Op::ExMean => self.mean(arg(0), at),
            Op::Select => {
                let m = self.mat(arg(0))?;
                let taken = if m.is_scalar() { m.data[0] } else { m.at(at.0, at.1) };
                self.part(arg(if taken != 0.0 { 1 } else { 2 }), at, first)
            }
            _ => self.value(n, at, first),
        }
    }

    /// e of an e² without a name.
    fn squared(&self, n: NodeId) -> Option<NodeId> {
        let (graph, node) = (&self.fill.w.graph, &self.fill.w.graph[n]);
        let two = node.args.get(1).and_then(|a| graph.constant(*a)) == Some(2.0);
        let square = node.op == Op::Binary(Binary::Pow) && two && !self.fill.leaf(n);
        square.then(|| node.args[0])
    }

    /// a of (√a)².
    fn root_squared(&self, x: NodeId, y: NodeId) -> Option<NodeId> {
        let graph = &self.fill.w.graph;
        let root = graph[x].op == Op::Unary(Unary::Sqrt) && !self.fill.leaf(x);
        (root && graph.constant(y) == Some(2.0)).then(|| graph[x].args[0])
    }

    fn function(
        &self,
        f: FuncId,
        primes: u8,
        args: &[NodeId],
        at: (usize, usize),
    ) -> Option<Expr> {
        let shown: Option<Vec<Expr>> =
            args.iter().map(|a| self.part(*a, at, true)).collect();
        Some(self.fill.applied(f, primes, args, shown?))
    }

    /// Σ over the inner dimension.
    fn product(
        &self,
        a: NodeId,
        b: NodeId,
        (i, j): (usize, usize),
        first: bool,
    ) -> Option<Expr> {
        let inner = self.mat(a)?.cols;
        self.added(inner, first, |k, first| {
            let x = self.factor(a, (i, k), first)?;
            Some(op(BinaryOp::Dot, x, self.factor(b, (k, j), false)?))
        })
    }

    fn sum(
        &self,
        axis: Axis,
        x: NodeId,
        (i, j): (usize, usize),
        first: bool,
    ) -> Option<Expr> {
        let m = self.mat(x)?;
        let (count, cols) = match axis {
            Axis::All => (m.data.len(), m.cols),
            Axis::Rows => (m.rows, 1),
            Axis::Cols => (m.cols, m.cols),
        };
        self.added(count, first, |k, first| {
            let at = match axis {
                Axis::All => (k / cols, k % cols),
                Axis::Rows => (k, j),
                Axis::Cols => (i, k),
            };
            self.part(x, at, first)
        })
    }

    /// 1/m (… + …) over the examples.
    fn mean(&self, x: NodeId, at: (usize, usize)) -> Option<Expr> {
        let m = self.fill.cx.examples();
        let of = |example: usize, first: bool| {
            Entry { fill: self.fill, example, called: self.called }.part(x, at, first)
        };
        if m == 1 {
            return of(0, true);
        }
        let sum = self.added(m, true, of)?;
        let share =
            op(BinaryOp::Div, self.fill.cx.number(1.0), self.fill.cx.number(m as f64));
        Some(op(BinaryOp::Dot, share, paren(sum)))
    }

    fn added(
        &self,
        count: usize,
        first: bool,
        term: impl Fn(usize, bool) -> Option<Expr>,
    ) -> Option<Expr> {
        if count == 0 || count > MOST_TERMS && self.fill.cx.level() != Level::Every {
            return None;
        }
        let mut out = term(0, first)?;
        for k in 1..count {
            out = op(BinaryOp::Add, out, term(k, false)?);
        }
        Some(out)
    }

    fn binary(
        &self,
        b: Binary,
        x: NodeId,
        y: NodeId,
        at: (usize, usize),
        first: bool,
    ) -> Option<Expr> {
        let sign = match b {
            Binary::Add | Binary::Sub => {
                let left = self.part(x, at, first)?;
                let (o, right) = match b {
                    Binary::Add => (BinaryOp::Add, self.part(y, at, false)?),
                    _ => (BinaryOp::Sub, self.factor(y, at, false)?),
                };
                return Some(op(o, left, right));
            }
            Binary::Max | Binary::Min => {
                let name = if b == Binary::Max { "max" } else { "min" };
                return Some(call(
                    name,
                    0,
                    vec![self.part(x, at, true)?, self.part(y, at, true)?],
                ));
            }
            Binary::XLogY => {
                let log = call("log", 0, vec![self.part(y, at, true)?]);
                return Some(op(BinaryOp::Dot, self.factor(x, at, first)?, log));
            }
            Binary::Mul => BinaryOp::Dot,
            Binary::Div | Binary::XDivY => BinaryOp::Div,
            Binary::Pow => BinaryOp::Pow,
            _ => return None,
        };
        if let (BinaryOp::Pow, Some(square)) = (sign, self.root_squared(x, y)) {
            return self.factor(square, at, first);
        }
        let left = self.factor(x, at, first && sign != BinaryOp::Pow)?;
        let right = self.factor(y, at, false)?;
        let tight = |e: Expr, loose: bool| match e.kind {
            ExprKind::Binary(..) if loose => paren(e),
            _ => e,
        };
        let (pow, div) = (sign == BinaryOp::Pow, sign == BinaryOp::Div);
        Some(op(sign, tight(left, pow), tight(right, pow || div)))
    }
}
