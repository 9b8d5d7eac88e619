//! Greedy selection of classifiers on bags of the labeled instances.

use cfe_core::metrics::AveragePrecision;
use cfe_core::{Error, Result};
use ndarray::{Array2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;

use super::targets::Targets;
use crate::pipeline::Watch;

/// Bags; the mean of ten selections is steady enough.
const BAGS: usize = 10;
/// Picks in each bag.
const ROUNDS: usize = 20;

/// Share of each of the `columns` (k x n, every instance of `targets`) in the selections of all bags (k, sum
/// 1).
///
/// Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", 2004, section
/// 2.3. A bag draws instances with replacement within each class, and not classifiers: the order of the
/// classifiers then decides nothing but ties.
pub(super) fn bagged_shares(
    columns: &Array2<f64>,
    targets: Targets<'_>,
    seed: u64,
    watch: &dyn Watch,
) -> Result<Vec<f64>> {
    let picks: Vec<Vec<usize>> = (0..BAGS)
        .into_par_iter()
        .with_max_len(1)
        .map(|bag| {
            let drawn = draw(targets.labels, seed, bag);
            let rows: Vec<usize> = (0..drawn.len()).filter(|&i| drawn[i] > 0.0).collect();
            let labels: Vec<bool> = rows.iter().map(|&i| targets.labels[i]).collect();
            let weights: Vec<f64> = rows.iter().map(|&i| targets.weights[i] * drawn[i]).collect();
            select(&columns.select(Axis(1), &rows), &labels, &weights, watch)
        })
        .collect::<Result<_>>()?;
    let mut shares = vec![0.0; columns.nrows()];
    let share = 1.0 / (BAGS * ROUNDS) as f64;
    picks.iter().flatten().for_each(|&j| shares[j] += share);
    Ok(shares)
}

/// How often each instance is drawn, with replacement among those of its class.
fn draw(labels: &[bool], seed: u64, bag: usize) -> Vec<f64> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(bag as u64);
    let mut drawn = vec![0.0; labels.len()];
    for class in [false, true] {
        let members: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        members.iter().for_each(|_| drawn[members[rng.random_range(0..members.len())]] += 1.0);
    }
    drawn
}

/// Picks with replacement, each the one that raises the average precision of their mean most; the first of
/// equal ones.
fn select(columns: &Array2<f64>, labels: &[bool], weights: &[f64], watch: &dyn Watch) -> Result<Vec<usize>> {
    let mut sum = vec![0.0; labels.len()];
    let mut scores = vec![0.0; labels.len()];
    let mut picks = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        if watch.stop_asked() {
            return Err(Error::Stopped);
        }
        let mut best = (f64::NEG_INFINITY, 0);
        for (j, column) in columns.outer_iter().enumerate() {
            scores.iter_mut().zip(&sum).zip(column).for_each(|((score, sum), x)| *score = sum + x);
            let precision = AveragePrecision::new(labels, &scores)?.weighted(weights)?;
            if precision > best.0 {
                best = (precision, j);
            }
        }
        sum.iter_mut().zip(columns.row(best.1)).for_each(|(sum, x)| *sum += x);
        picks.push(best.1);
    }
    Ok(picks)
}
