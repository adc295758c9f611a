//! Diagnosis of files, rows and trainings: each finding where its cause was put in on purpose, and
//! none where it was not.

use chainrule::data::{Parts, Prepared};
use chainrule::diagnose::{Depth, Examiner, Finding, Severity, examine, look_over};
use chainrule::train::Control;
use chainrule::{Model, Options, table};

use crate::common::Draw;

fn parts(p: &Prepared) -> Parts<'_> {
    Parts {
        preparation: &p.preparation,
        report: &p.report,
        train: (&p.train).into(),
        held_out: p.held_out.as_ref().map(Into::into),
        validate: None,
        test: None,
        files: &[],
        caching: None,
    }
}

fn words(found: &[Finding], least: Severity) -> Vec<&'static str> {
    found.iter().filter(|f| f.severity >= least).map(|f| f.id).collect()
}

/// A network of one hidden layer; lines that differ are put in place of its own.
fn network(target: &str, hidden: &str, output: &str, loss: &str, rest: &str) -> String {
    format!(
        "input x : D\ntarget y : {target}\nparam W1 : H×D ~ he, b1 : H = 0\n\
         param W2 : K×H ~ glorot, b2 : K = 0\nwhere H = 16, D = 2\n\
         a = {hidden}\nz = W2 a + b2\nŷ = {output}\nL = {loss}\nminimize {rest}\n\
         output: ŷ"
    )
}

fn of_file(text: &str) -> Vec<&'static str> {
    let model = Model::parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    words(&look_over(&model, None).expect("it is looked over"), Severity::Note)
}

const MEAN: &str = "mean(L)";

#[test]
fn what_the_equations_show_is_said_without_any_data() {
    let relu = "relu(W1 x + b1)";
    let of = |target, hidden, output, loss, rest| {
        let text = network(target, hidden, output, loss, rest);
        let one = target.starts_with('1');
        of_file(&if one {
            text.replace("K×H", "1×H").replace("b2 : K", "b2 : 1")
        } else {
            text
        })
    };
    let none: [&str; 0] = [];
    let softmax = "softmax(z)";
    assert_eq!(of("K one-hot", relu, softmax, "cross_entropy(y, ŷ)", MEAN), none);
    assert_eq!(of("1", relu, "z", "half_mse(y, ŷ)", MEAN), none);
    for (found, id) in [
        (
            of("K one-hot", "W1 x + b1", softmax, "cross_entropy(y, ŷ)", MEAN),
            "no_nonlinearity",
        ),
        (of("1 binary", relu, softmax, "bce(y, ŷ)", MEAN), "softmax_single_unit"),
        (of("K one-hot", relu, "z", "half_mse(y, ŷ)", MEAN), "missing_output_activation"),
        (
            of("1 binary", relu, "identity(z)", "bce(y, min(max(ŷ, 1e-7), 1))", MEAN),
            "missing_output_activation",
        ),
        (
            of("K one-hot", relu, "sigmoid(z)", "cross_entropy(y, ŷ)", MEAN),
            "loss_output_mismatch",
        ),
        (
            of("1 binary", relu, "tanh(z)", "bce(y, min(max(ŷ, 1e-7), 1))", MEAN),
            "loss_output_mismatch",
        ),
        (
            of("1", relu, "sigmoid(z)", "cross_entropy(y, ŷ / sum(ŷ))", MEAN),
            "loss_output_mismatch",
        ),
        (of("K one-hot", relu, softmax, "half_mse(y, ŷ)", MEAN), "loss_mismatch"),
        (of("K one-hot", relu, softmax, "bce(y, ŷ)", MEAN), "loss_mismatch"),
        (
            of("K multi-hot", relu, softmax, "cross_entropy(y, ŷ)", MEAN),
            "multilabel_softmax",
        ),
        (of("1", relu, "z", "half_mse(y, ŷ)", "0 − mean(L)"), "gradient_sign_flipped"),
        (of("1", relu, "z", "half_mse(y, ŷ)", "32 mean(L)"), "loss_sum_not_mean"),
    ] {
        assert!(found.contains(&id), "{id}: {found:?}");
    }
    let start = |how: &str| {
        of_file(&network("K", relu, "z", "half_mse(y, ŷ)", MEAN).replace("~ he", how))
    };
    assert!(start("= 0.01").contains(&"constant_init"));
    assert!(start("~ normal(0, 50)").contains(&"bad_init_scale"));
    let train = "mean(L)\ntrain: adam(ε = 1e-14)";
    assert!(
        of("1", relu, "z", "half_mse(y, ŷ)", train).contains(&"adam_epsilon_too_small")
    );
}

