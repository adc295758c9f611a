//! Groups of LaTeX (`\frac{a}{b}`, `{…}`, cases, elements) as brackets and words of the language.
//!
//! In: the tokens of a line, the last one of the line before, which names are functions. Out: for
//! each token of a group the text that stands for it in Unicode and ASCII, `None` for all others.

use super::token::{Tok, Token};

/// The text for each token that belongs to a group. `previous` ends the line before, which may go on
/// here.
pub(super) fn regrouped(
    tokens: &[Token],
    previous: Option<&Token>,
    function: &dyn Fn(&str) -> bool,
) -> Vec<Option<String>> {
    let mut out: Vec<Option<String>> = vec![None; tokens.len()];
    let pairs = pairs(tokens);
    for (open, close) in &pairs {
        group((tokens, previous), &pairs, (*open, *close), function, &mut out);
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
    (tokens, previous): (&[Token], Option<&Token>),
    pairs: &[(usize, usize)],
    (open, close): (usize, usize),
    function: &dyn Fn(&str) -> bool,
    out: &mut [Option<String>],
) {
    let simple = is_simple(&tokens[open + 1..close]);
    let before = open.checked_sub(1).map(|i| &tokens[i]).or(previous);
    let is = |sym: &str| before.is_some_and(|t| t.is(sym));
    let numerator = pairs.iter().find(|p| p.1 + 1 == open && is_frac(tokens, p.0));
    let mut put = |i: usize, text: &str| out[i] = Some(text.to_owned());
    if is("\\frac") && open > 0 {
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
    let letter = |t: &Token| t.is_word("ℝ") || t.is_word("R");
    let set = |i: usize| {
        letter(&tokens[i]) || pairs.iter().any(|p| p.1 == i && is_set(tokens, *p))
    };
    let of_set = is("^") && open.checked_sub(2).is_some_and(set);
    if is("∑_") || of_set || is_set(tokens, (open, close)) {
        return;
    }
    // What would become one with the word before it: an index; the argument of a function.
    let next = tokens.get(close + 1);
    let follows = |sym: &str| next.is_some_and(|t| t.is(sym));
    let indexed = next.is_some_and(|t| !t.space) && (follows("[") || follows("_"));
    let named = tokens[open + 1].ident().is_some_and(|n| function(&n.key));
    if is("_") {
        // An element, unless it is the kind of a norm.
        let base = open.checked_sub(2).map(|i| &tokens[i]);
        if base
            .is_some_and(|t| t.is("}") || t.is(")") || t.is("]") || t.ident().is_some())
        {
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
        let bare = simple && !indexed && !named;
        put(open, if bare { "" } else { "(" });
        put(close, if bare { "" } else { ")" });
        return;
    }
    let apart = indexed || named && !follows("(");
    let bare = close == open + 2 && simple && !is("√") && !apart;
    put(open, if bare { "" } else { "(" });
    put(close, if bare { "" } else { ")" });
}

/// `{0, 1}` of `y ∈ {0, 1}^K`.
fn is_set(tokens: &[Token], (open, close): (usize, usize)) -> bool {
    let shape = |t: &Token| t.is(":") || t.is("∈") || t.is_word("in");
    let raised = tokens.get(close + 1).is_some_and(|t| t.is("^"));
    raised && open > 0 && shape(&tokens[open - 1])
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
