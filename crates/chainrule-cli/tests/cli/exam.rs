//! `exam`: a folder of sheets.

use crate::support::Place;

const FILE: &str = "h = relu(w x)\nL = 1/2 (t − h)²\nx := 2\nw := 0.5\nt := 3\n\
    trainable: w\ntrain: sgd(lr = 0.1)\n";

#[test]
fn an_exam_is_a_folder_of_sheets_and_files() {
    let place = Place::new();
    place.file("a.chain", FILE);
    let ran = place.run(&["exam", "a.chain", "--variants", "2", "--seed", "3"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, "a-exam\n"), "{ran:?}");
    let folder = place.path().join("a-exam");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let wanted = [
        "moodle.xml",
        "questions.html",
        "questions.tex",
        "solutions.html",
        "solutions.tex",
        "variant-1-solution.html",
        "variant-1-solution.tex",
        "variant-1.chain",
        "variant-2-solution.html",
        "variant-2-solution.tex",
        "variant-2.chain",
    ];
    assert_eq!(names, wanted);
    let checked = place.run(&["explain", "a-exam/variant-1.chain", "--ask", "L"]);
    assert_eq!(checked.status, 0, "{checked:?}");
    let json = place.run(&["exam", "a.chain", "--ask", "L", "--format", "json"]).json();
    assert_eq!(json["variants"][0]["items"][0]["ask"], "L");
}

/// Only the formats that are asked for; a build without PDF says the way out and leaves no folder.
#[test]
fn sheets_come_in_the_formats_asked_for_pdf_among_them() {
    let place = Place::new();
    place.file("a.chain", FILE);
    let ran = place.run(&["exam", "a.chain", "--variants", "1", "--to", "typst"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let sheet = std::fs::read_to_string(place.path().join("a-exam/solutions.typ"));
    assert!(sheet.expect("a sheet").contains("= Variant 1, solutions"));
    assert!(!place.path().join("a-exam/solutions.tex").exists());
    let ran = place.run(&["exam", "a.chain", "--to", "pdf,html", "-o", "sheets"]);
    if cfg!(feature = "pdf") {
        assert_eq!(ran.status, 0, "{ran:?}");
        let pdf = std::fs::read(place.path().join("sheets/variant-2-solution.pdf"));
        assert!(pdf.expect("pages").starts_with(b"%PDF"));
    } else {
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.err.contains("--features pdf"), "{}", ran.err);
        assert_eq!(place.names(), ["a-exam", "a.chain"]);
    }
    let ran = place.run(&["exam", "a.chain", "--to", "word"]);
    assert_eq!(ran.status, 2, "{ran:?}");
}

#[test]
fn a_file_without_values_is_refused() {
    let place = Place::new();
    place.file("a.chain", "z = W x\nW : 2×2\nx : 2\n");
    let ran = place.run(&["exam", "a.chain"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.err.contains("no value of the file can be varied"), "{}", ran.err);
    assert_eq!(place.names(), ["a.chain"]);
}
