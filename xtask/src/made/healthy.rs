//! Trainings that look odd and are well.
//!
//! In: a case of a task. Out: the same, with something that fixed limits would take for a fault.
//! Invariant: each of them learns what is there; nothing in it has to be mended. Deliberately absent:
//! faults.

use serde_json::{Value, json};

use super::faults::{data, deep, last, optimizer, put, start};

/// A training without a fault.
pub(super) struct Healthy {
    pub(super) name: &'static str,
    pub(super) task: &'static str,
    pub(super) change: fn(&mut Value),
}

const fn healthy(
    name: &'static str,
    task: &'static str,
    change: fn(&mut Value),
) -> Healthy {
    Healthy { name, task, change }
}

/// Many epochs of a rate.
fn long(case: &mut Value, name: &str, lr: f64, epochs: u64) {
    optimizer(case, name, lr);
    put(case, "epochs", epochs.into());
}

/// The healthy ones that look odd.
pub(super) const ODD: &[Healthy] = &[
    healthy("sgd-rate-3", "digits", |c| {
        deep(c, 1, 30, "sigmoid");
        long(c, "sgd", 3.0, 30);
        put(c, "batch", 10.into());
    }),
    healthy("sgd-rate-1", "wine", |c| {
        deep(c, 1, 12, "tanh");
        long(c, "sgd", 1.0, 60);
    }),
    healthy("narrow-deep-tanh", "moons", |c| {
        deep(c, 15, 6, "tanh");
        long(c, "adam", 0.002, 250);
    }),
    healthy("narrow-deep-tanh-2", "ring", |c| {
        deep(c, 11, 5, "tanh");
        long(c, "adam", 0.003, 250);
    }),
    healthy("last-layer-zero", "blobs", |c| {
        start(c, "glorot_uniform");
        if let Some(own) = c["init"].as_array_mut().and_then(|all| all.last_mut()) {
            *own = "zeros".into();
        }
    }),
    healthy("last-layer-zero-2", "sine", |c| {
        deep(c, 2, 24, "tanh");
        long(c, "adam", 0.01, 300);
        if let Some(own) = c["init"].as_array_mut().and_then(|all| all.last_mut()) {
            *own = "zeros".into();
        }
    }),
    healthy("dropout", "digits", |c| {
        deep(c, 1, 64, "relu");
        long(c, "adam", 0.002, 60);
        put(c, "dropout", json!([0.3]));
    }),
    healthy("dropout-2", "cancer", |c| {
        deep(c, 2, 20, "relu");
        long(c, "adam", 0.003, 40);
        put(c, "dropout", json!([0.2, 0.2]));
    }),
    healthy("no-hidden-layer", "plane", |c| {
        deep(c, 0, 0, "");
        long(c, "sgd", 0.05, 60);
        data(
            c,
            "formula",
            "400 rows x normal(0,1)^4, y = x1 - 2*x2 + 0.5*x3 + normal(0,0.2); seed 7"
                .into(),
        );
    }),
    healthy("logistic", "blobs", |c| {
        deep(c, 0, 0, "");
        long(c, "sgd", 0.3, 60);
    }),
    healthy("two-classes-by-softmax", "ring", |c| {
        if let Value::Array(sizes) = &mut c["layers"] {
            sizes.pop();
            sizes.push(2.into());
        }
        last(c, "softmax", "categorical_crossentropy");
        data(c, "classes", 2.into());
    }),
    healthy("sigmoid-for-shares", "diabetes", |c| last(c, "sigmoid", "")),
    healthy("absolute-error", "friedman", |c| {
        long(c, "adam", 0.005, 200);
        put(c, "loss", "mae".into());
    }),
    healthy("huber", "plane", |c| put(c, "loss", "huber".into())),
    healthy("one-row-at-a-time", "wine", |c| {
        long(c, "adam", 0.001, 40);
        put(c, "batch", 1.into());
    }),
    healthy("all-rows-at-once", "moons", |c| {
        long(c, "adam", 0.02, 800);
        put(c, "batch", "full".into());
    }),
    healthy("all-rows-at-once-2", "plane", |c| {
        deep(c, 1, 20, "tanh");
        long(c, "adam", 0.03, 600);
        put(c, "batch", "full".into());
    }),
    healthy("small-penalty", "halfspace", |c| put(c, "l2", 0.0005.into())),
    healthy("adadelta", "quadrants", |c| long(c, "adadelta", 1.0, 150)),
    healthy("adam-large-epsilon", "bands", |c| {
        long(c, "adam", 0.01, 120);
        put(
            c,
            "optimizer_params",
            json!({"epsilon": 0.001, "beta_1": 0.8, "beta_2": 0.99}),
        );
    }),
    healthy("orthogonal", "digits", |c| {
        long(c, "adam", 0.003, 40);
        start(c, "orthogonal");
    }),
    healthy("small-start", "wine", |c| start(c, "normal(sd=0.1)")),
    healthy("uneven-inputs", "plane", |c| {
        data(c, "formula", "500 rows x uniform(0,8)^4, y = 0.3*x1 - 0.2*x2 + 0.1*x3 + normal(0,0.1); seed 5".into());
        long(c, "adam", 0.003, 200);
    }),
    healthy("wide-targets", "plane", |c| {
        data(
            c,
            "formula",
            "500 rows x normal(0,1)^4, y = 8*x1 - 6*x2 + 2*x3*x4; seed 5".into(),
        );
        long(c, "adam", 0.01, 300);
    }),
    healthy("much-noise", "halfspace", |c| {
        data(
            c,
            "formula",
            "800 rows x normal(0,1)^6, y = where(x1 + 2*normal(0,1) > 0, 1, 0); seed 5"
                .into(),
        );
        deep(c, 1, 4, "tanh");
        long(c, "adam", 0.005, 40);
    }),
    healthy("noisy-numbers", "plane", |c| {
        data(
            c,
            "formula",
            "800 rows x normal(0,1)^4, y = 0.6*x1 + normal(0,1); seed 5".into(),
        );
        deep(c, 1, 4, "tanh");
        long(c, "adam", 0.005, 40);
    }),
    healthy("uneven-classes", "halfspace", |c| {
        data(
            c,
            "formula",
            "900 rows x normal(0,1)^6, y = where(x1 + x2 > 1.9, 1, 0); seed 5".into(),
        );
    }),
    healthy("relu-for-positive-numbers", "plane", |c| {
        data(
            c,
            "formula",
            "500 rows x normal(0,1)^4, y = 3 + x1^2 + 0.3*x2; seed 5".into(),
        );
        deep(c, 2, 24, "relu");
        last(c, "relu", "");
        start(c, "he_normal");
        long(c, "adam", 0.01, 200);
    }),
    healthy("gelu", "bands", |c| deep(c, 2, 32, "gelu")),
    healthy("softplus", "checkers", |c| {
        deep(c, 2, 24, "softplus");
        long(c, "adam", 0.01, 150);
    }),
    healthy("swish", "friedman", |c| {
        deep(c, 2, 24, "swish");
        long(c, "adam", 0.01, 150);
    }),
];
