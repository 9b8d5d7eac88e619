//! From the reconstructed probabilities of one instance to a single logit.

use serde::{Deserialize, Serialize};

use crate::error::{Result, ensure};
use crate::losses::{logit, sigmoid};

/// Probabilities are moved this far inside (0, 1) before a logit is taken of them.
const LOGIT_CLIP: f64 = 1e-12;

/// Combines the m reconstructed probabilities r_hat of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
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
            Aggregator::Mean => logit(r_hat.iter().sum::<f64>() / r_hat.len() as f64, LOGIT_CLIP),
            Aggregator::Weighted { weights, bias } => dot(weights, r_hat) + bias,
        }
    }

    /// Probability of an instance with reconstruction `r_hat` (m).
    pub fn probability(&self, r_hat: &[f64]) -> f64 {
        sigmoid(self.logit(r_hat))
    }

    /// (w, b); the mean is w = 1/m, b = 0 on the probability scale.
    pub fn weights(&self) -> Option<(&[f64], f64)> {
        match self {
            Aggregator::Mean => None,
            Aggregator::Weighted { weights, bias } => Some((weights, *bias)),
        }
    }

    /// Refuses a wrong number of weights and numbers that are not finite.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`](crate::Error::LengthMismatch), [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn validate(&self, m: usize) -> Result<()> {
        if let Aggregator::Weighted { weights, bias } = self {
            if weights.len() != m {
                return Err(crate::Error::LengthMismatch {
                    what: "aggregator weights",
                    found: weights.len(),
                    expected: m,
                });
            }
            for &w in weights.iter().chain([bias]) {
                ensure(w.is_finite(), "aggregator", w, "weights and bias are finite")?;
            }
        }
        Ok(())
    }
}

/// Sum of products, in index order.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
