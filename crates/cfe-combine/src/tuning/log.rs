//! A search in a file: one JSON object a line, the first says what is searched, each other one is a trial.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use cfe_core::{EnsembleData, Error};
use cfe_io::fingerprint;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cross_validation::checksum;

use crate::methods::Method;

use super::{Metric, RandomizedSearch, Trial};

/// Version of the form of the file.
const SCHEMA_VERSION: u32 = 1;

/// Why a log cannot be used. Every message begins with the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// There is one already, and it is not to be resumed.
    #[error("{file}: there is a log already; resume it, or choose another name")]
    Exists {
        /// The file.
        file: String,
    },
    /// Another process writes it.
    #[error("{file}: another run is writing this log; wait for it, or choose another name")]
    InUse {
        /// The file.
        file: String,
    },
    /// It belongs to another search.
    #[error(
        "{file}: this log is of another search: {what} was {found}, and is {expected} now; choose another name"
    )]
    OtherSearch {
        /// The file.
        file: String,
        /// What differs.
        what: &'static str,
        /// As in the log.
        found: String,
        /// As in this run.
        expected: String,
    },
    /// A line cannot be understood.
    #[error("{file}, line {line}: {reason}; cut the file off before this line, or choose another name")]
    Damaged {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("{file}: cannot be read or written ({source}); check the path and its permissions")]
    Io {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
}

/// What makes two searches the same, apart from their length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHeader {
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

impl LogHeader {
    /// Of a search in these data.
    ///
    /// # Errors
    /// As [`RandomizedSearch::folds`].
    pub fn new(
        search: &RandomizedSearch,
        data: &EnsembleData,
        groups: Option<&[String]>,
    ) -> Result<Self, Error> {
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            fingerprint: fingerprint(data),
            folds: checksum(&search.folds(data, groups)?),
            trainer: search.backend.into(),
            metric: search.metric,
            n_splits: search.n_splits,
            seed: search.seed,
            settings: search.settings.clone(),
        })
    }

    /// The first thing that differs from `other`: what, here, there.
    fn differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let pairs = |header: &Self| {
            [
                ("the form of the log", header.schema_version.to_string()),
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
        let different = pairs(self).into_iter().zip(pairs(other)).find(|(a, b)| a != b);
        different.map(|((what, here), (_, there))| (what, here, there))
    }
}

/// An open log.
#[derive(Debug)]
pub struct TuningLog {
    file: File,
    every: usize,
    /// Lines that are not written yet, and how many trials they are.
    pending: Vec<u8>,
    waiting: usize,
}

impl TuningLog {
    /// Opens or begins the log of a search, and gives the trials that are in it. A last line that was not written to its end
    /// is dropped.
    ///
    /// # Errors
    /// [`LogError`], one variant for each cause.
    pub fn open(
        path: impl AsRef<Path>,
        header: &LogHeader,
        resume: bool,
    ) -> Result<(Self, Vec<Trial>), LogError> {
        let path = path.as_ref();
        let name = || path.display().to_string();
        let io = |source| LogError::Io { file: name(), source };
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let mut log = Self { file: opened, every: 1, pending: Vec::new(), waiting: 0 };
        log.file.try_lock().map_err(|why| match why {
            std::fs::TryLockError::WouldBlock => LogError::InUse { file: name() },
            std::fs::TryLockError::Error(source) => io(source),
        })?;
        let mut text = Vec::new();
        log.file.read_to_end(&mut text).map_err(io)?;
        if !text.is_empty() && !resume {
            return Err(LogError::Exists { file: name() });
        }
        let whole = whole_lines(&text);
        if whole == 0 && !encoded(header).map_err(|e| io(e.into()))?.starts_with(&text) {
            // A line without end that is no beginning of a log is somebody else's file.
            let reason = "this is no first line of a tuning log".to_owned();
            return Err(LogError::Damaged { file: name(), line: 1, reason });
        }
        text.truncate(whole);
        let trials = read(&name(), &text, header)?;
        log.file.set_len(text.len() as u64).map_err(io)?;
        log.file.seek(SeekFrom::End(0)).map_err(io)?;
        if text.is_empty()
            && let Err(source) = log.line(header).and_then(|()| log.flush())
        {
            // As it was before: half a line would stand in the way of the next run.
            log.file.set_len(0).ok();
            return Err(io(source));
        }
        Ok((log, trials))
    }

    /// Writes after every so many trials instead of after each; a kill loses those in between.
    #[must_use]
    pub fn write_every(self, every: usize) -> Self {
        Self { every, ..self }
    }

    /// Adds a trial.
    ///
    /// # Errors
    /// What writing can fail with.
    pub fn append(&mut self, trial: &Trial) -> std::io::Result<()> {
        self.line(trial)?;
        self.waiting += 1;
        if self.waiting >= self.every { self.flush() } else { Ok(()) }
    }

    /// Puts everything on the disk, in one write, so that a line is torn by a crash alone.
    ///
    /// # Errors
    /// What writing can fail with.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        self.waiting = 0;
        self.file.sync_data()
    }

    fn line(&mut self, value: &impl Serialize) -> std::io::Result<()> {
        self.pending.extend(encoded(value)?);
        Ok(())
    }
}

fn encoded(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Length of the whole lines.
fn whole_lines(text: &[u8]) -> usize {
    text.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1)
}

fn read(file: &str, text: &[u8], expected: &LogHeader) -> Result<Vec<Trial>, LogError> {
    let damaged = |line, reason: String| LogError::Damaged { file: file.to_owned(), line, reason };
    let mut lines = text.split_inclusive(|&b| b == b'\n').enumerate();
    let Some((_, first)) = lines.next() else { return Ok(Vec::new()) };
    let header: LogHeader = serde_json::from_slice(first)
        .map_err(|e| damaged(1, format!("this is no first line of a tuning log ({e})")))?;
    if let Some((what, found, expected)) = header.differs(expected) {
        return Err(LogError::OtherSearch { file: file.to_owned(), what, found, expected });
    }
    let trial = |(at, line): (usize, &[u8])| {
        let trial: Trial =
            serde_json::from_slice(line).map_err(|e| damaged(at + 1, format!("no trial ({e})")))?;
        match trial.number + 1 == at {
            true => Ok(trial),
            false => Err(damaged(at + 1, format!("trial {} stands where {} belongs", trial.number, at - 1))),
        }
    };
    lines.map(trial).collect()
}
