//! What is odd in a table but no reason to stop.

use std::fmt;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::reading::{Input, Scale};
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
    /// A column that is named as a split is not used, as no value of it is known to be for training.
    SplitNotUsed { file: String, column: String, found: Vec<String> },
    /// Rows without a group are groups of their own.
    RowsWithoutGroup { file: String, rows: usize },
    /// Cells a hair's breadth outside [0, 1] were clipped.
    Clipped { file: String, cells: usize, columns: Vec<String>, farthest: f64 },
    /// Percent were asked for, and no cell is above 1.
    FewPercent { file: String, largest: f64 },
    /// Two columns sum to 1 in every row.
    Complement { file: String, column: String, other: String },
    /// The label column holds what cannot be understood, where no labels are needed.
    LabelsPassedOver { file: String, column: String, values: Vec<String> },
    /// A column that was taken for weights or folds by its name alone does not serve as such.
    ColumnNotUsed { file: String, role: &'static str, column: String, reason: String },
    /// Ids that were guessed occur more than once, and rows are identified by their number instead.
    RepeatedIds { file: String, column: String, fitting: bool },
    /// Some cells of ids that were guessed are empty, and rows are identified by their number instead.
    EmptyIds { file: String, column: String, rows: usize },
    /// Rows that belong to no split.
    RowsWithoutSplit { file: String, column: String, rows: usize },
    /// Columns that were probabilities already are rescaled together with the others.
    MixedScale { file: String, option: &'static str, columns: Vec<String>, of: usize },
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
        // Each message names the place, what was found and done, and the option that changes the decision.
        match self {
            TableWarning::ConstantColumn { file, column, value } => {
                write!(
                    f,
                    "{file}, column {column:?}: {value} in every row, so it carries no information; consider leaving it out"
                )
            }
            TableWarning::MissingColumn { file, column } => {
                write!(
                    f,
                    "{file}, column {column:?}: no probability in any row, so it carries no information; consider leaving it out"
                )
            }
            TableWarning::ExtraColumns { file, columns } => {
                write!(f, "{file}: columns the model does not know are passed over: {}", list(columns))
            }
            TableWarning::RowsWithoutGroup { file, rows } => write!(
                f,
                "{file}: the group column is empty in {rows} rows; each of these rows is a separate group"
            ),
            TableWarning::FewPercent { file, largest } => write!(
                f,
                "{file}: the largest prediction is {largest}, and --scale percent divides it by 100; if the columns hold \
                 fractions from 0 to 1 already, leave --scale out"
            ),
            TableWarning::Clipped { file, cells, columns, farthest } => {
                write!(
                    f,
                    "{file}: {cells} {} slightly outside 0 to 1 (as far as {farthest:?}), taken as 0 or 1: rounding in {}",
                    if *cells == 1 { "cell is" } else { "cells are" },
                    list(columns)
                )
            }
            TableWarning::Complement { file, column, other } => {
                write!(
                    f,
                    "{file}: {column:?} and {other:?} sum to 1 in every row, so one of them tells nothing new, and their \
                     mean is 0.5 throughout; leave out that of the negative class with --exclude"
                )
            }
            TableWarning::LabelsPassedOver { file, column, values } => {
                write!(
                    f,
                    "{file}, column {column:?}: passed over: labels are not needed here, and these values are not labels: {}",
                    list(values)
                )
            }
            TableWarning::ColumnNotUsed { file, role, column, reason } => {
                write!(
                    f,
                    "{file}, column {column:?}: named as the {role}s and not used ({reason}); name what it should be with \
                     --{role}-column once it is corrected"
                )
            }
            TableWarning::RepeatedIds { file, column, fitting } => {
                write!(
                    f,
                    "{file}, column {column:?}: its values repeat, so rows are identified by their number"
                )?;
                if *fitting {
                    write!(f, "; if rows of one value belong together, give --group-column {column}")?;
                }
                Ok(())
            }
            TableWarning::EmptyIds { file, column, rows } => write!(
                f,
                "{file}, column {column:?}: {rows} {}, so rows are identified by their number; complete the ids, or name the \
                 column with --id-column to insist on them",
                if *rows == 1 { "id is empty" } else { "ids are empty" }
            ),
            TableWarning::RowsWithoutSplit { file, column, rows } => write!(
                f,
                "{file}, column {column:?}: {rows} {} no split; they are not learned from, and are scored only where no \
                 other rows outside the train split have a label",
                if *rows == 1 { "row names" } else { "rows name" }
            ),
            TableWarning::MixedScale { file, option, columns, of } => {
                let all = columns.len() == *of;
                let cure = match all {
                    true => "leave the option out if these are probabilities".to_owned(),
                    false => format!(
                        "the option is for every column, so if these are probabilities, convert the {} instead and leave \
                         the option out",
                        if of - columns.len() == 1 { "other column" } else { "other columns" }
                    ),
                };
                write!(
                    f,
                    "{file}: {option} changes columns that lie within 0 to 1 already: {}; {cure}",
                    list(columns)
                )
            }
            TableWarning::SplitNotUsed { file, column, found } => {
                write!(
                    f,
                    "{file}, column {column:?}: holds {}, and which of them is for training is not known, so every labeled \
                     row is trained on; give --split-column {column} --train-value VALUE, or --exclude {column}",
                    list(found)
                )
            }
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
            // A single prediction cannot be constant.
            (Some(value), Some(second)) if value == second && observed.all(|v| v == value) => {
                Some(TableWarning::ConstantColumn { file, column, value })
            }
            _ => None,
        }
    };
    (0..names.len()).into_par_iter().filter_map(check).collect()
}

