//! Cross-validation: rows are dealt evenly, and a fold has no part in what is learned beside it.

use chainrule::data::{DataSpec, Fold, Kind, Prepared, prepare_fold};
use chainrule::train::Control;
use chainrule::trials::{FoldFigures, Folds, Trials};
use chainrule::{Model, Options};

const FILE: &str = "input x : D\ntarget y : K one-hot\n\
    param W : K×D ~ glorot, b : K = 0\nŷ = softmax(W x + b)\n\
    L = cross_entropy(y, ŷ)\nminimize mean(L)\n\
    data: t.csv, x = a b standardized, y = kind, hold out 25 %\n\
    train: adam(lr = 1e-2), batch 16, epochs 5, keep best, seed 3\n";

/// Three classes of 60, 30 and 13 rows.
fn model() -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "a,b,kind\n".to_owned();
    for i in 0..103_u32 {
        let kind = ["red", "green", "blue"][usize::from(i >= 60) + usize::from(i >= 90)];
        text.push_str(&format!("{},{},{kind}\n", i * 37 % 101 + i, i * 53 % 97));
    }
    std::fs::write(folder.path().join("t.csv"), text).unwrap();
    let model = Model::parse_in(FILE, folder.path(), Options::default()).unwrap();
    (folder, model)
}

fn dealt(model: &Model, number: usize) -> (Prepared, chainrule::data::Dataset) {
    let source = model.load_data().unwrap().source;
    let spec: &DataSpec = model.module().data.as_ref().unwrap();
    let seed = model.settings().seed;
    let fold = Fold { number, of: 5, seed };
    prepare_fold(spec, &model.symbols(), &source, seed, fold).unwrap()
}

#[test]
fn each_row_is_in_one_fold_and_classes_are_spread_evenly() {
    let (_folder, model) = model();
    let mut seen = Vec::new();
    for number in 0..5 {
        let (others, kept) = dealt(&model, number);
        let held = others.held_out.unwrap();
        assert_eq!(others.train.rows + held.rows + kept.rows, 103);
        let class = |row: u32| usize::from(row >= 60) + usize::from(row >= 90);
        let mut counts = [0; 3];
        kept.origin.iter().for_each(|&row| counts[class(row)] += 1);
        assert_eq!((counts[0], counts[1]), (12, 6));
        assert!((2..=3).contains(&counts[2]));
        let apart = |row: &u32| !kept.origin.contains(row);
        assert!(others.train.origin.iter().chain(&held.origin).all(apart));
        seen.extend(kept.origin);
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..103));
}

#[test]
fn the_recipe_of_a_fold_is_learned_from_the_rows_that_train_beside_it() {
    let (_folder, model) = model();
    let (others, _) = dealt(&model, 2);
    let columns = &others.preparation.symbol("x").unwrap().columns;
    let Kind::Number { steps, .. } = &columns[0].kind else { panic!("a number") };
    let rows = others.train.origin.iter().map(|&i| f64::from(i * 37 % 101 + i));
    let mean = rows.sum::<f64>() / others.train.rows as f64;
    let [chainrule::data::Step::Standardize { mean: learned, .. }] = steps[..] else {
        panic!("standardized")
    };
    assert!((learned - mean).abs() < 1e-9, "{learned} {mean}");
}

fn evaluated(model: &Model, workers: usize) -> Folds {
    let trials = Trials::of_folds(model, 5);
    let ran = trials.run(workers, &|_, _| Control::Continue, &FoldFigures::of);
    Folds::of(ran.into_iter().map(|f| f.unwrap().unwrap()).collect())
}

#[test]
fn folds_have_the_same_bits_for_any_number_of_workers_and_those_of_a_training_alone() {
    let (_folder, model) = model();
    let one = evaluated(&model, 1);
    assert_eq!(one, evaluated(&model, 3));
    let (others, kept) = dealt(&model, 4);
    let watched = others.held_out.as_ref();
    let alone = model
        .fit_prepared(&others.train, watched, &others.preparation, &mut |_| {
            Control::Continue
        })
        .unwrap();
    let alone = alone.evaluate_prepared(&kept).unwrap();
    assert_eq!(one.folds[4].evaluation.as_ref(), Some(&alone));
    let loss = &one.metrics[0];
    let losses = one.folds.iter().map(|f| f.evaluation.as_ref().unwrap().loss);
    assert_eq!(loss.name, "loss");
    assert!((loss.model.mean - losses.sum::<f64>() / 5.0).abs() < 1e-12);
    assert!(one.metrics.iter().any(|m| m.name == "accuracy" && m.baseline.is_some()));
}

#[test]
fn more_folds_than_rows_are_refused() {
    let (_folder, model) = model();
    let trials = Trials::of_folds(&model, 200);
    let ran = trials.run(1, &|_, _| Control::Continue, &FoldFigures::of);
    let error = ran[0].as_ref().unwrap().as_ref().unwrap_err().to_string();
    assert!(error.contains("2 to 103"), "{error}");
}
