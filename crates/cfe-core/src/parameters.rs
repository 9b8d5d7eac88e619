//! What training changes, together.

use crate::aggregator::Aggregator;
use crate::error::Result;
use crate::factors::{Factors, START_SCALE};

/// What training changes: X, Y, w and b. A start, a point on the way, or the end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// X and Y.
    pub factors: Factors,
    /// w (m).
    pub weights: Vec<f64>,
    /// b.
    pub bias: f64,
}

impl Parameters {
    /// Random factors and equal weights: w = 1/m, b = 0.
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`](crate::Error::NotEnoughMemory).
    pub fn random(latent_dim: usize, m: usize, n: usize, seed: u64) -> Result<Self> {
        Ok(Self::with_factors(Factors::random(latent_dim, m, n, START_SCALE, seed)?))
    }

    /// Given factors and equal weights.
    pub fn with_factors(factors: Factors) -> Self {
        let m = factors.classifiers.ncols();
        Self { factors, weights: vec![1.0 / m as f64; m], bias: 0.0 }
    }

    /// Shapes and finiteness against m x n data.
    ///
    /// # Errors
    /// As [`Factors::validate`] and [`Aggregator::validate`].
    pub fn validate(&self, m: usize, n: usize) -> Result<()> {
        self.factors.validate(m, n)?;
        Aggregator::Weighted { weights: self.weights.clone(), bias: self.bias }.validate(m)
    }
}
