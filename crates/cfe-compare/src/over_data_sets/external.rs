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
            // A program may have a method of the name of one of ours.
            method: format!("{}*", line.method),
            train_positives: None,
            metrics,
            z_against_mean: None,
            seconds: line.seconds.unwrap_or(0.0),
        });
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "dataset,seed,method,ap,roc_auc,brier,log_loss,best_f1,seconds\n";

    fn read(lines: &str) -> Result<Vec<Cell>, Error> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), format!("{HEADER}{lines}")).expect("writable");
        read_external(file.path())
    }

    #[test]
    fn a_line_is_a_cell_marked_with_a_star_and_empty_fields_are_unknown() {
        let cells =
            read("yeast,3,forest,0.5,0.75,0.1,0.25,0.6,1.5\nabalone,0,svm,0.25,,,,,\n").expect("valid");
        let metrics =
            |cell: &Cell| [cell.metrics.average_precision, cell.metrics.roc_auc, cell.metrics.brier];
        let further = |cell: &Cell| [cell.metrics.log_loss, cell.metrics.best_f1, cell.metrics.ece];
        assert_eq!(
            (cells[0].data_set.as_str(), cells[0].seed, cells[0].method.as_str()),
            ("yeast", 3, "forest*")
        );
        assert_eq!(metrics(&cells[0]), [Some(0.5), Some(0.75), Some(0.1)]);
        assert_eq!(further(&cells[0]), [Some(0.25), Some(0.6), None], "the list has no calibration error");
        assert_eq!((metrics(&cells[1]), further(&cells[1])), ([Some(0.25), None, None], [None; 3]));
        assert_eq!((cells[0].seconds, cells[1].seconds, cells[1].train_positives), (1.5, 0.0, None));
        assert_eq!(read("").expect("an empty list"), []);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_with_the_columns_needed() {
        for lines in ["yeast,3,forest,high,,,,,\n", "yeast,-3,forest,0.5,,,,,\n", "yeast,3,forest\n"] {
            let said = read(&format!("yeast,1,forest,0.5,,,,,\n{lines}")).expect_err(lines).to_string();
            assert!(said.contains("line: 3") || said.contains("line 3"), "{said}");
            assert!(
                said.ends_with("dataset,seed,method,ap,roc_auc,brier,log_loss,best_f1,seconds"),
                "{said}"
            );
        }
        let said = read_external(Path::new("no-such-file.csv")).expect_err("not there").to_string();
        assert!(said.starts_with("no-such-file.csv is not a list of results"), "{said}");
    }
}
