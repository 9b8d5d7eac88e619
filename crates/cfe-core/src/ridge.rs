//! The weighted ridge regressions of alternating least squares, for training and for fold-in.
//!
//! ```text
//! y_i = (X diag(C[:,i]) X^T + lambda I)^-1 X diag(C[:,i]) R[:,i]
//! x_u = (Y diag(C[u,:]) Y^T + lambda I)^-1 Y diag(C[u,:]) R[u,:]^T
//! ```
//!
//! Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, eq. 4 and 5.
//! The work is done by `cfe-kernel` in batches, at the speed of a matrix product; this module speaks arrays
//! and the core's errors.

pub use cfe_kernel::{Cells, InstanceSums, InstructionSet, NormalEquations, Scalar, Workspace};

use cfe_kernel::KernelError;
use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result, Side};
use crate::rows::rows_of;

/// All columns of Y (d x n) from X (d x m). Costs n (m d (d + 3) + d^3 / 3 + 2 d^2) flops, less where m < d.
///
/// # Errors
/// [`Error::ShapeMismatch`]; [`Error::InvalidParameter`] for lambda; [`Error::NotPositiveDefinite`] with the
/// lowest singular instance, and Y is then unspecified.
pub fn update_instances<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: ArrayView2<'_, T>,
    lambda: T,
    y: &mut Array2<T>,
) -> Result<()> {
    with_slices(cells, x, y, |x, d, y| cfe_kernel::update_instances(workspace, cells, x, d, lambda, y))?
        .map_err(|error| convert(error, lambda.to_f64()))
}

/// As [`update_instances`], with the squared error and the norm of the new Y, at 2 n m d flops more: what a
/// loss needs of them, without another pass over R and Y.
///
/// # Errors
/// As [`update_instances`].
pub fn update_instances_and_sum<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: ArrayView2<'_, T>,
    lambda: T,
    y: &mut Array2<T>,
) -> Result<InstanceSums> {
    with_slices(cells, x, y, |x, d, y| {
        cfe_kernel::update_instances_and_sum(workspace, cells, x, d, lambda, y)
    })?
    .map_err(|error| convert(error, lambda.to_f64()))
}

/// As [`update_instances_and_sum`] for one block of instances, on the calling thread alone. Without
/// `measured` the sums are 0 and cost nothing.
///
/// # Errors
/// As [`update_instances`].
pub fn update_block<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: ArrayView2<'_, T>,
    lambda: T,
    y: &mut Array2<T>,
    measured: bool,
) -> Result<InstanceSums> {
    with_slices(cells, x, y, |x, d, y| cfe_kernel::update_block(workspace, cells, x, d, lambda, y, measured))?
        .map_err(|error| convert(error, lambda.to_f64()))
}

/// The left and right sides of the classifiers' systems over one block of instances, on the calling thread
/// alone.
///
/// # Errors
/// [`Error::ShapeMismatch`].
pub fn block_normal_equations<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    y: ArrayView2<'_, T>,
) -> Result<NormalEquations> {
    let (d, n) = y.dim();
    check("Y", (d, n), (d, cells.cols()))?;
    let y = y.as_standard_layout();
    cfe_kernel::block_normal_equations(workspace, cells, rows_of(&y), d).map_err(|error| convert(error, 0.0))
}

/// X (d x m) from its normal equations. Costs m (d^3 / 3 + 2 d^2) flops.
///
/// # Errors
/// [`Error::InvalidParameter`] for lambda; [`Error::NotPositiveDefinite`] with the lowest singular
/// classifier.
pub fn solve_classifiers<T: Scalar>(equations: &NormalEquations, lambda: f64) -> Result<Array2<T>> {
    let mut x = Array2::from_elem((equations.d, equations.rows), T::ZERO);
    equations.solve(lambda, crate::rows::rows_of_mut(&mut x)).map_err(|error| convert(error, lambda))?;
    Ok(x)
}

