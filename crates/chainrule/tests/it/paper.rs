//! Paper: a real TeX compiles what is written as LaTeX, and a build with `pdf` sets the pages itself.

use std::process::Command;

use chainrule::exam::{SHEETS, latex};
use chainrule::explain::write::{Look, writer};
use chainrule::explain::{SolutionOptions, explain};

use super::exercises::{CLASSES, PART3, made};
use super::explained::{all, written};
use super::python::skipped;

/// Whether there is a TeX with the exam class.
fn tex() -> bool {
    let class = Command::new("kpsewhich").arg("exam.cls").output();
    Command::new("pdflatex").arg("--version").output().is_ok()
        && class.is_ok_and(|o| o.status.success())
}

/// Compiles without an error and without a sign that no font has.
fn compiles(name: &str, text: &str) {
    // A folder each: TeX reads what it left beside a file of that name.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.tex"), text).expect("is written");
    let ran = Command::new("pdflatex")
        .args(["-interaction=nonstopmode", "-halt-on-error", "a.tex"])
        .current_dir(&folder)
        .output()
        .expect("pdflatex runs");
    let log = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{name}: {log}");
    assert!(!log.contains("Missing character"), "{name}: {log}");
}

/// Every document and every fragment of the golden solutions.
#[test]
fn a_real_tex_compiles_worked_solutions() {
    if !tex() {
        return skipped("no pdflatex with the exam class");
    }
    for (name, m, options) in all() {
        let fragment = written(&m, &options, "latex");
        let around = format!(
            "\\documentclass{{article}}\\usepackage{{amsmath,amssymb}}\\begin{{document}}\n{fragment}\\end{{document}}\n"
        );
        compiles(name, &around);
        compiles(name, &written(&m, &options, "latex-document"));
    }
}

/// Questions that are no formula, names with marks, a title with every sign.
const ODD: &str = "δ_in = W_1 x\nŷ = softmax(δ_in)\nL = cross_entropy(y, ŷ)\nx := [1; -2]\n\
    W_1 := [0.5 1; -1 0.2]\ny := [0; 1]\ntrainable: W_1\ntrain: adam(lr = 0.1)\n";

#[test]
fn a_real_tex_compiles_sheets_of_exams() {
    if !tex() {
        return skipped("no pdflatex with the exam class");
    }
    let asked = ["params", "L@2", "m(W_1)", "dL/dW_1[2,1]", "W_1'"];
    let exams = [
        ("part 3", made(PART3, 2, 5, &[])),
        ("classes", made(CLASSES, 2, 5, &[])),
        ("odd", made(ODD, 1, 1, &asked)),
    ];
    for (name, exam) in exams {
        for solutions in [false, true] {
            let title = "Part_1: 50 % & {a}^b ~ #1 $x$ \\ <δ> é | \"x\"";
            compiles(name, &latex(&exam, title, solutions));
        }
    }
}

#[cfg(not(feature = "pdf"))]
#[test]
fn a_build_without_pdf_says_how_to_get_it() {
    let solution = explain(
        &super::explained::module("a = 2 x\nx := 1\n"),
        &SolutionOptions::default(),
    );
    let solution = solution.expect("a solution");
    let pdf = writer("pdf").expect("a format").bytes(&solution, &Look::default());
    let refused = pdf.expect_err("refused");
    assert_eq!(refused.exit_status(), 2);
    assert!(refused.to_string().contains("--features pdf"), "{refused}");
    let sheet = SHEETS.iter().find(|s| s.name == "pdf").expect("a format");
    let exam = made(PART3, 1, 5, &["MSE"]);
    assert!(sheet.bytes(&exam, "a", false).is_err());
}

/// PDF/UA-1 asks for a title, the language, the text of every formula and a glyph for every sign; what does
/// not have them is refused by the export itself.
#[cfg(feature = "pdf")]
mod pdf {
    use super::*;
    use chainrule::explain::tree::Explanation;

    /// Bytes of a PDF that two runs agree on.
    fn pressed(name: &str, solution: &Explanation) -> Vec<u8> {
        let bytes = || writer("pdf").expect("a format").bytes(solution, &Look::default());
        let pdf = bytes().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(pdf.starts_with(b"%PDF-1.7"), "{name}");
        assert_eq!(pdf, bytes().expect("as before"), "{name}");
        let holds = |words: &[u8]| pdf.windows(words.len()).any(|w| w == words);
        assert!(holds(b"pdfuaid"), "{name}: it says that it can be read aloud");
        pdf
    }

    #[test]
    fn golden_solutions_become_pages() {
        for (name, m, options) in all() {
            let solution = explain(&m, &options).expect("a solution");
            assert!(pressed(name, &solution).len() > 20_000, "{name}");
        }
    }

    #[test]
    fn solutions_of_suite_and_examples_become_pages() {
        let mut count = 0;
        let folders = ["suite/values", "suite/gradients", "examples"];
        for folder in folders.map(|f| super::super::explained::root().join(f)) {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let loaded = chainrule::graph::lower::load(&text, &[]);
                let Some(m) = loaded.module else { continue };
                let options = SolutionOptions { why: true, ..Default::default() };
                let solution = explain(&m, &options).expect("a solution");
                pressed(&path.display().to_string(), &solution);
                count += 1;
            }
        }
        assert!(count > 60, "{count} files");
    }

    #[test]
    fn sheets_of_exams_become_pages() {
        let sheet = SHEETS.iter().find(|s| s.name == "pdf").expect("a format");
        for exam in
            [made(PART3, 3, 5, &[]), made(ODD, 1, 1, &["params", "L@2", "m(W_1)"])]
        {
            for solutions in [false, true] {
                let pdf = sheet.bytes(&exam, "#1 \"<a>\" \\ $x$", solutions);
                assert!(pdf.expect("pages").starts_with(b"%PDF-1.7"));
            }
        }
    }
}
