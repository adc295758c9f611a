//! Advice tried out: the same training with what a finding advises, both losses side by side.
//!
//! In: a finding, a file with its data. Out: a [`Proof`], or nothing where advice is no setting.
//! Invariant: the two trainings differ in what is advised and in nothing else. Deliberately absent:
//! advice that changes equations.

use serde::Serialize;

use super::Finding;
use crate::error::Error;
use crate::model::{Evaluation, Model, Trained};
use crate::train::{Control, Why};
use crate::trials::Settings;

/// What became of a finding's advice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proof {
    /// The finding.
    pub id: &'static str,
    /// What was set.
    pub set: Settings,
    /// The loss on watched rows (else on those learned from) without it; `None` if not finite.
    pub loss: Option<f64>,
    /// The same with it.
    pub loss_then: Option<f64>,
    /// Share of the targets' spread, or of rows, that was told right: comparable where losses have
    /// other units.
    pub score: Option<f64>,
    /// The same with it.
    pub score_then: Option<f64>,
}

type Change = fn(&Model, &Finding) -> Option<Settings>;

/// What findings advise, as settings.
const CHANGES: &[(&str, Change)] = &[
    ("exploding", |m, _| rate(m, 0.1)),
    ("oscillating_loss", |m, _| rate(m, 0.3)),
    ("lr_too_high", |m, f| rate(m, number(f, "factor")?)),
    ("lr_too_low", |m, f| rate(m, number(f, "factor")?)),
    ("batch_too_small", |_, f| one("batch", number(f, "batch_then")?)),
    ("batch_too_large", |_, f| one("batch", number(f, "batch_then")?)),
    ("dead_relu", |m, _| rate(m, 0.1)),
    ("too_few_epochs", |m, _| epochs(m, 3)),
    ("overfitting", |_, _| one("keep", "best")),
    ("unnormalised_inputs", |m, _| standardised(m)),
    ("inputs_too_small", |m, _| standardised(m)),
];

fn one(name: &str, value: impl ToString) -> Option<Settings> {
    Some(vec![(name.to_owned(), value.to_string())])
}

fn number(f: &Finding, name: &str) -> Option<f64> {
    f.evidence.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
}

fn rate(m: &Model, factor: f64) -> Option<Settings> {
    let text = super::rules::argument_text(m, "lr");
    one("lr", format!("{factor} ({})", text?))
}

fn epochs(m: &Model, times: usize) -> Option<Settings> {
    one("epochs", times * m.settings().epochs)
}

/// Every input of columns that are taken as they are, standardised.
fn standardised(m: &Model) -> Option<Settings> {
    let spec = m.module().data.as_ref()?;
    let inputs: Vec<String> =
        m.symbols().into_iter().filter(|s| !s.target).map(|s| s.key).collect();
    let text = chainrule_graph::syntax::settings::print_data(spec);
    let clause = |key: &String| {
        let own = text.split(", ").find_map(|c| c.strip_prefix(&format!("{key} = ")))?;
        let columns = own.split(" / ").next().unwrap_or(own).trim();
        let columns = columns.trim_end_matches("standardized").trim();
        Some((key.clone(), format!("{columns} standardized")))
    };
    let all: Vec<(String, String)> = inputs.iter().filter_map(clause).collect();
    (!all.is_empty()).then_some(all)
}

/// Tries out what a finding advises, beside the training that it was found in.
///
/// # Errors
/// As [`Model::load_data`] and [`Model::fit_prepared`].
pub fn prove(
    model: &Model,
    before: Option<&Trained>,
    finding: &Finding,
) -> Result<Option<Proof>, Error> {
    let Some((_, change)) = CHANGES.iter().find(|(id, _)| *id == finding.id) else {
        return Ok(None);
    };
    let Some(set) = change(model, finding) else { return Ok(None) };
    let (loss, score) = match before {
        Some(trained) => figures(model, trained)?,
        None => measured(model)?,
    };
    let (loss_then, score_then) = measured(&model.varied(&set, &|_| true)?)?;
    let id = finding.id;
    Ok(Some(Proof { id, set, loss, loss_then, score, score_then }))
}

type Figures = (Option<f64>, Option<f64>);

fn measured(model: &Model) -> Result<Figures, Error> {
    let trained = model.fit_files(&mut |_| Control::Continue)?;
    figures(model, &trained)
}

fn figures(model: &Model, trained: &Trained) -> Result<Figures, Error> {
    if matches!(trained.end().map(|e| &e.why), Some(Why::NotFinite { .. })) {
        return Ok((None, None));
    }
    let loaded = model.load_data()?;
    let part = loaded.watched().unwrap_or(&loaded.prepared.train);
    let e: Evaluation = trained.evaluate_prepared(part)?;
    Ok((Some(e.loss).filter(|l| l.is_finite()), score(&e)))
}

fn score(e: &Evaluation) -> Option<f64> {
    use crate::metrics::Scores;
    match e.scores.as_ref()? {
        Scores::Classes(c) => Some(c.accuracy),
        Scores::Numbers(n) => n.r2,
        _ => None,
    }
}
