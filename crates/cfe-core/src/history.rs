//! What happened during training.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::objective::LossParts;

/// The loss after a number of parameter updates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Updates made when this loss was measured: 0 is the start.
    pub iteration: usize,
    /// The loss.
    pub loss: LossParts,
}

/// Why training ended. Running out of iterations is an outcome, not a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// The loss changed by less than the tolerance.
    Converged,
    /// The loss did not improve for `patience` iterations.
    EarlyStopping,
    /// All iterations were used.
    MaxIterations,
    /// The observer said so.
    Observer,
    /// The loss diverged, and the best state before was kept ([`OnDivergence::KeepBest`]).
    Diverged,
}

/// What a trainer does when its loss becomes infinite, NaN or a million times what it was at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnDivergence {
    /// [`Error::Diverged`], with the iteration and what to change.
    #[default]
    Error,
    /// Returns the state of the lowest loss before, with [`StopReason::Diverged`]; an error if there was
    /// none. Costs a copy of the parameters.
    KeepBest,
}

/// A run has diverged when its loss exceeds this times the first loss (or times 1, if the first loss was
/// less). The bound is loose on purpose: runs at a high learning rate have recovered from a thousandfold
/// increase.
const LARGEST_RISE: f64 = 1e6;

/// Wall-clock time of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// All of the fit.
    pub total: Duration,
    /// The part spent in the iterations.
    pub iterations: Duration,
}

/// The course of one fit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    /// One entry for each iteration.
    pub entries: Vec<HistoryEntry>,
    /// (iteration from 0 whose step first used it, learning rate) of each plateau step.
    pub learning_rate_changes: Vec<(usize, f64)>,
}

impl History {
    /// Number of iterations that were run.
    pub fn n_iterations(&self) -> usize {
        self.entries.len()
    }

    /// Gives the loss of an iteration back, unless it has diverged: not finite, or a million times the first
    /// loss (or 1, if that was less).
    ///
    /// # Errors
    /// [`Error::Diverged`].
    pub fn check(&self, iteration: usize, loss: LossParts) -> Result<LossParts> {
        // Without an entry the loss is compared with itself, so a first loss of any finite size is accepted.
        let first = self.entries.first().map_or(loss.total, |entry| entry.loss.total);
        let sound = loss.total.is_finite() && loss.total <= LARGEST_RISE * first.max(1.0);
        if sound { Ok(loss) } else { Err(Error::Diverged { iteration, loss: loss.total }) }
    }

    /// Total losses, in order.
    pub fn losses(&self) -> Vec<f64> {
        self.entries.iter().map(|entry| entry.loss.total).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_diverges_by_its_first() {
        let loss = |total| LossParts { total, ..LossParts::default() };
        let mut history = History::default();
        assert!(history.check(0, loss(1e300)).is_ok(), "the first is the measure");
        assert!(history.check(0, loss(f64::NAN)).is_err());
        history.entries.push(HistoryEntry { iteration: 0, loss: loss(0.5) });
        assert!(history.check(1, loss(1e6)).is_ok(), "a run may recover from much");
        for total in [1.1e6, f64::INFINITY, f64::NAN] {
            assert!(matches!(history.check(7, loss(total)), Err(Error::Diverged { iteration: 7, .. })));
        }
    }
}