/// Rows with two inputs and one target.
struct Rows {
    x: Vec<f64>,
    y: Vec<f64>,
}

fn rows(n: usize, target: impl Fn(f64, f64, f64) -> f64) -> Rows {
    let mut draw = Draw(11);
    let mut out = Rows { x: Vec::new(), y: Vec::new() };
    for _ in 0..n {
        let (a, b, noise) = (draw.value(), draw.value(), draw.value());
        out.x.extend([a, b]);
        out.y.push(target(a, b, noise));
    }
    out
}

fn prepared(text: &str, rows: &Rows) -> (Model, Prepared) {
    let model = Model::parse_with(text, Options::default().threads(1)).expect("it reads");
    let data = table(&[("x", 2, &rows.x), ("y", 1, &rows.y)]).expect("a table");
    let prepared = model.prepare(&data).expect("it is prepared");
    (model, prepared)
}

const REGRESSION: &str = "input x : D\ntarget y : 1\nparam W1 : H×D ~ he, b1 : H = 0\n\
    param W2 : 1×H ~ glorot, b2 : 1 = 0\nwhere H = 16\na = relu(W1 x + b1)\nŷ = W2 a + b2\n\
    L = half_mse(y, ŷ)\nminimize mean(L)\ntrain: adam(lr = 0.01), batch 32, epochs 60, seed 1";

#[test]
fn rows_show_what_is_not_scaled_or_out_of_reach() {
    let of = |text: &str, rows: &Rows| {
        let (model, p) = prepared(text, rows);
        words(
            &look_over(&model, Some(parts(&p))).expect("looked over"),
            Severity::Warning,
        )
    };
    let good = rows(200, |a, b, _| a * b);
    assert!(of(REGRESSION, &good).is_empty());
    let scaled = |by: f64, plus: f64| Rows {
        x: good.x.iter().map(|v| v * by + plus).collect(),
        y: good.y.clone(),
    };
    assert_eq!(of(REGRESSION, &scaled(1.0, 60.0)), ["unnormalised_inputs"]);
    assert_eq!(of(REGRESSION, &scaled(1e-4, 0.0)), ["inputs_too_small"]);
    let far = rows(200, |a, _, _| 1000.0 * a);
    assert_eq!(of(REGRESSION, &far), ["unnormalised_targets"]);
    let squashed = REGRESSION.replace("ŷ = W2 a + b2", "ŷ = sigmoid(W2 a + b2)");
    assert!(of(&squashed, &far).contains(&"output_range_mismatch"));
    // Equal inputs, and targets of their own.
    let mut draw = Draw(5);
    let again =
        Rows { x: good.x[..100].repeat(10), y: (0..500).map(|_| draw.value()).collect() };
    assert_eq!(of(REGRESSION, &again), ["labels_shuffled"]);
    let kept = Rows { x: good.x[..100].repeat(10), y: good.y[..50].repeat(10) };
    assert!(of(REGRESSION, &kept).is_empty());
}

fn trained(text: &str, rows: &Rows) -> Vec<Finding> {
    let (model, p) = prepared(text, rows);
    let seen = examine(&model, parts(&p), &mut |_| Control::Continue);
    seen.expect("it is examined").findings
}

#[test]
fn a_network_that_learns_has_no_error() {
    let found = trained(REGRESSION, &rows(400, |a, b, noise| a * b + 0.1 * noise));
    assert!(words(&found, Severity::Warning).is_empty(), "{found:?}");
}

#[test]
fn trainings_that_fail_are_told_with_their_cause() {
    let good = rows(300, |a, b, _| a * b);
    let of = |from: &str, to: &str| {
        let found = trained(&REGRESSION.replace(from, to), &good);
        words(&found, Severity::Warning)
    };
    let adam = "adam(lr = 0.01)";
    assert!(of(adam, "sgd(lr = 1e6)").contains(&"exploding"));
    assert!(of(adam, "adam(lr = 1e-5)").contains(&"lr_too_low"));
    assert!(of(adam, "adam(lr = 3)").contains(&"lr_too_high"));
    assert!(of("b1 : H = 0", "b1 : H = −100").contains(&"dead_relu"));
    assert!(of("batch 32, epochs 60", "batch 128, epochs 2").contains(&"too_few_epochs"));
    assert!(of("mean(L)", "mean(L) + ‖W1, W2‖²").contains(&"over_regularised"));
    let chance = trained(REGRESSION, &rows(400, |_, _, noise| noise));
    let said = words(&chance, Severity::Warning);
    assert!(
        said.contains(&"labels_independent") || said.contains(&"not_learning"),
        "{said:?}"
    );
}

