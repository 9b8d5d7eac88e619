//! Metrics of scores taken as probabilities.

use serde::{Deserialize, Serialize};

use super::Scored;
use crate::error::{Error, Result, ensure};

/// Which side of a bin its edge belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinEdge {
    /// [a, b), the last one [a, 1].
    #[default]
    LeftClosed,
    /// (a, b], the first one [0, b].
    RightClosed,
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CalibrationBin {
    /// Sum of the weights in the bin; the number of instances where nothing is weighted.
    pub weight: f64,
    /// Mean predicted probability; 0 in an empty bin.
    pub mean_score: f64,
    /// Observed share of positives; 0 in an empty bin.
    pub positive_rate: f64,
}

/// Log loss of one instance, its score moved into [2^-52, 1 - 2^-52].
pub(super) fn log_loss_of(score: f64, label: bool) -> f64 {
    let p = score.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    // ln_1p keeps the digits of log(1 - p) for a small p.
    if label { -p.ln() } else { -(-p).ln_1p() }
}

/// The bin of a score among equal, left-closed ones.
pub(super) fn left_closed(score: f64, n_bins: usize) -> usize {
    ((score * n_bins as f64).floor() as usize).min(n_bins - 1)
}

impl Scored {
    /// Brier score, mean (score - y)^2, 0 to 1 (Brier, 1950).
    pub fn brier(&self) -> f64 {
        self.mean(|score, label| (score - f64::from(u8::from(label))).powi(2))
    }

    /// Log loss with scores moved into [2^-52, 1 - 2^-52], in nats.
    pub fn log_loss(&self) -> f64 {
        self.mean(log_loss_of)
    }

    /// The reliability diagram over `n_bins` equal bins of [0, 1].
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for no bins or more than a million, or a score outside [0, 1].
    pub fn calibration_bins(&self, n_bins: usize, edge: BinEdge) -> Result<Vec<CalibrationBin>> {
        ensure((1..=1_000_000).contains(&n_bins), "n_bins", n_bins, "1 to 1,000,000 bins; 10 are usual")?;
        let mut bins = vec![CalibrationBin::default(); n_bins];
        for &(score, label, weight) in &self.cells {
            if !(0.0..=1.0).contains(&score) {
                return Err(Error::parameter("score", score, "calibration needs probabilities, 0 to 1"));
            }
            let k = match edge {
                BinEdge::LeftClosed => left_closed(score, n_bins),
                // A score on an edge belongs to the bin below; 0 belongs to the first.
                BinEdge::RightClosed => {
                    ((score * n_bins as f64).ceil() as usize).saturating_sub(1).min(n_bins - 1)
                }
            };
            bins[k].weight += weight;
            bins[k].mean_score += weight * score;
            bins[k].positive_rate += if label { weight } else { 0.0 };
        }
        // From sums to means; an empty bin keeps its zeros.
        for bin in bins.iter_mut().filter(|bin| bin.weight > 0.0) {
            bin.mean_score /= bin.weight;
            bin.positive_rate /= bin.weight;
        }
        Ok(bins)
    }

    /// Expected calibration error, sum_k (n_k / n) |mean y - mean score| over equal bins (Naeini, Cooper and
    /// Hauskrecht, AAAI 2015).
    ///
    /// # Errors
    /// As [`calibration_bins`](Self::calibration_bins).
    pub fn expected_calibration_error(&self, n_bins: usize, edge: BinEdge) -> Result<f64> {
        let total = self.total_weight();
        let gap = |bin: &CalibrationBin| bin.weight / total * (bin.positive_rate - bin.mean_score).abs();
        Ok(self.calibration_bins(n_bins, edge)?.iter().map(gap).sum())
    }

    fn mean(&self, term: impl Fn(f64, bool) -> f64) -> f64 {
        let sum: f64 = self.cells.iter().map(|&(score, label, weight)| weight * term(score, label)).sum();
        sum / self.total_weight()
    }
}
