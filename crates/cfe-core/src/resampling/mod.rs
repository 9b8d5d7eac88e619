//! Balancing the labeled instances by adding or hiding some, and batches that are balanced.
//!
//! Work is done in the space of predictions: an instance is its column of R. Nothing is removed: an instance
//! whose label is hidden stays as an unlabeled one and gets its prediction, and synthetic instances stand
//! behind the original ones.

mod neighbors;
mod sampler;
mod synthesis;
mod synthetic;

use ndarray::{Array2, Axis, Slice, concatenate};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

use crate::data::EnsembleData;
use crate::error::{Result, ensure};
use crate::factors::Factors;
use crate::parameters::Parameters;
use crate::trainer::Fitted;

pub use sampler::Sampler;
pub use synthetic::Synthetic;

/// Stream of the start's generator; X, Y and the gate have 0 to 2, the sampler those after this one.
const STREAM: u64 = 3;

/// How the labeled instances are balanced before training. The minority is the class with fewer labels.
///
/// | variant | does | source |
/// |---|---|---|
/// | `none` | nothing | |
/// | `random_over` | copies random minority instances | |
/// | `random_under` | hides the labels of random majority instances | |
/// | `smote` | adds a + gap (b - a), a a random minority instance, b one of its nearest minority neighbors, gap uniform in 0 to 1 | Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002 |
/// | `adasyn` | as `smote`, but a minority instance gets the more synthetic ones the more of its nearest neighbors are of the majority | He et al., "ADASYN: Adaptive Synthetic Sampling Approach for Imbalanced Learning", IJCNN 2008 |
///
/// `ratio` is the wanted number of minority instances for each majority instance (imbalanced-learn's
/// `sampling_strategy`); data that have it already, or one class only, stay as they are.
///
/// Distances are Euclidean over the classifiers that both instances have, scaled up to all (scikit-learn's
/// `nan_euclidean_distances`); instances without a common classifier are not neighbors. A synthetic cell is
/// interpolated where both instances have a probability, copied from the one that has, or missing. With fewer
/// neighbors than asked for, those there are are used; an instance without any is copied. Sample weights and
/// a given confidence are interpolated too. ADASYN rounds the number of each instance, so that the total may
/// be off by a few; where no neighbor is of the majority, all get the same number. SMOTE compares N_min^2
/// pairs and ADASYN N_min N, m flops each.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Resampling {
    /// The labels as they are.
    #[default]
    None,
    /// Copies of minority instances.
    RandomOver {
        /// Above 0 and at most 1.
        #[serde(default = "balanced")]
        ratio: f64,
    },
    /// Fewer labels of the majority.
    RandomUnder {
        /// Above 0 and at most 1.
        #[serde(default = "balanced")]
        ratio: f64,
    },
    /// Interpolated minority instances.
    Smote {
        /// Above 0 and at most 1.
        #[serde(default = "balanced")]
        ratio: f64,
        /// Neighbors to choose from, at least 1.
        #[serde(default = "five")]
        k_neighbors: usize,
    },
    /// Interpolated minority instances, more of them where the majority is near.
    Adasyn {
        /// Above 0 and at most 1.
        #[serde(default = "balanced")]
        ratio: f64,
        /// Neighbors that are looked at and chosen from, at least 1.
        #[serde(default = "five")]
        k_neighbors: usize,
    },
}

fn balanced() -> f64 {
    1.0
}

fn five() -> usize {
    5
}

/// Resampled data. The original n instances come first, in their order; the synthetic ones, called
/// `synthetic-1`, `synthetic-2`, ..., follow.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Resampled {
    /// What to train on.
    pub data: EnsembleData,
    /// n of the original data.
    pub n_original: usize,
    /// Where the synthetic instances come from.
    pub synthetic: Vec<Synthetic>,
    /// log of (positives now / before) / (negatives now / before): what resampling adds to the optimal logit.
    pub logit_shift: f64,
}

impl Resampling {
    /// Refuses a ratio outside 0 to 1 and 0 neighbors.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn validate(self) -> Result<()> {
        let (ratio, k) = match self {
            Resampling::None => return Ok(()),
            Resampling::RandomOver { ratio } | Resampling::RandomUnder { ratio } => (ratio, 1),
            Resampling::Smote { ratio, k_neighbors } | Resampling::Adasyn { ratio, k_neighbors } => {
                (ratio, k_neighbors)
            }
        };
        ensure(
            ratio > 0.0 && ratio <= 1.0,
            "resampling.ratio",
            ratio,
            "above 0 and at most 1, which is balanced",
        )?;
        ensure(k >= 1, "resampling.k_neighbors", k, "at least 1 is needed; 5 is usual")
    }

    /// Resamples, reproducibly by seed.
    ///
    /// ```
    /// use cfe_core::resampling::Resampling;
    /// use cfe_core::synthetic::Separable;
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// let resampled = Resampling::Smote { ratio: 1.0, k_neighbors: 5 }.apply(&data, 7)?;
    /// let (negatives, positives) = resampled.data.class_counts();
    /// assert_eq!(negatives, positives);
    /// assert_eq!(resampled.data.instance_id(data.n_instances()), "synthetic-1");
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn apply(self, data: &EnsembleData, seed: u64) -> Result<Resampled> {
        self.validate()?;
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        let (negatives, positives) = data.class_counts();
        let minority = positives <= negatives;
        let of_class = |class: bool| -> Vec<usize> {
            data.labeled().iter().copied().filter(|&i| data.labels()[i] == Some(class)).collect()
        };
        // `wanted` is how many minority instances a ratio lacks; a class that has enough is left alone.
        let (few, many) = (of_class(minority), of_class(!minority));
        let wanted = |ratio: f64| ((ratio * many.len() as f64).round() as usize).saturating_sub(few.len());
        // A class without instances has nothing to copy.
        if few.is_empty() {
            return Resampled::new(data, data.clone(), Vec::new(), minority);
        }
        let synthetic = match self {
            Resampling::None => Vec::new(),
            Resampling::RandomUnder { ratio } => {
                let kept = ((few.len() as f64 / ratio).round() as usize).min(many.len());
                let mut shuffled = many;
                // Taken away are labels and not instances, whose predictions still help to find the factors.
                shuffled.shuffle(&mut rng);
                let mut labels = data.labels().to_vec();
                shuffled[kept..].iter().for_each(|&i| labels[i] = None);
                return Resampled::new(data, data.clone().with_labels(labels)?, Vec::new(), minority);
            }
            Resampling::RandomOver { ratio } => synthesis::copies(&few, wanted(ratio), &mut rng),
            Resampling::Smote { ratio, k_neighbors } => {
                synthesis::smote(data, &few, k_neighbors, wanted(ratio), &mut rng)
            }
            Resampling::Adasyn { ratio, k_neighbors } => {
                synthesis::adasyn(data, &few, k_neighbors, wanted(ratio), &mut rng)
            }
        };
        Resampled::new(data, data.clone(), synthetic, minority)
    }
}

