//! What can be wrong with a model file: one variant for each cause.

use crate::atomic::WriteError;

/// Result of reading and writing model files.
pub type ModelFileResult<T, E = ModelFileError> = std::result::Result<T, E>;

/// Everything that can be wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are what the message of their variant names")]
pub enum ModelFileError {
    /// The file cannot be opened or read.
    #[error("{file}: cannot be read ({source}); check the path and its permissions")]
    Unreadable { file: String, source: std::io::Error },

    /// Something else than a model file.
    #[error("{file}: not a model file ({reason}); give a file that was saved as a model")]
    NotAModel { file: String, reason: String },

    /// The file is shorter or longer than it says.
    #[error("{file}: damaged or cut off ({reason}); copy it again, or train again")]
    Damaged { file: String, reason: String },

    /// The content is not what was saved.
    #[error(
        "{file}: changed since it was saved (SHA-256 is {found}, saved was {expected}); \
         copy it again, or train again"
    )]
    Changed { file: String, found: String, expected: String },

    /// Written by a later version.
    #[error(
        "{file}: of schema version {found}, and this program knows versions up to {known}; use a newer program"
    )]
    NewerVersion { file: String, found: u64, known: u64 },

    /// A model file of another kind.
    ///
    /// Cure: give a model of the kind that the program asks for.
    #[error("{file}: of kind {found:?}, but {expected:?} is needed")]
    WrongKind { file: String, found: String, expected: String },

    /// The document lacks something or holds something impossible.
    #[error("{file}: the description of the model cannot be used ({reason}); train again with this version")]
    BadDocument { file: String, reason: String },

    /// A tensor is not there.
    #[error("{file}: there is no tensor {name:?}; the file holds {available}")]
    MissingTensor { file: String, name: String, available: String },

    /// A tensor has the wrong shape.
    ///
    /// Cure: save the model again; the file was not written by this library.
    #[error("{file}: tensor {name:?} has shape {found:?}, but {expected} is needed")]
    WrongShape { file: String, name: String, found: Vec<usize>, expected: String },

    /// A tensor of another type.
    ///
    /// Cure: save the model again, in F64.
    #[error("{file}: tensor {name:?} is of type {found}, but F64 is needed")]
    WrongType { file: String, name: String, found: String },

    /// A tensor holds NaN or infinity.
    #[error("{file}: tensor {name:?} holds {value} at position {position}; numbers of a model are finite")]
    NotFinite { file: String, name: String, position: usize, value: f64 },

    /// The parts are each possible, but no model together.
    ///
    /// Cure: save the model again; its parts contradict each other as the cause says.
    #[error("{file}: the parts do not make a model: {source}")]
    Invalid { file: String, source: cfe_core::Error },

    /// Not saved.
    #[error(transparent)]
    Write(#[from] WriteError),
}
