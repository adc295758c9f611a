//! Walks the table of shipped functions and optimisers: what stands beside an entry holds, its
//! stable form and derivative line agree with its equation, and all of it stays finite far out.

use chainrule::explain::{Answered, AskOptions, ask};
use chainrule::graph::functions::Functions;
use chainrule::graph::lower::{is_builtin, load};
use chainrule::graph::module::Module;
use chainrule::graph::prelude;
use chainrule::graph::syntax::ast::{DimExpr, Function, Param};
use chainrule::graph::syntax::parse_expression;
use chainrule::graph::syntax::print::{Style, print_expr};
use chainrule::graph::value::Mat;

use crate::differences::{Numbers, env, node, of_question, value};

const FAR: f64 = 1e4;

fn table() -> &'static Functions {
    prelude::functions()
}

fn notes<'f>(f: &'f Function, key: &'f str) -> impl Iterator<Item = &'f str> {
    f.notes.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
}

fn kind(f: &Function) -> &str {
    notes(f, "kind").next().unwrap_or("")
}

fn entrywise() -> impl Iterator<Item = &'static Function> {
    let all = table().all.iter().filter(|f| kind(f) != "schedule");
    all.filter(|f| f.params.iter().all(|p| p.shape.is_none()))
}

fn of_one_example() -> impl Iterator<Item = &'static Function> {
    let all = table().all.iter();
    all.filter(|f| kind(f) != "loss" && f.params.iter().any(|p| p.shape.is_some()))
}

fn losses() -> impl Iterator<Item = &'static Function> {
    table().all.iter().filter(|f| kind(f) == "loss")
}

fn param(p: &Param) -> String {
    let dims = p.shape.iter().flat_map(|s| &s.dims).map(|d| match d {
        DimExpr::Name(n) => n.written.clone(),
        other => panic!("a dimension that this test does not print: {other:?}"),
    });
    let dims: Vec<String> = dims.collect();
    let shape =
        if dims.is_empty() { String::new() } else { format!(" : {}", dims.join("×")) };
    let default =
        p.default.as_ref().map(|d| format!(" = {}", print_expr(d, Style::Unicode)));
    format!("{}{shape}{}", p.name.written, default.unwrap_or_default())
}

/// The bare equation under another name: no stable form, no derivative line.
fn probe(f: &Function) -> String {
    let params: Vec<String> = f.params.iter().map(param).collect();
    format!("probe({}) = {}\n", params.join(", "), print_expr(&f.body, Style::Unicode))
}

fn module(text: &str) -> Module {
    let loaded = load(text, &[]);
    loaded.module.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics))
}

fn column(values: &[f64]) -> String {
    let entries: Vec<String> = values.iter().map(|v| format!("{v}")).collect();
    format!("[{}]", entries.join("; "))
}

/// The literal value of a name.
fn found(m: &Module, name: &str) -> Vec<f64> {
    let n = node(m, name).expect("a node");
    let v = value(m, &m.graph, n, &env(m)).expect("a value");
    v.of(0).data.clone()
}

/// The value of a question.
fn asked(m: &Module, q: &str) -> Mat {
    let reply = ask(m, &AskOptions::default(), &[q.to_string()]).replies.remove(0);
    match reply.answer.unwrap_or_else(|d| panic!("{q}: {}", d.message)).value {
        Answered::Numbers(v) => v,
        other => panic!("{q}: {other:?}"),
    }
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs().max(1.0)
}

/// −50 to 50 in quarters, off the whole numbers where kinks are, and far out.
fn dense() -> Vec<f64> {
    let mut all: Vec<f64> = (-200..200).map(|i| f64::from(i) / 4.0 + 0.0625).collect();
    all.extend([0.0, -FAR, FAR]);
    all
}

#[test]
fn every_entry_says_what_it_is() {
    let known = ["activation", "output", "normalisation", "loss", "schedule"];
    for f in &table().all {
        let name = &f.name.written;
        assert!(known.contains(&kind(f)), "{name}: kind `{}`", kind(f));
        assert!(!f.about.is_empty(), "{name} has no sentence");
        let sampled = notes(f, "at").count() > 0;
        assert!(sampled || kind(f) != "activation", "{name} has no sample point");
    }
    assert!(table().all.len() >= 30 && table().optimizers.len() >= 9);
}

