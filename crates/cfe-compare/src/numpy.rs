//! Normal numbers as numpy's legacy generator draws them.
//!
//! The published ALS start factors come from `numpy.random.seed(s)` and `randn`: MT19937 seeded by Knuth's
//! recurrence, doubles of 53 bits from two outputs, and the polar method of Marsaglia and Bray (1964) that
//! keeps its second value for the next call.

use cf_ensemble::{Factors, Parameters, START_SCALE};
use ndarray::Array2;
use rand_mt::Mt;

/// numpy's `RandomState(seed)`, as far as `randn` goes.
#[derive(Debug, Clone)]
pub struct RandomState {
    generator: Mt,
    kept: Option<f64>,
}

impl RandomState {
    /// `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        Self { generator: Mt::new(seed), kept: None }
    }

    /// Uniform in [0, 1), 53 bits.
    fn uniform(&mut self) -> f64 {
        // 27 and 26 random bits: (a 2^26 + b) / 2^53.
        let (a, b) = (self.generator.next_u32() >> 5, self.generator.next_u32() >> 6);
        (f64::from(a) * 67_108_864.0 + f64::from(b)) / 9_007_199_254_740_992.0
    }

    /// A standard normal number.
    pub fn normal(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let (x1, x2) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let r2 = x1 * x1 + x2 * x2;
            if r2 < 1.0 && r2 != 0.0 {
                let scale = (-2.0 * r2.ln() / r2).sqrt();
                // numpy gives the second number of a pair first.
                self.kept = Some(scale * x1);
                return scale * x2;
            }
        }
    }

    /// `scale * randn(rows, columns)`, filled row by row.
    pub fn normal_matrix(&mut self, scale: f64, rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_simple_fn((rows, columns), || scale * self.normal())
    }
}

/// The published start: X (d x m), then Y (d x n), and equal weights.
pub fn published_start(seed: u32, latent_dim: usize, m: usize, n: usize) -> Parameters {
    let mut random = RandomState::new(seed);
    let classifiers = random.normal_matrix(START_SCALE, latent_dim, m);
    let instances = random.normal_matrix(START_SCALE, latent_dim, n);
    Parameters::with_factors(Factors { classifiers, instances })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_numpys() {
        // numpy.random.seed(42); numpy.random.randn(4)
        let mut random = RandomState::new(42);
        let expected = [0.4967141530112327, -0.13826430117118466, 0.6476885381006925, 1.5230298564080254];
        for value in expected {
            assert!((random.normal() - value).abs() < 1e-15);
        }
    }
}
