//! How many instructions one training step takes, counted by callgrind: a figure that noise does not
//! reach, so that a step that grew is seen at once.
//!
//! In: the program `steps`. Invariant: the difference of two trainings counts steps alone, whatever
//! parsing, planning and preparing cost. Deliberately absent: time, which `make bench` measures.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::print_stderr, reason = "a test that skips says so")]

use std::process::Command;

/// Instructions of one step of T2 at batch 32 as the dev profile compiles it, AVX2, one thread: 1,049,962
/// were counted; a fifth more, since compilers inline differently. A change that lowers the count
/// lowers the bound.
const BOUND: u64 = 1_260_000;

/// Instructions of a training of so many epochs; `None` without valgrind.
fn instructions(epochs: u32) -> Option<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env!("CARGO_BIN_EXE_steps"))
        .arg(epochs.to_string())
        // valgrind knows no AVX-512.
        .env("CHAINRULE_ISA", "avx2")
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "the counted program failed:\n{said}");
    let count = said.lines().find_map(|l| l.split_once("Collected :"));
    let count = count.and_then(|(_, n)| n.trim().parse().ok());
    Some(count.unwrap_or_else(|| panic!("no count in what valgrind says:\n{said}")))
}

#[test]
fn a_training_step_takes_no_more_instructions_than_its_bound() {
    let Some(few) = instructions(1) else {
        let why = "valgrind is not there";
        assert!(std::env::var("CHAINRULE_NO_SKIP").as_deref() != Ok("1"), "{why}");
        eprintln!("skipped: {why}");
        return;
    };
    let many = instructions(3).unwrap_or(0);
    let step = many.saturating_sub(few) / 200;
    eprintln!("{step} instructions a step");
    assert!(step > 0, "{few} instructions for one epoch, {many} for three");
    assert!(step <= BOUND, "a step takes {step} instructions, the bound is {BOUND}");
}
