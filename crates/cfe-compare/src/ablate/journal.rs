//! Finished cells on the disk: the checkpoint of an ablation.
//!
//! The first line names the build, since another build may compute other figures; a checkpoint of another
//! build is refused. Lines are matched by the SHA-256 of all that decides a result, so that of a changed grid
//! the cells that stayed the same are reused. When all is done the file is written anew in the order of the
//! grid, with the cells of the grid alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cf_ensemble::io::{Journal, JournalHeader};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cell::Outcome;
use super::error::AblateError;
use super::plan::Job;

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
        let build = format!("{:x}", Sha256::digest(&bytes))[..16].to_owned();
        Ok(Self { cfe_compare: env!("CARGO_PKG_VERSION").to_owned(), build })
    }
}

impl JournalHeader for Build {
    fn difference(&self, now: &Self) -> Option<(&'static str, String, String)> {
        let name = |of: &Self| format!("{} {}", of.cfe_compare, of.build);
        (self != now).then(|| ("the build of cfe-compare, whose figures may differ,", name(self), name(now)))
    }
}

/// Makes the folder of a checkpoint.
///
/// # Errors
/// [`AblateError::Unwritable`].
pub(super) fn make_folder(path: &Path) -> Result<(), AblateError> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.map_err(|source| AblateError::Unwritable { path: path.to_owned(), source })
}

/// Opens the checkpoint, and its folder, and reads what was finished before.
///
/// # Errors
/// [`AblateError::Checkpoint`].
pub fn open(path: PathBuf, resume: bool) -> Result<(Cells, Finished), AblateError> {
    make_folder(&path)?;
    // Lines of cells that the grid no longer has are read as well: whoever looks up an id leaves them out.
    let (journal, lines) = Cells::open(path, &Build::this()?, resume)?;
    Ok((journal, lines.into_iter().map(|line| (line.id, line.outcome)).collect()))
}

#[cfg(test)]
mod tests {
    use cf_ensemble::metrics::MetricSummary;
    use cf_ensemble::{StopReason, Symptom, WeightStats};
    use proptest::prelude::*;

    use super::super::figure::Figures;
    use super::*;

    fn build(name: &str) -> Build {
        Build { cfe_compare: "0".to_owned(), build: name.to_owned() }
    }

    fn line(id: usize, outcome: Outcome) -> Line {
        Line { id: format!("{id:032x}"), cell: format!("cell \"{id}\"\u{1b}"), outcome }
    }

    /// Figures of any finite numbers, and errors of any text.
    fn outcome() -> impl Strategy<Value = Outcome> {
        let number = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO;
        let figures = (prop::option::of(number), number, prop::collection::vec(-1e3..1e3, 0..4), 0..9usize)
            .prop_map(|(precision, loss, weights, iterations)| {
                let mut metrics = MetricSummary::of_average_precision(0.0);
                metrics.average_precision = precision;
                metrics.log_loss = Some(loss);
                Outcome::Figures(Box::new(Figures {
                    metrics,
                    mean: MetricSummary::of_average_precision(loss),
                    weights: WeightStats::new(&weights),
                    symptoms: vec![Symptom::NegativeWeights; iterations % 2],
                    iterations,
                    final_loss: loss,
                    stop: StopReason::Converged,
                }))
            });
        prop_oneof![3 => figures, 1 => any::<String>().prop_map(Outcome::Error)]
    }

    fn reopened(path: &Path) -> Vec<(String, Outcome)> {
        let (_, lines) = Cells::open(path, &build("a"), true).expect("a journal");
        lines.into_iter().map(|line| (line.id, line.outcome)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn cells_come_back_to_the_bit_and_a_cut_costs_the_last_one_alone(
            outcomes in prop::collection::vec(outcome(), 1..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join(JOURNAL);
            let (mut journal, found) = Cells::open(&path, &build("a"), false).expect("a new file");
            prop_assert!(found.is_empty());
            let header = std::fs::metadata(&path).expect("there").len() as usize;
            for (id, outcome) in outcomes.iter().enumerate() {
                journal.append(&line(id, outcome.clone())).expect("written");
            }
            drop(journal);
            let expected: Vec<(String, Outcome)> =
                outcomes.into_iter().enumerate().map(|(id, outcome)| (format!("{id:032x}"), outcome)).collect();
            prop_assert_eq!(&reopened(&path), &expected);
            // A kill may end the file anywhere after its header: what is left are the whole lines.
            let bytes = std::fs::read(&path).expect("there");
            let kept = header + cut.index(bytes.len() - header);
            std::fs::write(&path, &bytes[..kept]).expect("writable");
            let whole = bytes[header..kept].iter().filter(|&&byte| byte == b'\n').count();
            prop_assert_eq!(&reopened(&path)[..], &expected[..whole]);
        }
    }

    #[test]
    fn cells_of_another_build_are_refused_and_the_difference_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(JOURNAL);
        drop(Cells::open(&path, &build("a"), false).expect("a new file"));
        let said = Cells::open(&path, &build("b"), true).expect_err("another build").to_string();
        assert!(said.contains("whose figures may differ, was 0 a, and is 0 b now"), "{said}");
        assert_eq!(build("a").difference(&build("a")), None);
    }

    #[test]
    fn the_folder_is_made_and_the_build_is_that_of_the_running_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/deep").join(JOURNAL);
        let (journal, found) = open(path.clone(), false).expect("its folder is made");
        assert!(found.is_empty());
        drop(journal);
        let header = std::fs::read_to_string(&path).expect("written");
        let written: Build = serde_json::from_str(&header).expect("one line");
        assert_eq!((written.cfe_compare.as_str(), written.build.len()), (env!("CARGO_PKG_VERSION"), 16));
        let in_the_way = open(path.join("below a file"), false).expect_err("a file is not a folder");
        assert!(matches!(in_the_way, AblateError::Unwritable { .. }), "{in_the_way}");
    }
}
