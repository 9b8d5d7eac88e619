//! The local correction: a smooth function of an instance's place among the factors.

use cfe_core::Result;
use cfe_kernel::{add_exponentials, add_weighted_rows};
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Slice};
use serde::{Deserialize, Serialize};

use super::spec::RecommendedSpec;

/// Directions of the kernel with less are rounding.
const NEGLIGIBLE: f64 = 1e-6;

/// Nystroem features of the kernel exp(-|a - b|^2 / 2 l^2) (Williams and Seeger, NIPS 2000), centered.
#[derive(Debug, Clone)]
pub(super) struct LocalBasis {
    kernel: Kernel,
    /// U diag(w)^-1/2, landmarks x features.
    projection: Array2<f64>,
    /// Means of the features over the labeled instances.
    means: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kernel {
    /// One row for each landmark.
    landmarks: Array2<f64>,
    length: f64,
}

impl Kernel {
    fn value(&self, q: usize, y: ArrayView1<'_, f64>) -> f64 {
        let squares = self.landmarks.row(q).iter().zip(y).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        (-0.5 * squares / (self.length * self.length)).exp()
    }
}

impl LocalBasis {
    /// Landmarks and features from the factors Y (d x n) and a score (n), and the features (features x n).
    ///
    /// Landmarks stand at even ranks of the score, half of them among the top tenth: where the rare class is.
    pub(super) fn fit(spec: &RecommendedSpec, y: ArrayView2<'_, f64>, score: &[f64]) -> (Self, Array2<f64>) {
        let rank = spec.local_rank.min(y.nrows());
        let y = y.slice_axis(Axis(0), Slice::from(..rank));
        let n = y.ncols();
        // Landmarks: even ranks among the top and over all. An instance chosen twice counts once.
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| score[b].total_cmp(&score[a]));
        let top = n.min(spec.local_landmarks.max(n / 10));
        let mut chosen: Vec<usize> = even_ranks(top, spec.local_landmarks)
            .chain(even_ranks(n, spec.local_landmarks))
            .map(|rank| order[rank])
            .collect();
        chosen.sort_unstable();
        chosen.dedup();
        let landmarks = Array2::from_shape_fn((chosen.len(), rank), |(q, k)| y[(k, chosen[q])]);
        let kernel = Kernel { landmarks, length: spec.local_length };

        let q = chosen.len();
        // Features: the leading eigenvectors of the kernel between landmarks, each divided by the root of its
        // eigenvalue, so that products of features approximate the kernel.
        let eigen = SymmetricEigen::new(DMatrix::from_fn(q, q, |a, b| {
            kernel.value(a.max(b), kernel.landmarks.row(a.min(b)))
        }));
        let mut leading: Vec<usize> = (0..q).filter(|&c| eigen.eigenvalues[c] > NEGLIGIBLE).collect();
        leading.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        leading.truncate(spec.local_features);
        let projection = Array2::from_shape_fn((q, leading.len()), |(row, c)| {
            eigen.eigenvectors[(row, leading[c])] / eigen.eigenvalues[leading[c]].sqrt()
        });
        let similarity = Array2::from_shape_fn((q, n), |(q, i)| kernel.value(q, y.column(i)));
        // Centered features leave the intercept to the model that they are added to.
        let mut features = projection.t().dot(&similarity);
        let mut means = Vec::with_capacity(leading.len());
        for mut row in features.rows_mut() {
            let mean = row.sum() / n as f64;
            row.mapv_inplace(|v| v - mean);
            means.push(mean);
        }
        (Self { kernel, projection, means }, features)
    }

    /// The function with these coefficients (one for each feature).
    pub(super) fn function(&self, coefficients: &[f64]) -> LocalFunction {
        let coefficients = ArrayView1::from(coefficients);
        LocalFunction {
            kernel: self.kernel.clone(),
            // Projection and means are folded in, so that a prediction needs landmarks and heights alone.
            heights: self.projection.dot(&coefficients).to_vec(),
            offset: -self.means.iter().zip(coefficients).map(|(m, c)| m * c).sum::<f64>(),
        }
    }
}

