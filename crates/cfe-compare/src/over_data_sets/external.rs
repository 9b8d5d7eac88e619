//! Results of other programs on the same tables, to be ranked together.

use std::path::Path;

use cf_ensemble::metrics::MetricSummary;
use serde::Deserialize;

use super::cells::Cell;
use crate::error::Error;

/// A line of the file: one method on one table.
#[derive(Debug, Deserialize)]
struct Line {
    dataset: String,
    seed: u64,
    method: String,
    ap: f64,
    roc_auc: Option<f64>,
    brier: Option<f64>,
    log_loss: Option<f64>,
    best_f1: Option<f64>,
    seconds: Option<f64>,
}

/// Reads `dataset,seed,method,ap,roc_auc,brier,log_loss,best_f1,seconds` (empty: not known). Methods are
/// marked with a star, as they were not run here.
///
/// # Errors
/// [`Error::External`] with the line.
pub fn read_external(path: &Path) -> Result<Vec<Cell>, Error> {
    let failed = |source| Error::External { path: path.to_owned(), source };
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let mut cells = Vec::new();
    for line in reader.deserialize::<Line>() {
        let line = line.map_err(failed)?;
        // The list has no calibration error, which therefore stays unknown.
        let mut metrics = MetricSummary::of_average_precision(line.ap);
        metrics.roc_auc = line.roc_auc;
        metrics.brier = line.brier;
        metrics.log_loss = line.log_loss;
        metrics.best_f1 = line.best_f1;
        cells.push(Cell {
            data_set: line.dataset,
            seed: line.seed,
            method: format!("{}*", line.method),
            train_positives: None,
            metrics,
            seconds: line.seconds.unwrap_or(0.0),
        });
    }
    Ok(cells)
}
