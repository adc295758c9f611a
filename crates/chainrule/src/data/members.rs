//! Rows of a table that belong to a part: one bit a row.
//!
//! In: row numbers. Out: those of a block, counted from the block's first row. Invariant: each row
//! once, in rising order. Deliberately absent: why a row belongs to a part (`split`).

/// A set of rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    bits: Vec<u64>,
    count: usize,
}

impl Members {
    /// Adds a row.
    pub(super) fn insert(&mut self, row: usize) {
        let (word, bit) = (row / 64, 1 << (row % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.count += usize::from(self.bits[word] & bit == 0);
        self.bits[word] |= bit;
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    fn contains(&self, row: usize) -> bool {
        self.bits.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Those of the `rows` rows from `first` on, counted from there.
    pub(super) fn within(&self, first: usize, rows: usize) -> Vec<u32> {
        let there = |&row: &u32| self.contains(first + row as usize);
        (0..u32::try_from(rows).unwrap_or(u32::MAX)).filter(there).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_sees_its_own_rows_from_its_own_first() {
        let mut members = Members::default();
        [3, 64, 65, 200, 64].into_iter().for_each(|row| members.insert(row));
        assert_eq!(members.len(), 4);
        assert_eq!(members.within(0, 65), [3, 64]);
        assert_eq!(members.within(60, 10), [4, 5]);
        assert!(members.within(300, 9).is_empty());
    }
}
