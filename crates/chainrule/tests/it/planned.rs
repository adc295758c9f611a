//! Planned programs of files equal the literal evaluation: values, losses, gradients.

use chainrule::graph::expand::Purpose as Form;
use chainrule::plan::Purpose;

use crate::common::case;

const MLP: &str = "
input x : D
target y : K one-hot
param W1 : H×D ~ he, b1 : H = 0
param W2 : K×H ~ glorot, b2 : K = 0
z1 = W1 x + b1
a1 = relu(z1)
z2 = W2 a1 + b2
ŷ = softmax(z2)
L = cross_entropy(y, ŷ)
minimize mean(L) + 1e-4/2 ‖W1‖²
";

fn check(text: &str, sizes: &[(&str, usize)], m: usize) {
    case(text, sizes, m, Form::Training).check();
}

#[test]
fn a_network_with_softmax_and_cross_entropy() {
    check(MLP, &[("D", 5), ("H", 7), ("K", 3)], 6);
    check(MLP, &[("D", 33), ("H", 17), ("K", 130)], 37);
}

#[test]
fn no_one_hot_is_made_for_softmax_and_cross_entropy() {
    let case = case(MLP, &[("D", 5), ("H", 7), ("K", 3)], 6, Form::Training);
    let lines = case.plan(Purpose::Train, true, &[]).describe(&case.x.named);
    let words: Vec<String> =
        lines.iter().map(|l| format!("{} -> {:?}", l.what, l.names)).collect();
    assert!(lines.iter().all(|l| l.note.is_none()), "{words:#?}");
    assert!(lines.len() <= 26, "{words:#?}");
}

#[test]
fn every_activation() {
    for f in [
        "identity",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "elu",
        "selu",
        "softplus",
        "gelu",
        "gelu_tanh",
        "silu",
        "mish",
        "hard_sigmoid",
    ] {
        let text = format!(
            "input x : D\ntarget t : 1\nparam W : H×D ~ he, b : H = 0, v : 1×H ~ he\n\
             a = {f}(W x + b)\np = v a\nL = half_mse(t, p)\nminimize mean(L)\n"
        );
        check(&text, &[("D", 4), ("H", 6)], 5);
    }
}

#[test]
fn every_loss() {
    for (loss, target, out) in [
        ("cross_entropy(y, softmax(z))", "y : K one-hot", ""),
        ("bce(t, sigmoid(z))", "t : K binary", ""),
        ("half_mse(t, z)", "t : K", ""),
        ("mse(t, z)", "t : K", ""),
        ("mae(t, z)", "t : K", ""),
        ("huber(t, z)", "t : K", ""),
        ("hinge(y, z)", "y : K one-hot", ""),
        ("poisson(t, exp(z))", "t : K", ""),
        ("half_mse(y, softmax(z))", "y : K one-hot", ""),
        ("-yᵀ log_softmax(z)", "y : K one-hot", ""),
        ("logsumexp(z) - yᵀ z", "y : K one-hot", ""),
    ] {
        let text = format!(
            "input x : D\ntarget {target}\nparam W : K×D ~ he, b : K = 0\nz = W x + b\n\
             {out}L = {loss}\noutput: z\nminimize mean(L)\n"
        );
        check(&text, &[("D", 4), ("K", 3)], 5);
    }
}

#[test]
fn normalisation_and_dropout() {
    check(
        "input x : D\ntarget y : K one-hot\nparam W1 : H×D ~ he, b1 : H = 0, γ : H = 1, β : H = 0\n\
         param W2 : K×H ~ he\n\
         n = γ ⊙ batch_norm(W1 x + b1) + β\na = dropout(relu(n), 0.4)\nL = cross_entropy(y, softmax(W2 a))\n\
         minimize mean(L)\n",
        &[("D", 4), ("H", 6), ("K", 3)],
        8,
    );
    check(
        "input x : D\ntarget t : 1\nparam W1 : H×D ~ he, γ : H = 1, v : 1×H ~ he\n\
         n = γ ⊙ layer_norm(W1 x)\nL = half_mse(t, v tanh(n))\nminimize mean(L)\n",
        &[("D", 4), ("H", 6)],
        5,
    );
}

#[test]
fn shared_weights_residuals_stacks_and_parts() {
    check(
        "input x : D\ntarget t : D\nparam W : H×D ~ he, b : H = 0, s : 1 = 1\n\
         h = tanh(W x + b)\nr = s (Wᵀ h) + x\nL = half_mse(t, r)\nminimize mean(L) + 0.1 ‖W‖² / ‖b‖\n",
        &[("D", 4), ("H", 3)],
        5,
    );
    check(
        "input x : D\ntarget t : 1\nparam W : H×D ~ he, U : H×D ~ he, v : 1×(H+H) ~ he\n\
         h = [tanh(W x); sigmoid(U x)]\nL = half_mse(t, v h)\nminimize mean(L)\n",
        &[("D", 4), ("H", 3)],
        5,
    );
}

#[test]
fn products_of_columns_and_matrices_of_one_example() {
    check(
        "input x : D\ntarget t : 1\nparam A : D×D ~ he, b : D = 0\n\
         q = xᵀ A x + bᵀ x\nL = half_mse(t, q)\nminimize mean(L)\n",
        &[("D", 4)],
        5,
    );
    check(
        "input x : D\ntarget t : 1\nparam A : D×D ~ he, b : D ~ normal(0, 1)\n\
         M = A + x xᵀ\nq = bᵀ M b + sum(M ⊙ M) + max(M)\nL = half_mse(t, q)\nminimize mean(L)\n",
        &[("D", 4)],
        5,
    );
}

#[test]
fn worst_examples_count() {
    check(
        "input x : D\ntarget t : K\nparam W : K×D ~ he\nz = W x\nL = max(abs(z - t)) + min(z) + sum(abs(z))\n\
         output: z\nminimize mean(L)\n",
        &[("D", 4), ("K", 3)],
        6,
    );
}

#[test]
fn evaluation_form_uses_running_statistics() {
    let text = "input x : D\ntarget t : 1\nparam W1 : H×D ~ he, v : 1×H ~ he\n\
         n = dropout(batch_norm(W1 x), 0.5)\nL = half_mse(t, v tanh(n))\nminimize mean(L)\n";
    case(text, &[("D", 4), ("H", 6)], 5, Form::Evaluation).check();
}

/// A file that writes the whole batch as a matrix: m is the batch dimension.
fn check_matrices(text: &str, sizes: &[(&str, usize)], m: usize) {
    let mut sizes = sizes.to_vec();
    sizes.push(("m", m));
    let mut case = case(text, &sizes, m, Form::Training);
    case.batch = Some("m".to_string());
    case.check();
}

#[test]
fn batches_as_columns_and_as_rows() {
    check_matrices(
        "examples: columns\nX : D×m\nY : K×m\nW1 : H×D\nb1 : H\nW2 : K×H\nb2 : K\ntrainable: W1 b1 W2 b2\n\
         Z1 = W1 X + b1\nA1 = relu(Z1)\nZ2 = W2 A1 + b2\nP = softmax(Z2)\n\
         minimize J = -1/m sum(Y ⊙ log(P))\n",
        &[("D", 4), ("H", 6), ("K", 3)],
        5,
    );
    check_matrices(
        "examples: rows\nX : m×D\nY : m×K\nW1 : D×H\nb1 : 1×H\nW2 : H×K\ntrainable: W1 b1 W2\n\
         A1 = tanh(X W1 + b1)\nE = A1 W2 - Y\nminimize J = 1/m ‖E‖²\n",
        &[("D", 4), ("H", 6), ("K", 3)],
        5,
    );
}
