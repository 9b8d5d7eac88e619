//! Batches of labeled instances with as many positives as negatives.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Result, ensure};

/// Which labeled instances the supervised loss of an epoch sees.
///
/// A balanced batch draws half its instances from each class, with replacement and with probability proportional to the
/// weight a_i within the class, anew in every epoch. What was drawn counts equally within its class, and the class keeps its
/// share of the sum of the weights: the loss of a batch estimates the loss over all labeled instances without bias, whatever
/// the weights. Under balanced class weights both halves count the same. Reconstruction and reported losses always see all.
///
/// ```
/// use cfe_core::resampling::Sampler;
///
/// let labels = [true, false, false, false];
/// let weights = Sampler::Balanced { batch_size: 4 }.weights(7, 0, &labels, &[3.0, 1.0, 1.0, 1.0]);
/// assert_eq!(weights[0], 3.0);
/// assert_eq!(weights[1] + weights[2] + weights[3], 3.0);
/// assert!(weights.contains(&0.0), "two draws cannot hit all three negatives");
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
        /// Instances in a batch, at least 2; the odd one is a negative.
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

    /// Weights of the labeled instances in an epoch: 0 for those that were not drawn, with the sum of `weights`.
    pub fn weights(self, seed: u64, epoch: usize, labels: &[bool], weights: &[f64]) -> Vec<f64> {
        let Sampler::Balanced { batch_size } = self else {
            return weights.to_vec();
        };
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(super::STREAM + 1 + epoch as u64);
        let mut drawn = vec![0.0; weights.len()];
        for (class, draws) in [(false, batch_size - batch_size / 2), (true, batch_size / 2)] {
            let mut sum = 0.0;
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
                let at = rng.random::<f64>() * sum;
                let hit = cumulative.partition_point(|&c| c <= at).min(members.len() - 1);
                drawn[members[hit]] += sum / draws as f64;
            }
        }
        drawn
    }
}
