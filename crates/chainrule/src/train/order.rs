//! The order of the rows in an epoch: blocks, and rows inside a window of blocks.
//!
//! In: a part, a seed, an epoch. Out: windows, the blocks of each, and the order of their rows. The
//! blocks are shuffled, then the rows of each window among themselves. Invariants: every row comes
//! once; all of it is a function of (seed, epoch), so that a place in an epoch can be found again; one
//! window that holds all rows keeps the blocks in order, and gives the order of a part in memory.
//! Deliberately absent: reading.

use chainrule_kernels::rng::Draws;

use crate::data::Part;

/// Draws for the order of rows; other rooms have other numbers.
const ROWS: u32 = 2;
/// … and of blocks.
const BLOCKS: u32 = 3;

/// The order of an epoch.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Of the rows; `None`: they come as they are.
    draws: Option<(Draws, u64)>,
    rows: usize,
    /// Rows of a block; the last one may have fewer.
    block: usize,
    /// Blocks of a window; the last one may have fewer.
    window: usize,
    blocks: Vec<u32>,
}

impl Order {
    /// As the rows stand in the part, one block at a time.
    pub(crate) fn straight(part: Part<'_>) -> Self {
        Self::of(part.rows(), part.block())
    }

    fn of(rows: usize, block: usize) -> Self {
        let blocks = (0..rows.div_ceil(block) as u32).collect();
        Self { draws: None, rows, block, window: 1, blocks }
    }

    /// As the rows stand in the part, all at once.
    pub(crate) fn whole(part: Part<'_>) -> Self {
        let straight = Self::straight(part);
        Self { window: straight.blocks.len().max(1), ..straight }
    }

    /// Shuffled, for an epoch.
    pub(crate) fn shuffled(part: Part<'_>, seed: u64, epoch: usize) -> Self {
        Self::straight(part).shuffle(part.window(), seed, epoch as u64)
    }

    fn shuffle(mut self, window: usize, seed: u64, epoch: u64) -> Self {
        self.window = window.clamp(1, self.blocks.len().max(1));
        self.draws = Some((Draws::new(seed, ROWS), epoch));
        if self.windows() > 1 {
            self.blocks = Draws::new(seed, BLOCKS).permutation(epoch, self.blocks.len());
        }
        self
    }

    /// How many windows there are.
    pub(crate) fn windows(&self) -> usize {
        self.blocks.len().div_ceil(self.window)
    }

    /// The rows of the largest window.
    pub(crate) fn most(&self) -> usize {
        self.rows.min(self.window * self.block)
    }

    /// What tells one order of a part from another.
    pub(crate) fn epoch(&self) -> u64 {
        self.draws.map_or(0, |(_, epoch)| epoch)
    }

    /// The blocks of a window.
    pub(crate) fn blocks(&self, window: usize) -> &[u32] {
        let from = window * self.window;
        &self.blocks[from..(from + self.window).min(self.blocks.len())]
    }

    /// The rows of a window.
    pub(crate) fn rows_of(&self, window: usize) -> usize {
        let rows = |&b: &u32| self.block.min(self.rows - b as usize * self.block);
        self.blocks(window).iter().map(rows).sum()
    }

    /// The window with the row at that place of the epoch, and the place of its first row.
    pub(crate) fn find(&self, place: usize) -> (usize, usize) {
        let (mut window, mut start) = (0, 0);
        while window + 1 < self.windows() && start + self.rows_of(window) <= place {
            start += self.rows_of(window);
            window += 1;
        }
        (window, start)
    }

    /// The order of a window's rows, counted from `first`.
    pub(crate) fn places(&self, window: usize, first: u32, into: &mut Vec<u32>) {
        let n = self.rows_of(window);
        into.clear();
        into.extend(first..first + n as u32);
        if let Some((draws, epoch)) = &self.draws {
            draws.shuffle(*epoch, window as u32, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of an epoch, as numbers of the part.
    fn rows(order: &Order) -> Vec<u32> {
        let mut all = Vec::new();
        let mut places = Vec::new();
        for window in 0..order.windows() {
            let block = |&b: &u32| {
                let first = b * order.block as u32;
                first..(first + order.block as u32).min(order.rows as u32)
            };
            let at_hand: Vec<u32> = order.blocks(window).iter().flat_map(block).collect();
            order.places(window, 0, &mut places);
            assert_eq!(order.find(all.len()), (window, all.len()));
            all.extend(places.iter().map(|&place| at_hand[place as usize]));
            assert_eq!(order.find(all.len() - 1).0, window);
        }
        all
    }

    #[test]
    fn every_row_comes_once_an_epoch_and_epochs_differ() {
        for (n, block, window) in [(100, 7, 3), (100, 10, 1), (64, 8, 8), (5, 2, 2)] {
            let epoch = |epoch| rows(&Order::of(n, block).shuffle(window, 9, epoch));
            let mut first = epoch(1);
            assert_eq!(first, epoch(1));
            assert_ne!(first, epoch(2));
            first.sort_unstable();
            assert!(first.iter().enumerate().all(|(i, &row)| row == i as u32));
        }
    }

    #[test]
    fn a_window_that_holds_all_rows_gives_the_order_of_rows_in_memory() {
        let memory = rows(&Order::of(100, 100).shuffle(1, 9, 4));
        assert_eq!(memory, Draws::new(9, ROWS).permutation(4, 100));
        assert_eq!(memory, rows(&Order::of(100, 7).shuffle(15, 9, 4)));
        assert_eq!(memory, rows(&Order::of(100, 7).shuffle(usize::MAX, 9, 4)));
        assert_ne!(memory, rows(&Order::of(100, 7).shuffle(14, 9, 4)));
    }

    #[test]
    fn neighbours_in_the_file_are_torn_apart_further_than_a_window() {
        let all = rows(&Order::of(1000, 10).shuffle(5, 9, 1));
        let from = |row: &u32| all.iter().position(|r| r == row).unwrap();
        // Ten blocks that stand side by side in the file are not side by side here.
        let spread: Vec<usize> = (0..10).map(|b| from(&(b * 10)) / 50).collect();
        assert!(spread.iter().max().unwrap() - spread.iter().min().unwrap() > 4);
    }
}
