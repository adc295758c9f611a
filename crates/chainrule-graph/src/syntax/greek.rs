//! Greek letters, their names, and the ASCII spelling of keys that hold them.
//!
//! Invariant: [`ascii`] of a key reads back as that key.

use unicode_normalization::UnicodeNormalization;

use super::names::ACCENTS;

/// Greek letters and their names; `plain` ones may stand without a backslash (the others look
/// like Latin letters, so that their ASCII name alone would print as something else).
const GREEK: &[(char, &str, bool)] = &[
    ('α', "alpha", true),
    ('β', "beta", true),
    ('γ', "gamma", true),
    ('δ', "delta", true),
    ('ε', "epsilon", true),
    ('ζ', "zeta", true),
    ('η', "eta", true),
    ('θ', "theta", true),
    ('ι', "iota", true),
    ('κ', "kappa", true),
    ('λ', "lambda", true),
    ('μ', "mu", true),
    ('ν', "nu", true),
    ('ξ', "xi", true),
    ('ο', "omicron", false),
    ('π', "pi", true),
    ('ρ', "rho", true),
    ('σ', "sigma", true),
    ('τ', "tau", true),
    ('υ', "upsilon", true),
    ('φ', "phi", true),
    ('χ', "chi", true),
    ('ψ', "psi", true),
    ('ω', "omega", true),
    ('Α', "Alpha", false),
    ('Β', "Beta", false),
    ('Γ', "Gamma", true),
    ('Δ', "Delta", true),
    ('Ε', "Epsilon", false),
    ('Ζ', "Zeta", false),
    ('Η', "Eta", false),
    ('Θ', "Theta", true),
    ('Ι', "Iota", false),
    ('Κ', "Kappa", false),
    ('Λ', "Lambda", true),
    ('Μ', "Mu", false),
    ('Ν', "Nu", false),
    ('Ξ', "Xi", true),
    ('Ο', "Omicron", false),
    ('Π', "Pi", true),
    ('Ρ', "Rho", false),
    ('Σ', "Sigma", true),
    ('Τ', "Tau", false),
    ('Υ', "Upsilon", true),
    ('Φ', "Phi", true),
    ('Χ', "Chi", false),
    ('Ψ', "Psi", true),
    ('Ω', "Omega", true),
];

/// The ASCII spelling of a key; letters that have none stay.
#[must_use]
pub fn ascii(key: &str) -> String {
    if let Some((top, by)) = super::partial(key) {
        let side = |e| super::print::print_expr(e, super::print::Style::Ascii);
        return format!("d{}/d{}", side(&top), side(&by));
    }
    let base_end = key.find(['_', '^']).unwrap_or(key.len());
    let (base, rest) = key.split_at(base_end);
    format!("{}{}", ascii_base(base), ascii_subs(rest))
}

/// `_α` needs braces: a command takes the blank behind it, and a bracket would touch no name.
fn ascii_subs(rest: &str) -> String {
    let mut out = String::new();
    for part in rest.split_inclusive(['_', '^']) {
        let sub = part.trim_end_matches(['_', '^']);
        let bare = out.ends_with('_') && !sub.starts_with('{') && !sub.is_ascii();
        let text = if bare { format!("{{{sub}}}") } else { sub.to_string() };
        out.push_str(&ascii_greek(&text));
        out.push_str(&part[sub.len()..]);
    }
    out
}

fn ascii_base(base: &str) -> String {
    if base.is_ascii() {
        return base.to_string();
    }
    let split = base.find(|c: char| c.is_ascii_digit()).unwrap_or(base.len());
    let (letters, digits) = base.split_at(split);
    if digits.contains(|c: char| !c.is_ascii_digit()) {
        // `lambda5e` would be a name of its own.
        return base.to_string();
    }
    let parts: Vec<char> = letters.nfd().collect();
    let accent = |c: char| ACCENTS.iter().find(|a| a.0 == c).map(|a| a.1);
    let letter = |c: char| match greek_name(c) {
        Some((name, true)) => name.to_string(),
        Some((name, false)) => format!("\\{name}"),
        None => c.to_string(),
    };
    match parts[..] {
        ['𝟏'] => "ones".to_string(),
        [c] => format!("{}{digits}", letter(c)),
        [c, m] if accent(m).is_some() => {
            format!("{}_{}{digits}", letter(c), accent(m).unwrap_or_default())
        }
        _ => format!("\\mathit{{{}}}{digits}", ascii_greek(letters)),
    }
}

fn ascii_greek(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match greek_name(c) {
            Some((name, _)) => out.push_str(&format!("\\{name} ")),
            None => out.push(c),
        }
    }
    out.replace(" }", "}")
}

fn greek_name(c: char) -> Option<(&'static str, bool)> {
    GREEK.iter().find(|g| g.0 == c).map(|g| (g.1, g.2))
}

/// The letter of a LaTeX command such as `\lambda`.
pub(crate) fn greek_command(name: &str) -> Option<char> {
    let name = match name {
        "varepsilon" => "epsilon",
        "varphi" => "phi",
        "vartheta" => "theta",
        _ => name,
    };
    GREEK.iter().find(|g| g.1 == name).map(|g| g.0)
}

pub(crate) fn greek_word(name: &str) -> Option<char> {
    GREEK.iter().find(|g| g.1 == name && g.2).map(|g| g.0)
}
