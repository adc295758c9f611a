//! A network in a few words → a `.chain` file that a person would have written.
//!
//! In: task, layers, where the data is. Out: text. Invariant: the text loads and type-checks (a test
//! writes every combination). Used by `new` and by `train --data`.

use std::fmt::Write;

use clap::ValueEnum;

/// What is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// One of two classes: a sigmoid.
    Binary,
    /// One of several classes: a softmax.
    Classes,
    /// Numbers.
    Regression,
}

/// The function between the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the functions")]
pub(crate) enum Activation {
    Relu,
    LeakyRelu,
    Tanh,
    Sigmoid,
    Gelu,
    Silu,
    Selu,
    Elu,
}

impl Activation {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
    }

    /// The start that keeps the variance through layers of this function.
    fn start(self) -> &'static str {
        match self {
            Self::Tanh | Self::Sigmoid => "glorot",
            Self::Selu => "lecun",
            _ => "he",
        }
    }
}

/// A network to write down.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// What is learned.
    pub task: Task,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Between the layers.
    pub activation: Activation,
    /// Size of the input if it is not left to the data.
    pub inputs: Option<usize>,
    /// Classes or numbers at the output, if not left to the data.
    pub outputs: Option<usize>,
    /// What stands behind `data:`; without one an example is written as a comment.
    pub data: Option<String>,
    /// What stands behind `train:`.
    pub train: String,
    /// Comment lines at the top.
    pub about: Vec<String>,
}

/// The layers, from 1: the name of the width of each.
fn widths(n: &Network) -> Vec<String> {
    let single = n.hidden.len() == 1;
    let hidden = (1..=n.hidden.len()).map(|l| match single {
        true => "H".to_owned(),
        false => format!("H{l}"),
    });
    hidden.chain([n.output()]).collect()
}

impl Network {
    /// The name, or 1, of the output's width.
    fn output(&self) -> String {
        match (self.task, self.outputs) {
            (Task::Binary, _) => "1".to_owned(),
            (Task::Regression, None | Some(1)) => "1".to_owned(),
            _ => "K".to_owned(),
        }
    }

    /// The file.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for line in &self.about {
            out.push_str(&format!("# {line}\n"));
        }
        out.push('\n');
        out.push_str(&self.declarations());
        out.push('\n');
        out.push_str(&self.equations());
        out.push('\n');
        out.push_str(&self.settings());
        out
    }

    fn declarations(&self) -> String {
        let mark = match self.task {
            Task::Binary => " binary",
            Task::Classes => " one-hot",
            Task::Regression => "",
        };
        let (k, d) = (self.output(), "D");
        let mut out = match self.inputs {
            Some(_) => format!("input  x : {d}\n"),
            None => format!(
                "input  x : {d}      # one example, a column; D comes from the data\n"
            ),
        };
        let _ = writeln!(out, "target y : {k}{mark}");
        out.push_str(&self.parameters(d));
        let sizes = self.sizes();
        if !sizes.is_empty() {
            let _ = writeln!(out, "where  {}", sizes.join(", "));
        }
        out
    }

    fn parameters(&self, d: &str) -> String {
        let widths = widths(self);
        let mut before = d.to_owned();
        let mut rows = Vec::new();
        for (l, width) in (1..).zip(&widths) {
            let start = match l == widths.len() {
                true => "glorot",
                false => self.activation.start(),
            };
            let w = format!("param  W{l} : {width}×{before} ~ {start},");
            rows.push([w, format!("b{l} : {width} = 0")]);
            before.clone_from(width);
        }
        crate::table::columns(0, &rows)
    }

    fn sizes(&self) -> Vec<String> {
        let widths = widths(self);
        let hidden = widths.iter().zip(&self.hidden).map(|(w, n)| format!("{w} = {n}"));
        let inputs = self.inputs.map(|n| format!("D = {n}"));
        let outputs = self.outputs.filter(|_| self.output() == "K");
        let outputs = outputs.map(|n| format!("K = {n}"));
        hidden.chain(inputs).chain(outputs).collect()
    }

    fn equations(&self) -> String {
        let last = self.hidden.len() + 1;
        let act = self.activation.name();
        let mut out = String::new();
        let mut before = "x".to_owned();
        for l in 1..last {
            let _ = writeln!(out, "z{l} = W{l} {before} + b{l}\na{l} = {act}(z{l})");
            before = format!("a{l}");
        }
        let affine = format!("W{last} {before} + b{last}");
        out.push_str(&match self.task {
            Task::Regression => format!("ŷ  = {affine}\nL  = half_mse(y, ŷ)\n"),
            Task::Binary => format!(
                "z{last} = {affine}\nŷ  = sigmoid(z{last})\nL  = binary_cross_entropy(y, ŷ)\n"
            ),
            Task::Classes => format!(
                "z{last} = {affine}\nŷ  = softmax(z{last})\nL  = cross_entropy(y, ŷ)\n"
            ),
        });
        out
    }

    fn settings(&self) -> String {
        let all: Vec<String> =
            (1..=self.hidden.len() + 1).map(|l| format!("W{l}")).collect();
        let mut out = format!("minimize mean(L) + 1e-4/2 ‖{}‖²\n\n", all.join(", "));
        match &self.data {
            Some(line) => out.push_str(&format!("data:  {line}\n")),
            None => out.push_str(&self.example_of_data()),
        }
        let _ = writeln!(out, "train: {}", self.train);
        out
    }

    /// What a `data:` line would look like, as a comment.
    fn example_of_data(&self) -> String {
        let (y, split) = match self.task {
            Task::Regression => ("y = price standardized", "hold out 20 %"),
            _ => ("y = label", "hold out 20 % stratified"),
        };
        format!(
            "# Put your file here and take the # away; * is every column that is not used elsewhere.\n\
             # data:  my.csv,  x = * standardized,  {y},  {split}\n"
        )
    }
}
