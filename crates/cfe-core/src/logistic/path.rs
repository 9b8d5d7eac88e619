//! Many strengths of the penalty at once: warm-started paths and their cross-validation.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::design::{Design, check_lengths};
use super::newton::Newton;
use super::{LogisticFit, LogisticRegression, check_lambda};
use crate::error::{Error, Result, ensure};
use crate::losses::SupervisedLoss;

/// `count` strengths from `largest` down to `smallest`, equally spaced in the logarithm.
///
/// ```
/// let path = cfe_core::logistic::lambda_path(1.0, 0.01, 3)?;
/// assert!((path[1] - 0.1).abs() < 1e-15 && path[0] == 1.0 && path[2] == 0.01);
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] unless 0 < smallest <= largest < infinity and count >= 2.
pub fn lambda_path(largest: f64, smallest: f64, count: usize) -> Result<Vec<f64>> {
    const ALLOWED: &str = "a path needs 0 < smallest <= largest, both finite, and at least 2 points";
    ensure(largest.is_finite() && largest > 0.0, "largest lambda", largest, ALLOWED)?;
    ensure(smallest > 0.0 && smallest <= largest, "smallest lambda", smallest, ALLOWED)?;
    ensure(count >= 2, "number of lambdas", count, ALLOWED)?;
    let ratio = (smallest / largest).ln() / (count - 1) as f64;
    let mut path: Vec<f64> = (0..count).map(|i| largest * (ratio * i as f64).exp()).collect();
    path[count - 1] = smallest;
    Ok(path)
}

/// Held-out losses along a path of p strengths.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CrossValidatedPath {
    /// Strengths (p), as given.
    pub lambdas: Vec<f64>,
    /// Weighted mean log loss of the held-out instances (p), pooled over folds.
    pub log_loss: Vec<f64>,
    /// Standard error of the log loss over folds (p); 0 with one fold that counts.
    pub standard_error: Vec<f64>,
    /// Held-out logits, p x n; NaN for instances that were never held out.
    pub held_out_logits: Array2<f64>,
    /// Position of the smallest log loss; the stronger penalty (as ordered in `lambdas`, the first) wins ties.
    pub best: usize,
    /// Position of the first strength within one standard error of the best (Breiman et al., 1984): take it to be careful.
    pub one_standard_error: usize,
}

impl LogisticRegression {
    /// Fits each strength in turn, from the fit before; give them in descending order. `self.lambda` is not used.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`Error::InvalidParameter`] for a strength out of range.
    pub fn fit_path(
        &self,
        features: ArrayView2<'_, f64>,
        labels: &[bool],
        weights: Option<&[f64]>,
        lambdas: &[f64],
    ) -> Result<Vec<LogisticFit>> {
        self.validate(features.nrows())?;
        lambdas.iter().try_for_each(|&lambda| check_lambda(lambda))?;
        let design = Design::new(features, labels, weights, |_| true)?;
        Ok(self.path_on(&design, lambdas))
    }

    fn path_on(&self, design: &Design, lambdas: &[f64]) -> Vec<LogisticFit> {
        let mut newton = Newton::new(self, design);
        let mut v = newton.start();
        lambdas.iter().map(|&lambda| newton.minimise(&mut v, lambda)).collect()
    }

    /// Log loss along a path by cross-validation over given folds.
    ///
    /// `folds` (n) names the fold of each instance, as
    /// [`StratifiedKFold::assign`](crate::validation::StratifiedKFold::assign) does. A fold whose training part has one
    /// class only is skipped: its instances are not held out. Folds run in parallel; the result does not depend on it.
    ///
    /// # Errors
    /// As [`fit_path`](Self::fit_path); [`Error::InvalidParameter`] without a strength, and [`Error::SingleClass`] if every
    /// fold was skipped.
    pub fn cross_validate(
        &self,
        features: ArrayView2<'_, f64>,
        labels: &[bool],
        weights: Option<&[f64]>,
        lambdas: &[f64],
        folds: &[usize],
    ) -> Result<CrossValidatedPath> {
        let n = features.ncols();
        self.validate(features.nrows())?;
        check_lengths(n, labels, weights)?;
        lambdas.iter().try_for_each(|&lambda| check_lambda(lambda))?;
        ensure(!lambdas.is_empty(), "number of lambdas", 0, "at least one strength is needed")?;
        if folds.len() != n {
            return Err(Error::LengthMismatch { what: "folds", found: folds.len(), expected: n });
        }
        let mut names = folds.to_vec();
        names.sort_unstable();
        names.dedup();
        let fitted: Vec<Result<Vec<LogisticFit>>> = names
            .par_iter()
            .map(|&fold| {
                let design = Design::new(features, labels, weights, |i| folds[i] != fold)?;
                Ok(self.path_on(&design, lambdas))
            })
            .collect();

        let p = lambdas.len();
        let mut logits = Array2::from_elem((p, n), f64::NAN);
        let (mut sums, mut totals) = (vec![Vec::new(); p], Vec::new());
        let mut skipped = None;
        for (&fold, fits) in names.iter().zip(fitted) {
            let fits = match fits {
                Ok(fits) => fits,
                Err(error @ (Error::SingleClass { .. } | Error::NothingToEvaluate)) => {
                    skipped = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let held: Vec<usize> = (0..n).filter(|&i| folds[i] == fold).collect();
            let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
            totals.push(held.iter().map(|&i| weight(i)).sum::<f64>());
            let part = features.select(ndarray::Axis(1), &held);
            for (q, fit) in fits.iter().enumerate() {
                let z = fit.logits(part.view())?;
                let loss = |(&i, &z): (&usize, &f64)| weight(i) * SupervisedLoss::Bce.value(z, labels[i]);
                sums[q].push(held.iter().zip(&z).map(loss).sum::<f64>());
                held.iter().zip(&z).for_each(|(&i, &z)| logits[(q, i)] = z);
            }
        }
        let total: f64 = totals.iter().sum();
        if !(total > 0.0) {
            return Err(skipped.unwrap_or(Error::NothingToEvaluate));
        }
        let log_loss: Vec<f64> = sums.iter().map(|s| s.iter().sum::<f64>() / total).collect();
        let standard_error: Vec<f64> =
            sums.iter().zip(&log_loss).map(|(s, &mean)| standard_error(s, &totals, mean)).collect();
        let best = (0..p).fold(0, |best, q| if log_loss[q] < log_loss[best] { q } else { best });
        let limit = log_loss[best] + standard_error[best];
        let one_standard_error = log_loss.iter().position(|&l| l <= limit).unwrap_or(best);
        Ok(CrossValidatedPath {
            lambdas: lambdas.to_vec(),
            log_loss,
            standard_error,
            held_out_logits: logits,
            best,
            one_standard_error,
        })
    }
}

/// Of a ratio of sums over f folds: sqrt(sum (s - mean t)^2 f / (f - 1)) / sum t.
fn standard_error(sums: &[f64], totals: &[f64], mean: f64) -> f64 {
    let f = sums.len() as f64;
    if f < 2.0 {
        return 0.0;
    }
    let squares: f64 = sums.iter().zip(totals).map(|(s, t)| (s - mean * t).powi(2)).sum();
    (squares * f / (f - 1.0)).sqrt() / totals.iter().sum::<f64>()
}
