//! Tests of the library through its public face, one module a kind.

mod common;
mod differences;
mod exams;
mod functions;
mod generated;
mod mutations;
mod planned;
mod random;
mod runs;
mod shared_data;
mod suite;
