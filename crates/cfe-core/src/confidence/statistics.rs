//! What the formulas need from whole rows and columns.

use ndarray::ArrayView2;

use crate::data::EnsembleData;

/// max(1 - Brier, floor) of each classifier over its labeled, observed cells; 1 where there are none.
pub(super) fn classifier_confidence(data: &EnsembleData, floor: f64) -> Vec<f64> {
    (0..data.n_classifiers())
        .map(|u| {
            let row = data.predictions();
            let errors = data
                .labeled()
                .iter()
                .filter_map(|&i| squared_error(row[(u, i)], data.labels()[i] == Some(true)));
            let (sum, count) = errors.fold((0.0, 0usize), |(s, k), e| (s + e, k + 1));
            from_brier_sum(sum, count, floor)
        })
        .collect()
}

/// (r - y)^2 of an observed cell.
pub(crate) fn squared_error(r: f64, label: bool) -> Option<f64> {
    let y = if label { 1.0 } else { 0.0 };
    (!r.is_nan()).then_some((r - y) * (r - y))
}

/// max(1 - Brier, floor) from the sum over `count` cells; 1 without any.
pub(crate) fn from_brier_sum(sum: f64, count: usize, floor: f64) -> f64 {
    if count == 0 { 1.0 } else { (1.0 - sum / count as f64).max(floor) }
}

/// Population standard deviation over the observed classifiers of each instance; 0 for fewer than two.
pub(crate) fn column_spreads(predictions: ArrayView2<'_, f64>) -> Vec<f64> {
    let n = predictions.ncols();
    // Two passes, row by row as R lies in memory. One pass with a difference of squares would cancel where
    // all classifiers agree.
    let (mut count, mut mean) = (vec![0.0_f64; n], vec![0.0_f64; n]);
    for row in predictions.rows() {
        for (i, &r) in row.iter().enumerate() {
            if !r.is_nan() {
                count[i] += 1.0;
                mean[i] += r;
            }
        }
    }
    mean.iter_mut().zip(&count).for_each(|(s, &k)| *s /= k.max(1.0));
    let mut spread = vec![0.0_f64; n];
    for row in predictions.rows() {
        for (i, &r) in row.iter().enumerate() {
            if !r.is_nan() {
                spread[i] += (r - mean[i]) * (r - mean[i]);
            }
        }
    }
    spread.iter_mut().zip(&count).for_each(|(s, &k)| *s = (*s / k.max(1.0)).sqrt());
    spread
}
