//! From equations to a saved network, through the public face only.

use std::path::{Path, PathBuf};

use chainrule::data::{DataSpec, Source, read_source};
use chainrule::graph::syntax::ast::Every;
use chainrule::metrics::Scores;
use chainrule::runs::{Recording, Run};
use chainrule::train::{Control, End, Event, Why};
use chainrule::{Error, Model, Options, Trained, table};

const DIGITS: &str = "
input  x : D
target y : K one-hot
param  W1 : H×D ~ he,     b1 : H = 0
param  W2 : K×H ~ glorot, b2 : K = 0
where  H = 16
a1 = relu(W1 x + b1)
ŷ  = softmax(W2 a1 + b2)
L  = cross_entropy(y, ŷ)
minimize mean(L) + 1e-4/2 ‖W1‖²
data:  x = p* / 16,  y = digit,  hold out 20 % stratified
train: adam(lr = 3e-3), batch 32, epochs 3, seed 0
";

fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data")
}

fn digits() -> Source {
    read_source(&data_folder(), "digits.csv.gz", &DataSpec::default()).unwrap()
}

fn quiet(_: &Event) -> Control {
    Control::Continue
}

fn fit(text: &str, options: Options, data: &Source) -> Trained {
    Model::parse_with(text, options).unwrap().fit(data, &mut quiet).unwrap()
}

fn file_of(t: &Trained) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    t.save(&path).unwrap();
    std::fs::read(path).unwrap()
}

/// The tensors of a model file: behind the header, which holds the seconds that training took.
fn tensors_of(t: &Trained) -> Vec<u8> {
    let bytes = file_of(t);
    let header = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

/// A small table of two classes that a line parts, with a little noise from a fixed sequence.
fn two_classes(rows: usize) -> Source {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut state = 1_u64;
    for _ in 0..rows {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31) * 2.0 - 1.0
        };
        let (a, b) = (next(), next());
        x.extend([a, b]);
        y.push(f64::from(u8::from(a + 0.5 * b + 0.1 * next() > 0.0)));
    }
    table(&[("x", 2, &x), ("y", 1, &y)]).unwrap()
}

const BINARY: &str = "
input  x : D
target y : 1 binary
param  W1 : H×D ~ glorot, b1 : H = 0, W2 : 1×H ~ glorot, b2 : 1 = 0
where  H = 6
a = tanh(W1 x + b1)
ŷ = sigmoid(W2 a + b2)
L = binary_cross_entropy(y, ŷ)
minimize mean(L)
";

fn binary(train: &str) -> String {
    format!("{BINARY}train: {train}\n")
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let data = digits();
    let all =
        [1, 2, 5].map(|n| tensors_of(&fit(DIGITS, Options::default().threads(n), &data)));
    assert!(all[0] == all[1] && all[1] == all[2]);
}

#[test]
fn a_saved_network_predicts_as_before_and_row_by_row_alike() {
    let data = digits();
    let trained = fit(DIGITS, Options::default(), &data);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    trained.save(&path).unwrap();
    let loaded = Trained::load(&path).unwrap();
    let before = trained.predict(&data).unwrap();
    let after = loaded.predict(&data).unwrap();
    assert_eq!(before.values, after.values);
    assert_eq!(before.names[3], "digit=3");
    assert_eq!(loaded.evaluate(&data).unwrap().0, trained.evaluate(&data).unwrap().0);
    // How long it took is not kept: equal runs give equal files.
    let end = trained.end().map(|e| End { seconds: 0.0, ..e.clone() });
    assert_eq!(loaded.end(), end.as_ref());
    let row: Vec<f64> = trained
        .input_columns()
        .iter()
        .map(|name| match data.column(name).unwrap().cell(7) {
            chainrule::data::Cell::Number(v) => v,
            _ => panic!("a pixel is a number"),
        })
        .collect();
    assert_eq!(loaded.predict(&row[..]).unwrap().row(0), before.row(7));
    assert_eq!(file_of(&loaded), file_of(&trained));
}

