//! THE NUMBERS: slices in, slices out. The only house with `unsafe` and with threads.
//!
//! A kernel is a [`Call`] with the places of its operands in one arena (`&mut [f32]` or
//! `&mut [f64]`); a [`Sequence`] of calls is dealt to a [`Team`] once and run again and
//! again; [`Real`] is the door. Results have the same bits for any number of
//! threads, for all sets of instructions (but for a NaN's sign and payload, and for subnormal
//! numbers that are only moved), and for a row whatever rows come with it.
//!
//! Deliberately absent: shapes by name, graphs, allocation per call, errors (misuse is
//! our bug and panics), and subnormal numbers: while kernels run they count as 0
//! (`subnormal.rs`); the caller's threads keep their own mode.
//!
//! Figures (one thread of a Zen 4, f32, `examples/bench.rs`; ratios from one run):
//!
//! | | ours | beside it |
//! |---|---|---|
//! | matrix product 32×64×64, GFLOP/s | 110 | `gemm` crate 110 |
//! | 128×784×128, A·B and A·Bᵀ | 115, 110 | 112, 103 |
//! | 1×784×128 | 54 | 24 |
//! | 32×64×64 and 128×784×128 with AVX2 | 89, 99 | |
//! | Adam, 5,500 and 100,000 entries, ns each | 0.30, 0.29 | fused AVX-512 loop 0.28, 0.28 |
//! | the same walked step by step | 0.68, 0.72 | |
//! | silu of 256×128, ns each | 0.33 | step by step 0.48 |
//! | exp, tanh, erf, ns each | 0.28, 0.42, 0.69 | step by step 0.36, 0.56, 0.74 |
//! | softmax of 256×2, 64×1000, ns each | 2.8, 0.62 | |
//!
//! Without fused multiply-add in the processor (`portable` on x86) all this is some
//! hundred times slower, and right.

mod apply;
mod arena;
#[cfg(test)]
mod bits;
mod fed;
mod fused;
mod joint;
mod lanes;
mod math;
mod matmul;
mod moves;
#[cfg(all(target_arch = "x86_64", unix))]
mod native;
#[cfg(not(all(target_arch = "x86_64", unix)))]
#[path = "no_native.rs"]
mod native;
mod pack;
pub mod pages;
mod place;
mod program;
mod real;
mod reduce;
pub mod rng;
mod schedule;
mod scratch;
mod sequence;
mod simd;
#[cfg(target_arch = "x86_64")]
mod simd_x86;
mod softmax;
mod subnormal;
mod team;
mod tile;
mod values;

pub use arena::Slot;
pub use fed::Fed;
pub use fused::Pass;
pub use joint::Joint;
pub use matmul::Gemm;
pub use moves::{Copy, Fill, Gather, Pick, SubAt, Take};
pub use program::{Access, Bin, Inst, Program, Src, Un};
pub use real::Real;
pub use reduce::{Reduce, Reduction};
pub use sequence::{Call, Inputs, Sequence, Sources};
pub use simd::{Isa, isa};
pub use softmax::{RowSoft, Soft};
pub use team::Team;
