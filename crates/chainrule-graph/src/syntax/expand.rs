//! `for` loops → the statements they stand for, before anything else is read.
//!
//! In: blocks. Out: blocks without `for`. A copy keeps the places of the original text, so that a
//! message about `z3` points at `z_l`. Range ends come from numbers, `where`, `const` and the
//! command line; a name that ends a range is its number in subscripts of the whole file, so that
//! `a_N` is the last layer.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};
use crate::limits::{LOOPS, REPEATS, WORDS};

use super::ast::{BinaryOp, Expr, ExprKind};
use super::lines::{Block, Logical};
use super::names::{Ident, LayerMark};
use super::parser::Parser;
use super::scope::{Scope, function_head};
use super::statements::cut;
use super::token::{Tok, Token, outside_brackets, split};

/// Blocks without `for`, each one statement.
pub(crate) fn expand(
    blocks: Vec<Block>,
    overrides: &[(String, f64)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Block> {
    let sizes = sizes(&blocks, overrides);
    let ends = ends_of(&blocks, &sizes);
    let mut expander =
        Expander { sizes, diagnostics, out: Vec::new(), tokens: 0, loops: 0 };
    for mut block in blocks {
        if !is_raw(&block) {
            numbered(&mut block, &ends);
        }
        expander.block(block);
    }
    expander.out
}

struct Expander<'a> {
    sizes: BTreeMap<String, f64>,
    diagnostics: &'a mut Vec<Diagnostic>,
    out: Vec<Block>,
    tokens: usize,
    loops: usize,
}

impl Expander<'_> {
    fn block(&mut self, block: Block) {
        let first = block.first();
        let Some(head) = first.first() else { return };
        if is_raw(&block) {
            self.out.push(block);
        } else if head.is_word("for") {
            self.loop_block(&block);
        } else if function_head(first).is_some() {
            self.out.push(block);
        } else {
            for piece in cut(&block) {
                self.statement(piece);
            }
        }
    }

    /// A statement, perhaps with `for l = 2..N` behind.
    fn statement(&mut self, block: Block) {
        let tokens = block.joined();
        let fors = outside_brackets(&tokens, |t| t.is_word("for"));
        let Some(&at) = fors.first().filter(|&&at| at > 0) else {
            return self.out.push(block);
        };
        let rest = &tokens[at..];
        let end =
            outside_brackets(rest, |t| t.is(",")).first().map_or(rest.len(), |&e| e);
        if let Some(range) = self.range(&rest[..end]) {
            self.repeat_items(&tokens[..at], &range);
        }
        // `…, param b_l : H for l = 1..N` goes on with the role of the front.
        let mut tail = rest.get(end + 1..).unwrap_or_default().to_vec();
        if tail.is_empty() {
            return;
        }
        if is_declaration(&tokens) && !is_declaration(&tail) {
            tail.insert(0, tokens[0].clone());
        }
        self.statement(Block::of(tail));
    }

    /// Items that name the variable are repeated, others stand once.
    fn repeat_items(&mut self, tokens: &[Token], range: &Range) {
        if !is_declaration(tokens) {
            return self.repeat(&[Block::of(tokens.to_vec())], range);
        }
        let (role, items) = tokens.split_at(1);
        let mut role = role.to_vec();
        for item in split(items, |t| t.is(",")) {
            let own = is_declaration(item);
            let mut whole = if own { Vec::new() } else { role.clone() };
            whole.extend_from_slice(item);
            if own {
                role = item[..1].to_vec();
            }
            if item.iter().any(|t| mentions(t, &range.variable)) {
                self.repeat(&[Block::of(whole)], range);
            } else {
                self.out.push(Block::of(whole));
            }
        }
    }

    /// `for l = 1..N:` with statements on the line or indented below.
    fn loop_block(&mut self, block: &Block) {
        let head = block.first();
        let Some(&colon) = outside_brackets(head, |t| t.is(":")).first() else {
            let message = "expected `:` after the range of `for`";
            let span = head[head.len() - 1].span;
            let diagnostic = Diagnostic::error(Code::P1, span, message);
            return self
                .diagnostics
                .push(diagnostic.hint("write `for l = 1..3: z_l = W_l a_{l-1}`"));
        };
        let Some(range) = self.range(&head[..colon]) else { return };
        let mut lines = Vec::new();
        if colon + 1 < head.len() {
            lines
                .push(Logical { indent: usize::MAX, tokens: head[colon + 1..].to_vec() });
        }
        // A loop inside keeps its own indented lines.
        let least = block.lines[1..].iter().map(|l| l.indent).min().unwrap_or(0);
        let mut body: Vec<Block> = Vec::new();
        if let Some(line) = lines.pop() {
            body.push(Block { lines: vec![line], ..Block::default() });
        }
        for line in &block.lines[1..] {
            match body.last_mut() {
                Some(last) if line.indent > least => last.lines.push(line.clone()),
                _ => body.push(Block { lines: vec![line.clone()], ..Block::default() }),
            }
        }
        if body.is_empty() {
            let message = "the loop has no statements";
            return self.diagnostics.push(Diagnostic::error(
                Code::P1,
                head[0].span,
                message,
            ));
        }
        self.repeat(&body, &range);
    }

    fn repeat(&mut self, body: &[Block], range: &Range) {
        self.loops += 1;
        for value in range.from..=range.to {
            for block in body {
                let copy = substitute(block, &range.variable, value);
                self.tokens += copy.lines.iter().map(|l| l.tokens.len()).sum::<usize>();
                if self.tokens > WORDS || self.loops > LOOPS {
                    self.too_large(range.span);
                    self.loops -= 1;
                    return;
                }
                self.block(copy);
            }
        }
        self.loops -= 1;
    }

    fn too_large(&mut self, span: Span) {
        let said =
            self.diagnostics.iter().any(|d| d.message.starts_with("the loops expand"));
        if !said {
            let message = format!("the loops expand to more than {WORDS} words");
            self.diagnostics.push(Diagnostic::error(Code::P1, span, message));
        }
    }

    /// `for l = 1..N`.
    fn range(&mut self, tokens: &[Token]) -> Option<Range> {
        let span = tokens[0].span.to(tokens[tokens.len() - 1].span);
        let joined = |t: &Token| t.is("=") || t.is("∈") || t.is_word("in");
        let dots = outside_brackets(tokens, |t| t.is(".."));
        let (Some(name), true, [dots]) = (
            tokens.get(1).and_then(Token::variable),
            tokens.get(2).is_some_and(joined),
            &dots[..],
        ) else {
            let message = "expected a range such as `for l = 1..3`";
            self.diagnostics.push(Diagnostic::error(Code::P1, span, message));
            return None;
        };
        let from = self.end(tokens.get(3..*dots).unwrap_or_default(), span)?;
        let to = self.end(&tokens[dots + 1..], span)?;
        if to - from >= REPEATS {
            let message = format!("a loop has at most {REPEATS} repetitions");
            self.diagnostics.push(Diagnostic::error(Code::P1, span, message));
            return None;
        }
        Some(Range { variable: name.to_string(), from, to, span })
    }

    fn end(&mut self, tokens: &[Token], span: Span) -> Option<i64> {
        if tokens.is_empty() {
            let message = "a range has two ends, such as `for l = 1..3`";
            self.diagnostics.push(Diagnostic::error(Code::P1, span, message));
            return None;
        }
        let none = |_: &str| false;
        let scope = Scope::bare(&none, "");
        let mut parser = Parser::new(tokens, &scope, self.diagnostics);
        let expr = parser.expression();
        parser.finish();
        if parser.broken {
            return None;
        }
        match evaluate(&expr, &self.sizes) {
            Ok(value) if value.fract() == 0.0 && value.abs() < 1e9 => Some(value as i64),
            Ok(value) => {
                let message =
                    format!("the end of a range is a whole number, found {value}");
                self.diagnostics.push(Diagnostic::error(Code::P1, expr.span, message));
                None
            }
            Err(Some(name)) => {
                let message = format!("the range of `for` needs the size of `{name}`");
                let diagnostic = Diagnostic::error(Code::S8, span, message);
                let hint = format!("give it: `where {name} = 3`, or `--set {name}=3`");
                self.diagnostics.push(diagnostic.hint(hint));
                None
            }
            Err(None) => {
                let message = "the end of a range is a number or a dimension";
                self.diagnostics.push(Diagnostic::error(Code::P1, expr.span, message));
                None
            }
        }
    }
}

