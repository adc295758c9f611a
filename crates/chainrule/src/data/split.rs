//! Which rows are kept from training.
//!
//! In: a seed and the number of rows, or the class of each. Out: [`Split`], which answers row by row.
//! Every draw is a function of (seed, row) and of nothing else: row `i` gets the key
//! `mix(mix(seed + PURPOSE) + (i + 1) · golden)`, the output function of SplitMix64, and the rows with
//! the smallest keys are held out. No two rows have the same key. So the split is the same on every
//! machine, for any number of threads, and wherever the rows are. Invariant: memory does not grow with
//! the rows. Deliberately absent: a stream with state.

use chainrule_graph::syntax::settings::HoldOut;

use super::nth::{AT_ONCE, Walk, nth};
use crate::error::Error;

/// Keeps the draw of the split apart from all others with the same seed.
const PURPOSE: u64 = 0x7370_6c69_7400_0001;
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key of each row.
#[derive(Clone, Copy, Debug)]
struct Keys(u64);

impl Keys {
    fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(PURPOSE)))
    }

    fn of(self, row: u64) -> u64 {
        mix(self.0.wrapping_add((row + 1).wrapping_mul(GOLDEN)))
    }
}

/// A permutation of `0..n` that depends on `seed` and `n` only.
#[must_use]
pub fn permutation(seed: u64, n: usize) -> Vec<u32> {
    let keys = Keys::new(seed);
    let count = u32::try_from(n).unwrap_or(u32::MAX);
    let mut keyed: Vec<(u64, u32)> =
        (0..count).map(|i| (keys.of(u64::from(i)), i)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, i)| i).collect()
}

/// What is held out of some rows.
#[derive(Debug)]
pub(super) enum Split {
    /// Those from this one on.
    From(u64),
    /// Those whose key is at most that of their class; `None`: none of it.
    UpTo(Vec<Option<u64>>, u64),
}

impl Split {
    /// Cuts `0..n`.
    pub(super) fn new(hold: &HoldOut, n: u64, seed: u64) -> Result<Self, Error> {
        let wanted = wanted(hold, n);
        if hold.last {
            return Ok(Self::From(n - wanted));
        }
        let keys = Keys::new(seed);
        let mut all = |visit: &mut dyn FnMut(u64)| {
            (0..n).for_each(|row| visit(keys.of(row)));
            Ok(())
        };
        let last = nth(&mut all, wanted - 1, AT_ONCE)?;
        Ok(Self::UpTo(vec![Some(last)], keys.0))
    }

    /// Holds out the same share of each class, and never a whole class. What rounding down leaves
    /// of the whole share goes to the classes that lost most by it. `walk` tells the class of each
    /// row, below `count`.
    pub(super) fn stratified(
        hold: &HoldOut,
        count: usize,
        seed: u64,
        walk: Walk<'_, u32>,
    ) -> Result<Self, Error> {
        let mut members = vec![0_u64; count];
        walk(&mut |class| members[class as usize] += 1)?;
        let (keys, take) = (Keys::new(seed), shares(hold, &members));
        let mut up_to = vec![None; count];
        for (class, up_to) in up_to.iter_mut().enumerate() {
            let Some(last) = take[class].checked_sub(1) else { continue };
            let mut of_class = |visit: &mut dyn FnMut(u64)| {
                let mut row = 0;
                walk(&mut |c| {
                    if c as usize == class {
                        visit(keys.of(row));
                    }
                    row += 1;
                })
            };
            *up_to = Some(nth(&mut of_class, last, AT_ONCE)?);
        }
        Ok(Self::UpTo(up_to, keys.0))
    }

    /// Whether a row is held out; `class` is 0 where there are none.
    pub(super) fn holds(&self, row: u64, class: u32) -> bool {
        match self {
            Self::From(first) => row >= *first,
            Self::UpTo(keys, start) => {
                keys[class as usize].is_some_and(|last| Keys(*start).of(row) <= last)
            }
        }
    }
}

