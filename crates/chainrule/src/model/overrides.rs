//! `NAME=VALUE` for anything that a file says: which thing is meant, whether the value can be, and
//! the file read with it.
//!
//! In: the text of a file, names and values as typed. Out: the file as [`Loaded`], its `data:` and
//! `train:` lines changed. Invariants: a name that nothing answers to is an error with the nearest
//! word, never ignored; a value that cannot be meant is blamed on what was typed, not on a line of
//! the file. Of one name the last value wins.
//!
//! Who answers to a name, in this order: the items of the `train:` line; dimensions, constants and
//! worked values; symbols of the data (their columns); the items of the `data:` line; arguments of
//! the optimiser.

use chainrule_graph::diag::{Diagnostic, Severity, has_errors};
use chainrule_graph::functions::folded;
use chainrule_graph::lower::{self, Loaded, Override};
use chainrule_graph::module::Module;
use chainrule_graph::optimizer;
use chainrule_graph::syntax::ast::{Arg, OptimizerCall, Role, TrainSpec};
use chainrule_graph::syntax::settings::{self, nearest};
use chainrule_graph::syntax::{TRAIN_ITEMS, canonical, train_item};

use super::names::{Names, Slot};
use crate::error::Error;
use crate::schedule;

/// A name and a value.
type Set = (String, String);

/// Reads a file with overrides.
pub(super) fn load(text: &str, set: &[Set]) -> Result<Loaded, Error> {
    let names = Names::of(text);
    let mut given = Vec::new();
    // The graph takes the first of a name; here the last one wins.
    for (name, value) in set.iter().rev() {
        if train_word(name).is_none()
            && let Some((key, slot)) = names.slot(name)
        {
            let value = fitting(name, value, slot, &names)?;
            given.push(Override { name: key.to_owned(), value });
        }
    }
    let mut loaded = lower::load(text, &given);
    match &mut loaded.module {
        Some(module) => settings_of(module, &names, set)?,
        None if !given.is_empty() => blame(&mut loaded.diagnostics, text, &given),
        None => {}
    }
    Ok(loaded)
}

/// Errors that the file alone does not have come from what was typed, and say so.
fn blame(found: &mut [Diagnostic], text: &str, given: &[Override]) {
    let alone = lower::load_without_fixes(text, &[]);
    if has_errors(&alone.diagnostics) {
        return;
    }
    let typed: Vec<String> =
        given.iter().rev().map(|o| format!("--set {}={}", o.name, o.value)).collect();
    let note = format!("the file alone fits: this comes from {}", typed.join(" "));
    for d in found.iter_mut().filter(|d| d.severity == Severity::Error) {
        d.notes.push(note.clone());
    }
}

/// The value as the graph takes it.
fn fitting(name: &str, value: &str, slot: &Slot, names: &Names) -> Result<String, Error> {
    let expected = |what: &str| {
        let field = format!("--set {name}={value}");
        Err(Error::Usage { field, message: format!("expected {what}, found {value}") })
    };
    match slot {
        Slot::Size => match value.parse::<f64>() {
            Ok(n) if (1.0..=LARGEST).contains(&n) && n.fract() == 0.0 => {
                Ok((n as u64).to_string())
            }
            _ => expected("a dimension's size, a whole number from 1 to 999999999"),
        },
        Slot::Number => match value.parse::<f64>() {
            Ok(n) if n.is_finite() => Ok(value.to_owned()),
            _ => expected("a number"),
        },
        Slot::Function if names.is_function(value) => Ok(value.to_owned()),
        Slot::Function => match names.near_function(value) {
            Some(near) => expected(&format!("a function, such as {near}")),
            None => expected("the name of a function"),
        },
        Slot::Same(other) => expected(&format!(
            "no size here, as the file makes {name} the same as {other}: set {other}"
        )),
    }
}

/// More entries than this fit into no memory; sizes below it cannot overflow a product of two.
const LARGEST: f64 = 999_999_999.0;

/// The settings of the file after everything that was typed.
fn settings_of(module: &mut Module, names: &Names, set: &[Set]) -> Result<(), Error> {
    // The optimiser first, as its arguments may be set too.
    let (first, then): (Vec<_>, Vec<_>) =
        set.iter().partition(|(name, _)| name == "optimizer");
    for (name, value) in first.into_iter().chain(then) {
        if !(train(module, name, value)?
            || names.slot(name).is_some()
            || data(module, name, value)?
            || argument(module, &canonical(name), value)?)
        {
            return Err(unknown(name, value, names, module));
        }
    }
    Ok(())
}

fn usage(name: &str, message: impl Into<String>) -> Error {
    Error::Usage { field: name.to_owned(), message: message.into() }
}

/// What is wrong with a value that was read as in a file, and the way out.
fn unfit(name: &str, d: &Diagnostic) -> Error {
    let hints = d.hints.iter().map(|h| format!("; {}", h.text));
    usage(name, d.message.clone() + &hints.collect::<String>())
}

