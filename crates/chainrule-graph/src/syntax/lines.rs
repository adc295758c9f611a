//! Lines → blocks: which lines belong to one statement, and which comments stand beside it.
//!
//! A line goes on while a bracket is open, after a trailing operator or comma, or when the next
//! one is indented. A bracket that is never closed ends where a statement clearly begins, so
//! that one slip does not swallow the file.

use crate::diag::{Code, Diagnostic, Span};

use super::names::RESERVED;
use super::token::{Comment, Line, Tok, Token};

/// One logical line of a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logical {
    pub(crate) indent: usize,
    pub(crate) tokens: Vec<Token>,
}

/// A statement's lines: the first, and the indented ones below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) lines: Vec<Logical>,
    /// Comment lines immediately above.
    pub(crate) above: Vec<Comment>,
    /// Comments at the end of its lines and indented below it.
    pub(crate) beside: Vec<Comment>,
}

impl Block {
    pub(crate) fn of(tokens: Vec<Token>) -> Self {
        let lines = vec![Logical { indent: 0, tokens }];
        Self { lines, ..Self::default() }
    }

    pub(crate) fn first(&self) -> &[Token] {
        self.lines.first().map_or(&[], |l| &l.tokens)
    }

    /// All tokens, line ends forgotten.
    pub(crate) fn joined(&self) -> Vec<Token> {
        self.lines.iter().flat_map(|l| l.tokens.iter().cloned()).collect()
    }

    /// Lines below the first; one that is deeper than the first of them continues its neighbour.
    pub(crate) fn body(&self) -> Vec<Logical> {
        let mut body: Vec<Logical> = Vec::new();
        let depth = self.lines.get(1).map_or(0, |l| l.indent);
        for line in self.lines.iter().skip(1) {
            match body.last_mut() {
                Some(last) if line.indent > depth => {
                    last.tokens.extend(line.tokens.iter().cloned());
                }
                _ => body.push(line.clone()),
            }
        }
        body
    }
}

