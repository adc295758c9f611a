//! What a log alone can show: rules over a training loss and a validation loss.
//!
//! In: a [`Run`]. Out: its findings, gravest first. A rule is one function of [`RULES`]. Invariants:
//! noise is measured on the curve itself and every threshold is a multiple of it, or a share of the
//! curve's own fall; a log has no baseline and no gradient, so nothing here is proven but what is
//! not finite. Deliberately absent: advice by trying it (`--prove`).

use super::log::Run;
use super::smooth::{end, median, noise};
use super::{Finding, Severity};

type Rule = fn(&Run) -> Option<Finding>;

/// What is looked at, in the order in which causes come before effects.
const RULES: &[Rule] = &[
    exploding,
    not_learning,
    oscillating,
    too_low,
    too_few,
    overfitting,
    validation_better,
];

/// Shorter curves show no shape.
const SHORT: usize = 5;

/// All findings of a run.
#[must_use]
pub fn findings(run: &Run) -> Vec<Finding> {
    let mut all: Vec<Finding> = RULES.iter().filter_map(|rule| rule(run)).collect();
    // A loss that broke explains the rest of its shape.
    if all.first().is_some_and(|f| f.id == "exploding") {
        all.truncate(1);
    }
    all.sort_by_key(|f| std::cmp::Reverse(f.severity));
    all
}

/// The number beside which the i-th stands in words: counted from 1.
fn epoch(i: usize) -> usize {
    i + 1
}

fn lowest(curve: &[f64]) -> (usize, f64) {
    let all = curve.iter().copied().enumerate().filter(|(_, v)| v.is_finite());
    all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f64::NAN))
}

pub(super) fn exploding(run: &Run) -> Option<Finding> {
    let (curve, at) =
        (&run.train, |i: usize| format!("{}, epoch {}", run.place, epoch(i)));
    let finding = |place, message, evidence| {
        Finding {
        id: "exploding",
        severity: Severity::Error,
        place,
        message,
        evidence,
        advice: "lower the learning rate by a factor of 10, scale the inputs, or clip the gradient"
            .to_owned(),
    }
    };
    if let Some(i) = curve.iter().position(|v| !v.is_finite()) {
        let message = format!("the training loss is {} in epoch {}", curve[i], epoch(i));
        return Some(finding(at(i), message, vec![("epoch", epoch(i) as f64)]));
    }
    // Single steps are noisy: levels are medians of tenths.
    let tenth = curve.len().div_ceil(10);
    let levels: Vec<f64> = curve.chunks(tenth).map(median).collect();
    let (best_at, best) = lowest(&levels);
    let (best_at, first, ends) = (best_at * tenth, curve[0], end(curve));
    let thirds: Vec<f64> = curve.chunks(curve.len().div_ceil(4)).map(median).collect();
    let rises = thirds.len() == 4
        && thirds.windows(2).all(|w| w[1] > w[0])
        && ends - first > 2.0 * noise(curve);
    let far = curve.len() >= SHORT && best > 0.0 && ends > 4.0 * best && ends > first;
    (rises || far).then(|| {
        let message = format!(
            "the training loss ends at {ends:.4}, {:.1} times its best ({best:.4} in epoch {})",
            ends / best,
            epoch(best_at)
        );
        finding(at(best_at), message, vec![("end", ends), ("best", best), ("start", first)])
    })
}

fn not_learning(run: &Run) -> Option<Finding> {
    let curve = &run.train;
    if curve.len() < SHORT {
        return None;
    }
    let (first, ends, sigma) = (curve[0], end(curve), noise(curve));
    let fall = first - ends;
    let late = median(&curve[curve.len() / 2..curve.len() * 3 / 4]) - ends;
    let still = late > (0.05 * fall).max(sigma);
    (fall.abs() < (0.02 * first.abs()).max(3.0 * sigma) && !still).then(|| Finding {
        id: "not_learning",
        severity: Severity::Warning,
        place: run.place.clone(),
        message: format!(
            "over {} epochs the training loss went from {first:.4} to {ends:.4}, and its noise \
             is {sigma:.2}",
            curve.len()
        ),
        evidence: vec![("start", first), ("end", ends), ("noise", sigma)],
        advice: "compare with the loss of the best constant answer: at that level, try rates \
                 100 times smaller and larger; a log cannot tell which"
            .to_owned(),
    })
}

