//! The figures that reports quote, at once.

use serde::{Deserialize, Serialize};

use super::{BinEdge, Scored};
use crate::error::Result;

/// Headline metrics of one set of probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricSummary {
    /// Instances evaluated.
    pub n: usize,
    /// Share of positives, by weight.
    pub prevalence: f64,
    /// Average precision (PR-AUC).
    pub average_precision: f64,
    /// Area under the ROC curve; `None` with one class only.
    pub roc_auc: Option<f64>,
    /// Brier score.
    pub brier: f64,
    /// Log loss.
    pub log_loss: f64,
    /// Expected calibration error over ten equal, left-closed bins.
    pub ece: f64,
    /// Largest F1 over all thresholds.
    pub best_f1: Option<f64>,
    /// Highest threshold that attains it.
    pub best_f1_threshold: Option<f64>,
}

impl MetricSummary {
    /// Ranks by `ranking_scores` (logits, so that saturated probabilities do not tie), judges `probabilities` as such.
    ///
    /// # Errors
    /// As [`Scored::new`], and for probabilities outside [0, 1].
    pub fn new(labels: &[bool], ranking_scores: &[f64], probabilities: &[f64]) -> Result<Self> {
        let ranking = Scored::new(labels, ranking_scores)?.ranking();
        let scored = Scored::new(labels, probabilities)?;
        let best = scored.ranking().best_f1();
        Ok(Self {
            n: scored.len(),
            prevalence: ranking.prevalence(),
            average_precision: ranking.average_precision(),
            roc_auc: ranking.roc_auc(),
            brier: scored.brier(),
            log_loss: scored.log_loss(),
            ece: scored.expected_calibration_error(10, BinEdge::LeftClosed)?,
            best_f1: best.map(|b| b.value),
            best_f1_threshold: best.map(|b| b.highest_threshold),
        })
    }
}
