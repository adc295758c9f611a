//! `chainrule man`: one manual page of all commands, from the table of arguments.

use std::io;

use clap::CommandFactory;

use crate::failure::{DONE, Failure, Outcome};
use crate::screen::Screen;

pub(crate) fn run(screen: &Screen) -> Outcome {
    let mut page = Vec::new();
    write_page(&mut page).map_err(Failure::Output)?;
    screen.print(&String::from_utf8_lossy(&page))?;
    Ok(DONE)
}

/// The page of the command, then a section for each of its commands.
fn write_page(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = crate::args::Args::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(page)?;
    for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let title = format!("chainrule {}", sub.get_name());
        let man = clap_mangen::Man::new(sub.clone());
        page.extend_from_slice(format!(".SH \"{}\"\n", title.to_uppercase()).as_bytes());
        man.render_description_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_options_section(page)?;
    }
    Ok(())
}
