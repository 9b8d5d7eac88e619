//! Cross-validated search over the settings of a trainer.
//!
//! [`RandomizedSearch`] tries the trainer's defaults, then a few single changes of them, then random draws
//! from a fixed space, each on the same stratified (and, if asked for, grouped) folds. The plain mean and the
//! recommended combiner are scored on those folds as well, so that the result says whether the search was
//! worth it.
//!
//! The **one-standard-error rule** (Breiman, Friedman, Olshen and Stone, "Classification and Regression
//! Trees", 1984, section 3.4.3) chooses: of all trials that the best one does not beat by more than one
//! standard error of their paired difference over folds, the one that departs from the defaults in the fewest
//! settings.
//!
//! [`ClassWeightSearch`] is the smaller question: which weight of the positive class, with a trainer of your
//! own.
//!
//! Trial k draws from stream k of the seed: what a trial tries depends neither on the number of trials nor on
//! threads, so an interrupted search resumes where it stopped and ends with the same bits.
//!
//! ```
//! use cf_ensemble::cross_validation::Following;
//! use cf_ensemble::synthetic::Correlated;
//! use cf_ensemble::tuning::RandomizedSearch;
//!
//! # #[cfg(feature = "als")] {
//! let data = Correlated { n_instances: 200, ..Correlated::default() }.generate(1)?.data;
//! let search = RandomizedSearch { n_trials: 3, n_splits: 3, ..RandomizedSearch::default() };
//! let tuned = search.run(&data, Following::Labels, Vec::new(), &mut |_| Ok(()))?;
//! let gain = tuned.difference(tuned.chosen, tuned.mean());
//! println!("{} better than the mean by {:.3} +- {:.3}", tuned.trials[tuned.chosen].describe(), gain.better_by, gain.standard_error);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod class_weight;
mod space;
#[cfg(test)]
mod tests;
mod trial;
mod tuned;

use std::time::{Duration, Instant};

use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, Error, ensure};
use serde_json::{Map, Value};

pub use checkpoint::{Checkpoint, SearchHeader, open_checkpoint};
pub use class_weight::{ClassWeightChoice, ClassWeightSearch, ScoredClassWeight};
pub use trial::{Metric, Trial};
pub use tuned::{Difference, Tuned};

use crate::baselines::Baseline;
use crate::cross_validation::{Following, stratified_folds};
use crate::methods::{Backend, BackendError, Method};
use space::Space;
use trial::Scorer;

/// Trials unless said otherwise: the defaults, single changes of them, and as many random draws.
pub const DEFAULT_TRIALS: usize = 20;
/// Folds unless said otherwise.
pub const DEFAULT_SPLITS: usize = 5;

