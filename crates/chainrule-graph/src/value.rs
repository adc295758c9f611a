//! Matrices of f64 as values: of symbols, of literals, of the reference evaluation.

/// A matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Mat {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Entries, row by row.
    pub data: Vec<f64>,
}

impl Mat {
    /// A matrix from its entries, row by row.
    ///
    /// # Panics
    /// If there are not rows × cols entries.
    #[must_use]
    pub fn new(rows: usize, cols: usize, data: Vec<f64>) -> Self {
        assert_eq!(data.len(), rows * cols, "a {rows}×{cols} matrix");
        Self { rows, cols, data }
    }

    /// The same number everywhere.
    #[must_use]
    pub fn filled(rows: usize, cols: usize, value: f64) -> Self {
        Self { rows, cols, data: vec![value; rows * cols] }
    }

    /// 1×1.
    #[must_use]
    pub fn scalar(value: f64) -> Self {
        Self::filled(1, 1, value)
    }

    /// From a function of row and column.
    #[must_use]
    pub fn from_fn(rows: usize, cols: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        let data =
            (0..rows * cols).map(|i| f(i / cols.max(1), i % cols.max(1))).collect();
        Self { rows, cols, data }
    }

    /// Entry in row `i` and column `j`, both from 0.
    #[must_use]
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.cols + j]
    }

    /// The same entry, to be changed.
    pub fn at_mut(&mut self, i: usize, j: usize) -> &mut f64 {
        &mut self.data[i * self.cols + j]
    }

    /// Whether it is 1×1.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        self.rows == 1 && self.cols == 1
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.cols, self.rows, |i, j| self.at(j, i))
    }

    /// Column `j` as a matrix of its own.
    #[must_use]
    pub fn column(&self, j: usize) -> Self {
        Self::from_fn(self.rows, 1, |i, _| self.at(i, j))
    }

    /// Entry by entry.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        let data = self.data.iter().map(|&x| f(x)).collect();
        Self { rows: self.rows, cols: self.cols, data }
    }
}
