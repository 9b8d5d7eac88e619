//! Ablations: every combination of the levels of some factors, over seeds.
//!
//! A [`Grid`] is a TOML file. A factor has levels, and a level says what it changes: the trainer, its
//! settings, or the data. So a technique is a named set of settings, and whatever `AlsSpec` and `TorchSpec`
//! can be told, a grid can vary. Each cell is decided by its coordinates alone, finished cells are kept
//! ([`journal`]), and the report does not depend on the order in which they finished.

mod association;
mod baseline;
mod cell;
mod command;
mod document;
mod error;
mod figure;
mod grid;
pub mod journal;
mod merge;
mod plan;
mod reading;
mod results;
mod runner;
mod scenario;
mod shipped;
mod summaries;
mod summary;
#[cfg(test)]
mod tests;

pub use association::Association;
pub use baseline::{Baseline, Change, Checked, Comparison, Held};
pub use cell::Outcome;
pub use command::{Ablation, run_ablation};
pub use error::AblateError;
pub use figure::{Figure, Figures};
pub use grid::{Factor, Grid, HeatMap, Key, Level, Match, OneOrMany, Seeds, Settings};
pub use plan::{Job, MAX_CELLS, Plan, PlannedCell};
pub use scenario::{Drawn, Scenario, TableScenario};
pub use summary::{
    Difference, FactorSummary, Failure, HeatMapSummary, HeatPanel, LevelSummary, Ranks, Summary, Within,
};
