//! What there is to pass over.

use std::ops::Range;

use super::{PANEL_ROWS, SHARD_ROWS, ShardError};
use crate::error::{Error, Result, ensure};

/// What there is to pass over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shape {
    /// Names of the classifiers (m).
    pub classifier_names: Vec<String>,
    /// Instances, n.
    pub rows: u64,
    /// Instances of every shard but the last.
    pub shard_rows: usize,
    /// Tells these data from others.
    pub fingerprint: String,
}

impl Shape {
    /// Data in shards of [`SHARD_ROWS`].
    ///
    /// # Errors
    /// [`Error::EmptyData`] without classifiers or instances.
    pub fn new(classifier_names: Vec<String>, rows: u64, fingerprint: impl Into<String>) -> Result<Self> {
        if classifier_names.is_empty() || rows == 0 {
            let instances = usize::try_from(rows).unwrap_or(usize::MAX);
            return Err(Error::EmptyData { classifiers: classifier_names.len(), instances });
        }
        Ok(Self { classifier_names, rows, shard_rows: SHARD_ROWS, fingerprint: fingerprint.into() })
    }

    /// The same data in shards of another size. The size is part of the bits of every result.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] unless `rows` is a power of two from [`PANEL_ROWS`] to 2^24.
    pub fn with_shard_rows(self, rows: usize) -> Result<Self> {
        ensure(
            rows.is_power_of_two() && (PANEL_ROWS..=1 << 24).contains(&rows),
            "shard_rows",
            rows,
            "a power of two from 4096 to 16777216; 131072 is usual",
        )?;
        Ok(Self { shard_rows: rows, ..self })
    }

    /// m.
    pub fn n_classifiers(&self) -> usize {
        self.classifier_names.len()
    }

    /// Number of shards, at least 1.
    pub fn shards(&self) -> u64 {
        self.rows.div_ceil(self.shard_rows as u64)
    }

    /// Instances of a shard.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn rows_of(&self, shard: u64) -> Range<u64> {
        assert!(shard < self.shards(), "shard {shard} is one of {}", self.shards());
        let first = shard * self.shard_rows as u64;
        first..self.rows.min(first + self.shard_rows as u64)
    }

    /// The shard that a block of instances is.
    pub(super) fn shard_of(&self, first: u64, rows: u64) -> Result<u64, ShardError> {
        let shard = (first / self.shard_rows as u64).min(self.shards() - 1);
        let expected = self.rows_of(shard);
        if first == expected.start && first.checked_add(rows) == Some(expected.end) {
            return Ok(shard);
        }
        let (expected_first, expected_end) = (expected.start, expected.end);
        Err(ShardError::NotAShard { first, rows, expected_first, expected_end })
    }
}
