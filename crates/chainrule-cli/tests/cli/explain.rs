//! `explain`: answers as text and as JSON, in the form that other programs read.

use serde_json::json;

use crate::support::{Place, Ran, repository};

fn explain(file: &str, args: &[&str]) -> Ran {
    let file = repository(file);
    Place::new().run(&[&["explain", &*file.to_string_lossy()], args].concat())
}

#[test]
fn the_exams_numbers_come_out_in_text() {
    let args = ["--ask", "MSE", "--ask", "dMSE/dw21", "--ask", "w21'"];
    let ran = explain("examples/exam-part3.chain", &args);
    assert_eq!(ran.status, 0, "{ran:?}");
    for end in ["= 2.5\n", "= −1.5\n", "= 0.65\n"] {
        assert!(ran.out.contains(end), "{end}: {}", ran.out);
    }
}

#[test]
fn json_has_the_documented_keys() {
    let args = ["--ask", "dMSE/dw21", "--ask", "shape h1", "--ask", "params"];
    let ran = explain(
        "examples/exam-part3.chain",
        &[&args[..], &["--format", "json"]].concat(),
    );
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let all = ran.json();
    let first = &all["answers"][0];
    assert_eq!(first["ask"], "dMSE/dw21");
    assert_eq!(first["shape"], json!([1, 1]));
    assert_eq!(first["value"], json!(-1.5));
    assert!(first["symbolic"].is_string() && first["latex"].is_string());
    assert_eq!(all["answers"][2]["value"], json!(12));
    assert!(all["diagnostics"].is_array());
}

#[test]
fn a_question_that_fails_does_not_stop_the_others() {
    let args = ["--ask", "nowhere", "--ask", "MSE"];
    let ran = explain(
        "examples/exam-part3.chain",
        &[&args[..], &["--format", "json"]].concat(),
    );
    assert_eq!(ran.status, 1);
    let all = ran.json();
    assert_eq!(all["answers"][0]["error"]["code"], "N1");
    assert_eq!(all["answers"][1]["value"], json!(2.5));
    let text = explain("examples/exam-part3.chain", &args);
    assert_eq!(text.status, 1);
    assert!(text.err.contains("`nowhere` is not known"), "{}", text.err);
    assert!(text.out.contains("2.5"), "{}", text.out);
}

#[test]
fn questions_about_a_file_with_errors_answer_with_the_error() {
    let args = ["--ask", "L", "--format", "json"];
    let ran = explain("suite/errors/s1-exam-slip.chain", &args);
    assert_eq!(ran.status, 1);
    let all = ran.json();
    assert_eq!(all["answers"][0]["ask"], "L");
    assert_eq!(all["answers"][0]["error"]["code"], "S1");
    assert_eq!(all["diagnostics"][0]["code"], "S1");
}

#[test]
fn without_a_question_everything_is_explained() {
    let ran = explain("examples/exam-part2.chain", &[]);
    assert_eq!(ran.status, 0, "{ran:?}");
    for part in ["(K×Da)(Da×1) + (K×1) = K×1", "δ2", "= ŷ − y", "δ2 a1ᵀ", "fingerprint"]
    {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let check = repository("examples/exam-part2.chain");
    let check = check.to_string_lossy();
    let check = Place::new().run(&["check", &check, "--format", "json"]).json();
    let fingerprint = check["fingerprint"].as_str().expect("a fingerprint").to_owned();
    assert!(ran.out.contains(&fingerprint), "explain and check read one graph");
}

#[test]
fn a_solution_is_written_in_the_format_that_is_named() {
    let place = Place::new();
    place.file("t.chain", "w := 2\nx := 3\nL = 1/2 (w x)²\ntrainable: w\n");
    let to = |format: &str| {
        let ran = place.run(&["explain", "t.chain", "--to", format]);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{format}");
        ran.out
    };
    assert!(to("text").contains("∂L/∂w = w x x = 2·3·3 = 18"), "{}", to("text"));
    assert!(to("markdown").contains("## Backward, numbers"));
    assert!(to("latex").contains("\\frac{\\partial L}{\\partial w}"));
    assert!(to("latex-document").starts_with("\\documentclass"));
    assert!(to("html").contains("<math"));
    let tree: serde_json::Value = serde_json::from_str(&to("json")).expect("JSON");
    assert_eq!(tree["sections"][0]["part"], "given");
    let unknown = place.run(&["explain", "t.chain", "--to", "docx"]);
    assert_eq!(unknown.status, 2, "{unknown:?}");
    assert!(unknown.err.contains("latex-document"), "{}", unknown.err);
}

#[test]
fn the_ending_of_the_file_names_the_format_and_nothing_is_overwritten() {
    let place = Place::new();
    place.file("t.chain", "w := 2\nL = w²\ntrainable: w\n");
    let args = ["explain", "t.chain", "-o", "s.html"];
    let first = place.run(&args);
    assert_eq!((first.status, first.out.as_str()), (0, "s.html\n"), "{first:?}");
    let page = std::fs::read_to_string(place.path().join("s.html")).expect("a page");
    assert!(page.starts_with("<!DOCTYPE html>"));
    let again = place.run(&args);
    assert_eq!(again.status, 2, "{again:?}");
    assert!(again.err.contains("--force"), "{}", again.err);
    assert_eq!(place.run(&[&args[..], &["--force"]].concat()).status, 0);
    let both = place.run(&["explain", "t.chain", "--brief", "--every"]);
    assert_eq!(both.status, 2, "{both:?}");
}

#[test]
fn json_without_a_question_has_the_solution() {
    let all = explain("examples/exam-part3.chain", &["--format", "json"]).json();
    assert_eq!(all["solution"]["version"], 1);
    assert!(all["answers"].as_array().is_some_and(|a| a.len() > 20));
}

#[test]
fn ascii_means_ascii() {
    for file in ["examples/digits.chain", "examples/exam-part2.chain"] {
        let ran = explain(file, &["--ascii"]);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.out.is_ascii(), "{}", ran.out);
    }
}

