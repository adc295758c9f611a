//! Tests of the library through its public face, one module a kind.

mod differences;
mod exams;
mod suite;
