//! The `chainrule` command. In: arguments and files. Out: results on standard output, words about
//! them on standard error, an exit status of docs/exit-status.md.
//!
//! Thin on purpose: [`args`] says what was typed, one file of [`cmd`] a command acts on it through
//! the library, [`report`] and [`screen`] draw what comes back. No mathematics and no training here.
#![forbid(unsafe_code)]

mod args;
mod cmd;
mod curve;
mod failure;
mod interrupt;
mod numbers;
mod plot;
mod progress;
mod report;
mod screen;
mod source;
mod table;
mod template;
mod writing;

use std::process::ExitCode;
use std::thread;

use clap::Parser;

/// What a deeply nested file may need; the system hands out only the part that is touched.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    let args = args::Args::parse();
    ask_for_reports_of_bugs();
    interrupt::outlive_file_limits();
    let work = move || run(args);
    let worker = thread::Builder::new().name("chainrule".to_owned()).stack_size(STACK);
    match worker.spawn(work).map(thread::JoinHandle::join) {
        Ok(Ok(status)) => ExitCode::from(status),
        Ok(Err(_)) => ExitCode::from(failure::BUG),
        Err(_) => ExitCode::from(failure::WORLD),
    }
}

fn run(args: args::Args) -> u8 {
    let screen = screen::Screen::new(args.look);
    match cmd::run(args.command, &screen) {
        Ok(status) => status,
        Err(failure) => failure.tell(&screen),
    }
}

/// A panic is our bug: after its report stands what to do with it.
fn ask_for_reports_of_bugs() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        let words = "this is a bug in chainrule: please report it, with the text above";
        screen::to_stderr(words);
    }));
}
