//! Logs of trainings, as any program writes them.
//!
//! In: a CSV (`,`, `;` or tab; any order of columns), the JSON of a Keras history, a TensorBoard event
//! file, a run folder of ours. Out: [`Run`]s: the training loss and, where there is one, the
//! validation loss of each epoch. Invariants: several runs in one file (the epoch begins anew) are
//! several runs; what is not a number over time is passed over; a file without a training loss is
//! refused, naming what it has. A format is one entry of the table `FORMATS`. Deliberately absent: judgement.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::data::fields::{Records, Unclosed};
use crate::error::{DataProblem, Error};
use crate::runs::tensorboard;

/// One training, as its log tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Where it stands: the file, and which run of it if it holds several.
    pub place: String,
    /// The training loss, in order; NaN and infinities as they were written.
    pub train: Vec<f64>,
    /// The validation loss: its place among the numbers of `train`, and the number.
    pub held: Vec<(usize, f64)>,
    /// What is to be known about how it was read.
    pub notes: Vec<String>,
}

/// A table of numbers over time: what every format is turned into. Only what a rule looks at is
/// kept, once, so that it is no larger than the file explains.
#[derive(Debug, Default)]
struct Figures {
    columns: BTreeMap<String, Vec<Option<f64>>>,
    /// The first names of the file, to be told.
    names: Vec<String>,
    notes: Vec<String>,
}

type Is = fn(&str) -> bool;
type Read = fn(&str, &[u8]) -> Result<Figures, Error>;

/// How a file is recognised, and what reads it; the last takes all others.
const FORMATS: &[(Is, Read)] = &[
    (|name| name.contains("tfevents"), of_events),
    (|name| name.ends_with(".json"), of_json),
    (|_| true, of_csv),
];

/// What training losses are called; the first that is there is taken.
const TRAIN: &[&str] = &[
    "train_loss",
    "training_loss",
    "loss_train",
    "loss_training",
    "loss",
    "epoch_loss",
    "train",
    "objective",
    "value",
];
/// The same for validation.
const HELD: &[&str] = &[
    "val_loss",
    "validation_loss",
    "valid_loss",
    "loss_val",
    "loss_valid",
    "loss_validation",
    "held_out_loss",
    "held_loss",
    "loss_held_out",
    "test_loss",
    "loss_test",
    "eval_loss",
    "val",
    "validation",
];
/// What counts epochs or steps.
const CLOCKS: &[&str] = &["epoch", "step", "steps", "iteration", "iter", "batch"];

/// Reads a log, or the `epochs.csv` of a run folder.
///
/// # Errors
/// [`Error::Read`]; [`Error::Data`] for what is not a log, or has no training loss.
pub fn read(path: &Path) -> Result<Vec<Run>, Error> {
    let file = if path.is_dir() { path.join("epochs.csv") } else { path.to_owned() };
    let bytes = fs::read(&file).map_err(|e| Error::read(&file, e))?;
    from_bytes(&file.display().to_string(), &bytes)
}

/// The same from memory; the name chooses the format.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Vec<Run>, Error> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let format = FORMATS.iter().find(|(is, _)| is(last));
    let figures = format.map_or(of_csv as Read, |f| f.1)(name, bytes)?;
    runs(name, &figures)
}

