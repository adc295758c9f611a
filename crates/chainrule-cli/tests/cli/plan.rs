//! `plan`: the steps of the program, under the names of the file.

use crate::support::{Place, repository};
use crate::training::place;

#[test]
fn steps_name_the_equations_and_gradients_that_they_compute() {
    let place = place();
    let ran = place.run(&["plan", "t.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    for name in ["a1", "ŷ", "dJ/dW1", "dJ/db2", "fingerprint", "16×2"] {
        assert!(ran.out.contains(name), "{name}: {}", ran.out);
    }
}

#[test]
fn plan_explain_and_check_have_one_fingerprint() {
    let place = place();
    let of = |command: &str| {
        let ran = place.run(&[command, "t.chain", "--format", "json"]);
        ran.json()["fingerprint"].as_str().expect("a fingerprint").to_owned()
    };
    let plan = of("plan");
    assert_eq!(plan, of("check"));
    assert!(place.run(&["explain", "t.chain"]).out.contains(&plan));
    assert_eq!(place.run(&["train", "t.chain", "-q"]).status, 0);
    let settings = std::fs::read_to_string(place.path().join("runs/t-1/settings.json"));
    assert!(settings.expect("the settings").contains(&plan));
}

#[test]
fn sizes_come_from_the_command_line_or_are_missed_aloud() {
    let place = Place::new();
    let file = repository("examples/exam-part2.chain");
    let file = file.to_string_lossy();
    let missing = place.run(&["plan", &file]);
    assert_eq!(missing.status, 1, "{missing:?}");
    assert!(missing.err.contains("S8") && missing.err.contains("Dx"), "{}", missing.err);
    let set =
        ["plan", &file, "--set", "Dx=5", "--set", "Da=4", "--set", "K=3", "--batch", "7"];
    let ran = place.run(&set);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("7×5 · 5×4"), "{}", ran.out);
}
