//! LaTeX environments: whole systems of equations, cases, matrices.
//!
//! In a display (`\begin{aligned}`, `\[`, `$$`) line ends mean nothing and `\\` ends a statement;
//! cases and matrices are brackets, `&` and `\\` what stands between their parts. The second half
//! reads the cases.

use crate::diag::{Code, Diagnostic, Span};

use super::ast::{BinaryOp, Expr, ExprKind, Index};
use super::lexer::Lexer;
use super::nearest::nearest;
use super::parser::{Context, Parser};
use super::print::{Style, print_expr};
use super::signs::{CASES, DISPLAYS, MATRICES};
use super::token::{Line, Tok, Token};

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Display,
    Cases,
    Matrix,
}

/// What the lexer does next.
pub(super) enum Turn {
    /// The line ends here.
    End,
    /// Something was read.
    Read,
    /// It is no sign of an environment.
    Other,
}

impl Lexer<'_> {
    /// Reads a sign that belongs to environments.
    pub(super) fn environment(&mut self, space: bool, line: &mut Line) -> Turn {
        let rest = self.rest();
        let inner = self.open.last().map(|o| o.0);
        if rest.starts_with("\\begin{") {
            return self.begin(space, line);
        }
        if rest.starts_with("\\end{") {
            return self.end(space, &mut line.tokens);
        }
        if rest.starts_with("\\\\") {
            return self.row_end(inner, space, &mut line.tokens);
        }
        if rest.starts_with("\\[") {
            return self.open_display(2, line);
        }
        if rest.starts_with("\\]") && inner == Some(Open::Display) {
            return self.close_display(2);
        }
        if rest.starts_with("$$") {
            return match inner {
                Some(Open::Display) => self.close_display(2),
                _ => self.open_display(2, line),
            };
        }
        let aligned = rest.strip_prefix('&');
        match (inner, aligned) {
            (Some(Open::Cases), Some(_)) => self.sign("&", 1, space, &mut line.tokens),
            (Some(Open::Matrix), Some(_)) => self.sign(",", 1, space, &mut line.tokens),
            (Some(Open::Display), Some(_)) => self.skip(1),
            (None, Some(after)) if after.trim_start_matches(' ').starts_with('=') => {
                self.skip(1)
            }
            (None, _) if rest.starts_with('$') && self.in_pairs() => self.skip(1),
            (Some(Open::Display), _) if ends_sentence(rest) => self.skip(1),
            _ => Turn::Other,
        }
    }

    /// Whether the dollars of this line open and close.
    fn in_pairs(&self) -> bool {
        let start = self.text[..self.at].rfind('\n').map_or(0, |i| i + 1);
        let line = self.text[start..].lines().next().unwrap_or("");
        line.matches('$').count().is_multiple_of(2)
    }

    fn skip(&mut self, length: usize) -> Turn {
        self.at += length;
        Turn::Read
    }

    fn sign(
        &mut self,
        sym: &'static str,
        length: usize,
        space: bool,
        out: &mut Vec<Token>,
    ) -> Turn {
        self.push(Tok::Sym(sym), length, space, out);
        Turn::Read
    }

    fn open_display(&mut self, length: usize, line: &mut Line) -> Turn {
        if line.tokens.is_empty() {
            (line.indent, line.aligned) = (0, true);
        }
        self.open.push((Open::Display, Span::new(self.at, self.at + length)));
        self.skip(length)
    }

    fn close_display(&mut self, length: usize) -> Turn {
        self.at += length;
        self.open.pop();
        Turn::End
    }

    fn begin(&mut self, space: bool, line: &mut Line) -> Turn {
        let Some((name, mut length)) = named(self.rest()) else { return Turn::Other };
        let span = Span::new(self.at, self.at + length);
        if DISPLAYS.contains(&name) {
            // `\begin{alignat}{2}` counts columns.
            length += braces(&self.rest()[length..]).unwrap_or(0);
            return self.open_display(length, line);
        }
        if CASES.contains(&name) {
            self.open.push((Open::Cases, span));
            return self.sign("cases{", length, space, &mut line.tokens);
        }
        if MATRICES.contains(&name) {
            length += match name {
                "array" => braces(&self.rest()[length..]).unwrap_or(0),
                _ => 0,
            };
            self.open.push((Open::Matrix, span));
            return self.sign("[", length, space, &mut line.tokens);
        }
        let message = format!("the LaTeX environment `{name}` is not known here");
        let known: Vec<&str> = [DISPLAYS, CASES, MATRICES].concat();
        let mut diagnostic = Diagnostic::error(Code::P1, span, message);
        if let Some(near) = nearest(name, &known) {
            diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
        }
        self.diagnostics.push(diagnostic);
        self.skip(length)
    }

    fn end(&mut self, space: bool, out: &mut Vec<Token>) -> Turn {
        let Some((name, length)) = named(self.rest()) else { return Turn::Other };
        let closes = match self.open.last().map(|o| o.0) {
            Some(Open::Display) => DISPLAYS,
            Some(Open::Cases) => CASES,
            Some(Open::Matrix) => MATRICES,
            None => &[],
        };
        if !closes.contains(&name) {
            let span = Span::new(self.at, self.at + length);
            let message = format!("`\\end{{{name}}}` closes nothing that is open");
            self.diagnostics.push(Diagnostic::error(Code::P1, span, message));
            return self.skip(length);
        }
        match self.open.last().map(|o| o.0) {
            Some(Open::Cases) => {
                self.open.pop();
                self.sign("}cases", length, space, out)
            }
            Some(Open::Matrix) => {
                self.open.pop();
                self.sign("]", length, space, out)
            }
            _ => self.close_display(length),
        }
    }

    /// `\\`, with the space behind it that `\\[4pt]` asks for.
    fn row_end(
        &mut self,
        inner: Option<Open>,
        space: bool,
        out: &mut Vec<Token>,
    ) -> Turn {
        let rest = self.rest();
        let mut length = 2 + usize::from(rest[2..].starts_with('*'));
        let skip = rest[length..].strip_prefix('[').and_then(|r| r.split_once(']'));
        if let Some((skip, _)) = skip.filter(|(s, _)| is_length(s)) {
            length += skip.len() + 2;
        }
        match inner {
            Some(Open::Cases) => self.sign("\\\\", length, space, out),
            Some(Open::Matrix) => self.sign(";", length, space, out),
            Some(Open::Display) => {
                self.at += length;
                Turn::End
            }
            None => {
                let after = rest[length..].trim_start_matches([' ', '\t']);
                self.at += rest.len() - after.len();
                self.at += usize::from(after.starts_with('\n'));
                Turn::End
            }
        }
    }

    /// What was never closed.
    pub(super) fn report_open(&mut self) {
        if let Some((_, span)) = self.open.last() {
            let shown = span.of(self.text);
            let message = format!("`{shown}` is never closed");
            self.diagnostics.push(Diagnostic::error(Code::P1, *span, message));
        }
    }
}

