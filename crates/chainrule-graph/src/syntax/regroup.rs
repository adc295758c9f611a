//! Groups of LaTeX (`\frac{a}{b}`, `{…}`, cases, elements) as brackets and words of the language.
//!
//! In: a file, its tokens, and which names are functions. Out: for each token of a group the text that
//! stands for it in Unicode and ASCII, `None` for all others.

use super::print::can_be_raised;
use super::token::{Tok, Token};

/// The text for each token that belongs to a group.
pub(super) fn regrouped(
    text: &str,
    tokens: &[Token],
    function: &dyn Fn(&str) -> bool,
) -> Vec<Option<String>> {
    let mut out: Vec<Option<String>> = vec![None; tokens.len()];
    let groups = Groups { text, tokens, opened: opened(tokens), function };
    for (close, open) in groups.opened.iter().enumerate() {
        let Some(open) = *open else { continue };
        let Some((before, opening, closing)) = groups.texts(open, close) else {
            continue;
        };
        out[open] = Some(opening.to_owned());
        out[close] = Some(closing.to_owned());
        if let Some(text) = before {
            out[open - 1] = Some(text.to_owned());
        }
    }
    for i in 0..tokens.len() {
        if tokens[i].is("cases{") {
            cases(tokens, i, &mut out);
        }
    }
    out
}

/// For each closing brace what it closes.
fn opened(tokens: &[Token]) -> Vec<Option<usize>> {
    let (mut open, mut out) = (Vec::new(), vec![None; tokens.len()]);
    for (i, t) in tokens.iter().enumerate() {
        if t.is("{") {
            open.push(i);
        } else if t.is("}") {
            out[i] = open.pop();
        }
    }
    out
}

/// What is written for the word before a group, for its opening and for its closing brace.
type Texts = (Option<&'static str>, &'static str, &'static str);

/// What a group is for.
enum Place {
    Numerator,
    Denominator,
    /// The sizes of a set, the index of a sum, a power of one word: they are read as they stand.
    Own,
    Index,
    Exponent,
    /// An operand.
    Value,
}

struct Groups<'a> {
    text: &'a str,
    tokens: &'a [Token],
    opened: Vec<Option<usize>>,
    function: &'a dyn Fn(&str) -> bool,
}

impl Groups<'_> {
    fn texts(&self, open: usize, close: usize) -> Option<Texts> {
        let simple = is_simple(&self.tokens[open + 1..close]);
        let either = |bare: bool| if bare { (None, "", "") } else { (None, "(", ")") };
        match self.place(open, close) {
            Place::Own => None,
            Place::Numerator if simple => Some((Some("("), "", " / ")),
            Place::Numerator => Some((Some("("), "(", ") / ")),
            Place::Denominator if simple => Some((None, "", ")")),
            Place::Denominator => Some((None, "(", "))")),
            Place::Index => Some((Some(""), "[", "]")),
            Place::Exponent => Some(either(simple && !self.joins(open, close, true))),
            Place::Value => {
                let root = self.before(open, 1).is_some_and(|t| t.is("√"));
                let one = close == open + 2 && simple && !root;
                Some(either(one && !self.joins(open, close, false)))
            }
        }
    }

    fn place(&self, open: usize, close: usize) -> Place {
        let is = |sym: &str| self.before(open, 1).is_some_and(|t| t.is(sym));
        let above = open.checked_sub(1).and_then(|i| self.opened[i]);
        let base = self.before(open, 2);
        if is("\\frac") {
            Place::Numerator
        } else if above.is_some_and(|i| self.before(i, 1).is_some_and(|t| t.is("\\frac")))
        {
            Place::Denominator
        } else if is("∑_")
            || is("^") && self.is_set_raised(open)
            || self.is_set(open, close)
        {
            Place::Own
        } else if is("_") {
            // An element, unless it is the kind of a norm.
            let ends = |t: &Token| ["}", ")", "]"].iter().any(|s| t.is(s));
            let element = base.is_some_and(|t| ends(t) || t.ident().is_some());
            if element { Place::Index } else { Place::Own }
        } else if is("^") && self.is_one_word(open, close) {
            Place::Own
        } else if is("^") {
            Place::Exponent
        } else {
            Place::Value
        }
    }

    /// The token so many before.
    fn before(&self, at: usize, by: usize) -> Option<&Token> {
        at.checked_sub(by).map(|i| &self.tokens[i])
    }

    /// Whether without a bracket it would become one with a word beside it: an index; the argument of a
    /// function. A comment ends its line, which goes on within brackets only.
    fn joins(&self, open: usize, close: usize, raised: bool) -> bool {
        let next = self.tokens.get(close + 1);
        let follows = |sym: &str| next.is_some_and(|t| t.is(sym));
        let indexed = next.is_some_and(|t| !t.space) && (follows("[") || follows("_"));
        let name = self.tokens[open + 1].ident();
        let named = name.is_some_and(|n| (self.function)(&n.key));
        let comments = self.comments(open, close);
        indexed || comments || named && (raised || !follows("("))
    }

    fn comments(&self, open: usize, close: usize) -> bool {
        let inside = self.tokens[open].span.to(self.tokens[close].span);
        inside.of(self.text).contains('#')
    }

    /// `^{T}`, `^{2}`, `^{-1}`: powers of one word are read where they stand.
    fn is_one_word(&self, open: usize, close: usize) -> bool {
        let inside = &self.tokens[open + 1..close];
        let number = |t: &Token| matches!(t.tok, Tok::Number(..));
        let whole =
            |t: &Token| matches!(&t.tok, Tok::Number(_, text) if can_be_raised(text));
        match inside {
            [one] => one.is("ᵀ") || one.is_word("T") || whole(one),
            [minus, one] => minus.is("-") && number(one),
            _ => false,
        }
    }

    /// `{0, 1}` of `y ∈ {0, 1}^K`.
    fn is_set(&self, open: usize, close: usize) -> bool {
        let shape = |t: &Token| t.is(":") || t.is("∈") || t.is_word("in");
        let raised = self.tokens.get(close + 1).is_some_and(|t| t.is("^"));
        raised && self.before(open, 1).is_some_and(shape)
    }

    /// `{K}` of `ℝ^{K}` and of `{0, 1}^{K}`.
    fn is_set_raised(&self, open: usize) -> bool {
        let Some(set) = open.checked_sub(2) else { return false };
        let letter = self.tokens[set].is_word("ℝ") || self.tokens[set].is_word("R");
        letter || self.opened[set].is_some_and(|start| self.is_set(start, set))
    }
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
