//! Matrices as the kernels take them: one slice, row by row.

use ndarray::ArrayRef2;

/// The entries of a matrix that is stored row by row, as one slice.
///
/// # Panics
/// If the matrix is stored otherwise. Callers lay it out first (`as_standard_layout`), so that would be a
/// fault of this library: an empty slice in its place would give a wrong number without a word.
pub fn rows_of<T>(matrix: &ArrayRef2<T>) -> &[T] {
    matrix.as_slice().expect("the matrix was laid out row by row before")
}

/// As [`rows_of`], to be written to.
///
/// # Panics
/// As [`rows_of`].
pub fn rows_of_mut<T>(matrix: &mut ArrayRef2<T>) -> &mut [T] {
    matrix.as_slice_mut().expect("the matrix was laid out row by row before")
}
