//! What is searched, and the settings of each trial.
//!
//! In: `lr ~ loguniform(1e-5, 1)`, `H ~ {32, 64}`, `N ~ 2..8`; a seed. Out: [`Axis`], and for trial k
//! its settings. Invariant: what trial k is depends on (seed, k) and the place of each axis alone, so
//! that any number of workers, now or after a stop, means the same trials. Deliberately absent: whether
//! the file takes a value; the model says so before anything is trained.

use std::str::FromStr;

use chainrule_graph::syntax::settings::nearest;
use chainrule_kernels::rng::Draws;
use serde_json::{Value, json};

use crate::error::Error;
use crate::trials::Settings;

/// Draws for trials; other rooms have other numbers.
const PURPOSE: u32 = 0x7475_6e65;
/// Digits of a drawn number: more than a search can tell apart, and few enough to stand in a file.
const DIGITS: usize = 4;

/// A name, and what is tried for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// As `--set` takes it.
    pub name: String,
    /// What it may be.
    pub values: Values,
}

/// What a name may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Any number between two.
    Real {
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
        /// Each decade as likely as any other.
        log: bool,
    },
    /// Any whole number between two, both included.
    Whole {
        /// The smallest.
        low: i64,
        /// The largest.
        high: i64,
        /// Each decade as likely as any other.
        log: bool,
    },
    /// One of these, each as likely.
    Choice(Vec<String>),
    /// The k-th for trial k.
    Listed(Vec<f64>),
}

/// The kinds that have two ends: a name, on a logarithmic scale, whole numbers.
const KINDS: [(&str, bool, bool); 4] = [
    ("loguniform", true, false),
    ("uniform", false, false),
    ("int", false, true),
    ("logint", true, true),
];

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = "expected NAME ~ loguniform(LOW, HIGH), uniform(LOW, HIGH), int(LOW, HIGH), \
                     logint(LOW, HIGH), LOW..HIGH or {A, B, C}";
        let (name, values) = text.split_once('~').ok_or_else(|| wrong.to_owned())?;
        let (name, values) = (name.trim().to_owned(), values.trim());
        if name.is_empty() {
            return Err(wrong.to_owned());
        }
        let values = match (values.strip_prefix('{'), values.split_once("..")) {
            (Some(rest), _) => choice(rest.strip_suffix('}').ok_or("expected a }")?)?,
            (None, Some((low, high))) => between((low, high), (false, true))?,
            (None, None) => called(values, wrong)?,
        };
        Ok(Self { name, values })
    }
}

fn choice(inside: &str) -> Result<Values, String> {
    let all: Vec<String> =
        pieces(inside).into_iter().map(|p| p.trim().to_owned()).collect();
    match all.iter().position(String::is_empty) {
        Some(_) => Err("expected values between the commas of { }".to_owned()),
        None => Ok(Values::Choice(all)),
    }
}

/// `loguniform(1e-5, 1)`.
fn called(text: &str, wrong: &str) -> Result<Values, String> {
    let call = text.strip_suffix(')').and_then(|t| t.split_once('('));
    let (kind, inside) = call.ok_or_else(|| wrong.to_owned())?;
    let kind = kind.trim();
    let known = KINDS.iter().find(|k| k.0 == kind);
    let &(_, log, whole) =
        known.ok_or_else(|| match nearest(kind, KINDS.iter().map(|k| k.0)) {
            Some(near) => {
                format!("no distribution is called {kind}; did you mean {near}?")
            }
            None => format!("no distribution is called {kind}; {wrong}"),
        })?;
    let ends =
        inside.split_once(',').ok_or_else(|| format!("{kind}: expected two ends"))?;
    between(ends, (log, whole))
}

fn between(
    (low, high): (&str, &str),
    (log, whole): (bool, bool),
) -> Result<Values, String> {
    let number = |text: &str| {
        let value: Option<f64> = text.trim().parse().ok();
        let value = value
            .filter(|v| v.is_finite() && (!whole || v.fract() == 0.0 && v.abs() < 1e15));
        let what = if whole { "a whole number" } else { "a number" };
        value.ok_or_else(|| format!("expected {what}, found {}", text.trim()))
    };
    let (low, high) = (number(low)?, number(high)?);
    if low >= high {
        return Err(format!(
            "expected two ends, the smaller one first, found {low} and {high}"
        ));
    }
    if log && low <= 0.0 {
        return Err(format!("a logarithmic scale begins above 0, found {low}"));
    }
    Ok(match whole {
        true => Values::Whole { low: low as i64, high: high as i64, log },
        false => Values::Real { low, high, log },
    })
}

