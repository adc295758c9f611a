//! HTML pages in a real browser, by `tests/python/pages.py`: wide, on a phone, in the dark, on paper.

use std::process::Command;

use chainrule::Options;
use chainrule::exam::html as sheets;
use chainrule::explain::AskOptions;
use chainrule::mark::{html as marked, mark};

use super::exercises::{CLASSES, made};
use super::explained::{all, module, written};
use super::python::{script, skipped};

/// Answers that are right, wrong, carried on, and no answer.
const ANSWERS: &str = "z = [-1.4; -1.4; -1.7]\nL = 3\ndL/dW = [1 2\nŷ = softmax(z)\n";

#[test]
fn pages_can_be_read_on_screens_on_paper_in_the_dark_and_aloud() {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let there = |b: &&str| Command::new(b).arg("--version").output().is_ok();
    if !browsers.iter().any(there) {
        return skipped("no Chromium (apt-get install chromium)");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: String| {
        std::fs::write(folder.path().join(format!("{name}.html")), text)
            .expect("written");
    };
    for (name, m, options) in all() {
        put(name, written(&m, &options, "html"));
    }
    let exam = made(CLASSES, 2, 5, &[]);
    put("questions", sheets(&exam, "Questions", false));
    put("solutions", sheets(&exam, "Solutions", true));
    let how = AskOptions::default();
    let report = mark(CLASSES, &Options::default(), &module(CLASSES), &how, ANSWERS);
    put("marked", marked(&report, ANSWERS, "answers.txt"));
    let said = script("pages.py", &[&folder.path().to_string_lossy()]);
    if let Some(said) = said {
        assert!(said.contains("9 pages, 5 views each: nothing wrong"), "{said}");
    }
}
