//! `check`: the message that the language promises, JSON, exit statuses, odd files.

use serde_json::json;

use crate::support::{Place, repository};

const SLIP: &str = "\
z1 = W1 x + b1
a1 = relu(z1)
z2 = W2 x + b2
ŷ  = softmax(z2)
L  = cross_entropy(y, ŷ)
input  x : Dx
param  W1 : Da×Dx, b1 : Da
param  W2 : K×Da,  b2 : K
target y : K one-hot
";

#[test]
fn the_slip_of_the_exam_gives_the_reference_message() {
    let place = Place::new();
    place.file("slip.chain", SLIP);
    let ran = place.run(&["check", "slip.chain"]);
    assert_eq!(ran.status, 1);
    assert_eq!(ran.out, "");
    let expected = "\
error S1: the product W2 x does not fit                             line 3
  z2 = W2 x + b2
       ^^ ^   W2 is K×Da   (line 8: W2 : K×Da)
              x  is Dx×1   (line 6; also forced by line 1: z1 = W1 x + b1, W1 Da×Dx)
  a product needs columns of the left = rows of the right: Da ≠ Dx
  did you mean   z2 = W2 a1 + b2      a1 is Da×1 (line 2); then ";
    assert!(ran.err.starts_with(expected), "{}", ran.err);
    assert!(ran.err.ends_with("\n\nslip.chain: 1 error\n"), "{}", ran.err);
}

#[test]
fn json_holds_places_labels_notes_and_fixes() {
    let place = Place::new();
    place.file("slip.chain", SLIP);
    let ran = place.run(&["check", "slip.chain", "--format", "json"]);
    assert_eq!((ran.status, ran.err.as_str()), (1, ""));
    let all = ran.json();
    let d = &all["diagnostics"][0];
    assert_eq!(d["severity"], "error");
    assert_eq!(d["code"], "S1");
    assert_eq!(d["message"], "the product W2 x does not fit");
    assert_eq!(d["spans"][0]["line"], 3);
    assert_eq!(d["spans"][0]["column"], 6);
    assert_eq!(d["labels"][1]["column"], 9);
    assert_eq!(d["labels"][1]["length"], 1);
    let edit = json!({ "line": 3, "column": 9, "length": 1, "with": "a1" });
    assert_eq!(d["hints"][0]["edits"], json!([edit]));
    assert!(all.get("equations").is_none(), "no shapes where something does not fit");
}

#[test]
fn a_file_that_fits_gets_its_shapes() {
    let place = Place::new();
    let file = repository("examples/exam-part2.chain");
    let ran = place.run(&["check", &file.to_string_lossy()]);
    assert_eq!(ran.status, 0);
    assert!(ran.out.contains("(Da×Dx)(Dx×1) + (Da×1) = Da×1"), "{}", ran.out);
    assert!(ran.out.contains("softmax(K×1) = K×1"), "{}", ran.out);
    assert!(ran.out.contains("Da·Dx + Da·K + Da + K numbers"), "{}", ran.out);
}

