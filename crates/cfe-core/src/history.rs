//! What happened during training.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
}

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

    /// Total losses, in order.
    pub fn losses(&self) -> Vec<f64> {
        self.entries.iter().map(|entry| entry.loss.total).collect()
    }
}
