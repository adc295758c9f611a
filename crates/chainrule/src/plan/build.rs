//! Smart constructors of the planner's graph: each puts in a simpler equal form at once.
//!
//! In: an operation on nodes that are already in their simpler form. Out: a node of equal value.
//! The rewrites are those that only a plan needs (constants folded, division by a scalar as a
//! product, transposes pulled out of sums, softmax found); what a reader sees is simplified in
//! the graph. Deliberately absent: one-hot (`onehot`) and means over examples (`mean`).

use chainrule_graph::graph::{Axis, Binary, Unary};
use chainrule_graph::ops::elementwise;

use crate::plan::ext::Ext;
use crate::plan::ir::{IOp, Id, Ir, SCALAR, Size};

impl Ir {
    pub(crate) fn number(&mut self, value: f64) -> Id {
        self.intern(IOp::Const(value.to_bits()), &[], SCALAR, false)
    }

    pub(crate) fn unary(&mut self, f: Unary, a: Id) -> Id {
        if let Some(x) = self.constant(a) {
            return self.number((elementwise::unary(f).value)(x));
        }
        let inner = self[a].clone();
        match (f, &inner.op) {
            (Unary::Neg, IOp::Unary(Unary::Neg)) => return inner.args[0],
            (Unary::Neg, IOp::Binary(Binary::Mul)) if self[inner.args[0]].host => {
                let h = self.unary(Unary::Neg, inner.args[0]);
                return self.binary(Binary::Mul, h, inner.args[1]);
            }
            (Unary::Exp, IOp::Binary(Binary::Sub)) => {
                if let Some(softmax) = self.softmax_of_difference(&inner.args) {
                    return softmax;
                }
            }
            (Unary::Log, IOp::Softmax(_)) => {
                return self.binary(Binary::Sub, inner.args[0], inner.args[1]);
            }
            _ => {}
        }
        self.entrywise(IOp::Unary(f), &[a])
    }

    pub(crate) fn binary(&mut self, f: Binary, a: Id, b: Id) -> Id {
        if let (Some(x), Some(y)) = (self.constant(a), self.constant(b)) {
            return self.number((elementwise::binary(f).value)(x, y));
        }
        let simpler = match f {
            Binary::Mul => self.times(a, b),
            Binary::Div | Binary::XDivY => self.over(f, a, b),
            Binary::Pow => self.power(a, b),
            Binary::Add => self.plus(a, b),
            Binary::Sub => self.minus(a, b),
            _ => None,
        };
        simpler.unwrap_or_else(|| self.entrywise(IOp::Binary(f), &[a, b]))
    }

    pub(crate) fn select(&mut self, c: Id, a: Id, b: Id) -> Id {
        let c = match self.above_zero(c) {
            Some((z, zero)) if a == z && self.constant(b) == Some(0.0) => {
                return self.binary(Binary::Max, z, zero);
            }
            Some((z, zero)) => self.above_zero_again(z, zero).unwrap_or(c),
            None => c,
        };
        match self.constant(c) {
            Some(c) if self[a].size == self[b].size => {
                if c != 0.0 {
                    a
                } else {
                    b
                }
            }
            _ => self.entrywise(IOp::Select, &[c, a, b]),
        }
    }

    /// z and 0, if `c` = (z > 0).
    fn above_zero(&self, c: Id) -> Option<(Id, Id)> {
        let IOp::Binary(Binary::Gt) = self[c].op else { return None };
        let (z, zero) = (self[c].args[0], self[c].args[1]);
        (self.constant(zero) == Some(0.0) && !self[z].is_scalar()).then_some((z, zero))
    }

    /// max(z, 0) > 0 in place of z > 0, where max(z, 0) is there: z itself need not be kept.
    fn above_zero_again(&mut self, z: Id, zero: Id) -> Option<Id> {
        let size = self[z].size;
        let rectified = self.find(&IOp::Binary(Binary::Max), &[z, zero], size)?;
        Some(self.intern(IOp::Binary(Binary::Gt), &[rectified, zero], size, false))
    }

    /// Host factors come first and are gathered: h·(k·x) = (h·k)·x.
    fn times(&mut self, a: Id, b: Id) -> Option<Id> {
        if (self[b].host && !self[a].host) || (self[a].host == self[b].host && b < a) {
            return Some(self.binary(Binary::Mul, b, a));
        }
        if !self[a].host {
            return self
                .inverse_times(a, b)
                .or_else(|| self.inverse_times(b, a))
                .or_else(|| self.times_step(a, b).or_else(|| self.times_step(b, a)));
        }
        match self.constant(a) {
            Some(1.0) => return Some(b),
            Some(-1.0) => return Some(self.unary(Unary::Neg, b)),
            _ => {}
        }
        let inner = self[b].clone();
        match inner.op {
            _ if inner.host => None,
            IOp::Unary(Unary::Neg) => {
                let h = self.unary(Unary::Neg, a);
                Some(self.binary(Binary::Mul, h, inner.args[0]))
            }
            IOp::Binary(Binary::Mul) if self[inner.args[0]].host => {
                let h = self.binary(Binary::Mul, a, inner.args[0]);
                Some(self.binary(Binary::Mul, h, inner.args[1]))
            }
            _ => None,
        }
    }

