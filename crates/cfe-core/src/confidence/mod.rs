//! How much each cell of R counts in the reconstruction.
//!
//! | strategy | c_ui |
//! |---|---|
//! | `uniform` | 1 |
//! | `certainty` | \|r - 0.5\| |
//! | `label_aware` | r if y = 1, 1 - r if y = 0; \|r - 0.5\| if unlabeled |
//! | `calibration` | max(1 - Brier_u, floor), one number for each classifier; 1 without labels |
//! | `adaptive` | a \|r - 0.5\| + b calibration(floor 0.1) + c (1 - s_i / (max s + 1e-8)), s_i the population standard deviation of column i |
//! | `learned` | 1 - expected \|r - y\|, by random forests over features of the cell; feature `learned` |
//! | `given` | the matrix that the data bring |
//!
//! Each can be **blended** with the labels: c (1 + alpha t), t = r if y = 1 and 1 - r if y = 0, for labeled
//! instances. `label_aware` and blending are different things; the published ALS blends `certainty` with
//! alpha = 1. A missing cell (NaN) has confidence 0 under every strategy. The first five are the published
//! ones.
//!
//! **Learned.** A random forest (Breiman, Machine Learning 45, 2001) predicts |r - y| from r, |2 r - 1|, the
//! deviation from the column's mean, the column's mean, standard deviation and share observed, and the
//! classifier's mean, variance and Brier score over the labeled. The label of an instance must not decide the
//! confidence of its own cells, or the factors would copy the labels: cells of labeled instances get it **out
//! of fold**, from one of five forests that did not see their instance. All other cells and new instances get
//! it from a forest over all labels. A forest is trained on 20 000 cells at most.

mod rule;
pub(crate) mod statistics;

use ndarray::{Array2, ArrayView2, CowArray};
use serde::{Deserialize, Serialize};

use crate::cell_errors::{CellErrors, N_FEATURES};
use crate::data::EnsembleData;
use crate::error::{Error, Result, ensure, is_at_least_zero};
use crate::settings::MAX_FACTOR;
use statistics::{classifier_confidence, column_spreads, from_brier_sum};

pub use rule::ConfidenceRule;

/// The formula of the confidence, see the [module](self).
///
/// The facade re-exports it as `cf_ensemble::ConfidenceStrategy`.
///
/// ```
/// use cfe_core::{Confidence, ConfidenceStrategy, EnsembleData};
/// use ndarray::array;
///
/// let data = EnsembleData::new(array![[0.9, 0.5], [0.2, f64::NAN]], vec![Some(true), None])?;
/// // Certainty: the distance from one half, and 0 where nothing was predicted.
/// let certainty = Confidence::new(ConfidenceStrategy::Certainty).fit(&data)?;
/// assert_eq!(certainty.on_training(&data).matrix(), array![[0.4, 0.0], [0.3, 0.0]]);
/// // Blended with the labels: cells that agree with their label count more.
/// let blended = Confidence::label_blended(1.0).fit(&data)?;
/// assert!((blended.on_training(&data).matrix()[(0, 0)] - 0.4 * 1.9).abs() < 1e-12);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ConfidenceStrategy {
    /// 1 everywhere.
    Uniform,
    /// Distance from 0.5.
    #[default]
    Certainty,
    /// Agreement with the label.
    LabelAware,
    /// 1 - Brier score of the classifier.
    Calibration {
        /// Smallest confidence of a classifier, 0 to 1.
        floor: f64,
    },
    /// Certainty, calibration and agreement of the classifiers, mixed.
    Adaptive {
        /// Share of the certainty, at least 0.
        certainty: f64,
        /// Share of the calibration, at least 0.
        calibration: f64,
        /// Share of the agreement between classifiers, at least 0.
        agreement: f64,
    },
    /// 1 - expected error of the cell, by random forests.
    Learned {
        /// Trees, 1 to 1000.
        #[serde(default = "trees")]
        n_trees: usize,
        /// Splits from root to leaf, 1 to 20.
        #[serde(default = "depth")]
        max_depth: u16,
        /// Seed of the forests and folds.
        #[serde(default)]
        seed: u64,
    },
    /// The matrix of [`EnsembleData::with_confidence`].
    Given,
}

fn trees() -> usize {
    50
}

fn depth() -> u16 {
    6
}

/// Floor of the calibration inside the adaptive strategy.
const ADAPTIVE_FLOOR: f64 = 0.1;
/// Keeps the agreement finite when all columns have spread 0.
const SPREAD_EPSILON: f64 = 1e-8;

/// A strategy with its blending.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Confidence {
    /// The formula.
    pub strategy: ConfidenceStrategy,
    /// alpha >= 0 of the blending with labels; 0 ignores the labels.
    pub label_alpha: f64,
}

impl Confidence {
    /// A strategy without blending.
    pub fn new(strategy: ConfidenceStrategy) -> Self {
        Self { strategy, label_alpha: 0.0 }
    }

