//! Text in the language, in Unicode or in ASCII.
//!
//! An expression is printed by the library's own printer; what is not one (a shape, a list of names)
//! is spelled sign by sign.

use chainrule::graph::functions::Functions;
use chainrule::graph::lower::is_builtin;
use chainrule::graph::syntax::print::{Style, print_expr};
use chainrule::graph::syntax::{ascii, parse_expression};

use crate::report;

/// How names and signs are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling<'m> {
    /// Signs of ASCII only.
    pub ascii: bool,
    /// To know which names are functions.
    pub functions: &'m Functions,
}

impl Spelling<'_> {
    /// The text in this spelling.
    pub(crate) fn text(self, text: &str) -> String {
        if !self.ascii {
            return report::clean(text);
        }
        let known = |name: &str| is_builtin(name) || self.functions.find(name).is_some();
        let (expr, found) = parse_expression(text, &known);
        match found.is_empty() {
            true => print_expr(&expr, Style::Ascii),
            false => text.chars().map(sign).collect(),
        }
    }

    /// A shape.
    pub(crate) fn shape(self, text: &str) -> String {
        if self.ascii { text.chars().map(sign).collect() } else { text.to_owned() }
    }

    /// For the printers of the library.
    pub(crate) fn style(self) -> Style {
        if self.ascii { Style::Ascii } else { Style::Unicode }
    }
}

fn sign(c: char) -> String {
    let plain = match c {
        '−' => "-",
        '×' => " x ",
        '·' => "*",
        '⊙' => ".*",
        '‖' => "||",
        '²' => "^2",
        'ᵀ' => "^T",
        '∂' => "d",
        '′' => "'",
        '≠' => "!=",
        '…' => "...",
        '≥' => ">=",
        '≤' => "<=",
        c if c.is_ascii() => return c.to_string(),
        c => return ascii(&c.to_string()),
    };
    plain.to_owned()
}
