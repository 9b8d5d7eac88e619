//! What may have gone wrong before the classifiers came together.

mod classes;
mod columns;
mod copies;
mod coverage;
mod evaluated;
mod leakage;
mod shift;
mod sorted;
#[cfg(all(feature = "als", feature = "parquet"))]
mod tally;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use cfe_core::Result;
use cfe_io::Table;
use ndarray::{ArrayView1, Axis};
use rayon::prelude::*;
use serde::Serialize;

pub use self::classes::{diagnose_class_evaluation, diagnose_classes};
use self::columns::{constant, constant_outside, duplicates, inverted, mirrored, mirrored_pairs, two_values};
use self::copies::{Rows, copies, divided_groups, outside_of};
use self::coverage::{few_positives, missing, without_prediction};
pub use self::evaluated::diagnose_evaluation;
use self::leakage::{in_sample, leaks, seen_outside, too_good, unjoined};
use self::shift::{Shift, shifted};
use self::sorted::{Places, Sorted};
#[cfg(all(feature = "als", feature = "parquet"))]
pub(crate) use self::tally::Tally;
use super::TrainRows;
use super::redundancy::correlations;

/// Classifiers that agree more than this tell the same.
const DUPLICATE: f64 = 0.995;
/// Positives and negatives that a comparison of ROC-AUC needs.
const ENOUGH: usize = 5;
/// Names that a line lists before "and 12 more".
const NAMED: usize = 5;

/// How much a finding matters; the first one matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// The results cannot be believed before this is looked at.
    Alarm,
    /// Something that costs quality or makes a figure misleading.
    Warning,
    /// Good to know.
    Note,
}

/// Something to know before trusting the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// `leak`, `unjoined`, `in_sample`, `inverted`, `swapped`, `pair`, `two_values`, `constant`,
    /// `no_prediction`, `shift`, `prevalence`, `missing`, `duplicate`, `copies`, `groups` or `few_positives`.
    pub kind: &'static str,
    /// The classifiers it is about.
    pub classifiers: Vec<String>,
    /// What was found and what can be done.
    pub text: String,
}

impl Finding {
    fn new(severity: Severity, kind: &'static str, classifiers: Vec<String>, text: String) -> Self {
        Self { severity, kind, classifiers, text }
    }
}

/// Looks at a table for leaks, in-sample predictions, inverted, constant, near-duplicate and gappy
/// classifiers, shift between the train split and the rest, and few positives. The gravest finding comes
/// first; there is one finding for all gaps, one for all duplicates.
///
/// # Errors
/// None for a table that was read.
pub fn diagnose(table: &Table) -> Result<Vec<Finding>> {
    diagnose_knowing(table, None)
}

/// As [`diagnose`] of the table that a model was fitted to, where the model remembers the labeled train rows.
pub(crate) fn diagnose_knowing(table: &Table, known: Option<TrainRows>) -> Result<Vec<Finding>> {
    // Figures of each column first, since most findings are about them.
    let columns = columns_of(table)?;
    let pairs = correlations(&table.data);
    let mirrored = mirrored(table, &pairs);
    let mut out = Vec::new();
    let (labels, truth) = counting(table);
    let (labels, predictions) = (&labels[..], table.data.predictions());
    let labeled: Vec<usize> = (0..labels.len()).filter(|&i| labels[i].is_some()).collect();
    let is_labeled: Vec<bool> = truth.iter().map(Option::is_some).collect();
    // Who knows the label: in all rows, through copies of rows, through groups, or through the train rows.
    out.extend(leaks(labels, &columns));
    let rows = Rows {
        predictions,
        labeled: &labeled,
        label: &|i| usize::from(labels[i] == Some(true)),
        classes: 2,
        level: &|i| (0, predictions.column(i).iter().filter(|p| !p.is_nan()).sum()),
        scored: &outside_of(&is_labeled, &table.in_train),
    };
    out.extend(copies(&rows, known));
    out.extend(divided_groups(table.groups.as_deref(), &is_labeled, &table.in_train));
    out.extend(unjoined(&columns));
    out.extend(in_sample(&columns, &out));
    out.extend(seen_outside(&columns, &out));
    out.extend(too_good(&columns, &out));
    // A classifier that has a graver finding is not named a second time for its direction.
    let is_new =
        |f: &Finding| f.classifiers.iter().all(|name| !out.iter().any(|o| o.classifiers.contains(name)));
    let inverted = inverted(table, &columns, &mirrored).into_iter().filter(is_new).collect::<Vec<_>>();
    out.extend(inverted);
    // Columns that say little: the other half of a pair, two values, one value, none at all.
    out.extend(mirrored_pairs(table.data.classifier_names(), &mirrored));
    out.extend(two_values(&columns, &out));
    out.extend(constant(table, &columns));
    out.extend(constant_outside(&columns));
    out.extend(without_prediction(table));
    // A classifier that was fitted to the train rows has other predictions there: that is not a shift.
    let suspicious =
        out.iter().filter(|f| f.kind == "in_sample").flat_map(|f| f.classifiers.clone()).collect();
    out.extend(shifted(table, &columns, suspicious));
    // Notes about the table as a whole.
    out.extend(missing(&columns));
    out.extend(duplicates(table, &pairs));
    out.extend(few_positives(labels));
    // Stable: equally grave findings keep the order above.
    out.sort_by_key(|finding| finding.severity);
    Ok(out)
}