    /// The confidence of the published ALS: certainty blended with the labels.
    pub fn label_blended(label_alpha: f64) -> Self {
        Self { strategy: ConfidenceStrategy::Certainty, label_alpha }
    }

    /// Refuses parameters out of range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self) -> Result<()> {
        ensure(
            (0.0..=MAX_FACTOR).contains(&self.label_alpha),
            "label_alpha",
            self.label_alpha,
            "0 to 1e9; 1 is usual",
        )?;
        match self.strategy {
            ConfidenceStrategy::Calibration { floor } => {
                ensure((0.0..=1.0).contains(&floor), "calibration.floor", floor, "0 to 1 is allowed")
            }
            ConfidenceStrategy::Adaptive { certainty, calibration, agreement } => {
                for (name, value) in [
                    ("adaptive.certainty", certainty),
                    ("adaptive.calibration", calibration),
                    ("adaptive.agreement", agreement),
                ] {
                    ensure((0.0..=MAX_FACTOR).contains(&value), name, value, "shares are 0 to 1e9")?;
                }
                Ok(())
            }
            ConfidenceStrategy::Learned { n_trees, max_depth, .. } => {
                ensure((1..=1000).contains(&n_trees), "learned.n_trees", n_trees, "1 to 1000; 50 is usual")?;
                ensure((1..=20).contains(&max_depth), "learned.max_depth", max_depth, "1 to 20; 6 is usual")
            }
            _ => Ok(()),
        }
    }

    /// Learns what the formula needs from the training data (Brier scores, largest spread, forests).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], [`Error::MissingConfidence`], [`Error::NotCompiledIn`].
    pub fn fit(&self, data: &EnsembleData) -> Result<FittedConfidence> {
        self.validate()?;
        if self.strategy == ConfidenceStrategy::Given && data.confidence().is_none() {
            return Err(Error::MissingConfidence);
        }
        let classifier_confidence = match self.strategy {
            ConfidenceStrategy::Calibration { floor } => classifier_confidence(data, floor),
            ConfidenceStrategy::Adaptive { .. } => classifier_confidence(data, ADAPTIVE_FLOOR),
            _ => Vec::new(),
        };
        let max_spread = match self.strategy {
            ConfidenceStrategy::Adaptive { .. } => {
                column_spreads(data.predictions()).into_iter().fold(0.0, f64::max)
            }
            _ => 0.0,
        };
        let (learned, out_of_fold) = match self.strategy {
            ConfidenceStrategy::Learned { n_trees, max_depth, seed } => {
                let (learned, out_of_fold) = CellErrors::fit(data, n_trees, max_depth, seed)?;
                (Some(Box::new(learned)), Some(Box::new(out_of_fold)))
            }
            _ => (None, None),
        };
        Ok(FittedConfidence { confidence: *self, classifier_confidence, max_spread, learned, out_of_fold })
    }
}

impl Confidence {
    /// What [`fit`](Self::fit) learns, from sums over the training instances: for each classifier (m) the sum
    /// of (r - y)^2 over its labeled, observed cells with their number, and the largest spread of a column.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`]; [`Error::NotSharded`] for the strategy `learned`, whose forests need
    /// cells.
    pub fn fit_sums(&self, brier: &[(f64, usize)], max_spread: f64) -> Result<FittedConfidence> {
        self.validate()?;
        let with_floor =
            |floor| brier.iter().map(|&(sum, count)| from_brier_sum(sum, count, floor)).collect();
        let (classifier_confidence, max_spread) = match self.strategy {
            ConfidenceStrategy::Calibration { floor } => (with_floor(floor), 0.0),
            ConfidenceStrategy::Adaptive { .. } => (with_floor(ADAPTIVE_FLOOR), max_spread),
            ConfidenceStrategy::Learned { .. } => {
                return Err(Error::NotSharded { settings: "confidence.strategy = learned".to_owned() });
            }
            _ => (Vec::new(), 0.0),
        };
        Ok(FittedConfidence {
            confidence: *self,
            classifier_confidence,
            max_spread,
            learned: None,
            out_of_fold: None,
        })
    }
}

/// A confidence rule with the numbers learned in training, so that a new instance is weighed as those were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedConfidence {
    confidence: Confidence,
    /// One number for each classifier, or empty.
    #[serde(alias = "reliability")]
    classifier_confidence: Vec<f64>,
    /// Largest column spread in training.
    max_spread: f64,
    /// Model of the error of cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learned: Option<Box<CellErrors>>,
    /// Learned confidence of the training cells (m x n), until training is over.
    #[serde(skip)]
    out_of_fold: Option<Box<Array2<f64>>>,
}

impl FittedConfidence {
    /// Without what only training needs; for new instances nothing changes.
    pub(crate) fn for_new_instances(self) -> Self {
        Self { out_of_fold: None, ..self }
    }

