//! From the reconstructed probabilities of one instance to a single logit.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::data::EnsembleData;
use crate::error::{Error, Result, ensure};
use crate::factors::{combine, logits, reconstruct_instance};
use crate::gate::Gate;
use crate::losses::{logit, sigmoid};
use crate::stats::moments::dot;

/// [`Aggregator::Mean`] moves the mean of r_hat this far inside (0, 1) before it takes the logit.
pub const MEAN_LOGIT_CLIP: f64 = 1e-12;

/// Which aggregator a trainer is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AggregatorKind {
    /// [`Aggregator::Mean`]: nothing to find.
    Mean,
    /// [`Aggregator::Weighted`].
    #[default]
    Weighted,
    /// [`Aggregator::Gated`]: weights that depend on the instance; joint training only.
    Gated {
        /// h, units of the gate's hidden layer, 1 to 1000; a few are enough.
        hidden: usize,
    },
}

impl AggregatorKind {
    /// Refuses a gate without units, or with more than 1000.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(self) -> Result<()> {
        match self {
            AggregatorKind::Gated { hidden } => ensure(
                (1..=1000).contains(&hidden),
                "aggregator.kind.gated.hidden",
                hidden,
                "1 to 1000 units; 8 is usual",
            ),
            _ => Ok(()),
        }
    }
}

/// The bias that training starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BiasStart {
    /// That of the start, 0 unless given.
    #[default]
    Start,
    /// The log-odds of the prevalence among the labeled (Lin et al., ICCV 2017, section 3.3), each class
    /// counted half an instance more, so that one class alone has finite odds.
    PriorLogOdds,
}

impl BiasStart {
    /// The bias to start from, where that of the start is `given`.
    ///
    /// ```
    /// use cfe_core::{BiasStart, EnsembleData};
    /// let labels = vec![Some(true), Some(false), Some(false), None];
    /// let data = EnsembleData::new(ndarray::Array2::from_elem((1, 4), 0.5), labels)?;
    /// assert_eq!(BiasStart::PriorLogOdds.bias(&data, 0.0), (1.5f64 / 2.5).ln());
    /// assert_eq!(BiasStart::Start.bias(&data, 0.0), 0.0);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    pub fn bias(self, data: &EnsembleData, given: f64) -> f64 {
        self.of_counts(data.class_totals(), given)
    }

    /// The same from the number of labeled instances of each class, (negatives, positives), or with sample
    /// weights from what they weigh.
    pub fn of_counts(self, (negatives, positives): (f64, f64), given: f64) -> f64 {
        match self {
            BiasStart::Start => given,
            BiasStart::PriorLogOdds => ((positives + 0.5) / (negatives + 0.5)).ln(),
        }
    }
}

/// Combines the m reconstructed probabilities r_hat of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregator {
    /// The plain mean of r_hat, taken as a probability.
    Mean,
    /// sigma(w . r_hat + b).
    Weighted {
        /// w, one weight for each classifier (m).
        weights: Vec<f64>,
        /// b.
        bias: f64,
    },
    /// sigma(m sum_u w_u g_u r_hat_u + b), g the softmax weights of a [`Gate`] that looks at r_hat: which
    /// classifier counts depends on the instance.
    Gated {
        /// w (m).
        weights: Vec<f64>,
        /// b.
        bias: f64,
        /// g as a function of r_hat.
        gate: Gate,
    },
}

impl Aggregator {
    /// The start of both trainers: w = 1/m, b = 0.
    pub fn equal_weights(m: usize) -> Self {
        Aggregator::Weighted { weights: vec![1.0 / m as f64; m], bias: 0.0 }
    }

    /// Logit of an instance with reconstruction `r_hat` (m).
    ///
    /// ```
    /// use cfe_core::Aggregator;
    /// let a = Aggregator::Weighted { weights: vec![2.0, 1.0], bias: -1.0 };
    /// assert_eq!(a.logit(&[0.5, 0.25]), 0.25);
    /// ```
    pub fn logit(&self, r_hat: &[f64]) -> f64 {
        match self {
            Aggregator::Mean => logit(r_hat.iter().sum::<f64>() / r_hat.len() as f64, MEAN_LOGIT_CLIP),
            Aggregator::Weighted { weights, bias } => dot(weights, r_hat) + bias,
            Aggregator::Gated { weights, bias, gate } => {
                let gated = gate.weights(r_hat);
                let sum: f64 = weights.iter().zip(&gated).zip(r_hat).map(|((w, g), r)| w * g * r).sum();
                // A gate without a preference gives 1/m to each. The factor m makes w count as without a
                // gate.
                r_hat.len() as f64 * sum + bias
            }
        }
    }

    /// Logits (k) of instances with factors `instances` (d x k) under `classifiers` X (d x m). Costs 2 d (m +
    /// k) flops for weights that are the same for all instances, else 2 d m k and what the gate costs.
    pub fn logits(&self, classifiers: ArrayView2<'_, f64>, instances: ArrayView2<'_, f64>) -> Vec<f64> {
        if let Aggregator::Weighted { weights, bias } = self {
            // w . (X^T y) is (X w) . y, and X w is the same for every instance.
            return logits(&combine(classifiers, weights), *bias, instances);
        }
        // Neither a gate nor the logit of the mean is linear in y, so each instance is reconstructed whole.
        let mut r_hat = vec![0.0; classifiers.ncols()];
        let logit_of = |y: Vec<f64>| {
            reconstruct_instance(classifiers, &y, &mut r_hat);
            self.logit(&r_hat)
        };
        instances.columns().into_iter().map(|y| y.to_vec()).map(logit_of).collect()
    }

    /// Probability of an instance with reconstruction `r_hat` (m).
    pub fn probability(&self, r_hat: &[f64]) -> f64 {
        sigmoid(self.logit(r_hat))
    }

    /// (w, b), before a gate; `None` for the mean, which is w = 1/m, b = 0 on the probability scale.
    pub fn weights(&self) -> Option<(&[f64], f64)> {
        match self {
            Aggregator::Mean => None,
            Aggregator::Weighted { weights, bias } | Aggregator::Gated { weights, bias, .. } => {
                Some((weights, *bias))
            }
        }
    }

    /// Refuses a wrong number of weights and numbers that are not finite.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidParameter`], and [`Error::ShapeMismatch`] for a gate.
    pub fn validate(&self, m: usize) -> Result<()> {
        if let Some((weights, bias)) = self.weights() {
            if weights.len() != m {
                return Err(Error::LengthMismatch {
                    what: "aggregator weights",
                    found: weights.len(),
                    expected: m,
                });
            }
            for &w in weights.iter().chain([&bias]) {
                ensure(w.is_finite(), "aggregator", w, "weights and bias are finite")?;
            }
        }
        match self {
            Aggregator::Gated { gate, .. } => gate.validate(m),
            _ => Ok(()),
        }
    }
}
