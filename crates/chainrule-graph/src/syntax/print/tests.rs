//! Whatever is printed reads back as the same tree.

use super::super::ast::File;
use super::super::samples::{GOOD, shipped};
use super::super::{parse, parse_expression};
use super::{Style, print_expr, print_file};

fn read(text: &str) -> File {
    let parsed = parse(text, &shipped, &[]);
    let twice = usize::from(text.contains("lbfgs"));
    let bad: Vec<String> = parsed
        .diagnostics
        .iter()
        .skip(twice)
        .map(|d| format!("{}: `{}`", d.message, d.span.of(text)))
        .collect();
    assert!(bad.is_empty(), "{bad:#?} in\n{text}");
    parsed.file
}

/// The text again, in both styles, must be a fixed point.
fn round_trip(text: &str) {
    let file = read(text);
    let unicode = print_file(&file, Style::Unicode);
    let once = read(&unicode);
    assert_eq!(print_file(&once, Style::Unicode), unicode);
    let ascii = print_file(&file, Style::Ascii);
    let back = read(&ascii);
    assert_eq!(print_file(&back, Style::Unicode), unicode.replace('½', "0.5"), "{ascii}");
    let code = ascii.lines().filter(|l| !l.starts_with('#') && !l.starts_with("data:"));
    code.for_each(|line| assert!(line.is_ascii(), "{line}"));
}

#[test]
fn files_read_back() {
    GOOD.iter().for_each(|text| round_trip(text));
}

fn shown(text: &str) -> (String, String) {
    let (expr, found) = parse_expression(text, &shipped);
    assert!(found.is_empty(), "{text}: {found:#?}");
    let both = (print_expr(&expr, Style::Unicode), print_expr(&expr, Style::Ascii));
    for printed in [&both.0, &both.1] {
        let (again, found) = parse_expression(printed, &shipped);
        assert!(found.is_empty(), "{text} as {printed}: {found:#?}");
        assert_eq!(print_expr(&again, Style::Unicode), both.0, "{text} as {printed}");
    }
    both
}

#[test]
fn expressions_are_printed_as_a_lecturer_writes_them() {
    for (text, unicode, ascii) in [
        ("W1^T x", "W1ᵀ x", "W1^T x"),
        ("2x", "2 x", "2 x"),
        ("-x^2", "−x²", "-x^2"),
        ("x^-1", "x⁻¹", "x^-1"),
        ("x^(T)", "x^(T)", "x^(T)"),
        ("1/2 ||e||^2", "1/2 ‖e‖²", "1/2 ||e||^2"),
        ("a .* b", "a ⊙ b", "a .* b"),
        ("(W a) .* relu'(z)", "(W a) ⊙ relu'(z)", "(W a) .* relu'(z)"),
        ("lambda1 yhat", "λ1 ŷ", "lambda1 y_hat"),
        ("\\frac{a + b}{2}", "((a + b) / 2)", "((a + b) / 2)"),
        ("sum_{i=1}^K y_i log y_i", "∑_{i=1}^K y_i log(y_i)", "sum_{i=1}^K y_i log(y_i)"),
        ("(sum_i a_i) b + 1", "(∑_i a_i) b + 1", "(sum_i a_i) b + 1"),
        ("z if z <= 0 else 1", "z if z ≤ 0 else 1", "z if z <= 0 else 1"),
        ("[1 -2; 3 4-1]", "[1 −2; 3 4−1]", "[1 -2; 3 4-1]"),
        ("[√2 1]", "[√(2) 1]", "[\\sqrt(2) 1]"),
        ("| ‖a‖ - |b| |", "|(‖a‖) − (|b|)|", "|(||a||) - (|b|)|"),
        ("a·b × c", "a · b × c", "a \\cdot b \\times c"),
        ("𝟏 x", "𝟏 x", "ones x"),
        ("½ z", "½ z", "0.5 z"),
    ] {
        let (u, a) = if unicode.contains('½') {
            let (expr, _) = parse_expression(text, &shipped);
            (print_expr(&expr, Style::Unicode), print_expr(&expr, Style::Ascii))
        } else {
            shown(text)
        };
        assert_eq!((u.as_str(), a.as_str()), (unicode, ascii), "{text}");
    }
}

/// Every file of the repository, and the prelude: what reads without a finding reads back.
#[test]
fn examples_suite_and_prelude_read_back() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folders = ["examples", "suite/errors", "suite/gradients", "suite/values"];
    let files =
        folders.iter().flat_map(|f| std::fs::read_dir(format!("{root}/{f}")).unwrap());
    let texts =
        files.map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap_or_default());
    let mut count = 0;
    for text in texts.chain([crate::prelude::TEXT.to_string()]) {
        let known = |name: &str| {
            crate::lower::is_builtin(name)
                || crate::prelude::functions().find(name).is_some()
        };
        let parsed = parse(&text, &known, &[]);
        if !parsed.diagnostics.is_empty() {
            continue;
        }
        count += 1;
        let unicode = print_file(&parsed.file, Style::Unicode);
        for style in [Style::Unicode, Style::Ascii] {
            let printed = print_file(&parsed.file, style);
            let again = parse(&printed, &known, &[]);
            assert!(again.diagnostics.is_empty(), "{printed}\n{:#?}", again.diagnostics);
            let text = print_file(&again.file, Style::Unicode);
            assert_eq!(
                text.replace('½', "0.5"),
                unicode.replace('½', "0.5"),
                "{printed}"
            );
        }
    }
    assert!(count > 80, "only {count} files were read without a finding");
}
