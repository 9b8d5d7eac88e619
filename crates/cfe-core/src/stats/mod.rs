//! Statistics that know no factors and no trainer: what is fitted to scores and labels, and what judges them.
//!
//! All of them are at the root of the crate as well (`cfe_core::metrics`, `cfe_core::logistic`, ...).

pub mod calibration;
pub mod logistic;
pub mod metrics;
mod minimize;
pub mod moments;
pub mod multinomial;
pub mod nnls;
pub mod validation;
