//! `tune`: the same trials however many work on them, records that survive, the file written back.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Place, Ran, python};
use crate::training::{CLASSES, place};

fn tune(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["tune", "t.chain", "-q"], args].concat())
}

/// Trials without the seconds that they took.
fn trials(ran: &Ran) -> Vec<Value> {
    let mut all = ran.json()["trials"].as_array().expect("trials").clone();
    for trial in &mut all {
        trial["figures"].as_object_mut().expect("figures").remove("seconds");
    }
    all
}

const JSON: [&str; 5] = ["--trials", "6", "--no-final", "--format", "json"];

#[test]
fn the_best_rate_is_written_into_the_file_and_trained_in_full() {
    let place = place();
    let args =
        ["--trials", "8", "--out", "best.chain", "--svg", "p", "--storage", "none"];
    let ran = tune(&place, &args);
    assert_eq!(ran.status, 0, "{ran:?}");
    for words in
        ["trial", "held out", "loss, logarithmic", "best: lr ", "lr is good from"]
    {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).expect(name);
    let (old, new) = (read("t.chain"), read("best.chain"));
    let changed: Vec<(&str, &str)> =
        old.lines().zip(new.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    let best = ran.out.split("best: lr ").nth(1).and_then(|t| t.split(' ').next());
    assert!(changed[0].1.contains(&format!("lr = {}", best.expect("a rate"))));
    assert!(read("p/lr.svg").starts_with("<svg"));
    assert_eq!(place.names(), ["best.chain", "p", "runs", "t.chain", "t.csv"]);
    let again = tune(&place, &args);
    assert_eq!(again.status, 2, "{again:?}");
    assert!(again.err.contains("--force"), "{}", again.err);
}

#[test]
fn candidates_that_lie_badly_are_not_trained() {
    let place = place();
    let poor = ["--candidates", "0.01,0.16,0.21,0.84,0.94"];
    let ran = tune(&place, &poor);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("lr_search_poor") && ran.out.contains("better: "));
    assert_eq!(place.names(), ["t.chain", "t.csv"]);
    let anyway = tune(&place, &[&poor[..], &["--anyway", "--no-final"]].concat());
    assert_eq!(anyway.status, 0, "{anyway:?}");
    assert!(
        anyway.out.contains("0.94") && anyway.out.contains("these candidates lie badly")
    );
    let zero = tune(&place, &["--candidates", "0.1,0"]);
    assert_eq!(zero.status, 2, "{zero:?}");
}

