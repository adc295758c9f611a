//! A rewrite broken on purpose, for tests of what stands behind it (debug builds alone).
//!
//! While a body runs, one rewrite gives twice what it should, on this thread. Release builds know
//! nothing of it.

#[cfg(debug_assertions)]
use std::cell::Cell;

use crate::graph::{Binary, NodeId};

use super::Simplifier;

#[cfg(debug_assertions)]
thread_local! {
    static BROKEN: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Runs `body` with the rewrite of this name broken.
#[cfg(debug_assertions)]
#[doc(hidden)]
pub fn with_broken<T>(rule: &'static str, body: impl FnOnce() -> T) -> T {
    BROKEN.set(Some(rule));
    let out = body();
    BROKEN.set(None);
    out
}

#[cfg(debug_assertions)]
fn is_broken(rule: &str) -> bool {
    BROKEN.get() == Some(rule)
}

#[cfg(not(debug_assertions))]
fn is_broken(_: &str) -> bool {
    false
}

impl Simplifier<'_, '_> {
    /// What a rewrite gave, or twice that.
    pub(super) fn given(&mut self, n: NodeId, rule: &str) -> NodeId {
        if is_broken(rule) { self.g.binary(Binary::Add, n, n) } else { n }
    }
}
