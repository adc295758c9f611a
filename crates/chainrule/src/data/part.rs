//! A part that is prepared: the rows to train on, to watch or to measure, in memory or on disk.
//!
//! In: a [`Dataset`], or a part of a cache. Out: its sizes, and its values block by block. Invariant: what
//! is made of the blocks in order does not depend on where they are. Deliberately absent: the choice
//! of rows, number types of the run.

use super::disk::{Cached, CachedPart, Caching};
use super::load::Loaded;
use super::{Array, DataFile, Dataset, Preparation, Report};
use crate::error::Error;

/// Rows ready for the network.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// All of them in memory.
    Memory(&'a Dataset),
    /// In a cache on disk, from which they are read block by block.
    Disk(&'a CachedPart),
}

impl<'a> From<&'a Dataset> for Part<'a> {
    fn from(data: &'a Dataset) -> Self {
        Self::Memory(data)
    }
}

impl<'a> Part<'a> {
    /// Number of examples.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Self::Memory(data) => data.rows,
            Self::Disk(part) => part.rows(),
        }
    }

    /// Its symbols with their sizes; without values where it is on disk.
    #[must_use]
    pub fn layout(self) -> &'a Dataset {
        match self {
            Self::Memory(data) => data,
            Self::Disk(part) => part.layout(),
        }
    }

    /// Rows of a block.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::Memory(data) => data.rows.max(1),
            Self::Disk(part) => part.block_rows(),
        }
    }

    /// Blocks that are held in memory at a time while the rows are shuffled.
    pub(crate) fn window(self) -> usize {
        match self {
            Self::Memory(_) => 1,
            Self::Disk(part) => part.window(),
        }
    }

    /// Walks over the values of a symbol, in order.
    pub(crate) fn each(
        self,
        key: &str,
        visit: &mut dyn FnMut(&Array),
    ) -> Result<(), Error> {
        match self {
            Self::Memory(data) => data.array(key).into_iter().for_each(visit),
            Self::Disk(part) => part.each(&mut |block| {
                block.array(key).into_iter().for_each(&mut *visit);
            })?,
        }
        Ok(())
    }

    /// The mean weight; 1 where there are none.
    pub(crate) fn mean_weight(self) -> Result<f64, Error> {
        if self.layout().weights.is_none() {
            return Ok(1.0);
        }
        let mut sum = -0.0;
        let mut add = |data: &Dataset| {
            data.weights.iter().flatten().for_each(|weight| sum += weight);
        };
        match self {
            Self::Memory(data) => add(data),
            Self::Disk(part) => part.each(&mut |block| add(block))?,
        }
        Ok(sum / self.rows() as f64)
    }
}

/// The data of a `data:` line, wherever its rows are.
#[derive(Debug)]
pub enum Data {
    /// In memory.
    Memory(Box<Loaded>),
    /// In a cache on disk.
    Disk(Box<Cached>),
}

impl Data {
    /// What a training looks at.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        match self {
            Self::Memory(loaded) => loaded.as_ref().into(),
            Self::Disk(cached) => cached.as_ref().into(),
        }
    }
}

/// The parts of a `data:` line, with the recipe that made them.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The recipe.
    pub preparation: &'a Preparation,
    /// What was done to the training file.
    pub report: &'a Report,
    /// The rows to train on.
    pub train: Part<'a>,
    /// The rows of `hold out`.
    pub held_out: Option<Part<'a>>,
    /// `validate FILE`, and what was done to it.
    pub validate: Option<(Part<'a>, &'a Report)>,
    /// `test FILE`, and what was done to it.
    pub test: Option<(Part<'a>, &'a Report)>,
    /// The files as they were read.
    pub files: &'a [DataFile],
    /// How the rows were put on disk, if they were.
    pub caching: Option<&'a Caching>,
}

impl<'a> From<&'a Loaded> for Parts<'a> {
    fn from(loaded: &'a Loaded) -> Self {
        let prepared = &loaded.prepared;
        let later = |(data, report): &'a (Dataset, Report)| (Part::Memory(data), report);
        Self {
            preparation: &prepared.preparation,
            report: &prepared.report,
            train: Part::Memory(&prepared.train),
            held_out: prepared.held_out.as_ref().map(Part::Memory),
            validate: loaded.validate.as_ref().map(later),
            test: loaded.test.as_ref().map(later),
            files: &loaded.files,
            caching: None,
        }
    }
}

impl<'a> From<&'a Cached> for Parts<'a> {
    fn from(cached: &'a Cached) -> Self {
        let later = |part: &'a CachedPart| Some((Part::Disk(part), part.report()?));
        Self {
            preparation: &cached.preparation,
            report: &cached.report,
            train: Part::Disk(&cached.train),
            held_out: cached.held_out.as_ref().map(Part::Disk),
            validate: cached.validate.as_ref().and_then(later),
            test: cached.test.as_ref().and_then(later),
            files: &cached.files,
            caching: Some(&cached.caching),
        }
    }
}

impl<'a> Parts<'a> {
    /// The part to watch during training: the file of `validate`, else the held-out rows.
    #[must_use]
    pub fn watched(&self) -> Option<Part<'a>> {
        self.validate.map(|(part, _)| part).or(self.held_out)
    }

    /// All parts with the names that figures go by.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, Part<'a>)> {
        let all = [
            ("training", Some(self.train)),
            ("held out", self.held_out),
            ("validation", self.validate.map(|(part, _)| part)),
            ("test", self.test.map(|(part, _)| part)),
        ];
        all.into_iter().filter_map(|(name, part)| Some((name, part?))).collect()
    }

    /// What was done to each file.
    pub fn reports(&self) -> impl Iterator<Item = &'a Report> {
        let more = [self.validate, self.test].into_iter().flatten();
        std::iter::once(self.report).chain(more.map(|(_, report)| report))
    }
}
