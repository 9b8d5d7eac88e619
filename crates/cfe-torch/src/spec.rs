//! What the user asks for, before it is checked.

use cfe_core::{
    ClassWeight, Confidence, ConfidenceStrategy, Costs, Dtype, Error, Objective, OnDivergence, Reduction,
    Resampling, Result, Sampler, SupervisedLoss, WeightSchedule, ensure, is_at_least_zero, is_positive,
};
use serde::{Deserialize, Serialize};

use cfe_core::settings::{check_iterations, check_latent_dim, threads};

use crate::aggregator::AggregatorSpec;
use crate::device::Device;

/// The optimizer of all parameters, with the update rules of PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Optimizer {
    /// Adam (Kingma and Ba, ICLR 2015): beta 0.9 and 0.999, epsilon 1e-8, no weight decay.
    Adam,
    /// AdamW (Loshchilov and Hutter, ICLR 2019).
    #[serde(rename = "adamw")]
    AdamW {
        /// Decoupled weight decay, at least 0.
        weight_decay: f64,
    },
    /// Stochastic gradient descent (full batch here) with momentum.
    Sgd {
        /// 0 to below 1.
        momentum: f64,
    },
}

/// Lowers the learning rate when the loss stops falling, as PyTorch's `ReduceLROnPlateau` in relative mode.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReduceOnPlateau {
    /// New rate = factor x old rate, above 0 and below 1.
    pub factor: f64,
    /// Epochs without improvement that are tolerated.
    pub patience: usize,
    /// Better means loss < best (1 - threshold).
    pub threshold: f64,
}

impl Default for ReduceOnPlateau {
    fn default() -> Self {
        Self { factor: 0.5, patience: 10, threshold: 1e-4 }
    }
}

/// Ends training when the loss stops falling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs in a row without improvement after which training ends, at least 1.
    pub patience: usize,
    /// Better means loss < best - min_delta.
    pub min_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { patience: 20, min_delta: 1e-4 }
    }
}

/// Where the start factors come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StartSource {
    /// The generator of the core, so that ALS with the same seed starts at the same point.
    #[default]
    Shared,
    /// `manual_seed(seed)`, then 0.01 randn(d, m) and 0.01 randn(d, n) in f32 on the CPU: the published
    /// start. Seeds libtorch's global generator.
    Libtorch,
}

/// Tensors of the joint trainer. Unknown keys are refused when it is read from a file.
///
/// | field | default | range |
/// |---|---|---|
/// | `latent_dim` | 15 | 1 to 1000 |
/// | `rho` | 0.5 | 0 to 1, share of the reconstruction |
/// | `lambda` | 0.01 | at least 0, ridge on X and Y |
/// | `reduction` | `mean` | `mean` or `sum`, see [`Reduction`] |
/// | `loss` | BCE | see [`SupervisedLoss`]; reaches X, Y, w and b |
/// | `class_weight` | balanced | see [`ClassWeight`]; reaches X, Y, w and b |
/// | `costs` | 1 each | see [`Costs`]; reach X, Y, w and b |
/// | `weight_schedule` | constant | see [`WeightSchedule`]; all but the curriculum copy the logits to the host each epoch |
/// | `resampling` | none | see [`Resampling`] |
/// | `sampler` | full batch | see [`Sampler`] |
/// | `aggregator` | weighted | see [`AggregatorSpec`] |
/// | `confidence` | certainty | any strategy that does not look at labels |
/// | `optimizer` | Adam | see [`Optimizer`] |
/// | `learning_rate` | 0.01 | positive |
/// | `max_iterations` | 200 | 1 to 10^9; an iteration is an epoch |
/// | `reduce_on_plateau` | halve after 10 | or `null` |
/// | `early_stopping` | after 20 | or `null` |
/// | `restore_best` | true | return the parameters of the lowest loss, not the last ones |
/// | `on_divergence` | error | see [`OnDivergence`] |
/// | `dtype` | f32 | f32, f64 |
/// | `device` | auto | auto, cpu, cuda, cuda:1, ... |
/// | `threads` | 1 | 0 (all cores) to 256; of libtorch in this whole process |
/// | `memory_limit_bytes` | none | refuse to start above this |
/// | `start` | shared | see [`StartSource`] |
/// | `seed` | 0 | seed of the start factors |
///
/// One thread gives the same bits on every machine of a kind; more are faster on large data, and may change
/// the last digits because sums are split differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TorchSpec {
    /// d.
    pub latent_dim: usize,
    /// Share of the reconstruction in the loss.
    pub rho: f64,
    /// Ridge on the factors.
    pub lambda: f64,
    /// Scale of the reconstruction.
    pub reduction: Reduction,
    /// Supervised loss.
    pub loss: SupervisedLoss,
    /// Weights of the classes.
    pub class_weight: ClassWeight,
    /// Costs of the two errors.
    pub costs: Costs,
    /// How the weights of the instances move during training.
    pub weight_schedule: WeightSchedule,
    /// How the labeled instances are balanced before training.
    pub resampling: Resampling,
    /// Labeled instances that an epoch sees.
    pub sampler: Sampler,
    /// The aggregator.
    pub aggregator: AggregatorSpec,
    /// Confidence of the cells.
    pub confidence: Confidence,
    /// Optimizer.
    pub optimizer: Optimizer,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// Iterations at most; an iteration is an epoch, one step on all data. (The name up to version 0.1.0 was
    /// `max_epochs`.)
    #[serde(alias = "max_epochs")]
    pub max_iterations: usize,
    /// Schedule of the learning rate.
    pub reduce_on_plateau: Option<ReduceOnPlateau>,
    /// Early end.
    pub early_stopping: Option<EarlyStopping>,
    /// Return the best parameters instead of the last.
    pub restore_best: bool,
    /// What becomes of a run whose loss diverges.
    pub on_divergence: OnDivergence,
    /// Number format.
    pub dtype: Dtype,
    /// Device.
    pub device: Device,
    /// libtorch's threads within an operation; 0 is all cores.
    pub threads: usize,
    /// Largest memory training may need, as estimated before anything is allocated.
    pub memory_limit_bytes: Option<u64>,
    /// Source of the start factors.
    pub start: StartSource,
    /// Seed of the start factors.
    pub seed: u64,
}

