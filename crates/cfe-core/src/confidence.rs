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
//! Each can be **blended** with the labels: c (1 + alpha t), t = r if y = 1 and 1 - r if y = 0, for labeled instances.
//! `label_aware` and blending are different things; the published ALS blends `certainty` with alpha = 1. A missing cell
//! (NaN) has confidence 0 under every strategy. The first five are the published ones.
//!
//! **Learned.** A random forest (Breiman, Machine Learning 45, 2001) predicts |r - y| from r, |2 r - 1|, the deviation from the
//! column's mean, the column's mean, standard deviation and share observed, and the classifier's mean, variance and Brier score
//! over the labeled. The label of an instance must not decide the confidence of its own cells, or the factors would copy the
//! labels: cells of labeled instances get it **out of fold**, from one of five forests that did not see their instance. All other
//! cells and new instances get it from a forest over all labels. A forest is trained on 20 000 cells at most.

use cfe_kernel::{Cells, Scalar};
use ndarray::{Array2, ArrayView2, Axis, CowArray, Ix2, Slice};
use serde::{Deserialize, Serialize};

use crate::data::EnsembleData;
use crate::error::{Error, Result, ensure};
#[cfg(feature = "io")]
use crate::reliability::N_FEATURES;
use crate::reliability::Reliability;

/// The formula of the confidence, see the [module](self).
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
        let finite = |x: f64| x >= 0.0 && x.is_finite();
        ensure(finite(self.label_alpha), "label_alpha", self.label_alpha, "alpha is finite and at least 0")?;
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
                    ensure(finite(value), name, value, "shares are finite and at least 0")?;
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
        let reliability = match self.strategy {
            ConfidenceStrategy::Calibration { floor } => reliability(data, floor),
            ConfidenceStrategy::Adaptive { .. } => reliability(data, ADAPTIVE_FLOOR),
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
                let (learned, out_of_fold) = Reliability::fit(data, n_trees, max_depth, seed)?;
                (Some(Box::new(learned)), Some(Box::new(out_of_fold)))
            }
            _ => (None, None),
        };
        Ok(FittedConfidence { confidence: *self, reliability, max_spread, learned, out_of_fold })
    }
}

/// A confidence rule with the numbers learnt in training, so that a new instance is weighed as those were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedConfidence {
    confidence: Confidence,
    /// One number for each classifier, or empty.
    reliability: Vec<f64>,
    /// Largest column spread in training.
    max_spread: f64,
    /// Model of the error of cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learned: Option<Box<Reliability>>,
    /// Learned confidence of the training cells (m x n), until training is over.
    #[serde(skip)]
    out_of_fold: Option<Box<Array2<f64>>>,
}

impl FittedConfidence {
    /// Without what only training needs; for new instances nothing changes.
    pub(crate) fn for_new_instances(self) -> Self {
        Self { out_of_fold: None, ..self }
    }

    /// The model of the error of cells, for model files.
    #[cfg(feature = "io")]
    pub(crate) fn learned(&self) -> Option<&Reliability> {
        self.learned.as_deref()
    }

    /// The rule's parameters.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// What was learnt: one number for each classifier, or none, and the largest column spread.
    #[cfg(feature = "io")]
    pub(crate) fn learnt(&self) -> (&[f64], f64) {
        (&self.reliability, self.max_spread)
    }

    /// The rule from its parameters and what was learnt, out of a model file.
    #[cfg(feature = "io")]
    pub(crate) fn from_learnt(
        confidence: Confidence,
        reliability: Vec<f64>,
        max_spread: f64,
        learned: Option<Reliability>,
    ) -> Result<Self> {
        confidence.validate()?;
        match (&learned, confidence.strategy) {
            (Some(learned), _) => learned.forest.validate(N_FEATURES)?,
            (None, ConfidenceStrategy::Learned { .. }) => return Err(Error::MissingConfidence),
            _ => {}
        }
        for &value in reliability.iter().chain([&max_spread]) {
            ensure(
                value >= 0.0 && value.is_finite(),
                "confidence",
                value,
                "what was learnt is finite and at least 0",
            )?;
        }
        Ok(Self { confidence, reliability, max_spread, learned: learned.map(Box::new), out_of_fold: None })
    }

    /// The rule applied to the training data, labels included.
    pub fn on_training<'a>(&'a self, data: &'a EnsembleData) -> ConfidenceRule<'a> {
        self.rule(data.predictions(), Some(data.labels()), data.confidence())
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
        let as_number = |label: &Option<bool>| label.map_or(f64::NAN, |y| f64::from(u8::from(y)));
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
                .map(|s| (1.0 - s / (self.max_spread + SPREAD_EPSILON)).max(0.0))
                .collect(),
            _ => Vec::new(),
        };
        ConfidenceRule { fitted: self, predictions, labels, given, agreement }
    }
}

