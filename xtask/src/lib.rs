//! A published case, a network with its configuration in words, as a file of equations and its rows.
//!
//! In: a case as JSON. Out: [`Written`]: `ID.chain`, with `ID-train.npz` beside it where the rows can
//! be made. Invariants: what a case leaves open is as Keras has it (Glorot's uniform start, biases of
//! 0, ε = 1e-7, losses over clipped probabilities); what cannot be said in equations goes in as rows,
//! else it is named in `unsaid`; nothing here knows a single case. Deliberately absent: judgement.

mod chain;
pub mod made;
mod words;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// What makes rows.
const SCRIPT: &str = include_str!("case_data.py");

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Written {
    /// The file of equations.
    pub chain: PathBuf,
    /// What could not be said, in words; the rest is there.
    pub unsaid: Vec<String>,
}

/// The rows of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    /// Inputs; 0 if there are no rows.
    pub(crate) inputs: usize,
    pub(crate) kind: String,
    pub(crate) validation: bool,
    /// How many epochs' rows one pass over them holds.
    pub(crate) copies: usize,
}

/// The cases of a file, in order.
///
/// # Errors
/// In words, naming the file.
pub fn cases(path: &Path) -> Result<Vec<Value>, String> {
    let text =
        fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let all: Value =
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let list = all["cases"].as_array().cloned();
    list.ok_or_else(|| format!("{}: no list called cases", path.display()))
}

/// The Python that has NumPy and scikit-learn: CHAINRULE_PYTHON, else that of the tests.
#[must_use]
pub fn python() -> PathBuf {
    let set = std::env::var_os("CHAINRULE_PYTHON").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    set.unwrap_or_else(|| root.join(".venv/bin/python"))
}

/// Whether that Python has NumPy and scikit-learn.
#[must_use]
pub fn has_packages() -> bool {
    let done = Command::new(python()).args(["-c", "import numpy, sklearn"]).output();
    done.is_ok_and(|o| o.status.success())
}

/// Writes a case into `out`; names of files in it are relative to the folder of `cases`.
///
/// # Errors
/// In words: what the case says and no equation can, or what went wrong outside.
pub fn write(cases: &Path, case: &Value, out: &Path) -> Result<Written, String> {
    let id = case["id"].as_str().ok_or("a case without id")?;
    fs::create_dir_all(out).map_err(|e| format!("{}: {e}", out.display()))?;
    let folder = cases.parent().unwrap_or(Path::new("."));
    let mut unsaid = Vec::new();
    let rows = match rows(case, folder, out)? {
        Ok(rows) => rows,
        Err(why) => {
            unsaid.push(format!("data: {why}"));
            Rows::default()
        }
    };
    let start = match case["initial_weights"].as_str() {
        Some(file) => Some(words::json(&folder.join(file))?),
        None => None,
    };
    let text = chain::text(case, id, &rows, start.as_ref(), &mut unsaid)?;
    let chain = out.join(format!("{id}.chain"));
    fs::write(&chain, text).map_err(|e| format!("{}: {e}", chain.display()))?;
    Ok(Written { chain, unsaid })
}

/// Rows, or why there are none; the outer error is that of the world.
fn rows(case: &Value, folder: &Path, out: &Path) -> Result<Result<Rows, String>, String> {
    let python = python();
    let mut child = Command::new(&python)
        .args(["-c", SCRIPT])
        .args([folder, out])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{}: {e}", python.display()))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(case.to_string().as_bytes()).map_err(|e| e.to_string())?;
    }
    let done = child.wait_with_output().map_err(|e| e.to_string())?;
    if !done.status.success() {
        return Err(format!("{}: {}", python.display(), done.status));
    }
    let said: Value = serde_json::from_slice(&done.stdout).map_err(|e| e.to_string())?;
    if let Some(why) = said["error"].as_str() {
        return Ok(Err(why.to_owned()));
    }
    let number = |name: &str| said[name].as_u64().unwrap_or(0) as usize;
    Ok(Ok(Rows {
        inputs: number("inputs"),
        kind: said["kind"].as_str().unwrap_or_default().to_owned(),
        validation: said["val"] == true,
        copies: number("copies").max(1),
    }))
}
