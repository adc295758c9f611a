//! Tests of the library through its public face, one module a kind.
#![allow(clippy::print_stderr, reason = "a test says what it skips and what it measured")]

mod cache;
mod clock;
mod common;
mod curves;
mod denormals;
mod diagnosing;
mod differences;
mod drawing;
mod exams;
mod exercises;
mod explained;
mod export;
mod folds;
mod functions;
mod gap;
mod generated;
mod golden;
mod marking;
mod mutations;
mod outside;
mod own_curves;
mod pages;
mod paper;
#[cfg(feature = "parquet")]
mod parquet;
mod planned;
mod python;
mod random;
mod resume;
mod runs;
mod shared_data;
mod splits;
mod suite;
mod training;
mod trials;
mod tuning;
