//! What was typed, as data. Each command's own arguments stand in its file; here is what all share.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::Parser;

use crate::cmd::Command;
use crate::screen::{Color, Format};

/// Equations in, trained network out, every number accounted for.
#[derive(Debug, Parser)]
#[command(name = "chainrule", version, propagate_version = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How results look.
    #[command(flatten)]
    pub look: Look,
}

/// How results look, for every command.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Look {
    /// Results for people or for programs
    #[arg(long, global = true, value_enum, default_value_t, hide_default_value = true)]
    pub format: Format,
    /// Colours: where they can be seen, always, or never
    #[arg(long, global = true, value_enum, default_value_t, hide_default_value = true)]
    pub color: Color,
}

/// Reads a number; one of a list is named by itself.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    let read = text.trim().parse();
    read.map_err(|_| "expected a number, such as 0.01 or 1e-3".to_owned())
}

/// Reads a whole number that may be 0.
pub(crate) fn natural<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number, 0 or more".to_owned())
}

/// Reads a whole number between two, both included.
pub(crate) fn whole<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync,
{
    move |text| {
        let read = text.parse().ok().filter(|n| range.contains(n));
        let (low, high) = (range.start(), range.end());
        read.ok_or_else(|| format!("expected a whole number from {low} to {high}"))
    }
}

const EXAMPLES: &str = "\
Examples:
  chainrule new classifier                   a file to begin with
  chainrule check digits.chain               shapes, or what does not fit and how to mend it
  chainrule explain digits.chain --ask dL/dW1
  chainrule train digits.chain

Exit status: 0 good, 1 a finding in the equations, 2 wrong use or input that does not fit,
3 the world (a full disk, no permission), 130 stopped by Ctrl-C.";