/// The parts between commas that stand in no bracket and no quotes.
#[must_use]
pub fn pieces(text: &str) -> Vec<&str> {
    let (mut out, mut from, mut depth, mut quoted) = (Vec::new(), 0, 0i32, false);
    for (at, sign) in text.char_indices() {
        match sign {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth <= 0 => {
                out.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push(text[from..].trim());
    out
}

impl Axis {
    /// The learning rate, at random over five decades: where a search begins when nothing is known.
    #[must_use]
    pub fn rate() -> Self {
        let values = Values::Real { low: 1e-5, high: 1.0, log: true };
        Self { name: "lr".to_owned(), values }
    }

    /// Given learning rates, one a trial.
    ///
    /// # Errors
    /// [`Error::Usage`] for none, or one that is not above 0 and finite.
    pub fn candidates(rates: &[f64]) -> Result<Self, Error> {
        let rates = crate::diagnose::search::review(rates, 0)?.candidates;
        Ok(Self { name: "lr".to_owned(), values: Values::Listed(rates) })
    }

    /// The text of trial k's value; `place` is that of the axis among the others.
    fn draw(&self, draws: &Draws, k: u64, place: u32) -> String {
        let u = draws.uniform(k, place, 0);
        match &self.values {
            Values::Real { low, high, log } => {
                let value = at(u, *low, *high, *log);
                rounded(value).clamp(*low, *high).to_string()
            }
            Values::Whole { low, high, log: true } => {
                // Each whole number owns the half on either side of it.
                let value = at(u, *low as f64 - 0.5, *high as f64 + 0.5, true);
                (value.round() as i64).clamp(*low, *high).to_string()
            }
            Values::Whole { low, high, log: false } => {
                let count = high.abs_diff(*low) + 1;
                (low + draws.below(count, k, place, 0) as i64).to_string()
            }
            Values::Choice(all) => {
                all[draws.below(all.len() as u64, k, place, 0) as usize].clone()
            }
            Values::Listed(all) => all[k as usize % all.len()].to_string(),
        }
    }

    /// As Optuna writes it.
    #[must_use]
    pub fn distribution(&self) -> Value {
        let float = |low: f64, high: f64, log: bool| {
            json!({ "name": "FloatDistribution",
                "attributes": { "step": null, "low": low, "high": high, "log": log } })
        };
        match &self.values {
            Values::Real { low, high, log } => float(*low, *high, *log),
            Values::Listed(all) => float(all[0], all[all.len() - 1], true),
            Values::Whole { low, high, log } => json!({ "name": "IntDistribution",
                "attributes": { "log": log, "step": 1, "low": low, "high": high } }),
            Values::Choice(all) => json!({ "name": "CategoricalDistribution",
                "attributes": { "choices": all } }),
        }
    }

    /// A value as Optuna stores it: the number, or its place among the choices.
    #[must_use]
    pub fn stored(&self, value: &str) -> f64 {
        match &self.values {
            Values::Choice(all) => {
                all.iter().position(|v| v == value).unwrap_or_default() as f64
            }
            _ => value.parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether figures are drawn over it on a logarithmic axis.
    #[must_use]
    pub fn is_log(&self) -> bool {
        matches!(
            self.values,
            Values::Real { log: true, .. }
                | Values::Whole { log: true, .. }
                | Values::Listed(_)
        )
    }

    /// Whether its values are numbers that can lie along an axis.
    #[must_use]
    pub fn is_number(&self) -> bool {
        !matches!(self.values, Values::Choice(_))
    }
}

/// The place `u` of the way from `low` to `high`.
fn at(u: f64, low: f64, high: f64, log: bool) -> f64 {
    match log {
        true => libm::exp(libm::log(low) + u * (libm::log(high) - libm::log(low))),
        false => low + u * (high - low),
    }
}

fn rounded(value: f64) -> f64 {
    format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value)
}

/// The settings of trial k.
#[must_use]
pub fn settings(axes: &[Axis], seed: u64, k: usize) -> Settings {
    let draws = Draws::new(seed, PURPOSE);
    let one = |(place, axis): (usize, &Axis)| {
        (axis.name.clone(), axis.draw(&draws, k as u64, place as u32))
    };
    axes.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Axis {
        text.parse().unwrap()
    }

    fn numbers(text: &str, n: usize) -> Vec<f64> {
        let axes = [axis(text)];
        (0..n).map(|k| settings(&axes, 7, k)[0].1.parse().unwrap()).collect()
    }

    #[test]
    fn rates_are_spread_evenly_over_the_decades() {
        let rates = numbers("lr ~ loguniform(1e-5, 1)", 2000);
        for decade in -5..0 {
            let (low, high) =
                (libm::exp10(decade.into()), libm::exp10((decade + 1).into()));
            let n = rates.iter().filter(|&&r| r >= low && r < high).count();
            assert!((330..470).contains(&n), "{decade}: {n}");
        }
    }

    #[test]
    fn whole_numbers_reach_both_ends_and_no_further() {
        for text in ["H ~ int(2, 5)", "H ~ 2..5", "H ~ logint(2, 5)"] {
            let mut all = numbers(text, 300);
            all.sort_by(f64::total_cmp);
            all.dedup();
            assert_eq!(all, [2.0, 3.0, 4.0, 5.0], "{text}");
        }
    }

    #[test]
    fn a_trial_is_a_function_of_seed_and_number() {
        let axes = [Axis::rate(), axis("H ~ {32, 64, sgd(lr = 0.1, momentum = 0)}")];
        let all: Vec<Settings> = (0..40).map(|k| settings(&axes, 3, k)).collect();
        assert_eq!(settings(&axes, 3, 17), all[17]);
        assert_ne!(settings(&axes, 4, 17), all[17]);
        let choices: Vec<&str> = all.iter().map(|s| s[1].1.as_str()).collect();
        for value in ["32", "64", "sgd(lr = 0.1, momentum = 0)"] {
            assert!(choices.contains(&value), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_way_out() {
        for (text, words) in [
            ("lr", "expected NAME ~"),
            ("~ uniform(1, 2)", "expected NAME ~"),
            ("lr ~ loguniform(0, 1)", "begins above 0"),
            ("lr ~ uniform(1, 1)", "the smaller one first"),
            ("lr ~ logunifrom(1, 2)", "did you mean loguniform?"),
            ("lr ~ uniform(1)", "two ends"),
            ("lr ~ uniform(a, 1)", "expected a number, found a"),
            ("lr ~ uniform(1, inf)", "expected a number, found inf"),
            ("H ~ 2.5..4", "expected a whole number, found 2.5"),
            ("H ~ {1, , 2}", "between the commas"),
            ("H ~ {1, 2", "expected a }"),
        ] {
            let said = text.parse::<Axis>().unwrap_err();
            assert!(said.contains(words), "{text}: {said}");
        }
        assert!(Axis::candidates(&[0.1, -1.0]).is_err());
    }
}
