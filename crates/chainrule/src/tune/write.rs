//! Settings put into a file of equations, as somebody would who edits it by hand.
//!
//! In: a model, settings as `--set` takes them. Out: its text with their values in the places where
//! the old ones stood. Invariants: nothing else changes, comments and layout stay; the new text is
//! read, and trains as the old one does with these settings, before it is given out. Deliberately
//! absent: what has no place in a file (an item of the `data:` line that is taken away).

use std::ops::Range;

use chainrule_graph::functions::folded;
use chainrule_graph::syntax::ast::{File, OptimizerCall, Statement, StatementKind};
use chainrule_graph::syntax::settings::{item_of, print_data};
use chainrule_graph::syntax::{self, canonical};

use crate::error::Error;
use crate::model::Model;
use crate::model::names::is_shipped;
use crate::model::overrides::train_word;
use crate::train::Settings;
use crate::trials;

/// The text of the model with these settings in it, and with those that it has by `--set`.
///
/// # Errors
/// [`Error::Refused`] if a value has no place in the text.
pub fn with_settings(model: &Model, set: &trials::Settings) -> Result<String, Error> {
    let mut text = model.equations().to_owned();
    let all = || model.options().set.iter().chain(set);
    // The optimiser first: its arguments may be set too.
    let (first, then): (Vec<_>, Vec<_>) = all().partition(|(n, _)| n == "optimizer");
    for (name, value) in first.into_iter().chain(then) {
        text = put(&text, name, value).ok_or_else(|| no_place(name, value))?;
    }
    match same(model, set, &text)? {
        true => Ok(text),
        false => Err(Error::Refused(
            "the settings have no places of their own in the file; train it with --set"
                .into(),
        )),
    }
}

fn no_place(name: &str, value: &str) -> Error {
    Error::Refused(format!(
        "{name} = {value} has no place in the file; train it with --set"
    ))
}

/// Whether the text trains as the model does with the settings.
fn same(model: &Model, set: &trials::Settings, text: &str) -> Result<bool, Error> {
    let wanted = model.varied(set, &|_| true)?;
    let options = crate::Options { set: Vec::new(), ..model.options().clone() };
    let Ok(found) = Model::parse_in(text, model.folder(), options) else {
        return Ok(false);
    };
    let data = |m: &Model| m.module().data.as_ref().map(print_data);
    let (a, b) = (wanted.settings(), found.settings());
    let plain = Settings { optimizer: a.optimizer.clone(), ..b.clone() };
    Ok(wanted.derived().fingerprint == found.derived().fingerprint
        && wanted.module().dims.sizes == found.module().dims.sizes
        && data(&wanted) == data(&found)
        && plain == *a
        && a.optimizer_text() == b.optimizer_text())
}

/// An edit: what goes, and what comes in its place.
type Edit = (Range<usize>, String);

fn put(text: &str, name: &str, value: &str) -> Option<String> {
    let file = syntax::parse(text, &is_shipped, &[]).file;
    let edit = train(text, &file, name, value)
        .or_else(|| named(&file, name, value))
        .or_else(|| data(text, &file, name, value))
        .or_else(|| argument(text, &file, name, value))?;
    let (place, new) = edit;
    Some(format!("{}{new}{}", text.get(..place.start)?, text.get(place.end..)?))
}

