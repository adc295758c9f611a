//! Numbers of the host: 1/m, a rate of this step, 1 − β^t, in f64, once.
//!
//! In: a plan's host operations, m, outside scalars. Out: their values, into a list that is
//! there already.

use chainrule_graph::ops::elementwise;

use crate::plan::ir::IOp;
use crate::plan::step::HostOp;

/// Computes every host operation into `values` (of the same length).
pub(crate) fn evaluate(
    ops: &[HostOp],
    m: usize,
    slot: impl Fn(u32) -> f64,
    values: &mut [f64],
) {
    for (i, HostOp { op, args }) in ops.iter().enumerate() {
        let arg = |k: usize| values[args[k]];
        values[i] = match op {
            IOp::Const(bits) => f64::from_bits(*bits),
            IOp::Rows => m as f64,
            IOp::HostSlot(n) => slot(*n),
            IOp::Unary(f) => (elementwise::unary(*f).value)(arg(0)),
            IOp::Binary(f) => (elementwise::binary(*f).value)(arg(0), arg(1)),
            IOp::Select => {
                if arg(0) != 0.0 {
                    arg(1)
                } else {
                    arg(2)
                }
            }
            op => unreachable!("{op:?} on the host"),
        };
    }
}
