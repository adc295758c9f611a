//! The `chainrule` command. Turns arguments into calls of the library; draws what comes back.
#![forbid(unsafe_code)]

fn main() {}
