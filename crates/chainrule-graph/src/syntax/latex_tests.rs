//! LaTeX as it stands in papers and on slides, read into the same tree as the plain spelling.

use super::ast::{Expr, ExprKind};
use super::latex::latex;
use super::print::{Style, print_expr, print_file};
use super::samples::{GOOD, shipped};
use super::{parse, parse_expression};

fn unwrapped(mut e: Expr) -> Expr {
    while let ExprKind::Paren(inner) = e.kind {
        e = *inner;
    }
    for child in crate::lower::children_mut(&mut e) {
        *child = unwrapped(child.clone());
    }
    e
}

fn read(text: &str) -> String {
    let (e, found) = parse_expression(text, &shipped);
    assert!(found.is_empty(), "{text}: {found:#?}");
    print_expr(&unwrapped(e), Style::Unicode)
}

#[test]
fn the_usual_spellings_are_read_as_the_plain_ones() {
    for (latex, plain) in [
        ("\\mathrm{softmax}(W^{[2]} a^{[1]} + b^{[2]})", "softmax(W^[2] a^[1] + b^[2])"),
        ("\\frac{1}{m} \\sum_{i=1}^{m} \\ell_i", "(1/m) ∑_{i=1}^m ℓ_i"),
        ("\\tfrac{1}{2}\\left\\|t - o\\right\\|^2", "1/2 ‖t − o‖²"),
        ("\\left(W_2^\\top \\delta_2\\right) \\odot \\sigma'(z_1)", "(W2ᵀ δ2) ⊙ σ'(z1)"),
        ("W^{[2]\\top} \\delta^{[2]}", "W^[2]ᵀ δ^[2]"),
        ("W^{[2]T} x", "W^[2]ᵀ x"),
        ("(W^{[2]})^{\\mathsf{T}} x", "W^[2]ᵀ x"),
        ("\\mathbf{W}_1 \\mathbf x + \\boldsymbol{\\theta}", "W1 x + θ"),
        ("\\hat{\\mathbf{y}} - \\mathbf{\\hat y}", "ŷ − ŷ"),
        ("\\operatorname{leaky\\_relu}(z)", "leaky_relu(z)"),
        ("\\operatorname*{softmax}(z)", "softmax(z)"),
        ("\\text{ReLU}(z)", "ReLU(z)"),
        ("\\sqrt{x + 1} \\cdot \\exp\\left(-x\\right)", "√(x + 1) · exp(−x)"),
        ("\\max\\{0, z\\}", "max(0, z)"),
        ("e^{-x} + x^{2} + x^{n+1}", "e^(−x) + x² + x^(n + 1)"),
        ("{W}_{2,1} + {\\hat{y}}_{i}", "W[2, 1] + ŷ[i]"),
        ("3 \\cdot 10^{-4} x", "3e-4 x"),
        ("3 \\cdot 10^{-0} x", "3e-0 x"),
        ("\\lvert x \\rvert + \\lVert x\\rVert_{1}", "|x| + ‖x‖_1"),
        ("a \\circ b\\,\\; c", "a ⊙ b c"),
        ("\\mathbf{1}\\left[z > 0\\right]", "1[z > 0]"),
        ("\\begin{bmatrix} 1 & -2 \\\\ 3 & 4 \\end{bmatrix}", "[1 −2; 3 4]"),
        ("\\begin{pmatrix} x \\\\ y \\end{pmatrix}", "[x; y]"),
        (
            "\\begin{cases} z & \\text{if } z > 0 \\\\ 0.01 z, & \\text{otherwise} \\end{cases}",
            "z if z > 0 else 0.01 z",
        ),
        (
            "\\begin{cases} z & z \\geq 0 \\\\ 0 & z < 0 \\\\ \\end{cases}",
            "z if z ≥ 0 else 0",
        ),
        ("\\bigl(a + b\\bigr)^{T}", "(a + b)ᵀ"),
        (
            "2\\lambda w + \\displaystyle\\sum\\limits_{j \\neq i} s_j",
            "2 λ w + ∑_{j≠i} s_j",
        ),
    ] {
        assert_eq!(read(latex), read(plain), "{latex}");
    }
}

