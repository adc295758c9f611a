//! Rows of the data as values of a worked example: `--row i`, `--batch i..j`.
//!
//! In: a module, prepared data, which rows. Out: a module whose data symbols have those rows as
//! values and whose parameters start as training starts them (unless the file gives values).

use std::ops::RangeInclusive;

use chainrule_graph::module::Module;
use chainrule_graph::syntax::ast::{Layout, Role};
use chainrule_graph::value::Mat;

use crate::data::{Array, Dataset};
use crate::error::Error;
use crate::init;
use crate::memory;
use crate::model::sizes_of;

/// The module with rows (from 1, both ends included) of prepared data as its values.
///
/// # Errors
/// [`Error::Usage`] if a row is not there; S5 where file and data differ in size.
pub fn with_rows(
    m: &Module,
    data: &Dataset,
    rows: RangeInclusive<usize>,
    seed: u64,
) -> Result<Module, Error> {
    let (from, to) = (*rows.start(), *rows.end());
    if from < 1 || to < from || to > data.rows {
        let message =
            format!("rows {from}..{to}: the training part has rows 1..{}", data.rows);
        return Err(Error::Usage { field: "row".into(), message });
    }
    let mut out = m.clone();
    out.dims.sizes = sizes_of(m, data)?;
    memory::worked(m, &out.dims.sizes, to + 1 - from)?;
    for s in &mut out.symbols {
        if let Some(array) = data.array(&s.key) {
            let value = values(array, from - 1..to);
            s.value =
                Some(if m.layout == Layout::Rows { value } else { value.transposed() });
        } else if s.role == Role::Param && s.value.is_none() {
            s.value = Some(init::start(s, &out.dims.sizes, seed)?.value);
        }
    }
    Ok(out)
}

/// Rows of an array, one example a row; an index is written out as one-hot.
fn values(array: &Array, rows: std::ops::Range<usize>) -> Mat {
    let n = rows.len();
    match array {
        Array::Dense { cols, values } => {
            Mat::from_fn(n, *cols, |i, j| values[(rows.start + i) * cols + j])
        }
        Array::Index { classes, index } => Mat::from_fn(n, *classes, |i, j| {
            f64::from(u8::from(index[rows.start + i] as usize == j))
        }),
    }
}
