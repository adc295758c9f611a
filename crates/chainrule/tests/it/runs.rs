//! Runs: batches, updates, clipping, state of batch norm, and nothing allocated on the way.

use std::sync::Arc;

use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::optimizer::{parse_call, rule};
use chainrule::graph::prelude;
use chainrule::plan::Purpose;
use chainrule::run::{BatchSource, Clock, Machine, UpdateRule};

use crate::common::{Case, case, near};

const NET: &str = "
input x : D
target y : K one-hot
param W1 : H×D ~ he, b1 : H = 0
param W2 : K×H ~ glorot, b2 : K = 0
a1 = dropout(relu(batch_norm(W1 x + b1)), 0.2)
p = softmax(W2 a1 + b2)
L = cross_entropy(y, p)
minimize mean(L) + 1e-4/2 ‖W1‖²
";
const SIZES: &[(&str, usize)] = &[("D", 5), ("H", 7), ("K", 3)];

fn optimiser(text: &str) -> Arc<UpdateRule> {
    let functions = prelude::functions();
    let call = parse_call(functions, text).expect("a call");
    let rule = rule(functions, &call, true).expect("a rule");
    Arc::new(UpdateRule::new(&rule).expect("plans"))
}

fn clock(t: f64) -> Clock {
    Clock { t, epoch: 1.0, total: 10.0, lr_scale: 1.0 }
}

#[test]
fn adam_is_the_formula() {
    let case = case(NET, SIZES, 6, Form::Training);
    let plan = case.plan(Purpose::Train, true, &[]);
    let rule = optimiser("adam(lr = 0.1, weight_decay = 0.01)");
    let mut machine: Machine<f64> = case.machine(plan, 2, 6).with_rule(&rule);
    let n = machine.parameters().len();
    let (mut theta, mut m, mut v) =
        (machine.parameters().to_vec(), vec![0.0; n], vec![0.0; n]);
    for t in 1..=3 {
        machine.run();
        let g = machine.gradients().to_vec();
        machine.update(clock(f64::from(t)));
        for i in 0..n {
            let g = g[i] + 0.01 * theta[i];
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            let (c1, c2) = (1.0 - 0.9f64.powi(t), 1.0 - 0.999f64.powi(t));
            theta[i] -= 0.1 * (m[i] / c1) / ((v[i] / c2).sqrt() + 1e-8);
        }
        near(machine.parameters(), &theta, 1e-12, 1.0, &|| format!("after step {t}"));
    }
    near(machine.states(), &[m, v].concat(), 1e-12, 1e-3, &|| "states".to_string());
    assert_eq!(machine.argument("lr"), Some(0.1));
}

#[test]
fn every_shipped_optimiser_is_one_pass() {
    for o in [
        "sgd(lr = 0.1)",
        "momentum(lr = 0.1)",
        "momentum_velocity(lr = 0.1)",
        "momentum_average(lr = 0.1)",
        "nesterov(lr = 0.1)",
        "adagrad(lr = 0.1)",
        "rmsprop(lr = 0.1)",
        "adam(lr = 0.1 · 0.95^epoch)",
        "adamw(lr = 0.1)",
    ] {
        assert_eq!(optimiser(o).passes(), 1, "{o}");
    }
}

#[test]
fn rules_can_differ_by_symbol() {
    let case = case(NET, SIZES, 6, Form::Training);
    let rules = [optimiser("sgd(lr = 0.5)"), optimiser("momentum(lr = 1e-300)")];
    let plan = case.plan(Purpose::Train, true, &[]);
    let learned = plan.learned().to_vec();
    let choice: Vec<usize> = (0..learned.len()).map(|i| usize::from(i == 1)).collect();
    let mut machine: Machine<f64> = case.machine(plan, 1, 6).with_rules(&rules, &choice);
    let before: Vec<_> = learned.iter().map(|s| machine.get(*s)).collect();
    machine.run();
    machine.update(clock(1.0));
    for (i, s) in learned.iter().enumerate() {
        let same = machine.get(*s) == before[i];
        let flat = i == 1;
        let zero = case.x.gradients[i].1;
        let still = machine.value(zero).expect("kept").iter().all(|g| *g == 0.0);
        assert_eq!(same, flat || still, "symbol {i}");
    }
}

