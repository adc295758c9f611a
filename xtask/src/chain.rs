//! The lines of a case's file of equations.
//!
//! In: a case, its rows, its first weights if they are known. Out: the text. Invariant: each line that
//! is not in the case is Keras's. Deliberately absent: words of Keras (see `words`).

use std::fmt::Write;

use serde_json::Value;

use crate::Rows;
use crate::words;

/// A network as a case has it.
struct Net<'a> {
    case: &'a Value,
    sizes: Vec<u64>,
    activations: Vec<&'a str>,
    rows: &'a Rows,
    start: Option<&'a Value>,
}

/// The text of a case; what it says beyond the language is added to `unsaid`.
pub(crate) fn text(
    case: &Value,
    id: &str,
    rows: &Rows,
    start: Option<&Value>,
    unsaid: &mut Vec<String>,
) -> Result<String, String> {
    let list = |name: &str| case[name].as_array().cloned().unwrap_or_default();
    let sizes: Vec<u64> = list("layers").iter().filter_map(Value::as_u64).collect();
    let activations: Vec<&str> = case["activations"]
        .as_array()
        .map_or_else(Vec::new, |all| all.iter().filter_map(Value::as_str).collect());
    if sizes.len() < 2 || activations.len() + 1 != sizes.len() {
        return Err("layers and activations that fit".to_owned());
    }
    let net = Net { case, sizes, activations, rows, start };
    let body = net.equations()?;
    let (call, lines) = words::optimizer(case)?;
    let loss = net.loss()?;
    let mut out = String::new();
    let _ = writeln!(out, "# {id}: written by `cargo xtask case`");
    let heads = words::definitions(&body);
    let heads = heads.iter().map(|line| format!("{line}\n")).collect::<String>();
    out.push_str(&heads);
    out.push_str(&lines);
    out.push_str(&net.declarations()?);
    out.push_str(&body);
    let _ = writeln!(out, "L = {loss}\noutput: ŷ\nminimize {}", net.objective());
    if rows.inputs > 0 {
        let later = format!(", validate {id}-val.npz");
        let later = if rows.validation { later.as_str() } else { "" };
        let target =
            if rows.kind == "padded" || rows.kind == "spread" { "y*" } else { "y" };
        let _ = writeln!(out, "data: {id}-train.npz, x = x*, y = {target}{later}");
    }
    let batch = case["batch"].as_u64().map_or("full".to_owned(), |b| b.to_string());
    let epochs = case["epochs"].as_u64().unwrap_or(1).div_ceil(rows.copies.max(1) as u64);
    let _ = writeln!(out, "train: {call}, batch {batch}, epochs {epochs}, seed 0");
    unsaid.extend(net.unread());
    Ok(out)
}

