//! What went wrong in a training, with evidence: findings as plain data.
//!
//! In: curves, logs of any program, lists of learning rates. Out: [`Finding`]s: a word, how sure,
//! where, the numbers, what to do; faces draw them. What a finding means stands once, in [`FINDINGS`].
//! Invariants: nothing is said without a number behind it; a rule compares with what was measured,
//! never with a figure of some other task; where a log cannot tell, that is said. Deliberately
//! absent: training, files (but for [`log`]), colours.

pub mod curves;
pub mod gap;
pub mod log;
mod logged;
pub mod search;
mod smooth;
pub mod splits;

use serde::Serialize;

pub use logged::findings;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Costs something, or will.
    Warning,
    /// Keeps the network from learning; proven.
    Error,
}

/// A diagnosis, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its word in [`FINDINGS`].
    pub id: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// Where: a column of a log, an epoch, a layer.
    pub place: String,
    /// What was found, in one sentence with its numbers.
    pub message: String,
    /// The numbers, by name.
    pub evidence: Vec<(&'static str, f64)>,
    /// What to do about it.
    pub advice: String,
}

/// What a word of a finding stands for.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct About {
    /// The word.
    pub id: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// When it is reported.
    pub rule: &'static str,
    /// Why it matters, and what helps.
    pub text: &'static str,
}

/// All findings there are.
pub const FINDINGS: &[About] = &[
    About {
        id: "exploding",
        title: "the loss explodes",
        rule: "a loss that is not finite; or one that ends above four times its best; or one that \
               rises over three parts of the run in a row and ends above its start",
        text: "Each step overshoots, and the next gradient is larger still. The largest stable \
               rate of gradient descent is 2/λ, with λ the largest eigenvalue of the Hessian; \
               inputs that are not scaled make λ large. Lower the rate by a factor of ten, scale \
               the inputs, or clip the gradient.",
    },
    About {
        id: "oscillating_loss",
        title: "the loss swings to and fro",
        rule: "in the second half of the run, more than 60 % of the changes of the loss turn back \
               on the one before, and a swing is larger than what the half gained",
        text: "Steps jump across the valley instead of down it. A rate three to ten times \
               smaller, a rate that decays, or larger batches make the steps fit.",
    },
    About {
        id: "lr_too_high",
        title: "the learning rate is too high",
        rule: "the loss falls at once and then stays far above what another run of the same \
               network reaches, or jumps above its start before it falls",
        text: "The first steps are large enough to learn what is easy, and too large for the \
               rest. Try a third to a tenth of the rate, or let it decay.",
    },
    About {
        id: "lr_too_low",
        title: "the learning rate is too low",
        rule: "the loss falls all the time, evenly, and has lost less than a fifth of its start",
        text: "Nothing is wrong but the pace. Three to ten times the rate gets as far in a third \
               to a tenth of the epochs, until steps begin to swing.",
    },
    About {
        id: "too_few_epochs",
        title: "training ended while it still paid",
        rule: "the last fifth of the run brought more than a tenth of the whole fall, and more \
               than twice its noise",
        text: "More epochs, or a higher rate. The estimate continues the last fifth at the pace \
               at which its falls shrink.",
    },
    About {
        id: "overfitting",
        title: "the network learns its examples by heart",
        rule: "for three epochs or more the validation loss lies above its minimum by more than \
               three times its noise, while the training loss falls",
        text: "From the minimum on, training makes the network worse on rows that it has not \
               seen. Stop there and keep those weights, or add L2, dropout, or data.",
    },
    About {
        id: "validation_better",
        title: "validation comes out better than training",
        rule: "in a log, the validation loss lies below the training loss for three epochs in a \
               row, at the end; of a run, it does so by three standard errors when both are \
               measured with the same weights in evaluation form (`diagnose --gap RUN`)",
        text: "Often an artefact: the training figure is a mean over an epoch in which the \
               weights still moved, with dropout, and with the penalty in it. Measure both with \
               the same weights in evaluation mode: `diagnose --gap` does, and says what each of \
               these is worth. If the gap stays: the parts come from different distributions or \
               rows leak (`diagnose --splits`), or the implementation is wrong.",
    },
    About {
        id: "distribution_shift",
        title: "the parts do not come from one source",
        rule: "a classifier on whole rows, or a test of one of the columns or targets, tells \
               training from the other part, at 1 % for all tests of the split together",
        text: "What is measured on the other part is then not what training was for: too good or \
               too bad, and which of them is chance. Rows that are sorted by time, place or \
               class before they are cut are the usual reason. Deal them at random, stratified \
               by class; or, if the difference is meant, train on rows like those that come.",
    },
    About {
        id: "split_leak",
        title: "rows of the other part stand in training",
        rule: "more rows are equal to a row of training, or as good as equal, than a random \
               split of the same rows would have, at 1 % for all tests of the split together",
        text: "A network that learned a row by heart is right about its copy, so figures are too \
               good. Rows that are equal by nature share the parts by chance, and are no leak: \
               they are counted by how many of a family fall into each part. Take copies out \
               before rows are dealt, and deal rows of one origin (a patient, a film) together.",
    },
    About {
        id: "not_learning",
        title: "the loss does not move",
        rule: "over the whole run the loss fell by less than 2 % of its start, and does not fall \
               at the end either",
        text: "The network does no better than a constant answer. Either the rate is so high that \
               the first step ended in a dead place, or so low that nothing happens, or nothing \
               that is learned reaches the output.",
    },
    About {
        id: "lr_search_poor",
        title: "the learning rates that are tried lie badly",
        rule: "the candidates cover less than three decades, or more than 60 % of them lie in \
               one decade",
        text: "What a rate does depends on its order of magnitude, so rates are drawn at random \
               on a logarithmic scale: 10^u with u uniform, from 1e-5 to 1, and then once more \
               half a decade around the best.",
    },
];

/// What the word stands for.
#[must_use]
pub fn about(id: &str) -> Option<&'static About> {
    FINDINGS.iter().find(|f| f.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_stands_once_and_says_rule_and_advice() {
        for (i, f) in FINDINGS.iter().enumerate() {
            assert_eq!(FINDINGS.iter().position(|g| g.id == f.id), Some(i), "{}", f.id);
            assert!(f.rule.len() > 20 && f.text.len() > 40, "{}", f.id);
        }
        assert!(about("exploding").is_some() && about("exploded").is_none());
    }
}
