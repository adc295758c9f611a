//! Ctrl-C while training: the first stops after the step at hand and saves, the second leaves at once.
//! A limit of the system on the size of files (`ulimit -f`) is an error of the write, as a full disk is.
//!
//! In: signals. Out: one question, [`asked`]. Commands that have nothing to save do not listen: there
//! Ctrl-C ends the process as ever.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::INTERRUPTED;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From here on a signal asks training to stop.
pub(crate) fn listen() {
    // Without a handler a signal ends the process as ever, which is no reason not to train.
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            process::exit(i32::from(INTERRUPTED));
        }
    });
}

/// From here on a write beyond the limit on the size of files fails, and says so; without this the
/// signal that comes with it ends the process.
pub(crate) fn outlive_file_limits() {
    #[cfg(unix)]
    {
        let flag = std::sync::Arc::new(AtomicBool::new(false));
        // Without a handler a limit ends the process as ever, which is no reason not to work.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, flag);
    }
}

/// Whether somebody wants training to end.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
