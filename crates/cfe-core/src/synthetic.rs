//! Data with known truth, for tests, ablations and examples.
//!
//! [`Separable`] is the published kind: independent errors around class means that lie far apart, so that the
//! plain mean of ten classifiers already ranks perfectly. It shows whether the sign of the weights is right
//! and little else. [`Correlated`] is the harder kind: shared errors, clusters of near-copies,
//! miscalibration, missing blocks.

use ndarray::Array2;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::data::EnsembleData;
use crate::error::{Result, ensure};
use crate::losses::{logit, sigmoid};
use crate::memory::check_matrix;

/// Largest error or quality in logits: beyond, every probability is 0 or 1.
const MAX_ERROR: f64 = 1000.0;

/// Generated data with the truth of every instance.
#[derive(Debug, Clone)]
pub struct Synthetic {
    /// Predictions, with labels for the labeled part.
    pub data: EnsembleData,
    /// True labels (n).
    pub truth: Vec<bool>,
}

impl Synthetic {
    /// Indices of the unlabeled instances: the test set.
    pub fn test_index(&self) -> Vec<usize> {
        (0..self.truth.len()).filter(|&i| self.data.labels()[i].is_none()).collect()
    }
}

/// The published kind: r ~ N(0.5, s_u) for negatives and N(0.5 + gap, s_u) for positives, clipped to [0, 1],
/// with s_u uniform in 0.07 to 0.13; errors independent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Separable {
    /// m, at least 1.
    pub n_classifiers: usize,
    /// n, at least 1.
    pub n_instances: usize,
    /// Share of labeled instances, 0 to 1.
    pub labeled_share: f64,
    /// Share of positives, 0 to 1.
    pub prevalence: f64,
    /// Distance of the class means, 0 to 0.5.
    pub gap: f64,
}

impl Default for Separable {
    fn default() -> Self {
        Self { n_classifiers: 10, n_instances: 500, labeled_share: 0.5, prevalence: 0.1, gap: 0.22 }
    }
}

impl Separable {
    /// Draws data, reproducibly by seed.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) for parameters out of range.
    ///
    /// ```
    /// use cfe_core::synthetic::Separable;
    /// let drawn = Separable::default().generate(7)?;
    /// assert_eq!(drawn.data.n_instances(), 500);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<Synthetic> {
        check_sizes(self.n_classifiers, self.n_instances)?;
        check_share("labeled_share", self.labeled_share)?;
        check_share("prevalence", self.prevalence)?;
        ensure((0.0..=0.5).contains(&self.gap), "gap", self.gap, "0 to 0.5 is allowed")?;
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let truth = draw_truth(&mut rng, self.n_instances, self.prevalence);
        let mut predictions = Array2::zeros((self.n_classifiers, self.n_instances));
        for mut row in predictions.rows_mut() {
            // The spread of a classifier is drawn before its errors.
            let spread = rng.random_range(0.07..0.13);
            for (r, &y) in row.iter_mut().zip(&truth) {
                let mean = if y { 0.5 + self.gap } else { 0.5 };
                *r = f64::clamp(mean + spread * normal(&mut rng), 0.0, 1.0);
            }
        }
        finish(predictions, truth, self.labeled_share, &mut rng)
    }
}

/// The harder kind. The log-odds of classifier u for instance i are
///
/// ```text
/// prior + quality_u (2 y_i - 1) + shared e_i + cluster f_{k(u), i} + own g_ui,   e, f, g ~ N(0, 1)
/// ```
///
/// divided by a temperature below 1 for overconfident classifiers. Clusters hold near-copies: their members
/// share f.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Correlated {
    /// m, at least 1.
    pub n_classifiers: usize,
    /// n, at least 1.
    pub n_instances: usize,
    /// Share of labeled instances, 0 to 1.
    pub labeled_share: f64,
    /// Share of positives, 0 to 1.
    pub prevalence: f64,
    /// Smallest and largest quality, drawn uniformly; 0 is a useless classifier.
    pub quality: (f64, f64),
    /// Standard deviation of the error that all classifiers share, at least 0.
    pub shared_error: f64,
    /// Standard deviation of the error that a cluster shares, at least 0.
    pub cluster_error: f64,
    /// Standard deviation of each classifier's own error, at least 0.
    pub own_error: f64,
    /// Number of clusters, at least 1; classifier u is in cluster u mod that.
    pub n_clusters: usize,
    /// Largest overconfidence: temperatures are drawn from 1 / (1 + this) to 1; at least 0.
    pub overconfidence: f64,
    /// Share of missing cells, in blocks of consecutive instances, 0 to below 1.
    pub missing_share: f64,
    /// Share of training labels that are flipped, 0 to 0.5; the truth stays.
    pub label_noise: f64,
}

