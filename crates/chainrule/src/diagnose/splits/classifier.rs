//! The classifier two-sample test: can the part be told from a row.
//!
//! In: [`Pooled`]. Out: [`Classifier`]. A linear discriminant is fitted on one half of at most
//! [`MOST`] rows, and scores the other half; how often a random dealing of those scores to the parts
//! tells them apart as well is the p (Lopez-Paz and Oquab 2017). It looks at ranks, levels, and
//! products of the most telling of them, so that it sees what several columns do together: shifts too
//! small for each alone, spreads, dependences. Invariants: rows and halves are drawn without a look at
//! their values; the scored half has no part in the fit. Deliberately absent: a network, which at this
//! number of rows finds no more and takes a hundred times as long.

use chainrule_kernels::rng::Draws;
use serde::Serialize;

use super::chance::{permuted, ranks};
use super::columns::lowest_if_missing;
use super::pooled::{Column, Pooled};

/// Rows that are looked at, half of them of each part where there are as many.
const MOST: usize = 5_000;
/// A part with fewer rows says nothing.
const FEWEST: usize = 20;
/// Levels of a column with fewer rows are not looked at, nor more levels than this.
const RARE: usize = 10;
const LEVELS: usize = 32;
/// Features of one column that are kept, and those of which products are made.
const SINGLE: usize = 128;
const MULTIPLIED: usize = 14;
const PURPOSE: u32 = 0x636c_6173;

/// How well the parts are told apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classifier {
    /// Rows that were scored.
    pub rows: usize,
    /// The chance that a row of the other part has a higher score than one of training.
    pub auc: f64,
    /// Its interval of 95 % (DeLong).
    pub interval: (f64, f64),
    /// How often random parts are told apart as well.
    pub p: f64,
    /// What told them apart, the most telling first.
    pub by: Vec<String>,
}

/// Tries to tell the parts apart; `None` if one has too few rows.
pub(super) fn tell_apart(pooled: &Pooled) -> Option<Classifier> {
    let rows = Sample::new(pooled)?;
    let features = rows.features(pooled);
    let fit: Vec<f64> =
        rows.held[..rows.fit].iter().map(|&h| f64::from(u8::from(h))).collect();
    let weights = discriminant(&features, &fit);
    let mut scores = vec![0.0; rows.held.len() - rows.fit];
    for (feature, w) in features.iter().zip(&weights) {
        let values = &feature.values[rows.fit..];
        scores.iter_mut().zip(values).for_each(|(score, v)| *score += w * v);
    }
    let held = &rows.held[rows.fit..];
    let (auc, error, sum, ranks) = auc(&scores, held);
    let of_held = held.iter().filter(|&&h| h).count();
    let margin = 1.96 * error;
    Some(Classifier {
        rows: scores.len(),
        auc,
        interval: ((auc - margin).max(0.0), (auc + margin).min(1.0)),
        p: permuted(&ranks, of_held, sum),
        by: telling(&features, &weights),
    })
}

/// The rows that are looked at: those to fit on first.
struct Sample {
    rows: Vec<u32>,
    held: Vec<bool>,
    fit: usize,
}

impl Sample {
    fn new(pooled: &Pooled) -> Option<Self> {
        let sizes = [pooled.train, pooled.held()];
        if sizes[0].min(sizes[1]) < FEWEST {
            return None;
        }
        let draws = Draws::new(0, PURPOSE);
        let (mut fit, mut score) = (Vec::new(), Vec::new());
        for (part, first) in [0, pooled.train].into_iter().enumerate() {
            let room = MOST - sizes[1 - part].min(MOST / 2);
            let drawn = draws.permutation(part as u64, sizes[part]);
            let take = sizes[part].min(room);
            let row = |&i: &u32| (i + first as u32, part == 1);
            fit.extend(drawn[..take / 2].iter().map(row));
            score.extend(drawn[take / 2..take].iter().map(row));
        }
        let half = fit.len();
        let (rows, held) = fit.into_iter().chain(score).unzip();
        Some(Self { rows, held, fit: half })
    }

