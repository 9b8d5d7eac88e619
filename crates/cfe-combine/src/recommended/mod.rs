//! The recommended way to combine classifiers: a posterior average of CF-Ensemble aggregators.
//!
//! An aggregator is sigma(w . f + b), f the standardized probabilities and log-odds of the classifiers. Four
//! families of aggregators differ in where a penalty pulls w: to equal weights or to weights by the evidence
//! of each classifier, to the few best classifiers, to zero on the log-odds, to zero with either sign on the
//! probabilities. They are averaged in log-odds, alike unless cross-validation says that one is worse. The
//! factorization R ~ X^T Y (the closed optimum of unweighted alternating least squares) fills in missing
//! predictions. From 50 instances of the rarer class on, aggregators with a correction by the factors are
//! averaged in as far as they are evidently better. `docs/recommended.md` has the formulas, the reasons and
//! the figures.
//!
//! Probabilities come out calibrated: every member is an unweighted maximum-a-posteriori fit with a free
//! intercept.
//!
//! ```
//! use cf_ensemble::recommended::{Recommended, RecommendedSpec};
//! use cf_ensemble::synthetic::Separable;
//!
//! let data = Separable::default().generate(1)?.data;
//! let fitted = Recommended::try_from(RecommendedSpec::default())?.fit(&data)?;
//! let predictions = fitted.model.predict(data.predictions())?;
//! assert_eq!(predictions.probabilities.len(), data.n_instances());
//! let shares = fitted.model.shares();
//! let base = shares.aggregator + shares.selection + shares.sparse + shares.signed;
//! assert!((base + shares.low_rank - 1.0).abs() < 1e-12);
//! # Ok::<(), cf_ensemble::Error>(())
//! ```

mod alone;
mod assemble;
mod average;
mod columns;
mod contributions;
mod evidence;
mod family;
mod features;
mod fit;
mod fitted;
mod gaps;
mod greedy;
mod groups;
pub(crate) mod keys;
mod labeled_subset;
mod learning_curve;
mod leave_out;
mod local;
mod many;
mod members;
mod memory;
mod model;
pub(crate) mod passed_columns;
mod prior;
mod problem;
pub(crate) mod sample;
pub(crate) mod sharded;
mod spec;
mod survey;
mod targets;

use cfe_core::{EnsembleData, Error, Result};

use crate::pipeline::Watch;

pub use contributions::Contributions;
pub use family::Family;
pub use fitted::{FittedRecommended, MemberSummary, RecommendedTimings};
pub use learning_curve::{CurvePoint, LearningCurve};
pub use leave_out::LeftOut;
pub use memory::estimate_memory;
pub(crate) use memory::estimate_memory_of_gaps;
pub use model::{ClassifierWeight, ClassifierWeights, FamilyShares, RecommendedModel};
pub use sharded::FittedOnShards;
pub use spec::{Averaging, Families, RecommendedSpec, ShrinkTo, Views};

/// The recommended combiner; made from a checked [`RecommendedSpec`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recommended {
    /// On the heap, so that enums with a combiner among their variants stay small.
    spec: Box<RecommendedSpec>,
}

impl TryFrom<RecommendedSpec> for Recommended {
    type Error = Error;

    /// # Errors
    /// [`Error::InvalidParameter`].
    fn try_from(spec: RecommendedSpec) -> Result<Self> {
        spec.validate()?;
        Ok(Self { spec: Box::new(spec) })
    }
}

impl Recommended {
    /// The settings.
    pub fn spec(&self) -> &RecommendedSpec {
        &self.spec
    }

    /// Fits on the labeled instances; unlabeled ones are not looked at.
    ///
    /// | labeled | what happens |
    /// |---|---|
    /// | weight 0 | left out, as if unlabeled |
    /// | fewer instances of a class than folds | as many folds as that class has instances |
    /// | one instance of a class | no cross-validation: the most shrunk members, averaged flat |
    /// | more instances than `max_instances` | members learn from a sample: the rarer class whole, or half of it all, the rest drawn and weighted up |
    /// | a classifier that gave no prediction, or always the same | weight 0 |
    /// | a missing prediction | filled in by fold-in, in three rounds of factorizing and filling; members are fitted once more to what gaps tell, see `gaps_tell` |
    ///
    /// Deterministic by seed: the same bits for any number of threads. The current rayon pool is used.
    /// [`estimate_memory`] says how much a fit holds, and `docs/recommended.md` what it takes.
    ///
    /// # Errors
    /// [`Error::NoLabels`], [`Error::SingleClass`], [`Error::AllWeightsZero`].
    pub fn fit(&self, data: &EnsembleData) -> Result<FittedRecommended> {
        fit::fit(&self.spec, data, None, &())
    }

    /// As [`fit`](Self::fit) with folds of the user's own: the fold of each labeled instance, in the order of
    /// [`EnsembleData::labeled`]. For instances that belong together (patients, days) and must not be torn
    /// apart.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::LengthMismatch`], [`Error::InvalidParameter`] for fewer than 2 folds,
    /// and [`Error::SingleClass`] if a class is in one fold only.
    pub fn fit_with_folds(&self, data: &EnsembleData, folds: &[usize]) -> Result<FittedRecommended> {
        fit::fit(&self.spec, data, Some(folds), &())
    }

    /// As [`fit`](Self::fit), or with `folds` as [`fit_with_folds`](Self::fit_with_folds), watched: `watch`
    /// hears of a stage with a step for each part of the work, and is asked before every Newton step whether
    /// to stop.
    ///
    /// ```
    /// use cf_ensemble::recommended::Recommended;
    /// use cf_ensemble::synthetic::Separable;
    /// use cf_ensemble::{Error, Watch};
    ///
    /// struct Impatient;
    /// impl Watch for Impatient {
    ///     fn stop_asked(&self) -> bool {
    ///         true
    ///     }
    /// }
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// let stopped = Recommended::default().fit_watched(&data, None, &Impatient);
    /// assert!(matches!(stopped, Err(Error::Stopped)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit_with_folds`](Self::fit_with_folds), and [`Error::Stopped`].
    pub fn fit_watched(
        &self,
        data: &EnsembleData,
        folds: Option<&[usize]>,
        watch: &dyn Watch,
    ) -> Result<FittedRecommended> {
        fit::fit(&self.spec, data, folds, watch)
    }
}
