//! One symbol, one key: however a name is spelled, it gets the same canonical text.
//!
//! In: the characters of a name. Out: an [`Ident`] in parts and its key. Invariant: a key reads
//! back as itself, and the keys of `W_1`, `W₁`, `W_{1}` (and of `yhat`, `y_hat`, `\hat{y}`, `ŷ`)
//! are equal. Deliberately absent: what a name stands for.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::greek::greek_word;
pub(crate) use super::scan::{COMMANDS, scan, transposed_mark};

/// Marks above a letter that have a name: `y_hat`, `\hat{y}`.
pub(crate) const ACCENTS: &[(char, &str)] =
    &[('\u{302}', "hat"), ('\u{304}', "bar"), ('\u{303}', "tilde")];

/// Operations that are functions whether or not the prelude lists them.
const OPERATIONS: &[&str] = &[
    "sum",
    "mean",
    "max",
    "min",
    "exp",
    "log",
    "ln",
    "log1p",
    "expm1",
    "sqrt",
    "erf",
    "sin",
    "cos",
    "abs",
    "sign",
    "diag",
    "ones",
    "dropout",
    "batchnorm",
];

/// Words that begin a statement and can name no symbol.
pub(crate) const RESERVED: &[&str] = &[
    "input",
    "target",
    "param",
    "const",
    "where",
    "for",
    "minimize",
    "optimizer",
    "examples",
    "data",
    "train",
    "trainable",
    "output",
    "precision",
    "digits",
];

/// Words of the expression grammar; they can name no symbol either.
pub(crate) const WORDS: &[&str] = &["if", "else", "and", "or", "not"];

/// `^{[1]}` or `^{(1)}`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LayerMark {
    /// `[1]`, not `(1)`.
    pub(crate) square: bool,
    /// What stands inside, without spaces.
    pub(crate) text: String,
}

/// A name in parts, so that a loop can replace a subscript.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ident {
    /// Letters, marks and digits as written (NFC).
    pub(crate) base: String,
    /// Subscripts in order, without spaces.
    pub(crate) subs: Vec<String>,
    /// The layer mark.
    pub(crate) mark: Option<LayerMark>,
    /// The canonical spelling of all of it.
    pub(crate) key: String,
    /// As in the text; a copy made by a loop is spelled as the loop spells it (`W_2`).
    pub(crate) written: String,
}

impl Ident {
    pub(crate) fn new(base: String, subs: Vec<String>, mark: Option<LayerMark>) -> Self {
        let key = key_of(&base, &subs, mark.as_ref());
        let written = spell(&base, &subs, mark.as_ref());
        Self { base, subs, mark, key, written }
    }
}

/// The canonical spelling of a name: `W_1`, `W₁`, `W_{1}` → `W1`; `yhat`, `y_hat`, `\hat{y}` →
/// `ŷ`; `lambda1`, `λ_1` → `λ1`. Text that is not a name comes back trimmed and in NFC.
#[must_use]
pub fn canonical(name: &str) -> String {
    let name = name.trim();
    match scan(name) {
        Some((ident, length)) if length == name.len() => ident.key,
        _ => name.nfc().collect(),
    }
}

/// Base and indices of an element: `ŷ_i` → (`ŷ`, `i`), `W_{i,j}` → (`W`, `i,j`).
#[must_use]
pub fn element(key: &str) -> Option<(&str, &str)> {
    let at = key.rfind('_').filter(|&at| at > 0)?;
    let sub = &key[at + 1..];
    let sub = sub.strip_prefix('{').and_then(|s| s.strip_suffix('}')).unwrap_or(sub);
    (!sub.is_empty()).then_some((&key[..at], sub))
}

