//! A table and the `data:` line → recipe, training part, held-out part, report.
//!
//! In: [`DataSpec`], the symbols of the model, a [`Source`], a seed. Out: [`Prepared`]. The order:
//! columns are selected, rows without a target dropped, rows held out, the recipe learned from the
//! training rows, and both parts encoded by it.

use chainrule_graph::diag::{Code as DiagCode, Diagnostic, Span};
use chainrule_graph::syntax::settings::DataSpec;

use super::columns::{Code, Coder, distinct};
use super::encode::encode;
use super::learn::Learner;
use super::preparation::{Form, Preparation, Reading, SymbolPlan};
use super::report::{Report, Shape};
use super::select::{Pick, listed, select};
use super::source::{RawColumn, Source};
use super::split::split;
use super::{Array, Dataset, SymbolInfo};
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
    let picks = select(spec, symbols, source)?;
    let rows = rows_with_targets(source, &target_columns(symbols, &picks, source));
    check_rows(source, rows.len())?;
    let (train_rows, held_rows) = parts(spec, symbols, &picks, source, &rows, seed)?;
    let mut report = Report {
        file: source.name.clone(),
        rows: source.rows,
        dropped: source.rows - rows.len(),
        held_out: held_rows.len(),
        ..Report::default()
    };
    let mut learner = Learner { spec, source, rows: &train_rows, report: &mut report };
    let mut plans = Vec::new();
    for (symbol, picks) in symbols.iter().zip(&picks) {
        plans.push(learner.symbol(symbol, picks)?);
    }
    check_sizes(symbols, &plans, &picks)?;
    let mut preparation = Preparation {
        reading: Reading::of(spec),
        columns: source.columns.iter().map(|c| c.name.clone()).collect(),
        text: source
            .columns
            .iter()
            .filter(|c| c.is_text())
            .map(|c| c.name.clone())
            .collect(),
        symbols: plans,
        weight: spec.weight.as_ref().map(|w| weight_column(source, w)),
        balanced: None,
    };
    if source.headerless && preparation.reading.no_header.is_none() {
        preparation.reading.no_header = Some(Vec::new());
    }
    let mut train = preparation.encode(source, train_rows, true, &mut report)?;
    if spec.balanced {
        preparation.balanced = Some(balance(spec, symbols, &train)?);
        preparation.weigh_classes(&mut train);
    }
    describe(&preparation, &train, &picks, &mut report);
    let held_out = match held_rows.is_empty() {
        true => None,
        false => Some(preparation.encode(source, held_rows, true, &mut report)?),
    };
    Ok(Prepared { preparation, train, held_out, report })
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
        let targets: Vec<&RawColumn> = match with_targets {
            true => self.target_columns(source),
            false => Vec::new(),
        };
        let rows = rows_with_targets(source, &targets);
        if rows.is_empty() {
            return Err(no_rows(source));
        }
        let mut report = Report {
            file: source.name.clone(),
            rows: source.rows,
            dropped: source.rows - rows.len(),
            ..Report::default()
        };
        let dataset = self.encode(source, rows, with_targets, &mut report)?;
        Ok((dataset, report))
    }

    fn target_columns<'s>(&self, source: &'s Source) -> Vec<&'s RawColumn> {
        let targets = self.symbols.iter().filter(|s| s.target);
        targets.flat_map(|s| &s.columns).filter_map(|c| source.column(&c.name)).collect()
    }

    fn encode(
        &self,
        source: &Source,
        rows: Vec<u32>,
        with_targets: bool,
        report: &mut Report,
    ) -> Result<Dataset, Error> {
        let mut arrays = Vec::new();
        let mut counts = Report::default();
        for plan in self.symbols.iter().filter(|s| with_targets || !s.target) {
            arrays.push((plan.key.clone(), encode(plan, source, &rows, &mut counts)?));
        }
        report.add(counts);
        let weights = match &self.weight {
            Some(name) if with_targets => Some(weights(source, name, &rows)?),
            _ => None,
        };
        let mut dataset = Dataset { rows: rows.len(), arrays, weights, origin: rows };
        self.weigh_classes(&mut dataset);
        Ok(dataset)
    }

    /// Multiplies the weight of each example by that of its class, if `balanced`.
    fn weigh_classes(&self, dataset: &mut Dataset) {
        let Some((key, by_class)) = &self.balanced else { return };
        let Some(classes) = dataset.array(key).map(class_of_rows) else { return };
        let mut weights =
            dataset.weights.take().unwrap_or_else(|| vec![1.0; dataset.rows]);
        for (weight, class) in weights.iter_mut().zip(classes) {
            *weight *= by_class.get(class).copied().unwrap_or(1.0);
        }
        dataset.weights = Some(weights);
    }
}

fn target_columns<'s>(
    symbols: &[SymbolInfo],
    picks: &[Vec<Pick<'_>>],
    source: &'s Source,
) -> Vec<&'s RawColumn> {
    let targets = symbols.iter().zip(picks).filter(|(s, _)| s.target);
    targets.flat_map(|(_, picks)| picks).map(|p| &source.columns[p.column]).collect()
}

