//! What the aggregator weights look like, and whether training collapsed.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, check_finite};

pub use crate::stats::moments::{correlation, std_dev};

/// Statistics of aggregator weights w (m).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WeightStats {
    /// Population standard deviation: the published measure of diversity.
    pub std: f64,
    /// Smallest weight.
    pub min: f64,
    /// Largest weight.
    pub max: f64,
    /// Sum.
    pub sum: f64,
    /// Mean.
    pub mean: f64,
    /// Number of weights below 0.
    pub n_negative: usize,
    /// exp of the entropy of |w| / sum |w|: m for equal weights, 1 if one classifier has it all (Hill number
    /// of order 1). 0 if all weights are 0.
    pub effective_classifiers: f64,
    /// std / |mean|: diversity free of the scale of w; `None` for mean 0.
    pub coefficient_of_variation: Option<f64>,
}

impl WeightStats {
    /// Statistics of w; `None` for no weights at all.
    ///
    /// ```
    /// use cfe_core::WeightStats;
    /// let stats = WeightStats::new(&[0.5, 0.5, 0.5, 0.5]).expect("not empty");
    /// assert_eq!((stats.std, stats.sum), (0.0, 2.0));
    /// assert!((stats.effective_classifiers - 4.0).abs() < 1e-12);
    /// ```
    pub fn new(weights: &[f64]) -> Option<Self> {
        if weights.is_empty() {
            return None;
        }
        let m = weights.len() as f64;
        let sum: f64 = weights.iter().sum();
        let mean = sum / m;
        let std = std_dev(weights);
        let total: f64 = weights.iter().map(|w| w.abs()).sum();
        // If all weights are 0, each share is 0 / 0 = NaN, which the filter drops.
        let entropy: f64 =
            weights.iter().map(|w| w.abs() / total).filter(|&p| p > 0.0).map(|p| -p * p.ln()).sum();
        Some(Self {
            std,
            min: weights.iter().copied().fold(f64::INFINITY, f64::min),
            max: weights.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            sum,
            mean,
            n_negative: weights.iter().filter(|&&w| w < 0.0).count(),
            effective_classifiers: if total > 0.0 { entropy.exp() } else { 0.0 },
            coefficient_of_variation: (mean != 0.0).then(|| std / mean.abs()),
        })
    }

    /// max - min.
    pub fn range(&self) -> f64 {
        self.max - self.min
    }
}

/// A sign that training went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Symptom {
    /// The weights sum to less than 0: the aggregator votes against its classifiers.
    NegativeWeights,
    /// The predictions hardly differ.
    ConstantPredictions,
    /// ROC-AUC below 0.5 while the mean of the classifiers is above: the order is upside down.
    InvertedRanking,
    /// A weight larger than [`LARGEST_HEALTHY_WEIGHT`], or one that is not finite.
    ExplodedWeights,
    /// A lower average precision than the mean of the classifiers has on the same instances.
    WorseThanMean,
}

impl Symptom {
    /// Whether it is one of the three signs of collapse that [`symptoms_of_collapse`] looks for.
    pub fn is_collapse(self) -> bool {
        matches!(self, Symptom::NegativeWeights | Symptom::ConstantPredictions | Symptom::InvertedRanking)
    }
}

impl std::fmt::Display for Symptom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Symptom::NegativeWeights => "negative weights",
            Symptom::ConstantPredictions => "constant predictions",
            Symptom::InvertedRanking => "inverted ranking",
            Symptom::ExplodedWeights => "exploded weights",
            Symptom::WorseThanMean => "ranks worse than the mean",
        })
    }
}

/// Predictions whose standard deviation is below this are called constant.
pub const CONSTANT_PREDICTION_STD: f64 = 1e-4;

/// Weights beyond this, up or down, have exploded: a hundredth more of one classifier's reconstructed
/// probability then moves the log-odds by more than 1, so that the prediction is decided by the errors of the
/// reconstruction.
pub const LARGEST_HEALTHY_WEIGHT: f64 = 100.0;

/// Signs of a bad fit that is not a collapse: exploded weights, and a ranking below that of the plain mean.
///
/// The average precisions are those of the model and of the plain mean on the same instances, where known. A
/// fit is called healthy only if neither this function nor [`symptoms_of_collapse`] finds anything.
///
/// ```
/// use cfe_core::diversity::symptoms_of_bad_fit;
/// use cfe_core::Symptom;
/// let found = symptoms_of_bad_fit(&[2510.0, -1858.0], Some(0.31), Some(0.35));
/// assert_eq!(found, [Symptom::ExplodedWeights, Symptom::WorseThanMean]);
/// assert!(symptoms_of_bad_fit(&[0.2, 0.3], Some(0.4), Some(0.35)).is_empty());
/// ```
pub fn symptoms_of_bad_fit(
    weights: &[f64],
    average_precision: Option<f64>,
    mean_average_precision: Option<f64>,
) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    // States what is allowed, so that NaN is a finding.
    if !weights.iter().all(|weight| weight.abs() <= LARGEST_HEALTHY_WEIGHT) {
        symptoms.push(Symptom::ExplodedWeights);
    }
    if let (Some(model), Some(mean)) = (average_precision, mean_average_precision)
        && !(model >= mean)
    {
        symptoms.push(Symptom::WorseThanMean);
    }
    symptoms
}

