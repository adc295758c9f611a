//! Losses as a training saw them, and row by row: what a gap between two figures is made of.
//!
//! In: a [`Trained`], a part. Out: the loss of each row in evaluation form, or the mean over an epoch's
//! batches in training form, with the masks of that epoch. Invariant: the weights stand still.
//! Deliberately absent: what the differences mean (see [`crate::diagnose::gap`]).

use chainrule_graph::syntax::ast::Precision;

use super::{Trained, compared};
use crate::data::Part;
use crate::error::Error;
use crate::plan::Purpose;
use crate::store::Number;
use crate::train::{EVALUATION_ROWS, Epoch, Fed, Meter, Order, Planned};

/// A walk: form, order of the rows, rows at once, and the step before the first of them.
struct Walk {
    purpose: Purpose,
    order: Order,
    at_once: usize,
    before: u64,
}

impl Trained {
    /// The loss of each row in evaluation form, in the order of the part.
    ///
    /// # Errors
    /// [`Error::Usage`] if the objective is no mean of a loss of each row; else as
    /// [`Trained::evaluate_part`].
    pub(crate) fn losses(&self, part: Part<'_>) -> Result<Vec<f64>, Error> {
        let at_once = part.rows().clamp(1, EVALUATION_ROWS);
        let order = Order::straight(part);
        self.each_loss(
            part,
            &Walk { purpose: Purpose::Evaluate, order, at_once, before: 0 },
        )
    }

    /// The loss of each row in training form: batches and masks of a finished epoch, with the weights
    /// as they are now.
    ///
    /// # Errors
    /// As [`Trained::losses`].
    pub(crate) fn losses_in_training(
        &self,
        part: Part<'_>,
        epoch: &Epoch,
    ) -> Result<Vec<f64>, Error> {
        let settings = &self.model.settings;
        let (at_once, _) = settings.batch_for(part.rows());
        let order = match at_once == part.rows() {
            true => Order::whole(part),
            false => Order::shuffled(part, settings.seed, epoch.epoch),
        };
        let before = epoch.step.saturating_sub(part.rows().div_ceil(at_once) as u64);
        self.each_loss(part, &Walk { purpose: Purpose::Train, order, at_once, before })
    }

    fn each_loss(&self, part: Part<'_>, walk: &Walk) -> Result<Vec<f64>, Error> {
        self.model.sizes_fit(&self.sizes, part.layout())?;
        match self.model.settings.precision {
            Precision::F32 => self.each_loss_in::<f32>(part, walk),
            Precision::F64 => self.each_loss_in::<f64>(part, walk),
        }
    }

    fn each_loss_in<T: Number>(
        &self,
        part: Part<'_>,
        walk: &Walk,
    ) -> Result<Vec<f64>, Error> {
        let planned = Planned::new(&self.model, &self.sizes, part.layout());
        let mut meter = Meter::<T>::new(&planned, walk.purpose, walk.at_once)?;
        self.put(&mut meter);
        let target = compared(&self.model.module).map(|s| s.key.as_str());
        let mut fed = Fed::<T>::new(&self.model.module, part, self.weight, target);
        let (mut all, mut some) = (Vec::with_capacity(part.rows()), Vec::new());
        let steps = (0..part.rows()).step_by(walk.at_once);
        for (from, step) in steps.zip(walk.before + 1..) {
            let rows = walk.at_once.min(part.rows() - from);
            fed.bring(&walk.order, from, rows)?;
            meter.machine.set_random_key(self.model.settings.seed, step);
            meter.machine.run_rows(&fed, fed.now());
            if !meter.losses(&mut some) {
                return Err(Error::Usage {
                    field: "minimize".into(),
                    message:
                        "the objective is no mean of a loss of each row, so its figures \
                              cannot be taken apart"
                            .into(),
                });
            }
            all.extend_from_slice(&some);
        }
        Ok(all)
    }
}
