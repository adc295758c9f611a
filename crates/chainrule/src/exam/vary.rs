//! Other numbers of the same kind for the values of a file.
//!
//! In: the text with its `:=` statements. Out: [`Given`]s that draw values like their own: on the same
//! grid (whole, halves, fifths, tenths, …), of the same size, with the same signs, one-hot where they
//! are one-hot; and the text with such values in it.

use chainrule_graph::diag::Span;
use chainrule_graph::lower::is_builtin;
use chainrule_graph::module::Module;
use chainrule_graph::prelude;
use chainrule_graph::syntax::ast::{Expr, ExprKind, StatementKind};
use chainrule_graph::syntax::parse;
use chainrule_graph::value::Mat;

/// A value of the file and how others like it are made.
pub(super) struct Given {
    /// Its place among the module's symbols.
    pub symbol: usize,
    pub shown: String,
    /// Where its numbers stand.
    span: Span,
    own: Mat,
    kind: Kind,
}

enum Kind {
    /// It is no list of numbers, or lies on no grid: it stays.
    Fixed,
    /// Each column has one 1.
    OneHot,
    /// Multiples of a step.
    Grid(f64),
}

/// Steps that somebody calculates with by hand.
const STEPS: [f64; 7] = [1.0, 0.5, 0.25, 0.2, 0.1, 0.05, 0.01];

/// The values of a file, in its order.
pub(super) fn given(text: &str, m: &Module) -> Vec<Given> {
    let known = |n: &str| is_builtin(n) || prelude::functions().find(n).is_some();
    let file = parse(text, &known, &[]).file;
    let mut out = Vec::new();
    for s in &file.statements {
        let StatementKind::Value(name, e) = &s.kind else { continue };
        let found = m.symbols.iter().position(|x| x.key == name.key);
        let Some(symbol) = found else { continue };
        let Some(own) = m.symbols[symbol].value.clone() else { continue };
        let kind = if is_literal(e) { kind(&own) } else { Kind::Fixed };
        let shown = m.symbols[symbol].shown.clone();
        out.push(Given { symbol, shown, span: e.span, own, kind });
    }
    out
}

/// Numbers alone, as many as there are entries.
fn is_literal(e: &Expr) -> bool {
    let number = |e: &Expr| match &e.kind {
        ExprKind::Number(..) => true,
        ExprKind::Neg(x) => matches!(x.kind, ExprKind::Number(..)),
        _ => false,
    };
    match &e.kind {
        ExprKind::Matrix(rows) => rows.iter().flatten().all(number),
        _ => number(e),
    }
}

fn kind(v: &Mat) -> Kind {
    let one = |j: usize| {
        let c = v.column(j).data;
        c.iter().all(|x| *x == 0.0 || *x == 1.0) && c.iter().sum::<f64>() == 1.0
    };
    if v.rows > 1 && (0..v.cols).all(one) {
        return Kind::OneHot;
    }
    let on =
        |step: f64| v.data.iter().all(|x| ((x / step) - (x / step).round()).abs() < 1e-9);
    STEPS.into_iter().find(|s| on(*s)).map_or(Kind::Fixed, Kind::Grid)
}

impl Given {
    /// Whether other values come out.
    pub(super) fn varies(&self) -> bool {
        !matches!(self.kind, Kind::Fixed)
    }

    /// A value like its own.
    pub(super) fn drawn(&self, random: &mut Random) -> Mat {
        match self.kind {
            Kind::Fixed => self.own.clone(),
            Kind::OneHot => {
                let mut out = Mat::filled(self.own.rows, self.own.cols, 0.0);
                for j in 0..out.cols {
                    let i = random.below(out.rows);
                    *out.at_mut(i, j) = 1.0;
                }
                out
            }
            Kind::Grid(step) => {
                let mut out = self.own.clone();
                out.data.iter_mut().for_each(|x| *x = self.entry(step, random));
                out
            }
        }
    }

    /// A multiple of the step: not larger than the largest, negative or 0 only if one is.
    fn entry(&self, step: f64, random: &mut Random) -> f64 {
        let own = &self.own.data;
        let most = own.iter().fold(2.0 * step, |m, x| m.max(x.abs()));
        let reach = (most / step).round() as i64;
        let least = if own.iter().any(|x| *x < 0.0) { -reach } else { 0 };
        let zero = own.contains(&0.0);
        loop {
            let k = least + random.below((reach - least + 1) as usize) as i64;
            if k != 0 || zero {
                // Counted from whole numbers, so that 0.3 is the 0.3 that is written.
                return (k as f64 * step * 100.0).round() / 100.0;
            }
        }
    }
}

/// The text with other numbers.
pub(super) fn written(text: &str, given: &[Given], values: &[Mat]) -> String {
    let mut all: Vec<(&Given, &Mat)> = given.iter().zip(values).collect();
    all.sort_by_key(|(g, _)| std::cmp::Reverse(g.span.start));
    let mut out = text.to_owned();
    for (g, v) in all.into_iter().filter(|(g, _)| g.varies()) {
        let (start, end) = (g.span.start as usize, g.span.end as usize);
        out.replace_range(start..end, &literal(v));
    }
    out
}

/// `[1 -0.5; 2 3]`, `0.5`.
fn literal(m: &Mat) -> String {
    let row = |i: usize| {
        (0..m.cols).map(|j| format!("{}", m.at(i, j))).collect::<Vec<_>>().join(" ")
    };
    match m.is_scalar() {
        true => row(0),
        false => format!("[{}]", (0..m.rows).map(row).collect::<Vec<_>>().join("; ")),
    }
}

/// A stream of numbers for a seed and a variant.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64, variant: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (variant + 1).wrapping_mul(0xd1b5_4a32_d192_ed03);
        let mut out = Self(mixed);
        out.below(2);
        out
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}
