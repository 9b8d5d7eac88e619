//! What can go wrong, and the exit code of each.

use cfe_io::{ModelFileError, TableError, WriteError};

use super::checkpoint::CheckpointError;
use crate::BackendError;
use crate::tuning::{LogError, TuningError};

/// Result of a command.
pub type CliResult<T, E = CliError> = std::result::Result<T, E>;

/// Everything that ends a command early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
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

    /// The trainer is not in this build, or refuses its settings.
    #[error(transparent)]
    Backend(#[from] BackendError),

    /// The table cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),

    /// The model file cannot be used.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),

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

    /// The search found nothing.
    #[error(transparent)]
    Tuning(#[from] TuningError),

    /// The log of a search cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),

    /// The checkpoint of a fit cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),

    /// A check that was asked for failed.
    ///
    /// Cure: none: the check was asked for, and this is its answer.
    #[error("{0}")]
    Check(String),
}

impl CliError {
    /// A wrong use.
    pub fn usage(message: impl Into<String>) -> Self {
        CliError::Usage(message.into())
    }

    pub(super) fn training(doing: &'static str) -> impl Fn(cfe_core::Error) -> Self {
        move |source| CliError::Training { doing, source }
    }

    /// 1 failed check, 2 bad usage, 3 bad data, 4 training failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::Check(_) => 1,
            CliError::Elsewhere { source, .. } => source.exit_code(),
            CliError::Usage(_) | CliError::Config { .. } | CliError::Output(_) | CliError::Backend(_) => 2,
            CliError::ModelFile(ModelFileError::Write(_)) => 2,
            CliError::Table(TableError::InvalidDelimiter { .. }) => 2,
            CliError::Checkpoint(CheckpointError::File(_)) => 3,
            CliError::Checkpoint(_) => 2,
            CliError::Table(_) | CliError::ModelFile(_) | CliError::Data(_) => 3,
            CliError::Training { source: cfe_core::Error::InvalidParameter { .. }, .. } => 2,
            CliError::Tuning(TuningError::Foreign { .. }) | CliError::Log(LogError::Damaged { .. }) => 3,
            CliError::Tuning(TuningError::Observer(_)) | CliError::Log(_) => 2,
            CliError::Training { .. } | CliError::Tuning(_) => 4,
        }
    }

    /// The message with its causes, each once: some messages already hold that of their source.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(source) = cause {
            let message = source.to_string();
            if !text.contains(&message) {
                text = format!("{text}\n  caused by: {message}");
            }
            cause = source.source();
        }
        text
    }
}
