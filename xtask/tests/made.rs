//! Networks of our own with a fault, and healthy ones: what a diagnosis says; and data said in many
//! ways. Skipped with a message where Python's packages are absent.
#![allow(clippy::print_stderr, reason = "a skip, and what was said of a case, are told")]

use std::path::Path;

use serde_json::{Value, json};
use xtask::made::{Verdict, diagnose_all, sample, verdict};

fn ready() -> bool {
    let has = xtask::has_packages();
    if !has {
        assert!(std::env::var("CHAINRULE_NO_SKIP").as_deref() != Ok("1"), "no packages");
        eprintln!(
            "skipped: NumPy and scikit-learn are not there; `make test` sets them up"
        );
    }
    has
}

#[test]
fn made_faults_are_noticed_and_healthy_networks_left_alone() {
    if !ready() {
        return;
    }
    let out = tempfile::tempdir().expect("a folder for the test");
    let list = sample();
    let said = diagnose_all(Path::new("made"), &list, out.path(), &|(case, said), s| {
        let short = said
            .as_ref()
            .map(|all| all.iter().map(|f| (f.severity, f.id)).collect::<Vec<_>>());
        eprintln!("{s:6.1} s {} {short:?}", case["id"]);
    });
    let (mut missed, mut doubled) = (Vec::new(), Vec::new());
    for (case, said) in &said {
        let id = &case["id"];
        let found = said.as_ref().unwrap_or_else(|why| panic!("{id}: {why}"));
        match verdict(case, found) {
            Verdict::Noticed | Verdict::Healthy(0, 0 | 1) => {}
            Verdict::Missed => missed.push(id),
            Verdict::Healthy(0, 2) => doubled.push(id),
            slander @ Verdict::Healthy(..) => panic!("{id}: {slander:?}, {found:?}"),
        }
    }
    assert!(missed.len() <= 2, "not noticed: {missed:?}");
    assert!(doubled.len() <= 1, "two warnings on healthy networks: {doubled:?}");
    assert!(said.len() >= 30, "{}", said.len());
}

/// A case whose rows come by this formula.
fn of_formula(formula: &str) -> Value {
    json!({"id": "rows", "layers": [1, 4, 1], "activations": ["relu", "linear"],
        "init": ["glorot_uniform", "glorot_uniform"], "loss": "mse", "optimizer": "sgd",
        "lr": 0.1, "batch": 8, "epochs": 1, "data": {"formula": formula}})
}

#[test]
fn rows_are_made_from_formulas_however_they_are_written() {
    if !ready() {
        return;
    }
    let out = tempfile::tempdir().expect("a folder for the test");
    for (formula, inputs) in [
        ("XOR of two bits, 4 rows", 2),
        ("x = 0..99, y = 2x + 1", 1),
        ("x = -10..10 step 0.5, y = x^2", 1),
        ("x = 0,0.1,..,4.9; y = 5 x^2 + normal(0,1)^3", 1),
        ("x = [[0,0],[0,1],[1,0],[1,1]], y = [0,1,1,0]", 2),
        ("x = 1, 2, 3, 4; y = 1, 4, 9, 16", 1),
        ("1000 random integers in 0..100 as x; y = 1 if x > 50 else 0", 1),
        ("x normal(0,1), 1000 rows, y = 3 x^2 - 2x + 1, standardised", 1),
        ("200 rows x uniform(0,1)^10, y random 0/1", 10),
        ("200 rows of 8 random bits, y = parity(x)", 8),
        ("200 rows x randint(0,2)^2, y = x1 xor x2", 2),
        ("np.random.rand(300, 5), y = np.sin(x[0]) + max(x)", 5),
        ("sklearn make_friedman1(100, noise 0.3)", 10),
    ] {
        let case = of_formula(formula);
        let written = xtask::write(Path::new("made"), &case, out.path());
        let written = written.unwrap_or_else(|why| panic!("{formula}: {why}"));
        assert!(written.unsaid.is_empty(), "{formula}: {:?}", written.unsaid);
        let text = std::fs::read_to_string(&written.chain).expect("the file");
        assert!(text.contains(&format!("input x : {inputs}\n")), "{formula}: {text}");
    }
    let case = of_formula("x = the weather; y = tomorrow's");
    let written = xtask::write(Path::new("made"), &case, out.path()).expect("written");
    assert!(written.unsaid[0].contains("weather"), "{:?}", written.unsaid);
}
