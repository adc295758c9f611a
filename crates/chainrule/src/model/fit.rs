//! Training as a whole: starts, machines, the loop, and what is kept of it.
//!
//! In: a [`Model`], prepared data. Out: [`Trained`]. Invariant: the number type of the run is known
//! here and nowhere above. Deliberately absent: the loop itself; see [`crate::train`].

use chainrule_graph::module::Symbol;
use chainrule_graph::shape::Sizes;
use chainrule_graph::syntax::ast::{Mark, Precision};

use super::{Model, Trained, compared};
use crate::data::{Array, Dataset, Preparation};
use crate::error::Error;
use crate::init;
use crate::metrics::Baseline;
use crate::store::{Number, Numbers, Tensor};
use crate::train::{
    self, Control, Course, Event, Job, Machines, Measure, PartFeeds, Planned, mean_weight,
};

/// Trains; the settings are checked.
pub(super) fn fit(
    model: &Model,
    train: &Dataset,
    watched: Option<&Dataset>,
    preparation: &Preparation,
    course: Course<'_>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Trained, Error> {
    match model.settings.precision {
        Precision::F32 => {
            fit_in::<f32>(model, train, watched, preparation, course, on_event)
        }
        Precision::F64 => {
            fit_in::<f64>(model, train, watched, preparation, course, on_event)
        }
    }
}

/// Numbers in the precision of a model's runs.
pub(crate) fn numbers(model: &Model, values: &[f64]) -> Numbers {
    match model.settings.precision {
        Precision::F32 => f32::numbers(values),
        Precision::F64 => f64::numbers(values),
    }
}

fn fit_in<T: Number>(
    model: &Model,
    train: &Dataset,
    watched: Option<&Dataset>,
    preparation: &Preparation,
    course: Course<'_>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Trained, Error> {
    let (module, settings) = (&model.module, &model.settings);
    let sizes = model.sizes(train)?;
    let planned = Planned::new(model, &sizes, train);
    let own = PartFeeds::default();
    let feeds = course.feeds.unwrap_or(&own);
    let mut machines = Machines::<T>::new(&planned, settings, train, watched, feeds)?;
    let (starts, parameters) = start(model, &sizes, &mut machines)?;
    if let Some(checkpoint) = &course.from {
        machines.import(&checkpoint.tensors).map_err(|name| Error::Mismatch {
            field: format!("checkpoint, {name}"),
            expected: "the numbers of this network".into(),
            found: "others, or none".into(),
        })?;
    }
    let target = compared(module);
    let mut notes = starts;
    notes.extend(lonely(model, train.rows));
    let job = Job {
        settings,
        train,
        watched,
        metric: target.map(|s| (s.key.clone(), Measure::of(s.mark))),
        parameters,
        fingerprint: model.derived.fingerprint.clone(),
        notes,
    };
    let outcome = train::train(&mut machines, &job, course, on_event);
    Ok(Trained {
        model: model.clone(),
        preparation: preparation.clone(),
        baseline: target.and_then(|s| baseline(s, train, preparation)),
        tensors: tensors(model, &sizes, &machines),
        sizes,
        weight: mean_weight(train),
        history: outcome.history,
        end: Some(outcome.end),
        notes: outcome.notes,
    })
}

/// What batch_norm makes of a batch of one row: its mean is the row itself.
fn lonely(model: &Model, rows: usize) -> Option<String> {
    if model.module.norms.is_empty() {
        return None;
    }
    let (batch, _) = model.settings.batch_for(rows);
    let which = match (batch, rows % batch) {
        (1, _) => "every batch has one row",
        (_, 1) => "the last batch of an epoch has one row",
        _ => return None,
    };
    Some(format!(
        "{which}: its own mean is all that batch_norm subtracts, so its output is 0 there, and \
         nothing before it learns from that row; another batch size avoids it"
    ))
}

/// Sets every parameter to its start; what the file leaves open, and the number of entries.
fn start<T: Number>(
    model: &Model,
    sizes: &Sizes,
    machines: &mut Machines<T>,
) -> Result<(Vec<String>, usize), Error> {
    let (mut notes, mut entries) = (Vec::new(), 0);
    for &id in &model.module.trainable {
        let symbol = &model.module.symbols[id.0 as usize];
        let started = init::start(symbol, sizes, model.settings.seed)?;
        entries += started.value.data.len();
        machines.set(id, &started.value.data);
        notes.extend(started.note);
    }
    Ok((notes, entries))
}

fn tensors<T: Number>(
    model: &Model,
    sizes: &Sizes,
    machines: &Machines<T>,
) -> Vec<Tensor> {
    let mut all = Vec::new();
    for &id in &model.module.trainable {
        let symbol = &model.module.symbols[id.0 as usize];
        let values = machines.get(id).unwrap_or_default();
        if let Some(shape) = symbol.shape.under(sizes) {
            let (name, numbers) = (symbol.key.clone(), T::numbers(&values));
            all.push(Tensor { name, shape, numbers });
        }
    }
    for site in 0..model.module.norms.len() as u32 {
        for (variance, name) in [(false, "mean"), (true, "variance")] {
            if let Some(values) = machines.running(site, variance) {
                let (shape, numbers) = ((values.len(), 1), T::numbers(&values));
                let name = format!("running/{site}/{name}");
                all.push(Tensor { name, shape, numbers });
            }
        }
    }
    all
}

/// What a predictor that looks at nothing knows of the training part.
fn baseline(
    target: &Symbol,
    train: &Dataset,
    preparation: &Preparation,
) -> Option<Baseline> {
    match train.array(&target.key)? {
        Array::Index { classes, index } => {
            let mut counts = vec![0.0; *classes];
            index.iter().for_each(|&c| counts[c as usize] += 1.0);
            Some(Baseline::Classes(counts))
        }
        Array::Dense { cols, values } => {
            let mut values = values.clone();
            preparation.undo(&target.key, &mut values);
            let mean = |c: usize| {
                let column = values.iter().skip(c).step_by(*cols);
                column.sum::<f64>() / train.rows as f64
            };
            let means = (0..*cols).map(mean).collect();
            Some(match target.mark {
                Some(Mark::Binary | Mark::MultiHot) => Baseline::Labels(means),
                Some(Mark::Distribution | Mark::OneHot) => Baseline::Classes(means),
                None => Baseline::Means(means),
            })
        }
    }
}
