//! A small network that decides, instance by instance, which classifier counts.

use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, ensure};

/// Stream of the start's generator; X and Y have 0 and 1.
const STREAM: u64 = 2;

/// Softmax weights of the classifiers from the reconstruction r_hat (m) of an instance:
///
/// ```text
/// g = softmax(V tanh(U r_hat + c) + e)
/// ```
///
/// A gating network as in Jacobs, Jordan, Nowlan and Hinton, "Adaptive Mixtures of Local Experts", Neural
/// Computation 3, 1991, with one hidden layer. V = 0 and e = 0 give g = 1/m: the gated aggregator is then the
/// weighted one.
///
/// ```
/// use cfe_core::Gate;
/// let gate = Gate::random(2, 3, 7);
/// assert_eq!(gate.weights(&[0.9, 0.2]), [0.5, 0.5]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// U, h x m.
    pub hidden: Array2<f64>,
    /// c (h).
    pub hidden_bias: Vec<f64>,
    /// V, m x h.
    pub output: Array2<f64>,
    /// e (m).
    pub output_bias: Vec<f64>,
}

impl Gate {
    /// The start of training: U normal with standard deviation 1 / sqrt(m), everything else 0, so that g =
    /// 1/m.
    pub fn random(m: usize, hidden: usize, seed: u64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        // With V = 0 the first step moves V and e alone; random rows of U keep the units from staying alike.
        let scale = 1.0 / (m.max(1) as f64).sqrt();
        let draw = |_| {
            let z: f64 = StandardNormal.sample(&mut rng);
            scale * z
        };
        Self {
            hidden: Array2::from_shape_fn((hidden, m), draw),
            hidden_bias: vec![0.0; hidden],
            output: Array2::zeros((m, hidden)),
            output_bias: vec![0.0; m],
        }
    }

    /// g (m) of an instance with reconstruction `r_hat` (m). Costs 4 m h flops.
    pub fn weights(&self, r_hat: &[f64]) -> Vec<f64> {
        let units: Vec<f64> =
            layer(&self.hidden, &self.hidden_bias, r_hat).into_iter().map(f64::tanh).collect();
        let scores = layer(&self.output, &self.output_bias, &units);
        // Shifted by the largest: no exponential overflows.
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|g| g / sum).collect()
    }

    /// Refuses shapes that do not fit m classifiers or each other, no units, and numbers that are not finite.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::LengthMismatch`], [`Error::InvalidParameter`].
    pub fn validate(&self, m: usize) -> Result<()> {
        let h = self.hidden.nrows();
        ensure(h >= 1, "gate units", h, "at least 1 is needed")?;
        for (what, found, expected) in
            [("U of the gate", self.hidden.dim(), (h, m)), ("V of the gate", self.output.dim(), (m, h))]
        {
            if found != expected {
                return Err(Error::ShapeMismatch { what, found, expected });
            }
        }
        for (what, found, expected) in
            [("c of the gate", self.hidden_bias.len(), h), ("e of the gate", self.output_bias.len(), m)]
        {
            if found != expected {
                return Err(Error::LengthMismatch { what, found, expected });
            }
        }
        let biases = self.hidden_bias.iter().chain(&self.output_bias);
        match self.hidden.iter().chain(&self.output).chain(biases).find(|v| !v.is_finite()) {
            Some(value) => Err(Error::parameter("gate", value, "its parameters are finite")),
            None => Ok(()),
        }
    }
}

/// A x + b.
fn layer(matrix: &Array2<f64>, bias: &[f64], x: &[f64]) -> Vec<f64> {
    let of_row = |(row, b): (ndarray::ArrayView1<'_, f64>, &f64)| {
        row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>() + b
    };
    matrix.rows().into_iter().zip(bias).map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::Aggregator;

    #[test]
    fn the_formula_by_hand() {
        let gate = Gate {
            hidden: array![[2.0, 0.0]],
            hidden_bias: vec![-1.0],
            output: array![[3.0], [-3.0]],
            output_bias: vec![0.5, 0.0],
        };
        // tanh(2 r_0 - 1), scores 3 t + 0.5 and -3 t.
        let t = (2.0f64 * 0.8 - 1.0).tanh();
        let expected = 1.0 / (1.0 + (-6.0 * t - 0.5).exp());
        let g = gate.weights(&[0.8, 0.1]);
        assert!((g[0] - expected).abs() < 1e-15 && (g[0] + g[1] - 1.0).abs() < 1e-15);
        let gated = Aggregator::Gated { weights: vec![1.5, 2.0], bias: 0.25, gate };
        let z = 2.0 * (1.5 * g[0] * 0.8 + 2.0 * g[1] * 0.1) + 0.25;
        assert!((gated.logit(&[0.8, 0.1]) - z).abs() < 1e-15);
    }

    #[test]
    fn at_the_start_gated_is_weighted_and_huge_scores_do_not_overflow() {
        let (weights, bias) = (vec![0.3, -0.2, 0.5], 0.1);
        let mut gate = Gate::random(3, 4, 1);
        let gated = Aggregator::Gated { weights: weights.clone(), bias, gate: gate.clone() };
        let weighted = Aggregator::Weighted { weights, bias };
        let r_hat = [0.9, 0.4, 0.2];
        assert!((gated.logit(&r_hat) - weighted.logit(&r_hat)).abs() < 1e-15);
        gate.output_bias = vec![1e4, 0.0, -1e4];
        assert_eq!(gate.weights(&r_hat), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn shapes_and_nan_are_refused() {
        let gate = Gate::random(3, 2, 1);
        assert!(gate.validate(3).is_ok() && gate.validate(4).is_err());
        let broken = [
            Gate { hidden_bias: vec![0.0; 3], ..gate.clone() },
            Gate { output_bias: vec![0.0; 2], ..gate.clone() },
            Gate { output: Array2::zeros((3, 3)), ..gate.clone() },
            Gate { hidden: Array2::from_elem((2, 3), f64::NAN), ..gate.clone() },
            Gate::random(3, 0, 1),
        ];
        assert!(broken.iter().all(|gate| gate.validate(3).is_err()));
    }
}
