//! Results on the disk as they are made, so that an interrupted run can be resumed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{AtomicFile, WriteError};

/// Why a checkpoint cannot be used. Every message begins with the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file exists, and the run was not asked to resume.
    #[error("{file}: this checkpoint exists already; add --resume to resume from it, or name another file")]
    Exists {
        /// The file.
        file: String,
    },
    /// Another process works with the file.
    #[error("{file}: another run is using this checkpoint; wait for it, or name another file")]
    InUse {
        /// The file.
        file: String,
    },
    /// The checkpoint belongs to a run with another header.
    #[error(
        "{file}: this checkpoint is of another run: {what} was {found}, and is {expected} now; name another file"
    )]
    OtherRun {
        /// The file.
        file: String,
        /// What differs.
        what: &'static str,
        /// As in the file.
        found: String,
        /// As in this run.
        expected: String,
    },
    /// A line cannot be understood, or the file is something else.
    #[error(
        "{file}, line {line}: {reason}; if this is a checkpoint, cut it off before this line, or else name another file"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error(
        "{file}: cannot be read or written ({source}); check the path, its permissions and the space on the disk"
    )]
    Io {
        /// The file.
        file: String,
        /// The system's message.
        source: io::Error,
    },
    /// The finished file could not take its place.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What makes two runs the same. It is the first line of a [`Journal`].
pub trait JournalHeader: Serialize + DeserializeOwned {
    /// What differs between two runs: what it is, in the file, and now; `None` if nothing that matters does.
    fn difference(&self, now: &Self) -> Option<(&'static str, String, String)>;
}

/// A file of JSON lines: a header that says which run it is, then one line for each result.
///
/// Only one process at a time can have it open. Lines are written whole and in one call, so that a kill
/// leaves at most one of them unfinished; an unfinished last line is dropped when the file is opened again. A
/// file that is not a journal of this run is refused and left as it is.
///
/// ```
/// use cfe_io::{Journal, JournalHeader};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize)]
/// struct Run {
///     seed: u64,
/// }
///
/// impl JournalHeader for Run {
///     fn difference(&self, now: &Self) -> Option<(&'static str, String, String)> {
///         (self.seed != now.seed).then(|| ("the seed", self.seed.to_string(), now.seed.to_string()))
///     }
/// }
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("results.jsonl");
/// let (mut journal, found) = Journal::<Run, f64>::open(&path, &Run { seed: 1 }, false)?;
/// assert!(found.is_empty());
/// journal.append(&0.25)?;
/// drop(journal);
///
/// // A second run resumes, if it is the same one.
/// let (_journal, found) = Journal::<Run, f64>::open(&path, &Run { seed: 1 }, true)?;
/// assert_eq!(found, [0.25]);
/// drop(_journal);
/// let error = Journal::<Run, f64>::open(&path, &Run { seed: 2 }, true).unwrap_err();
/// assert!(error.to_string().ends_with("the seed was 1, and is 2 now; name another file"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Journal<Header, Line> {
    path: PathBuf,
    file: File,
    /// The first line, as it stands in the file.
    header: Vec<u8>,
    every: usize,
    /// Lines that are not written yet, and how many.
    pending: Vec<u8>,
    waiting: usize,
    form: PhantomData<fn(Header) -> Line>,
}

impl<Header: JournalHeader, Line: Serialize + DeserializeOwned> Journal<Header, Line> {
    /// Opens a journal, or begins one where the file does not exist, and returns the lines that are in it.
    ///
    /// Without `resume` a file that exists is refused; with it, a file that does not exist is begun.
    ///
    /// # Errors
    /// [`JournalError`], one variant for each cause.
    pub fn open(
        path: impl Into<PathBuf>,
        header: &Header,
        resume: bool,
    ) -> Result<(Self, Vec<Line>), JournalError> {
        let path = path.into();
        let failed = |source| JournalError::Io { file: path.display().to_string(), source };
        let first = encoded(header).map_err(failed)?;
        // The lock comes before anything is read, so that of two runs one is refused with the file untouched.
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        file.try_lock().map_err(|why| match why {
            TryLockError::WouldBlock => JournalError::InUse { file: path.display().to_string() },
            TryLockError::Error(source) => failed(source),
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        if !bytes.is_empty() && !resume {
            return Err(JournalError::Exists { file: path.display().to_string() });
        }
        // A kill may leave the last line without its line feed; up to the last line feed all lines are whole.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        if whole == 0 && !first.starts_with(&bytes) {
            // A line without an end that is not the beginning of a journal belongs to somebody else's file.
            let reason = "this is not the first line of a checkpoint".to_owned();
            return Err(JournalError::Damaged { file: path.display().to_string(), line: 1, reason });
        }
        let lines = read(&path, &bytes[..whole], header)?;
        // Whatever is refused above has left the file as it was. From here on it is this run's.
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        let mut journal = Self {
            path: path.clone(),
            file,
            header: first,
            every: 1,
            pending: Vec::new(),
            waiting: 0,
            form: PhantomData,
        };
        if whole == 0 {
            journal.pending = journal.header.clone();
            if let Err(error) = journal.flush() {
                // Half a header would stand in the way of the next run. The first error is the one that
                // counts.
                journal.file.set_len(0).ok();
                return Err(error);
            }
        }
        Ok((journal, lines))
    }

    /// Writes after every `every` lines instead of after each one; a kill loses those in between.
    #[must_use]
    pub fn write_every(self, every: usize) -> Self {
        Self { every, ..self }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// [`JournalError::Io`]; what was written before is kept.
    pub fn append(&mut self, line: &Line) -> Result<(), JournalError> {
        let line = encoded(line).map_err(|source| self.failed(source))?;
        self.pending.extend(line);
        self.waiting += 1;
        if self.waiting >= self.every { self.flush() } else { Ok(()) }
    }

    /// Puts every line on the disk.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn flush(&mut self) -> Result<(), JournalError> {
        let written = self.file.write_all(&self.pending).and_then(|()| self.file.sync_data());
        written.map_err(|source| self.failed(source))?;
        self.pending.clear();
        self.waiting = 0;
        Ok(())
    }

    /// Replaces all lines, as a whole or not at all: where lines come in the order in which they were
    /// finished, this puts them into the order of the work, and drops those of other work.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn finish<'a>(self, lines: impl Iterator<Item = &'a Line>) -> Result<(), JournalError>
    where
        Line: 'a,
    {
        let mut bytes = self.header.clone();
        for line in lines {
            bytes.extend(encoded(line).map_err(|source| self.failed(source))?);
        }
        Ok(AtomicFile::write(&self.path, &bytes)?)
    }

    fn failed(&self, source: io::Error) -> JournalError {
        JournalError::Io { file: self.path.display().to_string(), source }
    }
}

fn encoded(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// The lines below the header, which is checked against `now`.
fn read<Header: JournalHeader, Line: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    now: &Header,
) -> Result<Vec<Line>, JournalError> {
    let file = || path.display().to_string();
    let damaged = |line: usize, reason: String| JournalError::Damaged { file: file(), line, reason };
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').zip(1..);
    let Some((first, _)) = lines.next() else { return Ok(Vec::new()) };
    let found: Header = serde_json::from_slice(first)
        .map_err(|error| damaged(1, format!("this is not the first line of a checkpoint ({error})")))?;
    if let Some((what, found, expected)) = found.difference(now) {
        return Err(JournalError::OtherRun { file: file(), what, found, expected });
    }
    let line = |(bytes, number): (&[u8], usize)| {
        serde_json::from_slice(bytes)
            .map_err(|error| damaged(number, format!("this line is not a result ({error})")))
    };
    lines.map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Run {
        run: u32,
    }

    impl JournalHeader for Run {
        fn difference(&self, now: &Self) -> Option<(&'static str, String, String)> {
            (self.run != now.run).then(|| ("the run", self.run.to_string(), now.run.to_string()))
        }
    }

    type Lines = Journal<Run, Vec<u32>>;

    const RUN: Run = Run { run: 1 };

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("results.jsonl");
        (folder, path)
    }

