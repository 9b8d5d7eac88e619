//! What answers a request: the statistics of a shard, and the sums of all shards by name.

use super::{
    Block, Drawn, Moments, Profile, Request, Shape, ShardError, Spread, Statistics, Sums, Survey, SweepSums,
    labeled, panel, profile, sweep,
};
use crate::confidence::ConfidenceStrategy;
use crate::error::{Error, Result};

impl Request {
    /// The statistics of one shard: pure, with no input or output. Panels run side by side on the threads of
    /// the current rayon pool.
    ///
    /// # Errors
    /// [`ShardError::NotAShard`]; [`Error::WrongClassifiers`] and the like for a request of other data;
    /// [`Error::NotPositiveDefinite`] with the number of the instance among all.
    pub fn of_block(&self, shape: &Shape, block: &Block<'_>) -> Result<Statistics> {
        // Every request is checked against the shard before it is computed: it may come from another process.
        let shard = shape.shard_of(block.first(), block.n_instances() as u64)?;
        let (found, expected) = (block.n_classifiers(), shape.n_classifiers());
        if found != expected {
            return Err(Error::WrongClassifiers { found, expected });
        }
        let sums = match self {
            Request::Profile => panel::tree(block, &profile::of_panel)?,
            Request::Sweep(request) => {
                request.check(block.n_classifiers())?;
                let strategy = request.confidence.confidence().strategy;
                if strategy == ConfidenceStrategy::Given && !block.has_confidence() {
                    return Err(Error::MissingConfidence);
                }
                sweep::of_block(request, block)?
            }
            Request::Survey => panel::tree(block, &labeled::survey)?,
            Request::Draw(draw) => {
                draw.check(block.n_classifiers())?;
                panel::tree(block, &|panel| Ok(draw.of_panel(panel)))?
            }
            Request::Moments(sets) => {
                sets.iter().try_for_each(|set| set.validate(block.n_classifiers()))?;
                panel::tree(block, &|panel| Ok(labeled::moments(sets, panel)))?
            }
        };
        Ok(Statistics::of_shard(shape, self, shard, sums))
    }

    /// The profile in the sums of [`Request::Profile`].
    ///
    /// # Errors
    /// [`ShardError::OtherRequest`] for sums of another request.
    pub fn profile(&self, sums: Sums) -> Result<Profile> {
        match self {
            Request::Profile => Profile::read(&sums).ok_or_else(|| ShardError::OtherRequest.into()),
            _ => Err(ShardError::OtherRequest.into()),
        }
    }

    /// The sums of [`Request::Sweep`] by name.
    ///
    /// # Errors
    /// [`ShardError::OtherRequest`] for sums of another request.
    pub fn sweep(&self, sums: Sums) -> Result<SweepSums> {
        match self {
            Request::Sweep(sweep) => {
                SweepSums::read(sweep, sums.added).ok_or_else(|| ShardError::OtherRequest.into())
            }
            _ => Err(ShardError::OtherRequest.into()),
        }
    }

    /// The survey in the sums of [`Request::Survey`].
    ///
    /// # Errors
    /// [`ShardError::OtherRequest`] for sums of another request.
    pub fn survey(&self, sums: Sums) -> Result<Survey> {
        let survey = matches!(self, Request::Survey).then(|| Survey::read(&sums)).flatten();
        survey.ok_or_else(|| ShardError::OtherRequest.into())
    }

    /// The instances and the spreads in the sums of [`Request::Draw`].
    ///
    /// # Errors
    /// [`ShardError::OtherRequest`] for sums of another request.
    pub fn drawn(&self, sums: Sums) -> Result<(Drawn, Vec<Spread>)> {
        let Request::Draw(draw) = self else { return Err(ShardError::OtherRequest.into()) };
        draw.read(sums).ok_or_else(|| ShardError::OtherRequest.into())
    }

    /// The moments of each set of columns in the sums of [`Request::Moments`].
    ///
    /// # Errors
    /// [`ShardError::OtherRequest`] for sums of another request.
    pub fn moments(&self, sums: Sums) -> Result<Vec<Moments>> {
        let Request::Moments(sets) = self else { return Err(ShardError::OtherRequest.into()) };
        labeled::read_moments(sets, sums).ok_or_else(|| ShardError::OtherRequest.into())
    }
}
