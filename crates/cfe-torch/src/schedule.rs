//! What the loss decides: a lower learning rate, the end of training.

use crate::spec::{EarlyStopping, ReduceOnPlateau};

/// PyTorch keeps the rate when it would fall by less than this.
const SMALLEST_CHANGE: f64 = 1e-8;

/// Counts epochs without improvement for the learning rate.
#[derive(Debug)]
pub(crate) struct Plateau {
    spec: ReduceOnPlateau,
    best: f64,
    waited: usize,
}

impl Plateau {
    pub(crate) fn new(spec: ReduceOnPlateau) -> Self {
        Self { spec, best: f64::INFINITY, waited: 0 }
    }

    /// The rate from the next epoch on, if it changes.
    pub(crate) fn observe(&mut self, loss: f64, rate: f64) -> Option<f64> {
        if loss < self.best * (1.0 - self.spec.threshold) {
            self.best = loss;
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        if self.waited <= self.spec.patience {
            return None;
        }
        self.waited = 0;
        let lower = rate * self.spec.factor;
        (rate - lower > SMALLEST_CHANGE).then_some(lower)
    }
}

/// Counts epochs without improvement for the end of training.
#[derive(Debug)]
pub(crate) struct Patience {
    spec: EarlyStopping,
    best: f64,
    waited: usize,
}

impl Patience {
    pub(crate) fn new(spec: EarlyStopping) -> Self {
        Self { spec, best: f64::INFINITY, waited: 0 }
    }

    /// Whether training ends.
    pub(crate) fn observe(&mut self, loss: f64) -> bool {
        if loss < self.best - self.spec.min_delta {
            self.best = loss;
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        self.waited >= self.spec.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_after_more_than_patience_epochs_and_the_count_restarts() {
        let mut plateau = Plateau::new(ReduceOnPlateau { patience: 2, ..ReduceOnPlateau::default() });
        let rates: Vec<_> = (0..8).map(|_| plateau.observe(1.0, 0.8)).collect();
        // The first epoch improves on infinity; three worse ones follow before each change.
        assert_eq!(rates, [None, None, None, Some(0.4), None, None, Some(0.4), None]);
    }

    #[test]
    fn a_rate_that_hardly_changes_is_kept() {
        let mut plateau = Plateau::new(ReduceOnPlateau { patience: 0, ..ReduceOnPlateau::default() });
        plateau.observe(1.0, 1e-8);
        assert_eq!(plateau.observe(1.0, 1e-8), None);
    }

    #[test]
    fn patience_counts_epochs_in_a_row() {
        let mut patience = Patience::new(EarlyStopping { patience: 2, min_delta: 0.1 });
        let ends: Vec<_> = [1.0, 0.95, 0.8, 0.75, 0.74].into_iter().map(|l| patience.observe(l)).collect();
        assert_eq!(ends, [false, false, false, false, true]);
    }
}
