//! Ctrl-C while training: the first stops after the step at hand and saves, the second leaves at once.
//!
//! In: signals. Out: one question, [`asked`]. Commands that have nothing to save do not listen: there a
//! signal ends the process as ever.

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

/// Whether somebody wants training to end.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
