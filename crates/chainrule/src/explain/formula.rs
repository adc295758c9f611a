//! A line of mathematics: sides joined by `=`, `≈` or `←`, one form for every writer.
//!
//! In: trees of the language and numbers. Out: a [`Formula`], which is text in Unicode or ASCII, LaTeX,
//! or MathML. A number keeps its exact value and shows its rounded digits; a side is joined by `≈`
//! where they differ. Deliberately absent: line breaks and widths, which belong to the writers.

use chainrule_graph::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, Index, Name};
use chainrule_graph::syntax::latex::latex;
use chainrule_graph::syntax::mathml::mathml;
use chainrule_graph::syntax::print::{Style, print_expr};
use chainrule_graph::value::Mat;

/// How a side follows from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `=`.
    Equal,
    /// `≈`: the digits shown are rounded.
    About,
    /// `←`: takes this value.
    Becomes,
}

impl Relation {
    /// The sign as text.
    #[must_use]
    pub fn sign(self, style: Style) -> &'static str {
        match (self, style) {
            (Self::Equal, _) => "=",
            (Self::About, Style::Unicode) => "≈",
            (Self::About, Style::Ascii) => "~",
            (Self::Becomes, Style::Unicode) => "←",
            (Self::Becomes, Style::Ascii) => "<-",
        }
    }

    /// The sign in LaTeX.
    #[must_use]
    pub fn latex(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::About => "\\approx",
            Self::Becomes => "\\leftarrow",
        }
    }
}

/// Sides joined by relations: `∂L/∂W2 = δ2 a1ᵀ = [1; 2]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    /// The first side.
    pub first: Expr,
    /// The others.
    pub rest: Vec<(Relation, Expr)>,
    /// Whether it is a result, to be framed where a writer can.
    pub boxed: bool,
}

impl Formula {
    /// One side alone.
    #[must_use]
    pub fn of(first: Expr) -> Self {
        Self { first, rest: Vec::new(), boxed: false }
    }

    /// Framed.
    #[must_use]
    pub fn boxed(mut self) -> Self {
        self.boxed = true;
        self
    }

    /// With `= side`, or `≈ side` where its digits are rounded, unless the last side reads the same.
    #[must_use]
    pub fn equals(self, side: Expr) -> Self {
        let relation = if rounded(&side) { Relation::About } else { Relation::Equal };
        self.then(relation, side)
    }

    /// With a further side, unless the last one reads the same.
    #[must_use]
    pub fn then(mut self, relation: Relation, side: Expr) -> Self {
        let last = self.rest.last().map_or(&self.first, |(_, e)| e);
        if plain(last) != plain(&side) {
            self.rest.push((relation, side));
        }
        self
    }

    /// With a value as the last side: `=` if its digits are all there, else `≈`.
    #[must_use]
    pub fn value(self, m: &Mat, digits: usize) -> Self {
        let (relation, side) = shown(m, digits);
        let last = self.rest.last().map_or(&self.first, |(_, e)| e);
        // A literal that reads the same needs no second mention.
        if plain(last) == plain(&side) { self } else { self.then(relation, side) }
    }

    /// As text in one line.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        self.sides(style).concat()
    }

    /// As text, a piece a side: `z1`, ` = W1 x + b1`, ` = [1; 2]`.
    #[must_use]
    pub fn sides(&self, style: Style) -> Vec<String> {
        let mut out = vec![printed(&self.first, style)];
        for (relation, e) in &self.rest {
            out.push(format!(" {} {}", relation.sign(style), printed(e, style)));
        }
        out
    }

    /// As LaTeX in one line.
    #[must_use]
    pub fn latex(&self) -> String {
        let mut out = latex(&self.first);
        for (relation, e) in &self.rest {
            out.push_str(&format!(" {} {}", relation.latex(), latex(e)));
        }
        out
    }

    /// As MathML, a piece a side (without the `<math>` elements).
    #[must_use]
    pub fn mathml(&self) -> Vec<String> {
        let mut out = vec![mathml(&self.first)];
        for (relation, e) in &self.rest {
            let sign = relation.sign(Style::Unicode);
            out.push(format!("<mrow><mo>{sign}</mo>{}</mrow>", mathml(e)));
        }
        out
    }
}

/// As the language prints it, but products of numbers close together: `2·1 + 3·0.5`.
fn printed(e: &Expr, style: Style) -> String {
    match style {
        Style::Unicode => print_expr(e, style).replace(" · ", "·"),
        Style::Ascii => print_expr(e, style).replace(" \\cdot ", "*"),
    }
}

/// What a reader sees, to tell whether two sides are one.
pub(crate) fn plain(e: &Expr) -> String {
    print_expr(e, Style::Unicode)
}

pub(crate) fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Default::default() }
}

pub(crate) fn word(text: &str) -> Name {
    Name { key: text.to_owned(), written: text.to_owned(), span: Default::default() }
}

pub(crate) fn name(text: &str) -> Expr {
    expr(ExprKind::Name(word(text)))
}

pub(crate) fn paren(e: Expr) -> Expr {
    match e.kind {
        ExprKind::Paren(_) => e,
        _ => expr(ExprKind::Paren(Box::new(e))),
    }
}

