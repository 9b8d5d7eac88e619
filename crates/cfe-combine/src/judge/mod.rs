//! How good a combiner is, whom it trusts, where to cut, and what is wrong with a table.

mod chances;
mod findings;
mod method_metrics;
mod metrics;
mod redundancy;
mod rivals;
mod rows;
mod scores;
mod threshold;
mod train_rows;
mod trust;

pub use chances::Chances;
#[cfg(all(feature = "als", feature = "parquet"))]
pub(crate) use findings::Tally;
pub(crate) use findings::diagnose_knowing;
pub use findings::{
    Finding, Severity, diagnose, diagnose_class_evaluation, diagnose_classes, diagnose_evaluation,
};
pub use method_metrics::MethodMetrics;
pub use metrics::{Part, Reliability, evaluate, measure_predictions};
pub(crate) use metrics::{groups, name_of_split, resamples_of};
pub use redundancy::Redundancy;
pub use threshold::{Cut, ThresholdRule};
pub use trust::{Trust, TrustReport, learning_curve};

pub(crate) use metrics::{combined_scores, measure, scored_rows};
pub(crate) use redundancy::{correlations, redundancy};
pub(crate) use rivals::{MOST_SOLVED, Rivals};
pub(crate) use rows::JudgedRows;
pub(crate) use scores::MethodScores;
pub use train_rows::TOO_MUCH_IN_SAMPLE;
pub(crate) use train_rows::{Repeats, TrainRows};

/// Name of the combined prediction among the methods.
pub const COMBINED: &str = "combined";
/// Name of the part of the train rows.
pub const TRAIN: &str = "train";
