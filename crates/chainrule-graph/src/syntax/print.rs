//! Tree → text that reads back as the same tree, brackets apart.
//!
//! In: an expression, statement or file. Out: Unicode, or ASCII alone. Brackets that were written
//! stay; others stand only where precedence needs them. Deliberately absent: LaTeX and MathML,
//! which are drawn from the graph.

mod settings;
mod statements;
#[cfg(test)]
mod tests;

use super::ast::{Arg, BinaryOp, Expr, ExprKind, Index, Name};
use super::greek::ascii;

pub use statements::{print_file, print_statement};

/// Which characters may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// `ŷ = W1ᵀ x ⊙ a²`.
    #[default]
    Unicode,
    /// `y_hat = W1^T x .* a^2`.
    Ascii,
}

/// The text of an expression.
#[must_use]
pub fn print_expr(expr: &Expr, style: Style) -> String {
    let mut printer = Printer::new(style);
    printer.expr(expr, CASES, true);
    printer.out
}

// Levels of precedence, as in reading.
const CASES: u8 = 0;
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
const PRODUCT: u8 = 6;
const MINUS: u8 = 7;
const POSTFIX: u8 = 8;
const ATOM: u8 = 9;

/// A literal as it was written, where only its minus is beyond ASCII: `2e−5` is `2e-5`.
pub(super) fn ascii_number(text: &str) -> Option<String> {
    let plain = text.replace(['−', '–'], "-");
    (!plain.is_empty() && plain.is_ascii()).then_some(plain)
}

struct Printer {
    out: String,
    style: Style,
    /// Inside `‖…‖` or `|…|`: another one needs brackets.
    bars: bool,
    /// Inside `[1 2]`: no white space round operators.
    tight: bool,
}

impl Printer {
    fn new(style: Style) -> Self {
        Self { out: String::new(), style, bars: false, tight: false }
    }

    /// The Unicode or the ASCII form.
    fn either(&mut self, unicode: &str, ascii: &str) {
        self.out.push_str(if self.style == Style::Unicode { unicode } else { ascii });
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn name(&mut self, name: &Name) {
        let text = if self.style == Style::Unicode {
            name.key.clone()
        } else {
            ascii(&name.key)
        };
        self.text(&text);
    }

    /// `open`: no factor follows, so that a sum may reach to the end.
    fn expr(&mut self, expr: &Expr, least: u8, open: bool) {
        if level(&expr.kind) < least && !(is_sum(&expr.kind) && open)
            || self.closes(expr, open)
        {
            return self.within("(", expr, ")");
        }
        self.bare(&expr.kind, open);
    }

    /// A sum that a factor would join, or a bar within bars.
    fn closes(&self, expr: &Expr, open: bool) -> bool {
        let bar = matches!(expr.kind, ExprKind::Norm(..) | ExprKind::Abs(_));
        is_sum(&expr.kind) && !open || bar && self.bars
    }

    fn within(&mut self, before: &str, expr: &Expr, after: &str) {
        let saved = (self.bars, self.tight);
        (self.bars, self.tight) = (false, false);
        self.text(before);
        self.expr(expr, CASES, true);
        self.text(after);
        (self.bars, self.tight) = saved;
    }

    fn bare(&mut self, kind: &ExprKind, open: bool) {
        match kind {
            ExprKind::Number(value, text) => self.number(*value, text),
            ExprKind::Name(name) => self.name(name),
            ExprKind::Paren(inner) => self.within("(", inner, ")"),
            ExprKind::Neg(inner) => {
                self.either("−", "-");
                self.expr(inner, MINUS, open);
            }
            ExprKind::Not(inner) => {
                self.text("not ");
                self.expr(inner, NOT, open);
            }
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, open),
            ExprKind::Transpose(inner) => {
                self.base(inner);
                self.either("ᵀ", "^T");
            }
            ExprKind::Call { func, primes, args } => self.call(func, *primes, args),
            ExprKind::Norm(p, parts) => self.norm(*p, parts),
            ExprKind::Abs(inner) => {
                self.text("|");
                self.barred(inner);
                self.text("|");
            }
            ExprKind::Sum { .. } => self.sum(kind, open),
            ExprKind::Cases(value, condition, other) => {
                self.expr(value, OR, true);
                self.text(" if ");
                self.expr(condition, OR, true);
                self.text(" else ");
                self.expr(other, CASES, true);
            }
            ExprKind::Element(base, indices) => {
                self.base(base);
                self.indices(indices);
            }
            ExprKind::Matrix(rows) => self.matrix(rows),
            ExprKind::Stack(parts) => self.stack(parts),
            ExprKind::Indicator(condition) => self.within("1[", condition, "]"),
            ExprKind::Error => self.text("?"),
        }
    }

    fn number(&mut self, value: f64, text: &str) {
        if self.style == Style::Unicode && !text.is_empty() {
            return self.text(text);
        }
        if let Some(text) = ascii_number(text) {
            return self.text(&text);
        }
        let small = value != 0.0 && !(1e-5..1e16).contains(&value.abs());
        let text = if small { format!("{value:e}") } else { format!("{value}") };
        self.text(&text);
    }

