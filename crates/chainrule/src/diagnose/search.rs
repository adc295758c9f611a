//! A list of learning rates, before anything is spent on it.
//!
//! In: candidates. Out: how they lie on a logarithmic ruler, the finding if they lie badly, and a
//! list that lies better. Deliberately absent: training (`tune`).

use serde::Serialize;

use super::{Finding, Severity};
use crate::error::Error;

/// Fewer decades than this are a search around a known rate at best.
const DECADES: f64 = 3.0;
/// A larger share than this in one decade looks at little else.
const SHARE: f64 = 0.6;
/// Where a search begins when nothing is known, in powers of ten.
const RANGE: (f64, f64) = (-5.0, 0.0);

/// How candidates lie.
#[derive(Clone, Debug, Serialize)]
pub struct Review {
    /// The candidates, smallest first.
    pub candidates: Vec<f64>,
    /// log10 of largest over smallest.
    pub decades: f64,
    /// The number of candidates of each decade `[10^k, 10^(k+1))`, with its k; the last one that
    /// is reached includes its end where it would hold nothing else.
    pub ruler: Vec<(i32, usize)>,
    /// The finding, if they lie badly.
    pub findings: Vec<Finding>,
    /// As many candidates at random on a logarithmic scale, from a seed.
    pub proposal: Vec<f64>,
}

/// Reviews a list of learning rates; `seed` draws the proposal.
///
/// # Errors
/// [`Error::Usage`] for an empty list, or one with a rate that is not positive and finite.
pub fn review(candidates: &[f64], seed: u64) -> Result<Review, Error> {
    let mut sorted = candidates.to_vec();
    sorted.sort_by(f64::total_cmp);
    let bad = sorted.iter().find(|&&r| !(r > 0.0 && r.is_finite()));
    if sorted.is_empty() || bad.is_some() {
        let message = match bad {
            Some(r) => format!("{r} is no learning rate: a rate is above 0 and finite"),
            None => "no candidates; give some, as 1e-4,1e-3,1e-2".to_owned(),
        };
        return Err(Error::Usage { field: "candidates".into(), message });
    }
    let decades = libm::log10(sorted[sorted.len() - 1] / sorted[0]);
    let ruler = ruler(&sorted);
    let most = ruler.iter().copied().max_by_key(|&(k, n)| (n, -k)).unwrap_or((0, 0));
    let share = most.1 as f64 / sorted.len() as f64;
    let poor = decades < DECADES || (share > SHARE && sorted.len() > 2);
    let findings = if poor { vec![finding(&sorted, decades, most)] } else { Vec::new() };
    let proposal = proposal(sorted.len().max(FEWEST), seed);
    Ok(Review { candidates: sorted, decades, ruler, findings, proposal })
}

fn decade(rate: f64) -> i32 {
    // A power of ten is the beginning of its decade even where the logarithm is a hair below it.
    (libm::log10(rate) + 1e-9).floor() as i32
}

fn ruler(sorted: &[f64]) -> Vec<(i32, usize)> {
    let (first, last) = (decade(sorted[0]), decade(sorted[sorted.len() - 1]));
    let count = |k: i32| sorted.iter().filter(|&&r| decade(r) == k).count();
    (first..=last).map(|k| (k, count(k))).collect()
}

fn finding(sorted: &[f64], decades: f64, (k, n): (i32, usize)) -> Finding {
    let all = sorted.len();
    let (low, high) = (libm::exp10(f64::from(k)), libm::exp10(f64::from(k + 1)));
    let message = format!(
        "{all} candidates cover {decades:.2} decades, and {n} of them lie in [{low}, {high})"
    );
    Finding {
        id: "lr_search_poor",
        severity: Severity::Warning,
        place: "candidates".to_owned(),
        message,
        evidence: vec![
            ("decades", decades),
            ("most_in_one_decade", n as f64),
            ("candidates", all as f64),
            ("share", n as f64 / all as f64),
        ],
        advice:
            "draw them at random on a logarithmic scale, from 1e-5 to 1; then once more, \
                 half a decade around the best"
                .to_owned(),
    }
}

/// One candidate at random in each of as many equal parts of the range: random, and none left out.
fn proposal(n: usize, seed: u64) -> Vec<f64> {
    let draws = chainrule_kernels::rng::Draws::new(seed, PURPOSE);
    let part = (RANGE.1 - RANGE.0) / n as f64;
    let one = |i: usize| {
        let u = draws.uniform(i as u64, 0, 0);
        let power = RANGE.0 + part * (i as f64 + u);
        // Two digits are more than a search can tell apart.
        format!("{:.1e}", libm::exp10(power)).parse().unwrap_or(f64::NAN)
    };
    (0..n).map(one).collect()
}

/// Fewer would not be sure to cover three decades.
const FEWEST: usize = 5;
/// Purpose of the draws.
const PURPOSE: u32 = 0x7261_7465;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exams_candidates_lie_badly_and_the_proposal_lies_well() {
        let review = review(&[0.01, 0.16, 0.21, 0.84, 0.94], 1).unwrap();
        assert!((review.decades - 1.973).abs() < 1e-3);
        assert_eq!(review.ruler, [(-2, 1), (-1, 4)]);
        assert_eq!(review.findings[0].id, "lr_search_poor");
        let again = super::review(&review.proposal, 1).unwrap();
        assert!(again.findings.is_empty(), "{:?}", review.proposal);
    }

    #[test]
    fn powers_of_ten_over_decades_are_good_and_what_is_no_rate_is_refused() {
        assert!(review(&[1e-4, 1e-3, 1e-2, 1e-1], 0).unwrap().findings.is_empty());
        assert_eq!(review(&[1e-3], 0).unwrap().ruler, [(-3, 1)]);
        for bad in [&[][..], &[0.1, 0.0], &[-1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(review(bad, 0).is_err(), "{bad:?}");
        }
    }
}
