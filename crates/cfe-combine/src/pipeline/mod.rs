//! From a checked table to a model: options, the whole fit, checkpoints.

mod assignments;
mod checkpoint;
mod fall_back;
mod fit;
mod held_out;
mod memory;
mod options;
mod request;
mod settings;
mod train;
mod watch;

pub use crate::error::CheckpointError;
pub use crate::methods::Preset;
pub use assignments::Assignments;
#[cfg(feature = "report")]
pub(crate) use fit::name_of_part;
pub use fit::{FitOutcome, fit, fit_watched};
pub(crate) use held_out::{HeldOut, InTime, LEAST_ROWS};
pub use memory::bytes_in_words;
pub use options::{Calibrate, Fallback, FitOptions, TableColumns, TrainingColumns};
pub use settings::{FitPlan, ReadyTrainer};
pub(crate) use train::{Trained, train_class};
pub(crate) use watch::Stage;
pub use watch::{Progress, Watch};
