//! Scores in order: the area under the curve of true against false positives.
//!
//! In: scores, each of a positive or a negative example. Out: the probability that a positive one scores
//! above a negative one. Scores that are too many for memory are put on disk in sorted runs, which are
//! walked side by side. Invariant: what comes out does not depend on that.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use crate::data::Scratch;
use crate::error::Error;

/// Scores that all rankings of an evaluation hold in memory, if there is a disk.
const AT_ONCE: usize = 1 << 20;
/// Scores of a run that are read at a time.
const READ: usize = 1 << 12;

/// A score as a whole number of the same order, and whether the example is positive.
type Entry = (u64, bool);
/// Bytes of an entry on disk.
const WIDTH: usize = 9;

/// Scores that are being ranked.
pub(crate) struct Ranking {
    entries: Vec<Entry>,
    disk: Option<PathBuf>,
    at_once: usize,
    spilled: Option<Spilled>,
    up: u64,
    down: u64,
    defined: bool,
}

/// Sorted runs: where each begins, and its entries.
struct Spilled {
    scratch: Scratch,
    runs: Vec<(u64, usize)>,
}

impl Ranking {
    /// One of `several`, with a folder for what memory is too small for.
    pub(crate) fn new(disk: Option<&Path>, several: usize) -> Self {
        Self::with(disk, (AT_ONCE / several.max(1)).max(READ))
    }

    fn with(disk: Option<&Path>, at_once: usize) -> Self {
        let (entries, disk) = (Vec::new(), disk.map(Path::to_owned));
        let (spilled, up, down, defined) = (None, 0, 0, true);
        Self { entries, disk, at_once, spilled, up, down, defined }
    }

    pub(crate) fn add(&mut self, score: f64, positive: bool) -> Result<(), Error> {
        *(if positive { &mut self.up } else { &mut self.down }) += 1;
        self.defined &= !score.is_nan();
        // 0 and −0 are one score.
        self.entries.push((key(score + 0.0), positive));
        match &self.disk {
            Some(folder) if self.entries.len() >= self.at_once => {
                spill(&mut self.spilled, folder, &mut self.entries)
            }
            _ => Ok(()),
        }
    }

    /// `None` if there are only positive or only negative ones, or a score is not a number.
    pub(crate) fn area(mut self) -> Result<Option<f64>, Error> {
        let (up, down) = (self.up as f64, self.down as f64);
        if up == 0.0 || down == 0.0 || !self.defined {
            return Ok(None);
        }
        self.entries.sort_unstable();
        let mut ranks = Ranks::default();
        match &self.spilled {
            None => self.entries.iter().for_each(|entry| ranks.add(*entry)),
            Some(spilled) => {
                spilled.merge(&self.entries, &mut |entry| ranks.add(entry))?;
            }
        }
        Ok(Some((ranks.finish() - up * (up + 1.0) / 2.0) / (up * down)))
    }
}

fn spill(
    spilled: &mut Option<Spilled>,
    folder: &Path,
    entries: &mut Vec<Entry>,
) -> Result<(), Error> {
    let spilled = match spilled {
        Some(spilled) => spilled,
        None => {
            let scratch = Scratch::new(folder)?;
            spilled.insert(Spilled { scratch, runs: Vec::new() })
        }
    };
    entries.sort_unstable();
    let mut bytes = Vec::with_capacity(entries.len() * WIDTH);
    for (key, positive) in entries.iter() {
        bytes.extend(key.to_le_bytes());
        bytes.push(u8::from(*positive));
    }
    let at = spilled.scratch.add(&bytes)?;
    spilled.runs.push((at, entries.len()));
    entries.clear();
    Ok(())
}

/// The sum of the ranks of positive examples; equal scores share the mean of their ranks.
#[derive(Default)]
struct Ranks {
    sum: f64,
    /// Entries below the group of equal scores at hand.
    before: u64,
    score: u64,
    group: u64,
    positive: u64,
}

impl Ranks {
    fn add(&mut self, (score, positive): Entry) {
        if score != self.score {
            self.close();
            self.score = score;
        }
        self.group += 1;
        self.positive += u64::from(positive);
    }

    fn close(&mut self) {
        let rank = self.before as f64 + (self.group + 1) as f64 / 2.0;
        self.sum += rank * self.positive as f64;
        self.before += self.group;
        (self.group, self.positive) = (0, 0);
    }

    fn finish(mut self) -> f64 {
        self.close();
        self.sum
    }
}

impl Spilled {
    /// Walks over all runs and the entries in memory, in order.
    fn merge(&self, last: &[Entry], visit: &mut dyn FnMut(Entry)) -> Result<(), Error> {
        let mut runs: Vec<Run<'_>> = self
            .runs
            .iter()
            .map(|&(at, left)| Run::new(&self.scratch, at, left))
            .collect();
        let mut last = last.iter().copied();
        let mut heap = BinaryHeap::new();
        let memory = runs.len();
        let mut next = |from: usize| match runs.get_mut(from) {
            Some(run) => run.next(),
            None => Ok(last.next()),
        };
        for from in 0..=memory {
            heap.extend(next(from)?.map(|entry| Reverse((entry, from))));
        }
        while let Some(Reverse((entry, from))) = heap.pop() {
            visit(entry);
            heap.extend(next(from)?.map(|entry| Reverse((entry, from))));
        }
        Ok(())
    }
}

/// A run that is being read.
struct Run<'s> {
    scratch: &'s Scratch,
    at: u64,
    left: usize,
    bytes: Vec<u8>,
    used: usize,
}

impl<'s> Run<'s> {
    fn new(scratch: &'s Scratch, at: u64, left: usize) -> Self {
        Self { scratch, at, left, bytes: Vec::new(), used: 0 }
    }

    fn next(&mut self) -> Result<Option<Entry>, Error> {
        if self.used == self.bytes.len() {
            let n = self.left.min(READ);
            self.bytes.resize(n * WIDTH, 0);
            self.scratch.read(self.at, &mut self.bytes)?;
            (self.at, self.left, self.used) =
                (self.at + (n * WIDTH) as u64, self.left - n, 0);
        }
        let Some(bytes) = self.bytes.get(self.used..self.used + WIDTH) else {
            return Ok(None);
        };
        self.used += WIDTH;
        let key = bytes[..8].iter().rev().fold(0, |key, &b| key << 8 | u64::from(b));
        Ok(Some((key, bytes[8] == 1)))
    }
}

/// A whole number that rises with the score.
fn key(score: f64) -> u64 {
    let bits = score.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_on_disk_give_the_area_of_scores_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mix = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        for n in [2, 10, 500, 9000] {
            let area = |disk: Option<&Path>, at_once| {
                let mut ranking = Ranking::with(disk, at_once);
                for i in 0..n {
                    let score = (mix(i) % 61) as f64 - 30.0;
                    ranking.add(score, i % 3 == 1).unwrap();
                }
                assert_eq!(ranking.spilled.is_some(), n >= at_once as u64);
                ranking.area().unwrap().unwrap()
            };
            let memory = area(None, usize::MAX);
            assert_eq!(memory, area(Some(folder.path()), 1));
            assert_eq!(memory, area(Some(folder.path()), 7));
            assert_eq!(memory, area(Some(folder.path()), 5000));
        }
        // Nothing is left behind.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let mut ranking = Ranking::new(None, 1);
        assert_eq!(Ranking::new(None, 1).area().unwrap(), None);
        ranking.add(f64::NAN, true).unwrap();
        ranking.add(1.0, false).unwrap();
        assert_eq!(ranking.area().unwrap(), None);
    }
}
