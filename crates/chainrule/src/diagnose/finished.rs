//! A run that is over: its weights on its rows, with the figures of its epochs.
//!
//! In: a trained network, the epochs as its folder has them, its parts. Out: findings, gradients.
//! Invariant: the weights are those that were kept; what only a watched training shows (the moves of
//! steps) is not made up. Deliberately absent: files.

use super::evidence::Evidence;
use super::evidence::course::Course;
use super::examine::{Examined, scope};
use super::flow::Flow;
use super::rules::{Kind, findings};
use crate::data::Parts;
use crate::error::Error;
use crate::model::Trained;
use crate::store::Numbers;
use crate::train::{End, Epoch, Weights};

/// Findings about a finished training; two looks, at its first weights and at those that were kept.
///
/// # Errors
/// As [`super::look_over`].
pub fn examine_finished(
    trained: &Trained,
    history: &[Epoch],
    end: Option<&End>,
    parts: Parts<'_>,
) -> Result<Examined, Error> {
    let mut evidence = Evidence::new(trained.model(), Some(parts))?;
    evidence.hold_parts();
    let weights = learned(trained);
    let mut course =
        Course { history: history.to_vec(), end: end.cloned(), ..Course::default() };
    if let Some(mut scope) = scope(&evidence)? {
        let start = scope.start()?;
        course.looks = vec![scope.look(&start), scope.look(&weights)];
        evidence.start = course.looks.first().cloned();
    }
    if course.kept() == history.len() {
        course.last = Some((history.len(), weights));
    }
    evidence.course = Some(course);
    evidence.take_gap(trained);
    let (findings, flow) = (findings(&evidence, Kind::Course), Flow::of(&evidence));
    Ok(Examined { findings, trained: None, flow })
}

fn learned(trained: &Trained) -> Weights {
    let m = trained.model().module();
    let one = |t: &crate::store::Tensor| {
        let values = match &t.numbers {
            Numbers::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Numbers::F64(v) => v.clone(),
        };
        Some((m.symbol(&t.name)?.id, values))
    };
    trained.tensors().iter().filter_map(one).collect()
}