#[test]
fn a_derivative_may_be_raised() {
    assert_eq!(read("\\operatorname{relu}^{\\prime}(z)"), read("relu'(z)"));
    assert_eq!(read("\\tanh^\\prime(z)"), read("tanh'(z)"));
}

#[test]
fn what_is_not_understood_is_named_with_its_place() {
    for (text, place, says) in [
        (
            "a = \\underbrace{x}",
            "\\underbrace",
            "the LaTeX command `\\underbrace` is not known",
        ),
        ("a = \\fraq{1}{2}", "\\fraq", "`\\fraq`"),
        ("a = \\begin{tikz} x \\end{tikz}", "\\begin{tikz}", "environment `tikz`"),
        ("\\begin{aligned}\na &= 1\n", "\\begin{aligned}", "never closed"),
        ("a = 1 \\end{cases}", "\\end{cases}", "closes nothing"),
        (
            "f(z) = \\begin{cases} z & z > 0 \\\\ 1 & z < -1 \\end{cases}",
            "",
            "for all the rest",
        ),
    ] {
        let found = parse(text, &shipped, &[]).diagnostics;
        let first = found.iter().find(|d| d.message.contains(says));
        let first = first.unwrap_or_else(|| panic!("{text}: {found:#?}"));
        assert!(first.span.of(text).contains(place), "{text}: {:?}", first.span);
    }
    let found = parse("a = \\fraq{1}{2}\n", &shipped, &[]).diagnostics;
    assert!(found[0].hints[0].text.contains("\\frac"), "{found:#?}");
}

#[test]
fn displays_hold_statements_and_line_ends_mean_nothing_in_them() {
    let plain = "z = W x + b\na = relu(z)\n";
    let forms = [
        "\\begin{aligned}\n    z &= W x\n       + b \\\\\n    a &= \\mathrm{relu}(z)\n\\end{aligned}\n",
        "\\[ z = W x + b, \\]\n\\[ a = \\mathrm{relu}(z). \\]\n",
        "$$\nz = W x + b\n$$\n$$ a = \\mathrm{relu}(z) $$\n",
        "$z = W x + b$\n$a = \\mathrm{relu}(z)$\n",
        "z &= W x + b \\\\\na &= \\mathrm{relu}(z) \\\\\n",
        "\\begin{align}\nz &= W x + b \\label{eq:z} \\\\ a &= \\mathrm{relu}(z) \\tag{2}\n\\end{align}",
    ];
    let tree = |text: &str| {
        let parsed = parse(text, &shipped, &[]);
        assert!(parsed.diagnostics.is_empty(), "{text}: {:#?}", parsed.diagnostics);
        print_file(&parsed.file, Style::Unicode)
    };
    for form in forms {
        assert_eq!(tree(form), tree(plain), "{form}");
    }
}

/// What the writer of LaTeX gives reads back as the tree that it was given.
#[test]
fn written_latex_is_read_back() {
    let mut count = 0;
    for text in GOOD {
        for line in text.lines().filter(|l| l.contains(" = ") && !l.contains(':')) {
            let Some((_, right)) = line.split_once(" = ") else { continue };
            let right = right.split('#').next().unwrap_or("").trim();
            let (e, found) = parse_expression(right, &shipped);
            if !found.is_empty() {
                continue;
            }
            let written = latex(&e);
            // `@` and `*` have no sign of their own there.
            let plain = |t: String| {
                t.replace(" @ ", " ").replace(" * ", " · ").replace("√", "sqrt")
            };
            let there = plain(print_expr(&unwrapped(e), Style::Unicode));
            assert_eq!(
                plain(read(&written)).replace("σ(", "sigmoid("),
                there,
                "{written}"
            );
            count += 1;
        }
    }
    assert!(count > 20, "{count} expressions");
}
