//! What can go wrong in an ablation.

use std::path::PathBuf;

use cf_ensemble::BackendError;
use cf_ensemble::io::{JournalError, WriteError};

/// Everything that can end an ablation before its report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AblateError {
    /// No grid ships under this name, and no file has it.
    #[error("{name:?} is neither a file nor a grid of this program; its grids are {known}")]
    UnknownGrid {
        /// The name given.
        name: String,
        /// The names of the grids that ship.
        known: String,
    },
    /// A file could not be read.
    ///
    /// Cure: check the path and its permissions.
    #[error("{}: cannot be read ({source})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// The grid file is wrong.
    ///
    /// Cure: correct the place that the message names.
    #[error("grid {grid}: {why}")]
    Grid {
        /// File or name.
        grid: String,
        /// Place, value, what is allowed.
        why: String,
    },
    /// A cell cannot be trained as asked.
    ///
    /// Cure: change the settings of the cell, or exclude it.
    #[error("the cell {cell} cannot be run: {why}")]
    Cell {
        /// Its coordinates.
        cell: String,
        /// Key, value and what is allowed.
        why: String,
    },
    /// The backend is not in this build.
    ///
    /// Cure: change the settings of the cell, or exclude it.
    #[error("the cell {cell} cannot be run: {source}")]
    Backend {
        /// Its coordinates.
        cell: String,
        /// With the remedy.
        source: BackendError,
    },
    /// Two factors set the same thing.
    #[error(
        "factors {first:?} and {second:?} both set {key} in the cell {cell}; add `not_for` to one of them, or `exclude` the \
         combination"
    )]
    Conflict {
        /// A factor.
        first: String,
        /// Another.
        second: String,
        /// The setting.
        key: String,
        /// Coordinates.
        cell: String,
    },
    /// The grid is absurdly large.
    #[error(
        "the grid has {cells} cells (levels of all factors times seeds); up to {limit} are allowed: drop levels, or split \
         the grid"
    )]
    TooManyCells {
        /// How many.
        cells: String,
        /// The limit.
        limit: usize,
    },
    /// `exclude` leaves nothing.
    #[error("`exclude` leaves no cell of the grid; exclude less")]
    NoCells,
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] JournalError),
    /// A file could not be written.
    #[error("{}: cannot be written ({source}); what was finished before is kept", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// A file could not be written as a whole.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Not one cell could be trained.
    #[error("all {cells} cells failed; the first one, {cell}: {why}")]
    AllFailed {
        /// How many.
        cells: usize,
        /// Coordinates of the first.
        cell: String,
        /// Its error.
        why: String,
    },
    /// A file is not a baseline.
    #[error("{}: not a baseline of an ablation ({why}); write one with --write-baseline", path.display())]
    Baseline {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl AblateError {
    /// 2 for what another call or grid would cure, 3 for bad data, 4 for training.
    pub fn exit_code(&self) -> u8 {
        match self {
            AblateError::AllFailed { .. } => 4,
            AblateError::Checkpoint(JournalError::Damaged { .. }) | AblateError::Baseline { .. } => 3,
            _ => 2,
        }
    }
}
