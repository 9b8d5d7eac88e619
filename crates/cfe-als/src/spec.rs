//! What the user asks for, before it is checked.

use cfe_core::{ClassWeight, Confidence, Result, SupervisedLoss, ensure};
use serde::{Deserialize, Serialize};

/// How w and b are found in an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AggregatorSolver {
    /// One gradient step, as published.
    GradientStep {
        /// Step length, positive; 0.01 is the published one.
        learning_rate: f64,
    },
}

impl Default for AggregatorSolver {
    fn default() -> Self {
        AggregatorSolver::GradientStep { learning_rate: 0.01 }
    }
}

/// Parameters of ALS. Unknown keys are refused when it is read from a file.
///
/// | field | default | range |
/// |---|---|---|
/// | `latent_dim` | 15 | at least 1; below m, the factors denoise, from m on they copy |
/// | `lambda` | 0.01 | at least 0, ridge on X and Y |
/// | `max_iterations` | 100 | at least 1 |
/// | `tolerance` | 1e-4 | at least 0; 0 never stops early |
/// | `confidence` | certainty blended with labels, alpha 1 | see [`Confidence`] |
/// | `class_weight` | balanced | see [`ClassWeight`]; acts on w and b |
/// | `loss` | BCE | see [`SupervisedLoss`]; acts on w and b |
/// | `aggregator` | gradient step of 0.01 | see [`AggregatorSolver`] |
/// | `freeze_aggregator_iterations` | 0 | iterations at the start that leave w and b alone |
/// | `monitor_rho` | 0.5 | 0 to 1 |
/// | `seed` | 0 | seed of the start factors |
///
/// `monitor_rho` is the share of the reconstruction in the *monitored* loss, `rho (sum C (R - X^T Y)^2 + lambda (|X|^2 +
/// |Y|^2)) + (1 - rho) mean BCE`, which the tolerance and the history refer to. It changes no update: the alternating
/// steps have no place for it. (The published program calls it rho.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlsSpec {
    /// d.
    pub latent_dim: usize,
    /// Ridge on the factors.
    pub lambda: f64,
    /// Iterations at most.
    pub max_iterations: usize,
    /// Stop when the monitored loss changes by less than this from one iteration to the next.
    pub tolerance: f64,
    /// Confidence of the cells; carries the supervision of X and Y.
    pub confidence: Confidence,
    /// Class weights of the aggregator's loss.
    pub class_weight: ClassWeight,
    /// The aggregator's loss.
    pub loss: SupervisedLoss,
    /// How w and b are found.
    pub aggregator: AggregatorSolver,
    /// Iterations before w and b move.
    pub freeze_aggregator_iterations: usize,
    /// Share of the reconstruction in the monitored loss.
    pub monitor_rho: f64,
    /// Seed of the start factors.
    pub seed: u64,
}

impl Default for AlsSpec {
    /// The published configuration.
    fn default() -> Self {
        Self {
            latent_dim: 15,
            lambda: 0.01,
            max_iterations: 100,
            tolerance: 1e-4,
            confidence: Confidence::label_blended(1.0),
            class_weight: ClassWeight::Balanced,
            loss: SupervisedLoss::Bce,
            aggregator: AggregatorSolver::default(),
            freeze_aggregator_iterations: 0,
            monitor_rho: 0.5,
            seed: 0,
        }
    }
}

impl AlsSpec {
    /// Refuses parameters out of range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](cfe_core::Error::InvalidParameter).
    pub fn validate(&self) -> Result<()> {
        ensure(self.latent_dim >= 1, "latent_dim", self.latent_dim, "at least 1 is needed")?;
        ensure(
            self.lambda >= 0.0 && self.lambda.is_finite(),
            "lambda",
            self.lambda,
            "the ridge is finite and at least 0",
        )?;
        ensure(self.max_iterations >= 1, "max_iterations", self.max_iterations, "at least 1 is needed")?;
        ensure(
            self.tolerance >= 0.0 && self.tolerance.is_finite(),
            "tolerance",
            self.tolerance,
            "finite and at least 0; 0 never stops early",
        )?;
        self.confidence.validate()?;
        self.class_weight.validate()?;
        self.loss.validate()?;
        let AggregatorSolver::GradientStep { learning_rate } = self.aggregator;
        ensure(
            learning_rate > 0.0 && learning_rate.is_finite(),
            "learning_rate",
            learning_rate,
            "positive and finite; 0.01 is usual",
        )?;
        ensure((0.0..=1.0).contains(&self.monitor_rho), "monitor_rho", self.monitor_rho, "0 to 1 is allowed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_is_checked_and_nan_is_outside() {
        let broken = [
            AlsSpec { latent_dim: 0, ..AlsSpec::default() },
            AlsSpec { lambda: -1.0, ..AlsSpec::default() },
            AlsSpec { lambda: f64::NAN, ..AlsSpec::default() },
            AlsSpec { max_iterations: 0, ..AlsSpec::default() },
            AlsSpec { tolerance: f64::NAN, ..AlsSpec::default() },
            AlsSpec { confidence: Confidence::label_blended(-1.0), ..AlsSpec::default() },
            AlsSpec { loss: SupervisedLoss::Focal { gamma: -1.0 }, ..AlsSpec::default() },
            AlsSpec {
                aggregator: AggregatorSolver::GradientStep { learning_rate: 0.0 },
                ..AlsSpec::default()
            },
            AlsSpec { monitor_rho: 1.5, ..AlsSpec::default() },
        ];
        assert!(AlsSpec::default().validate().is_ok());
        for spec in broken {
            assert!(spec.validate().is_err(), "{spec:?}");
        }
    }
}
