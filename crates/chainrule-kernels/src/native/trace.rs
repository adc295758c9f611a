//! A vector that only writes down what is done with it: the kernels' own functions of
//! [`Vector`], called with it, leave the list of operations that they are made of.
//!
//! So there is one text for what `tanh` or a larger of two numbers is, and generated code
//! cannot differ from it but in the choice of instructions, which is made here.
//!
//! Invariant: an operation reads earlier ones only; equal operations are one.
//!
//! Deliberately absent: what looks at lanes one by one (`any`, and with it sine, cosine
//! and power): such steps are not recorded.

use super::encode::{Cond, Two};
use crate::simd::{Elem, Vector};
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;

/// What an operation does; its operands stand beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// What lies along the loop at this place of the table.
    Along(u16),
    /// What is the same all along, at this place.
    Fixed(u16),
    /// A number of this code's own, as bits.
    Constant(u64),
    Copy,
    Two(Two),
    Sqrt,
    Round,
    /// The bits moved up or down by the mantissa's width.
    Shift(bool),
    MulAdd,
    /// A mask.
    Compare(Cond),
    /// A mask of two: where both are set, else where either is.
    Masks(bool),
    /// Of mask, yes, no.
    Select,
}

/// One operation and its operands, as numbers of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Micro {
    pub(super) op: Op,
    args: [u32; 3],
}

impl Micro {
    pub(super) fn args(&self) -> &[u32] {
        let count = match self.op {
            Op::Along(_) | Op::Fixed(_) | Op::Constant(_) => 0,
            Op::Copy | Op::Sqrt | Op::Round | Op::Shift(_) => 1,
            Op::Two(_) | Op::Compare(_) | Op::Masks(_) => 2,
            Op::MulAdd | Op::Select => 3,
        };
        &self.args[..count]
    }

    pub(super) fn is_mask(&self) -> bool {
        matches!(self.op, Op::Compare(_) | Op::Masks(_))
    }

    /// Whether it is only read, so that no instruction of its own is needed.
    pub(super) fn is_source(&self) -> bool {
        self.args().is_empty()
    }
}

/// All operations, and what is stored at which place of the table.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) micros: Vec<Micro>,
    pub(super) stores: Vec<(u32, u16)>,
    known: HashMap<Micro, u32>,
}

thread_local! {
    static TAPE: RefCell<Tape> = RefCell::default();
}

/// What `f` does with vectors of this form.
pub(super) fn record(f: impl FnOnce()) -> Tape {
    TAPE.take();
    f();
    TAPE.take()
}

fn write(op: Op, args: &[u32]) -> u32 {
    let mut all = [0; 3];
    all[..args.len()].copy_from_slice(args);
    let micro = Micro { op, args: all };
    TAPE.with_borrow_mut(|tape| {
        let next = tape.micros.len() as u32;
        let number = *tape.known.entry(micro).or_insert(next);
        if number == next {
            tape.micros.push(micro);
        }
        number
    })
}

fn read(number: u32) -> Micro {
    TAPE.with_borrow(|tape| tape.micros[number as usize])
}

/// The number of an operation whose result is a vector.
pub(super) struct Trace<T>(u32, PhantomData<T>);

/// The number of an operation whose result is a mask.
#[derive(Clone, Copy)]
pub(super) struct Mask(u32);

impl<T> Copy for Trace<T> {}
impl<T> Clone for Trace<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Elem> Trace<T> {
    /// All bits of a lane.
    const ALL: u64 = if T::IS_F64 { u64::MAX } else { u32::MAX as u64 };

    fn new(op: Op, args: &[u32]) -> Self {
        Trace(write(op, args), PhantomData)
    }

    /// The operand at this place of the table.
    pub(super) fn operand(place: u16, along: bool) -> Self {
        Self::new(if along { Op::Along(place) } else { Op::Fixed(place) }, &[])
    }

    pub(super) fn copy(self) -> Self {
        Self::new(Op::Copy, &[self.0])
    }

    /// Has it stored at this place of the table. What was loaded is copied first: it may
    /// lie where an earlier store goes.
    pub(super) fn stored_at(self, place: u16) {
        let own = if read(self.0).is_source() { self.copy() } else { self };
        TAPE.with_borrow_mut(|tape| tape.stores.push((own.0, place)));
    }

    fn two(self, two: Two, other: Self) -> Self {
        Self::new(Op::Two(two), &[self.0, other.0])
    }

    /// The bits of a constant.
    fn constant(self) -> Option<u64> {
        match read(self.0).op {
            Op::Constant(bits) => Some(bits),
            _ => None,
        }
    }

    fn of_bits(bits: u64) -> Self {
        Self::new(Op::Constant(bits), &[])
    }

    /// Of bits: at once, if both are constants.
    fn bitwise(self, two: Two, other: Self, f: fn(u64, u64) -> u64) -> Self {
        match (self.constant(), other.constant()) {
            (Some(a), Some(b)) => Self::of_bits(f(a, b)),
            _ => self.two(two, other),
        }
    }

    fn is(self, value: f64) -> bool {
        self.constant() == Some(bits(T::of(value)))
    }

