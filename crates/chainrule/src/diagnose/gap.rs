//! The gap between the figures of training and validation, taken apart.
//!
//! In: a trained network, an epoch as it was logged, both parts; or a run. Out: [`Gap`]: the figure of
//! training as logged, what of it is penalty, what the training form (dropout, batch statistics), what
//! comes from weights that moved while the mean was taken, and what remains when both parts are
//! measured alike, with its standard error. Invariants: the amounts add up exactly; every amount is
//! measured, none is what the others leave but the last, which is the difference of two means of
//! independent rows. Deliberately absent: why the remainder is there (`splits`).
//!
//! The training form is measured with the weights that were kept, over the batches and with the masks
//! of the epoch: what the form adds is their mean less that of the evaluation form, and what the
//! logged mean has above it is due to the weights of earlier steps.

use kuva::plot::WaterfallPlot;
use kuva::prelude::{Figure, Layout, Plot};
use serde::Serialize;

use super::smooth::Spread;
use super::{Finding, Severity};
use crate::data::{Part, Preparation};
use crate::error::Error;
use crate::model::{Options, Trained};
use crate::picture;
use crate::runs::Run;
use crate::train::Epoch;

/// As many standard errors are no chance.
const SURE: f64 = 3.0;

/// One of the things that a gap is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Amount {
    /// What it is.
    pub what: &'static str,
    /// How much of the figure of training it is.
    pub amount: f64,
    /// What is left without it.
    pub left: f64,
}

/// A gap, taken apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// The epoch whose weights were kept.
    pub epoch: usize,
    /// Rows of training and of the watched part.
    pub rows: (usize, usize),
    /// The figure of training as it was logged, penalties included.
    pub train: f64,
    /// The loss of the watched part with the same weights.
    pub held: f64,
    /// From the one to the other, in order; the last is the remainder.
    pub amounts: Vec<Amount>,
    /// The standard error of the remainder.
    pub error: f64,
    /// The remainder in standard errors; above 0 where validation is better.
    pub z: f64,
    /// `validation_better`, if it is.
    pub findings: Vec<Finding>,
}

/// Takes the gap of an epoch apart; the network has the weights of its end.
///
/// # Errors
/// As [`Trained::evaluate_part`]; [`Error::Usage`] if the objective is no mean over rows.
pub fn of(
    trained: &Trained,
    epoch: &Epoch,
    train: Part<'_>,
    held: Part<'_>,
    place: &str,
) -> Result<Gap, Error> {
    let in_training = Spread::of(&trained.losses_in_training(train, epoch)?);
    let (alike, watched) =
        (Spread::of(&trained.losses(train)?), Spread::of(&trained.losses(held)?));
    let remainder = alike.mean - watched.mean;
    let error = libm::sqrt(alike.variance + watched.variance);
    let z = if error > 0.0 { remainder / error } else { 0.0 };
    let weighted = train.layout().weights.is_some();
    let penalty = if weighted { "penalty and row weights" } else { "penalty" };
    let mut left = epoch.objective;
    let mut amount = |what, amount: f64| {
        left -= amount;
        Amount { what, amount, left }
    };
    let amounts = vec![
        amount(penalty, epoch.objective - epoch.loss),
        amount("training form", in_training.mean - alike.mean),
        amount("moving weights", epoch.loss - in_training.mean),
        amount("remainder", remainder),
    ];
    let findings = (z >= SURE).then(|| finding(remainder, error, z, place));
    Ok(Gap {
        epoch: epoch.epoch,
        rows: (train.rows(), held.rows()),
        train: epoch.objective,
        held: watched.mean,
        amounts,
        error,
        z,
        findings: findings.into_iter().collect(),
    })
}

/// Takes the gap of a finished run apart; what is done about its data is told.
///
/// # Errors
/// As [`Run::model`], [`Run::unchanged`], [`Run::epochs`] and [`of`]; [`Error::Usage`] if the run
/// watched no rows, or finished no epoch.
pub fn of_run(
    run: &Run,
    options: Options,
    say: &mut dyn FnMut(&str),
) -> Result<Gap, Error> {
    let place = run.path().display().to_string();
    let refused = |message: &str| {
        let (field, message) = (place.clone(), message.to_owned());
        Error::Usage { field, message }
    };
    run.unchanged()?;
    let kept = run.end().and_then(|end| end.kept.checked_sub(1));
    let epochs = run.epochs()?;
    let Some(epoch) = kept.and_then(|kept| epochs.get(kept)) else {
        return Err(refused(
            "no epoch was finished, so there is no figure to take apart",
        ));
    };
    let model = run.model(options)?;
    let trained = Trained::load(run.model_path())?;
    let data = model.open_data(run.caching()?.as_ref(), say)?;
    let parts = data.parts();
    let Some(watched) = parts.watched() else {
        return Err(refused(
            "no rows were watched; add `hold out 20 %` or `validate FILE`",
        ));
    };
    same(parts.preparation, trained.preparation(), &place)?;
    of(&trained, epoch, parts.train, watched, &format!("{place}, epoch {}", epoch.epoch))
}

/// A model of another run would be measured without a word.
fn same(now: &Preparation, then: &Preparation, place: &str) -> Result<(), Error> {
    match now == then {
        true => Ok(()),
        false => Err(Error::Mismatch {
            field: place.to_owned(),
            expected: "the data that the model was trained on".into(),
            found: "data that are prepared otherwise".into(),
        }),
    }
}

fn finding(remainder: f64, error: f64, z: f64, place: &str) -> Finding {
    Finding {
        id: "validation_better",
        severity: Severity::Warning,
        place: place.to_owned(),
        message: format!(
            "measured with the same weights in the same form, validation is still better by \
             {remainder:.4} ± {error:.4} (z = {z:.1})"
        ),
        evidence: vec![("remainder", remainder), ("error", error), ("z", z)],
        advice:
            "look whether the parts come from one source (`chainrule diagnose --splits \
                 FILE`); if they do, the implementation of one of the figures is wrong"
                .to_owned(),
    }
}

impl Gap {
    /// The amounts as a waterfall, an SVG file.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut bars = WaterfallPlot::new().with_delta("training, as logged", self.train);
        for a in &self.amounts {
            if a.what == "remainder" {
                bars = bars.with_total("training, measured alike");
            }
            bars = bars.with_delta(a.what, -a.amount);
        }
        let bars = bars.with_total("validation").with_connectors().with_values();
        let plots: Vec<Plot> = vec![Plot::Waterfall(bars)];
        let layout = Layout::auto_from_plots(&plots).with_y_label("loss");
        let layout = layout.with_x_tick_rotate(-30.0);
        let figure = Figure::new(1, 1).with_plots(vec![plots]).with_layouts(vec![layout]);
        picture::svg(figure.with_cell_size(720.0, 420.0))
    }
}
