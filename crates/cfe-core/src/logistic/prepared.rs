//! Features laid out once for many fits.

use ndarray::ArrayView2;

use super::design::Design;
use super::newton::Newton;
use super::{LogisticFit, LogisticRegression, check_start};
use crate::error::Result;

/// Features, labels and weights as the solver wants them, for many fits with other penalties: laying them out costs as much
/// as a Newton step with few features.
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

impl LogisticRegression {
    /// As [`fit_from`](Self::fit_from) on prepared features.
    ///
    /// # Errors
    /// As [`fit_from`](Self::fit_from), but for the data.
    pub fn fit_prepared(&self, data: &PreparedFeatures, start: Option<&LogisticFit>) -> Result<LogisticFit> {
        let design = &data.0;
        self.validate(design.k())?;
        if let Some(start) = start {
            check_start(start, design.k())?;
        }
        let mut newton = Newton::new(self, design);
        let mut v = start.map_or_else(|| newton.start(), |start| newton.start_from(start));
        Ok(newton.minimise(&mut v, self.lambda))
    }
}
