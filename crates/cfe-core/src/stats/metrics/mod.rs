//! Ranking, probability and threshold metrics of binary predictions, with sample weights throughout.
//!
//! Definitions follow scikit-learn where it has them: ties form one threshold, a prediction at threshold t is
//! `score >= t`, a ratio with denominator 0 is 0. Instances of weight 0 do not count.
//!
//! ```
//! use cfe_core::metrics::Scored;
//!
//! let labels = [false, false, true, true];
//! let scored = Scored::new(&labels, &[0.1, 0.4, 0.35, 0.8])?;
//! assert!((scored.ranking().average_precision() - 0.8333333333333333).abs() < 1e-15);
//! assert_eq!(scored.ranking().roc_auc(), Some(0.75));
//! assert_eq!(scored.confusion(0.5).f1(), 2.0 / 3.0);
//! # Ok::<(), cfe_core::Error>(())
//! ```

mod binned;
pub mod classes;
mod compact;
mod confusion;
mod probability;
mod ranking;
mod summary;

pub use binned::{BinnedScores, BinnedSummary, Within};
pub use compact::AveragePrecision;
pub use confusion::Confusion;
pub use probability::{BinEdge, CalibrationBin};
pub use ranking::{Optimum, PrCurve, Ranking};
pub use summary::MetricSummary;

use crate::error::{Error, Result, check_finite, check_length, check_weights};
use crate::weights::check_weight_sum;

/// Labels with the scores to be judged: checked once, measured often.
#[derive(Debug, Clone)]
pub struct Scored {
    /// (score, label, weight) of the instances with positive weight, in input order.
    cells: Vec<(f64, bool, f64)>,
}

impl Scored {
    /// Labels (n) and finite scores (n), each instance counting 1.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidScore`], [`Error::NothingToEvaluate`].
    pub fn new(labels: &[bool], scores: &[f64]) -> Result<Self> {
        Self::build(labels, scores, |_| 1.0)
    }

    /// As [`new`](Self::new), with a weight for each instance (n, finite, at least 0).
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::InvalidWeight`], [`Error::WeightSum`].
    pub fn weighted(labels: &[bool], scores: &[f64], weights: &[f64]) -> Result<Self> {
        check_length("weights", weights.len(), labels.len())?;
        check_weights("weight", weights)?;
        let scored = Self::build(labels, scores, |i| weights[i])?;
        check_weight_sum("the weights", scored.cells.iter().map(|cell| cell.2))?;
        Ok(scored)
    }

    /// [`weighted`](Self::weighted) where there are weights, and [`new`](Self::new) where there are none.
    ///
    /// # Errors
    /// As these.
    pub fn weighted_if(labels: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        match weights {
            Some(weights) => Self::weighted(labels, scores, weights),
            None => Self::new(labels, scores),
        }
    }

    fn build(labels: &[bool], scores: &[f64], weight: impl Fn(usize) -> f64) -> Result<Self> {
        check_length("scores", scores.len(), labels.len())?;
        check_finite(scores)?;
        // An instance of weight 0 is left out, or its score would be a threshold.
        let cells: Vec<_> = labels
            .iter()
            .zip(scores)
            .enumerate()
            .map(|(i, (&label, &score))| (score, label, weight(i)))
            .filter(|&(_, _, weight)| weight > 0.0)
            .collect();
        if cells.is_empty() { Err(Error::NothingToEvaluate) } else { Ok(Self { cells }) }
    }

    /// Number of instances that count.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Never true: an empty `Scored` cannot be made.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Sorts once; every ranking metric is then one pass. Costs n log n.
    pub fn ranking(&self) -> Ranking {
        Ranking::new(&self.cells)
    }

    /// Counts at a threshold: predicted positive is `score >= threshold`.
    pub fn confusion(&self, threshold: f64) -> Confusion {
        let mut counts = Confusion::default();
        for &(score, label, weight) in &self.cells {
            match (score >= threshold, label) {
                (true, true) => counts.tp += weight,
                (true, false) => counts.fp += weight,
                (false, true) => counts.fn_ += weight,
                (false, false) => counts.tn += weight,
            }
        }
        counts
    }

    fn total_weight(&self) -> f64 {
        self.cells.iter().map(|cell| cell.2).sum()
    }
}