#[test]
fn steps_rules_rounding_and_frozen_names_are_passed_on() {
    let place = Place::new();
    place.file("t.chain", "w := 1\nx := 3\nL = 1/2 (w x)²\ntrainable: w\n");
    let ask = |args: &[&str]| {
        let base = ["explain", "t.chain", "--format", "json", "--ask", "w'"];
        place.run(&[&base[..], args].concat()).json()["answers"][0]["value"].clone()
    };
    let near =
        |v: serde_json::Value, x: f64| (v.as_f64().expect("a number") - x).abs() < 1e-12;
    assert!(near(ask(&["--update", "sgd(lr = 0.1)"]), 0.1));
    assert!(near(ask(&["--update", "sgd(lr = 0.1)", "--steps", "2"]), 0.01));
    assert!(near(ask(&["--update", "sgd(lr = 0.1)", "--set", "w=2"]), 0.2));
    assert!(near(ask(&["--update", "sgd(lr = 0.1)", "--freeze", "w"]), 1.0));
}

#[test]
fn an_update_rule_is_missed_aloud() {
    let place = Place::new();
    place.file("t.chain", "w := 1\nL = w²\n");
    let ran = place.run(&["explain", "t.chain", "--ask", "w'"]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("--update"), "{}", ran.err);
}

#[test]
fn rows_of_the_data_give_the_values() {
    let place = crate::training::place();
    let ask = |args: &[&str]| {
        let base = ["explain", "t.chain", "--format", "json", "--ask", "ŷ", "--ask", "x"];
        place.run(&[&base[..], args].concat())
    };
    let one = ask(&["--row", "3"]);
    assert_eq!(one.status, 0, "{one:?}");
    assert_eq!(one.json()["answers"][0]["shape"], json!([2, 1]));
    let sum: f64 = [0, 1]
        .iter()
        .map(|i| one.json()["answers"][0]["value"][*i][0].as_f64().expect("a number"))
        .sum();
    assert!((sum - 1.0).abs() < 1e-12, "{one:?}");
    let four = ask(&["--batch", "1..4"]);
    assert_eq!(four.json()["answers"][1]["shape"], json!([2, 4]));
    let beyond = ask(&["--row", "1000"]);
    assert_eq!(beyond.status, 2, "{beyond:?}");
    assert!(beyond.err.contains("1..96"), "{}", beyond.err);
    assert_eq!(ask(&["--batch", "4"]).status, 2);
}

#[test]
fn dropout_is_in_the_training_form_only() {
    let place = Place::new();
    place.file(
        "d.chain",
        "x := [1; 2; 3; 4; 5; 6; 7; 8]\nh = dropout(x, 0.5)\nL = sum(h)\n",
    );
    let ask = |args: &[&str]| {
        let base = ["explain", "d.chain", "--format", "json", "--ask", "L"];
        place.run(&[&base[..], args].concat()).json()["answers"][0]["value"].clone()
    };
    assert_eq!(ask(&[]), json!(36.0));
    let masked = ask(&["--mode", "train", "--seed", "3"]);
    assert!(masked != json!(36.0) && masked.is_number(), "{masked}");
    assert_eq!(masked, ask(&["--mode", "train", "--seed", "3"]));
}

