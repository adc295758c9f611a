//! Memory in large pages: in goes a number of elements, out comes an empty vector with that
//! much room.
//!
//! Rows of a large table that are gathered in a random order lie on as many pages as there
//! are rows, and looking a page's place up costs as much as fetching the row; large pages
//! are few enough to be remembered. Invariant: what the vector holds is up to its owner; a
//! system without large pages gives ordinary ones.

/// Room for `n` elements, in large pages where there are some and it is worth it.
pub fn room<T>(n: usize) -> Vec<T> {
    let room = Vec::with_capacity(n);
    #[cfg(target_os = "linux")]
    ask(room.as_ptr() as usize, n * size_of::<T>());
    room
}

/// Bytes of a large page; smaller vectors are left alone.
#[cfg(target_os = "linux")]
const LARGE: usize = 2 << 20;

#[cfg(target_os = "linux")]
fn ask(start: usize, bytes: usize) {
    let first = start.next_multiple_of(LARGE);
    let end = (start + bytes) / LARGE * LARGE;
    if end > first {
        // SAFETY: whole pages inside memory that is allocated and not yet used; the advice
        // changes how they are backed, not what they hold. A refusal changes nothing.
        unsafe {
            libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_there_for_any_size() {
        for n in [0, 1, 1000, 3_000_000] {
            let mut all: Vec<f32> = room(n);
            assert!(all.capacity() >= n && all.is_empty());
            all.resize(n, 1.5);
            assert!(all.iter().all(|&x| x == 1.5));
        }
    }
}
