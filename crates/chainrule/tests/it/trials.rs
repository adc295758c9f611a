//! Many trainings at once are those trainings alone.

use std::fs;
use std::sync::Mutex;

use chainrule::train::{Control, Epoch, Event, Why};
use chainrule::trials::{
    Ended, Figures, Settings, Status, Stopwatch, Trials, grouped, product, with_seeds,
};
use chainrule::{Model, Options, store::Tensor};
use tempfile::TempDir;

use crate::common::Draw;

const FILE: &str = "input x : D\ntarget y : K one-hot\n\
    param W_1 : H×D ~ he, b_1 : H = 0\nparam W_l : H×H ~ he, b_l : H = 0 for l = 2..N\n\
    param V : K×H ~ glorot\nwhere H = 6, N = 2, act = relu\na_0 = x\n\
    for l = 1..N: a_l = act(W_l a_{l-1} + b_l)\nŷ = softmax(V dropout(a_N, 0.1))\n\
    L = cross_entropy(y, ŷ)\nminimize mean(L)\n\
    data: t.csv, x = a b standardized, y = kind, hold out 20 %\n\
    train: adam(lr = 0.01), batch 8, epochs 4, seed 3\n";

/// A folder with the file and its table.
pub(crate) fn project() -> TempDir {
    let folder = TempDir::new().unwrap();
    let (mut table, mut draw) = ("a,b,kind\n".to_owned(), Draw(5));
    for _ in 0..90 {
        let (a, b) = (draw.value(), draw.value());
        let kind = if a + 0.5 * b > 0.0 { "up" } else { "down" };
        table.push_str(&format!("{a},{b},{kind}\n"));
    }
    fs::write(folder.path().join("t.csv"), table).unwrap();
    fs::write(folder.path().join("t.chain"), FILE).unwrap();
    folder
}

pub(crate) fn model(folder: &TempDir, set: &Settings) -> Model {
    let options = set.iter().fold(Options::default().threads(2), |o, (n, v)| o.set(n, v));
    Model::from_file(folder.path().join("t.chain"), options).unwrap()
}

