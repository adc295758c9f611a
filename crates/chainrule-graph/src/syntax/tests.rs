//! Whole files: what is read, and what is said about what cannot be.

use super::ast::{ExprKind, StatementKind};
use super::print::{Style, print_file};
use super::samples::{GOOD, shipped};
use super::{Parsed, parse};

fn read(text: &str) -> Parsed {
    parse(text, &shipped, &[])
}

fn said(text: &str) -> Vec<String> {
    let found = read(text).diagnostics;
    found
        .iter()
        .map(|d| format!("{:?} {} `{}`", d.code, d.message, d.span.of(text)))
        .collect()
}

#[test]
fn good_files_have_no_findings() {
    for (at, text) in GOOD.iter().enumerate() {
        // The last line of the last sample names two optimisers.
        let found = said(text);
        let expected = usize::from(text.contains("lbfgs"));
        assert_eq!(found.len(), expected, "{at}: {found:#?}");
    }
}

#[test]
fn loops_are_written_out() {
    let parsed = read(GOOD[3]);
    let names: Vec<&str> = parsed
        .file
        .statements
        .iter()
        .filter_map(|s| match &s.kind {
            StatementKind::Equation(e) => Some(e.name.key.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["a0", "z1", "a1", "z2", "a2", "z3", "a3", "z4", "a4"]);
}

#[test]
fn a_call_is_a_call_iff_it_is_a_function() {
    let parsed = read("f = 2\ng(z) = z\na = f(3)\nb = g(3)\nstep = 1\nc = step(2)");
    let calls = parsed.file.statements.iter().filter(|s| {
        matches!(&s.kind, StatementKind::Equation(e) if matches!(e.value.kind, ExprKind::Call { .. }))
    });
    assert_eq!(calls.count(), 1);
}

/// The findings of `text`, one a line: code, message, and the place in the text.
#[track_caller]
fn finds(text: &str, expected: &[&str]) {
    assert_eq!(said(text), expected, "{text}");
}

#[test]
fn a_slip_is_named_in_the_users_words() {
    finds("z = W x +", &["P1 expected a value, found the end of the line ``"]);
    finds("z = (W x", &["P1 the bracket `(` is never closed `(`"]);
    finds("z = W x)", &["P1 `)` closes no bracket `)`"]);
    finds(
        "z = a = b",
        &["P1 a comparison stands only in `a if c else b` and in `1[c]` `a = b`"],
    );
    finds("data = 2", &["P1 `data` begins a statement and cannot name a symbol `data`"]);
    finds(
        "z = 2 input",
        &["P1 `input` begins a statement and cannot name a symbol `input`"],
    );
    finds(
        "z = W' x",
        &[
            "P1 `W` is not a function: `'` marks a derivative and is never a transpose `'`",
        ],
    );
    finds(
        "s = [a, b]",
        &["P1 a bracket with a name stacks, and only `;` stands between `,`"],
    );
    finds(
        "B := [1 2; 3]",
        &["S5 all rows have the same length: row 1 has 2, row 2 has 1 `3`"],
    );
    finds(
        "z = 1 if x",
        &[
            "P1 expected `else` (a case has two values: `a if c else b`), found the end of the line ``",
        ],
    );
    finds("θ ← θ − g", &["P1 an update `←` stands in the lines of an optimizer `←`"]);
    finds("W : H×D×2", &["P1 everything has two dimensions, rows × columns `2`"]);
    finds("param W : H ~ hee", &["T1 no draw is named `hee` `hee`"]);
    finds("z = \\sqrt[3]{x}", &["P1 a root with an index is not known here `[3]`"]);
    finds("z = √[4; 9]", &[]);
    finds(
        "for l = 1..: a_l = 2",
        &["P1 a range has two ends, such as `for l = 1..3` `for l = 1..`"],
    );
    finds("z = a $ b", &["P1 the characters `$` have no meaning here `$`"]);
    finds(
        "a + b",
        &[
            "P1 expected a statement: `name = …`, `name : shape`, or a word such as `input` `a + b`",
        ],
    );
    finds("z = log softmax(x)", &["P1 a call of `log` needs brackets `softmax(x)`"]);
    finds(
        "z := 1\na = z(x, 2)",
        &["G2 `z` is a value, here it is called as a function `z`"],
    );
}

#[test]
fn several_slips_are_found_at_once() {
    finds(
        "a = (\nb = 2 )\nc = [1 x\nd = 1",
        &[
            "P1 the bracket `(` is never closed `(`",
            "P1 `)` closes no bracket `)`",
            "P1 the bracket `[` is never closed `[`",
        ],
    );
}

#[test]
fn two_readings_are_not_guessed() {
    finds("J = 1/2m x", &["G1 `1/2m` can be read in two ways `1/2m`"]);
    finds("J = a 1/2(x + 1)", &["G1 `1/2(x + 1)` can be read in two ways `1/2(x + 1)`"]);
    finds("J = e^2x", &["G1 `^2x` can be read in two ways `^2x`"]);
    finds("J = log y q", &["G1 `log y q` can be read in two ways `log y q`"]);
    finds("J = log y²", &["G1 `log y²` can be read in two ways `log y²`"]);
    finds("J = 1/2 m x + 2x + 1/m X + log y", &[]);
}

#[test]
fn one_symbol_has_one_spelling() {
    finds(
        "W1 := 1\nz = W^{[1]} + W1",
        &["N2 `W^{[1]}` and `W1` are one symbol in two spellings `W^{[1]}`"],
    );
    finds("W_1 := 1\nz = W1 + W₁ + W_{1}", &[]);
}

#[test]
fn a_train_item_is_answered_with_the_nearest_word() {
    finds(
        "train: adam(lr = 1e-3), bacth 32, epoch 3, lr = 2",
        &[
            "T1 `train:` has no item `bacth` `bacth`",
            "T1 `train:` has no item `epoch` `epoch`",
            "T1 `train:` has no item `lr` `lr`",
        ],
    );
    finds(
        "train: adam, batch 32 epochs 3",
        &["T1 expected a comma before `epochs` `epochs`"],
    );
    finds(
        "train: adam, batch 0",
        &["T1 expected 1 or more rows, or `full`, found 0 `0`"],
    );
    finds("train: adam, batch 8, batch 9", &["T1 `batch` is given twice `batch`"]);
    finds(
        "train: adam, stop after 10 mins",
        &[
            "T1 expected s or sec or second or seconds or min or minute or minutes or h or hour or \
         hours, found `mins` `mins`",
        ],
    );
    finds("train: adam(lr = cosine(0.1)), keep best, plateau(factor = 0.5)", &[]);
}

#[test]
fn checkpoints_come_by_steps_by_time_or_never() {
    for good in ["every 1000 steps", "every 5 min", "every 0.5 s", "never"] {
        finds(&format!("train: adam, checkpoint {good}, epochs 3"), &[]);
        let read = super::ast::Every::read(good.trim_start_matches("every "));
        assert!(read.is_some(), "{good}");
    }
    finds(
        "train: adam, checkpoint every 5, epochs 3",
        &["T1 expected whole steps or a time, such as `1000 steps` or `5 min` `5`"],
    );
    for bad in ["", "5", "1.5 steps", "0 steps", "-1 min", "5 weeks", "inf s", "NaN s"] {
        assert_eq!(super::ast::Every::read(bad), None, "{bad}");
    }
}

#[test]
fn a_range_needs_a_size() {
    finds(
        "for l = 1..N: z_l = 1",
        &["S8 the range of `for` needs the size of `N` `for l = 1..N`"],
    );
    let parsed = parse("for l = 1..N: z_l = 1", &shipped, &[("N".to_string(), 3.0)]);
    assert_eq!((parsed.file.statements.len(), parsed.diagnostics.len()), (3, 0));
    finds(
        "for l = 1..1e6: z_l = 1",
        &["P1 a loop has at most 10000 repetitions `for l = 1..1e6`"],
    );
}

fn printed(text: &str) -> String {
    let parsed = read(text);
    assert!(parsed.diagnostics.is_empty(), "{text}\n{:#?}", parsed.diagnostics);
    print_file(&parsed.file, Style::Unicode)
}

#[test]
fn lines_go_on_where_they_should() {
    let joined = "z = a + b\ny = f\n";
    for text in [
        "z = a +\nb\ny = f",
        "z = a\n  + b\ny = f",
        "z = a + # why\n\n# more\nb\ny = f",
        "z = a + b; y = f",
        "z = a + b, y = f",
        "\u{feff}z = a + b\r\ny = f\r\n",
        "  z = a\n    + b\n  y = f",
    ] {
        assert_eq!(printed(text), joined, "{text:?}");
    }
    assert_eq!(
        printed("x := [1 2\n 3 4]\nz = f(a,\nb)"),
        "x := [1 2; 3 4]\nz = f(a, b)\n"
    );
}

#[test]
fn loops_may_stand_below_and_within() {
    let text = "for l = 1..2:\n  z_l = a_{l-1}\n  for k in 1..2: b_{k} = l k\n";
    assert_eq!(
        printed(text),
        "z1 = a0\nb1 = 1 1\nb2 = 1 2\nz2 = a1\nb1 = 2 1\nb2 = 2 2\n"
    );
    let text = "z^{[l]} = W^{[l]} a^{[l-1]} for l = 1..2";
    assert_eq!(printed(text), "z^[1] = W^[1] a^[0]\nz^[2] = W^[2] a^[1]\n");
    let text = "param W_l : H×H ~ he, c : H = 0 for l = 1..2, b : H";
    assert_eq!(
        printed(text),
        "param W1 : H×H ~ he\nparam W2 : H×H ~ he\nparam c : H = 0\nparam b : H\n"
    );
}

#[test]
fn shapes_have_several_spellings() {
    for text in [
        "param W : H×D",
        "param W : H x D",
        "param W ∈ ℝ^{H×D}",
        "param W in R^{H x D}",
        "param W : H * D",
        "param W \\in \\mathbb{R}^{H \\times D}",
    ] {
        assert_eq!(printed(text), "param W : H×D\n", "{text}");
    }
    assert_eq!(printed("x : 4x1, y : 28x28"), "x : 4×1, y : 28×28\n");
    assert_eq!(printed("y ∈ {0, 1}^K one_hot"), "y : K one-hot\n");
    assert_eq!(printed("A : H + 1 × (D + K)"), "A : (H + 1)×(D + K)\n");
}

#[test]
fn literals_follow_the_spaces() {
    for (text, entries) in
        [("[2 -1]", 2), ("[2 - 1]", 1), ("[2-1]", 1), ("[2, −1, 3]", 3)]
    {
        let parsed = read(&format!("x := {text}"));
        let StatementKind::Value(_, value) = &parsed.file.statements[0].kind else {
            panic!()
        };
        let ExprKind::Matrix(rows) = &value.kind else { panic!() };
        assert_eq!(rows[0].len(), entries, "{text}");
    }
}

#[test]
fn an_index_on_the_left_needs_an_element_on_the_right() {
    let index = |text: &str| {
        let parsed = read(text);
        let mut found = parsed.file.statements.into_iter().filter_map(|s| match s.kind {
            StatementKind::Equation(e) => Some((e.name.key, e.index.map(|i| i.key))),
            _ => None,
        });
        found.next_back()
    };
    let i = || Some("i".to_string());
    assert_eq!(index("x : K\ny_i = exp(x_i)"), Some(("y".to_string(), i())));
    assert_eq!(index("x : K\ny[i] = exp(x[i])"), Some(("y".to_string(), i())));
    assert_eq!(index("W_h : H×D\na_h = W_h x"), Some(("a_h".to_string(), None)));
}

#[test]
fn comments_beside_a_definition_describe_it() {
    let parsed = read(GOOD[4]);
    let StatementKind::Function(swish) = &parsed.file.statements[0].kind else {
        panic!()
    };
    assert_eq!(swish.about, "A gate of the user's own.");
    let notes: Vec<&str> = swish.notes.iter().map(|n| n.0.as_str()).collect();
    assert_eq!(notes, ["source", "alias"]);
}

#[test]
fn places_of_a_loop_are_those_of_its_text() {
    let text = "for l = 2..2: z_l = W_l x";
    let parsed = read(text);
    let StatementKind::Equation(e) = &parsed.file.statements[0].kind else { panic!() };
    assert_eq!((e.name.key.as_str(), e.name.written.as_str()), ("z2", "z_2"));
    assert_eq!(e.name.span.of(text), "z_l");
}
