//! What the user asks for, before it is checked.

use cfe_core::settings::{check_iterations, check_latent_dim};
use cfe_core::{
    AggregatorKind, BiasStart, ClassWeight, Confidence, ConfidenceStrategy, Costs, Dtype, Error, Objective,
    OnDivergence, Reduction, Resampling, Result, SupervisedLoss, WeightSchedule, ensure, is_at_least_zero,
    is_positive,
};
use serde::{Deserialize, Serialize};

/// What ALS minimizes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AlsObjective {
    /// As published: X and Y minimize the reconstruction alone, and see the labels through the confidence.
    LabelAware {
        /// Share of the reconstruction in the *monitored* loss `rho (sum C (R - X^T Y)^2 + lambda (|X|^2 +
        /// |Y|^2)) + (1 - rho) mean BCE`, 0 to 1. Tolerance and history refer to it; it changes no update, as
        /// the alternating steps have no place for it. (The published program calls it rho.)
        monitor_rho: f64,
    },
    /// The combined loss that the joint trainer minimizes, by block updates that never raise it
    /// (`docs/exact-als.md`).
    Exact {
        /// Share of the reconstruction, above 0 (without it X and Y are not determined) and at most 1.
        rho: f64,
        /// Scale of the reconstruction.
        reduction: Reduction,
        /// Whether sweeps are accelerated (Anderson 1965); the loss never rises either way.
        /// While class weights move by a schedule they are not.
        #[serde(default = "yes")]
        accelerate: bool,
    },
}

fn yes() -> bool {
    true
}

impl Default for AlsObjective {
    fn default() -> Self {
        AlsObjective::LabelAware { monitor_rho: 0.5 }
    }
}

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
    /// Newton's method (IRLS) to convergence: the optimum for the present X and Y. Focal loss by lagged
    /// weights.
    Newton,
    /// The least-squares fit that minimizes the quadratic bound at the present point: one closed-form step
    /// that never raises the loss. Focal loss by lagged weights.
    Bound,
}

impl Default for AggregatorSolver {
    fn default() -> Self {
        AggregatorSolver::GradientStep { learning_rate: 0.01 }
    }
}

/// The aggregator's part of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AggregatorSpec {
    /// `weighted`, or `mean` of the label-aware objective: w and b are then left alone, and the model
    /// averages r_hat.
    pub kind: AggregatorKind,
    /// How w and b are found.
    pub solver: AggregatorSolver,
    /// lambda_w of the penalty (lambda_w / 2) sum_u (w_u - t)^2 towards equal weights, at least 0. t is the
    /// best weight common to all classifiers, for the present X and Y.
    pub ridge: f64,
    /// lambda_d of the penalty (lambda_d / 2) |w|^2 towards 0, at least 0: plain weight decay, which makes
    /// the logits smaller as well as the weights more equal. `ridge` leaves their common length free.
    pub weight_decay: f64,
    /// Whether w and b work on r_hat - mu, mu the mean of r_hat over the labeled instances: b then does
    /// nothing that the weights could do. The model's bias is b - w . mu, so that it predicts from r_hat as
    /// ever. Newton and the bound have the same optimum either way; the exact objective centers the gradient
    /// step alone.
    pub center: bool,
    /// Whether w >= 0 is required.
    pub non_negative: bool,
    /// Bias at the start.
    pub bias_start: BiasStart,
    /// Iterations at the start that leave w and b alone.
    pub freeze_iterations: usize,
}