    fn features(&self, pooled: &Pooled) -> Vec<Feature> {
        let mut single: Vec<Feature> =
            pooled.columns.iter().flat_map(|c| self.of_column(c)).collect();
        let held = &self.held[..self.fit];
        let mut by_gap: Vec<(f64, usize)> =
            single.iter().map(|f| gap(&f.values, held)).zip(0..).collect();
        by_gap.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let order: Vec<usize> = by_gap.into_iter().map(|(_, i)| i).take(SINGLE).collect();
        let mut products = Vec::new();
        for (k, &i) in order.iter().take(MULTIPLIED).enumerate() {
            let with = order[k..].iter().take(MULTIPLIED - k);
            products
                .extend(with.filter_map(|&j| single[i.min(j)].times(&single[i.max(j)])));
        }
        let mut kept = order;
        kept.sort_unstable();
        let mut all: Vec<Feature> =
            kept.into_iter().map(|i| std::mem::take(&mut single[i])).collect();
        all.append(&mut products);
        all
    }

    /// The rank of a number, or one feature a level.
    fn of_column(&self, column: &Column) -> Vec<Feature> {
        let values = self.rows.iter().map(|&row| column.values[row as usize]);
        let Some(levels) = &column.levels else {
            let numbers: Vec<f64> = values.map(lowest_if_missing).collect();
            return Feature::new(column.name.clone(), ranks(&numbers))
                .into_iter()
                .collect();
        };
        let values: Vec<f64> = values.collect();
        let mut counts = vec![0; levels.len()];
        values
            .iter()
            .for_each(|&v| counts.get_mut(v as usize).into_iter().for_each(|n| *n += 1));
        let mut common: Vec<usize> =
            (0..levels.len()).filter(|&l| counts[l] >= RARE).collect();
        common.sort_by_key(|&l| std::cmp::Reverse(counts[l]));
        let one = |l: usize| {
            let is = values.iter().map(|&v| f64::from(u8::from(v as usize == l)));
            Feature::new(format!("{}={}", column.name, levels[l]), is.collect())
        };
        common.into_iter().take(LEVELS).filter_map(one).collect()
    }
}

/// Something about each row, with mean 0 and variance 1.
#[derive(Debug, Default)]
struct Feature {
    name: String,
    values: Vec<f64>,
}

impl Feature {
    fn new(name: String, mut values: Vec<f64>) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let around: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        let deviation = libm::sqrt(around / n);
        values.iter_mut().for_each(|v| *v = (*v - mean) / deviation);
        (deviation > 1e-9).then_some(Self { name, values })
    }

    /// `None` where the product says nothing new, as the square of a level.
    fn times(&self, other: &Self) -> Option<Self> {
        let pairs = self.values.iter().zip(&other.values);
        let name = match self.name == other.name {
            true => format!("spread of {}", self.name),
            false => format!("{} with {}", self.name, other.name),
        };
        let two_valued = || {
            let first = self.values[0];
            let mut others = self.values.iter().filter(|&&v| v != first);
            let second = others.next();
            others.all(|v| Some(v) == second)
        };
        if self.name == other.name && two_valued() {
            return None;
        }
        Self::new(name, pairs.map(|(a, b)| a * b).collect())
    }
}

/// How far the means of the parts are apart, on the rows to fit on.
fn gap(values: &[f64], held: &[bool]) -> f64 {
    let (mut sums, mut n) = ([0.0; 2], [0.0; 2]);
    for (v, &h) in values.iter().zip(held) {
        sums[usize::from(h)] += v;
        n[usize::from(h)] += 1.0;
    }
    (sums[0] / n[0] - sums[1] / n[1]).abs()
}

/// Weights of the features: least squares on the part, with a ridge of as many rows as there are
/// weights, which is the linear discriminant up to its scale.
fn discriminant(features: &[Feature], held: &[f64]) -> Vec<f64> {
    let (n, p) = (held.len(), features.len());
    let mean = held.iter().sum::<f64>() / n as f64;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let part: Vec<f64> = held.iter().map(|h| h - mean).collect();
    let mut matrix = vec![0.0; p * p];
    for i in 0..p {
        for j in 0..=i {
            matrix[i * p + j] =
                product(&features[i].values[..n], &features[j].values[..n]);
        }
        matrix[i * p + i] += p as f64;
    }
    let right: Vec<f64> =
        features.iter().map(|f| product(&f.values[..n], &part)).collect();
    solve(matrix, right)
}

