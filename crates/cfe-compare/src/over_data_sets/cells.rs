//! One figure for each method, data set and seed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cf_ensemble::baselines::Baseline;
use cf_ensemble::io::{Table, TableOptions};
use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::validation::{Bootstrap, Interval};
use serde::Serialize;

use super::methods::Method;
use super::missing::Missing;
use crate::error::Error;
use crate::report::{Rows, field};
use crate::unweighted::read_unweighted;

/// Scored rows beyond which no bootstrap is drawn, as it would take longer than the fits.
pub(crate) const BOOTSTRAP_ROWS: usize = 100_000;

/// What one method reaches on one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// Data set.
    pub data_set: String,
    /// Seed of the split.
    pub seed: u64,
    /// Method.
    pub method: String,
    /// Positives among the labeled instances; `None` where another program did not say.
    pub train_positives: Option<usize>,
    /// Metrics of the scored rows.
    #[serde(flatten)]
    pub metrics: MetricSummary,
    /// Gain in average precision over the plain mean in its standard errors, by a paired bootstrap of the
    /// scored rows. `None` for the mean itself, where it was not run, where nothing varies, for means over
    /// folds, and beyond 100,000 scored rows.
    pub z_against_mean: Option<f64>,
    /// Seconds for fit and prediction.
    pub seconds: f64,
}

/// Measures all methods on all tables of `folder`, without the cells that `missing` takes away; `progress`
/// hears of each.
///
/// # Errors
/// A folder without tables, a table that cannot be read, a method that fails.
pub fn run(
    folder: &Path,
    methods: &[Method],
    missing: Missing,
    mut progress: impl FnMut(&str),
) -> Result<Vec<Cell>, Error> {
    let tables = find_tables(folder)?;
    let mut cells = Vec::with_capacity(tables.len() * methods.len());
    for (data_set, seed, path) in &tables {
        progress(&format!("{data_set} seed {seed}"));
        let mut options = TableOptions::default();
        options.split_column = Some("split".to_owned());
        let mut table = read_unweighted(path, options)?;
        // Asked once for all methods, as a table without both classes would fail each of them.
        table.require_labels().map_err(Box::new)?;
        if missing != Missing::None {
            let taken = missing.take(&table.data, *seed);
            table.data = taken.map_err(|source| {
                let (method, data_set, source) = (missing.name(), data_set.to_owned(), Box::new(source));
                Error::Method { method, data_set, seed: *seed, source }
            })?;
        }
        cells.extend(measure_all(data_set, *seed, &table, methods)?);
    }
    Ok(cells)
}

fn measure_all(data_set: &str, seed: u64, table: &Table, methods: &[Method]) -> Result<Vec<Cell>, Error> {
    // Every method is scored on the same rows: labeled ones that no method saw the labels of.
    let test: Vec<usize> =
        (0..table.truth.len()).filter(|&i| !table.in_train[i] && table.truth[i].is_some()).collect();
    let labels: Vec<bool> = test.iter().map(|&i| table.truth[i] == Some(true)).collect();
    let mut cells = Vec::with_capacity(methods.len());
    let mut rankings = Vec::with_capacity(methods.len());
    for &method in methods {
        let failed = |source| {
            let (method, data_set, source) = (method.name(), data_set.to_owned(), Box::new(source));
            Error::Method { method, data_set, seed, source }
        };
        let began = Instant::now();
        let scores = method.score(&table.data, &test, seed).map_err(failed)?;
        let seconds = began.elapsed().as_secs_f64();
        cells.push(Cell {
            data_set: data_set.to_owned(),
            seed,
            method: method.name().to_owned(),
            train_positives: Some(table.data.class_counts().1),
            metrics: scores.metrics(&labels).map_err(failed)?,
            z_against_mean: None,
            seconds,
        });
        rankings.push(scores.ranking);
    }
    // Once all are there: the resamples are shared, so that each gain over the mean is paired.
    let gains = gains_over_mean(&labels, methods, &rankings).map_err(Error::Statistics)?;
    cells.iter_mut().zip(gains).for_each(|(cell, z)| cell.z_against_mean = z);
    Ok(cells)
}

