//! From resampled values to an interval.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::error::{Result, check_finite, ensure};
use crate::losses::{logit, sigmoid};

/// An estimate with its bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interval {
    /// On the data themselves.
    pub estimate: f64,
    /// Lower end, at most the estimate.
    pub lower: f64,
    /// Upper end, at least the estimate.
    pub upper: f64,
    /// Standard error of the estimate: the standard deviation over resamples, or for average precision what
    /// [`Resampled`] says.
    pub standard_error: f64,
}

/// Which instances are drawn in place of each other.
#[derive(Debug, Clone)]
pub(super) struct Strata {
    /// Instances.
    pub n: usize,
    lists: Vec<Vec<usize>>,
    /// Of two classes the positives, of more the instances of the rarest one.
    rarest: usize,
    /// How many instances say how those of a stratum vary; `None` where the slopes tell.
    freedom: Option<usize>,
}

impl Strata {
    pub(super) fn by_class(labels: &[bool]) -> Self {
        Self::by_fold_and_class(labels, &[(0..labels.len()).collect()])
    }

    /// The negatives of a fold before its positives. The spread of the positives, which are few, decides.
    pub(super) fn by_fold_and_class(labels: &[bool], folds: &[Vec<usize>]) -> Self {
        let rows_of = |rows: &Vec<usize>, class: bool| -> Vec<usize> {
            rows.iter().copied().filter(|&i| labels[i] == class).collect()
        };
        // Negatives and positives of each fold alternate, which `positives` counts on.
        let lists: Vec<Vec<usize>> =
            folds.iter().flat_map(|rows| [rows_of(rows, false), rows_of(rows, true)]).collect();
        let positives = || lists.iter().skip(1).step_by(2).map(Vec::len);
        let (rarest, freedom) = (positives().sum(), positives().map(|n| n.saturating_sub(1)).sum());
        Self { n: labels.len(), lists, rarest, freedom: Some(freedom) }
    }

    /// The instances of each class that occurs.
    pub(super) fn by_label(labels: &[usize], classes: usize) -> Self {
        let mut lists = vec![Vec::new(); classes];
        labels.iter().enumerate().for_each(|(i, &label)| lists[label].push(i));
        lists.retain(|list: &Vec<usize>| !list.is_empty());
        let rarest = lists.iter().map(Vec::len).min().unwrap_or(0);
        Self { n: labels.len(), lists, rarest, freedom: None }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Vec<usize>> {
        self.lists.iter()
    }

    /// What each stratum adds to the variance of a sum over instances, by the delta method.
    fn variances(&self, slopes: impl Fn(usize) -> f64) -> Vec<f64> {
        let of_stratum = |rows: &Vec<usize>| {
            let n = rows.len() as f64;
            let mean = rows.iter().map(|&i| slopes(i)).sum::<f64>() / n;
            // A stratum of one instance says nothing of its spread.
            if n < 2.0 {
                0.0
            } else {
                rows.iter().map(|&i| (slopes(i) - mean).powi(2)).sum::<f64>() * n / (n - 1.0)
            }
        };
        self.all().map(of_stratum).collect()
    }

    /// Standard error of a sum over instances that are drawn from their strata, by the delta method.
    fn standard_error(&self, slopes: impl Fn(usize) -> f64) -> f64 {
        self.variances(slopes).iter().sum::<f64>().sqrt()
    }

    /// Degrees of freedom of that error: of many classes those of a sum of variances that are estimated each
    /// from its own instances (Satterthwaite, 1946).
    fn freedom(&self, slopes: impl Fn(usize) -> f64) -> f64 {
        if let Some(freedom) = self.freedom {
            return freedom.max(1) as f64;
        }
        let variances = self.variances(slopes);
        let each = variances.iter().zip(self.all()).filter(|(_, rows)| rows.len() > 1);
        let squares: f64 = each.map(|(v, rows)| v * v / (rows.len() - 1) as f64).sum();
        if squares > 0.0 { (variances.iter().sum::<f64>().powi(2) / squares).max(1.0) } else { 1.0 }
    }
}

/// Average precision of several rankings on the same resamples, from
/// [`Bootstrap::average_precision`](super::Bootstrap::average_precision).
///
/// The intervals are made for few positives, where percentiles cover 89 to 92% instead of 95, and 71 to 77%
/// for means over folds. With a the estimate, H the mean over random halves of the instances, s the larger of
/// the standard deviation over resamples and the standard error by the delta method, P the positives, F their
/// folds and t the quantile of Student's distribution with P - F degrees of freedom:
///
/// ```text
/// b = H - a                                  halves have twice the bias of the whole
/// c = a - b,   e^2 = s^2 + b^2               a bias is not known better than to its own size
/// interval: logit^-1( logit(c) -+ t e / (c (1 - c)) ),     a difference of two: c -+ t e
/// ```
///
/// For several classes b is the mean over resamples less a (Efron and Tibshirani, 1993, chapter 10), and e is
/// s. The parts are standard ones: the bias of a generalized jackknife (Schucany, Gray and Owen, "On bias
/// reduction in estimation", 1971), an interval on the logit scale (Boyd, Eng and Page, "Area under the
/// precision-recall curve", 2013), which average precision cannot leave, and Student's t for a spread that is
/// estimated itself. That b adds to e in full was chosen by simulation. Where all positives rank first
/// nothing varies; the lower end is then that of a share of P in P (Clopper and Pearson, 1934). An interval
/// reaches to its own estimate where it would not by itself. The book's chapter "Reading the report" has the
/// coverage, `examples/interval_coverage.rs` of this crate measures it.
#[derive(Debug, Clone)]
pub struct Resampled {
    pub(super) confidence: f64,
    pub(super) estimates: Vec<f64>,
    /// How much too large each estimate is, by [halves](super::halves); `None` where resampling tells.
    pub(super) biases: Option<Vec<f64>>,
    /// One list for each resample.
    pub(super) values: Vec<Vec<f64>>,
    /// For each ranking, how far each instance moves the estimate.
    pub(super) slopes: Vec<Vec<f64>>,
    pub(super) strata: Strata,
}

impl Resampled {
    /// Interval of the k-th.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if k is not the number of one of the
    /// scores.
    pub fn interval(&self, k: usize) -> Result<Interval> {
        let (estimate, tail) = (self.estimates(k)?, (1.0 - self.confidence) / 2.0);
        let (bias, standard_error) = self.bias_and_error(|v| v[k], |i| self.slopes[k][i], estimate);
        // Three cases: a perfect ranking, one that cannot vary, and the interval on the logit scale.
        let (lower, upper) = if estimate >= 1.0 {
            (tail.powf(1.0 / self.strata.rarest as f64), 1.0)
        } else if standard_error < 1e-12 {
            // Every instance ties: the estimate is the prevalence in any resample, to rounding.
            (estimate, estimate)
        } else {
            // A bias is not believed beyond half of the way to either end.
            let center = (estimate - bias).clamp(estimate / 2.0, f64::midpoint(estimate, 1.0));
            let half = self.quantile(|i| self.slopes[k][i]) * standard_error / (center * (1.0 - center));
            (sigmoid(logit(center, 0.0) - half), sigmoid(logit(center, 0.0) + half))
        };
        Ok(Interval { estimate, lower: lower.min(estimate), upper: upper.max(estimate), standard_error })
    }

