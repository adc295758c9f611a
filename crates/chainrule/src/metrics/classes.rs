//! Figures of classification, from the true class and a score per class.
//!
//! Equations, with tp, fp, fn counted per class: precision = tp/(tp + fp), recall = tp/(tp + fn),
//! F1 = 2 tp/(2 tp + fp + fn), balanced accuracy = mean recall over the classes that occur, log
//! loss = −1/n ∑ ln p(true), ROC AUC = the probability that an example of the class gets a higher
//! score than one of another (ties count half). Invariant: of equal scores the first class is
//! predicted, everywhere.

use std::path::Path;

use serde::Serialize;

use super::ranking::Ranking;
use crate::error::Error;

/// Figures of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneClass {
    /// Its name.
    pub name: String,
    /// Of those predicted to be it, the share that is; `None` if none was predicted.
    pub precision: Option<f64>,
    /// Of those that are it, the share found; `None` if there is none.
    pub recall: Option<f64>,
    /// Harmonic mean of both; `None` if the class neither occurs nor is predicted.
    pub f1: Option<f64>,
    /// How many examples are it.
    pub support: usize,
}

/// Figures over all examples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScores {
    /// Number of examples.
    pub examples: usize,
    /// Share of examples with the right class.
    pub accuracy: f64,
    /// The same for the majority class of the training part.
    pub baseline_accuracy: f64,
    /// Mean recall over the classes that occur.
    pub balanced_accuracy: f64,
    /// The same for the majority class of the training part: 1 / number of classes that occur, or
    /// 0 where it is not among them.
    pub baseline_balanced_accuracy: f64,
    /// In nats per example; `None` where the outputs are no probabilities.
    pub log_loss: Option<f64>,
    /// Of the class frequencies of the training part.
    pub baseline_log_loss: f64,
    /// Of the second class, or one class against the rest, averaged; `None` if one class occurs.
    pub roc_auc: Option<f64>,
    /// 0.5, where there is an AUC.
    pub baseline_roc_auc: Option<f64>,
    /// By class.
    pub classes: Vec<OneClass>,
    /// How often class `i` was taken for class `j`: `confusion[i][j]`.
    pub confusion: Vec<Vec<usize>>,
}

/// Scores predictions: `scores` has one entry per class for each example, row by row;
/// `frequencies` are those of the training part (any scale).
///
/// # Panics
/// If the lengths do not fit each other.
#[must_use]
pub fn class_scores(
    truth: &[usize],
    scores: &[f64],
    names: &[String],
    frequencies: &[f64],
) -> ClassScores {
    let k = names.len();
    assert_eq!(scores.len(), truth.len() * k, "one score per class and example");
    assert_eq!(frequencies.len(), k, "one frequency per class");
    let mut tally = ClassTally::new(names, frequencies, None);
    let mut rows = truth.iter().zip(scores.chunks(k));
    rows.try_for_each(|(&t, row)| tally.add(t, row))
        .and_then(|()| tally.finish())
        .unwrap_or_else(|e| unreachable!("nothing was put on disk: {e}"))
}

/// Scores one yes-or-no label from the probability of yes; `share_of_yes` is that of the training
/// part. At exactly one half the answer is no.
#[must_use]
pub fn label_scores(
    truth: &[bool],
    yes: &[f64],
    names: &[String; 2],
    share_of_yes: f64,
) -> ClassScores {
    let truth: Vec<usize> = truth.iter().map(|&t| usize::from(t)).collect();
    let both: Vec<f64> = yes.iter().flat_map(|&p| [1.0 - p, p]).collect();
    class_scores(&truth, &both, names, &[1.0 - share_of_yes, share_of_yes])
}

/// Adds up predictions row by row.
pub(crate) struct ClassTally {
    names: Vec<String>,
    /// The class that is most frequent in the training part.
    majority: usize,
    /// −ln of the frequencies of the training part.
    surprise: Vec<f64>,
    examples: usize,
    confusion: Vec<Vec<usize>>,
    log_loss: f64,
    baseline_log_loss: f64,
    probabilities: bool,
    /// Of the second class of two, else one for each.
    rankings: Vec<Ranking>,
}

