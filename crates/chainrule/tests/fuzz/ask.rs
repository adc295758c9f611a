//! Target `ask`: questions of `--ask` about files that are right.
//!
//! An input is the number of a file in its first line, and a question in each further one.

use chainrule::explain::{AskOptions, ask};
use chainrule::graph::lower::load;

use super::FEW;
use super::engine::Target;
use super::equations::WORDS;
use super::mutate::Mutants;

/// More questions than this are another input.
const MOST: usize = 3;

const FILES: &[&str] = &[
    include_str!("../../../../examples/exam-part2.chain"),
    include_str!("../../../../examples/exam-part3.chain"),
    include_str!("../../../../examples/activation.chain"),
    include_str!("../../../../suite/values/exam-part3.chain"),
    include_str!("../../../../suite/values/layer-norm.chain"),
    include_str!("../../../../suite/values/case-written-out.chain"),
    include_str!("../../../../suite/values/column-bias-over-a-batch.chain"),
    include_str!("../../../../suite/values/own-rule-by-hand.chain"),
    include_str!("../../../../suite/gradients/three-layers-in-a-loop.chain"),
    include_str!("../../../../suite/gradients/one-matrix-used-twice.chain"),
];

const QUESTIONS: &[&str] = &[
    "dL/dW1",
    "∂L/∂W1",
    "dŷ[k]/dz2[i]",
    "shape a1",
    "shape dL/dW1",
    "MSE\ndMSE/dw21\nw21'",
    "w21''",
    "params",
    "params W1",
    "h",
    "o[1]",
    "dL/dz1",
    "dz2/da1",
    "W2[1, 2]",
    "delta2",
    "δ2",
    "softmax(z2)",
    "sum(W1)",
    "L",
    "d(L)/d(x)",
    "W1 - 0.5 dL/dW1",
];

pub(crate) fn questions() -> Target {
    let seeds = FILES.iter().enumerate().flat_map(|(i, _)| {
        QUESTIONS.iter().map(move |q| format!("{i}\n{q}\n").into_bytes())
    });
    let mutants = Mutants {
        seeds: seeds.collect(),
        words: WORDS,
        longest: 1024,
        finish: |bytes, _| bytes,
    };
    Target { name: "ask", mutants, read, most: 4 * FEW }
}

fn read(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (first, rest) = text.split_once('\n').unwrap_or(("0", &text));
    let file = FILES[first.parse::<usize>().unwrap_or(first.len()) % FILES.len()];
    let questions: Vec<String> = rest.lines().take(MOST).map(str::to_owned).collect();
    let loaded = load(file, &[]);
    let module = loaded.module.expect("the files are right");
    let report = ask(&module, &AskOptions::default(), &questions);
    assert_eq!(report.replies.len(), questions.len());
    for reply in &report.replies {
        let Err(d) = &reply.answer else { continue };
        assert!(!d.message.is_empty(), "a refusal has its reason");
    }
    std::hint::black_box(report.to_json(file));
    report.replies.iter().any(|r| r.answer.is_ok())
}
