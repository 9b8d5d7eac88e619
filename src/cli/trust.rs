//! Whom a combiner listens to.

use serde::Serialize;

use super::saved::Combiner;

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
    /// Whom `combiner` listens to.
    pub fn of(combiner: &Combiner) -> Self {
        let (unit, weights, local_share): (_, Vec<(String, f64)>, f64) = match combiner {
            Combiner::Recommended(model) => {
                let explained = model.classifier_weights();
                let weights = explained.weights.into_iter().map(|w| (w.name, w.total)).collect();
                ("standardised probability and log-odds", weights, explained.local_share)
            }
            Combiner::Factors(model) => {
                // Of a gated aggregator those before the gate.
                let equal = || vec![1.0; model.classifier_names.len()];
                let weights = model.aggregator.weights().map_or_else(equal, |(weights, _)| weights.to_vec());
                let weights = model.classifier_names.iter().cloned().zip(weights).collect();
                ("reconstructed probability", weights, 0.0)
            }
        };
        let total: f64 = weights.iter().map(|(_, w)| w.abs()).sum();
        let share = |w: f64| if total > 0.0 { w.abs() / total } else { 0.0 };
        let mut classifiers: Vec<Trust> =
            weights.into_iter().map(|(name, weight)| Trust { name, weight, share: share(weight) }).collect();
        // Stable: equal weights keep the order of the table.
        classifiers.sort_by(|a, b| b.share.total_cmp(&a.share));
        Self { unit, classifiers, local_share }
    }
}