    /// The mask whose truth this is, 1 where it is set and 0 elsewhere.
    fn as_mask(self) -> Option<Mask> {
        let micro = read(self.0);
        let is = |n: u32, value| Trace::<T>(n, PhantomData).is(value);
        match micro.args {
            [mask, yes, no] if micro.op == Op::Select && is(yes, 1.0) && is(no, 0.0) => {
                Some(Mask(mask))
            }
            _ => None,
        }
    }

    fn compare(self, cond: Cond, other: Self) -> Mask {
        Mask(write(Op::Compare(cond), &[self.0, other.0]))
    }

    /// Whether no lane can be NaN, and none 0.
    fn plain_constant(self) -> bool {
        let value = |bits| if T::IS_F64 { f64::from_bits(bits) } else { narrow(bits) };
        self.constant().map(value).is_some_and(|x| !x.is_nan() && x != 0.0)
    }

    /// The processor's larger or smaller gives its second operand where either is NaN,
    /// or both are 0; ours too, but for a first that is NaN.
    fn extreme(self, two: Two, other: Self) -> Self {
        if other.plain_constant() {
            return other.two(two, self);
        }
        let unordered = self.compare(Cond::Unordered, self);
        Self::select(unordered, self, self.two(two, other))
    }
}

fn narrow(bits: u64) -> f64 {
    f64::from(f32::from_bits(bits as u32))
}

fn bits<T: Elem>(value: T) -> u64 {
    if T::IS_F64 {
        value.wide().to_bits()
    } else {
        u64::from((value.wide() as f32).to_bits())
    }
}

impl<T: Elem> Vector for Trace<T> {
    type E = T;
    type Mask = Mask;
    type Part = ();
    const LANES: usize = 1;
    const TILE: usize = 1;

    unsafe fn load(_: *const T) -> Self {
        unreachable!("a trace holds no numbers")
    }
    unsafe fn store(self, _: *mut T) {
        unreachable!("a trace holds no numbers")
    }
    fn part(_: usize) {}
    unsafe fn load_part(_: *const T, (): ()) -> Self {
        unreachable!("a trace holds no numbers")
    }
    unsafe fn store_part(self, _: *mut T, (): ()) {
        unreachable!("a trace holds no numbers")
    }
    fn any(_: Mask) -> bool {
        unreachable!("a trace holds no numbers")
    }

    fn splat(value: T) -> Self {
        Self::of_bits(bits(value))
    }
    fn add(self, other: Self) -> Self {
        self.two(Two::Add, other)
    }
    fn sub(self, other: Self) -> Self {
        self.two(Two::Sub, other)
    }
    fn mul(self, other: Self) -> Self {
        self.two(Two::Mul, other)
    }
    fn div(self, other: Self) -> Self {
        self.two(Two::Div, other)
    }
    fn sqrt(self) -> Self {
        Self::new(Op::Sqrt, &[self.0])
    }
    fn fma(self, b: Self, c: Self) -> Self {
        Self::new(Op::MulAdd, &[self.0, b.0, c.0])
    }
    fn round(self) -> Self {
        Self::new(Op::Round, &[self.0])
    }
    fn bits_and(self, other: Self) -> Self {
        self.bitwise(Two::And, other, |a, b| a & b)
    }
    fn bits_or(self, other: Self) -> Self {
        self.bitwise(Two::Or, other, |a, b| a | b)
    }
    /// x ⊕ (x ∧ c) is x without the bits of c.
    fn bits_xor(self, other: Self) -> Self {
        let Micro { op, args: [x, c, _] } = read(other.0);
        match Trace::<T>(c, PhantomData).constant() {
            Some(bits) if op == Op::Two(Two::And) && x == self.0 => {
                self.bits_and(Self::of_bits(!bits & Self::ALL))
            }
            _ => self.bitwise(Two::Xor, other, |a, b| a ^ b),
        }
    }
    fn bits_up(self) -> Self {
        Self::new(Op::Shift(true), &[self.0])
    }
    fn bits_down(self) -> Self {
        Self::new(Op::Shift(false), &[self.0])
    }
    fn lt(self, other: Self) -> Mask {
        self.compare(Cond::Lt, other)
    }
    fn le(self, other: Self) -> Mask {
        self.compare(Cond::Le, other)
    }
    fn eq(self, other: Self) -> Mask {
        match self.as_mask() {
            Some(mask) if other.is(0.0) => Self::not(mask),
            _ => self.compare(Cond::Eq, other),
        }
    }
    fn both(a: Mask, b: Mask) -> Mask {
        Mask(write(Op::Masks(true), &[a.0, b.0]))
    }
    fn either(a: Mask, b: Mask) -> Mask {
        Mask(write(Op::Masks(false), &[a.0, b.0]))
    }
    /// The opposite comparison, so that no instruction is needed.
    fn not(mask: Mask) -> Mask {
        let Micro { op, args: [a, b, _] } = read(mask.0);
        match op {
            Op::Compare(cond) => Mask(write(Op::Compare(cond.opposite()), &[a, b])),
            Op::Masks(both) => {
                let (a, b) = (Self::not(Mask(a)), Self::not(Mask(b)));
                if both { Self::either(a, b) } else { Self::both(a, b) }
            }
            _ => unreachable!("masks are comparisons"),
        }
    }
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        Self::new(Op::Select, &[mask.0, yes.0, no.0])
    }
    fn max(self, other: Self) -> Self {
        self.extreme(Two::Max, other)
    }
    fn min(self, other: Self) -> Self {
        self.extreme(Two::Min, other)
    }
}
