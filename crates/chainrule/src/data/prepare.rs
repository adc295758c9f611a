//! A table and the `data:` line → recipe, training part, held-out part, report.
//!
//! In: [`DataSpec`], the symbols of the model, a [`Source`], a seed. Out: [`Prepared`]. The order:
//! columns are selected, rows without a target dropped, rows held out, the recipe learned from the
//! training rows ([`learn`], the same for tables on disk), and both parts encoded by it.

use chainrule_graph::diag::{Code as DiagCode, Diagnostic, Span};
use chainrule_graph::syntax::settings::DataSpec;

use super::blocks::Table;
use super::learn::Learner;
use super::members::Members;
use super::parts::{Census, PartEncoder};
use super::preparation::{Preparation, Reading, SymbolPlan};
use super::report::{Report, Shape};
use super::select::{Pick, listed, select};
use super::source::{RawColumn, Source};
use super::split::Split;
use super::strata::{Strata, class_column, needs_classes};
use super::{Dataset, SymbolInfo};
use crate::error::{DataProblem, Error};

/// What [`prepare`] gives.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The recipe, to be stored with the model.
    pub preparation: Preparation,
    /// The rows to train on.
    pub train: Dataset,
    /// The rows of `hold out`.
    pub held_out: Option<Dataset>,
    /// What was done.
    pub report: Report,
}

/// Learns the recipe from the training part of a table and applies it to both parts.
///
/// # Errors
/// [`Error::Diagnostics`] for what the `data:` line or a declared shape says wrongly (unknown
/// column T1, other size S5); [`Error::Data`] for what stands in the file.
pub fn prepare(
    spec: &DataSpec,
    symbols: &[SymbolInfo],
    source: &Source,
    seed: u64,
) -> Result<Prepared, Error> {
    finished(spec, source, learn(spec, symbols, source, seed)?)
}

/// Applies what was learned to both parts.
pub(super) fn finished(
    spec: &DataSpec,
    source: &Source,
    mut learned: Learned<'_>,
) -> Result<Prepared, Error> {
    let report = &mut learned.report;
    let rows = learned.train.within(0, source.rows);
    let mut train = learned.preparation.encode(source, rows, true, report)?;
    let mut census = Census::new(&learned.preparation);
    census.add(&train);
    if spec.balanced {
        learned.preparation.balanced = Some(balance(spec, &census)?);
        learned.preparation.weigh_classes(&mut train);
    }
    describe(&mut learned, &census);
    let Learned { preparation, held, mut report, .. } = learned;
    let held_out = match held.within(0, source.rows) {
        rows if rows.is_empty() => None,
        rows => Some(preparation.encode(source, rows, true, &mut report)?),
    };
    Ok(Prepared { preparation, train, held_out, report })
}

/// What a walk over a table tells: the recipe and the parts.
pub(super) struct Learned<'a> {
    /// Without the weights of `balanced`.
    pub(super) preparation: Preparation,
    pub(super) train: Members,
    pub(super) held: Members,
    pub(super) report: Report,
    picks: Vec<Vec<Pick<'a>>>,
}

/// Learns the recipe from the training part of a table, wherever it is.
pub(super) fn learn<'a>(
    spec: &'a DataSpec,
    symbols: &[SymbolInfo],
    table: &dyn Table,
    seed: u64,
) -> Result<Learned<'a>, Error> {
    let picks = select(spec, symbols, table.head())?;
    let rows = rows_with_targets(table, &target_columns(symbols, &picks))?;
    learn_from(spec, symbols, picks, table, &rows, seed)
}

/// The same from some rows.
pub(super) fn learn_from<'a>(
    spec: &'a DataSpec,
    symbols: &[SymbolInfo],
    picks: Vec<Vec<Pick<'a>>>,
    table: &dyn Table,
    rows: &Members,
    seed: u64,
) -> Result<Learned<'a>, Error> {
    let source = table.head();
    check_rows(source, rows.len())?;
    let (train, held) = parts(spec, symbols, &picks, table, rows, seed)?;
    let mut report = Report {
        file: source.name.clone(),
        rows: source.rows,
        dropped: source.rows - rows.len(),
        held_out: held.len(),
        ..Report::default()
    };
    let mut learner = Learner { spec, table, rows: &train, report: &mut report };
    let mut plans = Vec::new();
    for (symbol, picks) in symbols.iter().zip(&picks) {
        plans.push(learner.symbol(symbol, picks)?);
    }
    check_sizes(symbols, &plans, &picks)?;
    let text = source.columns.iter().filter(|c| c.is_text());
    let mut preparation = Preparation {
        reading: Reading::of(spec),
        columns: source.columns.iter().map(|c| c.name.clone()).collect(),
        text: text.map(|c| c.name.clone()).collect(),
        symbols: plans,
        weight: spec.weight.as_ref().map(|w| weight_column(source, w)),
        balanced: None,
    };
    if source.headerless && preparation.reading.no_header.is_none() {
        preparation.reading.no_header = Some(Vec::new());
    }
    Ok(Learned { preparation, train, held, report, picks })
}