/// Looks for collapse: weights that sum below 0, constant predictions, an inverted ranking.
///
/// `weights` are those of the aggregator (m, or none where there is no aggregator), `probabilities` its
/// predictions (n). `roc_auc` and `mean_roc_auc` are those of the model and of the plain mean on the same
/// instances, where known.
///
/// # Errors
/// [`Error::InvalidScore`] for a weight, a probability or an area that is not finite: no comparison with NaN
/// is true, so that a broken model would look healthy. [`Error::NothingToEvaluate`] without a probability.
pub fn symptoms_of_collapse(
    weights: &[f64],
    probabilities: &[f64],
    roc_auc: Option<f64>,
    mean_roc_auc: Option<f64>,
) -> Result<Vec<Symptom>> {
    if probabilities.is_empty() {
        return Err(Error::NothingToEvaluate);
    }
    for list in [weights, probabilities, roc_auc.as_slice(), mean_roc_auc.as_slice()] {
        check_finite(list)?;
    }
    let mut symptoms = Vec::new();
    if weights.iter().sum::<f64>() < 0.0 {
        symptoms.push(Symptom::NegativeWeights);
    }
    if std_dev(probabilities) < CONSTANT_PREDICTION_STD {
        symptoms.push(Symptom::ConstantPredictions);
    }
    // If the plain mean is upside down as well, the classifiers are at fault and not the training.
    if let (Some(model), Some(mean)) = (roc_auc, mean_roc_auc)
        && model < 0.5
        && mean > 0.5
    {
        symptoms.push(Symptom::InvertedRanking);
    }
    Ok(symptoms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dominant_weight_is_one_effective_classifier() {
        let stats = WeightStats::new(&[1.0, 0.0, 0.0]).expect("not empty");
        assert_eq!(stats.effective_classifiers, 1.0);
        assert_eq!(stats.range(), 1.0);
        assert_eq!(WeightStats::new(&[0.0, 0.0]).expect("not empty").effective_classifiers, 0.0);
        assert!(WeightStats::new(&[]).is_none());
    }

    #[test]
    fn each_symptom_is_found_alone() {
        let spread = [0.1, 0.9];
        let diagnose = |weights: &[f64], probabilities: &[f64], model, mean| {
            symptoms_of_collapse(weights, probabilities, model, mean).expect("finite")
        };
        assert_eq!(diagnose(&[0.1, 0.2], &spread, Some(0.9), Some(0.8)), []);
        assert_eq!(diagnose(&[-0.1, -0.2], &spread, Some(0.9), Some(0.8)), [Symptom::NegativeWeights]);
        assert_eq!(diagnose(&[0.1], &[0.3, 0.3], Some(0.5), Some(0.8)), [Symptom::ConstantPredictions]);
        assert_eq!(diagnose(&[0.1], &spread, Some(0.1), Some(0.8)), [Symptom::InvertedRanking]);
        assert_eq!(diagnose(&[0.1], &spread, Some(0.1), Some(0.2)), []);
    }

    #[test]
    fn numbers_that_are_not_finite_are_not_healthy() {
        let spread = [0.1, 0.9];
        for bad in [f64::NAN, f64::INFINITY] {
            assert!(symptoms_of_collapse(&[bad], &spread, None, None).is_err());
            assert!(symptoms_of_collapse(&[0.1], &[0.1, bad], None, None).is_err());
            assert!(symptoms_of_collapse(&[0.1], &spread, Some(bad), Some(0.8)).is_err());
            assert!(symptoms_of_collapse(&[0.1], &spread, Some(0.8), Some(bad)).is_err());
        }
        assert!(matches!(symptoms_of_collapse(&[0.1], &[], None, None), Err(Error::NothingToEvaluate)));
    }

    #[test]
    fn what_is_not_a_collapse_can_still_be_a_bad_fit() {
        assert_eq!(symptoms_of_bad_fit(&[100.0, -100.0], Some(0.5), Some(0.5)), []);
        assert_eq!(symptoms_of_bad_fit(&[f64::NAN], None, Some(0.5)), [Symptom::ExplodedWeights]);
        assert_eq!(symptoms_of_bad_fit(&[-100.5], None, None), [Symptom::ExplodedWeights]);
        assert_eq!(symptoms_of_bad_fit(&[0.1], Some(0.4), Some(0.5)), [Symptom::WorseThanMean]);
        assert!(!Symptom::ExplodedWeights.is_collapse() && !Symptom::WorseThanMean.is_collapse());
        assert!(Symptom::InvertedRanking.is_collapse());
    }
}
