//! Expressions by precedence: cases, or, and, not, comparisons, sums, products, powers.
//!
//! Products stand on one level, left to right; after `/` stands one atom with its postfixes.
//! Where two readings are common (`1/2m`) nothing is guessed: G1 with both as fixes.

use crate::diag::{Code, Diagnostic, Span};
use crate::limits::{DEPTH, OPERATORS};

use super::ast::{BinaryOp, Expr, ExprKind};
use super::names;
use super::parser::{Context, Parser, insert};
use super::token::{Tok, Token};

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
pub(crate) const PRODUCT: u8 = 6;

impl Parser<'_> {
    /// An expression in which no comparison is left over.
    pub(crate) fn expression(&mut self) -> Expr {
        let expr = self.cases();
        self.no_condition(&expr);
        expr
    }

    /// An expression inside brackets: outside bars and literals.
    pub(crate) fn inner(&mut self, context: Context) -> Expr {
        let saved = std::mem::replace(&mut self.context, context);
        let expr = self.cases();
        self.context = saved;
        if !context.condition {
            self.no_condition(&expr);
        }
        expr
    }

    /// `a if c else b`, or anything that binds tighter.
    fn cases(&mut self) -> Expr {
        let start = self.here();
        if self.depth >= DEPTH {
            return self.too_deep();
        }
        self.depth += 1;
        let value = self.binary(OR);
        let expr =
            if self.eat_word("if") { self.rest_of_cases(value, start) } else { value };
        self.depth -= 1;
        expr
    }

    fn rest_of_cases(&mut self, value: Expr, start: Span) -> Expr {
        self.no_condition(&value);
        let saved = std::mem::replace(&mut self.context.condition, true);
        let condition = self.binary(OR);
        self.context.condition = saved;
        if !self.eat_word("else") {
            self.expected("`else` (a case has two values: `a if c else b`)");
            return self.error(start);
        }
        let other = self.cases();
        self.no_condition(&other);
        let kind = ExprKind::Cases(Box::new(value), Box::new(condition), Box::new(other));
        Expr { kind, span: self.since(start) }
    }

    fn no_condition(&mut self, expr: &Expr) {
        let ExprKind::Binary(op, ..) = expr.kind else { return };
        let compares = is_comparison(op) || matches!(op, BinaryOp::And | BinaryOp::Or);
        if !compares || self.context.condition {
            return;
        }
        let message = "a comparison stands only in `a if c else b` and in `1[c]`";
        let mut diagnostic = Diagnostic::error(Code::P1, expr.span, message);
        if op == BinaryOp::Eq {
            diagnostic =
                diagnostic.hint("an equation has one `=`: write one equation a line");
        }
        self.slip(diagnostic);
    }

    /// One level deeper.
    pub(crate) fn guarded(&mut self, read: fn(&mut Self) -> Expr) -> Expr {
        if self.depth >= DEPTH {
            return self.too_deep();
        }
        self.depth += 1;
        let expr = read(self);
        self.depth -= 1;
        expr
    }

    pub(crate) fn too_deep(&mut self) -> Expr {
        let message = format!("brackets stand deeper than {DEPTH} levels");
        let span = self.here();
        self.slip(Diagnostic::error(Code::P1, span, message));
        self.at = self.tokens.len();
        Expr { kind: ExprKind::Error, span }
    }

    pub(crate) fn error(&self, start: Span) -> Expr {
        Expr { kind: ExprKind::Error, span: self.since(start) }
    }

    /// Operators that bind at least as tightly as `least`.
    pub(crate) fn binary(&mut self, least: u8) -> Expr {
        let start = self.here();
        let mut left = self.prefix();
        while let Some((op, level, length)) = self.operator() {
            if level < least || self.too_many() {
                break;
            }
            self.chained(op, &left);
            self.at += length;
            let right = self.right_operand(op, level, &left);
            let span = self.since(start);
            left = Expr { kind: binary(op, left, right), span };
        }
        left
    }

    fn too_many(&mut self) -> bool {
        self.operators += 1;
        if self.operators < OPERATORS {
            return false;
        }
        let message = format!("an expression has at most {OPERATORS} operators");
        let diagnostic = Diagnostic::error(Code::P1, self.here(), message);
        self.slip(diagnostic.hint("give parts of it names of their own"));
        self.at = self.tokens.len();
        true
    }

    /// `0 < z < 1` has no meaning in one condition.
    fn chained(&mut self, op: BinaryOp, left: &Expr) {
        let ExprKind::Binary(before, ..) = &left.kind else { return };
        if !is_comparison(op) || !is_comparison(*before) {
            return;
        }
        let message = "a comparison has two sides";
        let diagnostic = Diagnostic::error(Code::P1, self.here(), message);
        self.slip(diagnostic.hint("write `0 < z and z < 1`"));
    }

    fn right_operand(&mut self, op: BinaryOp, level: u8, left: &Expr) -> Expr {
        match op {
            BinaryOp::Div => self.denominator(left),
            _ if level == PRODUCT => self.factor(),
            _ => self.binary(level + 1),
        }
    }

    /// The operator under the cursor, its level, and how many tokens it takes.
    fn operator(&self) -> Option<(BinaryOp, u8, usize)> {
        let token = self.peek()?;
        if let Tok::Sym(sym) = token.tok {
            if let Some((op, level)) = symbol_operator(sym) {
                let splits = self.context.literal && matches!(sym, "+" | "-");
                let spaced = self.ahead(1).is_none_or(|t| t.space);
                return (!(splits && token.space && !spaced)).then_some((op, level, 1));
            }
            // `z <-1` is a comparison when it stands in an expression.
            if sym == "←" {
                return Some((BinaryOp::Lt, COMPARE, 0));
            }
        }
        for (word, op, level) in [("and", BinaryOp::And, AND), ("or", BinaryOp::Or, OR)] {
            if token.is_word(word) {
                return Some((op, level, 1));
            }
        }
        let product = !self.context.literal && self.starts_atom(token);
        product.then_some((BinaryOp::Space, PRODUCT, 0))
    }

    /// Whether an operand begins here, so that juxtaposition is a product.
    pub(crate) fn starts_atom(&self, token: &Token) -> bool {
        match &token.tok {
            Tok::Number(..) => true,
            Tok::Name(_) => {
                !token.word().is_some_and(|w| names::WORDS.contains(&w) || w == "for")
            }
            Tok::Sym("(" | "[" | "{" | "√" | "∑" | "∑_" | "\\frac" | "cases{") => {
                true
            }
            Tok::Sym(bar @ ("‖" | "|")) => self.context.bar != Some(*bar),
            _ => false,
        }
    }

    fn prefix(&mut self) -> Expr {
        let start = self.here();
        if self.is("not") || self.is_word("not") {
            self.at += 1;
            let inner = self.guarded(|p| p.binary(NOT));
            return Expr {
                kind: ExprKind::Not(Box::new(inner)),
                span: self.since(start),
            };
        }
        if self.is("+") {
            self.at += 1;
        }
        self.factor()
    }

    /// Unary minus, and what binds tighter.
    pub(crate) fn factor(&mut self) -> Expr {
        let start = self.here();
        // `z <-1` was read as an arrow: its minus belongs to the right side.
        if !(self.is("-") || self.is("←")) {
            return self.postfixes();
        }
        self.at += 1;
        let inner = self.guarded(Self::factor);
        Expr { kind: ExprKind::Neg(Box::new(inner)), span: self.since(start) }
    }

    /// What stands after `/`. A product glued to it is ambiguous.
    fn denominator(&mut self, numerator: &Expr) -> Expr {
        // Of `a 1/2m` only `1/2m` is in doubt.
        let top = match &numerator.kind {
            ExprKind::Binary(_, _, last) => last.span,
            _ => numerator.span,
        };
        let expr = self.factor();
        let glued = self.glued() && self.peek().is_some_and(|t| self.starts_atom(t));
        if glued && !self.context.literal {
            self.glued_product(top, &expr);
        }
        expr
    }

    /// `1/2m`: reports both readings; the text is then read left to right.
    fn glued_product(&mut self, top: Span, first: &Expr) {
        // Looking ahead within a look ahead would take exponential time.
        if self.broken {
            return;
        }
        let (at, depth, operators) = (self.at, self.depth, self.operators);
        self.broken = true;
        while self.glued() && self.peek().is_some_and(|t| self.starts_atom(t)) {
            self.factor();
        }
        let all = first.span.to(self.previous());
        (self.at, self.depth, self.operators, self.broken) =
            (at, depth, operators, false);
        self.two_readings(top.to(all), first.span, all);
    }

    /// G1: `all` in brackets, or a space behind `first`; `whole` is shown.
    fn two_readings(&mut self, whole: Span, first: Span, all: Span) {
        let text = |from: u32, to: u32| Span { start: from, end: to }.of(self.scope.text);
        let shown = whole.of(self.scope.text);
        let front = text(whole.start, all.start);
        let bracket = format!("{front}({})", all.of(self.scope.text));
        let space =
            format!("{} {}", text(whole.start, first.end), text(first.end, all.end));
        let diagnostic = Diagnostic::error(
            Code::G1,
            whole,
            format!("`{shown}` can be read in two ways"),
        )
        .fix(
            format!("`{bracket}` if all of it belongs there"),
            vec![insert(all.start, "("), insert(all.end, ")")],
        )
        .fix(
            format!("`{space}` if only the first factor does"),
            vec![insert(first.end, " ")],
        );
        self.report(diagnostic);
    }

    /// An atom with powers, transposes and indices.
    pub(crate) fn postfixes(&mut self) -> Expr {
        let start = self.here();
        let mut expr = self.atom();
        loop {
            let Some(token) = self.peek() else { return expr };
            let kind = match &token.tok {
                Tok::Sym("ᵀ") => {
                    self.at += 1;
                    ExprKind::Transpose(Box::new(expr))
                }
                Tok::Power(n) => {
                    self.at += 1;
                    binary(BinaryOp::Pow, expr, integer(*n, token.span))
                }
                Tok::Sym("^") => {
                    self.at += 1;
                    self.raised(expr)
                }
                Tok::Sym("[") if !token.space && !self.context.literal => {
                    ExprKind::Element(Box::new(expr), self.indices())
                }
                Tok::Sym("_") if !token.space && !self.context.literal => {
                    ExprKind::Element(Box::new(expr), self.subscript())
                }
                Tok::Sym("'") => {
                    self.not_a_transpose(token.span);
                    continue;
                }
                _ => return expr,
            };
            self.operators += 1;
            expr = Expr { kind, span: self.since(start) };
            if self.operators > OPERATORS && self.too_many() {
                return expr;
            }
        }
    }

    fn not_a_transpose(&mut self, span: Span) {
        self.at += 1;
        let edit = crate::diag::Edit { span, with: "ᵀ".to_string() };
        let message = "`'` marks the derivative of a function and is never a transpose";
        let diagnostic = Diagnostic::error(Code::P1, span, message);
        self.slip(diagnostic.fix("write the transpose as `ᵀ` (or `^T`)", vec![edit]));
    }

    /// What stands after `^`: `T` is a transpose, anything else a power.
    fn raised(&mut self, base: Expr) -> ExprKind {
        if let Some(length) = self.transpose_mark(0) {
            self.at += length;
            return ExprKind::Transpose(Box::new(base));
        }
        let exponent = self.exponent();
        binary(BinaryOp::Pow, base, exponent)
    }

    /// The length of `T`, `ᵀ`, `{T}` that many words ahead.
    pub(crate) fn transpose_mark(&self, by: usize) -> Option<usize> {
        let braced = self.ahead(by).is_some_and(|t| t.is("{"));
        let mark = self.ahead(by + usize::from(braced))?;
        let closed = !braced || self.ahead(by + 2).is_some_and(|t| t.is("}"));
        let found = closed && (mark.is("ᵀ") || mark.is_word("T"));
        found.then_some(if braced { 3 } else { 1 })
    }

    /// A power groups to the right and takes one atom: `e^-x y` is (e^(−x)) y.
    fn exponent(&mut self) -> Expr {
        let start = self.here();
        if !self.eat("-") {
            return self.exponent_atom(start);
        }
        let inner = self.guarded(Self::exponent);
        Expr { kind: ExprKind::Neg(Box::new(inner)), span: self.since(start) }
    }

    fn exponent_atom(&mut self, start: Span) -> Expr {
        let hat = self.previous();
        let number = matches!(self.peek().map(|t| &t.tok), Some(Tok::Number(..)));
        let atom = if self.is("{") { self.braces() } else { self.atom() };
        if number
            && !self.broken
            && self.glued()
            && self.peek().is_some_and(|t| t.ident().is_some())
        {
            // `e^2x`: both readings are common.
            let all = atom.span.to(self.here());
            self.two_readings(hat.to(all), atom.span, all);
        }
        // Of `W^2^T` the whole power is transposed, as of `W²ᵀ`.
        if !self.is("^") || self.transpose_mark(1).is_some() {
            return atom;
        }
        self.at += 1;
        let upper = self.guarded(Self::exponent);
        Expr { kind: binary(BinaryOp::Pow, atom, upper), span: self.since(start) }
    }

    /// `{…}` of LaTeX, read as a bracket without a trace.
    pub(crate) fn braces(&mut self) -> Expr {
        self.expect("{");
        let expr = self.inner(Context::default());
        self.expect("}");
        match &expr.kind {
            // A function beside a name would be a call.
            ExprKind::Name(name) if !self.is_function(&name.key) => expr,
            ExprKind::Number(..) | ExprKind::Neg(_) => expr,
            _ => Expr { span: expr.span, kind: ExprKind::Paren(Box::new(expr)) },
        }
    }
}