    /// (1/s) e, where that is a softmax.
    fn inverse_times(&mut self, inverse: Id, e: Id) -> Option<Id> {
        let i = self.unspread(inverse);
        let IOp::Binary(Binary::Div) = self[i].op else { return None };
        let (one, s) = (self[i].args[0], self[i].args[1]);
        (self.constant(one) == Some(1.0)).then(|| self.softmax_of_quotient(e, s))?
    }

    /// x · (1 if c else 0) = (x if c else 0): picks, never multiplies.
    fn times_step(&mut self, x: Id, step: Id) -> Option<Id> {
        let IOp::Select = self[step].op else { return None };
        let (c, yes, no) = (self[step].args[0], self[step].args[1], self[step].args[2]);
        let plain = self.constant(yes) == Some(1.0) && self.constant(no) == Some(0.0);
        (plain && self[x].size == self[step].size).then(|| self.select(c, x, no))
    }

    /// Division by a shared scalar is a product with its inverse, which is computed once.
    fn over(&mut self, f: Binary, a: Id, b: Id) -> Option<Id> {
        if let Some(softmax) = self.softmax_of_quotient(a, b) {
            return Some(softmax);
        }
        let top = self[a].clone();
        if top.op == IOp::Binary(Binary::Mul) && self[top.args[0]].host && !top.host {
            // (h x) / y = h (x / y): h may join a sum that follows.
            let quotient = self.binary(f, top.args[1], b);
            return Some(self.binary(Binary::Mul, top.args[0], quotient));
        }
        let once = self[b].is_scalar() && !self[b].each;
        let many = self[a].each || !self[a].is_scalar();
        let known = f == Binary::Div || self.constant(b).is_some_and(|c| c != 0.0);
        if !(known && once && (many || (self[b].host && !self[a].host))) {
            return None;
        }
        let one = self.number(1.0);
        let inverse = self.binary(Binary::Div, one, b);
        Some(self.binary(Binary::Mul, inverse, a))
    }

    fn power(&mut self, a: Id, b: Id) -> Option<Id> {
        let square = |ir: &mut Self| ir.binary(Binary::Mul, a, a);
        let c = self.constant(b)?;
        if c == 2.0 {
            Some(square(self))
        } else if c == 3.0 {
            let s = square(self);
            Some(self.binary(Binary::Mul, s, a))
        } else if c == 1.0 {
            Some(a)
        } else if c == 0.5 {
            Some(self.unary(Unary::Sqrt, a))
        } else if c == -1.0 {
            let one = self.number(1.0);
            Some(self.binary(Binary::Div, one, a))
        } else {
            None
        }
    }

    fn plus(&mut self, a: Id, b: Id) -> Option<Id> {
        if let Some(lse) = self.log_sum_exp(a, b).or_else(|| self.log_sum_exp(b, a)) {
            return Some(lse);
        }
        if self.constant(a) == Some(0.0) {
            return Some(b);
        }
        if self.constant(b) == Some(0.0) {
            return Some(a);
        }
        for (x, y) in [(a, b), (b, a)] {
            let node = &self[y];
            if node.op == IOp::Unary(Unary::Neg) && !node.host {
                let inner = node.args[0];
                return Some(self.binary(Binary::Sub, x, inner));
            }
        }
        self.add_at_of(a, b)
    }

    fn minus(&mut self, a: Id, b: Id) -> Option<Id> {
        if self.constant(b) == Some(0.0) {
            return Some(a);
        }
        let node = self[b].clone();
        if node.op == IOp::Unary(Unary::Neg) && !node.host {
            return Some(self.binary(Binary::Add, a, node.args[0]));
        }
        self.log_softmax(a, b).or_else(|| self.subtract_at_of(a, b))
    }

    /// An entry-by-entry node in its normal form: scalars stay scalars, repetition and
    /// transposition are done after the operation, not before.
    pub(crate) fn entrywise(&mut self, op: IOp, args: &[Id]) -> Id {
        let wide: Vec<Id> =
            args.iter().copied().filter(|&a| !self[a].is_scalar()).collect();
        let Some(&first) = wide.first() else {
            return self.intern(op, args, SCALAR, false);
        };
        let (size, shape_op) = (self[first].size, self[first].op.clone());
        let movable = matches!(shape_op, IOp::Transpose | IOp::Broadcast(_));
        let alike = |ir: &Self, a: Id| {
            ir[a].op == shape_op && ir[ir[a].args[0]].size == ir[ir[first].args[0]].size
        };
        if movable && wide.iter().all(|&a| alike(self, a)) {
            let inner: Vec<Id> = args
                .iter()
                .map(|&a| if self[a].is_scalar() { a } else { self[a].args[0] })
                .collect();
            let value = self.entry_again(op, &inner);
            return match shape_op {
                IOp::Transpose => self.transpose(value),
                IOp::Broadcast(axis) => self.spread(axis, value, size),
                _ => unreachable!("only these are movable"),
            };
        }
        let filled = |ir: &Self, a: Id| ir[a].op == IOp::Broadcast(Axis::All);
        if wide.iter().any(|&a| filled(self, a)) {
            let args: Vec<Id> = args
                .iter()
                .map(|&a| if filled(self, a) { self[a].args[0] } else { a })
                .collect();
            return self.entry_again(op, &args);
        }
        self.intern(op, args, size, false)
    }

