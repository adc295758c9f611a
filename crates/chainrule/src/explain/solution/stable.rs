//! Why the largest entry is subtracted before `exp`: what overflows, and what the maximum guarantees.
//!
//! In: a file that calls a function whose computed form differs by its maximum. Out: the two forms with
//! numbers, once at the file's own values, once moved so far that the plain form really fails: both are
//! computed here as they stand, in f64.

use chainrule_graph::graph::{NodeId, Op};
use chainrule_graph::syntax::ast::{BinaryOp, Expr, ExprKind};
use chainrule_graph::value::Mat;

use super::context::Context;
use crate::explain::formula::{Formula, call, matrix, name, number, op};
use crate::explain::tree::{Block, Fold, Inline, Level, Table, line, math, words};

/// Entries that stand in for values that are not given.
const MADE_UP: [f64; 3] = [1.0, 2.0, 3.0];
/// So far beyond exp's range in f64 (709.8) that it overflows, and below it to 0.
const FAR: f64 = 1000.0;

pub(super) fn blocks(cx: &Context<'_>) -> Vec<Block> {
    let call = cx.m.graph.iter().find_map(|(id, n)| match n.op {
        Op::Call(f, _) => {
            let stable = cx.m.functions.get(f).computed.as_ref();
            let shifted = stable.is_some_and(subtracts_max);
            shifted.then_some((id, f))
        }
        _ => None,
    });
    call.map(|(id, f)| fold(cx, id, &cx.m.functions.get(f).name.written))
        .into_iter()
        .collect()
}

/// Whether exp(z − max(z)) stands in it.
fn subtracts_max(e: &Expr) -> bool {
    let text = crate::explain::formula::plain(e);
    text.contains("exp(") && text.contains("− max(")
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

fn fold(cx: &Context<'_>, at: NodeId, function: &str) -> Block {
    let (z, shown, own) = scores(cx, at);
    let mut blocks = vec![
        Block::Words(cx.say(
            "`exp(z)` overflows f64 from z = 709.8 on (f32 from 88.8): ∞ / ∞ is not a number. Where \
             all entries are very small, every `exp(z)` is 0 and the sum is 0: 0 / 0.",
        )),
        Block::Words(cx.say(
            "Subtract the largest entry `max(z)` from all of them: numerator and denominator are both \
             divided by `exp(max(z))`, so the value is the same. The largest exponent is now 0, so \
             no `exp` exceeds 1, and the sum holds that 1: it lies between 1 and K, never 0, never ∞.",
        )),
    ];
    if !own {
        blocks.push(Block::Words(words("With entries made up for it:")));
    }
    blocks.extend(by_hand(cx, &z, if own { &shown } else { "z" }));
    blocks.push(Block::Words(words(format!(
        "On numbers that really overflow, both forms computed as they stand (adding the same number to \
         every entry does not change {function}):"
    ))));
    blocks.push(Block::Table(overflow(cx, &z)));
    let title = vec![
        Inline::Words(format!("Why {function} subtracts the largest entry of ")),
        Inline::Formula(Formula::of(name(&shown))),
    ];
    Block::Fold(Fold { level: Level::Brief, title, blocks })
}

/// Maximum, exponentials, sum, quotient.
fn by_hand(cx: &Context<'_>, z: &[f64], shown: &str) -> Vec<Block> {
    let d = cx.digits;
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = z.iter().map(|x| libm::exp(x - top)).collect();
    let sum: f64 = e.iter().sum();
    let p: Vec<f64> = e.iter().map(|x| x / sum).collect();
    let peak = call("max", 0, vec![name(shown)]);
    let moved = op(BinaryOp::Sub, name(shown), peak.clone());
    let powers = call("exp", 0, vec![moved.clone()]);
    let total = call("sum", 0, vec![powers.clone()]);
    let shifted: Vec<f64> = z.iter().map(|x| x - top).collect();
    let value = |e: Expr, m: &Mat| line(Formula::of(e).value(m, d));
    vec![
        line(Formula::of(name(shown)).equals(matrix(&column(z), d))),
        value(peak, &Mat::scalar(top)),
        value(powers.clone(), &column(&e)),
        value(total.clone(), &Mat::scalar(sum)),
        line(
            Formula::of(op(BinaryOp::Div, powers, total))
                .equals(op(BinaryOp::Div, matrix(&column(&e), d), number(sum, d)))
                .value(&column(&p), d),
        ),
        Block::Words(cx.say(&format!(
            "The largest entry of `{}` is {}.",
            crate::explain::formula::plain(&moved),
            crate::explain::formula::plain(&number(
                shifted.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                d
            ))
        ))),
    ]
}

/// Plain and stable form of the same scores, near 0, far above, far below.
fn overflow(cx: &Context<'_>, z: &[f64]) -> Table {
    let d = cx.digits.min(4);
    let z = if z.len() > 5 { &MADE_UP } else { z };
    let row = |shift: f64| {
        let z: Vec<f64> = z.iter().map(|x| x + shift).collect();
        let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers =
            |by: f64| -> Vec<f64> { z.iter().map(|x| libm::exp(x - by)).collect() };
        let quotient = |e: &[f64]| -> Vec<f64> {
            let sum: f64 = e.iter().sum();
            e.iter().map(|x| x / sum).collect()
        };
        let (plain, stable) = (powers(0.0), powers(top));
        let cell = |v: &[f64]| math(Formula::of(literal(v, d)));
        vec![
            cell(&z),
            cell(&plain),
            cell(&quotient(&plain)),
            cell(&stable),
            cell(&quotient(&stable)),
        ]
    };
    let head = ["z", "exp(z)", "plain form", "exp(z − max(z))", "stable form"]
        .map(str::to_owned);
    Table { head: head.to_vec(), rows: [0.0, FAR, -FAR].map(row).to_vec() }
}

fn literal(v: &[f64], digits: usize) -> Expr {
    let row = |x: &f64| vec![number(*x, digits)];
    Expr { kind: ExprKind::Matrix(v.iter().map(row).collect()), span: Default::default() }
}
