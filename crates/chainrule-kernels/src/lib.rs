//! THE NUMBERS: slices in, slices out. The only house with `unsafe` and with threads.
//!
//! Every kernel takes one arena (`&mut [f32]` or `&mut [f64]`) and the places of its
//! operands in it; [`Real`] is the door. Results have the same bits for any number of
//! threads, for all sets of instructions (but for a NaN's sign and payload), and for a
//! row whatever rows come with it.
//!
//! Deliberately absent: shapes by name, graphs, allocation per call, errors (misuse is
//! our bug and panics), and a processor mode for subnormal numbers: they are computed as
//! IEEE 754 says, since a mode set here would leak into the caller's threads.

mod apply;
mod arena;
#[cfg(test)]
mod bits;
mod fused;
mod lanes;
mod math;
mod matmul;
mod moves;
mod program;
mod real;
mod reduce;
pub mod rng;
mod schedule;
mod scratch;
mod simd;
#[cfg(target_arch = "x86_64")]
mod simd_x86;
mod softmax;
mod team;
mod tile;

pub use arena::Slot;
pub use matmul::Gemm;
pub use moves::Take;
pub use program::{Access, Bin, FusedCall, Inst, Program, Src, Un};
pub use real::Real;
pub use reduce::{Reduce, Reduction};
pub use simd::{Isa, isa};
pub use team::Team;