    /// The same operation on other arguments, through the constructors.
    pub(crate) fn entry_again(&mut self, op: IOp, args: &[Id]) -> Id {
        match op {
            IOp::Unary(f) => self.unary(f, args[0]),
            IOp::Binary(f) => self.binary(f, args[0], args[1]),
            IOp::Select => self.select(args[0], args[1], args[2]),
            _ => unreachable!("{op:?} is not entry by entry"),
        }
    }

    pub(crate) fn transpose(&mut self, a: Id) -> Id {
        let node = self[a].clone();
        if node.is_scalar() {
            return a;
        }
        match node.op {
            IOp::Transpose => node.args[0],
            IOp::MatMul | IOp::ExMatMul => {
                let (l, r) = (self.transpose(node.args[1]), self.transpose(node.args[0]));
                self.intern(node.op, &[l, r], [node.size[1], node.size[0]], false)
            }
            IOp::Broadcast(axis) => {
                let inner = self.transpose(node.args[0]);
                self.spread(flipped(axis), inner, [node.size[1], node.size[0]])
            }
            _ => self.intern(IOp::Transpose, &[a], [node.size[1], node.size[0]], false),
        }
    }

    /// The argument repeated to this size.
    pub(crate) fn spread(&mut self, axis: Axis, a: Id, size: Size) -> Id {
        if self[a].size == size {
            return a;
        }
        let axis = if self[a].is_scalar() { Axis::All } else { axis };
        self.intern(IOp::Broadcast(axis), &[a], size, false)
    }

    pub(crate) fn matmul(&mut self, a: Id, b: Id) -> Id {
        let size = [self[a].size[0], self[b].size[1]];
        if size == SCALAR && self[a].each == self[b].each {
            let at = self.transpose(a);
            let product = self.binary(Binary::Mul, at, b);
            return self.sum(Axis::All, product);
        }
        self.intern(IOp::MatMul, &[a, b], size, false)
    }

    pub(crate) fn sum(&mut self, axis: Axis, a: Id) -> Id {
        let axis = self.plain_axis(axis, a);
        let node = self[a].clone();
        if reduced(node.size, axis) == node.size {
            return a;
        }
        match node.op {
            IOp::Transpose => {
                let s = self.sum(flipped(axis), node.args[0]);
                self.transpose(s)
            }
            IOp::Broadcast(Axis::All) if axis == Axis::All => {
                let n = node.size[0].times(node.size[1]);
                let n = self.extent(n);
                self.binary(Binary::Mul, n, node.args[0])
            }
            IOp::Binary(Binary::Mul) if self[node.args[0]].host => {
                let s = self.sum(axis, node.args[1]);
                self.binary(Binary::Mul, node.args[0], s)
            }
            _ => self.sum_at_index(axis, a).unwrap_or_else(|| {
                self.intern(IOp::Sum(axis), &[a], reduced(node.size, axis), false)
            }),
        }
    }

    /// A reduction other than a sum: `of` makes the operation of the axis.
    pub(crate) fn extreme(&mut self, of: fn(Axis) -> IOp, axis: Axis, a: Id) -> Id {
        let axis = self.plain_axis(axis, a);
        let size = reduced(self[a].size, axis);
        if size == self[a].size {
            return a;
        }
        self.intern(of(axis), &[a], size, false)
    }

    /// Over one row or column every axis is all of it.
    pub(crate) fn plain_axis(&self, axis: Axis, a: Id) -> Axis {
        match (axis, self[a].size) {
            (Axis::Rows, [_, c]) if c.is_one() => Axis::All,
            (Axis::Cols, [r, _]) if r.is_one() => Axis::All,
            _ => axis,
        }
    }

    /// A size as a scalar.
    pub(crate) fn extent(&mut self, e: Ext) -> Id {
        let m = self.intern(IOp::Rows, &[], SCALAR, false);
        let mut sum = self.number(e.0[0] as f64);
        let mut power = self.number(1.0);
        for c in [e.0[1], e.0[2]] {
            power = self.binary(Binary::Mul, power, m);
            let c = self.number(c as f64);
            if c != self.number(0.0) {
                let term = self.binary(Binary::Mul, c, power);
                sum = self.binary(Binary::Add, sum, term);
            }
        }
        sum
    }
}

pub(crate) fn flipped(axis: Axis) -> Axis {
    match axis {
        Axis::All => Axis::All,
        Axis::Rows => Axis::Cols,
        Axis::Cols => Axis::Rows,
    }
}

pub(crate) fn reduced(size: Size, axis: Axis) -> Size {
    match axis {
        Axis::All => SCALAR,
        Axis::Rows => [Ext::ONE, size[1]],
        Axis::Cols => [size[0], Ext::ONE],
    }
}
