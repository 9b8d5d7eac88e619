//! What a fit returns.

use std::time::Duration;

#[cfg(doc)]
use cfe_core::EnsembleData;
use serde::{Deserialize, Serialize};

use super::family::Family;
use super::model::RecommendedModel;

/// A fitted combiner with what its cross-validation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FittedRecommended {
    /// Predicts.
    pub model: RecommendedModel,
    /// Logits of the labeled instances, in the order of [`EnsembleData::labeled`], each from fits that did
    /// not see its label: what thresholds, calibration and reports are honestly made from. (Columns are
    /// standardized and factorized, and the members weighed, once on all labeled instances: the former
    /// without their labels, the latter by these very logits.) `None` where a class has a single instance, so
    /// that no cross-validation exists.
    pub out_of_fold_logits: Option<Vec<f64>>,
    /// The members of the average, by family, ridge, prior power and shrinkage.
    pub members: Vec<MemberSummary>,
    /// Folds used: those of the spec, or fewer where a class has fewer instances; 0 without cross-validation.
    pub folds: usize,
    /// Whether the model gives every positive it learned from a larger logit than every negative. How steep
    /// the logit is between the classes then comes from the prior (`slope_scale`) and not from the data:
    /// probabilities are to be read with care, ranks are not touched.
    #[serde(default)]
    pub separated: bool,
    /// Where the time went.
    pub timings: RecommendedTimings,
}

/// One member of the average.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberSummary {
    /// What the factorization contributes.
    pub family: Family,
    /// p: the prior direction is evidence^p; 0 is equal weights.
    pub prior_power: f64,
    /// lambda, the pull to the prior direction.
    pub shrinkage: f64,
    /// Ridge on the correction; `None` for the aggregator alone.
    pub ridge: Option<f64>,
    /// (Weighted) mean held-out log loss, in nats.
    pub cv_log_loss: Option<f64>,
    /// Weight in the average; the sum over members is 1.
    pub weight: f64,
    /// Whether the solver met its tolerance.
    pub converged: bool,
    /// Whether it sees what a missing prediction tells, in place of what others say in its place.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_gaps: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Wall-clock time of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecommendedTimings {
    /// Standardizing, factorizing, local features.
    pub features: Duration,
    /// All members, on all instances and on the folds.
    pub members: Duration,
    /// All of the fit.
    pub total: Duration,
}
