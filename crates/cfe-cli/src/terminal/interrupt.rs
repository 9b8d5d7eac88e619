//! Ctrl-C.
//!
//! Where something can be saved, the first Ctrl-C ends training after the iteration at hand, and the outputs
//! hold what training had found by then. Everywhere else, and at the second Ctrl-C, the program ends at once:
//! no file is touched then, as every output takes its place whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::say::say;

/// 128 + SIGINT.
pub(crate) const EXIT_CODE: u8 = 130;

/// Whether the work looks at [`ASKED`] and ends in order.
static LISTENING: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);
/// How to resume, said at a sudden end.
static HINT: Mutex<Option<String>> = Mutex::new(None);

/// Takes over Ctrl-C in this process. Without, it ends the process as the system does.
pub(crate) fn install() {
    let handler = || {
        // The swap lets one Ctrl-C through alone: the second one finds the mark and ends the program below.
        if LISTENING.load(Ordering::SeqCst) && !ASKED.swap(true, Ordering::SeqCst) {
            say("Stopping after this iteration and saving what there is. A second Ctrl-C ends at once.");
            return;
        }
        let hint = HINT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        cfe_io::remove_unfinished();
        say(&hint.unwrap_or_else(|| "Interrupted; nothing was written.".to_owned()));
        std::process::exit(i32::from(EXIT_CODE));
    };
    // It can fail only where the system has no such thing.
    ctrlc::set_handler(handler).ok();
}

/// Keeps how to resume, to be said at a sudden end.
pub(crate) fn hint(text: String) {
    *HINT.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
}

/// Whether Ctrl-C was pressed and is being heeded.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Whether the first Ctrl-C is only noted from now on, because the work at hand looks at [`asked`] and ends
/// in order.
pub(crate) fn end_in_order(does: bool) {
    LISTENING.store(does, Ordering::SeqCst);
}
