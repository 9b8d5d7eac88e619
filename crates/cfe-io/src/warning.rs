//! What is odd in a table but no reason to stop.

use std::fmt;

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::table_error::list;

/// Something to know before trusting the result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are what the message of their variant names")]
pub enum TableWarning {
    /// A classifier says the same for every row.
    ConstantColumn { file: String, column: String, value: f64 },
    /// A classifier says nothing at all.
    MissingColumn { file: String, column: String },
    /// Columns that the model does not know were passed over.
    ExtraColumns { file: String, columns: Vec<String> },
    /// No row is of the train split.
    NoTrainRow { file: String, wanted: String, found: Vec<String> },
    /// Rows without a group are groups of their own.
    RowsWithoutGroup { file: String, rows: usize },
}

impl TableWarning {
    /// The classifier it is about.
    pub fn column(&self) -> Option<&str> {
        match self {
            TableWarning::ConstantColumn { column, .. } | TableWarning::MissingColumn { column, .. } => {
                Some(column)
            }
            _ => None,
        }
    }
}

impl fmt::Display for TableWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableWarning::ConstantColumn { file, column, value } => {
                write!(
                    f,
                    "{file}, column {column:?}: {value} in every row, so it tells nothing; consider leaving it out"
                )
            }
            TableWarning::MissingColumn { file, column } => {
                write!(
                    f,
                    "{file}, column {column:?}: no probability in any row, so it tells nothing; consider leaving it out"
                )
            }
            TableWarning::ExtraColumns { file, columns } => {
                write!(f, "{file}: columns the model does not know are passed over: {}", list(columns))
            }
            TableWarning::RowsWithoutGroup { file, rows } => write!(
                f,
                "{file}: the group column is empty in {rows} rows; each of these rows is a group of its own"
            ),
            TableWarning::NoTrainRow { file, wanted, found } => {
                write!(f, "{file}: no row of the split {wanted:?}; the split column holds {}", list(found))
            }
        }
    }
}

/// Constant and all-missing classifiers, in their order.
pub(crate) fn of_columns(file: &str, names: &[String], matrix: ArrayView2<'_, f64>) -> Vec<TableWarning> {
    let check = |u: usize| {
        let (file, column) = (file.to_owned(), names[u].clone());
        let row = matrix.row(u);
        let mut observed = row.iter().copied().filter(|v| !v.is_nan());
        match (observed.next(), observed.next()) {
            (None, _) => Some(TableWarning::MissingColumn { file, column }),
            (Some(value), Some(second)) if value == second && observed.all(|v| v == value) => {
                Some(TableWarning::ConstantColumn { file, column, value })
            }
            _ => None,
        }
    };
    (0..names.len()).into_par_iter().filter_map(check).collect()
}

/// A split column without a row for training.
pub(crate) fn of_split(file: &str, split: &[String], wanted: &str) -> Option<TableWarning> {
    if split.iter().any(|value| value == wanted) {
        return None;
    }
    let mut found: Vec<String> = Vec::new();
    for value in split {
        if found.len() < 5 && !found.contains(value) {
            found.push(value.clone());
        }
    }
    Some(TableWarning::NoTrainRow { file: file.to_owned(), wanted: wanted.to_owned(), found })
}

/// Empty cells in the group column.
pub(crate) fn of_groups(file: &str, groups: &[String]) -> Option<TableWarning> {
    let rows = groups.iter().filter(|group| group.trim().is_empty()).count();
    (rows > 0).then(|| TableWarning::RowsWithoutGroup { file: file.to_owned(), rows })
}