fn set(all: &[(&str, &str)]) -> Settings {
    all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

/// Weights, and the epochs without the seconds that they took.
type Bits = (Vec<Tensor>, Vec<Epoch>);

fn bits(trained: &chainrule::Trained) -> Bits {
    let timeless = |e: &Epoch| Epoch { seconds: 0.0, ..e.clone() };
    (trained.tensors().to_vec(), trained.history().iter().map(timeless).collect())
}

fn all(trials: &Trials, workers: usize) -> Vec<Option<Bits>> {
    let keep = |_: &_, e: Result<Ended<'_>, _>| e.ok().map(|e| bits(&e.trained));
    let ran = trials.run(workers, &|_, _| Control::Continue, &keep);
    ran.into_iter().map(Option::flatten).collect()
}

#[test]
fn a_trial_is_bit_for_bit_the_training_of_its_settings_alone() {
    let folder = project();
    let mut settings = with_seeds(
        &[set(&[("lr", "0.1")]), set(&[("batch", "full"), ("optimizer", "sgd")])],
        3,
        2,
    );
    settings.extend([
        set(&[("N", "5"), ("act", "tanh")]),
        set(&[("hold out", "none")]),
        set(&[("x", "a log")]),
        set(&[("x", "a")]),
        set(&[("precision", "f64"), ("clip", "0.5")]),
        Vec::new(),
    ]);
    let trials = Trials::of_files(&model(&folder, &Vec::new()), &settings);
    let together = all(&trials, 3);
    assert!(together == all(&trials, 1), "the number of workers is seen");
    for (set, together) in settings.iter().zip(&together) {
        let alone = model(&folder, set).fit_files(&mut |_| Control::Continue);
        let alone = alone.map(|t| bits(&t)).ok();
        assert!(*together == alone, "{set:?}");
    }
    // A logarithm of a negative number fails or not, but each in the same way.
    assert!(together.iter().flatten().count() >= settings.len() - 1);
    let different = together.iter().flatten().map(|b| format!("{:?}", b.1));
    let different: std::collections::BTreeSet<String> = different.collect();
    assert!(different.len() >= settings.len() - 1, "settings do nothing");
}

#[test]
fn what_fails_or_diverges_is_a_result_and_the_others_go_on() {
    let folder = project();
    let settings = [
        set(&[("lr", "1e30"), ("optimizer", "sgd")]),
        set(&[("file", "absent.csv")]),
        set(&[("lr", "nothing")]),
        set(&[("x", "a")]),
    ];
    let trials = Trials::of_files(&model(&folder, &Vec::new()), &settings);
    let close =
        |trial: &_, e: Result<Ended<'_>, _>| Figures::of(trial, e, &Stopwatch::new(None));
    let ran = trials.run(2, &|_, _| Control::Continue, &close);
    let status: Vec<Status> = ran.into_iter().flatten().map(|f| f.status).collect();
    assert!(matches!(&status[0], Status::Diverged { .. }), "{status:?}");
    let reason = |s: &Status| match s {
        Status::Failed(reason) => reason.clone(),
        other => panic!("{other:?}"),
    };
    assert!(reason(&status[1]).contains("absent.csv"), "{status:?}");
    assert!(reason(&status[2]).contains("nothing"), "{status:?}");
    assert_eq!(status[3], Status::Done);
}

#[test]
fn a_stop_ends_all_and_what_was_not_begun_stays_so() {
    let folder = project();
    let settings = vec![set(&[("epochs", "100000")]); 6];
    let trials = Trials::of_files(&model(&folder, &Vec::new()), &settings);
    let hear = |trial: &chainrule::trials::Trial, event: &Event| match event {
        Event::Epoch(e) if trial.number == 1 && e.epoch == 3 => Control::Stop,
        _ => Control::Continue,
    };
    let why =
        |_: &_, e: Result<Ended<'_>, _>| e.unwrap().trained.end().unwrap().why.clone();
    let ran = trials.run(2, &hear, &why);
    assert_eq!(ran[..2], [Some(Why::Interrupted), Some(Why::Interrupted)]);
    assert!(ran[2..].iter().all(Option::is_none), "{ran:?}");
}

#[test]
fn a_table_is_read_once_for_all_seeds() {
    let folder = project();
    let settings = with_seeds(&[Vec::new(), set(&[("lr", "0.1")])], 0, 3);
    let trials = Trials::of_files(&model(&folder, &Vec::new()), &settings);
    let file = folder.path().join("t.csv");
    // Nobody can read it once the first trial has begun.
    let begun = Mutex::new(Vec::new());
    let hear = |trial: &chainrule::trials::Trial, event: &Event| {
        if matches!(event, Event::Start(_)) {
            let _ = fs::remove_file(&file);
            begun.lock().unwrap().push(trial.number);
        }
        Control::Continue
    };
    let ran = trials.run(1, &hear, &|_, e| e.is_ok());
    assert_eq!(ran, [Some(true); 6]);
    assert_eq!(*begun.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn figures_of_seeds_stand_together() {
    let folder = project();
    let axes = [("lr".to_owned(), vec!["0.1".to_owned(), "0.01".to_owned()])];
    let settings = with_seeds(&product(&axes), 7, 3);
    assert_eq!(settings[1], set(&[("lr", "0.1"), ("seed", "8")]));
    let trials = Trials::of_files(&model(&folder, &Vec::new()), &settings);
    let close =
        |trial: &_, e: Result<Ended<'_>, _>| Figures::of(trial, e, &Stopwatch::new(None));
    let groups = grouped(trials.run(0, &|_, _| Control::Continue, &close), 3);
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[1].set, set(&[("lr", "0.01")]));
    let loss = groups[0].loss().unwrap();
    assert!(loss.n == 3 && loss.deviation.unwrap() > 0.0, "{loss:?}");
}

#[test]
fn gradients_shrink_on_their_way_back_through_sigmoids() {
    let folder = project();
    let of = |act: &str| {
        let m = model(&folder, &set(&[("N", "8"), ("act", act)]));
        let data = m.load_data().unwrap();
        m.gradient_norms(&data.prepared.train).unwrap()
    };
    let names = |norms: &[chainrule::GradientNorm]| {
        let weights = norms.iter().filter(|n| n.weights);
        weights.map(|n| n.symbol.clone()).collect::<Vec<_>>().join(" ")
    };
    let (sigmoid, relu) = (of("sigmoid"), of("leaky_relu"));
    assert_eq!(names(&sigmoid), "W_1 W_2 W_3 W_4 W_5 W_6 W_7 W_8 V");
    let ratio = |norms: &[chainrule::GradientNorm]| {
        let weights: Vec<f64> =
            norms.iter().filter(|n| n.weights).map(|n| n.norm).collect();
        weights[0] / weights[weights.len() - 1]
    };
    assert!(ratio(&sigmoid) < 1e-3 && ratio(&relu) > 1e-2, "{sigmoid:?} {relu:?}");
}

#[test]
fn norms_of_gradients_make_up_the_one_that_training_measures() {
    let folder = project();
    let m = model(
        &folder,
        &set(&[
            ("batch", "full"),
            ("epochs", "1"),
            ("act", "tanh"),
            ("precision", "f64"),
        ]),
    );
    let data = m.load_data().unwrap();
    let squares = |norms: &[chainrule::GradientNorm]| {
        norms.iter().map(|n| n.norm * n.norm).sum::<f64>()
    };
    let sum = squares(&m.gradient_norms(&data.prepared.train).unwrap()).sqrt();
    let trained = m.fit_files(&mut |_| Control::Continue).unwrap();
    let measured = trained.history()[0].gradient.unwrap();
    assert!((sum - measured).abs() < 1e-12 * measured, "{sum} {measured}");
    let after = squares(&trained.gradient_norms(&data.prepared.train).unwrap()).sqrt();
    assert!(after > 0.0 && after != sum);
}
