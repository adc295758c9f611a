//! Valid files → files that are almost valid, by a few changes each.
//!
//! In: seeds (whole files), the words of the format, and bolero's driver, which is the only source
//! of chance: so a failure shrinks to fewer and smaller changes. Out: bytes. Changes aim where readers
//! break: numbers in headers, lengths, delimiters, two files spliced, a file cut short.

use std::fmt;
use std::ops::Bound;

use bolero::{Driver, ValueGenerator};

/// One input; it prints as its size, for the bytes stand in the file that a failure leaves.
pub(crate) struct Input(pub(crate) Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes: {:.400}", self.0.len(), String::from_utf8_lossy(&self.0))
    }
}

/// Mutants of some seeds.
pub(crate) struct Mutants {
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Words of the format, to be put anywhere.
    pub(crate) words: &'static [&'static str],
    /// Longer ones are cut, so that an input is soon done.
    pub(crate) longest: usize,
    /// What makes an almost valid file of changed bytes: a checksum, a compression. The number is
    /// drawn anew each time.
    pub(crate) finish: fn(Vec<u8>, usize) -> Vec<u8>,
}

/// Text of numbers at which readers break.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "2",
    "255",
    "65536",
    "1000000",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "1e308",
    "1e309",
    "-1e-320",
    "0.5",
    "1e9",
    "NaN",
    "inf",
];

/// Whole numbers at which readers break.
const EDGES: &[u64] = &[
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    1 << 61,
    u64::MAX / 2,
    u64::MAX,
];

impl ValueGenerator for Mutants {
    type Output = Input;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Input> {
        let mut d = Draw(driver);
        let mut bytes = self.seed(&mut d)?.to_vec();
        // Most often one change: two things that are wrong hide each other.
        for _ in 0..[1, 1, 1, 1, 2, 2, 4, 8][d.below(8)?] {
            self.change(&mut bytes, &mut d)?;
            bytes.truncate(self.longest);
        }
        let how = d.below(64)?;
        Some(Input((self.finish)(bytes, how)))
    }
}

impl Mutants {
    fn seed<D: Driver>(&self, d: &mut Draw<D>) -> Option<&[u8]> {
        self.seeds.get(d.below(self.seeds.len())?).map(Vec::as_slice)
    }

    fn change<D: Driver>(&self, b: &mut Vec<u8>, d: &mut Draw<D>) -> Option<()> {
        let at = d.place(b.len())?;
        match d.below(14)? {
            0 => at_byte(b, at, |x| x ^ 1),
            1 => {
                let bit = d.below(8)?;
                at_byte(b, at, |x| x ^ (1 << bit));
            }
            2 => {
                let with = d.below(256)? as u8;
                at_byte(b, at, |_| with);
            }
            3 => drop(b.drain(at..(at + d.length()?).min(b.len()))),
            4 => {
                let piece = b[at..(at + d.length()?).min(b.len())].to_vec();
                insert(b, d.place(b.len())?, &piece);
            }
            5 => {
                let other = self.seed(d)?;
                let from = d.place(other.len())?;
                let piece = &other[from..(from + d.length()?).min(other.len())];
                insert(b, at, piece);
            }
            6 => b.truncate(at),
            7 => number(b, at, d)?,
            8 | 9 => digits(b, at, NUMBERS[d.below(NUMBERS.len())?]),
            10 => b.extend(std::iter::repeat_n(0, d.length()?)),
            11 if !self.words.is_empty() => {
                let word = self.words[d.below(self.words.len())?];
                insert(b, at, word.as_bytes());
            }
            12 => {
                let from = d.place(b.len())?;
                swap_words(b, at, from);
            }
            _ => {
                let other = self.seed(d)?;
                let from = d.place(other.len())?;
                b.truncate(at);
                b.extend_from_slice(&other[from..]);
            }
        }
        Some(())
    }
}

/// Chance, by the driver.
struct Draw<'d, D>(&'d mut D);

impl<D: Driver> Draw<'_, D> {
    fn below(&mut self, end: usize) -> Option<usize> {
        let end = end.max(1);
        self.0.gen_usize(Bound::Included(&0), Bound::Excluded(&end))
    }

    /// A place in some bytes; the first and the last are more likely, for headers stand there.
    fn place(&mut self, length: usize) -> Option<usize> {
        let edge = length.min(160);
        Some(match self.below(4)? {
            0 => self.below(edge)?,
            1 => length - edge + self.below(edge)?,
            _ => self.below(length)?,
        })
    }

    fn length(&mut self) -> Option<usize> {
        let most = [2, 8, 64, 1024][self.below(4)?];
        Some(1 + self.below(most)?)
    }
}

fn at_byte(b: &mut [u8], at: usize, change: impl Fn(u8) -> u8) {
    if let Some(x) = b.get_mut(at) {
        *x = change(*x);
    }
}

fn insert(b: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let at = at.min(b.len());
    let piece = piece.to_vec();
    b.splice(at..at, piece);
}

/// A whole number of 2, 4 or 8 bytes in either order.
fn number<D: Driver>(b: &mut [u8], at: usize, d: &mut Draw<D>) -> Option<()> {
    let value = match d.below(EDGES.len() + 2)? {
        n if n < EDGES.len() => EDGES[n],
        n if n == EDGES.len() => b.len() as u64,
        _ => b.len() as u64 / 2,
    };
    let width = [2, 4, 8][d.below(3)?];
    let mut bytes = value.to_le_bytes()[..width].to_vec();
    if d.below(2)? == 0 {
        bytes.reverse();
    }
    for (to, from) in b.iter_mut().skip(at).zip(bytes) {
        *to = from;
    }
    Some(())
}

/// The first run of digits behind `at` becomes another number.
fn digits(b: &mut Vec<u8>, at: usize, with: &str) {
    let Some(start) = (at..b.len()).find(|&i| b[i].is_ascii_digit()) else { return };
    let end = (start..b.len()).find(|&i| !b[i].is_ascii_digit()).unwrap_or(b.len());
    b.splice(start..end, with.bytes());
}

fn word_at(b: &[u8], at: usize) -> std::ops::Range<usize> {
    let inside = |i: &usize| b[*i].is_ascii_alphanumeric() || b[*i] >= 0x80;
    let start = (0..at.min(b.len())).rev().take_while(inside).last().unwrap_or(at);
    let end = (start..b.len()).find(|i| !inside(i)).unwrap_or(b.len());
    start.min(end)..end
}

/// The word at one place becomes the one at another.
fn swap_words(b: &mut Vec<u8>, at: usize, from: usize) {
    let with = b[word_at(b, from)].to_vec();
    let place = word_at(b, at);
    b.splice(place, with);
}
