//! Decoders of others, whose panics on damaged files are caught.

use std::cell::Cell;
#[cfg(any(feature = "parquet", feature = "excel"))]
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a decoder whose panics are caught and become [`TableError::Damaged`](crate::TableError::Damaged).
/// A program's panic hook may keep silent then.
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// What a decoder gives, `None` if it gave up with a panic.
#[cfg(any(feature = "parquet", feature = "excel"))]
pub(crate) fn decode<T>(decoder: impl FnOnce() -> T) -> Option<T> {
    let before = DECODING.replace(true);
    let decoded = catch_unwind(AssertUnwindSafe(decoder));
    DECODING.set(before);
    decoded.ok()
}
