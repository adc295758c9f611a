//! The processor's floating-point mode while kernels run: numbers below the smallest normal one
//! (1e-38 in f32, 2e-308 in f64) count as 0, as operands and as results; all else is IEEE 754's
//! default, whatever the caller's own mode is.
//!
//! Why: what an optimiser remembers of a unit that died fades until it cannot be halved any more,
//! and stays there. Many processors leave their fast way for each operation on such a number:
//! on an Intel Xeon a training of 784-128-10 took up to three times as long.
//!
//! Invariant: the mode is set on each thread that runs kernels, so bits do not depend on threads;
//! when [`Flushed`] is dropped the thread has its own mode again. Deliberately absent: processors
//! other than x86-64 and 64-bit ARM, which compute such numbers as they are, and a fused
//! multiply-add in software, which does so everywhere.

/// While it lives, subnormal numbers count as 0 on this thread.
#[must_use]
pub(crate) struct Flushed(Mode);

impl Flushed {
    pub(crate) fn new() -> Flushed {
        let before = get();
        set(FLUSHED);
        Flushed(before)
    }
}

impl Drop for Flushed {
    fn drop(&mut self) {
        set(self.0);
    }
}

// The compiler takes the default mode for granted where it computes constants; none of ours are
// subnormal. Results of kernels go from memory to memory, and neither loads nor stores move
// past these instructions, since they may touch memory as far as the compiler knows.

/// x86-64, MXCSR: all exceptions masked, to nearest, flush to zero (bit 15), denormals are
/// zeros (bit 6). Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, 10.2.3.
#[cfg(target_arch = "x86_64")]
mod register {
    use std::arch::asm;

    pub(super) type Mode = u32;
    pub(super) const FLUSHED: Mode = 0x1F80 | 1 << 15 | 1 << 6;

    pub(super) fn get() -> Mode {
        let mut mode: Mode = 0;
        // SAFETY: writes the four bytes of `mode`.
        unsafe {
            asm!("stmxcsr [{}]", in(reg) &raw mut mode, options(nostack, preserves_flags));
        }
        mode
    }

    pub(super) fn set(mode: Mode) {
        // SAFETY: reads the four bytes of `mode`, which `get` gave or which is FLUSHED: no bit
        // that the processor refuses.
        unsafe {
            asm!("ldmxcsr [{}]", in(reg) &raw const mode, options(nostack));
        }
    }
}

/// 64-bit ARM, FPCR: to nearest, no traps, flush to zero (bit 24). Arm Architecture Reference
/// Manual for A-profile, FPCR.
#[cfg(target_arch = "aarch64")]
mod register {
    use std::arch::asm;

    pub(super) type Mode = u64;
    pub(super) const FLUSHED: Mode = 1 << 24;

    pub(super) fn get() -> Mode {
        let mode: Mode;
        // SAFETY: reads a register that every thread has.
        unsafe {
            asm!("mrs {}, fpcr", out(reg) mode, options(nostack));
        }
        mode
    }

    pub(super) fn set(mode: Mode) {
        // SAFETY: a mode that `get` gave, or FLUSHED.
        unsafe {
            asm!("msr fpcr, {}", in(reg) mode, options(nostack));
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod register {
    pub(super) type Mode = ();
    pub(super) const FLUSHED: Mode = ();
    pub(super) fn get() -> Mode {}
    pub(super) fn set((): Mode) {}
}

use register::{FLUSHED, Mode, get, set};

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;
    use crate::{Access, Bin, Call, Pass, Program, Real, Slot, Src, Team};
    use std::hint::black_box;
    use std::sync::Arc;

    #[test]
    fn the_thread_has_its_own_mode_again() {
        let halved = || black_box(f32::MIN_POSITIVE) * black_box(0.5);
        assert!(halved() > 0.0);
        {
            let _mode = Flushed::new();
            assert!(halved() == 0.0);
        }
        assert!(halved() > 0.0);
    }

    /// Results and operands, on every thread of a team, walked and as machine code.
    #[test]
    fn kernels_count_subnormal_numbers_as_0() {
        fn halves<T: Real>(least: T) {
            let half = crate::Inst::Bin(Bin::Mul, Src::In(0), Src::Const(0));
            let program = Program::new(vec![half], vec![Access::Full], vec![Src::Reg(0)]);
            for program in [program.clone().walked(), program] {
                let n = 1000;
                let (from, to) = (vec![Slot::new(0, n)], vec![Slot::new(n, n)]);
                let pass = Pass::new(
                    Arc::new(program),
                    (1, n),
                    from,
                    to,
                    vec![T::from_f64(0.5)],
                );
                let mut arena = vec![least; 2 * n];
                arena[n / 2..n].fill(T::from_f64(4.0 * least.to_f64()));
                T::call(&Team::eager(3), &mut arena, Call::Pass(pass));
                let (small, large) = (T::default(), T::from_f64(2.0 * least.to_f64()));
                assert!(arena[n..n + n / 2].iter().all(|v| *v == small));
                assert!(arena[n + n / 2..].iter().all(|v| *v == large));
            }
        }
        halves(f32::MIN_POSITIVE);
        halves(f64::MIN_POSITIVE);
    }
}
