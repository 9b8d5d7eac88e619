//! Why statistics of shards make no whole.

use cfe_kernel::InstructionSet;

/// What is wrong with the statistics of shards. Any of these would give a wrong sum without a word.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// Some shards are in no sum.
    #[error(
        "{count} of {shards} shards are missing, the first of them is shard {first}; run the pass over them, too"
    )]
    Missing {
        /// The lowest missing shard.
        first: u64,
        /// Shards that are missing.
        count: u64,
        /// Shards of the data.
        shards: u64,
    },

    /// A shard is in two sums.
    #[error("shard {shard} is in two of the sums; keep one result of each task and drop the others")]
    Twice {
        /// The lowest shard that is in both.
        shard: u64,
    },

    /// Sums of different data.
    #[error(
        "statistics of the data {found} do not add to those of {expected}; prepare one store and use it alone"
    )]
    OtherData {
        /// Fingerprint in the one.
        found: String,
        /// Fingerprint in the other.
        expected: String,
    },

    /// Sums of different passes.
    #[error("statistics of another request do not add to those of this one; drop results of earlier passes")]
    OtherRequest,

    /// Sums of machines with different instruction sets.
    #[error(
        "statistics computed with {found} do not add to those computed with {expected}, as their last bits differ; run all \
         tasks on machines of one kind, or pin an instruction set that all of them have"
    )]
    OtherInstructionSet {
        /// In the one.
        found: InstructionSet,
        /// In the other.
        expected: InstructionSet,
    },

    /// A block that is not a shard.
    #[error(
        "a block of {rows} rows from row {first} on is not a shard; give rows {expected_first} to {expected_end}, in whole"
    )]
    NotAShard {
        /// First row of the block.
        first: u64,
        /// Rows of the block.
        rows: u64,
        /// First row of the shard it begins in.
        expected_first: u64,
        /// Row behind that shard.
        expected_end: u64,
    },

    /// A cell that is not a probability.
    #[error(
        "row {row} (counted from 0) has a cell that is not a probability; allowed are 0 to 1, and NaN for a missing prediction"
    )]
    BadCell {
        /// The first such row.
        row: u64,
    },

    /// Bytes that are not a request and not statistics.
    #[error("these bytes are not {what}; take them from this version of the program, unchanged")]
    Damaged {
        /// What they should be.
        what: &'static str,
    },

    /// An engine failed to run a pass.
    ///
    /// Cure: follow the message of the cause, which stands below this one.
    #[error("a pass over the shards failed")]
    Engine {
        /// The engine's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