impl ClassTally {
    /// `frequencies` are those of the training part (any scale); scores that are too many for memory
    /// are ranked in the folder `disk`.
    pub(crate) fn new(
        names: &[String],
        frequencies: &[f64],
        disk: Option<&Path>,
    ) -> Self {
        let k = names.len();
        let sum: f64 = frequencies.iter().sum();
        let rankings = if k == 2 { 1 } else { k };
        Self {
            names: names.to_vec(),
            majority: first_largest(frequencies),
            surprise: frequencies.iter().map(|f| surprise(f / sum)).collect(),
            examples: 0,
            confusion: vec![vec![0; k]; k],
            // −0 is what adds nothing to any number.
            log_loss: -0.0,
            baseline_log_loss: -0.0,
            probabilities: true,
            rankings: (0..rankings).map(|_| Ranking::new(disk, rankings)).collect(),
        }
    }

    /// Adds an example.
    pub(crate) fn add(&mut self, truth: usize, scores: &[f64]) -> Result<(), Error> {
        self.examples += 1;
        self.confusion[truth][first_largest(scores)] += 1;
        self.log_loss += surprise(scores[truth]);
        self.baseline_log_loss += self.surprise[truth];
        self.probabilities &= is_probability(scores);
        let first = scores.len() - self.rankings.len();
        for (i, ranking) in self.rankings.iter_mut().enumerate() {
            ranking.add(scores[first + i], truth == first + i)?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<ClassScores, Error> {
        let (k, examples, confusion) = (self.names.len(), self.examples, self.confusion);
        let names = self.names.iter().enumerate();
        let classes: Vec<OneClass> =
            names.map(|(c, n)| one_class(n, c, &confusion)).collect();
        let recalls: Vec<f64> = classes.iter().filter_map(|c| c.recall).collect();
        let right: usize = (0..k).map(|c| confusion[c][c]).sum();
        let mut areas = Vec::new();
        for ranking in self.rankings {
            areas.extend(ranking.area()?);
        }
        let auc = (!areas.is_empty()).then(|| mean(&areas));
        Ok(ClassScores {
            examples,
            accuracy: share(right, examples),
            baseline_accuracy: share(confusion[self.majority].iter().sum(), examples),
            balanced_accuracy: mean(&recalls),
            baseline_balanced_accuracy: match classes[self.majority].support {
                0 => 0.0,
                _ => 1.0 / recalls.len() as f64,
            },
            log_loss: self.probabilities.then(|| self.log_loss / examples as f64),
            baseline_log_loss: self.baseline_log_loss / examples as f64,
            roc_auc: auc,
            baseline_roc_auc: auc.map(|_| 0.5),
            classes,
            confusion,
        })
    }
}

fn one_class(name: &str, c: usize, confusion: &[Vec<usize>]) -> OneClass {
    let found = confusion[c][c];
    let support: usize = confusion[c].iter().sum();
    let predicted: usize = confusion.iter().map(|row| row[c]).sum();
    let ratio = |a: usize, b: usize| (b > 0).then(|| a as f64 / b as f64);
    OneClass {
        name: name.to_owned(),
        precision: ratio(found, predicted),
        recall: ratio(found, support),
        f1: ratio(2 * found, predicted + support),
        support,
    }
}

/// The place of the largest entry, the first at a tie.
pub(crate) fn first_largest<V: Copy + PartialOrd>(row: &[V]) -> usize {
    let Some(&first) = row.first() else { return 0 };
    // Selections, not branches: which class is largest cannot be foretold.
    let mut best = (0, first);
    for (i, &value) in row.iter().enumerate().skip(1) {
        let better = value > best.1;
        best = (if better { i } else { best.0 }, if better { value } else { best.1 });
    }
    best.0
}

/// Not negative and adding to 1, as far as single precision tells.
fn is_probability(row: &[f64]) -> bool {
    let sum: f64 = row.iter().sum();
    row.iter().all(|&p| p >= 0.0) && (sum - 1.0).abs() < 1e-4
}

/// In nats. A probability of 0 counts as 2.2e-16, as in scikit-learn: the figure stays finite.
fn surprise(p: f64) -> f64 {
    -libm::log(p.max(f64::EPSILON))
}

/// The probability that a positive example scores above a negative one, ties counting half;
/// `None` if there are only positive or only negative ones, or a score is not a number.
#[must_use]
pub fn roc_auc(positive: &[bool], scores: &[f64]) -> Option<f64> {
    let mut ranking = Ranking::new(None, 1);
    let mut all = scores.iter().zip(positive);
    all.try_for_each(|(&score, &positive)| ranking.add(score, positive))
        .and_then(|()| ranking.area())
        .unwrap_or_else(|e| unreachable!("nothing was put on disk: {e}"))
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| i.to_string()).collect()
    }

