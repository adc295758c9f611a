//! Rows dealt into folds, each of which is kept apart in turn.
//!
//! In: as for `prepare`, and a [`Fold`]. Out: everything prepared from the rows outside of the fold, and
//! the fold by their recipe. Invariants: each row is in one fold, which depends on (seed, row) and the
//! classes alone; a fold has no part in the recipe beside it. Deliberately absent: tables on disk.

use chainrule_graph::syntax::settings::DataSpec;

use super::members::Members;
use super::prepare::{Prepared, finished, learn_from, rows_with_targets, target_columns};
use super::report::Report;
use super::select::{Pick, select};
use super::source::Source;
use super::split::permutation;
use super::strata::{Strata, class_column};
use super::{Dataset, SymbolInfo};
use crate::error::Error;

/// One of several parts of the rows that are kept apart in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Which, from 0.
    pub number: usize,
    /// Of how many.
    pub of: usize,
    /// By which rows are dealt.
    pub seed: u64,
}

impl Fold {
    /// All folds of so many, dealt by one seed.
    #[must_use]
    pub fn all(of: usize, seed: u64) -> Vec<Self> {
        (0..of).map(|number| Self { number, of, seed }).collect()
    }
}

/// As [`super::prepare()`] on the rows outside of a fold, `hold out` included, and the rows of the
/// fold by the recipe of the others. Rows are dealt to folds as a function of the fold's seed, classes
/// evenly where a target is a class of its own; `seed` is that of `hold out`.
///
/// # Errors
/// As [`super::prepare()`]; [`Error::Usage`] for fewer than two folds, or more than rows.
pub fn prepare_fold(
    spec: &DataSpec,
    symbols: &[SymbolInfo],
    source: &Source,
    seed: u64,
    fold: Fold,
) -> Result<(Prepared, Dataset), Error> {
    let picks = select(spec, symbols, source)?;
    let rows = rows_with_targets(source, &target_columns(symbols, &picks))?;
    let (others, kept) = deal(symbols, &picks, source, &rows, fold)?;
    let learned = learn_from(spec, symbols, picks, source, &others, seed)?;
    let prepared = finished(spec, source, learned)?;
    let rows = kept.within(0, source.rows);
    let mut report = Report::default();
    let kept = prepared.preparation.encode(source, rows, true, &mut report)?;
    Ok((prepared, kept))
}

/// The rows outside of a fold, and those of it: rows in the order of their class and their draw are
/// dealt like cards.
fn deal(
    symbols: &[SymbolInfo],
    picks: &[Vec<Pick<'_>>],
    source: &Source,
    rows: &Members,
    fold: Fold,
) -> Result<(Members, Members), Error> {
    if fold.of < 2 || fold.of > rows.len() {
        let field = "folds".to_owned();
        let message =
            format!("expected 2 to {} (as many as rows), found {}", rows.len(), fold.of);
        return Err(Error::Usage { field, message });
    }
    let all = rows.within(0, source.rows);
    let mut classes = vec![0; all.len()];
    if let Some(column) = class_column(symbols, picks) {
        let mut next = classes.iter_mut();
        Strata::new(column, source, rows)?.each(&mut |_, class| {
            next.by_ref().take(1).for_each(|place| *place = class);
        })?;
    }
    let mut order = permutation(fold.seed, all.len());
    order.sort_by_key(|&i| classes[i as usize]);
    let mut number = vec![0; all.len()];
    (0..).zip(&order).for_each(|(at, &i)| number[i as usize] = at % fold.of);
    let (mut others, mut kept) = (Members::default(), Members::default());
    for (&row, number) in all.iter().zip(number) {
        let part = if number == fold.number { &mut kept } else { &mut others };
        part.insert(row as usize);
    }
    Ok((others, kept))
}