#[test]
fn figures_of_the_digits_beat_their_baselines() {
    let data = digits();
    let model = Model::parse_with(DIGITS, Options::default().set("epochs", 15)).unwrap();
    let prepared = model.prepare(&data).unwrap();
    let held = prepared.held_out.clone().unwrap();
    let trained = model.fit(&data, &mut quiet).unwrap();
    let e = trained.evaluate_prepared(&held).unwrap();
    let Some(Scores::Classes(s)) = e.scores else { panic!("classes") };
    assert!(s.accuracy > 0.93 && s.baseline_accuracy < 0.15, "{}", s.accuracy);
    assert!(s.roc_auc.unwrap() > 0.99 && s.log_loss.unwrap() < s.baseline_log_loss / 4.0);
    // The epoch's own figure is the thorough one.
    let last = trained.history().last().unwrap();
    assert!(last.metric.unwrap() > 0.9, "{:?}", last.metric);
    assert_eq!(last.held_metric, Some(s.accuracy));
    assert!((last.held_loss.unwrap() - e.loss).abs() < 1e-12);
}

/// Full-batch gradient descent on softmax regression, in plain loops.
fn by_hand(x: &[[f64; 2]], y: &[usize], steps: usize, lr: f64) -> ([[f64; 2]; 3], f64) {
    let mut w = [[0.1, -0.2], [0.0, 0.3], [-0.4, 0.2]];
    let mut objective = 0.0;
    for _ in 0..steps {
        let mut g = [[0.0; 2]; 3];
        objective = 0.0;
        for (x, &y) in x.iter().zip(y) {
            let z: Vec<f64> = w.iter().map(|w| w[0] * x[0] + w[1] * x[1]).collect();
            let sum: f64 = z.iter().map(|z| z.exp()).sum();
            objective -= (z[y].exp() / sum).ln() / 6.0;
            for k in 0..3 {
                let d = z[k].exp() / sum - f64::from(u8::from(k == y));
                (0..2).for_each(|i| g[k][i] += d * x[i] / 6.0);
            }
        }
        (0..3).for_each(|k| (0..2).for_each(|i| w[k][i] -= lr * g[k][i]));
    }
    (w, objective)
}

#[test]
fn ten_full_batches_are_those_of_plain_loops() {
    let x = [[0.5, 1.0], [-1.0, 0.3], [0.2, -0.7], [1.5, 0.1], [-0.4, -0.9], [0.8, 0.6]];
    let y = [0, 1, 2, 0, 2, 1];
    let text = "
        input x : 2
        target y : 3 one-hot
        param W : 3×2 = [0.1 -0.2; 0 0.3; -0.4 0.2]
        ŷ = softmax(W x)
        L = cross_entropy(y, ŷ)
        minimize mean(L)
        train: sgd(lr = 0.5), batch full, epochs 10, seed 3, precision f64";
    let ys: Vec<f64> = y.iter().map(|&y| y as f64).collect();
    let data = table(&[("x", 2, x.as_flattened()), ("y", 1, &ys)]).unwrap();
    let trained = fit(text, Options::default(), &data);
    let (w, objective) = by_hand(&x, &y, 10, 0.5);
    let last = trained.history().last().unwrap();
    assert!((last.objective - objective).abs() < 1e-13, "{} {objective}", last.objective);
    let chainrule::store::Numbers::F64(own) = &trained.tensors()[0].numbers else {
        panic!("precision f64")
    };
    let worst = own.iter().zip(w.as_flattened()).map(|(a, b)| (a - b).abs());
    assert!(worst.fold(0.0, f64::max) < 1e-13);
}