impl Preparation {
    /// Prepares a later table: validation, test (`with_targets`: rows without a target are
    /// dropped), or prediction (no row is dropped, and targets need not be there).
    ///
    /// # Errors
    /// [`Error::Data`] for a missing column, a word in a column of numbers, a class unseen in
    /// training, targets that break their mark; each names file, line and column.
    pub fn apply(
        &self,
        source: &Source,
        with_targets: bool,
    ) -> Result<(Dataset, Report), Error> {
        let (rows, mut report) = self.members(source, with_targets)?;
        let rows = rows.within(0, source.rows);
        let dataset = self.encode(source, rows, with_targets, &mut report)?;
        Ok((dataset, report))
    }

    /// The rows of a later table that count, and what is to be said of the others.
    pub(super) fn members(
        &self,
        table: &dyn Table,
        with_targets: bool,
    ) -> Result<(Members, Report), Error> {
        let source = table.head();
        let targets = match with_targets {
            true => self.target_columns(source),
            false => Vec::new(),
        };
        let rows = rows_with_targets(table, &targets)?;
        if rows.len() == 0 {
            return Err(no_rows(source));
        }
        let report = Report {
            file: source.name.clone(),
            rows: source.rows,
            dropped: source.rows - rows.len(),
            ..Report::default()
        };
        Ok((rows, report))
    }

    fn target_columns(&self, source: &Source) -> Vec<usize> {
        let targets = self.symbols.iter().filter(|s| s.target);
        let place = |name: &str| source.columns.iter().position(|c| c.name == name);
        targets.flat_map(|s| &s.columns).filter_map(|c| place(&c.name)).collect()
    }

    pub(super) fn encode(
        &self,
        source: &Source,
        rows: Vec<u32>,
        with_targets: bool,
        report: &mut Report,
    ) -> Result<Dataset, Error> {
        let mut encoder = PartEncoder::new(self, source, with_targets)?;
        let dataset = encoder.rows(source, rows)?;
        encoder.finish(source, report)?;
        Ok(dataset)
    }
}

