//! Kernels one after the other, on a team: in go [`Call`]s, out comes a [`Sequence`] that
//! can be run again and again.
//!
//! Each call is dealt to the team once, when the sequence is made: by rows or by columns
//! of its result, never along a sum. A thread then walks through its own parts of all
//! calls, and waits for the others only where it would read what another wrote, or write
//! what another reads; a layer's products, passes and sums mostly follow one another
//! without that. A product that takes milliseconds is dealt in more pieces than there are
//! threads, each taken by the thread that is free: processors are not equally fast, least of
//! all where somebody else works on one of them.
//!
//! Invariants: between two waits, no element that one part writes is touched by another;
//! all places lie inside the arena's first [`Sequence::len`] elements; indices and row
//! numbers are checked before anything runs. So running is sound and does not fail. A
//! call's bits are those of the whole, however it was dealt.
//!
//! Deliberately absent: another order than the one given, allocation in [`run`].

use crate::arena::{Base, Touched};
use crate::fed::Fed;
use crate::fused::Pass;
use crate::joint::Joint;
use crate::matmul::Gemm;
use crate::moves::{Copy, Fill, Gather, Pick, SubAt};
use crate::reduce::Reduction;
use crate::simd::{Forms, Isa};
use crate::softmax::RowSoft;
use crate::subnormal::Flushed;
use crate::team::Team;

/// How a call's result is dealt out.
#[derive(Clone, std::marker::Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Rows,
    Cols,
    /// Not at all: one part does it.
    Whole(usize),
}

/// Rows that an index must have, and the columns that its numbers must be below.
#[derive(Clone, std::marker::Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) index: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

