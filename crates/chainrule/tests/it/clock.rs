//! A clock that is put forward or back changes nothing: only event files ask what time it is.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below a folder.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, into),
            path if path.extension().is_some_and(|e| e == "rs") => into.push(path),
            _ => {}
        }
    }
}

/// Time limits and checkpoints go by a clock that never runs backwards (`Instant`); the time of day is
/// a stamp in TensorBoard's files and nothing else.
#[test]
fn nothing_but_event_files_reads_the_time_of_day() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for name in ["chainrule", "chainrule-cli", "chainrule-graph", "chainrule-kernels"] {
        files(&crates.join(name).join("src"), &mut all);
    }
    assert!(all.len() > 150, "the sources are not there");
    let asks = |path: &&PathBuf| {
        fs::read_to_string(path).unwrap().contains(concat!("System", "Time"))
    };
    let asking: Vec<_> = all.iter().filter(asks).filter_map(|p| p.file_name()).collect();
    assert_eq!(asking, ["tensorboard.rs"]);
}
