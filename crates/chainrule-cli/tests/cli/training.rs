//! `train`, `predict`, `evaluate`: what a run leaves, what is printed where, and that the figures of
//! one command are those of the other.

use crate::support::{Place, repository};

/// Two numbers, two classes that a line parts, 120 rows.
pub(crate) fn table() -> String {
    let mut text = "a,b,kind\n".to_owned();
    for i in 0..120_u32 {
        let (a, b) = (f64::from(i * 37 % 101) / 10.0, f64::from(i * 53 % 97) / 10.0);
        let kind = if a + 0.5 * b > 7.0 { "large" } else { "small" };
        text.push_str(&format!("{a},{b},{kind}\n"));
    }
    text
}

pub(crate) const CLASSES: &str = "\
input x : D
target y : K one-hot
param W1 : H×D ~ he, b1 : H = 0
param W2 : K×H ~ glorot, b2 : K = 0
where H = 8
a1 = relu(W1 x + b1)
ŷ = softmax(W2 a1 + b2)
L = cross_entropy(y, ŷ)
minimize mean(L)
data: t.csv, x = a b standardized, y = kind, hold out 20 % stratified
train: adam(lr = 1e-2), batch 16, epochs 30, seed 0
";

pub(crate) fn place() -> Place {
    let place = Place::new();
    place.file("t.csv", table());
    place.file("t.chain", CLASSES);
    place
}

#[test]
fn a_run_leaves_a_model_and_a_folder_and_nothing_else() {
    let place = place();
    let ran = place.run(&["train", "t.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("held out (24 rows): loss"), "{}", ran.out);
    assert!(ran.out.contains("model: runs/t-1.safetensors"), "{}", ran.out);
    assert!(ran.out.contains("epochs"), "a curve: {}", ran.out);
    assert!(ran.err.contains("120 rows, 96 for training, 24 held out"), "{}", ran.err);
    assert_eq!(place.names(), ["runs", "t.chain", "t.csv"]);
    let mut left: Vec<String> = std::fs::read_dir(place.path().join("runs"))
        .expect("the runs")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["t-1", "t-1.safetensors"]);
}

#[test]
fn quiet_says_the_summary_and_json_one_document() {
    let place = place();
    let quiet = place.run(&["train", "t.chain", "--quiet", "--out", "a"]);
    assert_eq!((quiet.status, quiet.err.as_str()), (0, ""));
    assert!(quiet.out.contains("held out") && !quiet.out.contains('┤'), "{}", quiet.out);
    let json = place.run(&["train", "t.chain", "--format", "json", "--out", "b"]).json();
    assert_eq!(json["epochs"].as_array().map(Vec::len), Some(30));
    assert_eq!(json["end"]["why"], "epochs");
    assert_eq!(json["parts"][0]["part"], "held out");
    assert_eq!(json["model"], "b/t-1.safetensors");
}

#[test]
fn settings_of_the_command_line_win() {
    let place = place();
    let args =
        ["train", "t.chain", "--format", "json", "--epochs", "3", "--batch", "full"];
    let json =
        place.run(&[&args[..], &["--set", "H=4", "--lr", "0.1", "--seed", "7"]].concat());
    assert_eq!(json.status, 0, "{json:?}");
    let json = json.json();
    assert_eq!(json["end"]["epochs"], 3);
    assert_eq!(json["end"]["steps"], 3);
    assert_eq!(json["epochs"][0]["lr"], 0.1);
}

#[test]
fn code_made_at_run_time_does_not_change_a_bit_of_the_predictions() {
    let place = place();
    let predictions = |native: &str| {
        let train = ["train", "t.chain", "--out", native, "--quiet"];
        let mut command = place.command(&train);
        let trained = command.env("CHAINRULE_NATIVE", native).output();
        assert!(trained.expect("the command starts").status.success());
        let predict = ["predict", &format!("{native}/t-1.safetensors"), "t.csv"];
        let mut command = place.command(&predict);
        let predicted = command.env("CHAINRULE_NATIVE", native).output();
        String::from_utf8(predicted.expect("the command starts").stdout)
            .expect("predictions are text")
    };
    let walked = predictions("off");
    assert!(walked.lines().count() > 1, "{walked}");
    assert_eq!(predictions("on"), walked);
}

#[test]
fn the_threads_do_not_change_a_bit_of_the_predictions() {
    let place = place();
    let predictions = |threads: &str| {
        let ran = place.run(&[
            "train",
            "t.chain",
            "-q",
            "--threads",
            threads,
            "--out",
            threads,
        ]);
        assert_eq!(ran.status, 0, "{ran:?}");
        place.run(&["predict", &format!("{threads}/t-1.safetensors"), "t.csv"]).out
    };
    let one = predictions("1");
    assert!(one.lines().count() == 121 && one == predictions("3"), "{one}");
}

#[test]
fn predictions_are_csv_and_nothing_else() {
    let place = place();
    assert_eq!(place.run(&["train", "t.chain", "-q"]).status, 0);
    place.file("new.csv", "b,a\n1.0,9.0\n0.5,0.5\n");
    let ran = place.run(&["predict", "runs/t-1.safetensors", "new.csv"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "kind,p(large),p(small)");
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].starts_with("large,") && lines[2].starts_with("small,"),
        "{lines:?}"
    );
    let sum: f64 =
        lines[1].split(',').skip(1).map(|v| v.parse::<f64>().expect("a number")).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{lines:?}");
    let to_file =
        place.run(&["predict", "runs/t-1.safetensors", "new.csv", "-o", "p.csv"]);
    assert_eq!((to_file.status, to_file.out.as_str()), (0, ""));
    assert_eq!(
        std::fs::read_to_string(place.path().join("p.csv")).expect("a file"),
        ran.out
    );
}

