//! The loop.
mod event;

pub use event::{Batch, Begin, Control, End, Epoch, Event, Why};