pub(super) fn oscillating(run: &Run) -> Option<Finding> {
    let half = &run.train[run.train.len() / 2..];
    if half.len() < 2 * SHORT {
        return None;
    }
    let steps: Vec<f64> = half.windows(2).map(|w| w[1] - w[0]).collect();
    let turns = steps.windows(2).filter(|w| w[0] * w[1] < 0.0).count();
    let share = turns as f64 / (steps.len() - 1) as f64;
    let swing = median(&steps.iter().map(|s| s.abs()).collect::<Vec<_>>());
    let quarter = half.len() / 4;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let gained = mean(&half[..quarter]) - mean(&half[half.len() - quarter..]);
    let level = end(half).abs();
    // A swing of a few per cent of the loss is what mini-batches do anyway.
    (share > 0.6 && swing > gained.max(0.05 * level)).then(|| Finding {
        id: "oscillating_loss",
        severity: Severity::Warning,
        place: format!("{}, from epoch {}", run.place, epoch(run.train.len() / 2)),
        message: format!(
            "in the second half {:.0} % of the changes turn back on the one before; a swing is \
             {swing:.3}, and the half gained {gained:.3}",
            100.0 * share
        ),
        evidence: vec![("turns", share), ("swing", swing), ("gained", gained)],
        advice: "a third to a tenth of the learning rate, a rate that decays, or larger batches"
            .to_owned(),
    })
}

/// Falls of consecutive fifths, and the level of the first and the last of them.
fn fifths(curve: &[f64]) -> Option<(Vec<f64>, f64, f64)> {
    if curve.len() < 2 * SHORT || curve.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let cut = |k: usize| curve[(curve.len() - 1) * k / 5];
    let falls = (0..5).map(|k| cut(k) - cut(k + 1)).collect();
    Some((falls, cut(0), cut(5)))
}

pub(super) fn too_low(run: &Run) -> Option<Finding> {
    let (falls, first, last) = fifths(&run.train)?;
    let (total, sigma) = (first - last, noise(&run.train));
    let even =
        falls[4] > 0.5 * falls[0].max(falls[2]) && falls.iter().all(|&f| f > 2.0 * sigma);
    let little = total > 0.0 && total < 0.2 * first.abs();
    (even && little).then(|| Finding {
        id: "lr_too_low",
        severity: Severity::Warning,
        place: run.place.clone(),
        message: format!(
            "the training loss falls evenly, from {first:.4} to {last:.4} in {} epochs: {:.1} % \
             of its start",
            run.train.len(),
            100.0 * total / first
        ),
        evidence: vec![("start", first), ("end", last), ("last_fifth", falls[4])],
        advice: "three to ten times the learning rate".to_owned(),
    })
}

pub(super) fn too_few(run: &Run) -> Option<Finding> {
    let (falls, first, last) = fifths(&run.train)?;
    let (total, sigma) = (first - last, noise(&run.train));
    let pays = falls[4] > 0.1 * total && falls[4] > 2.0 * sigma && total > 0.0;
    if !pays || too_low(run).is_some() {
        return None;
    }
    // Falls that shrink by a constant factor add up to a geometric series.
    let shrink = (falls[4] / falls[3].max(f64::MIN_POSITIVE)).clamp(0.0, 0.99);
    let left = falls[4] * shrink / (1.0 - shrink);
    Some(Finding {
        id: "too_few_epochs",
        severity: Severity::Warning,
        place: run.place.clone(),
        message: format!(
            "the last fifth of {} epochs still brought {:.0} % of the whole fall; at this pace \
             about {left:.3} more is to be had",
            run.train.len(),
            100.0 * falls[4] / total
        ),
        evidence: vec![("last_fifth", falls[4]), ("fall", total), ("left", left)],
        advice: "more epochs, or a higher learning rate".to_owned(),
    })
}

fn overfitting(run: &Run) -> Option<Finding> {
    let held: Vec<f64> = run.held.iter().map(|h| h.1).collect();
    if held.len() < SHORT || held.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let (best_at, best) = lowest(&held);
    let bound = best + (3.0 * noise(&held)).max(0.01 * best.abs());
    let after = held[best_at + 1..].iter().rev().take_while(|&&v| v > bound).count();
    let train = |i: usize| run.train.get(run.held[i].0).copied().unwrap_or(f64::NAN);
    let falls = train(held.len() - 1) < train(best_at);
    (after >= 3 && falls).then(|| Finding {
        id: "overfitting",
        severity: Severity::Warning,
        place: format!("{}, from epoch {}", run.place, epoch(run.held[best_at].0)),
        message: format!(
            "the validation loss was lowest in epoch {} ({best:.4}) and ends at {:.4}; the \
             training loss went on falling, from {:.4} to {:.4}",
            epoch(run.held[best_at].0),
            held[held.len() - 1],
            train(best_at),
            train(held.len() - 1)
        ),
        evidence: vec![
            ("best_epoch", epoch(run.held[best_at].0) as f64),
            ("best", best),
            ("end", held[held.len() - 1]),
            ("noise", noise(&held)),
        ],
        advice: "stop there and keep those weights (`keep best`, `patience`); or L2, dropout, \
                 more data"
            .to_owned(),
    })
}

