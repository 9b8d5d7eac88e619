//! How good a combiner is, whom it trusts, where to cut, and what is wrong with a table.

use cfe_io::ModelDetails;
use serde::de::DeserializeOwned;

use crate::recommended::{LearningCurve, LeftOut};

mod chances;
mod findings;
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
pub use findings::{
    Finding, Severity, diagnose, diagnose_class_evaluation, diagnose_classes, diagnose_evaluation,
};
pub use metrics::{MethodMetrics, Part, Reliability, evaluate, measure_predictions};
pub(crate) use metrics::{groups, name_of_split, resamples_of};
pub use redundancy::Redundancy;
pub(crate) use threshold::CUT;
pub use threshold::{Cut, ThresholdRule};
pub use trust::{Trust, TrustReport, learning_curve};

pub(crate) use metrics::{combined_scores, measure, scored_rows};
pub(crate) use redundancy::{correlations, redundancy};
pub(crate) use rivals::{MOST_SOLVED, Rivals};
pub(crate) use rows::JudgedRows;
pub(crate) use scores::Scores;
pub use train_rows::TOO_MUCH_IN_SAMPLE;
pub(crate) use train_rows::{Repeats, TRAIN_ROWS, TrainRows};
pub(crate) use trust::{LEARNING_CURVE, LEFT_OUT, REDUNDANCY};

/// What the fit left in the model under a key; `None` in models that have none.
///
/// # Errors
/// A form that is not understood, in words.
fn remembered<T: DeserializeOwned>(details: &ModelDetails, key: &str) -> Result<Option<T>, String> {
    let found = details.provenance.get(key);
    found.map(|value| T::deserialize(value).map_err(|e| format!("{key}: {e}"))).transpose()
}

/// Refuses a model whose memory of its fit is not understood: a reader must not take that for "nothing was
/// found".
pub(crate) fn check_remembered(details: &ModelDetails) -> Result<(), String> {
    remembered::<Cut>(details, CUT)?;
    remembered::<Vec<Redundancy>>(details, REDUNDANCY)?;
    remembered::<Vec<LeftOut>>(details, LEFT_OUT)?;
    remembered::<LearningCurve>(details, LEARNING_CURVE)?;
    remembered::<TrainRows>(details, TRAIN_ROWS)?;
    Ok(())
}

/// Name of the combined prediction among the methods.
pub const COMBINED: &str = "combined";
/// Name of the part of the train rows.
pub const TRAIN: &str = "train";
