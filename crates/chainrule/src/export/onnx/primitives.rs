//! Every entry-by-entry primitive as operators of ONNX: one entry each.
//!
//! In: a primitive. Out: a [`Recipe`]. Invariant: the value is that of `ops::elementwise` up to
//! rounding, also far out and near 0 (so `log1p` and `expm1`, which ONNX lacks, are written in forms
//! that do not cancel). Deliberately absent: shapes; all of these work entry by entry.

use chainrule_graph::graph::{Binary, Unary};

use super::build::Build;
use super::proto;

/// How a primitive is written.
#[derive(Clone, Copy)]
pub(super) enum Recipe {
    /// One operator, numbers to numbers.
    Op(&'static str),
    /// One operator, numbers to truth.
    Compare(&'static str),
    /// One operator, truth to truth.
    Logic(&'static str),
    /// Several operators, numbers to numbers.
    Made(fn(&mut Build, &[&str]) -> String),
}

use Recipe::{Compare, Logic, Made, Op};

pub(super) const UNARY: &[(Unary, Recipe)] = &[
    (Unary::Neg, Op("Neg")),
    (Unary::Exp, Op("Exp")),
    (Unary::Log, Op("Log")),
    (Unary::Log1p, Made(log1p)),
    (Unary::Expm1, Made(expm1)),
    (Unary::Sqrt, Op("Sqrt")),
    (Unary::Erf, Made(erf)),
    (Unary::Sin, Op("Sin")),
    (Unary::Cos, Op("Cos")),
    (Unary::Tanh, Op("Tanh")),
    (Unary::Abs, Op("Abs")),
    (Unary::Sign, Op("Sign")),
    (Unary::Floor, Op("Floor")),
    (Unary::Not, Logic("Not")),
];

pub(super) const BINARY: &[(Binary, Recipe)] = &[
    (Binary::Add, Op("Add")),
    (Binary::Sub, Op("Sub")),
    (Binary::Mul, Op("Mul")),
    (Binary::Div, Op("Div")),
    (Binary::Pow, Op("Pow")),
    (Binary::Max, Op("Max")),
    (Binary::Min, Op("Min")),
    (Binary::Lt, Compare("Less")),
    (Binary::Le, Compare("LessOrEqual")),
    (Binary::Gt, Compare("Greater")),
    (Binary::Ge, Compare("GreaterOrEqual")),
    (Binary::Eq, Compare("Equal")),
    (Binary::Ne, Made(differs)),
    (Binary::And, Logic("And")),
    (Binary::Or, Logic("Or")),
    (Binary::XLogY, Made(x_log_y)),
    (Binary::XDivY, Made(x_div_y)),
];

/// log(1 + x): with u the rounded 1 + x, log(u) x/(u − 1) makes good what rounding took away.
/// From 1 on nothing is taken away, and u − 1 may be 0 below it: then it is x.
fn log1p(b: &mut Build, a: &[&str]) -> String {
    let (x, one, zero) = (a[0], b.number(1.0), b.number(0.0));
    let u = b.op("Add", &[x, &one]);
    let rest = b.op("Sub", &[&u, &one]);
    let log = b.op("Log", &[&u]);
    let ratio = b.op("Div", &[x, &rest]);
    let small = b.op("Less", &[x, &one]);
    let factor = b.op("Where", &[&small, &ratio, &one]);
    let product = b.op("Mul", &[&log, &factor]);
    let lost = b.op("Equal", &[&rest, &zero]);
    b.op("Where", &[&lost, x, &product])
}

/// exp(x) − 1 = tanh(x/2) (exp(x) + 1): nothing cancels.
fn expm1(b: &mut Build, a: &[&str]) -> String {
    let (one, half) = (b.number(1.0), b.number(0.5));
    let middle = b.op("Mul", &[a[0], &half]);
    let tanh = b.op("Tanh", &[&middle]);
    let exp = b.op("Exp", &[a[0]]);
    let sum = b.op("Add", &[&exp, &one]);
    b.op("Mul", &[&tanh, &sum])
}

/// onnxruntime has the error function in single precision only.
fn erf(b: &mut Build, a: &[&str]) -> String {
    if !b.double {
        return b.op("Erf", a);
    }
    let single = b.cast(a[0], proto::FLOAT);
    let erf = b.op("Erf", &[&single]);
    b.cast(&erf, proto::DOUBLE)
}

fn differs(b: &mut Build, a: &[&str]) -> String {
    let same = b.op("Equal", a);
    let differs = b.op("Not", &[&same]);
    let real = b.real();
    b.cast(&differs, real)
}

/// x log y, and 0 where x = 0.
fn x_log_y(b: &mut Build, a: &[&str]) -> String {
    let log = b.op("Log", &[a[1]]);
    let product = b.op("Mul", &[a[0], &log]);
    zero_at_zero(b, a[0], &product)
}

/// x / y, and 0 where x = 0.
fn x_div_y(b: &mut Build, a: &[&str]) -> String {
    let ratio = b.op("Div", a);
    zero_at_zero(b, a[0], &ratio)
}

fn zero_at_zero(b: &mut Build, x: &str, value: &str) -> String {
    let zero = b.number(0.0);
    let none = b.op("Equal", &[x, &zero]);
    b.op("Where", &[&none, &zero, value])
}

/// The entry of a primitive.
pub(super) fn of<T: PartialEq>(table: &[(T, Recipe)], op: T) -> Option<Recipe> {
    table.iter().find(|(known, _)| *known == op).map(|(_, recipe)| *recipe)
}

#[cfg(test)]
mod tests {
    use chainrule_graph::ops::elementwise;

    use super::*;

    #[test]
    fn every_primitive_has_one_entry() {
        for def in elementwise::UNARY {
            assert_eq!(UNARY.iter().filter(|(op, _)| *op == def.op).count(), 1);
        }
        for def in elementwise::BINARY {
            assert_eq!(BINARY.iter().filter(|(op, _)| *op == def.op).count(), 1);
        }
        assert_eq!(UNARY.len(), elementwise::UNARY.len());
        assert_eq!(BINARY.len(), elementwise::BINARY.len());
    }
}
