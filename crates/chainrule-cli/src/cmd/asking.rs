//! Options of a question: what `explain` answers and `mark` holds answers against is the same.
//!
//! In: the command line. Out: [`AskOptions`]. Deliberately absent: questions, files.

use chainrule::explain::AskOptions;

use crate::args::whole;

#[derive(Debug, clap::Args)]
pub(super) struct Asking {
    /// The update rule of ' and @ [default: that of the train: line]
    #[arg(long, value_name = "RULE")]
    update: Option<String>,
    /// How many steps ' stands for
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = whole(0..=100_000_u32))]
    steps: u32,
    /// Symbols that are held fixed
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    freeze: Vec<String>,
    /// Round every step to so many decimals, as a calculation by hand does
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole(0..=17_u32))]
    round_each: Option<u32>,
    /// Shapes and gradients over so many examples: a number or a letter
    #[arg(long, value_name = "m")]
    examples: Option<String>,
}

impl Asking {
    /// In the graph's form of evaluation.
    pub(super) fn options(&self) -> AskOptions {
        AskOptions {
            update: self.update.clone(),
            steps: self.steps as usize,
            freeze: self.freeze.clone(),
            round_each: self.round_each,
            examples: self.examples.clone(),
            training: None,
        }
    }
}
