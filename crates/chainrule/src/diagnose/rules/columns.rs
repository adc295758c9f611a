//! The scale of inputs and targets.
//!
//! In: columns as the network sees them. Out: findings with the worst columns and the largest stable
//! rate. Invariant: columns of yes and no have no scale to be put right. Deliberately absent: changing
//! them.

use super::{finding, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::evidence::loss::Form;
use crate::diagnose::evidence::table::{Column, Table};
use crate::diagnose::{Finding, Severity};

/// Further from 0, or further apart, than this is not scaled.
const LARGE: f64 = 10.0;
/// Columns whose sizes differ by more than this drown each other.
const APART: f64 = 100.0;
/// All columns below this are as good as 0.
const SMALL: f64 = 0.01;

pub(super) fn inputs(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(table) = &e.table else { return Vec::new() };
    let moving: Vec<&Column> = table.columns.iter().filter(|c| c.size() > 0.0).collect();
    if moving.is_empty() {
        return Vec::new();
    }
    let largest = moving.iter().map(|c| c.scale()).fold(0.0, f64::max);
    if largest < SMALL && moving.iter().all(|c| c.size() < APART * SMALL) {
        return vec![too_small(&moving, largest)];
    }
    let numbers: Vec<&Column> = moving.into_iter().filter(|c| !c.is_mark()).collect();
    let mut worst: Vec<&Column> =
        numbers.iter().copied().filter(|c| c.scale() > LARGE).collect();
    if worst.is_empty() {
        let mut sizes: Vec<f64> = numbers.iter().map(|c| c.size()).collect();
        sizes.sort_by(f64::total_cmp);
        let middle = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
        let far = |c: &&Column| c.size() > APART * middle;
        worst = numbers.iter().copied().filter(far).collect();
    }
    worst.sort_by(|a, b| b.scale().total_cmp(&a.scale()));
    if worst.is_empty() { Vec::new() } else { vec![unscaled(e, table, &worst)] }
}

fn too_small(columns: &[&Column], largest: f64) -> Finding {
    finding("inputs_too_small", Severity::Warning, columns[0].name.clone())
        .says(format!(
            "no input lies further from 0, or further apart, than {}: the first layer hardly \
             sees them",
            short(largest)
        ))
        .shows(&[("largest", largest), ("columns", columns.len() as f64)])
        .advises("standardise them (`x = * standardized`), or divide by less")
}

fn unscaled(e: &Evidence<'_>, table: &Table, worst: &[&Column]) -> Finding {
    let told: Vec<String> = worst
        .iter()
        .take(3)
        .map(|c| {
            format!("{} (mean {}, deviation {})", c.name, short(c.mean), short(c.std))
        })
        .collect();
    let more = match worst.len() {
        0..=3 => String::new(),
        n => format!(" and {} more", n - 3),
    };
    let largest = eigenvalue(&table.inputs);
    let stable = 2.0 / largest;
    let beyond = match e.rate() {
        Some(rate) if e.model.settings().optimizer.name.key == "sgd" && rate > stable => {
            format!(", and the rate is {}", short(rate))
        }
        _ => String::new(),
    };
    finding("unnormalised_inputs", Severity::Warning, worst[0].name.clone())
        .says(format!(
            "inputs are not scaled: {}{more}; the largest eigenvalue of their second moment is \
             {}, so gradient descent on a linear layer is stable up to a rate of {}{beyond}",
            told.join(", "),
            short(largest),
            short(stable)
        ))
        .shows(&[
            ("columns", worst.len() as f64),
            ("mean", worst[0].mean),
            ("deviation", worst[0].std),
            ("eigenvalue", largest),
            ("stable_rate", stable),
        ])
        .advises("standardise: `x = * standardized` (mean 0, deviation 1 on the training rows)")
}

/// The largest eigenvalue of the mean of x xᵀ, by powers.
fn eigenvalue(columns: &[Vec<f64>]) -> f64 {
    let rows = columns.first().map_or(0, Vec::len);
    let mut direction = vec![1.0; columns.len()];
    let mut value = 0.0;
    for _ in 0..20 {
        let norm = libm::sqrt(direction.iter().map(|v| v * v).sum::<f64>());
        if norm == 0.0 || !norm.is_finite() {
            return norm;
        }
        direction.iter_mut().for_each(|v| *v /= norm);
        let mut along = vec![0.0; rows];
        for (column, d) in columns.iter().zip(&direction) {
            along.iter_mut().zip(column).for_each(|(a, x)| *a += d * x);
        }
        let back = |column: &Vec<f64>| {
            column.iter().zip(&along).map(|(x, a)| x * a).sum::<f64>() / rows as f64
        };
        direction = columns.iter().map(back).collect();
        value = libm::sqrt(direction.iter().map(|v| v * v).sum::<f64>());
    }
    value
}

/// Targets spread this much wider than the first outputs take long to reach.
const WIDE: f64 = 30.0;

pub(super) fn targets(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let target = e.table.as_ref().and_then(|t| t.target.as_ref());
    let (Some(target), Some(start)) = (target, &e.start) else { return Vec::new() };
    let open = e.network.output.as_ref().is_some_and(|o| !o.range.is_bounded());
    let spread = libm::sqrt(target.variance());
    let numbers = matches!(e.loss.form, Form::Squared | Form::Absolute) && open;
    if !numbers || spread <= WIDE * start.output.max(1.0 / WIDE) {
        return Vec::new();
    }
    vec![
        finding("unnormalised_targets", Severity::Warning, target.key.clone())
            .says(format!(
                "targets have a deviation of {}, the first outputs one of {}: the last layer \
                 has to grow that much before anything fits, and gradients are as large",
                short(spread),
                short(start.output)
            ))
            .shows(&[("targets", spread), ("outputs", start.output)])
            .advises("standardise them (`y = COLUMN standardized`); predictions are scaled back"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_find_the_largest_eigenvalue() {
        // x = (3, 4) in every row: E[x xᵀ] has the eigenvalues 25 and 0.
        let value = eigenvalue(&[vec![3.0; 7], vec![4.0; 7]]);
        assert!((value - 25.0).abs() < 1e-9, "{value}");
    }
}