/// How well a classifier ranks some labeled rows.
#[derive(Debug, Clone, Copy)]
struct Quality {
    auc: f64,
    average_precision: f64,
    positives: usize,
    negatives: usize,
}

impl Quality {
    /// Of the rows that have a label and a prediction; `None` with fewer than [`ENOUGH`] of a class.
    fn of(row: ArrayView1<'_, f64>, labels: &[Option<bool>]) -> Result<Option<Self>> {
        Sorted::new(row, &Places::labeled(labels)).quality()
    }

    /// Standard error of the ROC-AUC of a classifier that knows nothing.
    fn error_by_chance(self) -> f64 {
        let (p, n) = (self.positives as f64, self.negatives as f64);
        ((p + n + 1.0) / (12.0 * p * n)).sqrt()
    }

    /// Variance of the ROC-AUC (Hanley and McNeil, "The meaning and use of the area under a receiver
    /// operating characteristic (ROC) curve", 1982).
    fn variance(self) -> f64 {
        let (a, p, n) = (self.auc, self.positives as f64, self.negatives as f64);
        let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
        let sum = a * (1.0 - a) + (p - 1.0) * (q1 - a * a) + (n - 1.0) * (q2 - a * a);
        // A perfect ranking has no variance by this formula, which no finite sample deserves.
        (sum / (p * n)).max(1.0 / (p * n))
    }
}

/// Which rows a column is looked at over.
struct Parts<'a> {
    in_train: &'a [bool],
    /// Labels of the train rows; none of others.
    train: &'a [Option<bool>],
    /// Places of the rows within and outside the train split.
    within: Places,
    outside: Places,
    /// What a row of the train split is called.
    row: &'static str,
    /// Whether the distributions within and outside the train split are compared.
    compare: bool,
    /// Weights of the rows, for this comparison.
    weights: Option<&'a [f64]>,
}

impl<'a> Parts<'a> {
    /// `train` are the labels of the train rows, `outside` those of the rows outside. The distributions of
    /// all rows within and outside are compared where `compare` is set, by `weights` where there are some.
    fn new(
        in_train: &'a [bool],
        train: &'a [Option<bool>],
        outside: &[Option<bool>],
        row: &'static str,
        compare: bool,
        weights: Option<&'a [f64]>,
    ) -> Self {
        // Rows without a label count in a comparison, which gathers them itself where they have weights.
        let all = compare && weights.is_none();
        let within = Places::new(train, |i| all && in_train[i]);
        let outside = Places::new(outside, |i| all && !in_train[i]);
        Self { in_train, train, within, outside, row, compare, weights }
    }
}

