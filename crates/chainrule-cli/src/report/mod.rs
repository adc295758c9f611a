//! Diagnostics, for people ([`draw`]) and for programs ([`json`]).

pub(crate) mod draw;
mod excerpt;
pub(crate) mod json;
pub(crate) mod style;

use unicode_width::UnicodeWidthChar;

/// Text of a user's file or system, safe for a terminal: what would steer it is made visible.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { visible(c) }).collect()
}

/// The sign itself, or one that shows that there is something.
pub(crate) fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Columns of a screen that the text takes; combining marks take none.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| visible(c).width().unwrap_or(0)).sum()
}
