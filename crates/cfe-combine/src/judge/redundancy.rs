//! Which classifiers say the same.

use cfe_core::EnsembleData;
use cfe_core::diversity::correlation;
use cfe_core::losses::logit;
use cfe_core::stats::moments::{Centered, mean};
use ndarray::ArrayView1;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::baselines::{LOGIT_CLIP, clip_for};

/// Rows that are enough for a correlation, and those that many classifiers have to make do with.
const ENOUGH: usize = 50_000;
const FEWEST: usize = 1_000;

/// Cells of all pairs together: with 300 classifiers or fewer, every pair gets enough rows.
const CELLS: usize = 2_250_000_000;

/// The classifier that says most nearly the same as another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Redundancy {
    /// Name of the classifier.
    pub name: String,
    /// Name of the one most like it.
    pub most_like: String,
    /// Pearson's correlation of their log-odds, where both gave a prediction.
    pub correlation: f64,
}

/// Correlations of the log-odds of each pair (a < b) of classifiers; 0 where one does not vary.
pub(crate) fn correlations(data: &EnsembleData) -> Vec<(usize, usize, f64)> {
    let r = data.predictions();
    let m = data.n_classifiers();
    let n_pairs = (m * m.saturating_sub(1) / 2).max(1);
    // Evenly spread rows of a table that has more than enough.
    let step = data.n_instances().div_ceil((CELLS / n_pairs).clamp(FEWEST, ENOUGH));
    let log_odds_of = |row: ArrayView1<'_, f64>| -> Vec<f64> {
        let seen: Vec<f64> = row.iter().copied().filter(|p| !p.is_nan()).collect();
        // A clip above the probabilities of a rare event would make all such classifiers the same.
        let clip = clip_for(mean(&seen), LOGIT_CLIP);
        row.iter().step_by(step).map(|&p| if p.is_nan() { p } else { logit(p, clip) }).collect()
    };
    let log_odds: Vec<Vec<f64>> = (0..m).into_par_iter().map(|u| log_odds_of(r.row(u))).collect();
    let pairs: Vec<(usize, usize)> = (0..r.nrows()).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
    // Of a list with gaps, what is left differs from pair to pair.
    let centered = |values: &Vec<f64>| (!values.iter().any(|v| v.is_nan())).then(|| Centered::new(values));
    let whole: Vec<Option<Centered>> = log_odds.iter().map(centered).collect();
    let correlation_of = |&(a, b): &(usize, usize)| {
        let correlation = match (&whole[a], &whole[b]) {
            (Some(x), Some(y)) => x.correlation(y),
            _ => {
                let seen = log_odds[a].iter().zip(&log_odds[b]).filter(|(x, y)| !x.is_nan() && !y.is_nan());
                let (x, y): (Vec<f64>, Vec<f64>) = seen.map(|(x, y)| (*x, *y)).unzip();
                correlation(&x, &y)
            }
        };
        // A constant classifier is like no other one.
        (a, b, correlation.unwrap_or(0.0))
    };
    pairs.par_iter().map(correlation_of).collect()
}

/// For each classifier the one most like it; none for a single one.
pub(crate) fn redundancy(data: &EnsembleData, correlations: &[(usize, usize, f64)]) -> Vec<Redundancy> {
    let names = data.classifier_names();
    let mut nearest: Vec<Option<(usize, f64)>> = vec![None; names.len()];
    for &(a, b, r) in correlations {
        for (one, other) in [(a, b), (b, a)] {
            if nearest[one].is_none_or(|(_, highest)| r > highest) {
                nearest[one] = Some((other, r));
            }
        }
    }
    let named = |(name, nearest): (&String, Option<(usize, f64)>)| {
        let (other, correlation) = nearest?;
        Some(Redundancy { name: name.clone(), most_like: names[other].clone(), correlation })
    };
    names.iter().zip(nearest).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn lists_without_gaps_have_the_bits_of_the_general_way() {
        let r = Array2::from_shape_fn((4, 200), |(u, i)| match (u, i) {
            (2, 7) => f64::NAN,
            (3, _) => 0.5,
            _ => ((i * (7 + 2 * u) + u) % 101) as f64 / 101.0,
        });
        let data = EnsembleData::new(r.clone(), vec![None; 200]).expect("valid");
        let log_odds = |u: usize| -> Vec<f64> { r.row(u).iter().map(|&p| logit(p, LOGIT_CLIP)).collect() };
        for (a, b, found) in correlations(&data) {
            let (mut x, mut y) = (log_odds(a), log_odds(b));
            if a == 2 || b == 2 {
                x.remove(7);
                y.remove(7);
            }
            assert_eq!(found, correlation(&x, &y).unwrap_or(0.0), "{a} and {b}");
        }
    }
}
