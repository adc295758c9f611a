//! What the prepared rows look like: the scale of each input, the values of the targets.
//!
//! In: the training part as the network sees it. Out: [`Table`]. Invariants: rows are spread evenly
//! over the part, at most [`ROWS`] of them, so that looking costs little beside one epoch; numbers are
//! those after the `data:` line's own scaling. Deliberately absent: what is too large.

use crate::data::{Array, Dataset, Preparation};
use crate::model::Model;

/// Rows that are looked at, at most.
pub(crate) const ROWS: usize = 1024;

/// Row numbers, evenly apart.
pub(crate) fn spread(rows: usize, most: usize) -> Vec<usize> {
    let n = rows.min(most);
    (0..n).map(|i| i * rows / n).collect()
}

/// A column of an input as the network sees it.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Column {
    /// How far its values lie from 0, or apart.
    pub(crate) fn scale(&self) -> f64 {
        self.mean.abs().max(self.std)
    }

    pub(crate) fn size(&self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    /// Whether it only says yes or no.
    pub(crate) fn is_mark(&self) -> bool {
        self.low >= 0.0 && self.high <= 1.0
    }
}

/// A target as the loss sees it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) key: String,
    pub(crate) rows: Vec<Vec<f64>>,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Each row has one 1 and otherwise 0.
    pub(crate) one_hot: bool,
    /// All entries are 0 or 1.
    pub(crate) marks: bool,
    /// All entries are whole numbers, and few different ones.
    pub(crate) classes: bool,
}

impl Target {
    pub(crate) fn entries(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// The mean, over entries, of their variance over the rows.
    pub(crate) fn variance(&self) -> f64 {
        let n = self.rows.len().max(1) as f64;
        let one = |c: usize| {
            let mean = self.rows.iter().map(|r| r[c]).sum::<f64>() / n;
            self.rows.iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>() / n
        };
        (0..self.entries()).map(one).sum::<f64>() / self.entries().max(1) as f64
    }
}

/// The rows that are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Rows of the training part.
    pub(crate) total: usize,
    pub(crate) columns: Vec<Column>,
    /// The inputs of the rows, column after column in the order of `columns`.
    pub(crate) inputs: Vec<Vec<f64>>,
    /// The target beside the output.
    pub(crate) target: Option<Target>,
}

impl Table {
    pub(crate) fn of(
        model: &Model,
        train: &Dataset,
        recipe: Option<&Preparation>,
        most: usize,
    ) -> Self {
        let at = spread(train.rows, most);
        let mut table =
            Self { total: train.rows, columns: vec![], inputs: vec![], target: None };
        let compared = crate::model::compared(model.module()).map(|s| s.key.clone());
        for info in model.symbols() {
            let Some(array) = train.array(&info.key) else { continue };
            if !info.target {
                table.input(&info.key, array, &at, recipe);
            } else if compared.as_ref() == Some(&info.key) {
                table.target = Some(target(info.key, array, &at));
            }
        }
        table
    }

    fn input(
        &mut self,
        key: &str,
        array: &Array,
        at: &[usize],
        recipe: Option<&Preparation>,
    ) {
        // Classes as inputs are 0 and 1: they have no scale.
        let Array::Dense { cols, values } = array else { return };
        let names = recipe.and_then(|r| r.symbol(key)).map(|plan| plan.entries());
        for c in 0..*cols {
            let cells: Vec<f64> = at.iter().map(|r| values[r * cols + c]).collect();
            let named = names.as_ref().and_then(|n| n.get(c)).cloned();
            let name = named.unwrap_or_else(|| format!("{key}_{}", c + 1));
            self.columns.push(column(name, &cells));
            self.inputs.push(cells);
        }
    }
}

fn column(name: String, cells: &[f64]) -> Column {
    let n = cells.len().max(1) as f64;
    let mean = cells.iter().sum::<f64>() / n;
    let variance = cells.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let low = cells.iter().copied().fold(f64::INFINITY, f64::min);
    let high = cells.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Column { name, mean, std: libm::sqrt(variance), low, high }
}

/// Whole numbers up to here may be the numbers of classes.
const CLASSES: f64 = 100.0;

fn target(key: String, array: &Array, at: &[usize]) -> Target {
    let row = |r: usize| match array {
        Array::Dense { cols, values } => values[r * cols..(r + 1) * cols].to_vec(),
        Array::Index { classes, index } => {
            (0..*classes).map(|c| f64::from(u8::from(index[r] as usize == c))).collect()
        }
    };
    let rows: Vec<Vec<f64>> = at.iter().map(|&r| row(r)).collect();
    let all = || rows.iter().flatten().copied();
    let marks = all().all(|v| v == 0.0 || v == 1.0);
    let wide = rows.first().is_some_and(|r| r.len() > 1);
    let one_hot = wide && marks && rows.iter().all(|r| r.iter().sum::<f64>() == 1.0);
    let classes =
        !wide && all().all(|v| (0.0..=CLASSES).contains(&v) && v.fract() == 0.0);
    // Where the part is large its ends may lie between the rows that are looked at.
    let (low, high) = match array {
        Array::Dense { values, .. } => ends(values),
        Array::Index { .. } => (0.0, 1.0),
    };
    Target { key, low, high, one_hot, marks, classes, rows }
}

fn ends(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}
