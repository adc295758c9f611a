//! Target `chain`: a `.chain` file → diagnostics in its text, or a model whose equations print and
//! read back.

use std::fs;
use std::path::{Path, PathBuf};

use chainrule::Model;
use chainrule::graph::diag::Diagnostic;
use chainrule::graph::lower::{is_builtin, load};
use chainrule::graph::module::Module;
use chainrule::graph::shape::{Dim, Sizes};
use chainrule::graph::syntax::ast::File;
use chainrule::graph::syntax::parse;
use chainrule::graph::syntax::print::{Style, print_file};
use chainrule::graph::syntax::respell::{Spelling, respell};
use chainrule::graph::{derived, prelude};

use super::FEW;
use super::engine::Target;
use super::mutate::Mutants;

/// Words of the language, and signs that are easy to mistype.
pub(crate) const WORDS: &[&str] = &[
    "input ",
    "target ",
    "param ",
    "where ",
    "const ",
    "minimize ",
    "mean(",
    "data: ",
    "train: ",
    "output: ",
    "trainable: ",
    "examples: ",
    "for l = 1..3: ",
    "for l = 1..N",
    "optimizer ",
    "state ",
    "computed as ",
    "derivative ",
    "one-hot",
    "binary",
    "~ he",
    " : H×D",
    " : D",
    " := [1 2; 3 4]",
    " = 10",
    "ŷ",
    "σ",
    "ᵀ",
    "²",
    "⁻¹",
    "½",
    "∑_i ",
    "∑_{i=1}^K ",
    "‖",
    "|",
    "√",
    "⊙",
    "·",
    " - ",
    "−",
    "/",
    "^",
    "_",
    "_{l-1}",
    "^{[1]}",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "[1 -2]",
    ",",
    ";",
    ":",
    ":=",
    "=",
    "←",
    "<",
    "≠",
    "\n",
    "\n  ",
    " if ",
    " else ",
    " and ",
    "not ",
    "1[",
    "relu",
    "softmax",
    "cross_entropy(",
    "dropout(",
    "batch_norm(",
    "layer_norm(",
    "max(",
    "min(",
    "log ",
    "exp ",
    "sum(",
    "\\frac{",
    "\\hat{",
    "\\left",
    "\\top",
    "\\begin{aligned}",
    "\\end{aligned}",
    "\\begin{cases}",
    "\\end{cases}",
    "\\begin{bmatrix}",
    "\\end{bmatrix}",
    "\\text{if }",
    "\\\\",
    "&",
    "$$",
    "\\[",
    "#",
    "'",
    ".T",
    "@",
    "*",
    "1e-3",
    "0",
    "epoch",
    "batch ",
    "hold out 20 %",
    "standardized",
    "decay W*",
    "\u{302}",
    "\u{feff}",
    "\t",
    "\r\n",
    "…",
];

/// All `.chain` files of the repository.
pub(crate) fn files() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["suite/errors", "suite/gradients", "suite/values", "examples"] {
        collect(&root.join(folder), &mut found);
    }
    assert!(found.len() > 100, "suite and examples are the seeds");
    found
}

fn collect(folder: &Path, into: &mut Vec<Vec<u8>>) {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "chain")).collect();
    paths.sort();
    into.extend(paths.iter().map(|p| fs::read(p).unwrap()));
}

pub(crate) fn chain() -> Target {
    let mutants =
        Mutants { seeds: files(), words: WORDS, longest: 4096, finish: |bytes, _| bytes };
    Target { name: "chain", mutants, read, most: 4 * FEW }
}

fn read(bytes: &[u8]) -> bool {
    let text = &*String::from_utf8_lossy(bytes);
    let shipped = prelude::functions();
    let known = |name: &str| is_builtin(name) || shipped.find(name).is_some();
    let parsed = parse(text, &known, &[]);
    places_fit(&parsed.diagnostics, text);
    if parsed.diagnostics.is_empty() && !text.contains("data") {
        reads_back(&parsed.file, &known);
    }
    if parsed.diagnostics.is_empty() {
        respells(text, &known);
    }
    let loaded = load(text, &[]);
    places_fit(&loaded.diagnostics, text);
    let Some(module) = loaded.module else { return false };
    if let Err(found) = derived::derive(&module) {
        places_fit(&found, text);
    }
    if is_large(&module) {
        return true;
    }
    std::hint::black_box(chainrule::explain::derivation(&module));
    match chainrule::explain::explain(&module, &Default::default()) {
        Ok(solution) => {
            for w in chainrule::explain::write::WRITERS {
                std::hint::black_box((w.write)(&solution, &Default::default()));
            }
        }
        Err(found) => places_fit(&[found], text),
    }
    if let Err(chainrule::Error::Diagnostics(found)) = Model::parse(text) {
        places_fit(&found, text);
    }
    true
}

/// Numbers of all symbols whose sizes are numbers: each takes up to a hundred bytes to work out and to
/// check, so that more of them are within every limit and beyond this target's memory. `limits.rs`
/// tries those.
fn is_large(m: &Module) -> bool {
    const MOST: f64 = 1e6;
    let side = |d: &Dim| d.under(&Sizes::default()).unwrap_or(1) as f64;
    m.symbols.iter().map(|s| side(&s.shape.rows) * side(&s.shape.cols)).sum::<f64>()
        > MOST
}

/// Every place that is named lies in the text and on borders of characters.
fn places_fit(found: &[Diagnostic], text: &str) {
    for d in found {
        let edits = d.hints.iter().flat_map(|h| &h.edits).map(|e| e.span);
        let labels = d.labels.iter().map(|l| l.span);
        for span in edits.chain(labels).chain([d.span]) {
            let fits = text.get(span.start as usize..span.end as usize).is_some();
            assert!(fits, "{span:?} of {d:?}");
        }
    }
}

/// It can be spelled in every way, and back.
fn respells(text: &str, known: &dyn Fn(&str) -> bool) {
    let all = [Spelling::Unicode, Spelling::Ascii, Spelling::Latex];
    for there in all {
        let other = respell(text, known, there);
        let other = other.unwrap_or_else(|d| panic!("{text:?} to {there:?}: {d:#?}"));
        for back in all {
            let again = respell(&other, known, back);
            assert!(again.is_ok(), "{text:?} as {other:?} to {back:?}: {again:#?}");
        }
    }
}

/// What was read without a finding is printed without a loss; a bracket more changes nothing, nor does
/// another sign for the minus of a number.
fn reads_back(file: &File, known: &dyn Fn(&str) -> bool) {
    let told = |text: &str| {
        let text = text.replace('½', "0.5").replace('¼', "0.25").replace('¾', "0.75");
        let text = text.replace(['(', ')'], "");
        text.replace(['−', '–'], "-")
    };
    let unicode = told(&print_file(file, Style::Unicode));
    for style in [Style::Unicode, Style::Ascii] {
        let text = print_file(file, style);
        let again = parse(&text, known, &[]);
        assert!(again.diagnostics.is_empty(), "{text}\n{:#?}", again.diagnostics);
        assert_eq!(told(&print_file(&again.file, Style::Unicode)), unicode, "{text}");
    }
}