#[test]
fn training_that_explodes_names_the_equation_and_keeps_what_is_finite() {
    let data = two_classes(40);
    let text = "
        input x : D
        target y : 1
        param W : H×D ~ he, v : 1×H ~ he
        where H = 4
        z = W x
        ŷ = v (z ⊙ z ⊙ z)
        L = half_mse(y, ŷ)
        minimize mean(L)
        train: sgd(lr = 50), batch 8, epochs 30, seed 0";
    let trained = fit(text, Options::default(), &data);
    let Why::NotFinite { equation, epoch, step } = &trained.end().unwrap().why else {
        panic!("{:?}", trained.end())
    };
    assert!(*epoch >= 1 && *step >= 2 && !equation.is_empty());
    assert!(["z", "ŷ", "L"].contains(&equation.as_str()), "{equation}");
    let all = trained.predict(&data).unwrap();
    assert!(trained.tensors().iter().all(|t| match &t.numbers {
        chainrule::store::Numbers::F32(v) => v.iter().all(|x| x.is_finite()),
        chainrule::store::Numbers::F64(v) => v.iter().all(|x| x.is_finite()),
    }));
    assert!(all.rows() == 40 && all.values.iter().all(|v| v.is_finite()));
    assert!(trained.evaluate(&data).unwrap().0.loss.is_finite());
}

#[test]
fn an_interrupted_run_keeps_what_it_learned() {
    let data = two_classes(60);
    let model =
        Model::parse(&binary("adam(lr = 0.02), batch 4, epochs 50, seed 0")).unwrap();
    let mut epochs = 0;
    let trained = model
        .fit(&data, &mut |event| {
            epochs += usize::from(matches!(event, Event::Epoch(_)));
            if epochs == 5 { Control::Stop } else { Control::Continue }
        })
        .unwrap();
    let end = trained.end().unwrap();
    assert_eq!((&end.why, end.epochs, end.kept), (&Why::Interrupted, 5, 5));
    assert!(end.why.sentence().contains("kept"));
    let whole = fit(
        &binary("adam(lr = 0.02), batch 4, epochs 5, seed 0"),
        Options::default(),
        &data,
    );
    assert_eq!(tensors_of(&whole), tensors_of(&trained));
}

#[test]
fn early_stopping_keeps_the_best_epoch() {
    let data = two_classes(50);
    let text = binary("adam(lr = 0.2), batch 5, epochs 300, seed 2, patience 6")
        + "data: x = x*, y = y, hold out 30 %\n";
    let model = Model::parse(&text).unwrap();
    let trained = model.fit(&data, &mut quiet).unwrap();
    let losses: Vec<f64> =
        trained.history().iter().map(|e| e.held_loss.unwrap()).collect();
    let end = trained.end().unwrap();
    assert_eq!(end.why, Why::Patience);
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((losses[end.kept - 1] - best).abs() < 1e-15 && losses.len() == end.kept + 6);
    let held = model.prepare(&data).unwrap().held_out.unwrap();
    assert!((trained.evaluate_prepared(&held).unwrap().loss - best).abs() < 1e-12);
    let last = fit(&(text.clone()), Options::default().set("keep", "last"), &data);
    assert_eq!(last.end().unwrap().kept, losses.len());
}