#[test]
fn values_outside_a_domain_are_told_to_those_who_ask_for_them() {
    let place = Place::new();
    place.file("m.chain", "x := [1; 0]\na = 1 / x\nb = 2 x\nL = sum(a) + sum(b)\n");
    let ran = place.run(&["explain", "m.chain", "--ask", "L", "--ask", "b"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.err.contains("error M1: L: a division by 0"), "{}", ran.err);
    assert!(ran.err.contains("line 2") && ran.out.contains("[2; 0]"), "{ran:?}");
    let other = place.run(&["explain", "m.chain", "--ask", "b"]);
    assert_eq!(other.status, 0, "{other:?}");
    assert!(other.err.contains("warning M1"), "{}", other.err);
    assert_eq!(place.run(&["explain", "m.chain"]).status, 1);
    let json =
        place.run(&["explain", "m.chain", "--ask", "L", "--format", "json"]).json();
    assert_eq!(json["answers"][0]["error"]["code"], "M1");
    assert_eq!(json["diagnostics"][0]["code"], "M1");
}

#[test]
fn a_value_on_a_kink_is_told_with_the_slope() {
    let place = Place::new();
    place.file("k.chain", "x := [1; 0]\na = relu(x)\nL = sum(a)\n");
    let slope = place.run(&["explain", "k.chain", "--ask", "dL/dx"]);
    assert_eq!(slope.status, 0, "{slope:?}");
    assert!(slope.err.contains("note M2: relu has a kink at 0"), "{}", slope.err);
    let value = place.run(&["explain", "k.chain", "--ask", "L"]);
    assert_eq!(value.err, "", "a value needs no slope");
}

#[test]
fn the_rewrites_that_fired_are_listed() {
    let ran = explain("examples/digits.chain", &[]);
    assert!(ran.out.contains("rewrites used"), "{}", ran.out);
    assert!(ran.out.contains("log softmax(z) = z − log Σexp(z)"), "{}", ran.out);
    let json = explain("examples/digits.chain", &["--format", "json"]).json();
    let names = json["rewrites"].as_array().expect("a list");
    assert!(names.iter().any(|r| r["name"] == "one-hot sum"), "{names:?}");
}

#[test]
fn what_is_learned_is_only_guessed_where_nothing_says_it() {
    let place = Place::new();
    let text = "x := [2; 1]\nw := [1 1]\nt = w x\nL = half_mse(0, t)\n";
    place.file("a.chain", text);
    place.file("b.chain", format!("{text}trainable: w\n"));
    let ask = |file: &str| {
        place.run(&["explain", file, "--ask", "w'", "--update", "sgd(lr = 0.1)"]).err
    };
    assert!(ask("a.chain").contains("learned here, since nothing says otherwise"));
    assert!(!ask("b.chain").contains("learned here"));
}

#[test]
fn an_updated_parameter_is_told_as_its_update() {
    let place = Place::new();
    place
        .file("w.chain", "x : 2×1\nw : 1×2\ntrainable: w\nt = w x\nL = half_mse(0, t)\n");
    let args = ["explain", "w.chain", "--update", "sgd(lr = 0.1)", "--format", "json"];
    let symbolic = place.run(&[&args[..], &["--ask", "w'"]].concat()).json();
    let answer = &symbolic["answers"][0];
    assert_eq!(answer["symbolic"], "w − 1/10 t xᵀ", "{symbolic}");
    assert!(answer["value"].is_null());
    place.file("v.chain", "w := [1; 2]\nL = 1/2 ‖w‖²\ntrainable: w\n");
    let ask = |more: &[&str]| {
        let args = ["explain", "v.chain", "--update", "sgd(lr = 0.5)", "--ask", "w'"];
        place.run(&[&args[..], more].concat()).out
    };
    assert!(ask(&[]).contains("w' = w − 1/2 w"), "{}", ask(&[]));
    assert!(!ask(&["--steps", "3"]).contains("w' = w"), "{}", ask(&["--steps", "3"]));
}

/// Pages go to a file; a build without them says how to get one.
#[test]
fn a_pdf_goes_to_a_file_or_is_refused_aloud() {
    let place = Place::new();
    place.file("a.chain", "w := [1; 2]\nL = 1/2 ‖w‖²\ntrainable: w\n");
    let printed = place.run(&["explain", "a.chain", "--to", "pdf"]);
    assert_eq!((printed.status, printed.out.as_str()), (2, ""), "{printed:?}");
    assert!(printed.err.contains("-o solution.pdf"), "{}", printed.err);
    let ran = place.run(&["explain", "a.chain", "-o", "a.pdf"]);
    if cfg!(feature = "pdf") {
        assert_eq!((ran.status, ran.out.as_str()), (0, "a.pdf\n"), "{ran:?}");
        let pdf = std::fs::read(place.path().join("a.pdf")).expect("pages");
        assert!(pdf.starts_with(b"%PDF"));
    } else {
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.err.contains("--features pdf"), "{}", ran.err);
        assert_eq!(place.names(), ["a.chain"]);
    }
}
