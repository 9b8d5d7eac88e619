//! Ctrl-C.
//!
//! Where something can be saved, the first Ctrl-C ends training after the iteration at hand and the outputs hold what it
//! had found by then. Everywhere else, and at the second one, the program ends at once: no file is touched then, as every
//! output takes its place whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::say;

/// 128 + SIGINT.
pub(super) const EXIT_CODE: u8 = 130;

/// Whether somebody looks at [`ASKED`] and ends in order.
static LISTENING: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);
/// How to go on, said at a sudden end.
static HINT: Mutex<Option<String>> = Mutex::new(None);

/// Takes over Ctrl-C in this process. Without, it ends the process as the system does.
pub(super) fn install() {
    let handler = || {
        if LISTENING.load(Ordering::SeqCst) && !ASKED.swap(true, Ordering::SeqCst) {
            say("Stopping after this iteration, and saving what there is. Ctrl-C once more ends at once.");
            return;
        }
        let hint = HINT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        say(&hint.unwrap_or_else(|| "Broken off; nothing was written.".to_owned()));
        std::process::exit(i32::from(EXIT_CODE));
    };
    // It can fail only where the system has no such thing.
    ctrlc::set_handler(handler).ok();
}

/// Says how to go on after a sudden end.
pub(super) fn hint(text: String) {
    *HINT.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
}

/// Whether Ctrl-C was pressed and is being heeded.
pub(super) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// While it exists, the first Ctrl-C is only noted: whoever holds it ends in order.
pub(super) struct Listening(());

impl Listening {
    pub(super) fn new() -> Self {
        LISTENING.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENING.store(false, Ordering::SeqCst);
    }
}
