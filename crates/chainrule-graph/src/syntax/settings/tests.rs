//! The `data:` line as text in, text out.

use super::{DataSpec, Selector, Transform, parse_data, print_data};

fn read(text: &str) -> DataSpec {
    let (spec, diagnostics) = parse_data(text, 0);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    spec
}

fn message(text: &str) -> String {
    let (_, diagnostics) = parse_data(text, 0);
    let first = diagnostics.first().unwrap_or_else(|| panic!("{text}: no error"));
    let hint = first.hints.first().map_or(String::new(), |h| format!(" | {}", h.text));
    format!("{} [{}]{hint}", first.message, first.span.of(text))
}

#[test]
fn the_front_page_line_reads_with_and_without_a_comma_behind_the_file() {
    for comma in ["", ","] {
        let spec = read(&format!(
            " digits.csv.gz{comma}  x = p* / 16,  y = digit,\n   hold out 20 % stratified"
        ));
        assert_eq!(spec.file.as_deref(), Some("digits.csv.gz"));
        assert_eq!(spec.columns[0].selectors, [Selector::Glob("p*".into())]);
        assert_eq!(spec.columns[0].transforms, [Transform::Divide(16.0)]);
        assert_eq!(spec.columns[1].symbol, "y");
        let hold = spec.hold_out.unwrap();
        assert!(hold.stratified && !hold.last && hold.percent == 20.0);
    }
}

#[test]
fn what_is_printed_reads_back() {
    for text in [
        "a/b.csv, x = 1..4 / log / standardized, t = price / -2.5",
        "\"my file.csv\" + labels.gz, x = * -id -\"a b\" -q*, y = \"the class\"",
        "x = *, y = income, no header age work-class \"native country\"",
        "x = 1..3, y = 4, no header",
        "d.npz:key, x = *, validate v.csv, test \"t u.csv\", balanced",
        "f.csv, x = a, separator \";\", missing \"?\" \"\", strip \".\", weight \"w 1\"",
        "f.csv, x = a b c, x = d / log, separator tab",
        "f.csv, x = *, ordinal cut = Fair < Very Good < \"a<b\" < Ideal",
        "f.csv, x = \"say \"\"so\"\"\" \"p*\" \"1..2\"",
        "\"test\", x = *",
        "hold out 20 %",
        "f.csv, x = a, hold out 12.5 % last",
    ] {
        let spec = read(text);
        assert_eq!(print_data(&spec), text);
        let again = read(&print_data(&spec));
        assert_eq!(DataSpec { span: spec.span, ..again }, spec);
    }
}

#[test]
fn several_spellings_are_read() {
    assert_eq!(print_data(&read("a.csv x=p*/255,y=d")), "a.csv, x = p* / 255, y = d");
    assert_eq!(print_data(&read("a.csv, no header [a, b c]")), "a.csv, no header a b c");
    assert_eq!(print_data(&read("a.csv, no header names a b")), "a.csv, no header a b");
    assert_eq!(print_data(&read("a.csv # one\n , hold out 20%")), "a.csv, hold out 20 %");
    assert_eq!(print_data(&read("a.csv, x = −b *")), "a.csv, x = -b *");
    assert_eq!(print_data(&read("a.csv, separator '\\t'")), "a.csv, separator tab");
    let slashes = "a.csv, x = * -id / standardized, y = p / log / standardized";
    assert_eq!(
        print_data(&read("a.csv, x = * -id standardized, y = p log standardized")),
        slashes
    );
    assert_eq!(
        print_data(&read("a.csv, x = * -id / standardized, y = p / log standardized")),
        slashes
    );
    assert_eq!(read("x = log, y = a \"log\"").columns[0].transforms, []);
    assert_eq!(read("x_{1} = a").columns[0].symbol, "x1");
    assert_eq!(read("").file, None);
}

#[test]
fn columns_of_any_name_have_a_selector_that_reads_back() {
    for name in
        ["p1", "a b", "1..2", "*", "-x", "a/b", "é", "log", "'q", "x\"y", "#1", "5"]
    {
        let column = Selector::column(name);
        let spec = read(&format!("x = {}", print_data_selector(&column)));
        assert_eq!(spec.columns[0].selectors, [column], "{name}");
    }
}

fn print_data_selector(selector: &Selector) -> String {
    let mut spec = read("x = a");
    spec.columns[0].selectors = vec![selector.clone()];
    print_data(&spec).replace("x = ", "")
}

#[test]
fn mistakes_name_the_place_and_the_nearest_word() {
    let cases = [
        (
            "a.csv, hold oot 20 %",
            "found `hold oot` [hold oot] | did you mean `hold out`?",
        ),
        ("a.csv, ballanced", "found `ballanced` [ballanced] | did you mean `balanced`?"),
        (
            "a.csv, x = a / standardised_",
            "[standardised_] | did you mean `standardized`?",
        ),
        ("a.csv, x = a / 0", "other than 0, found `0` [0]"),
        ("a.csv, x = ", "expected columns behind `x =` [x =]"),
        ("a.csv, x = a / 2 b", "columns stand before the `/` [b]"),
        ("a.csv, x = a /", "expected a number, `standardized` or `log` behind `/` [/]"),
        ("a.csv, x = 4..2", "counted from 1, as in `1..4`, found `4..2` [4..2]"),
        ("a.csv, hold out 120 %", "between 0 and 100"),
        ("a.csv, hold out 20 % stratifed", "did you mean `stratified`?"),
        ("a.csv, hold out 20 % last stratified", "exclude each other"),
        ("a.csv, separator \";;\"", "one ASCII character"),
        ("a.csv, ordinal cut = Fair", "rising order"),
        ("a.csv, ordinal cut = a < b < a", "the level `a` stands twice"),
        ("my file.csv, x = a", "found `file.csv` [file.csv] | items:"),
        ("a.csv, validate", "expected a file behind `validate`"),
        ("a.csv, x = \"\"", "found empty quotes"),
        ("a.csv, x = a / 2 y = b", "expected a comma before `y =` [y]"),
        ("= 3", "found `=`"),
    ];
    for (text, expected) in cases {
        let found = message(text);
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn spans_count_from_the_base() {
    let (_, diagnostics) = parse_data(" a.csv, ballanced", 100);
    assert_eq!((diagnostics[0].span.start, diagnostics[0].span.end), (108, 117));
}

#[test]
fn no_text_makes_it_fall_over() {
    let pieces = [
        "a.csv", ",", "=", "/", "<", "[", "]", "\"", "'", "-", "−", "x", "hold", "out",
        "%", "no", "header", "*", "1..", "#", "\n", "é", "ordinal", "+", " ",
    ];
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text += pieces[(state >> 33) as usize % pieces.len()];
        }
        let (spec, diagnostics) = parse_data(&text, 0);
        if diagnostics.is_empty() {
            let again = parse_data(&print_data(&spec), 0);
            assert!(again.1.is_empty(), "{text:?} -> {}", print_data(&spec));
            assert_eq!(print_data(&again.0), print_data(&spec), "{text:?}");
        }
    }
}
