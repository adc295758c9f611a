//! The gap between training and validation: what it is made of, and that the amounts add up.

use std::path::Path;

use chainrule::data::Part;
use chainrule::diagnose::gap::{self, Gap};
use chainrule::train::Control;
use chainrule::{Model, Options, table};

/// Trains a file and takes the gap of its last epoch apart.
fn gap_of(model: &Model) -> (Gap, f64) {
    let loaded = model.load_data().unwrap();
    let train = &loaded.prepared.train;
    let watched = loaded.watched().unwrap();
    let recipe = &loaded.prepared.preparation;
    let trained = model
        .fit_prepared(train, Some(watched), recipe, &mut |_| Control::Continue)
        .unwrap();
    let epoch = trained.history().last().unwrap();
    let gap =
        gap::of(&trained, epoch, train.into(), Part::from(watched), "here").unwrap();
    (gap, epoch.held_loss.unwrap())
}

fn exam(set: &[(&str, &str)]) -> Model {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/exam-gap.chain");
    let options = set.iter().fold(Options::default(), |o, (n, v)| o.set(n, v));
    Model::from_file(file, options.threads(1)).unwrap()
}

fn amount(gap: &Gap, what: &str) -> f64 {
    gap.amounts.iter().find(|a| a.what == what).unwrap().amount
}

#[test]
fn exam_1_1_validation_lies_below_training_by_how_it_is_measured_alone() {
    let (gap, logged) = gap_of(&exam(&[]));
    assert!(gap.held < 0.6 * gap.train, "{gap:?}");
    let all: f64 = gap.amounts.iter().map(|a| a.amount).sum();
    assert!((gap.train - all - gap.held).abs() < 1e-12, "{gap:?}");
    assert!((gap.amounts[3].left - gap.held).abs() < 1e-12, "{gap:?}");
    assert!((logged - gap.held).abs() < 1e-6, "{logged} {gap:?}");
    for what in ["penalty", "training form", "moving weights"] {
        assert!(amount(&gap, what) > 0.005, "{what}: {gap:?}");
    }
    assert!(gap.z < 3.0 && gap.findings.is_empty(), "{gap:?}");
    let svg = gap.svg();
    assert!(svg.contains("moving weights") && svg.contains("measured alike"), "{svg}");
}

#[test]
fn weights_that_stand_still_have_no_part_in_the_gap() {
    // Then the pass over the epoch's batches with its masks is what was logged.
    let (gap, _) =
        gap_of(&exam(&[("lr", "1e-30"), ("optimizer", "sgd"), ("epochs", "2")]));
    assert!(amount(&gap, "moving weights").abs() < 1e-6, "{gap:?}");
    assert!(amount(&gap, "training form") > 0.1, "{gap:?}");
}

#[test]
fn a_validation_part_of_easier_rows_is_a_finding() {
    let text = "input x : 1\ntarget y : 1\nparam w : 1×1 ~ glorot\nŷ = w x\n\
                L = half_mse(y, ŷ)\nminimize mean(L)\n\
                data: d.csv, x = x, y = y, hold out 30 % last\n\
                train: sgd(lr = 0.1), batch 10, epochs 20, seed 0\n";
    let noise = |i: usize| if i < 70 { (i * 37 % 17) as f64 / 4.0 - 2.0 } else { 0.0 };
    let x: Vec<f64> = (0..100).map(|i| (i * 29 % 31) as f64 / 15.0 - 1.0).collect();
    let y: Vec<f64> = x.iter().enumerate().map(|(i, x)| 0.7 * x + noise(i)).collect();
    let model = Model::parse(text).unwrap();
    let p = model.prepare(&table(&[("x", 1, &x), ("y", 1, &y)]).unwrap()).unwrap();
    let held = p.held_out.as_ref().unwrap();
    let recipe = &p.preparation;
    let trained = model
        .fit_prepared(&p.train, Some(held), recipe, &mut |_| Control::Continue)
        .unwrap();
    let epoch = trained.history().last().unwrap();
    let gap = gap::of(&trained, epoch, (&p.train).into(), held.into(), "here").unwrap();
    assert!(gap.z > 3.0, "{gap:?}");
    assert_eq!(gap.findings[0].id, "validation_better");
    // The objective is rounded to f32, the mean of the losses is not.
    for what in ["penalty", "training form"] {
        assert!(amount(&gap, what).abs() < 1e-6, "{gap:?}");
    }
}
