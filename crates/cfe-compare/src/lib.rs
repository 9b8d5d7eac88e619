//! Compares the trainers of CF-Ensemble with each other and with published figures.
//!
//! [`published`] trains and measures and gives one serde struct, the truth of the comparison; the writers of [`report`]
//! turn it into text, tables and charts. The program `cfe-compare` is a thin layer over the two.

#![forbid(unsafe_code)]

pub mod ablate;
pub mod bench;
pub mod benchmark;
pub mod cli;
pub mod convergence;
pub mod error;
pub mod numpy;
pub mod published;
pub mod run;

pub use cfe_report as report;
