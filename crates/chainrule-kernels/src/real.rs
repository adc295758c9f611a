//! The door: [`Real`], the number types f32 and f64, for which all kernels are compiled
//! here, so that a caller's own settings do not matter.
//!
//! A [`Sequence`] is made once, which checks its operands' places and panics where one
//! meets another where it may not; after that it cannot fail.

use crate::fused::Pass;
use crate::joint::Joint;
use crate::matmul::Gemm;
use crate::sequence::{self, Call, Inputs, Sequence};
use crate::simd::isa;
use crate::team::Team;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A number type of the kernels: f32 or f64.
pub trait Real:
    sealed::Sealed
    + Copy
    + Send
    + Sync
    + PartialEq
    + PartialOrd
    + Default
    + std::fmt::Debug
    + std::fmt::Display
    + 'static
{
    /// The name in files: `f32` or `f64`.
    const NAME: &'static str;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;

    /// The same number in f64, exactly.
    fn to_f64(self) -> f64;

    /// Deals calls to the team's threads, if there is work enough for them.
    ///
    /// # Panics
    /// If operands of a call are missing or meet where they may not.
    fn sequence(calls: &[Call<Self>], team: &Team) -> Sequence<Self>;

    /// Puts other numbers in place of the constants of pass `number`; nothing is allocated.
    ///
    /// # Panics
    /// If that call is no pass with that many constants.
    fn set_consts(sequence: &mut Sequence<Self>, number: usize, values: &[f64]);

    /// A pass over one row as calls that make what it reads of a product's result with it, a few
    /// rows at a time; `None` if it reads none of it, or that does not pay. The result itself is
    /// not there afterwards.
    fn joined(product: &Gemm, pass: &Pass<Self>) -> Option<Vec<Call<Self>>>;

    /// Runs all calls, one after the other; nothing is allocated once a thread's working
    /// memory has grown to its size.
    ///
    /// # Panics
    /// If the arena is too short, or an index or a row number beyond what it counts.
    fn run(
        team: &Team,
        arena: &mut [Self],
        sequence: &Sequence<Self>,
        inputs: &Inputs<'_, Self>,
    );

    /// Runs one of the calls alone, on this thread.
    ///
    /// # Panics
    /// As [`Real::run`].
    fn run_one(
        arena: &mut [Self],
        sequence: &Sequence<Self>,
        number: usize,
        inputs: &Inputs<'_, Self>,
    );

    /// Runs a call at once.
    ///
    /// # Panics
    /// As [`Real::sequence`] and [`Real::run`].
    fn call(team: &Team, arena: &mut [Self], call: Call<Self>) {
        let sequence = Self::sequence(&[call], team);
        Self::run(team, arena, &sequence, &Inputs::NONE);
    }
}

macro_rules! real {
    ($T:ty, $name:literal) => {
        impl Real for $T {
            const NAME: &'static str = $name;
            #[inline]
            fn from_f64(value: f64) -> $T {
                value as $T
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(never)]
            fn sequence(calls: &[Call<$T>], team: &Team) -> Sequence<$T> {
                Sequence::new(calls, team)
            }
            #[inline(never)]
            fn set_consts(sequence: &mut Sequence<$T>, number: usize, values: &[f64]) {
                sequence.set_consts(number, values.iter().map(|&v| v as $T));
            }
            fn joined(product: &Gemm, pass: &Pass<$T>) -> Option<Vec<Call<$T>>> {
                Joint::around(product, pass)
            }
            #[inline(never)]
            fn run(
                team: &Team,
                arena: &mut [$T],
                sequence: &Sequence<$T>,
                inputs: &Inputs<'_, $T>,
            ) {
                sequence::run(team, isa(), arena, sequence, inputs);
            }
            #[inline(never)]
            fn run_one(
                arena: &mut [$T],
                sequence: &Sequence<$T>,
                number: usize,
                inputs: &Inputs<'_, $T>,
            ) {
                sequence::run_one(isa(), arena, sequence, number, inputs);
            }
        }
    };
}
real!(f32, "f32");
real!(f64, "f64");
