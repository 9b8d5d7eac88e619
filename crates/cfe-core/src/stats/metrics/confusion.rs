//! Metrics at one threshold.

use serde::{Deserialize, Serialize};

/// Weighted counts of the four outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Confusion {
    /// True positives.
    pub tp: f64,
    /// False positives.
    pub fp: f64,
    /// False negatives.
    #[serde(rename = "fn")]
    pub fn_: f64,
    /// True negatives.
    pub tn: f64,
}

/// a / b, and 0 where b is 0.
pub(super) fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// What a sum of weights is divided by before it is multiplied with another: 1, unless products would leave
/// the range of numbers.
pub(super) fn unit_of(sum: f64) -> f64 {
    if (1e-100..=1e100).contains(&sum) || !(sum > 0.0) { 1.0 } else { sum }
}

impl Confusion {
    /// tp / (tp + fp).
    pub fn precision(&self) -> f64 {
        ratio(self.tp, self.tp + self.fp)
    }

    /// tp / (tp + fn), the true positive rate.
    pub fn recall(&self) -> f64 {
        ratio(self.tp, self.tp + self.fn_)
    }

    /// tn / (tn + fp), the true negative rate.
    pub fn specificity(&self) -> f64 {
        ratio(self.tn, self.tn + self.fp)
    }

    /// 2 tp / (2 tp + fp + fn).
    pub fn f1(&self) -> f64 {
        self.f_beta(1.0)
    }

    /// (1 + beta^2) tp / ((1 + beta^2) tp + beta^2 fn + fp); beta > 1 favors recall, and
    /// beyond 1e100 it is recall to the last digit.
    pub fn f_beta(&self, beta: f64) -> f64 {
        let beta = beta.clamp(-1e100, 1e100);
        let b = beta * beta;
        ratio((1.0 + b) * self.tp, (1.0 + b) * self.tp + b * self.fn_ + self.fp)
    }

    /// Matthews correlation coefficient, -1 to 1 (Matthews, 1975); 0 where a margin is empty.
    pub fn mcc(&self) -> f64 {
        let unit = unit_of(self.tp + self.fp + self.fn_ + self.tn);
        let [tp, fp, fn_, tn] = [self.tp, self.fp, self.fn_, self.tn].map(|count| count / unit);
        // Square roots before the product, so that four margins of large weights do not overflow.
        let scale = (tp + fp).sqrt() * (tp + fn_).sqrt() * (tn + fp).sqrt() * (tn + fn_).sqrt();
        ratio(tp * tn - fp * fn_, scale)
    }

    /// Mean recall of the classes that occur.
    pub fn balanced_accuracy(&self) -> f64 {
        match (self.tp + self.fn_ > 0.0, self.tn + self.fp > 0.0) {
            (true, true) => (self.recall() + self.specificity()) / 2.0,
            (true, false) => self.recall(),
            _ => self.specificity(),
        }
    }

    /// (tp + tn) / all.
    pub fn accuracy(&self) -> f64 {
        ratio(self.tp + self.tn, self.tp + self.fp + self.fn_ + self.tn)
    }
}
