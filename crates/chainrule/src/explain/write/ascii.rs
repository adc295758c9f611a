//! Words sign by sign in ASCII. Formulas have their own printer.

use chainrule_graph::syntax::ascii;

/// The words in ASCII alone.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(sign).collect()
}

fn sign(c: char) -> String {
    let plain = match c {
        '−' | '–' => "-",
        '×' => " x ",
        '·' => "*",
        '⊙' => ".*",
        '‖' => "||",
        '²' => "^2",
        'ᵀ' => "^T",
        '∂' => "d",
        '′' => "'",
        '≠' => "!=",
        '≈' => "~",
        '∞' => "inf",
        '…' => "...",
        '≥' => ">=",
        '≤' => "<=",
        '←' => "<-",
        c if c.is_ascii() => return c.to_string(),
        c => {
            let text = ascii(&c.to_string());
            return if text.is_ascii() { text } else { "?".to_owned() };
        }
    };
    plain.to_owned()
}
