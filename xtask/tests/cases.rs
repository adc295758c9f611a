//! The published networks with a known fault, and healthy ones: what a diagnosis says about them.
//! Skipped with a message where the owner's folder or Python's packages are absent.
#![allow(clippy::print_stderr, reason = "a skip, and what was said of a case, are told")]

use std::path::{Path, PathBuf};

use chainrule::diagnose::{Finding, Severity};
use xtask::made::{Said, Verdict, diagnose_all, verdict};

fn published() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = root.join("../../shared/cases/diagnose/cases.json");
    let cases = std::env::var_os("CHAINRULE_CASES").map_or(beside, PathBuf::from);
    if !cases.exists() {
        eprintln!("skipped: the owner's cases are not here");
        return None;
    }
    if !xtask::has_packages() {
        assert!(std::env::var("CHAINRULE_NO_SKIP").as_deref() != Ok("1"), "no packages");
        eprintln!(
            "skipped: NumPy and scikit-learn are not there; `make test` sets them up"
        );
        return None;
    }
    Some(cases)
}

/// All cases of the file.
fn all(cases: &Path) -> Vec<Said> {
    let list = xtask::cases(cases).expect("the cases read");
    let out = tempfile::tempdir().expect("a folder for the test");
    diagnose_all(cases, &list, out.path(), &|(case, said), seconds| {
        let said = said.as_ref().map(|found| short(found));
        eprintln!("{seconds:6.1} s {} {said:?}", case["id"]);
    })
}

fn short(found: &[Finding]) -> Vec<(Severity, &'static str)> {
    found.iter().map(|f| (f.severity, f.id)).collect()
}

#[test]
fn faulty_networks_are_noticed_and_healthy_ones_left_alone() {
    let Some(cases) = published() else { return };
    let (mut missed, mut beyond, mut healthy) = (Vec::new(), 0, 0);
    for (case, said) in all(&cases) {
        let id = &case["id"];
        match said.as_ref().map(|found| verdict(&case, found)) {
            Ok(Verdict::Noticed) => {}
            Ok(Verdict::Healthy(errors, warnings)) => {
                assert_eq!(errors, 0, "{id}: {said:?}");
                healthy += 1;
                beyond += warnings;
            }
            Err(why) if case["status"] == "healthy" => panic!("{id}: {why}"),
            Ok(Verdict::Missed) | Err(_) => missed.push(id.clone()),
        }
    }
    assert!(missed.len() <= 1, "not noticed: {missed:?}");
    assert!(beyond <= healthy, "{beyond} warnings on {healthy} networks");
}
