//! Processors: which one a thread is on, and a way off it.
//!
//! Some systems wake a thread on the processor of the thread that woke it and leave both
//! there while another idles: spinning for each other, they then take three times as long
//! as one alone. Invariant: a thread may run wherever it might before. Deliberately absent:
//! threads bound to processors, which would stand in the way of other programs.

/// The processor that this thread is on; `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn processor() -> Option<usize> {
    // SAFETY: asks for a number.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

/// Goes to another processor if this thread is on the given one and may run elsewhere.
#[cfg(target_os = "linux")]
pub(crate) fn leave(taken: usize) {
    if processor() != Some(taken) {
        return;
    }
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: plain sets of bits that the calls read and write whole; `taken` comes from the
    // system, and is looked up in such a set. What is refused changes nothing.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size, &raw mut allowed) != 0 {
            return;
        }
        let mut others = allowed;
        libc::CPU_CLR(taken, &mut others);
        if libc::CPU_COUNT(&others) > 0
            && libc::sched_setaffinity(0, size, &raw const others) == 0
        {
            libc::sched_setaffinity(0, size, &raw const allowed);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn processor() -> Option<usize> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn leave(_: usize) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_leaves_a_processor_and_may_come_back() {
        let allowed = || {
            // SAFETY: as above.
            unsafe {
                let mut set: libc::cpu_set_t = std::mem::zeroed();
                libc::sched_getaffinity(0, size_of_val(&set), &raw mut set);
                (libc::CPU_COUNT(&set), set)
            }
        };
        let (count, before) = allowed();
        // Elsewhere the scheduler may move the thread between two questions.
        let moved = (0..100).any(|_| {
            let here = processor().expect("Linux says");
            leave(here);
            processor() != Some(here)
        });
        assert!(moved || count == 1);
        // SAFETY: both sets are whole.
        assert!(unsafe { libc::CPU_EQUAL(&before, &allowed().1) });
        leave(usize::MAX);
    }
}