/// The word of the `train:` line that a name stands for.
pub(crate) fn train_word(name: &str) -> Option<&'static str> {
    let plain = name.to_lowercase().replace(['_', '-', ' '], "");
    let plain = if plain == "stopafter" { "stop" } else { &plain };
    TRAIN_ITEMS.iter().find(|item| **item == plain).copied()
}

/// Sets an item of the `train:` line.
fn train(module: &mut Module, name: &str, value: &str) -> Result<bool, Error> {
    if name == "optimizer" {
        let call = optimizer::parse_call(&module.functions, value)
            .map_err(|all| said(name, &all))?;
        check_call(name, module, &call)?;
        module.train.get_or_insert_default().optimizer = Some(call);
        return Ok(true);
    }
    let Some(word) = train_word(name) else { return Ok(false) };
    let new = train_item(word, value).map_err(|d| unfit(name, &d))?;
    let spec = module.train.get_or_insert_default();
    module.precision = new.precision.unwrap_or(module.precision);
    merge(spec, new);
    Ok(true)
}

/// What the new item says wins.
fn merge(spec: &mut TrainSpec, new: TrainSpec) {
    spec.batch = new.batch.or(spec.batch);
    spec.epochs = new.epochs.or(spec.epochs);
    spec.seed = new.seed.or(spec.seed);
    spec.clip = new.clip.or(spec.clip);
    spec.patience = new.patience.or(spec.patience);
    spec.keep_best = new.keep_best.or(spec.keep_best);
    spec.stop_after = new.stop_after.or(spec.stop_after);
    spec.precision = new.precision.or(spec.precision);
    spec.plateau = new.plateau.or_else(|| spec.plateau.take());
    if !new.decay.is_empty() {
        spec.decay = new.decay;
    }
}

/// Sets an item of the `data:` line, or the columns of a symbol.
fn data(module: &mut Module, name: &str, value: &str) -> Result<bool, Error> {
    let key = canonical(name);
    let role = |r| matches!(r, Role::Input | Role::Target);
    let columns = module.symbol(&key).is_some_and(|s| role(s.role));
    let item = settings::item_of(name);
    if !columns && item.is_none() {
        return Ok(false);
    }
    let Some(spec) = &mut module.data else {
        return Err(usage(name, "the file has no data: line that it could stand in"));
    };
    let put = match item {
        _ if columns => settings::put_columns(spec, &key, value),
        Some(item) => settings::put_item(spec, item, value),
        None => Ok(()),
    };
    put.map_err(|d| unfit(name, &d))?;
    Ok(true)
}

fn said(name: &str, all: &[Diagnostic]) -> Error {
    all.first().map_or_else(|| usage(name, "it cannot be read"), |d| unfit(name, d))
}

/// Whether the optimiser is there and has these arguments.
fn check_call(name: &str, module: &Module, call: &OptimizerCall) -> Result<(), Error> {
    let written_out = schedule::unfold(call, &module.functions)?;
    let rule = optimizer::rule(&module.functions, &written_out, true);
    rule.map(|_| ()).map_err(|all| said(name, &all))
}

/// Sets an argument of the optimiser, if it has one of this name.
fn argument(module: &mut Module, key: &str, value: &str) -> Result<bool, Error> {
    let spec = module.train.clone().unwrap_or_default();
    let name = spec.optimizer.as_ref().map_or("adam", |c| &c.name.written).to_owned();
    let Some(known) = module.functions.optimizer(&name) else { return Ok(false) };
    let mut names = known.params.iter().map(|p| &p.name.key);
    if !names.any(|n| n == key || folded(n) == folded(key)) {
        return Ok(false);
    }
    // Read as an argument, so that schedules are understood: `lr=cosine(0.1)`.
    let text = format!("{name}({key} = {value})");
    let read = optimizer::parse_call(&module.functions, &text).map_err(|_| {
        usage(key, format!("expected a number or a schedule, found {value}"))
    })?;
    check_call(key, module, &read)?;
    let place = known.params.iter().position(|p| folded(&p.name.key) == folded(key));
    let is_it = |(i, a): (usize, &Arg)| match &a.name {
        Some(n) => folded(&n.key) == folded(key),
        None => Some(i) == place,
    };
    let target =
        module.train.get_or_insert_default().optimizer.get_or_insert_with(|| {
            OptimizerCall { name: read.name.clone(), args: Vec::new() }
        });
    let at = target.args.iter().enumerate().position(is_it);
    match (at, read.args.into_iter().next()) {
        (Some(at), Some(arg)) => target.args[at] = arg,
        (None, Some(arg)) => target.args.push(arg),
        (_, None) => return Err(usage(key, "expected a value, found nothing")),
    }
    Ok(true)
}

