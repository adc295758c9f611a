//! `diagnose`: logs, curves and their rates, candidates.

use crate::support::{Place, repository};

/// Four curves of the exam's kind: too low, good, too high, way too high.
fn curves(place: &Place) {
    let column = |f: &dyn Fn(f64) -> f64| {
        let lines: String = (0..40).map(|i| format!("{}\n", f(f64::from(i)))).collect();
        format!("loss\n{lines}")
    };
    place.file("slow.csv", column(&|t| 0.2 + 2.0 * (-t / 60.0).exp()));
    place.file("good.csv", column(&|t| 0.2 + 2.0 * (-t / 6.0).exp()));
    place.file("stuck.csv", column(&|t| 1.1 + 1.1 * (-t / 0.5).exp()));
    place.file("broken.csv", column(&|t| 2.2 + 0.5 * t));
}

#[test]
fn curves_get_their_rates_with_reasons() {
    let place = Place::new();
    curves(&place);
    let files = ["stuck.csv", "broken.csv", "slow.csv", "good.csv"];
    let mut args = vec!["diagnose", "--curves"];
    args.extend(files);
    args.extend(["--rates", "8e-3,2e-5,4e-1,3e-4"]);
    let ran = place.run(&args);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let line =
        |name: &str| ran.out.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    assert!(line("stuck").contains("0.008") && line("stuck").contains("too high"));
    assert!(line("broken").contains("0.4") && line("broken").contains("way too high"));
    assert!(line("slow").contains("0.00002") && line("slow").contains("too low"));
    assert!(line("good").contains("0.0003") && line("good").contains("good"));
    args.extend(["--format", "json"]);
    let json = place.run(&args).json();
    assert_eq!(json[1]["rate"], 0.4);
    assert_eq!(json[1]["seen"]["regime"], "above_start");
}

