//! Answers that are marked: what is right, what is wrong, and what only follows from an error.

use chainrule::Options;
use chainrule::explain::AskOptions;
use chainrule::graph::lower::load;
use chainrule::mark::{Mark, Marked, Verdict, html, json, mark, text};
use serde_json::Value;

use crate::exams::{cases, decimals, file, literal, options};

fn marked_with(file: &str, how: &AskOptions, answers: &str) -> Marked {
    let loaded = load(file, &[]);
    let m = loaded.module.unwrap_or_else(|| panic!("{file}\n{:?}", loaded.diagnostics));
    mark(file, &Options::default(), &m, how, answers)
}

fn marked(file: &str, answers: &str) -> Marked {
    marked_with(file, &AskOptions::default(), answers)
}

fn verdicts(m: &Marked) -> Vec<Verdict> {
    m.lines.iter().map(|l| l.verdict).collect()
}

/// All verdicts, with the report where they are not the expected ones.
fn assert_verdicts(file: &str, answers: &str, expected: &[Verdict]) -> Marked {
    let m = marked(file, answers);
    assert_eq!(verdicts(&m), expected, "{}", text(&m, answers));
    m
}

use Verdict::{Carried, Defined, Right, Rounded, Trivial, Unreadable, Wrong};

/// 2-2-1 by hand: z = (1.5, −1), a = (1.5, 0), o = 0.75, L = 0.03125.
const HAND: &str = "z = W x + b\na = relu(z)\no = v a\nL = 1/2 (t − o)²\n\
    x := [1; 2]\nW := [0.5 0.25; 1 -1]\nb := [0.5; 0]\nv := [0.5 2]\nt := 1\n\
    trainable: W b v\ntrain: sgd(lr = 1)\n";

/// Shapes only.
const SYMBOLS: &str = "input x : D\ntarget y : K one-hot\n\
    param W1 : H×D, b1 : H\nparam W2 : K×H, b2 : K\n\
    z1 = W1 x + b1\na1 = sigmoid(z1)\nz2 = W2 a1 + b2\nŷ = softmax(z2)\n\
    L = cross_entropy(y, ŷ)\nminimize mean(L)\n";

#[test]
fn right_values_are_right_however_they_are_written() {
    let answers = "z = [1.5; -1]\na = (1.5, 0)\no = 3/4\no = 0.75\nL = 3.125e-2\n\
                   L = 0.031\ndL/do = -0.25\nv' = [0.875 2]\nparams = 8\nshape W = 2×2\n\
                   z[2] = −1\nL = 1/2 (1 − 0.75)² = 0.0313\n";
    let expected = [
        Right, Right, Right, Right, Right, Rounded, Right, Right, Right, Right, Right,
        Rounded,
    ];
    let m = assert_verdicts(HAND, answers, &expected);
    assert_eq!((m.points(), m.of()), (12.0, 12.0));
    assert!(m.all_right() && m.readable() && m.first_wrong().is_none());
}

#[test]
fn the_error_is_where_it_was_made_and_what_follows_counts() {
    let answers = "z = [1.5; 1]\na = [1.5; 1]\no = 2.75\nL = 1.53125\ndL/do = 1.75\n\
                   dL/dv = [2.625 1.75]\nv' = [-2.125 0.25]\nL' = 3\n";
    let expected = [Wrong, Carried, Carried, Carried, Carried, Carried, Carried, Wrong];
    let m = assert_verdicts(HAND, answers, &expected);
    assert_eq!(m.points(), 6.0);
    assert_eq!(m.first_wrong().map(|l| l.line), Some(1));
    let from: Vec<&[usize]> = m.lines.iter().map(|l| &*l.from).collect();
    assert_eq!(from[1], [1]);
    assert_eq!(m.lines[0].remarks, ["entry [2] is 1, expected −1"]);
    let expected = m.lines[3].expected.as_ref().expect("the right loss");
    assert_eq!(expected.data, [0.03125]);
}

#[test]
fn an_easy_wrong_value_earns_nothing_further_down() {
    let answers = "z = [0; 0]\na = [0; 0]\no = 0\nL = 0.5\n";
    let m = assert_verdicts(HAND, answers, &[Wrong, Trivial, Trivial, Trivial]);
    assert_eq!(m.points(), 0.0);
    // A sign that turns everything off leaves nothing to calculate either.
    let answers = "z = [-1.5; -1]\na = [0; 0]\n";
    assert_verdicts(HAND, answers, &[Wrong, Trivial]);
}

