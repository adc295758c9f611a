//! The data of trials: read once, prepared once for each way that settings ask for.
//!
//! In: models of trials. Out: per trial a room with its training part, recipe and watched rows.
//! Invariants: what a trial gets is what it would have read alone; data that cannot be had are the
//! failure of the trials that need them, not of the others. A room is filled by the first trial that
//! asks for it, while others that need it wait. Deliberately absent: `test FILE`, which no training
//! looks at.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::data::{
    DataSpec, Dataset, Fold, Preparation, Prepared, Reading, Source, SymbolInfo, prepare,
    prepare_fold, read_source,
};
use crate::error::Error;
use crate::model::Model;
use crate::train::PartFeeds;

/// What trainings on the same data share.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) train: Dataset,
    pub(super) watched: Option<Dataset>,
    /// The rows that are kept from training and watching.
    pub(super) apart: Option<Dataset>,
    pub(super) recipe: Preparation,
    pub(super) feeds: PartFeeds,
}

type Filled<T> = OnceLock<Result<T, Arc<Error>>>;

/// A table as it is read, and the ways in which it is prepared.
#[derive(Debug)]
struct Table {
    file: Option<String>,
    reading: Reading,
    source: Filled<Source>,
}

#[derive(Debug)]
struct Room {
    /// What the data depend on, besides the file.
    spec: Option<DataSpec>,
    symbols: Vec<SymbolInfo>,
    seed: Option<u64>,
    /// The rows that are kept apart.
    fold: Option<Fold>,
    table: usize,
    /// Prepares the data as the room asks for.
    model: Model,
    kept: Filled<Kept>,
}

/// All data of a comparison.
#[derive(Debug)]
pub(super) struct Rooms {
    folder: PathBuf,
    /// A table in memory in place of files.
    given: Option<Source>,
    tables: Vec<Table>,
    rooms: Vec<Room>,
    /// The first room is that of every trial.
    one: bool,
}

impl Rooms {
    pub(super) fn new(folder: &Path, given: Option<Source>) -> Self {
        let folder = folder.to_owned();
        Self { folder, given, tables: Vec::new(), rooms: Vec::new(), one: false }
    }

    /// One room with these parts.
    pub(super) fn of_parts(
        model: &Model,
        (train, watched, recipe): (Dataset, Option<Dataset>, Preparation),
    ) -> Self {
        let mut rooms = Self::new(model.folder(), None);
        rooms.room_for(model, None);
        rooms.one = true;
        let feeds = PartFeeds::default();
        let _ = rooms.rooms[0].kept.set(Ok(Kept {
            train,
            watched,
            apart: None,
            recipe,
            feeds,
        }));
        rooms
    }

    /// The room of a trial; a new one where no other trial has the same data.
    pub(super) fn room_for(&mut self, model: &Model, fold: Option<Fold>) -> usize {
        if self.one {
            return 0;
        }
        let (spec, symbols) = (model.module().data.clone(), model.symbols());
        let drawn = spec.as_ref().is_some_and(|s| s.hold_out.is_some());
        let seed = drawn.then_some(model.settings().seed);
        let same = |r: &Room| {
            (&r.spec, &r.symbols, r.seed, r.fold) == (&spec, &symbols, seed, fold)
        };
        if let Some(there) = self.rooms.iter().position(same) {
            return there;
        }
        let table = self.table_for(spec.as_ref());
        let (model, kept) = (model.clone(), OnceLock::new());
        self.rooms.push(Room { spec, symbols, seed, fold, table, model, kept });
        self.rooms.len() - 1
    }

    fn table_for(&mut self, spec: Option<&DataSpec>) -> usize {
        let file = spec.and_then(|s| s.file.clone());
        let reading = spec.map_or_else(Reading::default, Reading::of);
        let same = |t: &Table| t.file == file && t.reading == reading;
        if let Some(there) = self.tables.iter().position(same) {
            return there;
        }
        self.tables.push(Table { file, reading, source: OnceLock::new() });
        self.tables.len() - 1
    }

    /// The data of a room.
    pub(super) fn kept(&self, room: usize) -> Result<&Kept, Arc<Error>> {
        let room = &self.rooms[room];
        let fill = || self.fill(room);
        room.kept.get_or_init(fill).as_ref().map_err(Arc::clone)
    }

    fn fill(&self, room: &Room) -> Result<Kept, Arc<Error>> {
        let (prepared, apart) = match &self.given {
            Some(table) => (room.model.prepare(table).map_err(Arc::new)?, None),
            None => self.prepared(room)?,
        };
        let Prepared { preparation, train, held_out, .. } = prepared;
        let validate = room.spec.as_ref().and_then(|s| s.validate.as_ref());
        let watched = match validate.filter(|_| self.given.is_none()) {
            Some(file) => {
                let table = preparation.read(&self.folder, file).map_err(Arc::new)?;
                Some(preparation.apply(&table, true).map_err(Arc::new)?.0)
            }
            None => held_out,
        };
        let feeds = PartFeeds::default();
        Ok(Kept { train, watched, apart, recipe: preparation, feeds })
    }

    fn prepared(&self, room: &Room) -> Result<(Prepared, Option<Dataset>), Arc<Error>> {
        let (Some(spec), Some(file)) =
            (&room.spec, self.tables[room.table].file.as_ref())
        else {
            // The model says what is missing.
            let loaded = room.model.load_data().map_err(Arc::new)?;
            return Ok((loaded.prepared, None));
        };
        let read = || read_source(&self.folder, file, spec).map_err(Arc::new);
        let source = self.tables[room.table].source.get_or_init(read);
        let source = source.as_ref().map_err(Arc::clone)?;
        let seed = room.model.settings().seed;
        let prepared = match room.fold {
            None => prepare(spec, &room.symbols, source, seed).map(|all| (all, None)),
            Some(fold) => prepare_fold(spec, &room.symbols, source, seed, fold)
                .map(|(others, kept)| (others, Some(kept))),
        };
        prepared.map_err(Arc::new)
    }
}
