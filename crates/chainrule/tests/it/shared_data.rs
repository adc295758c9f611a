//! Real data of the owner's folder, files of a dozen lines each: what each has to reach.
//! Skipped with a message where the folder is absent.

use std::path::Path;

use chainrule::metrics::Scores;
use chainrule::train::Control;
use chainrule::{Evaluation, Model, Options};

/// Trains a file of `tests/shared` and looks at its test part, else at what was held out.
fn judged(name: &str) -> Option<Evaluation> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !folder.join("../../../shared/data").is_dir() {
        eprintln!("skipped: the owner's data are not here");
        return None;
    }
    let file = folder.join("tests/shared").join(name);
    let model =
        Model::from_file(&file, Options::default().threads(1)).expect("the file reads");
    let data = model.load_data().expect("the data read");
    let trained = model
        .fit_prepared(
            &data.prepared.train,
            data.watched(),
            &data.prepared.preparation,
            &mut |_| Control::Continue,
        )
        .expect("it trains");
    let part =
        data.test.as_ref().map(|(d, _)| d).or(data.watched()).expect("held-out rows");
    Some(trained.evaluate_prepared(part).expect("it evaluates"))
}

fn accuracy(e: &Evaluation) -> f64 {
    match e.scores.as_ref().expect("figures") {
        Scores::Classes(c) => c.accuracy,
        other => panic!("expected classes, found {other:?}"),
    }
}

fn r2(e: &Evaluation) -> f64 {
    match e.scores.as_ref().expect("figures") {
        Scores::Numbers(n) => n.r2.expect("a target that varies"),
        other => panic!("expected numbers, found {other:?}"),
    }
}

#[test]
fn adult_is_right_on_85_percent_of_its_test_part() {
    let Some(e) = judged("adult.chain") else { return };
    eprintln!("adult: {:.4}", accuracy(&e));
    assert!(accuracy(&e) >= 0.85, "{}", accuracy(&e));
}

#[test]
fn diamonds_are_priced_with_r2_of_097() {
    let Some(e) = judged("diamonds.chain") else { return };
    eprintln!("diamonds: {:.4}", r2(&e));
    assert!(r2(&e) >= 0.97, "{}", r2(&e));
}

#[test]
fn mnist_is_right_on_95_percent() {
    let Some(e) = judged("mnist.chain") else { return };
    eprintln!("mnist: {:.4}", accuracy(&e));
    assert!(accuracy(&e) >= 0.95, "{}", accuracy(&e));
}

#[test]
fn penguins_and_banknotes_are_right_on_97_percent() {
    for name in ["penguins.chain", "banknotes.chain"] {
        let Some(e) = judged(name) else { return };
        eprintln!("{name}: {:.4}", accuracy(&e));
        assert!(accuracy(&e) >= 0.97, "{name}: {}", accuracy(&e));
    }
}