#[test]
fn a_wrong_entry_is_carried_on_entry_by_entry() {
    let answers = "z[1] = 2.5\nz[2] = -1\na[1] = 2.5\na[2] = 0\no = 1.25\ndL/do = 0.25\n\
                   dL/da = [0.125; 0.5]\ndL/dz[1] = 0.125\n";
    let expected = [Wrong, Right, Carried, Right, Carried, Carried, Carried, Carried];
    assert_verdicts(HAND, answers, &expected);
}

#[test]
fn rounded_values_may_be_carried_on() {
    let file = "a = sigmoid(w x)\nb = 100 a\nx := 0.3\nw := 1\n";
    // 100 · 0.57 = 57, and exactly 57.44.
    assert_verdicts(file, "a = 0.57\nb = 57.0\n", &[Rounded, Rounded]);
    assert_verdicts(file, "b = 57.0\na = 0.57\n", &[Wrong, Rounded]);
}

#[test]
fn a_formula_is_held_against_the_right_one_by_value() {
    let answers = "dL/dz2 = −(y − ŷ)\ndL/dW2 = (ŷ − y) a1ᵀ\nδ2 = ŷ − y\n\
                   dL/dz1 = (W2ᵀ δ2) ⊙ a1 ⊙ (1 − a1)\ndL/dz1 = W2^T δ2 .* sigmoid'(z1)\n\
                   dL/dW1 = dL/dz1 xᵀ\nparams = H D + H + K H + K\n\
                   shape W1 = H×D\nL = -∑_k y_k log(ŷ_k)\n";
    let right = [Right, Right, Defined, Right, Right, Right, Right, Right, Right];
    let m = assert_verdicts(SYMBOLS, answers, &right);
    assert_eq!(m.of(), 8.0, "a definition is worth nothing");
}

#[test]
fn a_wrong_formula_is_wrong_once() {
    let answers = "dL/dz2 = y − ŷ\ndL/db2 = y − ŷ\ndL/dW2 = (y − ŷ) a1ᵀ\n\
                   dL/da1 = W2ᵀ (y − ŷ)\ndL/dz1 = W2ᵀ (y − ŷ)\ndL/dW1 = dL/dz1 xᵀ\n\
                   shape b1 = D\nparams = H D + K H\n";
    let expected = [Wrong, Carried, Carried, Carried, Wrong, Right, Wrong, Wrong];
    let m = assert_verdicts(SYMBOLS, answers, &expected);
    assert_eq!(m.lines[0].formula.as_deref(), Some("ŷ − y"));
    assert_eq!(m.lines[2].from, [1]);
}

#[test]
fn a_formula_that_holds_for_these_values_only_is_not_right() {
    // Both units on: the derivative of relu is left out.
    let on = HAND.replace("[0.5; 0]", "[0.5; 3]");
    assert_verdicts(&on, "dL/dz = vᵀ dL/do\n", &[Wrong]);
    // With the numbers put in it is the calculation that was asked.
    assert_verdicts(
        &on,
        "o = 0.5 · 1.5 + 2 · a[2]\nL' = 1/2 (t − v' a')²\n",
        &[Right, Right],
    );
}

#[test]
fn letters_stand_for_every_index() {
    let answers = "dŷ[k]/dz2[i] = ŷ_k (1 − ŷ_k) if i = k else −ŷ_k ŷ_i\n\
                   dŷ[k]/dz2[k] = ŷ[k] − ŷ[k]²\n\
                   dŷ[k]/dz2[i] = ŷ_k (1 − ŷ_k) if i = k else ŷ_k ŷ_i\n\
                   dL/dW2[i,j] = (ŷ_i − y_i) a1[j]\n";
    let m = assert_verdicts(SYMBOLS, answers, &[Right, Right, Wrong, Right]);
    assert_eq!(m.lines[2].remarks, ["it differs for k = 1, i = 2"]);
}

#[test]
fn what_cannot_be_read_does_not_stop_the_rest() {
    let answers = "z = [1.5; -1]\nwhat is this\na = relu(q)\no = (1 + \nnothing[1] = 3\n\
                   L = W x\nL = 0.03125\n";
    let expected = [Right, Unreadable, Unreadable, Unreadable, Unreadable, Wrong, Right];
    let m = assert_verdicts(HAND, answers, &expected);
    let place = |l: &Mark| {
        let span = l.problem.as_ref().expect("a reason").span;
        &answers[span.start as usize..span.end as usize]
    };
    assert_eq!(place(&m.lines[1]), "what is this");
    assert_eq!(place(&m.lines[2]), "q");
    assert_eq!(place(&m.lines[4]), "nothing[1]");
    assert!(!m.readable());
}