    /// What a postfix stands behind; powers get brackets, for `x^nᵀ` is hard to read.
    fn base(&mut self, expr: &Expr) {
        let power = matches!(expr.kind, ExprKind::Binary(BinaryOp::Pow, ..));
        let number = matches!(expr.kind, ExprKind::Number(..));
        if power || number {
            self.within("(", expr, ")");
        } else {
            self.expr(expr, POSTFIX, false);
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, open: bool) {
        if op == BinaryOp::Pow {
            return self.power(left, right);
        }
        let (level, right_level) = levels(op);
        let product = level == PRODUCT;
        self.expr(left, level, !product);
        self.operator(op, left, right);
        // `a − −b` can be read, but not by people.
        let minus = matches!(right.kind, ExprKind::Neg(_)) || is_negative(right);
        if minus && level >= ADD {
            return self.within("(", right, ")");
        }
        self.expr(right, right_level, open || !product);
    }

    fn operator(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        let simple =
            |e: &Expr| matches!(e.kind, ExprKind::Number(..) | ExprKind::Name(_));
        let text = match self.style {
            Style::Unicode => unicode(op),
            Style::Ascii => plain(op),
        };
        let close = op == BinaryOp::Div && simple(left) && simple(right);
        if self.tight || close {
            self.text(text);
        } else if op == BinaryOp::Space {
            self.text(" ");
        } else {
            self.out.push_str(&format!(" {text} "));
        }
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) {
        let nested = matches!(base.kind, ExprKind::Binary(BinaryOp::Pow, ..));
        if nested {
            self.within("(", base, ")");
        } else {
            self.expr(base, POSTFIX, false);
        }
        if let Some(raised) = raised(exponent).filter(|_| self.style == Style::Unicode) {
            return self.text(&raised);
        }
        self.text("^");
        let exponent = match &exponent.kind {
            ExprKind::Neg(inner) if matches!(inner.kind, ExprKind::Number(..)) => {
                self.either("−", "-");
                inner
            }
            _ => exponent,
        };
        let atom = match &exponent.kind {
            // `x^T` would be a transpose.
            ExprKind::Name(name) => name.key != "T",
            ExprKind::Number(value, _) => *value >= 0.0,
            ExprKind::Matrix(_) | ExprKind::Stack(_) => false,
            kind => level(kind) == ATOM,
        };
        if atom {
            self.expr(exponent, ATOM, false);
        } else {
            self.within("(", exponent, ")");
        }
    }

    fn call(&mut self, func: &Name, primes: u8, args: &[Arg]) {
        // In a matrix of numbers a word would make it a stack: the root stays a sign.
        if func.key == "sqrt" && func.written == "√" {
            self.either("√", "\\sqrt");
        } else {
            self.name(func);
        }
        self.text(&"'".repeat(primes.into()));
        self.arguments(args);
    }

    fn arguments(&mut self, args: &[Arg]) {
        self.text("(");
        for (at, arg) in args.iter().enumerate() {
            self.text(if at > 0 { ", " } else { "" });
            if let Some(name) = &arg.name {
                self.name(name);
                self.text(" = ");
            }
            self.within("", &arg.value, "");
        }
        self.text(")");
    }

    fn barred(&mut self, expr: &Expr) {
        let saved = (self.bars, self.tight);
        (self.bars, self.tight) = (true, false);
        self.expr(expr, CASES, true);
        (self.bars, self.tight) = saved;
    }

    fn norm(&mut self, p: u8, parts: &[Expr]) {
        self.either("‖", "||");
        for (at, part) in parts.iter().enumerate() {
            self.text(if at > 0 { ", " } else { "" });
            self.barred(part);
        }
        self.either("‖", "||");
        self.text(if p == 1 { "_1" } else { "" });
    }

    fn sum(&mut self, kind: &ExprKind, open: bool) {
        let ExprKind::Sum { index, from, to, except, body } = kind else { return };
        // ASCII `sum_ij` would be a name of its own.
        let ascii =
            if ascii(&index.key).chars().count() == 1 { "sum_" } else { "\\sum_" };
        self.either("∑_", ascii);
        let braces = from.is_some() || except.is_some() || ascii != "sum_";
        self.text(if braces { "{" } else { "" });
        self.name(index);
        if let Some(from) = from {
            self.within("=", from, "");
        } else if let Some(except) = except {
            self.either("≠", "!=");
            self.within("", except, "");
        }
        self.text(if braces { "}" } else { "" });
        if let Some(to) = to {
            self.text("^");
            let word = matches!(&to.kind, ExprKind::Number(..) | ExprKind::Paren(_))
                || matches!(&to.kind, ExprKind::Name(n) if n.key.chars().count() == 1);
            if word { self.expr(to, ATOM, false) } else { self.within("{", to, "}") }
        }
        self.text(" ");
        let saved = std::mem::replace(&mut self.tight, false);
        self.expr(body, PRODUCT, open);
        self.tight = saved;
    }

    fn indices(&mut self, indices: &[Index]) {
        self.text("[");
        for (at, index) in indices.iter().enumerate() {
            self.text(if at > 0 { ", " } else { "" });
            match index {
                Index::All => self.text(":"),
                Index::At(expr) => self.within("", expr, ""),
                Index::Range(from, to) => {
                    self.within("", from, ":");
                    self.within("", to, "");
                }
            }
        }
        self.text("]");
    }

    fn matrix(&mut self, rows: &[Vec<Expr>]) {
        let saved = (self.bars, self.tight);
        (self.bars, self.tight) = (false, true);
        self.text("[");
        for (at, row) in rows.iter().enumerate() {
            self.text(if at > 0 { "; " } else { "" });
            for (at, entry) in row.iter().enumerate() {
                self.text(if at > 0 { " " } else { "" });
                // A product by juxtaposition would become two entries.
                let least = if holds_space(entry) { ATOM } else { ADD };
                self.expr(entry, least, true);
            }
        }
        self.text("]");
        (self.bars, self.tight) = saved;
    }

    fn stack(&mut self, parts: &[Expr]) {
        self.text("[");
        for (at, part) in parts.iter().enumerate() {
            self.text(if at > 0 { "; " } else { "" });
            self.within("", part, "");
        }
        self.text("]");
    }
}

fn level(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Cases(..) => CASES,
        ExprKind::Not(_) => NOT,
        ExprKind::Neg(_) => MINUS,
        ExprKind::Number(value, _) if *value < 0.0 => MINUS,
        ExprKind::Sum { .. } => PRODUCT,
        ExprKind::Transpose(_) | ExprKind::Element(..) => POSTFIX,
        ExprKind::Binary(BinaryOp::Pow, ..) => POSTFIX,
        ExprKind::Binary(op, ..) => levels(*op).0,
        ExprKind::Number(..)
        | ExprKind::Name(_)
        | ExprKind::Paren(_)
        | ExprKind::Call { .. }
        | ExprKind::Norm(..)
        | ExprKind::Abs(_)
        | ExprKind::Matrix(_)
        | ExprKind::Stack(_)
        | ExprKind::Indicator(_)
        | ExprKind::Error => ATOM,
    }
}

