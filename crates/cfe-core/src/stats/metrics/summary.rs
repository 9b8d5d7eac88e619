//! The figures that every report quotes.

use serde::{Deserialize, Serialize};

use super::{BinEdge, Scored};
use crate::error::Result;

/// Bins of the expected calibration error that reports quote: ten of equal width, each with its left edge.
const ECE_BINS: (usize, BinEdge) = (10, BinEdge::LeftClosed);

/// The metrics of one set of scores. Reports of fits and comparisons hold this struct, so that a metric has
/// one name and one definition everywhere.
///
/// ```
/// use cfe_core::metrics::MetricSummary;
///
/// let labels = [true, false, true, false];
/// let metrics = MetricSummary::new(&labels, &[2.0, 1.0, 0.5, -1.0], Some(&[0.9, 0.7, 0.6, 0.3]))?;
/// assert!(metrics.average_precision.is_some_and(|ap| (ap - 5.0 / 6.0).abs() < 1e-15));
/// assert!(metrics.log_loss.is_some_and(|loss| loss > 0.0));
/// // Ranks are not probabilities: they have no log loss.
/// assert!(MetricSummary::new(&labels, &[4.0, 3.0, 2.0, 1.0], None)?.log_loss.is_none());
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricSummary {
    /// Average precision (PR-AUC), 0 to 1; `None` without positives.
    pub average_precision: Option<f64>,
    /// Area under the ROC curve, 0 to 1; `None` with one class only.
    pub roc_auc: Option<f64>,
    /// Log loss in nats. As the Brier score and ECE it is `None` for scores that are not probabilities.
    pub log_loss: Option<f64>,
    /// Brier score, 0 to 1.
    pub brier: Option<f64>,
    /// Expected calibration error over ten equal, left-closed bins, 0 to 1.
    pub ece: Option<f64>,
    /// Largest F1 over all thresholds; `None` without positives.
    pub best_f1: Option<f64>,
    /// Highest threshold that attains it: a probability, or a score where there are no probabilities.
    pub best_f1_threshold: Option<f64>,
}

impl MetricSummary {
    /// Ranks by `ranking_scores` (n; logits, so that saturated probabilities do not tie) and judges
    /// `probabilities` (n, 0 to 1) as such, against `labels` (n).
    ///
    /// # Errors
    /// As [`Scored::new`], and for probabilities outside [0, 1].
    pub fn new(labels: &[bool], ranking_scores: &[f64], probabilities: Option<&[f64]>) -> Result<Self> {
        Self::weighted(labels, ranking_scores, probabilities, None)
    }

    /// As [`new`](Self::new), with weights (n, finite, at least 0; `None` is 1 each), which count as
    /// `sample_weight` does in scikit-learn.
    ///
    /// ```
    /// use cfe_core::metrics::MetricSummary;
    ///
    /// let (labels, p) = ([true, false, true, false], [0.9, 0.7, 0.6, 0.3]);
    /// let weighted = MetricSummary::weighted(&labels, &p, Some(&p), Some(&[1.0, 2.0, 1.0, 1.0]))?;
    /// let twice = [0.9, 0.7, 0.7, 0.6, 0.3];
    /// let repeated = MetricSummary::new(&[true, false, false, true, false], &twice, Some(&twice))?;
    /// assert_eq!(weighted.average_precision, repeated.average_precision);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new), and as [`Scored::weighted`].
    pub fn weighted(
        labels: &[bool],
        ranking_scores: &[f64],
        probabilities: Option<&[f64]>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let judge = |scores: &[f64]| Scored::weighted_if(labels, scores, weights);
        let ranking = judge(ranking_scores)?.ranking();
        let scored = probabilities.map(judge).transpose()?;
        let (bins, edge) = ECE_BINS;
        let ece = |scored: &Scored| scored.expected_calibration_error(bins, edge);
        // The threshold will be applied to probabilities, so it is chosen on them where they are known.
        let best = scored.as_ref().map_or_else(|| ranking.best_f1(), |scored| scored.ranking().best_f1());
        Ok(Self {
            average_precision: (ranking.prevalence() > 0.0).then(|| ranking.average_precision()),
            roc_auc: ranking.roc_auc(),
            log_loss: scored.as_ref().map(Scored::log_loss),
            brier: scored.as_ref().map(Scored::brier),
            ece: scored.as_ref().map(ece).transpose()?,
            best_f1: best.map(|best| best.value),
            best_f1_threshold: best.map(|best| best.highest_threshold),
        })
    }

    /// Where only the average precision is known: nothing else is.
    pub fn of_average_precision(average_precision: f64) -> Self {
        Self {
            average_precision: Some(average_precision),
            roc_auc: None,
            log_loss: None,
            brier: None,
            ece: None,
            best_f1: None,
            best_f1_threshold: None,
        }
    }

