//! Trees of numbers → their value: what a printed calculation comes to.
//!
//! In: a tree whose leaves are numbers or matrices of them (with their exact values, whatever digits they
//! show). Out: the value, or `None` where something has none. Sums are worked out term by term with it,
//! and every line of a solution is held against itself: two sides that are numbers have to be one.

use chainrule_graph::ops::elementwise::UNARY;
use chainrule_graph::syntax::ast::{BinaryOp, Expr, ExprKind};
use chainrule_graph::value::Mat;

use crate::explain::formula::{Formula, number, op, paren};
use crate::explain::tree::{Block, Section};

/// The value of a calculation that gives one number.
pub(crate) fn worth(e: &Expr) -> Option<f64> {
    value(e).filter(Mat::is_scalar).map(|m| m.data[0])
}

/// The value of a calculation with numbers and matrices.
fn value(e: &Expr) -> Option<Mat> {
    Some(match &e.kind {
        ExprKind::Number(x, _) => Mat::scalar(*x),
        ExprKind::Name(n) if n.key == "π" => Mat::scalar(std::f64::consts::PI),
        ExprKind::Paren(x) => value(x)?,
        ExprKind::Neg(x) => value(x)?.map(|x| -x),
        ExprKind::Abs(x) => value(x)?.map(f64::abs),
        ExprKind::Transpose(x) => value(x)?.transposed(),
        ExprKind::Norm(2, parts) => {
            let parts: Option<Vec<Mat>> = parts.iter().map(value).collect();
            let square: f64 = parts?.iter().flat_map(|m| &m.data).map(|x| x * x).sum();
            Mat::scalar(square.sqrt())
        }
        ExprKind::Matrix(rows) => matrix(rows)?,
        ExprKind::Binary(o, a, b) => binary(*o, value(a)?, value(b)?)?,
        ExprKind::Cases(v, c, o) => value(if worth(c)? != 0.0 { v } else { o })?,
        ExprKind::Call { func, primes: 0, args } => {
            let args: Option<Vec<Mat>> = args.iter().map(|a| value(&a.value)).collect();
            call(&func.key, &args?)?
        }
        _ => return None,
    })
}

fn matrix(rows: &[Vec<Expr>]) -> Option<Mat> {
    let cols = rows.first()?.len();
    let data: Option<Vec<f64>> = rows.iter().flatten().map(worth).collect();
    data.filter(|d| d.len() == rows.len() * cols).map(|d| Mat::new(rows.len(), cols, d))
}

fn binary(o: BinaryOp, a: Mat, b: Mat) -> Option<Mat> {
    let truth = |t: bool| f64::from(u8::from(t));
    let one = a.is_scalar() || b.is_scalar();
    match o {
        BinaryOp::Space | BinaryOp::At | BinaryOp::Star if !one => product(&a, &b),
        BinaryOp::Space
        | BinaryOp::At
        | BinaryOp::Odot
        | BinaryOp::Dot
        | BinaryOp::Star => each(&a, &b, |x, y| x * y),
        BinaryOp::Add => each(&a, &b, |x, y| x + y),
        BinaryOp::Sub => each(&a, &b, |x, y| x - y),
        BinaryOp::Div => each(&a, &b, |x, y| x / y),
        BinaryOp::Pow => each(&a, &b, libm::pow),
        BinaryOp::Lt => each(&a, &b, |x, y| truth(x < y)),
        BinaryOp::Le => each(&a, &b, |x, y| truth(x <= y)),
        BinaryOp::Gt => each(&a, &b, |x, y| truth(x > y)),
        BinaryOp::Ge => each(&a, &b, |x, y| truth(x >= y)),
        BinaryOp::Eq => each(&a, &b, |x, y| truth(x == y)),
        BinaryOp::Ne => each(&a, &b, |x, y| truth(x != y)),
        BinaryOp::And => each(&a, &b, |x, y| truth(x != 0.0 && y != 0.0)),
        BinaryOp::Or => each(&a, &b, |x, y| truth(x != 0.0 || y != 0.0)),
        BinaryOp::Cross => None,
    }
}

