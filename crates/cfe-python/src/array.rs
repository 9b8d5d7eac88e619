//! Matrices from numpy.

use ndarray::{Array2, ArrayView2, Axis, CowArray, Ix2, Slice};
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;

/// Cells that are worked on at a time, so that a block stays in the cache and a stop is answered soon.
const BLOCK_CELLS: usize = 1 << 19;
/// Instances that are transposed at a time.
const CHUNK: usize = 256;

/// n x m numbers of an array of Python, a row for each instance, in any memory layout. The array is not
/// copied.
#[derive(FromPyObject)]
pub(crate) enum Matrix<'py> {
    /// Double precision.
    Double(PyReadonlyArray2<'py, f64>),
    /// Single precision, widened a block at a time.
    Single(PyReadonlyArray2<'py, f32>),
}

impl Matrix<'_> {
    /// The numbers, for threads that do not hold the interpreter lock.
    pub(crate) fn view(&self) -> View<'_> {
        match self {
            Matrix::Double(array) => View::Double(array.as_array()),
            Matrix::Single(array) => View::Single(array.as_array()),
        }
    }
}

/// The numbers of a [`Matrix`].
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    Double(ArrayView2<'a, f64>),
    Single(ArrayView2<'a, f32>),
}

impl<'a> View<'a> {
    /// (n, m).
    pub(crate) fn dim(&self) -> (usize, usize) {
        match self {
            View::Double(view) => view.dim(),
            View::Single(view) => view.dim(),
        }
    }

    /// R, m x n, row-major: the one copy that a fit makes.
    pub(crate) fn to_r(self) -> Array2<f64> {
        let (n, m) = self.dim();
        let mut r = Array2::zeros((m, n));
        // A block of instances at a time: to read one column of a row-major matrix from end to end would
        // fetch every cache line m times.
        for (k, mut to) in r.axis_chunks_iter_mut(Axis(1), CHUNK).enumerate() {
            let rows = Slice::from(k * CHUNK..k * CHUNK + to.ncols());
            match self {
                View::Double(view) => to.assign(&view.slice_axis(Axis(0), rows).t()),
                View::Single(view) => {
                    to.zip_mut_with(&view.slice_axis(Axis(0), rows).t(), |to, &from| *to = f64::from(from));
                }
            }
        }
        r
    }

    /// The instances from `begin` on, as m x k: a view where the numbers are doubles already.
    pub(crate) fn block(self, begin: usize) -> CowArray<'a, f64, Ix2> {
        let (n, m) = self.dim();
        // At least 64 instances, or a matrix of very many classifiers would be worked on row by row.
        let rows = Slice::from(begin..n.min(begin + (BLOCK_CELLS / m.max(1)).max(64)));
        match self {
            View::Double(mut view) => {
                view.slice_axis_inplace(Axis(0), rows);
                view.reversed_axes().into()
            }
            View::Single(mut view) => {
                view.slice_axis_inplace(Axis(0), rows);
                view.reversed_axes().mapv(f64::from).into()
            }
        }
    }
}
