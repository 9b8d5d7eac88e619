//! Metrics of probabilities of K classes, with sample weights throughout.
//!
//! Definitions follow scikit-learn where it has them. What is measured of one class is measured against all
//! others by [`Scored`], so that a metric of a class has the definition of the binary one.
//!
//! ```
//! use cfe_core::metrics::classes::ClassScored;
//! use ndarray::array;
//!
//! let probabilities = array![[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.2, 0.2, 0.6], [0.5, 0.4, 0.1]];
//! let scored = ClassScored::new(&[0, 1, 2, 1], probabilities.view(), None)?;
//! assert_eq!(scored.average_precision(1)?, Some(1.0));
//! assert_eq!(scored.confusion(&scored.largest())?.accuracy(), 0.75);
//! # Ok::<(), cfe_core::Error>(())
//! ```

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::confusion::{ratio, unit_of};
use super::{BinEdge, Scored};
use crate::error::{Error, Result, check_length, check_weights, ensure};
use crate::weights::check_weight_sum;

/// Bins of the calibration error that reports quote.
const ECE_BINS: usize = 10;

/// Labels with the probabilities to be judged: checked once, measured often.
#[derive(Debug, Clone)]
pub struct ClassScored {
    labels: Vec<usize>,
    /// n x K.
    probabilities: Array2<f64>,
    weights: Vec<f64>,
}