/// The confidence of given cells: a formula, evaluated where it is needed and never stored whole.
#[derive(Debug)]
pub struct ConfidenceRule<'a> {
    fitted: &'a FittedConfidence,
    predictions: ArrayView2<'a, f64>,
    /// 1, 0 or NaN for unlabeled.
    labels: Option<Vec<f64>>,
    /// Confidence that is no formula: given or learned.
    given: Option<CowArray<'a, f64, Ix2>>,
    agreement: Vec<f64>,
}

impl ConfidenceRule<'_> {
    /// (m, n).
    pub fn dim(&self) -> (usize, usize) {
        self.predictions.dim()
    }

    /// Instances with any confidence above 0, ascending.
    pub(crate) fn observed(&self) -> Vec<usize> {
        let matrix = self.matrix();
        (0..matrix.ncols()).filter(|&i| matrix.column(i).iter().any(|&c| c > 0.0)).collect()
    }

    /// The formula of one row of cells. `label` is 1, 0 or NaN (unlabeled); nothing branches on it, since neighbours'
    /// labels are unrelated, so that all of it becomes vector code.
    #[inline(always)]
    fn evaluate<T: Scalar>(&self, u: usize, start: usize, ratings: &mut [T], confidences: &mut [T]) {
        let number = T::from_f64;
        let (half, one) = (T::HALF, T::ONE);
        let end = start + ratings.len();
        let labels = self.labels.as_deref().map(|labels| &labels[start..end]);
        let reliability = self.fitted.reliability.get(u).copied().unwrap_or(1.0);
        let cells = ratings.iter().zip(confidences.iter_mut());
        match self.fitted.confidence.strategy {
            ConfidenceStrategy::Uniform => confidences.fill(one),
            ConfidenceStrategy::Certainty => cells.for_each(|(&r, c)| *c = (r - half).abs()),
            ConfidenceStrategy::LabelAware => match labels {
                Some(labels) => cells.zip(labels).for_each(|((&r, c), &y)| {
                    *c = if y.is_nan() { (r - half).abs() } else { agreement_with(r, y) };
                }),
                None => cells.for_each(|(&r, c)| *c = (r - half).abs()),
            },
            ConfidenceStrategy::Calibration { .. } => confidences.fill(number(reliability)),
            ConfidenceStrategy::Adaptive { certainty, calibration, agreement } => {
                let (certainty, fixed, agreement) =
                    (number(certainty), number(calibration * reliability), number(agreement));
                for ((&r, c), &agreed) in cells.zip(&self.agreement[start..end]) {
                    *c = certainty * (r - half).abs() + fixed + agreement * number(agreed);
                }
            }
            ConfidenceStrategy::Given | ConfidenceStrategy::Learned { .. } => {
                match self.given.as_ref().map(|given| given.row(u)) {
                    Some(row) => match row.as_slice() {
                        Some(row) => {
                            confidences
                                .iter_mut()
                                .zip(&row[start..end])
                                .for_each(|(c, &given)| *c = number(given));
                        }
                        None => {
                            confidences.iter_mut().enumerate().for_each(|(k, c)| *c = number(row[start + k]))
                        }
                    },
                    None => confidences.fill(one),
                }
            }
        }
        let alpha = self.fitted.confidence.label_alpha;
        if let (Some(labels), true) = (labels, alpha > 0.0) {
            let alpha = number(alpha);
            for ((&r, c), &y) in ratings.iter().zip(confidences.iter_mut()).zip(labels) {
                let agreement = if y.is_nan() { T::ZERO } else { agreement_with(r, y) };
                *c = *c * (one + alpha * agreement);
            }
        }
        for (r, c) in ratings.iter_mut().zip(confidences.iter_mut()) {
            let seen = !r.is_nan();
            *c = if seen { *c } else { T::ZERO };
            *r = if seen { *r } else { T::ZERO };
        }
    }

    /// The whole confidence matrix (m x n), for tests and inspection.
    pub fn matrix(&self) -> Array2<f64> {
        let (m, n) = self.dim();
        let mut out = Array2::zeros((m, n));
        let (mut ratings, mut confidences) = (vec![0.0; n], vec![0.0; n]);
        for u in 0..m {
            Cells::<f64>::fill(self, u, 0, &mut ratings, &mut confidences);
            out.row_mut(u).iter_mut().zip(&confidences).for_each(|(o, &c)| *o = c);
        }
        out
    }
}

