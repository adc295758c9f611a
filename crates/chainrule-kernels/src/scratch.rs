//! Working memory of a thread: in goes a size, out comes a place aligned to a cache
//! line. It is allocated on a thread's first use, grows to the largest size asked for,
//! and is kept; so a step that has run once allocates nothing.
//!
//! Invariant: one user at a time per thread; kernels do not call one another inside.

use std::cell::RefCell;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with at least `bytes` bytes of working memory; what it holds is left over
/// from earlier users.
pub(crate) fn with<R>(bytes: usize, f: impl FnOnce(*mut u8) -> R) -> R {
    LINES.with_borrow_mut(|lines| {
        let wanted = bytes.div_ceil(64);
        if lines.len() < wanted {
            lines.resize(wanted, Line([0; 64]));
        }
        f(lines.as_mut_ptr().cast())
    })
}