struct Range {
    variable: String,
    from: i64,
    to: i64,
    span: Span,
}

/// Settings and update rules: nothing in them is repeated.
fn is_raw(block: &Block) -> bool {
    let raw = |t: &Token| {
        ["data", "train", "optimizer", "optimiser"].iter().any(|w| t.is_word(w))
    };
    block.first().first().is_some_and(raw)
}

/// Names that end a range of `for`, with the numbers that the file gives them.
pub(crate) fn ends(blocks: &[Block]) -> Vec<(String, i64)> {
    ends_of(blocks, &sizes(blocks, &[]))
}

fn ends_of(blocks: &[Block], sizes: &BTreeMap<String, f64>) -> Vec<(String, i64)> {
    let mut ends = Vec::new();
    for block in blocks.iter().filter(|b| !is_raw(b)) {
        for tokens in block.joined().windows(2).filter(|t| t[0].is("..")) {
            let Some(name) = tokens[1].word() else { continue };
            if let Some(&size) = sizes.get(name).filter(|s| s.fract() == 0.0) {
                ends.push((name.to_string(), size as i64));
            }
        }
    }
    ends
}

/// Puts the numbers into subscripts.
fn numbered(block: &mut Block, ends: &[(String, i64)]) {
    for token in block.lines.iter_mut().flat_map(|l| &mut l.tokens) {
        ends.iter().for_each(|(name, value)| replace_subscripts(token, name, *value));
    }
}

