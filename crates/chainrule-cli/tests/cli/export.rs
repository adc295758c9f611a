//! `export` and `train --tensorboard`: what they write, judged by the programs that read it.

use std::path::{Path, PathBuf};

use crate::support::{Place, Ran, python, repository};
use crate::training::place;

/// The columns of adult's files, which have no header.
const ADULT: &str = "age,workclass,fnlwgt,education,education-num,marital,occupation,relationship,\
                     race,sex,capital-gain,capital-loss,hours,country,income";

fn done(ran: &Ran) -> &str {
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.out.trim()
}

/// A trained model of a file, called `runs/t-1.safetensors`.
fn train(place: &Place, file: &Path, more: &[&str]) {
    let text = std::fs::read_to_string(file).expect("the file");
    let folder = file.parent().expect("a folder").display().to_string();
    // The data stay where they are.
    let text = text.replace("data:  ", &format!("data:  {folder}/"));
    let text = text.replace(" + ..", &format!(" + {folder}/.."));
    let text = text.replace("test ..", &format!("test {folder}/.."));
    place.file("t.chain", text);
    done(&place.run(&[&["train", "t.chain", "--quiet"], more].concat()));
}

/// Exports to ONNX and holds it against `predict` on a file of rows.
fn judged(place: &Place, rows: &Path, more: &[&str]) {
    let rows = rows.to_str().expect("a path");
    let model = "runs/t-1.safetensors";
    let onnx = place.run(&["export", model, "--to", "onnx", "-o", "t.onnx"]);
    assert_eq!(done(&onnx), "t.onnx");
    done(&place.run(&["predict", model, rows, "-o", "predicted.csv"]));
    let path = |name: &str| place.path().join(name).display().to_string();
    let args = ["onnx", &path("t.onnx"), rows, &path("predicted.csv")];
    python(&[&args, more].concat());
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = repository("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    crate::support::skipped("the owner's data are not here");
    None
}

#[test]
fn digits_and_miles_per_gallon_come_out_of_onnxruntime_as_predicted() {
    for name in ["digits", "mpg"] {
        let place = Place::new();
        let file = repository(&format!("examples/{name}.chain"));
        train(&place, &file, &["--epochs", "3"]);
        judged(&place, &repository(&format!("examples/data/{name}.csv.gz")), &[]);
    }
}

#[test]
fn adult_comes_out_of_onnxruntime_from_its_raw_columns_row_by_row() {
    let Some(rows) = shared("adult-test.csv.gz") else { return };
    let place = Place::new();
    let file = repository("crates/chainrule/tests/shared/adult.chain");
    train(&place, &file, &["--epochs", "3"]);
    judged(&place, &rows, &["--names", ADULT, "--missing", "?", "--strip", "."]);
}

#[test]
fn diamonds_come_out_of_onnxruntime_in_dollars() {
    let Some(rows) = shared("diamonds.csv.gz") else { return };
    let place = Place::new();
    let file = repository("crates/chainrule/tests/shared/diamonds.chain");
    train(&place, &file, &["--epochs", "1"]);
    judged(&place, &rows, &[]);
}

#[test]
fn weights_are_the_same_in_python_and_as_a_table() {
    let place = place();
    done(&place.run(&["train", "t.chain", "--quiet"]));
    let model = "runs/t-1.safetensors";
    let weights = place.run(&["export", model, "--to", "safetensors"]);
    assert_eq!(done(&weights), "runs/t-1.weights.safetensors");
    let table = place.run(&["export", model, "--to", "csv"]);
    assert_eq!(done(&table), "runs/t-1.csv");
    let path = |name: &str| place.path().join(name).display().to_string();
    let args =
        ["safetensors", &path("runs/t-1.weights.safetensors"), &path("runs/t-1.csv")];
    python(&args);
}

#[test]
fn learned_values_can_be_explained_on_a_row() {
    let place = place();
    done(&place.run(&["train", "t.chain", "--quiet"]));
    let model = "runs/t-1.safetensors";
    done(&place.run(&["export", model, "--to", "chain", "-o", "learned.chain"]));
    let args = ["explain", "learned.chain", "--row", "2", "--ask", "ŷ", "--ask", "b2"];
    let json = place.run(&[&args[..], &["--format", "json"]].concat()).json();
    let entries = |i: usize| -> Vec<f64> {
        let rows = json["answers"][i]["value"].as_array().expect("a value");
        rows.iter().filter_map(|r| r[0].as_f64().or(r.as_f64())).collect()
    };
    let sum: f64 = entries(0).iter().sum();
    assert!((sum - 1.0).abs() < 1e-6, "{json}");
    assert!(entries(1).iter().any(|b| *b != 0.0), "b2 started at 0: {json}");
}

#[test]
fn a_wrong_format_or_model_is_answered() {
    let place = place();
    done(&place.run(&["train", "t.chain", "--quiet", "--epochs", "1"]));
    let model = "runs/t-1.safetensors";
    let wrong = place.run(&["export", model, "--to", "onxx"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.err.contains("did you mean onnx?"), "{wrong:?}");
    let missing = place.run(&["export", "none.safetensors", "--to", "onnx"]);
    assert_eq!(missing.status, 2, "{missing:?}");
    let other = place.run(&["export", "t.csv", "--to", "onnx"]);
    assert_eq!(other.status, 2, "{other:?}");
    let itself = place.run(&["export", model, "--to", "csv", "-o", model]);
    assert_eq!(itself.status, 2);
    assert!(itself.err.contains("the model itself"), "{itself:?}");
    let nowhere = place.run(&["export", model, "--to", "csv", "-o", "none/t.csv"]);
    assert_eq!(nowhere.status, 3, "{nowhere:?}");
    assert_eq!(place.names(), ["runs", "t.chain", "t.csv"]);
    let json = place.run(&["export", model, "--to", "csv", "--format", "json"]).json();
    assert_eq!((&json["file"], &json["format"]), (&"runs/t-1.csv".into(), &"csv".into()));
}

#[test]
fn what_cannot_be_exported_says_which_equation_and_writes_nothing() {
    let place = place();
    let text =
        crate::training::CLASSES.replace("relu(W1 x + b1)", "batch_norm(W1 x + b1)");
    place.file("t.chain", text);
    done(&place.run(&["train", "t.chain", "--quiet", "--epochs", "1"]));
    let ran = place.run(&["export", "runs/t-1.safetensors", "--to", "chain"]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("a1 uses batch_norm"), "{ran:?}");
    assert!(!place.path().join("runs/t-1.chain").exists());
}

#[test]
fn tensorboard_reads_the_figures_of_the_epochs() {
    let place = place();
    let ran = place.run(&["train", "t.chain", "--quiet", "--tensorboard", "logs/a"]);
    assert!(done(&ran).contains("events: logs/a/events.out.tfevents."), "{ran:?}");
    let path = |name: &str| place.path().join(name).display().to_string();
    python(&["events", &path("logs/a"), &path("runs/t-1/epochs.csv")]);
    // A folder that cannot be made stops the training and leaves nothing.
    place.file("taken", "");
    let ran = place.run(&["train", "t.chain", "--quiet", "--tensorboard", "taken/b"]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.err.contains("taken"), "{ran:?}");
    assert!(!place.path().join("runs/t-2").exists());
}
