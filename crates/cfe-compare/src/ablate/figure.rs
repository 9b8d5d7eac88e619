//! The figures of a cell.

use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::{StopReason, Symptom, WeightStats};
use serde::{Deserialize, Serialize};

/// What is measured in a cell, on instances that training saw without their labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Metrics of the model.
    #[serde(flatten)]
    pub metrics: MetricSummary,
    /// Metrics of the plain mean of the classifiers on the same instances.
    pub mean: MetricSummary,
    /// What the weights look like; `None` for an aggregator that has no weights of its own.
    pub weights: Option<WeightStats>,
    /// Signs of collapse, as [`symptoms_of_collapse`](cf_ensemble::diversity::symptoms_of_collapse) finds them.
    pub symptoms: Vec<Symptom>,
    /// Iterations run.
    pub iterations: usize,
    /// The objective at the end.
    pub final_loss: f64,
    /// Why training ended.
    pub stop: StopReason,
}

impl Figures {
    /// Whether any sign of collapse was found, as in the published comparison.
    pub fn collapsed(&self) -> bool {
        self.symptoms.iter().any(|symptom| symptom.is_collapse())
    }
}

/// Columns of `results.csv` that are neither a factor nor a [`Figure`].
pub(crate) const OTHER_COLUMNS: [&str; 6] =
    ["seed", "mean_average_precision", "weight_sum", "final_loss", "stop", "error"];

/// A figure by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Average precision.
    AveragePrecision,
    /// Average precision minus that of the plain mean.
    ApGain,
    /// Area under the ROC curve.
    RocAuc,
    /// Log loss.
    LogLoss,
    /// Brier score.
    Brier,
    /// Expected calibration error.
    Ece,
    /// Standard deviation of w.
    WeightStd,
    /// max - min of w.
    WeightRange,
    /// Largest weight.
    WeightMax,
    /// std / |mean| of w.
    WeightVariation,
    /// Effective number of classifiers.
    EffectiveClassifiers,
    /// Weights below 0.
    NegativeWeights,
    /// 1 for collapse; a mean is a rate.
    Collapse,
    /// 1 for an inverted ranking, the worst kind of collapse; a mean is a rate.
    Inverted,
    /// Iterations run.
    #[serde(rename = "n_iterations")]
    Iterations,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Figure; 15] = [
        Figure::AveragePrecision,
        Figure::ApGain,
        Figure::RocAuc,
        Figure::LogLoss,
        Figure::Brier,
        Figure::Ece,
        Figure::WeightStd,
        Figure::WeightRange,
        Figure::WeightMax,
        Figure::WeightVariation,
        Figure::EffectiveClassifiers,
        Figure::NegativeWeights,
        Figure::Collapse,
        Figure::Inverted,
        Figure::Iterations,
    ];

    /// Name in grids and files.
    pub fn id(self) -> &'static str {
        match self {
            Figure::AveragePrecision => "average_precision",
            Figure::ApGain => "ap_gain",
            Figure::RocAuc => "roc_auc",
            Figure::LogLoss => "log_loss",
            Figure::Brier => "brier",
            Figure::Ece => "ece",
            Figure::WeightStd => "weight_std",
            Figure::WeightRange => "weight_range",
            Figure::WeightMax => "weight_max",
            Figure::WeightVariation => "weight_variation",
            Figure::EffectiveClassifiers => "effective_classifiers",
            Figure::NegativeWeights => "negative_weights",
            Figure::Collapse => "collapse",
            Figure::Inverted => "inverted",
            Figure::Iterations => "n_iterations",
        }
    }

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Figure::AveragePrecision => "average precision",
            Figure::ApGain => "AP minus the plain mean's",
            Figure::RocAuc => "ROC-AUC",
            Figure::LogLoss => "log loss",
            Figure::Brier => "Brier score",
            Figure::Ece => "ECE",
            Figure::WeightStd => "weight std",
            Figure::WeightRange => "weight range",
            Figure::WeightMax => "largest weight",
            Figure::WeightVariation => "weight std / |mean|",
            Figure::EffectiveClassifiers => "effective classifiers",
            Figure::NegativeWeights => "negative weights",
            Figure::Collapse => "collapse rate",
            Figure::Inverted => "rate of inverted rankings",
            Figure::Iterations => "iterations",
        }
    }

    /// The value in a cell; `None` where it is not defined.
    pub fn of(self, figures: &Figures) -> Option<f64> {
        // A figure that is not defined, as of weights that an aggregator lacks, has no value and not 0.
        Some(match self {
            Figure::AveragePrecision => figures.metrics.average_precision?,
            Figure::ApGain => figures.metrics.average_precision? - figures.mean.average_precision?,
            Figure::RocAuc => figures.metrics.roc_auc?,
            Figure::LogLoss => figures.metrics.log_loss?,
            Figure::Brier => figures.metrics.brier?,
            Figure::Ece => figures.metrics.ece?,
            Figure::WeightStd => figures.weights?.std,
            Figure::WeightRange => figures.weights?.range(),
            Figure::WeightMax => figures.weights?.max,
            Figure::WeightVariation => figures.weights?.coefficient_of_variation?,
            Figure::EffectiveClassifiers => figures.weights?.effective_classifiers,
            Figure::NegativeWeights => figures.weights?.n_negative as f64,
            Figure::Collapse => f64::from(u8::from(figures.collapsed())),
            Figure::Inverted => f64::from(u8::from(figures.symptoms.contains(&Symptom::InvertedRanking))),
            Figure::Iterations => figures.iterations as f64,
        })
    }

    /// Whether it is above 0 by its nature, so that ratios have a meaning.
    pub fn is_positive(self) -> bool {
        matches!(
            self,
            Figure::WeightStd | Figure::WeightRange | Figure::WeightVariation | Figure::EffectiveClassifiers
        )
    }
}