/// A x = b by Cholesky; A is positive definite and given by its lower half.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let p = b.len();
    for i in 0..p {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i * p + k] * a[j * p + k]).sum();
            let rest = a[i * p + j] - dot;
            a[i * p + j] = if i == j { libm::sqrt(rest) } else { rest / a[j * p + j] };
        }
        let dot: f64 = (0..i).map(|k| a[i * p + k] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * p + i];
    }
    for i in (0..p).rev() {
        let dot: f64 = (i + 1..p).map(|k| a[k * p + i] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * p + i];
    }
    b
}

/// The area under the ROC curve, its standard error (DeLong, DeLong, Clarke-Pearson 1988), the sum of
/// the ranks of the held-out rows, and all ranks.
fn auc(scores: &[f64], held: &[bool]) -> (f64, f64, f64, Vec<f64>) {
    let all = ranks(scores);
    let sum = all.iter().zip(held).filter(|(_, h)| **h).map(|(r, _)| r).sum();
    // Of each row the share of the other part that lies below it.
    let share = |part: bool| -> Vec<f64> {
        let own: Vec<f64> = scores
            .iter()
            .zip(held)
            .filter(|(_, h)| **h == part)
            .map(|(s, _)| *s)
            .collect();
        let others = (scores.len() - own.len()) as f64;
        let within = ranks(&own);
        let among = all.iter().zip(held).filter(|(_, h)| **h == part).map(|(r, _)| r);
        among.zip(within).map(|(r, w)| (r - w) / others).collect()
    };
    let (mean, a) = of_mean(&share(true));
    let (_, b) = of_mean(&share(false));
    (mean, libm::sqrt(a + b), sum, all)
}

/// A mean and its variance.
fn of_mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let around: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, around / (n - 1.0) / n)
}

/// The three features with the largest weights.
fn telling(features: &[Feature], weights: &[f64]) -> Vec<String> {
    let mut order: Vec<usize> = (0..features.len()).collect();
    order.sort_by(|&a, &b| weights[b].abs().total_cmp(&weights[a].abs()));
    order.into_iter().take(3).map(|i| features[i].name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(rows: usize, columns: usize) -> Vec<Vec<f64>> {
        let draws = Draws::new(7, 1);
        let one =
            |c: usize| (0..rows).map(|r| draws.normal(r as u64, c as u32, 0)).collect();
        (0..columns).map(one).collect()
    }

    fn told(columns: Vec<Vec<f64>>, train: usize) -> Option<Classifier> {
        let origin = (0..columns[0].len() as u32).collect();
        let one = |(i, values): (usize, Vec<f64>)| Column {
            name: format!("c{i}"),
            target: false,
            values,
            levels: None,
        };
        let columns = columns.into_iter().enumerate().map(one).collect();
        tell_apart(&Pooled { columns, train, origin })
    }

    #[test]
    fn columns_that_agree_in_one_part_only_are_told_apart_though_each_looks_the_same() {
        let mut columns = draws(1300, 5);
        let like = columns[1].clone();
        for (v, w) in columns[3].iter_mut().zip(&like).skip(1000) {
            *v = 0.8 * w + 0.6 * *v;
        }
        let found = told(columns, 1000).unwrap();
        assert!(found.p < 0.002 && found.auc > 0.6, "{found:?}");
        assert_eq!(found.by[0], "c1 with c3");
        assert!(found.interval.0 > 0.5 && found.interval.1 < 1.0);
    }

    #[test]
    fn equal_parts_are_not_told_apart_and_a_handful_of_rows_says_nothing() {
        let found = told(draws(1300, 5), 1000).unwrap();
        assert!(found.p > 0.05, "{found:?}");
        assert_eq!(told(draws(100, 2), 85), None);
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_the_right_order() {
        let scores = [0.1, 0.4, 0.35, 0.8];
        let (area, _, sum, _) = auc(&scores, &[false, false, true, true]);
        assert_eq!((area, sum), (0.75, 6.0));
    }

    #[test]
    fn equations_are_solved() {
        let x =
            solve(vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.0, 1.0, 3.0], vec![2.0, 1.0, 7.0]);
        let back =
            [4.0 * x[0] + 2.0 * x[1], 2.0 * x[0] + 5.0 * x[1] + x[2], x[1] + 3.0 * x[2]];
        assert!(back.iter().zip([2.0, 1.0, 7.0]).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
