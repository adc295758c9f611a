//! Softmax and its kin found in their stable expansions: exp(z − max z) / ∑ exp(z − max z).
//!
//! In: the parts of a sum, difference, quotient or exponential. Out: `LogSumExp` and `Softmax`
//! nodes, or `None`, and then the parts stay as they are (the generic steps are always there).

use chainrule_graph::graph::{Axis, Binary, Unary};

use crate::plan::build::reduced;
use crate::plan::ir::{IOp, Id, Ir};

/// Entries of a row below which the row kernels do not pay.
const NARROW: usize = 128;

impl Ir {
    /// z and the axis, if `e` = exp(z − max z).
    fn exp_below_max(&self, e: Id) -> Option<(Id, Axis)> {
        let IOp::Unary(Unary::Exp) = self[e].op else { return None };
        self.below_max(self[e].args[0])
    }

    /// z and the axis, if `d` = z − max z.
    fn below_max(&self, d: Id) -> Option<(Id, Axis)> {
        let IOp::Binary(Binary::Sub) = self[d].op else { return None };
        let (z, m) = (self[d].args[0], self.unspread(self[d].args[1]));
        match self[m].op {
            IOp::Max(axis) if self[m].args[0] == z => Some((z, axis)),
            _ => None,
        }
    }

    /// z, the axis and e, if `s` = ∑ e over that axis and e = exp(z − max z).
    fn sum_of_exp(&self, s: Id) -> Option<(Id, Axis, Id)> {
        let IOp::Sum(axis) = self[s].op else { return None };
        let e = self[s].args[0];
        let (z, over) = self.exp_below_max(e)?;
        (over == axis && !self.is_narrow(z, axis)).then_some((z, axis, e))
    }

    /// Few entries a row: the expansion's own passes, which run along all rows, are faster
    /// than a kernel that goes row by row.
    fn is_narrow(&self, z: Id, axis: Axis) -> bool {
        let [r, c] = self[z].size;
        let row = match axis {
            Axis::All => r.times(c),
            Axis::Rows => r,
            Axis::Cols => c,
        };
        !row.grows() && row.at(0) < NARROW
    }

    pub(crate) fn unspread(&self, a: Id) -> Id {
        if matches!(self[a].op, IOp::Broadcast(_)) { self[a].args[0] } else { a }
    }

    fn lse(&mut self, z: Id, axis: Axis) -> Id {
        let size = reduced(self[z].size, axis);
        self.intern(IOp::LogSumExp(axis), &[z], size, false)
    }

    fn softmax(&mut self, z: Id, axis: Axis) -> Id {
        let lse = self.lse(z, axis);
        let wide = self.widened(axis, lse, z);
        self.intern(IOp::Softmax(axis), &[z, wide], self[z].size, false)
    }

    /// max z + log ∑ exp(z − max z).
    pub(crate) fn log_sum_exp(&mut self, m: Id, log: Id) -> Option<Id> {
        let IOp::Unary(Unary::Log) = self[log].op else { return None };
        let (z, axis, _) = self.sum_of_exp(self[log].args[0])?;
        let top = &self[m];
        (top.op == IOp::Max(axis) && top.args[0] == z).then(|| self.lse(z, axis))
    }

    /// (z − max z) − log ∑ exp(z − max z).
    pub(crate) fn log_softmax(&mut self, d: Id, log: Id) -> Option<Id> {
        let (z, axis) = self.below_max(d)?;
        let log = self.unspread(log);
        let IOp::Unary(Unary::Log) = self[log].op else { return None };
        let (same, over, _) = self.sum_of_exp(self[log].args[0])?;
        if (same, over) != (z, axis) {
            return None;
        }
        let lse = self.lse(z, axis);
        let wide = self.widened(axis, lse, z);
        Some(self.binary(Binary::Sub, z, wide))
    }

    /// exp(z − max z) / ∑ of the same.
    pub(crate) fn softmax_of_quotient(&mut self, e: Id, s: Id) -> Option<Id> {
        let (z, axis, same) = self.sum_of_exp(self.unspread(s))?;
        (same == e).then(|| self.softmax(z, axis))
    }

    /// exp(z − logsumexp z).
    pub(crate) fn softmax_of_difference(&mut self, args: &[Id]) -> Option<Id> {
        let lse = self.unspread(args[1]);
        match self[lse].op {
            IOp::LogSumExp(axis) if self[lse].args[0] == args[0] => {
                Some(self.softmax(args[0], axis))
            }
            _ => None,
        }
    }

    /// A reduced value beside the value that it was reduced from: scalars serve all entries.
    fn widened(&mut self, axis: Axis, a: Id, like: Id) -> Id {
        if self[a].is_scalar() { a } else { self.spread(axis, a, self[like].size) }
    }
}
