//! Everything that comes from outside, given to its reader broken in every way that comes to mind.
//!
//! One target a format; a test each. None may panic, hang, or take memory that neither the size of
//! the input nor a stated limit explains. How to add one: CONTRIBUTING.md; what was run for how
//! long: docs/fuzzing.md.
#![allow(clippy::print_stderr, reason = "a run says how much it tried")]

mod ask;
mod engine;
mod equations;
mod limits;
mod meter;
mod model;
mod mutate;
mod tables;

/// So much is held for reading anything at all.
const FEW: usize = 64 << 20;
