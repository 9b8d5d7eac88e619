//! Batches of labeled instances with as many positives as negatives.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Result, check_length, ensure};

/// Which labeled instances the supervised loss of an epoch sees.
///
/// A balanced batch draws half its instances from each class, with replacement and with probability
/// proportional to the weight a_i within the class, anew in every epoch. What was drawn counts equally within
/// its class, and the class keeps its share of the sum of the weights: the loss of a batch estimates the loss
/// over all labeled instances without bias, whatever the weights. Under balanced class weights both halves
/// count the same. Reconstruction and reported losses always see all.
///
/// ```
/// use cfe_core::resampling::Sampler;
///
/// let labels = [true, false, false, false];
/// let weights = Sampler::Balanced { batch_size: 4 }.weights(7, 0, &labels, &[3.0, 1.0, 1.0, 1.0])?;
/// assert_eq!(weights[0], 3.0);
/// assert_eq!(weights[1] + weights[2] + weights[3], 3.0);
/// assert!(weights.contains(&0.0), "two draws cannot hit all three negatives");
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Sampler {
    /// All labeled instances.
    #[default]
    FullBatch,
    /// As many positives as negatives.
    Balanced {
        /// Instances in a batch, at least 2 and at most ten times the labeled ones (or 1000); the odd one is
        /// a negative.
        batch_size: usize,
    },
}

impl Sampler {
    /// Refuses a batch without room for both classes.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn validate(self) -> Result<()> {
        match self {
            Sampler::FullBatch => Ok(()),
            Sampler::Balanced { batch_size } => {
                ensure(batch_size >= 2, "sampler.batch_size", batch_size, "at least 2, one of each class")
            }
        }
    }

    /// Refuses a batch that is far larger than the labeled instances: an epoch would take longer than a run,
    /// and see no more.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn check_data(self, n_labeled: usize) -> Result<()> {
        const ALLOWED: &str = "at most ten times the labeled instances, or 1000";
        match self {
            Sampler::FullBatch => Ok(()),
            Sampler::Balanced { batch_size } => {
                let most = n_labeled.saturating_mul(10).max(1000);
                ensure(batch_size <= most, "sampler.batch_size", batch_size, ALLOWED)
            }
        }
    }

    /// Weights of the labeled instances in an epoch: 0 for those that were not drawn, with the sum of
    /// `weights`.
    ///
    /// # Errors
    /// As [`validate`](Self::validate) and [`check_data`](Self::check_data), and
    /// [`Error::LengthMismatch`](crate::Error::LengthMismatch) unless labels and weights are equally long.
    pub fn weights(self, seed: u64, epoch: usize, labels: &[bool], weights: &[f64]) -> Result<Vec<f64>> {
        check_length("labels", labels.len(), weights.len())?;
        let Sampler::Balanced { batch_size } = self else {
            return Ok(weights.to_vec());
        };
        self.validate()?;
        self.check_data(weights.len())?;
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(super::STREAM + 1 + epoch as u64);
        let mut drawn = vec![0.0; weights.len()];
        for (class, draws) in [(false, batch_size - batch_size / 2), (true, batch_size / 2)] {
            let mut sum = 0.0;
            // An instance of weight 0 is never drawn, and a class without any weight is left out.
            let of_class = |&i: &usize| labels[i] == class && weights[i] > 0.0;
            let members: Vec<usize> = (0..labels.len()).filter(of_class).collect();
            let cumulative: Vec<f64> = members
                .iter()
                .map(|&i| {
                    sum += weights[i];
                    sum
                })
                .collect();
            for _ in 0..if members.is_empty() { 0 } else { draws } {
                // Inverts the cumulative weights. Rounding may put the draw on the last sum itself.
                let at = rng.random::<f64>() * sum;
                let hit = cumulative.partition_point(|&c| c <= at).min(members.len() - 1);
                drawn[members[hit]] += sum / draws as f64;
            }
        }
        Ok(drawn)
    }
}