#[test]
fn a_batch_of_more_rows_than_make_steps_better_is_told() {
    let many = rows(4000, |a, b, _| a * b);
    let found = trained(&REGRESSION.replace("32, epochs 60", "full, epochs 10"), &many);
    let said = words(&found, Severity::Warning);
    assert!(said.contains(&"batch_too_large"), "{found:?}");
}

#[test]
fn a_batch_that_chance_leads_is_told_with_its_noise() {
    let noisy = rows(400, |a, b, noise| a * b + 0.1 * noise);
    let text = REGRESSION.replace("adam(lr = 0.01), batch 32", "adam(lr = 0.1), batch 1");
    let found = trained(&text, &noisy);
    let told = found.iter().find(|f| f.id == "batch_too_small");
    let told = told.unwrap_or_else(|| panic!("{found:?}"));
    let number = |name| told.evidence.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    assert!(number("noise_scale").unwrap() > 10.0 && number("batch_then") == Some(10.0));
    assert!(number("loss_then").unwrap() < 0.67 * number("loss").unwrap());
}

#[test]
fn narrow_deep_relu_networks_are_told_to_be_born_dead_by_some_seeds() {
    let deep = |width: usize| {
        let text = "input x : D\ntarget y : 1\nparam U : H×D ~ he, c : H = 0\n\
            param W_l : H×H ~ he, b_l : H = 0 for l = 2..N\nparam V : 1×H ~ glorot\n\
            where H = WIDTH, N = 12, D = 2\na_1 = relu(U x + c)\n\
            for l = 2..N: a_l = relu(W_l a_{l-1} + b_l)\nŷ = V a_N\nL = half_mse(y, ŷ)\n\
            minimize mean(L)\ntrain: adam, batch 32, epochs 1, seed 1";
        let text = text.replace("WIDTH", &width.to_string());
        let (model, p) = prepared(&text, &rows(100, |a, b, _| a * b));
        let found = look_over(&model, Some(parts(&p))).expect("looked over");
        words(&found, Severity::Warning)
    };
    assert!(deep(3).contains(&"dead_relu"));
    assert!(!deep(16).contains(&"dead_relu"));
}

#[test]
fn gradients_that_vanish_are_told() {
    let deep = "input x : D\ntarget y : 1\nparam W1 : H×D ~ glorot, b1 : H = 0\n\
        param W_l : H×H ~ glorot, b_l : H = 0 for l = 2..N\nparam V : 1×H ~ glorot, c : 1 = 0\n\
        where H = 5, N = 9\na_1 = sigmoid(W1 x + b1)\n\
        for l = 2..N: a_l = sigmoid(W_l a_{l-1} + b_l)\nŷ = V a_N + c\nL = half_mse(y, ŷ)\n\
        minimize mean(L)\ntrain: sgd(lr = 0.01), batch 32, epochs 20, seed 1";
    let deep = deep.replace("W1 x + b1", "U x + b1").replace("param W1", "param U");
    let found = trained(&deep, &rows(300, |a, b, _| a * b));
    assert!(
        words(&found, Severity::Warning).contains(&"vanishing_gradient"),
        "{found:?}"
    );
}

#[test]
fn who_looks_on_changes_no_bit() {
    let (model, p) = prepared(REGRESSION, &rows(200, |a, b, _| a * b));
    let alone =
        model.fit_prepared(&p.train, None, &p.preparation, &mut |_| Control::Continue);
    let seen = examine(&model, parts(&p), &mut |_| Control::Continue).expect("examined");
    let (alone, seen) = (alone.expect("trained"), seen.trained.expect("trained"));
    assert_eq!(alone.tensors(), seen.tensors());
    let cheap = Examiner::new(&model, parts(&p), Depth::Cheap).expect("an examiner");
    assert!(cheap.close(&alone).iter().all(|f| f.severity < Severity::Error));
}

const RELU: &str = "relu(W1 x + b1)";

/// A file of which rows are held out, with a hidden layer.
fn with_parts(held: &str, hidden: &str, rows: &[[f64; 3]]) -> (Model, Prepared) {
    let text = format!(
        "input x : D\ntarget y : 1\nparam W1 : H×D ~ he, b1 : H = 0\n\
         param W2 : 1×H ~ glorot\nwhere H = 8\nŷ = W2 {hidden}\n\
         L = half_mse(y, ŷ)\nminimize mean(L)\n\
         data: d.csv, x = a b, y = c, hold out {held}\n\
         train: adam(lr = 0.01), batch 32, epochs 30, seed 1"
    );
    let model =
        Model::parse_with(&text, Options::default().threads(1)).expect("it reads");
    let column = |i: usize| rows.iter().map(|r| r[i]).collect::<Vec<f64>>();
    let columns = [column(0), column(1), column(2)];
    let named = [("a", 1, &columns[0][..]), ("b", 1, &columns[1]), ("c", 1, &columns[2])];
    let prepared = model.prepare(&table(&named).expect("a table")).expect("prepared");
    (model, prepared)
}

