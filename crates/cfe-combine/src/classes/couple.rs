//! K log-odds, one of each class against all others, made one distribution.

use cfe_core::Result;
use cfe_core::classes::normalize;
use cfe_core::losses::sigmoid;
use cfe_core::multinomial::SoftmaxCoupling;
use cfe_core::validation::Folds;
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// How classes are coupled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CouplingMethod {
    /// p_k = sigma(z_k) / sum_j sigma(z_j); nothing is fitted.
    NormalizedSums,
    /// softmax_k(a z_k + b_k), a and b fitted on out-of-fold log-odds.
    SoftmaxLogOdds,
    /// softmax_k(a log sigma(z_k) + b_k), fitted in the same way: with a = 1 and b = 0 these are the
    /// normalized sums.
    #[default]
    SoftmaxLogProbability,
}

impl CouplingMethod {
    /// Every method with its name.
    pub const ALL: [(Self, &str); 3] = [
        (Self::NormalizedSums, "normalized_sums"),
        (Self::SoftmaxLogOdds, "softmax_log_odds"),
        (Self::SoftmaxLogProbability, "softmax_log_probability"),
    ];
}

/// A fitted coupling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Coupling {
    /// Of two classes: the probability of the second is that of the binary model.
    Binary,
    /// See [`CouplingMethod::NormalizedSums`].
    NormalizedSums,
    /// See [`CouplingMethod::SoftmaxLogOdds`].
    SoftmaxLogOdds(SoftmaxCoupling),
    /// See [`CouplingMethod::SoftmaxLogProbability`].
    SoftmaxLogProbability(SoftmaxCoupling),
}

/// log sigma(z), finite for every finite z.
fn log_sigmoid(z: f64) -> f64 {
    // The exponential never sees a positive number, so that it cannot overflow.
    z.min(0.0) - (-z.abs()).exp().ln_1p()
}

impl Coupling {
    /// Fits to log-odds (n x K) of rows that the log-odds were not trained on, with labels (n) and weights
    /// (n).
    ///
    /// # Errors
    /// As [`SoftmaxCoupling::fit`].
    pub fn fit(
        method: CouplingMethod,
        log_odds: ArrayView2<'_, f64>,
        labels: &[usize],
        weights: &[f64],
    ) -> Result<Self> {
        Ok(match method {
            CouplingMethod::NormalizedSums => Coupling::NormalizedSums,
            CouplingMethod::SoftmaxLogOdds => {
                Coupling::SoftmaxLogOdds(SoftmaxCoupling::fit(log_odds, labels, weights)?)
            }
            CouplingMethod::SoftmaxLogProbability => {
                let scores = log_odds.mapv(log_sigmoid);
                Coupling::SoftmaxLogProbability(SoftmaxCoupling::fit(scores.view(), labels, weights)?)
            }
        })
    }

    /// What [`fit`](Self::fit) starts from: normalized sums, or the softmax of the log-odds.
    fn unfitted(method: CouplingMethod, classes: usize) -> Self {
        let softmax = SoftmaxCoupling { slope: 1.0, offsets: vec![0.0; classes] };
        match method {
            CouplingMethod::NormalizedSums => Coupling::NormalizedSums,
            CouplingMethod::SoftmaxLogOdds => Coupling::SoftmaxLogOdds(softmax),
            CouplingMethod::SoftmaxLogProbability => Coupling::SoftmaxLogProbability(softmax),
        }
    }

    /// The distribution of one row from its log-odds (K), in place.
    pub fn apply(&self, z: &mut [f64]) {
        match self {
            Coupling::Binary => {
                // The second class has what the binary model says, and the first has the rest.
                let positive = sigmoid(z[1]);
                (z[0], z[1]) = (1.0 - positive, positive);
            }
            Coupling::NormalizedSums => {
                z.iter_mut().for_each(|z| *z = sigmoid(*z));
                normalize(z);
            }
            Coupling::SoftmaxLogOdds(softmax) => softmax.apply(z),
            Coupling::SoftmaxLogProbability(softmax) => {
                z.iter_mut().for_each(|z| *z = log_sigmoid(*z));
                softmax.apply(z);
            }
        }
    }

    /// The same for each row of log-odds (n x K).
    pub fn apply_all(&self, log_odds: &Array2<f64>) -> Array2<f64> {
        let mut out = log_odds.as_standard_layout().into_owned();
        out.rows_mut().into_iter().for_each(|mut row| {
            self.apply(row.as_slice_mut().expect("rows of a matrix in standard layout"));
        });
        out
    }

    /// Refuses parameters that no fit gives, as a changed file can bring them.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](cfe_core::Error::InvalidParameter).
    pub fn validate(&self, classes: usize) -> Result<()> {
        match self {
            Coupling::Binary => cfe_core::ensure(
                classes == 2,
                "coupling",
                "binary",
                "it belongs to two classes; was the file changed?",
            ),
            Coupling::NormalizedSums => Ok(()),
            Coupling::SoftmaxLogOdds(softmax) | Coupling::SoftmaxLogProbability(softmax) => {
                softmax.validate(classes)
            }
        }
    }
}

/// Distributions of rows (n x K), each by a coupling that was fitted without the fold of the row.
pub(super) fn cross_fitted(
    method: CouplingMethod,
    log_odds: &Array2<f64>,
    labels: &[usize],
    weights: &[f64],
    folds: &Folds,
) -> Result<Array2<f64>> {
    let mut out = Array2::zeros(log_odds.dim());
    for fold in 0..folds.n_splits() {
        // The log-odds are out-of-fold already, and so is the coupling: neither saw the label of a row.
        let (rest, held) = (folds.train(fold), folds.test(fold));
        let log_odds_of = |rows: &[usize]| log_odds.select(Axis(0), rows);
        let y: Vec<usize> = rest.iter().map(|&p| labels[p]).collect();
        let a: Vec<f64> = rest.iter().map(|&p| weights[p]).collect();
        // Before the first fold in time there is no row to learn from.
        let coupling = match a.iter().any(|&a| a > 0.0) {
            true => Coupling::fit(method, log_odds_of(&rest).view(), &y, &a)?,
            false => Coupling::unfitted(method, log_odds.ncols()),
        };
        for (&p, row) in held.iter().zip(coupling.apply_all(&log_odds_of(&held)).rows()) {
            out.row_mut(p).assign(&row);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coupling_gives_a_distribution_that_follows_the_order_of_the_log_odds() {
        let softmax = SoftmaxCoupling { slope: 1.0, offsets: vec![0.0; 3] };
        for coupling in [
            Coupling::NormalizedSums,
            Coupling::SoftmaxLogOdds(softmax.clone()),
            Coupling::SoftmaxLogProbability(softmax.clone()),
        ] {
            for z in [[-3.0, 0.5, 2.0], [-800.0, -790.0, -700.0], [100.0, 300.0, 800.0]] {
                let mut p = z;
                coupling.apply(&mut p);
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{coupling:?} {p:?}");
                assert!(p[0] <= p[1] && p[1] <= p[2] && p[0] >= 0.0, "{coupling:?} {p:?}");
            }
        }
        let (mut a, mut b) = ([-1.0, 0.3, 2.0], [-1.0, 0.3, 2.0]);
        Coupling::NormalizedSums.apply(&mut a);
        Coupling::SoftmaxLogProbability(softmax).apply(&mut b);
        a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 1e-15));
        assert!(Coupling::Binary.validate(3).is_err());
    }
}
