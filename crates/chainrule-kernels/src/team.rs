//! A team of our own threads: in goes a number of parts and a closure, out comes
//! nothing; when [`Team::run`] returns, the closure has run once for every part.
//!
//! Invariants: a part is claimed exactly once, by whichever member is free first, the
//! caller among them; so a team whose threads never wake up is slow but not wrong, and
//! results may not depend on who ran what. A panic in a part is carried to the caller
//! after all parts are done. A call inside a call, or from a second thread at the same
//! time, runs its parts one after the other on the spot.
//!
//! Deliberately absent: queues, futures, work stealing, affinity. Steps last 3 to 500 µs,
//! so members spin for a few µs after a job and then park; where there are more members
//! than processors they do not spin at all.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle, Thread};

/// How long a member looks for the next job before it parks, in turns of a pause.
const SPINS: u32 = 4_000;

/// As many parts as a ticket can count.
const MOST_PARTS: usize = u16::MAX as usize;

type Payload = Box<dyn Any + Send>;

/// One call of [`Team::run`], on the caller's stack.
struct Job<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    done: AtomicUsize,
    panic: Mutex<Option<Payload>>,
}

/// What members and caller share. `ticket` holds the number of the job in its upper
/// half, then the number of its parts and the next unclaimed part, 16 bits each, so that
/// a claim made for a finished job fails.
struct Shared {
    ticket: AtomicU64,
    job: AtomicPtr<Job<'static>>,
    asleep: AtomicUsize,
    stop: AtomicBool,
    spins: u32,
}

/// A team of threads that run the parts of one job together. See the module's words.
pub struct Team {
    shared: Arc<Shared>,
    members: Vec<(Thread, Option<JoinHandle<()>>)>,
    one_at_a_time: Mutex<()>,
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Team({})", self.threads())
    }
}

impl Team {
    /// A team of `threads` threads, the caller counted as one; 0 counts as 1.
    pub fn new(threads: usize) -> Team {
        let threads = threads.max(1);
        // Asking for the processors reads files, so a team of one does not ask.
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let shared = Arc::new(Shared {
            ticket: AtomicU64::new(0),
            job: AtomicPtr::new(std::ptr::null_mut()),
            asleep: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            spins: if threads == 1 || threads <= cores() { SPINS } else { 0 },
        });
        let members = (1..threads).filter_map(|_| member(&shared)).collect();
        Team { shared, members, one_at_a_time: Mutex::new(()) }
    }

    /// The team of the caller alone; it starts no thread.
    pub fn single() -> Team {
        Team::new(1)
    }

    /// How many threads work on a job, the caller among them.
    pub fn threads(&self) -> usize {
        self.members.len() + 1
    }

    /// Runs `work(part)` for every part of `0..parts` and returns when all are done.
    ///
    /// # Panics
    /// With the first panic of a part, after all parts are done.
    pub fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        if self.members.is_empty() || parts <= 1 {
            return (0..parts).for_each(work);
        }
        if parts > MOST_PARTS {
            return self.run_grouped(parts, work);
        }
        match self.turn() {
            Some(turn) => self.share(parts, work, turn),
            None => (0..parts).for_each(work),
        }
    }

    fn run_grouped(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        let size = parts.div_ceil(MOST_PARTS);
        self.run(parts.div_ceil(size), &|group| {
            (group * size..parts.min((group + 1) * size)).for_each(work);
        });
    }

    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.one_at_a_time.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn share(
        &self,
        parts: usize,
        work: &(dyn Fn(usize) + Sync),
        turn: MutexGuard<'_, ()>,
    ) {
        let job = Job { work, done: AtomicUsize::new(0), panic: Mutex::new(None) };
        let number = self.publish(&job, parts);
        help(&self.shared, number);
        await_all(&job.done, parts, self.shared.spins);
        drop(turn);
        let first = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = first {
            resume_unwind(payload);
        }
    }

    /// Makes the job visible and wakes as many members as there are parts for.
    fn publish(&self, job: &Job<'_>, parts: usize) -> u64 {
        let shared = &*self.shared;
        let number = ((shared.ticket.load(Ordering::Relaxed) >> 32) + 1) & 0xFFFF_FFFF;
        let job = std::ptr::from_ref(job).cast::<Job<'static>>().cast_mut();
        shared.job.store(job, Ordering::Relaxed);
        shared.ticket.store(number << 32 | (parts as u64) << 16, Ordering::SeqCst);
        if shared.asleep.load(Ordering::SeqCst) > 0 {
            let wanted = self.members.iter().take(parts - 1);
            wanted.for_each(|(member, _)| member.unpark());
        }
        number
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for (member, handle) in &mut self.members {
            member.unpark();
            if let Some(handle) = handle.take() {
                let _ = handle.join();
            }
        }
    }
}

