//! What was typed, as data. Each command's own arguments stand in its file; here is what all share.

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

const EXAMPLES: &str = "\
Examples:
  chainrule new classifier                   a file to begin with
  chainrule check digits.chain               shapes, or what does not fit and how to mend it
  chainrule explain digits.chain --ask dL/dW1
  chainrule train digits.chain

Exit status: 0 good, 1 a finding in the equations, 2 wrong use or input that does not fit,
3 the world (a full disk, no permission), 130 stopped by Ctrl-C.";
