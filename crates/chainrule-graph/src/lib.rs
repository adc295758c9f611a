//! THE MATHS: text → graph → gradient → simpler graph. Pure: no files, clock, threads, printing.
//!
//! The passes: [`syntax::parse`] → [`lower::load`] → [`derived::derive`] → [`derived::expand`],
//! and [`eval`] as the literal reference of what each node is worth.
#![forbid(unsafe_code)]

pub mod derived;
pub mod diag;
pub mod domain;
pub mod eval;
pub mod expand;
pub mod functions;
pub(crate) mod grad;
pub mod graph;
pub mod limits;
pub mod locals;
pub mod lower;
pub mod module;
pub mod ops;
pub mod optimizer;
pub mod prelude;
pub mod print;
pub mod query;
pub mod shape;
pub mod simplify;
pub mod suggest;
pub mod syntax;
pub mod value;
pub mod verify;
