//! A file, its rows, a training of it: looked at by every rule that has what it needs.
//!
//! In: a model, its parts. Out: findings, gravest first. Invariants: watching changes no bit of a
//! training; a file whose own lines keep it from learning is not trained. Deliberately absent:
//! screens, files of runs.

use super::evidence::course::{Ear, Eye};
use super::evidence::scope::Scope;
use super::evidence::{CELLS, Evidence, FEW_CELLS, course};
use super::flow::Flow;
use super::rules::{Bench, Kind, findings};
use super::{Finding, Severity};
use crate::data::{Dataset, Part, Parts};
use crate::error::Error;
use crate::model::{Model, Trained};
use crate::train::{Control, Course, Event, Looker};

/// How much a diagnosis may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Next to nothing: the file, some rows, the figures of epochs and the moves of some steps.
    #[default]
    Cheap,
    /// Looks into every unit on the way, and further trainings at the end.
    Full,
}

/// What came of a diagnosis.
#[derive(Debug)]
pub struct Examined {
    /// Findings, gravest first.
    pub findings: Vec<Finding>,
    /// The network, if one was trained.
    pub trained: Option<Trained>,
    /// Its gradients from layer to layer, if it was looked into.
    pub flow: Option<Flow>,
}

/// Looks at a file, and at its rows if there are any; trains nothing.
///
/// # Errors
/// [`Error::Diagnostics`] if the sizes of file and rows differ.
pub fn look_over(model: &Model, parts: Option<Parts<'_>>) -> Result<Vec<Finding>, Error> {
    let mut evidence = Evidence::new(model, parts)?;
    evidence.hold_parts();
    if let Some(mut scope) = scope(&evidence)? {
        let start = scope.start()?;
        evidence.start = Some(scope.look(&start));
        evidence.starts = scope.starts()?;
    }
    Ok(findings(&evidence, Kind::Data))
}

/// Trains as well, with looks on the way, and with further trainings that decide what one cannot.
/// A file whose own lines keep it from learning is not trained.
///
/// # Errors
/// As [`look_over`] and [`Model::fit_prepared`].
pub fn examine(
    model: &Model,
    parts: Parts<'_>,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> Result<Examined, Error> {
    let mut examiner = Examiner::new(model, parts, Depth::Full)?;
    let before = examiner.before();
    if before.iter().any(|f| f.severity == Severity::Error) {
        return Ok(Examined { findings: before, trained: None, flow: None });
    }
    let (ear, eye) = examiner.senses();
    let course = Course { looker: Some(eye), ..Course::default() };
    let mut both = |event: &Event| {
        ear.hear(event);
        on_event(event)
    };
    let watched = (parts.train, parts.watched());
    let trained = model.fit_course(watched, parts.preparation, course, &mut both)?;
    let (findings, flow) = examiner.end(&trained);
    Ok(Examined { findings, trained: Some(trained), flow })
}

/// The rows, if they are in memory.
fn in_memory<'a>(parts: &Parts<'a>) -> Option<&'a Dataset> {
    match parts.train {
        Part::Memory(data) => Some(data),
        Part::Disk(_) => None,
    }
}

/// Weights of more numbers than this are not looked into.
const LARGEST: usize = 10_000_000;

fn weights(evidence: &Evidence<'_>) -> usize {
    let m = evidence.model.module();
    let of = |id: &chainrule_graph::graph::SymId| {
        let (r, c) = m.symbols[id.0 as usize].shape.under(&evidence.sizes)?;
        Some(r * c)
    };
    m.trainable.iter().filter_map(of).sum()
}

pub(super) fn scope<'a>(evidence: &Evidence<'a>) -> Result<Option<Scope<'a>>, Error> {
    let data = evidence.parts.as_ref().and_then(in_memory);
    let Some(train) = data.filter(|_| weights(evidence) <= LARGEST) else {
        return Ok(None);
    };
    Scope::new(evidence.model, &evidence.network, &evidence.sizes, train).map(Some)
}

/// Looks on while a training runs.
pub struct Examiner<'a> {
    evidence: Evidence<'a>,
    depth: Depth,
    ear: Ear,
    eye: Eye<'a>,
}

impl<'a> Examiner<'a> {
    /// Before the training of a model on these parts.
    ///
    /// # Errors
    /// As [`look_over`].
    pub fn new(model: &'a Model, parts: Parts<'a>, depth: Depth) -> Result<Self, Error> {
        let full = depth == Depth::Full;
        let cells = if full { CELLS } else { FEW_CELLS };
        let mut evidence = Evidence::with_cells(model, Some(parts), cells)?;
        let mut scope = if full { scope(&evidence)? } else { None };
        evidence.starts = scope.as_mut().map_or(Ok(None), Scope::starts)?;
        if full && in_memory(&parts).is_some() {
            evidence.hold_parts();
            evidence.bench = Some(Bench::new(model, parts, weights(&evidence)));
        }
        let mut eye = Eye::new(scope, model.settings().epochs);
        evidence.start = eye.begin()?;
        Ok(Self { evidence, depth, ear: Ear::default(), eye })
    }

    /// What can be said before the first step.
    #[must_use]
    pub fn before(&self) -> Vec<Finding> {
        findings(&self.evidence, Kind::Data)
    }

    /// Who hears the events, and who looks at epochs.
    pub(crate) fn senses(&mut self) -> (&mut Ear, &mut dyn Looker) {
        (&mut self.ear, &mut self.eye)
    }

    /// All findings, once the training is over.
    #[must_use]
    pub fn close(self, trained: &Trained) -> Vec<Finding> {
        self.end(trained).0
    }

    fn end(mut self, trained: &Trained) -> (Vec<Finding>, Option<Flow>) {
        let seen: course::Course =
            self.eye.close(self.ear, trained.history(), trained.end());
        self.evidence.course = Some(seen);
        let most = match self.depth {
            Depth::Cheap => Kind::Course,
            Depth::Full => {
                self.evidence.take_gap(trained);
                Kind::Probe
            }
        };
        (findings(&self.evidence, most), Flow::of(&self.evidence))
    }
}