/// Entry by entry; a number serves all entries, anything else has to fit.
fn each(a: &Mat, b: &Mat, f: impl Fn(f64, f64) -> f64) -> Option<Mat> {
    let wide = if a.is_scalar() { b } else { a };
    let fits = |m: &Mat| m.is_scalar() || (m.rows, m.cols) == (wide.rows, wide.cols);
    let at = |m: &Mat, k: usize| if m.is_scalar() { m.data[0] } else { m.data[k] };
    (fits(a) && fits(b)).then(|| {
        let data = (0..wide.data.len()).map(|k| f(at(a, k), at(b, k)));
        Mat::new(wide.rows, wide.cols, data.collect())
    })
}

fn product(a: &Mat, b: &Mat) -> Option<Mat> {
    (a.cols == b.rows).then(|| {
        Mat::from_fn(a.rows, b.cols, |i, j| {
            (0..a.cols).map(|k| a.at(i, k) * b.at(k, j)).sum()
        })
    })
}

fn call(name: &str, args: &[Mat]) -> Option<Mat> {
    match (name, args) {
        ("max", [a, b]) => each(a, b, f64::max),
        ("min", [a, b]) => each(a, b, f64::min),
        ("sum", [a]) => Some(Mat::scalar(a.data.iter().sum())),
        (_, [x]) => {
            let name = if name == "ln" { "log" } else { name };
            UNARY.iter().find(|d| d.name == name).map(|d| x.map(d.value))
        }
        _ => None,
    }
}

/// The first line whose sides are numbers that differ.
pub(crate) fn broken(sections: &[Section]) -> Option<&Formula> {
    sections.iter().find_map(|s| first_broken(&s.blocks))
}

fn first_broken(blocks: &[Block]) -> Option<&Formula> {
    blocks.iter().find_map(|b| match b {
        Block::Line(l) => (!holds(&l.formula)).then_some(&l.formula),
        Block::Fold(f) => first_broken(&f.blocks),
        Block::Words(_) | Block::Note(_) | Block::Table(_) => None,
    })
}

/// Whether all sides of a formula that have a value have the same.
fn holds(f: &Formula) -> bool {
    let sides = std::iter::once(&f.first).chain(f.rest.iter().map(|(_, e)| e));
    let values: Vec<Mat> = sides.filter_map(value).collect();
    values.windows(2).all(|w| alike(&w[0], &w[1]))
}

/// Equal but for the order of sums; what is not finite is told elsewhere.
fn alike(a: &Mat, b: &Mat) -> bool {
    let size = a.data.iter().chain(&b.data).fold(1.0_f64, |s, x| s.max(x.abs()));
    let near = |(x, y): (&f64, &f64)| {
        !x.is_finite() || !y.is_finite() || (x - y).abs() <= 1e-9 * size
    };
    a.data.len() == b.data.len() && a.data.iter().zip(&b.data).all(near)
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
        parse_expression(text, &|n| matches!(n, "sqrt" | "max" | "log" | "sum")).0
    }

    #[test]
    fn calculations_come_to_their_value() {
        for (text, value) in [
            ("2·1 + (-1)·0.5 + 0.5", 2.0),
            ("(0 - 1)·0.5·(-1)", 0.5),
            ("sqrt(9) / max(1, 3)", 1.0),
            ("1 if 2 > 1 else 0", 1.0),
            ("3^2 - 1", 8.0),
            ("[1; 2]ᵀ [3; 4]", 11.0),
            ("1/2 ‖[3; 4]‖²", 12.5),
            ("sum([1 2; 3 4] ⊙ [1 0; 0 1])", 5.0),
        ] {
            assert_eq!(worth(&read(text)), Some(value), "{text}");
        }
        assert_eq!(worth(&read("2 w")), None);
        assert_eq!(worth(&read("[1; 2] [3; 4]")), None, "it does not fit");
    }

    #[test]
    fn products_are_worked_out_and_sums_stay() {
        let e = terms(&read("2·1 + (-1)·0.5 + 0.5"), 6);
        assert_eq!(plain(&e), "2 + (−0.5) + 0.5");
    }

    #[test]
    fn a_line_that_does_not_hold_is_found() {
        let line = |text: &str| {
            let right = text.split('=').map(read).collect::<Vec<Expr>>();
            right[1..]
                .iter()
                .cloned()
                .fold(Formula::of(right[0].clone()), Formula::equals)
        };
        assert!(holds(&line("a = 2·3 = 6")));
        assert!(!holds(&line("a = 2·3 = 5")));
        assert!(holds(&line("z = [1 2; 3 4] [1; 1] + [0; 1] = [3; 8]")));
        assert!(!holds(&line("z = [1 2; 3 4] [1; 1] + [0; 1] = [3; 7]")));
    }
}
