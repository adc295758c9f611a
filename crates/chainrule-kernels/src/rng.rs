//! Random numbers by counting: in go a seed, a purpose and three coordinates, out comes
//! the draw that belongs to them (Philox4x32-10).
//!
//! Invariant: a draw is a function of its coordinates alone. There is no state to carry,
//! no stream per worker, and so no order in which draws must be made: any number of
//! threads, and a run resumed in the middle, see the same numbers.
//!
//! Deliberately absent: generators with state, secrecy. Source: J. Salmon and others,
//! "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
//!
//! ```
//! use chainrule_kernels::rng::Draws;
//! let draws = Draws::new(7, 1);
//! assert_eq!(draws.uniform(0, 3, 4), Draws::new(7, 1).uniform(0, 3, 4));
//! ```

use crate::simd::{Forms, Kernel, Vector, isa};
use std::cell::Cell;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Philox4x32-10: four words of output for a counter of four words and a key of two.
#[inline(always)]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counter, key);
    for _ in 0..ROUNDS {
        let (x, y) = (u64::from(a) * MULTIPLIERS[0], u64::from(c) * MULTIPLIERS[1]);
        (a, b, c, d) =
            ((y >> 32) as u32 ^ b ^ k, y as u32, (x >> 32) as u32 ^ d ^ l, x as u32);
        (k, l) = (k.wrapping_add(WEYL[0]), l.wrapping_add(WEYL[1]));
    }
    [a, b, c, d]
}

/// How many counters [`philox_many`] takes at once.
pub(crate) const MANY: usize = 16;

/// [`philox`] of many counters under one key: word i of counter g stands at `[i][g]`. The
/// loops are written so that the compiler takes a vector of counters at a time.
#[inline(always)]
pub(crate) fn philox_many(counters: [[u32; MANY]; 4], key: [u32; 2]) -> [[u32; MANY]; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counters, key);
    for _ in 0..ROUNDS {
        for g in 0..MANY {
            let x = u64::from(a[g]) * MULTIPLIERS[0];
            let y = u64::from(c[g]) * MULTIPLIERS[1];
            (a[g], b[g]) = ((y >> 32) as u32 ^ b[g] ^ k, y as u32);
            (c[g], d[g]) = ((x >> 32) as u32 ^ d[g] ^ l, x as u32);
        }
        (k, l) = (k.wrapping_add(WEYL[0]), l.wrapping_add(WEYL[1]));
    }
    [a, b, c, d]
}

/// Four words as a number among `0..n`; 0 if `n` is 0.
fn below(n: u64, words: [u32; 4]) -> u64 {
    // Multiply and shift; the rare unfair remainder is drawn again from the other half of
    // the block, where it is fair up to 2⁻⁶⁴. Remainders from n on are fair in any case.
    let first = u128::from(words[0]) | u128::from(words[1]) << 32;
    let product = first * u128::from(n);
    let rest = product as u64;
    let unfair = rest < n && rest < n.wrapping_neg() % n;
    let again = || u128::from(words[2]) | u128::from(words[3]) << 32;
    ((if unfair { again() * u128::from(n) } else { product }) >> 64) as u64
}

/// Philox of the counters (a, b + 0 … b + MANY − 1, c), as fast as this processor can.
struct Group {
    counter: [u32; 4],
    key: [u32; 2],
    words: Cell<[[u32; MANY]; 4]>,
}

impl Kernel<f32> for Group {
    #[inline(always)]
    unsafe fn run<V: Vector<E = f32>>(&self) {
        let [low, high, b, c] = self.counter;
        let bs = std::array::from_fn(|g| b.wrapping_add(g as u32));
        let counters = [[low; MANY], [high; MANY], bs, [c; MANY]];
        self.words.set(philox_many(counters, self.key));
    }
}

/// All draws of one seed and one purpose. Purposes are numbers that the caller keeps
/// apart (init, shuffle, dropout, …).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    key: [u32; 2],
}

impl Draws {
    /// The draws of `seed` for `purpose`.
    pub fn new(seed: u64, purpose: u32) -> Draws {
        let words =
            philox([purpose, 0, 0, 0x6368_6169], [seed as u32, (seed >> 32) as u32]);
        Draws { key: [words[0], words[1]] }
    }

    /// The key under which these draws are made; [`Draws::words`] uses it.
    pub fn key(&self) -> [u32; 2] {
        self.key
    }

    /// Four random words for the coordinates (a, b, c).
    pub fn words(&self, a: u64, b: u32, c: u32) -> [u32; 4] {
        philox([a as u32, (a >> 32) as u32, b, c], self.key)
    }