impl Default for TorchSpec {
    fn default() -> Self {
        // The published values, but for the few that `published` sets.
        Self {
            latent_dim: 15,
            rho: 0.5,
            lambda: 0.01,
            reduction: Reduction::Mean,
            loss: SupervisedLoss::Bce,
            class_weight: ClassWeight::Balanced,
            costs: Costs::default(),
            weight_schedule: WeightSchedule::Constant,
            resampling: Resampling::None,
            sampler: Sampler::FullBatch,
            aggregator: AggregatorSpec::default(),
            confidence: Confidence::new(ConfidenceStrategy::Certainty),
            optimizer: Optimizer::Adam,
            learning_rate: 0.01,
            max_iterations: 200,
            reduce_on_plateau: Some(ReduceOnPlateau::default()),
            early_stopping: Some(EarlyStopping::default()),
            restore_best: true,
            on_divergence: OnDivergence::Error,
            dtype: Dtype::F32,
            device: Device::Auto,
            threads: 1,
            memory_limit_bytes: None,
            start: StartSource::Shared,
            seed: 0,
        }
    }
}

impl TorchSpec {
    /// The published configuration: the reconstruction is a sum, the last parameters are returned, and
    /// libtorch draws the start, on the CPU.
    pub fn published() -> Self {
        Self {
            reduction: Reduction::Sum,
            restore_best: false,
            start: StartSource::Libtorch,
            device: Device::Cpu,
            ..Self::default()
        }
    }

    /// The objective in the core's terms.
    pub fn objective(&self) -> Objective {
        Objective {
            rho: self.rho,
            lambda: self.lambda,
            reduction: self.reduction,
            loss: self.loss,
            class_weight: self.class_weight,
            costs: self.costs,
        }
    }

