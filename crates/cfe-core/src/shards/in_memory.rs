//! Data that are in memory, as an engine.

use rayon::prelude::*;

use super::{Block, Engine, Request, Shape, Statistics};
use crate::data::EnsembleData;
use crate::error::Result;

/// Passes over data in memory: shards side by side on the threads of the current rayon pool, and panels side
/// by side in a shard. The same bits for any number of threads.
#[derive(Debug)]
pub struct InMemory<'a> {
    data: &'a EnsembleData,
    shape: Shape,
}

impl<'a> InMemory<'a> {
    /// Shards of [`SHARD_ROWS`](super::SHARD_ROWS).
    ///
    /// # Errors
    /// None in practice, as the data were checked.
    pub fn new(data: &'a EnsembleData) -> Result<Self> {
        let names = data.classifier_names().to_vec();
        Ok(Self { data, shape: Shape::new(names, data.n_instances() as u64, "in memory")? })
    }

    /// Shards of another size, see [`Shape::with_shard_rows`].
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn with_shard_rows(self, rows: usize) -> Result<Self> {
        Ok(Self { shape: self.shape.with_shard_rows(rows)?, ..self })
    }

    /// One shard, as a view.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn block(&self, shard: u64) -> Block<'a> {
        let rows = self.shape.rows_of(shard);
        Block::of(self.data, rows.start as usize..rows.end as usize)
    }
}

impl Engine for InMemory<'_> {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn pass(&mut self, request: &Request) -> Result<Statistics> {
        let empty = || Statistics::new(&self.shape, request);
        (0..self.shape.shards())
            .into_par_iter()
            .map(|shard| request.of_block(&self.shape, &self.block(shard)))
            .try_reduce(empty, |left, right| Ok(left.merge(right)?))
    }
}
