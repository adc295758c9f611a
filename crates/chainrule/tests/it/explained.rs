//! Worked solutions: golden documents in every format, what a lecturer looks for in them, and that
//! nothing is written of a solution that fails its own check.
//!
//! Whether the documents can be printed and read on screens is asked in `paper.rs` and `pages.rs`.
//! They stand in `tests/explained/`; after a change that means to move them
//! `CHAINRULE_BLESS=1` writes the new ones, and the commit says why.

use std::path::{Path, PathBuf};

use chainrule::explain::tree::Level;
use chainrule::explain::write::{Look, WRITERS, writer};
use chainrule::explain::{AskOptions, SolutionOptions, explain};
use chainrule::graph::module::Module;
use chainrule::graph::syntax::print::Style;
use chainrule::graph::{lower, prelude};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn module(text: &str) -> Module {
    let loaded = lower::load(text, &[]);
    loaded.module.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn example(name: &str) -> Module {
    let path = root().join("examples").join(format!("{name}.chain"));
    module(&std::fs::read_to_string(path).expect("the example is there"))
}

pub(crate) fn written(m: &Module, options: &SolutionOptions, format: &str) -> String {
    let solution = explain(m, options).expect("a solution");
    (writer(format).expect("a format").write)(&solution, &Look::default())
}

fn text(m: &Module, options: &SolutionOptions) -> String {
    written(m, options, "text")
}

fn plain(m: &Module) -> String {
    text(m, &SolutionOptions::default())
}

/// The exam's part 2 with numbers: three classes, one hidden layer.
const NUMBERS: &str = "
z1 = W1 x + b1
a1 = relu(z1)
z2 = W2 a1 + b2
ŷ = softmax(z2)
L = cross_entropy(y, ŷ)
x := [1; 0.5]
y := [0; 1; 0]
W1 := [1 -1; 0.5 2; -1 0.3]
b1 := [0; 0.1; 0.2]
W2 := [1 0 0.5; -1 1 0; 0 0.3 1]
b2 := [0; 0; 0.1]
trainable: W1 b1 W2 b2
train: adam(lr = 0.1)
";

/// Three examples side by side, a penalty.
const BATCH: &str = "
input x : D
target y : K one-hot
param W : K×D = [1 -1; 0.5 2], b : K = [0; 0.1]
where D = 2, K = 2
z = W x + b
ŷ = softmax(z)
L = cross_entropy(y, ŷ)
minimize J = mean(L) + 0.1/2 ‖W‖²
x := [1 2 -1; 0.5 0 1]
y := [1 0 0; 0 1 1]
train: sgd(lr = 0.5)
";

/// The exam's 1.2 with three examples, a row each.
const ROWS: &str = "
examples: rows
input  X : m×D
target Y : m×K
param  W1 : D×H = [1 2 0.5; -1 0 1], b1 : 1×H = [0 -1 1]
param  W2 : H×K = [1 0; 2 1; -1 2], b2 : 1×K = [0.5 -0.5]
where  m = 3, D = 2, H = 3, K = 2
Z1 = X W1 + b1
Z2 = Z1 W2 + b2
L  = 1/2 ‖Z2 − Y‖²
X := [1 2; 0 1; -1 0.5]
Y := [0 1; 1 0; 0 0]
train: sgd(lr = 0.01)
";

/// Every document that is kept: name, file, how.
pub(crate) fn all() -> Vec<(&'static str, Module, SolutionOptions)> {
    let usual = SolutionOptions::default;
    vec![
        ("exam-1.2", example("linear"), usual()),
        ("exam-1.2-rows", module(ROWS), usual()),
        ("exam-2", example("exam-part2"), SolutionOptions { why: true, ..usual() }),
        ("exam-2-numbers", module(NUMBERS), usual()),
        ("exam-3", example("exam-part3"), usual()),
        ("batch", module(BATCH), usual()),
    ]
}

#[test]
fn documents_are_what_they_were_in_every_format() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explained");
    for (name, m, options) in all() {
        for w in WRITERS.iter().filter(|w| w.is_text()) {
            let folder = folder.join(name);
            let path = folder.join(format!("{}.{}", w.name, w.extension));
            let now = written(&m, &options, w.name);
            if std::env::var_os("CHAINRULE_BLESS").is_some() {
                std::fs::create_dir_all(&folder).expect("a folder");
                std::fs::write(&path, &now).expect("is written");
            }
            let kept = std::fs::read_to_string(&path).expect("the document is kept");
            assert_eq!(now, kept, "{}", path.display());
        }
    }
}

