//! What is known before any prediction is looked at: the prevalence.

use cfe_core::{EnsembleData, Error, Result};

use super::gaps;
use super::labeled_subset::mean_weight_of;
use super::targets::Targets;

/// Log-odds of (P + 1/2) / (N + 1), P and N the weights (of mean 1) of the positives and of all labeled
/// instances.
pub(super) fn prior_logit(data: &EnsembleData) -> Result<f64> {
    // Sums are taken in ascending order, so that the order of the rows changes no bit.
    let mean = mean_weight_of(data);
    let weight = |i: usize| data.sample_weights().map_or(1.0, |w| w[i] / mean);
    let counting: Vec<usize> = data.labeled().iter().copied().filter(|&i| weight(i) > 0.0).collect();
    let sum = |class: bool| {
        let inside = counting.iter().filter(|&&i| (data.labels()[i] == Some(true)) == class);
        let mut weights: Vec<f64> = inside.map(|&i| weight(i)).collect();
        weights.sort_by(f64::total_cmp);
        weights.iter().sum::<f64>()
    };
    prior_logit_of(sum(false), sum(true), counting.len())
}

/// From the weights of the classes of n instances.
pub(super) fn prior_logit_of(negative: f64, positive: f64, n: usize) -> Result<f64> {
    if positive == 0.0 || negative == 0.0 {
        let class = if positive == 0.0 { "negative" } else { "positive" };
        return Err(Error::SingleClass { n, class });
    }
    Ok(((positive + 0.5) / (negative + 0.5)).ln())
}

/// Log-odds of the positive class among labeled instances without any prediction, where there are some.
pub(super) fn nothing_logit(data: &EnsembleData) -> Result<Option<f64>> {
    let r = data.predictions();
    // Weights have a mean of 1, as in the members: 1/2 is then half an instance, whatever the unit.
    let mean = mean_weight_of(data);
    let labeled = data.labeled();
    let weights: Vec<f64> =
        labeled.iter().map(|&i| data.sample_weights().map_or(1.0, |w| w[i] / mean)).collect();
    let nothing: Vec<bool> = labeled.iter().map(|&i| r.column(i).iter().all(|p| p.is_nan())).collect();
    if !nothing.iter().zip(&weights).any(|(nothing, weight)| *nothing && *weight > 0.0) {
        return Ok(None);
    }
    let labels = data.labeled_targets();
    let targets = Targets { labels: &labels, weights: &weights };
    Ok(Some(gaps::log_odds(targets, |t| nothing[t], |_| true)))
}
