//! `chainrule lr-range FILE`: the range test of a learning rate, a second opinion beside `tune`.
//!
//! In: a file of equations and its data. Out: the loss over the rate, the rate that is suggested, that
//! from which training diverges. Nothing is kept but the picture that `--svg` asks for.

use std::path::PathBuf;

use chainrule::Model;
use chainrule::train::{Control, Event};
use chainrule::tune::best::Good;
use chainrule::tune::picture;
use chainrule::tune::range::{Range, range};
use chainrule::tune::space::Axis;
use serde_json::json;

use super::Sets;
use crate::args::{number, whole};
use crate::failure::{DONE, FINDINGS, Failure, INTERRUPTED, Outcome, USAGE};
use crate::numbers::Digits;
use crate::plot::{Points, scatter};
use crate::screen::Screen;
use crate::source::Source;
use crate::{interrupt, report, writing};

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule lr-range digits.chain
  chainrule lr-range digits.chain --from 1e-6 --to 1 --steps 500 --svg range.svg

One training, in which the rate grows from step to step by the same factor until the loss diverges.
Exit status 1 if the loss never fell.")]
pub(crate) struct Args {
    /// The file of equations
    file: PathBuf,
    /// The first rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-6, value_parser = number,
        allow_hyphen_values = true)]
    from: f64,
    /// The last rate, if it comes to that
    #[arg(long, value_name = "RATE", default_value_t = 10.0, value_parser = number,
        allow_hyphen_values = true)]
    to: f64,
    /// Steps
    #[arg(long, value_name = "N", default_value_t = 300,
        value_parser = whole(20..=1_000_000_usize))]
    steps: usize,
    #[command(flatten)]
    set: Sets,
    /// Write the picture into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let located = Failure::about(&source, USAGE);
    let model = Model::from_file(&args.file, args.set.options()).map_err(&located)?;
    let data = model.load_data().map_err(&located)?;
    let part = (&data.prepared.train, &data.prepared.preparation);
    interrupt::listen();
    let mut hear = |_: &Event| match interrupt::asked() {
        true => Control::Stop,
        false => Control::Continue,
    };
    let found = range(&model, part, (args.from, args.to), args.steps, &mut hear);
    let found = found.map_err(&located)?;
    show(args, &found, screen)?;
    Ok(match (interrupt::asked(), found.suggested) {
        (true, _) => INTERRUPTED,
        (false, Some(_)) => DONE,
        (false, None) => FINDINGS,
    })
}

fn show(args: &Args, found: &Range, screen: &Screen) -> Result<(), Failure> {
    let points: Vec<(f64, f64)> =
        found.steps.iter().map(|a| (a.rate, a.smooth)).collect();
    let good = found.suggested.zip(found.lowest);
    let svg = args.svg.as_ref().and_then(|path| {
        let ends = |(low, high)| Good { low, high, open_below: false, open_above: false };
        Some((path, picture(&Axis::rate(), &points, good.map(ends))?))
    });
    if let Some((path, svg)) = &svg {
        writing::whole(path, svg, true)?;
    }
    if screen.json {
        return screen.document(&json!(found));
    }
    let picture = scatter(&Points { all: &points, name: "lr", log: true, good });
    screen.print(&format!("{picture}{}", words(found)))?;
    if let Some((path, _)) = svg {
        screen.say(&format!("wrote {}\n", report::clean(&path.display().to_string())));
    }
    Ok(())
}

fn words(found: &Range) -> String {
    let digits = Digits { digits: 2, ascii: false };
    let fell = match (found.suggested, found.lowest) {
        (Some(rate), Some(lowest)) => format!(
            "the loss falls fastest at lr {}, which is suggested, and is lowest at {}\n",
            digits.number(rate),
            digits.number(lowest)
        ),
        _ => "the loss never fell: nothing is suggested\n".to_owned(),
    };
    let diverges = match found.diverges {
        Some(rate) => format!("it diverges from lr {} on\n", digits.number(rate)),
        None => "it did not diverge\n".to_owned(),
    };
    fell + &diverges
}