#[test]
fn settings_that_train_nothing_are_refused() {
    for (name, value, says) in [
        ("epochz", "3", "did you mean epochs?"),
        ("batch", "0", "found 0"),
        ("epochs", "0", "found 0"),
        ("lr", "fast", "`fast` is not known"),
        ("lr", "0", "above 0"),
        ("keep", "all", "best"),
        ("precision", "f16", "f64"),
    ] {
        let error = Model::parse_with(BINARY, Options::default().set(name, value));
        let error = error.expect_err(name);
        assert_eq!(error.exit_status(), 2, "{name}");
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
}

#[test]
fn small_data_is_used_and_said_aloud() {
    let mut said = Vec::new();
    let model = Model::parse(&binary("adam, batch 32, epochs 2, seed 0")).unwrap();
    let mut listen = |event: &Event| {
        if let Event::Note(note) = event {
            said.push(note.clone());
        }
        Control::Continue
    };
    let trained = model.fit(&two_classes(7), &mut listen).unwrap();
    assert_eq!(trained.end().unwrap().steps, 2);
    assert!(said.iter().any(|n| n.contains("larger than the training part")), "{said:?}");
    let one = table(&[("x", 2, &[0.5, 1.0]), ("t", 1, &[0.3])]).unwrap();
    let x = [0.5, 1.0, 0.5, 1.0];
    let two = table(&[("x", 2, &x), ("t", 1, &[0.3, 0.3])]).unwrap();
    let text = "input x : 2\ntarget t : 1\nparam w : 1×2 = 0\nŷ = w x\n\
                L = half_mse(t, ŷ)\nminimize mean(L)\n\
                train: sgd(lr = 0.5), epochs 200";
    let error = Model::parse(text).unwrap().fit(&one, &mut quiet).unwrap_err();
    assert!(error.exit_status() == 2 && error.to_string().contains("2 rows"), "{error}");
    let trained = fit(text, Options::default(), &two);
    assert!((trained.predict(&[0.5, 1.0][..]).unwrap().row(0)[0] - 0.3).abs() < 1e-4);
}

#[test]
fn batch_norm_and_dropout_evaluate_in_their_own_form() {
    let text = "
        input  x : D
        target y : 1 binary
        param  W1 : H×D ~ he, γ : H = 1, β : H = 0, W2 : 1×H ~ glorot, b2 : 1 = 0
        where  H = 8
        n = γ ⊙ batch_norm(W1 x) + β
        a = dropout(relu(n), 0.2)
        ŷ = sigmoid(W2 a + b2)
        L = binary_cross_entropy(y, ŷ)
        minimize mean(L)
        train: adam(lr = 0.02), batch 16, epochs 30, seed 0";
    let data = two_classes(200);
    let trained = fit(text, Options::default(), &data);
    let again = fit(text, Options::default().threads(3), &data);
    assert_eq!(tensors_of(&trained), tensors_of(&again));
    let names: Vec<&str> = trained.tensors().iter().map(|t| t.name.as_str()).collect();
    assert!(names.contains(&"running/0/mean") && names.contains(&"running/0/variance"));
    let all = trained.predict(&data).unwrap();
    let Some(Scores::Classes(s)) = trained.evaluate(&data).unwrap().0.scores else {
        panic!("classes")
    };
    assert!(s.accuracy > 0.85, "{}", s.accuracy);
    // One row alone: running statistics, not those of the batch.
    let cell = |name: &str| match data.column(name).unwrap().cell(3) {
        chainrule::data::Cell::Number(v) => v,
        _ => panic!("numbers"),
    };
    let row = [cell("x1"), cell("x2")];
    assert_eq!(trained.predict(&row[..]).unwrap().row(0), all.row(3));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    trained.save(&path).unwrap();
    assert_eq!(Trained::load(&path).unwrap().predict(&data).unwrap().values, all.values);
}

#[test]
fn a_regression_comes_back_in_the_units_of_the_file() {
    let spec = DataSpec::default();
    let mpg = read_source(&data_folder(), "mpg.csv.gz", &spec).unwrap();
    let text = std::fs::read_to_string(data_folder().join("../mpg.chain")).unwrap();
    let trained = fit(&text, Options::default().set("epochs", 40), &mpg);
    let (figures, _) = trained.evaluate(&mpg).unwrap();
    let Some(Scores::Numbers(n)) = figures.scores else { panic!("numbers") };
    assert!(n.r2.unwrap() > 0.85, "{:?}", n.r2);
    assert!(n.baseline_rmse > 7.0 && n.rmse < 3.5, "{} {}", n.rmse, n.baseline_rmse);
    let p = trained.predict(&mpg).unwrap();
    assert!(p.values.iter().all(|v| (5.0..60.0).contains(v)));
    assert_eq!(p.names, ["mpg"]);
    assert_eq!(p.classes, None);
}

#[test]
fn a_schedule_and_a_plateau_move_the_rate() {
    let data = two_classes(32);
    let rates = |train: &str| -> Vec<f64> {
        let trained = fit(&binary(train), Options::default(), &data);
        trained.history().iter().map(|e| e.lr.unwrap()).collect()
    };
    let falling = rates("sgd(lr = 0.1 · 0.5^epoch), batch 8, epochs 3, seed 0");
    assert_eq!(falling, [0.05, 0.025, 0.0125]);
    let steps =
        rates("sgd(lr = step_decay(0.4, every = 2)), batch full, epochs 5, seed 0");
    assert_eq!(steps, [0.4, 0.4, 0.2, 0.2, 0.1]);
    let cycle = rates("sgd(lr = one_cycle(1)), batch full, epochs 10, seed 0");
    assert!((cycle[2] - 1.0).abs() < 1e-12 && cycle[9] < 1e-3 && cycle[0] < cycle[1]);
    let cosine = rates("sgd(lr = cosine(0.2)), batch full, epochs 4, seed 0");
    let want = |t: f64| 0.1 * (1.0 + libm_cos(std::f64::consts::PI * (t - 1.0) / 4.0));
    let near = |(i, r): (usize, &f64)| (r - want(i as f64 + 1.0)).abs() < 1e-12;
    assert!(cosine.iter().enumerate().all(near), "{cosine:?}");
    let text =
        "sgd(lr = 8), batch 4, epochs 40, seed 0, plateau(factor = 0.5, patience = 2)";
    let lowered = rates(text);
    assert!(lowered.last().unwrap() < &8.0, "{lowered:?}");
}

fn libm_cos(x: f64) -> f64 {
    x.cos()
}

#[test]
fn overrides_reach_sizes_constants_and_arguments() {
    let data = two_classes(20);
    let options = Options::default().set("H", 3).set("lr", 0.25).set("epochs", 2);
    let trained = fit(&binary("sgd(lr = 0.1), batch 4, seed 0"), options, &data);
    assert_eq!(trained.tensors()[0].shape, (3, 2));
    assert_eq!(trained.history().last().unwrap().lr, Some(0.25));
    assert_eq!(trained.history().len(), 2);
    let other = fit(
        &binary("sgd(lr = 0.1), batch 4, seed 0"),
        Options::default().set("optimizer", "adam(lr = 0.5)").set("epochs", 1),
        &data,
    );
    assert_eq!(other.history()[0].lr, Some(0.5));
}

#[test]
fn weights_and_balance_change_what_is_learned() {
    // 9 of 10 rows are of class 0 and nothing tells them apart but the base rate.
    let n = 100;
    let x: Vec<f64> = (0..n).map(|i| f64::from(i % 7) / 7.0).collect();
    let y: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i % 10 == 0))).collect();
    let w: Vec<f64> = y.iter().map(|&y| if y > 0.5 { 900.0 } else { 100.0 }).collect();
    let data = table(&[("x", 1, &x), ("y", 1, &y), ("w", 1, &w)]).unwrap();
    let text = |clause: &str| {
        format!(
            "input x : 1\ntarget y : 1 binary\nparam v : 1×1 = 0, b : 1 = 0\n\
             ŷ = sigmoid(v x + b)\nL = binary_cross_entropy(y, ŷ)\nminimize mean(L)\n\
             data: x = x, y = y{clause}\ntrain: adam(lr = 0.05), batch full, epochs 300"
        )
    };
    let mean = |clause: &str| {
        let trained = fit(&text(clause), Options::default(), &data);
        let p = trained.predict(&data).unwrap();
        p.values.iter().sum::<f64>() / p.rows() as f64
    };
    assert!((mean("") - 0.1).abs() < 0.02, "{}", mean(""));
    assert!((mean(", balanced") - 0.5).abs() < 0.05, "{}", mean(", balanced"));
    assert!((mean(", weight w") - 0.5).abs() < 0.05, "{}", mean(", weight w"));
}

