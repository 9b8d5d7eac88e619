//! Finished cells on the disk: the checkpoint of an ablation.
//!
//! The first line names the build, since another build may compute other figures; a checkpoint of another
//! build is refused. Lines are matched by the SHA-256 of all that decides a result, so that of a changed grid
//! the cells that stayed the same are reused. When all is done the file is written anew in the order of the
//! grid, with the cells of the grid alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cf_ensemble::io::{Journal, JournalHeader};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cell::Outcome;
use super::error::AblateError;
use super::plan::Job;
use super::scenario::hex;

/// Name of the file in an output folder.
pub const JOURNAL: &str = "cells.jsonl";

/// The build whose figures these are.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    cfe_compare: String,
    build: String,
}

/// A finished cell.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    id: String,
    cell: String,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Finished cells, locked against other runs.
pub type Cells = Journal<Build, Line>;

/// Outcomes by the id of their jobs.
pub type Finished = BTreeMap<String, Outcome>;

impl Line {
    /// Of a job that is done.
    pub fn new(job: &Job, outcome: &Outcome) -> Self {
        Self { id: job.id.clone(), cell: job.name.clone(), outcome: outcome.clone() }
    }
}

impl Build {
    /// The running program: its version, and the beginning of its SHA-256.
    fn this() -> Result<Self, AblateError> {
        // The version alone would not tell two builds of a working tree apart.
        let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("the program itself"));
        let bytes = std::fs::read(&path).map_err(|source| AblateError::Unreadable { path, source })?;
        let build = hex(&Sha256::digest(&bytes))[..16].to_owned();
        Ok(Self { cfe_compare: env!("CARGO_PKG_VERSION").to_owned(), build })
    }
}

impl JournalHeader for Build {
    fn difference(&self, now: &Self) -> Option<(&'static str, String, String)> {
        let name = |of: &Self| format!("{} {}", of.cfe_compare, of.build);
        (self != now).then(|| ("the build of cfe-compare, whose figures may differ,", name(self), name(now)))
    }
}

/// Opens the checkpoint, and its folder, and reads what was finished before.
///
/// # Errors
/// [`AblateError::Checkpoint`].
pub fn open(path: PathBuf, resume: bool) -> Result<(Cells, Finished), AblateError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|source| AblateError::Unwritable { path: path.clone(), source })?;
    }
    let (journal, lines) = Cells::open(path, &Build::this()?, resume)?;
    Ok((journal, lines.into_iter().map(|line| (line.id, line.outcome)).collect()))
}
