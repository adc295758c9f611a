//! Real loss curves of the owner's folder and their learning rates.
//! Skipped with a message where the folder is absent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chainrule::diagnose::curves::{Assigned, assign};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    // What is not finite stands there as a word.
    list.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("the file")).expect("JSON")
}

#[test]
fn of_a_hundred_questions_most_are_right_and_no_good_run_is_called_way_too_high() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/curves");
    if !folder.is_dir() {
        eprintln!("skipped: the owner's curves are not here");
        return;
    }
    let questions = json(&folder.join("questions.json"));
    let questions = questions["questions"].as_array().expect("questions").clone();
    let mut files: BTreeMap<String, Value> = BTreeMap::new();
    let (mut right, mut slandered) = (0, 0);
    for q in &questions {
        let name = q["file"].as_str().expect("a file");
        let file =
            files.entry(name.to_owned()).or_insert_with(|| json(&folder.join(name)));
        let run = |i: &Value| {
            numbers(&file["runs"][i.as_u64().expect("a number") as usize]["train_loss"])
        };
        let curves: Vec<Vec<f64>> =
            q["runs"].as_array().expect("runs").iter().map(run).collect();
        let found =
            assign(&curves, &numbers(&q["learning_rates_given"])).expect("assigned");
        let given: Vec<f64> = found.iter().map(|a| a.rate).collect();
        right += usize::from(given == numbers(&q["answer"]));
        let labels = q["labels"].as_array().expect("labels");
        let slander = |(a, label): (&Assigned, &Value)| {
            label == "good" && a.verdict == "way too high"
        };
        slandered += found.iter().zip(labels).filter(|&pair| slander(pair)).count();
    }
    eprintln!("curves: {right} of {} right, {slandered} slandered", questions.len());
    assert!(right * 100 >= 75 * questions.len(), "{right} of {}", questions.len());
    assert_eq!(slandered, 0);
}