/// Starts one member; a machine that refuses a thread gets a smaller team.
fn member(shared: &Arc<Shared>) -> Option<(Thread, Option<JoinHandle<()>>)> {
    let shared = Arc::clone(shared);
    let builder = thread::Builder::new().name("chainrule".into());
    let handle = builder.spawn(move || live(&shared)).ok()?;
    Some((handle.thread().clone(), Some(handle)))
}

/// A member's life: help with each new job, then spin, then park.
fn live(shared: &Shared) {
    let mut seen = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        let number = shared.ticket.load(Ordering::SeqCst) >> 32;
        if number == seen {
            wait_for_news(shared, seen);
        } else {
            seen = number;
            help(shared, number);
        }
    }
}

fn wait_for_news(shared: &Shared, seen: u64) {
    let old = || {
        shared.ticket.load(Ordering::SeqCst) >> 32 == seen
            && !shared.stop.load(Ordering::SeqCst)
    };
    for _ in 0..shared.spins {
        if !old() {
            return;
        }
        std::hint::spin_loop();
    }
    // Announce first, look again second: `publish` does the reverse, so one sees the other.
    shared.asleep.fetch_add(1, Ordering::SeqCst);
    while old() {
        thread::park();
    }
    shared.asleep.fetch_sub(1, Ordering::SeqCst);
}

/// Claims and runs parts of job `number` until none is left.
fn help(shared: &Shared, number: u64) {
    let mut ticket = shared.ticket.load(Ordering::Acquire);
    loop {
        let job = shared.job.load(Ordering::Relaxed);
        let (parts, part) = (ticket >> 16 & 0xFFFF, ticket & 0xFFFF);
        if ticket >> 32 != number || part >= parts {
            return;
        }
        let claim = shared.ticket.compare_exchange_weak(
            ticket,
            ticket + 1,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if claim.is_ok() {
            // SAFETY: job `number` had an unclaimed part before and after `job` was read,
            // so `job` is its own, and its caller waits until this claimed part is done.
            unsafe { run_part(job, part as usize) }
        }
        ticket = shared.ticket.load(Ordering::Acquire);
    }
}

/// # Safety
/// `job` lives until its `done` has counted this part.
unsafe fn run_part(job: *const Job<'static>, part: usize) {
    // SAFETY: by this function's own condition.
    let job = unsafe { &*job };
    let outcome = catch_unwind(AssertUnwindSafe(|| (job.work)(part)));
    if let Err(payload) = outcome {
        let mut first = job.panic.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(payload);
    }
    job.done.fetch_add(1, Ordering::Release);
}

fn await_all(done: &AtomicUsize, parts: usize, spins: u32) {
    let mut turns = 0;
    while done.load(Ordering::Acquire) < parts {
        turns += 1;
        if turns < spins {
            std::hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            let team = Team::new(threads);
            for parts in [0, 1, 2, 7, 100, 70_000] {
                let counts: Vec<_> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                team.run(parts, &|part| {
                    counts[part].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn many_short_jobs_in_a_row_do_not_hang() {
        let team = Team::new(8);
        let total = AtomicUsize::new(0);
        for _ in 0..20_000 {
            team.run(8, &|_| {
                total.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(total.into_inner(), 160_000);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_lives_on() {
        let team = Team::new(3);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            team.run(5, &|part| assert!(part != 3, "part three"));
        }));
        assert!(caught.is_err());
        let total = AtomicUsize::new(0);
        team.run(5, &|part| {
            total.fetch_add(part, Ordering::Relaxed);
        });
        assert_eq!(total.into_inner(), 10);
    }

    #[test]
    fn a_call_inside_a_call_runs_on_the_spot() {
        let team = Team::new(2);
        let total = AtomicUsize::new(0);
        team.run(4, &|_| {
            team.run(4, &|_| {
                total.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(total.into_inner(), 16);
    }

    #[test]
    fn two_callers_at_once_both_finish() {
        let team = Team::new(2);
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        team.run(4, &|_| {
                            total.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4_000);
    }
}
