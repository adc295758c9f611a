//! Which loss curve belongs to which learning rate.
//!
//! In: curves of one network at several rates, and the rates. Out: a rate for each curve, with the
//! reason. Each curve gets a place on a scale from too slow to broken, from what it does beside the
//! others; the rates follow in that order:
//!
//! - it learns: the one that is ahead where two curves first part has the higher rate, since small
//!   steps along the same way only take longer;
//! - it waits on a level where the best curve waited, too, came there no sooner, and does not get
//!   further: slower still;
//! - it is rougher than the best curve, ends above it, and what it still gains would not bring it
//!   there in as many epochs again: higher than what learns smoothly;
//! - it stopped far above what another one reaches, on a level of its own: higher again;
//! - it jumped above its start first; it ends above its start; it is not finite, the earlier the
//!   higher.
//!
//! Invariant: only what the curves say; no rate is compared with a figure from elsewhere.
//! Deliberately absent: fitting.

use std::cmp::Ordering;

use serde::Serialize;

use super::smooth::{end, median, roughness};
use crate::error::Error;

/// Curves part where they are further apart than this share of the whole fall.
const PARTED: f64 = 0.01;
/// A level is shared where curves are as close as this share of the whole fall.
const LEVEL: f64 = 0.01;
/// Epochs on a level that make it a place to wait.
const WAIT: usize = 2;
/// A gap to the best curve, as a share of the whole fall, that is no chance.
const GAP: f64 = 0.05;
/// The same where the curve is rough.
const ROUGH_GAP: f64 = 0.003;
/// Roughness as a multiple of the best curve's, and as a share of the whole fall.
const ROUGH: (f64, f64) = (2.0, 0.004);
/// A curve has stopped if its second half brought less than this share of its gap.
const STOPPED: f64 = 0.03;
/// Above its start by this much is above it.
const ABOVE: f64 = 1.05;

/// What a curve does, from the lowest rate to the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// It stays on a level on which the best curve stayed for a while.
    Waits,
    /// It falls.
    Learns,
    /// It is rough, and ends above the best.
    Rough,
    /// It stopped far above the best, on a level of its own.
    Stuck,
    /// It rose above its start, then fell.
    Overshoots,
    /// It ends above its start.
    AboveStart,
    /// It is not finite.
    NotFinite,
}

/// What was seen of a curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// What it does.
    pub regime: Regime,
    /// How it ends: the median of its last tenth; the last finite value of one that is not finite.
    pub end: f64,
    /// How far that is above the best end, as a share of the best curve's whole fall.
    pub gap: f64,
    /// Roughness of its second half, as such a share.
    pub roughness: f64,
    /// Epochs until it is not finite.
    pub finite: usize,
}

/// A rate for a curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assigned {
    /// The curve, by number.
    pub curve: usize,
    /// Its rate.
    pub rate: f64,
    /// How it compares with the best: `way too high`, `too high`, `good`, `too low`.
    pub verdict: &'static str,
    /// Why.
    pub reason: String,
    /// Whether the curves tell it apart from that of the next higher rate.
    pub sure: bool,
    /// The figures behind it.
    pub seen: Seen,
}

/// Assigns rates to curves; one entry per curve, in the order of the curves.
///
/// # Errors
/// [`Error::Usage`]: not as many rates as curves, fewer than two, a rate that is not positive and
/// finite or stands twice, a curve that begins with no number or has fewer than three.
pub fn assign(curves: &[Vec<f64>], rates: &[f64]) -> Result<Vec<Assigned>, Error> {
    check(curves, rates)?;
    let set = Set::of(curves);
    let seen: Vec<Seen> = curves.iter().map(|c| set.look(c)).collect();
    let mut order: Vec<usize> = (0..curves.len()).collect();
    // An insertion sort: the comparison is by pairs, and need not be an order of the whole.
    for i in 1..order.len() {
        let mut j = i;
        while j > 0 && set.compare(&seen, order[j - 1], order[j]).0 == Ordering::Greater {
            order.swap(j - 1, j);
            j -= 1;
        }
    }
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    let best = set.best.unwrap_or(order[0]);
    let place = |curve: usize| order.iter().position(|&c| c == curve).unwrap_or(0);
    let one = |curve: usize| {
        let at = place(curve);
        let sure =
            order.get(at + 1).is_none_or(|&next| set.compare(&seen, curve, next).1);
        Assigned {
            curve,
            rate: sorted[at],
            verdict: verdict(seen[curve].regime, at.cmp(&place(best))),
            reason: reason(&seen[curve], at.cmp(&place(best))),
            sure,
            seen: seen[curve].clone(),
        }
    };
    Ok((0..curves.len()).map(one).collect())
}

