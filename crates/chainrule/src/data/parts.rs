//! Recipe → a part of a table, all symbols and weights, at once or block by block.
//!
//! In: a [`Preparation`], a table or its blocks, rows. Out: a [`Dataset`] for each block, counts of
//! classes. Invariant: blocks put together are what the whole would be. Deliberately absent: which rows
//! make a part.

use super::columns::{Code, Coder};
use super::encode::SymbolEncoder;
use super::preparation::{Form, Preparation};
use super::report::Report;
use super::source::Source;
use super::{Array, Dataset};
use crate::error::{DataProblem, Error};

/// Encodes a part, block by block.
pub(super) struct PartEncoder<'p> {
    preparation: &'p Preparation,
    symbols: Vec<(&'p str, SymbolEncoder<'p>)>,
    weight: Option<Weight<'p>>,
}

/// The column of weights.
struct Weight<'p> {
    name: &'p str,
    place: usize,
    coder: Coder,
    /// Whether one of them is above 0.
    any: bool,
}

impl<'p> PartEncoder<'p> {
    /// `source` is the table, or any block of it.
    pub(super) fn new(
        preparation: &'p Preparation,
        source: &Source,
        with_targets: bool,
    ) -> Result<Self, Error> {
        let mut symbols = Vec::new();
        for plan in preparation.symbols.iter().filter(|s| with_targets || !s.target) {
            symbols.push((plan.key.as_str(), SymbolEncoder::new(plan, source)?));
        }
        let weight = match &preparation.weight {
            Some(name) if with_targets => Some(Weight::new(name, source)?),
            _ => None,
        };
        Ok(Self { preparation, symbols, weight })
    }

    /// The places of all columns that it reads.
    pub(super) fn places(&self) -> Vec<usize> {
        let symbols = self.symbols.iter().flat_map(|(_, s)| s.places());
        let mut all: Vec<usize> =
            symbols.chain(self.weight.iter().map(|w| w.place)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Rows of a block.
    pub(super) fn rows(
        &mut self,
        source: &Source,
        rows: Vec<u32>,
    ) -> Result<Dataset, Error> {
        let mut arrays = Vec::new();
        for (key, encoder) in &mut self.symbols {
            arrays.push(((*key).to_owned(), encoder.rows(source, &rows)?));
        }
        let weights = self.weight.as_mut().map(|w| w.rows(source, &rows)).transpose()?;
        let mut dataset = Dataset { rows: rows.len(), arrays, weights, origin: rows };
        self.preparation.weigh_classes(&mut dataset);
        Ok(dataset)
    }

    /// Adds up what was met.
    pub(super) fn finish(
        self,
        source: &Source,
        report: &mut Report,
    ) -> Result<(), Error> {
        let mut counts = Report::default();
        self.symbols.into_iter().for_each(|(_, encoder)| encoder.report(&mut counts));
        report.add(counts);
        match self.weight.filter(|w| !w.any) {
            None => Ok(()),
            Some(weight) => {
                let message = "expected a weight above 0, found only 0";
                let problem = DataProblem::new(&source.name, message);
                Err(problem.column(weight.name).into())
            }
        }
    }
}

impl<'p> Weight<'p> {
    fn new(name: &'p str, source: &Source) -> Result<Self, Error> {
        let Some(place) = source.columns.iter().position(|c| c.name == name) else {
            let message = format!("expected the column `{name}` of weights, found none");
            return Err(DataProblem::new(&source.name, message).into());
        };
        let coder = Coder::numbers(&source.columns[place]);
        Ok(Self { name, place, coder, any: false })
    }

    fn rows(&mut self, source: &Source, rows: &[u32]) -> Result<Vec<f64>, Error> {
        let column = &source.columns[self.place];
        let weight = |&row: &u32| match self.coder.code(column, row as usize) {
            Code::Found(weight) if weight >= 0.0 => Ok(weight),
            _ => {
                let found = super::learn::shown(column, row as usize);
                let message = format!("expected a weight ≥ 0, found {found}");
                Err(Error::from(source.problem(column, row as usize, message)))
            }
        };
        let weights: Vec<f64> = rows.iter().map(weight).collect::<Result<_, _>>()?;
        self.any |= weights.iter().any(|&w| w > 0.0);
        Ok(weights)
    }
}

impl Preparation {
    /// Multiplies the weight of each example by that of its class, if `balanced`.
    pub(super) fn weigh_classes(&self, dataset: &mut Dataset) {
        let Some((key, by_class)) = &self.balanced else { return };
        let Some(array) = dataset.array(key) else { return };
        let factors: Vec<f64> = (0..dataset.rows)
            .map(|row| by_class.get(array.class(row)).copied().unwrap_or(1.0))
            .collect();
        let mut weights =
            dataset.weights.take().unwrap_or_else(|| vec![1.0; dataset.rows]);
        weights.iter_mut().zip(factors).for_each(|(weight, factor)| *weight *= factor);
        dataset.weights = Some(weights);
    }
}

impl Array {
    /// The class of a row of a target of classes.
    fn class(&self, row: usize) -> usize {
        match self {
            Self::Index { index, .. } => index[row] as usize,
            Self::Dense { values, .. } => values[row] as usize,
        }
    }
}

/// How many rows each class of each target has.
pub(super) struct Census {
    counts: Vec<(String, Vec<usize>)>,
    rows: usize,
}

impl Census {
    /// For targets that are one class of several, none counted yet.
    pub(super) fn new(preparation: &Preparation) -> Self {
        let mut counts = Vec::new();
        for plan in preparation.symbols.iter().filter(|plan| plan.target) {
            let single = matches!(plan.form, Form::Classes | Form::OneHot)
                || (plan.form == Form::Binary && plan.columns.len() == 1);
            if let (true, Some(classes)) = (single, plan.classes()) {
                counts.push((plan.key.clone(), vec![0; classes.len()]));
            }
        }
        Self { counts, rows: 0 }
    }

    /// Adds the rows of a block.
    pub(super) fn add(&mut self, dataset: &Dataset) {
        self.rows += dataset.rows;
        for (key, counts) in &mut self.counts {
            let Some(array) = dataset.array(key) else { continue };
            for row in 0..dataset.rows {
                if let Some(count) = counts.get_mut(array.class(row)) {
                    *count += 1;
                }
            }
        }
    }

    /// The rows that were added.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Targets with the rows of their classes, in the order of the symbols.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.counts.iter().map(|(key, counts)| (key.as_str(), counts.as_slice()))
    }
}
