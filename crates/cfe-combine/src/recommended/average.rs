//! The weight of each member in the average.

use super::family::Family;
use super::members::Member;
use super::spec::{Averaging, RecommendedSpec};
use super::targets::{Targets, weighted_losses};

/// Weights (sum 1) and cross-validated log losses (sums, if there was a cross-validation) of the members.
///
/// Within a family the evidence decides. The families without the factorization make the base. They are
/// averaged alike, for cross-validation cannot tell which of them errs on a small set; one that is evidently
/// worse than the best of them loses its weight. Each correction has to earn its weight against the base, and
/// so does the calibrated mean of the log-odds, which tells no classifier from another. L is a sum of
/// held-out losses and se the standard error of a difference of two:
///
/// ```text
/// within a family:   weight_m ~ exp(-(L_m - L_best) - caution se_m)
/// within the base:   weight_f ~ min(1, exp(-(L_f - L_best) + caution se_f))
/// of the families:   weight_base ~ 1/2,   weight_c ~ 1/2 / corrections exp(-(L_c - L_base) - correction_caution se_c),
///                    weight_equal ~ 1/2 exp(-(L_equal - L_base))
/// ```
pub(super) fn weigh(
    spec: &RecommendedSpec,
    members: &[Member],
    targets: Targets<'_>,
) -> (Vec<f64>, Option<Vec<f64>>) {
    // Losses of what each member predicts of instances that its fit had not seen.
    let held_out: Option<Vec<&[f64]>> = members.iter().map(|m| m.held_out.as_deref()).collect();
    let losses = held_out.as_ref().map(|held_out| -> Vec<f64> {
        held_out.iter().map(|z| weighted_losses(targets, z).iter().sum()).collect()
    });
    let families = families(members);
    let mut weights = vec![0.0; members.len()];
    match (spec.averaging, held_out, &losses) {
        (Averaging::BestMember, _, Some(losses)) => weights[smallest(losses)] = 1.0,
        (Averaging::Evidence, Some(held_out), Some(losses)) => {
            let groups = groups(spec, members, &families, &held_out, losses, targets);
            let logits: Vec<&[f64]> = groups.iter().map(|group| group.logits.as_slice()).collect();
            let prior: Vec<f64> = groups.iter().map(|group| group.prior).collect();
            // The base is what corrections are measured against; without one, the best of them.
            let reference = if groups[0].is_base {
                0
            } else {
                let losses: Vec<f64> =
                    logits.iter().map(|z| weighted_losses(targets, z).iter().sum()).collect();
                smallest(&losses)
            };
            let cautions: Vec<f64> = groups.iter().map(|group| group.caution).collect();
            let shares = by_evidence(&logits, &prior, reference, &cautions, targets);
            for (group, share) in groups.iter().zip(shares) {
                group.members.iter().for_each(|&(m, weight)| weights[m] = weight * share);
            }
        }
        // Flat, or nothing to choose by.
        _ => families.iter().for_each(|family| {
            let share = 1.0 / (family.len() * families.len()) as f64;
            family.iter().for_each(|&m| weights[m] = share);
        }),
    }
    (weights, losses)
}

/// Members that get their weight in the average together: the families without factors, or one correction.
struct FamilyGroup {
    is_base: bool,
    /// Weight before the evidence.
    prior: f64,
    /// Standard errors taken off its evidence.
    caution: f64,
    /// Members and their weights in the group, of sum 1.
    members: Vec<(usize, f64)>,
    /// Held-out logits of the group.
    logits: Vec<f64>,
}

/// The members of each family, in the order of the families.
fn families(members: &[Member]) -> Vec<Vec<usize>> {
    let mut families: Vec<Family> = members.iter().map(|m| m.family).collect();
    families.sort_unstable();
    families.dedup();
    let inside = |family: Family| (0..members.len()).filter(|&m| members[m].family == family).collect();
    families.into_iter().map(inside).collect()
}

