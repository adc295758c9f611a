//! Entry-by-entry primitives as two tables: name, value in f64, derivative as a graph, domain.
//!
//! A derivative is that of the branch taken; at a kink it is the one that language.md rule 13
//! names. Values come from `libm`, so they are the same on every platform.

use crate::graph::{Binary, Graph, NodeId, Unary};

/// One primitive of one argument.
pub struct UnaryDef {
    /// Which.
    pub op: Unary,
    /// Its name in the language; `-` and `not` are written in front.
    pub name: &'static str,
    /// f(x).
    pub value: fn(f64) -> f64,
    /// f'(x) as a graph, from x and y = f(x); `None` where it is 0 everywhere.
    pub derivative: Option<fn(&mut Graph, NodeId, NodeId) -> NodeId>,
    /// Whether a value is inside the domain.
    pub domain: fn(f64) -> bool,
    /// Words for the step of a derivation.
    pub words: &'static str,
}

/// One primitive of two arguments.
pub struct BinaryDef {
    /// Which.
    pub op: Binary,
    /// Notation in Unicode.
    pub sign: &'static str,
    /// f(a, b).
    pub value: fn(f64, f64) -> f64,
    /// Words for the step of a derivation.
    pub words: &'static str,
}

fn anywhere(_: f64) -> bool {
    true
}

fn truth(b: bool) -> f64 {
    f64::from(u8::from(b))
}

/// Every primitive of one argument.
pub static UNARY: &[UnaryDef] = &[
    UnaryDef {
        op: Unary::Neg,
        name: "-",
        value: |x| -x,
        derivative: Some(|g, _, _| g.number(-1.0)),
        domain: anywhere,
        words: "the derivative of −x is −1",
    },
    UnaryDef {
        op: Unary::Exp,
        name: "exp",
        value: libm::exp,
        derivative: Some(|_, _, y| y),
        domain: anywhere,
        words: "exp is its own derivative",
    },
    UnaryDef {
        op: Unary::Log,
        name: "log",
        value: libm::log,
        derivative: Some(|g, x, _| {
            let one = g.number(1.0);
            g.binary(Binary::Div, one, x)
        }),
        domain: |x| x > 0.0,
        words: "the derivative of log x is 1/x",
    },
    UnaryDef {
        op: Unary::Log1p,
        name: "log1p",
        value: libm::log1p,
        derivative: Some(|g, x, _| {
            let one = g.number(1.0);
            let d = g.binary(Binary::Add, one, x);
            g.binary(Binary::Div, one, d)
        }),
        domain: |x| x > -1.0,
        words: "the derivative of log(1 + x) is 1/(1 + x)",
    },
    UnaryDef {
        op: Unary::Expm1,
        name: "expm1",
        value: libm::expm1,
        derivative: Some(|g, x, _| g.unary(Unary::Exp, x)),
        domain: anywhere,
        words: "the derivative of exp(x) − 1 is exp(x)",
    },
    UnaryDef {
        op: Unary::Sqrt,
        name: "sqrt",
        value: libm::sqrt,
        derivative: Some(|g, _, y| {
            let half = g.number(0.5);
            g.binary(Binary::Div, half, y)
        }),
        domain: |x| x >= 0.0,
        words: "the derivative of √x is 1/(2√x)",
    },
    UnaryDef {
        op: Unary::Erf,
        name: "erf",
        value: libm::erf,
        derivative: Some(|g, x, _| {
            let two = g.number(2.0);
            let x2 = g.binary(Binary::Pow, x, two);
            let m = g.unary(Unary::Neg, x2);
            let e = g.unary(Unary::Exp, m);
            let c = g.number(std::f64::consts::FRAC_2_SQRT_PI);
            g.binary(Binary::Mul, c, e)
        }),
        domain: anywhere,
        words: "the derivative of erf x is 2/√π exp(−x²)",
    },
    UnaryDef {
        op: Unary::Sin,
        name: "sin",
        value: libm::sin,
        derivative: Some(|g, x, _| g.unary(Unary::Cos, x)),
        domain: anywhere,
        words: "the derivative of sin is cos",
    },
    UnaryDef {
        op: Unary::Cos,
        name: "cos",
        value: libm::cos,
        derivative: Some(|g, x, _| {
            let s = g.unary(Unary::Sin, x);
            g.unary(Unary::Neg, s)
        }),
        domain: anywhere,
        words: "the derivative of cos is −sin",
    },
    UnaryDef {
        op: Unary::Tanh,
        name: "tanh",
        value: libm::tanh,
        derivative: Some(|g, _, y| {
            let (one, two) = (g.number(1.0), g.number(2.0));
            let y2 = g.binary(Binary::Pow, y, two);
            g.binary(Binary::Sub, one, y2)
        }),
        domain: anywhere,
        words: "the derivative of tanh is 1 − tanh²",
    },
    UnaryDef {
        op: Unary::Abs,
        name: "abs",
        value: libm::fabs,
        derivative: Some(|g, x, _| g.unary(Unary::Sign, x)),
        domain: anywhere,
        words: "the derivative of |x| is sign x (0 at 0)",
    },
    UnaryDef {
        op: Unary::Sign,
        name: "sign",
        value: |x| {
            if x.is_nan() { x } else { truth(x > 0.0) - truth(x < 0.0) }
        },
        derivative: None,
        domain: anywhere,
        words: "sign is flat",
    },
    UnaryDef {
        op: Unary::Floor,
        name: "floor",
        value: libm::floor,
        derivative: None,
        domain: anywhere,
        words: "floor is flat",
    },
    UnaryDef {
        op: Unary::Not,
        name: "not",
        value: |x| truth(x == 0.0),
        derivative: None,
        domain: anywhere,
        words: "a condition is flat",
    },
];