/// What is known of one classifier.
struct Column<'a> {
    name: &'a str,
    /// How it is left out, in words behind "leave it out".
    option: String,
    /// What a row of the train split is called.
    train_row: &'static str,
    row: ArrayView1<'a, f64>,
    /// Distinct values; three stand for any larger number.
    distinct: Vec<f64>,
    missing: f64,
    train: Option<Quality>,
    outside: Option<Quality>,
    /// The one value of all rows outside the train split, where it varies within.
    constant_outside: Option<f64>,
    /// Whether there are predictions in the train split and rows, but no prediction, outside.
    absent_outside: bool,
    /// How predictions outside differ from those within, where that is more than chance and worth a word.
    shift: Option<Shift>,
}

/// Labels of the train rows and of all rows, without those of rows of weight 0, which count nowhere.
fn counting(table: &Table) -> (Vec<Option<bool>>, Vec<Option<bool>>) {
    let counts = |i: usize| table.data.sample_weights().is_none_or(|weights| weights[i] > 0.0);
    let labels_that_count = |labels: &[Option<bool>]| {
        labels.iter().enumerate().map(|(i, label)| label.filter(|_| counts(i))).collect()
    };
    (labels_that_count(table.data.labels()), labels_that_count(&table.truth))
}

fn columns_of(table: &Table) -> Result<Vec<Column<'_>>> {
    let (train, truth) = counting(table);
    let outside: Vec<Option<bool>> =
        truth.iter().zip(&table.in_train).map(|(y, train)| y.filter(|_| !train)).collect();
    let compare = table.in_train.iter().any(|&train| !train);
    let weights = table.data.sample_weights();
    let parts = Parts::new(&table.in_train, &train, &outside, "train row", compare, weights);
    let r = table.data.predictions();
    // Each ROC-AUC sorts a column, which is most of the work of a diagnosis.
    let names = table.data.classifier_names().par_iter().enumerate();
    names
        .map(|(u, name)| {
            Column::new(name, format!(" (--exclude {name})"), r.index_axis_move(Axis(0), u), &parts)
        })
        .collect()
}

impl<'a> Column<'a> {
    fn new(name: &'a str, option: String, row: ArrayView1<'a, f64>, parts: &Parts<'_>) -> Result<Self> {
        let mut distinct: Vec<f64> = Vec::new();
        for &p in row.iter().filter(|p| !p.is_nan()) {
            if !distinct.contains(&p) {
                distinct.push(p);
            }
            // Whether there are more than two is all that is asked.
            if distinct.len() > 2 {
                break;
            }
        }
        let gaps = row.iter().filter(|p| p.is_nan()).count();
        let (train, outside) = (Sorted::new(row, &parts.within), Sorted::new(row, &parts.outside));
        let shift = match parts.weights {
            _ if !parts.compare => None,
            Some(weights) => Shift::weighted(row, weights, parts.in_train, parts.train),
            None => Shift::of(&train, &outside),
        };
        Ok(Self {
            name,
            option,
            train_row: parts.row,
            row,
            distinct,
            missing: gaps as f64 / row.len() as f64,
            train: train.quality()?,
            outside: outside.quality()?,
            shift,
            constant_outside: one_value(row, parts.in_train, false)
                .filter(|_| one_value(row, parts.in_train, true).is_none()),
            absent_outside: {
                let among = |within: bool| {
                    row.iter().zip(parts.in_train).filter(move |(_, train)| **train == within).map(|(p, _)| p)
                };
                among(true).any(|p| !p.is_nan())
                    && among(false).next().is_some()
                    && among(false).all(|p| p.is_nan())
            },
        })
    }
}

/// The value of all predictions within or outside the train split, if there are two or more and all are
/// equal.
fn one_value(row: ArrayView1<'_, f64>, in_train: &[bool], within: bool) -> Option<f64> {
    let mut values = row.iter().zip(in_train).filter(|(p, train)| !p.is_nan() && **train == within);
    let first = *values.next()?.0;
    let mut rest = values.map(|(p, _)| *p).peekable();
    (rest.peek().is_some() && rest.all(|p| p == first)).then_some(first)
}

/// "a, b and 3 more".
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut out = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        write!(out, " and {more} more").expect("a string takes any text");
    }
    out
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
