//! Trees of numbers → their value: what a printed calculation comes to.
//!
//! In: a tree whose leaves are numbers (with their exact values, whatever digits they show). Out: the
//! number, or `None` where something is not a number. Used to work out sums term by term and to hold
//! what is printed against what was computed.

use chainrule_graph::ops::elementwise::UNARY;
use chainrule_graph::syntax::ast::{BinaryOp, Expr, ExprKind};

use crate::explain::formula::{number, op, paren};

/// The value of a calculation with numbers.
pub(crate) fn worth(e: &Expr) -> Option<f64> {
    Some(match &e.kind {
        ExprKind::Number(x, _) => *x,
        ExprKind::Name(n) if n.key == "π" => std::f64::consts::PI,
        ExprKind::Paren(x) => worth(x)?,
        ExprKind::Neg(x) => -worth(x)?,
        ExprKind::Abs(x) => worth(x)?.abs(),
        ExprKind::Binary(o, a, b) => binary(*o, worth(a)?, worth(b)?)?,
        ExprKind::Cases(v, c, o) => worth(if worth(c)? != 0.0 { v } else { o })?,
        ExprKind::Call { func, primes: 0, args } => {
            let args: Option<Vec<f64>> = args.iter().map(|a| worth(&a.value)).collect();
            call(&func.key, &args?)?
        }
        _ => return None,
    })
}

fn binary(o: BinaryOp, a: f64, b: f64) -> Option<f64> {
    let truth = |t: bool| f64::from(u8::from(t));
    Some(match o {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Space
        | BinaryOp::At
        | BinaryOp::Odot
        | BinaryOp::Dot
        | BinaryOp::Star => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Pow => libm::pow(a, b),
        BinaryOp::Lt => truth(a < b),
        BinaryOp::Le => truth(a <= b),
        BinaryOp::Gt => truth(a > b),
        BinaryOp::Ge => truth(a >= b),
        BinaryOp::Eq => truth(a == b),
        BinaryOp::Ne => truth(a != b),
        BinaryOp::And => truth(a != 0.0 && b != 0.0),
        BinaryOp::Or => truth(a != 0.0 || b != 0.0),
        BinaryOp::Cross => return None,
    })
}

fn call(name: &str, args: &[f64]) -> Option<f64> {
    match (name, args) {
        ("max", [a, b]) => Some(a.max(*b)),
        ("min", [a, b]) => Some(a.min(*b)),
        (_, [x]) => {
            let name = if name == "ln" { "log" } else { name };
            UNARY.iter().find(|d| d.name == name).map(|d| (d.value)(*x))
        }
        _ => None,
    }
}

/// Every product and quotient worked out, sums left standing: `2·1 + (−1)·0.5` → `2 + (−0.5)`.
pub(crate) fn terms(e: &Expr, digits: usize) -> Expr {
    let done = |e: &Expr| worth(e).map(|x| number(x, digits));
    match &e.kind {
        ExprKind::Binary(o @ (BinaryOp::Add | BinaryOp::Sub), a, b) => {
            op(*o, terms(a, digits), apart(terms(b, digits)))
        }
        ExprKind::Paren(x) if done(x).is_none() => paren(terms(x, digits)),
        _ => done(e).unwrap_or_else(|| e.clone()),
    }
}

/// With a bracket round what begins with a sign.
pub(crate) fn apart(e: Expr) -> Expr {
    match e.kind {
        ExprKind::Neg(_) => paren(e),
        _ => e,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::formula::plain;
    use chainrule_graph::syntax::parse_expression;

    fn read(text: &str) -> Expr {
        parse_expression(text, &|n| matches!(n, "sqrt" | "max" | "log")).0
    }

    #[test]
    fn calculations_come_to_their_value() {
        for (text, value) in [
            ("2·1 + (-1)·0.5 + 0.5", 2.0),
            ("(0 - 1)·0.5·(-1)", 0.5),
            ("sqrt(9) / max(1, 3)", 1.0),
            ("1 if 2 > 1 else 0", 1.0),
            ("3^2 - 1", 8.0),
        ] {
            assert_eq!(worth(&read(text)), Some(value), "{text}");
        }
        assert_eq!(worth(&read("2 w")), None);
    }

    #[test]
    fn products_are_worked_out_and_sums_stay() {
        let e = terms(&read("2·1 + (-1)·0.5 + 0.5"), 6);
        assert_eq!(plain(&e), "2 + (−0.5) + 0.5");
    }
}
