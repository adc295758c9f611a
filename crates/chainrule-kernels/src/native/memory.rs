//! Memory that can be run: in go bytes, out comes code that can be called, or nothing if
//! the system does not lend such memory.
//!
//! Invariant: a page can be written or run, never both.

use std::ptr::NonNull;

/// Pages of code, given back when dropped.
#[derive(Debug)]
pub(super) struct Code {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the pages are read and run only.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Code {
    /// Nothing if the system refuses.
    pub(super) fn new(bytes: &[u8]) -> Option<Code> {
        let (len, flags) = (bytes.len().max(1), libc::MAP_PRIVATE | libc::MAP_ANON);
        let write = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new pages of our own, as long as the bytes that are copied there.
        unsafe {
            let start = libc::mmap(std::ptr::null_mut(), len, write, flags, -1, 0);
            if start == libc::MAP_FAILED {
                return None;
            }
            let code = Code { start: NonNull::new(start.cast())?, len };
            code.start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            let run = libc::mprotect(start, len, libc::PROT_READ | libc::PROT_EXEC);
            (run == 0).then_some(code)
        }
    }

    /// The place of a byte of the code.
    pub(super) fn at(&self, offset: usize) -> *const u8 {
        assert!(offset < self.len, "an entry outside the code");
        self.start.as_ptr().wrapping_add(offset)
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: the pages that `new` was lent, and nobody runs them any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
