//! What can go wrong in a fit.

use cfe_io::{ModelFileError, TableError};

use crate::methods::BackendError;

/// Result of a step of a fit.
pub type FitResult<T, E = FitError> = std::result::Result<T, E>;

/// Everything that ends a fit early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// An option is not allowed.
    ///
    /// Cure: as the message says.
    #[error("{0}")]
    Options(String),

    /// The trainer is not in this build, or refuses its settings.
    #[error(transparent)]
    Backend(#[from] BackendError),

    /// The table cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),

    /// The model file cannot be used.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),

    /// A prepared store cannot be written or read.
    #[cfg(feature = "parquet")]
    #[error(transparent)]
    Store(Box<cfe_io::store::StoreError>),

    /// The data do not allow what was asked for.
    ///
    /// Cure: as the message says.
    #[error("{0}")]
    Data(String),

    /// Training or predicting failed.
    ///
    /// Cure: follow the message of the cause.
    #[error("{doing} failed: {source}")]
    Training {
        /// What was going on.
        doing: &'static str,
        /// The error.
        source: cfe_core::Error,
    },

    /// The checkpoint of a fit cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),

    /// A `Watch` asked for a stop before there was anything to keep.
    #[error("stopped on request; nothing was fitted, so run the fit again")]
    Stopped,
}

/// Boxed: it is the largest of all, and every result has room for its error.
#[cfg(feature = "parquet")]
impl From<cfe_io::store::StoreError> for FitError {
    fn from(error: cfe_io::store::StoreError) -> Self {
        FitError::Store(Box::new(error))
    }
}

impl FitError {
    pub(crate) fn options(message: impl Into<String>) -> Self {
        FitError::Options(message.into())
    }

    /// Puts what was going on in front of an error of the core.
    pub fn training(doing: &'static str) -> impl Fn(cfe_core::Error) -> Self {
        move |source| match source {
            cfe_core::Error::Stopped => FitError::Stopped,
            source => FitError::Training { doing, source },
        }
    }
}

/// Why a checkpoint cannot be used. Every message begins with the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file exists, and resuming was not asked for.
    #[error("{file}: this checkpoint exists already; resume it with --resume, or choose another name")]
    Exists {
        /// The file.
        file: String,
    },
    /// It belongs to another fit.
    #[error(
        "{file}: this checkpoint belongs to another fit: {what} was {found}, and is {expected} now; \
         resume it with the options it was made with, or choose another name"
    )]
    OtherFit {
        /// The file.
        file: String,
        /// What differs.
        what: &'static str,
        /// As in the checkpoint.
        found: String,
        /// As in this run.
        expected: String,
    },
    /// The file is damaged, or is not a checkpoint.
    #[error(transparent)]
    File(#[from] ModelFileError),
}