#[test]
fn what_cannot_be_meant_is_told_before_anything_is_trained() {
    let place = place();
    for (args, words) in [
        (&["--search", "lrr ~ uniform(1, 2)"][..], "did you mean lr?"),
        (&["--search", "lr ~ uniform(2, 1)"], "the smaller one first"),
        (&["--search", "H ~ {4, 0}"], "--search H=0: expected a dimension's size"),
        (&["--search", "lr ~ 1..2", "--search", "lr ~ 1..3"], "it is searched twice"),
        (&["--halving", "--trials", "9", "--bracket", "4"], "no whole brackets of 4"),
        (&["--halving", "--eta", "1"], "expected a whole number from 2 to 1000"),
        (&["--eta", "2"], "--halving"),
        (&["--storage", "mysql://x"], "expected sqlite:///FILE"),
        (&["--trials", "0"], "--trials"),
    ] {
        let ran = tune(&place, args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(words) && ran.out.is_empty(), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_study_that_is_done_is_shown_again_and_more_trials_are_added_to_it() {
    let place = place();
    let first = tune(&place, &JSON);
    assert_eq!(first.status, 0, "{first:?}");
    let seconds = |ran: &Ran| ran.json()["trials"].clone();
    assert_eq!(
        seconds(&tune(&place, &JSON)),
        seconds(&first),
        "nothing is trained again"
    );
    let more = tune(&place, &["--trials", "9", "--no-final", "--format", "json"]);
    assert_eq!(trials(&more).len(), 9);
    assert_eq!(trials(&more)[..6], trials(&first)[..]);
    let none = tune(&place, &[&JSON[..], &["--storage", "none"]].concat());
    assert_eq!(trials(&none), trials(&first), "records change nothing");
}

#[test]
fn folds_judge_a_trial_by_its_mean_over_rows_that_had_no_part_in_it() {
    let place = place();
    let args = [&JSON[..], &["--study", "s", "--folds", "3"]].concat();
    let ran = tune(&place, &[&args[..], &["--workers", "1"]].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    let own =
        [&JSON[..], &["--storage", "none", "--folds", "3", "--workers", "3"]].concat();
    assert_eq!(
        trials(&tune(&place, &own)),
        trials(&ran),
        "workers and records change nothing"
    );
    assert_eq!(ran.json()["folds"], 3);
    let one = &ran.json()["trials"][0];
    // The same folds as `evaluate --folds`, so the same losses.
    let lr = one["set"]["lr"].as_str().expect("a rate");
    let set = format!("lr={lr}");
    let alone =
        ["evaluate", "t.chain", "--folds", "3", "--set", &set, "--format", "json"];
    let alone = place.run(&alone).json();
    let losses: Vec<&Value> =
        (0..3).map(|i| &alone["folds"][i]["evaluation"]["loss"]).collect();
    let folds: Vec<&Value> =
        one["figures"]["folds"].as_array().expect("folds").iter().collect();
    assert_eq!(folds, losses);
    assert_eq!(one["losses"][0], alone["metrics"][0]["model"]["mean"]);
    assert_eq!(one["figures"]["spread"], alone["metrics"][0]["model"]["deviation"]);
    for other in [&["--folds", "4"][..], &[]] {
        let named = [&JSON[..], &["--study", "s"], other].concat();
        let refused = tune(&place, &named);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.out.contains("study s, folds: expected 3"), "{refused:?}");
    }
    let table =
        tune(&place, &["--study", "s", "--folds", "3", "--trials", "6", "--no-final"]);
    assert!(table.out.contains("3 folds") && table.out.contains('±'), "{}", table.out);
    let many = tune(&place, &["--folds", "200", "--storage", "none"]);
    assert_eq!(many.status, 2, "{many:?}");
    assert!(many.err.contains("2 to 120 (as many as rows)"), "{many:?}");
}

#[test]
fn data_that_cannot_be_had_are_told_and_not_recorded_as_failed_trials() {
    let place = place();
    let table = std::fs::read(place.path().join("t.csv")).expect("the table");
    std::fs::remove_file(place.path().join("t.csv")).expect("it goes");
    let absent = tune(&place, &JSON);
    assert_eq!(absent.status, 2, "{absent:?}");
    let valid = ["--set", "validate=v.csv"];
    place.file("t.csv", &table);
    place.file("v.csv", "a,b,kind\n1,2,unheard\n");
    let bad = tune(&place, &[&JSON[..], &valid].concat());
    assert_eq!(bad.status, 2, "{bad:?}");
    assert!(bad.out.contains("v.csv"), "{bad:?}");
    place.file("v.csv", &table);
    let mended = tune(&place, &[&JSON[..], &valid].concat());
    assert_eq!(mended.status, 0, "{mended:?}");
}

#[test]
fn a_study_goes_on_only_as_it_began() {
    let place = place();
    let named = [&JSON[..], &["--study", "s"]].concat();
    assert_eq!(tune(&place, &named).status, 0);
    let other = tune(&place, &[&named[..], &["--seed", "1"]].concat());
    assert_eq!(other.status, 2, "{other:?}");
    assert!(other.out.contains("study s, seed: expected 0"), "{other:?}");
    place.file(
        "text.db",
        "no database at all, but long enough to be looked at as one".repeat(20),
    );
    let bad = tune(&place, &["--storage", "sqlite:///text.db"]);
    assert_eq!(bad.status, 2, "{bad:?}");
    assert!(bad.err.contains("text.db: not a whole"), "{bad:?}");
    let folder = tune(&place, &["--storage", "sqlite:///t.chain/x.db"]);
    assert_eq!(folder.status, 3, "{folder:?}");
}

fn start(place: &Place, args: &[&str]) -> Child {
    let mut command = place.command(&[&["tune", "t.chain", "-q"], args].concat());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command starts")
}

/// The study of the tests, slow enough to be killed in.
fn slow() -> Place {
    let place = place();
    place.file("t.chain", CLASSES.replace("batch 16, epochs 30", "batch 1, epochs 300"));
    place
}

/// Two processes at work on one study, one of them killed twenty times at moments of any kind; then
/// all trials are there once, as if one process had trained them in peace.
fn killed(place: &Place, args: &[&str]) {
    let at = args.iter().position(|a| *a == "--storage").unwrap_or(args.len());
    let quiet = [&args[..at], &["--storage", "none", "--format", "json"]].concat();
    let wanted = trials(&tune(place, &quiet));
    let (mut other, mut alive) = (start(place, args), 0);
    for turn in 0..20u64 {
        let mut child = start(place, args);
        std::thread::sleep(Duration::from_millis(20 + turn * 7919 % 240));
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
        alive += usize::from(other.try_wait().expect("a status").is_none());
    }
    assert!(alive >= 5, "the study was over after {alive} kills: make it longer");
    let end = other.wait_with_output().expect("the other one ends");
    assert_eq!(end.status.code(), Some(0));
    let found = tune(place, &[args, &["--format", "json"]].concat());
    assert_eq!(found.status, 0, "{found:?}");
    assert_eq!(trials(&found), wanted);
}

#[cfg(unix)]
#[test]
fn twenty_kills_lose_and_double_no_trial() {
    let place = slow();
    killed(&place, &["--trials", "24", "--no-final", "--workers", "1"]);
}

#[cfg(unix)]
#[test]
fn twenty_kills_change_no_mean_over_folds() {
    let place = place();
    place.file("t.chain", CLASSES.replace("batch 16, epochs 30", "batch 1, epochs 240"));
    let args = ["--trials", "18", "--folds", "3", "--no-final", "--halving"];
    killed(&place, &[&args[..], &["--workers", "1"]].concat());
}

#[cfg(unix)]
#[test]
fn twenty_kills_change_no_promotion() {
    let place = slow();
    let args = [
        "--trials",
        "72",
        "--bracket",
        "24",
        "--no-final",
        "--halving",
        "--eta",
        "2",
        "--workers",
        "2",
    ];
    killed(&place, &args);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_a_study_and_the_same_command_goes_on() {
    let place = slow();
    let args = ["--trials", "16", "--no-final", "--workers", "1"];
    let whole = trials(&tune(
        &place,
        &[&args[..], &["--storage", "none", "--format", "json"]].concat(),
    ));
    let mut child = start(&place, &args);
    let begun = Instant::now();
    while !place.path().join("runs/studies.db").exists() && begun.elapsed().as_secs() < 60
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(60));
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill runs").success());
    let status = child.wait().expect("it ends").code();
    assert!(status == Some(130) || status == Some(0), "{status:?}");
    let on = tune(&place, &[&args[..], &["--format", "json"]].concat());
    assert_eq!(on.status, 0, "{on:?}");
    assert_eq!(trials(&on), whole);
}

#[test]
fn optuna_and_its_dashboard_open_a_study() {
    let place = place();
    let searched = [
        "--search",
        "lr ~ loguniform(1e-4, 1)",
        "--search",
        "H ~ {4, 8}",
        "--search",
        "batch ~ int(4, 16)",
    ];
    let args = ["--trials", "8", "--study", "s", "--no-final", "--halving", "--eta", "2"];
    let ran = tune(&place, &[&args[..], &searched].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    let url = format!("sqlite:///{}", place.path().join("runs/studies.db").display());
    python(&["study", &url, "s", "--trials", "8"]);
}

#[test]
fn optuna_reads_folds_as_attributes_and_their_mean_as_the_value() {
    let place = place();
    let args =
        ["--trials", "6", "--study", "s", "--no-final", "--halving", "--folds", "3"];
    let ran = tune(&place, &args);
    assert_eq!(ran.status, 0, "{ran:?}");
    let url = format!("sqlite:///{}", place.path().join("runs/studies.db").display());
    python(&["study", &url, "s", "--trials", "6", "--folds", "3"]);
}

/// The server that `.ci/run` starts: an address with a database that may be filled.
#[cfg(feature = "postgres")]
fn server() -> Option<String> {
    let url = std::env::var("CHAINRULE_POSTGRES").ok();
    if url.is_none() {
        let why = "no CHAINRULE_POSTGRES=postgresql://USER@HOST/DATABASE";
        assert!(std::env::var("CHAINRULE_NO_SKIP").as_deref() != Ok("1"), "{why}");
        crate::support::skipped(why);
    }
    url
}

#[cfg(all(unix, feature = "postgres"))]
#[test]
fn twenty_kills_on_a_server_lose_and_double_no_trial_and_optuna_reads_them() {
    let Some(url) = server() else { return };
    let place = slow();
    let name = format!("killed-{}", std::process::id());
    let args = ["--trials", "24", "--no-final", "--workers", "1", "--study", &name];
    killed(&place, &[&args[..], &["--storage", &url]].concat());
    python(&["study", &url, &name, "--trials", "24"]);
    let absent = tune(&place, &["--storage", "postgresql://nobody@127.0.0.1:1/none"]);
    assert_eq!(absent.status, 3, "{absent:?}");
}

#[test]
fn the_range_test_suggests_a_rate_below_the_one_that_diverges() {
    let place = place();
    let ran = place.run(&["lr-range", "t.chain", "--svg", "r.svg"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("falls fastest at lr") && ran.out.contains("logarithmic"));
    let svg = std::fs::read_to_string(place.path().join("r.svg")).expect("a picture");
    assert!(svg.starts_with("<svg"));
    let sgd = ["lr-range", "t.chain", "--set", "optimizer=sgd", "--to", "1e6"];
    let json = place.run(&[&sgd[..], &["--format", "json"]].concat()).json();
    let number =
        |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("{key}: {json}"));
    assert!(number("suggested") < number("diverges"), "{json}");
    let steps = json["steps"].as_array().expect("steps");
    let rate = |i: usize| steps[i]["rate"].as_f64().expect("a rate");
    assert!((rate(0) - 1e-6).abs() < 1e-18);
    assert!((rate(2) / rate(1) - rate(1) / rate(0)).abs() < 1e-9, "the same factor");
    for (args, words) in [
        (&["--from", "1", "--to", "0.1"][..], "the smaller one first"),
        (&["--steps", "3"], "expected a whole number from 20"),
    ] {
        let ran = place.run(&[&["lr-range", "t.chain"], args].concat());
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
}
