//! Nothing that is typed stops the reader: broken, cut, deep and long texts.
//!
//! The numbers come from a small generator of our own, so that a failure repeats.

use super::ast::File;
use super::print::{Style, print_file};
use super::samples::{GOOD, shipped};
use super::{parse, parse_expression};

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Reads and prints; every span must lie in the text and on borders of characters.
fn survive(text: &str) {
    let parsed = parse(text, &shipped, &[]);
    for d in &parsed.diagnostics {
        let hints = d.hints.iter().flat_map(|h| &h.edits).map(|e| e.span);
        let labels = d.labels.iter().map(|l| l.span);
        for span in hints.chain(labels).chain([d.span]) {
            let fits = text.get(span.start as usize..span.end as usize).is_some();
            assert!(fits, "{span:?} of {d:?} in {text:?}");
        }
    }
    if parsed.diagnostics.is_empty() && !text.contains("data") {
        reads_back(&parsed.file);
    }
    std::hint::black_box(print_file(&parsed.file, Style::Ascii));
    std::hint::black_box(parse_expression(text, &shipped));
}

/// What was read without a finding is printed without a loss, in both styles.
fn reads_back(file: &File) {
    let unicode = print_file(file, Style::Unicode);
    for style in [Style::Unicode, Style::Ascii] {
        let text = print_file(file, style);
        let again = parse(&text, &shipped, &[]);
        assert!(again.diagnostics.is_empty(), "{text}\n{:#?}", again.diagnostics);
        let printed = print_file(&again.file, Style::Unicode);
        assert_eq!(printed.replace('½', "0.5"), unicode.replace('½', "0.5"), "{text}");
    }
}

#[test]
fn random_bytes_are_survived() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3000 {
        let bytes: Vec<u8> =
            (0..random.below(120)).map(|_| random.below(256) as u8).collect();
        survive(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn random_words_are_survived() {
    const WORDS: &[&str] = &[
        "x",
        "W1",
        "ŷ_i",
        "W^{[1]}",
        "σ\u{302}",
        "relu",
        "log",
        "1",
        "2.5e-3",
        "½",
        "²",
        "⁻¹",
        "ᵀ",
        "^",
        "T",
        "'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "|",
        "‖",
        ",",
        ";",
        ":",
        ":=",
        "=",
        "==",
        "<-",
        "<",
        "~",
        "+",
        "-",
        "−",
        "·",
        "*",
        "×",
        "/",
        "⊙",
        "@",
        "√",
        "∑_i",
        "∑",
        "∑_{j≠i}",
        "sum_i",
        "if",
        "else",
        "and",
        "not",
        "for",
        "l = 1..3",
        "..",
        "input",
        "target",
        "param",
        "const",
        "where",
        "minimize",
        "optimizer",
        "data:",
        "train:",
        "output:",
        "state",
        "computed as",
        "derivative",
        "one-hot",
        "he",
        "\n",
        "\n  ",
        " ",
        "#",
        "\\frac",
        "\\hat{y}",
        "_",
        "_1",
        "%",
        "\\left",
        "∈",
        "ℝ^",
        "batch",
        "epochs",
        "decay W*",
        "keep",
        "stop after",
        "a_{l-1}",
        "f(z) =",
    ];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..random.below(30) {
            text.push_str(WORDS[random.below(WORDS.len())]);
            text.push_str(if random.below(3) > 0 { " " } else { "" });
        }
        survive(&text);
    }
}

/// A random expression, as text that has one reading.
fn expression(random: &mut Random, depth: usize) -> String {
    const ATOMS: &[&str] = &[
        "x",
        "W1",
        "z^{[1]}",
        "σ\u{302}",
        "λ_x",
        "2",
        "1.5e-3",
        "𝟏",
        "𝟏ᵀ",
        "T",
        "e",
        "x²",
        "[1 -2; 3 4]",
        "[1/2 2²]",
        "yhat",
    ];
    if depth == 0 {
        return ATOMS[random.below(ATOMS.len())].to_string();
    }
    let mut inner = || expression(random, depth - 1);
    let (a, b, c) = (inner(), inner(), inner());
    let choice = random.below(25);
    match choice {
        0 => format!("({a}) + {b}"),
        1 => format!("{a} − ({b})"),
        2 => format!("({a}) ({b})"),
        3 => format!("({a}) ⊙ ({b})"),
        4 => format!("({a}) / ({b})"),
        5 => format!("({a})^({b})"),
        6 => format!("({a})ᵀ"),
        7 => format!("−({a})"),
        8 => format!("‖{a}‖²"),
        9 => format!("‖({a}), ({b})‖_1"),
        10 => format!("|({a})|"),
        11 => format!("∑_{{i=1}}^K ({a}) ({b})"),
        12 => format!("(∑_{{j≠i}} {a}) · {b}"),
        13 => format!("({a}) if ({b}) < ({c}) else {b}"),
        14 => format!("relu({a}, β = {b})"),
        15 => format!("[x; {a}; {b}]"),
        16 => format!("W[{a}, :]"),
        17 => format!("1[({a}) > {b} and not ({b}) = ({c})]"),
        18 => format!("√({a})"),
        19 => format!("({a})^(-1)"),
        20 => format!("{a} @ x * 3"),
        21 => format!("relu'(({a})[{b}:{c}])"),
        22 => format!("e^-x × ({a})"),
        23 => format!("∑ ({a}) + {b}"),
        _ => format!("log x − {a}"),
    }
}

#[test]
fn random_expressions_read_back() {
    let mut random = Random(0x0dd_ba11_5eed);
    for _ in 0..4000 {
        let depth = random.below(4);
        let text = format!("z = {}", expression(&mut random, depth));
        let parsed = parse(&text, &shipped, &[]);
        let clear = parsed.diagnostics.iter().all(|d| d.code == crate::diag::Code::G1);
        let comparison =
            parsed.diagnostics.iter().any(|d| d.message.contains("comparison"));
        assert!(clear || comparison, "{text}\n{:#?}", parsed.diagnostics);
        if parsed.diagnostics.is_empty() {
            reads_back(&parsed.file);
        }
    }
}

#[test]
fn mutated_files_are_survived() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..3000 {
        let mut text: Vec<char> = GOOD[random.below(GOOD.len())].chars().collect();
        for _ in 0..1 + random.below(4).min(text.len() / 9) {
            let (at, from) = (random.below(text.len()), random.below(text.len()));
            match random.below(4) {
                0 => text[at] = text[from],
                1 => drop(text.remove(at)),
                2 => text.insert(at, text[from]),
                _ => text.truncate(at.max(9)),
            }
        }
        survive(&text.into_iter().collect::<String>());
    }
}

