//! Training as a whole: starts, machines, the loop, and what is kept of it.
//!
//! In: a [`Model`], prepared data. Out: [`Trained`]. Invariant: the number type of the run is known
//! here and nowhere above. Deliberately absent: the loop itself; see [`crate::train`].

use chainrule_graph::module::Symbol;
use chainrule_graph::shape::Sizes;
use chainrule_graph::syntax::ast::{Mark, Precision};

use super::{Model, Trained, compared};
use crate::data::{Array, Part, Preparation};
use crate::error::Error;
use crate::init;
use crate::metrics::Baseline;
use crate::store::{Number, Numbers, Tensor};
use crate::train::{
    self, Control, Course, Event, Job, Machines, Measure, PartFeeds, Planned,
};

/// Trains; the settings are checked.
pub(super) fn fit(
    model: &Model,
    train: Part<'_>,
    watched: Option<Part<'_>>,
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
    train: Part<'_>,
    watched: Option<Part<'_>>,
    preparation: &Preparation,
    course: Course<'_>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Trained, Error> {
    let (module, settings) = (&model.module, &model.settings);
    let (sizes, target) = (model.sizes(train.layout())?, compared(module));
    let planned = Planned::new(model, &sizes, train.layout());
    let key = target.map(|s| s.key.as_str());
    let own = PartFeeds::default();
    let feeds = course.feeds.unwrap_or(&own);
    let parts = (train, watched);
    let mut machines = Machines::<T>::new(&planned, settings, parts, key, feeds)?;
    let (starts, parameters) = start(model, &sizes, &mut machines)?;
    if let Some(checkpoint) = &course.from {
        machines.import(&checkpoint.tensors).map_err(|name| Error::Mismatch {
            field: format!("checkpoint, {name}"),
            expected: "the numbers of this network".into(),
            found: "others, or none".into(),
        })?;
    }
    let mut notes = starts;
    notes.extend(lonely(model, train.rows()));
    let job = Job {
        settings,
        train,
        watched,
        metric: target.map(|s| Measure::of(s.mark)),
        parameters,
        fingerprint: model.derived.fingerprint.clone(),
        notes,
    };
    let outcome = train::train(&mut machines, &job, course, on_event)?;
    let baseline = target.map(|s| baseline(s, train, preparation)).transpose()?;
    Ok(Trained {
        model: model.clone(),
        preparation: preparation.clone(),
        baseline: baseline.flatten(),
        tensors: tensors(model, &sizes, &machines),
        sizes,
        weight: train.mean_weight()?,
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
    machines: &mut Machines<'_, T>,
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
    machines: &Machines<'_, T>,
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
    train: Part<'_>,
    preparation: &Preparation,
) -> Result<Option<Baseline>, Error> {
    let Some(array) = train.layout().array(&target.key) else { return Ok(None) };
    let mut sums = match array {
        Array::Index { classes, .. } => vec![0.0; *classes],
        // −0 is what adds nothing to any number.
        Array::Dense { cols, .. } => vec![-0.0; *cols],
    };
    train.each(&target.key, &mut |array| match array {
        Array::Index { index, .. } => index.iter().for_each(|&c| sums[c as usize] += 1.0),
        Array::Dense { cols, values } => {
            let mut values = values.clone();
            preparation.undo(&target.key, &mut values);
            for row in values.chunks(*cols) {
                sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            }
        }
    })?;
    if matches!(array, Array::Index { .. }) {
        return Ok(Some(Baseline::Classes(sums)));
    }
    let means = sums.into_iter().map(|sum| sum / train.rows() as f64).collect();
    Ok(Some(match target.mark {
        Some(Mark::Binary | Mark::MultiHot) => Baseline::Labels(means),
        Some(Mark::Distribution | Mark::OneHot) => Baseline::Classes(means),
        None => Baseline::Means(means),
    }))
}
