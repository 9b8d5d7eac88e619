//! One figure for each method, data set and seed.

use std::path::Path;
use std::time::Instant;

use cf_ensemble::io::{AnyTable, ClassTable, Source, TableOptions, read_any_table};
use cf_ensemble::metrics::classes::{ClassScored, ClassSummary};
use serde::Serialize;

use super::methods::Method;
use crate::error::Error;
use crate::over_data_sets::find_tables;
use crate::report::{Rows, field};

/// What one method reaches on one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassCell {
    /// Data set.
    pub data_set: String,
    /// Seed of the split.
    pub seed: u64,
    /// Method.
    pub method: String,
    /// Classes.
    pub classes: usize,
    /// Labeled rows of the rarest class.
    pub rarest: usize,
    /// Metrics of the scored rows.
    pub metrics: ClassSummary,
    /// Seconds for fit and prediction.
    pub seconds: f64,
}

/// Measures all methods on all tables of `folder`; `progress` hears of each.
///
/// # Errors
/// A folder without tables, a table that cannot be read or has two classes, a method that fails.
pub fn run(
    folder: &Path,
    methods: &[Method],
    mut progress: impl FnMut(&str),
) -> Result<Vec<ClassCell>, Error> {
    let mut cells = Vec::new();
    for (data_set, seed, path) in &find_tables(folder)? {
        progress(&format!("{data_set} seed {seed}"));
        let table = match read_any_table(Source::new(path), &TableOptions::default()).map_err(Box::new)? {
            AnyTable::Classes(table) => table,
            _ => return Err(Error::TwoClasses { path: path.clone() }),
        };
        for &method in methods {
            cells.push(measure(data_set, *seed, &table, method)?);
        }
    }
    Ok(cells)
}

fn measure(data_set: &str, seed: u64, table: &ClassTable, method: Method) -> Result<ClassCell, Error> {
    let failed = |source| {
        let (method, data_set) = (method.name(), data_set.to_owned());
        Error::ClassMethod { method, data_set, seed, source: Box::new(source) }
    };
    let core = |source| failed(cf_ensemble::FitError::training("scoring")(source));
    // Learned from the train rows; scored on the other rows whose label is a class of the columns.
    let data = table.data().map_err(Box::new)?;
    let (labels, _) = table.labels_among(table.predictions.classes());
    let test: Vec<usize> =
        (0..table.n_rows()).filter(|&i| !table.in_train[i] && labels[i].is_some()).collect();
    let y: Vec<usize> = test.iter().filter_map(|&i| labels[i]).collect();
    let rows = table.predictions.select_instances(&test).map_err(core)?;
    // Fit and prediction are timed together, as for the methods of two classes.
    let began = Instant::now();
    let (p, decisions) = method.run(&data, &rows, seed).map_err(failed)?;
    let seconds = began.elapsed().as_secs_f64();
    let weights: Option<Vec<f64>> =
        table.weights.as_ref().map(|weights| test.iter().map(|&i| weights[i]).collect());
    let scored = ClassScored::new(&y, p.view(), weights.as_deref()).map_err(core)?;
    // Rows of weight 0 are not scored.
    let counts = |at: &usize| weights.as_ref().is_none_or(|weights| weights[*at] > 0.0);
    let kept: Vec<usize> = (0..test.len()).filter(counts).map(|at| decisions[at]).collect();
    Ok(ClassCell {
        data_set: data_set.to_owned(),
        seed,
        method: method.name(),
        classes: table.predictions.n_classes(),
        rarest: data.class_counts().into_iter().min().expect("a table has classes"),
        metrics: scored.summary(&kept).map_err(core)?,
        seconds,
    })
}

/// Cells as records of a spreadsheet.
pub(super) fn rows(cells: &[ClassCell]) -> Rows {
    let mut rows = Rows::new([
        "data_set",
        "seed",
        "method",
        "classes",
        "rarest",
        "log_loss",
        "brier",
        "macro_average_precision",
        "macro_roc_auc",
        "balanced_accuracy",
        "macro_f1",
        "mcc",
        "top_label_ece",
        "seconds",
    ]);
    rows.records.extend(cells.iter().map(|cell| {
        let m = &cell.metrics;
        vec![
            cell.data_set.clone(),
            cell.seed.to_string(),
            cell.method.clone(),
            cell.classes.to_string(),
            cell.rarest.to_string(),
            field(Some(m.log_loss)),
            field(Some(m.brier)),
            field(m.macro_average_precision),
            field(m.macro_roc_auc),
            field(Some(m.balanced_accuracy)),
            field(Some(m.macro_f1)),
            field(Some(m.mcc)),
            field(Some(m.top_label_ece)),
            field(Some(cell.seconds)),
        ]
    }));
    rows
}
