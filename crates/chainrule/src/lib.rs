//! Equations in, trained network out, every number accounted for.
#![forbid(unsafe_code)]

pub mod check;
pub mod data;
pub mod diagnose;
pub mod draw;
mod error;
pub mod exam;
pub mod explain;
pub mod export;
pub mod init;
pub mod limits;
pub mod mark;
pub mod memory;
pub mod metrics;
pub mod model;
mod pdf;
mod picture;
pub mod plan;
pub mod run;
pub mod runs;
pub mod schedule;
pub mod store;
pub mod train;
pub mod trials;
pub mod tune;

pub use chainrule_graph as graph;
pub use error::{DataProblem, Error};
pub use model::{
    Evaluation, GradientNorm, Model, Options, Prediction, Predictor, Summary, Trained,
    table,
};
