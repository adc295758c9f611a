//! The range test of a learning rate: one short training in which the rate grows from step to step.
//!
//! In: a model, its training rows, two rates, a number of steps. Out: the loss of each step with its
//! rate, smoothed; the rate at which the loss falls fastest, that at which it is lowest, that from which
//! it diverges. Source: Smith 2017, Cyclical learning rates for training neural networks. Invariant:
//! the rate is an expression of t in the optimiser's own call, so a step is one of any training.
//! Deliberately absent: watched rows.

use serde::Serialize;

use crate::data::{Dataset, Preparation};
use crate::error::Error;
use crate::model::Model;
use crate::train::{Control, Event};

/// Share of the running mean that a step leaves as it was.
const SMOOTH: f64 = 0.9;
/// A loss so many times the lowest has diverged.
const DIVERGED: f64 = 4.0;
/// Less than this share of the first loss is no fall.
const FALL: f64 = 0.02;

/// A step of the test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct At {
    /// The rate.
    pub rate: f64,
    /// The loss of the step's rows.
    pub loss: f64,
    /// Its running mean.
    pub smooth: f64,
}

/// What the test came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Range {
    /// All steps until the loss diverged.
    pub steps: Vec<At>,
    /// Where the loss fell fastest: the rate that is suggested; `None` if it never fell.
    pub suggested: Option<f64>,
    /// Where it was lowest.
    pub lowest: Option<f64>,
    /// From where it was four times the lowest, or not finite.
    pub diverges: Option<f64>,
}

/// Tests rates from `low` to `high` in so many steps.
///
/// # Errors
/// [`Error::Usage`] for rates and steps that are no range, and a rule without `lr`; as
/// [`Model::fit_prepared`].
pub fn range(
    model: &Model,
    (train, recipe): (&Dataset, &Preparation),
    (low, high): (f64, f64),
    steps: usize,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Range, Error> {
    let usage = |field: &str, message: &str| {
        Err(Error::Usage { field: field.to_owned(), message: message.to_owned() })
    };
    if !(low > 0.0 && high > low && high.is_finite()) {
        return usage("from, to", "expected two rates above 0, the smaller one first");
    }
    if steps < 20 {
        return usage("steps", "expected 20 or more");
    }
    let growth = libm::log(high / low) / (steps - 1) as f64;
    let rate = |step: u64| low * libm::exp(growth * (step - 1) as f64);
    let (batch, _) = model.settings().batch_for(train.rows);
    let epochs = steps.div_ceil(train.rows.div_ceil(batch).max(1));
    let set = [
        ("lr", format!("{low:e} exp({growth:e} (t - 1))")),
        ("epochs", epochs.to_string()),
    ];
    let set: Vec<(String, String)> = set.map(|(n, v)| (n.to_owned(), v)).to_vec();
    let model = model.varied(&set, &|_| false)?;
    let (mut all, mut least, mut diverges) = (Vec::<At>::new(), f64::INFINITY, None);
    let trained = model.fit_prepared(train, None, recipe, &mut |event| {
        let Event::Batch(b) = event else { return on_event(event) };
        let (before, n) = (all.last().map_or(0.0, |a| raw(a, all.len())), all.len() + 1);
        let mean = SMOOTH * before + (1.0 - SMOOTH) * b.loss;
        let at = At { rate: rate(b.step), loss: b.loss, smooth: mean / share(n) };
        all.push(at);
        least = least.min(at.smooth);
        if at.smooth > DIVERGED * least && least > 0.0 {
            diverges = Some(at.rate);
        }
        match diverges.is_some() || n == steps {
            true => Control::Stop,
            false => on_event(event),
        }
    })?;
    if let Some(crate::train::Why::NotFinite { step, .. }) = trained.end().map(|e| &e.why)
    {
        diverges = Some(rate(*step));
    }
    Ok(judged(all, diverges))
}

/// What the weights of a running mean over n steps add up to.
fn share(n: usize) -> f64 {
    1.0 - libm::pow(SMOOTH, n as f64)
}

/// The running mean before it was divided by what its weights add up to.
fn raw(at: &At, n: usize) -> f64 {
    at.smooth * share(n)
}

fn judged(steps: Vec<At>, diverges: Option<f64>) -> Range {
    let lowest =
        steps.iter().enumerate().min_by(|a, b| a.1.smooth.total_cmp(&b.1.smooth));
    let first = steps.first().map_or(f64::NAN, |a| a.smooth);
    let fell = lowest.filter(|(_, a)| a.smooth < first - FALL * first.abs());
    let (place, lowest) = match fell {
        Some((place, at)) => (place, Some(at.rate)),
        None => (0, None),
    };
    let suggested = lowest.and_then(|_| steepest(&steps[..=place]));
    Range { suggested, lowest, diverges, steps }
}

/// The rate in the middle of the steepest fall, over a tenth of the steps at a time.
fn steepest(steps: &[At]) -> Option<f64> {
    let width = (steps.len() / 10).max(2);
    let fall = |from: usize| steps[from + width].smooth - steps[from].smooth;
    let from = (0..steps.len().checked_sub(width)?)
        .min_by(|&a, &b| fall(a).total_cmp(&fall(b)))?;
    Some(steps[from + width / 2].rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Falls over the decades round 1e-2, rises from 1 on.
    fn curve(n: usize) -> Vec<At> {
        let at = |i: usize| {
            let power = -6.0 + 8.0 * i as f64 / n as f64;
            let smooth = 2.0 - libm::tanh(power + 2.0) + libm::exp(4.0 * (power - 0.5));
            At { rate: libm::exp10(power), loss: smooth, smooth }
        };
        (0..n).map(at).collect()
    }

    #[test]
    fn the_suggested_rate_is_where_the_loss_falls_fastest() {
        let found = judged(curve(200), Some(3.0));
        let suggested = found.suggested.unwrap();
        assert!((5e-3..2e-2).contains(&suggested), "{suggested}");
        assert!(found.lowest.unwrap() > suggested && found.lowest.unwrap() < 1.0);
    }

    #[test]
    fn where_nothing_falls_nothing_is_suggested() {
        let flat: Vec<At> =
            curve(50).into_iter().map(|a| At { smooth: 2.0, ..a }).collect();
        let found = judged(flat, None);
        assert_eq!((found.suggested, found.lowest), (None, None));
        assert_eq!(judged(Vec::new(), Some(1.0)).suggested, None);
    }
}
