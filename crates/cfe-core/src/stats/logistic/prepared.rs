//! Features laid out once for many fits.

use ndarray::ArrayView2;

use super::design::Design;
use super::newton::Newton;
use super::{LogisticFit, LogisticRegression, check_start};
use crate::error::{Error, Result};

/// Features, labels and weights as the solver wants them, for many fits with other penalties: laying them out
/// costs as much as a Newton step with few features.
///
/// ```
/// use cfe_core::logistic::{LogisticRegression, PreparedFeatures};
/// use ndarray::array;
///
/// let features = array![[0.1, 0.2, 0.6, 0.3, 0.7, 0.9], [0.3, 0.1, 0.2, 0.5, 0.4, 0.6]];
/// let data = PreparedFeatures::new(features.view(), &[false, false, false, true, true, true], None)?;
/// // Pulled to equal weights, of whatever length: d = (1, 1) / sqrt 2.
/// let equal = LogisticRegression {
///     lambda: 1e4,
///     free_direction: Some(vec![0.5f64.sqrt(); 2]),
///     ..Default::default()
/// };
/// let fit = equal.fit_prepared(&data, None)?;
/// assert!((fit.weights[0] / fit.weights[1] - 1.0).abs() < 1e-3 && fit.weights[0] > 1.0);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug)]
pub struct PreparedFeatures(Design);

impl PreparedFeatures {
    /// Features (k x n, one **row** for each feature), labels (n) and weights (n, `None` is 1 each).
    ///
    /// # Errors
    /// As [`LogisticRegression::fit`], but for the settings.
    pub fn new(features: ArrayView2<'_, f64>, labels: &[bool], weights: Option<&[f64]>) -> Result<Self> {
        Self::subset(features, labels, weights, |_| true)
    }

    /// Only the instances that `keep` says: what cross-validation needs, without a copy of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new), of the instances kept.
    pub fn subset(
        features: ArrayView2<'_, f64>,
        labels: &[bool],
        weights: Option<&[f64]>,
        keep: impl Fn(usize) -> bool,
    ) -> Result<Self> {
        Design::new(features, labels, weights, keep).map(Self)
    }
}

/// Curvature of the losses that fits to the same [`PreparedFeatures`] share; empty before the first of them.
///
/// Fits that differ in their penalties alone have nearly the same Hessian of the losses, which is what a
/// Newton step spends its time on.
#[derive(Debug, Clone, Default)]
pub struct SharedCurvature(Vec<f64>);