fn drawn(n: usize, noise: impl Fn(usize) -> f64) -> Vec<[f64; 3]> {
    let mut draw = Draw(3);
    let mut row = |i| {
        let (a, b, e) = (draw.value(), draw.value(), draw.value());
        [a, b, a * b + noise(i) * e]
    };
    (0..n).map(&mut row).collect()
}

fn of_parts(found: Vec<Finding>) -> Vec<Finding> {
    let ids = ["distribution_shift", "split_leak", "validation_better"];
    found.into_iter().filter(|f| ids.contains(&f.id)).collect()
}

fn looked_over((model, p): &(Model, Prepared)) -> Vec<Finding> {
    of_parts(look_over(model, Some(parts(p))).expect("looked over"))
}

#[test]
fn parts_that_differ_or_leak_are_told_and_random_ones_are_not() {
    let rows = drawn(400, |_| 0.1);
    // At a level of one in a hundred, three alarms in 40 splits have p = 0.008.
    let alarms = (0..40).filter(|seed| {
        let mut seeded = rows.clone();
        seeded.rotate_left(seed * 7);
        !looked_over(&with_parts("25 %", RELU, &seeded)).is_empty()
    });
    assert!(alarms.count() <= 2);
    let mut sorted = rows.clone();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let shift = looked_over(&with_parts("25 % last", RELU, &sorted));
    assert_eq!(words(&shift, Severity::Warning), ["distribution_shift"]);
    assert_eq!(shift[0].place, "held out");
    assert!(!shift[0].message.contains("looked at"), "{}", shift[0].message);
    let mut copied = rows;
    copied.extend_from_within(..100);
    let leak = looked_over(&with_parts("20 % last", RELU, &copied));
    assert_eq!(words(&leak, Severity::Warning), ["split_leak"]);
    let mut many = drawn(12_000, |_| 0.1);
    many.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let some = looked_over(&with_parts("25 % last", RELU, &many));
    assert!(some[0].message.contains("(5000 of 12000 rows were looked at)"), "{some:?}");
}

#[test]
fn validation_that_is_better_is_taken_apart() {
    let trained = |place: &(Model, Prepared)| {
        let seen = examine(&place.0, parts(&place.1), &mut |_| Control::Continue);
        of_parts(seen.expect("examined").findings)
    };
    // Rows that are held out have no noise.
    let easy =
        with_parts("30 % last", RELU, &drawn(400, |i| if i < 280 { 2.0 } else { 0.0 }));
    let found = trained(&easy);
    let better =
        found.iter().find(|f| f.id == "validation_better").expect("it is better");
    assert_eq!(better.severity, Severity::Warning);
    assert!(better.advice.contains("do not belong together"), "{found:?}");
    // Dropout makes the figures of training worse, and nothing else does.
    let dropped =
        with_parts("30 %", &format!("dropout({RELU}, 0.5)"), &drawn(800, |_| 0.1));
    let found = trained(&dropped);
    let [note] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((note.id, note.severity), ("validation_better", Severity::Note));
    let amount = |name: &str| {
        note.evidence.iter().find(|e| e.0 == name).unwrap_or_else(|| panic!("{name}")).1
    };
    let all = ["penalty", "training_form", "moving_weights", "remainder"].map(amount);
    assert!((all.iter().sum::<f64>() - amount("logged")).abs() < 1e-9, "{note:?}");
    assert!(amount("training_form") > 0.5 * amount("logged"), "{note:?}");
    assert!(trained(&with_parts("30 %", RELU, &drawn(400, |_| 0.5))).is_empty());
    // A look that may cost next to nothing looks at none of it.
    let (model, p) = &easy;
    let cheap = Examiner::new(model, parts(p), Depth::Cheap).expect("an examiner");
    assert!(of_parts(cheap.before()).is_empty());
    let all = model
        .fit_prepared(&p.train, p.held_out.as_ref(), &p.preparation, &mut |_| {
            Control::Continue
        })
        .expect("trained");
    let said = of_parts(cheap.close(&all));
    assert!(said.is_empty(), "{said:?}");
}
