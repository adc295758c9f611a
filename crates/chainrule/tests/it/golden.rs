//! Golden training: losses of fixed runs, bit for bit, and what happens to all three guards when
//! one derivative rule is wrong.
//!
//! The losses stand in `golden.txt`; after a change that means to move them, `CHAINRULE_BLESS=1`
//! writes the new ones, and the commit says why.

use std::fmt::Write as _;
use std::path::Path;

use chainrule::check;
use chainrule::graph::derived::derive;
use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::module::Module;
use chainrule::graph::optimizer::{parse_call, rule};
use chainrule::graph::syntax::parse_expression;
use chainrule::graph::{lower, prelude, verify};
use chainrule::plan::Purpose;
use chainrule::run::{BatchSource, Clock, Machine, UpdateRule};

use crate::common::{case_of, module};

/// A network and its optimiser.
struct Golden {
    name: &'static str,
    text: &'static str,
    optimizer: &'static str,
}

const SIZES: &[(&str, usize)] = &[("D", 20), ("H", 33), ("K", 5)];
const ROWS: usize = 48;
const STEPS: u32 = 20;

const ALL: [Golden; 3] = [
    Golden {
        name: "relu, softmax, adam",
        text: "
input x : D
target y : K one-hot
param W1 : H×D ~ he, b1 : H = 0, W2 : K×H ~ glorot, b2 : K = 0
a1 = relu(W1 x + b1)
L = cross_entropy(y, softmax(W2 a1 + b2))
minimize mean(L) + 1e-3/2 ‖W1‖²
",
        optimizer: "adam(lr = 0.01)",
    },
    Golden {
        name: "gelu, half_mse, momentum",
        text: "
input x : D
target y : K
param W1 : H×D ~ he, b1 : H = 0, W2 : K×H ~ glorot, b2 : K = 0
a1 = gelu(W1 x + b1)
L = half_mse(y, W2 a1 + b2)
minimize mean(L)
",
        optimizer: "momentum(lr = 0.001)",
    },
    Golden {
        name: "batch_norm, dropout, sigmoid, rmsprop",
        text: "
input x : D
target y : 1 binary
param W1 : H×D ~ glorot, W2 : 1×H ~ glorot, b2 : 1 = 0, γ : H = 1, β : H = 0
a1 = dropout(sigmoid(γ ⊙ batch_norm(W1 x) + β), 0.2)
L = bce(y, sigmoid(W2 a1 + b2))
minimize mean(L)
",
        optimizer: "rmsprop(lr = 0.01)",
    },
];

/// The objective before each of twenty steps, in f32.
fn losses(golden: &Golden, module: &Module, threads: usize) -> Vec<f64> {
    trained(golden.optimizer, module, threads).0
}

/// The same, and the bits of the final weights and states.
fn trained(optimizer: &str, module: &Module, threads: usize) -> (Vec<f64>, Vec<u32>) {
    let case = case_of(module, SIZES, ROWS, Form::Training);
    let functions = prelude::functions();
    let call = parse_call(functions, optimizer).expect("a call");
    let rule = rule(functions, &call, true).expect("a rule");
    let rule = std::sync::Arc::new(UpdateRule::new(&rule).expect("plans"));
    let plan = case.plan(Purpose::Train, true, &[]);
    let mut machine: Machine<f32> = case.machine(plan, threads, ROWS).with_rule(&rule);
    let step = |t: u32| {
        machine.set_random_key(1, u64::from(t));
        machine.run();
        let (t, epoch, total) = (f64::from(t), 1.0, f64::from(STEPS));
        let loss = machine.scalar(case.x.objective).expect("kept");
        machine.update(Clock { t, epoch, total, lr_scale: 1.0 });
        loss
    };
    let losses = (1..=STEPS).map(step).collect();
    let all = machine.parameters().iter().chain(machine.states());
    (losses, all.map(|x| x.to_bits()).collect())
}

/// A first layer of so many weights that its gradient is left to the update.
const LARGE: &str = "
input x : 200
target y : 5 one-hot
param W1 : 100×200 ~ he, b1 : 100 = 0, W2 : 5×100 ~ glorot, b2 : 5 = 0
L = cross_entropy(y, softmax(W2 relu(W1 x + b1) + b2))
minimize mean(L)
";

#[test]
fn a_gradient_left_to_the_update_changes_no_bit() {
    let module = module(LARGE);
    let case = case_of(&module, &[], ROWS, Form::Training);
    let functions = prelude::functions();
    let call = parse_call(functions, "adam(lr = 0.01)").expect("a call");
    let rule = rule(functions, &call, true).expect("a rule");
    let rule = std::sync::Arc::new(UpdateRule::new(&rule).expect("plans"));
    // Whether the update may make the gradient, whether somebody asks for its norm before.
    let trained = |threads: usize, left: bool, asked: bool| {
        let plan = case.plan(Purpose::Train, true, &[]);
        let mut machine: Machine<f32> =
            case.machine(plan, threads, ROWS).with_rule(&rule);
        let mut norms = Vec::new();
        for t in 1..=STEPS {
            match left {
                true => machine.run_to_learn(&NO_DATA, &[]),
                false => machine.run(),
            }
            norms.extend(asked.then(|| machine.gradient_norm().to_bits()));
            let (t, epoch, total) = (f64::from(t), 1.0, f64::from(STEPS));
            machine.update(Clock { t, epoch, total, lr_scale: 1.0 });
        }
        let all = machine.parameters().iter().chain(machine.states());
        let all: Vec<u32> = all.map(|x| x.to_bits()).collect();
        let gradient = machine.gradients().iter().map(|x| x.to_bits()).collect();
        (all, norms, gradient)
    };
    let (whole, norms, gradient): (_, _, Vec<u32>) = trained(1, false, true);
    assert_eq!(trained(1, true, true), (whole.clone(), norms, gradient.clone()));
    for threads in [1, 2, 3, 8] {
        let (left, _, instead) = trained(threads, true, false);
        assert!(left == whole, "{threads} threads");
        assert!(instead != gradient, "the gradient was made as a whole");
    }
}

