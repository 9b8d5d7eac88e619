//! From a checked table to a model: options, the whole fit, checkpoints.

mod checkpoint;
mod fit;
mod memory;
mod options;
mod settings;
mod train;
mod watch;

pub use checkpoint::CheckpointError;
pub use fit::{FitOutcome, fit, fit_watched};
pub use memory::gigabytes;
pub use options::{Calibrate, FitOptions, Preset, TableColumns, TrainingColumns};
pub use settings::{Assignments, FitPlan, ReadyTrainer};
pub(crate) use watch::Stage;
pub use watch::{Progress, Watch};