/// Parameters of ALS. Unknown keys are refused when it is read from a file.
///
/// | field | default | range |
/// |---|---|---|
/// | `latent_dim` | 15 | 1 to 1000; below m, the factors denoise, from m on they copy |
/// | `lambda` | 0.01 | at least 0, ridge on X and Y |
/// | `objective` | label-aware, as published | see [`AlsObjective`] |
/// | `max_iterations` | 100 | 1 to 10^9 |
/// | `tolerance` | 1e-4 | at least 0; 0 never stops early |
/// | `confidence` | certainty blended with labels, alpha 1 | see [`Confidence`] |
/// | `class_weight` | balanced | see [`ClassWeight`]; acts on w and b, in the exact objective also on X and Y |
/// | `costs` | 1 each | see [`Costs`]; act where the class weights act |
/// | `weight_schedule` | constant | see [`WeightSchedule`]; acts where the class weights act |
/// | `resampling` | none | see [`Resampling`] |
/// | `loss` | BCE | see [`SupervisedLoss`]; acts where the class weights act |
/// | `aggregator` | gradient step of 0.01 | see [`AggregatorSpec`] |
/// | `dtype` | f64 | f64, f32: the sweeps of the label-aware objective in half the memory and about 1.7 times as fast; loss, w and b stay in f64 |
/// | `on_divergence` | error | see [`OnDivergence`] |
/// | `seed` | 0 | seed of the start factors |
///
/// ```
/// use cfe_als::{AggregatorSolver, AggregatorSpec, AlsSpec};
///
/// // Three factors, and w and b in closed form; everything else as published.
/// let spec = AlsSpec {
///     latent_dim: 3,
///     aggregator: AggregatorSpec { solver: AggregatorSolver::Bound, ..AggregatorSpec::default() },
///     ..AlsSpec::published()
/// };
/// assert!(spec.validate().is_ok());
/// // From a file, with the defaults for what is left out.
/// let spec: AlsSpec = serde_json::from_str(r#"{ "latent_dim": 3, "lambda": 0.1 }"#)?;
/// assert_eq!((spec.latent_dim, spec.max_iterations), (3, 100));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlsSpec {
    /// d.
    pub latent_dim: usize,
    /// Ridge on the factors.
    pub lambda: f64,
    /// What is minimized.
    pub objective: AlsObjective,
    /// Iterations at most.
    pub max_iterations: usize,
    /// Stop when the loss changes by less than this from one iteration to the next.
    pub tolerance: f64,
    /// Confidence of the cells.
    pub confidence: Confidence,
    /// Class weights.
    pub class_weight: ClassWeight,
    /// Costs of the two errors.
    pub costs: Costs,
    /// How the weights of the instances move during training.
    pub weight_schedule: WeightSchedule,
    /// How the labeled instances are balanced before training.
    pub resampling: Resampling,
    /// Supervised loss.
    pub loss: SupervisedLoss,
    /// The aggregator.
    pub aggregator: AggregatorSpec,
    /// Number format of the sweeps.
    pub dtype: Dtype,
    /// What becomes of a run whose loss diverges.
    pub on_divergence: OnDivergence,
    /// Seed of the start factors.
    pub seed: u64,
}

impl Default for AlsSpec {
    /// The published configuration.
    fn default() -> Self {
        // The published program's values. docs/techniques.md has what each alternative does.
        Self {
            latent_dim: 15,
            lambda: 0.01,
            objective: AlsObjective::default(),
            max_iterations: 100,
            tolerance: 1e-4,
            confidence: Confidence::label_blended(1.0),
            class_weight: ClassWeight::Balanced,
            costs: Costs::default(),
            weight_schedule: WeightSchedule::Constant,
            resampling: Resampling::None,
            loss: SupervisedLoss::Bce,
            aggregator: AggregatorSpec::default(),
            dtype: Dtype::F64,
            on_divergence: OnDivergence::Error,
            seed: 0,
        }
    }
}

impl AlsSpec {
    /// The published configuration, which is the default.
    pub fn published() -> Self {
        Self::default()
    }

    /// The exact objective of the joint trainer: confidence without labels, closed-form updates of w and b.
    ///
    /// The reconstruction is a sum, as published. As a mean it weighs so little that Y learns the labels of
    /// the labeled instances by heart, and the ranking of the others is lost long before the loss has found
    /// its minimum (`docs/exact-als.md`).
    pub fn exact() -> Self {
        Self {
            objective: AlsObjective::Exact { rho: 0.5, reduction: Reduction::Sum, accelerate: true },
            max_iterations: 500,
            tolerance: 1e-9,
            confidence: Confidence::new(ConfidenceStrategy::Certainty),
            aggregator: AggregatorSpec { solver: AggregatorSolver::Bound, ..AggregatorSpec::default() },
            ..Self::default()
        }
    }

    /// The objective in the core's terms: what w and b are trained for, and X and Y too if it is exact.
    pub fn combined_objective(&self) -> Objective {
        let (rho, reduction) = match self.objective {
            AlsObjective::LabelAware { monitor_rho } => (monitor_rho, Reduction::Sum),
            AlsObjective::Exact { rho, reduction, .. } => (rho, reduction),
        };
        let Self { lambda, loss, class_weight, costs, .. } = *self;
        Objective { rho, lambda, reduction, loss, class_weight, costs }
    }

    /// Whether the sweeps are accelerated. While the weights move by a schedule there is no one loss that
    /// could be kept from rising.
    pub(crate) fn accelerates(&self) -> bool {
        matches!(self.objective, AlsObjective::Exact { accelerate: true, .. })
            && self.weight_schedule == WeightSchedule::Constant
    }

