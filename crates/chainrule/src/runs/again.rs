//! A run done again, and whether it came out equal.
//!
//! In: a [`Run`] that has ended, with its data. Out: a [`Comparison`]. Invariants: nothing is written;
//! a run that a clock or a person ended is stopped at the same step; equal means the bytes of the
//! model file and every figure of `epochs.csv` but the seconds. Deliberately absent: tolerances.

use std::fs;

use serde::Serialize;

use super::back::Run;
use crate::data::Parts;
use crate::error::Error;
use crate::model::{Model, Trained, to_file};
use crate::store::{self, Numbers, Stored, Tensor};
use crate::train::{Control, Course, Event, Why};

/// What came out differently.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Whether nothing did.
    pub equal: bool,
    /// Parts of the model file that differ, in words.
    pub model: Vec<String>,
    /// The first figure of each column of `epochs.csv` that differs, in words.
    pub history: Vec<String>,
    /// What is not as it was when the run began, and may be the reason.
    pub notes: Vec<String>,
}

/// Trains again as the run did and compares; `model` is [`Run::model`], `data` its data.
///
/// # Errors
/// As [`Model::fit_prepared`]; [`Error::Usage`] if the run has no end to be compared with;
/// [`Error::Read`], [`Error::Corrupt`] if its model or table cannot be read.
pub fn rerun<'d>(
    run: &Run,
    model: &Model,
    data: impl Into<Parts<'d>>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Comparison, Error> {
    let Some(end) = run.end() else {
        return Err(Error::Usage {
            field: run.path().display().to_string(),
            message: "the run has not ended, so there is nothing to compare with; go on \
                      with it first"
                .into(),
        });
    };
    let before = Before::read(run)?;
    let until = matches!(end.why, Why::Interrupted | Why::Time).then(|| end.clone());
    let data = data.into();
    let (parts, recipe) = ((data.train, data.watched()), data.preparation);
    let course = Course { until, ..Course::default() };
    let trained = model.fit_course(parts, recipe, course, on_event)?;
    let notes = run.differences();
    let (model, history) = (before.model(&trained)?, before.history(&trained));
    let equal = model.is_empty() && history.is_empty();
    Ok(Comparison { equal, model, history, notes })
}

/// What the run left.
struct Before {
    bytes: Vec<u8>,
    stored: Stored,
    table: String,
}

impl Before {
    fn read(run: &Run) -> Result<Self, Error> {
        let (model, table) = (run.model_path(), run.path().join("epochs.csv"));
        let bytes = fs::read(&model).map_err(|e| Error::read(&model, e))?;
        let stored = store::decode(&bytes, &model)?;
        let table = fs::read_to_string(&table).map_err(|e| Error::read(&table, e))?;
        Ok(Self { bytes, stored, table })
    }

    fn model(&self, trained: &Trained) -> Result<Vec<String>, Error> {
        let now = to_file(trained);
        let bytes = store::bytes(&now);
        let bytes = bytes.map_err(|e| Error::read("the model in memory".as_ref(), e))?;
        if bytes == self.bytes {
            return Ok(Vec::new());
        }
        let then = &self.stored;
        let mut all = Vec::new();
        for (part, same) in [
            ("equations", then.equations == now.equations),
            ("settings", then.settings == now.settings),
            ("preparation", then.preparation == now.preparation),
            ("classes", then.classes == now.classes),
            ("fingerprint of the graph", then.fingerprint == now.fingerprint),
            ("version of chainrule", then.version == now.version),
        ] {
            if !same {
                all.push(format!("{part}: another"));
            }
        }
        let fact = |(name, text): &(String, String)| {
            let there = now.facts.iter().any(|(n, t)| n == name && t == text);
            (!there).then(|| format!("{name}: another"))
        };
        all.extend(then.facts.iter().filter_map(fact));
        all.extend(then.tensors.iter().filter_map(|t| tensor(t, &now.tensors)));
        if all.is_empty() {
            all.push("the same parts in other bytes".into());
        }
        Ok(all)
    }

    fn history(&self, trained: &Trained) -> Vec<String> {
        let now: Vec<String> = trained.history().iter().map(|e| e.line()).collect();
        let mut then = self.table.lines();
        let names: Vec<&str> = then.next().unwrap_or_default().split(',').collect();
        let then: Vec<&str> = then.collect();
        let mut all = Vec::new();
        if then.len() != now.len() {
            all.push(format!("epochs: {} then, {} now", then.len(), now.len()));
        }
        // The last column is the seconds.
        for (c, name) in names.iter().enumerate().take(names.len().saturating_sub(1)) {
            let field = |line: &str| line.split(',').nth(c).unwrap_or("").to_owned();
            let pairs = then.iter().zip(&now).map(|(a, b)| (field(a), field(b)));
            let first = pairs.enumerate().find(|(_, (a, b))| a != b);
            if let Some((i, (a, b))) = first {
                all.push(format!("{name}: from epoch {} on, {a} then, {b} now", i + 1));
            }
        }
        all
    }
}

/// How a tensor differs from that of its name, if it does.
fn tensor(then: &Tensor, now: &[Tensor]) -> Option<String> {
    let name = &then.name;
    let Some(now) = now.iter().find(|t| t.name == *name && t.shape == then.shape) else {
        return Some(format!("{name}: none of this shape now"));
    };
    let bits = |n: &Numbers| -> Vec<(u64, f64)> {
        match n {
            Numbers::F32(v) => {
                v.iter().map(|x| (x.to_bits().into(), f64::from(*x))).collect()
            }
            Numbers::F64(v) => v.iter().map(|x| (x.to_bits(), *x)).collect(),
        }
    };
    let (a, b) = (bits(&then.numbers), bits(&now.numbers));
    let other = a.iter().zip(&b).filter(|((a, _), (b, _))| a != b);
    let gaps: Vec<f64> = other.map(|((_, a), (_, b))| (a - b).abs()).collect();
    let largest = gaps.iter().copied().fold(0.0, f64::max);
    let (n, all) = (gaps.len(), a.len());
    let kind = |n: &Numbers| matches!(n, Numbers::F32(_));
    match (n, kind(&then.numbers) == kind(&now.numbers)) {
        (0, true) => None,
        (_, false) => Some(format!("{name}: numbers of another type")),
        (n, _) => Some(format!("{name}: {n} of {all} numbers, by at most {largest:e}")),
    }
}
