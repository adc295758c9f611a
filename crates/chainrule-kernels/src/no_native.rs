//! Programs as native code where none is made: steps are walked one by one.

use crate::apply::Place;
use crate::program::Program;
use crate::schedule::Schedule;
use crate::simd::Isa;

/// No code.
#[derive(Clone, Debug)]
pub(crate) struct Native;

/// Never made.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) schedule: Schedule,
}

impl Native {
    pub(crate) fn new() -> Native {
        Native
    }

    pub(crate) fn off() -> Native {
        Native
    }

    pub(crate) fn of<T>(&self, _: &Program, _: Isa, _: bool) -> Option<&Compiled> {
        None
    }
}

impl Compiled {
    /// # Safety
    /// Never called.
    pub(crate) unsafe fn run<T>(
        &self,
        _: u16,
        _: *const Place<T>,
        _: *const T,
        _: usize,
    ) {
    }
}