/// In f32 the formula is evaluated in f32, from ratings rounded to it.
impl<T: Scalar> Cells<T> for ConfidenceRule<'_> {
    fn rows(&self) -> usize {
        self.predictions.nrows()
    }

    fn cols(&self) -> usize {
        self.predictions.ncols()
    }

    /// Ratings and confidences of classifier `u` for the instances `start..start + ratings.len()`; a missing cell
    /// gives 0 and 0.
    ///
    /// # Panics
    /// If the range does not lie in the matrix.
    fn fill(&self, u: usize, start: usize, ratings: &mut [T], confidences: &mut [T]) {
        let row = self.predictions.row(u);
        let row = row.slice_axis(Axis(0), Slice::from(start..start + ratings.len()));
        // Compiled for the instruction set found at run time: a sweep evaluates every cell twice.
        pulp::Arch::new().dispatch(|| {
            match row.as_slice() {
                Some(row) => ratings.iter_mut().zip(row).for_each(|(r, &given)| *r = T::from_f64(given)),
                None => ratings.iter_mut().zip(&row).for_each(|(r, &given)| *r = T::from_f64(given)),
            }
            self.evaluate(u, start, ratings, confidences);
        });
    }
}

/// How far a prediction agrees with a label of 0 or 1: r or 1 - r.
#[inline(always)]
fn agreement_with<T: Scalar>(r: T, label: f64) -> T {
    if label > 0.5 { r } else { T::ONE - r }
}

/// max(1 - Brier, floor) of each classifier over its labeled, observed cells; 1 where there are none.
fn reliability(data: &EnsembleData, floor: f64) -> Vec<f64> {
    (0..data.n_classifiers())
        .map(|u| {
            let row = data.predictions();
            let errors = data.labeled().iter().filter_map(|&i| {
                let (r, y) = (row[(u, i)], if data.labels()[i] == Some(true) { 1.0 } else { 0.0 });
                (!r.is_nan()).then_some((r - y) * (r - y))
            });
            let (sum, count) = errors.fold((0.0, 0usize), |(s, k), e| (s + e, k + 1));
            if count == 0 { 1.0 } else { (1.0 - sum / count as f64).max(floor) }
        })
        .collect()
}

/// Population standard deviation over the observed classifiers of each instance; 0 for fewer than two.
fn column_spreads(predictions: ArrayView2<'_, f64>) -> Vec<f64> {
    let n = predictions.ncols();
    let (mut count, mut mean) = (vec![0.0_f64; n], vec![0.0_f64; n]);
    for row in predictions.rows() {
        for (i, &r) in row.iter().enumerate() {
            if !r.is_nan() {
                count[i] += 1.0;
                mean[i] += r;
            }
        }
    }
    mean.iter_mut().zip(&count).for_each(|(s, &k)| *s /= k.max(1.0));
    let mut spread = vec![0.0_f64; n];
    for row in predictions.rows() {
        for (i, &r) in row.iter().enumerate() {
            if !r.is_nan() {
                spread[i] += (r - mean[i]) * (r - mean[i]);
            }
        }
    }
    spread.iter_mut().zip(&count).for_each(|(s, &k)| *s = (*s / k.max(1.0)).sqrt());
    spread
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_missing_cell_counts_nothing_under_any_strategy() {
        let data = EnsembleData::new(array![[0.9, f64::NAN], [0.2, 0.4]], vec![Some(true), Some(false)])
            .and_then(|d| d.with_confidence(Array2::ones((2, 2))))
            .expect("valid");
        for strategy in [
            ConfidenceStrategy::Uniform,
            ConfidenceStrategy::Certainty,
            ConfidenceStrategy::LabelAware,
            ConfidenceStrategy::Calibration { floor: 0.1 },
            ConfidenceStrategy::Adaptive { certainty: 0.5, calibration: 0.3, agreement: 0.2 },
            #[cfg(feature = "learned")]
            ConfidenceStrategy::Learned { n_trees: 3, max_depth: 2, seed: 0 },
            ConfidenceStrategy::Given,
        ] {
            let fitted = Confidence { strategy, label_alpha: 2.0 }.fit(&data).expect("valid");
            let c = fitted.on_training(&data).matrix();
            assert_eq!(c[(0, 1)], 0.0, "{strategy:?}");
            assert!(c.iter().all(|c| c.is_finite() && *c >= 0.0), "{strategy:?}");
        }
    }

    #[test]
    fn a_given_confidence_must_be_there() {
        let data = EnsembleData::new(array![[0.5]], vec![None]).expect("valid");
        let error = Confidence::new(ConfidenceStrategy::Given).fit(&data).expect_err("nothing given");
        assert!(matches!(error, Error::MissingConfidence));
    }

    #[test]
    fn nan_and_negative_parameters_are_refused() {
        for bad in [-0.5, f64::NAN, f64::INFINITY] {
            assert!(Confidence::label_blended(bad).validate().is_err());
            assert!(Confidence::new(ConfidenceStrategy::Calibration { floor: bad }).validate().is_err());
        }
        for (n_trees, max_depth) in [(0, 6), (1001, 6), (50, 0), (50, 21)] {
            let strategy = ConfidenceStrategy::Learned { n_trees, max_depth, seed: 0 };
            assert!(Confidence::new(strategy).validate().is_err());
        }
    }
}
