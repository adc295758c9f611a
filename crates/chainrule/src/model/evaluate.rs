//! Figures of a trained network on data with targets, each with its baseline.
//!
//! In: a table, or prepared data. Out: [`Evaluation`]. Invariant: figures of numbers are in the units
//! of the data file. Deliberately absent: how figures are computed; see [`crate::metrics`].

use std::path::Path;

use chainrule_graph::module::Symbol;
use serde::Serialize;

use super::{Trained, compared};
use crate::data::{Array, Dataset, Part, Preparation, Report, Source};
use crate::error::Error;
use crate::metrics::{Baseline, ClassTally, Means, NumberTally, Scores, first_largest};
use crate::plan::Purpose;

/// Figures of a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Number of rows.
    pub rows: usize,
    /// The mean loss of an example, without penalties, in the units of training.
    pub loss: f64,
    /// Figures with their baselines; `None` where the output is not of a target's shape.
    pub scores: Option<Scores>,
}

impl Trained {
    /// Figures for a table with its targets, and what was done to it.
    ///
    /// # Errors
    /// As [`Trained::predict`]; the targets have to be there, in classes that training saw.
    pub fn evaluate(&self, table: &Source) -> Result<(Evaluation, Report), Error> {
        let (data, report) = self.preparation.apply(table, true)?;
        Ok((self.evaluate_prepared(&data)?, report))
    }

    /// Figures for prepared data.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] if the data has other sizes than the network.
    pub fn evaluate_prepared(&self, data: &Dataset) -> Result<Evaluation, Error> {
        self.evaluate_part(data.into())
    }

    /// Figures for several parts, by name.
    ///
    /// # Errors
    /// As [`Trained::evaluate_part`].
    pub fn evaluate_parts(
        &self,
        parts: &[(&str, Part<'_>)],
    ) -> Result<Vec<(String, Evaluation)>, Error> {
        let one = |(name, part): &(&str, Part<'_>)| {
            Ok(((*name).to_owned(), self.evaluate_part(*part)?))
        };
        parts.iter().map(one).collect()
    }

    /// Figures for a part, wherever its rows are; of one on disk, memory holds a few blocks.
    ///
    /// # Errors
    /// As [`Trained::evaluate_prepared`]; [`Error::Read`], [`Error::Corrupt`], [`Error::Write`] for
    /// one on disk.
    pub fn evaluate_part(&self, part: Part<'_>) -> Result<Evaluation, Error> {
        let target = compared(&self.model.module);
        let mut tally = match target {
            Some(s) => self.tally(s, part)?,
            None => None,
        };
        let key = target.map_or("", |s| s.key.as_str());
        let loss = self.walk(part, Purpose::Evaluate, &mut |target, output| {
            let (Some(tally), Some((target, rows))) = (&mut tally, target) else {
                return Ok(());
            };
            let width = output.len() / rows.len().max(1);
            for (&row, output) in rows.iter().zip(output.chunks(width.max(1))) {
                tally.add(&self.preparation, key, (target, row as usize), output)?;
            }
            Ok(())
        })?;
        let scores = tally.map(Tally::finish).transpose()?;
        Ok(Evaluation { rows: part.rows(), loss, scores })
    }

    /// What is counted, by the kind of the target.
    fn tally(&self, s: &Symbol, part: Part<'_>) -> Result<Option<Tally>, Error> {
        let (layout, Some(baseline)) = (part.layout().array(&s.key), &self.baseline)
        else {
            return Ok(None);
        };
        let disk = match part {
            Part::Disk(part) => Some(part.folder()),
            Part::Memory(_) => None,
        };
        Ok(match (layout, baseline) {
            (Some(array), Baseline::Classes(counts)) => {
                let names = self.class_names(&s.key, array.cols());
                Some(Tally::Classes(ClassTally::new(&names, counts, disk)))
            }
            (Some(Array::Dense { .. }), Baseline::Labels(shares)) => {
                Some(self.labels(&s.key, shares, disk))
            }
            (Some(Array::Dense { .. }), Baseline::Means(means)) => {
                let mut truths = Means::new(means.len());
                part.each(&s.key, &mut |array| {
                    let Array::Dense { cols, values } = array else { return };
                    let mut truth = values.clone();
                    self.preparation.undo(&s.key, &mut truth);
                    truth.chunks(*cols).for_each(|row| truths.add(row));
                })?;
                Some(Tally::Numbers(NumberTally::new(means, &truths)))
            }
            (Some(Array::Index { .. }), _) | (None, _) => None,
        })
    }

    fn labels(&self, key: &str, shares: &[f64], disk: Option<&Path>) -> Tally {
        let k = shares.len();
        let names = self.class_names(key, if k == 1 { 2 } else { k });
        let frequencies = |share: f64| [1.0 - share, share];
        if let ([share], [_, _]) = (shares, names.as_slice()) {
            return Tally::YesOrNo(ClassTally::new(&names, &frequencies(*share), disk));
        }
        let yes_or_no = ["no".to_owned(), "yes".to_owned()];
        let label = |(name, &share): (&String, &f64)| {
            (name.clone(), ClassTally::new(&yes_or_no, &frequencies(share), disk))
        };
        Tally::Labels(names.iter().zip(shares).map(label).collect())
    }

    /// The names of the classes; numbers where the data gives none.
    fn class_names(&self, key: &str, k: usize) -> Vec<String> {
        let known = self.preparation.class_names(key).filter(|n| n.len() == k);
        match known {
            Some(names) => names.into_iter().map(str::to_owned).collect(),
            None => (0..k).map(|i| i.to_string()).collect(),
        }
    }
}

/// Figures that are being added up.
enum Tally {
    Classes(ClassTally),
    YesOrNo(ClassTally),
    Labels(Vec<(String, ClassTally)>),
    Numbers(NumberTally),
}

impl Tally {
    /// Adds a row of the target and its output.
    fn add(
        &mut self,
        preparation: &Preparation,
        key: &str,
        (target, row): (&Array, usize),
        output: &[f64],
    ) -> Result<(), Error> {
        let truth = match target {
            Array::Index { index, .. } => {
                let Self::Classes(tally) = self else { return Ok(()) };
                return tally.add(index[row] as usize, output);
            }
            Array::Dense { cols, values } => &values[row * cols..(row + 1) * cols],
        };
        let label = |tally: &mut ClassTally, truth: f64, p: f64| {
            tally.add(usize::from(truth > 0.5), &[1.0 - p, p])
        };
        match self {
            Self::Classes(tally) => tally.add(first_largest(truth), output),
            Self::YesOrNo(tally) => label(tally, truth[0], output[0]),
            Self::Labels(labels) => {
                let mut all = labels.iter_mut().zip(truth.iter().zip(output));
                all.try_for_each(|((_, tally), (&t, &p))| label(tally, t, p))
            }
            Self::Numbers(tally) => {
                let (mut truth, mut output) = (truth.to_vec(), output.to_vec());
                preparation.undo(key, &mut truth);
                preparation.undo(key, &mut output);
                tally.add(&truth, &output);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Scores, Error> {
        Ok(match self {
            Self::Classes(tally) | Self::YesOrNo(tally) => {
                Scores::Classes(tally.finish()?)
            }
            Self::Labels(labels) => {
                let one = |(name, tally): (String, ClassTally)| {
                    Ok::<_, Error>((name, tally.finish()?))
                };
                let labels: Result<_, _> = labels.into_iter().map(one).collect();
                Scores::Labels { labels: labels? }
            }
            Self::Numbers(tally) => Scores::Numbers(tally.finish()),
        })
    }
}
