//! The Rust face: a file of equations, a network trained from it, predictions.
//!
//! ```
//! use chainrule::{Model, table};
//!
//! let model = Model::parse(
//!     "
//!      input x : D
//!      target y : 1 binary
//!      param W1 : H×D ~ glorot, b1 : H = 0, W2 : 1×H ~ glorot, b2 : 1 = 0
//!      where H = 8
//!      a = tanh(W1 x + b1)
//!      ŷ = sigmoid(W2 a + b2)
//!      L = binary_cross_entropy(y, ŷ)
//!      minimize mean(L)
//!      train: adam(lr = 0.05), batch 4, epochs 200, seed 1",
//! )?;
//! let data = table(&[
//!     ("x", 2, &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
//!     ("y", 1, &[0.0, 1.0, 1.0, 0.0]),
//! ])?;
//! let xor = model.fit(&data, &mut |_| Default::default())?;
//! assert!(xor.predict(&[0.0, 1.0])?.row(0)[0] > 0.9);
//! # Ok::<(), chainrule::Error>(())
//! ```
//!
//! In: text, tables. Out: [`Model`] (checked, not trained), [`Trained`] (weights and
//! preprocessing). Invariants: both are `Send + Sync` and immutable; nothing prints; there is no
//! pool but the threads that a call itself starts and ends. Deliberately absent: run folders (see
//! [`crate::runs`]), screens.

mod evaluate;
mod fit;
mod gradients;
mod losses;
mod mixing;
pub(crate) mod names;
mod options;
pub(crate) mod overrides;
mod predict;
mod predictor;
mod roles;
mod stored;
mod summary;
mod trained;

use std::path::{Path, PathBuf};

use chainrule_graph::derived::{Derived, derive};
use chainrule_graph::diag::Diagnostic;
use chainrule_graph::graph::{Node, Op};
use chainrule_graph::module::{Module, Symbol};
use chainrule_graph::shape::Sizes;
use chainrule_graph::syntax::ast::Role;
use chainrule_graph::syntax::settings::{ColumnClause, DataSpec, Selector};
use chainrule_graph::value::Mat;
use chainrule_graph::verify;

use crate::data::{self, Dataset, Part, Preparation, RawColumn, Source, SymbolInfo};
use crate::error::Error;
use crate::init;
use crate::memory;
use crate::train::{self, Control, Course, Event, Measure, Settings};

pub use evaluate::Evaluation;
pub use gradients::GradientNorm;
pub use options::Options;
pub use predict::{Prediction, Rows};
pub use predictor::Predictor;
pub(crate) use roles::{WEIGHT, batch_dim, data_symbols, indices, sizes as sizes_of};
pub(crate) use stored::to_file;
pub use summary::Summary;
pub use trained::Trained;

/// A checked file of equations that can be trained.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) text: String,
    folder: PathBuf,
    pub(crate) module: Module,
    pub(crate) derived: Derived,
    pub(crate) options: Options,
    pub(crate) settings: Settings,
    remarks: Vec<Diagnostic>,
}

