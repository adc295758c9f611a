//! `chainrule fmt FILE --to unicode|ascii|latex`: the same file in another spelling.
//!
//! In: a file. Out: the file itself, written anew as a whole or not at all; standard input goes to
//! standard output. Lines and comments stay. Exit status 1 if `--check` finds another spelling.

use std::path::{Path, PathBuf};

use chainrule::graph::lower::is_builtin;
use chainrule::graph::prelude;
use chainrule::graph::syntax::respell::{Spelling, respell};
use clap::ValueEnum;
use serde_json::json;

use crate::failure::{DONE, FINDINGS, Failure, Outcome, USAGE};
use crate::report;
use crate::screen::Screen;
use crate::source::Source;
use crate::writing;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule fmt digits.chain                         ŷ, W1ᵀ, ⊙, written into the file
  chainrule fmt digits.chain --to ascii              y_hat, W1^T, .*
  chainrule fmt digits.chain --to latex -o digits.tex
  chainrule fmt - --to unicode < slide.tex           equations of a paper as lines
  chainrule fmt digits.chain --check                 says whether it is spelled so; writes nothing")]
pub(crate) struct Args {
    /// The file of equations; `-` reads standard input and writes standard output
    file: PathBuf,
    /// The spelling
    #[arg(long, value_enum, default_value = "unicode")]
    to: To,
    /// Say whether the file is spelled so, and write nothing
    #[arg(long)]
    check: bool,
    /// Where to write it; `-` is standard output [default: the file itself]
    #[arg(short, long = "output", value_name = "FILE", conflicts_with = "check")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    Unicode,
    Ascii,
    Latex,
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let source = Source::read(&args.file)?;
    let spelling = match args.to {
        To::Unicode => Spelling::Unicode,
        To::Ascii => Spelling::Ascii,
        To::Latex => Spelling::Latex,
    };
    let known = |n: &str| is_builtin(n) || prelude::functions().find(n).is_some();
    let text = match respell(&source.text, &known, spelling) {
        Ok(text) => text,
        Err(found) => return Err(Failure::Findings(Box::new(source), found, USAGE)),
    };
    let lines = changed_lines(&source.text, &text);
    if args.check {
        return check(&source, &lines, screen);
    }
    let path = args.output.as_ref().unwrap_or(&args.file);
    if path == Path::new("-") {
        screen.print(&text)?;
        return Ok(DONE);
    }
    if args.output.is_some() || !lines.is_empty() {
        writing::whole(path, &text, true)?;
    }
    tell(&path.display().to_string(), &lines, screen)?;
    Ok(DONE)
}

/// Lines, from 1, that the other spelling changes.
fn changed_lines(before: &str, after: &str) -> Vec<usize> {
    let (a, b): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let all = 0..a.len().max(b.len());
    let lines: Vec<usize> =
        all.filter(|&i| a.get(i) != b.get(i)).map(|i| i + 1).collect();
    // A line end more at the end of the file is a change as well.
    if lines.is_empty() && before != after { vec![a.len().max(1)] } else { lines }
}

fn check(source: &Source, lines: &[usize], screen: &Screen) -> Outcome {
    let name = report::clean(&source.name());
    match screen.json {
        true => screen.document(&json!({ "file": source.name(), "changed": lines }))?,
        false if lines.is_empty() => screen.print(&format!("{name}: spelled so\n"))?,
        false => {
            let shown: Vec<String> =
                lines.iter().take(10).map(usize::to_string).collect();
            let more = if lines.len() > 10 { ", …" } else { "" };
            let list = shown.join(", ");
            screen.print(&format!("{name}: another spelling in line {list}{more}\n"))?;
        }
    }
    Ok(if lines.is_empty() { DONE } else { FINDINGS })
}

fn tell(name: &str, lines: &[usize], screen: &Screen) -> Result<(), Failure> {
    match screen.json {
        true => screen.document(&json!({ "file": name, "changed": lines })),
        false => {
            let count = match lines.len() {
                0 => "nothing changed".to_owned(),
                1 => "1 line changed".to_owned(),
                n => format!("{n} lines changed"),
            };
            screen.say(&format!("{}: {count}\n", report::clean(name)));
            Ok(())
        }
    }
}
