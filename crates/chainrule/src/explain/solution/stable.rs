//! Why the largest entry is subtracted before `exp`: what overflows, and what the maximum guarantees.
//!
//! In: a file that calls a function whose computed form differs by its maximum. Out: the two forms with
//! numbers, once at the file's own values, once moved so far that the plain form really fails: both are
//! computed here as they stand, in f64.

use chainrule_graph::graph::{NodeId, Op};
use chainrule_graph::syntax::ast::{BinaryOp, Expr};
use chainrule_graph::value::Mat;

use super::context::Context;
use crate::explain::formula::{Formula, call, matrix, name, op};
use crate::explain::tree::{Block, Fold, Inline, Level, Table, line, math, words};

/// Entries that stand in for values that are not given.
const MADE_UP: [f64; 3] = [1.0, 2.0, 3.0];
/// So far beyond exp's range in f64 (709.8) that it overflows, and below it to 0.
const FAR: f64 = 1000.0;

/// A function as it is written, and as it is computed.
struct Form {
    /// Its name in the table of functions.
    name: &'static str,
    plain: fn(&[f64]) -> Vec<f64>,
    stable: fn(&[f64]) -> Vec<f64>,
    /// Whether the same number added to every entry leaves the value as it is.
    unmoved: bool,
}

const FORMS: [Form; 3] = [
    Form {
        name: "softmax",
        plain: quotient,
        stable: |z| quotient(&moved(z)),
        unmoved: true,
    },
    Form {
        name: "log_softmax",
        plain: |z| quotient(z).into_iter().map(libm::log).collect(),
        stable: |z| {
            let z = moved(z);
            let sum = libm::log(powers(&z).iter().sum());
            z.iter().map(|x| x - sum).collect()
        },
        unmoved: true,
    },
    Form {
        name: "logsumexp",
        plain: |z| vec![libm::log(powers(z).iter().sum())],
        stable: |z| vec![largest(z) + libm::log(powers(&moved(z)).iter().sum())],
        unmoved: false,
    },
];

fn powers(z: &[f64]) -> Vec<f64> {
    z.iter().map(|x| libm::exp(*x)).collect()
}

fn quotient(z: &[f64]) -> Vec<f64> {
    let sum: f64 = powers(z).iter().sum();
    powers(z).iter().map(|e| e / sum).collect()
}

fn largest(z: &[f64]) -> f64 {
    z.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn moved(z: &[f64]) -> Vec<f64> {
    let top = largest(z);
    z.iter().map(|x| x - top).collect()
}

/// The first call of one of these functions.
pub(super) fn blocks(cx: &Context<'_>) -> Option<Block> {
    cx.m.graph.iter().find_map(|(id, n)| {
        let Op::Call(f, _) = n.op else { return None };
        let entry = cx.m.functions.get(f);
        let form = FORMS.iter().find(|form| form.name == entry.name.key)?;
        // A function of the file's own may bear the name.
        let shipped = (f.0 as usize) < cx.m.functions.shipped;
        shipped.then(|| fold(cx, id, form, entry.computed.as_ref()))
    })
}

/// The argument's values for the first example, or made-up ones.
fn scores(cx: &Context<'_>, call: NodeId) -> (Vec<f64>, String, bool) {
    let arg = cx.m.graph[call].args[0];
    let shown = cx.name_of(arg).unwrap_or_else(|| "z".to_owned());
    match cx.file.of(arg, 0) {
        Some(m) if (2..=10).contains(&m.data.len()) => (m.data.clone(), shown, true),
        _ => (MADE_UP.to_vec(), shown, false),
    }
}

fn column(values: &[f64]) -> Mat {
    Mat::new(values.len(), 1, values.to_vec())
}

fn fold(cx: &Context<'_>, at: NodeId, form: &Form, computed: Option<&Expr>) -> Block {
    let (z, shown, own) = scores(cx, at);
    let mut blocks = vec![
        Block::Words(cx.say(
            "`exp(z)` overflows f64 from z = 709.8 on (f32 from 88.8), and ∞ / ∞ is not a number. Where \
             all entries are very small, every `exp(z)` is 0 and so is the sum: 0 / 0, or the logarithm of 0.",
        )),
        Block::Words(cx.say(
            "Subtract the largest entry `max(z)` from all of them: numerator and denominator are both \
             divided by `exp(max(z))` (a logarithm of the sum gets `max(z)` back), so the value is the same. \
             The largest exponent is now 0, so no `exp` exceeds 1, and the sum holds that 1: it lies between \
             1 and the number of entries, never 0, never ∞.",
        )),
    ];
    if !own {
        blocks.push(Block::Words(words("With entries made up for it:")));
    }
    blocks.extend(by_hand(cx, &z, if own { &shown } else { "z" }, form, computed));
    let why = match form.unmoved {
        true => format!(
            " (adding the same number to every entry does not change {})",
            form.name
        ),
        false => String::new(),
    };
    blocks.push(Block::Words(words(format!(
        "On numbers that really overflow, both forms computed as they stand{why}:"
    ))));
    blocks.push(Block::Table(overflow(cx, &z, form)));
    let title = vec![
        Inline::Words(format!("Why {} subtracts the largest entry of ", form.name)),
        Inline::Formula(Formula::of(name(&shown))),
    ];
    Block::Fold(Fold { level: Level::Brief, title, blocks })
}

/// Maximum, exponentials, sum, and the form that is computed.
fn by_hand(
    cx: &Context<'_>,
    z: &[f64],
    shown: &str,
    form: &Form,
    computed: Option<&Expr>,
) -> Vec<Block> {
    let peak = call("max", 0, vec![name(shown)]);
    let below = op(BinaryOp::Sub, name(shown), peak.clone());
    let exps = call("exp", 0, vec![below]);
    let total = call("sum", 0, vec![exps.clone()]);
    let e = powers(&moved(z));
    let sum: f64 = e.iter().sum();
    let value =
        |left: Expr, v: &[f64]| line(Formula::of(left).value(&column(v), cx.digits));
    let mut out = vec![
        line(Formula::of(name(shown)).equals(matrix(&column(z), cx.digits))),
        value(peak, &[largest(z)]),
        value(exps, &e),
        value(total, &[sum]),
    ];
    let result = (form.stable)(z);
    let letter = |c: &Expr| crate::explain::formula::plain(c).replace('z', shown);
    out.extend(computed.map(|c| value(cx.read(&letter(c)), &result)));
    out
}

/// Plain and stable form of the same scores: near 0, far above, far below.
fn overflow(cx: &Context<'_>, z: &[f64], form: &Form) -> Table {
    let d = cx.digits.min(4);
    let z = if z.len() > 5 { &MADE_UP } else { z };
    let row = |shift: f64| {
        let z: Vec<f64> = z.iter().map(|x| x + shift).collect();
        let cell = |v: &[f64]| math(Formula::of(literal(v, d)));
        vec![
            cell(&z),
            cell(&powers(&z)),
            cell(&(form.plain)(&z)),
            cell(&powers(&moved(&z))),
            cell(&(form.stable)(&z)),
        ]
    };
    let head = ["z", "exp(z)", "plain form", "exp(z − max(z))", "stable form"]
        .map(str::to_owned);
    Table { head: head.to_vec(), rows: [0.0, FAR, -FAR].map(row).to_vec() }
}

fn literal(v: &[f64], digits: usize) -> Expr {
    matrix(&column(v), digits)
}
