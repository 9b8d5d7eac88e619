//! What can go wrong, and the exit code that says so.

use cf_ensemble::BackendError;

use crate::published::Method;
use crate::report::files::FileError;

/// Everything that can end the program before its result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The embedded data cannot be read: a fault of the build.
    #[error(
        "line {line} of the embedded data set cannot be used: {why}; rebuild the program from unchanged sources"
    )]
    Data {
        /// 1-based line.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A trainer failed.
    #[error("{method} could not be trained: {source}")]
    Training {
        /// The row of the table.
        method: Method,
        /// The trainer's error.
        source: cf_ensemble::Error,
    },
    /// What was trained cannot be measured.
    #[error("{method} cannot be measured: {source}")]
    Measuring {
        /// The row of the table.
        method: Method,
        /// The core's error.
        source: cf_ensemble::Error,
    },
    /// A backend could not be had.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The results could not be put into a format.
    #[error("the results cannot be written as {format}: {why}")]
    Format {
        /// "JSON", "CSV".
        format: &'static str,
        /// The writer's message.
        why: String,
    },
}

/// Exit code of a failed check.
pub const CHECK_FAILED: u8 = 1;

impl Error {
    /// 2 for what another call would cure, 4 for training; 1 is a failed check, and clap exits 2 by itself.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::File(_) => 2,
            _ => 4,
        }
    }
}