    /// The mean of each metric, over folds or data sets; `None` for an empty list. A metric that is missing
    /// in one of them is missing in the mean. Thresholds of different fits have no common meaning, so that
    /// the mean has none.
    pub fn mean<'a>(summaries: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let all: Vec<&Self> = summaries.into_iter().collect();
        if all.is_empty() {
            return None;
        }
        let mean_of = |metric: fn(&Self) -> Option<f64>| {
            let values = all.iter().map(|summary| metric(summary)).collect::<Option<Vec<f64>>>()?;
            Some(values.iter().sum::<f64>() / values.len() as f64)
        };
        Some(Self {
            average_precision: mean_of(|summary| summary.average_precision),
            roc_auc: mean_of(|summary| summary.roc_auc),
            log_loss: mean_of(|summary| summary.log_loss),
            brier: mean_of(|summary| summary.brier),
            ece: mean_of(|summary| summary.ece),
            best_f1: mean_of(|summary| summary.best_f1),
            best_f1_threshold: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_one_summary_lacks_is_missing_in_the_mean() {
        let labels = [true, false];
        let ranked = MetricSummary::new(&labels, &[1.0, 2.0], None).expect("valid");
        let judged = MetricSummary::new(&labels, &[2.0, 1.0], Some(&[0.75, 0.25])).expect("valid");
        assert_eq!((ranked.average_precision, ranked.brier), (Some(0.5), None));
        assert_eq!((judged.average_precision, judged.brier), (Some(1.0), Some(0.0625)));
        let mean = MetricSummary::mean([&ranked, &judged]).expect("two");
        assert_eq!((mean.average_precision, mean.roc_auc, mean.brier), (Some(0.75), Some(0.5), None));
        assert_eq!(MetricSummary::mean([]), None);
    }

    #[test]
    fn without_positives_there_is_no_average_precision() {
        let judged = MetricSummary::new(&[false, false], &[1.0, 2.0], Some(&[0.25, 0.5])).expect("valid");
        assert_eq!((judged.average_precision, judged.roc_auc, judged.best_f1), (None, None, None));
        assert_eq!(judged.brier, Some(0.15625));
    }

    /// scikit-learn 1.9.1 with `sample_weight`: average_precision_score, roc_auc_score, log_loss,
    /// brier_score_loss, precision_recall_curve; the calibration error in NumPy.
    #[test]
    fn weights_count_as_in_scikit_learn() {
        let labels: Vec<bool> = (0..40).map(|i| (i * 7) % 10 < 3).collect();
        let p = |i: usize| f64::from(((i * 13 + 5) % 37) as u32) / 40.0 + if labels[i] { 0.03 } else { 0.0 };
        let p: Vec<f64> = (0..40).map(|i| (p(i) * 1e4).round() / 1e4).collect();
        let weights: Vec<f64> = (0..40).map(|i| f64::from((i * 11) % 7) / 2.0).collect();
        let found = MetricSummary::weighted(&labels, &p, Some(&p), Some(&weights)).expect("valid");
        for (name, found, expected) in [
            ("average precision", found.average_precision, 0.3243469663647727),
            ("ROC-AUC", found.roc_auc, 0.4656895403064623),
            ("log loss", found.log_loss, 0.833620405044815),
            ("Brier score", found.brier, 0.3062901709401709),
            ("calibration error", found.ece, 0.4198290598290599),
            ("best F1", found.best_f1, 0.5467625899280576),
            ("its threshold", found.best_f1_threshold, 0.18),
        ] {
            let found = found.expect("two classes");
            assert!((found - expected).abs() < 1e-12, "{name}: {found} is not {expected}");
        }
    }

    #[test]
    fn a_weight_of_two_is_a_row_twice() {
        let labels: Vec<bool> = (0..40).map(|i| (i * 7) % 10 < 3).collect();
        let p: Vec<f64> = (0..40).map(|i| f64::from((i * 13 + 5) % 37) / 37.0).collect();
        let weights: Vec<f64> = (0..40).map(|i| f64::from(i % 3)).collect();
        let copies: Vec<usize> = (0..40).flat_map(|i| vec![i; i % 3]).collect();
        let weighted = MetricSummary::weighted(&labels, &p, Some(&p), Some(&weights)).expect("valid");
        let labels: Vec<bool> = copies.iter().map(|&i| labels[i]).collect();
        let p: Vec<f64> = copies.iter().map(|&i| p[i]).collect();
        let repeated = MetricSummary::new(&labels, &p, Some(&p)).expect("valid");
        assert_eq!(weighted.average_precision, repeated.average_precision);
        assert_eq!(weighted.roc_auc, repeated.roc_auc);
        assert_eq!(weighted.best_f1, repeated.best_f1);
        for (a, b) in [
            (weighted.log_loss, repeated.log_loss),
            (weighted.brier, repeated.brier),
            (weighted.ece, repeated.ece),
        ] {
            assert!(a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-15), "{a:?} {b:?}");
        }
    }
}
