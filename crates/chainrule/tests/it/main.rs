//! Tests of the library through its public face, one module a kind.

mod exams;