impl Default for Correlated {
    fn default() -> Self {
        Self {
            n_classifiers: 12,
            n_instances: 2000,
            labeled_share: 0.5,
            prevalence: 0.1,
            quality: (0.2, 1.2),
            shared_error: 0.6,
            cluster_error: 0.8,
            own_error: 0.8,
            n_clusters: 4,
            overconfidence: 1.0,
            missing_share: 0.05,
            label_noise: 0.0,
        }
    }
}

/// Length of a block of missing predictions.
const MISSING_BLOCK: usize = 20;

impl Correlated {
    /// Draws data, reproducibly by seed.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) for parameters out of range.
    pub fn generate(&self, seed: u64) -> Result<Synthetic> {
        self.validate()?;
        let (m, n) = (self.n_classifiers, self.n_instances);
        // The order of the draws is part of what a seed stands for: another order gives other data.
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let truth = draw_truth(&mut rng, n, self.prevalence);
        // At a prevalence of 0 or 1 the log-odds would be infinite.
        let prior = logit(self.prevalence, 1e-3);
        let shared: Vec<f64> = (0..n).map(|_| self.shared_error * normal(&mut rng)).collect();
        let clusters: Vec<Vec<f64>> = (0..self.n_clusters)
            .map(|_| (0..n).map(|_| self.cluster_error * normal(&mut rng)).collect())
            .collect();
        let mut predictions = Array2::zeros((m, n));
        for (u, mut row) in predictions.rows_mut().into_iter().enumerate() {
            let quality = self.quality.0 + (self.quality.1 - self.quality.0) * rng.random::<f64>();
            let temperature = 1.0 / (1.0 + self.overconfidence * rng.random::<f64>());
            let cluster = &clusters[u % self.n_clusters];
            for (i, r) in row.iter_mut().enumerate() {
                let sign = if truth[i] { 1.0 } else { -1.0 };
                let own = self.own_error * normal(&mut rng);
                *r = sigmoid((prior + quality * sign + shared[i] + cluster[i] + own) / temperature);
            }
            for block in row.as_slice_mut().into_iter().flat_map(|row| row.chunks_mut(MISSING_BLOCK)) {
                if rng.random::<f64>() < self.missing_share {
                    block.fill(f64::NAN);
                }
            }
        }
        // A matrix without a single observation is not a data set: keep one cell.
        if predictions.iter().all(|r: &f64| r.is_nan()) {
            predictions[(0, 0)] = self.prevalence;
        }
        let mut drawn = finish(predictions, truth, self.labeled_share, &mut rng)?;
        // The truth stays and the labels are flipped: a test still measures against what is true.
        if self.label_noise > 0.0 {
            let flip = |label: &Option<bool>, flipped: bool| label.map(|y| y != flipped);
            let labels =
                drawn.data.labels().iter().map(|y| flip(y, rng.random::<f64>() < self.label_noise)).collect();
            drawn.data = drawn.data.with_labels(labels)?;
        }
        Ok(drawn)
    }

    fn validate(&self) -> Result<()> {
        check_sizes(self.n_classifiers, self.n_instances)?;
        check_share("labeled_share", self.labeled_share)?;
        check_share("prevalence", self.prevalence)?;
        ensure(
            (0.0..1.0).contains(&self.missing_share),
            "missing_share",
            self.missing_share,
            "0 to below 1",
        )?;
        ensure(
            (0.0..=0.5).contains(&self.label_noise),
            "label_noise",
            self.label_noise,
            "0 to 0.5 is allowed",
        )?;
        ensure(self.n_clusters >= 1, "n_clusters", self.n_clusters, "at least 1 is needed")?;
        ensure(
            self.quality.0 <= self.quality.1,
            "quality",
            self.quality.0,
            "the smallest quality comes first",
        )?;
        for (name, value) in [
            ("shared_error", self.shared_error),
            ("cluster_error", self.cluster_error),
            ("own_error", self.own_error),
            ("overconfidence", self.overconfidence),
        ] {
            ensure((0.0..=MAX_ERROR).contains(&value), name, value, "0 to 1000 is allowed")?;
        }
        // Errors and qualities of one range: what lies beyond gives probabilities of 0 and 1 alone.
        let allowed = self.quality.0 >= -MAX_ERROR && self.quality.1 <= MAX_ERROR;
        ensure(allowed, "quality", self.quality.1, "-1000 to 1000 is allowed")?;
        check_matrix("the errors of the clusters", self.n_clusters, self.n_instances)
    }
}

