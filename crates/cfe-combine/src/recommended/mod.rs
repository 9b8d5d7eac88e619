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
mod average;
mod columns;
mod contributions;
mod evidence;
mod fit;
mod gaps;
mod greedy;
pub(crate) mod keys;
mod labeled_subset;
mod learning_curve;
mod leave_out;
mod local;
mod many;
mod members;
mod memory;
mod model;
mod problem;
pub(crate) mod sample;
pub(crate) mod sharded;
mod spec;

use std::time::Duration;

use cfe_core::{EnsembleData, Error, Result};
use serde::{Deserialize, Serialize};

use crate::pipeline::Watch;

pub use contributions::Contributions;
pub use learning_curve::{CurvePoint, LearningCurve};
pub use leave_out::LeftOut;
pub use members::Family;
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

/// A fitted combiner with what its cross-validation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FittedRecommended {
    /// Predicts.
    pub model: RecommendedModel,
    /// Logits of the labeled instances, in the order of [`EnsembleData::labeled`], each from fits that did
    /// not see its label: what thresholds, calibration and reports are honestly made from. (Columns are
    /// standardized and factorized, and the members weighed, once on all labeled instances: the former
    /// without their labels, the latter by these very logits.) `None` where a class has a single instance, so
    /// that no cross-validation exists.
    pub out_of_fold_logits: Option<Vec<f64>>,
    /// The members of the average, by family, ridge, prior power and shrinkage.
    pub members: Vec<MemberSummary>,
    /// Folds used: those of the spec, or fewer where a class has fewer instances; 0 without cross-validation.
    pub folds: usize,
    /// Whether the model gives every positive it learned from a larger logit than every negative. How steep
    /// the logit is between the classes then comes from the prior (`slope_scale`) and not from the data:
    /// probabilities are to be read with care, ranks are not touched.
    #[serde(default)]
    pub separated: bool,
    /// Where the time went.
    pub timings: RecommendedTimings,
}

/// One member of the average.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberSummary {
    /// What the factorization contributes.
    pub family: Family,
    /// p: the prior direction is evidence^p; 0 is equal weights.
    pub prior_power: f64,
    /// lambda, the pull to the prior direction.
    pub shrinkage: f64,
    /// Ridge on the correction; `None` for the aggregator alone.
    pub ridge: Option<f64>,
    /// (Weighted) mean held-out log loss, in nats.
    pub cv_log_loss: Option<f64>,
    /// Weight in the average; the sum over members is 1.
    pub weight: f64,
    /// Whether the solver met its tolerance.
    pub converged: bool,
    /// Whether it sees what a missing prediction tells, in place of what others say in its place.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_gaps: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Wall-clock time of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecommendedTimings {
    /// Standardizing, factorizing, local features.
    pub features: Duration,
    /// All members, on all instances and on the folds.
    pub members: Duration,
    /// All of the fit.
    pub total: Duration,
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
