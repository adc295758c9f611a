//! Equations in, trained network out, every number accounted for.
#![forbid(unsafe_code)]

pub mod data;
mod error;
pub mod explain;
pub mod plan;
pub mod run;

pub use chainrule_graph as graph;
pub use error::{DataProblem, Error};
