//! What members learn from.

use cfe_core::losses::SupervisedLoss;

/// What is learned from: labels and weights of the labeled instances.
#[derive(Clone, Copy)]
pub(super) struct Targets<'a> {
    pub labels: &'a [bool],
    pub weights: &'a [f64],
}

impl Targets<'_> {
    pub(super) fn total(&self, keep: impl Fn(usize) -> bool) -> f64 {
        (0..self.weights.len()).filter(|&i| keep(i)).map(|i| self.weights[i]).sum()
    }
}

/// Weighted losses a_i l(y_i, z_i) (n).
pub(super) fn weighted_losses(targets: Targets<'_>, logits: &[f64]) -> Vec<f64> {
    let cells = targets.labels.iter().zip(targets.weights).zip(logits);
    cells.map(|((&y, a), &z)| a * SupervisedLoss::Bce.value(z, y)).collect()
}
