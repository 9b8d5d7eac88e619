//! Average precision under many weights.

use super::Ranking;
use crate::error::{Error, Result, check_length};

/// The average precision of one ranking, ready to be taken under other weights without sorting again: what
/// resampling and selection do thousands of times.
///
/// Only precision at the scores of positives counts, so each negative may move down to the next such score,
/// and those below all of them may go. With T distinct scores of positives, weights (n) then sum to 2 T
/// numbers in one pass.
///
/// ```
/// use cfe_core::metrics::{AveragePrecision, Scored};
///
/// let (labels, scores) = ([false, false, true, true], [0.1, 0.4, 0.35, 0.8]);
/// let ranking = AveragePrecision::new(&labels, &scores)?;
/// assert_eq!(ranking.weighted(&[1.0; 4])?, Scored::new(&labels, &scores)?.ranking().average_precision());
/// assert_eq!(ranking.weighted(&[1.0, 0.0, 1.0, 1.0])?, 1.0);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AveragePrecision {
    /// For each instance 2 t + label, t the place of the highest score of a positive that is not above its
    /// own; `thresholds` of them and one place below all.
    cells: Vec<u32>,
    thresholds: usize,
}

impl AveragePrecision {
    /// Labels (n, below 2^31) and finite scores (n).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidScore`], [`Error::NothingToEvaluate`].
    pub fn new(labels: &[bool], scores: &[f64]) -> Result<Self> {
        if labels.len() != scores.len() {
            let (found, expected) = (scores.len(), labels.len());
            return Err(Error::LengthMismatch { what: "scores", found, expected });
        }
        if let Some((index, &value)) = scores.iter().enumerate().find(|(_, s)| !s.is_finite()) {
            return Err(Error::InvalidScore { index, value });
        }
        if labels.is_empty() || labels.len() > (u32::MAX / 2) as usize {
            return Err(Error::NothingToEvaluate);
        }
        // Adding 0 turns -0 into 0, so that the order by bits agrees with the order by value.
        let mut thresholds: Vec<f64> =
            scores.iter().zip(labels).filter(|(_, y)| **y).map(|(&s, _)| s + 0.0).collect();
        thresholds.sort_unstable_by(|a, b| b.total_cmp(a));
        thresholds.dedup();
        // Thresholds descend: those above the score come first, and the next one is its own.
        let cell = |(&score, &label): (&f64, &bool)| {
            2 * thresholds.partition_point(|&t| t > score) as u32 + u32::from(label)
        };
        Ok(Self { cells: scores.iter().zip(labels).map(cell).collect(), thresholds: thresholds.len() })
    }

    /// Average precision with these weights (n, finite, at least 0), as
    /// [`Ranking::average_precision`]; 0 where no positive counts.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there is not one weight for each instance.
    pub fn weighted(&self, weights: &[f64]) -> Result<f64> {
        check_length("weights", weights.len(), self.cells.len())?;
        let mut sums = vec![0.0; 2 * self.thresholds + 2];
        for (&cell, &weight) in self.cells.iter().zip(weights) {
            sums[cell as usize] += weight;
        }
        Ok(Ranking::from_counts(sums.chunks_exact(2).map(|pair| (pair[0], pair[1]))).average_precision())
    }
}
