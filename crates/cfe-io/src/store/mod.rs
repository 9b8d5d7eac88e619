//! A table as shards on a disk, for fits beyond memory.
//!
//! ```text
//! store/store.json           what there is: rows, names, counts, and length and SHA-256 of each shard
//! store/shard-000000.arrow   rows 0 to 131,071: a column for each classifier (f32 or f64), `label`, `train`,
//!                            and `weight` where the table has some
//! store/ids-000000.arrow     their ids, where the table has some
//! store/roles-000000.arrow   their groups, folds and costs, where the table has some
//! ```
//!
//! [`prepare()`] reads tables of any size once, checks every cell, and writes a store. A [`Store`] is opened
//! in no time; its [`StoreEngine`] runs the passes of a fit with two shards in memory, one that is read and
//! one that is computed on. The shards are Arrow IPC files of one batch, which other programs read too.

mod chunks;
mod engine;
mod error;
mod manifest;
mod prepare;
mod shard;
mod writer;

pub use engine::{Rows, StoreEngine, Verified};
pub use error::StoreError;
pub use manifest::{Counts, Store};
pub use prepare::{PrepareOptions, Prepared, prepare};
pub use shard::{RowRoles, Shard};

/// The file that says what a store holds.
pub(crate) const MANIFEST: &str = "store.json";