/// `\begin{name}` or `\end{name}`: the name without its star, and the length.
fn named(rest: &str) -> Option<(&str, usize)> {
    let open = rest.find('{')?;
    let close = rest.find('}').filter(|c| *c > open)?;
    let name = rest[open + 1..close].trim().trim_end_matches('*');
    Some((name, close + 1))
}

/// The length of `{…}` if it stands here.
fn braces(rest: &str) -> Option<usize> {
    rest.starts_with('{').then(|| rest.find('}').map(|c| c + 1)).flatten()
}

/// `4pt`, `-1ex`.
fn is_length(text: &str) -> bool {
    ["pt", "ex", "em", "mm", "cm"].iter().any(|unit| text.trim().ends_with(unit))
}

/// A comma or full stop that belongs to the sentence round a formula.
pub(super) fn ends_sentence(rest: &str) -> bool {
    let Some(after) = rest.strip_prefix([',', '.', ';']) else { return false };
    let after = after.trim_start();
    ["\\\\", "\\]", "\\end{", "$$"].iter().any(|end| after.starts_with(end))
}

impl Parser<'_> {
    /// Values and conditions, row by row; the last row is for all the rest.
    pub(super) fn cases_environment(&mut self) -> ExprKind {
        let start = self.here();
        self.at += 1;
        let (mut rows, mut other): (Vec<(Expr, Expr)>, Option<Expr>) = (Vec::new(), None);
        loop {
            let value = self.inner(Context::default());
            self.eat(",");
            if !self.eat("&") {
                self.expected("`&` between the value of a case and its condition");
                return ExprKind::Error;
            }
            let _ = ["if", "for", "when", "where"].iter().any(|w| self.eat_word(w));
            if ["otherwise", "else"].iter().any(|w| self.eat_word(w)) {
                other = Some(value);
            } else {
                let context = Context { condition: true, ..Context::default() };
                rows.push((value, self.inner(context)));
            }
            self.eat(",");
            let more = self.eat("\\\\") && !self.is("}cases");
            if !more || other.is_some() || self.broken {
                break;
            }
        }
        self.expect("}cases");
        let Some(last) = other.or_else(|| complement(&mut rows)) else {
            let span = start.to(self.previous());
            let message = "the last case is for all the rest: `& \\text{otherwise}`";
            self.slip(Diagnostic::error(Code::P1, span, message));
            return ExprKind::Error;
        };
        let span = start.to(self.previous());
        let all = rows.into_iter().rev().fold(last, |rest, (value, condition)| {
            let [v, c, o] = [value, condition, rest].map(Box::new);
            Expr { kind: ExprKind::Cases(v, c, o), span }
        });
        ExprKind::Paren(Box::new(all))
    }

    /// `_{2,1}`, `_i` behind a brace or bracket: an element.
    pub(super) fn subscript(&mut self) -> Vec<Index> {
        self.at += 1;
        if !self.eat("{") {
            return vec![Index::At(self.atom())];
        }
        let mut out = Vec::new();
        loop {
            out.push(self.index());
            if !self.eat(",") {
                self.expect("}");
                return out;
            }
        }
    }
}

/// The last value, if its condition is that none of the one before holds.
fn complement(rows: &mut Vec<(Expr, Expr)>) -> Option<Expr> {
    let [.., (_, a), (_, b)] = rows.as_slice() else { return None };
    let (ExprKind::Binary(p, x, y), ExprKind::Binary(q, u, v)) = (&a.kind, &b.kind)
    else {
        return None;
    };
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    let opposite = [(Gt, Le), (Lt, Ge), (Ge, Lt), (Le, Gt), (Eq, Ne), (Ne, Eq)];
    let same = |a: &Expr, b: &Expr| {
        print_expr(a, Style::Unicode) == print_expr(b, Style::Unicode)
    };
    let fits =
        rows.len() == 2 && opposite.contains(&(*p, *q)) && same(x, u) && same(y, v);
    fits.then(|| rows.pop().map(|r| r.0)).flatten()
}
