//! Figures of classification, from the true class and a score per class.
//!
//! Equations, with tp, fp, fn counted per class: precision = tp/(tp + fp), recall = tp/(tp + fn),
//! F1 = 2 tp/(2 tp + fp + fn), balanced accuracy = mean recall over the classes that occur, log
//! loss = −1/n ∑ ln p(true), ROC AUC = the probability that an example of the class gets a higher
//! score than one of another (ties count half). Invariant: of equal scores the first class is
//! predicted, everywhere.

use serde::Serialize;

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
    let mut confusion = vec![vec![0; k]; k];
    for (row, &t) in scores.chunks(k).zip(truth) {
        confusion[t][first_largest(row)] += 1;
    }
    let classes: Vec<OneClass> =
        names.iter().enumerate().map(|(c, n)| one_class(n, c, &confusion)).collect();
    let recalls: Vec<f64> = classes.iter().filter_map(|c| c.recall).collect();
    let (examples, auc) = (truth.len(), macro_auc(truth, scores, k));
    let right: usize = (0..k).map(|c| confusion[c][c]).sum();
    let majority = first_largest(frequencies);
    ClassScores {
        examples,
        accuracy: share(right, examples),
        baseline_accuracy: share(confusion[majority].iter().sum(), examples),
        balanced_accuracy: mean(&recalls),
        baseline_balanced_accuracy: match classes[majority].support {
            0 => 0.0,
            _ => 1.0 / recalls.len() as f64,
        },
        log_loss: are_probabilities(scores, k)
            .then(|| log_loss(truth, |row, class| scores[row * k + class])),
        baseline_log_loss: baseline_log_loss(truth, frequencies),
        roc_auc: auc,
        baseline_roc_auc: auc.map(|_| 0.5),
        classes,
        confusion,
    }
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
pub(crate) fn first_largest(row: &[f64]) -> usize {
    let better = |best: usize, i: usize| if row[i] > row[best] { i } else { best };
    (1..row.len()).fold(0, better)
}

/// Each row not negative and adding to 1, as far as single precision tells.
fn are_probabilities(scores: &[f64], k: usize) -> bool {
    scores.chunks(k).all(|row| {
        let sum: f64 = row.iter().sum();
        row.iter().all(|&p| p >= 0.0) && (sum - 1.0).abs() < 1e-4
    })
}

/// A probability of 0 counts as 2.2e-16, as in scikit-learn: the figure stays finite.
fn log_loss(truth: &[usize], p: impl Fn(usize, usize) -> f64) -> f64 {
    let all = truth.iter().enumerate();
    let sum: f64 = all.map(|(row, &t)| -libm::log(p(row, t).max(f64::EPSILON))).sum();
    sum / truth.len() as f64
}

fn baseline_log_loss(truth: &[usize], frequencies: &[f64]) -> f64 {
    let sum: f64 = frequencies.iter().sum();
    log_loss(truth, |_, class| frequencies[class] / sum)
}

fn macro_auc(truth: &[usize], scores: &[f64], k: usize) -> Option<f64> {
    let of = |class: usize| {
        let positive: Vec<bool> = truth.iter().map(|&t| t == class).collect();
        let column: Vec<f64> = scores.chunks(k).map(|row| row[class]).collect();
        roc_auc(&positive, &column)
    };
    if k == 2 {
        return of(1);
    }
    let all: Vec<f64> = (0..k).filter_map(of).collect();
    (!all.is_empty()).then(|| mean(&all))
}

/// The probability that a positive example scores above a negative one, ties counting half;
/// `None` if there are only positive or only negative ones, or a score is not a number.
#[must_use]
pub fn roc_auc(positive: &[bool], scores: &[f64]) -> Option<f64> {
    let up = positive.iter().filter(|&&p| p).count() as f64;
    let down = positive.len() as f64 - up;
    if up == 0.0 || down == 0.0 || scores.iter().any(|s| s.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    // `==` makes one group of 0 and −0, which the order keeps side by side.
    let same = |a: &usize, b: &usize| scores[*a] == scores[*b];
    let (mut ranks, mut before) = (0.0, 0);
    for group in order.chunk_by(same) {
        let rank = before as f64 + (group.len() + 1) as f64 / 2.0;
        ranks += rank * group.iter().filter(|&&i| positive[i]).count() as f64;
        before += group.len();
    }
    Some((ranks - up * (up + 1.0) / 2.0) / (up * down))
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
