//! Fitted members as one function, and figures of it.

use cfe_core::EnsembleData;

use super::columns::mean_and_sd;
use super::family::Family;
use super::features::Seen;
use super::members::Member;
use super::model::{FamilyShares, RecommendedModel, WidePart};

/// The average of the members as one function, without the part of many classifiers.
pub(super) fn assemble(
    data: &EnsembleData,
    seen: Seen,
    members: &[Member],
    weights: &[f64],
) -> RecommendedModel {
    let features = &seen.sets.all;
    let mut view_weights = vec![0.0; features.views];
    let mut factor_weights = vec![0.0; features.rank];
    let mut local_weights = vec![0.0; features.stacked.nrows() - features.rank - features.views];
    let mut shares = FamilyShares::default();
    let mut bias = 0.0;
    // Every member is linear in its features, and so is their weighted sum.
    for (member, &weight) in members.iter().zip(weights) {
        *shares.of_mut(member.family) += weight;
        if member.family.is_of_many() {
            continue;
        }
        let w = &member.fit.weights;
        let views = features.views_in(member.family);
        add(&mut view_weights[features.first_view(member.family)..], weight, &w[views.clone()]);
        bias += weight * member.fit.bias;
        match member.family {
            Family::LowRank => add(&mut factor_weights, weight, &w[..views.start]),
            Family::Local => add(&mut local_weights, weight, &w[views.end..]),
            _ => {}
        }
    }
    RecommendedModel {
        classifier_names: data.classifier_names().to_vec(),
        columns: seen.columns,
        view_weights,
        factor_weights,
        local: seen.basis.as_ref().map(|basis| basis.function(&local_weights)),
        wide: None,
        bias,
        // The caller knows the prevalence and sets the log-odds of it; until then this is the intercept.
        prior_logit: bias,
        shares,
        local_share: 0.0,
        gaps: None,
        nothing_logit: None,
    }
}

/// The members of many classifiers as one function, and its intercept.
pub(super) fn wide_part(seen: Seen, members: &[Member], weights: &[f64]) -> (WidePart, f64) {
    let features = &seen.sets.all;
    let mut view_weights = vec![0.0; features.views];
    let mut bias = 0.0;
    for (member, &weight) in members.iter().zip(weights) {
        add(&mut view_weights[features.first_view(member.family)..], weight, &member.fit.weights);
        bias += weight * member.fit.bias;
    }
    (WidePart { columns: seen.columns, view_weights }, bias)
}

fn add(to: &mut [f64], weight: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
}

/// Whether every positive has a larger logit than every negative.
pub(super) fn separated(parts: &[(f64, f64)], labels: &[bool]) -> bool {
    let logits = |class: bool| {
        let inside = parts.iter().zip(labels).filter(move |(_, y)| **y == class);
        inside.map(|((linear, local), _)| linear + local)
    };
    logits(true).fold(f64::INFINITY, f64::min) > logits(false).fold(f64::NEG_INFINITY, f64::max)
}

/// Share of the local part in the variance of the logits, of their (linear, local) parts.
pub(super) fn local_share(parts: &[(f64, f64)]) -> f64 {
    let variance = |values: Vec<f64>| mean_and_sd(values.iter().copied()).1.powi(2);
    let linear = variance(parts.iter().map(|part| part.0).collect());
    let local = variance(parts.iter().map(|part| part.1).collect());
    if local > 0.0 { local / (linear + local) } else { 0.0 }
}