#[test]
fn a_log_is_told_like_a_compiler_would() {
    let place = Place::new();
    place.file("bad.csv", "epoch;loss\n1;2,5\n2;nan\n3;nan\n");
    let ran = place.run(&["diagnose", "bad.csv"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("error[exploding]: the training loss is NaN in epoch 2"));
    assert!(ran.out.contains("help: lower the learning rate"), "{}", ran.out);
    let json = place.run(&["diagnose", "bad.csv", "--format", "json"]).json();
    assert_eq!(json[0]["findings"][0]["id"], "exploding");
    assert_eq!(json[0]["findings"][0]["evidence"]["epoch"], 2.0);
}

#[test]
fn a_run_of_ours_is_a_log() {
    let place = crate::training::place();
    let ran = place.run(&["train", "t.chain", "--set", "epochs=12", "--quiet"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let ran = place.run(&["diagnose", "runs/t-1"]);
    assert!(ran.out.contains("12 training losses, 12 validation losses"), "{ran:?}");
}

#[test]
fn candidates_are_looked_over_before_anything_is_spent() {
    let place = Place::new();
    let ran = place.run(&["diagnose", "--candidates", "0.01,0.16,0.21,0.84,0.94"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("1.97 decades"), "{}", ran.out);
    assert!(ran.out.contains("warning[lr_search_poor]"), "{}", ran.out);
    assert!(ran.out.contains("better: "), "{}", ran.out);
    let ran = place.run(&["diagnose", "--candidates", "1e-4,1e-3,1e-2,1e-1"]);
    assert!(ran.out.contains("they lie well"), "{}", ran.out);
}

#[test]
fn wrong_use_is_named() {
    let place = Place::new();
    curves(&place);
    place.file("no.csv", "a,b\n1,2\n");
    let cases: [(&[&str], &str); 8] = [
        (&["diagnose", "no.csv"], "no training loss; found a, b"),
        (&["diagnose", "gone.csv"], "gone.csv"),
        (&["diagnose", "--candidates", "0.1,-1"], "above 0"),
        (&["diagnose", "--candidates", "0.1,x"], "'x' for '--candidates"),
        (&["diagnose", "--candidates", "0.1,x"], "expected a number, such as 0.01"),
        (&["diagnose", "--about", "nothing"], "no finding is called nothing"),
        (
            &["diagnose", "--curves", "slow.csv", "good.csv", "--rates", "0.1"],
            "1 rates for 2",
        ),
        (&["diagnose", "good.csv", "--about", "exploding"], "one at a time"),
    ];
    for (args, words) in cases {
        let ran = place.run(args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(words), "{args:?}: {}", ran.err);
    }
    let ran = place.run(&["diagnose", "--about", "all"]);
    assert!(ran.out.contains("overfitting") && ran.status == 0);
}

#[test]
fn a_file_is_looked_over_before_anything_is_trained() {
    let place = crate::training::place();
    let ran = place.run(&["diagnose", "t.chain"]);
    assert!(ran.status == 0 && ran.out.contains("nothing trained"), "{ran:?}");
    assert!(!place.names().contains(&"runs".to_owned()));
    let linear = repository("examples/exam-linear.chain");
    let linear = linear.to_str().expect("a path of text");
    let ran = place.run(&["diagnose", linear]);
    assert!(ran.out.contains("warning[no_nonlinearity]: 3 layers follow"), "{ran:?}");
    let ran = place.run(&["diagnose", linear, "--set", "act=relu", "--format", "json"]);
    assert_eq!((ran.status, &ran.json()[0]["findings"]), (0, &serde_json::json!([])));
}

#[test]
fn an_error_of_a_file_is_the_status_and_nothing_is_trained() {
    let place = crate::training::place();
    let text = std::fs::read_to_string(place.path().join("t.chain")).expect("the file");
    let objective =
        text.lines().find(|l| l.starts_with("minimize")).expect("an objective");
    place.file("up.chain", text.replace(objective, "minimize 0 − mean(L)"));
    let ran = place.run(&["diagnose", "up.chain", "--train"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("error[gradient_sign_flipped]"), "{}", ran.out);
    assert!(ran.out.contains("not trained"), "{}", ran.out);
}

#[test]
fn a_training_is_looked_into_and_advice_tried_out() {
    let place = crate::training::place();
    let args = ["diagnose", "t.chain", "--train", "--prove", "--set", "lr=3e-4"];
    let ran = place.run(&args);
    assert!(ran.out.contains("tried: lr_too_low with lr="), "{ran:?}");
    let json = place.run(&[&args[..], &["--format", "json"]].concat()).json();
    assert_eq!(json[0]["trained"], true);
    let proof = &json[0]["proofs"][0];
    assert!(proof["loss_then"].as_f64() < proof["loss"].as_f64(), "{proof}");
}

#[test]
fn training_says_what_it_found_unless_told_not_to() {
    let place = crate::training::place();
    let train = |how: &str| {
        let columns = "x=a b / 0.001";
        place.run(&["train", "t.chain", "--set", columns, "--set", "epochs=2", how])
    };
    let told = train("--diagnose=cheap");
    assert!(told.err.contains("warning[unnormalised_inputs]"), "{told:?}");
    assert!(!train("--diagnose=off").err.contains("unnormalised"));
    assert_eq!(train("--diagnose=some").status, 2);
}

/// Two columns of numbers, words, and a target; `shift` is added to the first column.
fn rows(seed: u32, count: u32, shift: f64) -> String {
    let draw = |i: u32, k: u32| {
        let x = (seed * 7919 + i * 31 + k * 1013).wrapping_mul(2_654_435_761);
        f64::from((x ^ (x >> 15)).wrapping_mul(2_246_822_519) >> 8) / f64::from(1 << 24)
    };
    let line = |i: u32| {
        let colour = if draw(i, 2) < 0.3 { "red" } else { "blue" };
        format!("{},{},{colour},{}\n", draw(i, 0) + shift, draw(i, 1), draw(i, 3))
    };
    format!("a,b,colour,y\n{}", (0..count).map(line).collect::<String>())
}

#[test]
fn two_tables_are_told_apart_by_the_column_that_moved() {
    let place = Place::new();
    place.file("train.csv", rows(1, 400, 0.0));
    place.file("same.csv", rows(2, 150, 0.0));
    place.file("moved.csv", rows(3, 150, 0.3));
    let ran = place.run(&["diagnose", "--splits", "train.csv", "same.csv"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("nothing to report"), "{}", ran.out);
    let args = ["diagnose", "--splits", "train.csv", "moved.csv", "--target", "y"];
    let ran = place.run(&args);
    assert!(ran.out.contains("warning[distribution_shift]"), "{}", ran.out);
    assert!(ran.out.contains("one source: a: mean"), "{}", ran.out);
    let json = place.run(&[&args[..], &["--format", "json"]].concat()).json();
    assert_eq!(json[0]["findings"][0]["id"], "distribution_shift");
    assert_eq!(json[0]["columns"][3]["target"], true);
}

#[test]
fn copies_in_the_held_out_rows_of_a_file_are_named() {
    let place = Place::new();
    let table = rows(5, 200, 0.0);
    // The last 40 rows are held out; ten of them are rows 1 to 10 again.
    let lines: Vec<&str> = table.lines().collect();
    let again = [&lines[..191], &lines[1..11]].concat().join("\n");
    place.file("data.csv", again + "\n");
    place.file(
        "net.chain",
        "input x : D\ntarget y : 1\nparam w : 1×D ~ glorot\nŷ = w x\n\
         L = half_mse(y, ŷ)\nminimize mean(L)\n\
         data: data.csv, x = * standardized, y = y, hold out 20 % last\n",
    );
    let ran = place.run(&["diagnose", "--splits", "net.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("warning[split_leak]: 10 of 40 rows"), "{}", ran.out);
    assert!(ran.out.contains("row 191 (row 1 of training)"), "{}", ran.out);
}

#[test]
fn splits_that_cannot_be_compared_are_refused() {
    let place = Place::new();
    place.file("a.csv", rows(1, 50, 0.0));
    place.file("b.csv", "a,b\n1,2\n3,4\n");
    place.file(
        "one.chain",
        "input x : 1\ntarget y : 1\nparam w : 1×1\nŷ = w x\n\
         L = half_mse(y, ŷ)\nminimize mean(L)\ndata: a.csv, x = a, y = y\n",
    );
    let refused = |args: &[&str], words: &str| {
        let ran = place.run(&[&["diagnose", "--splits"], args].concat());
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.err.contains(words), "{}", ran.err);
    };
    refused(&["a.csv", "b.csv"], "colour");
    refused(&["a.csv", "a.csv", "--target", "price"], "no column `price`");
    refused(&["one.chain"], "hold out 20 %");
    refused(&["one.chain", "--target", "y"], "--target belongs to two tables");
    refused(&["a.csv", "none.csv"], "none.csv");
    refused(&["a.csv"], "one table has no parts");
}

#[test]
fn the_gap_of_a_run_is_a_waterfall_that_ends_at_the_validation_loss() {
    let place = crate::training::place();
    let ran = place.run(&["train", "t.chain", "--set", "epochs=5", "--quiet"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let ran = place.run(&["diagnose", "--gap", "runs/t-1", "--svg", "gap.svg"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(
        ran.out.contains("runs/t-1, epoch 5: 96 rows of training, 24 watched"),
        "{ran:?}"
    );
    assert!(ran.out.contains("training, measured alike"), "{}", ran.out);
    assert!(place.names().contains(&"gap.svg".to_owned()));
    let json = place.run(&["diagnose", "--gap", "runs/t-1", "--format", "json"]).json();
    let figure = |v: &serde_json::Value| v.as_f64().unwrap();
    let amounts: f64 =
        json["amounts"].as_array().unwrap().iter().map(|a| figure(&a["amount"])).sum();
    let rest = figure(&json["train"]) - amounts - figure(&json["held"]);
    assert!(rest.abs() < 1e-12, "{json}");
    // What has changed since, or was never there, is said.
    place.file("t.csv", crate::training::table() + "1,2,small\n");
    let ran = place.run(&["diagnose", "--gap", "runs/t-1"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.err.contains("t.csv"), "{ran:?}");
    let ran = place.run(&["diagnose", "--gap", "runs/none"]);
    assert_eq!(ran.status, 2, "{ran:?}");
}

#[test]
fn the_gradients_of_a_training_and_of_a_run_are_drawn_layer_by_layer() {
    let place = crate::training::place();
    let svg =
        |name: &str| std::fs::read_to_string(place.path().join(name)).expect("a picture");
    let ran = place.run(&["diagnose", "t.chain", "--train", "--svg", "flow.svg"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("wrote flow.svg"), "{ran:?}");
    let flow = svg("flow.svg");
    for words in ["W1", "W2", "before the first step", "epoch 30", "a step, for"] {
        assert!(flow.contains(words), "{words}");
    }
    let ran = place.run(&["train", "t.chain", "--quiet"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let args = ["diagnose", "runs/t-1", "--svg", "run.svg", "--format", "json"];
    let flow = place.run(&args).json()[0]["flow"].clone();
    assert_eq!(flow["layers"], serde_json::json!(["W1", "W2"]));
    let moments = flow["moments"].as_array().expect("moments");
    assert_eq!(moments.len(), 2);
    assert_eq!((&moments[0]["epoch"], &moments[1]["epoch"]), (&0.into(), &30.into()));
    assert!(
        moments[1]["gradients"][0].as_f64() > Some(0.0)
            && moments[1]["steps"][0].is_null()
    );
    assert!(!svg("run.svg").contains("a step, for"), "no step of a run was watched");
    // What has no gradients has no picture.
    place.file("log.csv", "epoch,loss\n1,2.5\n2,1.5\n");
    for (args, words) in [
        (&["t.chain"][..], "add --train"),
        (&["t.chain", "t.chain", "--train"], "one picture"),
        (&["--candidates", "0.1,0.01"], "--svg goes with"),
        (&["log.csv"], "no picture"),
    ] {
        let ran = place.run(&[&["diagnose", "--svg", "none.svg"], args].concat());
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(words), "{args:?}: {ran:?}");
    }
    assert!(!place.names().contains(&"none.svg".to_owned()));
}

#[test]
fn rows_that_leak_are_told_of_a_file_of_its_training_and_of_its_run() {
    let place = Place::new();
    let table = rows(5, 200, 0.0);
    let lines: Vec<&str> = table.lines().collect();
    place.file("data.csv", [&lines[..181], &lines[1..21]].concat().join("\n") + "\n");
    place.file(
        "net.chain",
        "input x : D\ntarget y : 1\nparam w : 1×D ~ glorot\nŷ = w x\n\
         L = half_mse(y, ŷ)\nminimize mean(L)\n\
         data: data.csv, x = a b standardized, y = y, hold out 20 % last\n\
         train: sgd(lr = 0.1), epochs 5\n",
    );
    let ran = place.run(&["train", "net.chain", "--quiet"]);
    assert!(ran.status == 0 && !ran.err.contains("split_leak"), "a cheap look: {ran:?}");
    let full = place.run(&["train", "net.chain", "--diagnose"]);
    assert!(full.err.contains("warning[split_leak]: 20 of 40 rows"), "{full:?}");
    for args in [&["net.chain"][..], &["net.chain", "--train"], &["runs/net-1"]] {
        let ran = place.run(&[&["diagnose"], args].concat());
        assert!(
            ran.out.contains("warning[split_leak]: 20 of 40 rows"),
            "{args:?}: {ran:?}"
        );
        assert!(ran.out.contains("--> held out"), "{args:?}: {ran:?}");
    }
}