/// How many of `n` rows, at least 2 of them, are wanted.
fn wanted(hold: &HoldOut, n: u64) -> u64 {
    ((n as f64 * (hold.percent / 100.0)).round() as u64).clamp(1, n.saturating_sub(1))
}

/// How many of each class are held out.
fn shares(hold: &HoldOut, members: &[u64]) -> Vec<u64> {
    let share = hold.percent / 100.0;
    let exact = |class: usize| members[class] as f64 * share;
    let count = members.len();
    let mut take: Vec<u64> = (0..count).map(|class| exact(class) as u64).collect();
    let whole = (members.iter().sum::<u64>() as f64 * share).round() as u64;
    let mut by_loss: Vec<usize> = (0..count).collect();
    by_loss
        .sort_by(|&a, &b| exact(b).fract().total_cmp(&exact(a).fract()).then(a.cmp(&b)));
    let left = whole.saturating_sub(take.iter().sum());
    for &class in by_loss.iter().take(left as usize) {
        take[class] += 1;
    }
    let most = |(take, n): (u64, &u64)| take.min(n.saturating_sub(1));
    take.into_iter().zip(members).map(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(percent: f64, stratified: bool, last: bool) -> HoldOut {
        HoldOut { percent, stratified, last }
    }

    fn held(split: &Split, classes: &[u32]) -> Vec<usize> {
        (0..classes.len()).filter(|&i| split.holds(i as u64, classes[i])).collect()
    }

    fn by_class(hold: &HoldOut, classes: &[u32], seed: u64) -> Vec<usize> {
        let count = classes.iter().max().map_or(0, |&c| c as usize + 1);
        let mut walk = |visit: &mut dyn FnMut(u32)| {
            classes.iter().for_each(|&c| visit(c));
            Ok(())
        };
        held(&Split::stratified(hold, count, seed, &mut walk).unwrap(), classes)
    }

    #[test]
    fn a_permutation_holds_every_number_once_and_depends_on_the_seed() {
        let mut sorted = permutation(3, 1000);
        assert_ne!(sorted, permutation(4, 1000));
        assert_eq!(sorted, permutation(3, 1000));
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &v)| i as u32 == v));
    }

    #[test]
    fn the_draw_stays_what_it_was() {
        assert_eq!(permutation(0, 8), GOLDEN_DRAW);
        for (percent, rows) in [(25.0, 2), (50.0, 4), (99.0, 7)] {
            let split = Split::new(&hold(percent, false, false), 8, 0).unwrap();
            let mut wanted: Vec<usize> =
                GOLDEN_DRAW[..rows].iter().map(|&row| row as usize).collect();
            wanted.sort_unstable();
            assert_eq!(held(&split, &[0; 8]), wanted);
        }
    }

    const GOLDEN_DRAW: [u32; 8] = [5, 4, 6, 2, 7, 1, 3, 0];

    #[test]
    fn last_takes_the_end() {
        let split = Split::new(&hold(25.0, false, true), 8, 0).unwrap();
        assert_eq!(held(&split, &[0; 8]), [6, 7]);
    }

    #[test]
    fn stratified_keeps_the_shares_and_leaves_one_of_each_class() {
        let classes: Vec<u32> = (0..103).map(|i| u32::from(i % 10 == 0)).collect();
        let held = by_class(&hold(20.0, true, false), &classes, 7);
        let ones = held.iter().filter(|&&r| classes[r] == 1).count();
        assert_eq!((held.len(), ones), (21, 2));
        // The first of each class in the order of the draw.
        let order: Vec<u32> = permutation(7, 103);
        let ones = |r: &&u32| classes[**r as usize] == 1;
        let first: Vec<u32> = order.iter().filter(ones).take(2).copied().collect();
        assert!(first.iter().all(|&r| held.contains(&(r as usize))));
        assert!(!by_class(&hold(90.0, true, false), &[0, 1, 1], 7).contains(&0));
    }
}
