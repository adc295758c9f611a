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
mod functions;
mod generated;
mod golden;
mod marking;
mod mutations;
mod outside;
#[cfg(feature = "parquet")]
mod parquet;
mod planned;
mod python;
mod random;
mod resume;
mod runs;
mod shared_data;
mod suite;
mod training;
mod trials;
