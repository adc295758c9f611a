//! What stands in square brackets: indices, matrices of numbers, stacks.

use crate::diag::{Code, Diagnostic, Edit, Span};

use super::ast::{Expr, ExprKind, Index};
use super::parser::{Context, Parser};
use super::token::Tok;

impl Parser<'_> {
    /// `[i, :]` after an operand.
    pub(crate) fn indices(&mut self) -> Vec<Index> {
        self.at += 1;
        let mut indices = Vec::new();
        loop {
            indices.push(self.index());
            if self.eat("]") {
                return indices;
            }
            if !self.eat(",") {
                self.expected("`,` or `]`");
                return indices;
            }
        }
    }

    pub(crate) fn index(&mut self) -> Index {
        if self.eat(":") {
            return Index::All;
        }
        let first = self.inner(Context::default());
        if !self.eat(":") {
            return Index::At(first);
        }
        Index::Range(first, self.inner(Context::default()))
    }

    /// `[…]`: a matrix if it holds numbers alone, a stack if it holds a name.
    pub(crate) fn square(&mut self) -> ExprKind {
        let open = self.at;
        self.at += 1;
        if self.holds_name(open) { self.stack() } else { self.matrix() }
    }

    fn holds_name(&self, open: usize) -> bool {
        let mut depth = 0usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match &token.tok {
                Tok::Sym("(" | "[" | "{") => depth += 1,
                Tok::Sym(")" | "]" | "}") => depth -= 1,
                // `^T` is a sign, as `ᵀ` is.
                Tok::Name(_) if token.is_word("T") && self.is_raised(at) => {}
                Tok::Name(_) => return true,
                _ => {}
            }
            if depth == 0 {
                return false;
            }
        }
        false
    }

    fn is_raised(&self, at: usize) -> bool {
        let before = |by: usize| at.checked_sub(by).map(|at| &self.tokens[at]);
        let braced = before(1).is_some_and(|t| t.is("{"));
        before(1 + usize::from(braced)).is_some_and(|t| t.is("^"))
    }

    fn stack(&mut self) -> ExprKind {
        let mut parts = Vec::new();
        loop {
            while self.is(";") || self.peek().is_some_and(|t| t.tok == Tok::Newline) {
                self.at += 1;
            }
            if self.eat("]") {
                return ExprKind::Stack(parts);
            }
            parts.push(self.inner(Context::default()));
            if self.is(",") {
                let message = "a bracket with a name stacks, and only `;` stands between";
                let edit = Edit { span: self.here(), with: ";".to_string() };
                let diagnostic = Diagnostic::error(Code::P1, self.here(), message);
                self.slip(diagnostic.fix("write `;`", vec![edit]));
                self.at += 1;
                continue;
            }
            let row_end = self.peek().is_some_and(|t| t.tok == Tok::Newline);
            if !(self.is(";") || self.is("]") || row_end) {
                self.expected("`;` or `]`");
                return ExprKind::Stack(parts);
            }
        }
    }

    fn matrix(&mut self) -> ExprKind {
        let start = self.previous();
        let context = Context { literal: true, ..Context::default() };
        let mut rows: Vec<Vec<Expr>> = vec![Vec::new()];
        loop {
            let operators = self.operators;
            match self.peek().map(|t| &t.tok) {
                Some(Tok::Sym("]")) => {
                    self.at += 1;
                    break;
                }
                Some(Tok::Sym(";") | Tok::Newline) => {
                    self.at += 1;
                    if rows.last().is_some_and(|r| !r.is_empty()) {
                        rows.push(Vec::new());
                    }
                }
                Some(Tok::Sym(",")) if rows.last().is_some_and(|r| !r.is_empty()) => {
                    self.at += 1;
                    self.skip_newlines();
                }
                Some(_) if self.broken => break,
                Some(_) => {
                    let before = self.at;
                    let entry = self.inner(context);
                    if self.at == before {
                        break;
                    }
                    if let Some(row) = rows.last_mut() {
                        row.push(entry);
                    }
                }
                None => {
                    self.expected("`]`");
                    break;
                }
            }
            self.operators = operators;
        }
        rows.retain(|row| !row.is_empty());
        self.check_rows(&rows, self.since(start));
        ExprKind::Matrix(rows)
    }

    fn check_rows(&mut self, rows: &[Vec<Expr>], span: Span) {
        let nested = |e: &Expr| matches!(e.kind, ExprKind::Matrix(_));
        if rows.iter().flatten().any(nested) {
            let message = "a matrix has no brackets round its rows";
            let diagnostic = Diagnostic::error(Code::P1, span, message);
            return self.slip(diagnostic.hint("write `;` between rows: `[1 2; 3 4]`"));
        }
        let Some(first) = rows.first() else {
            let message = "a matrix needs an entry";
            return self.slip(Diagnostic::error(Code::P1, span, message));
        };
        let other = rows.iter().enumerate().find(|(_, row)| row.len() != first.len());
        if let Some((at, row)) = other {
            let message = format!(
                "all rows have the same length: row 1 has {}, row {} has {}",
                first.len(),
                at + 1,
                row.len()
            );
            let place = row[0].span.to(row[row.len() - 1].span);
            self.slip(Diagnostic::error(Code::S5, place, message));
        }
    }
}
