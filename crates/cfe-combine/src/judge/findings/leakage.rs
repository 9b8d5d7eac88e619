//! Classifiers that know the label: leaks, and predictions made on the rows a classifier was trained on.

use cfe_core::stats::moments::median;
use cfe_io::Table;

use super::{Column, ENOUGH, Finding, Severity};

/// A column of two values that agrees with the label this well (Matthews correlation) is the label, or nearly
/// so.
const LABEL: f64 = 0.9;
/// A classifier that separates the train rows this well (ROC-AUC), while the others are far from it, is too
/// good.
const TOO_GOOD: f64 = 0.995;
/// How far the median of the other classifiers must be below, and how much ROC-AUC may drop outside the train
/// split.
const FAR_BELOW: f64 = 0.05;

/// Columns of two values that are the label, or nearly so.
pub(super) fn leaks(table: &Table, columns: &[Column<'_>]) -> Vec<Finding> {
    let labels = table.data.labels();
    let mut out = Vec::new();
    for column in columns.iter().filter(|c| c.distinct.len() == 2) {
        // Of the two values the higher one stands for positive.
        let high = column.distinct[0].max(column.distinct[1]);
        let (mut agree, mut counts) = (0.0, [[0.0_f64; 2]; 2]);
        for (&p, &label) in column.row.iter().zip(labels) {
            let Some(label) = label.filter(|_| !p.is_nan()) else { continue };
            counts[usize::from(label)][usize::from(p == high)] += 1.0;
            agree += f64::from(label == (p == high));
        }
        let [[tn, fp], [fn_, tp]] = counts;
        let total = tn + fp + fn_ + tp;
        // The denominator of the Matthews correlation.
        let spread = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        // Without positives enough, two columns agree by chance.
        let few = tp + fn_ < ENOUGH as f64 || tn + fp < ENOUGH as f64;
        if few || !((tp * tn - fp * fn_) / spread >= LABEL) {
            continue;
        }
        let how =
            if agree == total { "every".to_owned() } else { format!("{:.1}% of the", 100.0 * agree / total) };
        let rows = if agree == total { "row" } else { "rows" };
        out.push(Finding::new(
            Severity::Alarm,
            "leak",
            vec![column.name.to_owned()],
            format!(
                "leak: {:?} equals the label in {how} labeled train {rows}; if it is made from the label, leave it out \
                 (--exclude {})",
                column.name, column.name
            ),
        ));
    }
    out
}

/// Classifiers that rank the train rows far better than the labeled rows outside, and more so than the
/// others.
pub(super) fn in_sample(columns: &[Column<'_>]) -> Vec<Finding> {
    let drop = |c: &Column<'_>| Some((c.train?, c.outside?)).map(|(a, b)| (a.auc - b.auc, a, b));
    let drops: Vec<f64> = columns.iter().filter_map(|c| Some(drop(c)?.0)).collect();
    // The median drop is what the population costs. A negative one, of an easier population, must not count
    // against a classifier.
    let typical = median(&drops).map_or(0.0, |drop| drop.max(0.0));
    let mut out = Vec::new();
    for column in columns {
        let Some((lost, train, outside)) = drop(column) else { continue };
        // The two parts have no row in common, so the variances of their ROC-AUC add.
        let error = (train.variance() + outside.variance()).sqrt();
        // A harder population costs every classifier something: only what is lost beyond that is suspicious,
        // or a perfect ranking that is lost.
        let beyond = if train.auc >= TOO_GOOD { lost } else { lost - typical };
        if beyond > FAR_BELOW && lost > 4.0 * error {
            out.push(Finding::new(
                Severity::Alarm,
                "in_sample",
                vec![column.name.to_owned()],
                format!(
                    "{:?} ranks the train rows far better (ROC-AUC {:.3}) than the rows outside the train split ({:.3}): \
                     were its train predictions made on the rows it was trained on? Use out-of-fold predictions, or \
                     leave it out (--exclude {})",
                    column.name, train.auc, outside.auc, column.name
                ),
            ));
        }
    }
    out
}

/// Classifiers that separate the train rows while the others are far from it, where no rows outside tell
/// more.
pub(super) fn too_good(columns: &[Column<'_>], found: &[Finding]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (k, column) in columns.iter().enumerate() {
        let Some(train) = column.train.filter(|q| q.auc >= TOO_GOOD) else { continue };
        let named = found.iter().any(|f| f.classifiers.iter().any(|name| name == column.name));
        if named || column.outside.is_some() {
            continue;
        }
        let others = columns.iter().enumerate().filter(|&(j, _)| j != k);
        let others: Vec<f64> = others.filter_map(|(_, c)| Some(c.train?.auc)).collect();
        // The others are the yardstick: on an easy task all of them may separate the rows, and that is not
        // suspicious.
        if let Some(typical) = median(&others).filter(|typical| train.auc - typical > FAR_BELOW) {
            out.push(Finding::new(
                Severity::Alarm,
                "in_sample",
                vec![column.name.to_owned()],
                format!(
                    "{:?} separates the train rows almost perfectly (average precision {:.3}, ROC-AUC {:.3}; the others \
                     have a median of {typical:.3}): a leak of the label, or predictions made on the rows it was trained \
                     on? Use out-of-fold predictions, or leave it out (--exclude {})",
                    column.name, train.average_precision, train.auc, column.name
                ),
            ));
        }
    }
    out
}
