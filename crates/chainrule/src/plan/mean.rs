//! Means over the examples, pushed to where they are one matrix product or one column sum.
//!
//! In: a per-example node. Out: a shared node of its mean. A matrix per example is never made
//! where the sum over examples of δ xᵀ does: the mean moves through sums, factors, transposes
//! and repetition until it meets the product. Deliberately absent: batch norm's statistics.

use chainrule_graph::graph::{Binary, Unary};

use crate::plan::ir::{IOp, Id, Ir, SCALAR};

impl Ir {
    /// The mean over examples.
    pub(crate) fn example_mean(&mut self, a: Id) -> Id {
        let sum = if self[a].each { self.example_sum(a) } else { return a };
        let inverse = self.one_over_rows();
        self.binary(Binary::Mul, inverse, sum)
    }

    fn one_over_rows(&mut self) -> Id {
        let one = self.number(1.0);
        let m = self.intern(IOp::Rows, &[], SCALAR, false);
        self.binary(Binary::Div, one, m)
    }

    fn example_sum(&mut self, a: Id) -> Id {
        let node = self[a].clone();
        if !node.each {
            let m = self.intern(IOp::Rows, &[], SCALAR, false);
            return self.binary(Binary::Mul, m, a);
        }
        let pushed = match node.op {
            IOp::Transpose => {
                let s = self.example_sum(node.args[0]);
                Some(self.transpose(s))
            }
            IOp::Broadcast(axis) => {
                let s = self.example_sum(node.args[0]);
                Some(self.spread(axis, s, node.size))
            }
            IOp::Diag | IOp::Embed(_) | IOp::Stack => {
                let args: Vec<Id> =
                    node.args.iter().map(|&x| self.example_sum(x)).collect();
                Some(self.intern(node.op.clone(), &args, node.size, false))
            }
            IOp::Unary(Unary::Neg) => {
                let s = self.example_sum(node.args[0]);
                Some(self.unary(Unary::Neg, s))
            }
            IOp::Binary(Binary::Mul) if self[node.args[0]].host => {
                let s = self.example_sum(node.args[1]);
                Some(self.binary(Binary::Mul, node.args[0], s))
            }
            _ if node.is_matrix() => self.matrix_sum(a),
            IOp::Sum(axis) if self[node.args[0]].is_matrix() => {
                self.matrix_sum(node.args[0]).map(|s| self.sum(axis, s))
            }
            _ => None,
        };
        pushed.unwrap_or_else(|| self.intern(IOp::ExSum, &[a], node.size, false))
    }

    /// The sum of a matrix per example without making it, if that is possible.
    fn matrix_sum(&mut self, a: Id) -> Option<Id> {
        let node = self[a].clone();
        match node.op {
            IOp::MatMul => Some(self.product_sum(node.args[0], node.args[1])),
            IOp::Binary(f @ (Binary::Add | Binary::Sub))
                if node.args.iter().all(|&x| self[x].size == node.size) =>
            {
                let (x, y) =
                    (self.example_sum(node.args[0]), self.example_sum(node.args[1]));
                Some(self.binary(f, x, y))
            }
            IOp::Binary(f @ (Binary::Mul | Binary::Div)) => self.factored(f, &node.args),
            _ => None,
        }
    }

    fn product_sum(&mut self, p: Id, q: Id) -> Id {
        let size = [self[p].size[0], self[q].size[1]];
        match (self[p].each, self[q].each) {
            (true, true) => self.intern(IOp::ExMatMul, &[p, q], size, false),
            (true, false) => {
                let s = self.example_sum(p);
                self.matmul(s, q)
            }
            _ => {
                let s = self.example_sum(q);
                self.matmul(p, s)
            }
        }
    }

    /// A shared factor goes in front of the sum, a scalar per example into the product.
    fn factored(&mut self, f: Binary, args: &[Id]) -> Option<Id> {
        let (a, b) = (args[0], args[1]);
        if !self[b].each && self[a].size != SCALAR {
            let s = self.example_sum(a);
            return Some(self.binary(f, s, b));
        }
        if !self[a].each && f == Binary::Mul && self[b].size != SCALAR {
            let s = self.example_sum(b);
            return Some(self.binary(f, a, s));
        }
        let (scalar, wide) = match (self[a].is_scalar(), self[b].is_scalar()) {
            (true, false) if f == Binary::Mul => (a, b),
            (false, true) => (b, a),
            _ => return None,
        };
        let (wide_op, parts) = (self[wide].op.clone(), self[wide].args.clone());
        if wide_op != IOp::MatMul {
            return None;
        }
        let first = if f == Binary::Mul {
            self.binary(f, scalar, parts[0])
        } else {
            self.binary(f, parts[0], scalar)
        };
        Some(self.product_sum(first, parts[1]))
    }
}