/// Groups lines into blocks.
pub(crate) fn blocks(lines: Vec<Line>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Block> {
    let mut grouping = Grouping::default();
    for line in lines {
        if line.tokens.is_empty() {
            grouping.empty_line(line);
        } else {
            grouping.line(line, diagnostics);
        }
    }
    grouping.report_open(diagnostics);
    grouping.blocks
}

#[derive(Default)]
struct Grouping {
    blocks: Vec<Block>,
    above: Vec<Comment>,
    /// Brackets that are open in the last block.
    open: Vec<Open>,
}

struct Open {
    bracket: &'static str,
    span: Span,
    /// Whether it holds rows, which end with their lines: `[1 2; 3 4]`, and not `W[1, 2]`.
    rows: bool,
}

impl Grouping {
    fn indent(&self) -> usize {
        self.blocks.last().and_then(|b| b.lines.first()).map_or(0, |l| l.indent)
    }

    fn empty_line(&mut self, line: Line) {
        let Some(comment) = line.comment else { return self.above.clear() };
        let inside = !self.open.is_empty() || line.indent > self.indent();
        match self.blocks.last_mut() {
            Some(block) if inside => block.beside.push(comment),
            _ => self.above.push(comment),
        }
    }

    fn line(&mut self, line: Line, diagnostics: &mut Vec<Diagnostic>) {
        let glue = self.glue(&line);
        if glue == Glue::New {
            self.report_open(diagnostics);
            self.open.clear();
            let above = std::mem::take(&mut self.above);
            self.blocks.push(Block { above, ..Block::default() });
        }
        self.above.clear();
        let row_end = self.open.last().is_some_and(|o| o.rows);
        let Line { indent, tokens, comment, .. } = line;
        self.count(&tokens);
        let Some(block) = self.blocks.last_mut() else { return };
        block.beside.extend(comment);
        match block.lines.last_mut() {
            Some(last) if glue == Glue::SameLine => {
                if row_end {
                    let span = tokens.first().map_or(Span::default(), |t| t.span);
                    let span = Span { start: span.start, end: span.start };
                    last.tokens.push(Token { tok: Tok::Newline, span, space: true });
                }
                last.tokens.extend(tokens);
            }
            _ => block.lines.push(Logical { indent, tokens }),
        }
    }

    fn glue(&self, line: &Line) -> Glue {
        let Some(block) = self.blocks.last() else { return Glue::New };
        let last = block.lines.last().and_then(|l| l.tokens.last());
        let deeper = line.indent > self.indent();
        let starts = !deeper && begins_statement(&line.tokens);
        let settings = block.first().first().is_some_and(|t| t.is_word("train"));
        let trailing = last.is_some_and(|t| is_trailing(t, settings));
        let comma = last.is_some_and(|t| t.is(","));
        if (!self.open.is_empty() || trailing) && !starts || comma && self.open.is_empty()
        {
            return Glue::SameLine;
        }
        if deeper || continues_function(&line.tokens) {
            return Glue::Below;
        }
        Glue::New
    }

    fn count(&mut self, tokens: &[Token]) {
        for (i, token) in tokens.iter().enumerate() {
            match token.tok {
                Tok::Sym(bracket @ ("(" | "[" | "{")) => {
                    let before = i.checked_sub(1).map(|i| &tokens[i]);
                    let index = !token.space && before.is_some_and(has_index);
                    let rows = bracket == "[" && !index;
                    self.open.push(Open { bracket, span: token.span, rows });
                }
                Tok::Sym(s @ (")" | "]" | "}"))
                    if self.open.last().is_some_and(|o| closes(o.bracket, s)) =>
                {
                    self.open.pop();
                }
                _ => {}
            }
        }
    }

    fn report_open(&self, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(Open { bracket, span, .. }) = self.open.last() {
            let message = format!("the bracket `{bracket}` is never closed");
            diagnostics.push(Diagnostic::error(Code::P1, *span, message));
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Glue {
    New,
    SameLine,
    Below,
}

/// What a glued `[` is the index of, or, behind 1, the condition.
fn has_index(token: &Token) -> bool {
    match &token.tok {
        Tok::Name(_) | Tok::Power(_) => true,
        Tok::Number(_, text) => text == "1",
        Tok::Sym(s) => [")", "]", "}", "ᵀ", "‖", "|"].contains(s),
        _ => false,
    }
}

fn closes(open: &str, close: &str) -> bool {
    matches!((open, close), ("(", ")") | ("[", "]") | ("{", "}"))
}

/// Whether a line that ends in it goes on. In `train:` a `*` ends a glob: `decay W*`.
fn is_trailing(token: &Token, settings: bool) -> bool {
    match &token.tok {
        Tok::Sym("*") if settings => false,
        Tok::Sym(s) => {
            const TRAILING: &[&str] = &[
                "+", "-", "·", "*", "×", "/", "⊙", "@", "^", "=", ":=", "←", ",", "~",
                "<", "≤", ">", "≥", "==", "≠", "∈", "√", "∑", "and", "or", "not",
            ];
            TRAILING.contains(s)
        }
        Tok::Name(_) => {
            ["if", "else", "and", "or", "not"].iter().any(|word| token.is_word(word))
        }
        _ => false,
    }
}

fn begins_statement(tokens: &[Token]) -> bool {
    let reserved = tokens[0].word().is_some_and(|w| RESERVED.contains(&w));
    let defines = tokens[0].ident().is_some()
        && tokens.get(1).is_some_and(|t| ["=", ":=", ":", "←"].iter().any(|s| t.is(s)));
    reserved || defines
}

/// `computed as …` and `derivative …` may stand below a function without indentation.
fn continues_function(tokens: &[Token]) -> bool {
    let second = tokens.get(1);
    let names = |t: &Token| ["=", ":=", ":"].iter().any(|s| t.is(s));
    tokens[0].is_word("computed") && second.is_some_and(|t| t.is_word("as"))
        || tokens[0].is_word("derivative") && second.is_some_and(|t| !names(t))
}
