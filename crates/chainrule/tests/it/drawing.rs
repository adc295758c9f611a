//! Pictures of networks: nothing overlaps, nothing is crossed out, and every file has one.

use chainrule::draw::{Area, Drawing, Kind, Measure, draw, svg, text};
use chainrule::graph::lower::load;

fn drawn(source: &str, measure: Measure) -> Drawing {
    let loaded = load(source, &[]);
    let m = loaded.module.unwrap_or_else(|| panic!("{source}\n{:?}", loaded.diagnostics));
    draw(&m, source, measure)
}

/// A level or upright piece as a rectangle without breadth.
fn piece(a: (i32, i32), b: (i32, i32)) -> Area {
    let (x, y) = (a.0.min(b.0), a.1.min(b.1));
    Area { x, y, w: (a.0 - b.0).abs(), h: (a.1 - b.1).abs() }
}

/// Whether a piece runs through the inside of a rectangle.
fn crosses(p: Area, a: Area) -> bool {
    let inside =
        |from: i32, to: i32, low: i32, high: i32| from.max(low + 1) <= to.min(high - 1);
    inside(p.x, p.x + p.w, a.x, a.x + a.w) && inside(p.y, p.y + p.h, a.y, a.y + a.h)
}

/// What a picture must be, whatever it shows.
fn assert_clean(source: &str, d: &Drawing) {
    let named: Vec<(String, Area)> = d
        .boxes
        .iter()
        .map(|b| (b.name.clone(), b.area))
        .chain(
            d.labels.iter().map(|l| (format!("label of {}", d.boxes[l.of].name), l.area)),
        )
        .collect();
    for (i, (a, p)) in named.iter().enumerate() {
        for (b, q) in &named[i + 1..] {
            assert!(!p.overlaps(q), "{a} {p:?} and {b} {q:?} overlap in\n{source}");
        }
        assert!(p.x >= 0 && p.y >= 0 && p.x + p.w <= d.width && p.y + p.h <= d.height);
    }
    for l in &d.lines {
        let (from, to) = (d.boxes[l.from].area, d.boxes[l.to].area);
        let (first, last) = (l.points[0], l.points[l.points.len() - 1]);
        assert_eq!(first.0, from.x + from.w, "a line leaves its box on the right");
        assert_eq!(last.0, to.x, "and arrives on the left");
        assert!(first.1 > from.y && first.1 < from.y + from.h, "{source}");
        assert!(last.1 > to.y && last.1 < to.y + to.h, "{source}");
        for pair in l.points.windows(2) {
            let p = piece(pair[0], pair[1]);
            assert!(p.w == 0 || p.h == 0, "pieces are level or upright");
            assert!(pair[0].0 <= pair[1].0, "lines run from left to right");
            for (name, a) in &named {
                assert!(
                    !crosses(p, *a),
                    "the line to {} runs through {name} in\n{source}",
                    d.boxes[l.to].name
                );
            }
        }
    }
    // Lines that share a piece come from one box.
    for (i, l) in d.lines.iter().enumerate() {
        for k in d.lines[i + 1..].iter().filter(|k| k.from != l.from) {
            for a in l.points.windows(2) {
                for b in k.points.windows(2) {
                    let (p, q) = (piece(a[0], a[1]), piece(b[0], b[1]));
                    let upright = p.w == 0 && q.w == 0 && p.x == q.x;
                    let shared = upright && p.y.max(q.y) < (p.y + p.h).min(q.y + q.h);
                    assert!(!shared, "two lines on one track in\n{source}");
                }
            }
        }
    }
}

fn all_measures(source: &str) {
    for measure in [Measure::PIXELS, Measure::CELLS] {
        let d = drawn(source, measure);
        assert_clean(source, &d);
        assert_eq!(drawn(source, measure), d, "the same file, the same picture");
    }
}

#[test]
fn every_example_has_a_clean_picture() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut count = 0;
    for folder in ["examples", "suite/gradients", "suite/values"] {
        for file in std::fs::read_dir(format!("{root}/{folder}")).expect("a folder") {
            let path = file.expect("a file").path();
            if path.extension().is_none_or(|e| e != "chain") {
                continue;
            }
            let source = std::fs::read_to_string(path).expect("a text");
            if load(&source, &[]).module.is_some() {
                all_measures(&source);
                count += 1;
            }
        }
    }
    assert!(count > 40, "{count}");
}

