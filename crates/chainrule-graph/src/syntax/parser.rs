//! The cursor over one statement's tokens, and how slips are reported.
//!
//! Invariant: at most one "cannot read this" per statement, for what follows a slip is noise;
//! findings that leave the reading clear (G1, T1) are all reported.

use crate::diag::{Code, Diagnostic, Edit, Span};

use super::ast::Name;
use super::names;
use super::scope::Scope;
use super::token::{Tok, Token};

/// What surrounds the expression that is being read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Context {
    /// Inside `[1 -2]`: white space separates.
    pub(crate) literal: bool,
    /// `‖` or `|` that closes the innermost bracket.
    pub(crate) bar: Option<&'static str>,
    /// Comparisons may stand here.
    pub(crate) condition: bool,
}

/// A cursor over the tokens of one statement.
pub(crate) struct Parser<'a> {
    pub(crate) tokens: &'a [Token],
    pub(crate) at: usize,
    pub(crate) scope: &'a Scope<'a>,
    /// Keys with a local meaning: they are no functions.
    pub(crate) locals: Vec<String>,
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
    pub(crate) context: Context,
    pub(crate) depth: usize,
    pub(crate) operators: usize,
    /// A slip was reported in this statement.
    pub(crate) broken: bool,
    /// Any name with a bracket is a call unless it is a symbol: in settings.
    pub(crate) calls: bool,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(
        tokens: &'a [Token],
        scope: &'a Scope<'a>,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Self {
        let context = Context::default();
        let (locals, depth, operators) = (Vec::new(), 0, 0);
        let (broken, calls) = (false, false);
        Self {
            tokens,
            at: 0,
            scope,
            locals,
            diagnostics,
            context,
            depth,
            operators,
            broken,
            calls,
        }
    }

    pub(crate) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    pub(crate) fn ahead(&self, by: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + by)
    }

    pub(crate) fn is(&self, sym: &str) -> bool {
        self.peek().is_some_and(|t| t.is(sym))
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|t| t.is_word(word))
    }

    pub(crate) fn eat(&mut self, sym: &str) -> bool {
        let found = self.is(sym);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// The next token touches the one before it.
    pub(crate) fn glued(&self) -> bool {
        self.at > 0 && self.peek().is_some_and(|t| !t.space)
    }

    pub(crate) fn skip_newlines(&mut self) {
        while self.peek().is_some_and(|t| t.tok == Tok::Newline) {
            self.at += 1;
        }
    }

    /// The place of the next token, or the place after the last.
    pub(crate) fn here(&self) -> Span {
        match (self.peek(), self.tokens.last()) {
            (Some(token), _) => token.span,
            (None, Some(last)) => Span { start: last.span.end, end: last.span.end },
            (None, None) => Span::default(),
        }
    }

    /// The place of the token that was read last.
    pub(crate) fn previous(&self) -> Span {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.map_or(self.here(), |t| t.span)
    }

    pub(crate) fn since(&self, start: Span) -> Span {
        if self.previous().end < start.start { start } else { start.to(self.previous()) }
    }

    /// Reports a slip, unless the statement had one.
    pub(crate) fn slip(&mut self, diagnostic: Diagnostic) {
        if !std::mem::replace(&mut self.broken, true) {
            self.diagnostics.push(diagnostic);
        }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(crate) fn expected(&mut self, what: &str) {
        let message = format!("expected {what}, found {}", self.found());
        self.slip(Diagnostic::error(Code::P1, self.here(), message));
    }

    pub(crate) fn expect(&mut self, sym: &str) -> bool {
        let found = self.eat(sym);
        if !found {
            self.expected(&format!("`{sym}`"));
        }
        found
    }

    /// The next token in words.
    pub(crate) fn found(&self) -> String {
        match self.peek().map(|t| &t.tok) {
            None => "the end of the line".to_string(),
            Some(Tok::Newline) => "a line end".to_string(),
            Some(Tok::Number(_, text)) => format!("`{text}`"),
            Some(Tok::Name(ident)) => format!("`{}`", ident.written),
            Some(Tok::Sym("∑_")) => "`∑`".to_string(),
            Some(Tok::Sym(sym)) => format!("`{sym}`"),
            Some(Tok::Power(n)) => format!("the power {n}"),
            Some(Tok::Raw(..)) => "the text of `data:`".to_string(),
        }
    }

    /// Everything must have been read.
    pub(crate) fn finish(&mut self) {
        if self.done() {
            return;
        }
        let message = match self.peek().map(|t| &t.tok) {
            Some(Tok::Sym(")" | "]" | "}")) => {
                format!("{} closes no bracket", self.found())
            }
            _ => format!("expected the end of the line, found {}", self.found()),
        };
        let mut diagnostic = Diagnostic::error(Code::P1, self.here(), message);
        if self.is("=") {
            diagnostic = diagnostic.hint("write one equation a line");
        }
        self.slip(diagnostic);
        self.at = self.tokens.len();
    }

    /// The name under the cursor as a symbol's name; reserved words are refused.
    pub(crate) fn name(&mut self, what: &str) -> Option<Name> {
        let Some(token) = self.peek() else {
            self.expected(what);
            return None;
        };
        let Some(ident) = token.ident() else {
            self.expected(what);
            return None;
        };
        self.at += 1;
        self.refuse_reserved(token);
        let (key, written) = (ident.key.clone(), ident.written.clone());
        Some(Name { key, written, span: token.span })
    }

    /// A reserved word that is used as a name.
    pub(crate) fn refuse_reserved(&mut self, token: &Token) {
        let Some(word) = token.word() else { return };
        let message = if names::RESERVED.contains(&word) {
            format!("`{word}` begins a statement and cannot name a symbol")
        } else if names::WORDS.contains(&word) {
            format!("`{word}` is a word of the language and cannot name a symbol")
        } else {
            return;
        };
        let diagnostic = Diagnostic::error(Code::P1, token.span, message);
        self.slip(diagnostic.hint(format!("choose another name, such as `{word}1`")));
    }
}

/// Insert `text` at a byte.
pub(crate) fn insert(at: u32, text: &str) -> Edit {
    Edit { span: Span { start: at, end: at }, with: text.to_string() }
}
