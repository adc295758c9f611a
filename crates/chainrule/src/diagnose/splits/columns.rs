//! One test per column: does it look the same in both parts.
//!
//! In: [`Pooled`]. Out: for each column a p, adjusted by Holm over all of them, and how far apart the
//! parts are. There is one test: scores of the rows are added up over the held-out rows, and the sums
//! held against those of a random choice of as many rows, whose means and covariances are known
//! exactly. Numbers have two scores, rank and squared distance from the middle rank (so place and
//! spread count, outliers do not); words one a level, which is Pearson's test. Levels that are too
//! rare for the tail are one level. Deliberately absent: what several columns do together
//! (`classifier`).

use serde::Serialize;

use super::chance::{chi_square, holm, ranks};
use super::pooled::{Column, Pooled};

/// Levels with fewer rows than this to be expected in the smaller part are taken together.
const RARE: f64 = 5.0;

/// A column in both parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnTest {
    /// Its name.
    pub name: String,
    /// Whether it is a target.
    pub target: bool,
    /// Of a column of words: the level whose share differs most.
    pub level: Option<String>,
    /// The mean, or the share of the level, in training.
    pub train: f64,
    /// The same in the other part.
    pub held: f64,
    /// Their difference, for numbers in standard deviations.
    pub apart: f64,
    /// How often a random split is as far apart.
    pub p: f64,
    /// The same, with regard to how many columns were looked at.
    pub adjusted: f64,
}

/// Tests every column.
pub(super) fn tests(pooled: &Pooled) -> Vec<ColumnTest> {
    let one = |column: &Column| match &column.levels {
        None => numbers(column, pooled),
        Some(levels) => words(column, levels, pooled),
    };
    let mut all: Vec<ColumnTest> = pooled.columns.iter().map(one).collect();
    let p: Vec<f64> = all.iter().map(|c| c.p).collect();
    all.iter_mut().zip(holm(&p)).for_each(|(c, adjusted)| c.adjusted = adjusted);
    all
}

fn numbers(column: &Column, pooled: &Pooled) -> ColumnTest {
    let values: Vec<f64> = column.values.iter().copied().map(lowest_if_missing).collect();
    let n = values.len() as f64;
    let rank = |r: f64| (r - (n + 1.0) / 2.0) / n;
    let place: Vec<f64> = ranks(&values).into_iter().map(rank).collect();
    let spread: Vec<f64> = place.iter().map(|r| r * r).collect();
    let (statistic, freedom) = quadratic(&place, &spread, pooled.train);
    let (train, held) = column.values.split_at(pooled.train);
    let (_, deviation) = moments(&column.values);
    let (train, held) = (moments(train).0, moments(held).0);
    let apart = if deviation > 0.0 { (held - train) / deviation } else { 0.0 };
    let p = chi_square(statistic, freedom);
    let (name, target) = (column.name.clone(), column.target);
    ColumnTest { name, target, level: None, train, held, apart, p, adjusted: p }
}

/// Missing cells are alike, and unlike every number: they stand together below all.
pub(super) fn lowest_if_missing(v: f64) -> f64 {
    if v.is_nan() { f64::NEG_INFINITY } else { v }
}

/// Mean and standard deviation of what is finite.
pub(super) fn moments(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().filter(|v| v.is_finite());
    let n = finite().count().max(1) as f64;
    let mean = finite().sum::<f64>() / n;
    let around: f64 = finite().map(|v| (v - mean) * (v - mean)).sum();
    (mean, libm::sqrt(around / n))
}

/// The sums of two scores over the rows from `train` on against those of a random choice: the
/// quadratic form that is χ² distributed, and its degrees of freedom (fewer where a score does not
/// vary, or the two say the same).
fn quadratic(a: &[f64], b: &[f64], train: usize) -> (f64, usize) {
    let (n, held) = (a.len() as f64, (a.len() - train) as f64);
    let mean = |s: &[f64]| s.iter().sum::<f64>() / n;
    let (ma, mb) = (mean(a), mean(b));
    let off = |s: &[f64], m: f64| s[train..].iter().map(|v| v - m).sum::<f64>();
    let (ua, ub) = (off(a, ma), off(b, mb));
    let share = held * (n - held) / (n * (n - 1.0));
    let around = |s: &[f64], m: f64, t: &[f64], k: f64| {
        share * s.iter().zip(t).map(|(x, y)| (x - m) * (y - k)).sum::<f64>()
    };
    let (aa, ab, bb) = (around(a, ma, a, ma), around(a, ma, b, mb), around(b, mb, b, mb));
    let determinant = aa * bb - ab * ab;
    match () {
        () if aa <= 0.0 => (0.0, 0),
        () if determinant <= 1e-9 * aa * bb || bb <= 1e-12 * aa => (ua * ua / aa, 1),
        () => {
            let form = bb * ua * ua - 2.0 * ab * ua * ub + aa * ub * ub;
            (form / determinant, 2)
        }
    }
}

