//! `draw`: where the picture goes, and what is refused.

use crate::support::{Place, repository};

#[test]
fn a_small_network_is_drawn_in_the_terminal_and_as_svg() {
    let place = Place::new();
    place.file("a.chain", "a = relu(W x)\nL = sum(a)\nx := [1; 2]\nW := [1 2; 3 4]\n");
    let ran = place.run(&["draw", "a.chain"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("relu(W x)") && ran.out.contains('▶'), "{}", ran.out);
    assert_eq!(place.run(&["draw", "a.chain", "-o", "a.svg"]).status, 0);
    let svg = std::fs::read_to_string(place.path().join("a.svg")).expect("the picture");
    assert!(svg.starts_with("<svg ") && svg.contains("relu(W x)"));
    let json = place.run(&["draw", "a.chain", "--format", "json"]).json();
    assert_eq!(json["boxes"][1]["name"], "a");
    assert_eq!(json["lines"][0]["from"], 0);
    assert_eq!(place.names(), ["a.chain", "a.svg"]);
}

/// Equations alone, as on a blackboard: no shapes, and that is said. A slip in a declared file is an error.
#[test]
fn bare_equations_are_drawn_without_shapes() {
    let place = Place::new();
    place.file("a.chain", "h = relu(W1 x + b1)\nŷ = softmax(W2 h + b2)\n");
    let ran = place.run(&["draw", "a.chain", "--format", "json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("drawn without shapes"), "{}", ran.err);
    let json = ran.json();
    let boxes = json["boxes"].as_array().expect("boxes");
    let names: Vec<&str> = boxes.iter().filter_map(|b| b["name"].as_str()).collect();
    assert_eq!(names, ["x", "h", "ŷ"]);
    assert_eq!(boxes[1]["lines"][1], "W1, b1");
    assert_eq!(json["labels"].as_array().map(Vec::len), Some(0));
    assert_eq!(json["lines"].as_array().map(Vec::len), Some(2));
    let seen = place.run(&["draw", "a.chain"]);
    assert!(seen.out.contains("softmax(W2 h + b2)"), "{}", seen.out);
    place.file("b.chain", "x := [1; 2]\nh = relu(W1 x)\n");
    let slip = place.run(&["draw", "b.chain"]);
    assert_eq!(slip.status, 2);
    assert!(slip.err.contains("`W1` is not known"), "{}", slip.err);
}

#[test]
fn what_cannot_be_drawn_says_the_way_out() {
    let place = Place::new();
    place.file("empty.chain", "x := 1\n");
    place.file("a.chain", "y = 2 x\nx := 1\n");
    let deep = repository("examples/deep.chain");
    let wide = place.run(&["draw", &deep.to_string_lossy()]);
    assert_eq!(wide.status, 2);
    assert!(wide.err.contains("write it to a file: -o net.svg"), "{}", wide.err);
    for args in [vec!["empty.chain"], vec!["a.chain", "-o", "a.gif"]] {
        let ran = place.run(&[&["draw"], &args[..]].concat());
        assert_eq!(ran.status, 2, "{ran:?}");
    }
    assert_eq!(place.names(), ["a.chain", "empty.chain"]);
}

/// Without the feature the way out is said; with it there is a picture.
#[test]
fn a_png_is_painted_or_refused_aloud() {
    let place = Place::new();
    place.file("a.chain", "y = 2 x\nx := 1\n");
    let ran = place.run(&["draw", "a.chain", "-o", "a.png"]);
    if cfg!(feature = "png") {
        let fonts = !ran.err.contains("needs a font");
        assert_eq!(ran.status, if fonts { 0 } else { 1 }, "{ran:?}");
    } else {
        assert_eq!(ran.status, 2);
        assert!(ran.err.contains("--features png"), "{}", ran.err);
        assert_eq!(place.names(), ["a.chain"]);
    }
}
