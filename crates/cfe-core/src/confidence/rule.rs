//! The confidence of given cells, evaluated where it is needed.

use cfe_kernel::{Cells, Scalar};
use ndarray::{Array2, ArrayView2, Axis, CowArray, Ix2, Slice};

use super::{ConfidenceStrategy, FittedConfidence};

/// The confidence of given cells: a formula, evaluated where it is needed and never stored whole.
#[derive(Debug)]
pub struct ConfidenceRule<'a> {
    pub(super) fitted: &'a FittedConfidence,
    pub(super) predictions: ArrayView2<'a, f64>,
    /// 1, 0 or NaN for unlabeled.
    pub(super) labels: Option<Vec<f64>>,
    /// Confidence that is no formula: given or learned.
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
