//! The published networks with a known fault, and healthy ones: what a diagnosis says about them.
//! Skipped with a message where the owner's folder or Python's packages are absent.
#![allow(clippy::print_stderr, reason = "a skip, and what was said of a case, are told")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chainrule::diagnose::{Severity, examine};
use chainrule::train::Control;
use chainrule::{Model, Options};
use serde_json::Value;

/// What was said about a case: severity and word.
type Said = Vec<(Severity, &'static str)>;

fn published() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = root.join("../../shared/cases/diagnose/cases.json");
    let cases = std::env::var_os("CHAINRULE_CASES").map_or(beside, PathBuf::from);
    if !cases.exists() {
        eprintln!("skipped: the owner's cases are not here");
        return None;
    }
    let has_packages = std::process::Command::new(xtask::python())
        .args(["-c", "import numpy, sklearn"])
        .output()
        .is_ok_and(|o| o.status.success());
    if !has_packages {
        assert!(std::env::var("CHAINRULE_NO_SKIP").as_deref() != Ok("1"), "no packages");
        eprintln!(
            "skipped: NumPy and scikit-learn are not there; `make test` sets them up"
        );
        return None;
    }
    Some(cases)
}

fn diagnosed(cases: &Path, case: &Value, out: &Path) -> Result<Said, String> {
    let written = xtask::write(cases, case, out)?;
    let options = Options::default().threads(1);
    let model =
        Model::to_diagnose(&written.chain, options).map_err(|e| format!("{e:?}"))?;
    let findings = match model.module().data.is_some() {
        true => {
            let loaded = model.load_data().map_err(|e| e.to_string())?;
            let seen = examine(&model, (&loaded).into(), &mut |_| Control::Continue);
            seen.map_err(|e| e.to_string())?.findings
        }
        false => {
            chainrule::diagnose::look_over(&model, None).map_err(|e| e.to_string())?
        }
    };
    Ok(findings.iter().map(|f| (f.severity, f.id)).collect())
}

/// All cases, two at a time.
fn all(cases: &Path) -> Vec<(Value, Result<Said, String>)> {
    let list = xtask::cases(cases).expect("the cases read");
    let out = tempfile::tempdir().expect("a folder for the test");
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = list.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = std::time::Instant::now();
            let said = diagnosed(cases, case, out.path());
            eprintln!("{:6.1} s {} {said:?}", began.elapsed().as_secs_f64(), case["id"]);
            done.lock().expect("no panic").push((case.clone(), said));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    done.into_inner().expect("no panic")
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array()
        .map_or_else(Vec::new, |l| l.iter().filter_map(Value::as_str).collect())
}

#[test]
fn faulty_networks_are_noticed_and_healthy_ones_left_alone() {
    let Some(cases) = published() else { return };
    let all = all(&cases);
    let (faulty, healthy): (Vec<_>, Vec<_>) =
        all.iter().partition(|(case, _)| case["status"] == "faulty");
    let noticed = |(case, said): &&&(Value, Result<Said, String>)| {
        let wanted = words(&case["must_report_any"]);
        said.as_ref().is_ok_and(|said| {
            said.iter().any(|(s, id)| *s >= Severity::Warning && wanted.contains(id))
        })
    };
    let missed: Vec<_> = faulty.iter().filter(|c| !noticed(c)).collect();
    assert!(missed.len() <= 2, "not noticed: {missed:?}");
    let mut beyond = 0;
    for (case, said) in &healthy {
        let said = said.as_ref().expect("a healthy network can be said");
        let errors: Vec<_> = said.iter().filter(|s| s.0 == Severity::Error).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", case["id"]);
        let warnings = said.iter().filter(|s| s.0 == Severity::Warning).count();
        beyond += warnings.saturating_sub(words(&case["allowed_warnings"]).len());
    }
    assert!(beyond <= healthy.len(), "{beyond} warnings on {} networks", healthy.len());
}