fn unknown(name: &str, value: &str, names: &Names, module: &Module) -> Error {
    let call = module.train.as_ref().and_then(|t| t.optimizer.as_ref());
    let optimizer = call.map_or("adam", |c| &c.name.written);
    let rule = module.functions.optimizer(optimizer);
    let mut all: Vec<&str> = names.shown().collect();
    all.extend(TRAIN_ITEMS);
    all.push("optimizer");
    all.extend(rule.into_iter().flat_map(|o| &o.params).map(|p| p.name.key.as_str()));
    if module.data.is_some() {
        all.extend(settings::ITEMS);
    }
    let message = match nearest(name, all.iter().copied()) {
        Some(near) => {
            format!("nothing in the file has this name; did you mean {near}?")
        }
        None if names.is_function(value) => format!(
            "nothing in the file has this name; to choose a function, let the file name it: \
             `where {name} = {value}`, and {name}(…) where it is called"
        ),
        None => {
            format!("nothing in the file has this name; there are {}", all.join(", "))
        }
    };
    usage(name, message)
}

#[cfg(test)]
mod tests {
    use crate::Options;

    const FILE: &str = "input x : D\ntarget y : 1\nparam W : H×D ~ glorot, v : 1×H\nwhere H = 3, \
                        act = relu\nconst λ = 0.1\na = act(W x)\nt = v a\n\
                        minimize mean(half_mse(y, t)) + λ ‖W‖²\n\
                        data: a.csv, x = p*, y = b, hold out 20 %\n\
                        train: sgd(lr = 0.1), batch 4\n";

    fn said(name: &str, value: &str) -> String {
        let options = Options::default().set(name, value);
        options.load(FILE).map_or_else(|e| e.to_string(), |_| "fits".to_owned())
    }

    #[test]
    fn anything_that_the_file_says_can_be_set() {
        for (name, value) in [
            ("H", "64"),
            ("H", "1e2"),
            ("D", "5"),
            ("λ", "0.5"),
            ("lambda", "0"),
            ("act", "tanh"),
            ("lr", "cosine(0.1)"),
            ("epochs", "3"),
            ("batch", "full"),
            ("stop after", "10 min"),
            ("decay", "W*"),
            ("plateau", "(factor = 0.1)"),
            ("hold_out", "10 %"),
            ("x", "p1 p2 / 16"),
            ("file", "b.csv"),
            ("optimizer", "adam(lr = 1e-3)"),
        ] {
            assert_eq!(said(name, value), "fits", "{name}={value}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_blamed_on_what_was_typed() {
        for (name, value, words) in [
            ("H", "0", "--set H=0: expected a dimension's size"),
            ("H", "99999999999999999999", "--set H=99999999999999999999: expected"),
            ("H", "tanh", "found tanh"),
            ("act", "3", "--set act=3: expected the name of a function"),
            ("act", "tahn", "such as tanh"),
            ("λ", "inf", "expected a number, found inf"),
            ("batch", "0", "batch: expected 1 or more rows, or `full`, found 0"),
            ("batch", "-3", "found `-3`"),
            ("seed", "-1", "seed: expected a seed, a whole number from 0, found `-1`"),
            ("hold out", "0 %", "hold out: expected a share between 0 and 100"),
            ("y", "b / nothing", "y: "),
            ("lr", "fast", "lr: `fast` is not known"),
            ("lr", "cosin(0.1)", "lr: `cosin` is not known; did you mean `cosine`?"),
            ("lr", "0", "lr: expected a rate above 0, found 0"),
            ("lr", "-1", "lr: expected a rate above 0, found -1"),
            ("lr", "(", "lr: expected a number or a schedule, found ("),
            ("optimizer", "adm", "optimizer: "),
            ("epoch", "3", "did you mean epochs?"),
            ("holdd out", "3 %", "did you mean hold out?"),
            ("layer", "tanh", "let the file name it: `where layer = tanh`"),
            ("QQQ", "3", "there are H, act, λ, D, batch"),
        ] {
            let found = said(name, value);
            assert!(found.contains(words), "{name}={value}: {found}");
        }
    }

    #[test]
    fn settings_of_the_module_are_those_that_were_typed() {
        let options = Options::default().set("hold out", "none").set("lr", "0.5");
        let m = options.set("batch", "8").load(FILE).unwrap().module.unwrap();
        assert_eq!(m.data.unwrap().hold_out, None);
        let train = m.train.unwrap();
        assert_eq!((train.batch, train.optimizer.unwrap().args.len()), (Some(8), 1));
    }

    #[test]
    fn an_error_that_the_file_alone_does_not_have_says_where_it_comes_from() {
        let text =
            FILE.replace("act = relu", "act = relu, K = 2") + "b = [1; 2; 3] ⊙ (W x)\n";
        let loaded = Options::default().set("H", "4").load(&text).unwrap();
        let notes = loaded.diagnostics.iter().flat_map(|d| &d.notes);
        assert!(loaded.module.is_none());
        assert!(notes.clone().any(|n| n.contains("--set H=4")), "{loaded:?}");
    }
}
