//! Faults that people make, each put into trainings that were well.
//!
//! In: a case without a fault. Out: the same with one, and the words that name it. A fault is one
//! entry of [`FAULTS`]. Invariant: what is changed is what the fault is about, and nothing else.
//! Deliberately absent: what a diagnosis says.

use serde_json::{Value, json};

/// A fault, where it is put in, and how.
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// A finding with one of these words has noticed it.
    pub(super) words: &'static [&'static str],
    pub(super) tasks: &'static [&'static str],
    pub(super) change: fn(&mut Value),
}

const fn fault(
    name: &'static str,
    words: &'static [&'static str],
    tasks: &'static [&'static str],
    change: fn(&mut Value),
) -> Fault {
    Fault { name, words, tasks, change }
}

/// Other targets, inputs or epochs, in place of the case's own.
pub(super) fn put(case: &mut Value, field: &str, value: Value) {
    case[field] = value;
}

pub(super) fn data(case: &mut Value, field: &str, value: Value) {
    case["data"][field] = value;
}

fn acts(case: &mut Value) -> &mut Vec<Value> {
    match &mut case["activations"] {
        Value::Array(all) => all,
        _ => unreachable!("a case has activations"),
    }
}

pub(super) fn last(case: &mut Value, act: &str, loss: &str) {
    if let Some(own) = acts(case).last_mut() {
        *own = act.into();
    }
    if !loss.is_empty() {
        put(case, "loss", loss.into());
    }
}

/// So many hidden layers of so many units.
pub(super) fn deep(case: &mut Value, layers: usize, units: u64, act: &str) {
    let ends = |v: &Value| (v[0].clone(), v.as_array().and_then(|a| a.last().cloned()));
    let (first, output) = ends(&case["layers"]);
    let mut sizes = vec![first];
    sizes.extend(std::iter::repeat_n(Value::from(units), layers));
    sizes.extend(output);
    let end = acts(case).last().cloned();
    let mut all = vec![Value::from(act); layers];
    all.extend(end);
    put(case, "layers", sizes.into());
    put(case, "activations", all.into());
    start(case, "glorot_uniform");
}

pub(super) fn start(case: &mut Value, how: &str) {
    let n = acts(case).len();
    put(case, "init", vec![how; n].into());
}

pub(super) fn optimizer(case: &mut Value, name: &str, lr: f64) {
    put(case, "optimizer", name.into());
    put(case, "lr", lr.into());
    put(case, "optimizer_params", json!({}));
}

/// Rows by another formula.
fn formula(case: &mut Value, text: &str) {
    data(case, "formula", text.into());
}

