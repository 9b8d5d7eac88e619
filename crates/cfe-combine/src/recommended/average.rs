//! The weight of each member in the average.

use super::members::{Family, Member, Targets, weighted_losses};
use super::spec::{Averaging, RecommendedSpec};

/// Weights (sum 1) and cross-validated log losses (sums, if there was a cross-validation) of the members.
///
/// Within a family the evidence decides. The families without the factorisation make the base, all alike, and each correction
/// has to earn its weight against it. L is a sum of held-out losses and se the standard error of a difference of two:
///
/// ```text
/// within a family:   weight_m ~ exp(-(L_m - L_best) - caution se_m)
/// of the families:   weight_base ~ 1/2,   weight_c ~ 1/2 / corrections exp(-(L_c - L_base) - caution se_c)
/// ```
pub(super) fn weigh(
    spec: &RecommendedSpec,
    members: &[Member],
    targets: Targets<'_>,
) -> (Vec<f64>, Option<Vec<f64>>) {
    let held_out: Option<Vec<&[f64]>> = members.iter().map(|m| m.held_out.as_deref()).collect();
    let losses = held_out.as_ref().map(|held_out| -> Vec<f64> {
        held_out.iter().map(|z| weighted_losses(targets, z).iter().sum()).collect()
    });
    let mut families: Vec<Family> = members.iter().map(|m| m.family).collect();
    families.sort_unstable();
    families.dedup();
    let of = |family: Family| -> Vec<usize> {
        (0..members.len()).filter(|&m| members[m].family == family).collect()
    };
    let mut weights = vec![0.0; members.len()];
    match (spec.averaging, held_out, &losses) {
        (Averaging::BestMember, _, Some(losses)) => {
            let best = (0..members.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]));
            weights[best.unwrap_or(0)] = 1.0;
        }
        (Averaging::Evidence, Some(held_out), Some(losses)) => {
            // The base first; without one, the best correction takes its place.
            let (corrections, base): (Vec<Family>, Vec<Family>) =
                families.iter().copied().partition(|f| f.is_correction());
            let mut functions = vec![vec![0.0; targets.labels.len()]; 1 + corrections.len()];
            for &family in &families {
                let inside = of(family);
                let best = (0..inside.len()).min_by(|&a, &b| losses[inside[a]].total_cmp(&losses[inside[b]]));
                let logits: Vec<&[f64]> = inside.iter().map(|&m| held_out[m]).collect();
                let alike = vec![1.0; inside.len()];
                let within = by_evidence(&logits, &alike, best.unwrap_or(0), spec.caution, targets);
                let place = corrections.iter().position(|&c| c == family).map_or(0, |c| c + 1);
                let share = if place == 0 { 1.0 / base.len() as f64 } else { 1.0 };
                for (&m, w) in inside.iter().zip(within) {
                    weights[m] = w * share;
                    let function = functions[place].iter_mut().zip(held_out[m]);
                    function.for_each(|(f, z)| *f += w * share * z);
                }
            }
            let mut prior = vec![0.5 / corrections.len() as f64; functions.len()];
            prior[0] = 0.5;
            let mut logits: Vec<&[f64]> = functions.iter().map(Vec::as_slice).collect();
            if base.is_empty() {
                (logits, prior) = (logits[1..].to_vec(), prior[1..].to_vec());
            }
            let sum = |z: &[f64]| weighted_losses(targets, z).iter().sum::<f64>();
            let best = (0..logits.len()).min_by(|&a, &b| sum(logits[a]).total_cmp(&sum(logits[b])));
            let reference = if base.is_empty() { best.unwrap_or(0) } else { 0 };
            let mut shares = by_evidence(&logits, &prior, reference, spec.caution, targets);
            if base.is_empty() {
                shares.insert(0, 0.0);
            }
            for (weight, member) in weights.iter_mut().zip(members) {
                let place = corrections.iter().position(|&c| c == member.family).map_or(0, |c| c + 1);
                *weight *= shares[place];
            }
        }
        // Flat, or nothing to choose by.
        _ => families.iter().for_each(|&family| {
            let inside = of(family);
            inside.iter().for_each(|&m| weights[m] = 1.0 / (inside.len() * families.len()) as f64);
        }),
    }
    (weights, losses)
}

/// prior exp(-(L - L_reference) - caution se), normalised, of logits of the same instances.
fn by_evidence(
    logits: &[&[f64]],
    prior: &[f64],
    reference: usize,
    caution: f64,
    targets: Targets<'_>,
) -> Vec<f64> {
    let reference = weighted_losses(targets, logits[reference]);
    let log_weight = |(z, prior): (&&[f64], &f64)| {
        let losses = weighted_losses(targets, z);
        let margin = || losses.iter().zip(&reference).map(|(a, b)| a - b);
        let sum: f64 = margin().sum();
        let mean = sum / losses.len() as f64;
        let error = margin().map(|d| (d - mean) * (d - mean)).sum::<f64>().sqrt();
        prior.ln() - sum - caution * error
    };
    let logs: Vec<f64> = logits.iter().zip(prior).map(log_weight).collect();
    let largest = logs.iter().fold(f64::NEG_INFINITY, |a: f64, &b| a.max(b));
    let weights: Vec<f64> = logs.iter().map(|l| (l - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / total).collect()
}
