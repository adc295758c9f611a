//! `compare`: a row for each combination, whatever becomes of it, and the exam's three questions.

use serde_json::Value;

use crate::support::{Place, Ran, repository};
use crate::training::{CLASSES, place};

/// A comparison of the test's own file.
fn compare(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["compare", "t.chain", "-q"], args].concat())
}

/// The rows of a comparison.
fn rows(ran: &Ran) -> Vec<Value> {
    ran.json()["rows"].as_array().expect("rows").clone()
}

/// Everything but seconds.
fn timeless(value: &Value) -> Value {
    match value {
        Value::Object(all) => {
            let kept = all.iter().filter(|(k, _)| !k.contains("seconds"));
            kept.map(|(k, v)| (k.clone(), timeless(v))).collect()
        }
        Value::Array(all) => all.iter().map(timeless).collect(),
        other => other.clone(),
    }
}

#[test]
fn every_combination_has_a_row_and_what_diverges_has_one_too() {
    let place = place();
    let args =
        ["--vary", "lr=0.01,1e30", "--vary", "batch=8,full", "--set", "optimizer=sgd"];
    let ran = compare(&place, &args);
    assert_eq!(ran.status, 0, "{ran:?}");
    let table: Vec<&str> = ran.out.lines().take(5).collect();
    assert!(table[0].contains("lr") && table[0].contains("batch"), "{}", ran.out);
    assert!(table[1].starts_with("a  0.01  8 "), "{}", ran.out);
    assert!(table[2].starts_with("b  0.01  full "), "{}", ran.out);
    assert!(table[3].contains("diverged in step"), "{}", ran.out);
    assert!(ran.out.contains("loss, logarithmic") && ran.out.contains("cost of a step"));
    // Nothing is kept on disk.
    assert_eq!(place.names(), ["t.chain", "t.csv"]);
    let none = compare(&place, &["--vary", "lr=1e30", "--set", "optimizer=sgd"]);
    assert_eq!(none.status, 1, "{none:?}");
}

#[test]
fn a_row_is_the_training_of_its_settings_alone() {
    let place = place();
    let args = ["--vary", "lr=0.01,0.1", "--seeds", "2", "--format", "json"];
    let ran = compare(&place, &args);
    let rows = rows(&ran);
    let alone = place.run(&[
        "train", "t.chain", "-q", "--lr", "0.1", "--seed", "1", "--format", "json",
    ]);
    let seed = alone.json()["epochs"].clone();
    let with_seed =
        |t: &Value| t["set"] == serde_json::json!({ "lr": "0.1", "seed": "1" });
    let trials = rows[1]["trials"].as_array().expect("trials");
    let own = trials.iter().find(|t| with_seed(t)).expect("the seed behind the file's");
    assert_eq!(timeless(&own["epochs"]), timeless(&seed));
    assert!(rows[1]["loss"]["deviation"].as_f64().is_some_and(|d| d > 0.0));
}

#[test]
fn rows_do_not_depend_on_the_number_of_workers() {
    let place = place();
    let args = |n| ["--vary", "lr=0.01,0.1,1", "--workers", n, "--format", "json"];
    let (one, three) = (compare(&place, &args("1")), compare(&place, &args("3")));
    assert_eq!(timeless(&one.json()), timeless(&three.json()));
}

#[test]
fn what_cannot_be_meant_is_told_before_anything_is_trained() {
    let place = place();
    for (args, words) in [
        (&["--vary", "lrr=0.1"][..], "did you mean lr?"),
        (&["--vary", "act=tanh"], "let the file name it: `where act = tanh`"),
        (&["--vary", "H=4,0"], "--vary H=0: expected a dimension's size"),
        (&["--vary", "H=4,0"], "(with H 0)"),
        (&["--vary", "epochs=3,0"], "epochs"),
        (&["--vary", "H=5..2"], "expected a range such as 2..20"),
        (&["--vary", "H=4", "--vary", "H=5"], "it is there twice"),
        (&["--vary", "seed=1,2", "--seeds", "3"], "exclude each other"),
        (&["--vary", "H=1..9999", "--seeds", "9"], "the limit is 10000"),
        (&["--vary", "file=absent.csv"], "absent.csv"),
        (&[], "--vary"),
    ] {
        let ran = compare(&place, args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(words) && ran.out.is_empty(), "{args:?}: {ran:?}");
    }
}

