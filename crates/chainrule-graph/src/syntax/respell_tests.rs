//! Every spelling of every file reads as the same tree, with the same comments.

use super::parse;
use super::respell::{Spelling, respell};
use super::samples::{GOOD, shipped};

fn to(text: &str, spelling: Spelling) -> String {
    let known = |n: &str| {
        shipped(n)
            || crate::lower::is_builtin(n)
            || crate::prelude::functions().find(n).is_some()
    };
    respell(text, &known, spelling).unwrap_or_else(|d| panic!("{d:#?}\n{text}"))
}

/// Each spelling, from each spelling, with the comments of the first.
fn round_trip(text: &str) {
    let comments = |t: &str| -> Vec<String> {
        let all = t.lines().filter_map(|l| l.split_once('#'));
        all.map(|(_, c)| c.trim_end().to_owned()).collect()
    };
    let all = [Spelling::Unicode, Spelling::Ascii, Spelling::Latex];
    let unicode = to(text, Spelling::Unicode);
    assert_eq!(to(&unicode, Spelling::Unicode), unicode, "no fixed point");
    for a in all {
        let first = to(text, a);
        assert_eq!(comments(&first), comments(text), "{first}");
        for b in all {
            let second = to(&first, b);
            assert_eq!(comments(&second), comments(text), "{second}");
        }
        if a == Spelling::Ascii {
            let code = first.lines().map(|l| l.split('#').next().unwrap_or(""));
            code.filter(|l| !l.starts_with("data"))
                .for_each(|l| assert!(l.is_ascii(), "{l}"));
        }
    }
}

#[test]
fn every_form_of_the_language_goes_round() {
    for text in GOOD {
        // The last line of the last one names a rule that does not exist.
        round_trip(&text.replace("train: adam, lbfgs\n", ""));
    }
}

#[test]
fn every_file_of_the_repository_goes_round() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folders = ["examples", "suite/errors", "suite/gradients", "suite/values"];
    let files =
        folders.iter().flat_map(|f| std::fs::read_dir(format!("{root}/{f}")).unwrap());
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        let known = |n: &str| {
            crate::lower::is_builtin(n) || crate::prelude::functions().find(n).is_some()
        };
        if parse(&text, &known, &[]).diagnostics.is_empty() {
            count += 1;
            round_trip(&text);
        }
    }
    round_trip(crate::prelude::TEXT);
    assert!(count > 60, "{count} files");
}

#[test]
fn words_change_and_everything_else_stays() {
    let text = "z1  = W1ᵀ x + b   # sum ∑\n\nŷ = softmax(2λ z1) ⊙ a²\nW : H×D\n";
    assert_eq!(
        to(text, Spelling::Ascii),
        "z1  = W1^T x + b   # sum ∑\n\ny_hat = softmax(2lambda z1) .* a^2\nW : H x D\n"
    );
    assert_eq!(
        to(text, Spelling::Latex),
        "z_{1}  = W_{1}^{\\top} x + b   # sum ∑\n\n\\hat{y} = \\operatorname{softmax}(2\\lambda z_{1}) \
         \\odot a^{2}\nW : H\\times D\n"
    );
    for there in [Spelling::Latex, Spelling::Ascii] {
        let back = to(&to(text, there), Spelling::Unicode);
        assert_eq!(back.replace(" ×", "×").replace("× ", "×"), text);
    }
}

#[test]
fn an_index_behind_a_transpose_stays_one() {
    let text = "c = zᵀ_1 + z^\\top_2 + Wᵀ[1,2]\n";
    assert_eq!(to(text, Spelling::Ascii), "c = z^{T}_1 + z^{T}_2 + W^T[1,2]\n");
    round_trip(text);
}

#[test]
fn x_is_a_sign_in_shapes_and_a_name_in_equations() {
    let text = "p = softmax(in W x)\nq = in W x\nr = f(a, in W x)\nW in R^{H x D}, V in H x D\np : (x)\nq : (H) x (D), r : 28x28\n";
    let unicode = "p = softmax(in W x)\nq = in W x\nr = f(a, in W x)\nW in R^{H × D}, V in H × D\np : (x)\nq : (H) × (D), r : 28×28\n";
    assert_eq!(to(text, Spelling::Unicode), unicode);
}

#[test]
fn a_sum_over_a_word_in_braces_stays_one() {
    let text = "t = ∑_{is0}^{2} a_i + ∑_{i} a_i + ∑_{is=1}^{2} a_is\n";
    let ascii = "t = \\sum_{is0}^{2} a_i + sum_{i} a_i + sum_{is=1}^{2} a_is\n";
    assert_eq!(to(text, Spelling::Ascii), ascii);
    round_trip(text);
}

