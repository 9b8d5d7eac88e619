//! Kernel of the weighted alternating least squares factorization `R ~ X^T Y`.
//!
//! R and C are m x n (rows = classifiers `u`, columns = instances `i`), X is d x m and Y is d x n, all
//! row-major, so that a latent row of Y has its instances contiguous: **a SIMD lane is an instance**.
//!
//! ```text
//! y_i = (X diag(C[:,i]) X^T + lambda I)^-1 X diag(C[:,i]) R[:,i]      update_instances
//! x_u = (Y diag(C[u,:]) Y^T + lambda I)^-1 Y diag(C[u,:]) R[u,:]^T    update_classifiers
//! ```
//!
//! Both sets of Gram matrices are matrix products with the half-vectorized outer products
//! `vech(x_u x_u^T)` and `vech(y_i y_i^T)`, K = d(d+1)/2 numbers each, so both run at the speed of a
//! matrix multiplication; neither is ever stored for all instances. With k = K + d an update costs
//! `2 n m k` flops, plus `n (d^3/3 + 2 d^2)` for the instances' solves, and reads R and C once.
//!
//! Results are the same bits for any number of threads: an instance's arithmetic does not depend on its
//! neighbors, and sums over instances run over a number of shards that depends on the problem only.
//! They do depend on the instruction set, through the width of a register and fused multiply-add.

#![forbid(unsafe_code)]

mod cells;
mod compiled;
mod factor;
mod instances;
mod instruction_set;
mod logistic;
mod normal;
mod pack;
mod product;
mod regression;
mod residual;
mod shard;
mod simd;
mod tile;
mod workspace;

pub use cells::{Cells, DenseCells};
pub use instances::{InstanceSums, update_block, update_instances, update_instances_and_sum};
pub use instruction_set::{InstructionSet, InstructionSetError, arch};
pub use logistic::{add_exponentials, exp_and_log1p};
pub use normal::{NormalEquations, block_normal_equations, classifier_normal_equations, update_classifiers};
pub use regression::{add_row_products, add_weighted_rows};
pub use residual::weighted_squared_error;
pub use simd::Scalar;
pub use workspace::Workspace;

use core::fmt;

/// Which update failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The update of Y; the index is an instance.
    Instances,
    /// The update of X; the index is a classifier.
    Classifiers,
}

/// Why a kernel function returned no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelError {
    /// A slice does not have the length its matrix needs (or that length overflows).
    Shape {
        /// The argument.
        name: &'static str,
        /// Elements needed.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// lambda is negative, infinite or NaN.
    Lambda,
    /// A system has a pivot that is not positive, or a solution that is not finite: lambda = 0 (or below
    /// rounding) with a singular Gram matrix, or an input that is not finite.
    NotPositiveDefinite {
        /// The update.
        side: Side,
        /// The lowest failing instance or classifier.
        index: usize,
    },
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Shape { name, expected, found } => {
                write!(f, "{name} has {found} elements instead of {expected}")
            }
            Self::Lambda => write!(f, "lambda is not a finite number >= 0"),
            Self::NotPositiveDefinite { side, index } => {
                let what = match side {
                    Side::Instances => "instance",
                    Side::Classifiers => "classifier",
                };
                write!(f, "the system of {what} {index} is not positive definite")
            }
        }
    }
}

impl core::error::Error for KernelError {}

/// Checks that the slice called `name` holds `rows x cols` elements.
fn check_shape(name: &'static str, found: usize, rows: usize, cols: usize) -> Result<(), KernelError> {
    let expected = rows.saturating_mul(cols);
    if found == expected && rows.checked_mul(cols).is_some() {
        return Ok(());
    }
    Err(KernelError::Shape { name, expected, found })
}

/// Checks lambda.
fn check_lambda<T: Scalar>(lambda: T) -> Result<(), KernelError> {
    if lambda.is_finite() && lambda >= T::ZERO { Ok(()) } else { Err(KernelError::Lambda) }
}

/// Elements in the lower triangle of an `n x n` matrix, and the offset of row `n` in its row-by-row
/// storage.
const fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

/// Cuts `0..total` into the fewest parts of at most `max`, of widths that differ by at most one, and
/// yields `(start, width)`. Equal widths matter: a narrow remainder leaves too few accumulators to cover
/// the latency of a multiply-add.
fn split(total: usize, max: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = total.div_ceil(max);
    (0..parts).map(move |p| {
        let start = total * p / parts;
        (start, total * (p + 1) / parts - start)
    })
}

/// The first of the `lanes` flags that is 0.
fn first_bad<T: Scalar>(good: &[T], lanes: usize) -> Option<usize> {
    good.iter().take(lanes).position(|&flag| flag == T::ZERO)
}
