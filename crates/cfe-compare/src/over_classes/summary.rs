//! Means over seeds, ranks over data sets, and tests.

use std::collections::BTreeSet;

use cf_ensemble::validation::{Friedman, friedman, wilcoxon_signed_rank};
use ndarray::Array2;
use serde::Serialize;

use super::cells::ClassCell;
use crate::error::Error;

/// One method over all data sets; every figure is a mean over the data sets of means over seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassMethodRow {
    /// Method.
    pub method: String,
    /// Mean rank by log loss, 1 is best; `None` for fewer than two data sets or methods.
    pub rank_by_log_loss: Option<f64>,
    /// Mean rank by macro average precision.
    pub rank_by_average_precision: Option<f64>,
    /// In nats.
    pub log_loss: f64,
    /// Mean over classes.
    pub macro_average_precision: f64,
    /// Mean recall of the classes.
    pub balanced_accuracy: f64,
    /// Mean F1 of the classes.
    pub macro_f1: f64,
    /// Calibration error of the largest probability.
    pub top_label_ece: f64,
    /// Data sets on which the first method has the smaller log loss.
    pub first_wins: usize,
    /// Wilcoxon's p of the first method against this one, by log loss.
    pub p_log_loss: Option<f64>,
    /// The same by macro average precision.
    pub p_average_precision: Option<f64>,
    /// Seconds for a table.
    pub seconds: f64,
}

/// One data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassSetRow {
    /// Data set.
    pub data_set: String,
    /// Classes.
    pub classes: usize,
    /// Labeled rows of the rarest class.
    pub rarest: usize,
    /// Log loss of each method, in the order of [`ClassesSummary::methods`].
    pub log_loss: Vec<f64>,
    /// Macro average precision of each method.
    pub macro_average_precision: Vec<f64>,
}

/// The whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassesSummary {
    /// Version of this program.
    pub version: &'static str,
    /// Methods, by log loss.
    pub methods: Vec<ClassMethodRow>,
    /// Data sets, by name.
    pub data_sets: Vec<ClassSetRow>,
    /// Friedman's chi-square and p over the methods by log loss.
    pub friedman: Option<(f64, f64)>,
}

/// Mean over the seeds of one method on one data set.
fn mean(cells: &[ClassCell], method: &str, set: &str, of: impl Fn(&ClassCell) -> f64) -> f64 {
    let values: Vec<f64> =
        cells.iter().filter(|cell| cell.method == method && cell.data_set == set).map(of).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Summarizes; `first` is the method that the others are tested against.
///
/// # Errors
/// [`Error::Statistics`].
pub fn summarize(cells: &[ClassCell], first: &str) -> Result<ClassesSummary, Error> {
    // Data sets by name, methods in the order in which they were run.
    let sets: BTreeSet<&str> = cells.iter().map(|cell| cell.data_set.as_str()).collect();
    let mut names: Vec<&str> = Vec::new();
    for cell in cells {
        if !names.contains(&cell.method.as_str()) {
            names.push(&cell.method);
        }
    }
    // (sets of a method) for one figure.
    let over = |method: &str, of: &dyn Fn(&ClassCell) -> f64| -> Vec<f64> {
        sets.iter().map(|set| mean(cells, method, set, of)).collect()
    };
    let precision = |cell: &ClassCell| cell.metrics.macro_average_precision.unwrap_or(0.0);
    // Ranks are taken of what is to be large.
    let by_loss = ranks(&names, sets.len(), |method| over(method, &|cell| -cell.metrics.log_loss))?;
    let by_precision = ranks(&names, sets.len(), |method| over(method, &precision))?;
    // Figures of a method are means over data sets, each a mean over seeds: every data set counts alike.
    let average = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let row = |(at, &method): (usize, &&str)| -> Result<ClassMethodRow, Error> {
        let (own, ours) = (over(method, &|c| c.metrics.log_loss), over(first, &|c| c.metrics.log_loss));
        Ok(ClassMethodRow {
            method: method.to_owned(),
            rank_by_log_loss: by_loss.as_ref().map(|test| test.mean_ranks[at]),
            rank_by_average_precision: by_precision.as_ref().map(|test| test.mean_ranks[at]),
            macro_average_precision: average(over(method, &precision)),
            balanced_accuracy: average(over(method, &|c| c.metrics.balanced_accuracy)),
            macro_f1: average(over(method, &|c| c.metrics.macro_f1)),
            top_label_ece: average(over(method, &|c| c.metrics.top_label_ece)),
            first_wins: ours.iter().zip(&own).filter(|(a, b)| a < b).count(),
            p_log_loss: paired_p(&ours, &own)?,
            p_average_precision: paired_p(&over(first, &precision), &over(method, &precision))?,
            seconds: average(over(method, &|c| c.seconds)),
            log_loss: average(own),
        })
    };
    let mut methods = names.iter().enumerate().map(row).collect::<Result<Vec<_>, Error>>()?;
    // Methods by log loss. The figures of each data set follow the same order.
    methods.sort_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    let data_sets = sets.iter().map(|set| {
        let means_of = |figure: &dyn Fn(&ClassCell) -> f64| {
            methods.iter().map(|row| mean(cells, &row.method, set, figure)).collect()
        };
        let any = cells.iter().find(|cell| cell.data_set == *set).expect("a set has cells");
        ClassSetRow {
            data_set: (*set).to_owned(),
            classes: any.classes,
            rarest: any.rarest,
            log_loss: means_of(&|c| c.metrics.log_loss),
            macro_average_precision: means_of(&precision),
        }
    });
    let data_sets = data_sets.collect();
    let friedman = by_loss.map(|test| (test.chi_square, test.p_value));
    Ok(ClassesSummary { version: env!("CARGO_PKG_VERSION"), methods, data_sets, friedman })
}

fn ranks(names: &[&str], sets: usize, of: impl Fn(&str) -> Vec<f64>) -> Result<Option<Friedman>, Error> {
    if sets < 2 || names.len() < 2 {
        return Ok(None);
    }
    let columns: Vec<Vec<f64>> = names.iter().map(|name| of(name)).collect();
    let table = Array2::from_shape_fn((sets, names.len()), |(set, method)| columns[method][set]);
    friedman(table.view()).map(Some).map_err(Error::Statistics)
}

/// Wilcoxon's two-sided p of paired results; `None` where they are the same or not there.
fn paired_p(a: &[f64], b: &[f64]) -> Result<Option<f64>, Error> {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    if differences.iter().all(|d| *d == 0.0 || d.is_nan()) {
        return Ok(None);
    }
    Ok(Some(wilcoxon_signed_rank(&differences).map_err(Error::Statistics)?.p_value))
}