#[test]
fn clipping_bounds_the_step() {
    let data = two_classes(32);
    let trained = fit(
        &binary("sgd(lr = 1), batch full, epochs 1, seed 0, clip 1e-3"),
        Options::default(),
        &data,
    );
    assert!(trained.history()[0].gradient.unwrap() > 1e-3);
    let start = fit(
        &binary("sgd(lr = 1e-300), batch full, epochs 1, seed 0"),
        Options::default(),
        &data,
    );
    let flat = |t: &Trained| -> Vec<f64> {
        let numbers = t.tensors().iter().flat_map(|t| match &t.numbers {
            chainrule::store::Numbers::F32(v) => {
                v.iter().map(|&x| f64::from(x)).collect()
            }
            chainrule::store::Numbers::F64(v) => v.clone(),
        });
        numbers.collect()
    };
    let moved: f64 =
        flat(&trained).iter().zip(flat(&start)).map(|(a, b)| (a - b).powi(2)).sum();
    assert!((moved.sqrt() - 1e-3).abs() < 1e-5, "{}", moved.sqrt());
}

#[test]
fn layouts_that_write_the_batch_as_a_matrix_train_alike() {
    let data = two_classes(48);
    let one = "
        input x : D
        target t : 1
        param w : 1×D = 0, b : 1 = 0
        ŷ = w x + b
        L = (t − ŷ)²
        minimize mean(L)
        data: x = x1 x2, t = y
        train: sgd(lr = 0.1), batch 16, epochs 5, seed 1, precision f64";
    let columns = "
        examples: columns
        input X : D×m
        target T : 1×m
        param w : 1×D = 0, b : 1×1 = 0
        Y = w X + b
        minimize 1/m ‖T − Y‖²
        data: X = x1 x2, T = y
        train: sgd(lr = 0.1), batch 16, epochs 5, seed 1, precision f64";
    let rows = "
        examples: rows
        input X : m×D
        target T : m×1
        param w : D×1 = 0, b : 1×1 = 0
        Y = X w + b
        minimize 1/m ‖T − Y‖²
        data: X = x1 x2, T = y
        train: sgd(lr = 0.1), batch 16, epochs 5, seed 1, precision f64";
    let all = [one, columns, rows].map(|text| {
        let trained = fit(text, Options::default(), &data);
        (
            trained.history().last().unwrap().objective,
            trained.predict(&data).unwrap().values,
        )
    });
    for (objective, values) in &all[1..] {
        assert!((objective - all[0].0).abs() < 1e-12);
        let same = values.iter().zip(&all[0].1).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(same && values.len() == 48);
    }
}

