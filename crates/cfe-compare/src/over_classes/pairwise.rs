//! One fit for each pair of classes, coupled to one distribution: what the fits of one class against all
//! others are compared with.

use cf_ensemble::classes::{ClassData, ClassPredictions};
use cf_ensemble::recommended::{Recommended, RecommendedModel, RecommendedSpec};
use cf_ensemble::{EnsembleData, Result};
use ndarray::{Array2, Axis};

/// The distribution (K) that fits probabilities of i among i and j, `r[(i, j)]`, with r_ij + r_ji = 1: the
/// minimum of sum_i sum_{j != i} (r_ji p_i - r_ij p_j)^2 (Wu, Lin and Weng, "Probability Estimates for
/// Multi-class Classification by Pairwise Coupling", JMLR 2004, algorithm 2).
pub fn couple(r: &Array2<f64>) -> Vec<f64> {
    // Q of the quadratic form p' Q p, whose minimum over distributions is the coupling.
    let k = r.nrows();
    let q = Array2::from_shape_fn((k, k), |(i, j)| match i == j {
        true => (0..k).filter(|&s| s != i).map(|s| r[(s, i)].powi(2)).sum(),
        false => -r[(j, i)] * r[(i, j)],
    });
    let mut p = vec![1.0 / k as f64; k];
    // The algorithm of the paper, each p_t in turn, until the optimality condition holds.
    for _ in 0..1000 {
        let qp: Vec<f64> = (0..k).map(|t| (0..k).map(|j| q[(t, j)] * p[j]).sum()).collect();
        let pqp: f64 = p.iter().zip(&qp).map(|(p, qp)| p * qp).sum();
        if qp.iter().all(|qp| (qp - pqp).abs() < 1e-9) {
            break;
        }
        for t in 0..k {
            let rest: f64 = (0..k).filter(|&j| j != t).map(|j| q[(t, j)] * p[j]).sum();
            let pqp: f64 = (0..k).map(|i| p[i] * (0..k).map(|j| q[(i, j)] * p[j]).sum::<f64>()).sum();
            if q[(t, t)] > 0.0 {
                p[t] = ((pqp - rest) / q[(t, t)]).max(0.0);
            }
            let sum: f64 = p.iter().sum();
            p.iter_mut().for_each(|p| *p /= sum);
        }
    }
    p
}

/// Probabilities of class `i` among classes `i` and `j` (m x rows).
fn of_pair(predictions: &ClassPredictions, i: usize, j: usize) -> Array2<f64> {
    let everyone: Vec<usize> = (0..predictions.n_classifiers()).collect();
    let mut first = predictions.of_class(i, &everyone);
    first.zip_mut_with(&predictions.of_class(j, &everyone), |a, b| {
        let sum = *a + b;
        *a = if sum > 0.0 {
            (*a / sum).min(1.0)
        } else if sum.is_nan() {
            f64::NAN
        } else {
            0.5
        };
    });
    first
}

/// Distributions of `rows` (rows x K).
pub(super) fn predict(data: &ClassData, rows: &ClassPredictions, seed: u64) -> Result<Array2<f64>> {
    let spec = RecommendedSpec { seed, ..RecommendedSpec::default() };
    let recommended = Recommended::try_from(spec)?;
    let (n, k) = (rows.n_instances(), rows.n_classes());
    let mut r = vec![Array2::from_elem((k, k), 0.5); n];
    for i in 0..k {
        for j in 0..i {
            let inside: Vec<usize> = data
                .labeled()
                // A fit for each pair sees the rows of these two classes alone.
                .iter()
                .copied()
                .filter(|&p| [Some(i), Some(j)].contains(&data.labels()[p]))
                .collect();
            let labels = inside.iter().map(|&p| data.labels()[p].map(|label| label == i)).collect();
            let learned = of_pair(data.predictions(), i, j).select(Axis(1), &inside);
            let model: RecommendedModel = recommended.fit(&EnsembleData::new(learned, labels)?)?.model;
            let predicted = model.predict(of_pair(rows, i, j).view())?;
            for (at, &p) in r.iter_mut().zip(&predicted.probabilities) {
                // A pair that is decided for certain would leave no room for a third class.
                let p = p.clamp(1e-7, 1.0 - 1e-7);
                (at[(i, j)], at[(j, i)]) = (p, 1.0 - p);
            }
        }
    }
    let rows: Vec<f64> = r.iter().flat_map(couple).collect();
    Ok(Array2::from_shape_vec((n, k), rows).expect("K probabilities for each row"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_one_distribution_give_it_back() {
        let p = [0.5, 0.3, 0.15, 0.05];
        let r = Array2::from_shape_fn((4, 4), |(i, j)| p[i] / (p[i] + p[j]));
        couple(&r).iter().zip(p).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
        // Pairs that contradict each other give a distribution too.
        let r = Array2::from_shape_fn((3, 3), |(i, j)| if (i + 1) % 3 == j { 0.9 } else { 0.1 });
        couple(&r).iter().for_each(|p| assert!((p - 1.0 / 3.0).abs() < 1e-6));
    }
}
