//! `chainrule draw FILE`: the network as a picture, as SVG or PNG, or in the terminal.
//!
//! In: a file. Out: the library's drawing, written by one of its writers. What is wider than the
//! terminal is refused with the way out.

use std::path::{Path, PathBuf};

use chainrule::draw::{Drawing, Measure, draw, sketch, svg, text};
use chainrule::graph::module::Module;
use serde_json::{Value, json};

use super::Sets;
use crate::args::natural;
use crate::failure::{DONE, Failure, Outcome, USAGE};
use crate::report;
use crate::screen::Screen;
use crate::source::Source;
use crate::writing;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule draw exam.chain                 in the terminal
  chainrule draw digits.chain -o net.svg
  chainrule draw digits.chain -o net.png    in a build with `--features png`
  chainrule draw digits.chain --format json boxes, lines and labels with their places")]
pub(crate) struct Args {
    /// The file of equations; `-` reads standard input
    file: PathBuf,
    /// Where to write it: .svg or .png [default: the terminal]
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Columns of the terminal; what is wider is not drawn there
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = natural::<u32>)]
    width: u32,
    #[command(flatten)]
    set: Sets,
}

/// What is said where a picture has no shapes.
const UNDECLARED: &str =
    "note: drawn without shapes, as no line declares the names (param W : H×D)\n";

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let loaded = source.load(&args.set)?;
    let empty = |m: &Module| m.equations.is_empty() && m.objective.is_none();
    if loaded.module.as_ref().is_some_and(empty) {
        let words = format!("{}: there is no equation to draw", source.name());
        return Err(Failure::Usage(words));
    }
    let measure = match args.output.is_none() && !screen.json {
        true => Measure::CELLS,
        false => Measure::PIXELS,
    };
    let drawn = match &loaded.module {
        Some(module) => Some(draw(module, &source.text, measure)),
        None => sketch(&source.text, measure),
    };
    let Some(drawing) = drawn else {
        return Err(Failure::Findings(Box::new(source), loaded.diagnostics, USAGE));
    };
    if loaded.module.is_none() {
        screen.say(UNDECLARED);
    }
    match &args.output {
        Some(path) => write(path, &drawing, &source.name())?,
        None if screen.json => screen.document(&document(&drawing))?,
        None => screen.print(&in_cells(&drawing, &source, args.width)?)?,
    }
    Ok(DONE)
}

/// By the ending of the file.
fn write(path: &Path, drawing: &Drawing, title: &str) -> Result<(), Failure> {
    let picture = svg(drawing, title);
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_lowercase();
    match ending.as_str() {
        "svg" => writing::whole(path, picture, true),
        "png" => writing::whole(path, png(&picture)?, true),
        _ => {
            let words = "expected a name that ends with .svg or .png";
            Err(Failure::Usage(format!("{}: {words}", path.display())))
        }
    }
}

#[cfg(feature = "png")]
fn png(picture: &str) -> Result<Vec<u8>, Failure> {
    Ok(chainrule::draw::png(picture, 2.0)?)
}

#[cfg(not(feature = "png"))]
fn png(_: &str) -> Result<Vec<u8>, Failure> {
    let words = "this build paints no PNG: write an .svg, or build with --features png";
    Err(Failure::Usage(words.to_owned()))
}

fn in_cells(drawing: &Drawing, source: &Source, width: u32) -> Result<String, Failure> {
    if drawing.width > width as i32 {
        let words = format!(
            "{}: the picture is {} columns wide, more than {width}; write it to a file: -o net.svg",
            source.name(),
            drawing.width
        );
        return Err(Failure::Usage(words));
    }
    Ok(report::clean(&text(drawing)))
}

/// Boxes, lines and labels with their places in pixels.
fn document(d: &Drawing) -> Value {
    let area =
        |a: &chainrule::draw::Area| json!({ "x": a.x, "y": a.y, "w": a.w, "h": a.h });
    let boxes = d.boxes.iter().map(|b| {
        json!({
            "kind": format!("{:?}", b.kind).to_lowercase(),
            "name": b.name,
            "lines": b.lines,
            "layer": b.layer,
            "area": area(&b.area),
        })
    });
    let lines =
        d.lines.iter().map(|l| json!({ "from": l.from, "to": l.to, "points": l.points }));
    let labels = d
        .labels
        .iter()
        .map(|l| json!({ "of": l.of, "text": l.text, "area": area(&l.area) }));
    json!({
        "width": d.width,
        "height": d.height,
        "boxes": boxes.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
        "labels": labels.collect::<Vec<_>>(),
    })
}