/// Lower case, one underscore for whatever is neither letter nor digit.
fn plain(name: &str) -> String {
    let name = name.trim().to_lowercase();
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// The plain name, if a rule looks at what is called so.
fn wanted(name: &str) -> Option<String> {
    let name = plain(name);
    [TRAIN, HELD, CLOCKS].concat().contains(&name.as_str()).then_some(name)
}

/// Names to be told; of many the first.
const TOLD: usize = 20;

impl Figures {
    fn column(&self, names: &[&str]) -> Option<&[Option<f64>]> {
        names.iter().find_map(|name| self.columns.get(*name)).map(|values| &values[..])
    }
}

/// Cuts the table where its clock begins anew.
fn runs(name: &str, figures: &Figures) -> Result<Vec<Run>, Error> {
    let Some(train) = figures.column(TRAIN) else {
        let names = &figures.names;
        let found =
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let problem = DataProblem::new(name, format!("no training loss; found {found}"));
        let way_out = "name the column loss or train_loss (and val_loss)";
        return Err(problem.way_out(way_out).into());
    };
    let held = figures.column(HELD);
    let clock = figures.column(CLOCKS);
    let mut parts = vec![Run::default()];
    let mut before = f64::NEG_INFINITY;
    for (row, &loss) in train.iter().enumerate() {
        if let Some(now) = clock.and_then(|c| c[row]) {
            if now < before {
                parts.push(Run::default());
            }
            before = now;
        }
        let part = parts.last_mut().expect("there is one from the start");
        if let Some(v) = held.and_then(|h| h[row]) {
            // Belongs to the loss of the same row, or to the last one before it.
            let at = (part.train.len() + usize::from(loss.is_some())).saturating_sub(1);
            part.held.push((at, v));
        }
        part.train.extend(loss);
    }
    parts.retain(|p| !p.train.is_empty());
    if parts.is_empty() {
        return Err(DataProblem::new(name, "the training loss has no number").into());
    }
    let several = parts.len() > 1;
    for (i, part) in parts.iter_mut().enumerate() {
        part.place =
            if several { format!("{name}, run {}", i + 1) } else { name.to_owned() };
        part.notes.clone_from(&figures.notes);
    }
    Ok(parts)
}

fn of_csv(name: &str, bytes: &[u8]) -> Result<Figures, Error> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(DataProblem::new(name, "neither text nor an event file").into());
    };
    let header = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    let count = |s: &&char| header.matches(**s).count();
    let separator = [',', ';', '\t'].iter().max_by_key(count).copied().unwrap_or(',');
    let mut records = Records::new(text, separator as u8);
    let unclosed = |Unclosed(line)| {
        DataProblem::new(name, "a quote that is never closed").at(format!("line {line}"))
    };
    let mut fields = Vec::new();
    let mut figures = Figures::default();
    // Of each column that is kept, its place in a record; the first of a name counts.
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut begun = false;
    // A decimal comma is told by the separator that leaves it free.
    let number = |word: &str| match separator {
        ';' => number(&word.replace(',', ".")),
        _ => number(word),
    };
    while records.next(&mut fields).map_err(unclosed)?.is_some() {
        if !begun {
            begun = true;
            let headerless = fields.iter().all(|f| number(f).is_some());
            let names = fields.iter().map(|f| match headerless {
                true => "loss".to_owned(),
                false => f.to_string(),
            });
            let names: Vec<String> = names.collect();
            for (i, name) in names.iter().enumerate().rev() {
                places.extend(wanted(name).map(|name| (name, i)));
            }
            figures.columns =
                places.keys().map(|name| (name.clone(), Vec::new())).collect();
            figures.names = names.into_iter().take(TOLD).collect();
            if headerless && fields.len() > 1 {
                let message = format!("{} columns without names", fields.len());
                let problem = DataProblem::new(name, message).at("line 1");
                return Err(problem.way_out("put a line with names in front").into());
            }
            if !headerless {
                continue;
            }
        }
        for (place, values) in places.values().zip(figures.columns.values_mut()) {
            values.push(fields.get(*place).and_then(|f| number(f)));
        }
    }
    Ok(figures)
}

/// A number, NaN and infinities in the usual spellings; `None` for anything else.
fn number(word: &str) -> Option<f64> {
    let word = word.trim();
    match word.to_lowercase().as_str() {
        "nan" | "-nan" | "+nan" => Some(f64::NAN),
        "inf" | "+inf" | "infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        _ => word.parse().ok(),
    }
}

/// `{"loss": [..], "val_loss": [..]}`, or that under `history`. NaN and Infinity, which Python
/// writes though JSON has none, are read.
fn of_json(name: &str, bytes: &[u8]) -> Result<Figures, Error> {
    let text = String::from_utf8_lossy(bytes);
    let text = python_words(&text);
    let value: Value = serde_json::from_str(&text).map_err(|e| {
        DataProblem::new(name, "not JSON").at(format!("line {}", e.line()))
    })?;
    let object = value.get("history").unwrap_or(&value).as_object();
    let object = object.ok_or_else(|| {
        DataProblem::new(name, "expected an object of lists, as Keras writes a history")
    })?;
    let column = |(key, value): (&String, &Value)| {
        let list = value.as_array()?;
        Some((wanted(key)?, list.iter().map(json_number).collect()))
    };
    let mut columns: BTreeMap<String, Vec<Option<f64>>> =
        object.iter().filter_map(column).collect();
    let rows = columns.values().map(Vec::len).max().unwrap_or(0);
    columns.values_mut().for_each(|v| v.resize(rows, None));
    let names = object.keys().take(TOLD).cloned().collect();
    Ok(Figures { columns, names, notes: Vec::new() })
}

fn json_number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str().and_then(number))
}

