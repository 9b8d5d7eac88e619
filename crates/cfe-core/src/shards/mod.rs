//! A fit as passes over shards of the instances.
//!
//! A table that does not fit in memory, or lies on many machines, is cut into **shards**: runs of
//! [`SHARD_ROWS`] instances, numbered from 0, the last one shorter. All that training needs of them are sums.
//! A [`Request`] says which sums; [`Request::of_block`] computes those of one shard; an [`Engine`] does so
//! for every shard, wherever it lies; and the trainer solves for new parameters and asks for the next pass.
//!
//! ```text
//! trainer --- Request (X, w, b; a few KB) ---> engine: of_block on every shard
//! trainer <-- Statistics (a few KB)      ---- engine: merged along a fixed binary tree over shard numbers
//! ```
//!
//! **The same bits on any engine.** A shard is cut into panels of [`PANEL_ROWS`] instances. Sums of panels
//! and then of shards are added along one binary tree over their numbers, whatever the threads, workers and
//! partitions were and in whatever order their results came. Pairwise summation is also more exact than
//! adding one after the other (Higham, SIAM J. Sci. Comput. 14, 1993). The bits do depend on the instruction
//! set, and so [`Statistics`] of machines with different ones do not merge.

mod answer;
mod block;
mod bytes;
mod drawn;
mod engine;
mod error;
mod in_memory;
mod labeled;
mod panel;
mod profile;
mod request;
mod shape;
mod statistics;
mod sums;
mod sweep;

pub use block::{Block, StoredPredictions};
pub use cfe_kernel::{InstructionSet, InstructionSetError};
pub use drawn::{Drawn, DrawnRow};
pub use engine::Engine;
pub use error::ShardError;
pub use in_memory::InMemory;
pub use labeled::{ColumnAbout, Draw, Moments, Spread, Survey, SurveyedClassifier};
pub use profile::Profile;
pub use request::{Late, Point, Request, Step, Sweep};
pub use shape::Shape;
pub use statistics::Statistics;
pub use sums::Sums;
pub use sweep::{BoundSums, GradientSums, LossSums, SweepSums};

/// Instances of a shard. A power of two times [`PANEL_ROWS`].
pub const SHARD_ROWS: usize = 1 << 17;

/// Instances that are computed on together: their cells stay in the second cache.
pub const PANEL_ROWS: usize = 1 << 12;
