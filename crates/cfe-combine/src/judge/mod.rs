//! How good a combiner is, whom it trusts, where to cut, and what is wrong with a table.

mod findings;
mod metrics;
mod redundancy;
mod rivals;
mod threshold;
mod train_rows;
mod trust;

pub use findings::{Finding, Severity, diagnose};
pub use metrics::{MethodMetrics, Part, Reliability, evaluate, measure_predictions};
pub use redundancy::Redundancy;
pub use threshold::{Cut, ThresholdRule};
pub use trust::{Trust, TrustReport};

pub(crate) use metrics::{Scores, combined_scores, measure, scored_rows};
pub(crate) use redundancy::{correlations, redundancy};
pub(crate) use rivals::Rivals;
pub(crate) use train_rows::{TRAIN_ROWS, TrainRows};
pub(crate) use trust::{LEFT_OUT, REDUNDANCY};

/// Name of the combined prediction among the methods.
pub const COMBINED: &str = "combined";
/// Name of the part of the train rows.
pub const TRAIN: &str = "train";