/// See [`Cell::z_against_mean`].
fn gains_over_mean(
    labels: &[bool],
    methods: &[Method],
    rankings: &[Vec<f64>],
) -> cf_ensemble::Result<Vec<Option<f64>>> {
    // Without the plain mean, a positive row, or room for a bootstrap there is nothing to compare with.
    let mean = methods.iter().position(|&method| method == Method::Baseline(Baseline::Mean));
    let enough = labels.contains(&true) && labels.len() <= BOOTSTRAP_ROWS;
    let Some(mean) = mean.filter(|_| enough) else {
        return Ok(vec![None; methods.len()]);
    };
    let rankings: Vec<&[f64]> = rankings.iter().map(Vec::as_slice).collect();
    let resampled = Bootstrap::default().average_precision(labels, &rankings)?;
    (0..methods.len()).map(|method| Ok(in_standard_errors(resampled.difference(method, mean)?))).collect()
}

/// A gain in units of its standard error; `None` for equal rankings, which have none.
pub(crate) fn in_standard_errors(gain: Interval) -> Option<f64> {
    (gain.standard_error > 1e-12).then(|| gain.estimate / gain.standard_error)
}

/// Cells as records of a spreadsheet.
pub fn rows<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Rows {
    let mut rows = Rows::new([
        "data_set",
        "seed",
        "method",
        "train_positives",
        "average_precision",
        "roc_auc",
        "brier",
        "log_loss",
        "ece",
        "best_f1",
        "z_against_mean",
        "seconds",
    ]);
    rows.records.extend(cells.into_iter().map(|cell| {
        let metrics = &cell.metrics;
        vec![
            cell.data_set.clone(),
            cell.seed.to_string(),
            cell.method.clone(),
            cell.train_positives.map_or_else(String::new, |positives| positives.to_string()),
            field(metrics.average_precision),
            field(metrics.roc_auc),
            field(metrics.brier),
            field(metrics.log_loss),
            field(metrics.ece),
            field(metrics.best_f1),
            field(cell.z_against_mean),
            field(Some(cell.seconds)),
        ]
    }));
    rows
}

/// (data set, seed, path) of every `<data set>/seed<k>.csv[.gz]`, in the order of names and seeds.
pub(crate) fn find_tables(folder: &Path) -> Result<Vec<(String, u64, PathBuf)>, Error> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Folder { path, source }
    };
    let mut tables = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let data_set = entry.map_err(unreadable(folder))?;
        if !data_set.path().is_dir() {
            continue;
        }
        for file in std::fs::read_dir(data_set.path()).map_err(unreadable(&data_set.path()))? {
            let file = file.map_err(unreadable(&data_set.path()))?.path();
            // Notes and scripts may lie beside the tables.
            if let Some(seed) = seed_of(&file) {
                tables.push((data_set.file_name().to_string_lossy().into_owned(), seed, file));
            }
        }
    }
    // A folder lists its files in any order.
    tables.sort();
    if tables.is_empty() { Err(Error::NoTables { path: folder.to_owned() }) } else { Ok(tables) }
}

