//! Learned confidence: a model of the error |r - y| of a cell.
//!
//! What it looks at, and why cells of labeled instances are predicted out of fold: [`crate::confidence`].
//! With fewer than two labeled instances there are no folds.

#[cfg(feature = "learned")]
mod fit;
mod forest;
mod model;

use ndarray::Array2;

use crate::data::EnsembleData;
use crate::error::Result;

pub use forest::{Forest, Node};
pub use model::{CellErrors, N_FEATURES, N_STATISTICS};

impl CellErrors {
    /// From a forest over all labels, and the confidence of the training cells (m x n), out of fold where
    /// labeled.
    ///
    /// # Errors
    /// [`Error::NotCompiledIn`](crate::Error::NotCompiledIn) without the feature `learned`.
    pub(crate) fn fit(
        data: &EnsembleData,
        n_trees: usize,
        max_depth: u16,
        seed: u64,
    ) -> Result<(Self, Array2<f64>)> {
        #[cfg(feature = "learned")]
        return fit::fit(data, fit::Settings { n_trees, max_depth, seed });
        #[cfg(not(feature = "learned"))]
        {
            let _ = (data, n_trees, max_depth, seed);
            Err(crate::Error::NotCompiledIn { what: "learned confidence", feature: "learned" })
        }
    }
}
