//! `chainrule new classifier|regressor`: a readable file to begin with.
//!
//! Out: the file, whole or not at all; an existing one is left alone unless `--force` says so.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;

use crate::args::whole;
use crate::failure::{DONE, Failure, Outcome};
use crate::screen::Screen;
use crate::template::{Activation, Network, Task};
use crate::writing;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  chainrule new classifier
  chainrule new classifier --inputs 784 --classes 10 --hidden 128,64 -o mnist.chain
  chainrule new regressor --hidden 32 --activation tanh -o -")]
pub(crate) struct Args {
    /// What is learned: one of several classes, or a number
    kind: Kind,
    /// Numbers in one example; without it the data says
    #[arg(long, value_name = "N", value_parser = size())]
    inputs: Option<u64>,
    /// Classes; without it the data says. With 2, one probability is learned
    #[arg(long, value_name = "K", value_parser = size())]
    classes: Option<u64>,
    /// Numbers to predict
    #[arg(long, value_name = "K", value_parser = size(), conflicts_with = "classes")]
    outputs: Option<u64>,
    /// Units of each hidden layer
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "64")]
    #[arg(value_parser = size())]
    hidden: Vec<u64>,
    /// The function between the layers
    #[arg(long, value_enum, default_value = "relu")]
    activation: Activation,
    /// Where to write; `-` is standard output [default: KIND.chain]
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Classifier,
    Regressor,
}

/// Sizes of layers that a machine can hold.
fn size() -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync {
    whole(1..=10_000_000)
}

pub(crate) fn run(args: &Args, screen: &Screen) -> Outcome {
    let path = args.path();
    let network = args.network(&path)?;
    let text = network.text();
    if path == Path::new("-") {
        screen.print(&text)?;
        return Ok(DONE);
    }
    writing::whole(&path, &text, args.force)?;
    match screen.json {
        true => screen.document(&json!({ "file": path.display().to_string() }))?,
        false => screen.say(&next(&path)),
    }
    Ok(DONE)
}

fn next(path: &Path) -> String {
    let path = path.display();
    format!("wrote {path}; now `chainrule check {path}`\n")
}

impl Args {
    fn path(&self) -> PathBuf {
        let usual = match self.kind {
            Kind::Classifier => "classifier.chain",
            Kind::Regressor => "regressor.chain",
        };
        self.output.clone().unwrap_or_else(|| usual.into())
    }

    fn network(&self, path: &Path) -> Result<Network, Failure> {
        let (task, outputs) = self.task()?;
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Network {
            task,
            hidden: self.hidden.iter().map(|n| number(*n)).collect(),
            activation: self.activation,
            inputs: self.inputs.map(number),
            outputs: outputs.map(number),
            data: None,
            train: "adam(lr = 1e-3), batch 32, epochs 30, seed 0".to_owned(),
            about: about(task, self.hidden.len(), path),
        })
    }

    fn task(&self) -> Result<(Task, Option<u64>), Failure> {
        match (self.kind, self.classes, self.outputs) {
            (Kind::Classifier, _, Some(_)) => {
                Err(Failure::Usage("--outputs: a classifier has --classes".to_owned()))
            }
            (Kind::Classifier, Some(1), _) => {
                Err(Failure::Usage("--classes: expected 2 or more, found 1".to_owned()))
            }
            (Kind::Classifier, Some(2), _) => Ok((Task::Binary, None)),
            (Kind::Classifier, classes, _) => Ok((Task::Classes, classes)),
            (Kind::Regressor, Some(_), _) => {
                Err(Failure::Usage("--classes: a regressor has --outputs".to_owned()))
            }
            (Kind::Regressor, _, outputs) => Ok((Task::Regression, outputs)),
        }
    }
}

fn about(task: Task, layers: usize, path: &Path) -> Vec<String> {
    let what = match task {
        Task::Binary => "Two classes",
        Task::Classes => "Several classes",
        Task::Regression => "A regression",
    };
    let layers = match layers {
        1 => "one hidden layer".to_owned(),
        n => format!("{n} hidden layers"),
    };
    let name = path.file_name().map_or("FILE".into(), std::ffi::OsStr::to_string_lossy);
    let name = if name == "-" { "FILE".into() } else { name };
    // A comment ends with its line, whatever the file is called.
    let name = name.replace(char::is_control, "?");
    vec![format!("{what}, {layers}."), format!("  chainrule train {name}")]
}
