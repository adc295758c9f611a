//! The first pass: files → shelf → recipe → cache.
//!
//! In: a `data:` line, a folder. Out: a cache under its name. Invariants: recipe, parts and report are those
//! of [`crate::data::prepare`] and of the same order; the cache is whole or not there. Deliberately
//! absent: whether it is needed.

use std::io;
use std::path::Path;

use chainrule_graph::syntax::ast::Precision;
use chainrule_graph::syntax::settings::DataSpec;

use super::piece::{Opened, Shelves};
use super::rows::{About, Columns, Directory, Kind, Writer};
use super::shelf::DiskTable;
use super::{Caching, Wanted};
use crate::data::blocks::Table;
use crate::data::members::Members;
use crate::data::parts::{Census, PartEncoder};
use crate::data::prepare::{balance, describe, learn};
use crate::data::select::select;
use crate::data::source::{Part, RawColumn, Source};
use crate::data::{Array, DataFile, Dataset, Form, Preparation, Report, SymbolPlan};
use crate::error::{DataProblem, Error};
use crate::store::write_aside;

/// Bytes of a block of cells.
const CELLS: usize = 4 << 20;

/// Makes the cache.
pub(super) fn build(
    wanted: &Wanted<'_>,
    caching: &Caching,
    target: (&str, &Path),
    say: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let folder = &caching.folder;
    let fail = |source| Error::Write { path: folder.clone(), source };
    let new = |f: &&Path| !f.as_os_str().is_empty() && !f.exists();
    let made: Vec<&Path> = folder.ancestors().take_while(new).collect();
    std::fs::create_dir_all(folder).map_err(fail)?;
    let done = write(wanted, caching, target, say);
    if done.is_err() {
        // Only those that are empty; the first failure is the one to tell.
        made.iter().for_each(|folder| drop(std::fs::remove_dir(folder)));
    }
    done
}

