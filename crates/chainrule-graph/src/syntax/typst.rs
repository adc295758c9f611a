//! Tree → Typst's mathematics: what stands between two `$`.
//!
//! In: a tree with the brackets that it needs, as for LaTeX. Out: text for a formula. A word is a string
//! and a name is one letter or a string, so that nothing of a file is read as a command. Commas
//! stand in round brackets alone, where no call of Typst's takes them for its own.

use unicode_normalization::UnicodeNormalization;

use super::ast::{Arg, BinaryOp, Expr, ExprKind, Index};
use super::{indexed, mathml, partial, parts};

/// Marks above a letter and Typst's functions for them.
const ACCENTS: [(char, &str); 4] =
    [('\u{302}', "hat"), ('\u{303}', "tilde"), ('\u{304}', "macron"), ('\u{307}', "dot")];

/// An expression as Typst's mathematics.
#[must_use]
pub fn typst(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Number(_, text) => number(text),
        ExprKind::Name(n) => name(&n.key),
        ExprKind::Paren(x) => format!("({})", typst(x)),
        ExprKind::Neg(x) => format!("- {}", typst(x)),
        ExprKind::Not(x) => format!("¬ {}", typst(x)),
        ExprKind::Binary(op, a, b) => binary(*op, a, b),
        ExprKind::Transpose(x) => format!("{}^⊤", base(x)),
        ExprKind::Call { func, primes, args } => call(&func.key, *primes, args),
        ExprKind::Norm(p, parts) => {
            let inside: Vec<String> = parts.iter().map(typst).collect();
            let sub = if *p == 1 { "_1" } else { "" };
            format!("lr(‖ {} ‖){sub}", inside.join(" \\, "))
        }
        ExprKind::Abs(x) => format!("abs({})", typst(x)),
        ExprKind::Sum { .. } => sum(e),
        ExprKind::Cases(v, c, o) => cases(v, c, o),
        ExprKind::Element(x, index) => {
            // An index of its own already: (z1)[2], not a second one below it.
            let whole = match &x.kind {
                ExprKind::Name(n) if indexed(&n.key) => format!("({})", typst(x)),
                _ => base(x),
            };
            format!("{whole}_({})", indices(index))
        }
        ExprKind::Matrix(rows) => matrix(rows.iter().map(|r| r.iter().collect())),
        ExprKind::Stack(parts) => matrix(parts.iter().map(|p| vec![p])),
        ExprKind::Indicator(c) => format!("bold(1) [{}]", typst(c)),
        ExprKind::Error => quoted("?"),
    }
}

/// Text as a string of Typst's.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out + "\""
}

fn sum(e: &Expr) -> String {
    let ExprKind::Sum { index, from, to, except, body } = &e.kind else {
        return String::new();
    };
    let i = name(&index.key);
    let low = match (from, except) {
        (Some(f), _) => format!("{i} = {}", typst(f)),
        (_, Some(x)) => format!("{i} ≠ {}", typst(x)),
        _ => i,
    };
    let high = to.as_ref().map_or(String::new(), |t| format!("^({})", typst(t)));
    format!("∑_({low}){high} {}", typst(body))
}

fn matrix<'a>(rows: impl Iterator<Item = Vec<&'a Expr>>) -> String {
    let row = |r: Vec<&Expr>| r.into_iter().map(typst).collect::<Vec<_>>().join(", ");
    format!("mat(delim: \"[\", {})", rows.map(row).collect::<Vec<_>>().join("; "))
}

/// `a if c else b`, chains as one list of cases.
fn cases(v: &Expr, c: &Expr, o: &Expr) -> String {
    let line = |v: &Expr, c: &Expr| format!("{} & \"if \" {}", typst(v), typst(c));
    let mut lines = vec![line(v, c)];
    let mut rest = o;
    while let ExprKind::Cases(v, c, o) = &rest.kind {
        lines.push(line(v, c));
        rest = o;
    }
    lines.push(format!("{} & \"otherwise\"", typst(rest)));
    format!("cases({})", lines.join(", "))
}

fn indices(index: &[Index]) -> String {
    let one = |i: &Index| match i {
        Index::All => ":".to_owned(),
        Index::At(e) => typst(e),
        Index::Range(a, b) => format!("{} : {}", typst(a), typst(b)),
    };
    index.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What carries an exponent or index: a bracket round anything longer than a name.
fn base(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Name(n) if n.key.starts_with('∂') => format!("({})", typst(e)),
        ExprKind::Name(_)
        | ExprKind::Number(..)
        | ExprKind::Paren(_)
        | ExprKind::Norm(..) => typst(e),
        _ => format!("({})", typst(e)),
    }
}