#[test]
fn every_body_reads_back_as_it_is_printed() {
    let known = |n: &str| is_builtin(n) || table().find(n).is_some();
    for f in &table().all {
        let forms = [Some(&f.body), f.computed.as_ref(), f.derivative.as_ref()];
        for e in forms.into_iter().flatten() {
            for style in [Style::Unicode, Style::Ascii] {
                let text = print_expr(e, style);
                let (again, wrong) = parse_expression(&text, &known);
                assert!(wrong.is_empty(), "{text}: {wrong:?}");
                assert_eq!(print_expr(&again, style), text);
            }
        }
    }
}

#[test]
fn sample_points_hold() {
    let mut count = 0;
    for f in entrywise() {
        for at in notes(f, "at") {
            let (z, y) = at.split_once("->").expect("z -> y");
            let y: f64 = y.trim().parse().expect("a number");
            let m = module(&format!("z := {}\na = {}(z)\n", z.trim(), f.name.written));
            let a = found(&m, "a")[0];
            assert!(near(a, y, 1e-14), "{}({z}) is {a}, not {y}", f.name.written);
            count += 1;
        }
    }
    assert!(count >= 14, "only {count} sample points");
}

#[test]
fn stable_forms_equal_the_equation_wherever_both_are_finite() {
    let z = dense();
    for f in entrywise() {
        let name = &f.name.written;
        let text =
            format!("{}z := {}\na = {name}(z)\nb = probe(z)\n", probe(f), column(&z));
        let m = module(&text);
        let (a, b) = (found(&m, "a"), found(&m, "b"));
        for (i, &x) in z.iter().enumerate() {
            assert!(a[i].is_finite(), "{name}({x}) is {}", a[i]);
            let same = !b[i].is_finite() || near(a[i], b[i], 1e-12);
            assert!(same, "{name}({x}): {} and {} by its equation", a[i], b[i]);
        }
    }
}

#[test]
fn derivatives_agree_with_the_equation_and_with_differences() {
    let z = dense();
    let h = 1e-6;
    let moved = |d: f64| -> Vec<f64> { z.iter().map(|x| x + d).collect() };
    for f in entrywise() {
        let name = &f.name.written;
        let file = |z: &[f64]| {
            let head = probe(f);
            let values = column(z);
            module(&format!(
                "{head}z := {values}\na = {name}(z)\nb = probe(z)\nA = sum(a)\nB = sum(b)\n"
            ))
        };
        let m = file(&z);
        let (line, own) = (asked(&m, "dA/dz").data, asked(&m, "dB/dz").data);
        let (center, up, down) =
            (found(&m, "a"), found(&file(&moved(h)), "a"), found(&file(&moved(-h)), "a"));
        for (i, &x) in z.iter().enumerate() {
            assert!(line[i].is_finite(), "{name}'({x}) is {}", line[i]);
            let same = !own[i].is_finite() || near(line[i], own[i], 1e-9);
            assert!(same, "{name}'({x}): {} and {} by its equation", line[i], own[i]);
            let bend = (up[i] - 2.0 * center[i] + down[i]).abs() / h;
            if bend > 1e-3 || x.abs() == FAR {
                continue;
            }
            let slope = (up[i] - down[i]) / (2.0 * h);
            assert!(near(line[i], slope, 1e-6), "{name}'({x}): {} and {slope}", line[i]);
        }
    }
}

