//! Where a synthetic instance lies.

use serde::{Deserialize, Serialize};

/// A synthetic instance: `of` + `gap` (`towards` - `of`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Synthetic {
    /// The minority instance it was made from.
    pub of: usize,
    /// The neighbor it lies towards; `of` itself for a copy.
    pub towards: usize,
    /// 0 to 1.
    pub gap: f64,
}

impl Synthetic {
    /// Between two numbers; the one that is there if the other is NaN.
    pub(super) fn between(&self, a: f64, b: f64) -> f64 {
        match (a.is_nan(), b.is_nan()) {
            (false, true) => a,
            (true, false) => b,
            _ => a + self.gap * (b - a),
        }
    }

    pub(super) fn column(&self, matrix: ndarray::ArrayView2<'_, f64>) -> Vec<f64> {
        let pairs = matrix.column(self.of).to_vec().into_iter().zip(matrix.column(self.towards).to_vec());
        pairs.map(|(a, b)| self.between(a, b)).collect()
    }
}
