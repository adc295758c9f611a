//! Text → tree and diagnostics; reading cannot fail.

pub mod ast;
pub mod settings;