#[test]
fn pictures_are_written_where_they_are_asked_for() {
    let place = place();
    let ran = compare(&place, &["--vary", "H=2..20", "--svg", "p/q", "--seeds", "2"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("too many to draw here") && ran.out.contains(" ± "));
    for name in ["loss", "gradients", "cost"] {
        let path = place.path().join(format!("p/q/{name}.svg"));
        let svg = std::fs::read_to_string(path).expect("a picture");
        assert!(svg.starts_with("<svg") && svg.contains("H 20"), "{name}");
    }
    place.file("f", "");
    let ran = compare(&place, &["--vary", "H=2", "--svg", "f/g"]);
    assert_eq!(ran.status, 3, "{ran:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_all_of_them_and_shows_what_there_is() {
    use std::process::Stdio;
    let place = place();
    place.file("t.chain", CLASSES.replace("epochs 30", "epochs 100000000"));
    let args = ["compare", "t.chain", "--vary", "lr=0.01,0.1,1,2,3,4"];
    let mut command = place.command(&args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the command starts");
    std::thread::sleep(std::time::Duration::from_millis(700));
    let mut kill = std::process::Command::new("kill");
    let sent = kill.args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    let ran = crate::support::ran(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.status, 130, "{ran:?}");
    assert!(ran.out.contains("interrupted") && ran.out.contains("0.01"), "{ran:?}");
}

/// An example of the repository, compared.
fn example(name: &str, args: &[&str]) -> Vec<Value> {
    let place = Place::new();
    let file = repository(&format!("examples/{name}"));
    let file = file.to_str().expect("a path");
    let ran = place.run(&[&["compare", file, "-q", "--format", "json"], args].concat());
    assert_eq!(ran.status, 0, "{}", ran.err);
    rows(&ran)
}

fn losses(row: &Value) -> Vec<f64> {
    let epochs = row["trials"][0]["epochs"].as_array().expect("epochs");
    epochs.iter().filter_map(|e| e["loss"].as_f64()).collect()
}

/// Exam 1.4: which of the four curves is which rate, told by its form.
#[test]
fn four_rates_have_the_four_forms_of_the_exam() {
    let rows = example("exam-rates.chain", &["--vary", "lr=3e-4,4e-1,2e-5,8e-3"]);
    let [good, wild, low, high] = &rows.iter().map(losses).collect::<Vec<_>>()[..] else {
        panic!("four rows")
    };
    let last = |l: &[f64]| l[l.len() - 1];
    assert!(wild[0] > 1e4, "far too high: the loss jumps up ({wild:?})");
    assert!(last(good) < 0.5, "good: the lowest in the end ({good:?})");
    assert!(
        high[2] < good[2] && last(high) > 2.0 * last(good),
        "too high: fast, then stuck"
    );
    assert!(last(low) > 5.0 && last(low) < low[14], "too low: still on its way");
}

fn norms(row: &Value) -> Vec<f64> {
    let all = row["trials"][0]["gradients_at_start"].as_array().expect("norms");
    let weights = all.iter().filter(|g| g["weights"] == true);
    weights.filter_map(|g| g["norm"].as_f64()).collect()
}

/// Exam 1.5: which claims about vanishing gradients hold.
#[test]
fn gradients_vanish_through_sigmoids_and_in_the_layers_near_the_input() {
    let args = ["--vary", "act=sigmoid,leaky_relu", "--vary", "N=2,20"];
    let rows = example("exam-depth.chain", &[&args[..], &["--set", "epochs=1"]].concat());
    let [shallow, deep, _, leaky] = &rows.iter().map(norms).collect::<Vec<_>>()[..]
    else {
        panic!("four rows")
    };
    assert_eq!((shallow.len(), deep.len(), leaky.len()), (3, 21, 21));
    assert!(
        deep[0] < 1e-9 * shallow[0] && leaky[0] > 1e6 * deep[0],
        "{deep:?} {leaky:?}"
    );
    // Not the deeper layers but the first ones stand still.
    assert!(deep.windows(2).take(18).all(|w| w[0] < w[1]), "{deep:?}");
}

/// Exam 1.6: steps of a batch of one are many, those of all rows dear.
#[test]
fn batches_differ_in_steps_and_adam_needs_fewer() {
    let args = ["--vary", "batch=1,32,full", "--vary", "optimizer=sgd(lr = 0.02),adam"];
    let more = ["--to-loss", "0.5", "--set", "epochs=150"];
    let rows = example("exam-batch.chain", &[&args[..], &more].concat());
    let steps = |i: usize| rows[i]["steps_to_loss"]["mean"].as_f64();
    let (one, some) = (steps(0).expect("reached"), steps(2).expect("reached"));
    assert!(one > some, "more rows a step, fewer steps: {one} {some}");
    assert_eq!(steps(4), None, "all rows at once, too few steps");
    assert!(steps(3).expect("reached") < some && steps(5).is_some(), "{rows:?}");
    let cost = |i: usize| rows[i]["seconds_per_step"]["mean"].as_f64().expect("seconds");
    assert!(10.0 * cost(0) < cost(4) && 5.0 * cost(2) < cost(4), "{rows:?}");
}