/// A word on classifiers of 0 and 1 alone: hard predictions, or no classifiers at all.
pub(crate) fn of_hard_columns(names: &[String], matrix: ArrayView2<'_, f64>) -> Option<String> {
    // A column of zeros alone, or of ones, is constant, and has a word of its own.
    let is_hard = |u: &usize| {
        let present = || matrix.row(*u).into_iter().filter(|v| !v.is_nan());
        present().all(|&v| v == 0.0 || v == 1.0)
            && present().any(|&v| v == 0.0)
            && present().any(|&v| v == 1.0)
    };
    let hard: Vec<usize> = (0..names.len()).into_par_iter().filter(is_hard).collect();
    let columns: Vec<&String> = hard.iter().map(|&u| &names[u]).collect();
    match hard.len() {
        0 => None,
        all if all == names.len() => {
            Some("0 and 1 only in every column: votes, not probabilities".to_owned())
        }
        _ => Some(format!("0 and 1 only in {}", list(&columns))),
    }
}

/// A word where percent were asked for and every cell was a fraction before: none is then above 0.01.
pub(crate) fn of_scale(file: &str, matrix: ArrayView2<'_, f64>, scale: Scale) -> Option<TableWarning> {
    if scale != Scale::Percent {
        return None;
    }
    let largest = matrix.iter().fold(0.0, |largest: f64, &p| largest.max(p));
    let few = largest > 0.0 && largest <= 0.01;
    few.then(|| TableWarning::FewPercent { file: file.to_owned(), largest: 100.0 * largest })
}

/// A word on columns that lay within [0, 1] before percent or scores were made probabilities: `matrix` is
/// what was made of them.
pub(crate) fn of_mixed_scale(
    file: &str,
    names: &[String],
    matrix: ArrayView2<'_, f64>,
    (scale, input): (Scale, Input),
) -> Option<TableWarning> {
    // A column of zeros alone says nothing of its scale.
    // What the inverse of the map gives for 0 to 1: the cells were made probabilities before this is asked.
    let (option, inside): (_, fn(f64) -> bool) = match (scale, input) {
        (Scale::Percent, _) => ("--scale percent", |p| (0.0..=0.01).contains(&p)),
        // 1 / (1 + exp(-s)) of s = 0 and of s = 1.
        (_, Input::Score) => ("--input score", |p| (0.5..=1.0 / (1.0 + (-1.0f64).exp())).contains(&p)),
        _ => return None,
    };
    let lay_inside = |u: &usize| {
        let present = || matrix.row(*u).into_iter().copied().filter(|p| !p.is_nan());
        present().next().is_some() && present().all(inside) && present().any(|p| p != 0.0)
    };
    let columns: Vec<String> = (0..names.len()).filter(lay_inside).map(|u| names[u].clone()).collect();
    let count = names.len();
    // Where all columns are small percent another word says so.
    let said = columns.len() == count && scale == Scale::Percent;
    (!columns.is_empty() && !said).then(|| TableWarning::MixedScale {
        file: file.to_owned(),
        option,
        columns,
        of: count,
    })
}

/// Takes what is a hair outside [0, 1] as 0 or 1.
pub(crate) fn clip(file: &str, names: &[String], matrix: &mut Array2<f64>) -> Option<TableWarning> {
    // Neither comparison holds for NaN.
    let outside = |v: f64| {
        let (below, above) = (v < 0.0, v > 1.0);
        below | above
    };
    let clip_row = |mut row: ndarray::ArrayViewMut1<'_, f64>| {
        // Nearly always there is nothing to do, and a sum without a branch finds that out as fast as cells
        // are read.
        if !row.iter().fold(false, |any, &v| any | outside(v)) {
            return (0, 0.5);
        }
        // How far a cell is outside is measured from 0.5, the middle of the range.
        let (mut cells, mut farthest) = (0, 0.5);
        for value in row.iter_mut().filter(|value| outside(**value)) {
            cells += 1;
            if (*value - 0.5).abs() > (farthest - 0.5f64).abs() {
                farthest = *value;
            }
            *value = value.clamp(0.0, 1.0);
        }
        (cells, farthest)
    };
    let rows: Vec<_> = matrix.rows_mut().into_iter().collect();
    let found: Vec<(usize, f64)> = rows.into_par_iter().map(clip_row).collect();
    let cells = found.iter().map(|(cells, _)| cells).sum();
    let columns = (0..names.len()).filter(|&u| found[u].0 > 0).map(|u| names[u].clone()).collect();
    let farthest = found
        .iter()
        .map(|(_, v)| *v)
        .fold(0.5, |a: f64, b| if (b - 0.5).abs() > (a - 0.5).abs() { b } else { a });
    (cells > 0).then(|| TableWarning::Clipped { file: file.to_owned(), cells, columns, farthest })
}

/// A few of the values of a split column.
pub(crate) fn some_values(split: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for value in split {
        if found.len() < 5 && !found.contains(value) {
            found.push(value.clone());
        }
    }
    found
}

/// Empty cells in the group column.
pub(crate) fn of_groups(file: &str, groups: &[String]) -> Option<TableWarning> {
    let rows = groups.iter().filter(|group| group.trim().is_empty()).count();
    (rows > 0).then(|| TableWarning::RowsWithoutGroup { file: file.to_owned(), rows })
}