fn is_declaration(tokens: &[Token]) -> bool {
    let word = tokens.first().and_then(Token::word);
    matches!(word, Some("input" | "target" | "param"))
}

/// Sizes and constants of the file that are numbers; the command line wins.
fn sizes(blocks: &[Block], overrides: &[(String, f64)]) -> BTreeMap<String, f64> {
    let mut sizes: BTreeMap<String, f64> =
        overrides.iter().map(|(k, v)| (super::names::canonical(k), *v)).collect();
    let none = |_: &str| false;
    let scope = Scope::bare(&none, "");
    for block in blocks {
        let tokens = block.joined();
        let wanted =
            tokens.first().is_some_and(|t| t.is_word("where") || t.is_word("const"));
        if !wanted {
            continue;
        }
        for item in split(&tokens[1..], |t| t.is(",") || t.is(";")) {
            let [name, eq, value @ ..] = item else { continue };
            let (Some(name), true) = (name.ident(), eq.is("=")) else { continue };
            let mut ignored = Vec::new();
            let expr = Parser::new(value, &scope, &mut ignored).expression();
            if let Ok(value) = evaluate(&expr, &sizes) {
                sizes.entry(name.key.clone()).or_insert(value);
            }
        }
    }
    sizes
}

/// The number of an expression of sizes, or the name that has none.
fn evaluate(expr: &Expr, sizes: &BTreeMap<String, f64>) -> Result<f64, Option<String>> {
    match &expr.kind {
        ExprKind::Number(value, _) => Ok(*value),
        ExprKind::Name(name) => {
            sizes.get(&name.key).copied().ok_or_else(|| Some(name.key.clone()))
        }
        ExprKind::Paren(inner) => evaluate(inner, sizes),
        ExprKind::Neg(inner) => evaluate(inner, sizes).map(|v| -v),
        ExprKind::Binary(op, left, right) => {
            let (a, b) = (evaluate(left, sizes)?, evaluate(right, sizes)?);
            match op {
                BinaryOp::Add => Ok(a + b),
                BinaryOp::Sub => Ok(a - b),
                BinaryOp::Div => Ok(a / b),
                BinaryOp::Space
                | BinaryOp::Star
                | BinaryOp::Dot
                | BinaryOp::Cross
                | BinaryOp::At => Ok(a * b),
                _ => Err(None),
            }
        }
        _ => Err(None),
    }
}

fn substitute(block: &Block, variable: &str, value: i64) -> Block {
    let mut copy = block.clone();
    for token in copy.lines.iter_mut().flat_map(|l| &mut l.tokens) {
        replace(token, variable, value);
    }
    copy
}

fn mentions(token: &Token, variable: &str) -> bool {
    let mut copy = token.clone();
    replace(&mut copy, variable, 1);
    copy != *token
}

fn replace(token: &mut Token, variable: &str, value: i64) {
    if token.variable() == Some(variable) {
        token.tok = Tok::Number(value as f64, value.to_string());
        return;
    }
    replace_subscripts(token, variable, value);
}

fn replace_subscripts(token: &mut Token, variable: &str, value: i64) {
    let Tok::Name(ident) = &token.tok else { return };
    let part = |sub: &String| {
        let pieces = sub.split(',').map(|piece| {
            subscript(piece, variable, value).unwrap_or_else(|| piece.to_string())
        });
        pieces.collect::<Vec<_>>().join(",")
    };
    let subs: Vec<String> = ident.subs.iter().map(part).collect();
    let mark = ident.mark.as_ref();
    let mark = mark.map(|m| LayerMark { square: m.square, text: part(&m.text) });
    if subs != ident.subs || mark != ident.mark {
        let replaced = Ident::new(ident.base.clone(), subs, mark);
        token.tok = Tok::Name(Box::new(replaced));
    }
}

/// `l-1` at l = 3 is `2`; nothing if the variable does not stand there.
fn subscript(text: &str, variable: &str, value: i64) -> Option<String> {
    let mut total = 0i64;
    let mut found = false;
    for term in text.replace('-', "+-").split('+').filter(|t| !t.is_empty()) {
        let (sign, term) = term.strip_prefix('-').map_or((1, term), |t| (-1, t));
        let number = if term == variable {
            found = true;
            value
        } else {
            term.parse().ok()?
        };
        total = total.checked_add(sign * number)?;
    }
    found.then(|| total.to_string())
}