/// What is searched, and how long.
///
/// | field | default | range |
/// |---|---|---|
/// | `backend` | ALS | one that is compiled in |
/// | `recommended_competes` | true | whether the recommended combiner may be chosen, or is only compared with |
/// | `metric` | average precision | see [`Metric`] |
/// | `n_trials` | 20 | at least 1; more continue the same sequence |
/// | `n_splits` | 5 | at least 2; fewer are used where a class has fewer instances |
/// | `time_budget` | none | no trial begins after it; the defaults are always tried |
/// | `settings` | none | settings that every trial has, as fields of the trainer's spec |
/// | `seed` | 0 | of folds, draws and start factors |
#[derive(Debug, Clone, PartialEq)]
pub struct RandomizedSearch {
    /// The trainer whose settings are searched.
    pub backend: Backend,
    /// Whether the recommended combiner may be chosen.
    pub recommended_competes: bool,
    /// What a good trial has much (or little) of.
    pub metric: Metric,
    /// Settings tried, apart from the plain mean and the recommended combiner.
    pub n_trials: usize,
    /// Folds.
    pub n_splits: usize,
    /// No trial begins after it.
    pub time_budget: Option<Duration>,
    /// Settings that are not searched.
    pub settings: Map<String, Value>,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for RandomizedSearch {
    fn default() -> Self {
        Self {
            backend: Backend::Als,
            recommended_competes: true,
            metric: Metric::default(),
            n_trials: DEFAULT_TRIALS,
            n_splits: DEFAULT_SPLITS,
            time_budget: None,
            settings: Map::new(),
            seed: 0,
        }
    }
}

/// Why a search ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuningError {
    /// Trainer or settings are refused.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The data allow no cross-validation, or a reference could not be fitted.
    #[error(transparent)]
    Data(#[from] Error),
    /// No trial could be trained.
    #[error("none of {trials} trials could be trained; the first failed with: {first}")]
    AllFailed {
        /// How many were tried.
        trials: usize,
        /// What the first said.
        first: String,
    },
    /// A finished trial is not one of this search.
    #[error("trial {number} of the finished ones is not what this search tries there; begin a new one")]
    Foreign {
        /// Its number.
        number: usize,
    },
    /// A trial could not be kept.
    ///
    /// Cure: follow the message of the cause, mostly a log that cannot be written.
    #[error("a trial could not be kept: {0}")]
    Observer(#[source] std::io::Error),
}

impl RandomizedSearch {
    /// Runs the search. `following` says which instances stay together in a fold, or the folds; `finished`
    /// are trials of an earlier run, which are not repeated; `on_trial` sees every new one as it is finished.
    ///
    /// The current rayon pool is used, and the result does not depend on its size.
    ///
    /// # Errors
    /// [`TuningError`], one variant for each cause. A trial that cannot be trained is not an error but
    /// [failed](Trial::failure).
    pub fn run(
        &self,
        data: &EnsembleData,
        following: Following<'_>,
        finished: Vec<Trial>,
        on_trial: &mut dyn FnMut(&Trial) -> std::io::Result<()>,
    ) -> Result<Tuned, TuningError> {
        let begin = Instant::now();
        let folds = self.folds(data, following)?;
        // Refuses the fixed settings before the references cost any time.
        self.trainer(&self.settings)?;
        let scorer = Scorer::new(self, data, following, &folds)?;
        let planned = self.plan(data.n_classifiers());
        let mut trials: Vec<Trial> = Vec::with_capacity(planned.len());
        // Finished trials stand at the beginning of the same sequence, and each is compared with what is
        // planned in its place.
        let mut finished = finished.into_iter();
        let mut out_of_time = false;
        for (number, (contender, settings)) in planned.into_iter().enumerate() {
            if let Some(trial) = finished.next() {
                if (trial.number, trial.contender, &trial.settings) != (number, contender, &settings) {
                    return Err(TuningError::Foreign { number });
                }
                trials.push(trial);
                continue;
            }
            // The references and the defaults are always scored: without them the rest has nothing to be
            // compared with.
            out_of_time =
                number >= FIRST_OPTIONAL && self.time_budget.is_some_and(|budget| begin.elapsed() >= budget);
            if out_of_time {
                break;
            }
            let trial = scorer.score(number, contender, settings)?;
            // A trial is kept before the next one begins, so that a killed search loses one at most.
            on_trial(&trial).map_err(TuningError::Observer)?;
            trials.push(trial);
        }
        Tuned::choose(self, folds.n_splits(), trials, out_of_time)
    }

    /// The folds of the labeled instances that every trial is scored on.
    ///
    /// # Errors
    /// [`Error::NoLabels`], [`Error::SingleClass`], [`Error::InvalidParameter`]; as
    /// [`stratified_folds`].
    pub fn folds(&self, data: &EnsembleData, following: Following<'_>) -> Result<Folds, Error> {
        ensure(self.n_trials >= 1, "n_trials", self.n_trials, "at least 1 is needed; 20 is usual")?;
        ensure(self.n_splits >= 2, "n_splits", self.n_splits, "at least 2 are needed; 5 is usual")?;
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        let groups = match following {
            Following::Folds(folds) => return Ok(folds.clone()),
            Following::Groups(groups) => Some(groups),
            Following::Labels => None,
        };
        stratified_folds(data, groups, self.n_splits, self.seed)?.ok_or_else(|| {
            let (negatives, positives) = data.class_counts();
            let class = if positives < negatives { "negative" } else { "positive" };
            Error::SingleClass { n: negatives.max(positives), class }
        })
    }

    /// How many trials a run without time budget makes, the two references included.
    pub fn n_planned(&self, n_classifiers: usize) -> usize {
        self.plan(n_classifiers).len()
    }

    /// The plain mean, the recommended combiner, and the settings to try, in this order.
    fn plan(&self, n_classifiers: usize) -> Vec<(Method, Map<String, Value>)> {
        let mut planned =
            vec![(Method::Baseline(Baseline::Mean), Map::new()), (Method::Recommended, Map::new())];
        let space = Space { backend: self.backend, n_classifiers, fixed: &self.settings };
        let settings = space.candidates(self.n_trials, self.seed);
        planned.extend(settings.into_iter().map(|settings| (self.backend.into(), settings)));
        planned
    }

    fn trainer(&self, settings: &Map<String, Value>) -> Result<Box<dyn cfe_core::Trainer>, BackendError> {
        let mut settings = settings.clone();
        settings.insert("seed".to_owned(), self.seed.into());
        self.backend.trainer_with(&Value::Object(settings))
    }
}

/// Trials from here on may fall to the time budget: those before are the references and the defaults.
const FIRST_OPTIONAL: usize = 3;
