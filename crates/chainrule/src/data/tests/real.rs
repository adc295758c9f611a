//! Well-known tables, where a copy of them is at hand.

use std::path::PathBuf;

use super::*;
use crate::data::{Task, propose, read_guessing};

/// The folder of well-known tables; `None` (with a word) if it is not there.
fn tables() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.map(|p| p.join("shared/data")).find(|p| p.is_dir());
    if found.is_none() {
        // Not `eprintln!`: the lint against printing holds in tests too.
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: no folder shared/data");
    }
    found
}

const ADULT: &str = "no header age workclass fnlwgt education education-num marital-status \
    occupation relationship race sex capital-gain capital-loss hours-per-week native-country \
    income, missing \"?\", strip \".\"";

#[test]
fn adult_with_its_test_file() {
    let Some(folder) = tables() else { return };
    let line = format!(
        "adult-train.csv.gz, x = * -fnlwgt / standardized, y = income, \
         hold out 10 % stratified, test adult-test.csv.gz, {ADULT}"
    );
    let symbols = [input("x"), target("y", Some(Mark::Binary))];
    let loaded = load(&folder, &spec(&line), &symbols, 1).unwrap();
    let prepared = &loaded.prepared;
    assert_eq!((prepared.report.rows, prepared.report.held_out), (32_561, 3256));
    assert_eq!(prepared.preparation.class_names("y").unwrap(), ["<=50K", ">50K"]);
    let (test, report) = loaded.test.unwrap();
    assert_eq!(test.rows, 16_281);
    let ones = rows(&test, "y").concat().iter().sum::<f64>();
    assert_eq!(ones, 3846.0);
    assert_eq!(prepared.report.missing_category.len(), 3);
    assert_eq!(report.missing_category.len(), 3);
}

#[test]
fn diamonds_with_ordered_words() {
    let Some(folder) = tables() else { return };
    let line = "diamonds.csv.gz, x = carat cut depth / standardized, x = color clarity, \
                t = price / log / standardized, hold out 20 %, \
                ordinal cut = Fair < Good < Very Good < Premium < Ideal";
    let symbols = [input("x"), target("t", None)];
    let loaded = load(&folder, &spec(line), &symbols, 1).unwrap();
    let train = &loaded.prepared.train;
    assert_eq!((train.rows, loaded.prepared.report.held_out), (43_152, 10_788));
    assert_eq!(train.array("x").unwrap().cols(), 3 + 7 + 8);
    let t = rows(train, "t").concat();
    assert!(t.iter().sum::<f64>().abs() < 1e-6);
}

#[test]
fn mnist_as_idx() {
    let Some(folder) = tables() else { return };
    let line = "mnist-t10k-images-idx3-ubyte.gz + mnist-t10k-labels-idx1-ubyte.gz, \
                x = pixel* / 255, y = label, hold out 1000 %";
    let line = line.replace("1000 %", "10 % stratified");
    let x = SymbolInfo { rows: Some(784), ..input("x") };
    let symbols = [x, target("y", Some(Mark::OneHot))];
    let loaded = load(&folder, &spec(&line), &symbols, 1).unwrap();
    let train = &loaded.prepared.train;
    assert_eq!(train.rows, 9000);
    let Array::Index { classes, index } = train.array("y").unwrap() else { panic!() };
    assert_eq!((*classes, index.len()), (10, 9000));
    let x = rows(train, "x").concat();
    assert!(x.iter().all(|v| (0.0..=1.0).contains(v)) && x.contains(&1.0));
}

#[test]
fn every_table_gets_a_proposal_that_can_be_trained() {
    let Some(folder) = tables() else { return };
    let cases = [
        ("penguins.csv", Some("species"), Task::Classes),
        ("mpg.csv", Some("mpg"), Task::Regression),
        ("banknote_authentication.csv", None, Task::Binary),
        ("adult-train.csv.gz", None, Task::Binary),
        ("winequality-red.csv", None, Task::Regression),
        ("winequality-white.csv", None, Task::Regression),
        ("diamonds.csv.gz", Some("price"), Task::Regression),
        ("diamonds.csv.gz", Some("cut"), Task::Classes),
    ];
    for (file, wanted, task) in cases {
        let (source, found) = read_guessing(&folder, file).unwrap();
        let proposal = propose(&source, &found, wanted).unwrap();
        assert_eq!(proposal.task, task, "{file}: {:?}", proposal.reasons);
        let mark = match task {
            Task::Binary => Some(Mark::Binary),
            Task::Classes => Some(Mark::OneHot),
            Task::Regression => None,
        };
        let line = spec(&proposal.data_line());
        let loaded = load(&folder, &line, &[input("x"), target("y", mark)], 0);
        loaded.unwrap_or_else(|e| panic!("{file}: {}: {e}", proposal.data_line()));
    }
}
