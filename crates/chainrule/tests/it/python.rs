//! The door to other programs: the Python that `make test` sets up, and the scripts that ask it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What `tests/python/check.py` says to these arguments; `None` as [`script`].
pub(crate) fn check(args: &[&str]) -> Option<String> {
    script("check.py", args)
}

/// Says that a test is skipped for want of something; a failure where CHAINRULE_NO_SKIP is 1.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var("CHAINRULE_NO_SKIP").as_deref() != Ok("1"), "{why}");
    eprintln!("skipped: {why}");
}

/// What a script of `tests/python` says to these arguments; `None`, with a message, where there is no
/// Python with the packages (a failure where CHAINRULE_NO_SKIP is 1).
pub(crate) fn script(name: &str, args: &[&str]) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let set = std::env::var_os("CHAINRULE_PYTHON").map(PathBuf::from);
    let python = set.unwrap_or_else(|| root.join(".venv/bin/python"));
    if !python.exists() {
        skipped(&format!("{} is not there; `make test` sets it up", python.display()));
        return None;
    }
    let script = root.join("tests/python").join(name);
    let ran = Command::new(python).arg(script).args(args).output().expect("it starts");
    let said = String::from_utf8_lossy(&ran.stderr);
    let out = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{args:?}: {out}{said}");
    Some(out.into_owned())
}
