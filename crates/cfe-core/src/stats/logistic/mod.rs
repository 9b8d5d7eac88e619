//! Weighted, regularized logistic regression with a few dozen features.
//!
//! ```text
//! J(w, b) = sum_i a_i l(y_i, z_i) / sum_i a_i  +  (lambda / 2) (sum_j p_j (w_j - t_j)^2 - (sum_j d_j (w_j - t_j))^2) ,
//! z_i = sum_j w_j x_ji + b
//! ```
//!
//! l is the binary cross-entropy, a the instance weights, p the penalty of each coefficient (0 leaves it
//! free) and t the point it is pulled to: 0 for ridge regression, equal weights for a combiner that is to
//! fall back to averaging. d takes the penalty off one direction (d_j = sqrt(p / k) with equal p: weights are
//! pulled to equal ones of any length). The intercept b is never penalized. Optionally w >= 0, for all
//! features or for some. In scikit-learn's terms C = 1 / (lambda sum_i a_i).
//!
//! ```
//! use cfe_core::logistic::LogisticRegression;
//! use ndarray::array;
//!
//! let features = array![[0.1, 0.2, 0.6, 0.3, 0.7, 0.9]]; // one feature, six instances
//! let labels = [false, false, false, true, true, true];
//! let fit = LogisticRegression { lambda: 0.01, ..Default::default() }.fit(features.view(), &labels, None)?;
//! assert!(fit.converged && fit.kkt_residual < 1e-10);
//! assert!(fit.weights[0] > 0.0);
//! # Ok::<(), cfe_core::Error>(())
//! ```

mod design;
mod newton;
mod prepared;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, ensure, is_at_least_zero, is_positive};

pub use prepared::{PreparedFeatures, SharedCurvature};

/// Settings of a logistic regression; fits by Newton's method, with an active set where `non_negative`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticRegression {
    /// Strength of the penalty, at least 0. 0 means no penalty: classes that a plane separates then have no
    /// optimum.
    pub lambda: f64,
    /// p (k), each at least 0, 0 = not penalized; `None` is 1 for all.
    pub penalty_factors: Option<Vec<f64>>,
    /// t (k), finite; `None` is 0 for all.
    pub targets: Option<Vec<f64>>,
    /// d (k), finite, with sum_j d_j^2 / p_j at most 1 so that the penalty stays convex; `None` is 0 for all.
    pub free_direction: Option<Vec<f64>>,
    /// Whether w >= 0 is required (not of the intercept).
    pub non_negative: bool,
    /// Features (k) that `non_negative` leaves alone; `None` is none of them.
    pub unbounded: Option<Vec<bool>>,
    /// Newton steps at most, at least 1.
    pub max_iterations: usize,
    /// KKT residual at which the fit has converged, positive.
    pub tolerance: f64,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self {
            lambda: 0.0,
            penalty_factors: None,
            targets: None,
            free_direction: None,
            non_negative: false,
            unbounded: None,
            max_iterations: 100,
            tolerance: 1e-10,
        }
    }
}

/// A fitted logistic regression with its certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogisticFit {
    /// w (k).
    pub weights: Vec<f64>,
    /// b.
    pub bias: f64,
    /// J at (w, b).
    pub objective: f64,
    /// Newton steps made.
    pub iterations: usize,
    /// Whether (w, b) is a minimum. False after `max_iterations`, and if w runs to infinity because the
    /// classes are separable and the separating direction is not penalized; (w, b) is then the last iterate.
    pub converged: bool,
    /// Largest violation of the optimality conditions: |dJ/dw_j|, |dJ/db|, and |w_j - max(w_j - dJ/dw_j, 0)|
    /// where w_j is bounded.
    pub kkt_residual: f64,
}

impl LogisticFit {
    /// Logits (n) of features (k x n).
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn logits(&self, features: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let (k, n) = features.dim();
        if k != self.weights.len() {
            let expected = (self.weights.len(), n);
            return Err(Error::ShapeMismatch { what: "the feature matrix", found: (k, n), expected });
        }
        let mut logits = vec![self.bias; n];
        for (row, &w) in features.outer_iter().zip(&self.weights) {
            logits.iter_mut().zip(row).for_each(|(z, x)| *z += w * x);
        }
        Ok(logits)
    }
}

