//! A team of our own threads: in goes a number of parts and a closure, out comes
//! nothing; when [`Team::run`] returns, the closure has run once for every part.
//!
//! Invariants: part 0 is the caller's, part p the p-th member's, so that what a part
//! wrote lies in the caches of the thread that reads it next, and working memory is a
//! thread's own from its first turn on. Parts may meet at a [`Barrier`], and claim numbered
//! pieces of work there. A panic in a part is carried to the caller after all parts are
//! done. A call inside a call, or from a second thread at the same time, gets no team:
//! [`Team::run`] says so and does nothing.
//!
//! Deliberately absent: queues, futures, work stealing, affinity. Steps last 3 to 500 µs,
//! so members spin for a few µs after a job and then park; where there are more members
//! than processors they hardly spin. A member that finds itself on the caller's processor
//! after a long wait goes to another ([`crate::place`]).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle, Thread};

use crate::place;

/// How long a member looks for the next job before it parks, in turns of a pause.
const SPINS: u32 = 4_000;
/// The same where members outnumber the processors.
const FEW_SPINS: u32 = 50;

/// Work below which a second thread costs more than it brings: about 2 µs of one.
const WORTH: usize = 32 * 1024;

type Payload = Box<dyn Any + Send>;
type Work<'a> = dyn Fn(usize, &Barrier) + Sync + 'a;

/// Where the parts of one call wait for each other.
pub(crate) struct Barrier {
    parts: usize,
    spins: u32,
    arrived: AtomicUsize,
    round: AtomicUsize,
    /// Pieces of work taken since all met last.
    claimed: AtomicUsize,
    broken: AtomicBool,
    /// Whether a wait outlasted its spinning.
    long: AtomicBool,
}

impl Barrier {
    fn new(parts: usize, spins: u32) -> Barrier {
        let [arrived, round, claimed] = [0; 3].map(AtomicUsize::new);
        let [broken, long] = [false; 2].map(AtomicBool::new);
        Barrier { parts, spins, arrived, round, claimed, broken, long }
    }

    /// Returns when all parts are here; what they wrote before is seen after.
    ///
    /// # Panics
    /// If another part panicked and will never come.
    pub(crate) fn wait(&self) {
        let round = self.round.load(Ordering::Relaxed);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.parts {
            self.arrived.store(0, Ordering::Relaxed);
            self.claimed.store(0, Ordering::Relaxed);
            self.round.store(round + 1, Ordering::Release);
            return;
        }
        let long = spin_until(self.spins, || {
            assert!(!self.broken.load(Ordering::Relaxed), "another part has failed");
            self.round.load(Ordering::Acquire) != round
        });
        if long {
            self.long.store(true, Ordering::Relaxed);
        }
    }

    /// The number of a piece of work that nobody else has or will have until all meet again.
    pub(crate) fn claim(&self) -> usize {
        self.claimed.fetch_add(1, Ordering::Relaxed)
    }
}

/// Looks again and again, and lets others run once that has taken a while: then true.
fn spin_until(spins: u32, mut done: impl FnMut() -> bool) -> bool {
    let mut turns = 0;
    while !done() {
        if turns < spins {
            turns += 1;
            std::hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
    turns == spins
}

/// One call of [`Team::run`], on the caller's stack.
struct Job<'a> {
    work: &'a Work<'a>,
    barrier: Barrier,
    done: AtomicUsize,
    panic: Mutex<Option<Payload>>,
}

/// What members and caller share. `ticket` holds the number of the job in its upper
/// half, and the number of its parts.
struct Shared {
    ticket: AtomicU64,
    job: AtomicPtr<Job<'static>>,
    asleep: AtomicUsize,
    stop: AtomicBool,
    spins: u32,
    /// The processor that members are to leave, plus 1; 0 for none.
    taken: AtomicUsize,
}

/// A team of threads that run the parts of one job together. See the module's words.
pub struct Team {
    shared: Arc<Shared>,
    members: Vec<(Thread, Option<JoinHandle<()>>)>,
    one_at_a_time: Mutex<()>,
    /// Work that it shares: so many cheap operations on one number, or more.
    pub(crate) worth: usize,
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Team({})", self.threads())
    }
}

impl Team {
    /// A team of `threads` threads, the caller counted as one; 0 counts as 1. A machine
    /// that refuses a thread gets a smaller team.
    pub fn new(threads: usize) -> Team {
        let threads = threads.max(1);
        // Asking for the processors reads files, so a team of one does not ask.
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let enough = threads == 1 || threads <= cores();
        let shared = Arc::new(Shared {
            ticket: AtomicU64::new(0),
            job: AtomicPtr::new(std::ptr::null_mut()),
            asleep: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            spins: if enough { SPINS } else { FEW_SPINS },
            taken: AtomicUsize::new(0),
        });
        let members = (1..threads).map_while(|part| member(&shared, part)).collect();
        Team { shared, members, one_at_a_time: Mutex::new(()), worth: WORTH }
    }

    /// The team of the caller alone; it starts no thread.
    pub fn single() -> Team {
        Team::new(1)
    }

    /// A team that shares any work, however little: slow, and good for seeing that bits do
    /// not depend on the number of threads.
    pub fn eager(threads: usize) -> Team {
        let mut team = Team::new(threads);
        team.worth = 0;
        team
    }

    /// How many threads work on a job, the caller among them.
    pub fn threads(&self) -> usize {
        self.members.len() + 1
    }

