//! The model of the error of a cell.

use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::forest::Forest;

/// Features of a cell.
pub const N_FEATURES: usize = 9;
/// Columns of the statistics of a classifier.
pub const N_STATISTICS: usize = 3;

/// A fitted model of the error of cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellErrors {
    /// Predicts the error |r - y| of a cell from its features.
    pub forest: Forest,
    /// Mean and variance of r and Brier score over the labeled cells of each classifier (m x 3).
    pub classifiers: Array2<f64>,
}

/// Mean, standard deviation and share of the observed cells of an instance.
pub(super) struct Column {
    mean: f64,
    deviation: f64,
    observed: f64,
}

impl Column {
    pub(super) fn new(cells: ArrayView1<'_, f64>) -> Self {
        let seen = || cells.iter().filter(|r| !r.is_nan());
        let count = seen().count().max(1) as f64;
        let mean = seen().sum::<f64>() / count;
        let variance = seen().map(|r| (r - mean) * (r - mean)).sum::<f64>() / count;
        Self { mean, deviation: variance.sqrt(), observed: seen().count() as f64 / cells.len() as f64 }
    }
}

impl CellErrors {
    pub(super) fn features(&self, u: usize, r: f64, column: &Column) -> [f64; N_FEATURES] {
        let number = |k: usize| self.classifiers[(u, k)];
        [
            r,
            (2.0 * r - 1.0).abs(),
            r - column.mean,
            column.mean,
            column.deviation,
            column.observed,
            number(0),
            number(1),
            number(2),
        ]
    }

    /// Confidence of the cells (m x k) of instances; 0 where missing. Costs n_trees x depth steps for each
    /// cell.
    pub(crate) fn confidence(&self, predictions: ArrayView2<'_, f64>) -> Array2<f64> {
        let (m, n) = predictions.dim();
        let columns: Vec<Vec<f64>> =
            (0..n).into_par_iter().map(|i| self.of_column(predictions.column(i))).collect();
        Array2::from_shape_fn((m, n), |(u, i)| columns[i][u])
    }

    pub(super) fn of_column(&self, cells: ArrayView1<'_, f64>) -> Vec<f64> {
        let column = Column::new(cells);
        let of_cell = |(u, &r): (usize, &f64)| match r.is_nan() {
            true => 0.0,
            false => (1.0 - self.forest.predict(&self.features(u, r, &column))).clamp(0.0, 1.0),
        };
        cells.iter().enumerate().map(of_cell).collect()
    }
}