impl LogisticRegression {
    /// Fits features (k x n, finite, one **row** for each feature), labels (n) and instance weights (n,
    /// `None` is 1 each).
    ///
    /// Starts at the targets. Instances of weight 0 do not count. If columns depend on each other and are not
    /// penalized, the minimum is not unique; the one returned is the one reached from the start. Costs about
    /// 10 passes over the data.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for settings or features out of range, [`Error::LengthMismatch`],
    /// [`Error::InvalidWeight`], [`Error::AllWeightsZero`], [`Error::WeightSum`], [`Error::SingleClass`],
    /// [`Error::NothingToEvaluate`] without instances.
    pub fn fit(
        &self,
        features: ArrayView2<'_, f64>,
        labels: &[bool],
        weights: Option<&[f64]>,
    ) -> Result<LogisticFit> {
        self.fit_from(features, labels, weights, None)
    }

    /// As [`fit`](Self::fit), but starts at an earlier fit with the same features.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`Error::LengthMismatch`] or [`Error::InvalidParameter`] for a start that
    /// has another number of weights or is not finite.
    pub fn fit_from(
        &self,
        features: ArrayView2<'_, f64>,
        labels: &[bool],
        weights: Option<&[f64]>,
        start: Option<&LogisticFit>,
    ) -> Result<LogisticFit> {
        self.validate(features.nrows())?;
        self.fit_prepared(&PreparedFeatures::new(features, labels, weights)?, start)
    }

    /// Refuses settings out of range for k features.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], [`Error::LengthMismatch`].
    pub fn validate(&self, k: usize) -> Result<()> {
        check_lambda(self.lambda)?;
        if let Some(factors) = &self.penalty_factors {
            check_list("penalty_factors", factors, k, is_at_least_zero)?;
        }
        if let Some(targets) = &self.targets {
            check_list("targets", targets, k, |v| v.is_finite())?;
        }
        if let Some(direction) = &self.free_direction {
            check_list("free_direction", direction, k, |v| v.is_finite())?;
            // The free direction takes d d^T off the diagonal p. What is left has no negative curvature as
            // long as this sum is at most 1.
            let factor = |j: usize| self.penalty_factors.as_ref().map_or(1.0, |p| p[j]);
            let moving = direction.iter().enumerate().filter(|(_, d)| **d != 0.0);
            let length: f64 = moving.map(|(j, d)| d * d / factor(j)).sum();
            const ALLOWED: &str = "sum d_j^2 / p_j is at most 1; more would reward long weights";
            ensure(length <= 1.0 + 1e-9, "free_direction", length, ALLOWED)?;
        }
        if let Some(unbounded) = self.unbounded.as_ref().filter(|u| u.len() != k) {
            return Err(Error::LengthMismatch { what: "unbounded", found: unbounded.len(), expected: k });
        }
        ensure(
            self.max_iterations > 0,
            "max_iterations",
            self.max_iterations,
            "at least 1 step; 100 is usual",
        )?;
        let tolerance = self.tolerance;
        ensure(is_positive(tolerance), "tolerance", tolerance, "positive; 1e-10 is usual")
    }
}

fn check_start(start: &LogisticFit, k: usize) -> Result<()> {
    check_list("weights of the start", &start.weights, k, |v| v.is_finite())?;
    ensure(start.bias.is_finite(), "start bias", start.bias, "the start of a fit is finite")
}

fn check_lambda(lambda: f64) -> Result<()> {
    ensure(
        is_at_least_zero(lambda),
        "lambda",
        lambda,
        "the strength of a penalty is finite and at least 0 (0 means no penalty)",
    )
}

fn check_list(what: &'static str, list: &[f64], k: usize, ok: impl Fn(f64) -> bool) -> Result<()> {
    if list.len() != k {
        return Err(Error::LengthMismatch { what, found: list.len(), expected: k });
    }
    match list.iter().find(|&&v| !ok(v)) {
        Some(v) => Err(Error::parameter(what, v, "entries are finite, and penalty factors at least 0")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