#[test]
fn clipping_scales_to_the_limit() {
    let case = case(NET, SIZES, 6, Form::Training);
    let plan = case.plan(Purpose::Train, true, &[]);
    let mut machine: Machine<f64> =
        case.machine(plan, 1, 6).with_rule(&optimiser("adam()"));
    machine.run();
    let norm = machine.gradients().iter().map(|g| g * g).sum::<f64>().sqrt();
    assert!((machine.clip(norm * 2.0) - norm).abs() < 1e-12 * norm);
    assert!((machine.clip(norm / 3.0) - norm).abs() < 1e-12 * norm);
    assert!((machine.gradient_norm() - norm / 3.0).abs() < 1e-12 * norm);
}

#[test]
fn running_statistics_move_by_a_tenth() {
    let case = case(NET, SIZES, 6, Form::Training);
    let mut machine: Machine<f64> =
        case.machine(case.plan(Purpose::Train, true, &[]), 1, 6);
    let (zeros, ones) = (vec![0.0; 7], vec![1.0; 7]);
    machine.set_running(0, false, &zeros);
    machine.set_running(0, true, &ones);
    machine.run();
    let first = machine.running(0, false).expect("a site");
    machine.run();
    let second = machine.running(0, false).expect("a site");
    let want: Vec<f64> = first.iter().map(|x| 0.9 * x + x).collect();
    near(&second, &want, 1e-12, 1e-3, &|| "mean".to_string());
    assert_eq!(machine.first_nonfinite(), None);
    assert_eq!(machine.running(0, false), Some(second));
}

#[test]
fn the_first_bad_value_is_named() {
    let text = "input x : D\ntarget t : 1\nparam v : 1×D ~ he\n\
                u = log(x)\np = v u\nL = half_mse(t, p)\nminimize mean(L)\n";
    let case = case(text, &[("D", 3)], 4, Form::Training);
    let mut machine: Machine<f32> =
        case.machine(case.plan(Purpose::Train, true, &[]), 1, 4);
    machine.run();
    let bad = machine.first_nonfinite().expect("a logarithm of something negative");
    let named = case.x.named.iter().find(|(n, _)| *n == bad).map(|(_, s)| s.as_str());
    assert_eq!(named, Some("u"));
}

#[test]
fn a_mask_depends_on_seed_and_step_only() {
    let case = case(NET, SIZES, 6, Form::Training);
    let masks = case.masks();
    let draw = |team: usize, step: u64| {
        let mut machine: Machine<f32> =
            case.machine(case.plan(Purpose::Train, true, &masks), team, 6);
        machine.set_random_key(9, step);
        machine.run();
        machine.value(masks[0]).expect("kept")
    };
    assert_eq!(draw(1, 4), draw(3, 4));
    assert_ne!(draw(1, 4), draw(1, 5));
    assert!(draw(1, 4).iter().all(|&x| x == 0.0 || (x - 1.25).abs() < 1e-6));
}

#[test]
fn forward_reads_no_target() {
    let case: Case = case(NET, SIZES, 6, Form::Evaluation);
    let plan = case.plan(Purpose::Forward, true, &[]);
    let mut machine: Machine<f32> = case.machine(plan, 1, 6);
    machine.run();
    let p = machine.value(case.x.output.expect("an output")).expect("kept");
    for row in p.chunks(3) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{row:?}");
    }
}

#[test]
fn many_classes_need_no_one_hot() {
    let text = "input x : D\ntarget y : K one-hot\nparam W : K×D ~ he, b : K = 0\n\
                L = cross_entropy(y, softmax(W x + b))\nminimize mean(L)\n";
    let case = case(text, &[("D", 8), ("K", 100_000)], 32, Form::Training);
    let plan = case.plan(Purpose::Train, true, &[]);
    // Scores and their gradient share one place; the rest is parameters and the batch.
    assert!(plan.arena() < 2 * 900_000 + 2 * 32 * 100_000 + 4000, "{}", plan.arena());
    let mut machine: Machine<f32> =
        case.machine(plan, 1, 32).with_rule(&optimiser("sgd(lr = 1)"));
    machine.run();
    let before = machine.scalar(case.x.objective).expect("kept");
    machine.update(clock(1.0));
    machine.run();
    assert!(machine.scalar(case.x.objective).expect("kept") < before);
}

#[test]
fn indexed_targets_are_checked() {
    let case = case(NET, SIZES, 2, Form::Training);
    let mut machine: Machine<f32> =
        case.machine(case.plan(Purpose::Train, true, &[]), 1, 2);
    let y = *case.classes.keys().next().expect("a one-hot symbol");
    let bad = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        machine.load(y, BatchSource::Index(&[0, 3]), &[0, 1]);
    }));
    assert!(bad.is_err(), "class 3 of 3");
}
