//! The weight of each member in the average.

use super::members::{Family, Member, Targets, weighted_losses};
use super::spec::{Averaging, RecommendedSpec};

/// Weights (sum 1) and cross-validated log losses (sums, if there was a cross-validation) of the members.
///
/// ```text
/// weight_m ~ prior_m exp(-(L_m - L_ref) - caution se_m),   prior_m = 1 / members of its family
/// ```
///
/// L is the sum of the held-out losses, ref the best member of the plain aggregators (of all, if there are none) and se_m
/// the standard error of L_m - L_ref.
pub(super) fn weigh(
    spec: &RecommendedSpec,
    members: &[Member],
    targets: Targets<'_>,
) -> (Vec<f64>, Option<Vec<f64>>) {
    let size = |family: Family| members.iter().filter(|m| m.family == family).count() as f64;
    let prior: Vec<f64> = members.iter().map(|m| 1.0 / size(m.family)).collect();
    let held_out: Option<Vec<Vec<f64>>> =
        members.iter().map(|m| m.held_out.as_ref().map(|logits| weighted_losses(targets, logits))).collect();
    let Some(losses) = held_out else { return (normalised(prior), None) };
    let sums: Vec<f64> = losses.iter().map(|l| l.iter().sum()).collect();
    let best = |among: &dyn Fn(usize) -> bool| {
        (0..members.len()).filter(|&m| among(m)).min_by(|&a, &b| sums[a].total_cmp(&sums[b]))
    };
    let weights = match spec.averaging {
        Averaging::Flat => prior,
        Averaging::BestMember => {
            let chosen = best(&|_| true);
            (0..members.len()).map(|m| f64::from(u8::from(Some(m) == chosen))).collect()
        }
        Averaging::Evidence => {
            let reference = best(&|m| members[m].family == Family::Aggregator).or_else(|| best(&|_| true));
            let reference = reference.unwrap_or(0);
            let log_weights: Vec<f64> = (0..members.len())
                .map(|m| {
                    let margin = || losses[m].iter().zip(&losses[reference]).map(|(a, b)| a - b);
                    let mean = margin().sum::<f64>() / targets.labels.len() as f64;
                    let error = margin().map(|d| (d - mean) * (d - mean)).sum::<f64>().sqrt();
                    prior[m].ln() - (sums[m] - sums[reference]) - spec.caution * error
                })
                .collect();
            let largest = log_weights.iter().fold(f64::NEG_INFINITY, |a: f64, &b| a.max(b));
            log_weights.iter().map(|l| (l - largest).exp()).collect()
        }
    };
    (normalised(weights), Some(sums))
}

fn normalised(mut weights: Vec<f64>) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= total);
    weights
}