fn check_sizes(m: usize, n: usize) -> Result<()> {
    ensure(m >= 1, "n_classifiers", m, "at least 1 is needed")?;
    ensure(n >= 1, "n_instances", n, "at least 1 is needed")?;
    check_matrix("the synthetic data", m, n)
}

fn check_share(name: &'static str, share: f64) -> Result<()> {
    ensure((0.0..=1.0).contains(&share), name, share, "a share is 0 to 1")
}

fn normal(rng: &mut ChaCha12Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Exactly round(prevalence n) positives, at random places: the share that was asked for, not one near it.
fn draw_truth(rng: &mut ChaCha12Rng, n: usize, prevalence: f64) -> Vec<bool> {
    let positives = (prevalence * n as f64).round() as usize;
    let mut truth: Vec<bool> = (0..n).map(|i| i < positives).collect();
    truth.shuffle(rng);
    truth
}

/// Labels a random part, stratified by class, so that a small labeled part still holds both classes.
fn finish(
    predictions: Array2<f64>,
    truth: Vec<bool>,
    share: f64,
    rng: &mut ChaCha12Rng,
) -> Result<Synthetic> {
    let mut labels = vec![None; truth.len()];
    for class in [false, true] {
        let mut members: Vec<usize> = (0..truth.len()).filter(|&i| truth[i] == class).collect();
        members.shuffle(rng);
        let count = (share * members.len() as f64).round() as usize;
        members.iter().take(count).for_each(|&i| labels[i] = Some(class));
    }
    Ok(Synthetic { data: EnsembleData::new(predictions, labels)?, truth })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diversity::correlation;
    use crate::metrics::Scored;

    fn mean_auc(drawn: &Synthetic) -> f64 {
        let n = drawn.truth.len();
        let mean: Vec<f64> = (0..n)
            .map(|i| {
                let column = drawn.data.predictions();
                let seen: Vec<f64> = column.column(i).iter().copied().filter(|r| !r.is_nan()).collect();
                if seen.is_empty() { 0.5 } else { seen.iter().sum::<f64>() / seen.len() as f64 }
            })
            .collect();
        Scored::new(&drawn.truth, &mean).expect("valid").ranking().roc_auc().expect("two classes")
    }

    #[test]
    fn the_published_kind_is_separable_and_the_harder_kind_is_not() {
        assert!(mean_auc(&Separable::default().generate(1).expect("valid")) > 0.999);
        let auc = mean_auc(&Correlated::default().generate(1).expect("valid"));
        assert!((0.7..0.97).contains(&auc), "{auc}");
    }

    #[test]
    fn the_seed_decides() {
        let spec = Correlated::default();
        let (a, b) = (spec.generate(3).expect("valid"), spec.generate(3).expect("valid"));
        let bits = |s: &Synthetic| s.data.predictions().iter().map(|r| r.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&a), bits(&b));
        assert_ne!(bits(&a), bits(&spec.generate(4).expect("valid")));
    }

    #[test]
    fn members_of_a_cluster_are_closer_than_strangers() {
        let spec = Correlated { missing_share: 0.0, cluster_error: 2.0, ..Correlated::default() };
        let drawn = spec.generate(5).expect("valid");
        let row = |u: usize| drawn.data.predictions().row(u).to_vec();
        let together = correlation(&row(0), &row(spec.n_clusters)).expect("not constant");
        let apart = correlation(&row(0), &row(1)).expect("not constant");
        assert!(together > apart + 0.1, "{together} {apart}");
    }

    #[test]
    fn shares_are_met() {
        let spec =
            Correlated { n_instances: 10_000, missing_share: 0.2, label_noise: 0.1, ..Correlated::default() };
        let drawn = spec.generate(6).expect("valid");
        assert_eq!(drawn.truth.iter().filter(|&&y| y).count(), 1000);
        assert_eq!(drawn.data.labeled().len(), 5000);
        let missing = drawn.data.n_missing() as f64 / 120_000.0;
        assert!((missing - 0.2).abs() < 0.03, "{missing}");
        let wrong =
            drawn.data.labeled().iter().filter(|&&i| drawn.data.labels()[i] != Some(drawn.truth[i])).count();
        assert!((400..600).contains(&wrong), "{wrong}");
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        assert!(Separable { prevalence: 1.5, ..Separable::default() }.generate(1).is_err());
        assert!(Separable { n_classifiers: 0, ..Separable::default() }.generate(1).is_err());
        assert!(Correlated { missing_share: 1.0, ..Correlated::default() }.generate(1).is_err());
        assert!(Correlated { own_error: f64::NAN, ..Correlated::default() }.generate(1).is_err());
    }
}
