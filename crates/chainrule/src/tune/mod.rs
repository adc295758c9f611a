//! Search for good settings: random, or by successive halving, with records that others read.
//!
//! In: a model, axes such as `lr ~ loguniform(1e-5, 1)`, a plan. Out: trials with their losses, the
//! best, the range of a number that is good; the file with the best settings in it. Invariants: see
//! [`space`], [`plan`], [`record`]. Deliberately absent: screens, the final training ([`crate::runs`]).

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod base;
pub mod best;
mod judge;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod owner;
pub mod plan;
#[cfg(feature = "postgres")]
mod postgres;
pub mod range;
pub mod record;
pub mod space;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod storage;
mod study;
mod svg;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod tables;
pub mod write;

pub use study::{Closed, Definition, Hear, Study};
pub use svg::picture;