const ALL: &[&str] = &["checkers", "quadrants", "plane", "cancer", "diabetes"];
const BINARY: &[&str] = &["checkers", "halfspace", "cancer"];
const CLASSES: &[&str] = &["quadrants", "blobs", "wine", "digits"];

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    fault("linear", &["no_nonlinearity"], &["checkers", "bands", "sine"], |c| {
        deep(c, 2, 16, "linear");
    }),
    fault("none-behind-first", &["no_nonlinearity"], &["ring", "friedman"], |c| {
        deep(c, 3, 20, "relu");
        acts(c)[0] = "linear".into();
    }),
    fault("scores", &["missing_output_activation"], &["ring", "wine"], |c| {
        let loss = c["loss"].as_str().unwrap_or_default().to_owned();
        last(c, "linear", &loss);
    }),
    fault(
        "line-for-classes",
        &["missing_output_activation"],
        &["moons", "digits"],
        |c| {
            last(c, "linear", "mse");
        },
    ),
    fault("one-softmax", &["softmax_single_unit"], BINARY, |c| last(c, "softmax", "")),
    fault("one-softmax-mse", &["softmax_single_unit"], &["ring", "sine"], |c| {
        last(c, "softmax", "mse");
    }),
    fault("one-softmax-categorical", &["softmax_single_unit"], &["moons"], |c| {
        last(c, "softmax", "categorical_crossentropy");
    }),
    fault("one-sigmoid-categorical", &["loss_output_mismatch"], &["checkers"], |c| {
        last(c, "sigmoid", "categorical_crossentropy");
    }),
    fault("sigmoid-categorical", &["loss_output_mismatch"], CLASSES, |c| {
        last(c, "sigmoid", "");
    }),
    fault(
        "relu-categorical",
        &["loss_output_mismatch", "missing_output_activation", "dead_relu"],
        &["bands", "digits"],
        |c| last(c, "relu", ""),
    ),
    fault(
        "relu-binary",
        &["loss_output_mismatch", "missing_output_activation", "dead_relu"],
        &["halfspace", "moons"],
        |c| last(c, "relu", ""),
    ),
    fault("tanh-binary", &["loss_output_mismatch"], BINARY, |c| last(c, "tanh", "")),
    fault("tanh-categorical", &["loss_output_mismatch"], &["wine"], |c| {
        last(c, "tanh", "");
    }),
    fault("softmax-mse", &["loss_mismatch"], CLASSES, |c| {
        put(c, "loss", "mse".into());
    }),
    fault("sigmoid-mse", &["loss_mismatch"], BINARY, |c| {
        put(c, "loss", "mse".into());
    }),
    fault("sigmoid-mae", &["loss_mismatch"], &["ring"], |c| put(c, "loss", "mae".into())),
    fault("softmax-binary", &["loss_mismatch"], &["bands", "blobs"], |c| {
        put(c, "loss", "binary_crossentropy".into());
    }),
    fault(
        "classes-as-numbers",
        &["loss_output_mismatch", "output_range_mismatch"],
        &["quadrants", "wine"],
        |c| {
            if let Value::Array(sizes) = &mut c["layers"] {
                sizes.pop();
                sizes.push(1.into());
            }
            last(c, "sigmoid", "binary_crossentropy");
        },
    ),
    fault(
        "binary-for-numbers",
        &["loss_mismatch", "output_range_mismatch", "loss_output_mismatch"],
        &["plane", "sine"],
        |c| {
            last(c, "sigmoid", "binary_crossentropy");
        },
    ),
    fault(
        "sigmoid-for-numbers",
        &["output_range_mismatch"],
        &["plane", "sine", "friedman"],
        |c| {
            if c["data"]["preprocess"] == "standardise" {
                data(c, "formula", "500 rows x uniform(0,1)^5, y = 10*sin(3.1416*x1*x2) + 20*(x3 - 0.5)^2 + 10*x4 + 5*x5; seed 5".into());
            }
            last(c, "sigmoid", "");
        },
    ),
    fault(
        "relu-for-numbers",
        &["output_range_mismatch", "dead_relu"],
        &["sine", "plane"],
        |c| {
            last(c, "relu", "");
        },
    ),
    fault("tanh-for-numbers", &["output_range_mismatch"], &["plane"], |c| {
        last(c, "tanh", "");
    }),
    fault("raw-columns", &["unnormalised_inputs"], &["cancer", "wine"], |c| {
        data(c, "preprocess", "none".into());
    }),
    fault("raw-years", &["unnormalised_inputs"], &["plane"], |c| {
        formula(
            c,
            "400 rows x uniform(1950,2020)^4, y = 0.02*(x1 - 1985) - 0.03*(x2 - 1985) + normal(0,0.2); seed 7",
        );
    }),
    fault("raw-bytes", &["unnormalised_inputs"], &["halfspace"], |c| {
        formula(c, "600 rows x randint(0,255)^6, y = where(x1 + x2 > 255, 1, 0); seed 7");
    }),
    fault("one-raw-column", &["unnormalised_inputs"], &["quadrants"], |c| {
        c["layers"][0] = 1.into();
        formula(c, "500 rows x uniform(0,100), y = floor(x/25.01); seed 1");
    }),
    fault("tiny", &["inputs_too_small"], &["halfspace", "plane"], |c| {
        let own = c["data"]["formula"].as_str().unwrap_or_default().to_owned();
        formula(c, &own);
        data(c, "preprocess", "/ 10000".into());
    }),
    fault("raw-target", &["unnormalised_targets"], &["diabetes"], |c| {
        data(c, "preprocess", "standardise".into());
    }),
    fault(
        "prices",
        &["unnormalised_targets", "lr_too_high", "exploding"],
        &["plane", "sine"],
        |c| {
            let d = c["layers"][0].as_u64().unwrap_or(1);
            let first = if d == 1 { "x" } else { "x1" };
            formula(
                c,
                &format!(
                    "400 rows x normal(0,1)^{d}, y = 200000 + 50000*{first} + 10000*{first}^2; seed 7"
                ),
            );
        },
    ),
    fault("zeros", &["constant_init"], ALL, |c| start(c, "zeros")),
    fault("ones", &["constant_init"], &["bands", "friedman"], |c| start(c, "ones")),
    fault("all-0.05", &["constant_init"], &["moons"], |c| start(c, "constant(0.05)")),
    fault(
        "wide-start",
        &["bad_init_scale", "saturation"],
        &["quadrants", "cancer", "sine"],
        |c| {
            start(c, "normal(sd=5)");
        },
    ),
    fault(
        "narrow-start",
        &["bad_init_scale", "vanishing_gradient"],
        &["bands", "plane"],
        |c| {
            deep(c, 3, 20, "tanh");
            start(c, "normal(sd=0.001)");
        },
    ),
    fault(
        "adam-high",
        &["lr_too_high", "exploding", "oscillating_loss"],
        &["ring", "bands", "friedman", "digits", "diabetes"],
        |c| optimizer(c, "adam", 0.5),
    ),
    fault(
        "sgd-high",
        &["lr_too_high", "exploding", "dead_relu"],
        &["plane", "sine", "halfspace"],
        |c| optimizer(c, "sgd", 3.0),
    ),
    fault(
        "rmsprop-high",
        &["lr_too_high", "exploding", "oscillating_loss"],
        &["quadrants", "cancer"],
        |c| optimizer(c, "rmsprop", 0.3),
    ),
    fault("adam-low", &["lr_too_low"], &["moons", "wine", "friedman", "digits"], |c| {
        optimizer(c, "adam", 1e-5);
    }),
    fault("sgd-low", &["lr_too_low"], &["checkers", "bands", "plane", "cancer"], |c| {
        optimizer(c, "sgd", 1e-4);
    }),
    fault("adadelta-low", &["lr_too_low"], &["quadrants", "diabetes"], |c| {
        optimizer(c, "adadelta", 0.001);
    }),
    fault(
        "few-epochs",
        &["too_few_epochs", "lr_too_low"],
        &["ring", "wine", "sine", "blobs", "digits"],
        |c| {
            optimizer(c, "adam", 0.001);
            put(c, "epochs", 3.into());
        },
    ),
    fault(
        "one-epoch",
        &["too_few_epochs", "lr_too_low", "not_learning"],
        &["moons", "friedman"],
        |c| put(c, "epochs", 1.into()),
    ),
    fault(
        "deep-sigmoid",
        &["vanishing_gradient", "not_learning"],
        &["ring", "bands", "plane", "cancer"],
        |c| deep(c, 9, 6, "sigmoid"),
    ),
    fault(
        "deep-sigmoid-sgd",
        &["vanishing_gradient", "not_learning"],
        &["quadrants", "friedman"],
        |c| {
            deep(c, 6, 10, "sigmoid");
            optimizer(c, "sgd", 0.01);
        },
    ),
    fault("deep-exponential", &["exploding", "not_learning"], &["ring", "blobs"], |c| {
        deep(c, 7, 6, "exponential");
    }),
    fault(
        "deep-relu",
        &["dead_relu", "vanishing_gradient", "not_learning"],
        &["ring", "quadrants"],
        |c| deep(c, 14, 3, "relu"),
    ),
    fault("dead-start", &["dead_relu", "not_learning"], &["friedman", "digits"], |c| {
        deep(c, 2, 16, "relu");
        data(c, "preprocess", "min-max scale each input column to 0..1".into());
        start(c, "uniform(-0.4,-0.05)");
    }),
    fault(
        "permuted-each-epoch",
        &["labels_shuffled", "labels_independent", "not_learning"],
        &["plane", "wine", "ring"],
        |c| {
            data(
                c,
                "corruption",
                "each epoch the rows of x are permuted, y is not".into(),
            );
        },
    ),
    fault(
        "permuted-once",
        &["labels_shuffled", "labels_independent", "not_learning"],
        &["friedman", "halfspace", "digits"],
        |c| {
            data(c, "corruption", "the labels are shuffled once, before training".into());
        },
    ),
    fault(
        "penalty",
        &["over_regularised"],
        &["plane", "wine", "moons", "diabetes"],
        |c| {
            put(c, "l2", 0.3.into());
        },
    ),
    fault("penalty-l1", &["over_regularised"], &["friedman", "blobs"], |c| {
        put(c, "l1", 0.1.into());
    }),
    fault("ascent", &["gradient_sign_flipped"], &["sine", "quadrants"], |c| {
        data(c, "corruption", "the gradient's sign is flipped".into());
    }),
    fault("summed", &["loss_sum_not_mean"], &["plane", "cancer"], |c| {
        data(c, "corruption", "the loss is summed over the batch, not averaged".into());
    }),
    fault("pairs", &["shape_broadcast", "not_learning"], &["sine", "diabetes"], |c| {
        data(c, "corruption", "loss = mean over i,j of (out_i - y_j)^2".into());
    }),
    fault("epsilon", &["adam_epsilon_too_small"], &["sine", "wine"], |c| {
        optimizer(c, "adam", 0.01);
        put(c, "optimizer_params", json!({"epsilon": 1e-16}));
    }),
    fault(
        "by-heart",
        &["overfitting", "no_regularisation"],
        &["halfspace", "plane"],
        |c| {
            deep(c, 2, 100, "relu");
            data(c, "split", "test_size 0.85, seed 5".into());
            put(c, "epochs", 300.into());
        },
    ),
    fault(
        "large-batch",
        &["batch_too_large", "too_few_epochs", "lr_too_low"],
        &["halfspace", "friedman", "digits"],
        |c| {
            optimizer(c, "adam", 0.001);
            put(c, "batch", "full".into());
            put(c, "epochs", 20.into());
        },
    ),
    fault(
        "one-row-batch",
        &["batch_too_small", "lr_too_high", "oscillating_loss", "exploding"],
        &["plane", "halfspace"],
        |c| {
            optimizer(c, "sgd", 0.2);
            put(c, "batch", 1.into());
        },
    ),
];