#[test]
fn evaluation_stands_beside_a_baseline() {
    let place = place();
    assert_eq!(place.run(&["train", "t.chain", "-q"]).status, 0);
    let ran = place.run(&["evaluate", "runs/t-1.safetensors", "t.csv"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    for words in
        ["accuracy", "balanced accuracy", "ROC AUC", "log loss", "precision", "confusion"]
    {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    let json =
        place.run(&["evaluate", "runs/t-1.safetensors", "t.csv", "--format", "json"]);
    let json = json.json();
    assert_eq!(json["rows"], 120);
    assert_eq!(json["scores"]["kind"], "classes");
    assert!(json["scores"]["accuracy"].as_f64().expect("a share") > 0.9, "{json}");
}

#[test]
fn the_digits_of_the_repository_pass_97_per_cent() {
    let place = Place::new();
    let file = repository("examples/digits.chain");
    let ran = place.run(&["train", &file.to_string_lossy(), "--format", "json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let accuracy =
        ran.json()["parts"][0]["scores"]["accuracy"].as_f64().expect("a share");
    assert!(accuracy > 0.97, "{accuracy}");
}

#[test]
fn a_table_alone_is_enough() {
    let place = Place::new();
    place.file("t.csv", table());
    let ran = place.run(&["train", "--data", "t.csv", "--target", "kind"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("wrote t.chain"), "{}", ran.err);
    assert_eq!(place.run(&["check", "t.chain"]).status, 0);
    let again = place.run(&["train", "--data", "t.csv", "--target", "kind", "-q"]);
    assert_eq!(again.status, 0, "the same file may be written again: {again:?}");
    place.file("t.chain", "mine");
    let kept = place.run(&["train", "--data", "t.csv", "--target", "kind"]);
    assert_eq!(kept.status, 2, "{kept:?}");
    assert!(kept.err.contains("--force"), "{}", kept.err);
    let typo = place.run(&["train", "--data", "t.csv", "--target", "knid"]);
    assert!(typo.status != 0 && typo.err.contains("did you mean `kind`"), "{typo:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_what_was_learned() {
    let place = place();
    let args = ["train", "t.chain", "--epochs", "100000000", "--out", "runs"];
    let mut child = place
        .command(&args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the command starts");
    let folder = place.path().join("runs/t-1/epochs.csv");
    let lines = || std::fs::read_to_string(&folder).map_or(0, |t| t.lines().count());
    let begun = std::time::Instant::now();
    while lines() < 5 && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(child.wait().expect("the command ends").code(), Some(130));
    assert!(place.path().join("runs/t-1.safetensors").exists());
    assert!(place.path().join("runs/t-1/summary.txt").exists());
    let ran = place.run(&["evaluate", "runs/t-1.safetensors", "t.csv"]);
    assert_eq!(ran.status, 0, "{ran:?}");
}

#[test]
fn training_that_explodes_stops_and_keeps_the_last_finite_state() {
    let place = place();
    let explosive = CLASSES
        .replace("adam(lr = 1e-2)", "sgd(lr = 1e30)")
        .replace("mean(L)", "mean(L) + ‖W1‖²");
    place.file("t.chain", explosive);
    let ran = place.run(&["train", "t.chain"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("not finite"), "{}", ran.out);
    assert!(place.path().join("runs/t-1.safetensors").exists());
}

#[test]
fn equal_runs_give_equal_model_files() {
    let place = place();
    for threads in ["1", "2"] {
        let ran = place.run(&["train", "t.chain", "--epochs", "3", "--threads", threads]);
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    let read = |name: &str| std::fs::read(place.path().join("runs").join(name));
    let (first, second) = (read("t-1.safetensors"), read("t-2.safetensors"));
    assert_eq!(first.expect("a model"), second.expect("a model"));
}

#[test]
fn a_batch_of_one_row_under_batch_norm_is_said() {
    let place = place();
    let text = CLASSES.replace("relu(", "relu(batch_norm(").replace("+ b1)", "+ b1))");
    assert_ne!(text, CLASSES);
    place.file("t.chain", text);
    let run = |batch: &str| {
        let ran = place.run(&["train", "t.chain", "--epochs", "1", "--batch", batch]);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.err + &ran.out
    };
    assert!(run("1").contains("every batch has one row"));
    assert!(run("5").contains("the last batch of an epoch has one row"));
    assert!(!run("8").contains("one row:"));
}

#[test]
fn a_parameter_that_nothing_uses_is_warned_about_and_harms_nothing() {
    let place = place();
    place.file("t.chain", CLASSES.replace("where", "param U : H×D ~ he\nwhere"));
    let ran = place.run(&["check", "t.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("`U` is never used"), "{}", ran.err);
    assert!(ran.out.contains("holds"), "{}", ran.out);
    let ran = place.run(&["train", "t.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let ran = place.run(&["evaluate", "runs/t-1.safetensors", "t.csv"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(place.run(&["plan", "t.chain"]).status, 0);
}

#[test]
fn data_comes_through_a_pipe_as_from_a_file() {
    use std::io::Write;
    use std::process::Stdio;

    let place = place();
    assert_eq!(place.run(&["train", "t.chain", "--epochs", "3"]).status, 0);
    for command in ["predict", "evaluate"] {
        let model = "runs/t-1.safetensors";
        let whole = place.run(&[command, model, "t.csv"]);
        let mut piped = place.command(&[command, model, "-"]);
        let piped = piped.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().expect("the command starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(table().as_bytes()).expect("the table goes in");
        drop(pipe);
        let piped = crate::support::ran(child.wait_with_output().expect("it ends"));
        assert_eq!((piped.status, piped.out), (0, whole.out), "{command}");
        assert!(piped.err.contains("standard input"), "{}", piped.err);
    }
}

#[test]
fn one_row_has_the_baseline_that_the_majority_class_reaches() {
    let place = place();
    assert_eq!(place.run(&["train", "t.chain", "--epochs", "3"]).status, 0);
    let of = |kind: &str| {
        place.file("one.csv", format!("a,b,kind\n1.0,2.0,{kind}\n"));
        let args = ["evaluate", "runs/t-1.safetensors", "one.csv", "--format", "json"];
        let scores = place.run(&args).json()["scores"].clone();
        assert_eq!(scores["baseline_balanced_accuracy"], scores["baseline_accuracy"]);
        scores["baseline_accuracy"].as_f64().expect("a figure")
    };
    assert_eq!(of("small") + of("large"), 1.0);
}

#[test]
fn training_that_turns_non_finite_says_which_weights_are_kept() {
    let place = place();
    place.file("t.chain", CLASSES.replace("adam(lr = 1e-2)", "sgd(lr = 1e30)"));
    let ran = place.run(&["train", "t.chain"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("is not finite"), "{}", ran.out);
    assert!(ran.out.contains("kept: the last weights that were seen"), "{}", ran.out);
    assert_eq!(place.run(&["predict", "runs/t-1.safetensors", "t.csv"]).status, 0);
}

#[test]
fn loss_and_metric_of_both_parts_are_shown_and_kept() {
    let place = place();
    let ran = place.run(&["train", "t.chain", "--epochs", "2"]);
    let line = ran.err.lines().find(|l| l.starts_with("epoch 2/2")).unwrap_or_default();
    assert_eq!(line.matches("accuracy").count(), 2, "{}", ran.err);
    let csv = std::fs::read_to_string(place.path().join("runs/t-1/epochs.csv"));
    let csv = csv.expect("the figures");
    assert!(csv.contains("train_accuracy") && csv.contains("held_out_accuracy"));
    let json =
        place.run(&["train", "t.chain", "--epochs", "2", "--format", "json"]).json();
    let last = &json["epochs"][1];
    assert!(last["metric"].is_number() && last["held_metric"].is_number(), "{last}");
}

#[test]
fn folds_give_every_metric_with_its_spread_for_any_number_of_workers() {
    let place = place();
    let args = ["evaluate", "t.chain", "--folds", "4", "--set", "epochs=8"];
    let ran = place.run(&args);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(
        ran.out.contains("balanced accuracy") && ran.out.contains(" ± "),
        "{}",
        ran.out
    );
    assert_eq!(
        ran.out.lines().filter(|l| l.contains("accuracy")).count(),
        6,
        "{}",
        ran.out
    );
    let json = |workers: &str| {
        let more = ["--workers", workers, "--format", "json"];
        place.run(&[&args[..], &more].concat()).json()
    };
    let one = json("1");
    assert_eq!(one, json("3"));
    assert_eq!(one["folds"].as_array().map(Vec::len), Some(4));
    assert_eq!(one["folds"][0]["evaluation"]["rows"], 30);
    assert_eq!(place.names(), ["t.chain", "t.csv"]);
}

#[test]
fn folds_that_cannot_be_made_are_refused() {
    let place = place();
    let refused = |args: &[&str], words: &str| {
        let ran = place.run(&[&["evaluate", "t.chain"], args].concat());
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.err.contains(words), "{}", ran.err);
    };
    refused(&["--folds", "1"], "expected a whole number from 2 to 1000");
    refused(&["--folds", "121"], "2 to 120");
    refused(&["t.csv", "--folds", "3"], "cannot be used with");
    refused(&["t.csv", "--set", "lr=1"], "--set belongs to --folds");
    refused(&[], "--folds 5");
}