/// Level of an operator, and what its right operand needs.
fn levels(op: BinaryOp) -> (u8, u8) {
    match op {
        BinaryOp::Or => (OR, AND),
        BinaryOp::And => (AND, NOT),
        BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::Eq
        | BinaryOp::Ne => (COMPARE, ADD),
        BinaryOp::Add | BinaryOp::Sub => (ADD, PRODUCT),
        BinaryOp::Pow => (POSTFIX, ATOM),
        BinaryOp::Space
        | BinaryOp::At
        | BinaryOp::Odot
        | BinaryOp::Dot
        | BinaryOp::Star
        | BinaryOp::Cross
        | BinaryOp::Div => (PRODUCT, POSTFIX),
    }
}

fn is_sum(kind: &ExprKind) -> bool {
    matches!(kind, ExprKind::Sum { .. })
}

fn is_negative(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Number(value, _) if value < 0.0)
}

fn holds_space(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary(BinaryOp::Space, ..) => true,
        ExprKind::Binary(_, a, b) => holds_space(a) || holds_space(b),
        ExprKind::Neg(a) | ExprKind::Transpose(a) => holds_space(a),
        _ => false,
    }
}

/// `²`, `⁻¹` for whole numbers.
fn raised(exponent: &Expr) -> Option<String> {
    let (minus, expr) = match &exponent.kind {
        ExprKind::Neg(inner) => ("⁻", inner.as_ref()),
        _ => ("", exponent),
    };
    let ExprKind::Number(_, text) = &expr.kind else { return None };
    let digit = |c: char| {
        Some(['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][c.to_digit(10)? as usize])
    };
    let digits: Option<String> = text.chars().map(digit).collect();
    let zero = !minus.is_empty() && text == "0";
    digits.filter(|_| can_be_raised(text) && !zero).map(|d| format!("{minus}{d}"))
}

/// Whether a number can be raised digits: those of `100^00` would be read as 0.
pub(super) fn can_be_raised(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits && text.len() < 9 && (text == "0" || !text.starts_with('0'))
}

fn unicode(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "−",
        BinaryOp::Space => " ",
        BinaryOp::At => "@",
        BinaryOp::Odot => "⊙",
        BinaryOp::Dot => "·",
        BinaryOp::Star => "*",
        BinaryOp::Cross => "×",
        BinaryOp::Div => "/",
        BinaryOp::Pow => "^",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "≤",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => "≥",
        BinaryOp::Eq => "=",
        BinaryOp::Ne => "≠",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}

fn plain(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Sub => "-",
        BinaryOp::Odot => ".*",
        BinaryOp::Dot => "\\cdot",
        BinaryOp::Cross => "\\times",
        BinaryOp::Le => "<=",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        op => unicode(op),
    }
}