fn range(span: chainrule_graph::diag::Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// The last statement that is a `train:` line.
fn train_line(file: &File) -> Option<(&Statement, Option<&OptimizerCall>)> {
    file.statements.iter().rev().find_map(|s| match &s.kind {
        StatementKind::Train(spec) => Some((s, spec.optimizer.as_ref())),
        _ => None,
    })
}

/// An item of the `train:` line, or the optimiser.
fn train(text: &str, file: &File, name: &str, value: &str) -> Option<Edit> {
    let optimizer = name == "optimizer";
    let new = match (optimizer, train_word(name)) {
        (true, _) => value.to_owned(),
        (false, Some("stop")) => format!("stop after {value}"),
        (false, Some(word)) => format!("{word} {value}"),
        (false, None) => return None,
    };
    let Some((line, call)) = train_line(file) else {
        return Some(at_the_end(text, &format!("train: {new}")));
    };
    let items = items(text, range(line.span));
    let word = |item: &Range<usize>| {
        let first = text[item.clone()].split(|c: char| !c.is_alphanumeric()).next();
        train_word(first.unwrap_or_default())
    };
    let own = |item: &&Range<usize>| match (optimizer, call) {
        (true, Some(call)) => item.contains(&(call.name.span.start as usize)),
        (true, None) => false,
        (false, _) => word(item).is_some() && word(item) == train_word(name),
    };
    match (items.iter().find(own), items.first(), items.last()) {
        (Some(item), ..) => Some((item.clone(), new)),
        (None, Some(first), _) if optimizer => {
            Some((first.start..first.start, format!("{new}, ")))
        }
        (None, _, Some(last)) => Some((last.end..last.end, format!(", {new}"))),
        (None, ..) => None,
    }
}

fn at_the_end(text: &str, line: &str) -> Edit {
    let end = text.trim_end().len();
    (end..text.len(), format!("\n{line}\n"))
}

/// A dimension, a constant, a worked value or a function that a `where` names.
fn named(file: &File, name: &str, value: &str) -> Option<Edit> {
    let key = canonical(name);
    let place = |s: &Statement| match &s.kind {
        StatementKind::Const(n, e) | StatementKind::Value(n, e) => {
            (n.key == key).then_some(e.span)
        }
        StatementKind::Where(all) => {
            all.iter().find(|(n, _)| n.key == key).map(|(_, e)| e.span)
        }
        _ => None,
    };
    let span = file.statements.iter().find_map(place)?;
    Some((range(span), value.to_owned()))
}

/// The columns of a symbol, or an item of the `data:` line.
fn data(text: &str, file: &File, name: &str, value: &str) -> Option<Edit> {
    let line =
        file.statements.iter().find(|s| matches!(s.kind, StatementKind::Data(_)))?;
    let columns = |item: &str| {
        let symbol = item.split_once('=').map(|(symbol, _)| canonical(symbol.trim()));
        symbol.is_some_and(|s| s == canonical(name))
    };
    let items = items(text, range(line.span));
    if let Some(item) = items.iter().find(|i| columns(&text[(*i).clone()])) {
        return Some((item.clone(), format!("{} = {value}", name.trim())));
    }
    let word = item_of(name).filter(|_| !["none", "yes", "no"].contains(&value))?;
    let own = |i: &&Range<usize>| text[(*i).clone()].starts_with(word);
    let new = format!("{word} {value}");
    match (items.iter().find(own), items.last()) {
        (Some(item), _) => Some((item.clone(), new)),
        (None, Some(last)) => Some((last.end..last.end, format!(", {new}"))),
        (None, None) => None,
    }
}

/// An argument of the optimiser.
fn argument(text: &str, file: &File, name: &str, value: &str) -> Option<Edit> {
    let Some((line, call)) = train_line(file) else {
        return Some(at_the_end(text, &format!("train: adam({name} = {value})")));
    };
    let Some(call) = call else {
        let first = items(text, range(line.span)).first()?.start;
        return Some((first..first, format!("adam({name} = {value}), ")));
    };
    let rule = chainrule_graph::prelude::functions().optimizer(&call.name.written);
    let place = rule.and_then(|r| {
        r.params.iter().position(|p| folded(&p.name.key) == folded(&canonical(name)))
    });
    let own = call.args.iter().enumerate().find(|(i, a)| match &a.name {
        Some(n) => folded(&n.key) == folded(&canonical(name)),
        None => Some(*i) == place,
    });
    let end = call.name.span.end as usize;
    let new = format!("{name} = {value}");
    Some(match (own, call.args.last()) {
        (Some((_, arg)), _) if arg.name.is_none() => (range(arg.value.span), new),
        (Some((_, arg)), _) => (range(arg.value.span), value.to_owned()),
        (None, Some(last)) => {
            let end = last.value.span.end as usize;
            (end..end, format!(", {new}"))
        }
        (None, None) if text[end..].starts_with("()") => {
            (end..end + 2, format!("({new})"))
        }
        (None, None) => (end..end, format!("({new})")),
    })
}

/// The items of a `train:` or `data:` line: what stands between the commas that are outside of
/// brackets, quotes and comments, without the white space around it.
fn items(text: &str, line: Range<usize>) -> Vec<Range<usize>> {
    let from = line.start + text[line.clone()].find(':').map_or(0, |at| at + 1);
    let (mut all, mut item): (Vec<Range<usize>>, Option<Range<usize>>) =
        Default::default();
    let (mut depth, mut quote, mut comment) = (0i32, None, false);
    for (at, sign) in text[from..line.end].char_indices() {
        let at = from + at;
        comment = (comment || sign == '#' && quote.is_none()) && sign != '\n';
        if comment || sign.is_whitespace() {
            continue;
        }
        match (quote, sign) {
            (Some(open), _) if sign == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(sign),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                all.extend(item.take());
                continue;
            }
            (None, _) => {}
        }
        let start = item.as_ref().map_or(at, |i| i.start);
        item = Some(start..at + sign.len_utf8());
    }
    all.extend(item);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    const FILE: &str = "# mine\ninput x : D   # columns\ntarget y : 1\nparam W : H×D ~ glorot, \
        v : 1×H\nwhere  H = 3, act = relu  # a few\nconst λ = 0.1\na = act(W x)\nt = v a\n\
        minimize mean(half_mse(y, t)) + λ ‖W‖²\n\
        data: a.csv, x = p* / 16,  y = b, hold out 20 % # a fifth\n\
        train: sgd(lr = 0.1, weight_decay = 0),   # plain\n  batch 4\n";

    fn written(text: &str, set: &[(&str, &str)]) -> String {
        let model = Model::parse(text).unwrap();
        let set = set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        with_settings(&model, &set).unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn a_value_stands_where_the_old_one_stood_and_all_else_stays() {
        for (name, value, old, new) in [
            ("lr", "0.003", "lr = 0.1", "lr = 0.003"),
            ("H", "64", "H = 3,", "H = 64,"),
            ("act", "tanh", "act = relu", "act = tanh"),
            ("λ", "2e-5", "const λ = 0.1", "const λ = 2e-5"),
            ("lambda", "2e-5", "const λ = 0.1", "const λ = 2e-5"),
            ("batch", "full", "batch 4", "batch full"),
            ("epochs", "7", "batch 4", "batch 4, epochs 7"),
            ("hold out", "10 %", "hold out 20 %", "hold out 10 %"),
            ("x", "p1 p2", "x = p* / 16", "x = p1 p2"),
            (
                "optimizer",
                "adam(lr = 0.1)",
                "sgd(lr = 0.1, weight_decay = 0)",
                "adam(lr = 0.1)",
            ),
        ] {
            assert_eq!(written(FILE, &[(name, value)]), FILE.replace(old, new), "{name}");
        }
    }

    #[test]
    fn a_line_or_argument_that_is_missing_is_added() {
        let line = FILE.find("train:").unwrap();
        let with = |train: &str| format!("{}{train}", &FILE[..line]);
        for (before, after) in [
            ("", "train: adam(lr = 0.02)\n"),
            ("train: adam, batch 4\n", "train: adam(lr = 0.02), batch 4\n"),
            ("train: adam(), batch 4\n", "train: adam(lr = 0.02), batch 4\n"),
            ("train: batch 4\n", "train: adam(lr = 0.02), batch 4\n"),
            ("train: sgd(0.1), batch 4\n", "train: sgd(lr = 0.02), batch 4\n"),
            (
                "train: momentum(momentum = 0.5)\n",
                "train: momentum(momentum = 0.5, lr = 0.02)\n",
            ),
        ] {
            assert_eq!(
                written(&with(before), &[("lr", "0.02")]),
                with(after),
                "{before}"
            );
        }
    }

    #[test]
    fn settings_of_the_command_line_are_written_too() {
        let options = Options::default().set("H", "8").set("lr", "5");
        let model = Model::parse_with(FILE, options).unwrap();
        let set = vec![("lr".to_owned(), "0.2".to_owned())];
        let text = with_settings(&model, &set).unwrap();
        assert!(text.contains("H = 8,") && text.contains("lr = 0.2"), "{text}");
    }

    #[test]
    fn what_has_no_place_is_refused() {
        assert!(written(FILE, &[("hold out", "none")]).contains("no place"));
    }
}