const NO_DATA: [(chainrule::graph::graph::SymId, BatchSource<'static, f32>); 0] = [];

fn written(golden: &Golden, losses: &[f64]) -> String {
    let mut text = format!("{}:", golden.name);
    for loss in losses {
        write!(text, " {loss:?}").expect("a string takes everything");
    }
    text
}

fn kept() -> String {
    std::fs::read_to_string(path()).expect("golden.txt is there")
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden.txt")
}

#[test]
fn golden_losses_hold_to_the_bit_on_any_number_of_threads() {
    let now: Vec<String> =
        ALL.iter().map(|g| written(g, &losses(g, &module(g.text), 1))).collect();
    if std::env::var_os("CHAINRULE_BLESS").is_some() {
        std::fs::write(path(), now.join("\n") + "\n").expect("golden.txt is written");
    }
    let kept = kept();
    for (line, kept) in now.iter().zip(kept.lines()) {
        assert_eq!(line, kept);
    }
    assert_eq!(now.len(), kept.lines().count());
    for (golden, one) in ALL.iter().zip(now) {
        for threads in [2, 3, 8] {
            let many = losses(golden, &module(golden.text), threads);
            assert_eq!(written(golden, &many), one, "on {threads} threads");
        }
    }
}

const MORE: [&str; 2] = [
    "
input x : D
target y : K one-hot
param W1 : H×D ~ he, W2 : H×H ~ he, W3 : K×H ~ glorot, b : H = 0
a1 = tanh(W1 x + b)
a2 = a1 + silu(layer_norm(W2 a1))
L = cross_entropy(y, softmax(W3 a2))
minimize mean(L) + 1e-3 ‖W1, W2‖_1
",
    "
input x : D
target y : K multi-hot
param W1 : H×D ~ he, W2 : K×H ~ glorot, α : 1 = 0.1
bend(z, α) = z if z > 0 else α (exp(z) - 1)
a1 = bend(W1 x, α)
L = bce(y, sigmoid(W2 a1))
minimize mean(L)
",
];

#[test]
fn final_weights_and_states_are_equal_on_any_number_of_threads() {
    for text in ALL.iter().map(|g| g.text).chain(MORE) {
        let module = module(text);
        for optimizer in
            ["adamw(lr = 0.01)", "nesterov(lr = 0.001)", "adagrad(lr = 0.01)"]
        {
            let one = trained(optimizer, &module, 1).1;
            for threads in [2, 3, 8] {
                let many = trained(optimizer, &module, threads).1;
                assert!(many == one, "{optimizer} on {threads} threads: {text}");
            }
        }
    }
}

/// The module with another derivative for one of the functions.
fn broken(module: &Module, function: &str, derivative: &str) -> Module {
    let mut module = module.clone();
    let id = module.functions.find(function).expect("shipped");
    let known = |n: &str| lower::is_builtin(n) || module.functions.find(n).is_some();
    let (wrong, found) = parse_expression(derivative, &known);
    assert!(found.is_empty(), "{found:?}");
    module.functions.all[id.0 as usize].derivative = Some(wrong);
    module
}

#[test]
fn a_broken_derivative_rule_fails_the_solution_the_check_and_the_golden_training() {
    let kept = kept();
    let slips = [
        ("relu", "1 if z > 0 else 0.01"),
        ("gelu", "0.5 (1 + erf(z / sqrt(2)))"),
        ("sigmoid", "sigmoid(z) (1 + sigmoid(z))"),
    ];
    for ((golden, line), (function, derivative)) in
        ALL.iter().zip(kept.lines()).zip(slips)
    {
        let whole = module(golden.text);
        let fine = derive(&whole).expect("derives");
        assert!(verify::gradient(&whole, &fine, 0).is_ok(), "{function}");
        let passes = |m: &Module| {
            let checked = check::gradients(m, &derive(m).expect("derives"), None, 0);
            checked.expect("is checked").expect("learns").passed()
        };
        assert!(passes(&whole), "{function}");

        let slipped = broken(&whole, function, derivative);
        let derived = derive(&slipped).expect("derives");
        assert!(verify::gradient(&slipped, &derived, 0).is_err(), "{function}: explain");
        assert!(!passes(&slipped), "{function}: check");
        let moved = written(golden, &losses(golden, &slipped, 1));
        assert_ne!(moved, line, "{function}: golden training");
    }
}
