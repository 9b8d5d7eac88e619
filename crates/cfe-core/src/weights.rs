//! Weights of the labeled instances in the supervised loss.

use serde::{Deserialize, Serialize};

use crate::data::EnsembleData;
use crate::error::{Error, Result, ensure};

/// How the two classes are weighted against each other.
///
/// | variant | weight of an instance of class k, N labeled, N_k of its class |
/// |---|---|
/// | `Uniform` | 1 |
/// | `Balanced` | N / (2 N_k), inverse class frequency as scikit-learn's `class_weight="balanced"` (King and Zeng, 2001) |
/// | `Given` | the number given for its class |
///
/// With one class only, `Balanced` is 1 for every instance: there is nothing to balance.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClassWeight {
    /// Each instance counts the same.
    Uniform,
    /// Each class counts the same.
    #[default]
    Balanced,
    /// Weights of the user's own.
    Given {
        /// Weight of a negative instance, positive and finite.
        negative: f64,
        /// Weight of a positive instance, positive and finite.
        positive: f64,
    },
}

impl ClassWeight {
    /// Refuses weights that are not positive and finite.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(self) -> Result<()> {
        if let ClassWeight::Given { negative, positive } = self {
            const ALLOWED: &str = "class weights are positive and finite";
            ensure(negative > 0.0 && negative.is_finite(), "class_weight.negative", negative, ALLOWED)?;
            ensure(positive > 0.0 && positive.is_finite(), "class_weight.positive", positive, ALLOWED)?;
        }
        Ok(())
    }

    /// (weight of a negative, weight of a positive) for the given counts.
    ///
    /// ```
    /// use cfe_core::ClassWeight;
    /// // 90 negatives, 10 positives: 100 / 180 and 100 / 20.
    /// assert_eq!(ClassWeight::Balanced.per_class(90, 10), (100.0 / 180.0, 5.0));
    /// assert_eq!(ClassWeight::Balanced.per_class(7, 0), (1.0, 1.0));
    /// ```
    pub fn per_class(self, negatives: usize, positives: usize) -> (f64, f64) {
        match self {
            ClassWeight::Uniform => (1.0, 1.0),
            ClassWeight::Balanced if negatives == 0 || positives == 0 => (1.0, 1.0),
            ClassWeight::Balanced => {
                let n = (negatives + positives) as f64;
                (n / (2.0 * negatives as f64), n / (2.0 * positives as f64))
            }
            ClassWeight::Given { negative, positive } => (negative, positive),
        }
    }

    /// By how much these weights move the optimal logit: log(weight of positives / weight of negatives).
    ///
    /// Subtracting it from a logit undoes the weighting (prior correction; Elkan, 2001; King and Zeng, 2001).
    pub fn logit_shift(self, negatives: usize, positives: usize) -> f64 {
        let (negative, positive) = self.per_class(negatives, positives);
        (positive / negative).ln()
    }
}

/// Weight of each labeled instance, class weight times sample weight, in the order of [`EnsembleData::labeled`].
///
/// Class weights alone sum to the number of labeled instances. The losses divide by the sum of the weights, so a
/// common factor changes nothing.
///
/// # Errors
/// [`Error::InvalidParameter`] for class weights out of range, [`Error::AllWeightsZero`] if nothing is left to learn from.
pub fn instance_weights(data: &EnsembleData, class_weight: ClassWeight) -> Result<Vec<f64>> {
    class_weight.validate()?;
    let (negatives, positives) = data.class_counts();
    let (negative, positive) = class_weight.per_class(negatives, positives);
    let weights: Vec<f64> = data
        .labeled()
        .iter()
        .map(|&i| {
            let of_class = if data.labels()[i] == Some(true) { positive } else { negative };
            of_class * data.sample_weights().map_or(1.0, |w| w[i])
        })
        .collect();
    if !weights.is_empty() && weights.iter().all(|&w| w == 0.0) {
        return Err(Error::AllWeightsZero { what: "the weights of the labeled instances" });
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn balanced_weights_sum_to_n() {
        let labels: Vec<_> = (0..40).map(|i| (i % 4 != 3).then_some(i % 10 == 0)).collect();
        let data = EnsembleData::new(Array2::from_elem((1, 40), 0.5), labels).expect("valid");
        let weights = instance_weights(&data, ClassWeight::Balanced).expect("valid");
        let sum: f64 = weights.iter().sum();
        assert!((sum - data.labeled().len() as f64).abs() < 1e-12);
    }

    #[test]
    fn nan_and_zero_class_weights_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(ClassWeight::Given { negative: bad, positive: 1.0 }.validate().is_err());
            assert!(ClassWeight::Given { negative: 1.0, positive: bad }.validate().is_err());
        }
    }

    #[test]
    fn sample_weights_of_zero_everywhere_are_an_error() {
        let data = EnsembleData::new(Array2::from_elem((1, 2), 0.5), vec![Some(true), None])
            .and_then(|d| d.with_sample_weights(vec![0.0, 1.0]))
            .expect("valid");
        assert!(matches!(instance_weights(&data, ClassWeight::Uniform), Err(Error::AllWeightsZero { .. })));
    }
}