pub(super) fn target_columns(
    symbols: &[SymbolInfo],
    picks: &[Vec<Pick<'_>>],
) -> Vec<usize> {
    let targets = symbols.iter().zip(picks).filter(|(s, _)| s.target);
    targets.flat_map(|(_, picks)| picks).map(|p| p.column).collect()
}

pub(super) fn rows_with_targets(
    table: &dyn Table,
    targets: &[usize],
) -> Result<Members, Error> {
    let mut rows = Members::default();
    table.each(targets, &mut |block| {
        let columns: Vec<&RawColumn> =
            targets.iter().map(|&t| &block.columns[t]).collect();
        let there = |row: &usize| columns.iter().all(|c| !c.is_missing(*row));
        let kept = (0..block.rows).filter(there);
        kept.for_each(|row| rows.insert(block.first + row));
        Ok(())
    })?;
    Ok(rows)
}

fn no_rows(source: &Source) -> Error {
    let message =
        format!("no rows left: each of the {} rows misses a target", source.rows);
    DataProblem::new(&source.name, message).into()
}

fn check_rows(source: &Source, rows: usize) -> Result<(), Error> {
    match rows {
        0 => Err(no_rows(source)),
        1 => Err(DataProblem::new(&source.name, "expected at least 2 rows, found 1")
            .way_out("one row teaches nothing; `:=` gives the values of a worked example")
            .into()),
        _ => Ok(()),
    }
}

/// Training and held-out rows.
fn parts(
    spec: &DataSpec,
    symbols: &[SymbolInfo],
    picks: &[Vec<Pick<'_>>],
    table: &dyn Table,
    rows: &Members,
    seed: u64,
) -> Result<(Members, Members), Error> {
    let Some(hold) = &spec.hold_out else {
        return Ok((rows.clone(), Members::default()));
    };
    let n = rows.len() as u64;
    let (strata, split) = match hold.stratified {
        false => (None, Split::new(hold, n, seed)?),
        true => {
            let column = class_column(symbols, picks);
            let column = column.ok_or_else(|| needs_classes("stratified", spec.span))?;
            let strata = Strata::new(column, table, rows)?;
            let mut walk = |visit: &mut dyn FnMut(u32)| strata.each(&mut |_, c| visit(c));
            let split = Split::stratified(hold, strata.classes, seed, &mut walk)?;
            (Some(strata), split)
        }
    };
    let (mut train, mut held) = (Members::default(), Members::default());
    let mut count = 0;
    let mut deal = |row: usize, class: u32| {
        let part = if split.holds(count, class) { &mut held } else { &mut train };
        part.insert(row);
        count += 1;
    };
    match &strata {
        Some(strata) => strata.each(&mut deal)?,
        None => table.each(&[], &mut |block| {
            let rows = rows.within(block.first, block.rows);
            rows.iter().for_each(|&row| deal(block.first + row as usize, 0));
            Ok(())
        })?,
    }
    if train.len() < 2 || held.len() == 0 {
        let message = format!(
            "`hold out {} %` of {n} rows leaves {} for training and {} held out",
            hold.percent,
            train.len(),
            held.len()
        );
        return Err(DataProblem::new(&table.head().name, message).into());
    }
    Ok((train, held))
}

/// S5: a declared size against the size of the data.
fn check_sizes(
    symbols: &[SymbolInfo],
    plans: &[SymbolPlan],
    picks: &[Vec<Pick<'_>>],
) -> Result<(), Error> {
    let mut problems = Vec::new();
    for ((symbol, plan), picks) in symbols.iter().zip(plans).zip(picks) {
        let (Some(declared), found) = (symbol.rows, plan.width()) else { continue };
        if declared == found {
            continue;
        }
        let key = &symbol.key;
        let entries = plan.entries();
        let entries = listed(entries.iter().map(String::as_str), 8);
        let message = format!(
            "`{key}` is declared with {declared} entries, the data gives {found}"
        );
        let span = picks.first().map_or(Span::default(), |p| p.span);
        problems.push(
            Diagnostic::error(DiagCode::S5, span, message)
                .with_note(format!("the data gives {entries}"))
                .hint(format!("declare {found}, or leave the size to the data")),
        );
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Diagnostics(problems)) }
}

fn weight_column(source: &Source, name: &str) -> String {
    let column = source.named_or_numbered(name).map(|at| &source.columns[at]);
    column.map_or_else(|| name.to_owned(), |c| c.name.clone())
}

/// The target whose classes are weighed, and `n / (K · n_k)` for each: each class weighs the same,
/// and the weights of all rows add to n.
pub(super) fn balance(
    spec: &DataSpec,
    census: &Census,
) -> Result<(String, Vec<f64>), Error> {
    let Some((key, counts)) = census.counts().next() else {
        return Err(needs_classes("balanced", spec.span));
    };
    let (rows, classes) = (census.rows() as f64, counts.len() as f64);
    let weight = |&n: &usize| rows / (classes * n.max(1) as f64);
    Ok((key.to_owned(), counts.iter().map(weight).collect()))
}

/// Fills in what is said of the symbols.
pub(super) fn describe(learned: &mut Learned<'_>, census: &Census) {
    let Learned { preparation, report, picks, .. } = learned;
    for plan in &preparation.symbols {
        report.shapes.push(Shape {
            symbol: plan.key.clone(),
            columns: plan.columns.len(),
            entries: plan.width(),
        });
        let counts = census.counts().find(|(key, _)| *key == plan.key);
        if let (Some((_, counts)), Some(names)) = (counts, plan.classes()) {
            let names = names.iter().map(|n| (*n).to_owned());
            let named = names.zip(counts.iter().copied()).collect();
            report.classes.push((plan.key.clone(), named));
        }
    }
    let used = |target: bool| {
        let plans = preparation
            .symbols
            .iter()
            .zip(picks.iter())
            .filter(move |(s, _)| s.target == target);
        plans.flat_map(|(_, picks)| picks.iter().map(|p| p.column))
    };
    for column in used(false).filter(|c| used(true).any(|t| t == *c)) {
        let name = &preparation.columns[column];
        report
            .remarks
            .push(format!("{name}: both input and target, so the answer is given away"));
    }
}
