//! The colours, each for one meaning.

use anstyle::{AnsiColor, Style};

/// An error.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// A warning.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// A note.
pub(crate) const NOTE: Style = AnsiColor::Cyan.on_default().bold();
/// The message itself, a heading.
pub(crate) const STRONG: Style = Style::new().bold();
/// Line numbers, asides.
pub(crate) const DIM: Style = Style::new().dimmed();
/// A way out.
pub(crate) const WAY_OUT: Style = AnsiColor::Green.on_default();

/// [`STRONG`] as what stands before and after, for the library's writers.
pub(crate) const ON_STRONG: [&str; 2] = ["\u{1b}[1m", "\u{1b}[0m"];
/// [`DIM`] likewise.
pub(crate) const ON_DIM: [&str; 2] = ["\u{1b}[2m", "\u{1b}[0m"];