    /// Runs `work(part, barrier)` for every part of `0..parts`, all at the same time, and
    /// says true; or does nothing and says false: there are more parts than threads, or
    /// the team is at work.
    ///
    /// # Panics
    /// With the first panic of a part, after all parts are done.
    pub(crate) fn run(&self, parts: usize, work: &Work<'_>) -> bool {
        let Some(turn) = self.turn().filter(|_| parts <= self.threads()) else {
            return false;
        };
        let job = Job {
            work,
            barrier: Barrier::new(parts, self.shared.spins),
            done: AtomicUsize::new(0),
            panic: Mutex::new(None),
        };
        self.publish(&job, parts);
        run_part(&job, 0);
        let done = || job.done.load(Ordering::Acquire) >= parts;
        let long = spin_until(self.shared.spins, done);
        self.shared.claim(long || job.barrier.long.load(Ordering::Relaxed));
        drop(turn);
        let first = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = first {
            resume_unwind(payload);
        }
        true
    }

    /// Runs `work(part)` for every thread's part, the caller's being 0, and says true; or does nothing
    /// and says false, if the team is at work.
    ///
    /// # Panics
    /// With the first panic of a part, after all parts are done.
    pub fn each(&self, work: &(dyn Fn(usize) + Sync)) -> bool {
        self.run(self.threads(), &|part, _| work(part))
    }

    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.one_at_a_time.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Makes the job visible and wakes the members that have a part in it.
    fn publish(&self, job: &Job<'_>, parts: usize) {
        if parts <= 1 {
            return;
        }
        let shared = &*self.shared;
        let number = ((shared.ticket.load(Ordering::Relaxed) >> 32) + 1) & 0xFFFF_FFFF;
        let job = std::ptr::from_ref(job).cast::<Job<'static>>().cast_mut();
        shared.job.store(job, Ordering::Relaxed);
        shared.ticket.store(number << 32 | parts as u64, Ordering::SeqCst);
        if shared.asleep.load(Ordering::SeqCst) > 0 {
            shared.claim(true);
            let wanted = self.members.iter().take(parts - 1);
            wanted.for_each(|(member, _)| member.unpark());
        }
    }
}

impl Shared {
    /// Tells members whether to stay off the caller's processor.
    fn claim(&self, crowded: bool) {
        let taken = if crowded { place::processor().map_or(0, |p| p + 1) } else { 0 };
        if self.taken.load(Ordering::Relaxed) != taken {
            self.taken.store(taken, Ordering::Relaxed);
        }
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

/// Starts the member for a part.
fn member(shared: &Arc<Shared>, part: usize) -> Option<(Thread, Option<JoinHandle<()>>)> {
    let shared = Arc::clone(shared);
    let builder = thread::Builder::new().name("chainrule".into());
    let handle = builder.spawn(move || live(&shared, part)).ok()?;
    Some((handle.thread().clone(), Some(handle)))
}

/// A member's life: its part of each new job, then spin, then park.
fn live(shared: &Shared, part: usize) {
    let mut seen = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        let ticket = shared.ticket.load(Ordering::SeqCst);
        if ticket >> 32 == seen {
            wait_for_news(shared, seen);
            continue;
        }
        seen = ticket >> 32;
        if part < (ticket & 0xFFFF_FFFF) as usize {
            if let Some(taken) = shared.taken.load(Ordering::Relaxed).checked_sub(1) {
                place::leave(taken);
            }
            let job = shared.job.load(Ordering::Relaxed);
            // SAFETY: the ticket was stored after the job, and the job's caller waits
            // until this part, which nobody else does, is done.
            run_part(unsafe { &*job }, part);
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

fn run_part(job: &Job<'_>, part: usize) {
    let outcome = catch_unwind(AssertUnwindSafe(|| (job.work)(part, &job.barrier)));
    if let Err(payload) = outcome {
        let mut first = job.panic.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(payload);
        job.barrier.broken.store(true, Ordering::Relaxed);
    }
    job.done.fetch_add(1, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_once_and_on_its_own_thread() {
        for threads in [1, 2, 3, 8] {
            let team = Team::new(threads);
            for parts in 1..=threads {
                let seen = Mutex::new(Vec::new());
                assert!(team.run(parts, &|part, _| {
                    seen.lock().unwrap().push((part, thread::current().id()));
                }));
                let mut seen = seen.into_inner().unwrap();
                seen.sort_by_key(|(part, _)| *part);
                let numbers: Vec<usize> = seen.iter().map(|(part, _)| *part).collect();
                assert_eq!(numbers, (0..parts).collect::<Vec<_>>());
                assert_eq!(seen[0].1, thread::current().id());
            }
            assert!(!team.run(threads + 1, &|_, _| ()), "more parts than threads");
        }
    }

    #[test]
    fn parts_meet_at_the_barrier() {
        let team = Team::new(4);
        let counts: Vec<_> = (0..4).map(|_| AtomicUsize::new(0)).collect();
        for _ in 0..2_000 {
            team.run(4, &|part, barrier| {
                for round in 1..=3 {
                    counts[part].fetch_add(1, Ordering::Relaxed);
                    barrier.wait();
                    let slowest = counts.iter().map(|c| c.load(Ordering::Relaxed)).min();
                    assert!(slowest >= Some(round), "someone is behind round {round}");
                    barrier.wait();
                }
            });
            counts.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_those_who_wait_and_the_team_lives_on() {
        let team = Team::new(3);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            team.run(3, &|part, barrier| {
                assert!(part != 2, "part two");
                barrier.wait();
            });
        }));
        assert!(caught.is_err());
        let total = AtomicUsize::new(0);
        team.run(3, &|part, _| {
            total.fetch_add(part, Ordering::Relaxed);
        });
        assert_eq!(total.into_inner(), 3);
    }

    #[test]
    fn a_team_at_work_says_so() {
        let team = Team::new(2);
        let refused = AtomicUsize::new(0);
        team.run(2, &|_, _| {
            if !team.run(2, &|_, _| ()) {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(refused.into_inner(), 2);
    }
}