#[test]
fn functions_of_one_example_agree_with_their_equation() {
    let mut n = Numbers(3);
    for f in of_one_example() {
        let name = &f.name.written;
        for round in 0..20 {
            let scale = if round < 10 { 1.0 } else { 20.0 };
            let z: Vec<f64> = (0..5).map(|_| scale * n.unit()).collect();
            let w: Vec<f64> = (0..5).map(|_| n.unit()).collect();
            let text = format!(
                "{}z := {}\nw := {}\na = {name}(z)\nb = probe(z)\nA = sum(w ⊙ a)\nB = sum(w ⊙ b)\n",
                probe(f),
                column(&z),
                column(&w)
            );
            // A function that reduces gives one number, which ⊙ takes for every entry.
            let m = module(&text);
            let (a, b) = (found(&m, "a"), found(&m, "b"));
            assert!(
                a.iter().zip(&b).all(|(a, b)| near(*a, *b, 1e-12)),
                "{name}: {a:?} {b:?}"
            );
            let (line, own) = (asked(&m, "dA/dz").data, asked(&m, "dB/dz").data);
            let same = line.iter().zip(&own).all(|(a, b)| near(*a, *b, 1e-9));
            assert!(same, "{name}: {line:?} and {own:?} by its equation");
            of_question(&m, "dA/dz").unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

#[test]
fn functions_of_one_example_stay_finite_far_out() {
    for f in of_one_example() {
        for z in [[-FAR, 0.0, FAR], [FAR, FAR, FAR], [0.0, 0.0, 0.0]] {
            let name = &f.name.written;
            let m = module(&format!("z := {}\na = {name}(z)\nA = sum(a)\n", column(&z)));
            let (a, d) = (found(&m, "a"), asked(&m, "dA/dz").data);
            assert!(
                a.iter().chain(&d).all(|x| x.is_finite()),
                "{name}({z:?}): {a:?}, {d:?}"
            );
        }
    }
}

#[test]
fn gradients_of_losses_agree_with_differences() {
    let mut n = Numbers(5);
    let mut count = 0;
    for f in losses() {
        for _ in 0..20 {
            let mut draw =
                || -> Vec<f64> { (0..4).map(|_| 0.9 * n.unit().abs()).collect() };
            let (y, p) = (column(&draw()), column(&draw()));
            let name = &f.name.written;
            let m = module(&format!("y := {y}\np := {p}\nL = {name}(y, p)\n"));
            for q in ["dL/dp", "dL/dy"] {
                of_question(&m, q).unwrap_or_else(|e| panic!("{name} {q}: {e}"));
                count += 1;
            }
        }
    }
    assert!(count >= 8 * 40, "only {count} gradients");
}

/// What a user writes out is as stable as what is shipped (rule 12).
#[test]
fn formulas_written_out_stay_exact_far_out() {
    let scores = "z := [-10000; 0; 10000]\ny := [1; 0; 0]\n";
    let numbers = "z := [-10000; 10000]\n";
    let cross = [-1.0, 0.0, 1.0];
    let cases: [(&str, &str, f64, &[f64]); 8] = [
        (scores, "p = softmax(z)\nL = −∑ y log(p)", 2.0 * FAR, &cross),
        (scores, "L = −∑ y log(softmax(z))", 2.0 * FAR, &cross),
        (scores, "p = softmax(z)\nL = −∑_i y_i log(p_i)", 2.0 * FAR, &cross),
        (scores, "p = exp(z) / sum(exp(z))\nL = −sum(y ⊙ log(p))", 2.0 * FAR, &cross),
        (scores, "p = exp(z) / sum(exp(z))\nL = −yᵀ log(p)", 2.0 * FAR, &cross),
        (numbers, "L = −sum(log(sigmoid(z)))", FAR, &[-1.0, 0.0]),
        (numbers, "a = 1 / (1 + exp(−z))\nL = −sum(log(1 − a))", FAR, &[0.0, 1.0]),
        (numbers, "L = sum(log(1 + exp(z)))", FAR, &[0.0, 1.0]),
    ];
    for (values, formula, wanted, gradient) in cases {
        let m = module(&format!("{values}{formula}\n"));
        let value = asked(&m, "L").data[0];
        assert!(near(value, wanted, 1e-12), "{formula}: {value}, not {wanted}");
        let d = asked(&m, "dL/dz").data;
        let same = d.iter().zip(gradient).all(|(a, b)| near(*a, *b, 1e-12));
        assert!(same, "{formula}: gradient {d:?}, not {gradient:?}");
    }
}

#[test]
fn every_optimiser_goes_downhill() {
    let text = "w := [1; -2]\nJ = 1/2 ‖w‖²\ntrainable: w\n";
    let m = module(text);
    for o in &table().optimizers {
        let name = &o.name.written;
        let options = AskOptions {
            update: Some(format!("{name}(lr = 0.05)")),
            steps: 60,
            ..AskOptions::default()
        };
        let questions = ["J", "J@1", "J'"].map(String::from);
        let replies = ask(&m, &options, &questions).replies;
        let value = |i: usize| match &replies[i].answer {
            Ok(a) => match &a.value {
                Answered::Numbers(v) => v.data[0],
                other => panic!("{name}: {other:?}"),
            },
            Err(d) => panic!("{name}: {}", d.message),
        };
        assert!(value(1) < value(0), "{name}: {} after one step", value(1));
        assert!(value(2) < 0.6 * value(0), "{name}: {} after 60 steps", value(2));
    }
}
