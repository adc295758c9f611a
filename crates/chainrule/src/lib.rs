//! Equations in, trained network out, every number accounted for.
#![forbid(unsafe_code)]

pub use chainrule_graph as graph;