impl ClassScored {
    /// Labels (n, numbers of classes), probabilities (n x K, 0 to 1) and weights (n, finite and at least 0;
    /// `None` is 1 each). Instances of weight 0 do not count.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidParameter`] for a label that is not below K, or for a
    /// probability outside 0 to 1; [`Error::InvalidWeight`], [`Error::WeightSum`],
    /// [`Error::NothingToEvaluate`].
    pub fn new(
        labels: &[usize],
        probabilities: ArrayView2<'_, f64>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let (n, classes) = probabilities.dim();
        check_classes(n, classes, labels, weights)?;
        if let Some(p) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            ensure(false, "probability", p, "metrics of classes need probabilities, 0 to 1")?;
        }
        // Instances of weight 0 are left out here, once, and nothing behind has to ask for them.
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        let kept: Vec<usize> = (0..n).filter(|&i| weight(i) > 0.0).collect();
        if kept.is_empty() {
            return Err(Error::NothingToEvaluate);
        }
        let weights: Vec<f64> = kept.iter().map(|&i| weight(i)).collect();
        check_weight_sum("the weights", weights.iter().copied())?;
        Ok(Self {
            labels: kept.iter().map(|&i| labels[i]).collect(),
            probabilities: probabilities.select(ndarray::Axis(0), &kept),
            weights,
        })
    }

    /// Labels of the instances that count.
    pub(crate) fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Weights of the instances that count.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Probabilities of the instances that count.
    pub(crate) fn probabilities(&self) -> ArrayView2<'_, f64> {
        self.probabilities.view()
    }

    fn n_classes(&self) -> usize {
        self.probabilities.ncols()
    }

    fn mean(&self, term: impl Fn(usize) -> f64) -> f64 {
        let total: f64 = self.weights.iter().sum();
        self.weights.iter().enumerate().map(|(i, w)| w * term(i)).sum::<f64>() / total
    }

    /// Log loss, mean -log p of the true class, in nats; probabilities are moved into [2^-52, 1 - 2^-52].
    pub fn log_loss(&self) -> f64 {
        self.mean(|i| self.loss(i))
    }

    /// The log loss of one instance.
    pub(crate) fn loss(&self, i: usize) -> f64 {
        // As scikit-learn clips for the type of the probabilities, so that a p of 0 costs 36 and not
        // infinity.
        -self.probabilities[(i, self.labels[i])].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    }

    /// Brier score, mean sum_k (p_k - y_k)^2, 0 to 2 (Brier, 1950). For two classes it is twice the binary
    /// one, as in scikit-learn.
    pub fn brier(&self) -> f64 {
        self.mean(|i| {
            let of_class = |(k, p): (usize, &f64)| (p - f64::from(u8::from(k == self.labels[i]))).powi(2);
            self.probabilities.row(i).iter().enumerate().map(of_class).sum()
        })
    }

    /// Class `k` against all others.
    fn one_vs_rest(&self, k: usize) -> Result<Scored> {
        ensure(k < self.n_classes(), "class", k, "the number of a class, below the number of classes")?;
        let labels: Vec<bool> = self.labels.iter().map(|&label| label == k).collect();
        Scored::weighted(&labels, &self.probabilities.column(k).to_vec(), &self.weights)
    }

    /// Average precision of class `k` against all others; `None` where no instance is of the class.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a number that is not below K.
    pub fn average_precision(&self, k: usize) -> Result<Option<f64>> {
        let occurs = self.labels.contains(&k);
        Ok(occurs.then_some(self.one_vs_rest(k)?.ranking().average_precision()))
    }

    /// Area under the ROC curve of class `k` against all others; `None` where all instances are of the class,
    /// or none.
    ///
    /// # Errors
    /// As [`average_precision`](Self::average_precision).
    pub fn roc_auc(&self, k: usize) -> Result<Option<f64>> {
        Ok(self.one_vs_rest(k)?.ranking().roc_auc())
    }

    /// Expected calibration error of class `k` against all others, over ten equal, left-closed bins.
    ///
    /// # Errors
    /// As [`average_precision`](Self::average_precision).
    pub fn calibration_error(&self, k: usize) -> Result<f64> {
        self.one_vs_rest(k)?.expected_calibration_error(ECE_BINS, BinEdge::LeftClosed)
    }

    /// The class of the largest probability of each instance, the first of equal ones.
    pub fn largest(&self) -> Vec<usize> {
        self.probabilities.rows().into_iter().map(|row| largest(row.iter().copied())).collect()
    }

    /// Expected calibration error of the largest probability: how often its class is right beside how likely
    /// it is said to be, over ten equal, left-closed bins (Guo, Pleiss, Sun and Weinberger, ICML 2017).
    ///
    /// # Errors
    /// None that a checked value can cause.
    pub fn top_label_ece(&self) -> Result<f64> {
        let decided = self.largest();
        let right: Vec<bool> = self.labels.iter().zip(&decided).map(|(y, d)| y == d).collect();
        let top: Vec<f64> = decided.iter().enumerate().map(|(i, &k)| self.probabilities[(i, k)]).collect();
        let scored = Scored::weighted(&right, &top, &self.weights)?;
        scored.expected_calibration_error(ECE_BINS, BinEdge::LeftClosed)
    }

    /// The confusion matrix of decisions about the instances that count (classes, in their order).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidParameter`] for a decision that is not below K.
    pub fn confusion(&self, decisions: &[usize]) -> Result<ClassConfusion> {
        ClassConfusion::new(self.n_classes(), &self.labels, decisions, Some(&self.weights))
    }

    /// All figures at once, for decisions as [`confusion`](Self::confusion) takes them.
    ///
    /// # Errors
    /// As [`confusion`](Self::confusion).
    pub fn summary(&self, decisions: &[usize]) -> Result<ClassSummary> {
        let confusion = self.confusion(decisions)?;
        let per_class = (0..self.n_classes())
            .map(|k| {
                Ok(OfClass {
                    weight: confusion.of_truth(k),
                    average_precision: self.average_precision(k)?,
                    roc_auc: self.roc_auc(k)?,
                    precision: confusion.precision(k),
                    recall: confusion.recall(k),
                    f1: confusion.f1(k),
                    ece: self.calibration_error(k)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        // Macro figures are means over the classes that occur: a class without an instance has no figure.
        Ok(ClassSummary {
            log_loss: self.log_loss(),
            brier: self.brier(),
            macro_average_precision: mean(per_class.iter().filter_map(|of| of.average_precision)),
            macro_roc_auc: mean(per_class.iter().filter_map(|of| of.roc_auc)),
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            macro_f1: confusion.macro_f1(),
            mcc: confusion.mcc(),
            top_label_ece: self.top_label_ece()?,
            per_class,
            confusion,
        })
    }
}

/// The place of the largest value, the first of equal ones; 0 for an empty list.
pub fn largest(values: impl IntoIterator<Item = f64>) -> usize {
    // NaN is never larger, and so never chosen.
    let mut best = (0, f64::NEG_INFINITY);
    for (k, value) in values.into_iter().enumerate() {
        if value > best.1 {
            best = (k, value);
        }
    }
    best.0
}

/// Refuses labels that are not below `classes` and weights below 0, and other than n of either.
pub(crate) fn check_classes(
    n: usize,
    classes: usize,
    labels: &[usize],
    weights: Option<&[f64]>,
) -> Result<()> {
    check_length("labels", labels.len(), n)?;
    if let Some(weights) = weights {
        check_length("weights", weights.len(), n)?;
        check_weights("weight", weights)?;
    }
    const ALLOWED: &str = "labels are numbers of classes, from 0 and below the number of classes";
    match labels.iter().find(|&&label| label >= classes) {
        Some(label) => ensure(false, "label", label, ALLOWED),
        None => Ok(()),
    }
}

/// Mean of the values that there are; `None` without any.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// What is measured of one class, against all others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OfClass {
    /// Weight of the instances of the class; their number where nothing is weighted.
    pub weight: f64,
    /// Average precision; `None` without an instance of the class.
    pub average_precision: Option<f64>,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Share of the class among the instances that are decided to be of it.
    pub precision: f64,
    /// Share of the instances of the class that are decided to be of it.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Expected calibration error of its probability.
    pub ece: f64,
}

/// The figures that reports quote of probabilities and decisions of K classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassSummary {
    /// In nats.
    pub log_loss: f64,
    /// 0 to 2.
    pub brier: f64,
    /// Mean over the classes that occur.
    pub macro_average_precision: Option<f64>,
    /// Mean over the classes that occur, each against all others.
    pub macro_roc_auc: Option<f64>,
    /// Share of right decisions.
    pub accuracy: f64,
    /// Mean recall of the classes that occur.
    pub balanced_accuracy: f64,
    /// Mean F1 of the classes that occur or are decided for.
    pub macro_f1: f64,
    /// Matthews correlation coefficient of K classes, -1 to 1.
    pub mcc: f64,
    /// Expected calibration error of the largest probability.
    pub top_label_ece: f64,
    /// Of each class (K).
    pub per_class: Vec<OfClass>,
    /// What was decided of what is true.
    pub confusion: ClassConfusion,
}

/// Weighted counts: rows are true classes, columns are decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassConfusion {
    /// K lists of K.
    counts: Vec<Vec<f64>>,
}

