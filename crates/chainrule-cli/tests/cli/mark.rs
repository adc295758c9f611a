//! `mark`: exit status and forms of the report.

use crate::support::{Place, repository};

fn marked(answers: &str, more: &[&str]) -> crate::support::Ran {
    let place = Place::new();
    place.file("answers.txt", answers);
    let file = repository("examples/exam-part3.chain");
    let file = file.to_string_lossy();
    let args = [&["mark", &*file, "answers.txt"], more].concat();
    place.run(&args)
}

#[test]
fn the_status_says_right_wrong_or_unreadable() {
    let right = marked("h1 = 2\nMSE = 2.5\ndMSE/dw21 = -1.5\nw21' = 0.65\n", &[]);
    assert_eq!(right.status, 0, "{right:?}");
    assert!(right.out.contains("4 of 4 points; everything is right"), "{}", right.out);
    let wrong = marked("h1 = 2\nMSE = 2.25\n", &[]);
    assert_eq!(wrong.status, 1, "{wrong:?}");
    assert!(wrong.out.contains("the first error is in line 2"), "{}", wrong.out);
    let unreadable = marked("h1 = 2\nMSE is 2.5\n", &[]);
    assert_eq!(unreadable.status, 2, "{unreadable:?}");
    assert!(unreadable.out.contains("cannot be read"), "{}", unreadable.out);
}

#[test]
fn a_report_is_written_as_one_page_or_as_json() {
    let place = Place::new();
    place.file("a.txt", "h1 = 3 (2 points)\n");
    place.file("f.chain", "h1 = 2 x\nx := 1\n");
    let ran = place.run(&["mark", "f.chain", "a.txt", "--to", "html", "-o", "a.html"]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{ran:?}");
    let page = std::fs::read_to_string(place.path().join("a.html")).expect("the page");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("0 of 2 points"));
    let json = place.run(&["mark", "f.chain", "a.txt", "--format", "json"]).json();
    assert_eq!(json["lines"][0]["verdict"], "wrong");
    assert_eq!(json["lines"][0]["expected"], 2.0);
    assert_eq!(place.names(), ["a.html", "a.txt", "f.chain"]);
}

/// The ending says the form; pages go to a file, and a build without them says how to get them.
#[test]
fn a_report_is_written_for_paper() {
    let place = Place::new();
    place.file("a.txt", "h1 = 3 # and \"more\"\nh1 = ?\n");
    place.file("f.chain", "h1 = 2 x\nx := 1\n");
    let mark = |more: &[&str]| place.run(&[&["mark", "f.chain", "a.txt"], more].concat());
    assert_eq!(mark(&["-o", "a.typ"]).status, 2, "a line of it cannot be read");
    let sheet = std::fs::read_to_string(place.path().join("a.typ")).expect("a sheet");
    for line in [
        "#show: solution.with(title: \"a.txt\")",
        "#par[\\0 of 2 points. The first error is in line 1.]",
        "  [1], [#raw(\"h1 = 3\")], [#strong[wrong here] #list([the value is 2], [the formula is 2 x], )]",
        "[#raw(\"h1 = ?\")], [#strong[cannot be read]",
    ] {
        assert!(sheet.contains(line), "{line}\n{sheet}");
    }
    assert_eq!(mark(&["--to", "typst"]).out, sheet);
    let printed = mark(&["--to", "pdf"]);
    assert_eq!((printed.status, &*printed.out), (2, ""), "{printed:?}");
    assert!(printed.err.contains("-o marked.pdf"), "{}", printed.err);
    let ran = mark(&["-o", "a.pdf"]);
    let pdf = std::fs::read(place.path().join("a.pdf"));
    if cfg!(feature = "pdf") {
        assert!(pdf.expect("pages").starts_with(b"%PDF"));
    } else {
        assert!(pdf.is_err() && ran.status == 2, "{ran:?}");
        assert!(ran.err.contains("--features pdf"), "{}", ran.err);
    }
}

#[test]
fn a_file_with_errors_and_answers_without_lines_cannot_be_marked() {
    let place = Place::new();
    place.file("bad.chain", "a = b\n");
    place.file("good.chain", "a = 1\n");
    place.file("none.txt", "# nothing yet\n");
    place.file("one.txt", "a = 1\n");
    assert_eq!(place.run(&["mark", "bad.chain", "one.txt"]).status, 2);
    let ran = place.run(&["mark", "good.chain", "none.txt"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("no line of it is an answer"), "{}", ran.err);
    assert_eq!(place.run(&["mark", "good.chain", "missing.txt"]).status, 2);
}