impl LogisticRegression {
    /// As [`fit_prepared`](Self::fit_prepared), but with the curvature of earlier fits to the same features
    /// where that does: steps then cost n k in place of n k^2 operations. `precision` (positive) is the
    /// decrease of the objective that is too small for another step. `stop` is asked before every step.
    ///
    /// ```
    /// use cfe_core::logistic::{LogisticRegression, PreparedFeatures, SharedCurvature};
    /// use ndarray::array;
    ///
    /// let features = array![[0.1, 0.2, 0.6, 0.3, 0.7, 0.9], [0.3, 0.1, 0.2, 0.5, 0.4, 0.6]];
    /// let data = PreparedFeatures::new(features.view(), &[false, false, true, true, false, true], None)?;
    /// let mut curvature = SharedCurvature::default();
    /// for lambda in [0.01, 0.03, 0.1] {
    ///     let ridge = LogisticRegression { lambda, ..Default::default() };
    ///     let fit = ridge.fit_sharing(&data, None, &mut curvature, 1e-12, &|| false)?;
    ///     assert!((fit.weights[0] - ridge.fit_prepared(&data, None)?.weights[0]).abs() < 1e-4);
    /// }
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit_prepared`](Self::fit_prepared), and [`Error::Stopped`].
    pub fn fit_sharing(
        &self,
        data: &PreparedFeatures,
        start: Option<&LogisticFit>,
        curvature: &mut SharedCurvature,
        precision: f64,
        stop: &dyn Fn() -> bool,
    ) -> Result<LogisticFit> {
        let design = &data.0;
        let mut newton = self.solver(design, start)?;
        let width = design.k() + 1;
        // The Hessian is of the weights and the bias. An empty one is filled by the first fit.
        let (found, expected) = (curvature.0.len(), width * width);
        if found > 0 && found != expected {
            return Err(Error::LengthMismatch { what: "the curvature", found, expected });
        }
        let mut v = start.map_or_else(|| newton.start(), |start| newton.start_from(start));
        newton.minimize_sharing(&mut v, self.lambda, precision, &mut curvature.0, stop)
    }

    fn solver<'a>(&'a self, design: &'a Design, start: Option<&LogisticFit>) -> Result<Newton<'a>> {
        self.validate(design.k())?;
        if let Some(start) = start {
            check_start(start, design.k())?;
        }
        Ok(Newton::new(self, design))
    }

    /// As [`fit_from`](Self::fit_from) on prepared features.
    ///
    /// # Errors
    /// As [`fit_from`](Self::fit_from), but for the data.
    pub fn fit_prepared(&self, data: &PreparedFeatures, start: Option<&LogisticFit>) -> Result<LogisticFit> {
        let mut newton = self.solver(&data.0, start)?;
        let mut v = start.map_or_else(|| newton.start(), |start| newton.start_from(start));
        Ok(newton.minimize(&mut v, self.lambda))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Optimality in the terms of the formula: the derivative of J is 0 where w is free or positive, and not
    /// below 0 at the bound.
    #[test]
    fn a_free_direction_and_partial_bounds_keep_the_optimum() {
        let (k, n) = (5, 80);
        let x = Array2::from_shape_fn((k, n), |(j, i)| ((i * (2 * j + 3) + j) % 17) as f64 / 8.0 - 1.0);
        let labels: Vec<bool> = (0..n).map(|i| x[(0, i)] - x[(1, i)] - 0.5 * x[(4, i)] > 0.4).collect();
        let direction: Vec<f64> = (0..k).map(|j| if j < 3 { (2.0f64 / 3.0).sqrt() } else { 0.0 }).collect();
        let spec = LogisticRegression {
            lambda: 0.05,
            penalty_factors: Some(vec![2.0, 2.0, 2.0, 1.0, 1.0]),
            free_direction: Some(direction.clone()),
            non_negative: true,
            unbounded: Some(vec![false, false, false, true, true]),
            ..LogisticRegression::default()
        };
        let data = PreparedFeatures::new(x.view(), &labels, None).unwrap();
        let fit = spec.fit_prepared(&data, None).unwrap();
        assert!(fit.converged);
        assert!(fit.weights[1] == 0.0 && fit.weights[3] < 0.0, "{:?}", fit.weights);
        let objective = |w: &[f64]| {
            let z = LogisticFit { weights: w.to_vec(), ..fit.clone() }.logits(x.view()).unwrap();
            let bce = z.iter().zip(&labels).map(|(&z, &y)| crate::losses::SupervisedLoss::Bce.value(z, y));
            let along: f64 = direction.iter().zip(w).map(|(d, w)| d * w).sum();
            let length: f64 = [2.0, 2.0, 2.0, 1.0, 1.0].iter().zip(w).map(|(p, w)| p * w * w).sum();
            bce.sum::<f64>() / n as f64 + 0.025 * (length - along * along)
        };
        assert!((objective(&fit.weights) - fit.objective).abs() < 1e-12);
        for j in 0..k {
            let objective_at = |step: f64| {
                let mut w = fit.weights.clone();
                w[j] += step;
                objective(&w)
            };
            let slope = (objective_at(1e-5) - objective_at(-1e-5)) / 2e-5;
            assert!(if fit.weights[j] == 0.0 { slope > 1e-4 } else { slope.abs() < 1e-8 }, "{j}: {slope}");
        }
        let too_long = LogisticRegression { free_direction: Some(vec![1.0; k]), ..spec };
        assert!(too_long.fit_prepared(&data, None).is_err());
    }
}
