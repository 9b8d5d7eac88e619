//! Nearest instances in the space of predictions.

use ndarray::ArrayView2;
use rayon::prelude::*;

/// The up to `k` nearest of `among` for each instance of `of`, itself excluded: nearest first, ties by index.
pub(super) fn nearest(
    predictions: ArrayView2<'_, f64>,
    of: &[usize],
    among: &[usize],
    k: usize,
) -> Vec<Vec<usize>> {
    let column = |&i: &usize| predictions.column(i).to_vec();
    let points: Vec<Vec<f64>> = among.iter().map(column).collect();
    let nearest_to = |i: &usize| {
        let own = column(i);
        let distance = |(j, point): (&usize, &Vec<f64>)| (squared_distance(&own, point), *j);
        let mut others: Vec<(f64, usize)> = among.iter().zip(&points).map(distance).collect();
        // Instances without a common classifier are infinitely far.
        others.retain(|(distance, j)| distance.is_finite() && j != i);
        others.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        others.into_iter().take(k).map(|(_, j)| j).collect()
    };
    of.par_iter().map(nearest_to).collect()
}

/// Squared distance over the common cells, scaled up to all; infinite without any.
fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let (mut sum, mut common) = (0.0, 0usize);
    for (x, y) in a.iter().zip(b) {
        let difference = x - y;
        if !difference.is_nan() {
            sum += difference * difference;
            common += 1;
        }
    }
    if common == 0 { f64::INFINITY } else { sum * a.len() as f64 / common as f64 }
}