    /// Refuses parameters out of range, and label-aware confidence: here the labels act through the loss
    /// itself.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self) -> Result<()> {
        // Parts check themselves; what is checked below belongs to the trainer alone.
        check_latent_dim(self.latent_dim)?;
        self.objective().validate()?;
        self.weight_schedule.validate()?;
        self.resampling.validate()?;
        self.sampler.validate()?;
        self.aggregator.validate()?;
        self.confidence.validate()?;
        // The labels would act twice: through the weights of the cells and through the loss.
        if self.confidence.label_alpha > 0.0 || self.confidence.strategy == ConfidenceStrategy::LabelAware {
            return Err(Error::parameter(
                "confidence",
                format!("{:?}", self.confidence),
                "joint training takes its supervision from the loss: use a confidence without labels, or ALS",
            ));
        }
        ensure(
            is_positive(self.learning_rate),
            "learning_rate",
            self.learning_rate,
            "positive and finite; 0.01 is usual",
        )?;
        check_iterations("max_iterations", self.max_iterations)?;
        threads(self.threads)?;
        match self.optimizer {
            Optimizer::Adam => {}
            Optimizer::AdamW { weight_decay } => {
                ensure(
                    is_at_least_zero(weight_decay),
                    "weight_decay",
                    weight_decay,
                    "finite and at least 0",
                )?;
            }
            // A momentum of 1 would never lose speed.
            Optimizer::Sgd { momentum } => {
                ensure((0.0..1.0).contains(&momentum), "momentum", momentum, "0 to below 1 is allowed")?;
            }
        }
        // A factor of 1 would never lower the rate, and a threshold of 1 would call every loss better.
        if let Some(plateau) = self.reduce_on_plateau {
            let factor = plateau.factor;
            ensure(factor > 0.0 && factor < 1.0, "reduce_on_plateau.factor", factor, "above 0 and below 1")?;
            let threshold = plateau.threshold;
            ensure(
                (0.0..1.0).contains(&threshold),
                "reduce_on_plateau.threshold",
                threshold,
                "0 to below 1",
            )?;
        }
        if let Some(early) = self.early_stopping {
            ensure(early.patience >= 1, "early_stopping.patience", early.patience, "at least 1 is needed")?;
            ensure(
                is_at_least_zero(early.min_delta),
                "early_stopping.min_delta",
                early.min_delta,
                "finite and at least 0",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cfe_core::AggregatorKind;

    use super::*;

    #[test]
    fn each_range_is_checked_and_nan_is_outside() {
        let base = TorchSpec::default;
        assert!(base().validate().is_ok() && TorchSpec::published().validate().is_ok());
        let broken = [
            TorchSpec { latent_dim: 0, ..base() },
            TorchSpec { rho: 1.1, ..base() },
            TorchSpec { lambda: f64::NAN, ..base() },
            TorchSpec { learning_rate: f64::NAN, ..base() },
            TorchSpec { learning_rate: 0.0, ..base() },
            TorchSpec { max_iterations: 0, ..base() },
            TorchSpec { threads: 257, ..base() },
            TorchSpec { latent_dim: 1001, ..base() },
            TorchSpec { max_iterations: usize::MAX, ..base() },
            TorchSpec { optimizer: Optimizer::Sgd { momentum: 1.0 }, ..base() },
            TorchSpec { optimizer: Optimizer::AdamW { weight_decay: -1.0 }, ..base() },
            TorchSpec { confidence: Confidence::label_blended(1.0), ..base() },
            TorchSpec { costs: Costs { false_positive: -1.0, ..Costs::default() }, ..base() },
            TorchSpec { weight_schedule: WeightSchedule::Uncertainty { epsilon: 0.0 }, ..base() },
            TorchSpec { resampling: Resampling::RandomUnder { ratio: 2.0 }, ..base() },
            TorchSpec { sampler: Sampler::Balanced { batch_size: 1 }, ..base() },
            TorchSpec {
                aggregator: AggregatorSpec { weight_decay: f64::NAN, ..AggregatorSpec::default() },
                ..base()
            },
            TorchSpec {
                aggregator: AggregatorSpec {
                    kind: AggregatorKind::Gated { hidden: 0 },
                    ..AggregatorSpec::default()
                },
                ..base()
            },
            TorchSpec {
                aggregator: AggregatorSpec {
                    kind: AggregatorKind::Mean,
                    center: true,
                    ..AggregatorSpec::default()
                },
                ..base()
            },
            TorchSpec { confidence: Confidence::new(ConfidenceStrategy::LabelAware), ..base() },
            TorchSpec { early_stopping: Some(EarlyStopping { patience: 0, min_delta: 0.0 }), ..base() },
            TorchSpec {
                reduce_on_plateau: Some(ReduceOnPlateau { factor: 1.0, ..ReduceOnPlateau::default() }),
                ..base()
            },
        ];
        for spec in broken {
            assert!(spec.validate().is_err(), "{spec:?}");
        }
    }
}
