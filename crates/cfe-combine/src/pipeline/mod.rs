//! From a checked table to a model: options, the whole fit, checkpoints.

mod assignments;
mod checkpoint;
mod fall_back;
mod fit;
mod memory;
mod options;
mod request;
mod settings;
mod train;
mod watch;

pub use crate::error::CheckpointError;
pub use assignments::Assignments;
#[cfg(feature = "report")]
pub(crate) use fit::name_of_part;
pub use fit::{FitOutcome, fit, fit_watched};
pub use memory::bytes_in_words;
pub use options::{Calibrate, Fallback, FitOptions, Preset, TableColumns, TrainingColumns};
pub use settings::{FitPlan, ReadyTrainer};
pub(crate) use train::{Trained, train_class};
pub(crate) use watch::Stage;
pub use watch::{Progress, Watch};
