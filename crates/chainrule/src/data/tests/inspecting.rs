//! What is proposed for a table that comes without a word.

use super::*;
use crate::data::{Task, propose, read_guessing};

fn proposed(text: &str, target: Option<&str>) -> (Task, String, String) {
    let folder = Folder::with(&[("a.csv", text.as_bytes())]);
    let (source, spec) = read_guessing(folder.path(), "a.csv").unwrap();
    let proposal = propose(&source, &spec, target).unwrap();
    (proposal.task.clone(), proposal.data_line(), proposal.reasons.join("; "))
}

/// 40 rows of an id, a date, a constant, a number, a word and a target.
fn table(target: impl Fn(usize) -> String) -> String {
    let row = |i: usize| {
        let word = ["red", "blue"][i % 2];
        format!(
            "{},2024-01-{:02},k,{},{word},{}\n",
            i + 1,
            i % 28 + 1,
            i * i % 7,
            target(i)
        )
    };
    format!("id,day,unit,n,c,t\n{}", (0..40).map(row).collect::<String>())
}

#[test]
fn columns_of_no_use_are_left_out_with_the_reason() {
    let (task, line, reasons) = proposed(&table(|i| format!("k{}", i % 3)), None);
    assert_eq!(task, Task::Classes);
    let expected =
        "a.csv, x = * -id -day -unit / standardized, y = t, hold out 20 % stratified";
    assert_eq!(line, expected);
    for part in [
        "id is left out: it counts",
        "day is left out: it holds dates",
        "only value is k",
    ] {
        assert!(reasons.contains(part), "{reasons}");
    }
}

#[test]
fn the_task_follows_the_target() {
    let task = |t: fn(usize) -> String| proposed(&table(t), Some("t"));
    assert_eq!(task(|i| (i % 2).to_string()).0, Task::Binary);
    assert_eq!(task(|i| (i % 4).to_string()).0, Task::Classes);
    assert_eq!(task(|i| (3 + i % 4).to_string()).0, Task::Regression);
    let (kind, line, _) = task(|i| (i as f64 * 0.5 - 3.0).to_string());
    assert_eq!(kind, Task::Regression);
    assert!(line.contains("y = t / standardized, hold out 20 %"), "{line}");
    let (_, line, reasons) = task(|i| (2.0_f64).powi((i % 12) as i32).to_string());
    assert!(line.contains("y = t / log / standardized"), "{line} {reasons}");
}

#[test]
fn separators_headers_and_markers_are_found() {
    let (_, line, _) = proposed("a;b;y\n1;2;u\n?;4;v\n5;6;u\n", None);
    let expected = "separator \";\", missing \"?\"";
    assert!(line.ends_with(expected), "{line}");
    let (_, line, _) = proposed("1.5,2,0\n3,4.5,1\n5,6,0\n", None);
    assert!(line.ends_with("y = 3, hold out 20 % stratified, no header"), "{line}");
}

#[test]
fn a_first_row_of_words_is_no_header() {
    let (_, line, reasons) = proposed("1,u,no\n2,v,yes\n4,u,no\n7,u,yes\n", None);
    assert!(line.ends_with("y = 3, hold out 20 % stratified, no header"), "{line}");
    assert!(reasons.contains("column 3 has two values (no, yes)"), "{reasons}");
}

#[test]
fn an_unknown_target_names_the_nearest() {
    let folder = Folder::with(&[("a.csv", b"income,y\n1,2\n3,4\n")]);
    let (source, spec) = read_guessing(folder.path(), "a.csv").unwrap();
    let said = propose(&source, &spec, Some("incom")).unwrap_err();
    assert_eq!(said.to_string(), "target: no column `incom`; did you mean `income`?");
}