#[test]
fn classes_of_a_batch_as_a_matrix_are_those_of_one_example() {
    let data = two_classes(300);
    let tail = "output: p\ndata: x = x1 x2, t = y, hold out 20 %\n\
                train: sgd(lr = 0.5), batch 16, epochs 3, seed 1, precision f64";
    let one = "input x : D\ntarget t : K one-hot\nparam W : K×D = 0, b : K = 0\n\
               p = softmax(W x + b)\nminimize mean(cross_entropy(t, p))\n";
    let columns = "examples: columns\ninput x : D×N\ntarget t : K×N one-hot\n\
                   param W : K×D = 0, b : K = 0\np = softmax(W x + b)\n\
                   minimize mean(cross_entropy(t, p))\n";
    let rows = "examples: rows\ninput x : N×D\ntarget t : N×K one-hot\n\
                param W : D×K = 0, b : 1×K = 0\np = softmax(x W + b)\n\
                minimize mean(cross_entropy(t, p))\n";
    let inputs: Vec<f64> = (0..600).map(|i| f64::from(i % 37) / 18.0 - 1.0).collect();
    let all = [one, columns, rows].map(|text| {
        let trained = fit(&format!("{text}{tail}"), Options::default(), &data);
        let mut predictor = trained.predictor::<f64>(100).unwrap();
        (
            trained.history().last().unwrap().held_metric.unwrap(),
            trained.predict(&data).unwrap().values,
            predictor.predict(&inputs).to_vec(),
        )
    });
    assert!(all[0].0 > 0.85, "{}", all[0].0);
    let near = |a: &[f64], b: &[f64]| {
        a.len() == b.len() && a.iter().zip(b).all(|(p, q)| (p - q).abs() < 1e-12)
    };
    for (metric, values, predicted) in &all[1..] {
        assert_eq!(*metric, all[0].0);
        assert!(near(values, &all[0].1) && values.len() == 600);
        assert!(near(predicted, &all[0].2) && predicted.len() == 600);
    }
}

