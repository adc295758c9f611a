//! The 38 exam questions of the owner's folder: each becomes a `.chain` file, each answer comes
//! out to the printed decimals. Skipped with a message where the folder is absent.

use chainrule::explain::{Answered, AskOptions, Reply, Side, ask};
use chainrule::graph::lower::load;
use serde_json::Value;

/// A matrix as a literal; a list is a column.
pub(crate) fn literal(v: &Value) -> String {
    let row = |r: &Value| match r {
        Value::Array(a) => a.iter().map(Value::to_string).collect::<Vec<_>>().join(" "),
        v => v.to_string(),
    };
    match v {
        Value::Array(rows) => {
            format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join("; "))
        }
        v => v.to_string(),
    }
}

fn dims(v: &Value) -> String {
    let side = |d: &Value| d.as_str().map_or_else(|| d.to_string(), str::to_string);
    let all = v.as_array().expect("a shape");
    format!("{}×{}", side(&all[0]), side(&all[1]))
}

/// The file of a case: equations, then values or shapes.
pub(crate) fn file(case: &Value) -> String {
    let mut out = format!("{}\n", case["network"].as_str().expect("a network"));
    let values = &case["values"];
    if values["hyper"]["layout"] == "rows" {
        out.push_str("examples: rows\n");
    }
    for part in ["params", "inputs", "targets"] {
        for (name, v) in values[part].as_object().into_iter().flatten() {
            out.push_str(&format!("{name} := {}\n", literal(v)));
        }
    }
    for (name, v) in values["constants"].as_object().into_iter().flatten() {
        out.push_str(&format!("const {name} = {}\n", literal(v)));
    }
    for (name, v) in values["shapes"].as_object().into_iter().flatten() {
        let draw = values["hyper"]["draw"][name].as_str().unwrap_or("");
        let mark = if draw.starts_with("onehot") { " one-hot" } else { "" };
        out.push_str(&format!("{name} : {}{mark}\n", dims(v)));
    }
    let learned: Vec<String> = match values["hyper"]["trainable"].as_array() {
        Some(list) => {
            list.iter().filter_map(|v| v.as_str().map(str::to_string)).collect()
        }
        None => values["params"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|p| p.0.clone())
            .collect(),
    };
    if !learned.is_empty() {
        out.push_str(&format!("trainable: {}\n", learned.join(" ")));
    }
    out
}

pub(crate) fn options(case: &Value) -> AskOptions {
    let hyper = &case["values"]["hyper"];
    let mut args = Vec::new();
    for (key, name) in [("lr", "lr"), ("momentum", "momentum"), ("eps", "eps")] {
        if let Some(v) = hyper[key].as_f64() {
            args.push(format!("{name} = {v}"));
        }
    }
    let rule = hyper["optimizer"].as_str().unwrap_or("sgd");
    let frozen = hyper["frozen"].as_array().into_iter().flatten();
    AskOptions {
        update: Some(format!("{rule}({})", args.join(", "))),
        steps: hyper["steps"].as_u64().unwrap_or(1) as usize,
        freeze: frozen.filter_map(|v| v.as_str().map(str::to_string)).collect(),
        ..AskOptions::default()
    }
}

/// All numbers of a nested list.
fn flat(v: &Value) -> Vec<f64> {
    match v {
        Value::Array(a) => a.iter().flat_map(flat).collect(),
        v => v.as_f64().into_iter().collect(),
    }
}

/// Brackets and spaces apart.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !" ()".contains(*c)).collect()
}

pub(crate) fn decimals(case: &Value, q: &str) -> i32 {
    let d = &case["decimals"];
    let found = d.as_i64().or_else(|| d[q].as_i64()).or_else(|| d["*"].as_i64());
    found.unwrap_or(6) as i32
}

fn check(case: &Value, reply: &Reply) -> Result<(), String> {
    let expected = &case["expected"][&reply.ask];
    let a = reply.answer.as_ref().map_err(|d| format!("{}: {}", reply.ask, d.message))?;
    match case["kind"].as_str() {
        Some("symbolic") => {
            let found = a.symbolic.clone().unwrap_or_default();
            let wanted = expected.as_str().unwrap_or_default();
            let ok = bare(&found) == bare(wanted);
            ok.then_some(()).ok_or(format!("{}: {found}, expected {wanted}", reply.ask))
        }
        Some("shape") if reply.ask != "params" => {
            let side = |s: &Side| match s {
                Side::Size(n) => Value::from(*n),
                Side::Name(n) => Value::from(n.clone()),
            };
            let found = Value::from(a.shape.iter().map(side).collect::<Vec<_>>());
            (found == *expected).then_some(()).ok_or(format!("{}: {found}", reply.ask))
        }
        _ => check_numbers(case, reply, &a.value, expected),
    }
}

fn check_numbers(
    case: &Value,
    reply: &Reply,
    value: &Answered,
    expected: &Value,
) -> Result<(), String> {
    let found = match value {
        Answered::Count(n) => vec![*n as f64],
        Answered::Numbers(m) => m.data.clone(),
        Answered::Unknown => return Err(format!("{}: no value", reply.ask)),
    };
    let wanted = match expected.as_str() {
        Some(text) => vec![text.parse().expect("a number")],
        None => flat(expected),
    };
    let half = 0.5 * 10_f64.powi(-decimals(case, &reply.ask)) * 1.000_001;
    let same = found.len() == wanted.len();
    let ok = same && found.iter().zip(&wanted).all(|(f, w)| (f - w).abs() <= half);
    ok.then_some(()).ok_or(format!("{}: {found:?}, expected {wanted:?}", reply.ask))
}

fn run(case: &Value) -> Result<(), String> {
    let text = file(case);
    let loaded = load(&text, &[]);
    let asked: Vec<String> = case["asked"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_string))
        .collect();
    if asked == ["error"] {
        let refused = loaded.module.is_none();
        return refused.then_some(()).ok_or("no error was found".to_string());
    }
    let Some(m) = loaded.module else {
        return Err(format!("{text}\n{:?}", loaded.diagnostics));
    };
    let report = ask(&m, &options(case), &asked);
    let problems: Vec<String> =
        report.replies.iter().filter_map(|r| check(case, r).err()).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}

/// The cases, where the owner's folder is.
pub(crate) fn cases() -> Option<Vec<Value>> {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases/exams/cases.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: the owner's exam cases are not here");
        return None;
    };
    let all: Value = serde_json::from_str(&text).expect("cases.json reads");
    Some(all["cases"].as_array().expect("a list of cases").clone())
}

#[test]
fn every_exam_question_comes_out_to_the_printed_decimals() {
    let Some(cases) = cases() else { return };
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|c| Some(format!("{}:\n  {}", c["id"], run(c).err()?)))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}
