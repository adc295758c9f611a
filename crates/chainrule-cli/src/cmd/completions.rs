//! `chainrule completions SHELL`: a script on standard output, from the table of arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::{DONE, Outcome};
use crate::screen::Screen;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  chainrule completions bash > ~/.local/share/bash-completion/completions/chainrule")]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let mut script = Vec::new();
    let mut command = crate::args::Args::command();
    clap_complete::generate(args.shell, &mut command, "chainrule", &mut script);
    screen.print(&String::from_utf8_lossy(&script))?;
    Ok(DONE)
}
