//! What there is to learn, and a network for each that learns it.
//!
//! In: nothing. Out: a case without a fault, in the words of the published ones. Invariant: none of
//! the data is that of a published case. Deliberately absent: faults (see `faults`).

use serde_json::{Value, json};

/// What the targets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Binary,
    Classes(u64),
    Numbers,
}

/// Rows to learn from, with a training that suits them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) inputs: u64,
    /// The field of a case, as JSON.
    data: &'static str,
    epochs: u64,
}

const fn task(
    name: &'static str,
    kind: Kind,
    inputs: u64,
    epochs: u64,
    data: &'static str,
) -> Task {
    Task { name, kind, inputs, data, epochs }
}

/// The tasks; those without a package's data come first.
pub(super) const TASKS: &[Task] = &[
    task(
        "checkers",
        Kind::Binary,
        2,
        60,
        r#"{"formula":
        "400 rows x uniform(-1,1)^2, y = where(x1*x2 > 0, 1, 0); seed 3", "kind": "binary",
        "split": "test_size 0.25, seed 5"}"#,
    ),
    task(
        "ring",
        Kind::Binary,
        2,
        60,
        r#"{"formula":
        "500 rows x normal(0,1)^2, y = where(x1^2 + x2^2 + normal(0,0.4) > 1.4, 1, 0); seed 4",
        "kind": "binary", "split": "test_size 0.3, seed 1"}"#,
    ),
    task(
        "halfspace",
        Kind::Binary,
        6,
        40,
        r#"{"formula":
        "600 rows x normal(0,1)^6, y = where(x1 - x2 + x3*x4 + normal(0,0.5) > 0, 1, 0); seed 9",
        "kind": "binary", "split": "test_size 0.25, seed 5"}"#,
    ),
    task(
        "quadrants",
        Kind::Classes(4),
        2,
        60,
        r#"{"formula":
        "500 rows x normal(0,1)^2, y = where(x1 > 0, 1, 0) + 2*where(x2 > 0.3, 1, 0); seed 6",
        "kind": "classification", "classes": 4, "split": "test_size 0.2, seed 2"}"#,
    ),
    task(
        "bands",
        Kind::Classes(3),
        3,
        80,
        r#"{"formula":
        "450 rows x uniform(-2,2)^3, y = floor(1.5 + 1.4*sin(x1 + x2*x3)); seed 8",
        "kind": "classification", "classes": 3, "split": "test_size 0.2, seed 2"}"#,
    ),
    task(
        "sine",
        Kind::Numbers,
        1,
        150,
        r#"{"formula":
        "300 rows x uniform(-2,2), y = sin(2*x) + normal(0,0.05); seed 2",
        "split": "test_size 0.25, seed 5"}"#,
    ),
    task(
        "plane",
        Kind::Numbers,
        4,
        60,
        r#"{"formula":
        "400 rows x normal(0,1)^4, y = x1 - 2*x2 + 0.5*x3*x4 + normal(0,0.2); seed 7",
        "split": "test_size 0.25, seed 5"}"#,
    ),
    task(
        "friedman",
        Kind::Numbers,
        5,
        100,
        r#"{"formula":
        "500 rows x uniform(0,1)^5, y = sin(3.1416*x1*x2) + 2*(x3 - 0.5)^2 + x4 + 0.5*x5 + normal(0,0.1); seed 5",
        "split": "test_size 0.2, seed 3", "preprocess": "standardise"}"#,
    ),
    task(
        "moons",
        Kind::Binary,
        2,
        80,
        r#"{"formula":
        "sklearn make_moons(500, noise 0.2); seed 1", "kind": "binary",
        "split": "test_size 0.3, seed 1"}"#,
    ),
    task(
        "cancer",
        Kind::Binary,
        30,
        30,
        r#"{"needs": "breast cancer", "kind": "binary",
        "preprocess": "standardise", "split": "test_size 0.3, seed 1"}"#,
    ),
    task(
        "blobs",
        Kind::Classes(5),
        4,
        40,
        r#"{"formula":
        "sklearn make_blobs(600, 4 features, 5 centers); seed 2, standardise",
        "kind": "classification", "classes": 5, "split": "test_size 0.3, seed 1"}"#,
    ),
    task(
        "wine",
        Kind::Classes(3),
        13,
        60,
        r#"{"needs": "wine", "kind": "classification",
        "classes": 3, "preprocess": "standardise", "split": "test_size 0.3, seed 1"}"#,
    ),
    task(
        "digits",
        Kind::Classes(10),
        64,
        30,
        r#"{"needs": "digits", "kind": "classification",
        "classes": 10, "preprocess": "/ 16", "split": "test_size 0.2, seed 1"}"#,
    ),
    task(
        "diabetes",
        Kind::Numbers,
        10,
        80,
        r#"{"needs": "diabetes", "preprocess":
        "min-max scale each input column and the target to 0..1", "split": "test_size 0.2, seed 1"}"#,
    ),
];

/// Hidden layers: their widths, and the activation behind each.
pub(super) type Hidden = (&'static [u64], &'static str);

/// Networks of several depths.
pub(super) const HIDDEN: &[Hidden] = &[
    (&[16], "relu"),
    (&[24, 12], "tanh"),
    (&[32, 16], "relu"),
    (&[20, 20, 20], "elu"),
    (&[40], "tanh"),
    (&[12, 12], "selu"),
];

/// Optimisers with a rate that suits small networks.
pub(super) const OPTIMIZERS: &[(&str, f64, f64)] = &[
    ("adam", 0.01, 0.0),
    ("rmsprop", 0.003, 0.0),
    ("sgd", 0.05, 0.9),
    ("adamax", 0.01, 0.0),
    ("adagrad", 0.1, 0.0),
    ("nadam", 0.005, 0.0),
];

impl Task {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        TASKS.iter().find(|t| t.name == name)
    }

    fn outputs(&self) -> u64 {
        if let Kind::Classes(n) = self.kind { n } else { 1 }
    }

    /// A training of it that does well, by choices of network and optimiser.
    pub(super) fn case(&self, hidden: usize, optimizer: usize) -> Value {
        let (widths, act) = HIDDEN[hidden % HIDDEN.len()];
        let (optimizer, lr, momentum) = OPTIMIZERS[optimizer % OPTIMIZERS.len()];
        let (last, loss) = match self.kind {
            Kind::Binary => ("sigmoid", "binary_crossentropy"),
            Kind::Classes(_) => ("softmax", "categorical_crossentropy"),
            Kind::Numbers => ("linear", "mse"),
        };
        let mut layers = vec![self.inputs];
        layers.extend(widths);
        layers.push(self.outputs());
        let mut acts = vec![act; widths.len()];
        acts.push(last);
        let init = vec!["glorot_uniform"; acts.len()];
        let given =
            if momentum > 0.0 { json!({"momentum": momentum}) } else { json!({}) };
        let data: Value = serde_json::from_str(self.data).unwrap_or_default();
        json!({
            "status": "healthy", "layers": layers, "activations": acts, "init": init,
            "loss": loss, "optimizer": optimizer, "lr": lr, "optimizer_params": given,
            "batch": 32, "epochs": self.epochs, "data": data, "must_report_any": [],
        })
    }
}
