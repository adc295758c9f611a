//! THE MATHS: text → graph → gradient → simpler graph. Pure: no files, clock, threads, printing.
#![forbid(unsafe_code)]

pub mod diag;
pub mod syntax;