/// y -> sum_q h_q exp(-|y - z_q|^2 / 2 l^2) + offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LocalFunction {
    kernel: Kernel,
    heights: Vec<f64>,
    offset: f64,
}

impl LocalFunction {
    /// How many of the factors it looks at.
    pub(super) fn rank(&self) -> usize {
        self.kernel.landmarks.ncols()
    }

    /// Values at the factors `y` (rank x n) of n instances; that of one does not depend on the others.
    pub(super) fn at(&self, y: &Array2<f64>) -> Vec<f64> {
        let (rank, n) = y.dim();
        let y = y.as_slice().expect("factors are laid out row by row");
        let inverse = 1.0 / (self.kernel.length * self.kernel.length);
        // |y - z_q|^2 / 2 l^2 = |y|^2 / 2 l^2 + |z_q|^2 / 2 l^2 - y . z_q / l^2: a linear function of y for
        // each landmark.
        let mut lengths = vec![0.0; n];
        for row in y.chunks_exact(n.max(1)) {
            lengths.iter_mut().zip(row).for_each(|(sum, y)| *sum += 0.5 * inverse * y * y);
        }
        let mut terms = vec![(0, 0.0); rank];
        let mut distances = vec![0.0; n];
        let mut values = vec![self.offset; n];
        for (landmark, &height) in self.kernel.landmarks.rows().into_iter().zip(&self.heights) {
            let length = 0.5 * inverse * landmark.dot(&landmark);
            distances.iter_mut().zip(&lengths).for_each(|(s, of_y)| *s = of_y + length);
            terms.iter_mut().zip(&landmark).enumerate().for_each(|(k, (term, z))| *term = (k, -inverse * z));
            add_weighted_rows(y, &terms, &mut distances);
            add_exponentials(&distances, height, &mut values);
        }
        values
    }

    pub(super) fn validate(&self, rank: usize) -> Result<()> {
        let Kernel { landmarks, length } = &self.kernel;
        let sound = landmarks.nrows() == self.heights.len()
            && landmarks.ncols() <= rank
            && *length > 0.0
            && landmarks.iter().chain(&self.heights).chain([length, &self.offset]).all(|v| v.is_finite());
        cfe_core::ensure(
            sound,
            "model",
            "local part",
            "shapes agree and numbers are finite; was the file changed?",
        )
    }
}

/// `count` ranks at even distance from the first to the last of n, rounded down.
fn even_ranks(n: usize, count: usize) -> impl Iterator<Item = usize> {
    let last = n.saturating_sub(1);
    let step = if count > 1 { last as f64 / (count - 1) as f64 } else { 0.0 };
    (0..if n == 0 { 0 } else { count })
        .map(move |k| if k + 1 == count && count > 1 { last } else { ((k as f64 * step) as usize).min(last) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_begin_at_the_first_and_end_at_the_last() {
        assert_eq!(even_ranks(10, 4).collect::<Vec<_>>(), [0, 3, 6, 9]);
        assert_eq!(even_ranks(3, 5).collect::<Vec<_>>(), [0, 0, 1, 1, 2]);
        assert_eq!(even_ranks(3, 1).collect::<Vec<_>>(), [0]);
        assert_eq!(even_ranks(0, 3).count(), 0);
    }

    #[test]
    fn the_function_is_the_weighted_sum_of_the_centered_features() {
        let y = Array2::from_shape_fn((3, 40), |(k, i)| ((k * 7 + i * 3) % 11) as f64 / 5.0 - 1.0);
        let score: Vec<f64> = (0..40).map(|i| f64::from(i % 9)).collect();
        let spec = RecommendedSpec { local_landmarks: 6, local_features: 5, ..RecommendedSpec::default() };
        let (basis, features) = LocalBasis::fit(&spec, y.view(), &score);
        assert_eq!(features.dim(), (5, 40));
        let coefficients = [0.5, -1.0, 2.0, 0.25, 1.5];
        let values = basis.function(&coefficients).at(&y);
        for (column, value) in features.columns().into_iter().zip(values) {
            let direct: f64 = column.iter().zip(coefficients).map(|(f, c)| f * c).sum();
            assert!((value - direct).abs() < 1e-10);
        }
    }
}
