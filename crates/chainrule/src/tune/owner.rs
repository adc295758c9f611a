//! Which process holds a trial, and whether it is still there.
//!
//! In: nothing, or the word of another process. Out: a word of this process's own. Invariant: only a
//! process that would be seen here if it lived is said to be gone (same start of the system, same
//! space of process numbers); of all others only their silence tells. Deliberately absent: signals.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::process;

/// A word that no other process has, as long as the record lives.
pub(super) fn me() -> String {
    let id = process::id();
    match (place(), begun(id)) {
        (Some(place), Some(begun)) => format!("{place} {id} {begun}"),
        // Without /proc: a number of chance tells processes of one number apart.
        _ => format!("{id} {}", RandomState::new().build_hasher().finish()),
    }
}

/// Whether the process is known to be gone.
pub(super) fn is_gone(owner: &str) -> bool {
    let words: Vec<&str> = owner.split(' ').collect();
    let [boot, space, id, begun_then] = words[..] else { return false };
    let here = place().is_some_and(|p| p == format!("{boot} {space}"));
    let now = id.parse().ok().and_then(begun);
    here && now.as_deref() != Some(begun_then)
}

/// The start of the system, and its space of process numbers.
fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

/// When a process began, in the system's ticks.
fn begun(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may hold anything; behind it the state is the first word.
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let dead = matches!(words.next()?, "Z" | "X");
    words.nth(18).filter(|_| !dead).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_not_gone_and_a_dead_one_is() {
        assert!(!is_gone(&me()) && !is_gone("somewhere else") && !is_gone(""));
        assert!(!is_gone("another-boot pid:[1] 3 4"), "another machine");
        if let Some(place) = place() {
            let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();
            let word = format!("{place} {} {}", child.id(), begun(child.id()).unwrap());
            assert!(!is_gone(&word));
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(is_gone(&word));
        }
    }
}