/// The base first, if there is one, then the corrections.
fn groups(
    spec: &RecommendedSpec,
    members: &[Member],
    families: &[Vec<usize>],
    held_out: &[&[f64]],
    losses: &[f64],
    targets: Targets<'_>,
) -> Vec<FamilyGroup> {
    // Families that have to earn their weight are corrections, each a group by itself.
    let (corrections, base): (Vec<&Vec<usize>>, Vec<&Vec<usize>>) =
        families.iter().partition(|family| members[family[0]].family.must_earn());
    let caution = spec.caution;
    let group = |is_base: bool, prior: f64, families: &[&Vec<usize>]| {
        let mut group = FamilyGroup {
            is_base,
            prior,
            caution,
            members: Vec::new(),
            logits: vec![0.0; targets.labels.len()],
        };
        let (mut within, mut logits) = (Vec::new(), Vec::new());
        for family in families {
            // Within a family the member of the smallest loss is the yardstick, and the evidence decides.
            let inside: Vec<&[f64]> = family.iter().map(|&m| held_out[m]).collect();
            let best = smallest(&family.iter().map(|&m| losses[m]).collect::<Vec<_>>());
            let alike = vec![1.0; family.len()];
            let weights = by_evidence(&inside, &alike, best, &vec![caution; family.len()], targets);
            let mut of_family = vec![0.0; targets.labels.len()];
            for (weight, z) in weights.iter().zip(&inside) {
                of_family.iter_mut().zip(*z).for_each(|(sum, z)| *sum += weight * z);
            }
            within.push(weights);
            logits.push(of_family);
        }
        // Families of a group count alike, unless one is evidently worse.
        for (k, share) in unless_worse(&logits, caution, targets).into_iter().enumerate() {
            let weights = families[k].iter().zip(&within[k]);
            group.members.extend(weights.map(|(&m, weight)| (m, share * weight)));
            group.logits.iter_mut().zip(&logits[k]).for_each(|(sum, z)| *sum += share * z);
        }
        group
    };
    let mut groups = Vec::with_capacity(1 + corrections.len());
    if !base.is_empty() {
        groups.push(group(true, 0.5, &base));
    }
    let is_equal = |family: &[usize]| members[family[0]].family == Family::Equal;
    let richer = corrections.iter().filter(|family| !is_equal(family)).count();
    groups.extend(corrections.iter().map(|&family| match is_equal(family) {
        // The poorest of all: that the others are no better than it is reason enough.
        true => FamilyGroup { caution: 0.0, ..group(false, 0.5, &[family]) },
        false => {
            FamilyGroup { caution: spec.correction_caution, ..group(false, 0.5 / richer as f64, &[family]) }
        }
    }));
    groups
}

/// Shares of functions that are averaged alike, but for one whose held-out loss is evidently larger than the
/// smallest: min(1, exp(-(L - L_best) + caution se)), normalized.
fn unless_worse(logits: &[Vec<f64>], caution: f64, targets: Targets<'_>) -> Vec<f64> {
    let losses: Vec<Vec<f64>> = logits.iter().map(|z| weighted_losses(targets, z)).collect();
    let sums: Vec<f64> = losses.iter().map(|losses| losses.iter().sum()).collect();
    let best = &losses[smallest(&sums)];
    let weight = |losses: &Vec<f64>| {
        let (sum, error) = difference(losses, best);
        (caution * error - sum).min(0.0).exp()
    };
    let weights: Vec<f64> = losses.iter().map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / total).collect()
}

/// Place of the smallest of some numbers; the first of equal ones.
fn smallest(values: &[f64]) -> usize {
    let places = 0..values.len();
    places.min_by(|&a, &b| values[a].total_cmp(&values[b])).expect("there is at least one member")
}

/// prior exp(-(L - L_reference) - caution se), normalized, each with a caution of its own, of logits of the
/// same instances.
fn by_evidence(
    logits: &[&[f64]],
    prior: &[f64],
    reference: usize,
    cautions: &[f64],
    targets: Targets<'_>,
) -> Vec<f64> {
    let reference = weighted_losses(targets, logits[reference]);
    let log_weight = |((z, prior), caution): ((&&[f64], &f64), &f64)| {
        let (sum, error) = difference(&weighted_losses(targets, z), &reference);
        prior.ln() - sum - caution * error
    };
    let logs: Vec<f64> = logits.iter().zip(prior).zip(cautions).map(log_weight).collect();
    // The largest is taken off before the exponential, so that not all weights underflow to 0.
    let largest = logs.iter().fold(f64::NEG_INFINITY, |a: f64, &b| a.max(b));
    let weights: Vec<f64> = logs.iter().map(|l| (l - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / total).collect()
}

/// Sum of the differences of losses of the same instances, and its standard error.
fn difference(losses: &[f64], reference: &[f64]) -> (f64, f64) {
    let margin = || losses.iter().zip(reference).map(|(a, b)| a - b);
    let sum: f64 = margin().sum();
    // The sum of n differences has a variance of n times that of one.
    let mean = sum / losses.len() as f64;
    (sum, margin().map(|d| (d - mean) * (d - mean)).sum::<f64>().sqrt())
}
