//! The table of commands: one entry here and one file a command.

mod ascii;
mod check;
mod completions;
mod explain;
mod functions;
mod man;
mod new;
mod optimizers;
mod overrides;
mod shapes;
mod solution;

use clap::Subcommand;

use crate::failure::Outcome;
use crate::screen::Screen;

/// What chainrule can be asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a file: names, shapes, settings
    Check(check::Args),
    /// Explain a file: shapes, gradients, values; or answer single questions
    Explain(explain::Args),
    /// Write a file to begin with
    New(new::Args),
    /// List the activations, losses and other functions, each as an equation
    Functions(functions::Args),
    /// List the optimisers, each as its update equations
    Optimizers(optimizers::Args),
    /// Write a completion script for a shell
    Completions(completions::Args),
    /// Write the manual page
    Man,
}

/// Acts.
pub(crate) fn run(command: Command, screen: &Screen) -> Outcome {
    match command {
        Command::Check(args) => check::run(&args, screen),
        Command::Explain(args) => explain::run(&args, screen),
        Command::New(args) => new::run(&args, screen),
        Command::Functions(args) => functions::run(&args, screen),
        Command::Optimizers(args) => optimizers::run(&args, screen),
        Command::Completions(args) => completions::run(&args, screen),
        Command::Man => man::run(screen),
    }
}
