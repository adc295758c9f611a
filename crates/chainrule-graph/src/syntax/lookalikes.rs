//! Signs that look like others, and signs that cannot be seen: what to say of them.
//!
//! In: signs that mean nothing, a name that is not known. Out: words, and what was probably meant.
//! Deliberately absent: reading them as what they look like; a name is what it is written with.

use crate::diag::{Code, Diagnostic, Span};

/// Letters of other alphabets, each above the Latin or Greek one that it looks like.
const LETTERS: [&str; 2] = [
    "аеорсухіјѕԁһԛԝАВЕКМНОРСТХІЈЅοΑΒΕΖΗΙΚΜΝΟΡΤΥΧνơµℓ",
    "aeopcyxijsdhqwABEKMHOPCTXIJSoABEZHIKMNOPTYXvσμl",
];
/// Signs of other keyboards, each above the one that it looks like.
const SIGNS: [&str; 2] = ["‐‑‒—―﹣﹦∣∶、‚⋆ˆ", "------=|:,,*^"];

fn twin(table: &[&str; 2], c: char) -> Option<char> {
    let at = table[0].chars().position(|other| other == c)?;
    table[1].chars().nth(at)
}

/// Forms as wide as Chinese signs.
fn narrow(c: char) -> Option<char> {
    let wide = ('\u{ff01}'..='\u{ff5e}').contains(&c);
    wide.then(|| char::from_u32(c as u32 - 0xfee0)).flatten()
}

fn is_unseen(c: char) -> bool {
    let marks = ['\u{ad}', '\u{feff}', '\u{180e}'];
    let format = ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{2069}').contains(&c);
    c.is_control() || format || marks.contains(&c)
}

/// A sign, or its number where it cannot be seen.
fn visible(c: char) -> String {
    if is_unseen(c) { format!("U+{:04X}", c as u32) } else { c.to_string() }
}

/// A run of signs that mean nothing here, with the way out where there is one.
pub(super) fn meaningless(signs: &str, span: Span) -> Diagnostic {
    let shown: String = signs.chars().take(20).map(visible).collect();
    let text = format!("the characters `{shown}` have no meaning here");
    let d = Diagnostic::error(Code::P1, span, text);
    let Some(first) = signs.chars().next() else { return d };
    match narrow(first).or_else(|| twin(&SIGNS, first)) {
        Some(meant) => d.hint(format!("`{first}` looks like `{meant}`: write that")),
        None if is_unseen(first) => {
            d.hint(format!("{} cannot be seen: take it away", visible(first)))
        }
        None if first == '$' => d.hint("formulas stand here without `$`"),
        None => d,
    }
}

/// A name that looks the same and is written with other letters.
pub(crate) fn alike<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let looks = |n: &str| -> String {
        n.chars().map(|c| narrow(c).or_else(|| twin(&LETTERS, c)).unwrap_or(c)).collect()
    };
    let own = looks(name);
    candidates.iter().find(|c| **c != name && looks(c) == own).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_a_twin_for_each_sign() {
        for table in [LETTERS, SIGNS] {
            assert_eq!(table[0].chars().count(), table[1].chars().count());
        }
    }

    #[test]
    fn signs_that_look_alike_or_like_nothing_are_told() {
        let hint = |signs: &str| {
            let d = meaningless(signs, Span::default());
            (d.message, d.hints.first().map(|h| h.text.clone()))
        };
        assert_eq!(hint("＝").1.as_deref(), Some("`＝` looks like `=`: write that"));
        assert_eq!(hint("—").1.as_deref(), Some("`—` looks like `-`: write that"));
        let (message, way) = hint("\u{200b}");
        assert_eq!(message, "the characters `U+200B` have no meaning here");
        assert_eq!(way.as_deref(), Some("U+200B cannot be seen: take it away"));
        assert_eq!(hint("§").1, None);
    }

    #[test]
    fn names_in_another_alphabet_are_found() {
        assert_eq!(alike("x", &["y", "х"]), Some("х"));
        assert_eq!(alike("а1", &["a1"]), Some("a1"));
        assert_eq!(alike("x", &["x", "y"]), None);
    }
}