#[test]
fn a_word_behind_a_sign_that_is_a_name_stays_apart() {
    let text = "L = ∂∑_i y_i\n";
    to(&to(text, Spelling::Ascii), Spelling::Unicode);
    to(&to(text, Spelling::Latex), Spelling::Unicode);
}

#[test]
fn a_shape_goes_on_behind_the_end_of_its_line() {
    let text = "W : H× # by\nD\n";
    assert_eq!(to(text, Spelling::Ascii), "W : H* # by\nD\n");
    round_trip(text);
}

#[test]
fn a_number_behind_a_power_stays_apart() {
    let text = "n = ‖w‖²2 w\nm = n⁻¹x(w)\n";
    let ascii = "n = ||w||^2 2 w\nm = n^-1 x(w)\n";
    assert_eq!(to(text, Spelling::Ascii), ascii);
    round_trip(text);
}

#[test]
fn an_index_with_bounds_may_be_a_word() {
    let text = "a := [1 2]\nt = ∑_{row=1}^2 a_row\n";
    assert_eq!(to(text, Spelling::Ascii), "a := [1 2]\nt = sum_{row=1}^2 a_row\n");
    round_trip(text);
}

#[test]
fn a_system_of_a_paper_becomes_lines() {
    let text = "\\begin{align*}\n  z^{[1]} &= W^{[1]} x + b^{[1]}, \\\\\n  \
        a^{[1]} &= \\max\\left(0, z^{[1]}\\right) \\\\[4pt]\n  \
        \\hat{y} &= \\mathrm{softmax}\\left(W^{[2]} a^{[1]} + b^{[2]}\\right) \\nonumber \\\\\n  \
        L &= -\\sum_{i=1}^{K} y_i \\log \\hat{y}_i + \\frac{\\lambda}{2} \\left\\lVert W^{[1]} \\right\\rVert_2^2.\n\
        \\end{align*}\n";
    assert_eq!(
        to(text, Spelling::Unicode),
        "z^[1] = W^[1] x + b^[1]\na^[1] = max(0, z^[1])\n\
         ŷ = softmax(W^[2] a^[1] + b^[2])\n\
         L = −∑_{i=1}^K y_i log ŷ_i + (λ / 2) ‖ W^[1] ‖_2²\n"
    );
}

#[test]
fn a_text_with_errors_is_not_respelled() {
    let found = respell("a = b + (\n", &shipped, Spelling::Ascii);
    assert!(found.is_err());
}

#[test]
fn a_power_of_an_exponent_keeps_its_sign() {
    let file = |power: &str| format!("x := 3\na = {power}\nb = a + x²\n");
    let all = [Spelling::Unicode, Spelling::Ascii, Spelling::Latex];
    for power in [
        "2^x^2 x",
        "2 ^ x ^2",
        "2^(x + 1)^2",
        "2^-x^2",
        "2^x²",
        "2^exp(x)²",
        "2^ ‖x‖²",
        "2^|x|²2",
    ] {
        for first in all {
            let once = to(&file(power), first);
            all.iter().for_each(|second| drop(to(&once, *second)));
        }
    }
    let spelled = |power: &str| {
        all.map(|s| {
            let text = to(&file(power), s);
            text.lines().nth(1).unwrap_or_default()["a = ".len()..].to_owned()
        })
    };
    assert_eq!(spelled("2^x^2"), ["2^(x²)", "2^(x^2)", "2^{x^{2}}"]);
    assert_eq!(spelled("2^x²"), ["(2^x)²", "(2^x)^2", "(2^x)^{2}"]);
    assert_eq!(spelled("2^-x^2"), ["2^(−x²)", "2^(-x^2)", "2^{-x^{2}}"]);
    assert_eq!(
        spelled("x²^2^3 x"),
        ["(x²)^(2³) x", "(x^2)^(2^3) x", "(x^{2})^{2^{3}} x"]
    );
    assert_eq!(
        spelled("(x²ᵀ)ᵀ²"),
        ["(((x²)ᵀ)ᵀ)²", "(((x^2)^T)^T)^2", "(((x^{2})^{\\top})^{\\top})^{2}"]
    );
    assert_eq!(to(&file("x^2 2"), Spelling::Unicode), file("x² 2"));
    assert_eq!(to(&file("x^2+3x"), Spelling::Ascii), "x := 3\na = x^2+3x\nb = a + x^2\n");
    assert_eq!(
        to(&file("‖x‖ x²"), Spelling::Ascii),
        "x := 3\na = ||x|| x^2\nb = a + x^2\n"
    );
}