impl ClassConfusion {
    /// Counts decisions (n) of labels (n), both below `classes`, with weights (n, `None` is 1 each).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidParameter`].
    pub fn new(
        classes: usize,
        labels: &[usize],
        decisions: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        check_length("decisions", decisions.len(), labels.len())?;
        if let Some(weights) = weights {
            check_length("weights", weights.len(), labels.len())?;
        }
        let mut counts = vec![vec![0.0; classes]; classes];
        for (i, (&truth, &decision)) in labels.iter().zip(decisions).enumerate() {
            let outside = truth.max(decision);
            ensure(
                outside < classes,
                "class",
                outside,
                "the number of a class, below the number of classes",
            )?;
            counts[truth][decision] += weights.map_or(1.0, |w| w[i]);
        }
        Ok(Self { counts })
    }

    /// K lists of K: rows are true classes, columns are decisions.
    pub fn counts(&self) -> &[Vec<f64>] {
        &self.counts
    }

    fn classes(&self) -> std::ops::Range<usize> {
        0..self.counts.len()
    }

    fn of_truth(&self, k: usize) -> f64 {
        self.counts[k].iter().sum()
    }

    fn of_decision(&self, k: usize) -> f64 {
        self.counts.iter().map(|row| row[k]).sum()
    }

    /// Share of class `k` among what is decided to be of it; 0 where nothing is.
    pub fn precision(&self, k: usize) -> f64 {
        ratio(self.counts[k][k], self.of_decision(k))
    }

    /// Share of class `k` that is decided to be of it; 0 where there is nothing of it.
    pub fn recall(&self, k: usize) -> f64 {
        ratio(self.counts[k][k], self.of_truth(k))
    }

    /// 2 tp / (2 tp + fp + fn) of class `k`.
    pub fn f1(&self, k: usize) -> f64 {
        ratio(2.0 * self.counts[k][k], self.of_truth(k) + self.of_decision(k))
    }