fn write(
    wanted: &Wanted<'_>,
    caching: &Caching,
    (made_of, path): (&str, &Path),
    say: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let mut failed = None;
    let written = write_aside(path, |out| {
        let mut writer = Writer::new(out)?;
        match directory(wanted, caching, (&mut writer, path), say) {
            Ok(directory) => {
                writer.finish(&Directory { made_of: made_of.to_owned(), ..directory })
            }
            Err(error) => {
                failed = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    });
    failed.map_or(written, Err)
}

type Out<'a, 'w> = (&'a mut Writer<'w>, &'a Path);

/// Writes the blocks of all parts.
fn directory(
    wanted: &Wanted<'_>,
    caching: &Caching,
    (writer, path): Out<'_, '_>,
    say: &mut dyn FnMut(&str),
) -> Result<Directory, Error> {
    let spec = wanted.spec;
    let file = spec.file.as_deref().unwrap_or_default();
    let open = Opening { wanted, caching };
    let picks = |head: &Source| {
        let picks = select(spec, wanted.symbols, head)?;
        let mut all: Vec<usize> = picks.iter().flatten().map(|p| p.column).collect();
        all.extend(spec.weight.iter().filter_map(|w| head.named_or_numbered(w)));
        Ok(all)
    };
    let (table, mut files) = open.table(file, (spec, &[]), &|head| Ok(head), &picks)?;
    let mut learned = learn(spec, wanted.symbols, &table, wanted.seed)?;
    let mut census = Census::new(&learned.preparation);
    count(&table, &learned.preparation, &learned.train, &mut census)?;
    if spec.balanced {
        learned.preparation.balanced = Some(balance(spec, &census)?);
    }
    describe(&mut learned, &census);
    let (preparation, mut report) = (learned.preparation, learned.report);
    let mut parts = Vec::new();
    let rows = learned.train.len() + learned.held.len();
    let bytes = rows as f64 * open.about("", &preparation).width() as f64;
    say(&format!("{rows} rows take {} there", crate::memory::bytes(bytes)));
    for (name, rows) in [("train", &learned.train), ("held out", &learned.held)] {
        if rows.len() > 0 {
            let about = open.about(name, &preparation);
            let out = (&mut *writer, path);
            parts.push(part(&table, &preparation, rows, about, &mut report, out)?);
        }
    }
    parts[0].report = Some(report);
    drop(table);
    for (name, file) in [("validation", &spec.validate), ("test", &spec.test)] {
        let Some(file) = file else { continue };
        let (table, more) = open.later(file, &preparation)?;
        let (rows, mut report) = preparation.members(&table, true)?;
        let (about, out) = (open.about(name, &preparation), (&mut *writer, path));
        let mut part = part(&table, &preparation, &rows, about, &mut report, out)?;
        part.report = Some(report);
        parts.push(part);
        files.extend(more);
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(file.file.clone()));
    Ok(Directory { made_of: String::new(), files, preparation, parts })
}

/// Encodes and writes the rows of a part.
fn part(
    table: &DiskTable,
    preparation: &Preparation,
    rows: &Members,
    mut about: About,
    report: &mut Report,
    (writer, path): Out<'_, '_>,
) -> Result<About, Error> {
    let fail = |source| Error::Write { path: path.to_owned(), source };
    let mut encoder = PartEncoder::new(preparation, table.head(), true)?;
    // Rows that do not fill a block yet.
    let mut waiting = Dataset::default();
    table.each(&encoder.places(), &mut |block| {
        let rows = rows.within(block.first, block.rows);
        // A block of cells may be many blocks of rows, where it has categories.
        for rows in rows.chunks(about.block) {
            append(&mut waiting, encoder.rows(block, rows.to_vec())?);
            if waiting.rows >= about.block {
                let written = writer.block(&mut about, &waiting, 0).map_err(fail)?;
                drain(&mut waiting, written);
            }
        }
        Ok(())
    })?;
    if waiting.rows > 0 {
        writer.block(&mut about, &waiting, 0).map_err(fail)?;
    }
    encoder.finish(table.head(), report)?;
    Ok(about)
}

/// Puts rows behind others.
fn append(to: &mut Dataset, more: Dataset) {
    if to.arrays.is_empty() {
        *to = more;
        return;
    }
    to.rows += more.rows;
    for ((_, to), (_, more)) in to.arrays.iter_mut().zip(more.arrays) {
        match (to, more) {
            (Array::Dense { values, .. }, Array::Dense { values: more, .. }) => {
                values.extend(more);
            }
            (Array::Index { index, .. }, Array::Index { index: more, .. }) => {
                index.extend(more);
            }
            _ => {}
        }
    }
    if let (Some(to), Some(more)) = (&mut to.weights, more.weights) {
        to.extend(more);
    }
}

/// Takes the first rows away.
fn drain(from: &mut Dataset, rows: usize) {
    from.rows -= rows;
    for (_, array) in &mut from.arrays {
        match array {
            Array::Dense { cols, values } => drop(values.drain(..rows * *cols)),
            Array::Index { index, .. } => drop(index.drain(..rows)),
        }
    }
    if let Some(weights) = &mut from.weights {
        weights.drain(..rows);
    }
}

/// Counts the classes of the training rows.
fn count(
    table: &DiskTable,
    preparation: &Preparation,
    rows: &Members,
    census: &mut Census,
) -> Result<(), Error> {
    let of_target = |plan: &&SymbolPlan| plan.target;
    let targets = Preparation {
        symbols: preparation.symbols.iter().filter(of_target).cloned().collect(),
        weight: None,
        balanced: None,
        ..preparation.clone()
    };
    let mut encoder = PartEncoder::new(&targets, table.head(), true)?;
    table.each(&encoder.places(), &mut |block| {
        census.add(&encoder.rows(block, rows.within(block.first, block.rows))?);
        Ok(())
    })
}

/// The columns of a part: those of the recipe, with inputs in the number type that `like` has.
pub(super) fn columns(preparation: &Preparation, like: &About) -> Vec<Columns> {
    let narrow = like.columns.iter().any(|c| c.kind == Kind::F32);
    let column = |plan: &SymbolPlan| {
        let kind = match plan.form {
            Form::Classes | Form::OneHot => Kind::Index,
            _ if narrow && !plan.target => Kind::F32,
            _ => Kind::F64,
        };
        Columns { key: plan.key.clone(), entries: plan.width(), kind }
    };
    preparation.symbols.iter().map(column).collect()
}

struct Opening<'a> {
    wanted: &'a Wanted<'a>,
    caching: &'a Caching,
}

/// Gives columns other names, or refuses them.
type Naming<'n> = &'n dyn Fn(Source) -> Result<Source, Error>;
/// The columns that are needed.
type Picking<'p> = &'p dyn Fn(&Source) -> Result<Vec<usize>, Error>;

impl Opening<'_> {
    /// A part without rows.
    fn about(&self, name: &str, preparation: &Preparation) -> About {
        let kind = match self.wanted.precision {
            Precision::F32 => Kind::F32,
            Precision::F64 => Kind::F64,
        };
        let like = Columns { key: String::new(), entries: 1, kind };
        let like = About { columns: vec![like], ..About::default() };
        let mut about = About {
            name: name.to_owned(),
            columns: columns(preparation, &like),
            weights: preparation.weight.is_some() || preparation.balanced.is_some(),
            ..About::default()
        };
        about.block = (self.caching.block / about.width().max(1)).clamp(1, 1 << 16);
        about
    }

    /// A later file, read as the training file was.
    fn later(
        &self,
        file: &str,
        preparation: &Preparation,
    ) -> Result<(DiskTable, Vec<DataFile>), Error> {
        let (spec, text) = preparation.reading_later();
        let named = |head: Source| preparation.named(head);
        self.table(file, (&spec, text), &named, &|head| {
            Ok(PartEncoder::new(preparation, head, true)?.places())
        })
    }

    /// Reads files side by side onto shelves.
    fn table(
        &self,
        files: &str,
        (spec, text): (&DataSpec, &[String]),
        naming: Naming<'_>,
        picking: Picking<'_>,
    ) -> Result<(DiskTable, Vec<DataFile>), Error> {
        let mut pieces = Vec::new();
        for file in files.split(" + ") {
            pieces.push(Opened::new(self.wanted.folder, file.trim(), spec, text)?);
        }
        let head = naming(head(&pieces).checked()?)?;
        let mut kept = vec![false; head.columns.len()];
        picking(&head)?.into_iter().for_each(|column| kept[column] = true);
        let block = (CELLS / (8 * head.columns.len().max(1))).clamp(1, 1 << 16);
        let (mut shelves, mut read, mut begins) = (Vec::new(), Vec::new(), 0);
        for piece in pieces {
            let ends = begins + piece.piece.names().len();
            let kept = &kept[begins..ends];
            let folder = &self.caching.folder;
            let name = piece.name.clone();
            let (shelf, file) = piece.fill(&Shelves { folder, kept, block })?;
            let rows = shelves.first().map_or(shelf.rows(), super::shelf::Shelf::rows);
            if rows != shelf.rows() {
                let found = shelf.rows();
                let message =
                    format!("expected {rows} rows as in {files}, found {found}");
                return Err(DataProblem::new(&name, message)
                    .way_out("files joined by ` + ` stand side by side, row by row")
                    .into());
            }
            shelves.push(shelf);
            read.push(file);
            begins = ends;
        }
        Ok((DiskTable::new(head, shelves), read))
    }
}

/// The columns of files side by side, with no cells.
fn head(pieces: &[Opened]) -> Source {
    let names: Vec<&str> = pieces.iter().map(|p| p.name.as_str()).collect();
    let mut columns = Vec::new();
    for (part, piece) in pieces.iter().enumerate() {
        let column = |name: &String| RawColumn {
            part,
            ..RawColumn::numbers(name.clone(), Vec::new())
        };
        columns.extend(piece.piece.names().iter().map(column));
    }
    let part =
        |p: &Opened| Part { name: p.name.clone(), lines: p.piece.named().then(Vec::new) };
    Source {
        name: names.join(" + "),
        rows: 0,
        columns,
        headerless: pieces.iter().any(|p| p.piece.headerless()),
        parts: pieces.iter().map(part).collect(),
        first: 0,
    }
}