/// TeX raises what stands in braces, or one sign.
#[test]
fn what_is_raised_in_latex_stands_in_braces() {
    let text = "f = 2^(x+1) + x^0.5 + e^-x + e^sigmoid(x)² + x^b1 + x^n + ∑_{i=1}^10 a_i + e^ŷ + x^(T)\n";
    let latex = "f = 2^{x+1} + x^{0.5} + e^{-x} + (e^{\\operatorname{sigmoid}(x)})^{2} + x^{b_{1}} + x^n + \\sum_{i=1}^{10} a_{i} + e^{\\hat{y}} + x^(T)\n";
    assert_eq!(to(text, Spelling::Latex), latex);
    let back = "f = 2^(x+1) + x^0.5 + e^−x + (e^(sigmoid(x)))² + x^b1 + x^n + ∑_{i=1}^{10} a_i + e^ŷ + x^(T)\n";
    assert_eq!(to(latex, Spelling::Unicode), back);
    assert_eq!(to(&to(back, Spelling::Ascii), Spelling::Latex), latex);
}

#[test]
fn forms_that_nobody_writes_go_round() {
    let all = [Spelling::Unicode, Spelling::Ascii, Spelling::Latex];
    for text in [
        "L = x²^{2} y\n",
        "L = x² ² y\n",
        "L = x^2^3\n",
        "L = x^{2}^{3}\n",
        "L = x²^{-1e-320} y\n",
        "L = (t − x)²^{2 + x\n# a comment\n} y\n",
        "L = x²^it{2} y\n",
        "L = {sum}(x) + e^{sum}(x)\n",
        "L = x{sum}x(x)\n",
        "param W : 2×2 = 2^x^2\n",
        "x := [1 2 3]\nL = x_{1\n+1} + x_{1 # one\n+1} + x_{1 # to\n:2} + x[2,\n  1]\n",
        "W = 2\nL = W^{[1].T} x + a⁻¹_{2} + a^2_{1}\n",
        "for l = 1..3: a_l = a_{l_{2 x}-1}\n",
        "for l = 1..3: z_l = W_{1.l} 2. l\n",
        "d = x^(−0) + x^-0 + x^{-0}\n",
        "d = x^{1e9}x + x^{0.5}x + x^{-0.5}x + x^{-2}x\n",
        "x := [1.⊙5 2.]\ny = x^00 + ‖x‖²ŷwhere\n",
        "L = x{Sum}x(x) + ∑_{i=1}^relu{2} x_i + sum(x_\n{1})\n",
        "x := [1; 2]\nL = x^{[{[1]}\n1]} x\n",
        "L = x^{\n\\top} x + x^{\n2}x + x^{# two\n2} + x^{ # t\n\\top}x\n",
        "L = x\\cdot # by\n  x^\n  2 x\n",
        "b := [0\\\\.5; 1] \\\\ c = 2 \\\\ L = (b \\\\ + c)\n",
        "L = x{sum\n}(x) + x{sum # all\n}(x) + {x\n}x^{x # in x\n}\n",
        "a := [1; 2; 3]\nt = ∑_{i=2}^{T} a_i + ∑_{i=1}^{2}{a}^{2}\n",
        "x : ℝ^2, z ∈ ℝ^{2×2}, y in R^{2 x 2}\n",
        "W_l : H×x for l = 1..2\n",
        "W_l : H×D for x = 1..2\n",
        "z = W[a : H×2] W× # the line goes on\n  W\n",
        "f(x, β = 2^3²) = x²^β\n",
        "x : 28x28\nx28 : (x2)x28, y : (D)x28, z : 4x2\n",
        "y := [0; 1]\n\\left W : H×D, b : H\n\\left c = 2 \\\\ d = 3\n",
        "x\\[\\] := [1; 2]\n",
        "E = 2\nL = ½E−7e–7 + 2e-3 \\cdot 10^{2}\n",
        "swish^{[1]}(z, β = 1) = z sigmoid(β z)\nz : H\na = swish(z)\n",
        "L = (z_\\\\{N-1}E – 7\n)\n",
        "L = t²^{1e−9}batch a_i\n",
        "input X : D×m\n  \\\\t : K\n",
        "input X : D×m \\\\\n  \\\\ t : K\n",
        "a_0 = 2\nfor l = 1..3: a_l = W_l a_{\\\\l-1}\n",
    ] {
        for (a, b) in all.iter().flat_map(|a| all.map(|b| (*a, b))) {
            to(&to(text, a), b);
        }
    }
}
