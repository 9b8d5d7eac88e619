//! The confidence of given cells, evaluated where it is needed.

use cfe_kernel::{Cells, Scalar};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix2, Slice};
use pulp::{Simd, WithSimd};

use super::{ConfidenceStrategy, FittedConfidence};

/// The confidence of given cells: a formula, evaluated where it is needed and never stored whole.
#[derive(Debug)]
pub struct ConfidenceRule<'a> {
    pub(super) fitted: &'a FittedConfidence,
    pub(super) predictions: ArrayView2<'a, f64>,
    /// 1, 0 or NaN for unlabeled.
    pub(super) labels: Option<Vec<f64>>,
    /// Confidence that is not a formula: given or learned.
    pub(super) given: Option<CowArray<'a, f64, Ix2>>,
    pub(super) agreement: Vec<f64>,
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

    /// The formula of one row of cells, whose ratings are there. `label` is 1, 0 or NaN (unlabeled); nothing
    /// branches on it, since neighbors' labels are unrelated, so that all of it becomes vector code.
    #[inline(always)]
    fn evaluate<T: Scalar>(&self, u: usize, start: usize, ratings: &mut [T], confidences: &mut [T]) {
        let number = T::from_f64;
        let (half, one) = (T::HALF, T::ONE);
        let certainty = |r: T| (r - half).abs();
        let len = ratings.len();
        let labels = self.labels.as_deref().map(|labels| &labels[start..][..len]);
        // One number for each classifier where the strategy looks at them.
        let of_classifier = || self.fitted.classifier_confidence[u];
        let alpha = number(self.fitted.confidence.label_alpha);
        // With alpha = 0 the labels are left out, so that `fill` runs its shorter loop.
        let mut each = Blend { labels: labels.filter(|_| alpha > T::ZERO), alpha, ratings, confidences };
        match (self.fitted.confidence.strategy, labels) {
            (ConfidenceStrategy::Uniform, _) => each.fill(|_, _| one),
            (ConfidenceStrategy::Certainty, _) | (ConfidenceStrategy::LabelAware, None) => {
                each.fill(|_, r| certainty(r));
            }
            (ConfidenceStrategy::LabelAware, Some(labels)) => each.fill(|k, r| {
                let y = number(labels[k]);
                if y.is_nan() { certainty(r) } else { agreement_with(r, y) }
            }),
            (ConfidenceStrategy::Calibration { .. }, _) => {
                let fixed = number(of_classifier());
                each.fill(|_, _| fixed);
            }
            (ConfidenceStrategy::Adaptive { certainty: sure, calibration, agreement }, _) => {
                let (sure, fixed, agreement) =
                    (number(sure), number(calibration * of_classifier()), number(agreement));
                let agreed = &self.agreement[start..][..len];
                each.fill(|k, r| sure * certainty(r) + fixed + agreement * number(agreed[k]));
            }
            (ConfidenceStrategy::Given | ConfidenceStrategy::Learned { .. }, _) => {
                match self.given.as_ref().map(|given| given.row(u)) {
                    // The caller's matrix may be strided. Only the loop over a slice becomes vector code.
                    Some(row) => match row.as_slice() {
                        Some(row) => {
                            let row = &row[start..][..len];
                            each.fill(|k, _| number(row[k]));
                        }
                        None => each.fill(|k, _| number(row[start + k])),
                    },
                    None => each.fill(|_, _| one),
                }
            }
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

    /// Ratings and confidences of classifier `u` for the instances `start..start + ratings.len()`; a missing
    /// cell gives 0 and 0.
    ///
    /// # Panics
    /// If the range does not lie in the matrix.
    fn fill(&self, u: usize, start: usize, ratings: &mut [T], confidences: &mut [T]) {
        let row = self.predictions.row(u);
        let row = row.slice_axis(Axis(0), Slice::from(start..start + ratings.len()));
        cfe_kernel::arch().dispatch(Fill { rule: self, row, u, start, ratings, confidences });
    }
}

/// Compiled for the instruction set found at run time: a sweep evaluates every cell twice. A struct, as a
/// closure would not be inlined into the code for that set, and so be compiled for the least one.
struct Fill<'f, 'a, T> {
    rule: &'f ConfidenceRule<'a>,
    row: ArrayView1<'f, f64>,
    u: usize,
    start: usize,
    ratings: &'f mut [T],
    confidences: &'f mut [T],
}

impl<T: Scalar> WithSimd for Fill<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { rule, row, u, start, ratings, confidences } = self;
        match row.as_slice() {
            Some(row) => ratings.iter_mut().zip(row).for_each(|(r, &given)| *r = T::from_f64(given)),
            None => ratings.iter_mut().zip(&row).for_each(|(r, &given)| *r = T::from_f64(given)),
        }
        rule.evaluate(u, start, ratings, confidences);
    }
}

/// Cells whose ratings are there and whose confidences are to come.
struct Blend<'c, T> {
    /// 1, 0 or NaN, where confidences are blended with the labels.
    labels: Option<&'c [f64]>,
    alpha: T,
    ratings: &'c mut [T],
    confidences: &'c mut [T],
}

impl<T: Scalar> Blend<'_, T> {
    /// `formula` of place and rating, blended; 0 where the rating is missing, and the rating then as well. In
    /// one pass.
    #[inline(always)]
    fn fill(&mut self, formula: impl Fn(usize, T) -> T) {
        let cells = self.ratings.iter_mut().zip(self.confidences.iter_mut()).enumerate();
        // Two values that are there first: a condition around a store becomes a masked store, which is slow.
        let seen = |r: T, value: T| if r.is_nan() { T::ZERO } else { value };
        match self.labels {
            Some(labels) => {
                for ((k, (r, c)), &y) in cells.zip(labels) {
                    let y = T::from_f64(y);
                    let given = *r;
                    let agreement = if y.is_nan() { T::ZERO } else { agreement_with(given, y) };
                    let confidence = formula(k, given) * (T::ONE + self.alpha * agreement);
                    (*r, *c) = (seen(given, given), seen(given, confidence));
                }
            }
            None => {
                for (k, (r, c)) in cells {
                    let given = *r;
                    let confidence = formula(k, given);
                    (*r, *c) = (seen(given, given), seen(given, confidence));
                }
            }
        }
    }
}

/// How far a prediction agrees with a label of 0 or 1: r or 1 - r.
#[inline(always)]
fn agreement_with<T: Scalar>(r: T, label: T) -> T {
    if label > T::HALF { r } else { T::ONE - r }
}
