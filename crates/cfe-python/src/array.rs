//! Matrices from numpy.

use cfe_core::Error;
use cfe_io::HAIR;
use ndarray::{
    Array2, Array3, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut2, Axis, CowArray, Ix2, Slice,
};
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use crate::border::Caller;
use crate::errors::Failure;

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
    /// A column for each classifier, as Arrow and data frames have them, put together a block at a time.
    Columns(Vec<PyReadonlyArray1<'py, f64>>),
}

impl Matrix<'_> {
    /// The numbers, for threads that do not hold the interpreter lock.
    ///
    /// # Errors
    /// `DataError` for columns of different lengths.
    pub(crate) fn view(&self) -> Result<View<'_>, Failure> {
        Ok(match self {
            Matrix::Double(array) => View::Double(array.as_array()),
            Matrix::Single(array) => View::Single(array.as_array()),
            Matrix::Columns(columns) => {
                let columns: Vec<_> = columns.iter().map(PyReadonlyArray1::as_array).collect();
                let n = columns.first().map_or(0, ArrayView1::len);
                if let Some(other) = columns.iter().find(|column| column.len() != n) {
                    let found = other.len();
                    return Err(Error::LengthMismatch {
                        what: "the predictions of a classifier",
                        found,
                        expected: n,
                    }
                    .into());
                }
                View::Columns(columns)
            }
        })
    }
}

/// The numbers of a [`Matrix`].
pub(crate) enum View<'a> {
    Double(ArrayView2<'a, f64>),
    Single(ArrayView2<'a, f32>),
    Columns(Vec<ArrayView1<'a, f64>>),
}

impl<'a> View<'a> {
    /// (n, m).
    pub(crate) fn dim(&self) -> (usize, usize) {
        match self {
            View::Double(view) => view.dim(),
            View::Single(view) => view.dim(),
            View::Columns(columns) => (columns.first().map_or(0, ArrayView1::len), columns.len()),
        }
    }

    /// R, m x n, row-major: the one copy that a fit makes.
    pub(crate) fn to_r(&self, caller: &Caller<'_>) -> Result<Array2<f64>, Failure> {
        let (n, m) = self.dim();
        let mut r = Array2::zeros((m, n));
        // A block of instances at a time: to read one column of a row-major matrix from end to end would
        // fetch every cache line m times.
        for (k, mut to) in r.axis_chunks_iter_mut(Axis(1), CHUNK).enumerate() {
            caller.check()?;
            let rows = Slice::from(k * CHUNK..k * CHUNK + to.ncols());
            match self {
                View::Double(view) => to.zip_mut_with(&view.slice_axis(Axis(0), rows).t(), |to, &from| {
                    *to = without_rounding(from);
                }),
                View::Single(view) => to.zip_mut_with(&view.slice_axis(Axis(0), rows).t(), |to, &from| {
                    *to = without_rounding(f64::from(from));
                }),
                View::Columns(columns) => gather(columns, rows, to),
            }
        }
        Ok(r)
    }

    /// The instances from `begin` on, as m x k: a view where the numbers are doubles already.
    pub(crate) fn block(&self, begin: usize) -> CowArray<'a, f64, Ix2> {
        let (n, m) = self.dim();
        // At least 64 instances, or a matrix of very many classifiers would be worked on row by row.
        let rows = Slice::from(begin..n.min(begin + (BLOCK_CELLS / m.max(1)).max(64)));
        match self {
            View::Double(view) => {
                let mut view = *view;
                view.slice_axis_inplace(Axis(0), rows);
                let view = view.reversed_axes();
                // A copy of the block only where there is something to mend, which is rare.
                if view.iter().any(|&p| without_rounding(p) != p && !p.is_nan()) {
                    view.mapv(without_rounding).into()
                } else {
                    view.into()
                }
            }
            View::Single(view) => {
                view.slice_axis(Axis(0), rows).reversed_axes().mapv(|p| without_rounding(f64::from(p))).into()
            }
            View::Columns(columns) => {
                let mut block = Array2::zeros((m, rows.end.map_or(n, |end| end as usize) - begin));
                gather(columns, rows, block.view_mut());
                block.into()
            }
        }
    }
}

/// n x m x K probabilities of several classes of an array of Python, in any memory layout.
#[derive(FromPyObject)]
pub(crate) enum Cube<'py> {
    /// Double precision.
    Double(PyReadonlyArray3<'py, f64>),
    /// Single precision, widened as it is copied.
    Single(PyReadonlyArray3<'py, f32>),
}

impl Cube<'_> {
    /// The numbers, for threads that do not hold the interpreter lock.
    pub(crate) fn view(&self) -> CubeView<'_> {
        match self {
            Cube::Double(array) => CubeView::Double(array.as_array()),
            Cube::Single(array) => CubeView::Single(array.as_array()),
        }
    }
}

/// The numbers of a [`Cube`].
pub(crate) enum CubeView<'a> {
    Double(ArrayView3<'a, f64>),
    Single(ArrayView3<'a, f32>),
}

impl CubeView<'_> {
    /// (n, m, K).
    pub(crate) fn dim(&self) -> (usize, usize, usize) {
        match self {
            CubeView::Double(view) => view.dim(),
            CubeView::Single(view) => view.dim(),
        }
    }

    /// The values, m x n x K: the one copy at the border.
    pub(crate) fn to_values(&self, caller: &Caller<'_>) -> Result<Array3<f64>, Failure> {
        caller.check()?;
        let (n, m, k) = self.dim();
        let mut values = Array3::zeros((m, n, k));
        match self {
            CubeView::Double(view) => {
                values.zip_mut_with(&view.view().permuted_axes([1, 0, 2]), |to, &from| {
                    *to = without_rounding(from);
                });
            }
            CubeView::Single(view) => {
                values.zip_mut_with(&view.view().permuted_axes([1, 0, 2]), |to, &from| {
                    *to = without_rounding(f64::from(from));
                });
            }
        }
        Ok(values)
    }
}

/// Writes the rows of columns into a matrix m x k.
fn gather(columns: &[ArrayView1<'_, f64>], rows: Slice, mut to: ArrayViewMut2<'_, f64>) {
    for (mut to, column) in to.rows_mut().into_iter().zip(columns) {
        to.zip_mut_with(&column.slice_axis(Axis(0), rows), |to, &from| *to = without_rounding(from));
    }
}

/// What is a hair outside [0, 1] as 0 or 1, as in a file.
fn without_rounding(p: f64) -> f64 {
    let near = (-HAIR..0.0).contains(&p) || (p > 1.0 && p <= 1.0 + HAIR);
    if near { p.clamp(0.0, 1.0) } else { p }
}