    /// The constants are those of scikit-learn 1.9.1: log_loss, roc_auc_score(multi_class="ovr"),
    /// balanced_accuracy_score, confusion_matrix.
    #[test]
    fn three_classes_as_scikit_learn_counts_them() {
        let truth = [0, 0, 1, 1, 1, 2, 2, 0];
        #[rustfmt::skip]
        let scores = [
            0.7, 0.2, 0.1,   0.4, 0.5, 0.1,   0.2, 0.6, 0.2,   0.3, 0.3, 0.4,
            0.1, 0.8, 0.1,   0.2, 0.2, 0.6,   0.5, 0.1, 0.4,   0.6, 0.3, 0.1,
        ];
        let s = class_scores(&truth, &scores, &names(3), &[3.0, 3.0, 2.0]);
        near(s.accuracy, 0.625);
        near(s.balanced_accuracy, 0.611_111_111_111_111);
        near(s.log_loss.unwrap(), 0.643_606_204_328_145);
        near(s.roc_auc.unwrap(), 0.930_555_555_555_555_5);
        assert_eq!(s.confusion, [[2, 1, 0], [0, 2, 1], [1, 0, 1]]);
        near(s.classes[0].precision.unwrap(), 2.0 / 3.0);
        near(s.classes[2].f1.unwrap(), 0.5);
        near(s.baseline_accuracy, 3.0 / 8.0);
        near(s.baseline_log_loss, 1.082_195_530_038_767_3);
        near(s.baseline_balanced_accuracy, 1.0 / 3.0);
    }

    #[test]
    fn a_label_with_ties_by_hand() {
        // Positive scores 0.9, 0.5, 0.4; negative 0.5, 0.1. Of the 6 pairs: 0.9 wins 2; 0.5 wins
        // one and ties one; 0.4 wins one: 4.5.
        let truth = [true, false, true, true, false];
        let yes = [0.9, 0.5, 0.5, 0.4, 0.1];
        let s = label_scores(&truth, &yes, &["no".into(), "yes".into()], 0.6);
        near(s.roc_auc.unwrap(), 0.75);
        // Exactly one half is "no".
        assert_eq!(s.confusion, [[2, 0], [2, 1]]);
        near(s.baseline_accuracy, 0.6);
        near(s.classes[1].recall.unwrap(), 1.0 / 3.0);
        near(s.classes[1].precision.unwrap(), 1.0);
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let s = class_scores(&[0, 0], &[0.9, 0.1, 0.8, 0.2], &names(2), &[5.0, 5.0]);
        assert_eq!((s.roc_auc, s.classes[1].recall, s.classes[1].f1), (None, None, None));
        near(s.balanced_accuracy, 1.0);
        let raw = class_scores(&[0, 1], &[3.0, -1.0, 0.0, 2.0], &names(2), &[1.0, 1.0]);
        assert_eq!(raw.log_loss, None);
        near(raw.accuracy, 1.0);
        assert_eq!(roc_auc(&[true, false], &[f64::NAN, 0.0]), None);
    }

    #[test]
    fn certainty_of_the_wrong_class_stays_finite() {
        let s = class_scores(&[1], &[1.0, 0.0], &names(2), &[1.0, 1.0]);
        near(s.log_loss.unwrap(), -libm::log(f64::EPSILON));
    }
}