fn check(curves: &[Vec<f64>], rates: &[f64]) -> Result<(), Error> {
    let usage = |field: &str, message: String| {
        Err(Error::Usage { field: field.to_owned(), message })
    };
    if curves.len() != rates.len() || curves.len() < 2 {
        let message = format!(
            "{} rates for {} curves; as many, two or more",
            rates.len(),
            curves.len()
        );
        return usage("rates", message);
    }
    if let Some(r) = rates.iter().find(|&&r| !(r > 0.0 && r.is_finite())) {
        return usage("rates", format!("{r} is no learning rate: above 0 and finite"));
    }
    let twice = |i: usize| rates[..i].contains(&rates[i]);
    if let Some(i) = (0..rates.len()).find(|&i| twice(i)) {
        return usage("rates", format!("{} stands twice", rates[i]));
    }
    for (i, curve) in curves.iter().enumerate() {
        if curve.len() < 3 || !curve[0].is_finite() {
            let message = format!(
                "curve {} has {} values; three or more, the first of them a number",
                i + 1,
                curve.len()
            );
            return usage("curves", message);
        }
    }
    Ok(())
}

/// The curves together.
struct Set<'a> {
    curves: &'a [Vec<f64>],
    /// The finite curve that ends lowest.
    best: Option<usize>,
    /// The usual start, the best end, and the way between them.
    start: f64,
    floor: f64,
    fall: f64,
    /// Roughness of the best curve's second half.
    calm: f64,
}

/// The finite beginning of a curve.
fn finite(curve: &[f64]) -> &[f64] {
    let n = curve.iter().position(|v| !v.is_finite()).unwrap_or(curve.len());
    &curve[..n]
}

impl<'a> Set<'a> {
    fn of(curves: &'a [Vec<f64>]) -> Self {
        let whole =
            (0..curves.len()).filter(|&i| finite(&curves[i]).len() == curves[i].len());
        let best = whole.min_by(|&a, &b| end(&curves[a]).total_cmp(&end(&curves[b])));
        let starts: Vec<f64> = curves.iter().map(|c| c[0]).collect();
        let start = median(&starts);
        let lowest =
            |c: &Vec<f64>| finite(c).iter().copied().fold(f64::INFINITY, f64::min);
        let floor = match best {
            Some(best) => end(&curves[best]),
            None => curves.iter().map(lowest).fold(f64::INFINITY, f64::min),
        };
        let fall = (start - floor).max(f64::MIN_POSITIVE);
        let calm = best.map_or(0.0, |b| second_half(&curves[b]) / fall);
        Self { curves, best, start, floor, fall, calm }
    }

    fn look(&self, curve: &[f64]) -> Seen {
        let values = finite(curve);
        let ends = end(values);
        let gap = (ends - self.floor) / self.fall;
        let roughness = second_half(values) / self.fall;
        let regime = self.regime(curve, ends, gap, roughness);
        Seen { regime, end: ends, gap, roughness, finite: values.len() }
    }

