//! Batches beside the noise of gradients: steps that chance leads, rows that make no step better.
//!
//! In: the noise scale of some looks, a bench. Out: findings with both end losses. Invariant: a batch
//! that lies far from the noise scale is only looked into; a finding needs the same training with the
//! other batch to come out better. Deliberately absent: the best batch.

use super::bench::{Tried, better, tries};
use super::probe::{baseline, falling, solved, static_error};
use super::{finding, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::smooth::median;
use crate::diagnose::{Finding, Severity};

/// Shares of the noise scale between which a batch is left alone.
const FIT: (f64, f64) = (0.1, 10.0);
/// What a batch outside of them is multiplied or divided by.
const STEP: usize = 10;

/// A batch beside the noise.
struct Batch {
    rows: usize,
    /// The one that it is compared with.
    other: usize,
    /// Rows at which noise and gradient are equally large.
    noise: f64,
    /// Rows of an epoch.
    epoch: usize,
}

/// The batch, if it is far from the noise scale that the looks had in the middle.
fn far(e: &Evidence<'_>) -> Option<Batch> {
    let looks = &e.course.as_ref()?.looks;
    let noise: Vec<f64> = looks.iter().filter_map(|l| l.noise).collect();
    let (rows, epoch) = (e.batch()?, e.table.as_ref()?.total);
    let noise = if noise.is_empty() { return None } else { median(&noise) };
    let other = match rows as f64 / noise {
        share if share < FIT.0 => (rows * STEP).min(epoch),
        share if share > FIT.1 => (rows / STEP).max(1),
        _ => rows,
    };
    (other != rows).then_some(Batch { rows, other, noise, epoch })
}

pub(super) fn size(e: &Evidence<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(batch) = far(e).filter(|_| !static_error(found) && !solved(e)) else {
        return Vec::new();
    };
    // Smaller batches make more steps: worth nothing where the loss has come to rest.
    if batch.other < batch.rows && !falling(e) {
        return Vec::new();
    }
    let Some((tried, epochs)) = both(e, &batch) else { return Vec::new() };
    let [own, other] = &tried[..] else { return Vec::new() };
    match better(own, other, baseline(e)) {
        true => vec![told(&batch, own, other, epochs)],
        false => Vec::new(),
    }
}

fn both(e: &Evidence<'_>, batch: &Batch) -> Option<(Vec<Tried>, usize)> {
    let bench = e.bench.as_ref()?.with_batch(batch.rows.min(batch.other));
    let set = |rows: usize| (rows as f64, ("batch".to_owned(), rows.to_string()));
    tries(e, bench, &[set(batch.rows), set(batch.other)])
}

fn told(batch: &Batch, own: &Tried, other: &Tried, epochs: usize) -> Finding {
    let small = batch.other > batch.rows;
    let steps = |rows: usize| batch.epoch.div_ceil(rows);
    let (id, what) = match small {
        true => ("batch_too_small", "steps are led by chance"),
        false => ("batch_too_large", "rows beyond it make no step better"),
    };
    let noise = match batch.noise.is_finite() {
        true => {
            format!("at {} rows noise and gradient are equally large", short(batch.noise))
        }
        false => "no gradient stands out of its noise".to_owned(),
    };
    finding(id, Severity::Warning, format!("batch {}", batch.rows))
        .says(format!(
            "{noise}, and a batch has {}: {what}; with {} rows ({} steps an epoch, not {}) the \
             same training ends at a loss of {} instead of {} (± {}, {epochs} epochs)",
            batch.rows,
            batch.other,
            steps(batch.other),
            steps(batch.rows),
            short(other.mean),
            short(own.mean),
            short(own.spread().max(other.spread()))
        ))
        .shows(&[
            ("noise_scale", batch.noise),
            ("batch", batch.rows as f64),
            ("batch_then", batch.other as f64),
            ("steps", steps(batch.rows) as f64),
            ("loss", own.mean),
            ("loss_then", other.mean),
        ])
        .advises(match small {
            true => format!("batch {}, or a rate as many times lower", batch.other),
            false => format!("batch {}; or more epochs, with a higher rate", batch.other),
        })
}