/// Every primitive of two arguments; derivatives stand in `pullback`, where shapes matter.
pub static BINARY: &[BinaryDef] = &[
    BinaryDef { op: Binary::Add, sign: "+", value: |a, b| a + b, words: "sum rule" },
    BinaryDef { op: Binary::Sub, sign: "−", value: |a, b| a - b, words: "sum rule" },
    BinaryDef {
        op: Binary::Mul, sign: "⊙", value: |a, b| a * b, words: "product rule"
    },
    BinaryDef { op: Binary::Div, sign: "/", value: |a, b| a / b, words: "quotient rule" },
    BinaryDef { op: Binary::Pow, sign: "^", value: pow, words: "power rule" },
    BinaryDef {
        op: Binary::Max,
        sign: "max",
        value: max,
        words: "the larger one counts",
    },
    BinaryDef {
        op: Binary::Min,
        sign: "min",
        value: min,
        words: "the smaller one counts",
    },
    BinaryDef { op: Binary::Lt, sign: "<", value: |a, b| truth(a < b), words: FLAT },
    BinaryDef { op: Binary::Le, sign: "≤", value: |a, b| truth(a <= b), words: FLAT },
    BinaryDef { op: Binary::Gt, sign: ">", value: |a, b| truth(a > b), words: FLAT },
    BinaryDef { op: Binary::Ge, sign: "≥", value: |a, b| truth(a >= b), words: FLAT },
    BinaryDef { op: Binary::Eq, sign: "=", value: |a, b| truth(a == b), words: FLAT },
    BinaryDef { op: Binary::Ne, sign: "≠", value: |a, b| truth(a != b), words: FLAT },
    BinaryDef { op: Binary::And, sign: "and", value: and, words: FLAT },
    BinaryDef { op: Binary::Or, sign: "or", value: or, words: FLAT },
    BinaryDef { op: Binary::XLogY, sign: "xlogy", value: x_log_y, words: "product rule" },
    BinaryDef { op: Binary::XDivY, sign: "/", value: x_div_y, words: "quotient rule" },
];

const FLAT: &str = "a condition is flat";

/// aᵇ; whole small powers by multiplication, so that a² is a·a exactly.
fn pow(a: f64, b: f64) -> f64 {
    match b {
        2.0 => a * a,
        3.0 => a * a * a,
        1.0 => a,
        0.0 => 1.0,
        -1.0 => 1.0 / a,
        0.5 => libm::sqrt(a),
        _ => libm::pow(a, b),
    }
}

fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { if a >= b { a } else { b } }
}

fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { if a <= b { a } else { b } }
}

fn and(a: f64, b: f64) -> f64 {
    truth(a != 0.0 && b != 0.0)
}

fn or(a: f64, b: f64) -> f64 {
    truth(a != 0.0 || b != 0.0)
}

fn x_log_y(x: f64, y: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x * libm::log(y) }
}

fn x_div_y(x: f64, y: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x / y }
}

/// The entry of a primitive of one argument.
///
/// # Panics
/// Never: every variant has an entry (a test walks them).
#[must_use]
pub fn unary(op: Unary) -> &'static UnaryDef {
    UNARY.iter().find(|d| d.op == op).expect("every variant has an entry")
}

/// The entry of a primitive of two arguments.
///
/// # Panics
/// Never: every variant has an entry (a test walks them).
#[must_use]
pub fn binary(op: Binary) -> &'static BinaryDef {
    BINARY.iter().find(|d| d.op == op).expect("every variant has an entry")
}