    /// 64 random bits for the coordinates (a, b, c).
    pub fn u64(&self, a: u64, b: u32, c: u32) -> u64 {
        let words = self.words(a, b, c);
        u64::from(words[0]) | u64::from(words[1]) << 32
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub fn uniform(&self, a: u64, b: u32, c: u32) -> f64 {
        (self.u64(a, b, c) >> 11) as f64 * 0.5f64.powi(53)
    }

    /// Uniform among `0..n`, without bias; 0 if `n` is 0.
    pub fn below(&self, n: u64, a: u64, b: u32, c: u32) -> u64 {
        below(n, self.words(a, b, c))
    }

    /// Normal with mean 0 and variance 1 (Box–Muller, in f64 by `libm`).
    pub fn normal(&self, a: u64, b: u32, c: u32) -> f64 {
        let words = self.words(a, b, c);
        let unit = |low: u32, high: u32| {
            let bits = u64::from(low) | u64::from(high) << 32;
            ((bits >> 11) as f64 + 0.5) * 0.5f64.powi(53)
        };
        let radius = libm::sqrt(-2.0 * libm::log(unit(words[0], words[1])));
        radius * libm::cos(std::f64::consts::TAU * unit(words[2], words[3]))
    }

    /// A random order of `0..n` for one epoch (Fisher–Yates).
    pub fn permutation(&self, epoch: u64, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        self.shuffle(epoch, 0, &mut order);
        order
    }

    /// Puts one piece of an epoch's rows into a random order (Fisher–Yates); the draws of
    /// [`Draws::permutation`] are those of piece 0.
    pub fn shuffle(&self, epoch: u64, piece: u32, rows: &mut [u32]) {
        let mut end = rows.len();
        while end > 1 {
            let first = end.saturating_sub(MANY);
            let words = self.group(epoch, first as u32, piece);
            for last in (first.max(1)..end).rev() {
                let words = words.map(|word| word[last - first]);
                rows.swap(last, below(last as u64 + 1, words) as usize);
            }
            end = first;
        }
    }

    /// [`Draws::words`] for b and those that follow it: word i of the g-th at `[i][g]`.
    fn group(&self, a: u64, b: u32, c: u32) -> [[u32; MANY]; 4] {
        let counter = [a as u32, (a >> 32) as u32, b, c];
        let words = Cell::new([[0; MANY]; 4]);
        let group = Group { counter, key: self.key, words };
        // SAFETY: `isa` is what this processor has.
        unsafe { f32::dispatch(isa(), &group) };
        group.words.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_answers() {
        let zeros = philox([0; 4], [0; 2]);
        assert_eq!(zeros, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = philox([u32::MAX; 4], [u32::MAX; 2]);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let pi = philox(counter, [0xa409_3822, 0x299f_31d0]);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn many_counters_at_once_are_each_one_alone() {
        let counters: [[u32; MANY]; 4] =
            std::array::from_fn(|i| std::array::from_fn(|g| (i * 1000 + g * g) as u32));
        let many = philox_many(counters, [5, 6]);
        for g in 0..MANY {
            assert_eq!(many.map(|word| word[g]), philox(counters.map(|c| c[g]), [5, 6]));
        }
    }

    #[test]
    fn purposes_and_coordinates_give_different_draws() {
        let draws = Draws::new(1, 2);
        let all = [
            draws.u64(0, 0, 0),
            draws.u64(1, 0, 0),
            draws.u64(0, 1, 0),
            draws.u64(0, 0, 1),
            draws.u64(1 << 32, 0, 0),
            Draws::new(1, 3).u64(0, 0, 0),
            Draws::new(2, 2).u64(0, 0, 0),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let (draws, n) = (Draws::new(3, 0), 100_000u64);
        let moments = |f: &dyn Fn(u64) -> f64| {
            let values: Vec<f64> = (0..n).map(f).collect();
            let mean = values.iter().sum::<f64>() / n as f64;
            let spread = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
            (mean, spread / n as f64)
        };
        let (mean, variance) = moments(&|i| draws.uniform(i, 0, 0));
        assert!((mean - 0.5).abs() < 0.004 && (variance - 1.0 / 12.0).abs() < 0.002);
        let (mean, variance) = moments(&|i| draws.normal(i, 0, 0));
        assert!(mean.abs() < 0.012 && (variance - 1.0).abs() < 0.02);
    }

    #[test]
    fn a_permutation_holds_every_number_once_and_changes_with_the_epoch() {
        let draws = Draws::new(5, 1);
        for n in [0, 1, 2, 17, 1000] {
            let mut order = draws.permutation(0, n);
            order.sort_unstable();
            assert!(order.iter().enumerate().all(|(i, &v)| i == v as usize));
        }
        assert_ne!(draws.permutation(0, 100), draws.permutation(1, 100));
        assert_eq!(draws.permutation(4, 100), draws.permutation(4, 100));
    }

    #[test]
    fn an_order_is_drawn_as_if_row_by_row() {
        let draws = Draws::new(9, 4);
        for n in [2, 3, 16, 17, 33, 1000] {
            let mut rows: Vec<u32> = (0..n).collect();
            for last in (1..n).rev() {
                let other = draws.below(u64::from(last) + 1, 1 << 40, last, 6);
                rows.swap(last as usize, other as usize);
            }
            let mut drawn: Vec<u32> = (0..n).collect();
            draws.shuffle(1 << 40, 6, &mut drawn);
            assert_eq!(drawn, rows);
        }
    }

    #[test]
    fn below_is_even_over_its_range() {
        let draws = Draws::new(11, 0);
        let mut counts = [0; 7];
        (0..70_000).for_each(|i| counts[draws.below(7, i, 0, 0) as usize] += 1);
        assert!(counts.iter().all(|&count| (9_600..10_400).contains(&count)));
        assert_eq!(draws.below(0, 0, 0, 0), 0);
    }
}
