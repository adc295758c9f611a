//! Rows of the other part that training has seen: equal ones, and ones as good as equal.
//!
//! In: [`Pooled`]. Out: for each kind how many there are, how many a random split of the same rows
//! would have, and which. Rows are sorted so that equal ones stand side by side and near ones close by;
//! what belongs together is a family. Invariants: families are formed without a look at the parts, so
//! under a random split each member is held out by chance, and the distribution of the count is that of
//! a sum over families; columns that name rows (each cell another) are left out and told.
//! Deliberately absent: rows that were turned, cropped or rephrased.

use std::cmp::Ordering;

use chainrule_kernels::rng::Draws;
use serde::Serialize;

use super::chance::normal;
use super::columns::{lowest_if_missing, moments};
use super::pooled::{Column, Pooled};

/// Numbers this share of a standard deviation apart are as good as equal.
pub const NEAR: f64 = 0.01;
/// Rows that each row is compared with, in the order of the walk.
const AHEAD: usize = 64;
/// Above so many rows in families the distribution is taken as normal.
const EXACT: usize = 4_000;
const PURPOSE: u32 = 0x7477_696e;

/// Rows of the other part that are in training, too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Twins {
    /// How many.
    pub rows: usize,
    /// How many a random split of these rows would have on average.
    pub expected: f64,
    /// How often a random split has as many.
    pub p: f64,
    /// Row of the other part and one of its twins in training, counted from 1 in their files.
    pub pairs: Vec<(u32, u32)>,
}

/// Equal rows, rows that are near each other (equal ones among them), and the columns left out.
pub(super) fn twins(pooled: &Pooled) -> (Twins, Twins, Vec<String>) {
    let (naming, telling): (Vec<&Column>, Vec<&Column>) =
        pooled.columns.iter().partition(|c| names_rows(c));
    let rows = Rows::new(&telling, pooled.rows());
    let told = naming.iter().map(|c| c.name.clone()).collect();
    let [equal, near] = match telling.is_empty() {
        true => [Vec::new(), Vec::new()],
        false => [
            rows.families(&|a, b| rows.equal(a, b), 1),
            rows.families(&|a, b| rows.near(a, b), AHEAD),
        ],
    };
    (count(&equal, pooled), count(&near, pooled), told)
}

