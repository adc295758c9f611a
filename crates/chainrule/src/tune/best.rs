//! What came out best, and which numbers are good.
//!
//! In: the trials of a study. Out: their order, and for a number that was searched the range in which
//! it is good. Invariants: trained to the end stands before given up, further before less far; what
//! diverged stands last; a range is only told where trials on both ends of it speak for it.
//! Deliberately absent: training, pictures.

use serde::Serialize;

use super::plan::Stage;
use super::record::Kept;
use super::space::Axis;
use crate::trials::Settings;

/// A trial is good that gives away at most this share of the way from the best to the middle one.
const SHARE: f64 = 0.1;

/// The numbers of all trials, the best first.
#[must_use]
pub fn ranked(trials: &[Kept]) -> Vec<usize> {
    let mut all: Vec<usize> = (0..trials.len()).collect();
    let last =
        |k: &usize| trials[*k].place.losses.last().copied().unwrap_or(f64::INFINITY);
    let far = |k: &usize| trials[*k].place.losses.len();
    let class = |k: &usize| match trials[*k].place.stage {
        Stage::Complete => 0,
        Stage::Failed => 2,
        Stage::Running | Stage::Waiting | Stage::Pruned => 1,
    };
    all.sort_by(|a, b| {
        let before = class(a).cmp(&class(b)).then(far(b).cmp(&far(a)));
        before.then(last(a).total_cmp(&last(b))).then(a.cmp(b))
    });
    all
}

/// The number of the best trial that was trained to its end.
#[must_use]
pub fn best(trials: &[Kept]) -> Option<usize> {
    let first = ranked(trials).first().copied()?;
    (trials[first].place.stage == Stage::Complete).then_some(first)
}

/// Where a number is good.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Good {
    /// The smallest good value that was tried.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// No smaller value was tried: the range may go on there.
    pub open_below: bool,
    /// No larger value was tried.
    pub open_above: bool,
}

/// Values of an axis with the losses at the first rung, which all trials have in common; what
/// failed is infinite. Smallest value first.
#[must_use]
pub fn points(
    axis: &Axis,
    settings: &dyn Fn(usize) -> Settings,
    trials: &[Kept],
) -> Vec<(f64, f64)> {
    let one = |(k, kept): (usize, &Kept)| {
        let set = settings(k);
        let value = &set.iter().find(|(name, _)| *name == axis.name)?.1;
        let loss = match (kept.place.losses.first(), kept.place.stage) {
            (Some(&loss), _) => loss,
            (None, Stage::Failed) => f64::INFINITY,
            (None, _) => return None,
        };
        Some((value.parse().ok()?, loss))
    };
    let mut all: Vec<(f64, f64)> = trials.iter().enumerate().filter_map(one).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    all
}

/// The range round the best point in which the loss stays near its own.
#[must_use]
pub fn good(points: &[(f64, f64)]) -> Option<Good> {
    let (at, &(_, least)) =
        points.iter().enumerate().min_by(|a, b| a.1.1.total_cmp(&b.1.1))?;
    let mut losses: Vec<f64> = points.iter().map(|p| p.1).collect();
    losses.sort_by(f64::total_cmp);
    let finite = losses.iter().rev().find(|l| l.is_finite());
    let middle =
        Some(losses[losses.len() / 2]).filter(|m| m.is_finite()).or(finite.copied())?;
    let near = |p: &&(f64, f64)| p.1 <= least + SHARE * (middle - least);
    let below = points[..at].iter().rev().take_while(near).count();
    let above = points[at..].iter().take_while(near).count();
    let (low, high) = (at - below, at + above - 1);
    Some(Good {
        low: points[low].0,
        high: points[high].0,
        open_below: low == 0,
        open_above: high + 1 == points.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::plan::Place;

    fn kept(stage: Stage, losses: &[f64]) -> Kept {
        let place = Place { stage, losses: losses.to_vec(), lost: false };
        Kept { place, ..Kept::default() }
    }

    #[test]
    fn trained_to_the_end_stands_before_given_up_and_what_diverged_last() {
        let all = [
            kept(Stage::Failed, &[]),
            kept(Stage::Pruned, &[0.1]),
            kept(Stage::Complete, &[0.5, 0.4]),
            kept(Stage::Pruned, &[0.6, 0.5]),
            kept(Stage::Complete, &[0.5, 0.3]),
        ];
        assert_eq!(ranked(&all), [4, 2, 3, 1, 0]);
        assert_eq!(best(&all), Some(4));
        assert_eq!(best(&all[..2]), None);
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn the_good_range_is_where_the_loss_stays_near_the_best() {
        let losses = [2.3, 2.0, 0.5, 0.31, 0.30, 0.35, 1.0, f64::INFINITY];
        let points: Vec<(f64, f64)> =
            losses.iter().enumerate().map(|(i, &l)| (i as f64, l)).collect();
        let found = good(&points).unwrap();
        assert_eq!((found.low, found.high), (3.0, 5.0));
        assert!(!found.open_below && !found.open_above);
        let edge = good(&points[..5]).unwrap();
        assert!(edge.open_above && !edge.open_below && edge.high == 4.0);
        assert_eq!(good(&[]), None);
    }
}
