//! The outcome of a search.

use cfe_core::stats::moments::{mean, standard_error};
use serde::Serialize;

use crate::methods::Method;

use super::{Metric, RandomizedSearch, Trial, TuningError};

/// A finished search.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tuned {
    /// What was made best.
    pub metric: Metric,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Every trial, in the order of the search.
    pub trials: Vec<Trial>,
    /// Index of the trial with the best mean, among those that may be chosen.
    pub best: usize,
    /// Index of the one chosen: the simplest that the best does not beat by more than one standard error.
    pub chosen: usize,
    /// Whether the time budget ended the search.
    pub out_of_time: bool,
}

/// How much better one trial is than another, over the folds they share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// Mean over folds; positive where the first is better, whether the metric is to be large or small.
    pub better_by: f64,
    /// Standard error of that mean.
    pub standard_error: f64,
}

impl Difference {
    /// Better by more than one standard error.
    pub fn is_clear(&self) -> bool {
        self.better_by > self.standard_error
    }
}

impl Tuned {
    pub(super) fn choose(
        search: &RandomizedSearch,
        folds: usize,
        trials: Vec<Trial>,
        out_of_time: bool,
    ) -> Result<Self, TuningError> {
        let mut tuned = Self { metric: search.metric, folds, trials, best: 0, chosen: 0, out_of_time };
        let may_win = |trial: &Trial| match trial.contender {
            Method::Baseline(_) => false,
            Method::Recommended => search.recommended_competes,
            Method::Als | Method::Torch => trial.failure.is_none(),
        };
        let own: Vec<&Trial> = tuned.trials.iter().filter(|t| t.number >= 2).collect();
        if own.iter().all(|t| t.failure.is_some()) {
            let first = own.first().and_then(|t| t.failure.clone());
            let first = first.expect("the defaults are always tried, and every trial failed");
            return Err(TuningError::AllFailed { trials: own.len(), first });
        }
        let eligible: Vec<usize> = (0..tuned.trials.len()).filter(|&t| may_win(&tuned.trials[t])).collect();
        let value = |t: usize| search.metric.sign() * tuned.trials[t].mean();
        // Of equals the first.
        let better = |best: usize, &t: &usize| if value(t) > value(best) { t } else { best };
        tuned.best = eligible.iter().skip(1).fold(eligible[0], better);
        // `None` is less than any number: the recommended combiner, which needs no settings, counts as the
        // simplest.
        let complexity = |t: usize| match tuned.trials[t].contender {
            Method::Recommended => None,
            _ => Some(tuned.trials[t].changes().len()),
        };
        let near = eligible.iter().filter(|&&t| !tuned.difference(tuned.best, t).is_clear());
        let simpler = |chosen: usize, &t: &usize| {
            let (a, b) = (complexity(t), complexity(chosen));
            if a < b || (a == b && value(t) > value(chosen)) { t } else { chosen }
        };
        tuned.chosen = near.fold(tuned.best, simpler);
        Ok(tuned)
    }

    /// How much better trial `a` is than trial `b`; 0 +- 0 if one failed.
    pub fn difference(&self, a: usize, b: usize) -> Difference {
        let (a, b) = (&self.trials[a].scores, &self.trials[b].scores);
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| self.metric.sign() * (a - b)).collect();
        if differences.is_empty() {
            return Difference { better_by: 0.0, standard_error: 0.0 };
        }
        Difference { better_by: mean(&differences), standard_error: standard_error(&differences) }
    }

    /// Index of the plain mean.
    pub fn mean(&self) -> usize {
        0
    }

    /// Index of the recommended combiner.
    pub fn recommended(&self) -> usize {
        1
    }

    /// Index of the trainer with its defaults.
    pub fn defaults(&self) -> usize {
        2
    }
}
