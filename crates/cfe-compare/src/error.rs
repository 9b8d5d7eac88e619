//! What can go wrong, and the exit code that says so.

use std::path::PathBuf;

use cf_ensemble::BackendError;

use crate::ablate::AblateError;
use crate::published::Method;
use crate::report::FormatError;

/// Everything that can end the program before its result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The embedded data cannot be read: a fault of the build.
    #[error(
        "line {line} of the embedded data set cannot be used: {why}; rebuild the program from unchanged sources"
    )]
    Data {
        /// 1-based line.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A trainer failed.
    ///
    /// Cure: follow the message of the cause.
    #[error("{method} could not be trained: {source}")]
    Training {
        /// The row of the table.
        method: Method,
        /// The trainer's error.
        source: cf_ensemble::Error,
    },
    /// What was trained cannot be measured.
    ///
    /// Cure: follow the message of the cause.
    #[error("{method} cannot be measured: {source}")]
    Measuring {
        /// The row of the table.
        method: Method,
        /// The core's error.
        source: cf_ensemble::Error,
    },
    /// A method of the comparison failed.
    ///
    /// Cure: follow the message of the cause, or leave the method out.
    #[error("{method} failed on {data_set}, seed {seed}: {source}")]
    Method {
        /// The method.
        method: &'static str,
        /// The data set.
        data_set: String,
        /// The seed.
        seed: u64,
        /// Its error.
        source: Box<cf_ensemble::Error>,
    },
    /// No method has this name.
    #[error("{name:?} is not a method; the methods are {known}")]
    UnknownMethod {
        /// The name given.
        name: String,
        /// The names of this build.
        known: String,
    },
    /// A table could not be read.
    #[error(transparent)]
    Table(#[from] Box<cf_ensemble::io::TableError>),
    /// A table cannot be scored.
    #[error(
        "{table}: no labeled row lies outside the train split, and {negatives} negative and {positives} positive rows are \
         too few for cross-validation; label two rows of each class, or name the split with --split-column"
    )]
    TooFewLabels {
        /// The table.
        table: String,
        /// Labeled negatives.
        negatives: usize,
        /// Labeled positives.
        positives: usize,
    },
    /// A folder could not be read.
    ///
    /// Cure: check the path and its permissions.
    #[error("the folder {} cannot be read: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// A folder holds no data sets.
    #[error("{} holds no `<data set>/seed<k>.csv.gz`; name the folder above the data sets", path.display())]
    NoTables {
        /// The folder.
        path: PathBuf,
    },
    /// Results of another program cannot be read.
    #[error(
        "{} is not a list of results: {source}; the columns needed are dataset,seed,method,ap,roc_auc,brier,log_loss,best_f1,seconds",
        path.display()
    )]
    External {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: csv::Error,
    },
    /// A program that was started for a measurement failed.
    #[error("{line} failed: {why}; run it by itself to see more")]
    Peer {
        /// The command.
        line: String,
        /// Status, or what was wrong with its output.
        why: String,
    },
    /// A file or folder could not be written.
    ///
    /// Cure: check the path, its permissions and the room on the disk.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// A file could not be written as a whole.
    #[error(transparent)]
    Write(#[from] cf_ensemble::io::WriteError),
    /// A page has no place for the tables.
    ///
    /// Cure: put the two lines where the tables belong.
    #[error("{} has no lines {begin:?} and {end:?} to put the tables between", path.display())]
    NoPlace {
        /// The page.
        path: PathBuf,
        /// First line.
        begin: &'static str,
        /// Last line.
        end: &'static str,
    },
    /// A measurement could not be made: settings that a trainer refuses, or a trainer that fails.
    ///
    /// Cure: as the message says.
    #[error("the measurement cannot be made: {0}")]
    Measurement(cf_ensemble::Error),
    /// The threads could not be started.
    #[error("{threads} threads cannot be started: {why}; ask for fewer")]
    Threads {
        /// How many.
        threads: usize,
        /// The system's message.
        why: String,
    },
    /// A statistic could not be computed.
    ///
    /// Cure: as the message says; most tests need two data sets or more.
    #[error("the results cannot be tested: {0}")]
    Statistics(cf_ensemble::Error),
    /// An ablation.
    #[error(transparent)]
    Ablation(#[from] AblateError),
    /// A backend could not be had.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The results could not be put into a format.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// Exit code of a failed check.
pub const CHECK_FAILED: u8 = 1;

impl Error {
    /// 2 for what another command line would cure, 3 for bad data, 4 for a failed training. 1 is a failed
    /// check.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Unwritable { .. }
            | Error::Write(_)
            | Error::NoPlace { .. }
            | Error::UnknownMethod { .. }
            | Error::Threads { .. }
            | Error::Folder { .. }
            | Error::NoTables { .. } => 2,
            Error::Ablation(error) => error.exit_code(),
            Error::Table(_) | Error::TooFewLabels { .. } | Error::External { .. } => 3,
            _ => 4,
        }
    }
}