pub(crate) fn binary(op: BinaryOp, left: Expr, right: Expr) -> ExprKind {
    ExprKind::Binary(op, Box::new(left), Box::new(right))
}

fn integer(n: i32, span: Span) -> Expr {
    let number =
        ExprKind::Number(f64::from(n.unsigned_abs()), n.unsigned_abs().to_string());
    let number = Expr { kind: number, span };
    if n < 0 { Expr { kind: ExprKind::Neg(Box::new(number)), span } } else { number }
}

pub(crate) fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Lt | Le | Gt | Ge | Eq | Ne)
}

fn symbol_operator(sym: &str) -> Option<(BinaryOp, u8)> {
    Some(match sym {
        "or" => (BinaryOp::Or, OR),
        "and" => (BinaryOp::And, AND),
        "<" => (BinaryOp::Lt, COMPARE),
        "≤" => (BinaryOp::Le, COMPARE),
        ">" => (BinaryOp::Gt, COMPARE),
        "≥" => (BinaryOp::Ge, COMPARE),
        "=" | "==" => (BinaryOp::Eq, COMPARE),
        "≠" => (BinaryOp::Ne, COMPARE),
        "+" => (BinaryOp::Add, ADD),
        "-" => (BinaryOp::Sub, ADD),
        "@" => (BinaryOp::At, PRODUCT),
        "⊙" => (BinaryOp::Odot, PRODUCT),
        "·" => (BinaryOp::Dot, PRODUCT),
        "*" => (BinaryOp::Star, PRODUCT),
        "×" => (BinaryOp::Cross, PRODUCT),
        "/" => (BinaryOp::Div, PRODUCT),
        _ => return None,
    })
}
