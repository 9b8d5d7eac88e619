//! Gaps that tell: a second fill, by what it means that a prediction is missing.
//!
//! The fill of the factorization uses what other classifiers say, and never that a prediction is missing.
//! Where classifiers abstain when they are unsure, a gap says more than they do. The second fill gives every
//! gap of a classifier one value: the log-odds of the class among the rows of the gap, put back through the
//! Platt map of the classifier. Members are fitted to it as to the first, and weighed by held-out losses.

use cfe_core::losses::{logit, sigmoid};
use cfe_core::{Error, Result};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::columns::mean_and_sd;
use super::evidence::evidence;
use super::spec::RecommendedSpec;
use super::targets::{Targets, weighted_losses};
use crate::baselines::clip_for;
use crate::pipeline::Watch;

/// Precision of the Platt maps, which are put to use at one point alone.
const PRECISION: f64 = 1e-4;
/// Least log-odds for one standard deviation of a classifier by which its map is inverted: one that tells
/// next to nothing would be asked for what it never says.
const LEAST_SLOPE: f64 = 0.1;

/// The probability that stands for a gap of each classifier (m), from the labels of the instances that `keep`
/// names. `rows` are the instances of R (m x n) in step with the targets.
pub(super) fn fills(
    spec: &RecommendedSpec,
    r: ArrayView2<'_, f64>,
    rows: &[usize],
    targets: Targets<'_>,
    keep: &(dyn Fn(usize) -> bool + Sync),
    watch: &dyn Watch,
) -> Result<Vec<f64>> {
    (0..r.nrows())
        .into_par_iter()
        .map(|u| {
            if watch.stop_asked() {
                return Err(Error::Stopped);
            }
            let row = r.row(u);
            let gone = |t: usize| row[rows[t]].is_nan();
            let told = log_odds(targets, |t| keep(t) && gone(t), keep);
            let observed = || rows.iter().map(|&i| row[i]).filter(|p| !p.is_nan());
            let clip = clip_for(mean_and_sd(observed()).0, spec.clip);
            let z = || observed().map(|p| logit(p, clip));
            let (center, sd) = mean_and_sd(z());
            let both =
                |class: bool| (0..rows.len()).any(|t| keep(t) && !gone(t) && targets.labels[t] == class);
            if !(sd > 0.0 && both(false) && both(true)) {
                // Nothing is known of what the classifier means: the rate itself.
                return Ok(sigmoid(told));
            }
            let standard = |p: f64| if p.is_nan() { 0.0 } else { (logit(p, clip) - center) / sd };
            let column = Array2::from_shape_fn((1, rows.len()), |(_, t)| standard(row[rows[t]]));
            let platt = evidence(column.view(), targets, |t| keep(t) && !gone(t), PRECISION, None, watch)?.1;
            let place = center + sd * (told - platt.bias) / platt.weights[0].max(LEAST_SLOPE);
            // Within what the classifier says: beyond, nothing is known of it.
            let (least, most) =
                z().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), z| (a.min(z), b.max(z)));
            Ok(sigmoid(place.clamp(least, most)))
        })
        .collect()
}

/// Log-odds of the positive class among some instances, (P + s pi) / (N + s): pi is its share among all, and
/// s instances of that share are added, which is one of the rarer class.
pub(super) fn log_odds(
    targets: Targets<'_>,
    some: impl Fn(usize) -> bool,
    all: impl Fn(usize) -> bool,
) -> f64 {
    let weight = |of: &dyn Fn(usize) -> bool, class: bool| -> f64 {
        let inside = (0..targets.labels.len()).filter(|&t| of(t) && targets.labels[t] == class);
        inside.map(|t| targets.weights[t]).sum()
    };
    let (positive, negative) = (weight(&all, true), weight(&all, false));
    let rare = positive.min(negative);
    ((weight(&some, true) + positive / rare) / (weight(&some, false) + negative / rare)).ln()
}

/// R with the value of its classifier in every gap, of the instances `rows` alone (m x rows).
pub(super) fn filled(r: ArrayView2<'_, f64>, rows: &[usize], fills: &[f64]) -> Array2<f64> {
    Array2::from_shape_fn((r.nrows(), rows.len()), |(u, t)| {
        let p = r[(u, rows[t])];
        if p.is_nan() { fills[u] } else { p }
    })
}

/// Share of the second fill in the average, of held-out logits of the same instances: weight 1 for the first,
/// and `exp(-(L_told - L_first) - caution se)` for the second.
pub(super) fn share(first: &[f64], told: &[f64], targets: Targets<'_>, caution: f64) -> f64 {
    let (first, told) = (weighted_losses(targets, first), weighted_losses(targets, told));
    let differences: Vec<f64> = told.iter().zip(&first).map(|(a, b)| a - b).collect();
    let sum: f64 = differences.iter().sum();
    let (_, sd) = mean_and_sd(differences.iter().copied());
    let error = sd * (differences.len() as f64).sqrt();
    sigmoid(-sum - caution * error)
}
