//! What went wrong in a training, with evidence: findings as plain data.
//!
//! In: curves, logs of any program, lists of learning rates. Out: [`Finding`]s: a word, how sure,
//! where, the numbers, what to do; faces draw them. What a finding means stands once, in [`FINDINGS`].
//! Invariants: nothing is said without a number behind it; a rule compares with what was measured,
//! never with a figure of some other task; where a log cannot tell, that is said. Deliberately
//! absent: training, files (but for [`log`]), colours.

pub mod curves;
pub(crate) mod evidence;
mod examine;
mod finished;
mod flow;
pub mod gap;
pub mod log;
mod logged;
mod prove;
mod rules;
pub mod search;
mod smooth;
pub mod splits;

use serde::Serialize;

pub use evidence::Evidence;
pub use examine::{Depth, Examined, Examiner, examine, look_over};
pub use finished::examine_finished;
pub use flow::{Flow, Moment};
pub use logged::findings;
pub use prove::{Proof, prove};
pub use rules::{Kind, RULES, Rule};

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
        rule: "a loss that is not finite; or one that ends above four times its best; \
               or one that rises over three parts of the run in a row and ends above \
               its start",
        text: "Each step overshoots, and the next gradient is larger still. The largest stable \
               rate of gradient descent is 2/λ, with λ the largest eigenvalue of the Hessian; \
               inputs that are not scaled make λ large. Lower the rate by a factor of ten, scale \
               the inputs, or clip the gradient.",
    },
    About {
        id: "oscillating_loss",
        title: "the loss swings to and fro",
        rule: "in the second half of the run, more than 60 % of the changes of the loss \
               turn back on the one before, and a swing is larger than what the half \
               gained",
        text: "Steps jump across the valley instead of down it. A rate three to ten times \
               smaller, a rate that decays, or larger batches make the steps fit.",
    },
    About {
        id: "lr_too_high",
        title: "the learning rate is too high",
        rule: "the loss falls at once and then stays far above what another run of the \
               same network reaches, or jumps above its start before it falls; in a \
               training: the same with a third or a tenth of the rate ends with a loss \
               clearly lower",
        text: "The first steps are large enough to learn what is easy, and too large for the \
               rest. Try a third to a tenth of the rate, or let it decay.",
    },
    About {
        id: "lr_too_low",
        title: "the learning rate is too low",
        rule: "the loss falls all the time, evenly, and has lost less than a fifth of \
               its start; in a training: three or ten times the rate ends with a loss \
               clearly lower, it was still falling, and the answers are not right yet; \
               or the loss falls, is still above that of a constant answer, and a step \
               changes weights by less than 1e-4 of their size",
        text: "Nothing is wrong but the pace. Three to ten times the rate gets as far in a third \
               to a tenth of the epochs, until steps begin to swing.",
    },
    About {
        id: "too_few_epochs",
        title: "training ended while it still paid",
        rule: "the last fifth of the run brought more than a tenth of the whole fall, \
               and more than twice its noise; in a training: with twice the epochs \
               (five times, if there were less than ten) the loss comes 15 % lower, or \
               wins a quarter of what the best constant answer leaves, and watched rows \
               gain, too",
        text: "More epochs, or a higher rate. The estimate continues the last fifth at the pace \
               at which its falls shrink.",
    },
    About {
        id: "overfitting",
        title: "the network learns its examples by heart",
        rule: "for three epochs or more the validation loss lies above its minimum by \
               more than three times its noise, while the training loss falls; in a \
               training: three standard errors of the paired difference, row by row, of \
               the last epoch and the best",
        text: "From the minimum on, training makes the network worse on rows that it has not \
               seen. Stop there and keep those weights, or add L2, dropout, or data.",
    },
    About {
        id: "validation_better",
        title: "validation comes out better than training",
        rule: "in a log, the validation loss lies below the training loss for three epochs in a \
               row, at the end; in a training and of a run, it does so, and by three standard errors \
               when both are measured with the same weights in evaluation form (a note if it is by \
               how they are measured alone)",
        text: "Often an artefact: the training figure is a mean over an epoch in which the \
               weights still moved, with dropout, and with the penalty in it. Measure both with \
               the same weights in evaluation mode: `diagnose --gap` does, and says what each of \
               these is worth. If the gap stays: the parts come from different distributions or \
               rows leak (`diagnose --splits`), or the implementation is wrong.",
    },
    About {
        id: "distribution_shift",
        title: "the parts do not come from one source",
        rule: "a classifier on whole rows, or a test of one of the columns or targets, \
               tells training from the other part, at 1 % for all tests of the split \
               together",
        text: "What is measured on the other part is then not what training was for: too good or \
               too bad, and which of them is chance. Rows that are sorted by time, place or \
               class before they are cut are the usual reason. Deal them at random, stratified \
               by class; or, if the difference is meant, train on rows like those that come.",
    },
    About {
        id: "split_leak",
        title: "rows of the other part stand in training",
        rule: "more rows are equal to a row of training, or as good as equal, than a \
               random split of the same rows would have, at 1 % for all tests of the \
               split together",
        text: "A network that learned a row by heart is right about its copy, so figures are too \
               good. Rows that are equal by nature share the parts by chance, and are no leak: \
               they are counted by how many of a family fall into each part. Take copies out \
               before rows are dealt, and deal rows of one origin (a patient, a film) together.",
    },
    About {
        id: "not_learning",
        title: "the loss does not move",
        rule: "over the whole run the loss fell by less than 2 % of its start, and does \
               not fall at the end either; in a training: the lowest loss is not below \
               98 % of that of the best constant answer by three standard errors, and \
               no error explains it",
        text: "The network does no better than a constant answer. Either the rate is so high that \
               the first step ended in a dead place, or so low that nothing happens, or nothing \
               that is learned reaches the output.",
    },
    About {
        id: "no_nonlinearity",
        title: "layers without a non-linearity between them",
        rule: "two or more products with learned weights follow each other with only \
               sums, factors, dropout, batch norm or a linear activation between",
        text: "A linear map of a linear map is linear: the layers together learn what one of \
               them could, with more weights and a harder path. Put an activation between \
               them, or keep one.",
    },
    About {
        id: "gradient_sign_flipped",
        title: "the loss is made large",
        rule: "the objective holds the mean loss with a negative factor, or the rate is \
               below 0",
        text: "Gradient descent makes the objective small, and so the loss large: each step \
               is a step away. Take the sign away.",
    },
    About {
        id: "loss_sum_not_mean",
        title: "the loss is summed, not averaged",
        rule: "the objective is eight times the mean loss or more",
        text: "A sum over rows grows with their number, and so does each step: the rate that \
               works depends on the batch, and penalties weigh less. Minimise the mean.",
    },
    About {
        id: "softmax_single_unit",
        title: "softmax over one unit",
        rule: "the output is softmax, and has one entry",
        text: "exp(z) / exp(z) is 1: the output is constant, its gradient 0. One unit takes \
               sigmoid with binary_cross_entropy.",
    },
    About {
        id: "missing_output_activation",
        title: "classes without probabilities",
        rule: "the output is a straight line of the last layer while the loss takes \
               logarithms of it, or while the targets are classes",
        text: "Scores become probabilities by softmax (one class of several) or sigmoid (yes \
               or no); the loss has to match.",
    },
    About {
        id: "loss_output_mismatch",
        title: "loss and output do not belong together",
        rule: "cross-entropy over outputs that do not sum to 1 by softmax, binary \
               cross-entropy over outputs outside of 0 to 1, classes given as numbers \
               to a loss for probabilities, or a loss that the output cannot change",
        text: "A loss of probabilities needs probabilities: with others its best answer is \
               not the right one, or its gradient vanishes where the answer is wrong.",
    },
    About {
        id: "loss_mismatch",
        title: "a loss for another task",
        rule: "a squared or absolute error over probabilities of classes, binary \
               cross-entropy over softmax, or a loss of classes on targets that are \
               numbers",
        text: "It may train, but slowly: the gradient of the pair vanishes where the answer \
               is sure and wrong. Take the pair that the targets call for.",
    },
    About {
        id: "multilabel_softmax",
        title: "several labels under softmax",
        rule: "the output is softmax, and rows of the target have several labels or \
               none",
        text: "Softmax shares 1 among all labels, so two right ones can have half each at \
               best. A sigmoid for each label, with binary_cross_entropy, lets each be right.",
    },
    About {
        id: "output_range_mismatch",
        title: "targets that the output cannot reach",
        rule: "targets lie outside of the range that the output function has, whatever \
               the weights",
        text: "What is out of reach stays wrong: the network pushes its last layer into \
               saturation. Leave the last layer linear, or scale the targets.",
    },
    About {
        id: "shape_broadcast",
        title: "one number for several outputs",
        rule: "a target has several entries, and they are equal in every row",
        text: "Somewhere a column of numbers met outputs of another shape and was spread over \
               them. One output for one number, or one-hot targets.",
    },
    About {
        id: "constant_init",
        title: "weights that start alike",
        rule: "all weights of a hidden layer have the same value; an error if the \
               gradients of its units are equal too",
        text: "Units with equal weights and equal gradients stay equal: the layer has one \
               unit, however wide it is. Weights are drawn at random to tell units apart.",
    },
    About {
        id: "bad_init_scale",
        title: "weights that start too small or too large",
        rule: "the mean square of a layer's first weights is more than ten times off \
               what its size calls for (1 / in to 2 / in, or Glorot's 2 / (in + out)); \
               the last layer may be small",
        text: "Each layer multiplies signals by about √(in · mean square): below 1 they die \
               out, above they saturate or grow. ~ he for relu, ~ glorot for tanh and sigmoid \
               keep them.",
    },
    About {
        id: "adam_epsilon_too_small",
        title: "an ε that protects from nothing",
        rule: "the optimiser's ε is below 1e-10",
        text: "Where the running mean of squares is next to 0, the step is the gradient's \
               rounding divided by its own size. ε keeps such steps small.",
    },
    About {
        id: "unnormalised_inputs",
        title: "inputs that are not scaled",
        rule: "a column that is more than a mark has |mean| or deviation above 10, or \
               is a hundred times as large as the one in the middle",
        text: "Large columns make the loss steep in their weights and flat in all others: the \
               largest stable rate is 2 / λ, λ the largest eigenvalue of their second moment. \
               Standardise.",
    },
    About {
        id: "inputs_too_small",
        title: "inputs next to 0",
        rule: "no column lies further from 0, or further apart, than 0.01",
        text: "The first layer has to grow a hundredfold before it sees anything. \
               Standardise, or divide by less.",
    },
    About {
        id: "unnormalised_targets",
        title: "targets that are not scaled",
        rule: "the targets' deviation is more than 30 times that of the first outputs, \
               and the output is not bounded",
        text: "Gradients are as large as the targets, and the last layer has to grow to their \
               size. Standardise them; predictions are scaled back.",
    },
    About {
        id: "labels_shuffled",
        title: "targets that do not belong to their inputs",
        rule: "rows with equal inputs differ in their targets as any two rows do (an F \
               test)",
        text: "If the inputs said anything, rows with equal inputs would have more similar \
               targets than others. Rows of inputs and targets have lost each other.",
    },
    About {
        id: "labels_independent",
        title: "inputs say nothing about the targets",
        rule: "the network does no better than a constant, and no column, square or \
               product correlates with the targets beyond chance in so many tests",
        text: "Nothing to learn is there, or inputs and targets were put side by side in \
               different orders.",
    },
    About {
        id: "dead_relu",
        title: "units that never answer",
        rule: "units of a function without an upper bound have slope 0 on every row in \
               the last two looks: above 30 % of a layer a note, above 70 % a warning, \
               all an error if nothing is learned; else a warning if more than one \
               start in seven, by other seeds, has a layer without a unit that answers \
               to any row",
        text: "A unit that is 0 on every row has gradient 0 and stays so. A step that was too \
               large, a bias that drifted, or narrow layers. Lower the rate, take leaky_relu, \
               scale the inputs.",
    },
    About {
        id: "vanishing_gradient",
        title: "the first layers do not learn",
        rule: "in three looks the first layer's gradient is below a thousandth of the \
               last one's, and the network does no better than a constant; a warning if \
               it was so for a fifth of the epochs, and then learned",
        text: "Each layer multiplies the gradient by its slopes and weights; a product of \
               many numbers below 1 is next to 0. relu-like functions with ~ he, fewer \
               layers, batch_norm, a way around layers.",
    },
    About {
        id: "saturation",
        title: "units on the flat ends",
        rule: "more than half of rows and units of a layer of a bounded function have a \
               slope below 1 % of the steepest, in two looks",
        text: "Where a sigmoid or tanh is flat nothing passes back. Scale the inputs, start \
               smaller, or take relu.",
    },
    About {
        id: "no_regularisation",
        title: "nothing holds the weights back",
        rule: "overfitting was found, and the file has no penalty, no decay, no dropout",
        text: "With as many weights as rows, the smallest loss is to learn the rows by heart. \
               A penalty or dropout makes that dear.",
    },
    About {
        id: "batch_too_small",
        title: "steps that chance leads",
        rule: "a batch has less than a tenth of the rows at which noise and gradient \
               are equally large, and the same training with ten times as many ends \
               with a loss clearly lower",
        text: "The gradient of a few rows points anywhere: weights wander around the place that \
               they should reach. The noise scale is the batch whose gradient is half noise; \
               batches of about its size waste little. More rows, or a lower rate: the two \
               belong together.",
    },
    About {
        id: "batch_too_large",
        title: "rows that make no step better",
        rule: "a batch has more than ten times the rows at which noise and gradient are \
               equally large, the loss was still falling, and the same training with a \
               tenth of them ends with a loss clearly lower",
        text: "Far above the noise scale the gradient is exact, and more rows in it buy nothing: \
               the epoch has fewer steps for the same work. Fewer rows; or more epochs, with a \
               higher rate.",
    },
    About {
        id: "over_regularised",
        title: "the penalty rules",
        rule: "the penalty is more than a tenth of the objective (half, where no rows \
               are watched), or the loss ends as a constant answer's, and the same \
               training without it ends with a loss clearly lower",
        text: "The weights are held so small that the network cannot fit what is there. A \
               tenth of the factor.",
    },
    About {
        id: "optimizer_choice",
        title: "one rate for layers that need several",
        rule: "plain sgd learns nothing, or slowly, and gradients of layers differ by a \
               factor of 100",
        text: "adam and its kin have a rate for each entry; momentum adds up what steps agree \
               on.",
    },
    About {
        id: "lr_search_poor",
        title: "the learning rates that are tried lie badly",
        rule: "the candidates cover less than three decades, or more than 60 % of them \
               lie in one decade",
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
