//! What can be wrong with a store.

use crate::atomic::WriteError;
use crate::table_error::TableError;

/// Why a store cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are what the message of their variant names")]
pub enum StoreError {
    /// The tables cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),

    /// A file of the store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),

    /// There is something else in the folder.
    #[error("{path}: the folder is not empty; name a new folder for the store, or remove what is there")]
    NotEmpty { path: String },

    /// There is no store.
    #[error(
        "{path}: there is no store here (no store.json); make one with `cfe prepare TABLES --store FOLDER`"
    )]
    NoStore { path: String },

    /// The store was made by another version, or its description was changed.
    #[error("{path}: cannot be used as the description of a store ({reason}); prepare the store again")]
    BadManifest { path: String, reason: String },

    /// A shard is not there.
    #[error("{path}: the shard is missing; copy it back, or prepare the store again")]
    MissingShard { path: String },

    /// A shard has another length than when it was written.
    #[error(
        "{path}: the shard has {found} bytes and was written with {expected}; copy it again, or prepare the store again"
    )]
    OtherLength { path: String, found: u64, expected: u64 },

    /// A shard has other bytes than when it was written.
    #[error(
        "{path}: the shard was changed after it was written (its SHA-256 differs); prepare the store again"
    )]
    Changed { path: String },

    /// A shard is whole and yet cannot be read.
    #[error("{path}: the shard cannot be read ({reason}); prepare the store again")]
    Unreadable { path: String, reason: String },

    /// Tables without a row.
    #[error("{tables}: no row was read; give tables with at least one row")]
    NoRow { tables: String },

    /// The given positive label occurs nowhere.
    #[error("{tables}: no row has the positive label {wanted:?}; give another --positive-label")]
    NoPositive { tables: String, wanted: String },

    /// A column was named that a store does not keep.
    #[error(
        "--{role}-column {column:?}: a store keeps predictions, labels, ids, splits, groups, weights, folds and costs alone; \
         leave the option out, or fit a table that lies in memory"
    )]
    NotKept { role: &'static str, column: String },

    /// The work was stopped on request.
    #[error("stopped on request; nothing usable was written, so prepare the store again")]
    Stopped,
}

impl From<StoreError> for cfe_core::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => cfe_core::Error::Stopped,
            error => cfe_core::shards::ShardError::Engine { source: Box::new(error) }.into(),
        }
    }
}
