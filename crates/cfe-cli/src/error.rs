//! What can go wrong, and the exit code of each.

use cfe_combine::FitError;
use cfe_combine::methods::BackendError;
use cfe_combine::pipeline::CheckpointError;
use cfe_combine::tuning::TuningError;
use cfe_core::shards::ShardError;
use cfe_io::JournalError;
use cfe_io::store::StoreError;
use cfe_io::{ModelFileError, TableError, WriteError};

/// Result of a command.
pub(crate) type CliResult<T, E = CliError> = std::result::Result<T, E>;

/// Everything that ends a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The command was told something impossible.
    ///
    /// Cure: as the message says; `cfe help COMMAND` lists the options.
    #[error("{0}")]
    Usage(String),

    /// A TOML file cannot be read or holds something impossible.
    ///
    /// Cure: correct the line that the message names; `cfe fit --help` shows what a file holds.
    #[error("{file}: {message}")]
    Config {
        /// The file.
        file: String,
        /// What is wrong, and where.
        message: String,
    },

    /// An output cannot be written.
    #[error(transparent)]
    Output(#[from] WriteError),

    /// A result could not be put in its place, and lies elsewhere.
    #[error("{source}; what was computed is in {kept}: move it from there")]
    Elsewhere {
        /// Why.
        source: Box<CliError>,
        /// Where it is.
        kept: String,
    },

    /// The fit cannot be done, or failed.
    #[error(transparent)]
    Fit(#[from] FitError),

    /// The search found nothing.
    #[error(transparent)]
    Tuning(#[from] TuningError),

    /// The checkpoint of a search cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] JournalError),

    /// A check that was asked for failed.
    ///
    /// Cure: none: the check was asked for, and this is its answer.
    #[error("{0}")]
    Check(String),
}

impl CliError {
    /// A wrong use.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        CliError::Usage(message.into())
    }

    pub(crate) fn training(doing: &'static str) -> impl Fn(cfe_core::Error) -> Self {
        move |source| CliError::Fit(FitError::Training { doing, source })
    }

    /// 1 failed check, 2 bad usage, 3 bad data, 4 training failed, 130 interrupted.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            CliError::Check(_) => 1,
            CliError::Elsewhere { source, .. } => source.exit_code(),
            CliError::Usage(_) | CliError::Config { .. } | CliError::Output(_) => 2,
            CliError::Fit(error) => exit_code_of_fit(error),
            CliError::Tuning(TuningError::Foreign { .. })
            | CliError::Checkpoint(JournalError::Damaged { .. }) => 3,
            CliError::Tuning(TuningError::Observer(_)) | CliError::Checkpoint(_) => 2,
            CliError::Tuning(_) => 4,
        }
    }

    /// The message with its causes, each once: some messages already hold that of their source.
    pub(crate) fn chain(&self) -> String {
        cfe_core::with_causes(self, "\n  caused by: ")
    }
}

fn exit_code_of_fit(error: &FitError) -> u8 {
    // By what the user has to change: what was typed, what a file holds, or neither.
    match error {
        FitError::Options(_) | FitError::Backend(_) => 2,
        FitError::ModelFile(ModelFileError::Write(_)) => 2,
        FitError::Table(TableError::InvalidDelimiter { .. } | TableError::UnknownEncoding { .. }) => 2,
        FitError::Checkpoint(CheckpointError::File(_)) => 3,
        FitError::Checkpoint(_) => 2,
        FitError::Table(_) | FitError::ModelFile(_) | FitError::Data(_) => 3,
        FitError::Training { source: cfe_core::Error::InvalidParameter { .. }, .. } => 2,
        FitError::Stopped => 130,
        FitError::Store(error) => match **error {
            StoreError::NotEmpty { .. } | StoreError::Write(_) => 2,
            StoreError::Stopped => 130,
            _ => 3,
        },
        FitError::Training { source: cfe_core::Error::Shards(ShardError::Engine { .. }), .. } => 3,
        _ => 4,
    }
}

impl From<TableError> for CliError {
    fn from(error: TableError) -> Self {
        CliError::Fit(error.into())
    }
}

impl From<ModelFileError> for CliError {
    fn from(error: ModelFileError) -> Self {
        CliError::Fit(error.into())
    }
}

impl From<BackendError> for CliError {
    fn from(error: BackendError) -> Self {
        CliError::Fit(error.into())
    }
}
