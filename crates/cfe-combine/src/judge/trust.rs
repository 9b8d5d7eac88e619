//! Whom a combiner listens to.

use cfe_core::validation::Interval;
use serde::Serialize;

use super::redundancy::Redundancy;
use crate::recommended::LearningCurve;
use crate::saved::provenance::{LEARNING_CURVE, LEFT_OUT, REDUNDANCY};
use crate::saved::{Combiner, SavedModel};

/// What one classifier contributes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trust {
    /// Name of the classifier.
    pub name: String,
    /// Its weight; negative where the combiner takes it as evidence against.
    pub weight: f64,
    /// |weight| in proportion to the sum of all.
    pub share: f64,
    /// Cross-validated average precision that is lost without it, see
    /// [`Recommended::leave_one_out`](crate::recommended::Recommended::leave_one_out); of the trainer `recommended` alone.
    pub average_precision_lost: Option<Interval>,
    /// The classifier most like it, by correlation of log-odds.
    pub redundancy: Option<Redundancy>,
}

/// Weights of a combiner, the largest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TrustReport {
    /// What a weight multiplies.
    pub unit: &'static str,
    /// One entry for each classifier.
    pub classifiers: Vec<Trust>,
    /// Share of the variance of the logit that comes from the local correction, which has no weights.
    pub local_share: f64,
}

impl TrustReport {
    /// Whom `model` listens to.
    pub fn of(model: &SavedModel) -> Self {
        let (unit, weights, local_share): (_, Vec<(String, f64)>, f64) = match &model.combiner {
            Combiner::Recommended(model) => {
                let explained = model.classifier_weights();
                let weights = explained.weights.into_iter().map(|w| (w.name, w.total)).collect();
                ("standardized probability and log-odds", weights, explained.local_share)
            }
            Combiner::Factors(model) => {
                // Of a gated aggregator those before the gate.
                let equal = || vec![1.0; model.classifier_names.len()];
                let weights = model.aggregator.weights().map_or_else(equal, |(weights, _)| weights.to_vec());
                let weights = model.classifier_names.iter().cloned().zip(weights).collect();
                ("reconstructed probability", weights, 0.0)
            }
            Combiner::Baseline(model) => {
                let names = model.classifier_names();
                let equal = vec![1.0 / names.len() as f64; names.len()];
                let weights = model.weights().map_or(equal, <[f64]>::to_vec);
                ("probability", names.iter().cloned().zip(weights).collect(), 0.0)
            }
        };
        let total: f64 = weights.iter().map(|(_, w)| w.abs()).sum();
        let share = |w: f64| if total > 0.0 { w.abs() / total } else { 0.0 };
        // Models of other trainers, and of older versions, do not have these.
        let left_out = LEFT_OUT.get(&model.details).unwrap_or_default();
        let redundancy = REDUNDANCY.get(&model.details).unwrap_or_default();
        let trust = |(name, weight): (String, f64)| Trust {
            weight,
            share: share(weight),
            average_precision_lost: left_out
                .iter()
                .find(|l| l.name == name)
                .map(|l| l.average_precision_lost),
            redundancy: redundancy.iter().find(|r| r.name == name).cloned(),
            name,
        };
        let mut classifiers: Vec<Trust> = weights.into_iter().map(trust).collect();
        // Stable: equal weights keep the order of the table.
        classifiers.sort_by(|a, b| b.share.total_cmp(&a.share));
        Self { unit, classifiers, local_share }
    }
}

/// What more labels and classifiers have brought, as the fit measured it; `None` of other trainers than
/// `recommended`, and where there are too few labels to tell.
pub fn learning_curve(model: &SavedModel) -> Option<LearningCurve> {
    LEARNING_CURVE.get(&model.details)
}
