//! `fmt`: files in another spelling, checked or written.

use crate::support::Place;

const UNICODE: &str = "z1 = W1ᵀ x + b  # λ stays\nŷ = softmax(z1)\n";
const ASCII: &str = "z1 = W1^T x + b  # λ stays\ny_hat = softmax(z1)\n";

#[test]
fn a_file_goes_to_another_spelling_and_back() {
    let place = Place::new();
    let path = place.file("a.chain", UNICODE);
    let text = || std::fs::read_to_string(&path).expect("the file");
    assert_eq!(place.run(&["fmt", "a.chain", "--to", "ascii"]).status, 0);
    assert_eq!(text(), ASCII);
    assert_eq!(place.run(&["fmt", "a.chain", "--to", "latex"]).status, 0);
    assert!(text().starts_with("z_{1} = W_{1}^{\\top} x + b  # λ stays\n"), "{}", text());
    assert_eq!(place.run(&["fmt", "a.chain"]).status, 0);
    assert_eq!(text(), UNICODE);
    assert_eq!(place.names(), ["a.chain"]);
}

#[test]
fn a_check_says_which_lines_differ_and_writes_nothing() {
    let place = Place::new();
    place.file("a.chain", ASCII);
    assert_eq!(place.run(&["fmt", "a.chain", "--to", "ascii", "--check"]).status, 0);
    let ran = place.run(&["fmt", "a.chain", "--check"]);
    assert_eq!(
        (ran.status, ran.out.as_str()),
        (1, "a.chain: another spelling in line 1, 2\n")
    );
    let json = place.run(&["fmt", "a.chain", "--check", "--format", "json"]).json();
    assert_eq!(json["changed"], serde_json::json!([1, 2]));
    let text = std::fs::read_to_string(place.path().join("a.chain")).expect("the file");
    assert_eq!(text, ASCII);
}

#[test]
fn a_file_with_mistakes_stays_as_it_is() {
    let place = Place::new();
    place.file("a.chain", "a = \\underbrace{b}\n");
    let ran = place.run(&["fmt", "a.chain", "--to", "ascii"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("`\\underbrace` is not known here"), "{}", ran.err);
    let text = std::fs::read_to_string(place.path().join("a.chain")).expect("the file");
    assert_eq!(text, "a = \\underbrace{b}\n");
}