impl Resampled {
    fn new(
        original: &EnsembleData,
        mut data: EnsembleData,
        synthetic: Vec<Synthetic>,
        minority: bool,
    ) -> Result<Self> {
        if !synthetic.is_empty() {
            data = data.with_synthetic(&synthetic, minority)?;
        }
        // Totals by weight, as the logit shift undoes what the weighted loss saw.
        let (before, now) = (original.class_totals(), data.class_totals());
        // A class that is absent before or after has no ratio; there is then nothing to undo.
        let both = [before.0, before.1, now.0, now.1].iter().all(|&total| total > 0.0);
        let logit_shift = if both { ((now.1 / before.1) / (now.0 / before.0)).ln() } else { 0.0 };
        Ok(Self { data, n_original: original.n_instances(), synthetic, logit_shift })
    }

    /// A start for the original data with the synthetic instances added, each between the factors of its
    /// sources.
    ///
    /// # Errors
    /// A start that does not fit the original data.
    pub fn extend(&self, start: Parameters) -> Result<Parameters> {
        start.validate(self.data.n_classifiers(), self.n_original)?;
        let columns: Vec<Vec<f64>> =
            // A synthetic instance starts where its predictions lie: between the factors of its two sources.
            self.synthetic.iter().map(|s| s.column(start.factors.instances.view())).collect();
        let instances = append(start.factors.instances, &columns);
        Ok(Parameters { factors: Factors { instances, ..start.factors }, ..start })
    }

    /// A fit to [`data`](Self::data) as one to the original data: without the synthetic instances, and with
    /// their influence in the logit shift.
    pub fn restrict(&self, mut fitted: Fitted) -> Fitted {
        let instances = &mut fitted.model.factors.instances;
        *instances = instances.slice_axis(Axis(1), Slice::from(..self.n_original)).to_owned();
        fitted.model.logit_shift += self.logit_shift;
        fitted
    }
}

impl EnsembleData {
    /// These data with synthetic instances of one class behind the others.
    fn with_synthetic(&self, synthetic: &[Synthetic], class: bool) -> Result<Self> {
        let columns = |matrix: ndarray::ArrayView2<'_, f64>| -> Array2<f64> {
            let added: Vec<Vec<f64>> = synthetic.iter().map(|s| s.column(matrix)).collect();
            append(matrix.to_owned(), &added)
        };
        let mut labels = self.labels().to_vec();
        labels.resize(labels.len() + synthetic.len(), Some(class));
        let mut data = Self::new(columns(self.predictions()), labels)?
            .with_classifier_names(self.classifier_names().to_vec())?
            .with_instance_ids(self.ids_with(synthetic.len()))?;
        // Weights and confidences lie between those of the two instances, as predictions do.
        if let Some(weights) = self.sample_weights() {
            let added = synthetic.iter().map(|s| s.between(weights[s.of], weights[s.towards]));
            data = data.with_sample_weights(weights.iter().copied().chain(added).collect())?;
        }
        match self.confidence() {
            Some(confidence) => data.with_confidence(columns(confidence)),
            None => Ok(data),
        }
    }

    /// Ids of the instances, and `synthetic-1`, ... for `count` more; numbers that are taken are left out.
    fn ids_with(&self, count: usize) -> Vec<String> {
        let mut ids: Vec<String> = (0..self.n_instances()).map(|i| self.instance_id(i)).collect();
        let taken: std::collections::HashSet<String> =
            ids.iter().filter(|id| id.starts_with("synthetic-")).cloned().collect();
        let free = (1usize..).map(|k| format!("synthetic-{k}")).filter(|id| !taken.contains(id));
        ids.extend(free.take(count));
        ids
    }
}

/// A matrix with columns added.
fn append(matrix: Array2<f64>, columns: &[Vec<f64>]) -> Array2<f64> {
    if columns.is_empty() {
        return matrix;
    }
    let added = Array2::from_shape_fn((matrix.nrows(), columns.len()), |(row, k)| columns[k][row]);
    concatenate(Axis(1), &[matrix.view(), added.view()])
        .expect("the added columns have as many rows as the matrix")
        .as_standard_layout()
        .into_owned()
}

#[cfg(test)]
mod tests;
