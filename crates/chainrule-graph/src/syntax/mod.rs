//! Text → tree and diagnostics; reading cannot fail.
//!
//! In: the text of a `.chain` file, which names are shipped functions, sizes from the command
//! line. Out: [`Parsed`]. The way: characters → words (`lexer`) → blocks of lines (`lines`) →
//! `for` expanded (`expand`) → statements. Invariants: spans point into the text as given;
//! whatever is printed ([`mod@print`]) reads back as the same tree. Deliberately absent: shapes,
//! roles, unknown names; lowering looks at those.

pub mod ast;
mod atoms;
mod brackets;
mod checks;
mod declare;
mod environments;
mod expand;
mod expr;
mod functions;
#[cfg(test)]
mod fuzz;
mod greek;
pub mod latex;
#[cfg(test)]
mod latex_tests;
mod lexer;
mod lines;
pub(crate) mod lookalikes;
pub mod mathml;
mod names;
pub(crate) mod nearest;
mod parser;
mod places;
pub mod print;
mod regroup;
pub mod respell;
#[cfg(test)]
mod respell_tests;
#[cfg(test)]
mod samples;
mod scan;
mod scope;
pub mod settings;
mod signs;
mod statements;
#[cfg(test)]
mod tests;
mod token;
mod train;
pub mod typst;

use crate::diag::{Code, Diagnostic, Span};
use crate::limits::TEXT;

pub use greek::ascii;
pub use names::{canonical, element, fold};
pub use train::ITEMS as TRAIN_ITEMS;

use parser::Parser;
use scope::Scope;
use token::Token;

/// A file as read.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// What could be read.
    pub file: ast::File,
    /// What could not, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file. `shipped` tells whether a name is a function of the prelude, or an alias of
/// one: it is asked with the name as written and with its [`fold`]ed form. `overrides` are sizes
/// from the command line; they reach the ranges of `for` only.
#[must_use]
pub fn parse(
    text: &str,
    shipped: &dyn Fn(&str) -> bool,
    overrides: &[(String, f64)],
) -> Parsed {
    if let Some(refused) = too_long(text) {
        return Parsed { diagnostics: vec![refused], ..Parsed::default() };
    }
    let (lines, mut diagnostics) = lexer::lex(text);
    let blocks = lines::blocks(lines, &mut diagnostics);
    let before = diagnostics.len();
    checks::one_spelling(text, &blocks, &mut diagnostics);
    let told = diagnostics.len() > before;
    let blocks = expand::expand(blocks, overrides, &mut diagnostics);
    if !told {
        checks::one_spelling(text, &blocks, &mut diagnostics);
    }
    let scope = Scope::of(&blocks, shipped, text);
    let mut file = ast::File::default();
    for block in &blocks {
        statements::statements(block, &scope, &mut diagnostics, &mut file.statements);
    }
    checks::sort(&mut diagnostics);
    Parsed { file, diagnostics }
}

/// Names that end a range of `for`, with their numbers: `N` and 10 of `for l = 1..N`.
pub(crate) fn loop_ends(text: &str) -> Vec<(String, i64)> {
    let (lines, mut ignored) = lexer::lex(text);
    expand::ends(&lines::blocks(lines, &mut ignored))
}

/// Reads one expression, for a question.
#[must_use]
pub fn parse_expression(
    text: &str,
    is_function: &dyn Fn(&str) -> bool,
) -> (ast::Expr, Vec<Diagnostic>) {
    expression(text, is_function, false)
}

/// The two sides of a name such as `∂L/∂W1`, which is how a derivative is called in a solution (no
/// name of a file has that sign).
#[must_use]
pub fn partial(key: &str) -> Option<(ast::Expr, ast::Expr)> {
    let (top, by) = key.strip_prefix('∂')?.split_once("/∂")?;
    let side = |text: &str| parse_expression(text, &|_| false).0;
    Some((side(top), side(by)))
}

/// Whether a name is written with an index of its own, as `W1` is.
pub(crate) fn indexed(key: &str) -> bool {
    key.contains('_') || key.chars().any(|c| c.is_ascii_digit())
}

/// The parts of a canonical name: its letters, its index, its layer mark (without `^`).
pub(crate) fn parts(key: &str) -> (&str, &str, &str) {
    fn inside(t: &str) -> &str {
        t.trim_matches(['{', '}'])
    }
    let (key, mark) = key.split_once('^').unwrap_or((key, ""));
    let (letters, sub) = key.split_once('_').unwrap_or_else(|| {
        key.split_at(key.find(|c: char| c.is_ascii_digit()).unwrap_or(key.len()))
    });
    (letters, inside(sub), inside(mark))
}

/// Reads the call of an optimiser as the `train:` line is read: a name before a bracket is a call.
#[must_use]
pub fn parse_setting(
    text: &str,
    is_function: &dyn Fn(&str) -> bool,
) -> (ast::Expr, Vec<Diagnostic>) {
    expression(text, is_function, true)
}

/// A text that nobody wrote; it is not looked at.
fn too_long(text: &str) -> Option<Diagnostic> {
    (text.len() > TEXT).then(|| {
        let message = format!(
            "expected a text of equations, found {} bytes; the limit is {TEXT}",
            text.len()
        );
        Diagnostic::error(Code::P1, Span::default(), message).hint("is it a data file?")
    })
}

fn expression(
    text: &str,
    is_function: &dyn Fn(&str) -> bool,
    calls: bool,
) -> (ast::Expr, Vec<Diagnostic>) {
    if let Some(refused) = too_long(text) {
        let span = Span::default();
        return (ast::Expr { kind: ast::ExprKind::Error, span }, vec![refused]);
    }
    let (lines, mut diagnostics) = lexer::lex(text);
    let tokens: Vec<Token> = lines.into_iter().flat_map(|l| l.tokens).collect();
    let scope = Scope::bare(is_function, text);
    let mut parser = Parser::new(&tokens, &scope, &mut diagnostics);
    parser.calls = calls;
    let expr = parser.expression();
    parser.finish();
    checks::sort(&mut diagnostics);
    (expr, diagnostics)
}

/// Reads the value of one item of a `train:` line: `batch`, `32`.
///
/// # Errors
/// What the line would be told in a file; the place is of no file.
pub fn train_item(item: &str, value: &str) -> Result<ast::TrainSpec, Diagnostic> {
    let parsed = parse(&format!("train: {item} {value}"), &|_| false, &[]);
    if let Some(first) = parsed.diagnostics.into_iter().next() {
        return Err(first);
    }
    let statement = parsed.file.statements.into_iter().next().map(|s| s.kind);
    match statement {
        Some(ast::StatementKind::Train(spec)) => Ok(*spec),
        _ => {
            let text = format!("expected a value of {item}, found `{value}`");
            Err(Diagnostic::error(Code::T1, Span::default(), text))
        }
    }
}

/// Every name that is written in a file, with its place (for fixes that replace one).
#[must_use]
pub fn names_in(text: &str) -> Vec<(crate::diag::Span, String)> {
    let (lines, _) = lexer::lex(text);
    let tokens = lines.iter().flat_map(|l| &l.tokens);
    let named = tokens.filter(|t| t.ident().is_some());
    named.map(|t| (t.span, t.span.of(text).to_string())).collect()
}
