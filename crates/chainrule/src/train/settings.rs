//! The settings of a run: the `train:` line, what overrides it, and what holds where both say
//! nothing.
//!
//! In: [`TrainSpec`], the number of rows. Out: [`Settings`] without gaps, and sentences about what
//! was put right. Invariant: a setting that cannot be meant is refused before anything is read.

use chainrule_graph::diag::Span;
use chainrule_graph::syntax::ast::{
    Arg, Every, Name, OptimizerCall, Precision, TrainSpec,
};
use chainrule_graph::syntax::print::{Style, print_expr};

use crate::error::Error;

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The update rule and its arguments; adam with its defaults where nothing is said.
    pub optimizer: OptimizerCall,
    /// Rows of a batch; 0 is the whole training part.
    pub batch: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// Seed of start, order and dropout.
    pub seed: u64,
    /// Largest global norm of the gradient.
    pub clip: Option<f64>,
    /// Epochs without a better one before training stops.
    pub patience: Option<usize>,
    /// Whether the best epoch's weights are kept, or the last one's.
    pub keep_best: bool,
    /// Seconds.
    pub stop_after: Option<f64>,
    /// The number type.
    pub precision: Precision,
    /// What weight decay acts on, as globs; empty: everything.
    pub decay: Vec<String>,
    /// The controller that lowers the rate.
    pub plateau: Option<Plateau>,
    /// How often a run is saved on the way; `None`: about once a minute, where that is cheap.
    pub checkpoint: Option<Every>,
}

/// `plateau(factor = 0.5, patience = 5)`: the rate is multiplied by `factor` after `patience`
/// epochs without a better one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// Below 1.
    pub factor: f64,
    /// Epochs.
    pub patience: usize,
}

/// Epochs where the file says nothing.
const EPOCHS: usize = 30;
/// Rows of a batch where the file says nothing.
const BATCH: usize = 32;

impl Settings {
    /// The settings of a `train:` line.
    ///
    /// # Errors
    /// [`Error::Usage`] for arguments of `plateau` that do not fit.
    pub fn of(spec: &TrainSpec, precision: Precision) -> Result<Self, Error> {
        Ok(Self {
            optimizer: spec.optimizer.clone().unwrap_or_else(adam),
            batch: spec.batch.unwrap_or(BATCH),
            epochs: spec.epochs.unwrap_or(EPOCHS),
            seed: spec.seed.unwrap_or(0),
            clip: spec.clip,
            patience: spec.patience,
            // Patience without the best weights would keep the worst of the last epochs.
            keep_best: spec.keep_best.unwrap_or(spec.patience.is_some()),
            stop_after: spec.stop_after,
            precision: spec.precision.unwrap_or(precision),
            decay: spec.decay.clone(),
            plateau: spec.plateau.as_ref().map(Plateau::of).transpose()?,
            checkpoint: spec.checkpoint,
        })
    }

    /// Refuses what cannot train.
    ///
    /// # Errors
    /// [`Error::Usage`] for zero epochs, a clip or a time that is not above 0.
    pub fn check(&self) -> Result<(), Error> {
        let usage = |field: &str, message: &str| {
            Err(Error::Usage { field: field.to_owned(), message: message.to_owned() })
        };
        if self.epochs == 0 {
            return usage("epochs", "0 epochs train nothing; give 1 or more");
        }
        if self.clip.is_some_and(|c| c.is_nan() || c <= 0.0) {
            return usage("clip", "expected a norm above 0");
        }
        if self.stop_after.is_some_and(|s| s.is_nan() || s <= 0.0) {
            return usage("stop after", "expected a time above 0");
        }
        Ok(())
    }

    /// The optimiser's call as it is written in a file.
    #[must_use]
    pub fn optimizer_text(&self) -> String {
        let arg = |a: &Arg| {
            let value = print_expr(&a.value, Style::Unicode);
            match &a.name {
                Some(name) => format!("{} = {value}", name.written),
                None => value,
            }
        };
        let args: Vec<String> = self.optimizer.args.iter().map(arg).collect();
        format!("{}({})", self.optimizer.name.written, args.join(", "))
    }

    /// Rows of a batch for this many rows, and what has to be said about it.
    #[must_use]
    pub fn batch_for(&self, rows: usize) -> (usize, Option<String>) {
        if self.batch == 0 || self.batch == rows {
            return (rows, None);
        }
        if self.batch > rows {
            let s = if rows == 1 { "" } else { "s" };
            let note = format!(
                "batch {} is larger than the training part: all {rows} row{s} make one batch",
                self.batch
            );
            return (rows, Some(note));
        }
        (self.batch, None)
    }

    /// Whether weight decay acts on the parameter.
    #[must_use]
    pub fn decays(&self, key: &str) -> bool {
        self.decay.is_empty() || self.decay.iter().any(|g| glob(g, key))
    }
}

impl Plateau {
    fn of(call: &OptimizerCall) -> Result<Self, Error> {
        let mut plateau = Self { factor: 0.5, patience: 5 };
        let fail = |message: String| Error::Usage { field: "plateau".into(), message };
        for (place, arg) in call.args.iter().enumerate() {
            let name = arg.name.as_ref().map_or(["factor", "patience"].get(place), |n| {
                ["factor", "patience"].iter().find(|known| **known == n.key)
            });
            let value = number(&arg.value);
            match (name, value) {
                (Some(&"factor"), Some(f)) if f > 0.0 && f < 1.0 => plateau.factor = f,
                (Some(&"patience"), Some(p)) if p >= 1.0 && p.fract() == 0.0 => {
                    plateau.patience = p as usize;
                }
                (Some(&"factor"), _) => {
                    return Err(fail("expected a factor between 0 and 1".into()));
                }
                (Some(_), _) => {
                    return Err(fail("expected a whole number of epochs from 1".into()));
                }
                (None, _) => {
                    return Err(fail(
                        "it takes factor and patience, nothing else".into(),
                    ));
                }
            }
        }
        Ok(plateau)
    }
}

fn number(e: &chainrule_graph::syntax::ast::Expr) -> Option<f64> {
    match &e.kind {
        chainrule_graph::syntax::ast::ExprKind::Number(v, _) => Some(*v),
        _ => None,
    }
}

fn adam() -> OptimizerCall {
    let name = |s: &str| Name { key: s.into(), written: s.into(), span: Span::default() };
    OptimizerCall { name: name("adam"), args: Vec::new() }
}

/// Whether a glob with `*` covers the whole of `text`.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(i, _)| i).chain([rest.len()]);
            ends.into_iter().any(|i| glob(tail, &rest[i..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_cover_whole_names() {
        for (pattern, text, want) in [
            ("W*", "W1", true),
            ("W*", "b1", false),
            ("*", "", true),
            ("W1", "W12", false),
            ("*γ*", "aγb", true),
            ("W*2", "W12", true),
            ("W*2", "W21", false),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_batch_larger_than_the_data_is_all_rows_and_said() {
        let settings = Settings::of(&TrainSpec::default(), Precision::F32).unwrap();
        assert_eq!(settings.batch_for(100), (32, None));
        let (rows, note) = settings.batch_for(1);
        assert_eq!(rows, 1);
        assert!(note.unwrap().contains("all 1 row make"));
        let full = Settings { batch: 0, ..settings };
        assert_eq!(full.batch_for(77), (77, None));
    }

    #[test]
    fn zero_epochs_are_refused() {
        let settings = Settings::of(&TrainSpec::default(), Precision::F32).unwrap();
        let zero = Settings { epochs: 0, ..settings };
        assert!(zero.check().unwrap_err().to_string().contains("train nothing"));
    }
}
