//! Combine the probabilities of trained classifiers on imbalanced problems.
//!
//! This crate is the front door: it re-exports the core ([`EnsembleData`], [`Model`], [`Trainer`],
//! [`metrics`], ...), the whole fit ([`fit()`], [`SavedModel`]) and the backends that were compiled in:
//! [`als`] (feature `als`, default) and `torch` (feature `torch`, needs libtorch).
#![cfg_attr(feature = "als", doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]

#[cfg(feature = "als")]
pub use cfe_als as als;
#[cfg(all(feature = "als", feature = "parquet"))]
pub use cfe_combine::out_of_core;
pub use cfe_combine::{
    Backend, BackendError, FitError, FitOptions, FitOutcome, FitPlan, Progress, SavedModel, Watch, baselines,
    classes, cross_validation, fit, fit_watched, judge, methods, pipeline, recommended, saved, tuning,
};
pub use cfe_core::*;
pub use cfe_io as io;
#[cfg(feature = "torch")]
pub use cfe_torch as torch;
pub use ndarray;

/// Documents of text, tables and charts, and the report of a fit (feature `report`).
#[cfg(feature = "report")]
pub mod report {
    pub use cfe_combine::report::*;
    pub use cfe_report::*;
}