/// Without a bracket that the notation makes needless.
fn bare(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Paren(x) => typst(x),
        _ => typst(e),
    }
}

fn binary(op: BinaryOp, a: &Expr, b: &Expr) -> String {
    let sign = match op {
        BinaryOp::Div => return format!("frac({}, {})", bare(a), bare(b)),
        BinaryOp::Pow => return format!("{}^({})", base(a), bare(b)),
        BinaryOp::Space | BinaryOp::At => "thin",
        BinaryOp::Sub => "-",
        BinaryOp::Dot | BinaryOp::Star => "⋅",
        _ => mathml::sign(op),
    };
    format!("{} {sign} {}", typst(a), typst(b))
}

fn call(func: &str, primes: u8, args: &[Arg]) -> String {
    if let ("sqrt", 0, [x]) = (func, primes, args) {
        return format!("sqrt({})", typst(&x.value));
    }
    let head = match func {
        "sigmoid" => "σ".to_owned(),
        _ => format!("op({})", quoted(func)),
    };
    let argument = |a: &Arg| {
        let named = a.name.as_ref().map(|n| format!("{} = ", name(&n.key)));
        named.unwrap_or_default() + &typst(&a.value)
    };
    let args: Vec<String> = args.iter().map(argument).collect();
    // The space keeps Typst from taking the bracket for a call of its own.
    format!("{head}{} ({})", "'".repeat(usize::from(primes)), args.join(", "))
}

fn number(text: &str) -> String {
    let plain = |t: &str| t.chars().all(|c| c.is_ascii_digit() || c == '.');
    match text.split_once(['e', 'E']) {
        _ if plain(text) || text == "∞" => text.to_owned(),
        Some((m, p)) if plain(m) => {
            let power = p.trim_start_matches(['+', '-']);
            let minus = if p.starts_with('-') { "- " } else { "" };
            format!("{m} ⋅ 10^({minus}{power})")
        }
        _ => quoted(text),
    }
}

/// A canonical name: letter, accent, index, layer mark; or a derivative.
fn name(key: &str) -> String {
    if let Some((top, by)) = partial(key) {
        return format!("frac(∂{}, ∂{})", typst(&top), typst(&by));
    }
    let (letters, sub, mark) = parts(key);
    let index = |sign: &str, text: &str| match text.is_empty() {
        true => String::new(),
        false => format!("{sign}({})", index(text)),
    };
    format!("{}{}{}", stem(letters), index("_", sub), index("^", mark))
}

/// Digits, a letter, or upright words.
fn index(text: &str) -> String {
    match text.chars().all(|c| c.is_ascii_digit()) || is_letter(text) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

fn is_letter(text: &str) -> bool {
    let mut all = text.chars();
    all.next().is_some_and(char::is_alphabetic) && all.next().is_none()
}

/// One letter with its accent, or a word.
fn stem(letters: &str) -> String {
    let split: Vec<char> = letters.nfd().collect();
    let accent = |m: char| ACCENTS.iter().find(|a| a.0 == m).map(|a| a.1);
    match split[..] {
        [c, m] if c.is_alphabetic() && accent(m).is_some() => {
            format!("{}({c})", accent(m).unwrap_or_default())
        }
        ['…'] => "…".to_owned(),
        _ if is_letter(letters) => letters.to_owned(),
        _ => format!("italic({})", quoted(letters)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_expression;

    fn written(text: &str) -> String {
        let known = |n: &str| matches!(n, "relu" | "log" | "softmax");
        let (e, found) = parse_expression(text, &known);
        assert!(found.is_empty(), "{found:?}");
        typst(&e)
    }

    #[test]
    fn names_have_indices_hats_and_words() {
        assert_eq!(written("W1 x + b_out"), "W_(1) thin x + b_(\"out\")");
        assert_eq!(written("ŷ_k"), "hat(y)_(k)");
        assert_eq!(written("MSE"), "italic(\"MSE\")");
        assert_eq!(name("∂L/∂W1"), "frac(∂L, ∂W_(1))");
    }

    #[test]
    fn calls_keep_their_brackets_and_typst_gets_none_of_them() {
        assert_eq!(written("relu'(z, 2)"), "op(\"relu\")' (z, 2)");
        assert_eq!(written("(a + b) / 2"), "frac(a + b, 2)");
        assert_eq!(
            written("[1 -2; 3e-7 4]"),
            "mat(delim: \"[\", 1, - 2; 3 ⋅ 10^(- 7), 4)"
        );
    }

    #[test]
    fn what_is_no_letter_is_a_string() {
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c \"");
        assert_eq!(stem("#x"), "italic(\"#x\")");
        assert_eq!(index("1$"), "\"1$\"");
        assert_eq!(number("NaN"), "\"NaN\"");
    }
}