    /// Interval of the a-th less the b-th.
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn difference(&self, a: usize, b: usize) -> Result<Interval> {
        let estimate = self.estimates(a)? - self.estimates(b)?;
        let slope = |i: usize| self.slopes[a][i] - self.slopes[b][i];
        let (bias, standard_error) = self.bias_and_error(|v| v[a] - v[b], slope, estimate);
        // A difference may have either sign, so that no transformation keeps it inside. The ends are cut
        // at -1 and 1, and at the estimate.
        let (center, half) = (estimate - bias, self.quantile(slope) * standard_error);
        Ok(Interval {
            estimate,
            lower: (center - half).clamp(-1.0, estimate),
            upper: (center + half).clamp(estimate, 1.0),
            standard_error,
        })
    }

    /// The k-th of each resample, in the order of the resamples: what other intervals are made of.
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn values(&self, k: usize) -> Result<Vec<f64>> {
        self.estimates(k)?;
        Ok(self.values.iter().map(|v| v[k]).collect())
    }

    fn estimates(&self, k: usize) -> Result<f64> {
        ensure(k < self.estimates.len(), "index", k, "below the number of scores that were resampled")?;
        Ok(self.estimates[k])
    }

    /// Bias and standard error of a linear function `of` the rankings. The error is the larger of two: that
    /// of resampling is too small for want of n / (n - 1), that of the delta method where the average
    /// precision is far from linear. A bias from halves is not known better than to its own size, which adds
    /// to the error.
    fn bias_and_error(
        &self,
        of: impl Fn(&[f64]) -> f64,
        slope: impl Fn(usize) -> f64,
        estimate: f64,
    ) -> (f64, f64) {
        let values: Vec<f64> = self.values.iter().map(|v| of(v)).collect();
        let (mean, deviation) = mean_and_deviation(&values);
        let error = deviation.max(self.strata.standard_error(slope));
        match &self.biases {
            None => (mean - estimate, error),
            Some(biases) => (of(biases), error.hypot(of(biases))),
        }
    }

    /// Student's quantile.
    fn quantile(&self, slopes: impl Fn(usize) -> f64) -> f64 {
        let student = StudentsT::new(0.0, 1.0, self.strata.freedom(slopes));
        let tail = (1.0 - self.confidence) / 2.0;
        student.expect("at least one degree of freedom").inverse_cdf(1.0 - tail)
    }
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, variance.sqrt())
}

/// The percentile interval of resampled values, widened where needed to hold the estimate: an interval that
/// excludes its own estimate says nothing that a reader could use.
pub(super) fn percentile(confidence: f64, estimate: f64, mut values: Vec<f64>) -> Result<Interval> {
    check_finite(&values)?;
    let (_, standard_error) = mean_and_deviation(&values);
    values.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Ok(Interval {
        estimate,
        lower: quantile(&values, tail).min(estimate),
        upper: quantile(&values, 1.0 - tail).max(estimate),
        standard_error,
    })
}

/// Linear between order statistics, numpy's default.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}