    /// Share of right decisions.
    pub fn accuracy(&self) -> f64 {
        let right: f64 = self.classes().map(|k| self.counts[k][k]).sum();
        ratio(right, self.classes().map(|k| self.of_truth(k)).sum())
    }

    /// Mean recall of the classes that occur; 0 where none does.
    pub fn balanced_accuracy(&self) -> f64 {
        mean(self.classes().filter(|&k| self.of_truth(k) > 0.0).map(|k| self.recall(k))).unwrap_or(0.0)
    }

    /// Mean F1 of the classes that occur or are decided for; 0 where none does.
    pub fn macro_f1(&self) -> f64 {
        let met = |k: &usize| self.of_truth(*k) > 0.0 || self.of_decision(*k) > 0.0;
        mean(self.classes().filter(met).map(|k| self.f1(k))).unwrap_or(0.0)
    }

    /// Matthews correlation coefficient of K classes (Gorodkin, "Comparing Two K-Category Assignments by a
    /// K-Category Correlation Coefficient", 2004); 0 where all instances are of one class or decided to be.
    pub fn mcc(&self) -> f64 {
        // The coefficient has no unit: sums of weights that would overflow or vanish when they are multiplied
        // are divided first.
        let unit = unit_of(self.classes().map(|k| self.of_truth(k)).sum());
        let truth: Vec<f64> = self.classes().map(|k| self.of_truth(k) / unit).collect();
        let decided: Vec<f64> = self.classes().map(|k| self.of_decision(k) / unit).collect();
        let right: f64 = self.classes().map(|k| self.counts[k][k] / unit).sum();
        let n: f64 = truth.iter().sum();
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let covariance = right * n - product(&truth, &decided);
        let spread = |a: &[f64]| (n * n - product(a, a)).max(0.0).sqrt();
        ratio(covariance, spread(&truth) * spread(&decided))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_class_that_does_not_occur_counts_in_no_mean() {
        let probabilities = array![[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]];
        let scored = ClassScored::new(&[0, 1], probabilities.view(), None).expect("valid");
        let summary = scored.summary(&scored.largest()).expect("valid");
        assert_eq!(summary.per_class[2].average_precision, None);
        assert_eq!((summary.macro_average_precision, summary.macro_roc_auc), (Some(1.0), Some(1.0)));
        assert_eq!((summary.balanced_accuracy, summary.macro_f1), (1.0, 1.0));
        assert!((summary.mcc - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_weight_of_two_is_an_instance_twice_and_zero_is_none() {
        let p = array![[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]];
        let weighted = ClassScored::new(&[0, 2, 2, 1], p.view(), Some(&[1.0, 2.0, 1.0, 0.0])).expect("valid");
        let twice = p.select(ndarray::Axis(0), &[0, 1, 1, 2]);
        let twice = ClassScored::new(&[0, 2, 2, 2], twice.view(), None).expect("valid");
        assert_eq!(weighted.labels.len(), 3);
        let (a, b) = (weighted.summary(&weighted.largest()), twice.summary(&twice.largest()));
        let (a, b) = (a.expect("valid"), b.expect("valid"));
        assert!((a.log_loss - b.log_loss).abs() < 1e-15 && (a.brier - b.brier).abs() < 1e-15);
        assert_eq!((&a.confusion, a.mcc), (&b.confusion, b.mcc));
        assert_eq!(a.macro_average_precision, b.macro_average_precision);
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let p = array![[0.5, 0.5], [0.2, 0.8]];
        assert!(matches!(ClassScored::new(&[0, 2], p.view(), None), Err(Error::InvalidParameter { .. })));
        assert!(matches!(ClassScored::new(&[0], p.view(), None), Err(Error::LengthMismatch { .. })));
        let none = ClassScored::new(&[0, 1], p.view(), Some(&[0.0, 0.0]));
        assert!(matches!(none, Err(Error::NothingToEvaluate)));
        let bad = array![[f64::NAN, 0.5]];
        assert!(matches!(ClassScored::new(&[0], bad.view(), None), Err(Error::InvalidParameter { .. })));
        assert!(ClassConfusion::new(2, &[0, 1], &[0, 2], None).is_err());
    }
}