/// A function's name without case and underscores: `LeakyReLU` and `leaky_relu` are one. Only
/// ASCII letters change, for `Σ` in lower case would be the logistic function.
#[must_use]
pub fn fold(name: &str) -> String {
    name.chars().filter(|&c| c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether the folded name is one of the operations that every file knows.
pub(crate) fn is_operation(folded: &str) -> bool {
    OPERATIONS.contains(&folded)
}

/// The key with its layer mark written as a number: equal for `W1`, `W^[1]` and `W^{(1)}`.
pub(crate) fn merged(ident: &Ident) -> String {
    let mut subs = Vec::new();
    if let Some(mark) = &ident.mark {
        subs.push(mark.text.clone());
    }
    subs.extend(ident.subs.iter().cloned());
    key_of(&ident.base, &subs, None)
}

fn key_of(base: &str, subs: &[String], mark: Option<&LayerMark>) -> String {
    let mut base = canonical_base(base);
    let mut kept = String::new();
    for sub in subs {
        if let Some(accented) = accent_sub(&base, sub).filter(|_| kept.is_empty()) {
            base = accented;
        } else if glues(&base, sub) && kept.is_empty() {
            base.push_str(sub);
        } else if sub.chars().all(is_part) {
            kept.push_str(&format!("_{sub}"));
        } else {
            kept.push_str(&format!("_{{{sub}}}"));
        }
    }
    let mark = match mark {
        Some(LayerMark { square: true, text }) => format!("^[{text}]"),
        Some(LayerMark { square: false, text }) => format!("^{{({text})}}"),
        None => String::new(),
    };
    format!("{base}{mark}{kept}")
}

/// The parts one after the other, as a lecturer writes them: `W_2`, `a_{i,j}`, `z^{[1]}`.
fn spell(base: &str, subs: &[String], mark: Option<&LayerMark>) -> String {
    let mut text = base.to_string();
    for sub in subs {
        let plain = sub.chars().all(is_part);
        text.push_str(&if plain { format!("_{sub}") } else { format!("_{{{sub}}}") });
    }
    match mark {
        Some(LayerMark { square: true, text: inner }) => format!("{text}^{{[{inner}]}}"),
        Some(LayerMark { square: false, text: inner }) => format!("{text}^{{({inner})}}"),
        None => text,
    }
}

/// Digits glue to a name that does not end in one: `W1_2` is not `W12`.
fn glues(base: &str, sub: &str) -> bool {
    sub.chars().all(|c| c.is_ascii_digit())
        && !base.ends_with(|c: char| c.is_ascii_digit())
}

/// `y` with `hat`, `hat1`: the letter with its mark.
fn accent_sub(base: &str, sub: &str) -> Option<String> {
    let split = sub.find(|c: char| c.is_ascii_digit()).unwrap_or(sub.len());
    let (word, digits) = sub.split_at(split);
    let mark = ACCENTS.iter().find(|a| a.1 == word)?.0;
    let after = base.find(|c: char| c.is_ascii_digit()).unwrap_or(base.len());
    let (letter, number) = base.split_at(after);
    let all_digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    let fits = single_letter(letter) && all_digits(number) && all_digits(digits);
    let fits = fits && (number.is_empty() || digits.is_empty());
    fits.then(|| format!("{letter}{mark}{number}{digits}").nfc().collect())
}

pub(crate) fn single_letter(text: &str) -> bool {
    text.chars().filter(|&c| !is_combining_mark(c)).count() == 1
}

fn canonical_base(raw: &str) -> String {
    let text: String = raw.nfc().map(one_glyph).collect();
    for prefix in ['∂', '∇'] {
        if let Some(rest) = text.strip_prefix(prefix).filter(|r| !r.is_empty()) {
            return format!("{prefix}{}", canonical_base(rest));
        }
    }
    let split = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (letters, digits) = text.split_at(split);
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return text;
    }
    match canonical_letters(letters) {
        Some(short) => format!("{short}{digits}"),
        None => text,
    }
}

fn canonical_letters(letters: &str) -> Option<String> {
    if let Some(letter) = greek_word(letters) {
        return Some(letter.to_string());
    }
    let stem = letters.strip_suffix("hat")?;
    let letter = match greek_word(stem) {
        Some(letter) => letter.to_string(),
        None if single_letter(stem) => stem.to_string(),
        None => return None,
    };
    Some(format!("{letter}\u{302}").nfc().collect())
}

/// Glyphs that differ only in font: the micro sign of keyboards and the variant letters.
pub(crate) fn one_glyph(c: char) -> char {
    match c {
        'µ' => 'μ',
        'ϵ' => 'ε',
        'ϕ' => 'φ',
        'ϑ' => 'θ',
        _ => c,
    }
}

/// Whether a name may begin with it. `ᵀ` and raised or lowered letters are no letters here, for
/// they are postfixes and subscripts.
pub(crate) fn is_letter(c: char) -> bool {
    let raised = matches!(c, 'ª' | 'º' | '\u{2b0}'..='\u{2ff}' | '\u{1d2c}'..='\u{1d6a}'
        | '\u{1d78}' | '\u{1d9b}'..='\u{1dbf}' | '\u{2071}' | '\u{207f}'
        | '\u{2090}'..='\u{209c}' | '\u{2c7c}' | '\u{2c7d}');
    (c.is_alphabetic() && !raised && !is_combining_mark(c))
        || matches!(c, '∂' | '∇' | '𝟏' | '𝟙')
}

pub(crate) fn is_part(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit() || is_combining_mark(c)
}

/// The plain character of a lowered one: `₁` → `1`, `ᵢ` → `i`.
pub(crate) fn lowered(c: char) -> Option<char> {
    const LETTERS: &[(char, char)] = &[
        ('ₐ', 'a'),
        ('ₑ', 'e'),
        ('ₒ', 'o'),
        ('ₓ', 'x'),
        ('ₕ', 'h'),
        ('ₖ', 'k'),
        ('ₗ', 'l'),
        ('ₘ', 'm'),
        ('ₙ', 'n'),
        ('ₚ', 'p'),
        ('ₛ', 's'),
        ('ₜ', 't'),
        ('ᵢ', 'i'),
        ('ᵣ', 'r'),
        ('ᵤ', 'u'),
        ('ᵥ', 'v'),
        ('ⱼ', 'j'),
    ];
    match c {
        '₀'..='₉' => char::from_digit(c as u32 - '₀' as u32, 10),
        _ => LETTERS.iter().find(|l| l.0 == c).map(|l| l.1),
    }
}

#[cfg(test)]
mod tests {
    use super::super::greek::ascii;
    use super::{canonical, element};

    #[test]
    fn one_symbol_has_one_key() {
        for (key, spellings) in [
            ("W1", &["W1", "W_1", "W₁", "W_{1}", "W_{ 1 }"][..]),
            ("ŷ", &["ŷ", "yhat", "y_hat", "\\hat{y}", "\\hat y", "y\u{302}"]),
            (
                "λ1",
                &["λ1", "lambda1", "λ_1", "lambda_1", "\\lambda_1", "λ₁", "\\lambda1"],
            ),
            ("σ\u{302}", &["sigma_hat", "sigmahat", "\\hat{\\sigma}", "σ\u{302}"]),
            ("ŷ1", &["yhat1", "y_hat1", "yhat_1", "\\hat{y}_1", "ŷ₁"]),
            ("β_x", &["beta_x", "β_x", "\\beta_x"]),
            ("a_x", &["a_x", "a_{x}", "aₓ"]),
            ("z^[1]", &["z^{[1]}", "z^[1]"]),
            ("z^{(1)}", &["z^{(1)}"]),
            ("z^[2]_k", &["z_k^{[2]}", "z^{[2]}_k"]),
            ("W1_2", &["W1_2", "W_1_2"]),
            ("a_{l-1}", &["a_{l-1}", "a_{l − 1}"]),
            ("W_ij", &["W_ij", "W_{ij}", "W_{i j}", "Wᵢⱼ"]),
            ("μ", &["µ", "mu", "μ"]),
            ("∂θ", &["∂theta", "∂θ"]),
        ] {
            for spelling in spellings {
                assert_eq!(canonical(spelling), key, "{spelling}");
            }
        }
    }

    #[test]
    fn longer_words_stay() {
        for name in ["pixel", "mum", "etas", "betamax", "digit", "ax", "hat", "Alpha"] {
            assert_eq!(canonical(name), name);
        }
    }

    #[test]
    fn a_key_and_its_ascii_spelling_read_back() {
        for name in [
            "W1",
            "ŷ",
            "λ1",
            "σ\u{302}",
            "ŷ1",
            "β_x",
            "z^[1]",
            "z^{(1)}",
            "z^[2]_k",
            "W1_2",
            "a_{l-1}",
            "W_{i,j}",
            "Δz",
            "dθ",
            "x\u{304}",
            "Α",
            "x_λ",
            "𝟏",
            "W_{1,λ}",
            "ο1",
        ] {
            let key = canonical(name);
            assert_eq!(canonical(&key), key, "{name}");
            if key != "𝟏" {
                assert_eq!(canonical(&ascii(&key)), key, "{name} as {}", ascii(&key));
            }
            assert!(ascii(&key).is_ascii(), "{}", ascii(&key));
        }
    }

    #[test]
    fn elements_have_base_and_index() {
        assert_eq!(element("ŷ_i"), Some(("ŷ", "i")));
        assert_eq!(element("z^[2]_k"), Some(("z^[2]", "k")));
        assert_eq!(element("W_{i,j}"), Some(("W", "i,j")));
        assert_eq!(element("W1"), None);
    }
}