    /// The model of the error of cells, of the strategy `learned`.
    pub fn cell_errors(&self) -> Option<&CellErrors> {
        self.learned.as_deref()
    }

    /// The rule's parameters.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// One number for each classifier (m), learned by the strategies `calibration` and `adaptive`; empty
    /// otherwise.
    pub fn classifier_confidence(&self) -> &[f64] {
        &self.classifier_confidence
    }

    /// Largest column spread in training, learned by the strategy `adaptive`; 0 otherwise.
    pub fn max_spread(&self) -> f64 {
        self.max_spread
    }

    /// The rule from its parameters and what was learned in training, as a model file holds it.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for numbers that are negative or not finite and for a forest that leads
    /// astray, [`Error::MissingConfidence`] for the strategy `learned` without `cell_errors`.
    pub fn from_parts(
        confidence: Confidence,
        classifier_confidence: Vec<f64>,
        max_spread: f64,
        cell_errors: Option<CellErrors>,
    ) -> Result<Self> {
        confidence.validate()?;
        // A walk through the nodes of a damaged file might never end, so they are checked before any is used.
        match (&cell_errors, confidence.strategy) {
            (Some(model), _) => model.forest.validate(N_FEATURES)?,
            (None, ConfidenceStrategy::Learned { .. }) => return Err(Error::MissingConfidence),
            _ => {}
        }
        // Both formulas look the number of a classifier up by its position; an empty list has none.
        let needs_classifiers = matches!(
            confidence.strategy,
            ConfidenceStrategy::Calibration { .. } | ConfidenceStrategy::Adaptive { .. }
        );
        if needs_classifiers && classifier_confidence.is_empty() {
            const ALLOWED: &str = "this strategy needs a number for each classifier; save the model again";
            return Err(Error::parameter("confidence", "no number", ALLOWED));
        }
        for &value in classifier_confidence.iter().chain([&max_spread]) {
            ensure(
                is_at_least_zero(value),
                "confidence",
                value,
                "what was learned is finite and at least 0",
            )?;
        }
        Ok(Self {
            confidence,
            classifier_confidence,
            max_spread,
            learned: cell_errors.map(Box::new),
            out_of_fold: None,
        })
    }

    /// The rule applied to the training data, labels included.
    pub fn on_training<'a>(&'a self, data: &'a EnsembleData) -> ConfidenceRule<'a> {
        self.rule(data.predictions(), Some(data.labels()), data.confidence())
    }

    /// The rule applied to a block of training instances (m x k), whose labels (k) belong to it.
    pub(crate) fn on_block<'a>(
        &'a self,
        predictions: ArrayView2<'a, f64>,
        labels: &[Option<bool>],
        given: Option<ArrayView2<'a, f64>>,
    ) -> ConfidenceRule<'a> {
        self.rule(predictions, Some(labels), given)
    }

    /// The rule applied to new instances (m x k, NaN = missing), whose labels are not known. `given` is their
    /// confidence matrix if the strategy is `given`; without one, their observed cells count 1.
    pub fn on_new<'a>(
        &'a self,
        predictions: ArrayView2<'a, f64>,
        given: Option<ArrayView2<'a, f64>>,
    ) -> ConfidenceRule<'a> {
        self.rule(predictions, None, given)
    }

    fn rule<'a>(
        &'a self,
        predictions: ArrayView2<'a, f64>,
        labels: Option<&[Option<bool>]>,
        given: Option<ArrayView2<'a, f64>>,
    ) -> ConfidenceRule<'a> {
        // NaN instead of an option: the formulas run over these numbers as vector code.
        let as_number = |label: &Option<bool>| label.map_or(f64::NAN, |y| f64::from(u8::from(y)));
        // A forest takes the place of the given matrix. While training lasts, its cells have the out-of-fold
        // confidence; all other cells are predicted by the forest over all labels.
        let given = match (&self.learned, labels) {
            (Some(learned), training) => {
                let out_of_fold = self.out_of_fold.as_deref().filter(|c| c.dim() == predictions.dim());
                match (training, out_of_fold) {
                    (Some(_), Some(out_of_fold)) => Some(CowArray::from(out_of_fold)),
                    _ => Some(CowArray::from(learned.confidence(predictions))),
                }
            }
            (None, _) => given.map(CowArray::from),
        };
        let labels = labels.map(|labels| labels.iter().map(as_number).collect());
        let agreement = match self.confidence.strategy {
            ConfidenceStrategy::Adaptive { .. } => column_spreads(predictions)
                .into_iter()
                // A new instance may spread more than all training instances did. Its agreement is then 0.
                .map(|s| (1.0 - s / (self.max_spread + SPREAD_EPSILON)).max(0.0))
                .collect(),
            _ => Vec::new(),
        };
        ConfidenceRule { fitted: self, predictions, labels, given, agreement }
    }
}

#[cfg(test)]
mod tests;
