//! Nothing that is typed stops the reader: broken, cut, deep and long texts.
//!
//! The numbers come from a small generator of our own, so that a failure repeats.

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
    for style in [Style::Unicode, Style::Ascii] {
        std::hint::black_box(print_file(&parsed.file, style));
    }
    std::hint::black_box(parse_expression(text, &shipped));
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

#[test]
fn mutated_files_are_survived() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..3000 {
        let mut text: Vec<char> = GOOD[random.below(GOOD.len())].chars().collect();
        for _ in 0..1 + random.below(4) {
            let (at, from) = (random.below(text.len()), random.below(text.len()));
            match random.below(4) {
                0 => text[at] = text[from],
                1 => drop(text.remove(at)),
                2 => text.insert(at, text[from]),
                _ => text.truncate(at.max(1)),
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