#[test]
fn deep_texts_are_refused_not_crashed_on() {
    for piece in [
        "(",
        "[",
        "-",
        "not ",
        "√",
        "|",
        "‖",
        "∑ ",
        "∑_i ",
        "f(",
        "a^",
        "a^(",
        "1[",
        "a[",
        "{",
        "x if ",
        "1 if x else ",
        "\\frac{",
        "a/",
        "- -",
        "a^-",
        "for l = 1..2: ",
        "relu ",
        "a ᵀ",
        "[1;",
        "2^",
        "1/2(",
        "log y (",
        "relu ‖",
    ] {
        for head in ["z = ", "", "minimize ", "param W : ", "train: ", "where a = "] {
            survive(&format!("{head}{}", piece.repeat(3000)));
        }
    }
    let parsed = parse(&format!("z = {}x", "(".repeat(3000)), &shipped, &[]);
    assert!(parsed.diagnostics.iter().any(|d| d.message.contains("deeper than")));
}

#[test]
fn long_texts_take_linear_time() {
    let line = "z1 = W1 x + relu(b1) ⊙ [1 2; 3 4]\n";
    survive(&line.repeat(5_000));
    survive(&format!("z = {}x", "a + ".repeat(100_000)));
    survive(&format!("B := [{}]", "1.5 -2;".repeat(50_000)));
    survive(&"(".repeat(100_000));
    survive(&"?".repeat(100_000));
    survive(&format!("z = a{}", "ᵀ".repeat(50_000)));
    survive(&format!("z = 1{}", "/2m".repeat(20_000)));
    survive(&"for l = 1..9999: ".repeat(5));
    survive("for l = 1..9999:\n  for k = 1..9999:\n    z_l = 2\n");
    survive(&format!("x{} = 1", "_1".repeat(50_000)));
    survive(&"a := [\n".repeat(5_000));
}
