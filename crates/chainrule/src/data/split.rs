//! Which rows are kept from training.
//!
//! In: a seed and the number of rows, or the class of each. Out: row numbers in rising order.
//! Every draw is a function of (seed, row) and of nothing else: row `i` gets the key
//! `mix(mix(seed + PURPOSE) + (i + 1) · golden)`, the output function of SplitMix64, and rows are
//! taken in the order of their keys. So the split is the same on every machine and for any number
//! of threads. Deliberately absent: a stream with state.

use chainrule_graph::syntax::settings::HoldOut;

/// Keeps the draw of the split apart from all others with the same seed.
const PURPOSE: u64 = 0x7370_6c69_7400_0001;
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A permutation of `0..n` that depends on `seed` and `n` only.
#[must_use]
pub fn permutation(seed: u64, n: usize) -> Vec<u32> {
    let start = mix(seed.wrapping_add(PURPOSE));
    let key = |i: u32| mix(start.wrapping_add((u64::from(i) + 1).wrapping_mul(GOLDEN)));
    let count = u32::try_from(n).unwrap_or(u32::MAX);
    let mut keyed: Vec<(u64, u32)> = (0..count).map(|i| (key(i), i)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, i)| i).collect()
}

/// Cuts `0..n` into training and held-out rows; `classes` are those of the rows, for `stratified`.
pub(super) fn split(
    hold: &HoldOut,
    n: usize,
    classes: Option<&[u32]>,
    seed: u64,
) -> (Vec<u32>, Vec<u32>) {
    let share = hold.percent / 100.0;
    let mut held = vec![false; n];
    let wanted = ((n as f64 * share).round() as usize).clamp(1, n.saturating_sub(1));
    match classes {
        _ if hold.last => held[n - wanted..].fill(true),
        Some(classes) => stratified(&mut held, classes, share, &permutation(seed, n)),
        None => {
            for &row in permutation(seed, n).iter().take(wanted) {
                held[row as usize] = true;
            }
        }
    }
    (0..n as u32).partition(|&row| !held[row as usize])
}

/// Holds out the same share of each class, and never a whole class. What rounding down leaves of
/// the whole share goes to the classes that lost most by it.
fn stratified(held: &mut [bool], classes: &[u32], share: f64, order: &[u32]) {
    let count = classes.iter().max().map_or(0, |&c| c as usize + 1);
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); count];
    for &row in order {
        members[classes[row as usize] as usize].push(row);
    }
    let exact = |rows: &Vec<u32>| rows.len() as f64 * share;
    let mut take: Vec<usize> = members.iter().map(|rows| exact(rows) as usize).collect();
    let whole = (order.len() as f64 * share).round() as usize;
    let mut by_loss: Vec<usize> = (0..count).collect();
    let loss = |&class: &usize| exact(&members[class]).fract();
    by_loss.sort_by(|a, b| loss(b).total_cmp(&loss(a)).then(a.cmp(b)));
    for &class in by_loss.iter().take(whole.saturating_sub(take.iter().sum())) {
        take[class] += 1;
    }
    for (rows, take) in members.iter().zip(take) {
        for &row in &rows[..take.min(rows.len().saturating_sub(1))] {
            held[row as usize] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(percent: f64, stratified: bool, last: bool) -> HoldOut {
        HoldOut { percent, stratified, last }
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
    }

    const GOLDEN_DRAW: [u32; 8] = [5, 4, 6, 2, 7, 1, 3, 0];

    #[test]
    fn last_takes_the_end() {
        let (train, held) = split(&hold(25.0, false, true), 8, None, 0);
        assert_eq!((train, held), ((0..6).collect(), vec![6, 7]));
    }

    #[test]
    fn stratified_keeps_the_shares_and_leaves_one_of_each_class() {
        let classes: Vec<u32> = (0..103).map(|i| u32::from(i % 10 == 0)).collect();
        let (train, held) = split(&hold(20.0, true, false), 103, Some(&classes), 7);
        let ones = held.iter().filter(|&&r| classes[r as usize] == 1).count();
        assert_eq!((train.len(), held.len(), ones), (82, 21, 2));
        let (train, _) = split(&hold(90.0, true, false), 3, Some(&[0, 1, 1]), 7);
        assert!(train.contains(&0));
    }
}