#[test]
fn a_file_that_cannot_be_trained_says_which_lines_it_lacks() {
    let error = Model::parse("z = w x\nw := [1 2]\nx := [1; 2]").unwrap_err();
    let Error::Diagnostics(all) = error else { panic!("{error}") };
    let hints = &all.last().unwrap().hints;
    assert!(hints.iter().any(|h| h.text.contains("input x : D")), "{all:?}");
}

#[test]
fn models_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Model>();
    shared::<Trained>();
    let trained =
        fit(&binary("adam, epochs 1"), Options::default().threads(1), &two_classes(9));
    let row = [0.1, 0.2];
    let alone = trained.predict(&row[..]).unwrap();
    std::thread::scope(|s| {
        let all: Vec<_> =
            (0..4).map(|_| s.spawn(|| trained.predict(&row[..]).unwrap())).collect();
        all.into_iter().for_each(|t| assert_eq!(t.join().unwrap(), alone));
    });
}

fn entries(folder: &Path) -> Vec<String> {
    let Ok(all) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        all.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_run_is_kept_whole_or_not_at_all() {
    let example = data_folder().join("../mpg.chain");
    let options = Options::default().set("epochs", 4).set("optimizer", "adam(0.01)");
    let model = Model::from_file(example, options).unwrap();
    let data = model.load_data().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("runs");
    let kept = chainrule::runs::record(&model, &data, (&root, "mpg"), None, &mut quiet);
    let kept = kept.unwrap();
    assert_eq!(entries(&root), ["mpg-1", "mpg-1.safetensors"]);
    assert_eq!(kept.model, root.join("mpg-1.safetensors"));
    let read = |name: &str| std::fs::read_to_string(kept.folder.join(name)).unwrap();
    assert_eq!(read("epochs.csv").lines().count(), 5);
    assert_eq!(read("equations.chain"), model.equations());
    let settings: serde_json::Value =
        serde_json::from_str(&read("settings.json")).unwrap();
    assert_eq!(settings["optimizer"], "adam(0.01)");
    assert_eq!(settings["fingerprint"], model.derived().fingerprint);
    assert!(
        read("summary.txt").contains("held out (80 rows)"),
        "{}",
        read("summary.txt")
    );
    assert!(read("curves.svg").contains("held out"));
    let loaded = Trained::load(&kept.model).unwrap();
    let (again, _) = loaded.evaluate(&data.source).unwrap();
    assert_eq!(again, kept.trained.evaluate(&data.source).unwrap().0);
    // A folder where the model should go: what was learned stays, as a checkpoint...
    let fails = |model: &Model| {
        let to = Some(root.as_path());
        let failed =
            chainrule::runs::record(model, &data, (&root, "mpg"), to, &mut quiet);
        assert_eq!(failed.unwrap_err().exit_status(), 3);
    };
    fails(&model);
    assert_eq!(entries(&root), ["mpg-1", "mpg-1.safetensors", "mpg-2"]);
    let run = Run::open(&root.join("mpg-2")).unwrap();
    assert_eq!(run.end(), None);
    let again = run.model(Options::default()).unwrap();
    let going = Recording::go_on(&run, &again, &data, &mut |_| ()).unwrap();
    let rescued = going.complete(None, &mut quiet).unwrap();
    assert_eq!(file_of(&rescued.trained), std::fs::read(&kept.model).unwrap());
    // ... and where none is wanted, nothing does.
    let never = model.options().clone().checkpoint(Every::Never);
    let example = data_folder().join("../mpg.chain");
    fails(&Model::from_file(example, never).unwrap());
    assert_eq!(
        entries(&root),
        ["mpg-1", "mpg-1.safetensors", "mpg-2", "mpg-2.safetensors"]
    );
}

#[test]
fn what_is_not_learned_has_its_value_in_training_and_prediction() {
    let text = "input x : 1\ntarget y : 1\nparam w : 1 = 0, b : 1 = 5\ntrainable: w\n\
                c := 2\nŷ = c w x + b\nL = mse(y, ŷ)\nminimize mean(L)\n\
                train: sgd(lr = 0.05), batch full, epochs 200";
    let model = Model::parse(text).unwrap();
    let data = table(&[("x", 1, &[-1.0, 1.0]), ("y", 1, &[-1.0, 11.0])]).unwrap();
    let trained = model.fit(&data, &mut |_| Control::Continue).unwrap();
    let p = trained.predict(&[0.0, 1.0]).unwrap();
    // ŷ = 2·3·x + 5 passes through both points.
    assert!((p.row(0)[0] - 5.0).abs() < 1e-4, "{:?}", p.values);
    assert!((p.row(1)[0] - 11.0).abs() < 1e-3, "{:?}", p.values);
    let folder = tempfile::tempdir().unwrap();
    trained.save(folder.path().join("m")).unwrap();
    let again = Trained::load(folder.path().join("m")).unwrap();
    assert_eq!(again.predict(&[0.0, 1.0]).unwrap().values, p.values);
    let open = text.replace("c := 2", "c : 1");
    let said = Model::parse(&open).unwrap().fit(&data, &mut |_| Control::Continue);
    assert!(said.unwrap_err().to_string().contains("c: has no value"));
}

#[test]
fn a_predictor_gives_the_bits_of_predict_whatever_rows_come_together() {
    let text = "
input u : 3
input v : 2
target y : K one-hot
param A : H×3 ~ he, B : H×2 ~ he, b : H = 0, C : K×H ~ glorot
where H = 40, K = 4
a = dropout(gelu(A u + B v + b), 0.3)
p = softmax(C a)
L = cross_entropy(y, p)
minimize mean(L)
train: adam, batch 16, epochs 2, seed 4
";
    let n = 1_000;
    let number = |i: usize| f64::from((i * 37 % 211) as u8) / 64.0 - 1.5;
    let u: Vec<f64> = (0..3 * n).map(number).collect();
    let v: Vec<f64> = (0..2 * n).map(|i| number(i + 5)).collect();
    let y: Vec<f64> =
        (0..4 * n).map(|i| f64::from(u8::from(i % 4 == i / 4 % 4))).collect();
    let data = table(&[("u", 3, &u), ("v", 2, &v), ("y", 4, &y)]).expect("a table");
    let trained = fit(text, Options::default(), &data);
    let whole = trained.predict(&data).expect("predicts").values;
    let row = |i: usize| [&u[3 * i..3 * i + 3], &v[2 * i..2 * i + 2]].concat();
    let rows: Vec<f32> = (0..n).flat_map(row).map(|x| x as f32).collect();
    for (at_once, asked) in [(1, 1), (2, 2), (7, 7), (64, 64), (1000, 1000), (64, 1000)] {
        let mut predictor = trained.predictor::<f32>(at_once).expect("plans");
        assert_eq!((predictor.inputs(), predictor.outputs()), (5, 4));
        let some: Vec<f32> =
            rows.chunks(asked * 5).flat_map(|r| predictor.predict(r).to_vec()).collect();
        let some: Vec<f64> = some.into_iter().map(f64::from).collect();
        assert!(some == whole, "{asked} rows asked, {at_once} at once");
    }
    assert!(trained.predictor::<f32>(0).is_err());
}
