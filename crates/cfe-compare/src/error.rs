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
    /// A method for more than two classes failed.
    ///
    /// Cure: follow the message of the cause, or leave the method out.
    #[error("{method} failed on {data_set}, seed {seed}: {source}")]
    ClassMethod {
        /// The method.
        method: String,
        /// The data set.
        data_set: String,
        /// The seed.
        seed: u64,
        /// Its error.
        source: Box<cf_ensemble::FitError>,
    },
    /// A table of two classes among those of more.
    #[error(
        "{}: the columns are not of the form <classifier>:<class> with three or more classes; `over-data-sets` compares \
         tables of two",
        path.display()
    )]
    TwoClasses {
        /// The table.
        path: PathBuf,
    },
    /// Rows with weights, where every row counts alike.
    #[error(
        "{}, column {column:?}: these are weights of the rows, and this command counts every row alike; leave the column out, or \
         use `cfe fit` and `cfe evaluate`, which heed them",
        path.display()
    )]
    Weights {
        /// The table.
        path: PathBuf,
        /// The column of the weights.
        column: String,
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
    /// A file could not be read.
    ///
    /// Cure: check the path and its permissions.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
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
            | Error::Unreadable { .. }
            | Error::NoTables { .. } => 2,
            Error::Ablation(error) => error.exit_code(),
            Error::Table(_)
            | Error::TooFewLabels { .. }
            | Error::TwoClasses { .. }
            | Error::Weights { .. }
            | Error::External { .. } => 3,
            _ => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    fn io() -> std::io::Error {
        ErrorKind::PermissionDenied.into()
    }

    fn at(path: &str) -> PathBuf {
        PathBuf::from(path)
    }

    fn invalid() -> cf_ensemble::Error {
        cf_ensemble::ensure(false, "lambda", -1, "at least 0 is needed").expect_err("refused")
    }

    fn not_csv() -> csv::Error {
        csv::Reader::from_reader(b"a,b\n1\n".as_slice()).records().next().expect("a line").expect_err("short")
    }

    /// (the error, its exit code, what its message must hold: the value, the allowed range, the cure)
    fn table() -> Vec<(Error, u8, Vec<&'static str>)> {
        let refused = || Box::new(invalid());
        let method = |source| Error::Method { method: "als", data_set: "yeast".into(), seed: 7, source };
        let labels = Error::TooFewLabels { table: "t.csv".into(), negatives: 9, positives: 1 };
        vec![
            (Error::Data { line: 3, why: "x".into() }, 4, vec!["line 3", "rebuild the program"]),
            (
                Error::Training { method: Method::AlsWeighted, source: invalid() },
                4,
                vec!["als_weighted could not be trained", "lambda = -1", "at least 0 is needed"],
            ),
            (
                Error::Measuring { method: Method::TorchWeighted, source: invalid() },
                4,
                vec!["torch_weighted cannot be measured", "lambda = -1"],
            ),
            (
                method(refused()),
                4,
                vec!["als failed on yeast, seed 7", "lambda = -1", "at least 0 is needed"],
            ),
            (
                Error::UnknownMethod { name: "magic".into(), known: "als, mean".into() },
                2,
                vec!["\"magic\" is not a method", "the methods are als, mean"],
            ),
            (
                labels,
                3,
                vec!["t.csv", "9 negative and 1 positive rows", "two rows of each class", "--split-column"],
            ),
            (
                Error::TwoClasses { path: at("t.csv") },
                3,
                vec!["t.csv", "<classifier>:<class>", "over-data-sets"],
            ),
            (
                Error::Weights { path: at("t.csv"), column: "sample_weight".into() },
                3,
                vec!["t.csv", "sample_weight", "leave the column out"],
            ),
            (
                Error::ClassMethod {
                    method: "soft_voting".into(),
                    data_set: "yeast".into(),
                    seed: 7,
                    source: Box::new(cf_ensemble::FitError::Stopped),
                },
                4,
                vec!["soft_voting failed on yeast, seed 7"],
            ),
            (Error::Folder { path: at("d"), source: io() }, 2, vec!["the folder d cannot be read", "denied"]),
            (Error::Unreadable { path: at("p.md"), source: io() }, 2, vec!["p.md cannot be read", "denied"]),
            (
                Error::NoTables { path: at("d") },
                2,
                vec!["d holds no", "seed<k>.csv.gz", "name the folder above"],
            ),
            (
                Error::External { path: at("o.csv"), source: not_csv() },
                3,
                vec!["o.csv is not a list of results", "the columns needed are dataset,seed,method,ap"],
            ),
            (
                Error::Peer { line: "py x".into(), why: "exit 1".into() },
                4,
                vec!["py x failed: exit 1", "run it by itself"],
            ),
            (Error::Unwritable { path: at("r"), source: io() }, 2, vec!["r cannot be written", "denied"]),
            (
                Error::NoPlace { path: at("p.md"), begin: "<a>", end: "<b>" },
                2,
                vec!["p.md has no lines \"<a>\" and \"<b>\""],
            ),
            (Error::Measurement(invalid()), 4, vec!["cannot be made: lambda = -1", "at least 0 is needed"]),
            (
                Error::Threads { threads: 5000, why: "at most 1024 are allowed".into() },
                2,
                vec!["5000 threads cannot be started", "at most 1024", "ask for fewer"],
            ),
            (Error::Statistics(invalid()), 4, vec!["cannot be tested: lambda = -1"]),
            (
                AblateError::UnknownGrid { name: "g".into(), known: "ci".into() }.into(),
                2,
                vec!["\"g\" is neither a file nor a grid", "its grids are ci"],
            ),
            (
                AblateError::Unreadable { path: at("g.toml"), source: io() }.into(),
                2,
                vec!["g.toml: cannot be read", "denied"],
            ),
            (AblateError::Grid { grid: "g".into(), why: "w".into() }.into(), 2, vec!["grid g: w"]),
            (
                AblateError::Cell { cell: "c".into(), why: "w".into() }.into(),
                2,
                vec!["the cell c cannot be run: w"],
            ),
            (
                AblateError::Conflict {
                    first: "a".into(),
                    second: "b".into(),
                    key: "lambda".into(),
                    cell: "a 1, b 2".into(),
                }
                .into(),
                2,
                vec!["\"a\" and \"b\" both set lambda", "in the cell a 1, b 2", "add `not_for`", "`exclude`"],
            ),
            (
                AblateError::TooManyCells { cells: "60000".into(), limit: 50_000 }.into(),
                2,
                vec!["60000 cells", "up to 50000 are allowed", "drop levels"],
            ),
            (AblateError::NoCells.into(), 2, vec!["leaves no cell", "exclude less"]),
            (
                AblateError::Unwritable { path: at("s.md"), source: io() }.into(),
                2,
                vec!["s.md: cannot be written", "what was finished before is kept"],
            ),
            (
                AblateError::AllFailed { cells: 8, cell: "rate 9".into(), why: "lower the rate".into() }
                    .into(),
                4,
                vec!["all 8 cells failed", "rate 9: lower the rate"],
            ),
            (
                AblateError::Baseline { path: at("b.json"), why: "w".into() }.into(),
                3,
                vec!["b.json: not a baseline", "(w)", "write one with --write-baseline"],
            ),
            (BackendError::Refused(invalid()).into(), 4, vec!["lambda = -1", "at least 0 is needed"]),
        ]
    }

    #[test]
    fn messages_name_the_value_what_is_allowed_and_the_cure_in_one_line() {
        for (error, _, parts) in table() {
            let message = error.to_string();
            for part in parts {
                assert!(message.contains(part), "{part:?} in {message}");
            }
            assert!(!message.contains("  ") && !message.contains('\n'), "{message}");
            assert!(!message.ends_with('.'), "the program may go on after it: {message}");
        }
    }

    #[test]
    fn the_exit_code_tells_usage_data_and_training_apart() {
        for (error, code, _) in table() {
            assert_eq!(error.exit_code(), code, "{error}");
            assert_ne!(error.exit_code(), CHECK_FAILED, "{error}");
        }
    }

    #[test]
    fn a_checkpoint_that_is_damaged_is_bad_data_and_one_that_is_there_is_usage() {
        use cf_ensemble::io::JournalError;
        let damaged = JournalError::Damaged { file: "c".into(), line: 2, reason: "r".into() };
        assert_eq!(AblateError::from(damaged).exit_code(), 3);
        assert_eq!(AblateError::from(JournalError::Exists { file: "c".into() }).exit_code(), 2);
    }

    #[test]
    fn causes_are_kept() {
        use std::error::Error as _;
        for (error, ..) in table().into_iter().filter(|(_, _, parts)| parts.contains(&"denied")) {
            assert!(error.source().is_some(), "{error}");
        }
    }
}