    /// Refuses parameters out of range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self) -> Result<()> {
        check_latent_dim(self.latent_dim)?;
        check_iterations("max_iterations", self.max_iterations)?;
        ensure(
            is_at_least_zero(self.tolerance),
            "tolerance",
            self.tolerance,
            "finite and at least 0; 0 never stops early",
        )?;
        // Weights, costs, lambda and loss are checked by the objective that they are part of.
        self.combined_objective().validate()?;
        if let AlsObjective::Exact { rho, .. } = self.objective {
            ensure(rho > 0.0, "rho", rho, "above 0: without the reconstruction X and Y are not determined")?;
        }
        if self.dtype == Dtype::F32 {
            ensure(
                matches!(self.objective, AlsObjective::LabelAware { .. }),
                "dtype",
                self.dtype,
                "the exact objective is minimized in f64: its loss must not rise by rounding",
            )?;
        }
        // What follows are settings of single parts, each of which knows its own range.
        self.confidence.validate()?;
        self.weight_schedule.validate()?;
        self.resampling.validate()?;
        let AggregatorSpec { kind, solver, ridge, weight_decay, .. } = self.aggregator;
        // The mean has no w and b to train, which the exact objective would have to.
        let exact = matches!(self.objective, AlsObjective::Exact { .. });
        match kind {
            AggregatorKind::Weighted => {}
            AggregatorKind::Mean if !exact => {}
            other => {
                const ALLOWED: &str =
                    "ALS has weighted, and mean with the label-aware objective; use joint training";
                return Err(Error::parameter("aggregator.kind", format!("{other:?}"), ALLOWED));
            }
        }
        for (name, value) in [("aggregator.ridge", ridge), ("aggregator.weight_decay", weight_decay)] {
            ensure(is_at_least_zero(value), name, value, "finite and at least 0")?;
        }
        if let AggregatorSolver::GradientStep { learning_rate } = solver {
            ensure(
                is_positive(learning_rate),
                "learning_rate",
                learning_rate,
                "positive and finite; 0.01 is usual",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_is_checked_and_nan_is_outside() {
        let with = |solver| AggregatorSpec { solver, ..AggregatorSpec::default() };
        let broken = [
            AlsSpec { latent_dim: 0, ..AlsSpec::default() },
            AlsSpec { lambda: -1.0, ..AlsSpec::default() },
            AlsSpec { lambda: f64::NAN, ..AlsSpec::default() },
            AlsSpec { max_iterations: 0, ..AlsSpec::default() },
            AlsSpec { max_iterations: usize::MAX, ..AlsSpec::default() },
            AlsSpec { latent_dim: 1001, ..AlsSpec::default() },
            AlsSpec { tolerance: f64::NAN, ..AlsSpec::default() },
            AlsSpec { confidence: Confidence::label_blended(-1.0), ..AlsSpec::default() },
            AlsSpec { loss: SupervisedLoss::Focal { gamma: -1.0 }, ..AlsSpec::default() },
            AlsSpec {
                aggregator: with(AggregatorSolver::GradientStep { learning_rate: 0.0 }),
                ..AlsSpec::default()
            },
            AlsSpec {
                aggregator: AggregatorSpec { ridge: f64::NAN, ..Default::default() },
                ..AlsSpec::default()
            },
            AlsSpec {
                aggregator: AggregatorSpec { weight_decay: -1.0, ..Default::default() },
                ..AlsSpec::default()
            },
            AlsSpec {
                aggregator: AggregatorSpec { kind: AggregatorKind::Mean, ..Default::default() },
                ..AlsSpec::exact()
            },
            AlsSpec {
                aggregator: AggregatorSpec {
                    kind: AggregatorKind::Gated { hidden: 4 },
                    ..Default::default()
                },
                ..AlsSpec::default()
            },
            AlsSpec { costs: Costs { false_negative: 0.0, ..Costs::default() }, ..AlsSpec::default() },
            AlsSpec { weight_schedule: WeightSchedule::Recall { epsilon: 0.0 }, ..AlsSpec::default() },
            AlsSpec { resampling: Resampling::RandomOver { ratio: 0.0 }, ..AlsSpec::default() },
            AlsSpec { loss: SupervisedLoss::LabelSmoothing { epsilon: 1.0 }, ..AlsSpec::default() },
            AlsSpec { objective: AlsObjective::LabelAware { monitor_rho: 1.5 }, ..AlsSpec::default() },
            AlsSpec {
                objective: AlsObjective::Exact { rho: 0.0, reduction: Reduction::Sum, accelerate: false },
                ..AlsSpec::default()
            },
        ];
        assert!(AlsSpec::default().validate().is_ok() && AlsSpec::exact().validate().is_ok());
        for spec in broken {
            assert!(spec.validate().is_err(), "{spec:?}");
        }
    }
}