fn validation_better(run: &Run) -> Option<Finding> {
    let last: Vec<(f64, f64)> = run
        .held
        .iter()
        .rev()
        .map_while(|&(i, v)| run.train.get(i).map(|&t| (t, v)))
        .take(3)
        .collect();
    let better = last.len() == 3 && last.iter().all(|(t, v)| v < t);
    let gaps: Vec<f64> = last.iter().map(|(t, v)| t - v).collect();
    let gap = median(&gaps);
    let held: Vec<f64> = run.held.iter().map(|h| h.1).collect();
    let sure = gap > (0.1 * last.first()?.0.abs()).max(3.0 * noise(&held));
    (better && gap.is_finite() && gap > 3.0 * noise(&held)).then(|| Finding {
        id: "validation_better",
        severity: if sure { Severity::Warning } else { Severity::Note },
        place: format!("{}, last 3 epochs", run.place),
        message: format!(
            "the validation loss lies {gap:.4} below the training loss ({:.4} and {:.4} at the \
             end); without the number of rows a log cannot say whether that is chance",
            last[0].1, last[0].0
        ),
        evidence: vec![("gap", gap), ("train", last[0].0), ("validation", last[0].1)],
        advice: "measure both with the same weights, without dropout and penalty; if the gap \
                 stays, the parts differ, or rows leak, or the implementation is wrong"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(train: impl Fn(f64) -> f64, held: Option<&dyn Fn(f64) -> f64>) -> Run {
        let train: Vec<f64> = (0..50).map(|i| train(f64::from(i))).collect();
        let held = held.map(|h| (0..50).map(|i| (i, h(i as f64))).collect());
        Run { place: "log".into(), train, held: held.unwrap_or_default(), notes: vec![] }
    }

    fn words(run: &Run) -> Vec<&'static str> {
        findings(run).iter().map(|f| f.id).collect()
    }

    fn learns(t: f64) -> f64 {
        0.1 + 2.0 * libm::exp(-t / 8.0)
    }

    #[test]
    fn a_healthy_run_has_no_finding() {
        assert_eq!(words(&run(learns, Some(&|t| learns(t) + 0.05))), [""; 0]);
    }

    #[test]
    fn each_shape_gets_its_word() {
        let up = |t: f64| 1.0 + 0.1 * t * t;
        assert_eq!(words(&run(up, None)), ["exploding"]);
        let nan = |t: f64| if t > 3.0 { f64::NAN } else { 1.0 };
        assert_eq!(words(&run(nan, None)), ["exploding"]);
        assert_eq!(words(&run(|_| 2.3, None)), ["not_learning"]);
        let swings = |t: f64| 1.0 + if (t as u32).is_multiple_of(2) { 0.3 } else { -0.3 };
        assert!(words(&run(swings, None)).contains(&"oscillating_loss"));
        assert_eq!(words(&run(|t| 2.0 - 0.004 * t, None)), ["lr_too_low"]);
        assert_eq!(words(&run(|t| 2.0 - 0.03 * t, None)), ["too_few_epochs"]);
        let turns = |t: f64| learns(t) + 0.0004 * (t - 15.0).max(0.0).powi(2) + 0.05;
        assert_eq!(words(&run(learns, Some(&turns))), ["overfitting"]);
        assert_eq!(
            words(&run(learns, Some(&|t| 0.5 * learns(t)))),
            ["validation_better"]
        );
    }

    #[test]
    fn noise_alone_is_no_finding() {
        let chance = |t: f64| libm::sin(t * 12.9898) * 0.01;
        let held = |t: f64| learns(t) + chance(t + 0.5) + 0.02;
        assert_eq!(words(&run(|t| learns(t) + chance(t), Some(&held))), [""; 0]);
    }

    #[test]
    fn short_and_empty_runs_are_no_panic() {
        for n in 0..8 {
            let mut short = run(learns, Some(&learns));
            short.train.truncate(n.max(1));
            short.held.truncate(n);
            let _ = findings(&short);
        }
    }
}
