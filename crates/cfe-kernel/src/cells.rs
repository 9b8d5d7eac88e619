//! Where ratings and confidences come from.

use super::simd::Scalar;

/// Supplies the ratings R and confidences C of an m x n problem tile by tile, so that a confidence that is
/// a formula of R never exists as a matrix.
///
/// `fill` is called with tiles of 16 to 512 instances, about `m * n` cells per pass, from many threads.
pub trait Cells<T>: Sync {
    /// Number of classifiers m.
    fn rows(&self) -> usize;

    /// Number of instances n.
    fn cols(&self) -> usize;

    /// Writes the cells of classifier `u` for the instances `start..start + r.len()`.
    ///
    /// `r` and `c` have equal lengths and the range lies inside `0..cols()`. An unobserved cell gives
    /// `r = 0, c = 0`; confidences are finite and not negative. The same arguments must always give the
    /// same values.
    fn fill(&self, u: usize, start: usize, r: &mut [T], c: &mut [T]);
}

/// Ratings and confidences as two stored row-major m x n matrices.
#[derive(Debug, Clone, Copy)]
pub struct DenseCells<'a, T> {
    ratings: &'a [T],
    weights: &'a [T],
    rows: usize,
    cols: usize,
}

impl<'a, T: Scalar> DenseCells<'a, T> {
    /// `None` unless both slices have `rows * cols` elements.
    #[must_use]
    pub fn new(ratings: &'a [T], weights: &'a [T], rows: usize, cols: usize) -> Option<Self> {
        let len = rows.checked_mul(cols)?;
        (ratings.len() == len && weights.len() == len).then_some(Self { ratings, weights, rows, cols })
    }
}

impl<T: Scalar> Cells<T> for DenseCells<'_, T> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn fill(&self, u: usize, start: usize, r: &mut [T], c: &mut [T]) {
        let from = u * self.cols + start;
        r.copy_from_slice(&self.ratings[from..from + r.len()]);
        c.copy_from_slice(&self.weights[from..from + c.len()]);
    }
}
