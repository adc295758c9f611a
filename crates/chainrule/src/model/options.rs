//! What a caller says besides the file: overrides by name, threads.
//!
//! In: names and values as text (`H`, `64`), as they come from a command line. Out: overrides for
//! the graph, a changed `train:` line. Invariant: a name that nothing in the file or among the
//! settings answers to is an error with the nearest word, never ignored.

use chainrule_graph::functions::Functions;
use chainrule_graph::lower::Override;
use chainrule_graph::module::Module;
use chainrule_graph::optimizer;
use chainrule_graph::syntax::ast::{Arg, OptimizerCall, Precision, TrainSpec};
use chainrule_graph::syntax::settings::nearest;

use crate::error::Error;

/// What a caller says besides the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// `NAME=VALUE` for dimensions, constants, arguments of the optimiser, and settings of the
    /// `train:` line (`epochs`, `batch`, `seed`, `clip`, `patience`, `keep`, `precision`,
    /// `optimizer`). Later ones win.
    pub set: Vec<(String, String)>,
    /// Threads that work together; 0 stands for as many as the machine has. Results do not depend
    /// on it.
    pub threads: usize,
}

impl Options {
    /// With one more override.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.set.push((name.to_owned(), value.to_string()));
        self
    }

    /// With this number of threads.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The number of threads: as many as processors where it is 0, and never more, since
    /// threads that share a processor only wait for each other.
    pub(crate) fn team(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        match self.threads {
            0 => processors,
            n => n.min(processors),
        }
    }

    /// The overrides that the graph may know.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let pair = |(name, value): &(String, String)| Override {
            name: chainrule_graph::syntax::canonical(name),
            value: value.clone(),
        };
        // The graph takes the first of a name; here the last one wins.
        self.set.iter().rev().map(pair).collect()
    }
}

/// Settings that are items of the `train:` line.
const ITEMS: [&str; 8] =
    ["epochs", "batch", "seed", "clip", "patience", "keep", "precision", "optimizer"];

/// The `train:` line after the overrides; `names` are those that the graph answers to.
pub(crate) fn train_spec(
    module: &Module,
    names: &[String],
    options: &Options,
) -> Result<TrainSpec, Error> {
    let mut spec = module.train.clone().unwrap_or_default();
    // The optimiser first, as its arguments may be overridden too.
    let (first, then): (Vec<_>, Vec<_>) =
        options.set.iter().partition(|(name, _)| name == "optimizer");
    for (name, value) in first.into_iter().chain(then) {
        let key = chainrule_graph::syntax::canonical(name);
        if ITEMS.contains(&name.as_str()) {
            item(&mut spec, &module.functions, name, value)?;
        } else if !names.contains(&key) && !argument(&mut spec, module, &key, value)? {
            return Err(unknown(name, names, &spec, &module.functions));
        }
    }
    Ok(spec)
}

fn usage(name: &str, message: impl Into<String>) -> Error {
    Error::Usage { field: name.to_owned(), message: message.into() }
}

fn item(
    spec: &mut TrainSpec,
    functions: &Functions,
    name: &str,
    value: &str,
) -> Result<(), Error> {
    let whole = || {
        let fail = |_| usage(name, format!("expected a whole number, found {value}"));
        value.parse::<usize>().map_err(fail)
    };
    match name {
        "epochs" => spec.epochs = Some(whole()?),
        "batch" if value == "full" => spec.batch = Some(0),
        "batch" => match whole()? {
            0 => return Err(usage(name, "expected 1 or more rows, or full, found 0")),
            n => spec.batch = Some(n),
        },
        "seed" => spec.seed = Some(whole()? as u64),
        "patience" => match whole()? {
            0 => return Err(usage(name, "expected 1 or more epochs, found 0")),
            n => spec.patience = Some(n),
        },
        "clip" => match value.parse::<f64>() {
            Ok(c) if c > 0.0 => spec.clip = Some(c),
            _ => {
                return Err(usage(
                    name,
                    format!("expected a norm above 0, found {value}"),
                ));
            }
        },
        "keep" => spec.keep_best = Some(one_of(name, value, "best", "last")?),
        "precision" => {
            let double = one_of(name, value, "f64", "f32")?;
            spec.precision = Some(if double { Precision::F64 } else { Precision::F32 });
        }
        _ => spec.optimizer = Some(call(functions, value)?),
    }
    Ok(())
}

/// Whether the value is the first word; neither is an error.
fn one_of(name: &str, value: &str, yes: &str, no: &str) -> Result<bool, Error> {
    match value {
        v if v == yes => Ok(true),
        v if v == no => Ok(false),
        _ => Err(usage(name, format!("expected {yes} or {no}, found {value}"))),
    }
}

fn call(functions: &Functions, text: &str) -> Result<OptimizerCall, Error> {
    optimizer::parse_call(functions, text).map_err(Error::Diagnostics)
}

/// Sets an argument of the optimiser, if it has one of this name.
fn argument(
    spec: &mut TrainSpec,
    module: &Module,
    key: &str,
    value: &str,
) -> Result<bool, Error> {
    let name = spec.optimizer.as_ref().map_or("adam", |c| &c.name.written).to_owned();
    let Some(known) = module.functions.optimizer(&name) else { return Ok(false) };
    let folded = chainrule_graph::functions::folded;
    let mut names = known.params.iter().map(|p| &p.name.key);
    if !names.any(|n| n == key || folded(n) == folded(key)) {
        return Ok(false);
    }
    // Read as an argument, so that schedules are understood: `lr=cosine(0.1)`.
    let fail = |_| usage(key, format!("expected a number or a schedule, found {value}"));
    let read =
        call(&module.functions, &format!("{name}({key} = {value})")).map_err(fail)?;
    let written_out = crate::schedule::unfold(&read, &module.functions)?;
    optimizer::rule(&module.functions, &written_out, true)
        .map_err(|d| fail(Error::Diagnostics(d)))?;
    let target = spec.optimizer.get_or_insert_with(|| OptimizerCall {
        name: read.name.clone(),
        args: Vec::new(),
    });
    let place = known.params.iter().position(|p| folded(&p.name.key) == folded(key));
    let is_it = |(i, a): (usize, &Arg)| match &a.name {
        Some(n) => folded(&n.key) == folded(key),
        None => Some(i) == place,
    };
    let at = target.args.iter().enumerate().position(is_it);
    match (at, read.args.into_iter().next()) {
        (Some(at), Some(arg)) => target.args[at] = arg,
        (None, Some(arg)) => target.args.push(arg),
        (_, None) => return Err(usage(key, "expected a value, found nothing")),
    }
    Ok(true)
}

fn unknown(
    name: &str,
    names: &[String],
    spec: &TrainSpec,
    functions: &Functions,
) -> Error {
    let optimizer = spec.optimizer.as_ref().map_or("adam", |c| &c.name.written);
    let arguments = functions.optimizer(optimizer).into_iter().flat_map(|o| &o.params);
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.extend(ITEMS);
    all.extend(arguments.map(|p| p.name.key.as_str()));
    let message = match nearest(name, all.iter().copied()) {
        Some(near) => {
            format!("nothing in the file has this name; did you mean {near}?")
        }
        None => {
            format!("nothing in the file has this name; there are {}", all.join(", "))
        }
    };
    usage(name, message)
}
