//! A folder, files in it, the command run there, and what came out.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of a test's own.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder for the test") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).expect("a file for the test");
        path
    }

    /// Runs the command here.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output().expect("the command starts"))
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
        command.current_dir(self.path()).args(args).env_remove("NO_COLOR");
        command
    }

    /// The names in the folder, sorted, hidden ones too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("the folder of the test");
        let name = |e: std::io::Result<std::fs::DirEntry>| {
            e.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ran {
    /// The document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Says that the machine lacks the rights for a test; that is no failure, also in CI.
pub(crate) fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// What other programs make of files: `tests/python/check.py` with these arguments. Without the
/// Python that `make test` sets up it is skipped, unless CHAINRULE_NO_SKIP is 1.
pub(crate) fn python(args: &[&str]) {
    let set = std::env::var_os("CHAINRULE_PYTHON").map(PathBuf::from);
    let python = set.unwrap_or_else(|| repository(".venv/bin/python"));
    if !python.exists() {
        let why = format!("{} is not there; `make test` sets it up", python.display());
        assert!(std::env::var("CHAINRULE_NO_SKIP").as_deref() != Ok("1"), "{why}");
        return skipped(&why);
    }
    let script = repository("tests/python/check.py");
    let said = ran(Command::new(python).arg(script).args(args).output().expect("Python"));
    assert_eq!(said.status, 0, "{args:?}: {}", said.err);
}