/// A network of so many layers; layer l adds what came out of the layers in `skips`.
fn layered(layers: usize, skips: impl Fn(usize) -> Vec<usize>) -> String {
    let mut out = String::from("input x : H\ntarget y : K one-hot\nparam V : K×H\n");
    for l in 1..=layers {
        out.push_str(&format!("param W{l} : H×H, b{l} : H\n"));
    }
    for l in 1..=layers {
        let before = if l == 1 { "x".to_owned() } else { format!("a{}", l - 1) };
        let more: String = skips(l).iter().map(|s| format!(" + a{s}")).collect();
        out.push_str(&format!("z{l} = W{l} {before} + b{l}{more}\na{l} = relu(z{l})\n"));
    }
    out.push_str(&format!(
        "ŷ = softmax(V a{layers})\nL = cross_entropy(y, ŷ)\nminimize mean(L)\n"
    ));
    out
}

#[test]
fn twenty_layers_with_skips_overlap_nowhere() {
    all_measures(&layered(20, |_| Vec::new()));
    all_measures(&layered(20, |l| if l > 2 { vec![l - 2] } else { Vec::new() }));
    all_measures(&layered(20, |l| if l > 1 { vec![1] } else { Vec::new() }));
    all_measures(&layered(12, |l| (1..l).collect()));
    // Skips from anywhere, as chance has it.
    for seed in 1_u64..40 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut chance = move |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % n
        };
        let table: Vec<Vec<usize>> = (0..=20)
            .map(|l| {
                let mut skips: Vec<usize> = (0..chance(3))
                    .filter(|_| l > 2)
                    .map(|_| 1 + chance(l.max(3) - 2))
                    .collect();
                skips.sort_unstable();
                skips.dedup();
                skips
            })
            .collect();
        all_measures(&layered(20, |l| table[l].clone()));
    }
}

const SMALL: &str = "input x : 3\ntarget y : K one-hot\nparam W1 : H×3, b1 : H\nparam W2 : K×H\n\
    where H = 4, K = 2\na1 = relu(W1 x + b1)\nŷ = softmax(W2 a1)\nL = cross_entropy(y, ŷ)\n\
    minimize mean(L) + 1e-4/2 ‖W1‖²\n";

#[test]
fn a_picture_says_what_flows_where() {
    let d = drawn(SMALL, Measure::PIXELS);
    let of = |name: &str| d.boxes.iter().position(|b| b.name == name).expect("a box");
    let kinds: Vec<Kind> = ["x", "y", "a1", "ŷ", "L"].map(|n| d.boxes[of(n)].kind).into();
    assert_eq!(
        kinds,
        [Kind::Input, Kind::Target, Kind::Equation, Kind::Output, Kind::Equation]
    );
    let flows =
        |a: &str, b: &str| d.lines.iter().any(|l| (l.from, l.to) == (of(a), of(b)));
    assert!(flows("x", "a1") && flows("a1", "ŷ") && flows("ŷ", "L") && flows("y", "L"));
    assert!(!flows("x", "ŷ") && flows("L", "J"));
    assert_eq!(d.boxes[of("a1")].lines, ["relu(W1 x + b1)", "W1 : H×3", "b1 : H = 4"]);
    let label =
        |n: &str| d.labels.iter().find(|l| l.of == of(n)).map(|l| l.text.as_str());
    assert_eq!(
        (label("x"), label("a1"), label("L")),
        (Some("3"), Some("H = 4"), Some("1"))
    );
    let layers: Vec<usize> =
        ["x", "a1", "ŷ", "y", "L"].map(|n| d.boxes[of(n)].layer).into();
    assert_eq!(layers, [0, 1, 2, 2, 3], "data stands before its first use");
}

#[test]
fn the_writers_hold_every_word() {
    let d = drawn(SMALL, Measure::PIXELS);
    let picture = svg(&d, "a <b>");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(
        picture.contains("<title>a &lt;b&gt;</title>") && !picture.contains("<script")
    );
    let plain = text(&drawn(SMALL, Measure::CELLS));
    for word in ["relu(W1 x + b1)", "softmax(W2 a1)", "H = 4", "mean(L)", "target"] {
        assert!(picture.contains(word) && plain.contains(word), "{word}\n{plain}");
    }
    assert!(plain.contains("▶") && plain.lines().all(|l| l.trim_end() == l), "{plain}");
}