#[test]
fn sizes_given_on_the_command_line_are_used() {
    let place = Place::new();
    place.file("t.chain", crate::training::CLASSES);
    let args = ["check", "t.chain", "--format", "json", "--set", "H=3", "--set", "D=2"];
    let ran = place.run(&[&args[..], &["--set", "K=4"]].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    let all = ran.json();
    assert_eq!(all["learned"]["numbers"], 3 * 2 + 3 + 4 * 3 + 4);
    assert_eq!(all["equations"][0]["shape"], json!([3, 1]));
    assert_eq!(all["fingerprint"].as_str().map(str::len), Some(16));
}

#[test]
fn several_findings_are_told_at_once() {
    let place = Place::new();
    place.file("two.chain", "x := [1; 2]\na = x + nowhere\nb = relu(nothing)\n");
    let ran = place.run(&["check", "two.chain"]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("`nowhere` is not known"), "{}", ran.err);
    assert!(ran.err.contains("`nothing` is not known"), "{}", ran.err);
    assert!(ran.err.contains("two.chain: 2 errors"), "{}", ran.err);
}

#[test]
fn carets_stand_below_letters_with_combining_marks() {
    let place = Place::new();
    // σ̂ is two characters and one column.
    place.file("hat.chain", "σ\u{302} := 2\nq = σ\u{302} + zzz\n");
    let ran = place.run(&["check", "hat.chain"]);
    assert!(ran.err.contains("  q = σ\u{302} + zzz\n          ^^^\n"), "{}", ran.err);
}

#[test]
fn warnings_leave_the_status_zero() {
    let place = Place::new();
    let text = "y : 2×1 one-hot\nz := [0.3; 0.4]\nL = cross_entropy(y, abs(z))\n";
    place.file("w.chain", text);
    let ran = place.run(&["check", "w.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("warning M1"), "{}", ran.err);
    assert!(ran.err.contains("w.chain: 1 warning"), "{}", ran.err);
}

#[test]
fn files_that_are_no_text_are_refused_with_the_place() {
    let place = Place::new();
    place.file("bytes.chain", b"x := 1\ny = \xff x\n");
    place.file("large.chain", vec![b' '; (4 << 20) + 1]);
    let cases = [
        ("bytes.chain", "line 2 is not UTF-8 text"),
        ("large.chain", "more than 4 MiB"),
        ("absent.chain", "No such file"),
        (".", "directory"),
    ];
    for (file, words) in cases {
        let ran = place.run(&["check", file]);
        assert_eq!(ran.status, 2, "{file}: {ran:?}");
        assert!(ran.err.contains(words) && ran.err.contains(file), "{file}: {}", ran.err);
        let json = place.run(&["check", file, "--format", "json"]).json();
        assert_eq!(json["error"]["status"], 2);
    }
}

#[test]
fn nothing_in_a_file_steers_the_terminal() {
    let place = Place::new();
    place.file("esc.chain", "x = \u{1b}[2J\u{1b}]0;gone\u{7} \u{202e}y\n");
    let ran = place.run(&["check", "esc.chain"]);
    assert_eq!(ran.status, 1);
    assert!(!ran.err.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", ran.err);
}

#[test]
fn odd_texts_end_in_words_not_in_a_crash() {
    let place = Place::new();
    let deep = format!("x = {}1{}\n", "(".repeat(20_000), ")".repeat(20_000));
    let long = format!("x := 1\ny = x{}\n", " + x".repeat(3_000));
    let wide = format!("y = {} + q\n", "long_name ".repeat(60));
    for text in [
        "",
        "\n",
        "\u{feff}x := 1\n",
        "x",
        "=",
        "x := 1\r\ny = z\r\n",
        &deep,
        &long,
        &wide,
    ] {
        place.file("odd.chain", text);
        for format in ["text", "json"] {
            let ran = place.run(&["check", "odd.chain", "--format", format]);
            let start: String = text.chars().take(20).collect();
            assert!([0, 1].contains(&ran.status), "{start:?}: {ran:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf_8_is_a_name() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let name = std::ffi::OsStr::from_bytes(b"n\xffme.chain");
    std::fs::write(place.path().join(name), "x := 1\ny = 2 x\n").expect("a file");
    let output =
        place.command(&["check"]).arg(name).output().expect("the command starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn the_planned_gradient_is_held_against_differences() {
    let place = crate::training::place();
    let ran = place.run(&["check", "t.chain"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.contains("gradient   holds: 20 directions"), "{}", ran.out);
    assert!(ran.out.contains("rows of the data"), "{}", ran.out);
    let json = place.run(&["check", "t.chain", "--format", "json"]).json();
    assert_eq!(json["gradient"]["passed"], true);
    assert_eq!(json["learned"]["numbers"], 8 * 2 + 8 + 2 * 8 + 2);
}

#[test]
fn without_its_data_a_file_is_checked_with_drawn_numbers() {
    let place = Place::new();
    place.file("t.chain", crate::training::CLASSES);
    let ran = place.run(&["check", "t.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("checked without its data") && ran.err.contains("t.csv"));
    assert!(ran.out.contains("on drawn numbers"), "{}", ran.out);
}

#[test]
fn sizes_that_no_machine_holds_are_not_tried() {
    let place = crate::training::place();
    let args = ["check", "t.chain", "--set", "H=50000000"];
    let ran = place.run(&args);
    assert_eq!(ran.status, 0, "{ran:?}");
}

#[test]
fn no_difference_is_taken_across_a_kink() {
    let place = Place::new();
    place.file("k.chain", "x := [0; -1; 2]\nr = relu(x) + |x|\nR = sum(r)\n");
    let ran = place.run(&["check", "k.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("across a kink left out"), "{}", ran.out);
}

#[test]
fn an_objective_that_is_a_parameter_itself_is_checked() {
    let place = Place::new();
    place.file("k.chain", "v := 2\nt = sum(v)\n");
    let ran = place.run(&["check", "k.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
}

#[test]
fn values_outside_a_domain_are_told_once() {
    let place = Place::new();
    place.file("k.chain", "x := [1; 0]\nL = sum(1 / x)\n");
    let ran = place.run(&["check", "k.chain"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.err.contains("M1") && !ran.err.contains("M3"), "{}", ran.err);
}
