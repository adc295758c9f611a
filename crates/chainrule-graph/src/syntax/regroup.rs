//! Groups of LaTeX (`\frac{a}{b}`, `{…}`, cases, elements) as brackets and words of the language.
//!
//! In: the tokens of a line. Out: for each token of a group the text that stands for it in Unicode
//! and ASCII, `None` for all others.

use super::token::{Tok, Token};

/// The text for each token that belongs to a group.
pub(super) fn regrouped(tokens: &[Token]) -> Vec<Option<String>> {
    let mut out: Vec<Option<String>> = vec![None; tokens.len()];
    let pairs = pairs(tokens);
    for (open, close) in &pairs {
        group(tokens, &pairs, (*open, *close), &mut out);
    }
    for i in 0..tokens.len() {
        if tokens[i].is("cases{") {
            cases(tokens, i, &mut out);
        }
    }
    out
}

/// Braces and what closes them.
fn pairs(tokens: &[Token]) -> Vec<(usize, usize)> {
    let (mut open, mut out) = (Vec::new(), Vec::new());
    for (i, t) in tokens.iter().enumerate() {
        if t.is("{") {
            open.push(i);
        } else if t.is("}")
            && let Some(start) = open.pop()
        {
            out.push((start, i));
        }
    }
    out
}

fn group(
    tokens: &[Token],
    pairs: &[(usize, usize)],
    (open, close): (usize, usize),
    out: &mut [Option<String>],
) {
    let simple = is_simple(&tokens[open + 1..close]);
    let before = open.checked_sub(1).map(|i| &tokens[i]);
    let is = |sym: &str| before.is_some_and(|t| t.is(sym));
    let numerator = pairs.iter().find(|p| p.1 + 1 == open && is_frac(tokens, p.0));
    let mut put = |i: usize, text: &str| out[i] = Some(text.to_owned());
    if is("\\frac") {
        put(open - 1, "(");
        put(open, if simple { "" } else { "(" });
        put(close, if simple { " / " } else { ") / " });
        return;
    }
    if numerator.is_some() {
        put(open, if simple { "" } else { "(" });
        put(close, if simple { ")" } else { "))" });
        return;
    }
    let set = open
        .checked_sub(2)
        .is_some_and(|i| tokens[i].is_word("ℝ") || tokens[i].is_word("R"));
    if is("∑_") || set && is("^") {
        return;
    }
    if is("_") {
        // An element, unless it is the kind of a norm.
        let base = open.checked_sub(2).map(|i| &tokens[i]);
        if base.is_some_and(|t| t.is("}") || t.is(")") || t.is("]")) {
            put(open - 1, "");
            put(open, "[");
            put(close, "]");
        }
        return;
    }
    if is("^") {
        // Powers of one word are read where they stand.
        let transposed = tokens[open + 1].is("ᵀ") || tokens[open + 1].is_word("T");
        let number = matches!(tokens[close - 1].tok, Tok::Number(..));
        if close == open + 2 && (transposed || number)
            || close == open + 3 && simple && number
        {
            return;
        }
        put(open, if simple { "" } else { "(" });
        put(close, if simple { "" } else { ")" });
        return;
    }
    let bare = close == open + 2 && simple && !is("√");
    put(open, if bare { "" } else { "(" });
    put(close, if bare { "" } else { ")" });
}

fn is_frac(tokens: &[Token], open: usize) -> bool {
    open > 0 && tokens[open - 1].is("\\frac")
}

/// A name or a number, with or without a minus.
fn is_simple(inside: &[Token]) -> bool {
    let word = |t: &Token| t.ident().is_some() || matches!(t.tok, Tok::Number(..));
    match inside {
        [one] => word(one),
        [minus, one] => minus.is("-") && word(one),
        _ => false,
    }
}

/// `(v if c else w)`.
fn cases(tokens: &[Token], start: usize, out: &mut [Option<String>]) {
    let Some(end) = end_of_cases(tokens, start) else { return };
    let own: Vec<usize> =
        (start + 1..end).filter(|i| depth(tokens, start, *i) == 0).collect();
    let mut put = |i: usize, text: &str| out[i] = Some(text.to_owned());
    put(start, "(");
    put(end, ")");
    let rows: Vec<usize> =
        own.iter().copied().filter(|i| tokens[*i].is("\\\\") && i + 1 != end).collect();
    let last_row = rows.last().copied().unwrap_or(start);
    for i in own {
        let next = |words: &[&str]| words.iter().any(|w| tokens[i + 1].is_word(w));
        if tokens[i].is("\\\\") {
            put(i, if rows.contains(&i) { "else" } else { "" });
        } else if tokens[i].is("&") && i > last_row {
            // The last row is for all the rest, whatever its condition says.
            (i..end).for_each(|k| put(k, ""));
            break;
        } else if tokens[i].is("&") {
            put(i, "if");
            if next(&["if", "for", "when", "where"]) {
                put(i + 1, "");
            }
        } else if tokens[i].is(",") && ["&", "\\\\"].iter().any(|s| tokens[i + 1].is(s)) {
            put(i, "");
        }
    }
}

fn end_of_cases(tokens: &[Token], start: usize) -> Option<usize> {
    (start + 1..tokens.len())
        .find(|i| tokens[*i].is("}cases") && depth(tokens, start, *i) == 0)
}

/// How many cases are open between the first one and here.
fn depth(tokens: &[Token], start: usize, at: usize) -> usize {
    let count = |sym: &str| tokens[start + 1..at].iter().filter(|t| t.is(sym)).count();
    count("cases{").saturating_sub(count("}cases"))
}
