//! One figure for each method, data set and seed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cf_ensemble::io::{Source, Table, TableOptions, read_table};
use cf_ensemble::metrics::MetricSummary;
use serde::Serialize;

use super::methods::Method;
use crate::error::Error;
use crate::report::{Rows, field};

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
    /// Seconds for fit and prediction.
    pub seconds: f64,
}

/// Measures all methods on all tables of `folder`; `progress` hears of each.
///
/// # Errors
/// A folder without tables, a table that cannot be read, a method that fails.
pub fn run(folder: &Path, methods: &[Method], mut progress: impl FnMut(&str)) -> Result<Vec<Cell>, Error> {
    let tables = find_tables(folder)?;
    let mut cells = Vec::with_capacity(tables.len() * methods.len());
    for (data_set, seed, path) in &tables {
        progress(&format!("{data_set} seed {seed}"));
        let options = {
            let mut options = TableOptions::default();
            options.split_column = Some("split".to_owned());
            options
        };
        let table = read_table(Source::new(path), &options).map_err(Box::new)?;
        table.require_labels().map_err(Box::new)?;
        for &method in methods {
            cells.push(measure(data_set, *seed, &table, method)?);
        }
    }
    Ok(cells)
}

fn measure(data_set: &str, seed: u64, table: &Table, method: Method) -> Result<Cell, Error> {
    let failed = |source| {
        let (method, data_set, source) = (method.name(), data_set.to_owned(), Box::new(source));
        Error::Method { method, data_set, seed, source }
    };
    let test: Vec<usize> =
        (0..table.truth.len()).filter(|&i| !table.in_train[i] && table.truth[i].is_some()).collect();
    let labels: Vec<bool> = test.iter().map(|&i| table.truth[i] == Some(true)).collect();
    let began = Instant::now();
    let scores = method.score(&table.data, &test, seed).map_err(failed)?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Cell {
        data_set: data_set.to_owned(),
        seed,
        method: method.name().to_owned(),
        train_positives: Some(table.data.class_counts().1),
        metrics: scores.metrics(&labels).map_err(failed)?,
        seconds,
    })
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
            field(Some(cell.seconds)),
        ]
    }));
    rows
}

/// (data set, seed, path) of every `<data set>/seed<k>.csv[.gz]`, in the order of names and seeds.
fn find_tables(folder: &Path) -> Result<Vec<(String, u64, PathBuf)>, Error> {
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

    #[test]
    fn a_folder_without_tables_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(run(folder.path(), &Method::all(), |_| ()), Err(Error::NoTables { .. })));
    }
}
