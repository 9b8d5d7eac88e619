//! What can go wrong in an ablation.

use std::path::PathBuf;

use cf_ensemble::BackendError;
use cf_ensemble::io::WriteError;

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
    /// Cells of another build.
    #[error(
        "{} was written by another build of cfe-compare ({found}; this is {own}), whose figures may differ; name another \
         folder with --out, or remove the file",
        path.display()
    )]
    OtherBuild {
        /// The file.
        path: PathBuf,
        /// Build in the file.
        found: String,
        /// This build.
        own: String,
    },
    /// Finished cells cannot be read back.
    #[error("{}, line {line}: no finished cell ({why}); remove the line, or the file", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// Another run works on the same folder.
    #[error("{} is in use by another run; wait for it, or name another folder with --out", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
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
    /// A baseline is none.
    #[error("{}: no baseline of an ablation ({why}); write one with --write-baseline", path.display())]
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
            AblateError::Journal { .. } | AblateError::Baseline { .. } => 3,
            _ => 2,
        }
    }
}