/// 2.1 to 2.8, in the sheet's own order.
#[test]
fn part_2_of_the_exam_is_answered_in_the_lecturers_form() {
    let all = plain(&example("exam-part2"));
    for line in [
        "z2     (K×Da)(Da×1) + (K×1) = K×1     K×m",
        "a1     leaky_relu(Da×1) = Da×1        Da×m",
        "∂ŷ[k]/∂z2[i] = ŷ[k] (1 − ŷ[k]) if i = k else −ŷ[k] ŷ[i]",
        "L = −log(ŷ[k])",
        "(−1 / ŷ[k]) (ŷ[k] (1 − ŷ[k])) = ŷ[k] − 1   [where i = k]",
        "(−1 / ŷ[k]) (−ŷ[k] ŷ[i]) = ŷ[i]   [where i ≠ k]",
        "∂z2/∂a1 = W2",
        "∂a1[i]/∂z1[i] = 1 if z1[i] ≥ 0 else 0.01",
        "δ2 = ∂L/∂z2 = ŷ − y",
        "δ1 = ∂L/∂z1 = (W2ᵀ δ2) ⊙ leaky_relu'(z1)",
        "∂L/∂W1 = δ1 xᵀ",
        "∂L/∂b1 = δ1 ",
        "plain form       [NaN; NaN; NaN]",
        "stable form      [0.09003; 0.2447; 0.6652]",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
}

/// 3.1 to 3.3: every calculation of the sheet's key.
#[test]
fn part_3_of_the_exam_is_calculated_line_by_line() {
    let all = plain(&example("exam-part3"));
    for line in [
        "h1 = i1 w11 + i2 w21 + b1 = 2·1 + (−1)·0.5 + 0.5 = 2",
        "h2 = i1 w12 + i2 w22 + b2 = 2·(−0.5) + (−1)·(−1) + (−0.5) = −0.5",
        "h3 = relu(h1) = relu(2) = 2",
        "o1 = h3 w31 + h4 w41 + b3 = 2·0.5 + 0·(−0.5) + (−1) = 0",
        "o2 = h3 w32 + h4 w42 + b4 = 2·(−1) + 0·1 + 0.5 = −1.5",
        "MSE = 1/2·(1 − 0)² + 1/2·(0.5 − (−1.5))² = 2.5",
        "∂MSE/∂w21 = ∂MSE/∂o1 ∂o1/∂h3 ∂h3/∂h1 ∂h1/∂w21 + ∂MSE/∂o2 ∂o2/∂h3 ∂h3/∂h1 ∂h1/∂w21",
        "= (o1 − t1) w31 relu'(h1) i2 + (o2 − t2) w32 relu'(h1) i2",
        "= (0 − 1)·0.5·1·(−1) + (−1.5 − 0.5)·(−1)·1·(−1)",
        "= 0.5 + (−2)",
        "w21 ← 0.5 − 0.1·(−1.5) = 0.65",
        "h4 is off: the slope of relu is 0 there, so its gradient is 0",
        "MSE was 2.5 and is now 0.74425: it fell",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
}

#[test]
fn affine_layers_that_follow_each_other_are_told_to_be_one() {
    let all = plain(&example("linear"));
    for line in [
        "Equations (1), (2) follow each other without a non-linearity",
        "A = W2 W1 = [4.5 −2; 3 2]",
        "c = W2 b1 + b2 = [−2.5; 0.5]",
        "A x + c = [−2; 7.5]",
        "The outputs agree",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
    let between = plain(&module(NUMBERS));
    assert!(!between.contains("without a non-linearity"), "relu stands between");
}

/// Whatever the layout: a row each, a column each, or single numbers.
#[test]
fn affine_layers_are_one_in_every_layout() {
    let columns = "examples: columns\nX := [1 0 -1; 2 1 0.5]\nW1 := [1 -1; 2 0; 0.5 1]\n\
        b1 := [0; -1; 1]\nW2 := [1 2 -1; 0 1 2]\nb2 := [0.5; -0.5]\nZ1 = W1 X + b1\n\
        Z2 = W2 Z1 + b2\nL = ‖Z2‖²\ntrainable: W1 b1 W2 b2\n";
    let single = "input x : 1\ntarget y : 1\nparam w1 : 1 = 2, b1 : 1 = 1, w2 : 1 = -3, b2 : 1 = 4\n\
        a1 = w1 x + b1\na2 = w2 a1 + b2\nL = half_mse(y, a2)\nminimize mean(L)\nx := 0.5\ny := 1\n";
    let bare = "x := [1; 2]\nW1 := [1 0; 2 1; 0 1]\nb := 2\nW2 := [1 1 1]\nz1 = W1 x + b\nz2 = W2 z1\n\
        L = 1/2 (z2 − 1)²\ntrainable: W1 W2 b\n";
    let cases = [
        (
            module(ROWS),
            [
                "Z2 = X A + c",
                "A = W1 W2 = [4.5 3; −2 2]",
                "c = b1 W2 + b2 = [−2.5 0.5]",
                "X A + c = [−2 7.5; −4.5 2.5; −8 −1.5]",
            ],
        ),
        (
            module(columns),
            [
                "Z2 = A X + c",
                "A = W2 W1 = [4.5 −2; 3 2]",
                "c = W2 b1 + b2 = [−2.5; 0.5]",
                "A X + c = [−2 −4.5 −8; 7.5 2.5 −1.5]",
            ],
        ),
        (
            module(single),
            ["a2 = A x + c", "A = w2 w1 = −6", "c = w2 b1 + b2 = 1", "A x + c = −2"],
        ),
        (module(bare), ["z2 = A x + c", "A = W2 W1 = [3 2]", "= 6", "A x + c = 13"]),
    ];
    for (m, lines) in cases {
        let all = plain(&m);
        assert!(all.contains("The outputs agree"), "{all}");
        for line in lines {
            assert!(all.contains(line), "{line}\n{all}");
        }
    }
    for bent in [
        ROWS.replace("X W1 + b1", "relu(X W1 + b1)"),
        // What is multiplied knows of the examples: no layer.
        "examples: rows\nX := [1 2; 3 4]\nW := [1 0; 0 1]\nQ = X W\nG = Q Qᵀ\nZ = G X\n\
         L = ‖Z‖²\ntrainable: W\n"
            .to_owned(),
    ] {
        assert!(!plain(&module(&bent)).contains("without a non-linearity"), "{bent}");
    }
}

#[test]
fn a_batch_divides_by_m_once_and_in_no_adjoint() {
    let all = plain(&module(BATCH));
    for line in [
        "∂J/∂W = mean(δ_{z} xᵀ) + 1/10 W",
        "1/3·(",
        "1/m stands there, once, and in no δ",
        "the second index is the example",
        "1/3·(1.38734 + 1.24115 + 0.0269571) + 0.1/2·(1² + (−1)² + 0.5² + 2²)",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
}

#[test]
fn levels_say_more_and_less() {
    let m = module(NUMBERS);
    let of = |level, why| text(&m, &SolutionOptions { level, why, ..Default::default() });
    let (brief, usual, every) =
        (of(Level::Brief, false), of(Level::Usual, false), of(Level::Every, false));
    assert!(brief.len() < usual.len() && usual.len() < every.len());
    assert!(!brief.contains("    entry by") && usual.contains("    entry by"));
    assert!(
        every.contains("z1[1] = 1·1 + (−1)·0.5 + 0 = 1 + (−0.5) + 0 = 0.5"),
        "{every}"
    );
    assert!(of(Level::Brief, true).contains("tr((G Bᵀ)ᵀ dA)"));
    assert!(!usual.contains("dA"));
}

/// Any optimiser by its own equations, several steps, the user's own too.
#[test]
fn optimisers_are_done_by_hand_with_their_own_equations() {
    let own = "
optimizer shrink(lr = 0.1):
  state n = 1
  n ← 2 n
  θ ← θ − lr sign(g) / n
w := [1; -2]
L = 1/2 ‖w‖²
trainable: w
train: shrink(lr = 0.5)
";
    let ask = AskOptions { steps: 2, ..AskOptions::default() };
    let all = text(&module(own), &SolutionOptions { ask, ..Default::default() });
    for line in [
        "n(w[1]) ← 2·1 = 2",
        "w[1] ← 1 − 0.5·sign(1) / 2 = 0.75",
        "n(w[2]) ← 2·2 = 4",
        "w[2] ← −1.75 − 0.5·sign(−1.75) / 4 = −1.625",
        "Step 2",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
    let update = |rule: &str| {
        let ask =
            AskOptions { update: Some(rule.into()), steps: 3, ..Default::default() };
        text(&module(own), &SolutionOptions { ask, ..Default::default() })
    };
    assert!(update("adam(lr = 0.1, weight_decay = 0.1)").contains("is L2 here"));
    assert!(update("adamw(lr = 0.1)").contains("is decoupled"));
    assert!(update("sgd(lr = 0.1, weight_decay = 0.1)").contains("are the same"));
    let schedule = update("sgd(lr = cosine(0.1))");
    assert!(
        schedule.contains("lr = cosine(0.1) = 0.075   [the schedule at step 2]"),
        "{schedule}"
    );
}

#[test]
fn rounding_at_each_step_gives_the_key_that_was_computed_by_hand() {
    let text_of = |round| {
        let ask = AskOptions { round_each: round, ..AskOptions::default() };
        text(
            &module("x := 0.337\na = x²\nb = 3 a\n"),
            &SolutionOptions { ask, ..Default::default() },
        )
    };
    assert!(text_of(Some(2)).contains("b = 3·0.11 = 0.33"), "{}", text_of(Some(2)));
    assert!(text_of(Some(2)).contains("a = x² = 0.337² ≈ 0.11"), "{}", text_of(Some(2)));
    assert!(text_of(None).contains("b = 3·0.113569 = 0.340707"), "{}", text_of(None));
}

#[test]
fn a_solution_that_fails_its_own_check_is_written_by_no_writer() {
    let slips = [("relu", "1 if z > 0 else 0.01"), ("softmax", "softmax(z) ⊙ g")];
    for (function, wrong) in slips {
        let text = NUMBERS.replace("cross_entropy(y, ŷ)", "half_mse(y, ŷ)");
        let mut m = module(&text);
        assert!(explain(&m, &SolutionOptions::default()).is_ok());
        let id = m.functions.find(function).expect("shipped");
        let known =
            |n: &str| lower::is_builtin(n) || prelude::functions().find(n).is_some();
        let (e, found) = chainrule::graph::syntax::parse_expression(wrong, &known);
        assert!(found.is_empty());
        m.functions.all[id.0 as usize].derivative = Some(e);
        for level in [Level::Brief, Level::Usual, Level::Every] {
            let options = SolutionOptions { level, ..Default::default() };
            // Writers take the tree, and there is none.
            let refused = explain(&m, &options).expect_err(function);
            assert_eq!(format!("{:?}", refused.code), "M3", "{function}");
        }
    }
}

/// Every rewrite that a golden solution rests on, broken one after the other. Where the gradients
/// are wrong by that, as a check with all rewrites whole sees, there is no solution.
#[cfg(debug_assertions)]
#[test]
fn a_solution_that_rests_on_a_broken_rewrite_is_written_by_no_writer() {
    use chainrule::graph::{derived::derive, simplify::with_broken, verify};
    let mut broken = std::collections::BTreeSet::new();
    for (name, m, options) in all().into_iter().filter(|(_, m, _)| m.objective.is_some())
    {
        for rule in derive(&m).expect("derives").rules() {
            let slipped = with_broken(rule.name, || derive(&m)).expect("derives");
            if verify::gradient(&m, &slipped, 0).is_ok() {
                continue;
            }
            let refused = with_broken(rule.name, || explain(&m, &options)).err();
            let code = refused.map(|d| format!("{:?}", d.code));
            assert_eq!(code.as_deref(), Some("M3"), "{name}: {}", rule.name);
            broken.insert(rule.name);
        }
    }
    assert!(broken.len() >= 5, "{broken:?}");
}

/// Every file of the suite that checks, and every example, at every level: no false alarm, nothing endless.
#[test]
fn every_file_of_suite_and_examples_has_a_solution() {
    let folders = ["suite/values", "suite/gradients", "examples"].map(|f| root().join(f));
    let mut count = 0;
    for entry in folders.iter().flat_map(|f| std::fs::read_dir(f).expect("a folder")) {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "chain") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let Some(m) = lower::load(&text, &[]).module else { continue };
        for level in [Level::Brief, Level::Usual, Level::Every] {
            let ask = AskOptions {
                update: Some("adam(lr = 0.1)".into()),
                ..Default::default()
            };
            let options = SolutionOptions { level, why: true, ask, ..Default::default() };
            let solution = explain(&m, &options);
            let solution =
                solution.unwrap_or_else(|d| panic!("{}: {d:?}", path.display()));
            for w in WRITERS {
                assert!(
                    (w.write)(&solution, &Look::default()).len() < 2_000_000,
                    "{path:?}"
                );
            }
        }
        count += 1;
    }
    assert!(count > 60, "{count} files");
}

#[test]
fn log_sum_exp_says_why_it_subtracts_its_maximum() {
    let all = plain(&module("z := [1; 2]\ns = logsumexp(z)\n"));
    for line in [
        "Why logsumexp subtracts the largest entry of z",
        "max(z) + log(sum(exp(z − max(z)))) ≈ 2.31326",
        "[1001; 1002]  [∞; ∞]          ∞           [0.3679; 1]      1002",
        "[−999; −998]  [0; 0]          −∞          [0.3679; 1]      −997.7",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
}

#[test]
fn sizes_that_cannot_be_worked_out_are_refused_before_they_take_memory() {
    for text in ["y : 99999×99999\nx := 0\na = sum(x)\n", "x : 99999×99999\nL = ‖x‖²\n"]
    {
        let refused =
            explain(&module(text), &SolutionOptions::default()).expect_err(text);
        assert_eq!(format!("{:?}", refused.code), "T1", "{text}");
        assert!(refused.message.contains("e10 numbers"), "{}", refused.message);
    }
}

#[test]
fn a_large_network_is_summarised() {
    let text_of = "
input x : D
target y : K one-hot
param W1 : H×D ~ he, b1 : H = 0, W2 : K×H ~ glorot, b2 : K = 0
where D = 784, H = 128, K = 10
a1 = relu(W1 x + b1)
ŷ = softmax(W2 a1 + b2)
L = cross_entropy(y, ŷ)
minimize mean(L)
train: adam(lr = 0.1)
";
    let mut m = module(text_of);
    for s in &mut m.symbols {
        let (r, c) = s.shape.under(&m.dims.sizes).expect("sizes");
        let value = |i: usize, j: usize| ((i * 31 + j * 17) % 100) as f64 / 1000.0 - 0.05;
        let one_hot = |i: usize| f64::from(u8::from(i == 3));
        s.value = Some(chainrule::graph::value::Mat::from_fn(r, c, |i, j| {
            if s.key == "y" { one_hot(i) } else { value(i, j) }
        }));
    }
    let options = SolutionOptions { level: Level::Brief, ..Default::default() };
    let all = text(&m, &options);
    assert!(all.contains("128×784 numbers from −0.05 to 0.049"), "{all}");
    assert!(all.contains("--ask \"W1[2,3]\""), "{all}");
    assert!(all.len() < 20_000, "{} bytes", all.len());
}

#[test]
fn ascii_is_ascii_and_lines_keep_to_their_width() {
    for (name, m, options) in all() {
        let solution = explain(&m, &options).expect("a solution");
        let look = Look { style: Style::Ascii, width: 80, ..Look::default() };
        let text = (writer("text").expect("a format").write)(&solution, &look);
        assert!(text.is_ascii(), "{name}: {text}");
        let wide = text.lines().filter(|l| l.len() > 80).count();
        assert!(wide * 50 <= text.lines().count(), "{name}: {wide} lines wider than 80");
    }
}

/// Every element is closed, every heading is one level below another, every formula has its text.
#[test]
fn pages_are_well_formed_and_can_be_read_aloud() {
    const ALONE: [&str; 3] = ["meta", "!DOCTYPE", "br"];
    for (name, m, options) in all() {
        let page = written(&m, &options, "html");
        let mut open: Vec<&str> = Vec::new();
        let mut last_heading = 0;
        for tag in page.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or_default();
            let word =
                tag.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default();
            if ALONE.contains(&word) {
                continue;
            }
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(word), "{name}");
                continue;
            }
            open.push(word);
            if let Some(level) =
                word.strip_prefix('h').and_then(|n| n.parse::<u32>().ok())
            {
                assert!(level <= last_heading + 1, "{name}: {tag}");
                last_heading = level;
            }
            assert!(word != "math" || tag.contains("alttext=\""), "{name}: {tag}");
            assert!(word != "script", "{name}");
        }
        assert!(open.is_empty(), "{name}: {open:?}");
        assert!(!page.contains("http"), "{name}: nothing is fetched");
    }
}

#[test]
fn json_reads_back_and_holds_every_line_in_three_notations() {
    let json = written(&example("exam-part3"), &SolutionOptions::default(), "json");
    let all: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(all["version"], 1);
    let parts: Vec<&str> = all["sections"]
        .as_array()
        .expect("sections")
        .iter()
        .filter_map(|s| s["part"].as_str())
        .collect();
    let order = [
        "given",
        "shapes",
        "forward",
        "loss",
        "backward",
        "backward-numbers",
        "update",
        "check",
    ];
    assert_eq!(parts, order);
    let first = &all["sections"][0]["blocks"][0];
    assert_eq!(first["label"], "(1)");
    assert_eq!(first["formula"]["text"], "h1 = i1 w11 + i2 w21 + b1");
    assert_eq!(
        first["formula"]["latex"],
        "h_{1} = i_{1}\\,w_{11} + i_{2}\\,w_{21} + b_{1}"
    );
}