    fn regime(&self, curve: &[f64], ends: f64, gap: f64, roughness: f64) -> Regime {
        let stopped =
            || (curve[curve.len() / 2] - ends).abs() / self.fall < STOPPED * gap;
        let rough = roughness > (ROUGH.0 * self.calm).max(ROUGH.1);
        // A low rate is rough, too, as long as there is something to learn.
        let middle = || median(&curve[2 * curve.len() / 5..=3 * curve.len() / 5]);
        let stalled = || (middle() - ends) / self.fall < gap;
        let top = || curve[1..].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let first_half_of_it = || self.start - curve[1] > (self.start - ends) / 2.0;
        match () {
            () if finite(curve).len() < curve.len() => Regime::NotFinite,
            () if ends >= self.start => Regime::AboveStart,
            () if top() > ABOVE * self.start && self.start > 0.0 => Regime::Overshoots,
            () if gap > ROUGH_GAP && rough && stalled() => Regime::Rough,
            () if gap > GAP
                && stopped()
                && self.waited_at(ends)
                && !self.sooner(curve) =>
            {
                Regime::Waits
            }
            () if gap > GAP && stopped() && first_half_of_it() => Regime::Stuck,
            () => Regime::Learns,
        }
    }

    /// Whether the best curve stayed at that level for a while.
    fn waited_at(&self, level: f64) -> bool {
        let near = |v: &&f64| (**v - level).abs() < LEVEL * self.fall;
        self.best.is_some_and(|b| self.curves[b].iter().filter(near).count() >= WAIT)
    }

    /// Whether a curve is ahead of the best where they part: no slower way to the same place.
    fn sooner(&self, curve: &[f64]) -> bool {
        let best = self.best.map_or(&[][..], |b| &self.curves[b]);
        self.parted(curve, best).is_some_and(|(own, best)| own < best)
    }

    /// The first values that are clearly apart.
    fn parted(&self, a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
        let mut pairs = a.iter().copied().zip(b.iter().copied());
        pairs.find(|(x, y)| (x - y).abs() > PARTED * self.fall)
    }

    /// Which of two curves has the higher rate, and whether that is sure.
    fn compare(&self, seen: &[Seen], a: usize, b: usize) -> (Ordering, bool) {
        let (x, y) = (&seen[a], &seen[b]);
        let regimes = x.regime.cmp(&y.regime);
        if regimes != Ordering::Equal {
            return (regimes, true);
        }
        match x.regime {
            Regime::NotFinite => (y.finite.cmp(&x.finite), x.finite != y.finite),
            Regime::Waits | Regime::Learns => self.ahead(a, b),
            _ => (x.end.total_cmp(&y.end), (x.gap - y.gap).abs() > LEVEL),
        }
    }

    /// The one that is ahead where the two part.
    fn ahead(&self, a: usize, b: usize) -> (Ordering, bool) {
        let (a, b) = (&self.curves[a], &self.curves[b]);
        match self.parted(a, b) {
            Some((x, y)) => (y.total_cmp(&x), true),
            None => {
                let behind: f64 = a.iter().zip(b).map(|(x, y)| x - y).sum();
                (0.0_f64.total_cmp(&behind), false)
            }
        }
    }
}

fn second_half(curve: &[f64]) -> f64 {
    roughness(&curve[curve.len() / 2..])
}

fn verdict(regime: Regime, beside: Ordering) -> &'static str {
    match (regime, beside) {
        (Regime::NotFinite | Regime::AboveStart, _) => "way too high",
        (_, Ordering::Less) => "too low",
        (_, Ordering::Equal) => "good",
        (_, Ordering::Greater) => "too high",
    }
}