/// What a kernel says of itself; a kernel is one entry in [`Call`] and this.
pub(crate) trait Part<T>: Sized {
    /// # Panics
    /// If operands are missing or meet where they may not.
    fn check(&self);
    fn touched(&self) -> Touched;
    /// Rows and columns that can be dealt out.
    fn shape(&self) -> (usize, usize);
    /// About how many cheap operations on one number it takes.
    fn work(&self) -> usize;
    /// How it can be dealt out, the better way first.
    fn cuts(&self) -> &[Cut];
    /// Elements that every part reads less if it is dealt out the better way.
    fn gain(&self) -> usize {
        0
    }
    /// The way that it is dealt in more pieces than threads, and how many, if each takes so long
    /// that it does not matter which thread has it.
    fn pieces(&self, threads: usize) -> Option<(Cut, usize)> {
        let _ = threads;
        None
    }
    /// The same for some rows of the result.
    fn rows(&self, first: usize, rows: usize) -> Self;
    /// The same for some columns.
    fn cols(&self, first: usize, cols: usize) -> Self {
        let _ = (first, cols);
        unreachable!("a kernel that is not dealt out by columns")
    }
    fn limit(&self) -> Option<Limit> {
        None
    }
    /// Does it, on this thread.
    ///
    /// # Safety
    /// All that [`Part::touched`] names lies in the arena, and no other thread writes
    /// there, nor reads what is written; [`Part::check`] and [`Part::limit`] hold.
    unsafe fn run(&self, base: Base<T>, isa: Isa, inputs: &Inputs<'_, T>);
}

macro_rules! calls {
    ($($(#[$doc:meta])* $Name:ident($Kernel:ty),)*) => {
        /// A kernel with its places.
        #[derive(Clone, Debug)]
        pub enum Call<T> {
            $($(#[$doc])* $Name($Kernel),)*
        }

        impl<T: Forms> Part<T> for Call<T> {
            fn check(&self) {
                match self { $(Call::$Name(k) => Part::<T>::check(k),)* }
            }
            fn touched(&self) -> Touched {
                match self { $(Call::$Name(k) => Part::<T>::touched(k),)* }
            }
            fn shape(&self) -> (usize, usize) {
                match self { $(Call::$Name(k) => Part::<T>::shape(k),)* }
            }
            fn work(&self) -> usize {
                match self { $(Call::$Name(k) => Part::<T>::work(k),)* }
            }
            fn cuts(&self) -> &[Cut] {
                match self { $(Call::$Name(k) => Part::<T>::cuts(k),)* }
            }
            fn gain(&self) -> usize {
                match self { $(Call::$Name(k) => Part::<T>::gain(k),)* }
            }
            fn pieces(&self, threads: usize) -> Option<(Cut, usize)> {
                match self { $(Call::$Name(k) => Part::<T>::pieces(k, threads),)* }
            }
            fn rows(&self, first: usize, n: usize) -> Self {
                match self { $(Call::$Name(k) => Call::$Name(Part::<T>::rows(k, first, n)),)* }
            }
            fn cols(&self, first: usize, n: usize) -> Self {
                match self { $(Call::$Name(k) => Call::$Name(Part::<T>::cols(k, first, n)),)* }
            }
            fn limit(&self) -> Option<Limit> {
                match self { $(Call::$Name(k) => Part::<T>::limit(k),)* }
            }
            unsafe fn run(&self, base: Base<T>, isa: Isa, inputs: &Inputs<'_, T>) {
                // SAFETY: the caller's condition.
                unsafe {
                    match self { $(Call::$Name(k) => Part::<T>::run(k, base, isa, inputs),)* }
                }
            }
        }
    };
}
calls! {
    /// A matrix product.
    Gemm(Gemm),
    /// An elementwise program.
    Pass(Pass<T>),
    /// A product of rows from outside.
    Fed(Fed),
    /// A product and the elementwise program that uses it up.
    Joint(Joint<T>),
    /// Sums or maxima.
    Reduce(Reduction),
    /// Softmax and its logarithms.
    Soft(RowSoft),
    /// One entry of each row.
    Pick(Pick),
    /// A number off one entry of each row.
    SubAt(SubAt),
    /// Rows from outside.
    Gather(Gather),
    /// The same somewhere else.
    Copy(Copy),
    /// One number everywhere.
    Fill(Fill),
}

/// Matrices outside the arena, by number.
pub trait Sources<T>: Sync {
    /// All elements of a matrix, row by row.
    fn source(&self, number: usize) -> &[T];
}

impl<T: Sync> Sources<T> for &[&[T]] {
    fn source(&self, number: usize) -> &[T] {
        self[number]
    }
}

/// None at all.
struct NoSources;

impl<T> Sources<T> for NoSources {
    fn source(&self, _: usize) -> &[T] {
        &[]
    }
}

/// What a run reads besides the arena.
#[derive(Clone, std::marker::Copy)]
pub struct Inputs<'a, T> {
    /// Numbers of columns, one per row.
    pub index: &'a [Vec<u32>],
    /// Matrices outside the arena, and the rows of them that are gathered.
    pub sources: &'a dyn Sources<T>,
    /// See `sources`.
    pub rows: &'a [u32],
    /// Seed and step (or whatever tells one run's draws from another's).
    pub key: [u64; 2],
}

impl<T: 'static> Inputs<'_, T> {
    /// Nothing but the arena.
    pub const NONE: Inputs<'static, T> =
        Inputs { index: &[], sources: &NoSources, rows: &[], key: [0; 2] };
}

/// One call, dealt out.
#[derive(Clone, Debug)]
struct Step<T> {
    /// Each thread's own, or pieces that are claimed.
    parts: Vec<Option<Call<T>>>,
    /// Whether all must be here before it begins.
    wait: bool,
    /// Whether each part is for the first thread that is free.
    claimed: bool,
}

/// Calls that are run one after the other. See the module's words.
#[derive(Clone, Debug)]
pub struct Sequence<T> {
    len: usize,
    parts: usize,
    steps: Vec<Step<T>>,
    limits: Vec<Limit>,
    gathers: Vec<Gather>,
}

/// Work that one part may do by itself rather than wait for the others.
const SMALL: usize = 1024;
/// Elements, read by each part, that take longer than a wait: they mostly lie in another
/// core's cache.
const WORTH_A_WAIT: usize = 8 * 1024;
/// Columns are dealt by whole cache lines.
const GRAIN: usize = 16;

/// The p-th of n shares of `len`, begun at a multiple of `grain`.
fn share(len: usize, grain: usize, p: usize, n: usize) -> (usize, usize) {
    let at = |p: usize| len.min((len * p / n).next_multiple_of(grain));
    (at(p), at(p + 1) - at(p))
}

#[allow(private_bounds, reason = "only this crate makes and runs sequences")]
impl<T: Forms> Sequence<T> {
    /// Deals the calls to the team's threads, if there is work enough for them.
    ///
    /// # Panics
    /// If operands of a call are missing or meet where they may not.
    pub(crate) fn new(calls: &[Call<T>], team: &Team) -> Sequence<T> {
        let work = calls.iter().fold(0usize, |sum, call| sum.saturating_add(call.work()));
        Sequence::dealt(calls, if work < team.worth { 1 } else { team.threads() })
    }

    /// Deals the calls to so many parts, however small they are.
    pub(crate) fn dealt(calls: &[Call<T>], parts: usize) -> Sequence<T> {
        calls.iter().for_each(Part::check);
        let mut dealer = Dealer { parts, since: Vec::new(), load: vec![0; parts] };
        let mut limits: Vec<Limit> = calls.iter().filter_map(Part::limit).collect();
        limits.dedup();
        let gather = |call: &Call<T>| match call {
            Call::Gather(gather) => Some(*gather),
            Call::Fed(fed) => Some(fed.gather),
            _ => None,
        };
        Sequence {
            len: calls.iter().map(|call| call.touched().end()).max().unwrap_or(0),
            parts,
            steps: calls.iter().map(|call| dealer.deal(call)).collect(),
            limits,
            gathers: calls.iter().filter_map(gather).collect(),
        }
    }

    /// Puts other numbers in place of a pass's constants.
    ///
    /// # Panics
    /// If call `number` is no pass with that many constants.
    pub(crate) fn set_consts(
        &mut self,
        number: usize,
        values: impl Iterator<Item = T> + Clone,
    ) {
        let set = |pass: &mut Pass<T>| {
            assert_eq!(pass.consts.len(), values.clone().count(), "constants of a pass");
            pass.consts.iter_mut().zip(values.clone()).for_each(|(c, v)| *c = v);
        };
        for call in self.steps[number].parts.iter_mut().flatten() {
            match call {
                Call::Pass(pass) => set(pass),
                Call::Joint(joint) => joint.passes().for_each(set),
                _ => panic!("call {number} is no pass"),
            }
        }
    }

    /// # Panics
    /// If the arena is too short, or an index or row number is beyond what it counts.
    fn check(&self, arena: &[T], inputs: &Inputs<'_, T>) {
        assert!(self.len <= arena.len(), "{} elements of {}", self.len, arena.len());
        for limit in &self.limits {
            let index = &inputs.index[limit.index];
            assert!(limit.rows <= index.len(), "an index of {} rows", index.len());
            let worst = index[..limit.rows].iter().max().map_or(0, |&i| i as usize);
            assert!(worst < limit.cols, "index {worst} of {} columns", limit.cols);
        }
        for gather in &self.gathers {
            let source = inputs.sources.source(gather.source).len();
            let rows = source.checked_div(gather.cols).unwrap_or(usize::MAX);
            let wanted = &inputs.rows[gather.first..][..gather.rows];
            let worst = wanted.iter().max().map_or(0, |&i| i as usize);
            assert!(worst < rows, "row {worst} of {rows}");
        }
    }
}

impl<T> Sequence<T> {
    /// Elements of the arena that it needs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many threads share it, and how often they wait for each other.
    #[must_use]
    pub fn shared(&self) -> (usize, usize) {
        (self.parts, self.steps.iter().filter(|step| step.wait).count())
    }
}

/// Deals calls out, one after the other.
struct Dealer {
    parts: usize,
    /// What the parts of the calls since the last wait touch.
    since: Vec<Vec<Option<Touched>>>,
    /// Their work per part.
    load: Vec<usize>,
}

impl Dealer {
    /// The first way that needs no wait, else the best way after one; the best way alone
    /// where the others read much more.
    fn deal<T: Forms>(&mut self, call: &Call<T>) -> Step<T> {
        if self.parts == 1 {
            return Step { parts: vec![Some(call.clone())], wait: false, claimed: false };
        }
        if let Some((way, pieces)) = call.pieces(self.parts) {
            return self.claimed(cut(call, way, pieces));
        }
        let ways = self.ways(call);
        let dealt = |way: &Cut| {
            let parts = cut(call, *way, self.parts);
            let touched = parts.iter().map(|p| p.as_ref().map(Part::touched));
            (touched.collect::<Vec<_>>(), parts)
        };
        let tried = if call.gain() > WORTH_A_WAIT { 1 } else { ways.len() };
        let free = ways[..tried]
            .iter()
            .map(dealt)
            .find(|(touched, _)| !self.since.iter().any(|before| clash(before, touched)));
        let wait = free.is_none();
        let (touched, parts) = free.unwrap_or_else(|| dealt(&ways[0]));
        if wait {
            self.since.clear();
            self.load.fill(0);
        }
        self.since.push(touched);
        for (load, part) in self.load.iter_mut().zip(&parts) {
            *load += part.as_ref().map_or(0, Part::work);
        }
        Step { parts, wait, claimed: false }
    }

    /// Pieces that threads claim, from a moment on when all are there.
    fn claimed<T: Forms>(&mut self, pieces: Vec<Option<Call<T>>>) -> Step<T> {
        let wait = !self.since.is_empty();
        // Nobody knows whose they will be, so each is another's to all that follows.
        let nobody = (0..self.parts).map(|_| None);
        let touched = pieces.iter().map(|p| p.as_ref().map(Part::touched));
        self.since = vec![nobody.chain(touched).collect()];
        self.load.fill(0);
        Step { parts: pieces, wait, claimed: true }
    }

    fn ways<T: Forms>(&self, call: &Call<T>) -> Vec<Cut> {
        let (rows, cols) = call.shape();
        let wide = |cut: &Cut| match cut {
            Cut::Rows => rows >= 2 * self.parts,
            Cut::Cols => cols >= GRAIN * self.parts,
            Cut::Whole(_) => true,
        };
        let mut ways: Vec<Cut> = call.cuts().iter().copied().filter(wide).collect();
        if ways.is_empty() || call.work() < SMALL {
            // To the part that has least to do.
            let mut parts: Vec<usize> = (0..self.parts).collect();
            parts.sort_by_key(|&p| self.load[p]);
            ways.extend(parts.into_iter().map(Cut::Whole));
        }
        ways
    }
}

/// A call dealt out to so many.
fn cut<T: Forms>(call: &Call<T>, way: Cut, parts: usize) -> Vec<Option<Call<T>>> {
    let (rows, cols) = call.shape();
    let part = |p: usize| match way {
        Cut::Rows => {
            let (first, n) = share(rows, 1, p, parts);
            (n > 0).then(|| call.rows(first, n))
        }
        Cut::Cols => {
            let (first, n) = share(cols, GRAIN, p, parts);
            (n > 0).then(|| call.cols(first, n))
        }
        Cut::Whole(one) => (p == one).then(|| call.clone()),
    };
    (0..parts).map(part).collect()
}

/// Whether parts of different threads touch what they may not.
fn clash(before: &[Option<Touched>], after: &[Option<Touched>]) -> bool {
    let some = |all: &[Option<Touched>]| -> Vec<(usize, Touched)> {
        let some = all.iter().enumerate().filter_map(|(p, t)| Some((p, t.clone()?)));
        some.collect()
    };
    let (before, after) = (some(before), some(after));
    before.iter().any(|(p, a)| after.iter().any(|(q, b)| p != q && a.clashes(b)))
}

/// Runs all calls; see [`crate::Real::run`].
pub(crate) fn run<T: Forms>(
    team: &Team,
    isa: Isa,
    arena: &mut [T],
    sequence: &Sequence<T>,
    inputs: &Inputs<'_, T>,
) {
    sequence.check(arena, inputs);
    let base = Base(arena.as_mut_ptr());
    let shared = sequence.parts > 1
        && team.run(sequence.parts, &|part, barrier| {
            let _mode = Flushed::new();
            for step in &sequence.steps {
                if step.wait {
                    barrier.wait();
                }
                let mut number = if step.claimed { barrier.claim() } else { part };
                while let Some(part) = step.parts.get(number) {
                    // SAFETY: all lies in the arena; between two waits, no part writes what
                    // another touches; indices were checked.
                    part.iter().for_each(|call| unsafe { call.run(base, isa, inputs) });
                    number = if step.claimed { barrier.claim() } else { break };
                }
            }
        });
    if !shared {
        let _mode = Flushed::new();
        (0..sequence.steps.len()).for_each(|i| one(isa, base, sequence, i, inputs));
    }
}

/// Runs one call, all its parts on this thread; see [`crate::Real::run_one`].
pub(crate) fn run_one<T: Forms>(
    isa: Isa,
    arena: &mut [T],
    sequence: &Sequence<T>,
    number: usize,
    inputs: &Inputs<'_, T>,
) {
    sequence.check(arena, inputs);
    let _mode = Flushed::new();
    one(isa, Base(arena.as_mut_ptr()), sequence, number, inputs);
}

fn one<T: Forms>(
    isa: Isa,
    base: Base<T>,
    sequence: &Sequence<T>,
    number: usize,
    inputs: &Inputs<'_, T>,
) {
    for call in sequence.steps[number].parts.iter().flatten() {
        // SAFETY: checked by the callers; this thread is alone.
        unsafe { call.run(base, isa, inputs) }
    }
}
