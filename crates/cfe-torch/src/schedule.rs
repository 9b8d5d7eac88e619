//! What the loss decides: a lower learning rate, the end of training.

use cfe_core::{Error, Result, TrainingState};

use crate::spec::{EarlyStopping, ReduceOnPlateau};

/// PyTorch keeps the rate when it would fall by less than this.
const SMALLEST_CHANGE: f64 = 1e-8;

/// The lowest loss, and how many epochs did not improve on it.
#[derive(Debug)]
struct Waiting {
    best: f64,
    waited: usize,
}

impl Waiting {
    fn new() -> Self {
        Self { best: f64::INFINITY, waited: 0 }
    }

    fn observe(&mut self, loss: f64, improves: bool) {
        if improves {
            *self = Self { best: loss, waited: 0 };
        } else {
            self.waited += 1;
        }
    }

    /// Puts itself into the state of a run; there is no lowest loss before the first epoch.
    fn save(&self, name: &str, state: &mut TrainingState) {
        let best = Some(self.best).filter(|best| best.is_finite());
        state.remember(name, [Some(self.waited as f64), best].into_iter().flatten().collect::<Vec<_>>());
    }

    fn load(name: &str, state: &TrainingState) -> Result<Self> {
        // One number before the first epoch, two after it: infinity has no place in a state.
        match state.recall(name).as_deref() {
            Some(&[waited]) => Ok(Self { best: f64::INFINITY, waited: waited as usize }),
            Some(&[waited, best]) => Ok(Self { best, waited: waited as usize }),
            _ => Err(Error::DamagedState { what: format!("{name} is not there or too long") }),
        }
    }
}

/// Counts epochs without improvement for the learning rate.
#[derive(Debug)]
pub(crate) struct Plateau {
    spec: ReduceOnPlateau,
    waiting: Waiting,
}

impl Plateau {
    pub(crate) fn new(spec: ReduceOnPlateau) -> Self {
        Self { spec, waiting: Waiting::new() }
    }

    const NAME: &str = "plateau";

    pub(crate) fn save(&self, state: &mut TrainingState) {
        self.waiting.save(Self::NAME, state);
    }

    pub(crate) fn load(&mut self, state: &TrainingState) -> Result<()> {
        self.waiting = Waiting::load(Self::NAME, state)?;
        Ok(())
    }

    /// The rate from the next epoch on, if it changes.
    pub(crate) fn observe(&mut self, loss: f64, rate: f64) -> Option<f64> {
        self.waiting.observe(loss, loss < self.waiting.best * (1.0 - self.spec.threshold));
        if self.waiting.waited <= self.spec.patience {
            return None;
        }
        // As in PyTorch, the count starts again even where the rate is too small to fall.
        self.waiting.waited = 0;
        let lower = rate * self.spec.factor;
        (rate - lower > SMALLEST_CHANGE).then_some(lower)
    }
}

/// Counts epochs without improvement for the end of training.
#[derive(Debug)]
pub(crate) struct Patience {
    spec: EarlyStopping,
    waiting: Waiting,
}

impl Patience {
    pub(crate) fn new(spec: EarlyStopping) -> Self {
        Self { spec, waiting: Waiting::new() }
    }

    const NAME: &str = "patience";

    pub(crate) fn save(&self, state: &mut TrainingState) {
        self.waiting.save(Self::NAME, state);
    }

    pub(crate) fn load(&mut self, state: &TrainingState) -> Result<()> {
        self.waiting = Waiting::load(Self::NAME, state)?;
        Ok(())
    }

    /// Takes the loss of an epoch into account.
    pub(crate) fn observe(&mut self, loss: f64) {
        self.waiting.observe(loss, loss < self.waiting.best - self.spec.min_delta);
    }

    /// Whether training ends.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.waiting.waited >= self.spec.patience
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
        let mut ends = |loss| {
            patience.observe(loss);
            patience.is_exhausted()
        };
        let ends: Vec<_> = [1.0, 0.95, 0.8, 0.75, 0.74].into_iter().map(&mut ends).collect();
        assert_eq!(ends, [false, false, false, false, true]);
    }
}
