//! `chainrule rerun RUN`: does a run again from its folder and says whether it came out equal.
//!
//! In: a run folder, the data that it names. Out: what differs, or that nothing does; status 0 equal, 1
//! different, 2 not repeatable. Nothing is written.

use std::path::PathBuf;

use chainrule::Options;
use chainrule::runs::{Comparison, Run, rerun};
use chainrule::train::{Control, Event};
use serde_json::json;

use crate::args::natural;
use crate::failure::{DONE, FINDINGS, Failure, Outcome, USAGE};
use crate::progress::Progress;
use crate::report;
use crate::screen::Screen;
use crate::source::Source;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule rerun runs/digits-1
  chainrule rerun runs/digits-1 --threads 1     the result does not depend on the threads

Equal means: every byte of the model file, and every figure of epochs.csv but the seconds.
Exit status: 0 equal, 1 different, 2 not repeatable (data or file have changed, or are gone).")]
pub(crate) struct Args {
    /// The run folder, or the model beside it
    run: PathBuf,
    /// Threads; the results do not depend on it [default: all]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
        value_parser = natural::<usize>)]
    threads: usize,
    /// Say nothing but the outcome
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let run = Run::open(&args.run)?;
    let source = Source::read(&run.path().join("equations.chain"))?;
    let located = Failure::about(&source, USAGE);
    let model = run.model(Options::default().threads(args.threads)).map_err(&located)?;
    run.unchanged()?;
    let mut say = |words: &str| {
        if !args.quiet {
            screen.say(&format!("{}\n", report::clean(words)));
        }
    };
    let data = model.open_data(run.caching()?.as_ref(), &mut say).map_err(&located)?;
    let mut progress = Progress::new(screen, args.quiet || screen.json);
    let compared = rerun(&run, &model, data.parts(), &mut |event: &Event| {
        progress.tell(event);
        Control::Continue
    });
    progress.end();
    let compared = compared.map_err(&located)?;
    match screen.json {
        true => {
            let mut document = json!(compared);
            document["run"] = json!(run.path().display().to_string());
            screen.document(&document)?;
        }
        false => screen.print(&report::clean(&words(&run, &compared)))?,
    }
    Ok(if compared.equal { DONE } else { FINDINGS })
}

fn words(run: &Run, c: &Comparison) -> String {
    let path = run.path().display();
    let mut out = match c.equal {
        true => format!("{path}: equal, in every byte of the model and every figure\n"),
        false => format!("{path}: different\n"),
    };
    for (part, lines) in [("model", &c.model), ("epochs.csv", &c.history)] {
        lines.iter().for_each(|line| out.push_str(&format!("  {part}, {line}\n")));
    }
    c.notes.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
    out
}