#[test]
fn states_and_single_steps_follow_from_own_gradients() {
    let file = "J = θ²\nθ := 1\ntrain: momentum(lr = 0.1, momentum = 0.9)\n";
    // The gradient is 2; somebody has 4.
    let answers = "dJ/dθ = 4\nv(θ) = 4\nθ' = 0.6\nJ' = 0.36\n";
    assert_verdicts(file, answers, &[Wrong, Carried, Carried, Carried]);
}

#[test]
fn reports_say_the_same_in_every_form() {
    let answers = "z = [1.5; 1] (2 points)\na = [1.5; 1]  # <b>\nx < y = 1\n";
    let m = marked(HAND, answers);
    let plain = text(&m, answers);
    assert!(plain.contains("1 of 4 points; the first error is in line 1"), "{plain}");
    let page = html(&m, answers, "Ann <1>");
    assert!(
        page.contains("<title>Ann &lt;1&gt;</title>") && page.contains("1 of 4 points")
    );
    assert!(!page.contains("<script") && !page.contains("http"), "{page}");
    assert!(page.contains("x &lt; y"), "{page}");
    let document = json(&m, answers);
    assert_eq!(document["first_wrong"], 1);
    assert_eq!(document["lines"][1]["verdict"], "carried");
    assert_eq!(document["lines"][1]["from"], serde_json::json!([1]));
    assert_eq!(document["lines"][2]["problem"]["spans"][0]["line"], 3);
}

/// The answer that was published, else the expected one, with as many decimals as it has.
fn answer(case: &Value, q: &str) -> String {
    let published = &case["published"][q];
    let v = if published.is_null() { &case["expected"][q] } else { published };
    match (case["kind"].as_str(), v.as_str()) {
        (Some("shape"), None) if q != "params" => {
            let side =
                |d: &Value| d.as_str().map_or_else(|| d.to_string(), str::to_string);
            format!("shape {q} = {}×{}", side(&v[0]), side(&v[1]))
        }
        (_, Some(text)) => format!("{q} = {text}"),
        _ => format!("{q} = {}", literal(&with_decimals(v, decimals(case, q)))),
    }
}

fn with_decimals(v: &Value, n: i32) -> Value {
    match v {
        Value::Array(all) => all.iter().map(|v| with_decimals(v, n)).collect(),
        v => {
            let x = v.as_f64().expect("a number");
            let n = usize::try_from(n).unwrap_or(0);
            let printed = v.to_string();
            let digits = printed.split_once('.').map_or(0, |(_, d)| d.len());
            // Of more digits than hold one less is written: none is rounded twice.
            let n = if digits > n { n - 1 } else { n };
            let text = format!("{x:.n$}");
            Value::Number(serde_json::from_str(&text).expect("a number"))
        }
    }
}

/// In every case whose published answer is not the right one the first line that differs is found,
/// and nothing is called wrong elsewhere.
#[test]
fn published_answers_are_marked_without_a_false_alarm() {
    let Some(cases) = cases() else { return };
    let mut wrong = 0;
    for case in &cases {
        let asked: Vec<&str> = case["asked"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if asked == ["error"] {
            continue;
        }
        let answers: Vec<String> = asked.iter().map(|q| answer(case, q)).collect();
        let answers = answers.join("\n");
        let m = marked_with(&file(case), &options(case), &answers);
        let report = format!("{}\n{}", case["id"], text(&m, &answers));
        let differs = |q: &str| {
            let p = &case["published"][q];
            !p.is_null() && *p != case["expected"][q]
        };
        let first = asked.iter().position(|q| differs(q)).map(|i| i + 1);
        wrong += usize::from(first.is_some());
        assert_eq!(m.first_wrong().map(|l| l.line), first, "{report}");
        assert!(m.readable(), "{report}");
        for (l, q) in m.lines.iter().zip(&asked) {
            assert!(l.verdict.earns() || differs(q), "{report}");
        }
    }
    assert!(wrong >= 3, "only {wrong} published answers differ");
}