/// Puts quotes round Python's NaN and Infinity where they stand outside of a text.
fn python_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped, mut rest) = (false, false, text);
    while let Some(c) = rest.chars().next() {
        let word =
            ["NaN", "-Infinity", "Infinity"].into_iter().find(|w| rest.starts_with(w));
        if let (false, Some(word)) = (quoted, word) {
            out.push_str(&format!("\"{word}\""));
            rest = &rest[word.len()..];
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn of_events(name: &str, bytes: &[u8]) -> Result<Figures, Error> {
    let (scalars, cut) = tensorboard::scalars(bytes);
    if scalars.is_empty() {
        return Err(DataProblem::new(name, "no scalar in this event file").into());
    }
    let mut steps: Vec<i64> = scalars.iter().map(|s| s.step).collect();
    steps.sort_unstable();
    steps.dedup();
    let mut columns: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for s in &scalars {
        if names.len() < TOLD && !names.contains(&s.tag) {
            names.push(s.tag.clone());
        }
        if let Some(name) = wanted(&s.tag) {
            let row = steps.binary_search(&s.step).unwrap_or(0);
            let empty = || vec![None; steps.len()];
            columns.entry(name).or_insert_with(empty)[row] = Some(s.value);
        }
    }
    let notes = match cut {
        true => {
            vec!["the file ends inside a record; what stands before it was read".into()]
        }
        false => Vec::new(),
    };
    Ok(Figures { columns, names, notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, text: &str) -> Run {
        let mut runs = from_bytes(name, text.as_bytes()).unwrap();
        assert_eq!(runs.len(), 1);
        runs.remove(0)
    }

    fn refusal(name: &str, text: &str) -> String {
        from_bytes(name, text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_name_in_any_order_and_with_any_separator() {
        let a = one("a.csv", "epoch,val_loss,acc,loss\n1,2.5,x,3\n2,,y,2\n3,1.5,z,nan\n");
        assert_eq!(a.train[..2], [3.0, 2.0]);
        assert!(a.train[2].is_nan());
        assert_eq!(a.held, [(0, 2.5), (2, 1.5)]);
        let b = one("b.csv", "Validation Loss;Training Loss\n\"2,5\";3,5\n2;3\n");
        assert_eq!((b.train, b.held[0]), (vec![3.5, 3.0], (0, 2.5)));
        assert_eq!(one("c.csv", "3\n2\n1\n").train, [3.0, 2.0, 1.0]);
        let tensorboard = one("d.csv", "Wall time,Step,Value\n1,0,9\n2,1,8\n");
        assert_eq!(tensorboard.train, [9.0, 8.0]);
    }

    #[test]
    fn runs_that_were_appended_to_one_file_are_taken_apart() {
        let text = "epoch,loss\n1,3\n2,2\n1,4\n2,3\n3,2\n";
        let runs = from_bytes("log.csv", text.as_bytes()).unwrap();
        let lengths: Vec<usize> = runs.iter().map(|r| r.train.len()).collect();
        assert_eq!((lengths, runs[1].place.as_str()), (vec![2, 3], "log.csv, run 2"));
    }

    #[test]
    fn a_keras_history_is_read_with_pythons_nan() {
        let text =
            r#"{"history": {"loss": [2.0, NaN], "val_loss": [1.0, -Infinity], "p": 3}}"#;
        let run = one("history.json", text);
        assert!(run.train[1].is_nan());
        assert_eq!(run.held[1].1, f64::NEG_INFINITY);
        let text = r#"{"loss NaN": [1], "loss": [1, 2, 3]}"#;
        assert_eq!(one("h.json", text).train.len(), 3);
    }

    #[test]
    fn only_what_a_rule_looks_at_is_kept_and_the_first_of_a_name() {
        let many: Vec<String> = (0..2000).map(|i| format!("c{i}")).collect();
        let text =
            format!("{},loss,Loss\n{},3,4\n", many.join(","), "1,".repeat(1999) + "1");
        let figures = of_csv("a.csv", text.as_bytes()).unwrap();
        assert_eq!((figures.columns.len(), figures.names.len()), (1, TOLD));
        assert_eq!(figures.columns["loss"], [Some(3.0)]);
    }

    #[test]
    fn what_is_no_log_is_refused_with_what_was_found() {
        let said = refusal("a.csv", "epoch,accuracy\n1,0.5\n");
        assert!(said.contains("found epoch, accuracy"), "{said}");
        assert!(refusal("a.csv", "1,2\n3,4\n").contains("without names"));
        assert!(refusal("a.csv", "").contains("found nothing"));
        assert!(refusal("a.csv", "loss\nx\n").contains("no number"));
        assert!(refusal("a.csv", "loss\n\"1\n").contains("never closed"));
        assert!(refusal("a.json", "{").contains("not JSON"));
        assert!(refusal("a.json", "[1]").contains("object of lists"));
        assert!(refusal("x.tfevents.1", "junk").contains("no scalar"));
        let bytes = from_bytes("a.csv", &[0xff, 0xfe, 0]).unwrap_err().to_string();
        assert!(bytes.contains("neither text"));
    }
}
