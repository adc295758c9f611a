//! Networks of our own with a fault, and healthy ones, in the words of the published cases.
//!
//! In: tables of tasks, of faults, of what looks odd and is well. Out: cases; what a diagnosis says of
//! one. Invariants: other data and other networks than the published ones have, so that rules are not
//! measured on what they were written beside; the list is the same each time. Deliberately absent:
//! judgement.

mod faults;
mod healthy;
mod tasks;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use chainrule::diagnose::{Finding, Severity, examine, look_over};
use chainrule::train::Control;
use chainrule::{Model, Options};
use serde_json::{Value, json};

use faults::FAULTS;
use healthy::ODD;
use tasks::{HIDDEN, OPTIMIZERS, TASKS, Task};

/// All cases, faulty ones first.
#[must_use]
pub fn made() -> Vec<Value> {
    faulty().into_iter().chain(plain()).chain(odd()).collect()
}

/// A few of all: the first of each fault, and healthy ones, on data that no package has to bring.
#[must_use]
pub fn sample() -> Vec<Value> {
    let mut some: Vec<&Value> = Vec::new();
    let (all, mut healthy) = (made(), 0);
    let formula = |c: &Value| {
        c["data"]["formula"].as_str().is_some_and(|text| !text.contains("sklearn"))
    };
    for case in all.iter().filter(|c| formula(c)) {
        let seen = |other: &&Value| other["must_report_any"] == case["must_report_any"];
        let faulty = case["status"] == "faulty";
        healthy += usize::from(!faulty);
        let wanted = match faulty {
            true => !some.iter().any(seen),
            false => healthy.is_multiple_of(3),
        };
        if wanted {
            some.push(case);
        }
    }
    some.into_iter().cloned().collect()
}

/// Each fault in each of its tasks; networks and optimisers in turn.
fn faulty() -> Vec<Value> {
    let each =
        |fault: &'static faults::Fault| fault.tasks.iter().map(move |t| (fault, *t));
    let one = |(i, (fault, name)): (usize, (&faults::Fault, &str))| {
        let mut case = Task::named(name)?.case(i, i / 2);
        (fault.change)(&mut case);
        case["status"] = "faulty".into();
        case["must_report_any"] = json!(fault.words);
        case["id"] = format!("{}-{name}", fault.name).into();
        Some(case)
    };
    FAULTS.iter().flat_map(each).enumerate().filter_map(one).collect()
}

/// Each task with three networks and optimisers.
fn plain() -> Vec<Value> {
    let one = |i: usize| {
        let task = &TASKS[i / 3];
        let (hidden, optimizer) = (i, i + i / OPTIMIZERS.len());
        let mut case = task.case(hidden, optimizer);
        let (net, by) =
            (HIDDEN[hidden % HIDDEN.len()], OPTIMIZERS[optimizer % OPTIMIZERS.len()]);
        case["id"] =
            format!("well-{}-{}x{}-{}", task.name, net.0.len(), net.1, by.0).into();
        case
    };
    (0..3 * TASKS.len()).map(one).collect()
}

fn odd() -> Vec<Value> {
    let one = |(i, odd): (usize, &healthy::Healthy)| {
        let mut case = Task::named(odd.task)?.case(i, i / 3);
        (odd.change)(&mut case);
        case["id"] = format!("odd-{}", odd.name).into();
        Some(case)
    };
    ODD.iter().enumerate().filter_map(one).collect()
}

/// What is said about a case, gravest first.
///
/// # Errors
/// In words: what the case says and no equation can, or what went wrong.
pub fn diagnosed(cases: &Path, case: &Value, out: &Path) -> Result<Vec<Finding>, String> {
    let written = crate::write(cases, case, out)?;
    let options = Options::default().threads(1);
    let model =
        Model::to_diagnose(&written.chain, options).map_err(|e| format!("{e:?}"))?;
    if model.module().data.is_none() {
        return look_over(&model, None).map_err(|e| e.to_string());
    }
    let loaded = model.load_data().map_err(|e| e.to_string())?;
    let seen = examine(&model, (&loaded).into(), &mut |_| Control::Continue);
    Ok(seen.map_err(|e| e.to_string())?.findings)
}

/// A case, and what was said of it.
pub type Said = (Value, Result<Vec<Finding>, String>);

/// Diagnoses all of a list, two at a time, in no order; `each` hears of one as soon as it is done,
/// with its seconds.
pub fn diagnose_all(
    cases: &Path,
    list: &[Value],
    out: &Path,
    each: &(dyn Fn(&Said, f64) + Sync),
) -> Vec<Said> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = list.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            let said = (case.clone(), diagnosed(cases, case, out));
            each(&said, began.elapsed().as_secs_f64());
            done.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// How what was said compares with what a case has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A fault, and a warning or an error with one of its words.
    Noticed,
    /// A fault, and none of its words.
    Missed,
    /// No fault: so many errors, and warnings beyond those that the case allows.
    Healthy(usize, usize),
}

/// Compares what was said with what a case has.
#[must_use]
pub fn verdict(case: &Value, said: &[Finding]) -> Verdict {
    let words = |field: &str| match &case[field] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let of = |s: Severity| said.iter().filter(|f| f.severity == s).count();
    let wanted = words("must_report_any");
    let noticed =
        said.iter().any(|f| f.severity >= Severity::Warning && wanted.contains(&f.id));
    match (case["status"] == "faulty", noticed) {
        (true, true) => Verdict::Noticed,
        (true, false) => Verdict::Missed,
        _ => {
            let allowed = words("allowed_warnings").len();
            Verdict::Healthy(
                of(Severity::Error),
                of(Severity::Warning).saturating_sub(allowed),
            )
        }
    }
}
