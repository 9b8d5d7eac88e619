//! Honest comparison: folds that respect classes and groups, bootstrap intervals, and rank tests over data
//! sets.
//!
//! Everything drawn at random comes from a seed (ChaCha12) and gives the same bits for any number of threads.

mod bootstrap;
mod classes;
mod folds;
mod halves;
mod holm;
mod interval;
mod ranks;
mod wilcoxon;

pub use bootstrap::Bootstrap;
pub use classes::{ClassMetric, ResampledClasses};
pub use folds::{Folds, StratifiedGroupKFold, StratifiedKFold};
pub use holm::holm;
pub use interval::{Interval, Resampled};
pub use ranks::{Friedman, WinTieLoss, friedman, nemenyi_critical_difference, rank_data, win_tie_loss};
pub use wilcoxon::{Wilcoxon, wilcoxon_signed_rank};

#[cfg(test)]
mod tests;