fn reason(seen: &Seen, beside: Ordering) -> String {
    let gap = format!("{:.0} % of the whole fall above the best", 100.0 * seen.gap);
    match (seen.regime, beside) {
        (Regime::NotFinite, _) => {
            format!("not finite after {} values", seen.finite)
        }
        (Regime::AboveStart, _) => format!("ends at {:.4}, above its start", seen.end),
        (Regime::Overshoots, _) => format!("jumps above its start, ends {gap}"),
        (Regime::Stuck, _) => format!("falls at once, then stays {gap}"),
        (Regime::Rough, _) => format!("swings, and ends {gap}"),
        (Regime::Waits, _) => {
            format!(
                "goes the way of the best curve, and is still where that one waited: {gap}"
            )
        }
        (Regime::Learns, Ordering::Equal) => format!("ends lowest, at {:.4}", seen.end),
        (Regime::Learns, Ordering::Less) => {
            format!("behind the best where they part, ends {gap}")
        }
        (Regime::Learns, Ordering::Greater) => {
            format!("ahead of the best where they part, ends {gap}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gradient descent on a valley of two curvatures, 1 and 0.01: the curve is exact.
    fn descent(rate: f64, epochs: usize) -> Vec<f64> {
        let (mut a, mut b) = (1.0f64, 1.0f64);
        let mut step = || {
            let loss = 0.5 * (a * a + 0.01 * b * b);
            (a, b) = (a - rate * a, b - rate * 0.01 * b);
            loss
        };
        (0..epochs).map(|_| step()).collect()
    }

    #[test]
    fn curves_of_a_quadratic_find_their_rates_in_any_order() {
        let rates = [0.001, 0.03, 1.5, 2.2];
        for turn in 0..4 {
            let mut mixed = rates;
            mixed.rotate_left(turn);
            let curves: Vec<Vec<f64>> = mixed.iter().map(|&r| descent(r, 60)).collect();
            let found = assign(&curves, &rates).unwrap();
            let given: Vec<f64> = found.iter().map(|a| a.rate).collect();
            assert_eq!(given, mixed);
            assert_eq!(found[(4 - turn) % 4].verdict, "too low");
            assert_eq!(found[(7 - turn) % 4].verdict, "way too high");
        }
    }

    #[test]
    fn a_loss_that_is_no_number_has_the_highest_rate_and_the_sooner_the_higher() {
        let nan = |n: usize| {
            let mut curve = descent(0.1, 20);
            curve[n..].fill(f64::NAN);
            curve
        };
        let found =
            assign(&[nan(2), descent(0.1, 20), nan(9)], &[3.0, 2.0, 0.1]).unwrap();
        let given: Vec<f64> = found.iter().map(|a| a.rate).collect();
        assert_eq!(given, [3.0, 0.1, 2.0]);
    }

    #[test]
    fn a_rough_curve_that_still_falls_fast_is_a_slow_one() {
        let noise = |t: f64| 0.05 * libm::sin(t * 12.9898);
        let slow: Vec<f64> =
            (0..60).map(|t| (2.0 - 0.025 * f64::from(t)) + noise(f64::from(t))).collect();
        let fast: Vec<f64> =
            (0..60).map(|t| 2.0 * libm::exp(-0.2 * f64::from(t))).collect();
        let stays: Vec<f64> = (0..60)
            .map(|t| if t == 0 { 2.0 } else { 0.8 + noise(f64::from(t)) })
            .collect();
        let found = assign(&[stays, slow, fast], &[0.01, 0.1, 1.0]).unwrap();
        let given: Vec<f64> = found.iter().map(|a| a.rate).collect();
        assert_eq!(given, [1.0, 0.01, 0.1]);
    }

    #[test]
    fn a_curve_that_came_sooner_to_the_level_where_it_stays_is_no_slow_one() {
        let slow = |rate: f64| (0..60).map(move |t| 3.0 - rate * f64::from(t));
        let stays = (0..60).map(|t| if t == 0 { 3.0 } else { 2.0 });
        let curves =
            [slow(0.01).collect(), slow(0.03).collect(), stays.collect::<Vec<f64>>()];
        let found = assign(&curves, &[0.01, 0.1, 1.0]).unwrap();
        assert_eq!(found[2].rate, 1.0);
    }

    #[test]
    fn equal_curves_are_said_to_be_not_told_apart() {
        let found = assign(&[descent(0.1, 20), descent(0.1, 20)], &[0.1, 0.2]).unwrap();
        assert!(!found.iter().all(|a| a.sure));
    }

    #[test]
    fn what_cannot_be_assigned_is_refused() {
        let c = descent(0.1, 9);
        let refused = |curves: &[Vec<f64>], rates: &[f64]| assign(curves, rates).is_err();
        assert!(refused(&[c.clone(), c.clone()], &[0.1]));
        assert!(refused(&[c.clone(), c.clone()], &[0.1, 0.1]));
        assert!(refused(&[c.clone(), c.clone()], &[0.1, -0.1]));
        assert!(refused(&[c.clone(), vec![1.0]], &[0.1, 0.2]));
        assert!(refused(&[c.clone(), vec![f64::NAN; 9]], &[0.1, 0.2]));
        assert!(refused(&[], &[]));
    }
}
