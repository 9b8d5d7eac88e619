//! The objective at one point, part by part.

use serde::{Deserialize, Serialize};

/// The parts of the objective at one point.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LossParts {
    /// rho x reconstruction bracket + (1 - rho) x supervised.
    pub total: f64,
    /// sum c (r - r_hat)^2, or its mean.
    pub reconstruction: f64,
    /// lambda (|X|^2 + |Y|^2), scaled like the reconstruction.
    pub penalty: f64,
    /// Weighted mean of the supervised loss.
    pub supervised: f64,
}

impl LossParts {
    /// Puts the parts together.
    pub fn combine(rho: f64, reconstruction: f64, penalty: f64, supervised: f64) -> Self {
        Self {
            total: rho * (reconstruction + penalty) + (1.0 - rho) * supervised,
            reconstruction,
            penalty,
            supervised,
        }
    }
}
