//! One-hot symbols held as an index: what is 0 wherever y is 0 is known by one entry.
//!
//! In: nodes over an `Index` symbol y. Out: sums as picks (`∑ y ⊙ v` = v at y), `v − y` as a
//! change at one place. Invariant: no column of zeros is made for what is handled here; any
//! other use makes the dense one-hot, and the plan's listing says so.

use chainrule_graph::graph::{Axis, Binary, Unary};

use crate::plan::ir::{IOp, Id, Ir, SCALAR};

impl Ir {
    /// The index symbol outside whose place `a` is 0.
    fn support(&self, a: Id) -> Option<Id> {
        let node = &self[a];
        if !node.each {
            return None;
        }
        let of = |i: usize| self.support(node.args[i]);
        match node.op {
            IOp::Index(_) => Some(a),
            IOp::Unary(f) if keeps_zero(f) => of(0),
            IOp::Binary(Binary::XLogY) => of(0).filter(|_| self.fits(a, 0)),
            IOp::Binary(Binary::XDivY) => of(0).filter(|_| self.fits(a, 0)),
            IOp::Binary(Binary::Mul) => of(0)
                .filter(|_| self.fits(a, 0))
                .or_else(|| of(1).filter(|_| self.fits(a, 1))),
            IOp::Binary(Binary::Add | Binary::Sub) => of(0).filter(|&y| of(1) == Some(y)),
            _ => None,
        }
    }

    /// Whether argument i has the node's own shape (no scalar that serves all entries).
    fn fits(&self, a: Id, i: usize) -> bool {
        self[self[a].args[i]].size == self[a].size
    }

    /// The entry of `a` at y, as a scalar per example.
    fn at_index(&mut self, a: Id, y: Id) -> Id {
        let node = self[a].clone();
        if node.is_scalar() {
            return a;
        }
        match node.op {
            IOp::Index(_) if a == y => self.number(1.0),
            IOp::Unary(_) | IOp::Binary(_) | IOp::Select if self.is_cheaper_at(a, y) => {
                let args: Vec<Id> =
                    node.args.iter().map(|&x| self.at_index(x, y)).collect();
                self.entry_again(node.op, &args)
            }
            IOp::Broadcast(Axis::All) => node.args[0],
            _ => self.intern(IOp::Pick, &[y, a], SCALAR, true),
        }
    }

    /// Whether the entry of an entry-by-entry node is better computed from entries of its
    /// arguments: if y is among them, or only one of them is wide. (z = W x + b is there anyway.)
    fn is_cheaper_at(&self, a: Id, y: Id) -> bool {
        let args = &self[a].args;
        let wide = args.iter().filter(|&&x| !self[x].is_scalar()).count();
        wide <= 1 || args.iter().any(|&x| self.mentions(x, y))
    }

    fn mentions(&self, a: Id, y: Id) -> bool {
        let entry = self[a].is_entry();
        a == y || (entry && self[a].args.iter().any(|&x| self.mentions(x, y)))
    }

    /// ∑ a over all entries, where `a` is known by one entry.
    pub(crate) fn sum_at_index(&mut self, axis: Axis, a: Id) -> Option<Id> {
        if axis != Axis::All {
            return None;
        }
        let y = self.support(a)?;
        let value = self.at_index(a, y);
        Some(value)
    }

    /// a + b, where one of them is known by one entry.
    pub(crate) fn add_at_of(&mut self, a: Id, b: Id) -> Option<Id> {
        if self[a].size != self[b].size {
            return None;
        }
        let (y, dense, known) = match (self.support(a), self.support(b)) {
            (None, Some(y)) => (y, a, b),
            (Some(y), None) => (y, b, a),
            _ => return None,
        };
        let s = self.at_index(known, y);
        let minus = self.unary(Unary::Neg, s);
        Some(self.take_at(y, dense, minus))
    }

    /// a − b, where one of them is known by one entry.
    pub(crate) fn subtract_at_of(&mut self, a: Id, b: Id) -> Option<Id> {
        if self[a].size != self[b].size {
            return None;
        }
        match (self.support(a), self.support(b)) {
            (None, Some(y)) => {
                let s = self.at_index(b, y);
                Some(self.take_at(y, a, s))
            }
            (Some(y), None) => {
                let s = self.at_index(a, y);
                let (minus_s, minus_b) =
                    (self.unary(Unary::Neg, s), self.unary(Unary::Neg, b));
                Some(self.take_at(y, minus_b, minus_s))
            }
            _ => None,
        }
    }

    fn take_at(&mut self, y: Id, dense: Id, s: Id) -> Id {
        let size = self[dense].size;
        self.intern(IOp::SubAt, &[y, dense, s], size, true)
    }
}

/// f(0) = 0.
fn keeps_zero(f: Unary) -> bool {
    use Unary::{Abs, Erf, Expm1, Log1p, Neg, Sign, Sin, Sqrt, Tanh};
    matches!(f, Neg | Expm1 | Log1p | Sqrt | Erf | Sin | Tanh | Abs | Sign)
}