impl Model {
    /// Reads equations.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] for what the text says wrongly, each with its place and a way out.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, Options::default())
    }

    /// Reads equations, with overrides.
    ///
    /// # Errors
    /// As [`Model::parse`]; [`Error::Usage`] for an override that nothing answers to.
    pub fn parse_with(text: &str, options: Options) -> Result<Self, Error> {
        Self::read(text, Path::new("."), options)
    }

    /// Reads a file; names of data files in it are relative to its folder.
    ///
    /// # Errors
    /// As [`Model::parse_with`]; [`Error::Read`].
    pub fn from_file(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        Self::read(&text, folder.unwrap_or(Path::new(".")), options)
    }

    /// Reads a file to be diagnosed: its gradients are not held against differences, as numbers
    /// that overflow are a finding there and no reason to refuse it.
    ///
    /// # Errors
    /// As [`Model::from_file`].
    pub fn to_diagnose(path: &Path, options: Options) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        Self::read_knowing(&text, folder.unwrap_or(Path::new(".")), options, &|_| true)
    }

    /// Reads equations whose data files are relative to `folder`.
    ///
    /// # Errors
    /// As [`Model::parse_with`].
    pub fn parse_in(text: &str, folder: &Path, options: Options) -> Result<Self, Error> {
        Self::read(text, folder, options)
    }

    fn read(text: &str, folder: &Path, options: Options) -> Result<Self, Error> {
        Self::read_knowing(text, folder, options, &|_| false)
    }

    /// The same file with more overrides; a graph whose fingerprint is `known` was held against
    /// differences before, and is not again.
    pub(crate) fn varied(
        &self,
        set: &[(String, String)],
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        let mut options = self.options.clone();
        options.set.extend_from_slice(set);
        Self::read_knowing(&self.text, &self.folder, options, known)
    }

    /// The same, to be trained on the caller's thread alone.
    pub(crate) fn on_one_thread(mut self) -> Self {
        self.options.threads = 1;
        self
    }

    fn read_knowing(
        text: &str,
        folder: &Path,
        options: Options,
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        let loaded = options.load(text)?;
        let Some(module) = loaded.module else {
            return Err(Error::Diagnostics(loaded.diagnostics));
        };
        roles::check_trainable(&module)?;
        let spec = module.train.clone().unwrap_or_default();
        let settings = Settings::of(&spec, module.precision)?;
        train::check_rule(&module, &settings)?;
        let derived = derive(&module).map_err(Error::Diagnostics)?;
        let mut remarks = loaded.diagnostics;
        if !known(&derived.fingerprint) {
            memory::checkable(&module).map_err(|d| Error::Diagnostics(vec![d]))?;
            let untold = verify::gradient(&module, &derived, 0)
                .map_err(|wrong| Error::Diagnostics(vec![*wrong]))?;
            remarks.extend(verify::untold(&module, &untold));
        }
        let (text, folder) = (text.to_owned(), folder.to_owned());
        Ok(Self { text, folder, module, derived, options, settings, remarks })
    }

    /// The equations as they were given.
    #[must_use]
    pub fn equations(&self) -> &str {
        &self.text
    }

    /// The checked file.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The graph with its gradients.
    #[must_use]
    pub fn derived(&self) -> &Derived {
        &self.derived
    }

    /// The settings of training, overrides included.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was said besides the file.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The name of the metric of an epoch: `accuracy` or `R²`; `None` where the output does not
    /// stand beside a target.
    #[must_use]
    pub fn metric(&self) -> Option<&'static str> {
        compared(&self.module).map(|s| Measure::of(s.mark).name())
    }

    /// Warnings and notes about the file.
    #[must_use]
    pub fn remarks(&self) -> &[Diagnostic] {
        &self.remarks
    }

    /// The folder that names of data files are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the update rule depends on T, the number of all steps: then other epochs make
    /// every step another.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] if the rule does not read.
    pub fn depends_on_epochs(&self) -> Result<bool, Error> {
        train::depends_on_total(&self.module, &self.settings)
    }

    /// What the file asks of the data: its inputs and targets.
    #[must_use]
    pub fn symbols(&self) -> Vec<SymbolInfo> {
        roles::symbols(&self.module)
    }

    /// The sizes of all dimensions, once there is data.
    ///
    /// # Errors
    /// S5 where file and data differ, S8 where neither says a size.
    pub fn sizes(&self, data: &Dataset) -> Result<Sizes, Error> {
        roles::sizes(&self.module, data)
    }

    /// Reads the files of the `data:` line.
    ///
    /// # Errors
    /// As [`data::load`]; [`Error::Usage`] if the file has no `data:` line.
    pub fn load_data(&self) -> Result<data::Loaded, Error> {
        let Some(spec) = &self.module.data else {
            return Err(Error::Usage { field: "data".into(), message: self.no_data() });
        };
        data::load(&self.folder, spec, &self.symbols(), self.settings.seed)
    }

    /// Bytes of the files of the `data:` line, as far as the system tells.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        let Some(spec) = &self.module.data else { return 0 };
        let length = |name: &String| std::fs::metadata(self.folder.join(name));
        let files = data::DataFile::names(spec);
        files.iter().filter_map(|name| length(name).ok()).map(|about| about.len()).sum()
    }

    /// Reads the files of the `data:` line, into memory or through a cache on disk; what is done
    /// about the cache is told.
    ///
    /// # Errors
    /// As [`Model::load_data`] and [`data::Cached::open`].
    pub fn open_data(
        &self,
        caching: Option<&data::Caching>,
        say: &mut dyn FnMut(&str),
    ) -> Result<data::Data, Error> {
        let (Some(spec), Some(caching)) = (&self.module.data, caching) else {
            return self.load_data().map(|loaded| data::Data::Memory(Box::new(loaded)));
        };
        let wanted = data::Wanted {
            folder: &self.folder,
            spec,
            symbols: &self.symbols(),
            seed: self.settings.seed,
            precision: self.settings.precision,
        };
        let cached = data::Cached::open(&wanted, caching, say)?;
        Ok(data::Data::Disk(Box::new(cached)))
    }

    /// The line that is missing, in the file's own names.
    fn no_data(&self) -> String {
        let clause = |s: SymbolInfo| match s.target {
            true => format!("{} = COLUMN", s.key),
            false => format!("{} = *", s.key),
        };
        let clauses: Vec<String> = self.symbols().into_iter().map(clause).collect();
        format!(
            "the file has no data: line; add one such as `data: FILE.csv, {}, hold out 20 %`",
            clauses.join(", ")
        )
    }

    /// Prepares a table as the `data:` line says; without one, each symbol takes the columns of
    /// its name (`x`, or `x1` `x2` …).
    ///
    /// # Errors
    /// As [`data::prepare`].
    pub fn prepare(&self, table: &Source) -> Result<data::Prepared, Error> {
        let symbols = self.symbols();
        match &self.module.data {
            Some(spec) => data::prepare(spec, &symbols, table, self.settings.seed),
            None => {
                let spec = columns_by_name(&symbols, table);
                data::prepare(&spec, &symbols, table, self.settings.seed)
            }
        }
    }

    /// The value of a symbol that is neither data nor learned: what `:=` says, or the start of a
    /// parameter that `trainable:` leaves out.
    pub(crate) fn fixed(
        &self,
        symbol: &Symbol,
        sizes: &Sizes,
    ) -> Result<Option<Mat>, Error> {
        let learned = self.module.trainable.contains(&symbol.id);
        let data = matches!(symbol.role, Role::Input | Role::Target);
        if learned || data || symbol.key == WEIGHT || !self.reads(symbol) {
            return Ok(None);
        }
        if symbol.role == Role::None && symbol.value.is_none() {
            let field = symbol.shown.clone();
            let message = "has no value: write `:=`, or declare it as input or param";
            return Err(Error::Usage { field, message: message.into() });
        }
        Ok(Some(init::start(symbol, sizes, self.settings.seed)?.value))
    }

    fn reads(&self, symbol: &Symbol) -> bool {
        let of_it = |n: &Node| n.op == Op::Symbol(symbol.id);
        self.derived.graph.iter().any(|(_, n)| of_it(n))
    }

    /// Trains on a table.
    ///
    /// # Errors
    /// As [`Model::prepare`] and [`Model::fit_prepared`].
    pub fn fit(
        &self,
        table: &Source,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<Trained, Error> {
        self.settings.check()?;
        let p = self.prepare(table)?;
        self.fit_prepared(&p.train, p.held_out.as_ref(), &p.preparation, on_event)
    }

    /// Trains on the files of the `data:` line.
    ///
    /// # Errors
    /// As [`Model::load_data`] and [`Model::fit_prepared`].
    pub fn fit_files(
        &self,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<Trained, Error> {
        self.settings.check()?;
        let loaded = self.load_data()?;
        let (train, preparation) = (&loaded.prepared.train, &loaded.prepared.preparation);
        self.fit_prepared(train, loaded.watched(), preparation, on_event)
    }

    /// Trains on prepared data; `watched` rows are looked at after each epoch, never learned from.
    /// Training that turns non-finite is no error here: [`Trained::end`] says so, and the last
    /// finite state is what is given back.
    ///
    /// # Errors
    /// [`Error::Usage`] for settings and starts that do not fit, [`Error::Diagnostics`] for sizes
    /// that do not.
    pub fn fit_prepared(
        &self,
        train: &Dataset,
        watched: Option<&Dataset>,
        preparation: &Preparation,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<Trained, Error> {
        let (watched, course) = (watched.map(Part::Memory), Course::default());
        self.fit_course((train.into(), watched), preparation, course, on_event)
    }

    /// As [`Model::fit_prepared`], on parts wherever they are, from where and to where the course
    /// says.
    pub(crate) fn fit_course(
        &self,
        (train, watched): (Part<'_>, Option<Part<'_>>),
        preparation: &Preparation,
        course: Course<'_>,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<Trained, Error> {
        self.settings.check()?;
        fit::fit(self, train, watched, preparation, course, on_event)
    }
}

/// `x = x1 x2 …` for each symbol.
fn columns_by_name(symbols: &[SymbolInfo], table: &Source) -> DataSpec {
    let clause = |s: &SymbolInfo| {
        let own = |name: &str| {
            let rest = name.strip_prefix(s.key.as_str());
            rest.is_some_and(|r| r.bytes().all(|b| b.is_ascii_digit()))
        };
        let names = table.columns.iter().map(|c| c.name.as_str()).filter(|n| own(n));
        let selectors = names.map(|n| Selector::Exact(n.to_owned())).collect();
        let symbol = s.key.clone();
        ColumnClause {
            symbol,
            selectors,
            transforms: Vec::new(),
            span: Default::default(),
        }
    };
    DataSpec { columns: symbols.iter().map(clause).collect(), ..DataSpec::default() }
}

/// A table from memory: for each symbol its name, the entries of one example, and the numbers, row
/// by row. A symbol of several entries becomes columns `x1`, `x2`, …
///
/// # Errors
/// [`Error::Usage`] if numbers are left over; [`Error::Data`] if symbols differ in their rows.
pub fn table(parts: &[(&str, usize, &[f64])]) -> Result<Source, Error> {
    let mut columns = Vec::new();
    for &(name, width, numbers) in parts {
        if width == 0 || !numbers.len().is_multiple_of(width) {
            let message = format!(
                "expected rows of {width} entries, found {} numbers",
                numbers.len()
            );
            return Err(Error::Usage { field: name.to_owned(), message });
        }
        for c in 0..width {
            let cells = numbers.iter().skip(c).step_by(width).copied().collect();
            let name =
                if width == 1 { name.to_owned() } else { format!("{name}{}", c + 1) };
            columns.push(RawColumn::numbers(name, cells));
        }
    }
    Source::from_columns("the table", columns)
}

/// The target that the output stands beside, if one has its shape.
pub(crate) fn compared(module: &Module) -> Option<&chainrule_graph::module::Symbol> {
    let shape = module.dims.resolve_shape(&module.graph[module.output?].shape);
    let same = |s: &&chainrule_graph::module::Symbol| {
        s.role == Role::Target && module.dims.resolve_shape(&s.shape) == shape
    };
    data_symbols(module).find(same)
}
