//! Target `answers`: somebody's answers about files that are right.
//!
//! An input is the number of a file in its first line, and an answer in each further one.

use chainrule::Options;
use chainrule::explain::AskOptions;
use chainrule::graph::lower::load;
use chainrule::mark::{Verdict, html, json, mark, text};

use super::FEW;
use super::engine::Target;
use super::equations::WORDS;
use super::mutate::Mutants;

/// More lines than this are another input.
const MOST: usize = 4;

const FILES: &[&str] = &[
    include_str!("../../../../examples/exam-part2.chain"),
    include_str!("../../../../examples/exam-part3.chain"),
    include_str!("../../../../suite/values/column-bias-over-a-batch.chain"),
    include_str!("../../../../suite/values/own-rule-by-hand.chain"),
    include_str!("../../../../suite/gradients/one-matrix-used-twice.chain"),
];

const ANSWERS: &[&str] = &[
    "h1 = 2.0·1.0 + 0.5 = 2\nh3 = relu(h1)\nMSE = 2.25 (2 points)",
    "dMSE/do1 = o1 − t1 = -1.5\nw21' = w21 − 0.1 · (−1.25) = 0.625\nMSE' ≈ 1.2",
    "dL/dz2 = y − ŷ\ndL/db2 = y - ŷ\nδ0 = dL/dz2\ndL/da1 = W2^T δ0",
    "dŷ[k]/dz2[i] = ŷ_k (1 − ŷ_k) if i = k else −ŷ_k ŷ_i",
    "shape W2 = K×Da\nparams = Da Dx + Da + K Da + K",
    "Z = [11 21 31]\nZ[1,2] = 1/3\nx = (1, 2, 3)",
    "θ@1 = 0.9\nv(θ) = [1 2; 3 4]\nJ' = 3.5·10^-4",
];

pub(crate) fn answers() -> Target {
    let seeds = FILES.iter().enumerate().flat_map(|(i, _)| {
        ANSWERS.iter().map(move |a| format!("{i}\n{a}\n").into_bytes())
    });
    let mutants = Mutants {
        seeds: seeds.collect(),
        words: WORDS,
        longest: 1024,
        finish: |bytes, _| bytes,
    };
    Target { name: "answers", mutants, read, most: 4 * FEW }
}

fn read(bytes: &[u8]) -> bool {
    let all = String::from_utf8_lossy(bytes);
    let (first, rest) = all.split_once('\n').unwrap_or(("0", &all));
    let file = FILES[first.parse::<usize>().unwrap_or(first.len()) % FILES.len()];
    let lines: Vec<&str> = rest.split('\n').take(MOST).collect();
    let answers = lines.join("\n");
    let module = load(file, &[]).module.expect("the files are right");
    let m = mark(file, &Options::default(), &module, &AskOptions::default(), &answers);
    for l in &m.lines {
        assert_eq!(l.verdict.earns(), l.points > 0.0 || l.verdict.earns() && l.of == 0.0);
        let Some(d) = &l.problem else { continue };
        assert!(!d.message.is_empty(), "a refusal has its reason");
        let place = answers.get(d.span.start as usize..d.span.end as usize);
        assert!(place.is_some(), "{d:?} in {answers:?}");
    }
    std::hint::black_box((
        text(&m, &answers),
        html(&m, &answers, "x"),
        json(&m, &answers),
    ));
    m.lines.iter().any(|l| l.verdict != Verdict::Unreadable)
}