/// X, d and Y as the kernel takes them.
fn with_slices<T: Scalar, C: Cells<T>, O>(
    cells: &C,
    x: ArrayView2<'_, T>,
    y: &mut Array2<T>,
    of: impl FnOnce(&[T], usize, &mut [T]) -> O,
) -> Result<O> {
    let (d, m) = x.dim();
    check("X", (d, m), (d, cells.rows()))?;
    check("Y", y.dim(), (d, cells.cols()))?;
    // X is small and may be laid out anew; Y is written in place and must be row-major already.
    let x = x.as_standard_layout();
    match y.as_slice_mut() {
        Some(y) => Ok(of(rows_of(&x), d, y)),
        None => Err(Error::parameter("Y", "column-major", "Y is stored row-major")),
    }
}

/// All columns of X (d x m) from Y (d x n). Costs n m d (d + 3) flops; reads every cell once.
///
/// # Errors
/// [`Error::ShapeMismatch`]; [`Error::InvalidParameter`] for lambda; [`Error::NotPositiveDefinite`] with the
/// lowest singular classifier, and X is then unspecified.
pub fn update_classifiers<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    y: ArrayView2<'_, T>,
    lambda: T,
    x: &mut Array2<T>,
) -> Result<()> {
    let (d, n) = y.dim();
    check("Y", (d, n), (d, cells.cols()))?;
    check("X", x.dim(), (d, cells.rows()))?;
    let y = y.as_standard_layout();
    let y = rows_of(&y);
    let Some(x) = x.as_slice_mut() else {
        return Err(Error::parameter("X", "column-major", "X is stored row-major"));
    };
    cfe_kernel::update_classifiers(workspace, cells, y, d, lambda, x)
        .map_err(|error| convert(error, lambda.to_f64()))
}

/// The left and right sides of the classifiers' systems, without lambda, for block updates that add to them.
///
/// # Errors
/// [`Error::ShapeMismatch`].
pub fn normal_equations<C: Cells<f64>>(
    workspace: &Workspace<f64>,
    cells: &C,
    y: ArrayView2<'_, f64>,
) -> Result<NormalEquations> {
    let (d, n) = y.dim();
    check("Y", (d, n), (d, cells.cols()))?;
    let y = y.as_standard_layout();
    let y = rows_of(&y);
    cfe_kernel::classifier_normal_equations(workspace, cells, y, d).map_err(|error| convert(error, 0.0))
}

/// sum_ui c_ui (r_ui - x_u . y_i)^2, summed in f64; the same bits for any number of threads. Costs 2 m n (d +
/// 2) flops.
///
/// # Errors
/// [`Error::ShapeMismatch`].
pub fn weighted_squared_error<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: ArrayView2<'_, T>,
    y: ArrayView2<'_, T>,
) -> Result<f64> {
    let d = x.nrows();
    check("X", x.dim(), (d, cells.rows()))?;
    check("Y", y.dim(), (d, cells.cols()))?;
    let (x, y) = (x.as_standard_layout(), y.as_standard_layout());
    let (x, y) = (rows_of(&x), rows_of(&y));
    cfe_kernel::weighted_squared_error(workspace, cells, x, y, d).map_err(|error| convert(error, 0.0))
}

fn check(what: &'static str, found: (usize, usize), expected: (usize, usize)) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::ShapeMismatch { what, found, expected }) }
}

fn convert(error: KernelError, lambda: f64) -> Error {
    match error {
        KernelError::NotPositiveDefinite { side, index } => {
            let side = match side {
                cfe_kernel::Side::Classifiers => Side::Classifier,
                cfe_kernel::Side::Instances => Side::Instance,
            };
            Error::NotPositiveDefinite { side, index, lambda }
        }
        KernelError::Lambda => Error::parameter("lambda", lambda, "the ridge is finite and at least 0"),
        KernelError::Shape { name, expected, found } => Error::LengthMismatch { what: name, found, expected },
        other => Error::parameter("system", other, "see the message"),
    }
}
