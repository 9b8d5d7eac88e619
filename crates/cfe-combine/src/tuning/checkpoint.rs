//! A search in a file: one JSON object a line, the first says what is searched, each other one is a trial.

use std::path::PathBuf;

use cfe_core::{EnsembleData, Error};
use cfe_io::{Journal, JournalError, JournalHeader, fingerprint};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cross_validation::{Following, checksum};

use crate::methods::Method;

use super::{Metric, RandomizedSearch, Trial};

/// Version of the form of the file.
const SCHEMA_VERSION: u32 = 1;

/// What makes two searches the same, apart from their length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchHeader {
    schema_version: u32,
    crate_version: String,
    /// Of predictions, labels and names.
    fingerprint: String,
    /// Of the folds, and so of groups, number of folds and seed.
    folds: String,
    trainer: Method,
    metric: Metric,
    n_splits: usize,
    seed: u64,
    settings: Map<String, Value>,
}

impl SearchHeader {
    /// Of a search in these data.
    ///
    /// # Errors
    /// As [`RandomizedSearch::folds`].
    pub fn new(
        search: &RandomizedSearch,
        data: &EnsembleData,
        following: Following<'_>,
    ) -> Result<Self, Error> {
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            fingerprint: fingerprint(data),
            folds: checksum(&search.folds(data, following)?),
            trainer: search.backend.into(),
            metric: search.metric,
            n_splits: search.n_splits,
            seed: search.seed,
            settings: search.settings.clone(),
        })
    }
}

impl JournalHeader for SearchHeader {
    fn difference(&self, now: &Self) -> Option<(&'static str, String, String)> {
        let pairs = |header: &Self| {
            [
                ("the form of the checkpoint", header.schema_version.to_string()),
                ("the version of the program", header.crate_version.clone()),
                ("the table", header.fingerprint.clone()),
                ("the trainer", header.trainer.name().to_owned()),
                ("the metric", header.metric.name().to_owned()),
                ("the seed", header.seed.to_string()),
                ("the number of folds", header.n_splits.to_string()),
                ("the folds", header.folds.clone()),
                ("the fixed settings", Value::Object(header.settings.clone()).to_string()),
            ]
        };
        let different = pairs(self).into_iter().zip(pairs(now)).find(|(a, b)| a != b);
        different.map(|((what, here), (_, there))| (what, here, there))
    }
}

/// The finished trials of a search, locked against other runs.
pub type Checkpoint = Journal<SearchHeader, Trial>;

/// Opens or begins the checkpoint of a search, and returns the trials that are in it.
///
/// # Errors
/// [`JournalError`], also for trials that are not in their order.
pub fn open_checkpoint(
    path: impl Into<PathBuf>,
    header: &SearchHeader,
    resume: bool,
) -> Result<(Checkpoint, Vec<Trial>), JournalError> {
    let path = path.into();
    let (checkpoint, trials) = Checkpoint::open(&path, header, resume)?;
    match trials.iter().enumerate().find(|(place, trial)| trial.number != *place) {
        None => Ok((checkpoint, trials)),
        Some((place, trial)) => Err(JournalError::Damaged {
            file: path.display().to_string(),
            // Behind the header, counted from 1.
            line: place + 2,
            reason: format!("trial {} stands where {place} belongs", trial.number),
        }),
    }
}
