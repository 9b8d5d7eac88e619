//! Finished cells on the disk: a line for each, written as it finishes.
//!
//! The first line names the build, since another build may compute other figures; a file of another build is refused.
//! Lines are matched by the SHA-256 of all that decides a result, so that of a changed grid the cells that stayed the same
//! are reused. A last line without its end was cut off by a kill and is dropped. When all is done the file is written
//! anew in the order of the grid, with the cells of the grid alone.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cf_ensemble::io::AtomicFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cell::Outcome;
use super::error::AblateError;
use super::plan::Job;
use super::scenario::hex;

/// Name of the file in an output folder.
pub const JOURNAL: &str = "cells.jsonl";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    cfe_compare: String,
    build: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    id: String,
    cell: String,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Outcomes by the id of their jobs.
pub type Finished = BTreeMap<String, Outcome>;

/// The open file, locked against other runs.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    header: String,
    every: usize,
    /// Lines that are not written yet, and how many.
    pending: String,
    waiting: usize,
}

impl Journal {
    /// Opens or makes the file, and its folder, and reads what was finished before.
    ///
    /// # Errors
    /// A place that cannot be written to, another run at work there, another build, a damaged line.
    pub fn open(path: PathBuf) -> Result<(Self, Finished), AblateError> {
        let unwritable = |source| AblateError::Unwritable { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AblateError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(unwritable(source)),
        }
        let header = Header { cfe_compare: env!("CARGO_PKG_VERSION").to_owned(), build: build()? };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|source| AblateError::Unreadable { path: path.clone(), source })?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let first = line(&header)?;
        if whole == 0 && !first.as_bytes().starts_with(&bytes) {
            // A line without end that is no beginning of a journal is somebody else's file.
            let why = "this is no first line of a journal".to_owned();
            return Err(AblateError::Journal { path, line: 1, why });
        }
        let finished = parse(&path, &bytes[..whole], &header)?;
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(unwritable)?;
        let mut journal = Self { path, file, header: first, every: 1, pending: String::new(), waiting: 0 };
        if whole == 0 {
            journal.write(&journal.header.clone())?;
        }
        Ok((journal, finished))
    }

    /// Writes after every so many jobs instead of after each; a kill loses those in between.
    #[must_use]
    pub fn write_every(self, every: usize) -> Self {
        Self { every, ..self }
    }

    /// Adds a finished job.
    ///
    /// # Errors
    /// [`AblateError::Unwritable`].
    pub fn append(&mut self, job: &Job, outcome: &Outcome) -> Result<(), AblateError> {
        self.pending += &entry(job, outcome)?;
        self.waiting += 1;
        if self.waiting < self.every {
            return Ok(());
        }
        self.waiting = 0;
        let lines = std::mem::take(&mut self.pending);
        self.write(&lines)
    }

    /// Puts the file in the order of the jobs.
    ///
    /// # Errors
    /// [`AblateError::Write`].
    pub fn finish<'a>(self, done: impl Iterator<Item = (&'a Job, &'a Outcome)>) -> Result<(), AblateError> {
        let mut text = self.header;
        for (job, outcome) in done {
            text += &entry(job, outcome)?;
        }
        Ok(AtomicFile::write(&self.path, text.as_bytes())?)
    }

    /// In one call, so that a kill leaves at most one line unfinished.
    fn write(&mut self, line: &str) -> Result<(), AblateError> {
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|source| AblateError::Unwritable { path: self.path.clone(), source })
    }
}

fn parse(path: &Path, bytes: &[u8], own: &Header) -> Result<Finished, AblateError> {
    let damaged = |line: usize, why: String| AblateError::Journal { path: path.to_owned(), line, why };
    let text = std::str::from_utf8(bytes).map_err(|error| damaged(1, error.to_string()))?;
    let mut lines = text.lines().zip(1..);
    if let Some((first, number)) = lines.next() {
        let found: Header =
            serde_json::from_str(first).map_err(|error| damaged(number, error.to_string()))?;
        if found != *own {
            let name = |header: &Header| format!("{} {}", header.cfe_compare, header.build);
            return Err(AblateError::OtherBuild {
                path: path.to_owned(),
                found: name(&found),
                own: name(own),
            });
        }
    }
    lines
        .map(|(line, number)| {
            let line: Line =
                serde_json::from_str(line).map_err(|error| damaged(number, error.to_string()))?;
            Ok((line.id, line.outcome))
        })
        .collect()
}

fn entry(job: &Job, outcome: &Outcome) -> Result<String, AblateError> {
    line(&Line { id: job.id.clone(), cell: job.name.clone(), outcome: outcome.clone() })
}

fn line(value: &impl Serialize) -> Result<String, AblateError> {
    let text = serde_json::to_string(value);
    text.map(|text| text + "\n")
        .map_err(|error| AblateError::Cell { cell: "of the journal".to_owned(), why: error.to_string() })
}

/// The beginning of the SHA-256 of the running program.
fn build() -> Result<String, AblateError> {
    let path = std::env::current_exe().unwrap_or_default();
    let bytes = std::fs::read(&path).map_err(|source| AblateError::Unreadable { path, source })?;
    Ok(hex(&Sha256::digest(&bytes))[..16].to_owned())
}
