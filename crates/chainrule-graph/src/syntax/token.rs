//! The words of the language, with spans and the white space before them.
//!
//! A token knows its place in the original text, also when a `for` has copied it.

use crate::diag::Span;

use super::names::Ident;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tok {
    /// A literal and its text.
    Number(f64, String),
    /// A name, a word of the grammar, or a reserved word.
    Name(Box<Ident>),
    /// An operator or bracket, in its one canonical spelling.
    Sym(&'static str),
    /// `²`, `⁻¹`.
    Power(i32),
    /// A line end where it may end a row: directly inside `[…]`.
    Newline,
    /// The text after `data:`, comments and line ends blanked, and its first byte.
    Raw(String, usize),
}

/// A word and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) tok: Tok,
    pub(crate) span: Span,
    /// White space stands before it.
    pub(crate) space: bool,
}

impl Token {
    pub(crate) fn is(&self, sym: &str) -> bool {
        matches!(self.tok, Tok::Sym(s) if s == sym)
    }

    pub(crate) fn ident(&self) -> Option<&Ident> {
        match &self.tok {
            Tok::Name(ident) => Some(ident),
            _ => None,
        }
    }

    /// The name without subscripts and marks: what a reserved word looks like.
    pub(crate) fn word(&self) -> Option<&str> {
        let ident = self.ident()?;
        (ident.subs.is_empty() && ident.mark.is_none()).then_some(ident.base.as_str())
    }

    /// The variable of a loop: a word, or a letter with an accent or digits (`l_{0}` is `l0`).
    pub(crate) fn variable(&self) -> Option<&str> {
        let ident = self.ident().filter(|i| i.mark.is_none())?;
        match ident.subs.is_empty() {
            true => Some(&ident.base),
            false => Some(ident.key.as_str()).filter(|key| !key.contains('_')),
        }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}

/// A comment: its text after `#`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comment {
    pub(crate) text: String,
}

/// One line of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Columns of white space in front.
    pub(crate) indent: usize,
    pub(crate) tokens: Vec<Token>,
    pub(crate) comment: Option<Comment>,
    /// It began inside a LaTeX environment, where lines end with `\\\\`.
    pub(crate) aligned: bool,
}

/// Depth-0 positions of `tokens` that satisfy `wanted`.
pub(crate) fn outside_brackets(
    tokens: &[Token],
    wanted: impl Fn(&Token) -> bool,
) -> Vec<usize> {
    let mut depth = 0usize;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.tok {
            Tok::Sym("(" | "[" | "{") => depth += 1,
            Tok::Sym(")" | "]" | "}") => depth = depth.saturating_sub(1),
            _ if depth == 0 && wanted(token) => found.push(at),
            _ => {}
        }
    }
    found
}

/// The pieces of `tokens` between the tokens that satisfy `border`, outside brackets.
pub(crate) fn split(tokens: &[Token], border: impl Fn(&Token) -> bool) -> Vec<&[Token]> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for at in outside_brackets(tokens, border) {
        pieces.push(&tokens[from..at]);
        from = at + 1;
    }
    pieces.push(&tokens[from..]);
    pieces
}