pub(crate) fn op(o: BinaryOp, a: Expr, b: Expr) -> Expr {
    expr(ExprKind::Binary(o, Box::new(a), Box::new(b)))
}

pub(crate) fn call(f: &str, primes: u8, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|value| Arg { name: None, value }).collect();
    expr(ExprKind::Call { func: word(f), primes, args })
}

/// `∂L/∂W1` as a name.
pub(crate) fn partial(top: &str, by: &str) -> Expr {
    name(&format!("∂{top}/∂{by}"))
}

/// `v[2]`, `W[1, 2]`, or the name of a scalar; from 0, shown from 1.
pub(crate) fn element(base: Expr, m: &Mat, (i, j): (usize, usize)) -> Expr {
    let at =
        |k: usize| Index::At(expr(ExprKind::Number((k + 1) as f64, (k + 1).to_string())));
    let index = match (m.rows, m.cols) {
        (1, 1) => return base,
        (_, 1) => vec![at(i)],
        (1, _) => vec![at(j)],
        _ => vec![at(i), at(j)],
    };
    if let ExprKind::Name(n) = &base.kind
        && n.key.starts_with('∂')
    {
        // ∂L/∂W[1, 2] is the derivative by that entry.
        let place = plain(&expr(ExprKind::Element(Box::new(name("x")), index)));
        return name(&format!("{}{}", n.key, place.trim_start_matches('x')));
    }
    expr(ExprKind::Element(Box::new(base), index))
}

/// A number: its exact value, shown with so many significant digits.
pub(crate) fn number(x: f64, digits: usize) -> Expr {
    let text = match x.abs() {
        a if a.is_nan() => "NaN".to_owned(),
        a if a.is_infinite() => "∞".to_owned(),
        a => significant(a, digits),
    };
    let size = expr(ExprKind::Number(x.abs(), text));
    match x < 0.0 {
        true => expr(ExprKind::Neg(Box::new(size))),
        false => size,
    }
}

/// A number of at least 0 with significant digits: never 0 for what is not 0, no zeros at the end.
#[must_use]
pub fn significant(a: f64, digits: usize) -> String {
    let digits = digits.clamp(1, 17);
    let power = format!("{a:.*e}", digits - 1);
    let (mantissa, exponent) = power.split_once('e').unwrap_or((&power, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if a != 0.0 && !(-5..=9).contains(&exponent) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{a:.decimals$}")).to_owned()
}

/// Without zeros that say nothing.
fn trimmed(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

/// Whether a number in it shows fewer digits than it has.
fn rounded(e: &Expr) -> bool {
    let here = match &e.kind {
        ExprKind::Number(x, text) if x.is_finite() => {
            let shown: f64 = text.parse().unwrap_or(*x);
            (shown - x).abs() > NO_ROUNDING * x.abs().max(1e-3)
        }
        _ => false,
    };
    here || chainrule_graph::lower::children(e).into_iter().any(rounded)
}

/// A difference of so much of a number's size is that of a sum in another order: 0.1 + 0.2 is 0.3 to a
/// reader.
const NO_ROUNDING: f64 = 4e-15;

/// A value as a side of a formula, and how it is joined.
pub(crate) fn shown(m: &Mat, digits: usize) -> (Relation, Expr) {
    let side = matrix(m, digits);
    let relation = if rounded(&side) { Relation::About } else { Relation::Equal };
    (relation, side)
}

/// A number, or a matrix of numbers.
pub(crate) fn matrix(m: &Mat, digits: usize) -> Expr {
    if m.is_scalar() {
        return number(m.data[0], digits);
    }
    let row = |i: usize| (0..m.cols).map(|j| number(m.at(i, j), digits)).collect();
    expr(ExprKind::Matrix((0..m.rows).map(row).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_digits_are_joined_by_about() {
        let third = Formula::of(name("a")).value(&Mat::scalar(1.0 / 3.0), 3);
        assert_eq!(third.text(Style::Unicode), "a ≈ 0.333");
        let half = Formula::of(name("a")).value(&Mat::scalar(0.5), 3);
        assert_eq!(half.text(Style::Unicode), "a = 0.5");
        let sum = Formula::of(name("a")).value(&Mat::scalar(0.1 + 0.2), 6);
        assert_eq!(sum.text(Style::Unicode), "a = 0.3", "not a rounding on paper");
    }

    #[test]
    fn a_side_that_reads_the_same_stands_once() {
        let f = Formula::of(name("a")).equals(name("b")).equals(name("b"));
        assert_eq!(f.text(Style::Ascii), "a = b");
    }

    #[test]
    fn a_derivative_is_a_name_in_every_notation() {
        let f = Formula::of(partial("L", "ŷ")).then(Relation::Becomes, name("δ2"));
        assert_eq!(f.text(Style::Unicode), "∂L/∂ŷ ← δ2");
        assert_eq!(f.text(Style::Ascii), "dL/dy_hat <- delta2");
        assert_eq!(
            f.latex(),
            "\\frac{\\partial L}{\\partial \\hat{y}} \\leftarrow \\delta_{2}"
        );
        assert!(f.mathml()[0].contains("<mfrac>"));
    }
}
