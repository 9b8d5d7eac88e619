//! Where the shards lie, and who computes on them.

#[cfg(doc)]
use super::ShardError;
use super::{Request, Shape, Statistics};
use crate::error::Result;

/// Runs passes over the shards: in memory, from a disk, on a cluster. Implement it to bring a cluster of your
/// own: `pass` sends the request to whoever holds shards, lets [`Request::of_block`] work on each, and
/// merges the answers in any order.
///
/// ```
/// use cfe_core::shards::{Engine, InMemory, Request};
/// use cfe_core::synthetic::Separable;
///
/// let drawn = Separable::default().generate(1)?;
/// let mut engine = InMemory::new(&drawn.data)?;
/// let statistics = engine.pass(&Request::Profile)?;
/// let profile = Request::Profile.profile(statistics.finish()?)?;
/// assert_eq!(profile.rows, 500);
/// # Ok::<(), cfe_core::Error>(())
/// ```
pub trait Engine {
    /// The data.
    fn shape(&self) -> &Shape;

    /// The statistics of all shards.
    ///
    /// # Errors
    /// What [`Request::of_block`] and [`Statistics::merge`] refuse, and [`ShardError::Engine`].
    fn pass(&mut self, request: &Request) -> Result<Statistics>;
}