/// Whether every cell is another word, or another whole number.
fn names_rows(column: &Column) -> bool {
    let whole = |v: &f64| (v - v.round()).abs() <= 1e-9 * v.abs().max(1.0);
    if !column.values.iter().all(whole) {
        return false;
    }
    let mut sorted: Vec<f64> = column.values.iter().map(|v| v.round()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.windows(2).all(|w| w[0] != w[1])
}

/// The rows in the order of the walk.
struct Rows<'a> {
    numbers: Vec<(&'a [f64], f64)>,
    words: Vec<&'a [f64]>,
    /// A direction in which near rows are near.
    along: Vec<f64>,
    order: Vec<u32>,
}

impl<'a> Rows<'a> {
    fn new(columns: &[&'a Column], rows: usize) -> Self {
        let (words, numbers): (Vec<&Column>, Vec<&Column>) =
            columns.iter().partition(|c| c.levels.is_some());
        let words: Vec<&[f64]> = words.into_iter().map(|c| c.values.as_slice()).collect();
        let room = |c: &'a Column| (c.values.as_slice(), NEAR * moments(&c.values).1);
        let numbers: Vec<(&[f64], f64)> = numbers.into_iter().map(room).collect();
        let along = along(&numbers, rows);
        let mut all = Self { numbers, words, along, order: (0..rows as u32).collect() };
        let mut order = std::mem::take(&mut all.order);
        order.sort_unstable_by(|&a, &b| all.compare(a, b).then(a.cmp(&b)));
        all.order = order;
        all
    }

    /// By words, then along the direction, then by every number, so that only equal rows are equal.
    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (a as usize, b as usize);
        let by = |column: &[f64]| column[a].total_cmp(&column[b]);
        let words = self.words.iter().map(|w| by(w)).find(|o| o.is_ne());
        let along = || Some(by(&self.along)).filter(|o| o.is_ne());
        let numbers = || self.numbers.iter().map(|(n, _)| by(n)).find(|o| o.is_ne());
        words.or_else(along).or_else(numbers).unwrap_or(Ordering::Equal)
    }

    fn same_words(&self, a: usize, b: usize) -> bool {
        self.words.iter().all(|w| w[a] == w[b])
    }

    fn equal(&self, a: usize, b: usize) -> bool {
        let same = |n: &[f64]| n[a] == n[b] || n[a].to_bits() == n[b].to_bits();
        self.same_words(a, b) && self.numbers.iter().all(|(n, _)| same(n))
    }

    fn near(&self, a: usize, b: usize) -> bool {
        let close = |(n, room): &(&[f64], f64)| {
            (n[a] - n[b]).abs() <= *room || n[a].to_bits() == n[b].to_bits()
        };
        self.same_words(a, b) && self.numbers.iter().all(close)
    }

    /// Families of two and more rows: whoever is alike in a walk that looks some rows ahead.
    fn families(
        &self,
        alike: &dyn Fn(usize, usize) -> bool,
        ahead: usize,
    ) -> Vec<Vec<u32>> {
        let mut head: Vec<u32> = (0..self.order.len() as u32).collect();
        for (i, &a) in self.order.iter().enumerate() {
            for &b in self.order[i + 1..].iter().take(ahead) {
                if alike(a as usize, b as usize) {
                    join(&mut head, a, b);
                }
            }
        }
        let mut by_head: Vec<(u32, u32)> =
            (0..head.len() as u32).map(|row| (find(&mut head, row), row)).collect();
        by_head.sort_unstable();
        let families = by_head.chunk_by(|a, b| a.0 == b.0).filter(|f| f.len() > 1);
        families.map(|f| f.iter().map(|&(_, row)| row).collect()).collect()
    }
}

/// A weighted sum of the scaled numbers of each row, the same for equal rows.
fn along(numbers: &[(&[f64], f64)], rows: usize) -> Vec<f64> {
    let draws = Draws::new(0, PURPOSE);
    let mut sums = vec![0.0; rows];
    for (c, (values, room)) in numbers.iter().enumerate().filter(|(_, n)| n.1 > 0.0) {
        let weight = draws.normal(c as u64, 0, 0) / room;
        let cell =
            |v: f64| if lowest_if_missing(v).is_finite() { weight * v } else { 0.0 };
        sums.iter_mut().zip(*values).for_each(|(sum, &v)| *sum += cell(v));
    }
    sums
}

fn find(head: &mut [u32], mut row: u32) -> u32 {
    while head[row as usize] != row {
        head[row as usize] = head[head[row as usize] as usize];
        row = head[row as usize];
    }
    row
}

fn join(head: &mut [u32], a: u32, b: u32) {
    let (a, b) = (find(head, a), find(head, b));
    head[a.max(b) as usize] = a.min(b);
}

/// Counts held-out rows with family in training, beside what chance gives.
fn count(families: &[Vec<u32>], pooled: &Pooled) -> Twins {
    let mut pairs = Vec::new();
    for family in families {
        // Rows of training come first.
        let first = family[0] as usize;
        let held = family.iter().filter(|&&row| row as usize >= pooled.train);
        if first < pooled.train {
            let named = |row: usize| pooled.origin[row] + 1;
            pairs.extend(held.map(|&row| (named(row as usize), named(first))));
        }
    }
    pairs.sort_unstable();
    let share = pooled.held() as f64 / pooled.rows() as f64;
    let sizes: Vec<usize> = families.iter().map(Vec::len).collect();
    let (expected, p) = chance(&sizes, share, pairs.len());
    Twins { rows: pairs.len(), expected, p, pairs }
}

/// Held-out members of a family of `g`, if not all are: its distribution, each member being held out
/// with probability `share`.
fn distribution(g: usize, share: f64) -> Vec<f64> {
    let choose = |h: usize| {
        let f = |n: usize| libm::lgamma(n as f64 + 1.0);
        f(g) - f(h) - f(g - h)
    };
    let (held, kept) = (libm::log(share), libm::log(1.0 - share));
    let p = |h: usize| libm::exp(choose(h) + h as f64 * held + (g - h) as f64 * kept);
    let mut all: Vec<f64> = (0..g).map(p).collect();
    all[0] += p(g);
    all
}

/// The mean of the sum over families, and how often it is at least `found`.
fn chance(sizes: &[usize], share: f64, found: usize) -> (f64, f64) {
    let (mut mean, mut variance) = (0.0, 0.0);
    let mut sum = vec![1.0];
    let exact = sizes.iter().sum::<usize>() <= EXACT;
    for &g in sizes {
        let one = distribution(g, share);
        let moment = |k: i32| -> f64 {
            one.iter().enumerate().map(|(h, p)| p * (h as f64).powi(k)).sum()
        };
        mean += moment(1);
        variance += moment(2) - moment(1) * moment(1);
        if exact {
            sum = convolved(&sum, &one);
        }
    }
    let p = match exact {
        true => sum.get(found..).map_or(0.0, |tail| tail.iter().sum()),
        false => normal((found as f64 - 0.5 - mean) / libm::sqrt(variance)),
    };
    (mean, p.clamp(0.0, 1.0))
}

fn convolved(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        b.iter().enumerate().for_each(|(j, y)| out[i + j] += x * y);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(columns: Vec<Vec<f64>>, train: usize) -> Pooled {
        let origin = (0..columns[0].len() as u32).collect();
        let one =
            |values| Column { name: "c".into(), target: false, values, levels: None };
        Pooled { columns: columns.into_iter().map(one).collect(), train, origin }
    }

    fn normal_at(i: usize, k: f64) -> f64 {
        Draws::new(3, 1).normal(i as u64, k as u32, 0) * 43.7
    }

    #[test]
    fn copies_are_found_and_named_and_near_ones_apart_from_equal_ones() {
        let mut columns: Vec<Vec<f64>> = (0..4)
            .map(|k| (0..1000).map(|i| normal_at(i, f64::from(k))).collect())
            .collect();
        for k in 0..10 {
            // Equal in every column; equal but for a hair; another row that shares three columns.
            for column in &mut columns {
                column[800 + k] = column[3 * k];
                column[900 + k] = column[300 + k] + 0.1;
            }
            columns[1][950 + k] = columns[1][500 + k];
        }
        let (equal, near, told) = twins(&pooled(columns, 800));
        let want: Vec<(u32, u32)> = (0..10).map(|k| (801 + k, 3 * k + 1)).collect();
        assert_eq!(equal.pairs, want);
        assert_eq!((near.rows, told.len()), (20, 0));
        assert!(near.pairs.contains(&(903, 303)));
        assert!(equal.p < 1e-4 && (equal.expected - 3.2).abs() < 1e-9, "{equal:?}");
    }

    #[test]
    fn as_many_as_chance_gives_are_no_surprise() {
        // Two hundred pairs, of which a fifth is held out: 2 · 0.2 · 0.8 of them are divided.
        let sizes = vec![2; 200];
        let (mean, p) = chance(&sizes, 0.2, 64);
        assert!((mean - 64.0).abs() < 1e-9 && (0.4..0.6).contains(&p), "{mean} {p}");
        assert!(chance(&sizes, 0.2, 110).1 < 1e-9);
        assert_eq!(chance(&[], 0.2, 0).1, 1.0);
        // The normal tail of many is that of the exact sum.
        let (some, many) =
            (chance(&vec![2; 2000], 0.2, 690), chance(&vec![2; 2001], 0.2, 690));
        assert!((some.1 / many.1 - 1.0).abs() < 0.1, "{some:?} {many:?}");
    }

    #[test]
    fn a_column_that_counts_rows_does_not_hide_their_copies() {
        let number: Vec<f64> = (0..100).map(f64::from).collect();
        let mut value: Vec<f64> = (0..100).map(|i| normal_at(i, 0.0)).collect();
        value[99] = value[0];
        let (equal, _, told) = twins(&pooled(vec![number, value], 80));
        assert_eq!((equal.rows, told.len()), (1, 1));
    }
}
