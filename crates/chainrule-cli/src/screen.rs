//! The two ways out: results to standard output, words about them to standard error.
//!
//! In: finished text, with or without colours. Invariants: nothing else in this crate writes to a
//! terminal; colours are taken out where nobody can see them; a write that fails is returned for
//! results and forgotten for words (there is nowhere left to say it).

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

use crate::args::Look;
use crate::failure::Failure;
use crate::report::style;

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document, for programs.
    Json,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Where a terminal shows it and NO_COLOR is not set.
    #[default]
    Auto,
    /// Also into files and pipes.
    Always,
    /// Not at all.
    Never,
}

/// Where everything is written.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Whether results are wanted as JSON.
    pub json: bool,
    color: ColorChoice,
}

impl Screen {
    pub(crate) fn new(look: Look) -> Self {
        let color = match look.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self { json: look.format == Format::Json, color }
    }

    /// A result.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = AutoStream::new(io::stdout().lock(), self.color);
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(Failure::Output)
    }

    /// A result as JSON.
    pub(crate) fn document(&self, value: &serde_json::Value) -> Result<(), Failure> {
        self.print(&format!("{value:#}\n"))
    }

    /// Words about a result.
    pub(crate) fn say(&self, text: &str) {
        let mut out = AutoStream::new(io::stderr().lock(), self.color);
        // Without a standard error there is nobody to tell.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Why the work was not done, in one line.
    pub(crate) fn error(&self, message: &str) {
        let red = style::ERROR;
        self.say(&format!("{red}error{red:#}: {message}\n"));
    }

    /// Whether somebody watches what is said.
    pub(crate) fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }
}

/// A line for the panic hook, which has no screen.
pub(crate) fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
