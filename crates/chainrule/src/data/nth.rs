//! The n-th smallest of numbers that are too many to be sorted.
//!
//! In: numbers that can be walked again and again, in any order. Out: the n-th, exactly; the median.
//! Where there are few, they are collected and sorted; else they are counted by their highest 16
//! bits, then those in the right heap by their next 16, until few are left. Invariant: what comes
//! out is the same either way, and memory does not grow with the numbers.

use crate::error::Error;

/// Walks over numbers.
pub(super) type Walk<'a, T> = &'a mut dyn FnMut(&mut dyn FnMut(T)) -> Result<(), Error>;

/// As many numbers are sorted in memory.
pub(super) const AT_ONCE: usize = 1 << 22;
const HEAPS: usize = 1 << 16;

/// The median of the numbers, and the smallest and largest; `None` without numbers. Of an even
/// number it is the mean of the middle two.
pub(super) fn median(
    walk: Walk<'_, f64>,
    at_once: usize,
) -> Result<Option<[f64; 3]>, Error> {
    let (mut n, mut all) = (0_u64, Vec::new());
    let (mut first, mut last) = (u64::MAX, 0);
    walk(&mut |v| {
        let key = key(v);
        n += 1;
        (first, last) = (first.min(key), last.max(key));
        match n <= at_once as u64 {
            true => all.push(key),
            false => all = Vec::new(),
        }
    })?;
    let Some(below) = n.checked_sub(1) else { return Ok(None) };
    let [low, high] = match all.is_empty() {
        true => {
            let mut keys = |visit: &mut dyn FnMut(u64)| walk(&mut |v| visit(key(v)));
            let low = nth(&mut keys, below / 2, at_once)?;
            [low, above(&mut keys, low, n / 2)?]
        }
        false => {
            all.sort_unstable();
            [all[below as usize / 2], all[n as usize / 2]]
        }
    };
    let (low, high) = (number(low), number(high));
    let median = if n % 2 == 1 { low } else { low / 2.0 + high / 2.0 };
    Ok(Some([median, number(first), number(last)]))
}

/// The n-th smallest, if `low` is that or the one before.
fn above(walk: Walk<'_, u64>, low: u64, n: u64) -> Result<u64, Error> {
    let (mut up_to, mut next) = (0, u64::MAX);
    walk(&mut |key| match key <= low {
        true => up_to += 1,
        false => next = next.min(key),
    })?;
    Ok(if n < up_to { low } else { next })
}

/// The n-th smallest, from 0; there have to be more than `n`.
pub(super) fn nth(walk: Walk<'_, u64>, mut n: u64, at_once: usize) -> Result<u64, Error> {
    let (mut prefix, mut known) = (0_u64, 0_u32);
    while known < u64::BITS {
        let here = |key: u64| known == 0 || key >> (u64::BITS - known) == prefix;
        let shift = u64::BITS - known - 16;
        let mut counts = vec![0_u64; HEAPS];
        walk(&mut |key| {
            if here(key) {
                counts[(key >> shift) as usize % HEAPS] += 1;
            }
        })?;
        let mut heap = 0;
        while n >= counts[heap] {
            n -= counts[heap];
            heap += 1;
        }
        (prefix, known) = (prefix << 16 | heap as u64, known + 16);
        if counts[heap] <= at_once as u64 {
            let mut few = Vec::with_capacity(counts[heap] as usize);
            walk(&mut |key| {
                if key >> shift == prefix {
                    few.push(key);
                }
            })?;
            few.sort_unstable();
            return Ok(few[n as usize]);
        }
    }
    Ok(prefix)
}

/// A whole number that rises with the number, as `f64::total_cmp` does.
fn key(v: f64) -> u64 {
    let bits = v.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn number(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: u64) -> Vec<f64> {
        let mix = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (0..n).map(|i| (mix(i) % 97) as f64 / 7.0 - 5.0).collect()
    }

    #[test]
    fn counting_gives_what_sorting_gives() {
        for n in [1, 2, 5, 100, 1001] {
            let all = values(n);
            let mut walk = |visit: &mut dyn FnMut(f64)| {
                all.iter().for_each(|v| visit(*v));
                Ok(())
            };
            let sorted = median(&mut walk, usize::MAX >> 1).unwrap();
            assert_eq!(median(&mut walk, 0).unwrap(), sorted);
            assert_eq!(median(&mut walk, 3).unwrap(), sorted);
            let mut by_hand = all.clone();
            by_hand.sort_by(f64::total_cmp);
            assert_eq!(sorted.unwrap()[1..], [by_hand[0], by_hand[n as usize - 1]]);
        }
        assert_eq!(median(&mut |_| Ok(()), 9).unwrap(), None);
    }

    #[test]
    fn signs_and_zeros_keep_their_order_and_bits() {
        for v in [-1e300, -1.0, -0.0, 0.0, 5e-324, 2.0, f64::INFINITY] {
            assert_eq!(number(key(v)).to_bits(), v.to_bits());
        }
        assert!(key(-1.0) < key(-0.0) && key(-0.0) < key(0.0) && key(0.0) < key(2.0));
    }
}