fn words(column: &Column, levels: &[String], pooled: &Pooled) -> ColumnTest {
    let counts = counts(column, levels.len(), pooled.train);
    let sizes = [pooled.train as f64, pooled.held() as f64];
    let share = |c: &[f64; 2]| [c[0] / sizes[0], c[1] / sizes[1]];
    let gap = |c: &[f64; 2]| share(c)[1] - share(c)[0];
    let widest = (0..levels.len())
        .max_by(|&i, &j| gap(&counts[i]).abs().total_cmp(&gap(&counts[j]).abs()));
    let [train, held] = widest.map_or([0.0; 2], |i| share(&counts[i]));
    let (statistic, freedom) = pearson(&counts, sizes);
    let p = chi_square(statistic, freedom);
    ColumnTest {
        name: column.name.clone(),
        target: column.target,
        level: widest.map(|i| levels[i].clone()),
        train,
        held,
        apart: held - train,
        p,
        adjusted: p,
    }
}

/// Rows of each level in training and in the other part.
fn counts(column: &Column, levels: usize, train: usize) -> Vec<[f64; 2]> {
    let mut counts = vec![[0.0; 2]; levels];
    for (row, &level) in column.values.iter().enumerate() {
        if let Some(count) = counts.get_mut(level as usize) {
            count[usize::from(row >= train)] += 1.0;
        }
    }
    counts
}

/// Pearson's statistic times (n − 1)/n, which makes its mean exact for a random split. A category
/// that training has not seen is rare, if the split is random: it joins the rare ones.
fn pearson(counts: &[[f64; 2]], sizes: [f64; 2]) -> (f64, usize) {
    let n = sizes[0] + sizes[1];
    let smaller = sizes[0].min(sizes[1]) / n;
    let (mut cells, mut rare) = (Vec::new(), [0.0; 2]);
    for count in counts {
        match (count[0] + count[1]) * smaller >= RARE && count[0] > 0.0 {
            true => cells.push(*count),
            false => rare.iter_mut().zip(count).for_each(|(r, c)| *r += c),
        }
    }
    // What is rare even together would stretch the tail.
    if (rare[0] + rare[1]) * smaller >= RARE {
        cells.push(rare);
    }
    let all: [f64; 2] = [0, 1].map(|part| cells.iter().map(|c| c[part]).sum());
    let total = all[0] + all[1];
    if cells.len() < 2 || all.contains(&0.0) {
        return (0.0, 0);
    }
    let mut statistic = 0.0;
    for cell in &cells {
        for part in 0..2 {
            let expected = (cell[0] + cell[1]) * all[part] / total;
            statistic += (cell[part] - expected) * (cell[part] - expected) / expected;
        }
    }
    (statistic * (total - 1.0) / total, cells.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(columns: Vec<(Vec<f64>, Option<usize>)>, train: usize) -> Pooled {
        let rows = columns[0].0.len() as u32;
        let one = |(values, levels): (Vec<f64>, Option<usize>)| Column {
            name: "c".into(),
            target: false,
            values,
            levels: levels.map(|n| (0..n).map(|i| i.to_string()).collect()),
        };
        let columns = columns.into_iter().map(one).collect();
        Pooled { columns, train, origin: (0..rows).collect() }
    }

    #[test]
    fn place_and_spread_are_both_seen_and_equal_parts_are_not() {
        let wave = |i: usize| libm::sin(i as f64 * 12.9898) * 1.7;
        let of = |f: &dyn Fn(f64) -> f64| -> Vec<f64> {
            (0..400).map(|i| if i < 300 { wave(i) } else { f(wave(i)) }).collect()
        };
        let columns = vec![
            (of(&|v| v), None),
            (of(&|v| v + 0.9), None),
            (of(&|v| v * 0.4), None),
            (vec![3.0; 400], None),
        ];
        let found = tests(&pooled(columns, 300));
        assert!(found[0].adjusted > 0.5, "{:?}", found[0]);
        assert!(found[1].adjusted < 1e-4 && found[1].apart > 0.5, "{:?}", found[1]);
        assert!(found[2].adjusted < 1e-4, "{:?}", found[2]);
        assert_eq!(found[3].p, 1.0);
    }

    #[test]
    fn shares_of_levels_are_compared_as_pearson_does() {
        // 60/40 in training, 30/70 in the other part, 100 rows each: χ² = 200·(60·70 − 40·30)²/
        // (90·110·100·100) = 18.18.
        let column: Vec<f64> = (0..200)
            .map(|i| f64::from(u8::from(i % 100 >= if i < 100 { 60 } else { 30 })))
            .collect();
        let found = tests(&pooled(vec![(column, Some(2))], 100));
        let want = chi_square(18.181_818_181_818_18 * 199.0 / 200.0, 1);
        assert!((found[0].p / want - 1.0).abs() < 1e-9, "{:?}", found[0]);
        assert_eq!((found[0].train, found[0].held), (0.6, 0.3));
    }

    #[test]
    fn words_that_stand_once_say_nothing() {
        let names: Vec<f64> = (0..200).map(f64::from).collect();
        let found = tests(&pooled(vec![(names, Some(200))], 100));
        assert_eq!(found[0].p, 1.0);
    }
}
