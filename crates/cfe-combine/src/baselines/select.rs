//! Selection of classifiers by average precision.

use cfe_core::Result;
use cfe_core::metrics::AveragePrecision;
use ndarray::Array2;
use rayon::prelude::*;

fn average_precision(scores: &[f64], labels: &[bool], weights: &[f64]) -> Result<f64> {
    AveragePrecision::new(labels, scores)?.weighted(weights)
}

/// Classifiers by decreasing average precision; equal ones in their own order.
pub(super) fn by_average_precision(
    predictions: &Array2<f64>,
    labels: &[bool],
    weights: &[f64],
) -> Result<Vec<usize>> {
    let m = predictions.nrows();
    let precision: Vec<f64> = (0..m)
        .into_par_iter()
        .map(|u| average_precision(&predictions.row(u).to_vec(), labels, weights))
        .collect::<Result<_>>()?;
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&a, &b| precision[b].total_cmp(&precision[a]));
    Ok(order)
}

/// How often each classifier is picked: in each round the one that, added to the mean of the picks so far,
/// gives the highest average precision; the first of equal ones.
pub(super) fn greedy(
    predictions: &Array2<f64>,
    labels: &[bool],
    weights: &[f64],
    rounds: usize,
) -> Result<Vec<usize>> {
    let (m, n) = predictions.dim();
    let mut counts = vec![0; m];
    let mut sum = vec![0.0; n];
    for round in 0..rounds {
        let size = (round + 1) as f64;
        let precision: Vec<f64> = (0..m)
            .into_par_iter()
            .map(|u| {
                // Divided, though the order is that of the sum: equal means must tie as they do in the
                // prediction.
                let scores: Vec<f64> =
                    sum.iter().zip(predictions.row(u)).map(|(s, p)| (s + p) / size).collect();
                average_precision(&scores, labels, weights)
            })
            .collect::<Result<_>>()?;
        let best = (1..m).fold(0, |best, u| if precision[u] > precision[best] { u } else { best });
        counts[best] += 1;
        sum.iter_mut().zip(predictions.row(best)).for_each(|(s, p)| *s += p);
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use cfe_core::metrics::Scored;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn average_precision_is_that_of_the_metrics(
            cells in proptest::collection::vec((0u8..12, any::<bool>(), 0u8..3), 3..80),
        ) {
            let scores: Vec<f64> = cells.iter().map(|c| f64::from(c.0) / 11.0).collect();
            let mut labels: Vec<bool> = cells.iter().map(|c| c.1).collect();
            labels[0] = true;
            let mut weights: Vec<f64> = cells.iter().map(|c| f64::from(c.2)).collect();
            weights[0] = 1.0;
            let expected = Scored::weighted(&labels, &scores, &weights).expect("valid").ranking().average_precision();
            prop_assert_eq!(average_precision(&scores, &labels, &weights).expect("valid"), expected);
        }
    }
}
