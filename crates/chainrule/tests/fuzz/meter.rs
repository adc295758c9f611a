//! What a thread holds in memory, counted by the allocator of this test binary.
//!
//! Counts are of one thread, so that tests beside each other do not disturb each other's figures. An
//! allocation that no input of a test can justify is refused, after the input was written down:
//! a machine that swaps tells nobody which file it was.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// One allocation of more bytes ends the test.
const LARGEST: usize = 4 << 30;

struct Counting;

fn count(bytes: isize) {
    // A thread that is ending has no counters any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

fn refuse(bytes: usize) -> *mut u8 {
    super::engine::write_down(&format!("asked for {bytes} bytes at once"));
    std::ptr::null_mut()
}

// SAFETY: every call goes to the system's allocator as it came, or fails with null as it may.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            return refuse(layout.size());
        }
        count(layout.size() as isize);
        // SAFETY: the caller's own conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            return refuse(layout.size());
        }
        count(layout.size() as isize);
        // SAFETY: the caller's own conditions.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > LARGEST {
            return refuse(size);
        }
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's own conditions.
        unsafe { System.realloc(p, layout, size) }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's own conditions.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that this thread held during `work`, beyond what it held before.
pub(crate) fn peak(work: impl FnOnce()) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    work();
    usize::try_from(PEAK.get() - before).unwrap_or(0)
}