impl Net<'_> {
    fn layers(&self) -> usize {
        self.activations.len()
    }

    fn last(&self) -> &str {
        self.activations[self.layers() - 1]
    }

    fn outputs(&self) -> u64 {
        self.sizes[self.layers()]
    }

    /// Whether batch normalisation follows the hidden layers.
    fn normalises(&self) -> bool {
        let extras = self.case["layer_extras"].as_str().unwrap_or_default();
        extras.contains("BatchNormalization after each hidden")
    }

    fn declarations(&self) -> Result<String, String> {
        let mark = match self.rows.kind.as_str() {
            "classes" => " one-hot",
            "binary" => " binary",
            _ => "",
        };
        let inputs = match self.rows.inputs {
            0 => self.sizes[0],
            n => n as u64,
        };
        let mut out =
            format!("input x : {inputs}\ntarget y : {}{mark}\n", self.outputs());
        for l in 1..=self.layers() {
            let (from, to) =
                (if l == 1 { inputs } else { self.sizes[l - 1] }, self.sizes[l]);
            let _ = writeln!(out, "param W{l} : {to}×{from} {}", self.start_of(l)?);
            let _ = writeln!(out, "param b{l} : {to} {}", self.bias_of(l));
            if self.normalises() && l < self.layers() {
                let _ = writeln!(out, "param γ{l} : {to} = 1, β{l} : {to} = 0");
            }
        }
        Ok(out)
    }

    /// The numbers of `initial_weights`, else the start by name.
    fn start_of(&self, l: usize) -> Result<String, String> {
        let kernel = self.start.and_then(|s| s["layers"][l - 1]["kernel"].as_array());
        if let Some(rows) = kernel {
            // Keras multiplies from the right: columns are units.
            let units = rows.first().and_then(Value::as_array).map_or(0, Vec::len);
            let entry = |u: usize, r: &Value| r[u].as_f64().unwrap_or(0.0).to_string();
            let line = |u: usize| {
                rows.iter().map(|r| entry(u, r)).collect::<Vec<_>>().join(", ")
            };
            let lines: Vec<String> = (0..units).map(line).collect();
            return Ok(format!("= [{}]", lines.join("; ")));
        }
        let word = self.case["init"][l - 1].as_str();
        words::start(word.unwrap_or("glorot_uniform"))
    }

    fn bias_of(&self, l: usize) -> String {
        let bias = self.start.and_then(|s| s["layers"][l - 1]["bias"].as_array());
        let all = bias.map_or_else(Vec::new, |b| {
            b.iter().filter_map(Value::as_f64).collect::<Vec<f64>>()
        });
        if all.iter().all(|v| *v == 0.0) {
            return "= 0".to_owned();
        }
        let all: Vec<String> = all.iter().map(f64::to_string).collect();
        format!("= [{}]", all.join("; "))
    }

    fn equations(&self) -> Result<String, String> {
        let mut out = String::new();
        let mut from = "x".to_owned();
        for l in 1..=self.layers() {
            let _ = writeln!(out, "z{l} = W{l} {from} + b{l}");
            let value = words::activation(self.activations[l - 1], &format!("z{l}"))?;
            if l == self.layers() {
                let _ = writeln!(out, "ŷ = {value}");
                break;
            }
            let _ = writeln!(out, "a{l} = {value}");
            from = format!("a{l}");
            if self.normalises() {
                let _ = writeln!(out, "n{l} = γ{l} ⊙ batch_norm({from}) + β{l}");
                from = format!("n{l}");
            }
            if let Some(p) = self.case["dropout"][l - 1].as_f64().filter(|p| *p > 0.0) {
                let _ = writeln!(out, "d{l} = dropout({from}, {p})");
                from = format!("d{l}");
            }
        }
        Ok(out)
    }

    fn loss(&self) -> Result<String, String> {
        let word = self.case["loss"].as_str().ok_or("a loss")?;
        words::loss(word, self.last(), self.outputs() as usize)
    }

    fn corruption(&self) -> String {
        let said = |v: &Value| v.as_str().unwrap_or_default().to_lowercase();
        said(&self.case["corruption"]) + &said(&self.case["data"]["corruption"])
    }

    fn objective(&self) -> String {
        let said = self.corruption();
        let flips = ["sign", "negat", "ascen", "minus"].iter().any(|w| said.contains(w));
        let sums = said.contains("sum") && !said.contains("i,j");
        let loss = match (flips, sums, self.case["batch"].as_u64()) {
            (true, ..) => "0 − mean(L)".to_owned(),
            (_, true, Some(batch)) => format!("{batch} mean(L)"),
            _ => "mean(L)".to_owned(),
        };
        let names: Vec<String> = (1..=self.layers()).map(|l| format!("W{l}")).collect();
        let penalty = |name: &str| self.case[name].as_f64().filter(|v| *v > 0.0);
        let squares = penalty("l2").map(|v| format!(" + {v} ‖{}‖²", names.join(", ")));
        let sizes = penalty("l1").map(|v| {
            let each = names.iter().map(|n| format!("‖{n}‖_1"));
            format!(" + {v} ({})", each.collect::<Vec<_>>().join(" + "))
        });
        loss + &squares.unwrap_or_default() + &sizes.unwrap_or_default()
    }

    /// What the case says that no line here reads.
    fn unread(&self) -> Vec<String> {
        const READ: &[&str] = &[
            "id",
            "status",
            "source",
            "description",
            "layers",
            "activations",
            "init",
            "loss",
            "optimizer",
            "lr",
            "optimizer_params",
            "batch",
            "epochs",
            "data",
            "expected",
            "must_report_any",
            "inferred",
            "initial_weights",
            "note",
            "tier",
            "tool_results",
            "source_result",
            "dropout",
            "fix",
            "layer_extras",
            "l2",
            "l1",
            "log",
            "log_format",
            "log_epochs",
            "allowed_warnings",
            "corruption",
        ];
        let all = self.case.as_object().into_iter().flatten();
        let open = all.filter(|(name, v)| !READ.contains(&name.as_str()) && !v.is_null());
        let mut open: Vec<String> =
            open.map(|(name, v)| format!("{name}: {v}")).collect();
        if self.corruption().contains("dropout") {
            // In evaluation dropout is the identity, whatever a file says.
            open.push(format!("corruption: {}", self.corruption()));
        }
        let extras = self.case["layer_extras"].as_str().filter(|_| !self.normalises());
        open.extend(extras.map(str::to_owned));
        open
    }
}