    #[test]
    fn with_resume_and_no_file_it_begins_and_without_it_a_file_is_refused() {
        let (_folder, path) = folder();
        let (mut journal, found) = Lines::open(&path, &RUN, true).expect("begun");
        assert!(found.is_empty());
        journal.append(&vec![1, 2]).expect("written");
        drop(journal);
        let before = std::fs::read(&path).expect("there");
        let error = Lines::open(&path, &RUN, false).expect_err("it exists");
        assert!(error.to_string().contains("add --resume"), "{error}");
        assert_eq!(std::fs::read(&path).expect("there"), before);
        assert_eq!(Lines::open(&path, &RUN, true).expect("resumed").1, [[1, 2]]);
    }

    #[test]
    fn cut_off_at_any_byte_it_resumes_with_the_whole_lines() {
        let (_folder, path) = folder();
        let (mut journal, _) = Lines::open(&path, &RUN, false).expect("begun");
        for line in [vec![1], vec![2, 2], vec![3]] {
            journal.append(&line).expect("written");
        }
        drop(journal);
        let bytes = std::fs::read(&path).expect("there");
        for length in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..length]).expect("writable");
            let (mut journal, found) = Lines::open(&path, &RUN, true).expect("resumed");
            let lines = bytes[..length].iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(found.len(), lines.saturating_sub(1), "cut at {length}");
            for line in &[vec![1], vec![2, 2], vec![3]][found.len()..] {
                journal.append(line).expect("written");
            }
            drop(journal);
            assert_eq!(std::fs::read(&path).expect("there"), bytes, "cut at {length}");
        }
    }

    #[test]
    fn files_of_others_are_refused_and_stay() {
        let (_folder, path) = folder();
        for (text, said) in [
            ("{\"run\":2}\n[1]\n", "the run was 2, and is 1 now"),
            ("my notes", "line 1: this is not the first line"),
            ("my notes\nand more\n", "line 1: this is not the first line"),
            ("{\"run\":1}\n[1]\n{}\n[2]\n", "line 3: this line is not a result"),
        ] {
            std::fs::write(&path, text).expect("writable");
            let error = Lines::open(&path, &RUN, true).expect_err(text);
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
        }
    }

    #[test]
    fn one_process_at_a_time() {
        let (_folder, path) = folder();
        let (journal, _) = Lines::open(&path, &RUN, false).expect("begun");
        assert!(matches!(Lines::open(&path, &RUN, true), Err(JournalError::InUse { .. })));
        drop(journal);
        assert!(Lines::open(&path, &RUN, true).is_ok());
    }

    #[test]
    fn lines_wait_for_each_other_and_finish_puts_them_in_order() {
        let (_folder, path) = folder();
        let (journal, _) = Lines::open(&path, &RUN, false).expect("begun");
        let mut journal = journal.write_every(2);
        let text = || std::fs::read_to_string(&path).expect("there");
        journal.append(&vec![2]).expect("kept");
        assert_eq!(text(), "{\"run\":1}\n");
        journal.append(&vec![1]).expect("written");
        assert_eq!(text(), "{\"run\":1}\n[2]\n[1]\n");
        journal.finish([vec![1], vec![2]].iter()).expect("written");
        assert_eq!(text(), "{\"run\":1}\n[1]\n[2]\n");
    }
}
