//! The words of Keras in our language: activations, losses, starts, optimisers. Each is a table.
//!
//! In: a name as a case has it. Out: text of a file of equations. Invariant: a word that is not in a
//! table is refused, never taken for another.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Reads a JSON file.
pub(crate) fn json(path: &Path) -> Result<Value, String> {
    let text =
        fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Activations by name: the value of z.
const ACTIVATIONS: &[(&str, &str)] = &[
    ("relu", "relu(z)"),
    ("sigmoid", "sigmoid(z)"),
    ("tanh", "tanh(z)"),
    ("linear", "identity(z)"),
    ("none", "identity(z)"),
    ("softmax", "softmax(z)"),
    ("exponential", "exp(z)"),
    ("elu", "elu(z)"),
    ("selu", "selu(z)"),
    ("softplus", "softplus(z)"),
    ("softsign", "softsign(z)"),
    ("hard_sigmoid", "keras_hard_sigmoid(z)"),
    ("leaky_relu", "leaky_relu(z, 0.3)"),
    ("leakyrelu", "leaky_relu(z, 0.3)"),
    ("swish", "silu(z)"),
    ("gelu", "gelu(z)"),
];

/// Definitions that activations need.
const DEFINED: &[(&str, &str)] = &[
    ("softsign(", "softsign(z) = z / (1 + |z|)"),
    ("keras_hard_sigmoid(", "keras_hard_sigmoid(z) = min(max(0.2 z + 0.5, 0), 1)"),
];

/// Losses by name: of y and the output p, with K entries; `q` stands for p as Keras clips it.
const LOSSES: &[(&str, &str)] = &[
    ("mse", "mse(y, p)"),
    ("mean_squared_error", "mse(y, p)"),
    ("mae", "mae(y, p)"),
    ("mean_absolute_error", "mae(y, p)"),
    ("msle", "mse(log(1 + max(y, 0)), log(1 + max(p, 0)))"),
    ("mean_squared_logarithmic_error", "mse(log(1 + max(y, 0)), log(1 + max(p, 0)))"),
    ("mape", "100 mean(|y − p| / max(|y|, 1e-7))"),
    ("mean_absolute_percentage_error", "100 mean(|y − p| / max(|y|, 1e-7))"),
    ("huber", "huber(y, p)"),
    ("huber_loss", "huber(y, p)"),
    ("logcosh", "mean(log((exp(p − y) + exp(y − p)) / 2))"),
    ("poisson", "mean(p − y ⊙ log(p + 1e-7))"),
    ("hinge", "mean(max(1 − (2 y − 1) ⊙ p, 0))"),
    ("squared_hinge", "mean(max(1 − (2 y − 1) ⊙ p, 0)²)"),
    ("kld", "sum(y ⊙ log(max(y, 1e-7) / q))"),
    ("kullback_leibler_divergence", "sum(y ⊙ log(max(y, 1e-7) / q))"),
    ("binary_crossentropy", "binary_cross_entropy(y, q) / ENTRIES"),
    ("categorical_crossentropy", "cross_entropy(y, q)"),
    ("sparse_categorical_crossentropy", "cross_entropy(y, q)"),
];

fn find(
    table: &[(&str, &'static str)],
    what: &str,
    word: &str,
) -> Result<&'static str, String> {
    let known = table.iter().find(|(name, _)| *name == word.to_lowercase());
    known.map(|(_, text)| *text).ok_or_else(|| format!("the {what} {word}"))
}

/// The text of an activation of `z`.
pub(crate) fn activation(word: &str, z: &str) -> Result<String, String> {
    Ok(find(ACTIVATIONS, "activation", word)?.replace("(z", &format!("({z}")))
}

/// What the text needs to be defined above it.
pub(crate) fn definitions(text: &str) -> Vec<&'static str> {
    DEFINED.iter().filter(|(name, _)| text.contains(name)).map(|d| d.1).collect()
}

/// Losses that divide the outputs by their sum first.
pub(crate) fn is_categorical(loss: &str) -> bool {
    loss.to_lowercase().ends_with("categorical_crossentropy")
}

/// The text of a loss of y and ŷ.
pub(crate) fn loss(word: &str, last: &str, entries: usize) -> Result<String, String> {
    let text = find(LOSSES, "loss", word)?;
    let last = last.to_lowercase();
    // Where output and loss belong together the plain form has a stable one; else Keras clips.
    let stable = (last == "softmax" && is_categorical(word))
        || (last == "sigmoid" && word.to_lowercase() == "binary_crossentropy");
    let shares =
        if last == "softmax" || !is_categorical(word) { "ŷ" } else { "(ŷ / sum(ŷ))" };
    let clipped = match stable {
        true => "ŷ".to_owned(),
        false => format!("min(max({shares}, 1e-7), 0.9999999)"),
    };
    let text = text.replace("ENTRIES", &entries.to_string());
    let text = text.strip_suffix(" / 1").unwrap_or(&text).to_owned();
    Ok(with_symbol(&with_symbol(&text, 'q', &clipped), 'p', "ŷ"))
}

/// Puts a text in place of a symbol of one letter.
fn with_symbol(text: &str, symbol: char, by: &str) -> String {
    let mut out = String::new();
    let letters: Vec<char> = text.chars().collect();
    for (i, &c) in letters.iter().enumerate() {
        let word =
            |at: Option<&char>| at.is_some_and(|c| c.is_alphanumeric() || *c == '_');
        let alone = !word(i.checked_sub(1).and_then(|j| letters.get(j)))
            && !word(letters.get(i + 1));
        if c == symbol && alone { out.push_str(by) } else { out.push(c) }
    }
    out
}

/// The numbers in a text such as `normal(sd=1)` or `uniform(-0.05,0.05)`.
fn numbers(text: &str) -> Vec<f64> {
    let inside = text.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
    let number = |word: &str| word.rsplit('=').next()?.trim().parse().ok();
    inside.split(',').filter_map(number).collect()
}

/// How weights start: `~ he_uniform`, `= 0.01`.
pub(crate) fn start(word: &str) -> Result<String, String> {
    let lower = word.to_lowercase().replace(' ', "");
    let name = lower.split('(').next().unwrap_or(&lower);
    let given = numbers(&lower);
    let one = |other: f64| given.first().copied().unwrap_or(other);
    Ok(match name {
        "glorot_uniform" | "he_uniform" | "lecun_uniform" => format!("~ {name}"),
        "glorot_normal" | "he_normal" | "lecun_normal" => {
            format!("~ {}", name.trim_end_matches("_normal"))
        }
        "orthogonal" => "~ orthogonal".to_owned(),
        "zeros" | "zero" => "= 0".to_owned(),
        "ones" | "one" => "= 1".to_owned(),
        "constant" => format!("= {}", one(0.0)),
        "normal" | "random_normal" | "truncated_normal" | "gaussian" => match given[..] {
            [mean, deviation] => format!("~ normal({mean}, {deviation})"),
            _ => format!("~ normal(0, {})", one(0.05)),
        },
        "uniform" | "random_uniform" => match given[..] {
            [low, high] => format!("~ uniform({low}, {high})"),
            _ => format!("~ uniform({}, {})", -one(0.05), one(0.05)),
        },
        _ => return Err(format!("the start {word}")),
    })
}

/// Optimisers that are not shipped, as their own lines.
const OPTIMIZERS: &[(&str, &str)] = &[
    (
        "adadelta",
        "optimizer adadelta(lr = 1, ρ = 0.95, ε = 1e-7):\n  state s = 0\n  state d = 0\n  \
         s ← ρ s + (1 − ρ) g²\n  u ← sqrt(d + ε) / sqrt(s + ε) g\n  d ← ρ d + (1 − ρ) u²\n  \
         θ ← θ − lr u\n",
    ),
    (
        "adamax",
        "optimizer adamax(lr = 2e-3, β1 = 0.9, β2 = 0.999, ε = 1e-7):\n  state m = 0\n  \
         state u = 0\n  m ← β1 m + (1 − β1) g\n  u ← max(β2 u, |g|)\n  \
         θ ← θ − lr / (1 − β1^t) m / (u + ε)\n",
    ),
    (
        "nadam",
        "optimizer nadam(lr = 2e-3, β1 = 0.9, β2 = 0.999, ε = 1e-7):\n  state m = 0\n  \
         state v = 0\n  m ← β1 m + (1 − β1) g\n  v ← β2 v + (1 − β2) g²\n  \
         h ← β1 m / (1 − β1^(t + 1)) + (1 − β1) g / (1 − β1^t)\n  \
         θ ← θ − lr h / (sqrt(v / (1 − β2^t)) + ε)\n",
    ),
];

/// The call of an optimiser, and its lines if it is not shipped.
pub(crate) fn optimizer(case: &Value) -> Result<(String, String), String> {
    let word = case["optimizer"].as_str().unwrap_or("sgd").to_lowercase();
    let given = &case["optimizer_params"];
    let number = |names: &[&str]| names.iter().find_map(|n| given[*n].as_f64());
    let mut lr = case["lr"].as_f64().map(|v| v.to_string());
    if let (Some(rate), Some(decay)) = (&lr, number(&["decay"]).filter(|d| *d > 0.0)) {
        lr = Some(format!("{rate} / (1 + {decay} (t − 1))"));
    }
    let momentum = number(&["momentum"]).filter(|m| *m > 0.0);
    let epsilon = number(&["epsilon", "eps"]).unwrap_or(1e-7);
    let mut args: Vec<String> = lr.iter().map(|lr| format!("lr = {lr}")).collect();
    let mut add = |name: &str, v: Option<f64>| {
        args.extend(v.map(|v| format!("{name} = {v}")));
    };
    let name = match (word.as_str(), momentum) {
        ("sgd", None) => "sgd",
        ("sgd", Some(m)) => {
            add("momentum", Some(m));
            if given["nesterov"] == true { "nesterov" } else { "momentum" }
        }
        ("adam" | "adamw" | "nadam" | "adamax", _) => {
            add("β1", number(&["beta_1", "beta1"]));
            add("β2", number(&["beta_2", "beta2"]));
            add("ε", Some(epsilon));
            word.as_str()
        }
        ("rmsprop" | "adadelta", _) => {
            add("ρ", number(&["rho"]));
            add("ε", Some(epsilon));
            word.as_str()
        }
        ("adagrad", _) => {
            add("ε", Some(epsilon));
            "adagrad"
        }
        _ => return Err(format!("the optimiser {word}")),
    };
    let own = OPTIMIZERS.iter().find(|(n, _)| *n == name);
    let lines = own.map_or(String::new(), |(_, lines)| (*lines).to_owned());
    Ok((format!("{name}({})", args.join(", ")), lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_become_text_and_unknown_ones_are_refused() {
        assert_eq!(activation("relu", "z1").unwrap(), "relu(z1)");
        assert!(activation("mystery", "z").unwrap_err().contains("mystery"));
        assert_eq!(start("normal(sd=1)").unwrap(), "~ normal(0, 1)");
        assert_eq!(start("uniform(-0.05,0.05)").unwrap(), "~ uniform(-0.05, 0.05)");
        assert_eq!(start("constant(0.01)").unwrap(), "= 0.01");
        assert_eq!(
            loss("categorical_crossentropy", "softmax", 3).unwrap(),
            "cross_entropy(y, ŷ)"
        );
        let summed = loss("categorical_crossentropy", "sigmoid", 3).unwrap();
        assert!(summed.contains("ŷ / sum(ŷ)"), "{summed}");
        assert_eq!(
            loss("mape", "linear", 1).unwrap(),
            "100 mean(|y − ŷ| / max(|y|, 1e-7))"
        );
    }

    #[test]
    fn optimisers_have_kerass_arguments() {
        let case = json!({"optimizer": "sgd", "lr": 0.01, "optimizer_params":
            {"momentum": 0.9, "nesterov": true, "decay": 1e-6}});
        let (call, lines) = optimizer(&case).unwrap();
        assert_eq!(call, "nesterov(lr = 0.01 / (1 + 0.000001 (t − 1)), momentum = 0.9)");
        assert!(lines.is_empty());
        let case = json!({"optimizer": "adam", "lr": 0.001, "optimizer_params": {"beta_1": 0.35}});
        assert_eq!(
            optimizer(&case).unwrap().0,
            "adam(lr = 0.001, β1 = 0.35, ε = 0.0000001)"
        );
        assert!(optimizer(&json!({"optimizer": "ftrl"})).is_err());
    }
}
