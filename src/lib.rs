//! Combine the probabilities of trained classifiers on imbalanced problems.
//!
//! This crate is the front door: it re-exports the core ([`EnsembleData`], [`Model`], [`Trainer`], [`metrics`], ...) and
//! the backends that were compiled in: [`als`] (feature `als`, default) and `torch` (feature `torch`, needs libtorch).
#![cfg_attr(feature = "als", doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]

pub mod baselines;
#[cfg(feature = "cli")]
pub mod cli;
pub mod cross_validation;
pub mod recommended;
pub mod tuning;

mod backend;

pub use backend::{Backend, BackendError};
pub use cfe_core::*;

/// Tables and model files (feature `io`).
#[cfg(feature = "io")]
pub mod io {
    pub use cfe_io::*;
}

/// The ALS trainer (feature `als`).
#[cfg(feature = "als")]
pub mod als {
    pub use cfe_als::*;
}

/// The joint trainer on libtorch (feature `torch`).
#[cfg(feature = "torch")]
pub mod torch {
    pub use cfe_torch::*;
}