fn seed_of(file: &Path) -> Option<u64> {
    let name = file.file_name()?.to_str()?;
    let stem = name.strip_suffix(".csv.gz").or_else(|| name.strip_suffix(".csv"))?;
    stem.strip_prefix("seed")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_from_file_names() {
        assert_eq!(seed_of(Path::new("a/seed12.csv.gz")), Some(12));
        assert_eq!(seed_of(Path::new("seed0.csv")), Some(0));
        assert_eq!(seed_of(Path::new("seed.csv")), None);
        assert_eq!(seed_of(Path::new("README.md")), None);
    }

    /// `<data set>/seed<k>.csv` with two classifiers; four rows to learn from, three to score.
    fn write_table(folder: &Path, name: &str, label: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let rows = format!(
            "split,label,a,b\ntrain,1,0.9,0.8\ntrain,0,0.1,0.3\ntrain,1,0.7,0.9\ntrain,0,0.2,0.1\ntest,{label},0.4,0.2\n\
             test,0,0.5,0.4\ntest,0,0.1,0.1\n"
        );
        std::fs::write(path, rows).expect("writable");
    }

    #[test]
    fn tables_are_run_in_the_order_of_names_and_seeds() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["yeast/seed10.csv", "yeast/seed2.csv", "abalone/seed0.csv"] {
            write_table(folder.path(), name, "1");
        }
        std::fs::write(folder.path().join("README.md"), "not a data set").expect("writable");
        std::fs::write(folder.path().join("yeast/notes.txt"), "not a table").expect("writable");
        let mut heard = Vec::new();
        let mean = Method::Baseline(cf_ensemble::baselines::Baseline::Mean);
        let cells =
            run(folder.path(), &[mean], Missing::None, |step| heard.push(step.to_owned())).expect("valid");
        assert_eq!(heard, ["abalone seed 0", "yeast seed 2", "yeast seed 10"]);
        // Means 0.3, 0.45 and 0.1: the positive row is the second of three.
        for cell in &cells {
            assert_eq!((cell.method.as_str(), cell.train_positives), ("mean", Some(2)));
            assert_eq!((cell.metrics.average_precision, cell.metrics.roc_auc), (Some(0.5), Some(0.5)));
            let brier = (0.7f64.powi(2) + 0.45f64.powi(2) + 0.1f64.powi(2)) / 3.0;
            assert!(cell.metrics.brier.is_some_and(|found| (found - brier).abs() < 1e-12));
        }
        let table = rows(&cells);
        let record = &table.records[2];
        assert_eq!(record.len(), table.header.len());
        assert_eq!(record[..6], ["yeast", "10", "mean", "2", "0.5", "0.5"].map(str::to_owned));
    }

    #[test]
    fn a_gain_is_in_standard_errors_of_the_paired_difference() {
        let labels: Vec<bool> = (0..200).map(|i| i % 4 == 0).collect();
        let good: Vec<f64> = (0..200).map(|i| f64::from(i % 4 == 0) + f64::from(i % 7) / 5.0).collect();
        let plain: Vec<f64> = (0..200).map(|i| f64::from(i % 4 == 0) + f64::from(i % 11) / 4.0).collect();
        let methods = [Baseline::Logistic, Baseline::Mean, Baseline::Median].map(Method::Baseline);
        let gains =
            gains_over_mean(&labels, &methods, &[good.clone(), plain.clone(), plain.clone()]).expect("valid");
        let gain = Bootstrap::default().average_precision(&labels, &[&good, &plain]).expect("valid");
        let gain = gain.difference(0, 1).expect("two");
        assert_eq!(gains, [Some(gain.estimate / gain.standard_error), None, None]);
        assert!(gains[0] > Some(2.0), "{gains:?}");
        let none =
            gains_over_mean(&labels, &methods[2..], std::slice::from_ref(&plain)).expect("no mean was run");
        assert_eq!(none, [None]);
    }

    #[test]
    fn a_table_without_a_positive_row_to_score_has_no_ranking_but_probabilities() {
        let folder = tempfile::tempdir().expect("a folder");
        write_table(folder.path(), "rare/seed0.csv", "0");
        let mean = Method::Baseline(cf_ensemble::baselines::Baseline::Mean);
        let cells = run(folder.path(), &[mean], Missing::None, |_| ()).expect("valid");
        let metrics = cells[0].metrics;
        assert_eq!((metrics.average_precision, metrics.brier.is_some()), (None, true));
        let record = &rows(&cells).records[0];
        assert_eq!((record[4].as_str(), record[5].as_str()), ("", ""), "not measured is empty");
    }

    #[test]
    fn a_folder_without_tables_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(
            run(folder.path(), &Method::all(), Missing::None, |_| ()),
            Err(Error::NoTables { .. })
        ));
    }
}
