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
