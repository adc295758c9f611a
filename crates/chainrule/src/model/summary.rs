//! How a training went, in plain sentences and as JSON.
//!
//! In: [`Trained`], the figures of the parts. Out: [`Summary`]. Invariant: every figure stands
//! beside its baseline. Deliberately absent: colours, widths.

use serde::Serialize;

use super::{Evaluation, Trained};
use crate::metrics::Scores;
use crate::train::{End, Why};

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Plain sentences.
    pub lines: Vec<String>,
    /// Figures of each part: `training`, `held out`, `test`.
    pub parts: Vec<(String, Evaluation)>,
}

impl Summary {
    /// Sums up a training with the figures of its parts.
    #[must_use]
    pub fn new(trained: &Trained, parts: Vec<(String, Evaluation)>) -> Self {
        let mut lines = Vec::new();
        if let Some(end) = trained.end() {
            lines.push(format!(
                "{}; {}, {}, {:.1} s",
                end.why.sentence(),
                counted(end.epochs as u64, "epoch"),
                counted(end.steps, "step"),
                end.seconds
            ));
            lines.push(kept(end, trained.model().settings().keep_best));
        }
        lines.extend(trained.notes().iter().cloned());
        lines.extend(parts.iter().map(|(name, e)| part(name, e)));
        Self { lines, parts }
    }

    /// The sentences, one a line.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().map(|l| format!("{l}\n")).collect()
    }
}

/// "1 step", "7 steps".
fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Which weights the figures speak of.
fn kept(end: &End, best: bool) -> String {
    match &end.why {
        _ if best && end.kept > 0 => {
            format!("kept: the weights after epoch {}, the best", end.kept)
        }
        Why::NotFinite { .. } => {
            "kept: the last weights that were seen to give a finite objective, at most 16 steps \
             old; the figures are theirs"
                .to_owned()
        }
        Why::Interrupted | Why::Time => {
            format!("kept: the weights after step {}", end.steps)
        }
        Why::Epochs | Why::Patience => {
            format!("kept: the weights after epoch {}", end.kept)
        }
    }
}

fn part(name: &str, e: &Evaluation) -> String {
    let rows = if e.rows == 1 { "row" } else { "rows" };
    let head = format!("{name} ({} {rows}): loss {:.4}", e.rows, e.loss);
    match &e.scores {
        None => head,
        Some(Scores::Numbers(n)) => format!(
            "{head}, R² {}, RMSE {:.4}, MAE {:.4} (the mean alone: RMSE {:.4}, MAE {:.4})",
            n.r2.map_or("not defined".into(), |r| format!("{r:.4}")),
            n.rmse,
            n.mae,
            n.baseline_rmse,
            n.baseline_mae
        ),
        Some(scores) => format!(
            "{head}, accuracy {:.2} % (the majority class alone: {:.2} %)",
            100.0 * scores.headline().1,
            100.0 * scores.headline_baseline()
        ),
    }
}
