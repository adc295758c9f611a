//! Whether the targets belong to the inputs at all.
//!
//! In: rows. Out: findings. Invariants: equal inputs are compared with each other, which no network can
//! tell apart; a relation is looked for in columns, their squares and products, and counts only beyond
//! what chance does in so many tests. Deliberately absent: whose fault it is.

use std::collections::BTreeMap;

use super::{finding, said, short};
use crate::diagnose::evidence::table::{Table, Target};
use crate::diagnose::evidence::{Evidence, LEARNS};
use crate::diagnose::{Finding, Severity};

/// Degrees of freedom below which nothing is said.
const FEW: usize = 30;

fn both<'a>(e: &'a Evidence<'_>) -> Option<(&'a Table, &'a Target)> {
    let table = e.table.as_ref()?;
    let target = table.target.as_ref()?;
    (!table.columns.is_empty() && target.variance() > 0.0).then_some((table, target))
}

/// Rows with equal inputs whose targets differ as any targets do.
pub(super) fn shuffled(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some((table, target)) = both(e) else { return Vec::new() };
    let mut groups: BTreeMap<Vec<u64>, Vec<usize>> = BTreeMap::new();
    for row in 0..target.rows.len() {
        let own = table.inputs.iter().map(|column| column[row].to_bits()).collect();
        groups.entry(own).or_default().push(row);
    }
    let (n, k) = (target.rows.len(), groups.len());
    if n - k < FEW || k < FEW {
        return Vec::new();
    }
    let mean = |rows: &[usize], c: usize| {
        rows.iter().map(|&r| target.rows[r][c]).sum::<f64>() / rows.len() as f64
    };
    let all: Vec<usize> = (0..n).collect();
    let (mut within, mut between) = (0.0, 0.0);
    for c in 0..target.entries() {
        let middle = mean(&all, c);
        for rows in groups.values() {
            let own = mean(rows, c);
            let apart = |&r: &usize| (target.rows[r][c] - own).powi(2);
            within += rows.iter().map(apart).sum::<f64>();
            between += rows.len() as f64 * (own - middle).powi(2);
        }
    }
    let (free_within, free_between) = ((n - k) as f64, (k - 1) as f64);
    let ratio = (between / free_between) / (within / free_within);
    let chance = libm::sqrt(2.0 / free_between + 2.0 / free_within);
    if within == 0.0 || ratio > 1.0 + 2.0 * chance {
        return Vec::new();
    }
    vec![
        finding("labels_shuffled", Severity::Warning, target.key.clone())
            .says(format!(
                "{n} rows have {k} different inputs, and rows with equal inputs differ in their \
                 targets as any two rows do (ratio of variances {}, by chance 1 ± {}): the \
                 targets do not belong to these inputs",
                short(ratio),
                short(chance)
            ))
            .shows(&[("rows", n as f64), ("inputs", k as f64), ("ratio", ratio)])
            .advises("shuffle inputs and targets together; look at how they are put side by side"),
    ]
}

/// Columns of which all products are looked at.
const PAIRS: usize = 24;

/// No column, square or product says anything about the targets.
pub(super) fn independent(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some((table, target)) = both(e) else { return Vec::new() };
    let rows = target.rows.len();
    let fails = e.gate().is_some_and(|g| !g.learns()) || !generalises(e);
    if !fails || rows < FEW || said(found, &["labels_shuffled"]) {
        return Vec::new();
    }
    let features = features(table);
    let columns: Vec<Vec<f64>> = (0..target.entries())
        .filter_map(|c| standardised(target.rows.iter().map(|r| r[c]).collect()))
        .collect();
    let tests = (features.len() * columns.len()).max(1);
    let strongest = features
        .iter()
        .flat_map(|f| columns.iter().map(|y| correlation(f, y).abs()))
        .fold(0.0, f64::max);
    // The largest of so many tests on chance alone stays below this in 95 % of cases.
    let bound =
        libm::sqrt(2.0 * libm::log(tests as f64 / 0.05)) / libm::sqrt(rows as f64);
    if features.is_empty() || strongest > bound {
        return Vec::new();
    }
    vec![
        finding("labels_independent", Severity::Warning, target.key.clone())
            .says(format!(
                "the network does no better than a constant, and no input says anything about \
                 the targets: of {tests} correlations the strongest is {}, chance alone reaches \
                 {}",
                short(strongest),
                short(bound)
            ))
            .shows(&[
                ("strongest", strongest),
                ("chance", bound),
                ("tests", tests as f64),
                ("rows", rows as f64),
            ])
            .advises("look at how inputs and targets are put side by side: rows may be shuffled"),
    ]
}

/// Whether rows that were not learned from came out better than a constant answer.
fn generalises(e: &Evidence<'_>) -> bool {
    let (Some(course), Some(gate)) = (&e.course, e.gate()) else { return true };
    let held = course.history.iter().filter_map(|h| h.held_loss).reduce(f64::min);
    held.is_none_or(|held| !gate.constant || held < LEARNS * gate.baseline)
}

/// Columns, their squares, and products where there are few.
fn features(table: &Table) -> Vec<Vec<f64>> {
    let columns: Vec<Vec<f64>> =
        table.inputs.iter().filter_map(|c| standardised(c.clone())).collect();
    // A few rows with a rare value are no relation: values far out count as three deviations.
    let columns: Vec<Vec<f64>> = columns
        .into_iter()
        .filter_map(|c| standardised(c.iter().map(|v| v.clamp(-3.0, 3.0)).collect()))
        .collect();
    let product = |a: &[f64], b: &[f64]| {
        standardised(a.iter().zip(b).map(|(a, b)| a * b).collect())
    };
    let mut all = columns.clone();
    for (i, a) in columns.iter().enumerate() {
        let last = if columns.len() <= PAIRS { columns.len() } else { i + 1 };
        all.extend(columns[i..last].iter().filter_map(|b| product(a, b)));
    }
    all
}

/// With mean 0 and variance 1; `None` for a constant.
fn standardised(mut values: Vec<f64>) -> Option<Vec<f64>> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let deviation = libm::sqrt(variance);
    values.iter_mut().for_each(|v| *v = (*v - mean) / deviation);
    (deviation > 1e-12 * (1.0 + mean.abs())).then_some(values)
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64
}
