//! The combined objective, said once: every reported loss comes from here, in f64.
//!
//! ```text
//! L = rho [ sum_ui c_ui (r_ui - x_u . y_i)^2 + lambda (|X|^2 + |Y|^2) ] + (1 - rho) sum_i a_i l(y_i, z_i) / sum_i a_i
//! z_i = w . (X^T y_i) + b,   a_i = class weight x sample weight x cost,   l = BCE, focal or smoothed loss, i labeled
//! ```
//!
//! That is [`Reduction::Sum`], the published form: its first part is a sum over m n cells and its second a
//! mean, so rho means something else for every size of data. [`Reduction::Mean`] divides the bracket by the
//! number of observed cells.

mod gradient;
pub(crate) mod labeled;
mod parts;
mod problem;
mod spec;

pub use gradient::{AggregatorGradient, Gradient};
pub use parts::LossParts;
pub use problem::{Problem, squared_norm};
pub use spec::{Objective, Reduction};

/// Labeled instances handled together.
const BLOCK: usize = 4096;
