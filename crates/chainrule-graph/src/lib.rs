//! THE MATHS: text → graph → gradient → simpler graph. Pure: no files, clock, threads, printing.
#![forbid(unsafe_code)]

pub mod derived;
pub mod diag;
pub mod eval;
pub mod functions;
pub mod graph;
pub mod module;
pub mod ops;
pub mod shape;
pub mod syntax;
pub mod value;