fn rows_with_targets(source: &Source, targets: &[&RawColumn]) -> Vec<u32> {
    let there = |&row: &u32| targets.iter().all(|c| !c.is_missing(row as usize));
    let count = u32::try_from(source.rows).unwrap_or(u32::MAX);
    (0..count).filter(there).collect()
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
    source: &Source,
    rows: &[u32],
    seed: u64,
) -> Result<(Vec<u32>, Vec<u32>), Error> {
    let Some(hold) = &spec.hold_out else { return Ok((rows.to_vec(), Vec::new())) };
    let classes = match hold.stratified {
        true => Some(strata(spec, symbols, picks, source, rows)?),
        false => None,
    };
    let (train, held) = split(hold, rows.len(), classes.as_deref(), seed);
    if train.len() < 2 || held.is_empty() {
        let message = format!(
            "`hold out {} %` of {} rows leaves {} for training and {} held out",
            hold.percent,
            rows.len(),
            train.len(),
            held.len()
        );
        return Err(DataProblem::new(&source.name, message).into());
    }
    let of = |part: Vec<u32>| part.into_iter().map(|i| rows[i as usize]).collect();
    Ok((of(train), of(held)))
}

/// The class of each row, by the first target that is a class of its own.
fn strata(
    spec: &DataSpec,
    symbols: &[SymbolInfo],
    picks: &[Vec<Pick<'_>>],
    source: &Source,
    rows: &[u32],
) -> Result<Vec<u32>, Error> {
    use chainrule_graph::syntax::ast::Mark;
    let is_class =
        |s: &SymbolInfo| s.target && matches!(s.mark, Some(Mark::OneHot | Mark::Binary));
    let mut targets =
        symbols.iter().zip(picks).filter(|(s, p)| is_class(s) && p.len() == 1);
    let Some((_, picks)) = targets.next() else {
        return Err(needs_classes("stratified", spec.span));
    };
    let column = &source.columns[picks[0].column];
    let (classes, _) = distinct(column, rows);
    let coder = Coder::levels(column, &classes);
    let class = |&row: &u32| match coder.code(row as usize) {
        Code::Found(class) => class as u32,
        Code::Missing | Code::Unknown => 0,
    };
    Ok(rows.iter().map(class).collect())
}

fn needs_classes(word: &str, span: Span) -> Error {
    let message =
        format!("`{word}` needs a target that is `one-hot` or `binary` in one column");
    Error::Diagnostics(vec![Diagnostic::error(DiagCode::T1, span, message)])
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
    let by_place =
        || name.parse::<usize>().ok().and_then(|n| source.columns.get(n.wrapping_sub(1)));
    let column = source.column(name).or_else(by_place);
    column.map_or_else(|| name.to_owned(), |c| c.name.clone())
}

fn weights(source: &Source, name: &str, rows: &[u32]) -> Result<Vec<f64>, Error> {
    let Some(column) = source.column(name) else {
        let message = format!("expected the column `{name}` of weights, found none");
        return Err(DataProblem::new(&source.name, message).into());
    };
    let coder = Coder::numbers(column);
    let weight = |&row: &u32| match coder.code(row as usize) {
        Code::Found(weight) if weight >= 0.0 => Ok(weight),
        _ => {
            let found = super::learn::shown(column, row as usize);
            let message = format!("expected a weight ≥ 0, found {found}");
            Err(Error::from(source.problem(column, row as usize, message)))
        }
    };
    let weights: Vec<f64> = rows.iter().map(weight).collect::<Result<_, _>>()?;
    if weights.iter().all(|&w| w == 0.0) {
        let message = "expected a weight above 0, found only 0";
        return Err(DataProblem::new(&source.name, message).column(name).into());
    }
    Ok(weights)
}

fn class_of_rows(array: &Array) -> Vec<usize> {
    match array {
        Array::Index { index, .. } => index.iter().map(|&i| i as usize).collect(),
        Array::Dense { values, .. } => values.iter().map(|&v| v as usize).collect(),
    }
}

fn class_counts(array: &Array, classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for class in class_of_rows(array) {
        if let Some(count) = counts.get_mut(class) {
            *count += 1;
        }
    }
    counts
}

/// `n / (K · n_k)`: each class weighs the same, and the weights of all rows add to n.
fn balance(
    spec: &DataSpec,
    symbols: &[SymbolInfo],
    train: &Dataset,
) -> Result<(String, Vec<f64>), Error> {
    let is_target = |key: &str| symbols.iter().any(|s| s.target && s.key == key);
    let is_binary = |key: &str| {
        let binary = Some(chainrule_graph::syntax::ast::Mark::Binary);
        symbols.iter().any(|s| s.key == key && s.mark == binary)
    };
    for (key, array) in train.arrays.iter().filter(|(key, _)| is_target(key)) {
        let classes = match array {
            Array::Index { classes, .. } => *classes,
            Array::Dense { cols: 1, .. } if is_binary(key) => 2,
            Array::Dense { .. } => continue,
        };
        let counts = class_counts(array, classes);
        let weight = |&n: &usize| train.rows as f64 / (classes as f64 * n.max(1) as f64);
        return Ok((key.clone(), counts.iter().map(weight).collect()));
    }
    Err(needs_classes("balanced", spec.span))
}

/// Fills in what is said of the symbols.
fn describe(
    preparation: &Preparation,
    train: &Dataset,
    picks: &[Vec<Pick<'_>>],
    report: &mut Report,
) {
    for (plan, (_, array)) in preparation.symbols.iter().zip(&train.arrays) {
        report.shapes.push(Shape {
            symbol: plan.key.clone(),
            columns: plan.columns.len(),
            entries: array.cols(),
        });
        let single = matches!(plan.form, Form::Classes | Form::OneHot)
            || (plan.form == Form::Binary && plan.columns.len() == 1);
        if let (true, true, Some(names)) = (plan.target, single, plan.classes()) {
            let counts = class_counts(array, names.len());
            let named = names.iter().map(|n| (*n).to_owned()).zip(counts).collect();
            report.classes.push((plan.key.clone(), named));
        }
    }
    let used = |target: bool| {
        let plans = preparation
            .symbols
            .iter()
            .zip(picks)
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
